"""What kafka-python raises, as outcome and cause; and addresses that serve nobody."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors
from kafka.structs import TopicPartition

from fixtures import kafka as kafka_client
from fixtures.kafka import Broker, CutOff, Folders, Kafka, Members, Partition, Throttled, _folders, known
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import (
    ClientError,
    Cut,
    Denied,
    Forbidden,
    Garbled,
    NotReady,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Unresolved,
    Untrusted,
    Wrong,
)
from gonogo.core.outcomes import Outcome


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
        (errors.LeaderNotAvailableError(), Unavailable, "partition_offline"),
        (errors.CoordinatorNotAvailableError(), Unavailable, "group_coordinator_missing"),
        (errors.NotCoordinatorError(), Unavailable, "group_coordinator_missing"),
        (errors.GroupMaxSizeReachedError(), Unavailable, "group_full"),
        (errors.KafkaStorageError(), Unavailable, "log_dir_offline"),
        (errors.ThrottlingQuotaExceededError(), Unavailable, "throttled"),
        (errors.InvalidRecordError(), Unavailable, "record_refused"),
        (errors.InvalidConfigurationError("min.insync.replicas"), ServerError, "server_error"),
        (errors.for_code(12345)(), ServerError, "server_error"),
        (errors.CommitFailedError(), Unavailable, "unavailable"),
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


@pytest.mark.parametrize("code", [errors.InvalidConfigurationError, errors.for_code(12345)])
def test_a_code_that_no_table_knows_is_told(code: type[Exception]) -> None:
    found = known(code("why"))

    assert found is not None
    assert found.outcome is Outcome.FAILED
    assert str(code.errno) in str(found)  # type: ignore[attr-defined]


def test_a_broker_that_had_greeted_us_and_cuts_does_not_admit_us() -> None:
    found = client("broker:9092", security_protocol="PLAINTEXT")._not_served(
        "broker:9092", errors.KafkaConnectionError("socket disconnected"), greeted=True
    )

    assert isinstance(found, Denied)
    assert "PLAINTEXT" in str(found)


@pytest.mark.parametrize("said", ["socket disconnected", "104 ECONNRESET"])
def test_a_cut_before_a_word_was_said_is_none_of_our_credentials(said: str) -> None:
    found = client("broker:9092")._not_served("broker:9092", errors.KafkaConnectionError(said), greeted=False)

    assert type(found) is Cut
    assert found.signature == "kafka.connection_cut"
    assert "max.connections.per.ip" in str(found)


@pytest.mark.parametrize("inner", [ssl.SSLEOFError(8, "EOF occurred"), ConnectionResetError(104, "reset")])
def test_a_cut_in_the_handshake_of_tls_is_none_of_the_certificates(inner: Exception) -> None:
    error = errors.KafkaConnectionError(f"Handshake failed: {inner}")
    error.__context__ = inner

    found = known(error)

    assert found is not None
    assert found.signature == "kafka.connection_cut"


@pytest.fixture
def full() -> Iterator[str]:
    """An address that accepts every connection and closes it, as a broker does that has too many."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def close() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    server.accept()[0].close()

        server.settimeout(0.05)
        closing = threading.Thread(target=close, daemon=True)
        closing.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        closing.join()


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_a_broker_with_too_many_connections_cuts_them(full: str, protocol: str) -> None:
    with pytest.raises(Refused, match="before the broker said a word") as cut:
        client(full, security_protocol=protocol, **LOGIN).answers()

    assert cut.value.signature == "kafka.connection_cut"


LOGIN = {"sasl_mechanism": "PLAIN", "sasl_plain_username": "u", "sasl_plain_password": "p"}


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
        self._coordinator = SimpleNamespace(rebalance_in_progress=lambda: False)

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


def folder(code: int = 0, total: int = 1000, usable: int = 900) -> dict[str, Any]:
    """A folder of a broker as Kafka describes it."""
    return {"error_code": code, "log_dir": "/data", "topics": [], "total_bytes": total, "usable_bytes": usable}


def test_a_folder_that_is_offline_or_nearly_full_is_told() -> None:
    offline, full = _folders(2, [folder(), folder(code=56), folder(usable=50), folder(total=-1, usable=-1)], 90)

    assert offline == ["broker 2: /data (KAFKA_STORAGE_ERROR)"]
    assert full == ["broker 2: /data is 95.0 % full, at most 90 % is allowed; 0.0 GB are left"]


def test_a_folder_that_fills_says_how_long_there_is() -> None:
    now, before = folder(total=100 << 30, usable=9 << 30), {(2, "/data"): (9 << 30) + (1 << 20)}

    (told,) = _folders(2, [now], 90, before).full

    assert told.endswith("at most 90 % is allowed; 9.0 GB are left, for 5.1 hours at the rate of the last 2 s")


class Admin:
    """kafka-python's admin client of a cluster with these topics, by name: replicas and min.insync.replicas."""

    def __init__(self, topics: dict[str, tuple[int, int]], *, epochs: Iterator[int] | None = None) -> None:
        self.topics, self.epochs = topics, epochs
        self.asked = 0

    def describe_topics(self, _: Any = None) -> list[dict[str, Any]]:
        epoch = next(self.epochs) if self.epochs else 0
        described = []
        for name, (replicas, _) in self.topics.items():
            partition = {
                "partition_index": 0,
                "leader_id": 1,
                "leader_epoch": epoch,
                "replica_nodes": [*range(replicas)],
            }
            described.append({"name": name, "topic_id": "1", "partitions": [partition]})
        return described

    def describe_configs(self, resources: Any, config_filter: str) -> dict[str, Any]:
        self.asked += len(resources)
        found = {one.name: {"min.insync.replicas": {"value": str(self.topics[one.name][1])}} for one in resources}
        return {"topic": found}

    def describe_metadata_quorum(self) -> Any:
        return {"topics": [{"partitions": [{"leader_epoch": 3}]}]}


def of(admin: Admin, **expect: Any) -> Kafka:
    """A client of that cluster."""
    wanted = {"replication": 3, "min_insync_replicas": 2, **expect}
    kafka = Kafka(Endpoints("kafka", {"bootstrap": "broker:9092"}, expect=wanted))
    kafka._admin = admin
    return kafka


def test_topics_that_are_kept_too_thinly_are_told_by_what_they_lack() -> None:
    topics = {"good": (3, 2), "__consumer_offsets": (1, 2), "careless": (3, 1), "strict": (3, 3), "scratch-1": (1, 1)}

    found = of(Admin(topics), exceptions=[{"match": "scratch-*", "reason": "made anew each day"}]).thin()

    assert found == [
        "1 of 3 replicas: __consumer_offsets",
        "min.insync.replicas 1, not 2: careless",
        "min.insync.replicas 3 of 3 replicas: strict",
    ]


def test_of_many_topics_some_are_asked_and_the_rest_is_counted() -> None:
    admin = Admin({f"topic-{number:03}": (3, 1) for number in range(1000)})

    found = of(admin).thin()

    assert admin.asked == 200
    assert found[0].endswith("topic-004 and 195 more")
    assert found[1] == "and 800 topics whose settings were not asked"


def test_a_topic_that_is_just_made_has_no_replicas_to_count() -> None:
    kafka = described(describe_topics=[{"name": "new", "partitions": []}], describe_configs={})
    kafka.expect |= {"replication": 3, "min_insync_replicas": 2}

    assert kafka.thin() == []


def test_a_fenced_broker_is_not_asked_where_it_is() -> None:
    brokers, asked = [Broker(1, "broker-1:9092", False), Broker(2, "broker-2:9092", True)], list[str]()
    kafka = described()
    kafka.listed = lambda: brokers  # type: ignore[method-assign]
    kafka._ask_each = lambda addresses, **_: asked.extend(addresses) or {}  # type: ignore[method-assign]

    assert kafka.unreachable() == []
    assert asked == ["broker-1:9092"]


@pytest.mark.parametrize(
    ("replicas", "minimum", "found"),
    [
        (3, 2, []),
        (4, 2, []),
        (2, 2, ["2 of 3 replicas: t", "min.insync.replicas 2 of 2 replicas: t"]),
        (3, 1, ["min.insync.replicas 1, not 2: t"]),
        (3, 3, ["min.insync.replicas 3 of 3 replicas: t"]),
        (1, 2, ["1 of 3 replicas: t"]),
    ],
)
def test_how_thinly_a_topic_is_kept_is_told_to_the_replica(replicas: int, minimum: int, found: list[str]) -> None:
    assert of(Admin({"t": (replicas, minimum)})).thin() == found


def a_partition(leader: int = 1, in_sync: tuple[int, ...] = (1, 2, 3), number: int = 0, **more: Any) -> dict[str, Any]:
    """A partition with three replicas, as it is described."""
    told = {"partition_index": number, "leader_id": leader, "replica_nodes": [1, 2, 3], "isr_nodes": [*in_sync]}
    return {**told, **more}


class Described:
    """kafka-python's admin client that answers by the name of the call."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self._answers[name]


def described(**answers: Any) -> Kafka:
    """A client of a cluster that answers so, and whose brokers are all there."""
    wanted = {"brokers": 3, "voters": 3, "voter_lag_seconds": 0, "disk_used_percent": 90}
    kafka = Kafka(Endpoints("kafka", {"bootstrap": "broker:9092"}, expect=wanted))
    kafka._admin = Described(**answers)
    kafka.answers = lambda: "asked"  # type: ignore[method-assign]
    kafka.brokers = lambda: [Broker(n, f"broker-{n}:9092", False) for n in (1, 2, 3)]  # type: ignore[method-assign]
    return kafka


def cause_of(claim: Any) -> str:
    """The cause of a claim that is not so; empty where it is."""
    try:
        claim()
    except Wrong as wrong:
        return wrong.signature.removeprefix("kafka.")
    return ""


@pytest.mark.parametrize(
    ("partition", "minimum", "adding", "cause"),
    [
        (a_partition(), 2, (), ""),
        (a_partition(leader=0), 2, (), ""),  # a broker may have the id 0
        (a_partition(leader=-1), 2, (), "partition_offline"),
        (a_partition(in_sync=(1, 2)), 2, (), "partition_under_replicated"),
        (a_partition(in_sync=(1,)), 2, (), "partition_under_min_isr"),
        (a_partition(in_sync=(1, 2)), 3, (), "partition_under_min_isr"),
        (a_partition(), 4, (), ""),  # it needs all that there are, and has them
        (a_partition(in_sync=(1, 2)), 2, (3,), ""),
        (a_partition(in_sync=(1,)), 1, (3,), "partition_under_replicated"),
    ],
)
def test_a_partition_that_is_not_whole_is_told_by_what_it_lacks(
    partition: dict[str, Any], minimum: int, adding: tuple[int, ...], cause: str
) -> None:
    kafka = described(
        describe_topics=[
            {"name": "orders", "partitions": [a_partition(number=7), {**partition, "partition_index": 3}]}
        ],
        describe_configs={"topic": {"orders": {"min.insync.replicas": {"value": str(minimum)}}}},
        list_partition_reassignments={TopicPartition("orders", 3): {"adding_replicas": list(adding)}},
    )

    assert cause_of(kafka.has_whole_partitions) == cause


def voters(leader: int, *caught_up: int) -> dict[str, Any]:
    """A quorum of voters with ids from 0 on that had caught up at these times."""
    seen = [{"replica_id": n, "last_caught_up_timestamp": at} for n, at in enumerate(caught_up)]
    return {"topics": [{"partitions": [{"leader_id": leader, "current_voters": seen}]}]}


@pytest.mark.parametrize(
    ("quorum", "cause"),
    [
        (voters(0, 100, 100, 100), ""),
        (voters(-1, 100, 100, 100), "quorum_without_leader"),
        (voters(0, 100, 100), "voter_missing"),
        (voters(0, 100, 100, 100, 100), "voter_missing"),
        (voters(0, 100, 100, 99), "voter_behind"),
    ],
)
def test_a_quorum_has_a_leader_and_voters_that_keep_up(quorum: dict[str, Any], cause: str) -> None:
    assert cause_of(described(describe_metadata_quorum=quorum).has_its_quorum) == cause


def test_as_many_brokers_as_expected_are_there() -> None:
    kafka = described()

    assert cause_of(kafka.has_its_brokers) == ""
    kafka.brokers = lambda: [Broker(1, "broker-1:9092", False)]  # type: ignore[method-assign]
    assert cause_of(kafka.has_its_brokers) == "broker_missing"


def test_an_internal_topic_counts_by_its_thinnest_partition_else_by_what_is_planned() -> None:
    planned = {"offsets.topic.replication.factor": {"value": "3"}}
    planned |= {"transaction.state.log.replication.factor": {"value": "2"}}
    offsets = {"name": "__consumer_offsets", "is_internal": True}
    offsets["partitions"] = [a_partition(), a_partition(replica_nodes=[1])]
    others = [{"name": "orders", "is_internal": False, "partitions": [a_partition()]}]
    others += [{"name": "__share_group_state", "is_internal": True, "partitions": []}]
    kafka = described(describe_configs={"broker": {"1": planned}}, describe_topics=[offsets, *others])
    kafka._nearest = lambda: 1  # type: ignore[method-assign]

    assert kafka.internal_replication() == {"__consumer_offsets": 1, "__transaction_state": 2}


@pytest.mark.parametrize(
    ("policy", "internal", "found"),
    [
        ("compact", True, []),
        ("compact,delete", True, []),
        ("delete", True, ["__consumer_offsets: delete"]),
        ("delete", False, []),
    ],
)
def test_an_internal_topic_that_forgets_is_told(policy: str, internal: bool, found: list[str]) -> None:
    settings = {"topic": {"__consumer_offsets": {"cleanup.policy": {"value": policy}}}} if internal else {}
    kafka = described(
        describe_topics=[{"name": "__consumer_offsets", "is_internal": internal}], describe_configs=settings
    )

    assert kafka.uncompacted() == found


@pytest.mark.parametrize(("retention", "hours"), [(-1, float("inf")), (0, 0.0), (5_400_000, 1.5)])
def test_retention_is_told_in_hours(retention: int, hours: float) -> None:
    settings = {"topic": {"t": {"retention.ms": {"value": str(retention)}}}}

    assert described(describe_configs=settings).retention_hours("t") == hours


def test_replicas_that_lie_offline_count_on_brokers_that_live() -> None:
    brokers = [{"broker_id": 1, "host": "b", "port": 1}, {"broker_id": 2, "host": "b", "port": 2, "is_fenced": True}]
    partition = a_partition(number=4, offline_replicas=[1, 2])
    kafka = described(
        describe_cluster={"brokers": brokers},
        describe_topics=[{"name": "orders", "partitions": [partition, a_partition(number=5)]}],
        describe_log_dirs=[{"broker": 1, "log_dirs": [folder()]}],
    )

    assert kafka.log_dirs() == Folders(["on broker 1: orders-4"], [])


@pytest.mark.parametrize(("usable", "full"), [(101, False), (100, False), (99, True), (0, True)])
def test_a_folder_is_nearly_full_above_what_is_allowed(usable: int, full: bool) -> None:
    assert bool(_folders(1, [folder(usable=usable)], 90).full) is full


@pytest.mark.parametrize(("epochs", "found"), [([4, 4], 0), ([4, 5], 0), ([4, 6], 1)])
def test_one_election_is_none_in_series(epochs: list[int], found: int) -> None:
    assert len(of(Admin({"orders": (3, 2)}, epochs=iter(epochs))).elections(0.001)) == found


class Measured:
    """A producer or consumer that was told of such delays."""

    def __init__(self, most: float) -> None:
        self.most = most

    def metrics(self) -> dict[str, dict[str, float]]:
        return {"producer-metrics": {"throttle-time-max": self.most}, "count": {"count": 1.0}}


def test_who_is_throttled_is_told_with_the_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = of(Admin({}))
    monkeypatch.setattr(kafka, "quotas", lambda: ["every user: producer_byte_rate 1000"])

    kafka._unthrottled(Measured(0.0))
    kafka._unthrottled(SimpleNamespace(metrics=dict))
    with pytest.raises(Unavailable, match="1 ms by a quota"):
        kafka._unthrottled(Measured(1.0))
    with pytest.raises(Unavailable, match="10128 ms by a quota: every user: producer_byte_rate 1000") as held:
        kafka._unthrottled(Measured(10128.0))

    assert held.value.signature == "kafka.throttled"


def test_who_is_throttled_by_what_it_may_not_see_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = of(Admin({}))

    def forbidden() -> list[str]:
        raise Forbidden("kafka", "DescribeConfigs of the cluster")

    monkeypatch.setattr(kafka, "quotas", forbidden)

    with pytest.raises(Unavailable, match="may not see"):
        kafka._unthrottled(Measured(500.0))


NOT_RESOLVED = Unresolved("kafka", "broker-2: name unknown")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (object(), []),
        (Refused("kafka", "111 ECONNREFUSED"), ["broker 2 advertises broker-2:9092: connection_refused"]),
        (Cut("kafka", "cut"), ["broker 2 advertises broker-2:9092: connection_cut"]),
        (TimedOut("kafka", "no answer"), ["broker 2 advertises broker-2:9092: timed_out"]),
        (NOT_RESOLVED, NOT_RESOLVED),
        (Untrusted("kafka", "another name"), Untrusted("kafka", "another name")),
    ],
    ids=["it answers", "nothing listens", "it is cut", "it is dropped", "its name is unknown", "it is another's"],
)
def test_an_address_that_is_advertised_answers_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, answer: object, told: list[str] | ClientError
) -> None:
    brokers = [Broker(1, "broker-1:9092", False), Broker(2, "broker-2:9092", False), Broker(3, "gone:9092", True)]
    monkeypatch.setattr(Kafka, "listed", lambda _: brokers)
    monkeypatch.setattr(Kafka, "_ask_each", lambda *_, **__: {"broker-1:9092": object(), "broker-2:9092": answer})
    seen: object
    try:
        seen = of(Admin({})).unreachable()
    except ClientError as error:
        seen = error

    assert (seen if isinstance(told, list) else type(seen)) == (told if isinstance(told, list) else type(told))


def test_an_address_that_nobody_resolves_is_why_work_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kafka, "listed", lambda _: [Broker(2, "broker-2:9092", False)])
    monkeypatch.setattr(Kafka, "_ask_each", lambda *_, **__: {"broker-2:9092": NOT_RESOLVED})

    found = of(Admin({})).why(TimedOut("kafka", "20 s"))

    assert found is not None
    assert (found.signature, str(found)) == (
        "kafka.advertised_unreachable",
        "broker 2 advertises broker-2:9092: name_unresolved",
    )


def reason(kafka: Kafka, error: ClientError) -> tuple[str, str]:
    """What Kafka says of an error: the signature, and the words."""
    found = kafka.why(error)
    return (found.signature, str(found)) if found else ("", "")


@pytest.mark.parametrize(
    ("silent", "partition", "quotas", "signature", "text"),
    [
        (["broker 2 advertises nowhere:9"], {}, [], "kafka.advertised_unreachable", "broker 2 advertises nowhere:9"),
        ([], {"leader": -1}, [], "kafka.partition_offline", "orders-0 (leader -1"),
        ([], {"in_sync": frozenset({1})}, [], "kafka.partition_under_min_isr", "in sync [1] of [1, 2, 3]"),
        ([], {"in_sync": frozenset({1, 2})}, [], "kafka.operation_hangs", "led and in sync"),
        ([], {"leader": 0}, [], "kafka.operation_hangs", "led and in sync"),
        ([], {}, ["every user: producer_byte_rate 1000"], "kafka.operation_hangs", "producer_byte_rate 1000"),
    ],
)
@pytest.mark.parametrize("kind", [TimedOut, Refused])
def test_work_that_ends_in_nothing_is_told_with_what_stands_in_its_way(
    kind: type[ClientError],
    silent: list[str],
    partition: dict[str, Any],
    quotas: list[str],
    signature: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    every = frozenset({1, 2, 3})
    whole = Partition("orders", 0, 1, every, every, 2)
    monkeypatch.setattr(Kafka, "unreachable", lambda _, **__: silent)
    monkeypatch.setattr(Kafka, "_partitions", lambda _, topics: asked.append(topics) or [whole._replace(**partition)])
    monkeypatch.setattr(Kafka, "log_dirs", lambda _: Folders([], []))
    monkeypatch.setattr(Kafka, "quotas", lambda _: quotas)
    kafka = of(Admin({}))

    with pytest.raises(kind) as hung, kafka._working("orders"):
        raise kind("kafka", "20 s")
    found = reason(kafka, hung.value)

    assert found[0] == signature
    assert text in found[1]
    assert asked == ([] if silent else [["orders"]])


@pytest.mark.parametrize(
    "error",
    [
        Throttled("kafka", "for 500 ms", kind="throttled"),
        Unavailable("kafka", "too large", kind="record_refused"),
        ServerError("kafka", "UNKNOWN_SERVER_ERROR", code="UNKNOWN_SERVER_ERROR"),
        TimedOut("mlflow", "20 s"),
    ],
)
def test_what_says_its_own_cause_or_is_another_component_s_is_asked_nothing(error: ClientError) -> None:
    assert reason(of(Admin({})), error) == ("", "")


def test_a_group_that_does_not_come_about_is_told_with_its_coordinator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kafka, "_coordinator_trouble", lambda *_: "topic __consumer_offsets does not exist")
    kafka = of(Admin({}))

    with pytest.raises(TimedOut, match="a balanced group") as kept, kafka._in_group("g"):
        raise NotReady("a balanced group", 20, 79, [])
    signature, text = reason(kafka, kept.value)

    assert signature == "kafka.group_coordinator_missing"
    assert "__consumer_offsets does not exist" in text


@pytest.mark.parametrize(
    ("state", "text", "signature"),
    [
        (
            {"group_state": "PreparingRebalance", "members": [1, 2]},
            "PreparingRebalance with 2 members",
            "group_unbalanced",
        ),
        ({"group_state": "Dead", "members": []}, "Dead with 0 members .* max.message.bytes=64$", "group_not_kept"),
    ],
)
def test_a_group_with_a_coordinator_is_told_with_its_state(
    monkeypatch: pytest.MonkeyPatch, state: Any, text: str, signature: str
) -> None:
    monkeypatch.setattr(Kafka, "answers", lambda _: "broker:9092 serves cluster x")
    monkeypatch.setattr(Kafka, "_coordinator_trouble", lambda *_: "")
    own = {"value": "64", "config_source": "DYNAMIC_TOPIC_CONFIG"}
    settings = {"max.message.bytes": own, "retention.ms": {"value": "1", "config_source": "DEFAULT_CONFIG"}}
    admin = SimpleNamespace(
        describe_groups=lambda _: {"g": state},
        describe_configs=lambda *_, **__: {"topic": {"__consumer_offsets": settings}},
        close=lambda: None,
    )
    monkeypatch.setattr(Kafka, "_admin", admin, raising=False)
    kafka = Kafka(Endpoints("kafka", {"bootstrap": "broker:9092"}))

    with pytest.raises(TimedOut) as kept, kafka._in_group("g"):
        raise NotReady("a balanced group", 20, 79, [])
    found = reason(kafka, kept.value)

    assert found[0] == f"kafka.{signature}"
    assert re.search(text, found[1])


def test_a_group_that_nobody_is_given_a_share_of_is_not_balanced() -> None:
    class Idle(Held):
        def assignment(self) -> set[TopicPartition]:
            return set()

    with pytest.raises(NotReady, match="a member of the group is given a partition"):
        Members([Idle([], [])], 0.2).balance(1)


def test_a_member_that_forgot_that_it_joins_is_asked_to_join_again() -> None:
    class Forgetful(Held):
        """As kafka-python 3.0.12 was seen: rebalancing for good, until it is asked to join again."""

        def __init__(self) -> None:
            super().__init__([], [])
            self.asked = False
            self._coordinator = SimpleNamespace(rebalance_in_progress=lambda: not self.asked, request_rejoin=self.join)

        def join(self) -> None:
            self.asked = True

        def assignment(self) -> set[TopicPartition]:
            return {PLACE} if self.asked else set()

    members = Members([Forgetful()], 5)

    members.balance(1)

    assert members.shares == [1]


@pytest.mark.parametrize(
    ("error", "status", "meaning", "signature"),
    [
        (Denied("kafka", "no"), "invalid_token", Denied, "kafka.token_refused"),
        (Denied("kafka", "no"), "", Denied, "kafka.token_refused"),
        (Denied("kafka", "no"), "insufficient_scope", Forbidden, "kafka.right_missing"),
        (CutOff("kafka", "cut"), "", CutOff, "kafka.credentials_refused"),
        (CutOff("kafka", "cut"), "invalid_token", Denied, "kafka.token_refused"),
        (Refused("kafka", "gone"), "", Refused, "kafka.connection_refused"),
    ],
)
def test_what_a_broker_says_of_a_token_is_the_cause(
    error: ClientError, status: str, meaning: type, signature: str
) -> None:
    bearer = kafka_client.Bearer(Endpoints("kafka", {"auth": "oauth"}, {"token": Secret("an-opaque-token")}))
    bearer.token()
    bearer.status = status

    judged = bearer.judged(error)

    assert (type(judged), judged.signature) == (meaning, signature)


def test_what_is_told_beside_the_token_is_text() -> None:
    there = {"auth": "oauth", "extensions": {"logicalCluster": "lkc-1", "pool": 7}}

    told = kafka_client.Bearer(Endpoints("kafka", there, {"token": Secret("an-opaque-token")})).extensions()

    assert told == {"logicalCluster": "lkc-1", "pool": "7"}


def test_a_refusal_before_any_token_was_shown_is_no_tokens_fault() -> None:
    bearer = kafka_client.Bearer(Endpoints("kafka", {"auth": "oauth"}, {"token": Secret("an-opaque-token")}))

    assert bearer.judged(Denied("kafka", "no such mechanism")).signature == "kafka.credentials_refused"
