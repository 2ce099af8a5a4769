"""What arrived beside what was sent, and what is wrong."""

import json
from collections import Counter

SHOWN = 10
faults = []


def fault(about, what):
    faults.append(f"{about}: {what}")


def expect(about, is_so, what):
    if not is_so:
        fault(about, what)
    return is_so


def excerpt(line):
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else str(line)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"


def exactly_once(about, sent, arrived):
    """Each line that was sent arrived once, byte for byte, and no other did."""
    at_least_once(about, sent, arrived)
    several = [line for line, times in Counter(arrived).items() if times > 1]
    expect(about, not several, f"{len(several)} events arrived several times, such as {excerpt(several[0]) if several else ''}")


def at_least_once(about, sent, arrived):
    """Each line that was sent arrived, byte for byte, and no other did."""
    sent, arrived = set(sent), set(arrived)
    for what, lines in [("did not arrive", sent - arrived), ("arrived, but were not sent", arrived - sent)]:
        expect(about, not lines, f"{len(lines)} events {what}, such as {excerpt(min(lines, default=''))}")


def in_order(about, sent, arrived):
    """The lines of each connection first arrived in the order in which they were sent. A copy may come later."""
    place = {line: number for number, line in enumerate(sent)}
    newest = {}
    seen = set()
    for line in arrived:
        if line in seen or line not in place:
            continue
        seen.add(line)
        connection = json.loads(line).get("connection_id")
        before = newest.get(connection)
        if before is not None and place[before] > place[line]:
            return fault(about, f"out of order: {excerpt(line)} came after {excerpt(before)}")
        newest[connection] = line


def finish(summary):
    """Says what is wrong, or that nothing is; the exit code."""
    for what in faults[:SHOWN]:
        print(what)
    if len(faults) > SHOWN:
        print(f"and {len(faults) - SHOWN} more")
    print(f"{len(faults)} faults" if faults else summary)
    return 1 if faults else 0
