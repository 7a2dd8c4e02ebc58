"""The verdict from what was seen: a pure function, tried on tables and on random runs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gonogo.core.outcomes import Decision, Level, Mode, Outcome, Skip
from gonogo.results.model import (
    Cause,
    CheckResult,
    ComponentResult,
    CriterionResult,
    Results,
    RunInfo,
    TargetInfo,
    Verdict,
    Waiver,
)
from gonogo.results.verdict import judge
from tests.samples import WAIVER, sample_results

PASSED, FAILED, BROKEN, BLOCKED = Outcome.PASSED, Outcome.FAILED, Outcome.BROKEN, Outcome.BLOCKED
MISSING, SKIPPED, UNSUPPORTED, WAIVED = Outcome.MISSING, Outcome.SKIPPED, Outcome.UNSUPPORTED, Outcome.WAIVED

NEEDS: Mapping[str, tuple[str, ...]] = {
    "store": (),
    "queue": (),
    "models": ("store",),
    "shop": ("models", "queue"),
}
WANTS_WRITE = {"outcome": SKIPPED, "message": "needs --mode write", "skip": Skip.MODE, "wants": Mode.WRITE}
NEEDS_CLUSTER = {"outcome": UNSUPPORTED, "message": "there is none", "lacks": "kubernetes"}

Saw = Outcome | tuple[Outcome, str] | Mapping[str, Any] | list[Any] | None


@dataclass
class Given:
    """A run in short: criterion to what its checks saw; ``!`` marks important, ``?`` optional ones."""

    saw: Mapping[str, Saw]
    answers: Mapping[str, Outcome] = field(default_factory=dict)
    at_end: Mapping[str, Outcome] = field(default_factory=dict)
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    deselected: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    interrupted: bool = False
    started: str = "2025-06-04T12:00:00Z"
    finished: str = "2025-06-04T12:01:00Z"
    seconds: float = 60.0
    unsupported: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    mode: Mode = Mode.WRITE

    def results(self) -> Results:
        criteria, checks = [], []
        for key, saw in self.saw.items():
            id = key.rstrip("!?")
            level = {"!": Level.IMPORTANT, "?": Level.OPTIONAL}.get(key[-1], Level.CRITICAL)
            many = saw if isinstance(saw, list) else [saw]
            nodes = tuple(f"{id}#{n}" for n in range(len(many)))
            component = id.partition(".")[0]
            criteria.append(
                CriterionResult(
                    id=id, level=level, component=component, claim=id, checks=nodes, waiver=self.waivers.get(id)
                )
            )
            for node, one in zip(nodes, many, strict=True):
                if one is not None:
                    said = one if isinstance(one, tuple) else (one, f"{id} says {one}")
                    told = one if isinstance(one, Mapping) else dict(zip(("outcome", "message"), said, strict=True))
                    uses = self.uses.get(id, (component,))
                    checks.append(CheckResult(nodeid=node, criteria=(id,), component=component, uses=uses, **told))
        return Results(
            run=RunInfo(
                id="pv-20250604120000-0a1b2c",
                started=self.started,
                finished=self.finished,
                seconds=self.seconds,
                mode=self.mode,
                deselected=self.deselected,
                unread=self.unread,
                interrupted=self.interrupted,
            ),
            target=TargetInfo(
                name="here",
                provider="existing",
                capabilities=("host",),
                components=self.components,
                unsupported=dict(self.unsupported),
                lacks=dict(self.lacks),
            ),
            components=tuple(
                ComponentResult(
                    name=n,
                    needs=needs,
                    message=f"{n} said so",
                    answers=self.answers.get(n, PASSED),
                    answers_at_end=self.at_end.get(n, self.answers.get(n, PASSED)),
                )
                for n, needs in NEEDS.items()
            ),
            criteria=tuple(criteria),
            checks=tuple(checks),
        )


def verdict_of(given: Given, strict: Level = Level.CRITICAL) -> Verdict:
    verdict = judge(given.results(), strict).verdict
    assert verdict is not None
    return verdict


def outcomes(given: Given) -> dict[str, str]:
    """Criterion to outcome, with what blocked it."""
    return {
        c.id: f"{c.outcome} by {c.blocked_by}" if c.blocked_by else str(c.outcome)
        for c in judge(given.results()).criteria
    }


def test_the_sample_is_judged_as_it_stands() -> None:
    unjudged = replace(
        sample_results(),
        verdict=None,
        criteria=tuple(replace(c, outcome=MISSING, reason="", blocked_by=None) for c in sample_results().criteria),
    )

    assert judge(unjudged) == sample_results()


def test_the_sample_has_every_outcome_and_level() -> None:
    assert {c.outcome for c in sample_results().criteria} == set(Outcome)
    assert {c.level for c in sample_results().criteria} == set(Level)


@pytest.mark.parametrize(
    ("saw", "outcome"),
    [
        ([PASSED], PASSED),
        ([PASSED, FAILED, BROKEN], FAILED),
        ([BROKEN, BLOCKED, PASSED], BROKEN),
        ([BLOCKED, MISSING], BLOCKED),
        ([PASSED, None], MISSING),
        ([SKIPPED, PASSED], SKIPPED),
        ([NEEDS_CLUSTER, PASSED], UNSUPPORTED),
        ([SKIPPED, NEEDS_CLUSTER], SKIPPED),
        ([UNSUPPORTED, PASSED], BROKEN),
        ([WAIVED, PASSED], FAILED),
        ([], MISSING),
    ],
)
def test_of_several_checks_the_worst_counts(saw: list[Outcome], outcome: Outcome) -> None:
    assert outcomes(Given({"store.keeps": saw})) == {"store.keeps": str(outcome)}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param(
            Given({"store.answers": FAILED, "models.answers": FAILED}),
            {"models.answers": "blocked by store.answers"},
            id="what fails while its need failed is blocked",
        ),
        pytest.param(
            Given({"store.answers": BROKEN, "models.answers": BROKEN}),
            {"store.answers": "broken", "models.answers": "blocked by store.answers"},
            id="what breaks while its need broke is blocked",
        ),
        pytest.param(
            Given({"store.answers": FAILED, "models.answers": PASSED}),
            {"models.answers": "passed"},
            id="what passed stays passed",
        ),
        pytest.param(
            Given({"store.answers": FAILED, "models.answers": FAILED, "shop.answers": FAILED, "shop.sells!": BROKEN}),
            {"shop.answers": "blocked by store.answers", "shop.sells": "blocked by store.answers"},
            id="the root is named, not what it blocked first",
        ),
        pytest.param(
            Given({"store.answers": FAILED, "models.answers": PASSED, "shop.answers": FAILED}),
            {"shop.answers": "blocked by store.answers"},
            id="needs of needs count",
        ),
        pytest.param(
            Given({"store.keeps!": FAILED, "models.answers": FAILED}),
            {"models.answers": "failed"},
            id="an important criterion blocks nothing",
        ),
        pytest.param(
            Given({"store.answers!": FAILED, "models.answers": FAILED}),
            {"models.answers": "blocked by store.answers"},
            id="but an unanswering component blocks at any level",
        ),
        pytest.param(
            Given({"store.keeps": FAILED, "store.answers": FAILED, "models.answers": FAILED}),
            {"store.keeps": "failed", "models.answers": "blocked by store.answers"},
            id="answers is named before other claims of a component",
        ),
        pytest.param(
            Given({"store.answers": FAILED, "queue.answers": FAILED}),
            {"queue.answers": "failed"},
            id="what it does not need blocks nothing",
        ),
        pytest.param(
            Given({"models.answers": FAILED}, answers={"store": FAILED}),
            {"models.answers": "blocked by store"},
            id="a component that no criterion speaks for blocks by its name",
        ),
        pytest.param(
            Given({"models.answers": FAILED}, answers={"store": MISSING}),
            {"models.answers": "failed"},
            id="a component that was not asked is blamed for nothing",
        ),
        pytest.param(
            Given({"shop.answers": BLOCKED, "store.answers": FAILED}, answers={"store": FAILED, "models": BLOCKED}),
            {"shop.answers": "blocked by store.answers"},
            id="what was not run is blocked by the root",
        ),
        pytest.param(
            Given({"pipelines.train?": FAILED, "queue.answers": FAILED}, uses={"pipelines.train": ("queue", "models")}),
            {"pipelines.train": "blocked by queue.answers"},
            id="a pipeline is blocked by what it uses",
        ),
        pytest.param(
            Given({"pipelines.train?": FAILED, "store.answers": FAILED}, uses={"pipelines.train": ("queue", "models")}),
            {"pipelines.train": "blocked by store.answers"},
            id="and by what that needs",
        ),
        pytest.param(
            Given({"pipelines.train?": FAILED, "store.answers": FAILED}, uses={"pipelines.train": ("queue",)}),
            {"pipelines.train": "failed"},
            id="and by nothing else",
        ),
        pytest.param(
            Given(
                {"store.a": FAILED, "queue.a": FAILED},
                uses={"store.a": ("store", "queue"), "queue.a": ("store", "queue")},
            ),
            {"store.a": "failed", "queue.a": "failed"},
            id="two that could blame each other are both failed",
        ),
    ],
)
def test_blocking(given: Given, wanted: dict[str, str]) -> None:
    seen = outcomes(given)

    assert {id: seen[id] for id in wanted} == wanted


@pytest.mark.parametrize(
    ("saw", "expires", "wanted"),
    [
        (FAILED, "2025-12-31", "waived"),
        (FAILED, "2025-06-04", "waived"),
        (FAILED, "2025-06-03", "failed"),
        (BROKEN, "2025-12-31", "broken"),
        (None, "2025-12-31", "missing"),
        (PASSED, "2025-12-31", "passed"),
    ],
)
def test_a_waiver_covers_what_failed_until_the_day_the_run_finished(saw: Saw, expires: str, wanted: str) -> None:
    waiver = replace(WAIVER, expires=expires)

    assert outcomes(Given({"store.keeps": saw}, waivers={"store.keeps": waiver})) == {"store.keeps": wanted}


def test_a_waived_need_still_blocks_and_a_blocked_criterion_is_not_waived() -> None:
    given = Given(
        {"store.answers": FAILED, "models.answers": FAILED},
        waivers={"store.answers": WAIVER, "models.answers": WAIVER},
    )

    assert outcomes(given) == {"store.answers": "waived", "models.answers": "blocked by store.answers"}
    assert verdict_of(given).code == 3


def test_an_expired_waiver_is_named() -> None:
    given = Given({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, expires="2025-01-01")})

    assert verdict_of(given).reason.endswith("the waiver of streaming team ended on 2025-01-01")


CRITICALS = {"store.answers": PASSED, "queue.answers": PASSED}


@pytest.mark.parametrize(
    ("given", "code", "headline"),
    [
        pytest.param(Given(CRITICALS), 0, "GO on here: 2 of 2 critical criteria", id="all passed"),
        pytest.param(
            Given({**CRITICALS, "shop.answers": NEEDS_CLUSTER}),
            0,
            "GO on here: 2 of 3 critical criteria; 1 needs a cluster",
            id="one unsupported",
        ),
        pytest.param(
            Given(
                {
                    **CRITICALS,
                    "shop.a": NEEDS_CLUSTER,
                    "shop.b": NEEDS_CLUSTER,
                    "shop.c": UNSUPPORTED,
                },
                unsupported={"shop.c": "not installed here"},
            ),
            0,
            "GO on here: 2 of 5 critical criteria; 2 need a cluster; 1 unsupported (shop)",
            id="several unsupported",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": WANTS_WRITE, "queue.keeps": WANTS_WRITE}, mode=Mode.READ),
            0,
            "GO on here, read only: 2 of 4 critical criteria; 2 need --mode write",
            id="read only",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": FAILED}, waivers={"store.keeps": WAIVER}),
            0,
            "GO on here: 2 of 3 critical criteria; 1 waived",
            id="waived",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps!": FAILED, "store.fast?": None}),
            0,
            "GO on here: 2 of 2 critical criteria",
            id="what is not critical does not gate",
        ),
        pytest.param(
            Given({"store.answers": FAILED, "queue.answers": PASSED}),
            1,
            "NO-GO: store.answers failed: store.answers says failed",
            id="one failed",
        ),
        pytest.param(
            Given(
                {"queue.a": FAILED, "store.answers": FAILED, "models.a": FAILED, "shop.a": FAILED, "queue.b": BROKEN}
            ),
            1,
            "NO-GO: queue.a failed: queue.a says failed; also store.answers failed, queue.b broken; 2 blocked",
            id="roots before what they block",
        ),
        pytest.param(
            Given({"queue.a": FAILED, "store.answers": FAILED, "models.a": FAILED}),
            1,
            "NO-GO: store.answers failed: store.answers says failed; also queue.a failed; 1 blocked",
            id="what blocks others first",
        ),
        pytest.param(
            Given({f"store.c{n}": FAILED for n in range(7)}),
            1,
            "NO-GO: store.c0 failed: store.c0 says failed; also store.c1 failed, store.c2 failed,"
            " store.c3 failed and 3 more",
            id="many failed",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": BROKEN}),
            3,
            "NO-GO: could not tell: store.keeps broken: store.keeps says broken",
            id="broken",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": None}, interrupted=True),
            3,
            "NO-GO: could not tell: store.keeps missing: no result: the run was interrupted",
            id="interrupted",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": []}),
            3,
            "NO-GO: could not tell: store.keeps missing: no check asks it",
            id="a criterion without checks",
        ),
        pytest.param(
            Given({"queue.answers": PASSED, "models.keeps": FAILED}, answers={"store": FAILED}),
            3,
            "NO-GO: could not tell: models.keeps blocked by store: models.keeps says failed",
            id="only blocked",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": (SKIPPED, "not today")}),
            3,
            "NO-GO: could not tell: store.keeps skipped: not today",
            id="skipped for another reason than the mode",
        ),
        pytest.param(
            Given(CRITICALS, components=("store", "queue", "models", "shop"), unsupported={"shop": "not here"}),
            3,
            "NO-GO: could not tell: nothing critical passed on models",
            id="a component without a passed critical criterion",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": (FAILED, "")}),
            1,
            "NO-GO: store.keeps failed",
            id="failed without a word",
        ),
        pytest.param(Given({}), 3, "NO-GO: could not tell: no criterion that gates was asked", id="no criteria"),
        pytest.param(
            Given({"store.keeps": WANTS_WRITE}, mode=Mode.READ),
            3,
            "NO-GO: could not tell: no criterion that gates was asked",
            id="nothing but modes not given",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": None, "shop.a": None}, deselected=("store.keeps#0", "shop.a#0")),
            3,
            "no verdict: 2 of 4 critical criteria asked",
            id="narrowed by -k",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": FAILED, "shop.a": None}, deselected=("shop.a#0",)),
            1,
            "NO-GO: store.keeps failed: store.keeps says failed",
            id="narrowed, and something failed",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": BROKEN, "shop.a": None}, deselected=("shop.a#0",)),
            3,
            "NO-GO: could not tell: store.keeps broken: store.keeps says broken",
            id="narrowed, and something broke",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": BLOCKED, "shop.a": None}, deselected=("shop.a#0",)),
            3,
            "NO-GO: could not tell: store.keeps blocked: store.keeps says blocked",
            id="narrowed, and something is blocked",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": None, "shop.a": None}, deselected=("shop.a#0",)),
            3,
            "NO-GO: could not tell: store.keeps missing: no result",
            id="narrowed, and something is missing",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": [FAILED, None]}, deselected=("store.keeps#1",)),
            1,
            "NO-GO: store.keeps failed: store.keeps says failed",
            id="narrowed within a criterion, and what was asked failed",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": [PASSED, None]}, deselected=("store.keeps#1",)),
            3,
            "no verdict: 2 of 3 critical criteria asked",
            id="narrowed within a criterion, and what was asked passed",
        ),
        pytest.param(
            Given(CRITICALS, unread=("suites/shop/test_shop.py",)),
            3,
            "no verdict: 2 of 2 critical criteria asked; suites/shop/test_shop.py could not be read",
            id="a file that nobody could read",
        ),
        pytest.param(
            Given(CRITICALS, interrupted=True),
            3,
            "NO-GO: could not tell: the run was interrupted",
            id="interrupted when all had passed",
        ),
        pytest.param(
            Given(CRITICALS, finished=""),
            3,
            "NO-GO: could not tell: the run never finished",
            id="never finished",
        ),
        pytest.param(
            Given(CRITICALS, finished="soon"),
            3,
            "NO-GO: could not tell: when the run started and finished cannot be read",
            id="finished at no time",
        ),
        pytest.param(
            Given(CRITICALS, finished="2025-06-04T11:59:59Z"),
            3,
            "NO-GO: could not tell: the clock went back: the run finished before it started",
            id="the clock went back beyond the start",
        ),
        pytest.param(
            Given(CRITICALS, seconds=3600.0),
            3,
            "NO-GO: could not tell: the clock went back: the run took 3600 s, from its start to its end are 60 s",
            id="the clock went back within the run",
        ),
        pytest.param(Given(CRITICALS, seconds=120.0), 0, "GO on here: 2 of 2 critical criteria", id="a clock's skew"),
        pytest.param(
            Given(CRITICALS, at_end={"store": FAILED}),
            1,
            "NO-GO: store does not answer any more: store said so",
            id="refuses at the end",
        ),
        pytest.param(
            Given(CRITICALS, at_end={"store": BROKEN}),
            3,
            "NO-GO: could not tell: store does not answer any more: store said so",
            id="silent at the end",
        ),
        pytest.param(
            Given(CRITICALS, at_end={"store": MISSING}),
            3,
            "NO-GO: could not tell: store was not asked again at the end",
            id="not asked at the end",
        ),
        pytest.param(
            Given(CRITICALS, answers={"store": FAILED}),
            1,
            "NO-GO: store does not answer any more: store said so",
            id="died in the midst of the run, after its critical criteria had passed",
        ),
        pytest.param(
            Given(CRITICALS, answers={"store": BROKEN}, at_end={"store": PASSED}),
            0,
            "GO on here: 2 of 2 critical criteria",
            id="came back, and all critical passed",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": UNSUPPORTED}),
            3,
            "NO-GO: could not tell: store.keeps broken: said to be unsupported, but not by target 'here': "
            "store.keeps says unsupported",
            id="unsupported by its own word",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": {**NEEDS_CLUSTER, "lacks": "host"}}),
            3,
            "NO-GO: could not tell: store.keeps broken: "
            "said to be unsupported, but not by target 'here': there is none",
            id="unsupported for want of what the target declares",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": WAIVED}),
            1,
            "NO-GO: store.keeps failed: store.keeps says waived",
            id="waived by a check",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": {"outcome": SKIPPED, "message": "needs --mode write"}}, mode=Mode.READ),
            3,
            "NO-GO: could not tell: store.keeps skipped: needs --mode write",
            id="skipped for want of a mode by its text alone",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": WANTS_WRITE}, mode=Mode.WRITE),
            3,
            "NO-GO: could not tell: store.keeps skipped: needs --mode write",
            id="skipped for want of a mode that the run had",
        ),
        pytest.param(
            Given({**CRITICALS, "store.keeps": [WANTS_WRITE, SKIPPED]}, mode=Mode.READ),
            3,
            "NO-GO: could not tell: store.keeps skipped: store.keeps says skipped",
            id="of two skipped the one without excuse counts",
        ),
        pytest.param(
            Given(
                {**CRITICALS, "store.keeps!": None, "store.fast?": None}, deselected=("store.keeps#0", "store.fast#0")
            ),
            0,
            "GO on here: 2 of 2 critical criteria",
            id="-m critical is no narrowing",
        ),
        pytest.param(
            Given({**CRITICALS, "shop.answers": None}, unsupported={"shop": "no server"}, lacks={"shop": "kubernetes"}),
            0,
            "GO on here: 2 of 3 critical criteria; 1 needs a cluster",
            id="declared unsupported and never asked",
        ),
    ],
)
def test_the_verdict(given: Given, code: int, headline: str) -> None:
    verdict = verdict_of(given)

    assert (verdict.code, verdict.headline) == (code, headline)
    assert verdict.headline.endswith(verdict.reason)
    assert verdict.decision is {0: Decision.GO, 1: Decision.NO_GO}.get(
        code, Decision.NONE if headline.startswith("no verdict") else Decision.NO_GO
    )


@pytest.mark.parametrize(
    ("strict", "code", "headline"),
    [
        (Level.CRITICAL, 0, "GO on here: 2 of 2 critical criteria"),
        (Level.IMPORTANT, 3, "NO-GO: could not tell: store.keeps broken: store.keeps says broken"),
        (Level.OPTIONAL, 1, "NO-GO: store.fast failed: store.fast says failed; also store.keeps broken"),
    ],
)
def test_strict_levels_gate_too(strict: Level, code: int, headline: str) -> None:
    verdict = verdict_of(Given({**CRITICALS, "store.keeps!": BROKEN, "store.fast?": FAILED}), strict)

    assert (verdict.code, verdict.headline) == (code, headline)


def test_strict_levels_are_counted() -> None:
    given = Given({**CRITICALS, "store.keeps!": PASSED, "store.fast?": PASSED})

    assert verdict_of(given, Level.IMPORTANT).reason == "3 of 3 critical and important criteria"
    assert verdict_of(given, Level.OPTIONAL).reason == "4 of 4 critical, important and optional criteria"


def test_what_is_counted_is_all_there_is() -> None:
    counts = verdict_of(Given({**CRITICALS, "shop.a": FAILED, "store.keeps!": BROKEN})).counts

    assert counts["critical"] == {**dict.fromkeys(map(str, Outcome), 0), "passed": 2, "failed": 1}
    assert counts["important"]["broken"] == 1
    assert sum(n for row in counts.values() for n in row.values()) == 4


def test_first_causes_are_roots_with_their_signature_the_weightier_levels_first() -> None:
    results = Given({"queue.fast!": FAILED, "models.a": FAILED, "queue.a": BROKEN, "store.a": FAILED}).results()
    caused = replace(results.checks[3], cause=Cause(component="store", signature="store.full"))
    verdict = judge(replace(results, checks=(*results.checks[:3], caused))).verdict

    assert verdict is not None
    assert [(c.criterion, c.signature) for c in verdict.first_causes] == [
        ("store.a", "store.full"),
        ("queue.a", "queue.own_error"),
        ("queue.fast", "queue.claim_false"),
    ]


def test_a_component_that_no_criterion_speaks_for_is_a_first_cause() -> None:
    (cause,) = verdict_of(Given({"models.a": FAILED}, answers={"store": FAILED})).first_causes

    assert (cause.component, cause.criterion, cause.signature) == ("store", "", "store.not_up")


def test_what_no_criterion_of_the_profile_asked_for_does_not_count() -> None:
    results = Given(CRITICALS).results()
    stray = CheckResult(nodeid="x", criteria=("checklist.backup",), component="checklist", outcome=FAILED)

    assert judge(replace(results, checks=(*results.checks, stray))).verdict == judge(results).verdict


@pytest.mark.parametrize("seed", range(100))
def test_judging_twice_changes_nothing(seed: int) -> None:
    results = random_run(random.Random(seed)).results()

    once = judge(results)

    assert judge(once) == once
    assert msgspec.json.decode(msgspec.json.encode(once), type=Results) == once


SILENT: Mapping[str, object] = {
    "outcome": FAILED,
    "message": "refused",
    "cause": Cause(component="store", signature="store.connection_refused"),
}


def test_a_silent_component_is_one_first_cause_and_blocks_its_other_claims() -> None:
    blocked = {**SILENT, "outcome": BLOCKED}
    saw = {**CRITICALS, "store.answers": SILENT, "store.keeps": blocked, "store.fast?": blocked}

    judged = judge(Given(saw, answers={"store": FAILED}).results())

    verdict = judged.verdict
    assert verdict is not None
    by_id = {c.id: c for c in judged.criteria}
    assert (by_id["store.keeps"].outcome, by_id["store.keeps"].blocked_by) == (BLOCKED, "store.answers")
    assert by_id["store.fast"].blocked_by == "store.answers"
    assert [cause.criterion for cause in verdict.first_causes] == ["store.answers"]
    assert verdict.code == 1


def test_a_silent_component_of_which_only_other_claims_were_asked_failed() -> None:
    judged = judge(Given({"store.keeps": {**SILENT, "outcome": BLOCKED}}, answers={"store": FAILED}).results())

    verdict = judged.verdict
    assert verdict is not None
    assert (verdict.code, judged.criteria[0].blocked_by) == (1, "store")
    assert [cause.component for cause in verdict.first_causes] == ["store"]


def test_one_cause_that_two_claims_met_stands_once() -> None:
    judged = judge(
        Given({**CRITICALS, "store.answers": PASSED, "store.keeps": SILENT, "store.fast!": SILENT}).results()
    )

    verdict = judged.verdict
    assert verdict is not None
    assert [cause.criterion for cause in verdict.first_causes] == ["store.keeps"]


@pytest.mark.parametrize("seed", range(100))
def test_every_run_keeps_the_promises_of_the_contract(seed: int) -> None:
    given = random_run(random.Random(seed))
    judged = judge(given.results())
    verdict = judged.verdict
    assert verdict is not None
    by_id = {c.id: c for c in judged.criteria}
    gating = [c for c in judged.criteria if c.level is Level.CRITICAL]
    failed = [c for c in gating if c.outcome is FAILED]

    # nothing red is ever green, and nothing green ever red
    assert all(c.outcome is PASSED for c in judged.criteria if given_worst(given, c.id) is PASSED)
    assert all(given_worst(given, c.id) is PASSED for c in judged.criteria if c.outcome is PASSED)
    # a root is there, and is not itself blocked
    roots = {c.blocked_by for c in judged.criteria if c.blocked_by in by_id}
    assert all(by_id[r].outcome in (FAILED, BROKEN, WAIVED) for r in roots if r)
    # one decision per code
    assert (verdict.code == 0) == (verdict.decision is Decision.GO)
    assert not failed or verdict.code == 1
    fallen = {c.name for c in judged.components if FAILED in (c.answers, c.answers_at_end)}
    itself = [c for c in gating if c.outcome is BLOCKED and c.blocked_by == c.component in fallen]
    assert verdict.code != 1 or failed or itself or FAILED in {c.answers_at_end for c in judged.components}
    if verdict.decision is not Decision.NO_GO:
        assert not given.interrupted
        assert {c.outcome for c in gating} <= {PASSED, WAIVED, UNSUPPORTED, SKIPPED}
    if verdict.decision is Decision.NONE:
        assert given.deselected or given.unread
    if verdict.decision is Decision.GO:
        assert not given.unread
        assert all(c.skip is Skip.MODE for c in gating if c.outcome is SKIPPED)
        assert {c.answers_at_end for c in judged.components if c.answers is PASSED} <= {PASSED}


def given_worst(given: Given, id: str) -> Outcome:
    results = given.results()
    criterion = next(c for c in results.criteria if c.id == id)
    seen = {c.nodeid: c.outcome for c in results.checks}
    return min((seen.get(n, MISSING) for n in criterion.checks), key=lambda o: o.severity, default=MISSING)


def random_run(chance: random.Random) -> Given:
    """Any run: every outcome a check can report, in any combination, with any component down; some are quite well."""
    well = chance.random() < 0.3
    reported: list[Saw] = [PASSED] * (100 if well else 8)
    reported += [FAILED, FAILED, BROKEN, BLOCKED, SKIPPED, UNSUPPORTED, WANTS_WRITE, NEEDS_CLUSTER, None]
    answered = [PASSED] * (30 if well else 3) + [FAILED, BROKEN, BLOCKED, MISSING]
    names = [*NEEDS, "pipelines"]
    saw: dict[str, Saw] = {}
    for name in names:
        for claim in ("answers", "keeps!", "counts", "fast?"):
            one = chance.choice(reported)
            several = [chance.choice([PASSED, FAILED, BROKEN, SKIPPED]) for _ in range(2)]
            saw[f"{name}.{claim}"] = chance.choice([one, one, one, [PASSED] * 2 if well else several])
    ids = [id.rstrip("!?") for id in saw]
    return Given(
        saw=saw,
        answers={n: chance.choice(answered) for n in NEEDS},
        at_end={n: chance.choice([FAILED, BROKEN, MISSING]) for n in NEEDS if chance.random() < 0.05},
        uses={id: tuple(chance.sample(list(NEEDS), chance.randint(0, 3))) for id in chance.sample(ids, 6)},
        waivers={
            id: replace(WAIVER, expires=chance.choice(["2025-01-01", "2026-01-01"])) for id in chance.sample(ids, 3)
        },
        deselected=tuple(f"{id}#0" for id in chance.sample(ids, 2)) if chance.random() < 0.3 else (),
        unread=("suites/x.py",) if chance.random() < 0.1 else (),
        interrupted=chance.random() < 0.2,
        unsupported={"shop": "not here"} if chance.random() < 0.2 else {},
        components=tuple(chance.sample(list(NEEDS), 2)),
        mode=chance.choice(list(Mode)),
    )
