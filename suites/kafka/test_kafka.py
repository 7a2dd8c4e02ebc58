"""Kafka's brokers, its controllers' quorum, and what they keep."""

from __future__ import annotations

import pytest

from fixtures.kafka import Kafka
from gonogo import saw, wrong


@pytest.mark.criterion("kafka.answers")
def test_answers(kafka: Kafka) -> None:
    """Kafka serves its cluster's metadata to an authenticated client."""
    answer = kafka.answers()

    saw(answer, expected="a broker's metadata")
    assert "serves cluster" in answer, wrong("kafka.answer_garbled")


@pytest.mark.criterion("kafka.brokers")
def test_every_broker_is_there(kafka: Kafka) -> None:
    """Every expected broker is unfenced, and answers clients itself."""
    brokers = kafka.has_its_brokers()

    saw(brokers, expected=f"{kafka.expect['brokers']} brokers")


@pytest.mark.criterion("kafka.quorum")
def test_the_quorum_keeps_up(kafka: Kafka) -> None:
    """The controllers have a leader, and every voter keeps up with it."""
    quorum = kafka.has_its_quorum()

    saw(quorum, expected="a leader")


@pytest.mark.criterion("kafka.partitions")
def test_every_partition_is_whole(kafka: Kafka) -> None:
    """No partition is offline, under-replicated, or below its minimum of in-sync replicas."""
    broken = kafka.has_whole_partitions()

    saw(broken.under_replicated, expected="every replica in sync")


@pytest.mark.criterion("kafka.advertised")
def test_every_advertised_address_answers(kafka: Kafka) -> None:
    """Every address that the brokers advertise answers a client."""
    unreachable = kafka.unreachable()

    saw(unreachable, expected="every address")
    assert not unreachable, wrong("kafka.advertised_unreachable")


@pytest.mark.criterion("kafka.internal_topics")
def test_internal_topics_survive_a_broker(kafka: Kafka) -> None:
    """Kafka's own topics have as many replicas as expected of every topic."""
    expected = kafka.expect["replication"]

    replicas = kafka.internal_replication()

    saw(replicas, expected=f"{expected} replicas each")
    assert min(replicas.values()) >= expected, wrong("kafka.internal_topic_thin")


@pytest.mark.criterion("kafka.authentication")
def test_strangers_are_refused(kafka: Kafka) -> None:
    """No broker serves a client that shows no credentials."""
    serving = kafka.open_to_strangers()

    saw(serving, expected="every broker refuses a stranger")
    assert not serving, wrong("kafka.authentication_off")
