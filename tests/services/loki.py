"""Events for `tests/services/loki`, and the comparison of what came of them.

    loki.py generate NUMBER FILE
    loki.py newest FILE FILE
    loki.py compare TITLE LOKI MOST_LINE_BYTES FOLDER [FOLDER]
"""

import json
import random
import re
import sys
import time
import uuid
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SHOWN = 10
# Loki's max_line_size.
LINE_BYTES = 262_144
# A little less than an hour: so far behind the newest line of its stream a line may be.
NEWEST = timedelta(minutes=58)
LEVELS = {"INFO": "info", "WARNING": "warning", "SEVERE": "error"}

faults = []


def fault(what):
    faults.append(what)


# The events.


def generate(number, path):
    """Runs of connections as they come from Kondado: all events of a run when it has ended."""
    rng = random.Random(7)
    now = datetime.now(timezone.utc) - timedelta(minutes=1)
    runs = []
    for connection in range(10):
        # The first one is under way for hours, the second has many events in little time.
        length, every = [(300, 310), (15, 60)][connection] if connection < 2 else (5, 20)
        share = [number // 20, number // 2][connection] if connection < 2 else number // 20
        ends = list(range(0, 360 - length, every))
        for end in ends:
            ended = now - timedelta(minutes=end, seconds=connection)
            runs.append((ended, run(rng, connection, ended, length, max(1, share // len(ends)))))
    for minutes in range(0, 360, 15):
        ended = now - timedelta(minutes=minutes)
        runs.append((ended, transformation(ended)))
    runs.sort(key=lambda run: run[0])
    events = [event for _, run in runs for event in run]

    # In the middle of others of their connection, behind one of its runs.
    ends = [index for index, event in enumerate(events) if (event["event"], event.get("connection_id")) == ("sync_end", "pipeline_1")]
    middle = ends[len(ends) // 2]
    later = datetime.fromisoformat(events[middle]["created"].replace("Z", "+00:00")) + timedelta(seconds=1)
    events[middle + 1 : middle + 1] = [
        event("info", {"message": "old"}, now - timedelta(days=8), 1),
        event("info", {"message": "new"}, now + timedelta(hours=1), 1),
        long_event(LINE_BYTES, later, 1),
        long_event(LINE_BYTES + 1, later, 1),
        # Another stream of the same connection, and no stream but that of the service.
        event("info", {"message": "untyped"}, later, 1, connector_type=None),
        {"event": "create_user", "data": {"id": 7}, "created": stamp(now)},
    ]
    Path(path).write_text("".join(text_of(event) + "\n" for event in events), "utf-8", newline="")


def run(rng, connection, ended, length, number):
    begun = ended - timedelta(minutes=length)
    sync = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    events = [event("sync_start", None, begun, connection, sync)]
    for index in range(number):
        name = rng.choices(["info", "warning", "error"], [8, 1, 1])[0]
        at = begun + timedelta(minutes=length) * index / number
        events.append(event(name, {"type": "note", "message": message(rng, index)}, at, connection, sync))
    status = rng.choice(["SUCCESSFUL", "FAILURE_WITH_TASK", "RESCHEDULED"])
    events.append(event("sync_end", {"status": status}, ended, connection, sync))
    return events


def transformation(ended):
    data = {"id": "model_7", "name": "daily"}
    names = ["transformation_start", "transformation_succeeded"]
    return [{"event": name, "data": data, "created": stamp(ended)} for name in names]


AWKWARD = ["ä", "\u007f", "\u2028", "\ufffd", "\U0001f600", "\\", '"', "\n", "\t", "\u0000", "\u0007", "</b>", "{}", "\\u0041", " "]


def message(rng, index):
    words = rng.choices(AWKWARD + ["rows", "table", "42"], k=rng.randint(1, 40))
    # Some are longer than the small limits allow.
    return f"{index} " + " ".join(words) + "x" * (rng.randint(2500, 6000) if rng.random() < 0.01 else 0)


def event(name, data, created, connection, sync=None, connector_type="mysql"):
    about = {
        "event": name,
        "data": data,
        "created": stamp(created),
        "connector_type": connector_type,
        "connector_id": f"pipeline_{connection}",
        "connector_name": f'blog "{connection}" ä',
        "connection_id": f"pipeline_{connection}",
        "connection_name": f'blog "{connection}" ä',
        "sync_id": sync,
    }
    return {key: value for key, value in about.items() if value is not None}


def long_event(size, created, connection):
    def made(length):
        return event("info", {"message": "x" * length}, created, connection)

    return made(size - len(text_of(made(0)).encode()))


def stamp(at):
    """With milliseconds, or with microseconds."""
    return at.isoformat(timespec="milliseconds" if at.second % 2 else "microseconds").replace("+00:00", "Z")


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def newest(path, to):
    """Those that Loki would take again: nothing bad, and nothing far behind the newest of its stream."""
    events = lines(path)
    now = datetime.now(timezone.utc)
    good = [text for text in events if created(text) < now and len(text.encode()) < LINE_BYTES]
    last = {}
    for text in good:
        stream = labels(text)
        last[stream] = max(last.get(stream, created(text)), created(text))
    again = [text for text in good if created(text) > last[labels(text)] - NEWEST]
    Path(to).write_text("".join(text + "\n" for text in again), "utf-8", newline="")


# What is expected of an envelope.


def lines(path):
    return [line for line in Path(path).read_text("utf-8").split("\n") if line]


def created(text):
    return datetime.fromisoformat(json.loads(text)["created"].replace("Z", "+00:00"))


def nanos(text):
    at = json.loads(text)["created"].removesuffix("Z")
    seconds, fraction = at.split(".")
    since = datetime.fromisoformat(seconds + "+00:00") - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 10**9 + int(fraction.ljust(9, "0"))


def labels(text):
    value = json.loads(text)
    pairs = {
        "env": 'a "test"',
        "service_name": "fivetran",
        "connector_type": value.get("connector_type"),
        "connection_id": value.get("connection_id"),
        "job_id": value["data"]["id"] if value["event"].startswith("transformation_") else None,
    }
    return tuple(sorted((key, value) for key, value in pairs.items() if value))


def level(value):
    if value["event"] == "sync_end":
        status = value["data"]["status"]
        return {"FAILURE_WITH_TASK": "error", "RESCHEDULED": "warning"}.get(status, "info")
    return {"error": "error", "warning": "warning"}.get(value["event"], "info")


def metadata(text):
    value = json.loads(text)
    pairs = {
        "level": level(value),
        "event": value["event"],
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, text)),
        "connection_name": value.get("connection_name"),
        "sync_id": value.get("sync_id"),
    }
    return {key: value for key, value in pairs.items() if value}


def bad_because(text, most):
    """What the reason says of an envelope that becomes a dead letter, or nothing."""
    now = datetime.now(timezone.utc)
    if len(text.encode()) > LINE_BYTES:
        return f"too large: .*{LINE_BYTES}"
    if created(text) > now:
        return "too new"
    if created(text) < now - timedelta(days=7):
        return "400.*has timestamp too old"
    if len(text.encode()) > most:
        return f"400.*max entry size '{most}' bytes exceeded"
    return None


# The comparison.


def query(loki):
    """All that is there: labels, time, line and metadata."""
    start = (int(time.time()) - 20 * 86_400) * 10**9
    end = (int(time.time()) + 86_400) * 10**9
    most = 300
    while True:
        about = {"query": '{service_name="fivetran"}', "start": start, "end": end, "limit": most, "direction": "forward"}
        headers = {"X-Scope-OrgID": "team", "X-Loki-Response-Encoding-Flags": "categorize-labels"}
        with urlopen(Request(f"{loki}/loki/api/v1/query_range?{urlencode(about)}", headers=headers), timeout=60) as answer:
            result = json.load(answer)["data"]["result"]
        page = []
        for stream in result:
            own = tuple(sorted(stream["stream"].items()))
            for at, line, categories in stream["values"]:
                page.append((int(at), own, line, categories.get("structuredMetadata", {})))
        if len(page) < most:
            yield from page
            return
        # What else has the time of the last one comes with the next page.
        start = max(at for at, *_ in page)
        if all(at == start for at, *_ in page):
            sys.exit(f"failed: {most} lines have one time")
        yield from (each for each in page if each[0] < start)


def dead_letters(folder):
    path = folder / "state/dead-letter.ndjson"
    for line in lines(path) if path.exists() else []:
        about = json.loads(line)
        if about["sink"] != "loki":
            fault(f"a dead letter of {about['sink']}")
        yield line[line.index(',"event":') + len(',"event":') : -1], about


def compare(title, loki, most, first, again=None):
    most = int(most)
    sent = lines(Path(first) / "copy.ndjson")
    if len(sent) != len(set(sent)):
        fault("an envelope was generated twice")
    expected = {text: bad_because(text, most) for text in sent}

    found = Counter()
    levels = Counter()
    streams = set()
    for at, own, line, about in query(loki):
        found[line] += 1
        streams.add(own)
        levels[about.get("level"), about.pop("detected_level", None)] += 1
        if line not in expected:
            fault(f"never sent: {line[:200]}")
            continue
        for what, is_there, wanted in [
            ("time", at, nanos(line)),
            ("labels", own, labels(line)),
            ("metadata", about, metadata(line)),
        ]:
            if is_there != wanted:
                fault(f"{what}: {is_there}, expected {wanted}: {line[:200]}")
    for text, bad in expected.items():
        if found[text] != (0 if bad else 1):
            fault(f"{found[text]} times in Loki: {text[:200]}")

    letters = list(dead_letters(Path(first)))
    if again:
        letters += dead_letters(Path(again))
    kept = Counter(text for text, _ in letters)
    for text, about in letters:
        bad = expected.get(text)
        if not bad or not re.search(bad, about["reason"]):
            fault(f"a dead letter because of {about['reason']}: {text[:200]}")
        if about["event_id"] != metadata(text)["event_id"] or LEVELS[about["severity"]] != metadata(text)["level"]:
            fault(f"a dead letter with another id or severity: {text[:200]}")
    for text, bad in expected.items():
        if kept[text] != (1 if bad else 0):
            fault(f"{kept[text]} times among the dead letters: {text[:200]}")

    print(f"{title}: {sum(found.values())} envelopes in {len(streams)} streams, {len(letters)} dead letters, {len(faults)} faults")
    words = ", ".join(f"{ours} is {theirs} ({count})" for (ours, theirs), count in sorted(levels.items()))
    print(f"  levels that Loki detects: {words}")


def main():
    command, *arguments = sys.argv[1:]
    if command == "generate":
        generate(int(arguments[0]), arguments[1])
    elif command == "newest":
        newest(*arguments)
    else:
        compare(*arguments)
    for what in faults[:SHOWN]:
        print(what, file=sys.stderr)
    if len(faults) > SHOWN:
        print(f"... and {len(faults) - SHOWN} more", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
