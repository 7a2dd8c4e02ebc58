"""What the client of DataHub makes of an emulator of it (tests/emulators/datahub): each fault is seen and blamed.

No DataHub was asked: no package registry has its servers.
"""

from __future__ import annotations

import itertools
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from api_server import cluster
from attaching import attached
from emulators.datahub import INGESTED, RELEASES, SYSTEM, TOKEN, Answer, Datahub, complaint, data, emulated
from scripted import Reply, serving

from fixtures import datahub as module
from fixtures.datahub import Datahub as Client
from fixtures.datahub import groups, numbers, older, urn_of
from gonogo.catalog.registry import Registry
from gonogo.checks.journal import Journal, RunScope
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import ClientError, NotAllowed, Wrong, ending
from gonogo.core.outcomes import Mode, Outcome

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
COMPONENT = REGISTRY.components["datahub"]
SUITE = runpy.run_path(str(ROOT / "suites/datahub/test_datahub.py"))
CHECKS = {
    "datahub.answers": "test_metadata_service_answers",
    "datahub.search": "test_search_engine_is_there",
    "datahub.frontend": "test_frontend_serves_its_application",
    "datahub.authentication": "test_unauthenticated_access_is_refused",
    "datahub.dataset": "test_written_datasets_are_kept_and_found",
    "datahub.lineage": "test_lineage_of_three_hops_is_found",
    "datahub.consumers": "test_no_consumer_stalls",
    "datahub.ingestion": "test_metadata_was_ingested_lately",
    "datahub.neo4j": "test_neo4j_holds_the_lineage",
    "datahub.release": "test_release_is_maintained",
}
ON_A_CLUSTER = {"datahub.setup": "test_setup_is_done"}
EXPECT = {**COMPONENT.expect, "index_seconds": 0.05, "lag_seconds": 0.05}
FAILED, BROKEN, PASSED = Outcome.FAILED, Outcome.BROKEN, Outcome.PASSED
RUN = "pv-20261201120000-abcdef"

Ask = Callable[..., dict[str, tuple[Outcome, str]]]


@pytest.fixture
def there() -> Iterator[Datahub]:
    """A DataHub in which a dataset was made from another."""
    with emulated(sources=[source("warehouse")]) as one:
        one.write(urn_of("orders"), "datasetProperties", {"name": "orders"})
        one.write(urn_of("sales"), "upstreamLineage", {"upstreams": [{"dataset": urn_of("orders")}]})
        one.asked.clear()
        yield one


def source(name: str, status: str = "SUCCESS", *, hours: float = 1) -> dict[str, Any]:
    """An ingestion source whose newest run ended so, and so long ago."""
    ended = {"status": status, "startTimeMs": INGESTED + int((1 - hours) * 3_600_000), "durationMs": 0}
    run = {"id": "1", "result": ended}
    return {"urn": f"urn:li:dataHubIngestionSource:{name}", "name": name, "executions": {"executionRequests": [run]}}


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """A client of an emulator, in mode write unless told otherwise."""
    with ExitStack() as stack:

        def make(one: Any, mode: Mode = Mode.WRITE, token: str = TOKEN, check: float = 5, **expect: Any) -> Client:
            scope = RunScope(RUN, mode, "datahub", Journal(tmp_path / "journal.jsonl"), itertools.count(1))
            addresses = {"url": one.url, "frontend": one.frontend}
            timeouts = Timeouts(connect=5, check=check)
            secret = {"token": Secret(token)}
            told = {**EXPECT, **expect}
            at = Endpoints("datahub", addresses, secret, expect=told, timeouts=timeouts, scope=scope)
            return stack.enter_context(closing(Client(at)))

        yield make


def neo4j(edges: int) -> Any:
    """A Neo4j that has so many of the edges that it is asked for."""
    return SimpleNamespace(ask=lambda *_, **__: [{"edges": edges}])


def come_to(client: Client, *criteria: str, edges: int = 1) -> dict[str, tuple[Outcome, str]]:
    """Outcome and cause of each of these criteria, of all where none is named."""
    found: dict[str, tuple[Outcome, str]] = {}
    for criterion in criteria or CHECKS:
        given = {"neo4j": neo4j(edges)} if criterion == "datahub.neo4j" else {}
        try:
            SUITE[{**CHECKS, **ON_A_CLUSTER}[criterion]](datahub=client, **given)
            found[criterion] = PASSED, ""
        except (ClientError, Wrong) as error:
            found[criterion] = ending(error).outcome, error.signature
    return found


def red(found: dict[str, tuple[Outcome, str]]) -> dict[str, tuple[Outcome, str]]:
    """Those that did not pass, without the component's name."""
    return {
        id.removeprefix("datahub."): (outcome, cause.removeprefix("datahub."))
        for id, (outcome, cause) in found.items()
        if outcome is not PASSED
    }


def test_every_criterion_of_datahub_is_asked_here() -> None:
    assert {*CHECKS, *ON_A_CLUSTER} == {c.id for c in REGISTRY.criteria.values() if c.component == "datahub"} - {
        "datahub.certificates"  # suites/inside
    }


# -- what is well


@pytest.mark.parametrize("name", RELEASES)
def test_each_release_passes_but_for_what_is_too_old(there: Datahub, asking: Any, name: str) -> None:
    there.release = RELEASES[name]

    found = red(come_to(asking(there)))

    assert found == ({} if name in ("1.7", "1.3") else {"release": (FAILED, "outdated")})


def test_nothing_is_left_behind(there: Datahub, asking: Any) -> None:
    before = set(there.aspects), set(there.indexed), set(there.edges)

    come_to(asking(there), "datahub.dataset", "datahub.lineage")

    assert (set(there.aspects), set(there.indexed), set(there.edges)) == before


def test_what_only_reads_writes_nothing(there: Datahub, asking: Any) -> None:
    reading = [id for id in CHECKS if id not in ("datahub.dataset", "datahub.lineage")]

    come_to(asking(there, mode=Mode.READ), *reading)

    changes = [line for line in there.asked if line.split()[1] != "GET"]
    assert set(changes) == {"gms POST /api/graphql", "web POST /api/v2/graphql", "web POST /logIn"}
    assert there.queue == []


def test_who_may_only_read_makes_no_dataset(there: Datahub, asking: Any) -> None:
    with pytest.raises(NotAllowed):
        come_to(asking(there, mode=Mode.READ), "datahub.dataset")

    assert len(there.aspects) == 2


def test_an_end_that_kafka_does_not_tell_is_no_lag() -> None:
    told = {"consumerGroups": {"group": {"topic": {"partitions": {"0": {"offset": 7}}}}}}  # null fields are left out

    assert groups(told) == [("group topic/0", 7, 0)]


def test_its_kind_of_writing_is_that_of_the_official_client(there: Datahub, asking: Any) -> None:
    come_to(asking(there), "datahub.dataset")
    new = set(there.asked)
    there.asked.clear()
    there.release = RELEASES["0.12"]

    come_to(asking(there), "datahub.dataset")

    assert "gms POST /openapi/v3/entity/dataset" in new - set(there.asked)
    assert "gms POST /aspects" in set(there.asked) - new


@pytest.mark.parametrize(("identity", "status", "told"), [("an-id", 0, "an-id"), ("", 0, None), ("an-id", 403, None)])
def test_its_id_is_that_of_its_telemetry(
    there: Datahub, asking: Any, identity: str, status: int, told: str | None
) -> None:
    there.identity = identity
    if status:
        there.instead["gms GET /aspects/urn%3Ali%3Atelemetry%3AclientId"] = Answer(status, {"status": status})

    assert asking(there).identity() == told


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (SYSTEM, (PASSED, "")),
        ("another", (BROKEN, "credentials_refused")),
        ("of two\nlines", (BROKEN, "credentials_refused")),
    ],
)
def test_it_is_asked_as_its_own_servers_ask(there: Datahub, secret: str, expected: tuple[Outcome, str]) -> None:
    addresses = {"url": there.url, "frontend": there.frontend, "auth": "system"}
    with closing(Client(Endpoints("datahub", addresses, {"system_secret": Secret(secret)}, EXPECT))) as client:
        (found,) = red(come_to(client, "datahub.answers")).values() or [(PASSED, "")]

    assert found == expected


def test_leftovers_are_found_and_removed(there: Datahub, asking: Any) -> None:
    client = asking(there)
    there.write(urn_of(f"{RUN}-7"), "datasetProperties", {"name": "left"})

    (left,) = client.leftovers()
    client.remove(left.kind, left.name)
    client.remove(left.kind, left.name)

    assert (left.kind, left.name, left.run) == ("dataset", f"{RUN}-7", RUN)
    assert urn_of(left.name) not in there.aspects
    with pytest.raises(NotAllowed):
        client.remove("user", left.name)


def test_all_that_a_deployment_waits_for_is_asked(there: Datahub, asking: Any) -> None:
    asking(there).settled()

    there.guides = True
    with pytest.raises(Wrong, match="account of the guides"):
        asking(there).settled()


# -- each criterion seen red

FAULTS: list[tuple[dict[str, Any], dict[str, tuple[Outcome, str]]]] = [
    ({"search": False}, {"search": (FAILED, "search_unreachable")}),
    ({"authentication": False}, {"authentication": (FAILED, "unauthenticated_access")}),
    ({"guides": True}, {"authentication": (FAILED, "unauthenticated_access")}),
    ({"keeps": False}, {"dataset": (FAILED, "aspect_lost"), "lineage": (FAILED, "aspect_lost")}),
    (
        {"consumer": "stalls"},
        {"dataset": (FAILED, "search_lags"), "lineage": (FAILED, "search_lags")},
    ),
    (
        {"consumer": "missing"},
        {
            "consumers": (FAILED, "consumer_missing"),
            "dataset": (FAILED, "search_lags"),
            "lineage": (FAILED, "search_lags"),
        },
    ),
    ({"operator": False}, {"consumers": (BROKEN, "operations_right_missing")}),
    ({"graph": "lost"}, {"lineage": (FAILED, "graph_lags")}),
    ({"graph": "refuses"}, {"lineage": (FAILED, "server_error")}),
    ({"doubled": True}, {"lineage": (FAILED, "lineage_wrong")}),
    ({"sources": [source("a", "FAILURE"), source("b")]}, {"ingestion": (FAILED, "ingestion_failed")}),
    ({"now": INGESTED / 1000 + 25 * 3600}, {"ingestion": (FAILED, "ingestion_old")}),
    ({"indexed": {}, "sources": []}, {"ingestion": (FAILED, "nothing_ingested")}),
    ({"edges": set()}, {"neo4j": (BROKEN, "not_askable")}),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=[f"{next(iter(f))}-{n}" for n, (f, _) in enumerate(FAULTS)])
def test_a_fault_is_seen_and_blamed(
    there: Datahub, asking: Any, fault: dict[str, Any], expected: dict[str, tuple[Outcome, str]]
) -> None:
    for name, value in fault.items():
        setattr(there, name, value)

    found = red(come_to(asking(there)))

    assert {id: found.get(id) for id in expected} == expected
    unmeant = {id: one for id, one in found.items() if id not in expected}
    assert set(unmeant) <= BESIDES.get(next(iter(fault)), set()), unmeant


BESIDES = {
    "search": {"ingestion", "dataset", "lineage"},  # which search, too
    "consumer": {"consumers"},  # of a stalled one that had written nothing before: it lags by what was deleted
    "indexed": set(),
}
"""What else a fault turns red, by its nature."""


def test_a_consumer_that_takes_nothing_is_told_from_a_slow_one(there: Datahub, asking: Any) -> None:
    there.consumer = "stalls"
    for number in range(3):
        there.write(urn_of(f"late-{number}"), "datasetProperties", {"name": "late"})
    stalled = come_to(asking(there), "datahub.consumers")
    there.consumer = "slow"

    slow = come_to(asking(there), "datahub.consumers")

    assert red(stalled) == {"consumers": (FAILED, "consumer_stalled")}
    assert red(slow) == {}


def test_the_layer_that_lags_is_told_with_how_far_consumers_are(there: Datahub, asking: Any) -> None:
    there.consumer = "stalls"

    client = asking(there)
    with client.chain() as urns, pytest.raises(Wrong) as raised:
        client.is_found(urns)

    assert raised.value.signature == "datahub.search_lags"
    assert raised.value.facts == {"lag": 7}  # four datasets, three lines of lineage


def test_a_slow_consumer_is_waited_for(there: Datahub, asking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    there.consumer = "stalls"
    client = asking(there, index_seconds=30)

    with client.chain() as urns:
        there.consumer = "takes"
        client.is_kept(urns)
        there.consume(len(there.queue) - 1)
        there.consume()
        client.is_found(urns)
        client.is_linked(urns)

    assert set(there.aspects) == {urn_of("orders"), urn_of("sales")}


def test_neo4j_that_holds_nothing_is_unused(there: Datahub, asking: Any) -> None:
    assert red(come_to(asking(there), "datahub.neo4j", edges=0)) == {"neo4j": (FAILED, "neo4j_unused")}


def test_a_source_that_the_target_excepts_may_fail(there: Datahub, asking: Any) -> None:
    there.sources = [source("old one", "FAILURE"), source("b")]
    excepted = [{"match": "old *", "reason": "nobody needs it"}]

    assert red(come_to(asking(there, exceptions=excepted), "datahub.ingestion")) == {}


def test_its_own_housekeeping_is_no_ingestion(there: Datahub, asking: Any) -> None:
    swept, failed = source("sweep", hours=0), source("papers", "FAILURE", hours=0)
    there.sources = [swept | {"type": "datahub-gc"}, failed | {"type": "datahub-documents"}]
    there.now += 48 * 3600

    assert red(come_to(asking(there), "datahub.ingestion")) == {"ingestion": (FAILED, "ingestion_old")}


def test_a_wrong_token_is_refused(there: Datahub, asking: Any) -> None:
    found = red(come_to(asking(there, token="of-somebody-else")))

    assert found.pop("answers") == (BROKEN, "credentials_refused")
    assert set(found.values()) == {(BROKEN, "credentials_refused")}
    assert set(CHECKS) - {f"datahub.{id}" for id in found} == {
        "datahub.answers",
        "datahub.frontend",
        "datahub.authentication",
        "datahub.release",
    }


TARGET = """
[target]
name = "there"
provider = "existing"
modes = ["read", "write", "disrupt"]
[components.datahub]
url = "{there.url}"
frontend = "{there.frontend}"
identity = "{there.identity}"
token = {{ env = "TOKEN_OF_THE_EMULATOR" }}
"""


def test_its_drills_are_seen_on_a_target(there: Datahub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_EMULATOR", TOKEN)
    (tmp_path / "there.toml").write_text(TARGET.format(there=there))
    command = [
        sys.executable,
        "-m",
        "gonogo",
        "drill",
        "datahub",
        "--target",
        str(tmp_path / "there.toml"),
        "-o",
        "json",
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    drilled = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(drilled).count("'blamed_right': True") == 3


# -- wrong answers

HTML = Answer(200, "<html><body>Welcome to nginx!</body></html>", "text/html")
LOGIN = Answer(302, "", headers={"Location": "https://sso.example.com/login?next=/"})
HALF = Answer(200, '{"data": {"me": {"corpUs', "application/json")
GATEWAY = Answer(502, "<html>502 Bad Gateway</html>", "text/html")
CUT = Answer(200, cut=True)
ME, FIND, READY = "gms POST /api/graphql", "gms POST /api/graphql", "gms GET /openapi/check/ready"
LAG = "gms GET /openapi/operations/messaging/mcl/consumer/lag"
FRONTEND = Answer(200, {"status": "ok", "config": {"application": "datahub-frontend"}})
EMPTY = Answer(200, '<html><div id="root"></div></html>', "text/html")
SHELL = Answer(200, '<html><div id="root"></div><script src="/assets/gone.js"></script></html>', "text/html")
UNKNOWN = {"message": "Validation error", "extensions": {"classification": "ValidationError"}}

WRONG: list[tuple[str, str, Answer, Outcome, str]] = [
    ("answers", "gms GET /config", HTML, BROKEN, "not_gms"),
    ("answers", "gms GET /config", FRONTEND, BROKEN, "is_frontend"),
    ("answers", "gms GET /config", Answer(200, {"version": "2.3"}), BROKEN, "not_gms"),
    ("answers", "gms GET /config", Answer(200, []), BROKEN, "not_gms"),
    ("answers", "gms GET /config", LOGIN, BROKEN, "not_gms"),
    ("answers", "gms GET /config", HALF, BROKEN, "not_gms"),
    ("answers", "gms GET /config", GATEWAY, FAILED, "unavailable"),
    ("answers", "gms GET /config", CUT, FAILED, "connection_refused"),
    ("answers", ME, HTML, BROKEN, "answer_garbled"),
    ("answers", ME, HALF, BROKEN, "answer_garbled"),
    ("answers", ME, LOGIN, BROKEN, "answer_garbled"),
    ("answers", ME, Answer(200, {}), BROKEN, "answer_garbled"),
    ("answers", ME, Answer(200, {"data": {"me": None}}), BROKEN, "answer_garbled"),
    ("answers", ME, Answer(200, {"errors": [UNKNOWN]}), BROKEN, "query_unknown"),
    ("answers", ME, Answer(200, {"errors": ["no object"]}), FAILED, "server_error"),
    ("answers", ME, complaint("Unauthorized", 403, "UNAUTHORIZED"), BROKEN, "right_missing"),
    ("answers", ME, complaint("try again", 503, "SERVICE_UNAVAILABLE"), FAILED, "unavailable"),
    ("answers", ME, complaint("oops", 500, "SERVER_ERROR"), FAILED, "server_error"),
    ("answers", ME, Answer(403, {"status": 403}), BROKEN, "right_missing"),
    ("search", READY, Answer(200, False), BROKEN, "answer_garbled"),
    ("search", READY, HTML, BROKEN, "answer_garbled"),
    ("search", READY, Answer(503, "no healthy upstream", "text/plain"), FAILED, "search_unreachable"),
    ("search", FIND, complaint("no such index", 500, "SERVER_ERROR"), FAILED, "search_failed"),
    ("search", FIND, data(searchAcrossEntities=None), BROKEN, "answer_garbled"),
    ("search", FIND, data(searchAcrossEntities={"total": "7", "searchResults": []}), BROKEN, "answer_garbled"),
    ("frontend", "web GET /config", HTML, FAILED, "frontend_other"),
    ("frontend", "web GET /config", LOGIN, FAILED, "frontend_other"),
    ("frontend", "web GET /config", Answer(404, "default backend - 404", "text/plain"), FAILED, "frontend_other"),
    ("frontend", "web GET /config", Answer(401, "", "text/html"), FAILED, "frontend_other"),
    ("frontend", "web GET /", HTML, FAILED, "frontend_other"),
    ("frontend", "web GET /", LOGIN, FAILED, "frontend_other"),
    ("frontend", "web GET /", EMPTY, FAILED, "frontend_incomplete"),
    ("frontend", "web GET /", GATEWAY, FAILED, "unavailable"),
    ("frontend", "web GET /assets/index-1a2b3c.js", Answer(404), FAILED, "frontend_incomplete"),
    ("frontend", "web GET /assets/index-1a2b3c.js", HTML, FAILED, "frontend_incomplete"),
    ("consumers", LAG, HTML, BROKEN, "answer_garbled"),
    ("consumers", LAG, Answer(200, {"transport": "kafka", "consumerGroups": {}}), FAILED, "consumer_missing"),
    ("consumers", LAG, Answer(200, {"consumerGroups": {"g": {"t": {"metrics": {}}}}}), BROKEN, "answer_garbled"),
    ("consumers", LAG, Answer(200, []), BROKEN, "answer_garbled"),
    ("ingestion", ME, data(listIngestionSources={"ingestionSources": None}), BROKEN, "answer_garbled"),
    ("neo4j", "gms GET /openapi/v3/relationship/DownstreamOf", HTML, BROKEN, "answer_garbled"),
    ("neo4j", "gms GET /openapi/v3/relationship/DownstreamOf", Answer(200, {}), BROKEN, "answer_garbled"),
    (
        "neo4j",
        "gms GET /openapi/v3/relationship/DownstreamOf",
        Answer(200, {"results": [{}]}),
        BROKEN,
        "answer_garbled",
    ),
    ("dataset", "gms POST /openapi/v3/entity/dataset", Answer(400, {"message": "bad urn"}), FAILED, "server_error"),
    ("dataset", "gms POST /openapi/v3/entity/dataset", Answer(403, {"message": "no"}), BROKEN, "right_missing"),
    ("release", "gms GET /config", Answer(200, {"noCode": "true"}), FAILED, "version_hidden"),
    (
        "release",
        "gms GET /config",
        Answer(200, {"noCode": "true", "versions": {"acryldata/datahub": 1}}),
        FAILED,
        "version_hidden",
    ),
]


@pytest.mark.parametrize(
    ("criterion", "where", "answer", "outcome", "cause"), WRONG, ids=[f"{one[0]}-{n}" for n, one in enumerate(WRONG)]
)
def test_a_wrong_answer_is_never_a_pass(
    there: Datahub, asking: Any, criterion: str, where: str, answer: Answer, outcome: Outcome, cause: str
) -> None:
    there.instead[where] = answer

    assert red(come_to(asking(there), f"datahub.{criterion}")) == {criterion: (outcome, cause)}


def test_an_answer_that_drips_and_never_comes_to_its_end_is_none(there: Datahub, asking: Any) -> None:
    there.instead[ME] = Answer(200, '{"data": {"me"', drips=0.03)

    (found,) = red(come_to(asking(there, check=0.2), "datahub.answers")).values()

    assert found in {(BROKEN, "answer_garbled"), (BROKEN, "timed_out")}


def test_where_a_page_led_to_is_told(there: Datahub, asking: Any) -> None:
    there.instead["web GET /config"] = LOGIN

    with pytest.raises(Wrong) as raised:
        asking(there).serves_its_application()

    assert raised.value.facts == {"location": "sso.example.com/login"}


def test_a_release_without_its_own_check_cannot_be_asked_for_it(there: Datahub, asking: Any) -> None:
    there.release = RELEASES["1.7"].__class__(ready="/nowhere")

    assert red(come_to(asking(there), "datahub.search")) == {"search": (BROKEN, "not_askable")}


@pytest.mark.parametrize(
    ("page", "script"),
    [
        ('<div id="root"></div><script src="/assets/a.js">', "/assets/a.js"),
        ('<base href="/hub/"><div id=root></div><script type=module src=assets/a.js>', "/hub/assets/a.js"),
    ],
)
def test_a_script_is_asked_where_the_page_has_it(asking: Any, page: str, script: str) -> None:
    replies = {
        "GET /config": [Reply(body='{"config": {"application": "datahub-frontend"}}')],
        "GET /": [Reply(body=page)],
        f"GET {script}": [Reply(body="export{}", headers={"Content-Type": "text/javascript"})],
    }
    with serving(replies) as web:
        asking(SimpleNamespace(url="http://127.0.0.1:9", frontend=web.url)).serves_its_application()

        assert web.asked[-1][0] == f"GET {script}"


def test_a_script_of_another_host_is_not_asked(there: Datahub, asking: Any) -> None:
    body = '<div id="root"></div><script src="https://cdn.example.com/a.js"></script>'
    there.instead["web GET /"] = Answer(200, body, "text/html")

    assert asking(there).serves_its_application().type == "of another host"
    assert there.asked == ["web GET /config", "web GET /"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.7.0", "1.0.0", "1.0.0"),
        ("0.15.0.1", "1.0.0", "0.15.0.1"),
        ("1.0.0rc3", "1.0.0", "1.0.0rc3"),
        ("1.10.0", "1.9.0", "1.9.0"),
    ],
)
def test_the_older_of_two_releases(one: str, other: str, expected: str) -> None:
    assert older(one, other) == expected


def test_a_release_is_its_numbers() -> None:
    assert (numbers("1.7.0"), numbers("1.7.0.17"), numbers("a build")) == ((1, 7, 0), (1, 7, 0), ())


# -- on a cluster: what sets it up


def job(name: str, *conditions: tuple[str, str], chart: str = "datahub-1.1.0", owner: str = "") -> dict[str, Any]:
    """A Job with these true conditions, each with its reason, as the chart labels it."""
    told = [{"type": type, "status": "True", "reason": reason, "message": "told"} for type, reason in conditions]
    meta = {"name": "hourly", "uid": "1"}
    owners = [{"apiVersion": "batch/v1", "kind": owner, "metadata": meta}] if owner else []
    return {"name": name, "labels": {"helm.sh/chart": chart}, "owners": owners, "status": {"conditions": told}}


DONE = ("Complete", "CompletionsReached")
FAILING = (("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded"))


@pytest.mark.parametrize(
    ("jobs", "outcome", "cause"),
    [
        ([job("system-update", DONE), job("system-update-nonblk", DONE)], PASSED, ""),
        ([job("system-update", DONE), job("kafka-setup-job", *FAILING)], FAILED, "setup_failed"),
        ([job("kafka-setup-job", *FAILING), job("system-update")], FAILED, "setup_failed"),
        ([job("system-update", DONE), job("system-update-nonblk")], BROKEN, "setup_unfinished"),
        ([job("system-update", DONE), job("hourly-1", *FAILING, owner="CronJob")], PASSED, ""),
        ([job("other", *FAILING, chart="datahub-prerequisites-0.2.1"), job("system-update", DONE)], PASSED, ""),
        ([job("other", DONE, chart="kafka-1.0.0")], BROKEN, "setup_unseen"),
        ([], BROKEN, "setup_unseen"),
    ],
)
def test_what_became_of_its_jobs_is_told(
    jobs: list[dict[str, Any]], outcome: Outcome, cause: str, there: Datahub, tmp_path: Path
) -> None:
    with cluster(spaces=["datahub", "kube-system"]) as held:
        for one in jobs:
            held.put("Job", "datahub", **one)
        table = f'url = "{there.url}"\nfrontend = "{there.frontend}"\ntoken = {{ command = ["echo", "right"] }}'
        with attached(held, tmp_path, "datahub", table) as ends, closing(Client(ends)) as client:
            found = come_to(client, *ON_A_CLUSTER)

    assert found == {"datahub.setup": (outcome, cause and f"datahub.{cause}")}
