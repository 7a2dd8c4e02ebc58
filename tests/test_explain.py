"""What an id means: everything that has one can be explained, from where it is written down, and nothing is made up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from checkouts import FILES, PRODUCT, checkout
from test_architecture import ROOT
from test_golden import FILES as GOLDEN
from test_golden import documents

from gonogo.catalog.registry import Registry
from gonogo.cluster.judge import JUDGES
from gonogo.cluster.judge.doom import RULES
from gonogo.cluster.judge.shapes import known_as
from gonogo.commands import judging
from gonogo.commands.asking import Suites
from gonogo.commands.explain import Explained, explained, known, overview, text
from gonogo.core.errors import ConfigError

SUITES = Suites(Registry.load(ROOT))
IDS = known(SUITES.registry)

ASKS = '''
    import pytest
    from gonogo import expect

    taped = pytest.mark.needs("tape")
    pytestmark = [taped]
    counted = pytest.mark.criterion("queue.brokers")

    @counted
    @pytest.mark.disrupts
    def test_the_brokers(queue):
        """Every broker
        is there."""
        expect(queue.counted(), 3, cause="queue.timed_out")

    class TestAnswers:
        @pytest.mark.criterion("queue.answers")
        @pytest.mark.writes
        def test_it(self, queue):
            """It answers."""
            assert queue.name != "queue.no_such_cause"
'''
CLIENT = """
    from gonogo import expect

    class Queue:
        def counted(self):
            return self._all()

        def _all(self):
            expect(self.brokers, 3, cause="queue.broker_missing")

        def never_called(self):
            expect(self, None, cause="queue.exposed")
"""
DRILLS = """
    [killed]
    fault = { kill = "one" }
    asks = ["queue.answers"]
    outcome = "failed"
    cause = "queue.process_gone"
"""
WAIVERS = """
    [[waiver]]
    criterion = "store.answers"
    owner = "Ada"
    reason = "moves next week"
    expires = 2030-01-31
"""


@pytest.fixture
def small(tmp_path: Path) -> Suites:
    """A checkout whose queue is asked two things, with a drill and a waiver."""
    files = {
        "suites/queue/test_queue.py": ASKS,
        "suites/queue/drills.toml": DRILLS,
        "fixtures/queue.py": CLIENT,
        "reports/waivers.toml": WAIVERS,
    }
    return Suites(Registry.load(checkout(tmp_path, files)))


def parts(id: str, suites: Suites = SUITES) -> Any:
    """The parts of what an id means."""
    return explained(suites, id).parts


def refusal(id: str) -> str:
    """The sentence for an id that cannot be explained."""
    with pytest.raises(ConfigError) as caught:
        explained(SUITES, id)
    return str(caught.value)


# -- everything there is


def test_a_claim_that_many_components_make_names_the_causes_of_each() -> None:
    asked, causes = parts("kafka.listens"), [one["cause"] for one in parts("neo4j.listens")["causes"]]

    assert [one["function"] for one in asked["asked_by"]] == [
        "suites/inside/test_inside.py::test_listens_where_it_should"
    ]
    assert [one["cause"] for one in asked["causes"]] == ["kafka.not_listening", "kafka.exposed"]
    assert causes == ["neo4j.not_listening", "neo4j.exposed"]


def test_every_sort_of_id_is_there() -> None:
    counts = {sort: len(ids) for sort, ids in IDS.items()}

    assert counts["criterion"] == len(SUITES.registry.criteria) > 80
    assert counts["cause"] > 100
    assert counts["component"] == len(SUITES.registry.components) > 6
    assert counts["kind"] > 50
    assert counts["reason"] > len(RULES)


@pytest.mark.parametrize("id", IDS["criterion"])
def test_a_criterion_is_explained(id: str) -> None:
    found = parts(id)

    assert found["level"] in {"critical", "important", "optional"}
    assert found["mode"] in {"read", "write", "disrupt"}
    assert all(found[part] for part in ("claim", "plan", "component", "asked_by", "client_errors"))
    assert all(one["function"] and one["says"] for one in found["asked_by"])
    assert all(one["hint"] for one in found["causes"])


@pytest.mark.parametrize("id", [*IDS["cause"], "kafka.timed_out"])
def test_a_cause_is_explained(id: str) -> None:
    found = parts(id)

    assert found["component"]
    assert found["hint"]
    assert found["criteria"] or found["met_by"]
    assert all(one["fault"] and one["criteria"] for one in found["drills"])


@pytest.mark.parametrize("id", IDS["component"])
def test_a_component_is_explained(id: str) -> None:
    found = parts(id)

    assert all(found[part] for part in ("title", "asked_through", "criteria", "causes", "expect"))
    # the cluster itself has no address, and the checklist is about all of the platform
    assert bool(found["required_keys"]) == (id not in {"health", "checklist"})


@pytest.mark.parametrize("id", IDS["kind"])
def test_a_kind_is_explained(id: str) -> None:
    found = parts(id)

    assert found["api_version"]
    assert len(found["how"]) > 20
    assert bool(found["states"]) == (found["how"] != judging.NO_STATE)
    assert all(state["when"] or state["reasons"] for state in found["states"].values())
    assert all(one["reason"] and one["means"] for state in found["states"].values() for one in state["reasons"])


@pytest.mark.parametrize("id", IDS["reason"])
def test_a_reason_is_explained(id: str) -> None:
    found = parts(id)

    assert found["shown_by"]
    assert found.get("means") or all(one["means"] for one in found["shown_by"])


@pytest.mark.parametrize("width", [24, 59, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_part_is_empty(width: int) -> None:
    told = [text(explained(SUITES, id), colour=False, width=width) for ids in IDS.values() for id in ids]
    told.append(overview(IDS, colour=False, width=width))

    lines = [line for one in told for line in one.splitlines()]
    assert max(map(len, lines)) <= width
    assert all(line.strip() for line in lines)
    assert "\x1b" not in "".join(lines)


# -- criteria


def test_a_criterion_says_who_asks_it_and_what_that_needs(small: Suites) -> None:
    brokers, answers = parts("queue.brokers", small), parts("queue.answers", small)

    assert brokers["asked_by"] == [
        {"function": "suites/queue/test_queue.py::test_the_brokers", "says": "Every broker is there."}
    ]
    assert (brokers["mode"], brokers["needs"]) == ("disrupt", ["tape"])
    assert answers["asked_by"][0]["function"] == "suites/queue/test_queue.py::TestAnswers::test_it"
    assert (answers["mode"], answers["needs"]) == ("write", ["tape"])


def test_the_likely_causes_are_those_of_drills_of_the_check_and_of_what_it_calls(small: Suites) -> None:
    brokers, answers = parts("queue.brokers", small), parts("queue.answers", small)

    assert [one["cause"] for one in brokers["causes"]] == ["queue.timed_out", "queue.broker_missing"]
    assert brokers["causes"][1]["by_hand"] == "queue-status {address}"
    assert [(one["cause"], one["drills"]) for one in answers["causes"]] == [("queue.process_gone", ["queue.killed"])]


def test_what_a_product_lacks_stands_with_the_criterion_and_the_component(tmp_path: Path) -> None:
    suites = Suites(Registry.load(checkout(tmp_path, PRODUCT)))

    brokers, queue = parts("queue.brokers", suites), parts("queue", suites)

    assert brokers["unsupported_by"] == [{"product": "Rabbit", "reason": "it has no brokers"}]
    assert parts("queue.answers", suites)["unsupported_by"] == []
    assert queue["products"] == [{"product": "rabbit", "title": "Rabbit", "unsupported": ["queue.brokers"]}]


def test_a_criterion_that_nobody_asks_or_that_is_waived_or_left_out_says_so(small: Suites) -> None:
    store = parts("store.answers", small)

    assert (store["asked_by"], store["mode"], store["causes"]) == ([], "", [])
    assert store["waiver"] == {"owner": "Ada", "reason": "moves next week", "expires": "2030-01-31", "link": ""}
    assert store["left_out_by"] == ["quick"]
    assert parts("queue.answers", small)["left_out_by"] == []
    shown = text(explained(small, "store.answers"), colour=False, width=100)
    assert "asked by        none" in shown
    assert "owner: Ada" in shown


def test_a_client_that_is_no_python_is_a_sentence(small: Suites) -> None:
    (small.registry.root / "fixtures/queue.py").write_text("def :")

    with pytest.raises(ConfigError, match=r"queue\.py: is no Python that can be read"):
        explained(small, "queue.brokers")


# -- causes


def test_a_cause_says_which_drills_show_it_and_which_criteria_name_it(small: Suites) -> None:
    gone, missing = parts("queue.process_gone", small), parts("queue.broker_missing", small)

    assert gone["drills"] == [{"drill": "queue.killed", "fault": "kill one", "criteria": ["queue.answers"]}]
    assert (missing["drills"], missing["criteria"]) == ([], ["queue.brokers"])
    assert missing["addresses"] == ["address"]


def test_a_generic_cause_is_of_every_component_and_one_of_its_own_comes_first() -> None:
    generic, own = parts("not_settled"), parts("health.not_settled")

    assert generic["component"] == "any"
    assert generic["told_otherwise_by"] == ["argocd", "health"]
    assert own["hint"] != generic["hint"] == parts("kafka.not_settled")["hint"]


def test_a_cause_that_no_check_names_says_who_meets_it() -> None:
    assert "any criterion of s3 can show it" in parts("s3.clock_skewed")["met_by"]
    assert "of any component" in parts("own_error")["met_by"]


# -- kinds


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Deployment", "Deployment"),
        ("deploy", "Deployment"),
        ("deployments", "Deployment"),
        ("deployments.apps", "Deployment"),
        ("pvc", "PersistentVolumeClaim"),
        ("STS", "StatefulSet"),
        ("ingresses", "Ingress"),
        ("Kafka", "Kafka.kafka.strimzi.io"),
        ("kafkatopics", "KafkaTopic.kafka.strimzi.io"),
        ("kafkas.kafka.strimzi.io", "Kafka.kafka.strimzi.io"),
        ("cluster.postgresql.cnpg.io", "Cluster.postgresql.cnpg.io"),
        ("*", "*"),
        ("configmap", "ConfigMap"),
    ],
)
def test_a_kind_is_meant_by_every_name_that_kubectl_gives_it(word: str, kind: str) -> None:
    found = explained(SUITES, word)

    assert (found.sort, found.id) == ("kind", kind)


def test_a_component_comes_before_a_kind_of_its_name() -> None:
    assert [explained(SUITES, word).sort for word in ("kafka", "Kafka")] == ["component", "kind"]


def test_a_custom_kind_is_explained_by_its_own_table() -> None:
    found = parts("KafkaTopic")

    assert found["states"]["ready"]["when"] == "conditions.Ready.status == 'True'"
    assert found["states"]["progressing"]["when"] == "all else"
    assert found["operator"] == "entity-operator"
    assert found["next"] == "kubectl -n {namespace} describe kafkatopic {name}"


def test_a_built_in_kind_says_what_its_judge_says() -> None:
    states = parts("Deployment")["states"]

    assert {"reason": "Paused", "means": "its rollout is paused"} in states["suspended"]["reasons"]
    assert {"reason": "ProgressDeadlineExceeded", "means": "given up at once; look at its pods"} in states["failed"][
        "reasons"
    ]
    unavailable = next(one["means"] for one in states["progressing"]["reasons"] if one["reason"] == "Unavailable")
    assert re.match(
        r"\{available\} of \{\w+\} available / \{updated\} of \{\w+\} have the newest template", unavailable
    )
    assert parts("Deployment")["also"] == ["Pod"]


def test_a_message_is_the_one_that_stands_before_its_verdict() -> None:
    found = {
        (state, one["reason"]): one["means"]
        for state, told in parts("svc")["states"].items()
        for one in told["reasons"]
    }

    assert found["progressing", "NoPods"].startswith("… should make its pods")
    assert found["suspended", "ScaledToZero"].startswith("… makes its pods")
    assert found["unknown", "EndpointsUnknown"] == "neither its pods nor its endpoints are known here"


@cache
def reasons(kind: str) -> frozenset[str]:
    """Every reason that is explained for a kind, and for those that stand behind it."""
    found = judging.judged(kind)
    own = {one.reason for told in found.reasons.values() for one in told}
    return frozenset(own.union(*(reasons(other) for other in found.also)))


def golden() -> Iterable[tuple[str, str]]:
    """Kind and reason of every row that a golden file expects of a built-in kind."""
    for path in GOLDEN:
        head, objects = documents(path)
        versions = {one["kind"]: one["apiVersion"] for one in objects if "kind" in one and "apiVersion" in one}
        for row in head["expect"]:
            kind = known_as(versions.get(row["kind"], ""), row["kind"])
            if kind in JUDGES and row.get("reason"):
                yield kind, row["reason"]


def test_every_reason_that_objects_are_known_to_show_is_explained() -> None:
    shown = set(golden())

    assert len(shown) > 80
    assert [pair for pair in sorted(shown) if pair[1] not in reasons(pair[0])] == []


def test_every_reason_of_the_table_of_doom_is_shown_by_some_kind() -> None:
    assert RULES.keys() - judging.shown_by().keys() == set()


# -- wrong use, and the verb


@pytest.mark.parametrize(
    ("id", "sentence"),
    [
        ("kafka.brokr", "no criterion, cause, component, kind or reason (nearest known: 'kafka.brokers')"),
        ("timd_out", "nearest known: 'timed_out'"),
        ("Deploymnt", "nearest known: 'Deployment'"),
        ("ImageNotfoundd", "nearest known: 'ImageNotFound'"),
        ("kafka.", "nearest known: 'kafka'"),
        (".timed_out", "nearest known: 'timed_out'"),
        ("Backup", "names several kinds (Backup.postgresql.cnpg.io, Backup.velero.io)"),
    ],
)
def test_an_id_that_nobody_knows_is_told_the_nearest(id: str, sentence: str) -> None:
    assert sentence in refusal(id)


def gonogo(*arguments: str, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program, in a process of its own."""
    given = {**os.environ, **environment}
    command = [sys.executable, "-m", "gonogo", "explain", *arguments]
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


def test_the_verb_prints_one_object_as_json() -> None:
    done = gonogo("kafka.brokers", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "schema": "gonogo/explain/1",
        "rows": [{"id": "kafka.brokers", "sort": "criterion", **msgspec.to_builtins(parts("kafka.brokers"))}],
    }


def test_the_verb_without_an_id_counts_what_there_is(tmp_path: Path) -> None:
    root = checkout(tmp_path, {"suites/queue/.keep": "", "reports/criteria.toml": FILES["reports/criteria.toml"]})

    told, rows = gonogo(root=root), json.loads(gonogo("--json", root=root).stdout)

    assert told.returncode == 0
    assert "criterion       5: queue.answers, queue.brokers" in told.stdout
    assert rows["schema"] == "gonogo/explain/1"
    assert {row["sort"]: row["count"] for row in rows["rows"]}["component"] == 3


def test_the_verb_refuses_what_nobody_knows_and_needs_no_target() -> None:
    done = gonogo("kafka.brokr", GONOGO_TARGET="no-such-target")

    assert (done.returncode, done.stdout) == (2, "")
    assert "nearest known: 'kafka.brokers'" in done.stderr


def test_the_verb_keeps_to_the_columns_there_are_and_paints_no_pipe() -> None:
    done = gonogo("kafka.brokers", COLUMNS="44")

    assert max(map(len, done.stdout.splitlines())) <= 44
    assert "\x1b" not in done.stdout


def test_colours_are_of_the_text_alone() -> None:
    found = Explained("a.b", "cause", {"hint": "Look at \x1b[31mit."})

    plain, painted = (text(found, colour=colour, width=80) for colour in (False, True))

    assert "\x1b" not in plain
    assert painted.startswith("\x1b[1ma.b  cause\x1b[0m\n\x1b[36mhint\x1b[0m")
    assert "\x1b[31m" not in painted
