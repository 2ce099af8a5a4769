"""The runs of `tests/kafka/faults`."""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import broker
from arrived import PARTITIONS, Topics, expect, findings, until
from confluent_kafka import KafkaException
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from live import Live
from proxy import Proxy

# What a leader's log says when it refuses an append for want of replicas.
REFUSED = "insufficient to satisfy the min.isr requirement"
# So much longer than asked a part may go on until it has had its faults.
MORE = 20


class Part:
    """The program, which runs between live rows and a topic, and the faults that have hit it."""

    def __init__(self, name, cluster, bootstrap=None):
        self.name, self.cluster = name, cluster
        self.topics = Topics(cluster)
        # How often each kind of fault was tried, and how often it hit.
        self.tries, self.hits = {}, {}
        self.began = time.monotonic()
        self.live = Live(name, WORK, PROGRAM, NUMBERS.getrandbits(32), self.topics, bootstrap or cluster.bootstrap)

    def __enter__(self):
        try:
            self.live.begin()
        except BaseException:
            self.live.close()
            raise
        return self

    def __exit__(self, _, error, __):
        self.live.close()
        if isinstance(error, TimeoutError):
            # A finding, and the parts after this one run all the same.
            expect(self.name, False, f"{error}\n{self.live.last_words()}")
            return True
        return False

    def faults(self, what, strike, waits_for_more=True):
        """Strikes at random moments until it has hit as often as asked."""
        self.hits[what] = self.tries[what] = 0
        while self.hits[what] < FAULTS and self.tries[what] < 3 * FAULTS + MORE:
            wait(0, 3)
            expect(self.name, self.live.is_alive(), f"it ended by itself: {self.live.last_words()}")
            self.hits[what] += bool(strike())
            self.tries[what] += 1
            if waits_for_more:
                self.live.until_more()

    def ends(self):
        said = self.live.ends()
        for what, times in self.hits.items():
            expect(self.name, times >= FAULTS, f"{what} {times} times only")
        hits = ", ".join(f"{what} {times} times" + f" of {self.tries[what]}" * (times < self.tries[what]) for what, times in self.hits.items())
        print(f"{self.name}: {hits}; {said}; {time.monotonic() - self.began:.0f} s", flush=True)

    def partitions(self):
        """The leader of each partition and the nodes that are in sync; nothing while that is not known."""
        try:
            # Not describe_topics, which waits for a controller that may be the one that was killed.
            found = self.topics.admin.list_topics(self.name, timeout=10).topics[self.name].partitions
        except KafkaException:
            return []
        return [(part.leader, set(part.isrs)) for part in found.values()]

    def is_all(self, is_so):
        partitions = self.partitions()
        return len(partitions) == PARTITIONS and all(is_so(leader, in_sync) for leader, in_sync in partitions)

    def all_in_sync(self):
        return self.is_all(lambda _, in_sync: in_sync == set(self.cluster.nodes))


def wait(least, most):
    time.sleep(NUMBERS.uniform(least, most))


def kills(cluster):
    with Part("kills", cluster) as part:
        before = part.live.count()

        def strike():
            nonlocal before
            part.live.kill()
            # Else it had not sent anything in this life.
            has_sent = part.live.count() > before
            if NUMBERS.random() < 0.2:
                # Longer than it takes rows to settle.
                wait(4, 6)
            before = part.live.count()
            part.live.start()
            return has_sent

        part.faults("killed while events went out", strike, waits_for_more=False)
        part.live.until_more()
        part.ends()


def network(cluster, proxy):
    with Part("network", cluster, f"127.0.0.1:{proxy.port}") as part:

        def cut():
            ended = proxy.cut()
            wait(0.1, 3)
            proxy.mend()
            return ended

        def stall():
            proxy.stall()
            # Perhaps for longer than a request may take.
            wait(0.5, 9)
            return proxy.go_on()

        part.faults("cut", cut)
        part.faults("stalled", stall)
        part.faults("lost an answer and closed", lambda: proxy.lose_an_answer(20, is_closed=True))
        part.faults("lost an answer in silence", lambda: proxy.lose_an_answer(20, is_closed=False))
        part.ends()


def leader(cluster):
    with Part("leader", cluster) as part:

        def strike():
            until(part.name, "all replicas in sync", part.all_in_sync)
            old, _ = NUMBERS.choice(part.partitions())
            cluster.kill(old)
            until(part.name, "other leaders", lambda: part.is_all(lambda leader, _: leader not in (-1, old)))
            # Without the one that is gone.
            part.live.until_more()
            cluster.start(old)
            return True

        part.faults("killed", strike)
        part.ends()


def refusals(cluster):
    with Part("refusals", cluster) as part:
        until(part.name, "all replicas in sync", part.all_in_sync)

        def needs(replicas):
            entry = ConfigEntry("min.insync.replicas", str(replicas), incremental_operation=AlterConfigOpType.SET)
            topic = ConfigResource(ResourceType.TOPIC, part.name, incremental_configs=[entry])
            part.topics.admin.incremental_alter_configs([topic])[topic].result()

        def refused():
            logs = (cluster.folder / str(node) / "log" for node in cluster.nodes)
            return sum(log.read_text("utf-8", "replace").count(REFUSED) for log in logs)

        def strike():
            before = refused()
            needs(3)
            try:
                until(part.name, "a refusal", lambda: refused() > before)
                # Perhaps for longer than the program waits for an answer.
                wait(0.5, 9)
            finally:
                needs(2)
            return True

        gone = cluster.nodes[-1]
        cluster.kill(gone)
        until(part.name, "a replica less", lambda: part.is_all(lambda _, in_sync: gone not in in_sync))
        part.faults("refused", strike)
        cluster.start(gone)
        part.ends()


def on_one_node(parts):
    proxy = Proxy()
    os.environ["KAFKA_PROXY_PORT"] = str(proxy.port)
    cluster = broker.Cluster(WORK / "one")
    try:
        cluster.up()
        proxy.broker = int((cluster.folder / "proxied").read_text("utf-8").rsplit(":", 1)[1])
        if "kills" in parts:
            kills(cluster)
        if "network" in parts:
            network(cluster, proxy)
    finally:
        cluster.down()
        proxy.close()


def on_three_nodes(parts):
    os.environ.pop("KAFKA_PROXY_PORT", None)
    cluster = broker.Cluster(WORK / "three")
    try:
        cluster.up(3)
        if "leader" in parts:
            leader(cluster)
        if "refusals" in parts:
            refusals(cluster)
    finally:
        cluster.down()


def main():
    global PROGRAM, WORK, FAULTS, NUMBERS
    parts = ["kills", "network", "leader", "refusals"]
    parser = argparse.ArgumentParser(prog="tests/kafka/faults", usage="%(prog)s [NUMBER] [PART …]")
    parser.add_argument("program", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("number", type=int, nargs="?", default=3, metavar="NUMBER", help="faults of each kind")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all of them by default")
    given = parser.parse_args()
    chosen = given.parts or parts
    if given.number < 1 or not set(chosen) <= set(parts):
        parser.error(f"NUMBER is at least 1, and PART one of {', '.join(parts)}")
    PROGRAM, FAULTS = given.program.resolve(), given.number
    seed = int(os.environ.get("LOGFERRY_SEED") or random.getrandbits(32))
    print(f"LOGFERRY_SEED={seed}", flush=True)
    NUMBERS = random.Random(seed)
    # Whatever ends this ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        WORK = Path(folder)
        try:
            if {"kills", "network"} & set(chosen):
                on_one_node(chosen)
            if {"leader", "refusals"} & set(chosen):
                on_three_nodes(chosen)
        except broker.Missing as missing:
            sys.exit(f"tests/kafka/faults: {missing}")
    for line in findings:
        print(line, file=sys.stderr)
    print(f"{len(findings)} findings; {time.monotonic() - started:.0f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
