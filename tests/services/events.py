"""Fivetran's events for the tests of services, the same each time but for their times: the fixtures' events for many connections, with
awkward texts.

No two of them are the same, so that each can be looked for.
"""

import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures/fivetran/events"
BIG_BYTES = 100_000
TEXTS = [
    "", " ", "a\nb\r\nc", "\t", "\u0000\u001f\u007f", 'a "quote"', "C:\\new\\table", "</script><!--", "ação São Paulo", "日本語",
    "👩‍👩‍👧‍👦 😀", "e\u0301", "\u2028\u2029", "\ufeff", "\uffff", "\U0010ffff", "\u202eright to left", "null", "{\"event\":\"sync_end\"}", "[1,2]", "${HOME}",
    "$$", "%00%0a", "'; DROP TABLE events; --", "a" * 3000, "1e400", "\\u0041", "x=1&y=2",
]  # fmt: skip
# Numbers, as their texts: no program on the way may make doubles of them.
NUMBERS = ["0", "-1", "11624686068", "9007199254740993", "12.50", "1e2", "0.1", "123456789012345678901234567890"]
SEVERE = {"error", "transformation_failed", "dbt_run_failed", "transformation_run_failed"}


def generate(count, connections, big=0, seed=1, numbers=True):
    """So many events, a text each, of so many connections; so many of them big. Without `numbers`, none that a double cannot hold."""
    rng = random.Random(seed)
    fixtures = [json.loads(path.read_text("utf-8")) for path in sorted(FIXTURES.glob("*.json"))]
    # Every severity, often.
    fixtures += [fixture for fixture in fixtures if severity(fixture) != "INFO"] * 5
    big_ones = set(rng.sample(range(count), big))
    # Not old: some services refuse what is.
    created = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
    texts = []
    for number in range(count):
        event = dict(rng.choice(fixtures))
        connection = f"connection_{int(connections * rng.random() ** 2)}"
        data = event.get("data")
        data = dict(data) if isinstance(data, dict) else {}
        data["text"] = rng.choice(TEXTS)
        data["number"] = "NUMBER" if numbers else number
        if number in big_ones:
            data["message"] = "".join(rng.choices("abc \n\"é😀", k=BIG_BYTES))
        time = (created + timedelta(milliseconds=7 * number)).isoformat(timespec="milliseconds")
        event |= {"data": data, "created": f"{time[:23]}Z"}
        event |= {"connection_id": connection, "connector_id": connection, "connection_name": f"name of {connection}"}
        event.pop("connector_name", None)
        event["sync_id"] = f"sync-{number}"
        text = json.dumps(event, ensure_ascii=rng.random() < 0.3, separators=rng.choice([(",", ":"), (", ", " : ")]))
        texts.append(text.replace('"NUMBER"', rng.choice(NUMBERS)))
    return texts


def severity(event):
    """The severity that the documentation gives an event."""
    data = event.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    if event["event"] in SEVERE:
        return "SEVERE"
    if event["event"] in {"sync_end", "status"}:
        return {"FAILURE": "SEVERE", "FAILURE_WITH_TASK": "SEVERE", "RESCHEDULED": "WARNING"}.get(status, "INFO")
    return "WARNING" if event["event"] == "warning" else "INFO"


def write(path, texts):
    path.write_bytes("".join(text + "\n" for text in texts).encode("utf-8"))
    return path
