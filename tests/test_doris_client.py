"""Every check of Doris, green and red before an emulator of it: outcome and cause of each fault.

What only an emulator showed (``tests/emulators/doris``) is not called working on Doris.
"""

from __future__ import annotations

import itertools
import runpy
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mysql_mimic")

from api_server import cluster
from attaching import attached
from emulators.doris import Cluster, Refusal, running
from emulators.doris.cluster import FRONTENDS_1, HEALTH, STATUS, VERSION, a_frontend

from fixtures.doris import CODES, Doris, Routine
from fixtures.kafka import Record
from gonogo.catalog.registry import Registry
from gonogo.checks.journal import Journal, RunScope, run_of
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, ServerError, Wrong, ending
from gonogo.core.outcomes import Mode, Outcome

ROOT = Path(__file__).parent.parent
RUN = "pv-20261123093010-0a1b2c"
REGISTRY = Registry.load(ROOT)
EXPECT = {
    **REGISTRY.components["doris"].expect,
    "tablets_seconds": 0,
    "visible_seconds": 0,
    "query_seconds": 60,
}
SUITE = runpy.run_path(str(ROOT / "suites/doris/test_doris.py"))
CHECKS: dict[str, Callable[[Doris], None]] = {
    mark.args[0]: one
    for name, one in SUITE.items()
    if name.startswith("test_")
    for mark in one.pytestmark
    if mark.name == "criterion"
}
EMULATED = [one for one in CHECKS if one not in ("doris.storage", "doris.routine_load")]
"""Criteria that Doris alone is asked; of the others one is asked of the cluster, one of Kafka too."""
READS = [one for one in EMULATED if not any(mark.name == "writes" for mark in CHECKS[one].pytestmark)]


@contextmanager
def doris(cluster: Cluster, tmp_path: Path, *, mode: Mode = Mode.WRITE, **more: Any) -> Iterator[Doris]:
    """A client of this cluster; ``more`` are other endpoint keys, or ``expect``."""
    expect = {**EXPECT, **more.pop("expect", {})}
    password = Secret(str(more.pop("password", "right")))
    timeouts = more.pop("timeouts", Timeouts(connect=20, check=20))
    scope = RunScope(RUN, mode, "doris", Journal(tmp_path / "journal.jsonl"), itertools.count(1))
    with running(cluster) as at:
        addresses = {**at, "username": "gonogo", **more}
        ends = Endpoints("doris", addresses, {"password": password}, expect, timeouts, scope=scope)
        with closing(Doris(ends)) as client:
            yield client


def met(criterion: str, client: Doris) -> tuple[Outcome, str]:
    """Outcome and cause of a check."""
    return met_by(lambda: CHECKS[criterion](client))


def met_by(asked: Callable[[], None]) -> tuple[Outcome, str]:
    """Outcome and cause of what is asked."""
    try:
        asked()
    except (ClientError, Wrong) as error:
        return ending(error).outcome, error.signature
    return Outcome.PASSED, ""


# -- green


@pytest.mark.parametrize("criterion", EMULATED)
def test_a_cluster_that_is_well_is_green(criterion: str, tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path) as client:
        assert met(criterion, client) == (Outcome.PASSED, "")


OTHERS: dict[str, Callable[[], Cluster]] = {
    "three frontends": lambda: Cluster(
        frontends=[a_frontend("fe-0", master=True), a_frontend("fe-1", master=False), a_frontend("fe-2", master=False)]
    ),
    "before 2.0": lambda: Cluster(
        frontends=[{**a_frontend("fe-0", master=True), "IP": "10.0.0.1", "HostName": "fe-0"}],
        columns=FRONTENDS_1,
        admin_only=True,
        comment="Doris version 1.2.8-rc01-Unknown",
    ),
    "balancing": lambda: Cluster(health={"RedundantNum": 1, "ReplicaRelocatingNum": 2, "CloningNum": 2}),
}


def test_a_table_has_as_many_replicas_as_there_are_backends(tmp_path: Path) -> None:
    cluster = Cluster()

    with doris(cluster, tmp_path) as client, client.table() as table:
        table.insert()

        assert table.replicas() == {"backend 10003": "OK", "backend 10004": "OK"}


@pytest.mark.parametrize("criterion", EMULATED)
@pytest.mark.parametrize("cluster", OTHERS.values(), ids=OTHERS)
def test_another_version_and_what_moves_are_no_fault(
    cluster: Callable[[], Cluster], criterion: str, tmp_path: Path
) -> None:
    with doris(cluster(), tmp_path) as client:
        assert met(criterion, client) == (Outcome.PASSED, "")


def test_what_is_only_read_changes_nothing(tmp_path: Path) -> None:
    cluster = Cluster()

    with doris(cluster, tmp_path, mode=Mode.READ) as client:
        met_all = {criterion: met(criterion, client)[0] for criterion in READS}

    assert {*met_all.values()} == {Outcome.PASSED}
    assert {one.split()[0] for one in cluster.asked} <= {"SELECT", "SHOW", "SET"}
    assert len(cluster.asked) > len(READS)


def test_what_was_made_is_taken_away_also_where_a_check_failed(tmp_path: Path) -> None:
    cluster = Cluster(kept=False)

    with doris(cluster, tmp_path) as client:
        outcome, _ = met("doris.roundtrip", client)
        left = [*client.leftovers()]

    assert outcome is Outcome.FAILED
    assert left == []
    assert "pv_20261123093010_0a1b2c_1" in " ".join(cluster.asked)


def test_tables_are_made_in_the_database_that_the_target_names(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.databases.append("validation")

    with doris(cluster, tmp_path, database="validation") as client:
        outcomes = [met(one, client) for one in ("doris.roundtrip", "doris.stream_load", "doris.delete")]

    assert outcomes == [(Outcome.PASSED, "")] * 3
    assert not any("DATABASE `" in one for one in cluster.asked)
    assert cluster.tables["validation"] == []


def test_leftovers_of_earlier_runs_are_found_and_removed(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.databases += ["pv_20261101000000_ffffff_1", "pv_notes", "validation"]
    cluster.tables["validation"] = ["pv_20261101000000_eeeeee_2", "orders"]

    with doris(cluster, tmp_path, database="validation") as client:
        left = [*client.leftovers()]
        for one in left:
            client.remove(one.kind, one.name)

        assert [run_of(one.name) for one in left] == ["pv-20261101000000-ffffff", "pv-20261101000000-eeeeee"]
        assert [*client.leftovers()] == []
    assert "pv_notes" in cluster.databases
    assert cluster.tables["validation"] == ["orders"]


def test_a_backend_that_is_down_has_no_disk_to_judge_and_no_version(tmp_path: Path) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        backend(Alive="false", MaxDiskUsedPct="99.00 %", Version="doris-2.1.7-rc01")(cluster)

        assert met("doris.disks", client) == (Outcome.PASSED, "")
        assert met("doris.versions", client) == (Outcome.PASSED, "")


# -- red


def frontend(**told: str) -> Callable[[Cluster], None]:
    """A second frontend, which says this."""

    def fault(cluster: Cluster) -> None:
        cluster.frontends.append({**a_frontend("fe-1", master=False), **told})

    return fault


def backend(**told: str) -> Callable[[Cluster], None]:
    """The second backend says this."""
    return lambda cluster: cluster.backends[1].update(told)


def unlike(**said: Any) -> Callable[[Cluster], None]:
    """The cluster is otherwise."""

    def fault(cluster: Cluster) -> None:
        for name, value in said.items():
            setattr(cluster, name, value)

    return fault


def refuses(statement: str, code: int, text: str = "…") -> Callable[[Cluster], None]:
    """A statement that begins so is refused."""
    return lambda cluster: cluster.refusals.update({statement: Refusal(code, text)})


def paused(cluster: Cluster) -> None:
    """A routine load stands still."""
    cluster.databases.append("platform")
    job = {"Name": "orders", "DbName": "platform", "State": "PAUSED"}
    cluster.routine.append(
        {**job, "ReasonOfStateChanged": "ErrorReason{code=errCode = 102, msg='too many error rows'}"}
    )


SILENT = STATUS % "2026-11-23 09:00:00"
NEVER = STATUS % "N/A"
OFF = (STATUS % "2026-11-23 09:29:51").replace('isLoadDisabled":false', 'isLoadDisabled":true')
FAILED, BROKEN = Outcome.FAILED, Outcome.BROKEN

RED: list[tuple[str, Callable[[Cluster], None], Outcome, str]] = [
    ("frontends", lambda c: c.frontends[0].update(IsMaster="false"), FAILED, "no_master"),
    ("frontends", frontend(IsMaster="true"), FAILED, "several_masters"),
    ("frontends", frontend(Alive="false", ErrMsg="got exception"), FAILED, "frontend_down"),
    ("frontends", frontend(Join="false"), FAILED, "frontend_not_joined"),
    ("frontends", refuses("SHOW FRONTENDS", 1227), BROKEN, "right_missing"),
    ("frontends", refuses("SHOW FRONTENDS", 1064), FAILED, "server_error"),
    ("backends", backend(Alive="false", ErrMsg="connection refused, port 9050"), FAILED, "backend_down"),
    ("backends", backend(Status=SILENT), FAILED, "backend_silent"),
    ("backends", backend(Status=NEVER), FAILED, "backend_silent"),
    ("backends", backend(Status=OFF), FAILED, "backend_disabled"),
    ("backends", backend(TotalCapacity="1.000 B"), FAILED, "backend_without_disk"),
    ("backends", backend(TotalCapacity="0.000 "), FAILED, "backend_without_disk"),
    ("backends", backend(SystemDecommissioned="true"), FAILED, "backend_missing"),
    ("backends", lambda c: c.backends.pop(), FAILED, "backend_missing"),
    ("backends", backend(Status="gone"), BROKEN, "version_unknown"),
    ("backends", refuses("SHOW BACKENDS", 1227), BROKEN, "right_missing"),
    ("tablets", unlike(health={"UnrecoverableNum": 1}), FAILED, "tablets_lost"),
    ("tablets", unlike(health={"ReplicaMissingNum": 3}), FAILED, "tablets_unhealthy"),
    ("tablets", unlike(health={"VersionIncompleteNum": 1}), FAILED, "tablets_unhealthy"),
    ("roundtrip", unlike(kept=False), FAILED, "rows_lost"),
    ("roundtrip", unlike(replica_status="VERSION_ERROR"), FAILED, "replica_bad"),
    ("roundtrip", unlike(drops=False), FAILED, "left_behind"),
    ("roundtrip", refuses("CREATE DATABASE", 1044), BROKEN, "right_missing"),
    ("roundtrip", refuses("INSERT", 1105, "errCode = 2, detailMessage = …"), FAILED, "server_error"),
    ("answers", refuses("SELECT CURRENT_USER()", 1040), FAILED, "connections_exhausted"),
    ("answers", refuses("SELECT CURRENT_USER()", 1053), FAILED, "shutting_down"),
    ("versions", backend(Version="doris-2.1.7-rc01"), FAILED, "versions_differ"),
    ("disks", backend(MaxDiskUsedPct="85.36 %"), FAILED, "disk_full"),
    ("disks", backend(MaxDiskUsedPct="90.155756416551881"), FAILED, "disk_full"),
    ("disks", lambda c: c.backends[0].update(MaxDiskUsedPct="99.00 %"), FAILED, "disk_full"),  # another on its host
    ("disks", backend(MaxDiskUsedPct="much"), BROKEN, "version_unknown"),
    ("http", backend(Alive="false"), FAILED, "backends_offline"),
    ("authentication", unlike(empty=("root",)), FAILED, "password_empty"),
    ("authentication", unlike(empty=("admin",)), FAILED, "password_empty"),
    ("query", unlike(answers={"SELECT COUNT(*), SUM(number)": ([[7, 21]], ["a", "b"])}), FAILED, "wrong_sum"),
    ("query", refuses("SELECT COUNT(*), SUM(number)", 1105), FAILED, "server_error"),
    ("compaction", unlike(health={"ReplicaCompactionTooSlowNum": 2}), FAILED, "compaction_behind"),
    ("routine_loads", paused, FAILED, "routine_load_paused"),
    ("stream_load", unlike(loads={"Status": "Fail", "Message": "too many filtered rows"}), FAILED, "load_failed"),
    ("stream_load", unlike(loads={"Status": "Label Already Exists"}), FAILED, "load_failed"),
    ("stream_load", unlike(loads={"NumberLoadedRows": 1}), FAILED, "load_incomplete"),
    ("stream_load", unlike(led_to="login.example:443"), BROKEN, "load_led_elsewhere"),
    ("delete", unlike(deletes=False), FAILED, "not_deleted"),
]


@pytest.mark.parametrize(
    ("criterion", "fault", "outcome", "cause"), RED, ids=[f"{one[0]}-{one[3]}-{n}" for n, one in enumerate(RED)]
)
def test_a_fault_is_seen_and_blamed(
    criterion: str, fault: Callable[[Cluster], None], outcome: Outcome, cause: str, tmp_path: Path
) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        fault(cluster)

        assert met(f"doris.{criterion}", client) == (outcome, f"doris.{cause}")


def test_a_query_that_takes_too_long_is_red(tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path, expect={"query_seconds": 0}) as client:
        assert met("doris.query", client) == (FAILED, "doris.query_slow")


def test_fewer_frontends_than_expected_are_red(tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path, expect={"frontends": 3}) as client:
        assert met("doris.frontends", client) == (FAILED, "doris.frontend_missing")


def test_every_check_of_doris_was_seen_red(tmp_path: Path) -> None:
    assert {f"doris.{one[0]}" for one in RED if one[2] is FAILED} == {*EMULATED}


def several(*faults: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    """Several faults at once."""

    def fault(cluster: Cluster) -> None:
        for one in faults:
            one(cluster)

    return fault


@pytest.mark.parametrize(
    ("criterion", "fault", "cause"),
    [
        ("frontends", lambda c: c.frontends[0].update(Alive="false"), "no_master"),
        ("frontends", several(frontend(IsMaster="true"), frontend(Alive="false")), "several_masters"),
        ("frontends", several(frontend(Join="false"), frontend(Alive="false")), "frontend_not_joined"),
        ("backends", several(lambda c: c.backends[0].update(Status=OFF), backend(Alive="false")), "backend_down"),
        ("tablets", unlike(health={"ReplicaMissingNum": 3, "UnrecoverableNum": 1}), "tablets_lost"),
    ],
)
def test_of_several_faults_the_root_is_blamed(
    criterion: str, fault: Callable[[Cluster], None], cause: str, tmp_path: Path
) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path, expect={"frontends": 2, "backends": 2}) as client:
        fault(cluster)

        assert met(f"doris.{criterion}", client) == (FAILED, f"doris.{cause}")


@pytest.mark.parametrize(
    ("criterion", "just", "beyond", "cause"),
    [
        ("backends", {"Status": STATUS % "2026-11-23 09:25:10"}, {"Status": STATUS % "2026-11-23 09:25:09"}, "silent"),
        ("backends", {"TotalCapacity": "2.000 B"}, {"TotalCapacity": "1.000 B"}, "without_disk"),
    ],
)
def test_a_limit_is_right_to_the_unit(
    criterion: str, just: dict[str, str], beyond: dict[str, str], cause: str, tmp_path: Path
) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path, expect={"report_seconds": 300}) as client:
        backend(**just)(cluster)
        assert met(f"doris.{criterion}", client) == (Outcome.PASSED, "")
    cluster = Cluster()
    with doris(cluster, tmp_path, expect={"report_seconds": 300}) as client:
        backend(**beyond)(cluster)
        assert met(f"doris.{criterion}", client) == (FAILED, f"doris.backend_{cause}")


@pytest.mark.parametrize(
    ("numbers", "outcome", "cause"),
    [
        ((1040, 1203, 1226), FAILED, "connections_exhausted"),
        ((1045,), BROKEN, "credentials_refused"),
        ((1044, 1142, 1143, 1221, 1222, 1223, 1224, 1225, 1227), BROKEN, "right_missing"),
        ((1049,), FAILED, "database_missing"),
        ((1053,), FAILED, "shutting_down"),
        ((1039, 1041, 1046, 1054, 1105, 1202, 1204, 1228, 1999, 3000), FAILED, "server_error"),
        ((2000, 2999), BROKEN, "answer_garbled"),
    ],
)
def test_each_number_of_an_error_has_its_cause(
    numbers: tuple[int, ...], outcome: Outcome, cause: str, tmp_path: Path
) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        for number in numbers:
            refuses("SELECT CURRENT_USER()", number)(cluster)

            assert (number, *met("doris.answers", client)) == (number, outcome, f"doris.{cause}")


@pytest.mark.parametrize("rows", [[], [["gonogo"]], [["gonogo", "3.0"], ["gonogo", "3.0"]]])
def test_who_we_are_is_one_row_of_two(rows: list[list[str]], tmp_path: Path) -> None:
    cluster = Cluster(answers={"SELECT CURRENT_USER()": (rows, ["a", "b"][: len(rows[0]) if rows else 2])})
    with doris(cluster, tmp_path) as client:
        assert met("doris.answers", client) == (BROKEN, "doris.answer_garbled")


@pytest.mark.parametrize("keys", [("http",), ("http", "backend")])
def test_one_service_for_all_keys_says_nothing_of_http(keys: tuple[str, ...], tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path) as client:
        ends = client.endpoints
        same = dict.fromkeys(keys, f"http://{ends['host']}:{ends['port']}")
        with closing(Doris(replace(ends, addresses={**ends.addresses, **same}))) as other:
            seen = {one: met(one, other) for one in ("doris.http", "doris.stream_load", "doris.roundtrip")}

    told = (Outcome.MISSING, "doris.not_configured")
    assert seen == {"doris.http": told, "doris.stream_load": told, "doris.roundtrip": (Outcome.PASSED, "")}


def test_the_end_of_a_forward_is_no_address_to_guess_another_port_of(tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path) as client:
        addresses = {key: value for key, value in client.endpoints.addresses.items() if key != "http"}
        ends = replace(client.endpoints, addresses=addresses, transport="port-forward")
        with closing(Doris(ends)) as other:
            assert met("doris.http", other) == (Outcome.MISSING, "doris.not_configured")


def test_a_load_that_runs_is_no_fault(tmp_path: Path) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        paused(cluster)
        cluster.routine[0].update(State="RUNNING")

        assert met("doris.routine_loads", client) == (Outcome.PASSED, "")


def test_the_sum_of_all_databases_counts_not_the_first_one(tmp_path: Path) -> None:
    rows = [[{"TabletNum": 7}.get(name, 0) for name in HEALTH] for _ in range(2)]
    rows[0][0], rows[1][0] = "10002", "Total"
    rows[0][HEALTH.index("UnrecoverableNum")] = 1
    answers: dict[str, Any] = {"SHOW PROC '/cluster_health/tablet_health'": (rows, list(HEALTH))}
    with doris(Cluster(answers=answers), tmp_path) as client:
        assert met("doris.tablets", client) == (Outcome.PASSED, "")


def test_without_the_sum_nothing_is_claimed(tmp_path: Path) -> None:
    row: list[Any] = ["10002", *(0 for _ in HEALTH[1:])]
    answers: dict[str, Any] = {"SHOW PROC '/cluster_health/tablet_health'": ([row], list(HEALTH))}
    with doris(Cluster(answers=answers), tmp_path) as client:
        assert met("doris.tablets", client) == (BROKEN, "doris.answer_garbled")


def test_a_paused_load_that_is_excepted_is_no_fault(tmp_path: Path) -> None:
    excepted = [{"match": "platform.ord*", "reason": "until Monday"}]
    cluster = Cluster()
    with doris(cluster, tmp_path, expect={"exceptions": excepted}) as client:
        paused(cluster)

        assert met("doris.routine_loads", client) == (Outcome.PASSED, "")


def test_credentials_that_are_refused_are_not_the_platforms_fault(tmp_path: Path) -> None:
    with doris(Cluster(), tmp_path, password="wrong") as client:
        seen = {one: met(one, client) for one in ("doris.answers", "doris.backends", "doris.roundtrip")}

    assert {*seen.values()} == {(BROKEN, "doris.credentials_refused")}


def test_a_load_is_blamed_on_the_backend_that_is_down(tmp_path: Path) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        for one in cluster.backends:
            one["Alive"] = "false"
        with pytest.raises(ServerError) as raised:
            CHECKS["doris.roundtrip"](client)

        reason = client.why(raised.value)

    assert reason is not None
    assert (ending(reason).outcome, reason.signature) == (FAILED, "doris.backend_down")
    assert reason.facts == {"node": "127.0.0.1:9050"}


def test_rows_of_a_load_that_is_published_later_are_waited_for(tmp_path: Path) -> None:
    with doris(Cluster(loads={"Status": "Publish Timeout"}), tmp_path) as client:
        assert met("doris.stream_load", client) == (Outcome.PASSED, "")


def test_settled_says_what_is_not_so_of_what_only_reads(tmp_path: Path) -> None:
    cluster = Cluster()
    with doris(cluster, tmp_path) as client:
        client.settled()
        backend(Alive="false")(cluster)
    with doris(Cluster(backends=cluster.backends), tmp_path) as client, pytest.raises(Wrong) as raised:
        client.settled()

    assert raised.value.signature == "doris.backend_down"


def test_version_and_identity_are_the_masters(tmp_path: Path) -> None:
    follower = {**a_frontend("fe-1", master=False), "Version": "doris-2.1.7-rc01"}
    with doris(Cluster(frontends=[follower, a_frontend("fe-0", master=True)]), tmp_path) as client:
        assert client.version() == VERSION
        assert client.identity() == "1143012034"


def test_every_number_of_an_error_comes_to_a_cause_with_a_hint() -> None:
    kinds = {kind for _, kind in CODES.values() if kind}

    assert kinds <= {*REGISTRY.components["doris"].signatures}


# -- from a topic


class Topics:
    """What stands in for a client of Kafka: records go to the emulated backends' own."""

    def __init__(self, cluster: Cluster, **security: str) -> None:
        self._cluster = cluster
        self.endpoints = Endpoints("kafka", {"bootstrap": "kafka:9092", "security": security})

    @contextmanager
    def topic(self) -> Iterator[str]:
        """A topic of its own."""
        yield "pv-topic"

    def produce(self, topic: str, records: list[Record]) -> None:
        """Keep the records."""
        self._cluster.topics[topic] = [one.value.decode() for one in records]


def carried(cluster: Cluster, tmp_path: Path, **security: str) -> tuple[Outcome, str]:
    """Outcome and cause of a routine load."""
    check: Any = CHECKS["doris.routine_load"]
    with doris(cluster, tmp_path, expect={"routine_seconds": 0.01}) as client:
        return met_by(lambda: check(Topics(cluster, **security), client))


ERRORS = "ErrorReason{code=errCode = 102, msg='current error rows is more than max_error_number'}"
SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "u"}


@pytest.mark.parametrize(
    ("changes", "security", "outcome", "cause"),
    [
        ({}, {}, Outcome.PASSED, ""),
        ({}, SASL, Outcome.PASSED, ""),
        ({}, {"ssl_cafile": "/ca.pem"}, BROKEN, "doris.not_askable"),
        (
            {"routine_says": {"State": "PAUSED", "ReasonOfStateChanged": ERRORS}},
            {},
            FAILED,
            "doris.routine_load_paused",
        ),
        ({"routine_says": {"Statistic": '{"loadedRows": 0}'}}, {}, FAILED, "doris.routine_load_stuck"),
        ({"routine_says": {"State": "CANCELLED", "Statistic": ""}}, {}, FAILED, "doris.routine_load_paused"),
        ({"kept": False}, {}, FAILED, "doris.rows_lost"),
    ],
)
def test_a_routine_load_is_judged_by_its_state_and_its_rows(
    changes: dict[str, Any], security: dict[str, str], outcome: Outcome, cause: str, tmp_path: Path
) -> None:
    cluster = Cluster(**changes)

    assert carried(cluster, tmp_path, **security) == (outcome, cause)
    assert cluster.routine == []
    assert not any(one.startswith("pv_") for one in cluster.databases)


def test_backends_are_told_how_to_log_in_to_kafka(tmp_path: Path) -> None:
    cluster = Cluster()

    carried(cluster, tmp_path, **SASL)

    (made,) = (one for one in cluster.asked if one.startswith("CREATE ROUTINE LOAD"))
    assert '"kafka_broker_list" = "kafka:9092", "kafka_topic" = "pv-topic"' in made
    assert '"property.security.protocol" = "SASL_PLAINTEXT"' in made
    assert '"property.sasl.username" = "u"' in made


def test_a_routine_load_of_a_killed_check_is_stopped_before_its_database_goes(tmp_path: Path) -> None:
    name = "pv_20261101000000_ffffff_1"
    cluster = Cluster()
    cluster.databases.append(name)
    cluster.routine.append({"Name": "t", "DbName": name, "TableName": "t", "State": "RUNNING"})

    with doris(cluster, tmp_path) as client:
        client.remove("database", name)

    stopped, dropped = (one for one in cluster.asked if one.startswith(("STOP", "DROP")))
    assert stopped == f"STOP ROUTINE LOAD FOR `{name}`.`t`"
    assert dropped == f"DROP DATABASE IF EXISTS `{name}` FORCE"


def test_only_a_load_of_ours_that_goes_on_is_stopped(tmp_path: Path) -> None:
    ours = "pv_20261101000000_ffffff_1"
    cluster = Cluster()
    cluster.databases.append("platform")
    jobs = [("theirs", "RUNNING"), (ours, "RUNNING"), (ours, "STOPPED"), (ours, "CANCELLED")]
    cluster.routine += [{"Name": name, "DbName": "platform", "TableName": name, "State": state} for name, state in jobs]

    with doris(cluster, tmp_path, database="platform") as client:
        client.remove("table", ours)

    assert [one for one in cluster.asked if one.startswith("STOP")] == [f"STOP ROUTINE LOAD FOR `platform`.`{ours}`"]


def test_a_routine_load_is_waited_for_until_it_has_its_rows_or_stands_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[Callable[[Any], bool]] = []
    monkeypatch.setattr("fixtures.doris.until", lambda ask, *, enough, **_: told.append(enough) or ask())

    carried(Cluster(), tmp_path)
    loaded, seen = told

    assert [loaded(Routine("RUNNING", "", number)) for number in (2, 3, 4)] == [False, True, True]
    assert [loaded(Routine(state, "", 0)) for state in ("RUNNING", "PAUSED", "CANCELLED")] == [False, True, True]
    assert [seen([1] * number) for number in (2, 3)] == [False, True]


# -- on a cluster: what its pods keep


def pod(part: str, path: str, volume: dict[str, Any], name: str = "data") -> dict[str, Any]:
    """A pod of a DorisCluster, with one volume at that path."""
    labels = {"app.doris.ownerreference/name": f"doris-{part}", "app.kubernetes.io/component": part}
    mounts = [{"name": "data", "mountPath": path}]
    spec = {"containers": [{"name": part, "volumeMounts": mounts}], "volumes": [{"name": name, **volume}]}
    return {"metadata": {"name": f"doris-{part}-0", "namespace": "doris", "labels": labels}, "spec": spec}


CLAIM, EMPTY = {"persistentVolumeClaim": {"claimName": "data-doris-fe-0"}}, {"emptyDir": {}}
META, DATA = "/opt/apache-doris/fe/doris-meta", "/opt/apache-doris/be/storage"
"""Paths of the operator's own sample (apache/doris-operator, doc/examples/doriscluster-sample-storageclass.yaml)."""


@pytest.mark.parametrize(
    ("pods", "outcome", "cause"),
    [
        ([pod("fe", META, CLAIM), pod("be", DATA, CLAIM)], Outcome.PASSED, ""),
        ([pod("fe", META, EMPTY), pod("be", DATA, CLAIM)], FAILED, "doris.storage_not_kept"),
        ([pod("fe", META, CLAIM), pod("be", DATA, EMPTY)], FAILED, "doris.storage_not_kept"),
        ([pod("fe", META, CLAIM), pod("be", "/opt/apache-doris/be/log", CLAIM)], FAILED, "doris.storage_not_kept"),
        ([], BROKEN, "doris.not_askable"),
    ],
)
def test_what_is_on_no_claim_is_told(pods: list[dict[str, Any]], outcome: Outcome, cause: str, tmp_path: Path) -> None:
    with cluster(spaces=["doris", "kube-system"]) as held:
        for one in pods:
            labels = one["metadata"]["labels"]
            held.put("Pod", "doris", one["metadata"]["name"], labels=labels, spec=one["spec"])
        table = 'host = "127.0.0.1"\nport = "1"\nusername = "gonogo"\npassword = { command = ["echo", "right"] }'
        with attached(held, tmp_path, "doris", table) as ends, closing(Doris(ends)) as client:
            assert met("doris.storage", client) == (outcome, cause)
