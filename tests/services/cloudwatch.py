"""The runs of `tests/services/cloudwatch`."""

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
from botocore.config import Config
from cloudwatch_gate import Gate
from moto.server import ThreadedMotoServer

SEED, COUNT = 20200917, 4_000
REGION, GROUP = "eu-central-1", "/fivetran/logs"
KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
ROLE, EXTERNAL_ID = "arn:aws:iam::123456789012:role/logs", "acme/7:logs@kondado"
DAY = timedelta(days=1)
faults = []


def fault(about, what):
    faults.append(f"{about}: {what}")


def expect(about, is_right, what):
    if not is_right:
        fault(about, what)


# The events.


def text_of(event):
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def event(name, data, created, connection):
    millis = created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{created.microsecond // 1000:03}Z"
    envelope = {"event": name, "data": data, "created": millis, "connector_type": "mysql"}
    envelope |= {"connector_id": connection, "connector_name": connection}
    envelope |= {"connection_id": connection, "connection_name": connection}
    return text_of(envelope | {"sync_id": "00000000-0000-0000-0000-000000000007"})


def generated(random, count, now):
    """Events of five connections over twelve days, most of them of late, each text once, and nearly in the order of time."""
    awkward = ["plain", "ä \\ \" \n \t", "\U0001f6a2 \u2028", "\u0001\u007f", "a" * 4_000, "é" * 30_000]
    texts = []
    for connection in [f"connection_{number}" for number in range(5)]:
        each = count // 5
        times = sorted(now - 12 * DAY * random.random() ** 3 for _ in range(each))
        for number, created in enumerate(times):
            message = random.choices(awkward, weights=[50, 20, 10, 10, 10, 1])[0]
            name, data = random.choice(
                [
                    ("info", {"type": "extraction_start", "message": message}),
                    ("warning", {"type": "retry_api_call", "message": message}),
                    ("sync_end", {"status": "FAILURE", "reason": message}),
                    ("sync_end", {"status": "SUCCESSFUL"}),
                ]
            )
            read = created + timedelta(minutes=30) * random.random()
            texts.append((read, event(name, data | {"n": number}, created, connection)))
    return [text for _, text in sorted(texts)]


def millis(text):
    created = datetime.strptime(json.loads(text)["created"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return (created - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


# The runs.


class Run:
    """The program with settings of its own."""

    def __init__(self, name, texts, settings, environment=()):
        self.name, self.folder = name, WORK / name
        self.folder.mkdir(parents=True)
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

            [sinks.aws]
            type = "aws_cloudwatch_logs"
            region = "{REGION}"
            group_name = "{GROUP}"
            stream_name = "{name}"
            endpoint = "{GATE.address}"
            request.retry_initial_backoff_secs = 0.1
            {settings}
            """,
            "utf-8",
        )
        # Nothing of whoever runs this.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        self.environment = kept | nobody | dict(environment)

    def command(self, *arguments):
        command = [str(PROGRAM), *arguments]
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, encoding="utf-8", timeout=300
        )
        with open(self.folder / "said.txt", "a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(arguments)}\n{result.stdout}{result.stderr}exit code {result.returncode}\n")
        for secret in (KEY[1], *(token for _, token in GATE.keys.values() if token)):
            expect(self.name, secret not in result.stdout + result.stderr, "a secret is shown")
        return result

    def check(self):
        return self.command("check", "--config", "logferry.toml", "--connect")

    def once(self):
        return self.command("run", "--config", "logferry.toml", "--once")

    def dead_letters(self):
        path = self.folder / "dead.ndjson"
        return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line] if path.exists() else []

    def arrived(self):
        """What boto3 reads back, in the order of time."""
        found, options = [], {}
        while True:
            page = AWS.get_log_events(logGroupName=GROUP, logStreamName=self.name, startFromHead=True, **options)
            if options.get("nextToken") == page["nextForwardToken"]:
                return found
            found += [(event["timestamp"], event["message"]) for event in page["events"]]
            options = {"nextToken": page["nextForwardToken"]}

    def compare(self, texts):
        arrived = self.arrived()
        expect(self.name, [at for at, _ in arrived] == sorted(at for at, _ in arrived), "the events are not in the order of time")
        wanted = sorted((millis(text), text) for text in texts)
        if sorted(arrived) != wanted:
            fault(self.name, f"{len(arrived)} events arrived, {len(wanted)} should; {len(set(wanted) - set(arrived))} are missing")
        return arrived


def keys(key, secret):
    return f'auth.access_key_id = "{key}"\nauth.secret_access_key = "{secret}"'


def with_keys(random, count):
    """Keys in the configuration; the group is made; one event too large, one too old; some throttling."""
    now = datetime.now(timezone.utc)
    texts = generated(random, count, now)
    too_old = event("info", {"message": "old"}, now - 15 * DAY, "connection_1")
    large = event("info", {"message": ""}, now, "connection_2")
    room = 1_048_550 - len(large)
    largest = event("info", {"message": "x" * room}, now, "connection_2")
    too_large = event("info", {"message": "x" * (room + 1)}, now, "connection_2")
    run = Run("keys", [*texts[:1000], too_old, too_large, *texts[1000:], largest], keys(*KEY))
    checked = run.check()
    expect(run.name, checked.returncode == 0, f"check ended with {checked.returncode}")
    GATE.throttle = 2
    ended = run.once()
    expect(run.name, GATE.throttle == 0, "nothing was throttled")
    expect(run.name, ended.returncode in (0, 2), f"run ended with {ended.returncode}")
    run.compare([*texts, largest])
    letters = {text_of(letter["event"]) if isinstance(letter["event"], dict) else letter["event"]: letter for letter in run.dead_letters()}
    expect(run.name, set(letters) == {too_old, too_large}, f"{len(letters)} dead letters, not the two that were expected")
    for text, word in [(too_old, "too old"), (too_large, "too large")]:
        reason = letters.get(text, {}).get("reason", "")
        expect(run.name, reason.startswith(word), f"the reason of the one {word} is {reason!r}")
    for action in ("CreateLogGroup", "CreateLogStream"):
        expect(run.name, GATE.count(action) >= 1, f"no {action}")
    expect(run.name, not any("Invalid" in refused for refused in GATE.refused), GATE.refused)
    expect(run.name, GATE.largest == 1_048_576, f"the largest batch has {GATE.largest} bytes, and the largest event alone fills one")
    print(
        f"keys: {len(texts) + 1} events in {GATE.count('PutLogEvents')} requests, the largest of {GATE.largest} bytes, the most events "
        f"{GATE.most}; {len(letters)} dead letters"
    )


def with_a_role(random, count):
    """Keys of the environment assume a role; its credentials expire on the way; no compression."""
    texts = generated(random, count, datetime.now(timezone.utc))
    role = f'auth.assume_role = "{ROLE}"\nauth.external_id = "{EXTERNAL_ID}"\ncompression = "none"'
    environment = {
        "AWS_ACCESS_KEY_ID": KEY[0],
        "AWS_SECRET_ACCESS_KEY": KEY[1],
        "AWS_ENDPOINT_URL_STS": GATE.address,
    }
    run = Run("role", texts, role, environment)
    checked = run.check()
    expect(run.name, checked.returncode == 0, f"check ended with {checked.returncode}")
    GATE.asked.clear()
    GATE.expire_after = 3
    ended = run.once()
    expect(run.name, ended.returncode == 0, f"run ended with {ended.returncode}")
    run.compare(texts)
    expect(run.name, GATE.expired and GATE.count("AssumeRole") == 2, f"the role was assumed {GATE.count('AssumeRole')} times")
    print(f"role: {len(texts)} events in {GATE.count('PutLogEvents')} requests, the role assumed {GATE.count('AssumeRole')} times")

    wrong = role.replace(EXTERNAL_ID, "someone-else")
    stopped(Run("external_id", texts[:5], wrong, environment), "`auth.external_id`")
    # Nobody listens there: that may pass.
    checked = Run("no_sts", texts[:5], role, environment | {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}).check()
    expect("no_sts", "the credentials cannot be got" in checked.stderr, "what cannot be reached is taken for refused")


def stopped(run, setting):
    """What is wrong with the settings is said, and nothing is lost."""
    checked = run.check()
    expect(run.name, checked.returncode == 1 and setting in checked.stderr, "check does not name the setting")
    ended = run.once()
    expect(run.name, ended.returncode not in (0, 2) and setting in ended.stderr, f"run ended with {ended.returncode}")
    expect(run.name, not run.dead_letters(), "there are dead letters")
    print(f"{run.name}: refused, names {setting}")


def main():
    global PROGRAM, WORK, GATE, AWS
    PROGRAM, WORK = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    seed, count = ([int(argument) for argument in sys.argv[3:]] + [SEED, COUNT][len(sys.argv) - 3 :])[:2]
    shutil.rmtree(WORK, ignore_errors=True)
    started = time.monotonic()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    GATE = Gate(moto.get_host_and_port(), REGION, KEY, EXTERNAL_ID)
    # boto3 goes through the gate too: a gate that is wrong about signatures would refuse it.
    AWS = boto3.client(
        "logs",
        region_name=REGION,
        endpoint_url=GATE.address,
        aws_access_key_id=KEY[0],
        aws_secret_access_key=KEY[1],
        config=Config(retries={"total_max_attempts": 1}),
    )
    numbers = random.Random(seed)
    with_keys(numbers, count)
    with_a_role(numbers, count // 2)
    now = datetime.now(timezone.utc)
    texts = [event("info", {"n": number}, now, "connection_1") for number in range(5)]
    stopped(Run("wrong_secret", texts, keys(KEY[0], "x" + KEY[1])), "`auth`")
    stopped(Run("unknown_key", texts, keys("AKIAI44QH8DHBEXAMPLE", KEY[1])), "`auth`")
    stopped(Run("no_key", texts, ""), "`auth`")
    stopped(Run("no_stream", texts, keys(*KEY) + "\ncreate_missing_stream = false"), "`create_missing_stream`")
    for line in faults:
        print(line, file=sys.stderr)
    print(f"seed {seed}; {len(faults)} faults; {time.monotonic() - started:.0f} s")
    moto.stop()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
