"""Apache Kafka for tests: one node or three, each a process that can be killed, paused and started again."""

import argparse
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

LIST = Path(__file__).resolve().with_name("pom.xml")
VERSION = re.search(r"kafka_2\.13</artifactId>\s*<version>([^<]+)", LIST.read_text("utf-8"))[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"logferry/kafka-{VERSION}"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
UP = "Kafka Server started"
# Far more than a start takes on a busy machine.
LONGEST_START = 120

LOGGING = """
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""


class Missing(Exception):
    """What has to be installed first."""


def needs(program, what):
    if not shutil.which(program):
        raise Missing(f"{program} is not installed: install {what}")


def jars():
    """The folder of Kafka's jars, which the first run fetches."""
    needs("java", "Java 17 or later")
    if not CACHE.exists():
        needs("mvn", f"Maven, which fetches Kafka {VERSION}")
        print(f"fetching Kafka {VERSION}; this happens once", file=sys.stderr)
        fetched = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
        command = ["mvn", "-B", "-q", COPY, "-DincludeScope=runtime", f"-DoutputDirectory={fetched}", "-f", str(LIST)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            shutil.rmtree(fetched, ignore_errors=True)
            said = (result.stdout + result.stderr).strip().split("\n")
            raise Missing(f"Kafka {VERSION} cannot be fetched: {said[0]}")
        try:
            fetched.rename(CACHE)
        except OSError:
            # Another run was faster.
            shutil.rmtree(fetched)
    return CACHE


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """The nodes of a folder, numbered from 1."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()

    @property
    def bootstrap(self):
        return (self.folder / "bootstrap").read_text("utf-8").strip()

    @property
    def nodes(self):
        return sorted(int(path.parent.name) for path in self.folder.glob("*/server.properties"))

    def up(self, nodes=1, settings=(), file_kib=None):
        """Makes and starts a cluster. `settings` come last, so that they count."""
        libraries = jars()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOGGING, "utf-8")
        ports = free_ports(3 * nodes)
        clients, controllers, behind_proxy = (ports[at * nodes : (at + 1) * nodes] for at in range(3))
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))
        cluster = self.tool(libraries, "random-uuid").strip()
        for node, (client, controller, behind) in enumerate(zip(clients, controllers, behind_proxy), 1):
            place = self.folder / str(node)
            place.mkdir()
            # What reaches a node by the third listener is told to come back by the port of a proxy, if there is one.
            proxy = os.environ.get("KAFKA_PROXY_PORT") or behind
            own = {
                "process.roles": "broker,controller",
                "node.id": node,
                "controller.quorum.voters": voters,
                "controller.listener.names": "CONTROLLER",
                "listeners": f"PLAINTEXT://127.0.0.1:{client},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client},PROXIED://127.0.0.1:{proxy}",
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "log.dirs": place / "data",
            } | replicated(nodes)
            own |= dict(setting.split("=", 1) for setting in settings)
            (place / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in own.items()), "utf-8")
            self.tool(libraries, "format", "--cluster-id", cluster, "--config", place / "server.properties")
        before = [(node, self.launch(node, file_kib)) for node in self.nodes]
        for node, starts in before:
            self.wait(node, starts)
        (self.folder / "proxied").write_text(",".join(f"127.0.0.1:{port}" for port in behind_proxy) + "\n", "utf-8")
        (self.folder / "bootstrap").write_text(",".join(f"127.0.0.1:{port}" for port in clients) + "\n", "utf-8")
        return self.bootstrap

    def java(self, libraries):
        return [
            "java",
            "-Xms96m",
            f"-Xmx{os.environ.get('KAFKA_HEAP', '384m')}",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            f"{libraries}/*",
        ]

    def tool(self, libraries, *arguments):
        command = [*self.java(libraries), "kafka.tools.StorageTool", *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"kafka.tools.StorageTool {arguments[0]}: {result.stderr.strip()}")
        return result.stdout

    def launch(self, node, file_kib=None):
        """Starts a node; gives how often it had come up before."""
        place, starts = self.folder / str(node), self.starts(node)

        def bound():
            if file_kib:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_kib * 1024, file_kib * 1024))

        with open(place / "log", "ab") as log:
            process = subprocess.Popen(
                [*self.java(jars()), "kafka.Kafka", str(place / "server.properties")],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=bound,
            )
        (place / "pid").write_text(str(process.pid), "utf-8")
        return starts

    def starts(self, node):
        log = self.folder / str(node) / "log"
        return log.read_text("utf-8", "replace").count(UP) if log.exists() else 0

    def wait(self, node, starts):
        until = time.monotonic() + LONGEST_START
        while self.starts(node) <= starts:
            if not self.is_alive(node) or time.monotonic() > until:
                log = (self.folder / str(node) / "log").read_text("utf-8", "replace")
                sys.exit(f"node {node} does not start:\n" + "\n".join(log.split("\n")[-10:]))
            time.sleep(0.1)

    def pid(self, node):
        return int((self.folder / str(node) / "pid").read_text("utf-8"))

    def is_alive(self, node):
        try:
            state = Path(f"/proc/{self.pid(node)}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"

    def signal(self, node, number):
        if self.is_alive(node):
            os.kill(self.pid(node), number)

    def kill(self, node):
        self.signal(node, signal.SIGKILL)
        self.wait_gone(node)

    def pause(self, node):
        self.signal(node, signal.SIGSTOP)

    def resume(self, node):
        self.signal(node, signal.SIGCONT)

    def stop(self, node):
        self.signal(node, signal.SIGTERM)
        self.wait_gone(node)

    def wait_gone(self, node):
        while self.is_alive(node):
            time.sleep(0.05)

    def start(self, node, file_kib=None):
        self.wait(node, self.launch(node, file_kib))

    def down(self):
        for node in self.nodes:
            self.kill(node)


def replicated(nodes):
    """The settings that differ with the number of nodes, and those that make a test fast."""
    copies, in_sync = nodes, max(1, nodes - 1)
    return {
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "unclean.leader.election.enable": "false",
        "offsets.topic.num.partitions": 3,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 3,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 6000,
        "broker.heartbeat.interval.ms": 1000,
        "replica.lag.time.max.ms": 5000,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
    }


def main():
    parser = argparse.ArgumentParser(prog="tests/kafka/broker", description="Apache Kafka on this machine, for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    up.add_argument("folder", metavar="DIR")
    up.add_argument("nodes", type=int, choices=[1, 3], nargs="?", default=1)
    up.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every node")
    up.add_argument("--file-kib", type=int, help="no file of a node may become larger")
    for name in ["kill", "pause", "resume", "stop", "start"]:
        command = commands.add_parser(name)
        command.add_argument("folder", metavar="DIR")
        command.add_argument("node", type=int, metavar="NODE")
    commands.add_parser("down").add_argument("folder", metavar="DIR")
    given = parser.parse_args()
    cluster = Cluster(given.folder)
    try:
        match given.command:
            case "up":
                try:
                    print(cluster.up(given.nodes, given.set, given.file_kib))
                except BaseException:
                    cluster.down()
                    raise
            case "down":
                cluster.down()
            case command:
                getattr(cluster, command)(given.node)
    except Missing as missing:
        sys.exit(f"tests/kafka/broker: {missing}")


if __name__ == "__main__":
    main()
