"""The program between an emulated API with live rows and a topic, and what the topic should have in the end."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
import uuid

from arrived import event_id, expect, expect_forms, until

KEY = "5bd1f1c8-2a0e-4f7e-9d3c-0c2b6a7f4e11"
TOKEN = "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d11e0b3c2a4f56789"
SETTLE = 4
# Of each kind, or a run proves nothing about them.
ENOUGH = 10
# Fifteen rows a second on each stream, some of them late by up to three quarters of SETTLE; the limits of a second are soon used up.
EMULATOR = ["--records", "100", "--rate", "15", "--time-scale", "60", "--requests-per-minute", "12"]
QUIRKS = ["--late-share", "0.08", "--late-min-secs", "1", "--late-max-secs", "3", "--quirk", "throttle=0.2"]
SOURCE = f"""
[sources.acme]
type = "kondado"
key = "${{KONDADO_KEY}}"
token = "${{KONDADO_TOKEN}}"
rate_limit.requests_per_minute = 6000
rate_limit.min_interval_ms = 20
poll_interval_secs = 1
settle_secs = {SETTLE}
timeout_secs = 2
"""
# What an event of each stream begins a row with, and what its key is made of.
STREAMS = {
    "pipeline_logs": ("sync_start", "pipeline_{pipeline_id}"),
    "model_logs": ("transformation_start", "model_{model_id}"),
}


class Row:
    """A row of the ledger, with its events as `logferry normalize` writes them, by their ids."""

    def __init__(self, line):
        said = json.loads(line)
        self.stream, self.number, self.is_late = said["stream"], said["id"], said["late"]
        # The row's own text, which stands last in the line.
        self.text = line[line.index(',"row":') + len(',"row":') : -1]
        self.key = STREAMS[self.stream][1].format(**said["row"])
        self.namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"https://k2.kondado.com.br/{self.stream}/{self.number}")
        self.events = {}

    def add(self, event):
        self.events[str(uuid.uuid5(self.namespace, json.loads(event)["event"]))] = event


def of_ledger(text):
    return [Row(line) for line in text.split("\n") if line]


class Live:
    """One folder with a configuration, an API of its own, and the program, which runs or does not."""

    def __init__(self, name, work, program, seed, topics, bootstrap):
        self.name, self.folder, self.program, self.topics = name, work / name, program, topics
        self.seed, self.bootstrap = seed, bootstrap
        self.process = self.emulator = self.url = None
        self.folder.mkdir()

    def begin(self):
        """Starts the API and the program."""
        self.topics.create(self.name)
        identity = ["--seed", str(self.seed), "--key", KEY, "--token", TOKEN]
        self.emulator = self.spawn("emulator", ["emulate", "--listen", "127.0.0.1:0", "--ledger", "rows", *identity, *EMULATOR, *QUIRKS])
        greeting = until(self.name, "the emulator", lambda: re.search(r"listening on (http://\S+)", self.said("emulator")))
        self.url = greeting[1]
        (self.folder / "logferry.toml").write_text(
            f"""{SOURCE}
endpoint = "{self.url}"

[state]
dir = "state"

[dead_letter]
path = "dead.ndjson"

[sinks.lake]
type = "kafka"
bootstrap_servers = "{self.bootstrap}"
topic = "{self.name}"
batch.timeout_secs = 0.1
request.timeout_secs = 6
request.retry_initial_backoff_secs = 0.05
request.retry_max_duration_secs = 0.5
""",
            "utf-8",
        )
        self.start()

    def spawn(self, log, arguments):
        environment = os.environ | {"KONDADO_KEY": KEY, "KONDADO_TOKEN": TOKEN}
        with open(self.folder / log, "ab") as said:
            return subprocess.Popen([str(self.program), *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stderr=said, env=environment)

    def said(self, log):
        return (self.folder / log).read_text("utf-8", "replace")

    def last_words(self):
        return self.said("logferry")[-2000:]

    def start(self):
        self.process = self.spawn("logferry", ["run", "--config", "logferry.toml"])

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def once(self):
        process = self.spawn("logferry", ["run", "--once", "--config", "logferry.toml"])
        try:
            code = process.wait(180)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "no end in three minutes"
        expect(self.name, code == 0, f"run --once: {code}: {self.last_words()}")

    def asked(self, what):
        with urllib.request.urlopen(f"{self.url}/_emulator/{what}", timeout=30) as answer:
            return answer.read().decode()

    def late_and_throttles(self):
        stats = json.loads(self.asked("stats"))
        return sum(stats["late_rows"].values()), stats["throttles"] + stats["faults"].get("throttle", 0)

    def count(self):
        return self.topics.count(self.name)

    def until_more(self):
        """Waits until something arrives that had not when this was called."""
        before = self.count()
        until(self.name, "another event in the topic", lambda: self.count() > before)

    def close(self):
        for process in (self.process, self.emulator):
            if process and process.poll() is None:
                process.kill()
                process.wait()

    def rows(self, ledger):
        rows = of_ledger(ledger)
        command = [str(self.program), "normalize"]
        result = subprocess.run(command, input="".join(row.text + "\n" for row in rows), capture_output=True, text=True, check=True)
        left = iter(rows)
        for event in result.stdout.split("\n")[:-1]:
            if json.loads(event)["event"] in {begin for begin, _ in STREAMS.values()}:
                row = next(left)
            row.add(event)
        expect(self.name, next(left, None) is None, "the events of the ledger are not those of its rows")
        return rows

    def low_waters(self):
        command = [str(self.program), "checkpoint", "show", "--config", "logferry.toml"]
        environment = os.environ | {"KONDADO_KEY": KEY, "KONDADO_TOKEN": TOKEN}
        shown = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment).stdout
        return {stream: int(found[1]) for stream in STREAMS if (found := re.search(rf"{stream}, .*: up to (\d+)", shown))}

    def ends(self):
        """Ends the program in peace and looks at what is there. Gives words about it."""
        until(self.name, "late rows and throttles, without which nothing is proved", lambda: min(self.late_and_throttles()) >= ENOUGH)
        due = self.asked("ledger")
        # Late rows below what had been seen by then are found by reading again what has settled.
        time.sleep(SETTLE + 1)
        expect(self.name, self.is_alive(), f"it ended by itself: {self.last_words()}")
        self.process.terminate()
        try:
            code = self.process.wait(120)
        except subprocess.TimeoutExpired:
            code = "no end in two minutes"
        expect(self.name, code == 0, f"SIGTERM: {code}: {self.last_words()}")
        self.once()
        first_end = self.topics.ends(self.name)
        low_waters = self.low_waters()
        self.once()
        late, throttles = self.late_and_throttles()
        self.emulator.send_signal(signal.SIGTERM)
        expect(self.name, self.emulator.wait(60) == 0, "the emulator does not end well")
        rows = self.rows((self.folder / "rows").read_text("utf-8"))
        due = {(row.stream, row.number) for row in of_ledger(due)}
        due = [row for row in rows if (row.stream, row.number) in due]
        settled = [row for row in rows if row.number <= low_waters.get(row.stream, 0)]
        expect(self.name, settled, "no row has settled")
        return f"{len(rows)} rows, {late} late, {throttles} throttles; {self.compare(rows, due, settled, first_end)}"

    def compare(self, rows, due, settled, first_end):
        arrived = self.topics.read(self.name)
        known = {id: (event, row) for row in rows for id, event in row.events.items()}
        places = {}
        for at, message in enumerate(arrived):
            places.setdefault(event_id(message), at)
        for what, some in [("of the ledger", due), ("up to the checkpoint", settled)]:
            missing = [event for row in some for id, event in row.events.items() if id not in places]
            expect(self.name, not missing, f"{len(missing)} events {what} are missing: {missing[:3]}")
        ours = [message for message in arrived if event_id(message) in known]
        strange = [id for id in places if id not in known]
        strange += [event_id(message) for message in ours if message.value().decode() != known[event_id(message)][0]]
        expect(self.name, not strange, f"{len(strange)} events are not those of the ledger: {strange[:3]}")
        expect_forms(self.name, ours, lambda message: (known[event_id(message)][1].key, event_id(message)))
        self.expect_order(rows, places)
        again = [message for at, message in enumerate(arrived) if places[event_id(message)] < at]
        late = [message for message in again if message.offset() >= first_end[message.partition()]]
        expect(self.name, not late, f"{len(late)} events came again after a clean end")
        letters = self.folder / "dead.ndjson"
        expect(self.name, not letters.exists() or not letters.read_text("utf-8"), "there are dead letters")
        said = self.said("logferry")
        expect(self.name, "panicked" not in said, "it panicked")
        expect(self.name, KEY not in said and TOKEN not in said, "a secret is shown")
        return f"{len(arrived)} events, {len(again)} of them again"

    def expect_order(self, rows, places):
        """By key, the first time of each event; but for late rows, which come after."""
        last, wrong = {}, []
        for row in rows:
            for id, event in row.events.items():
                if id in places and not row.is_late:
                    wrong += [event] if places[id] < last.get(row.key, -1) else []
                    last[row.key] = places[id]
        expect(self.name, not wrong, f"{len(wrong)} events are before others that they follow: {wrong[:3]}")
