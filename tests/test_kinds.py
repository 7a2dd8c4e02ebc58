"""Rules of custom resources that a component brings: read with every mistake named, and judged by before ours."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest

from gonogo.catalog.kinds import kinds
from gonogo.catalog.registry import Registry
from gonogo.cluster.judge import Row, World, judge
from gonogo.cluster.judge.rules import Rules
from gonogo.core.errors import ConfigError
from tests.checkouts import checkout

QUEUE = """
    ["Queue.example.com"]
    source = "example.com/docs"
    failed = "status.phase == 'Broken'"
    ready = "status.phase == 'Serving'"
    progressing = "status.phase == 'Starting'"
    reason = ["status.reason", "status.phase"]
    hint = "kubectl -n {namespace} describe queue {name}"
"""
BROKEN = {
    "apiVersion": "example.com/v1",
    "kind": "Queue",
    "metadata": {"name": "mail", "namespace": "data", "creationTimestamp": "2026-11-25T09:00:00Z"},
    "status": {"phase": "Broken", "reason": "DiskFull"},
}


def rows(rules: Rules | None = None, **changes: object) -> list[Row]:
    """What is said of a queue that is broken."""
    return judge(World.of([{**BROKEN, **changes}], now=datetime.fromisoformat("2026-11-25T10:00:00Z"), rules=rules))


def test_a_kind_is_judged_by_the_table_of_the_component_that_brings_it(tmp_path: Path) -> None:
    own = Rules(kinds(checkout(tmp_path, {"deploy/queue/kinds.toml": QUEUE})))

    [row] = rows(own)

    assert (row.state.value, row.reason, row.hint) == ("failed", "DiskFull", "kubectl -n data describe queue mail")
    assert rows()[0].reason != "DiskFull", "without the table nobody knows the field"
    assert "Queue.example.com" in own.stateful
    assert "Kafka.kafka.strimzi.io" in own.stateful


def test_a_table_takes_the_place_of_ours(tmp_path: Path) -> None:
    text = QUEUE.replace("Queue.example.com", "Kafka.kafka.strimzi.io").replace("'Broken'", "'Starting'")
    own = Rules(kinds(checkout(tmp_path, {"deploy/queue/kinds.toml": text})))

    [row] = rows(own, apiVersion="kafka.strimzi.io/v1", kind="Kafka", status={"phase": "Starting"})

    assert row.state.value == "failed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= broken", "not TOML"),
        ('[Queue]\nsource = "x"', "'Queue' is no kind (write [\"Kind.group\"])"),
        (
            '["Queue.example.com"]\nsource = "x"\nfaild = "y"',
            "unknown key 'Queue.example.com.faild' (nearest known: 'failed')",
        ),
        ('["Queue.example.com"]\nready = "y"', "missing key 'Queue.example.com.source'"),
        ('["Queue.example.com"]\nsource = "x"\nready = "status."', "Queue.example.com.ready is no JMESPath"),
        ('["Queue.example.com"]\nsource = "x"\nreason = ["a", "["]', "Queue.example.com.reason is no JMESPath"),
        ('["Queue.example.com"]\nsource = "x"\nhint = "{pod}"', "may hold {namespace} and {name} alone"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kinds(checkout(tmp_path, {"deploy/queue/kinds.toml": text}))

    assert said in str(caught.value)
    assert "deploy/queue/kinds.toml" in str(caught.value)
    if "JMESPath" not in said:  # these are looked into where they are used, and by lint
        with pytest.raises(ConfigError, match="deploy/queue/kinds"):
            Registry.load(tmp_path)


def test_an_expression_is_looked_into_by_lint_and_where_it_is_used(pytester: pytest.Pytester) -> None:
    wrong = '["Queue.example.com"]\nsource = "x"\nready = "status."'
    checkout(pytester.path, {"deploy/queue/kinds.toml": wrong})

    registry = Registry.load(pytester.path)
    done = pytester.run(sys.executable, "-m", "gonogo", "lint")

    with pytest.raises(ConfigError, match=r"Queue.example.com: ready is no JMESPath: status\. \(gonogo lint names its"):
        Rules(registry.kinds)
    assert done.ret == 2
    assert "deploy/queue/kinds.toml: Queue.example.com.ready is no JMESPath: status." in done.stderr.str()


def test_two_components_may_not_bring_one_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a table in another component's"):
        kinds(checkout(tmp_path, {"deploy/queue/kinds.toml": QUEUE, "deploy/store/kinds.toml": QUEUE}))


@pytest.mark.parametrize(("table", "code", "state"), [(QUEUE, 1, "failed"), ("= broken", 2, "")])
def test_the_verb_health_goes_by_the_tables_of_the_checkout(
    pytester: pytest.Pytester, table: str, code: int, state: str
) -> None:
    checkout(pytester.path, {"deploy/queue/kinds.toml": table})
    (pytester.path / "dump.json").write_text(json.dumps(BROKEN))

    done = pytester.run(sys.executable, "-m", "gonogo", "health", "-f", "dump.json", "--json")

    assert done.ret == code
    assert [row["state"] for row in json.loads(done.stdout.str() or '{"rows": []}')["rows"]] == [state][: bool(state)]


def test_the_verb_explain_knows_the_tables_of_the_checkout(pytester: pytest.Pytester) -> None:
    checkout(pytester.path, {"deploy/queue/kinds.toml": QUEUE})

    done = pytester.run(sys.executable, "-m", "gonogo", "explain", "Queue.example.com", "--json")

    assert done.ret == 0
    assert "'Broken'" in json.loads(done.stdout.str())["rows"][0]["states"]["failed"]["when"]
