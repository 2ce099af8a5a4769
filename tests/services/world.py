"""A folder and programs for one test, which all end with it; and logferry, as users run it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "validators"))
import tools  # noqa: E402

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def built():
    """The program, built now."""
    tools.run("cargo", "build", "--quiet", cwd=tools.ROOT)
    return tools.TARGET / "debug/logferry"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def toml(value):
    """A value in TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(of)}" for key, of in value.items()) + " }"
    return json.dumps(str(value) if isinstance(value, Path) else value)


class World:
    """To be used in `with`: what it started ends at the end, and the folder is removed."""

    def __init__(self, program):
        self.program = Path(program).resolve()
        self.started = []
        self.runs = 0

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="logferry-services-"))
        return self

    def __exit__(self, *_):
        for process in self.started:
            self.stop(process)
        shutil.rmtree(self.folder)

    def start(self, command, port, log):
        """Starts a service, and waits until it listens."""
        with open(log, "ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.started.append(process)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if listens(port):
                return process
            time.sleep(0.05)
        sys.exit(f"failed: {' '.join(map(str, command))}\n{Path(log).read_text('utf-8', 'replace')[-3000:]}")

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.started:
            self.started.remove(process)

    # logferry.

    def normalized(self, path):
        """The canonical lines of a file."""
        result = subprocess.run([self.program, "normalize", path], capture_output=True)
        if result.returncode != 0:
            sys.exit(f"failed: logferry normalize\n{result.stderr.decode('utf-8', 'replace')[-3000:]}")
        return result.stdout.split(b"\n")[:-1]

    def knows(self, kind):
        """Whether logferry has sinks of this type."""
        path = self.folder / "type.toml"
        source = '[sources.file]\ntype = "file"\npath = "/dev/null"\n'
        path.write_text(f'{source}[sinks.service]\ntype = "{kind}"\n[state]\ndir = "state"\n', "utf-8")
        result = subprocess.run([self.program, "check", "--config", path], capture_output=True, text=True)
        return f"unknown type `{kind}`" not in result.stderr

    def configuration(self, source, sink, state=None):
        """A configuration from a file to a sink, and its state, which is new if none is given."""
        self.runs += 1
        state = state or self.folder / f"state-{self.runs}"
        lines = ["shutdown_grace_secs = 3", "[sources.file]", 'type = "file"', f"path = {toml(source)}", "[sinks.service]"]
        lines += [f"{key} = {toml(value)}" for key, value in sink.items()]
        lines += ["[state]", f"dir = {toml(state)}"]
        path = self.folder / f"logferry-{self.runs}.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path, state

    def run(self, source, sink, state=None, proxy=None, seconds=300, during=None, signal_after=None):
        """`run --once`: what came of it. After so many seconds it gets a signal, if it is still there; `during` is called meanwhile."""
        path, state = self.configuration(source, sink, state)
        log = self.folder / f"logferry-{self.runs}.log"
        environment = self.environment(proxy)
        with open(log, "wb") as out:
            command = [self.program, "run", "--once", "--config", path]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        self.started.append(process)
        if during:
            during(process)
        hung = False
        try:
            process.wait(signal_after or seconds)
        except subprocess.TimeoutExpired:
            hung = signal_after is None
        self.stop(process)
        said = log.read_text("utf-8", "replace")
        letters = state / "dead-letter.ndjson"
        letters = letters.read_bytes().split(b"\n")[:-1] if letters.exists() else []
        return Ran(process.returncode, said, [json.loads(letter) for letter in letters], state, hung)

    def check(self, source, sink, proxy=None):
        """`check --connect`: its exit code and what it said."""
        path, _ = self.configuration(source, sink)
        command = [self.program, "check", "--connect", "--config", path]
        result = subprocess.run(command, capture_output=True, text=True, env=self.environment(proxy), timeout=120)
        return result.returncode, result.stdout + result.stderr

    def environment(self, proxy):
        taken = {name.lower() for name in PROXIES}
        environment = {name: value for name, value in os.environ.items() if name.lower() not in taken}
        return environment | ({"HTTPS_PROXY": proxy} if proxy else {})


class Ran:
    """What came of a run."""

    def __init__(self, code, said, letters, state, hung):
        self.code, self.said, self.letters, self.state, self.hung = code, said, letters, state, hung

    def tail(self):
        return f"exit code {self.code}{', still running at the end of the time' if self.hung else ''}; it said:\n{self.said[-1500:]}"
