"""Checks that no drill turns red: each is asked of a client that sees one fault, and blames the right cause.

The check is the suite's own. What its client sees is said here, or answered by a scripted server where the client reads
it from answers. No server of the products was broken: what is shown is what the checks decide, and from what.
"""

from __future__ import annotations

import os
import pwd
import runpy
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import testinfra
from certificates import Authority
from scripted import Reply, answers, serving
from tls_front import front

from fixtures.elasticsearch import Elasticsearch
from fixtures.kafka import Broker, Health, Kafka, Record
from fixtures.postgresql import Postgresql
from fixtures.ray import End, Ray
from fixtures.s3 import S3
from gonogo.catalog.registry import Registry
from gonogo.checks.inside import Inside
from gonogo.cluster.plan.findings import PlanFinding, Weight
from gonogo.cluster.preflight import capacity
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import Denied, Wrong
from gonogo.core.servers import Server
from gonogo.run.undrilled import undrilled

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
EXPECT = {name: one.expect for name, one in REGISTRY.components.items()}
ME = pwd.getpwuid(os.geteuid()).pw_name


def suite(name: str) -> dict[str, Any]:
    """What the files of a suite define, by its name."""
    paths = sorted((ROOT / "suites" / name).glob("test_*.py"))
    return {key: one for path in paths for key, one in runpy.run_path(str(path)).items()}


NAMES = ("checklist", "kafka", "elasticsearch", "neo4j", "postgresql", "s3", "mlflow", "ray", "inside")
SUITES = {name: suite(name) for name in NAMES}


def seen(**values: Any) -> SimpleNamespace:
    """What gives each value when its method is called; what can be called is the method itself."""
    return SimpleNamespace(**{k: v if callable(v) else (lambda *_, v=v, **__: v) for k, v in values.items()})


def within(value: Any = "ours") -> Callable[..., Any]:
    """A context manager of a client, with what it hands out."""
    return lambda *_, **__: nullcontext(value)


def in_turn(*values: Any) -> Callable[..., Any]:
    """A method that gives one after the other."""
    left = iter(values)
    return lambda *_, **__: next(left)


def client(component: str, **values: Any) -> SimpleNamespace:
    """A client that sees this, with the component's own expectations."""
    told = seen(**values)
    told.expect = EXPECT[component]
    return told


UNBROKEN = seen(kill=within(), restart=within())
"""What disturbs nothing: what the client sees meanwhile is said."""


# -- what each client sees


def broker_lost(*, refused: tuple[str, ...] = (), kept: int = 3, behind: tuple[str, ...] = ()) -> list[Any]:
    """Three records were acknowledged."""
    stream = SimpleNamespace(more=lambda: None, refused=list(refused), acknowledged=[0, 1, 2])
    read = [Record(b"%d" % number) for number in range(kept)]
    whole = Health([], [], list(behind))
    return [client("kafka", topic=within(), stream=within(stream), consume=read, partitions=whole), UNBROKEN]


def node_lost(*, first: str = "abc", lost_after: int = 0, unassigned: tuple[str, ...] = ()) -> list[Any]:
    """What is found without the node, with what is written then, and after; and what has no place at the end."""
    whole = SUITES["elasticsearch"]["ALL"]
    found = in_turn(whole._replace(ids=[*first]), whole, whole._replace(total=4 - lost_after))
    health = SimpleNamespace(unassigned=list(unassigned))
    return [client("elasticsearch", index=within(), add=None, search=found, health=health), UNBROKEN]


def graph(**values: Any) -> list[Any]:
    own = seen(add=None, derive=None, add_unique=None, **values)
    own.name = "ours"
    return [client("neo4j", graph=within(own), unique_keys=within())]


def logged(other: Any = None, **values: Any) -> list[Any]:
    """A run that MLflow took, and what another component says of it."""
    made = client("mlflow", experiment=within(SimpleNamespace(id="7")), log="r1", object_key="k", **values)
    return [made] if other is None else [made, other]


def job(**end: Any) -> list[Any]:
    """A job that ends so, on a Ray of two nodes."""
    ended = End("SUCCEEDED", "", 0, "nodes: a b")._replace(**end)
    return [client("ray", job=within(), end=ended, nodes=[SimpleNamespace(id="a"), SimpleNamespace(id="b")])]


def scaled(*came: int, most: int = 3) -> list[Any]:
    """Workers that come to these numbers: with tasks, and after."""
    ray = client("ray", job=within(), hold="", cpus_at_most=3, workers_come_to=in_turn(*came))
    ray.expect = {**ray.expect, "workers": 1, "max_workers": most}
    return [ray]


def kafka(**answered: Any) -> list[Any]:
    """Brokers at their own addresses, with what each says to whoever asks."""
    made = Kafka(Endpoints("kafka", {"bootstrap": "a:1"}, timeouts=Timeouts(1, 1, 1), expect=EXPECT["kafka"]))
    brokers = [Broker(number, address, False) for number, address in enumerate(answered)]
    vars(made).update(brokers=lambda: brokers, _ask_each=lambda *_, **__: answered)
    return [made]


def postgresql(row: tuple[Any, ...]) -> list[Any]:
    """A PostgreSQL whose every query has this one row."""
    made = Postgresql(Endpoints("postgresql", {}, expect=EXPECT["postgresql"]))
    vars(made).update(rows=lambda *_, **__: [row])
    return [made]


def restarted() -> list[Any]:
    return [client("postgresql", table=within(seen(write=None, rows={1: "plain"}))), UNBROKEN]


def every_right() -> list[Any]:
    """A store that makes buckets for the application's key."""
    made = S3(Endpoints("s3", {"endpoint": "http://127.0.0.1:1", "bucket": "b"}, expect=EXPECT["s3"]))
    vars(made).update(_ask=lambda *_, **__: {}, endpoints=SimpleNamespace(owns=within()))
    return [made]


def node_lost_in_the_plan() -> list[Any]:
    """A plan that has a place until a node is lost."""
    lost = PlanFinding(weight=Weight.WARNING, cause="cpu", subject="a/web", message="1 too many", stage="lost")
    return [seen(room_with_a_node_lost=capacity.room([lost], ("lost",), "", "", warnings=True))]


CASES: dict[str, list[tuple[str, Callable[[], list[Any]], str]]] = {
    "checklist.room_node_lost": [("there_is_a_place_for_all_with_a_node_lost", node_lost_in_the_plan, "room_short")],
    "kafka.advertised": [
        ("every_advertised_address_answers", lambda: [client("kafka", unreachable=["b:9"])], "advertised_unreachable"),
    ],
    "kafka.authentication": [
        ("unauthenticated_access_is_refused", lambda: kafka(a=Denied("kafka", "no"), b={}), "unauthenticated_access"),
    ],
    "kafka.broker_loss": [
        ("a_lost_broker_loses_no_record", lambda: broker_lost(refused=("2",)), "record_refused"),
        ("a_lost_broker_loses_no_record", lambda: broker_lost(kept=2), "records_lost"),
        ("a_lost_broker_loses_no_record", lambda: broker_lost(behind=("t-0",)), "partition_under_replicated"),
    ],
    "elasticsearch.node_loss": [
        ("a_lost_data_node_loses_no_document", lambda: node_lost(first="ab"), "search_wrong"),
        ("a_lost_data_node_loses_no_document", lambda: node_lost(lost_after=1), "search_wrong"),
        ("a_lost_data_node_loses_no_document", lambda: node_lost(unassigned=("ours",)), "shard_unassigned"),
    ],
    "elasticsearch.lifecycles": [
        ("lifecycles_go_on", lambda: [client("elasticsearch", stuck=["ILM is STOPPED"])], "lifecycle_stuck"),
    ],
    "neo4j.rollback": [
        ("a_rollback_leaves_nothing", lambda: graph(add_and_roll_back=["one"], names=[]), "graph_altered"),
        (
            "a_rollback_leaves_nothing",
            lambda: graph(add_and_roll_back=["one", "two"], names=["two"]),
            "rollback_left_nodes",
        ),
    ],
    "neo4j.constraint": [("a_constraint_holds", lambda: graph(refuses=False), "constraint_not_held")],
    "neo4j.lineage": [
        ("apoc_walks_a_lineage", lambda: graph(upstream={"left": 1, "right": 1, "raw": 3}), "lineage_wrong"),
    ],
    "postgresql.primary": [("is_not_in_recovery", lambda: postgresql((True,)), "in_recovery")],
    "postgresql.authentication": [
        ("unauthenticated_access_is_refused", lambda: postgresql((1,)), "unauthenticated_access"),
    ],
    "postgresql.restart": [("a_restart_loses_nothing", restarted, "rows_lost")],
    "s3.least_privilege": [("the_key_has_no_excessive_privileges", every_right, "excessive_privileges")],
    "mlflow.artifact_store": [
        ("artifact_is_an_object_of_the_bucket", lambda: logged(client("s3", keys=[])), "object_missing"),
        (
            "artifact_is_an_object_of_the_bucket",
            lambda: logged(client("s3", keys=["k"], object_sha256="0")),
            "object_altered",
        ),
    ],
    "mlflow.backend_store": [
        ("run_is_a_row_of_the_database", lambda: logged(client("postgresql", rows=[])), "row_missing"),
        (
            "run_is_a_row_of_the_database",
            lambda: logged(client("postgresql", rows=in_turn([("FINISHED", 7)], [("loss", 0.5)]))),
            "row_missing",
        ),
    ],
    "mlflow.model": [
        (
            "registered_model_answers",
            lambda: logged(registered_model=within(), line_through=[21, 1]),
            "model_wrong",
        ),
    ],
    "ray.jobs": [
        ("jobs_of_others_are_not_lost", lambda: [client("ray", stuck=["j: 900 s"], broken_off={})], "job_unfinished"),
        (
            "jobs_of_others_are_not_lost",
            lambda: [client("ray", stuck=[], broken_off={str(n): "JOB_SUPERVISOR_ACTOR_DIED" for n in range(99)})],
            "jobs_lost",
        ),
    ],
    "ray.failing_job": [
        ("failing_job_says_so", job, "failure_hidden"),
        ("failing_job_says_so", lambda: job(status="FAILED", message="an error"), "failure_hidden"),
        ("failing_job_says_so", lambda: job(status="RUNNING"), "job_unfinished"),
    ],
    "ray.two_nodes": [
        ("tasks_run_on_two_nodes", lambda: job(logs="nodes: a"), "tasks_on_one_node"),
        ("tasks_run_on_two_nodes", lambda: job(logs="nodes: a elsewhere"), "tasks_on_one_node"),
        ("tasks_run_on_two_nodes", lambda: job(status="FAILED"), "job_failed"),
        ("tasks_run_on_two_nodes", lambda: job(status="PENDING"), "job_unfinished"),
    ],
    "ray.autoscaling": [
        ("workers_follow_the_demand", lambda: scaled(most=1), "autoscaling_off"),
        ("workers_follow_the_demand", lambda: scaled(2, 1), "not_scaled_up"),
        ("workers_follow_the_demand", lambda: scaled(3, 3), "not_scaled_down"),
    ],
}
"""Criterion to its checks, what each is asked of, and the cause that it must blame."""


@pytest.mark.parametrize(
    ("criterion", "check", "given", "cause"),
    [pytest.param(id, *case, id=f"{id}-{n}") for id, cases in CASES.items() for n, case in enumerate(cases)],
)
def test_a_check_sees_its_fault(criterion: str, check: str, given: Callable[[], list[Any]], cause: str) -> None:
    component = criterion.partition(".")[0]
    asked = SUITES[component][f"test_{check}"]

    with pytest.raises(Wrong) as raised:
        asked(*given())

    assert criterion in {id for mark in asked.pytestmark if mark.name == "criterion" for id in mark.args}
    assert raised.value.signature == f"{component}.{cause}"


FINE: dict[str, tuple[str, Callable[[], list[Any]]]] = {
    "kafka.broker_loss": ("a_lost_broker_loses_no_record", broker_lost),
    "elasticsearch.node_loss": ("a_lost_data_node_loses_no_document", node_lost),
    "neo4j.lineage": ("apoc_walks_a_lineage", lambda: graph(upstream={"left": 1, "right": 1, "raw": 2})),
    "kafka.authentication": ("unauthenticated_access_is_refused", lambda: kafka(a=Denied("kafka", "no"))),
    "postgresql.primary": ("is_not_in_recovery", lambda: postgresql((False,))),
    "ray.two_nodes": ("tasks_run_on_two_nodes", job),
    "ray.autoscaling": ("workers_follow_the_demand", lambda: scaled(3, 1)),
}


@pytest.mark.parametrize("criterion", FINE)
def test_without_a_fault_the_same_is_green(criterion: str) -> None:
    check, given = FINE[criterion]

    SUITES[criterion.partition(".")[0]][f"test_{check}"](*given())


def test_what_is_named_for_a_criterion_is_asked_of_it() -> None:
    named = {
        id: one.entry.test[1] for id, one in undrilled(REGISTRY).items() if Path(__file__).name in one.entry.seen_red
    }
    shown = dict.fromkeys(CASES, "test_a_check_sees_its_fault")
    shown |= dict.fromkeys(ANSWERED, "test_a_check_sees_its_fault_in_an_answer")

    assert {id: test for id, test in named.items() if test in shown.values()}.items() <= shown.items()


# -- what is read from answers

HEALTHY = {"status": "green", "number_of_data_nodes": 2, "task_max_waiting_in_queue_millis": 900_000, "indices": {}}
PRODUCT = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}
JOBS = "GET /api/jobs/"

ANSWERED: dict[str, tuple[type, str, Mapping[str, list[Reply]], str]] = {
    "elasticsearch.pending_tasks": (
        Elasticsearch,
        "the_master_keeps_up",
        {"GET /_cluster/health": [replace(answers(HEALTHY)[0], headers=PRODUCT)]},
        "tasks_pending",
    ),
    "elasticsearch.authentication": (
        Elasticsearch,
        "unauthenticated_access_is_refused",
        {"GET /_cluster/health": [replace(answers(HEALTHY)[0], headers=PRODUCT)]},
        "unauthenticated_access",
    ),
    "ray.authentication": (Ray, "unauthenticated_access_is_refused", {JOBS: answers([])}, "unauthenticated_access"),
    "ray.dashboard": (Ray, "dashboard_opens", {"GET /": [Reply(body="<title>nginx</title>")]}, "dashboard_missing"),
}
"""Criterion to its client, its check, what the server answers, and the cause that it must blame."""


@pytest.mark.parametrize("criterion", ANSWERED)
def test_a_check_sees_its_fault_in_an_answer(criterion: str) -> None:
    kind, check, replies, cause = ANSWERED[criterion]
    component = criterion.partition(".")[0]
    with serving(replies) as script:
        at = script.endpoints(
            component,
            expect=EXPECT[component],
            url=script.url,
            dashboard=script.url,
            username="u",
            password="p",
            token="t",
        )
        with closing(kind(at)) as made, pytest.raises(Wrong) as raised:
            SUITES[component][f"test_{check}"](made)

    assert raised.value.signature == f"{component}.{cause}"


# -- inside a host: claims of every server process, with this one in a server's place


def process(**changes: Any) -> Server:
    return replace(Server("kafka", "one", "embedded", "up", pid=os.getpid(), user=ME), **changes)


def blamed(check: str, inside: Any) -> str:
    """The cause that a check of suites/inside blames, for Kafka."""
    asked, at = SUITES["inside"][f"test_{check}"], Endpoints("kafka", {}, expect=EXPECT["kafka"])
    given = {"endpoints": lambda _: at} if "room" in check else {}
    with pytest.raises(Wrong) as raised:
        asked(component="kafka", inside=lambda _: inside, **given)
    return raised.value.signature


def host(*servers: Server) -> Inside:
    return Inside("kafka", servers, testinfra.get_host("local://"))


def test_a_server_of_another_account_is_seen() -> None:
    assert blamed("runs_as_its_account", host(process(user="nobody-of-ours"))) == "kafka.wrong_account"


def test_a_server_that_listens_nowhere_or_everywhere_is_seen() -> None:
    assert blamed("listens_where_it_should", host(process(address="127.0.0.1:1"))) == "kafka.not_listening"
    everywhere = seen(heard={}, addresses={}, exposed={"one 0.0.0.0:9092"})
    assert blamed("listens_where_it_should", everywhere) == "kafka.exposed"


def test_data_that_others_own_read_or_use_is_seen(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    one = process(data=str(tmp_path))

    assert blamed("data_folder_is_its_own", host(replace(one, user="nobody-of-ours"))) == "kafka.data_of_another"
    assert blamed("data_folder_is_its_own", host(one, replace(one, node="two"))) == "kafka.data_shared"
    tmp_path.chmod(0o750)
    assert blamed("data_folder_is_its_own", host(one)) == "kafka.data_readable"


def test_a_file_system_without_room_is_seen() -> None:
    full = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vdb 100 99 1 99% /data\n"
    nearly = SimpleNamespace(run=lambda _: SimpleNamespace(rc=0, stdout=full, stderr=""))

    assert blamed("data_folder_has_room", Inside("kafka", (process(data="/data"),), nearly)) == "kafka.disk_filling"


@pytest.mark.parametrize("component", [n for n, one in REGISTRY.components.items() if "certificates" in one.claims])
def test_a_certificate_that_ends_soon_is_seen(component: str, tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    pair = Authority(tmp_path / "ca").issue("127.0.0.1", ends=datetime.now(UTC) + timedelta(days=3))
    with front(pair) as port:
        url = {"url": f"https://127.0.0.1:{port.port}"}
        at = Endpoints(component, url, expect=EXPECT[component], timeouts=Timeouts(5, 5, 5))
        with pytest.raises(Wrong) as raised:
            SUITES["inside"]["test_certificates_hold"](component, lambda _: at)

    assert raised.value.signature == f"{component}.certificate_expires"
