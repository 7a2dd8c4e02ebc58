"""``python tests/many_systems.py FILE`` stores a run of 14 systems with 250 criteria, to look at its reports."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace
from samples import WAIVER, sample_results

from gonogo.core.errors import Wrong
from gonogo.core.outcomes import Level, Outcome
from gonogo.results.model import Cause, CheckResult, ComponentResult, CriterionResult, Results, VoidWaiver
from gonogo.results.seal import sealed
from gonogo.results.verdict import judge

SYSTEMS = (
    *("elasticsearch", "kafka", "neo4j", "datahub", "doris", "superset", "ray"),
    *("mlflow", "postgresql", "s3", "kfp", "katib", "notebooks", "argocd"),
)
BROKEN = {"doris": Outcome.FAILED, "mlflow": Outcome.BROKEN, "katib": Outcome.FAILED}
"""Systems with something wrong, and what: the others are green but for what was not asked."""

CRITERIA = 250
UNSUPPORTED = {f"{name}.claim_13": "needs exec in its pods" for name in SYSTEMS}

ENDED = replace(WAIVER, expires="2025-06-01")
"""A waiver of the first criterion, which ended before the run did."""


def many_results() -> Results:
    """A judged run: three of the fourteen systems have something wrong, one of them answers nobody."""
    criteria, checks = [], []
    for n in range(CRITERIA):
        criterion, check = _one(n)
        criteria.append(criterion)
        checks.append(check)
    sample = sample_results()
    components = tuple(
        ComponentResult(
            name=name,
            version="26.1.0",
            provider="helm",
            transport="forward",
            endpoints={"url": f"http://{name}.data-platform.svc.cluster.local:9200"},
            expect={"nodes": 3, "topics": ["events", "usage"], "certificate_days": 14},
            answers=Outcome.BROKEN if name == "mlflow" else Outcome.PASSED,
            answers_at_end=Outcome.BROKEN if name == "mlflow" else Outcome.PASSED,
            message="no answer within 20 s" if name == "mlflow" else "",
        )
        for name in SYSTEMS
    )
    target = replace(
        sample.target, name="production", provider="helm", components=SYSTEMS, unsupported=UNSUPPORTED, lacks={}
    )
    return judge(
        replace(
            sample,
            run=replace(sample.run, interrupted=False, mode=sample.run.mode, git="64460f8", deselected=()),
            target=target,
            components=components,
            criteria=tuple(criteria),
            checks=tuple(checks),
            void=(
                VoidWaiver(criterion="kafka.*", waiver=WAIVER, reason="too broad, as it names more than one criterion"),
            ),
            verdict=None,
        )
    )


def _one(n: int) -> tuple[CriterionResult, CheckResult]:
    system, turn = SYSTEMS[n % len(SYSTEMS)], n // len(SYSTEMS)
    id = f"{system}.claim_{turn}" if turn else f"{system}.answers"
    level = (Level.CRITICAL, Level.IMPORTANT, Level.IMPORTANT, Level.OPTIONAL)[turn % 4]
    outcome = BROKEN[system] if system in BROKEN and turn in (0, 5, 9) else Outcome.PASSED
    if outcome is Outcome.PASSED and turn == 13:
        outcome = Outcome.UNSUPPORTED
    node = f"suites/{system}/test_{system}.py::test_claim_{turn}"
    wrong = Wrong(f"{system}.backend_down", ["be-0", "be-1"], {"alive": ["be-0"], "dead": [{"node": "be-1"}]})
    told = {
        Outcome.FAILED: wrong.message,
        Outcome.BROKEN: "no answer within 20 s",
        Outcome.UNSUPPORTED: "needs exec in its pods",
    }.get(outcome, "")
    seen = (wrong.expected, wrong.actual) if outcome is not Outcome.BROKEN else ("", "")
    check = CheckResult(
        nodeid=node,
        criteria=(id,),
        component=system,
        uses=(system,),
        outcome=outcome,
        expected=seen[0],
        actual=seen[1] if outcome is Outcome.FAILED else seen[0],
        message=told,
        cause=Cause(component=system, signature=wrong.signature) if outcome in BROKEN.values() else None,
        hint="A backend does not answer the master's heartbeats." if outcome in BROKEN.values() else "",
        started="2025-06-04T12:00:30Z",
        seconds=0.3,
        transport="forward",
    )
    claim = f"{system.capitalize()} keeps its promise {turn} to those who ask it over the network of the platform"
    waiver = ENDED if n == 0 else None
    criterion = CriterionResult(id=id, level=level, component=system, claim=claim, outcome=outcome, reason=told)
    return replace(criterion, checks=(node,), waiver=waiver), check


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(sealed(many_results())))
