"""What has arrived in Kafka, as a client reads it that is not ours; and what is found wrong."""

import json
import subprocess
import time
import uuid
from pathlib import Path

import broker
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

HERE = Path(__file__).resolve().parent
PARTITIONS = 4
# Long enough for anything that comes at all, on a busy machine too.
PATIENCE = 120
findings = []


def expect(about, is_right, what):
    if not is_right:
        findings.append(f"{about}: {what}")


def until(about, what, is_so, seconds=PATIENCE):
    """Waits until something is so; says so if it never is."""
    end = time.monotonic() + seconds
    while not (result := is_so()):
        if time.monotonic() > end:
            raise TimeoutError(f"{about}: waited in vain for {what}")
        time.sleep(0.05)
    return result


class Topics:
    """The topics of a cluster."""

    def __init__(self, cluster):
        self.bootstrap = cluster.bootstrap
        # Its answers come only while it is kept.
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def create(self, topic, **settings):
        # Nothing is removed by age while it is still to be read.
        config = {"retention.ms": "-1"} | {key.replace("_", "."): value for key, value in settings.items()}
        self.admin.create_topics([NewTopic(topic, PARTITIONS, config=config)])[topic].result()

    def offsets(self, topic, which, isolation=IsolationLevel.READ_UNCOMMITTED):
        """An offset of each partition. Right after a leader has moved, brokers may refuse to say: they are asked again."""
        asked = {TopicPartition(topic, partition): which for partition in range(PARTITIONS)}

        def ask():
            answers = self.admin.list_offsets(asked, isolation_level=isolation, request_timeout=10)
            try:
                said = {partition.partition: answer.result().offset for partition, answer in answers.items()}
            except KafkaException:
                return None
            return [said[partition] for partition in range(PARTITIONS)]

        return until(topic, "its offsets", ask)

    def ends(self, topic):
        """The high watermark of each partition."""
        return self.offsets(topic, OffsetSpec.latest())

    def count(self, topic):
        return sum(self.ends(topic))

    def read(self, topic):
        """All messages, by partition, once no transaction is open that others could hide behind."""

        def committed():
            ends = self.ends(topic)
            return ends if ends == self.offsets(topic, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED) else None

        ends = until(topic, "the end of transactions", committed)
        begins = self.offsets(topic, OffsetSpec.earliest())
        expect(topic, not any(begins), f"messages are gone already: partitions begin at {begins}")
        settings = {"bootstrap.servers": self.bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False, "log_level": 0}
        consumer = Consumer(settings | {"isolation.level": "read_committed", "enable.partition.eof": True})
        arrived = []
        for partition, end in enumerate(ends):
            consumer.assign([TopicPartition(topic, partition, 0)])
            at = 0
            while at < end:
                message = consumer.poll(30)
                if message is None or (message.error() and message.error().code() != KafkaError._PARTITION_EOF):
                    expect(topic, False, f"partition {partition} cannot be read: {message and message.error()}")
                    break
                if message.error():
                    # It lies behind what is no message, such as the marks of transactions.
                    at = message.offset()
                else:
                    arrived.append(message)
                    at = message.offset() + 1
        consumer.close()
        return arrived


def event_id(message):
    return dict(message.headers())["event_id"].decode()


def expect_forms(about, arrived, form):
    """Every message has its key, its headers, and is in the partition where Java's producer would put it. `form` gives the key and the id."""
    wrong = 0
    for message in arrived:
        key, id = form(message)
        name = json.loads(message.value())["event"]
        severity = {"warning": "WARNING"}.get(name, "INFO")
        headers = {header: value.decode() for header, value in message.headers()}
        wrong += message.key().decode() != key or headers != {"event_id": id, "event": name, "severity": severity}
    expect(about, wrong == 0, f"{wrong} messages have another key or other headers than they should")
    keys = sorted({message.key().decode() for message in arrived})
    command = ["java", "-cp", f"{broker.jars()}/*", str(HERE / "Partition.java"), str(PARTITIONS)]
    said = subprocess.run(command, input="\n".join(keys), capture_output=True, text=True, check=True).stdout.split()
    java = dict(zip(keys, map(int, said), strict=True))
    elsewhere = {message.key().decode() for message in arrived if message.partition() != java[message.key().decode()]}
    expect(about, not elsewhere, f"{len(elsewhere)} keys are not where Java looks for them: {sorted(elsewhere)[:5]}")
