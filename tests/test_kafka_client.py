"""What kafka-python raises, as outcome and cause; and addresses that serve nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors
from kafka.structs import TopicPartition

from fixtures import kafka as kafka_client
from fixtures.kafka import CutOff, Kafka, Members, Partition, known
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    NotReady,
    Refused,
    TimedOut,
    Unavailable,
    Unresolved,
    Untrusted,
)


def client(*addresses: str, **security: Any) -> Kafka:
    """A client of these addresses that waits for 0.05 s."""
    there = {"bootstrap": ",".join(addresses), "security": security}
    return Kafka(Endpoints("kafka", there, timeouts=Timeouts(connect=0.05, check=0.05)))


@pytest.fixture
def closed() -> Iterator[str]:
    """An address that refuses connections: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def hung() -> Iterator[str]:
    """An address that accepts connections and never answers, as a stopped broker does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_what_a_way_to_log_in_takes_is_loaded_before_the_library_imports_it(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(kafka_client, "also", lambda *names: loaded.extend(names))

    with suppress(ClientError, RuntimeError):
        client(closed, security_protocol="SASL_SSL", sasl_mechanism="AWS_MSK_IAM").answers()

    assert loaded == ["botocore.session"]


@pytest.mark.parametrize(
    ("error", "meaning", "signature"),
    [
        (errors.SaslAuthenticationFailedError("Invalid username or password"), Denied, "credentials_refused"),
        (errors.UnsupportedSaslMechanismError(), Denied, "credentials_refused"),
        (errors.TopicAuthorizationFailedError("orders"), Forbidden, "right_missing"),
        (errors.ClusterAuthorizationFailedError(), Forbidden, "right_missing"),
        (errors.KafkaTimeoutError("Unable to bootstrap"), TimedOut, "timed_out"),
        (errors.RequestTimedOutError("after 20000 ms"), TimedOut, "timed_out"),
        (errors.NotEnoughReplicasError(), Unavailable, "not_enough_replicas"),
        (errors.NotEnoughReplicasAfterAppendError(), Unavailable, "not_enough_replicas"),
        (errors.InvalidReplicationFactorError("only 2 brokers"), Unavailable, "replication_impossible"),
        (errors.UnknownTopicOrPartitionError(), Unavailable, "topic_missing"),
        (errors.MessageSizeTooLargeError(), Unavailable, "record_refused"),
        (errors.NodeNotReadyError(2), Unavailable, "advertised_unreachable"),
        (errors.LeaderNotAvailableError(), Unavailable, "unavailable"),
        (errors.CoordinatorNotAvailableError(), Unavailable, "unavailable"),
        (errors.IncompatibleBrokerVersion("controller"), Garbled, "answer_garbled"),
        (errors.InvalidReceiveError("frame too large"), Garbled, "answer_garbled"),
        (errors.KafkaConnectionError("111 ECONNREFUSED"), Refused, "connection_refused"),
        (errors.KafkaConnectionError("104 ECONNRESET"), Refused, "connection_refused"),
        (errors.KafkaConnectionError("Connection timed out"), TimedOut, "timed_out"),
        (errors.KafkaConnectionError("DNS Resolution failure"), Unresolved, "name_unresolved"),
        (errors.KafkaConnectionError("Handshake failed: certificate verify failed"), Untrusted, "tls_untrusted"),
    ],
)
def test_an_error_of_the_library_has_a_kind(error: Exception, meaning: type, signature: str) -> None:
    found = known(error)

    assert type(found) is meaning
    assert found.signature == f"kafka.{signature}"


def test_an_error_of_ours_is_none_of_the_librarys() -> None:
    assert known(ValueError("ours")) is None


def test_a_closed_port_is_refused(closed: str) -> None:
    with pytest.raises(Refused, match=closed):
        client(closed).answers()


def test_a_broker_that_hangs_costs_the_limit_and_is_timed_out(hung: str) -> None:
    with pytest.raises(TimedOut, match=hung):
        client(hung).answers()


def test_of_two_addresses_the_more_telling_failure_is_reported(hung: str, closed: str) -> None:
    with pytest.raises(Refused, match=closed):
        client(hung, closed).answers()


def test_a_connection_that_is_cut_in_the_handshake_means_our_credentials() -> None:
    found = client("broker:9092", security_protocol="PLAINTEXT")._not_served(
        "broker:9092", errors.KafkaConnectionError("socket disconnected")
    )

    assert isinstance(found, Denied)
    assert "PLAINTEXT" in str(found)


def test_who_says_that_it_does_not_know_us_tells_more_than_who_cuts_the_connection() -> None:
    asked = client("one:9092", "two:9092")
    answers = {"one:9092": CutOff("kafka", "was cut"), "two:9092": Denied("kafka", "the connection was cut")}
    asked._ask_each = lambda *_, **__: answers  # type: ignore[method-assign]

    with pytest.raises(Denied) as refused:
        asked.answers()

    assert refused.value is answers["two:9092"]


def test_a_partition_is_shown_with_who_leads_and_follows() -> None:
    partition = Partition("orders", 2, 1, frozenset({1, 2, 3}), frozenset({1, 3}), 2)

    assert str(partition) == "orders-2 (leader 1, in sync [1, 3] of [1, 2, 3])"


def test_a_setting_that_cannot_be_used_is_our_own_error(hung: str) -> None:
    with pytest.raises(FileNotFoundError):
        client(hung, security_protocol="SSL", ssl_cafile="/nonexistent/ca.pem").answers()


class Held:
    """A consumer that holds partition 0: what it is given to read, poll by poll, and how its commits end."""

    def __init__(self, polls: list[list[tuple[int, bytes]]], commits: list[Exception | None]) -> None:
        self.polls, self.commits = polls, commits
        self.committed: dict[TopicPartition, Any] = {}

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[SimpleNamespace]]:
        records = self.polls.pop(0) if self.polls else []
        read = [SimpleNamespace(offset=offset, value=value, key=None, headers=()) for offset, value in records]
        return {PLACE: read} if read else {}

    def commit(self, offsets: dict[TopicPartition, Any], timeout_ms: int) -> None:
        ended = self.commits.pop(0) if self.commits else None
        if ended:
            raise ended
        self.committed |= offsets


PLACE = TopicPartition("topic", 0)
ONE, TWO, AGAIN = (0, b"one"), (1, b"two"), (2, b"one")
BALANCING = errors.RebalanceInProgressError("try completing the rebalance by calling poll()")


def test_a_group_that_is_balanced_anew_doubles_and_loses_nothing() -> None:
    consumer = Held([[ONE, TWO], [], [ONE, TWO]], [BALANCING, errors.CommitFailedError("kicked out"), None])
    members = Members([consumer], 5)

    taken = members.take(2)
    members.commit()

    assert [record.value for record in taken] == [b"one", b"two"]
    assert {place: kept.offset for place, kept in consumer.committed.items()} == {PLACE: 2}
    assert members.take(0) == []


def test_a_record_that_is_stored_twice_is_taken_twice() -> None:
    assert [r.value for r in Members([Held([[ONE], [ONE, AGAIN]], [])], 5).take(2)] == [b"one", b"one"]


def test_a_group_that_is_never_balanced_cannot_commit() -> None:
    members = Members([Held([[ONE]], [BALANCING] * 1000)], 0.2)
    members.take(1)

    with pytest.raises(Unavailable, match="try completing the rebalance"):
        members.commit()


def test_an_offset_that_nobody_holds_is_not_committed() -> None:
    class Without(Held):
        def assignment(self) -> set[TopicPartition]:
            return set()

    members = Members([Without([[ONE]], [])], 0.2)
    members.take(1)

    with pytest.raises(NotReady, match="a balanced group that commits"):
        members.commit()
