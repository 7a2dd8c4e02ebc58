"""Records through Kafka: written, read, shared by a group, and kept when a broker is lost."""

from __future__ import annotations

import pytest

from fixtures.kafka import Health, Kafka, Record
from gonogo import at_least, containing, expect, nothing
from gonogo.checks.disturb import Disturb

RECORDS = [
    Record(b"first", b"key", (("trace", b"0a1b"), ("trace", b"2c3d"))),
    Record(bytes(range(256)), None, ()),
    Record("третий ✓".encode(), "ключ".encode(), (("empty", b""),)),
    Record(b"", b"an empty value"),
    Record(b"x" * 100_000, b"a large value"),
]
PLAIN = [Record(b"without a key"), Record(b"with one", b"key")]
EARLY = [Record(b"early %d" % number) for number in range(6)]
LATE = [Record(b"late %d" % number) for number in range(4)]


@pytest.mark.criterion("kafka.roundtrip")
@pytest.mark.writes
def test_records_come_back_as_they_were(kafka: Kafka) -> None:
    """What is produced with acks=all is consumed with the same bytes, keys, headers and order."""
    with kafka.topic() as topic:
        kafka.produce(topic, RECORDS)

        read = kafka.consume(topic)

    expect(read, RECORDS, cause="kafka.records_altered")


@pytest.mark.criterion("kafka.defaults")
@pytest.mark.writes
def test_a_topic_with_the_defaults_keeps_records(kafka: Kafka) -> None:
    """A topic made with nothing overridden has the expected replicas, and keeps what is written to it."""
    hours = kafka.expect["retention_hours"]
    with kafka.default_topic() as topic:
        kafka.produce(topic, PLAIN)

        read = kafka.consume(topic)
        thin, kept = kafka.thin([topic]), kafka.retention_hours(topic)

    expect(sorted(read), sorted(PLAIN), cause="kafka.records_altered")
    expect(thin, nothing(), cause="kafka.topic_thin", message="kept too thinly by default")
    expect(kept, at_least(hours, "h"), cause="kafka.retention_short", message="kept by default")


@pytest.mark.criterion("kafka.group")
@pytest.mark.writes
def test_a_group_shares_a_topic_and_resumes(kafka: Kafka) -> None:
    """Two consumers of a group share a topic, lose and double nothing, and the next one resumes where they ended."""
    with kafka.topic(partitions=4) as topic, kafka.group() as group:
        with kafka.members(group, topic, 2) as members:
            shares = members.shares
            kafka.produce(topic, EARLY)
            first = members.take(len(EARLY))
            members.commit()
        kafka.produce(topic, LATE)
        with kafka.members(group, topic, 1) as successor:
            resumed = successor.take(len(LATE))

    expect(shares, [2, 2], cause="kafka.group_unbalanced", message="partitions of each member")
    expect(first, containing(*EARLY), cause="kafka.records_lost")
    expect(first, EARLY, cause="kafka.records_doubled")
    expect(resumed, LATE, cause="kafka.offsets_not_kept", message="read by the next member")


@pytest.mark.criterion("kafka.broker_loss")
@pytest.mark.disrupts("kill", "kafka", "broker-2")
def test_a_lost_broker_loses_no_record(kafka: Kafka, disturb: Disturb) -> None:
    """With a broker lost, producers go on, no acknowledged record is lost, and every replica is in sync again after."""
    with kafka.topic(partitions=3, min_insync_replicas=kafka.expect["min_insync_replicas"]) as topic:
        with kafka.stream(topic) as stream:
            stream.more()
            with disturb.kill("kafka", "broker-2"):
                stream.more()
            stream.more()
        kept = {int(record.value) for record in kafka.consume(topic)}
        after = kafka.partitions([topic])

    expect(stream.refused, nothing(), cause="kafka.record_refused", message="records not acknowledged")
    lost = set(stream.acknowledged) - kept
    expect(lost, nothing(), cause="kafka.records_lost", message="acknowledged and lost")
    expect(after, Health([], [], []), cause="kafka.partition_under_replicated")
