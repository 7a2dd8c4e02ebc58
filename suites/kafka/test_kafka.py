"""Kafka's brokers, its controllers' quorum, and what they keep."""

from __future__ import annotations

import pytest

from fixtures.kafka import Kafka
from gonogo import at_least, each, expect, nothing, something


@pytest.mark.criterion("kafka.answers")
def test_answers(kafka: Kafka) -> None:
    """Kafka serves its cluster's metadata to an authenticated client."""
    expect(kafka.answers(), something(), cause="kafka.answer_garbled")


@pytest.mark.criterion("kafka.brokers")
def test_every_broker_is_there(kafka: Kafka) -> None:
    """Every expected broker is unfenced, and answers clients itself."""
    kafka.has_its_brokers()


@pytest.mark.criterion("kafka.quorum")
def test_the_quorum_keeps_up(kafka: Kafka) -> None:
    """The controllers have a leader, and every voter keeps up with it."""
    kafka.has_its_quorum()


@pytest.mark.criterion("kafka.partitions")
def test_every_partition_is_whole(kafka: Kafka) -> None:
    """No partition is offline, under-replicated, or below its minimum of in-sync replicas."""
    kafka.has_whole_partitions()


@pytest.mark.criterion("kafka.advertised")
def test_every_advertised_address_answers(kafka: Kafka) -> None:
    """Every address that the brokers advertise answers a client."""
    expect(kafka.unreachable(), nothing(), cause="kafka.advertised_unreachable", message="unreachable")


@pytest.mark.criterion("kafka.internal_topics")
def test_internal_topics_survive_a_broker(kafka: Kafka) -> None:
    """Kafka's own topics have as many replicas as expected of every topic, and keep the last of each key."""
    expected = kafka.expect["replication"]

    replicas, forgetful = kafka.internal_replication(), kafka.uncompacted()

    expect(replicas, each(at_least(expected, "replicas")), cause="kafka.internal_topic_thin")
    expect(forgetful, nothing(), cause="kafka.internal_topic_forgets", message="not compacted")


@pytest.mark.criterion("kafka.topics")
def test_every_topic_survives_a_broker(kafka: Kafka) -> None:
    """Every topic has the expected replicas, and is neither written with fewer in sync nor with none to spare."""
    expect(kafka.thin(), nothing(), cause="kafka.topic_thin", message="kept too thinly")


@pytest.mark.criterion("kafka.log_dirs")
def test_every_log_dir_is_online_and_has_room(kafka: Kafka) -> None:
    """Every folder in which a broker keeps records is online, and has room."""
    offline, full = kafka.log_dirs()

    expect(offline, nothing(), cause="kafka.log_dir_offline", message="offline")
    expect(full, nothing(), cause="kafka.disk_filling", message="nearly full")


@pytest.mark.criterion("kafka.elections")
def test_leaders_stay(kafka: Kafka) -> None:
    """No partition, nor the quorum, gets one new leader after the other."""
    expect(kafka.elections(), nothing(), cause="kafka.elections_in_series", message="leaders do not stay")


@pytest.mark.criterion("kafka.authentication")
def test_unauthenticated_access_is_refused(kafka: Kafka) -> None:
    """No broker serves a client that shows no credentials."""
    expect(kafka.without_credentials(), each("refused"), cause="kafka.unauthenticated_access")
