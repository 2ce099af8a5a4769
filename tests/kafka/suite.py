"""The runs of `tests/kafka/suite`."""

import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import broker
from arrived import Topics, expect, expect_forms, findings

PASSWORD = "not-a-real-key"
# A listener where a password is asked for.
WITH_PASSWORD = [
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:SASL_PLAINTEXT",
    "listener.name.proxied.sasl.enabled.mechanisms=PLAIN",
    "listener.name.proxied.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'user_logferry="{PASSWORD}";',
]


def event(name, data, number, connection):
    envelope = {"event": name, "data": data, "created": f"2026-11-20T17:00:00.{number % 1000:03}Z", "connector_type": "mysql"}
    envelope |= {"connector_id": connection, "connector_name": connection}
    envelope |= {"connection_id": connection, "connection_name": connection}
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))


def generated(count, seed=20200917):
    """Events of forty connections, some with awkward names, each text once."""
    numbers = random.Random(seed)
    names = [f"connection_{number}" for number in range(36)] + ["ä", "a/b c", "\U0001f6a2", "x" * 200]
    awkward = ["plain", 'ä \\ " \n \t', "\U0001f6a2 \u2028", "\u0001", "a" * 4_000]
    kinds = [("info", "type"), ("warning", "type"), ("sync_end", "status")]
    for number in range(count):
        name, key = numbers.choice(kinds)
        message = numbers.choices(awkward, weights=[50, 20, 10, 10, 3])[0]
        yield event(name, {key: "x", "message": message, "n": number}, number, numbers.choice(names))


class Run:
    """The program with settings of its own, from a file into a topic, and into another file to compare with."""

    def __init__(self, name, texts, settings, bootstrap=None):
        self.name, self.folder = name, WORK / name
        self.folder.mkdir()
        (self.folder / "events.ndjson").write_text("".join(text + "\n" for text in texts), "utf-8", newline="")
        (self.folder / "logferry.toml").write_text(
            f"""
            [sources.events]
            type = "file"
            kind = "fivetran"
            path = "events.ndjson"

            [state]
            dir = "state"

            [dead_letter]
            path = "dead.ndjson"

            [sinks.copy]
            type = "file"
            path = "copy.ndjson"

            [sinks.lake]
            type = "kafka"
            bootstrap_servers = "{bootstrap or CLUSTER.bootstrap}"
            request.retry_initial_backoff_secs = 0.1
            {settings}
            """,
            "utf-8",
        )

    def command(self, *arguments):
        command = [str(PROGRAM), *arguments, "--config", "logferry.toml"]
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)
        expect(self.name, PASSWORD not in result.stdout + result.stderr, "a secret is shown")
        return result

    def once(self, code=0):
        result = self.command("run", "--once")
        expect(self.name, result.returncode == code, f"ended with {result.returncode}: {result.stderr[-2000:]}")
        return result

    def start(self):
        with open(self.folder / "said.txt", "wb") as said:
            return subprocess.Popen([str(PROGRAM), "run", "--once", "--config", "logferry.toml"], cwd=self.folder, stderr=said)

    def wait_for_words(self, words):
        until = time.monotonic() + 60
        while words not in (self.folder / "said.txt").read_text("utf-8"):
            if time.monotonic() > until:
                expect(self.name, False, f"never said {words!r}")
                return
            time.sleep(0.1)

    def copy(self):
        return (self.folder / "copy.ndjson").read_text("utf-8").split("\n")[:-1]

    def dead_letters(self):
        path = self.folder / "dead.ndjson"
        return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line] if path.exists() else []


def key_of(text):
    return json.loads(text)["connection_id"]


def form(message):
    text = message.value().decode()
    return key_of(text), str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def by_key(texts):
    found = {}
    for text in texts:
        found.setdefault(key_of(text), []).append(text)
    return found


def compare(name, arrived, wanted, may_repeat=False):
    """Every text, in the order of its key; with its key, its headers, and in Java's partition."""
    texts = [message.value().decode() for message in arrived]
    if may_repeat:
        texts = list(dict.fromkeys(texts))
    got, want = by_key(texts), by_key(wanted)
    missing = sum(len(set(want[key]) - set(got.get(key, []))) for key in want)
    expect(name, got == want, f"{len(texts)} events arrived, {len(wanted)} should; {missing} are missing, or the order is another")
    expect_forms(name, arrived, form)


def all_of_them(count):
    TOPICS.create("plain")
    run = Run("plain", generated(count), 'topic = "plain"')
    checked = run.command("check", "--connect")
    expect(run.name, checked.returncode == 0, f"check: {checked.stdout}{checked.stderr}")
    run.once()
    compare(run.name, TOPICS.read("plain"), run.copy())
    print(f"plain: {count} events, with their keys, headers and order, where Java looks for them")


def templates(count):
    for name in ["info", "warning", "sync_end"]:
        TOPICS.create(f"by.{name}")
    run = Run("template", generated(count), 'topic = "by.{{ event }}"\ncompression = "zstd"')
    run.once()
    for name in ["info", "warning", "sync_end"]:
        wanted = [text for text in run.copy() if json.loads(text)["event"] == name]
        compare(f"by.{name}", TOPICS.read(f"by.{name}"), wanted)
    print("template: each event in the topic of its name")


def too_large():
    TOPICS.create("small", max_message_bytes="20000")
    texts = [event("info", {"message": "x" * 300, "n": number}, number, f"c{number % 3}") for number in range(500)]
    large = event("info", {"message": bytes(random.Random(1).randbytes(30_000)).hex()}, 1, "c1")
    run = Run("large", [*texts[:250], large, *texts[250:]], 'topic = "small"')
    run.once(code=2)
    compare(run.name, TOPICS.read("small"), [text for text in run.copy() if text != large])
    letters = run.dead_letters()
    words = [letter["reason"] for letter in letters]
    expect(run.name, len(letters) == 1 and "Broker: Message size too large" in words[0], f"dead letters: {words}")
    print(f"large: one dead letter, {len(texts)} events beside it")


def missing_topic():
    run = Run("missing", generated(200), 'topic = "missing"')
    checked = run.command("check", "--connect")
    expect(run.name, checked.returncode == 1 and "`missing`" in checked.stdout + checked.stderr, "check does not name the topic")
    process = run.start()
    run.wait_for_words("does not exist")
    TOPICS.create("missing")
    expect(run.name, process.wait(120) == 0, "it did not end well")
    compare(run.name, TOPICS.read("missing"), run.copy())
    print("missing: waited for, then complete")


def killed_broker(count):
    TOPICS.create("killed")
    run = Run("killed", generated(count), 'topic = "killed"\nbatch.max_events = 100\nrequest.timeout_secs = 20')
    process = run.start()
    for _ in range(2):
        time.sleep(0.4)
        expect(run.name, process.poll() is None, "it had ended before the broker was killed")
        CLUSTER.kill(1)
        CLUSTER.start(1)
    expect(run.name, process.wait(180) == 0, (run.folder / "said.txt").read_text("utf-8")[-2000:])
    arrived = TOPICS.read("killed")
    compare(run.name, arrived, run.copy(), may_repeat=True)
    print(f"killed: {count} events through two kills of the broker, {len(arrived) - count} of them twice")


def passwords():
    bootstrap = (CLUSTER.folder / "proxied").read_text("utf-8").strip()
    TOPICS.create("sasl")
    settings = 'topic = "sasl"\nsasl = {{ mechanism = "PLAIN", username = "logferry", password = "{}" }}'
    run = Run("sasl", generated(200), settings.format(PASSWORD), bootstrap)
    run.once()
    compare(run.name, TOPICS.read("sasl"), run.copy())
    run = Run("wrong", generated(200), settings.format("wrong-" + PASSWORD[:4]), bootstrap)
    checked = run.command("check", "--connect")
    expect(run.name, checked.returncode == 1 and "`sasl.password`" in checked.stdout + checked.stderr, f"check: {checked.stdout}{checked.stderr}")
    process = run.start()
    run.wait_for_words("`sasl.password`")
    process.terminate()
    process.wait(120)
    expect(run.name, not run.dead_letters(), "there are dead letters")
    print("sasl: the right password is taken, the wrong one stops the sink and names the setting")


def main():
    global PROGRAM, WORK, CLUSTER, TOPICS
    PROGRAM = Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4_000
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        WORK = Path(folder)
        CLUSTER = broker.Cluster(WORK / "kafka")
        try:
            CLUSTER.up(settings=WITH_PASSWORD)
            TOPICS = Topics(CLUSTER)
            all_of_them(count)
            templates(count)
            too_large()
            missing_topic()
            passwords()
            killed_broker(10 * count)
        except broker.Missing as missing:
            sys.exit(f"tests/kafka/suite: {missing}")
        finally:
            CLUSTER.down()
    for line in findings:
        print(line, file=sys.stderr)
    print(f"{len(findings)} faults; {time.monotonic() - started:.0f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
