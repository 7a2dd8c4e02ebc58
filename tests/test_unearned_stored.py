"""Ways to a GO that nobody earned, over stored results: edited, merged, waived, aged, killed.

Each starts from results that are a GO, or would be but for one thing, and is one step away from them. Where editing
is not the way, the results are sealed anew: then the rules alone have to hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from _pytest.mark.structures import ParameterSet
from msgspec.structs import replace

from gonogo import cli
from gonogo.core.outcomes import Level, Mode, Skip
from gonogo.results.events import FILE, Event
from gonogo.results.model import Results
from gonogo.results.seal import sealed
from tests import samples
from tests.test_judge import (
    BLOCKED,
    BROKEN,
    FAILED,
    MISSING,
    NEEDS_CLUSTER,
    PASSED,
    SKIPPED,
    UNSUPPORTED,
    WAIVED,
    WANTS_WRITE,
    Given,
)

NOW = datetime.now(UTC)
CHANGED = "was changed since a run wrote it (run again; results cannot be edited)"
FUNCTION = "suites/store/test_store.py::test_keeps"
WAIVER = replace(samples.WAIVER, expires=f"{NOW + timedelta(days=30):%Y-%m-%d}")


def ago(**length: float) -> str:
    return f"{NOW - timedelta(**length):%Y-%m-%dT%H:%M:%SZ}"


def asked(saw: Mapping[str, Any] | None = None, **given: Any) -> Results:
    """A run of two components and three critical criteria, all passed but for ``saw``."""
    base = dict.fromkeys(("store.answers", "queue.answers", "store.keeps"), PASSED)
    times = {"started": ago(minutes=11), "finished": ago(minutes=10)}
    return Given({**base, **(saw or {})}, **{"components": ("store", "queue"), **times, **given}).results()


def but(results: Results, **of: Mapping[str, Any]) -> Results:
    """The results with other values in ``run``, ``target``, first ``component``, last ``criterion`` and ``check``."""
    first, *others = results.components
    *criteria, criterion = results.criteria
    *checks, check = results.checks
    return replace(
        results,
        run=replace(results.run, **of.get("run", {})),
        target=replace(results.target, **of.get("target", {})),
        components=(replace(first, **of.get("component", {})), *others),
        criteria=(*criteria, replace(criterion, **of.get("criterion", {}))),
        checks=(*checks, replace(check, **of.get("check", {}))),
    )


def stored(*results: Results) -> dict[str, bytes]:
    return {f"{n}.json": msgspec.json.encode(sealed(one)) for n, one in enumerate(results)}


def edited(results: Results, changes: Mapping[str, Any]) -> bytes:
    """A file of the results, with other values at these places."""
    data = json.loads(stored(results)["0.json"])
    for place, value in changes.items():
        *above, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        holder = data
        for key in above:
            holder = holder[key]
        holder[last] = value
    return json.dumps(data).encode()


def told(**events: Any) -> bytes:
    return msgspec.json.encode(Event(**events)) + b"\n"


class Way(NamedTuple):
    """Files, the gate's arguments (all files, where none are given), its exit code, and what it says."""

    files: Mapping[str, bytes]
    code: int
    said: str
    arguments: tuple[str, ...] = ()


GREEN = asked()
RED = asked({"store.keeps": FAILED})
UNASKED = asked({"store.keeps": None})
FIRST = {"started": ago(minutes=12)}
OLD = asked(started=ago(days=1, minutes=1), finished=ago(days=1))
CHECK, CRITERION = "checks.2", "criteria.2"


EDITED: dict[str, tuple[Results, dict[str, Any]]] = {
    "outcome of a failed check edited to passed": (RED, {f"{CHECK}.outcome": "passed"}),
    "outcome of a failed check edited to skipped, for want of a mode": (
        RED,
        {f"{CHECK}.outcome": "skipped", f"{CHECK}.skip": "mode", f"{CHECK}.wants": "disrupt"},
    ),
    "outcome of a failed check edited to unsupported": (
        RED,
        {f"{CHECK}.outcome": "unsupported", f"{CHECK}.lacks": "kubernetes"},
    ),
    "outcome of a failed criterion edited to passed": (RED, {f"{CRITERION}.outcome": "passed"}),
    "failed check moved to another criterion": (RED, {f"{CHECK}.criteria": [], f"{CRITERION}.checks": []}),
    "node id of a failed check taken from another": (RED, {f"{CHECK}.nodeid": "store.answers#0"}),
    "failed criterion and its check left out": (
        RED,
        {key: json.loads(stored(RED)["0.json"])[key][:2] for key in ("criteria", "checks")},
    ),
    "level of a failed criterion lowered": (RED, {f"{CRITERION}.level": "optional"}),
    "waiver added by hand": (RED, {f"{CRITERION}.waiver": msgspec.to_builtins(WAIVER)}),
    "waiver that had expired extended": (
        asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, expires="2020-01-01")}),
        {f"{CRITERION}.waiver.expires": WAIVER.expires},
    ),
    "finish moved before a waiver's end": (
        asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, expires="2020-01-01")}),
        {"run.started": "2019-12-31T00:00:00Z", "run.finished": "2019-12-31T00:01:00Z"},
    ),
    "what was left out of a narrowed run struck out": (
        asked({"store.keeps": [PASSED, None]}, deselected=("store.keeps#1",)),
        {"run.deselected": [], f"{CRITERION}.checks": ["store.keeps#0"]},
    ),
    "file that could not be read struck out": (asked(unread=("suites/x.py",)), {"run.unread": []}),
    "interruption struck out": (asked(interrupted=True), {"run.interrupted": False}),
    "end of a run that never finished made up": (asked(finished=""), {"run.finished": ago(minutes=1)}),
    "seconds of a run whose clock went back struck out": (asked(seconds=1e5), {"run.seconds": 1.0}),
    "component said to be unsupported by hand": (
        asked({"store.keeps": None}),
        {"target.unsupported": {"store.keeps": "not here"}},
    ),
    "capability of the target struck out": (
        asked({"store.keeps": {**NEEDS_CLUSTER, "lacks": "host"}}),
        {"target.capabilities": []},
    ),
    "mode lowered, so that a skip is excused": (asked({"store.keeps": WANTS_WRITE}), {"run.mode": "read"}),
    "component of which nothing passed struck out of the target": (
        asked(components=("store", "queue", "shop")),
        {"target.components": ["store", "queue"]},
    ),
    "component that was gone at the end edited to answer": (
        asked(at_end={"store": FAILED}),
        {"components.0.answers_at_end": "passed"},
    ),
    "verdict edited to GO": (
        RED,
        {
            "verdict": {
                "decision": "GO",
                "reason": "3 of 3",
                "headline": "GO on here: 3 of 3 critical criteria",
                "code": 0,
            }
        },
    ),
    "expectation of a component lowered": (GREEN, {"components.0.expect": {"brokers": 0}}),
    "target renamed": (GREEN, {"target.name": "production"}),
    "cluster put in the place of another": (GREEN, {"target.cluster": "5b0c"}),
    "profile renamed": (GREEN, {"target.profile": "quick"}),
    "run id put in the place of another": (GREEN, {"run.id": "pv-20260131120000-ffffff"}),
    "revision put in the place of another": (GREEN, {"run.git": "64460f8"}),
    "version of gonogo put in the place of another": (GREEN, {"run.gonogo": "9.9"}),
    "results of yesterday dated today": (OLD, {"run.started": ago(minutes=2), "run.finished": ago(minutes=1)}),
    "digest of another file": (RED, {"digest": sealed(GREEN).digest}),
    "digest in capitals": (GREEN, {"digest": sealed(GREEN).digest.upper()}),
}

_red = stored(RED)["0.json"]
_twice = _red.replace(b'"outcome":"failed"', b'"outcome":"failed","outcome":"passed"')
assert _twice != _red

WAYS: dict[str, Way] = {
    # -- edited, and no more the results that a run wrote
    **{
        way: Way({"0.json": edited(results, changes)}, 2, CHANGED, ("--max-age", "1h", "0.json"))
        for way, (results, changes) in EDITED.items()
    },
    "digest struck out": Way(
        {"0.json": edited(GREEN, {"digest": ""})},
        2,
        "carries no digest: no run wrote it like this (run again; results cannot be edited)",
    ),
    "outcome written twice, the passed one last": Way({"0.json": _twice}, 2, CHANGED),
    "two digests, the right one last": Way(
        {"0.json": _twice.replace(b'"digest":', b'"digest":"' + sealed(GREEN).digest.encode() + b'","digest":')},
        2,
        CHANGED,
    ),
    "criterion commented out by an unknown key": Way(
        {"0.json": _red.replace(b'{"id":"store.keeps"', b'{"#id":"store.keeps"')}, 2, "unknown key 'criteria[2].#id'"
    ),
    "outcome spelt otherwise": Way(
        {"0.json": _red.replace(b'"failed"', b'"Passed"')}, 2, "unknown value 'Passed' (nearest known: 'passed')"
    ),
    "results of an earlier gonogo, whose keys are no more": Way(
        {"0.json": edited(GREEN, {"run.partial": False})}, 2, "unknown key 'run.partial'"
    ),
    "half of a file": Way({"0.json": _red[: len(_red) // 2]}, 2, "ends in the middle, at byte"),
    "green results behind red ones in one file": Way(
        {"0.json": _red + stored(GREEN)["0.json"]}, 2, "not JSON: JSON is malformed: trailing characters"
    ),
    "seconds that are no number": Way(
        {"0.json": _red.replace(b'"seconds":60.0', b'"seconds":NaN')}, 2, "not JSON: JSON is malformed"
    ),
    "seconds beyond all numbers": Way({"0.json": _red.replace(b'"seconds":60.0', b'"seconds":1e999')}, 2, "0.json: "),
    "no results at all": Way({"0.json": b""}, 2, "is empty (the run was killed before it wrote results)"),
    "no file, and none where they are by default": Way({}, 2, "reports/out/results.json: no such file"),
    # -- sealed, and no run can have seen it
    "criterion listed twice, passing twin last": Way(
        stored(replace(RED, criteria=(*RED.criteria, replace(RED.criteria[-1], checks=("store.answers#0",))))),
        2,
        "criterion 'store.keeps' stands there twice",
    ),
    "criterion listed twice, optional twin last": Way(
        stored(replace(RED, criteria=(*RED.criteria, replace(RED.criteria[-1], level=Level.OPTIONAL)))),
        2,
        "criterion 'store.keeps' stands there twice",
    ),
    "check listed twice, passing twin last": Way(
        stored(replace(RED, checks=(*RED.checks, replace(RED.checks[-1], outcome=PASSED)))),
        2,
        "check 'store.keeps#0' stands there twice",
    ),
    "component listed twice, answering twin last": Way(
        stored(replace(GREEN, components=(replace(GREEN.components[0], answers_at_end=FAILED), *GREEN.components))),
        2,
        "component 'store' stands there twice",
    ),
    **{
        f"waiver that expires {word}": Way(
            stored(asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, expires=expires)})),
            2,
            f"criteria[2].waiver.expires: '{expires}' is no date",
        )
        for word, expires in {
            "on 31 February": "2099-02-31",
            "never": "never",
            "on a day written otherwise": "20991231",
            "in week 1": "2099-W01-1",
            "at a time": "2099-12-31T00:00:00Z",
            "beyond all dates": "99999-01-01",
            "at nothing": "",
        }.items()
    },
    "waiver of nobody": Way(
        stored(asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, owner="")})),
        2,
        "criteria[2].waiver: names no owner or no reason",
    ),
    "waiver for no reason": Way(
        stored(asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, reason=" ")})),
        2,
        "criteria[2].waiver: names no owner or no reason",
    ),
    "waiver that ended the day before the run finished": Way(
        stored(
            asked(
                {"store.keeps": FAILED},
                waivers={"store.keeps": replace(WAIVER, expires="2026-01-31")},
                started="2026-01-31T23:59:00Z",
                finished="2026-02-01T00:01:00Z",
            )
        ),
        1,
        "the waiver of streaming team ended on 2026-01-31",
    ),
    "waiver that ended, by a finish in another zone": Way(
        stored(
            asked(
                {"store.keeps": FAILED},
                waivers={"store.keeps": replace(WAIVER, expires="2026-01-31")},
                started="2026-01-31T23:00:00-02:00",
                finished="2026-01-31T23:30:00-02:00",
            )
        ),
        1,
        "the waiver of streaming team ended on 2026-01-31",
    ),
    "waiver over what broke": Way(
        stored(asked({"store.keeps": BROKEN}, waivers={"store.keeps": WAIVER})), 3, "store.keeps broken"
    ),
    "waiver over what is missing": Way(
        stored(asked({"store.keeps": None}, waivers={"store.keeps": WAIVER})), 3, "store.keeps missing"
    ),
    "check that says it is waived": Way(stored(asked({"store.keeps": WAIVED})), 1, "NO-GO: store.keeps failed"),
    **{
        f"{key} {word}": Way(stored(asked(**{key: value})), 2, f"run.{key}: {value!r} is no time")
        for key, word, value in (
            ("started", "at no time", "this morning"),
            ("started", "never", ""),
            ("started", "on a day", "2026-01-31"),
            ("finished", "at no time", "9999-99-99"),
            ("finished", "in no zone", "2999-12-31T00:00:00"),
            ("finished", "beyond all times", "9999-12-31T23:59:59-23:59"),
        )
    },
    "finished before it started": Way(
        stored(asked(started=ago(minutes=1), finished=ago(minutes=2))),
        3,
        "the clock went back: the run finished before",
    ),
    "clock went back during the run": Way(
        stored(asked(seconds=7200.0)), 3, "the clock went back: the run took 7200 s, from its start to its end are 60 s"
    ),
    "unsupported by the word of a check": Way(
        stored(asked({"store.keeps": UNSUPPORTED})), 3, "store.keeps broken: said to be unsupported, but not by target"
    ),
    "unsupported for want of a capability that the target has": Way(
        stored(asked({"store.keeps": {**NEEDS_CLUSTER, "lacks": "host"}})),
        3,
        "store.keeps broken: said to be unsupported",
    ),
    "unsupported since another criterion of the check is": Way(
        stored(
            but(
                asked({"store.keeps": UNSUPPORTED}, unsupported={"store.more": "not here"}),
                check={"criteria": ("store.more", "store.keeps")},
            )
        ),
        3,
        "store.keeps broken: said to be unsupported",
    ),
    "everything unsupported": Way(
        stored(asked(dict.fromkeys(("store.answers", "queue.answers", "store.keeps"), NEEDS_CLUSTER), components=())),
        3,
        "no criterion that gates was asked",
    ),
    "skip cause mode although the run had that mode": Way(
        stored(asked({"store.keeps": WANTS_WRITE}, mode=Mode.WRITE)), 3, "store.keeps skipped: needs --mode write"
    ),
    "skip cause mode, and no mode wanted": Way(
        stored(asked({"store.keeps": {**WANTS_WRITE, "wants": None}}, mode=Mode.READ)), 3, "store.keeps skipped"
    ),
    "skip cause mode, and reading wanted": Way(
        stored(asked({"store.keeps": {**WANTS_WRITE, "wants": Mode.READ}}, mode=Mode.READ)), 3, "store.keeps skipped"
    ),
    **{
        f"reason text begins with 'needs --mode', skip cause {cause}": Way(
            stored(asked({"store.keeps": {**WANTS_WRITE, "skip": cause}}, mode=Mode.READ)), 3, "store.keeps skipped"
        )
        for cause in (None, Skip.CHECK, Skip.PROFILE, Skip.SELECTION)
    },
    "reason text begins with 'needs a cluster'": Way(
        stored(asked({"store.keeps": (UNSUPPORTED, "needs a cluster: no embedded server")})), 3, "store.keeps broken"
    ),
    "of two that were skipped the first is excused": Way(
        stored(asked({"store.keeps": [WANTS_WRITE, SKIPPED]}, mode=Mode.READ)), 3, "store.keeps skipped"
    ),
    "everything skipped for want of a mode": Way(
        stored(
            asked(
                dict.fromkeys(("store.answers", "queue.answers", "store.keeps"), WANTS_WRITE),
                mode=Mode.READ,
                components=(),
            )
        ),
        3,
        "no criterion that gates was asked",
    ),
    "empty checks": Way(stored(asked({"store.keeps": []})), 3, "store.keeps missing: no check asks it"),
    "no criteria": Way(
        stored(replace(GREEN, criteria=(), checks=())), 3, "could not tell: nothing critical passed on store, queue"
    ),
    "no criteria, no components": Way(
        stored(replace(Given({}).results(), components=())), 3, "no criterion that gates was asked"
    ),
    "nothing but optional criteria": Way(
        stored(Given({"store.answers?": PASSED}).results()), 3, "no criterion that gates was asked"
    ),
    "check that is listed and reported nothing": Way(
        stored(asked({"store.keeps": [PASSED, None]})), 3, "store.keeps missing: no result"
    ),
    "check that reports for another criterion": Way(
        stored(but(GREEN, check={"criteria": ("store.answers",)})), 3, "store.keeps missing: no result"
    ),
    "component of which nothing critical passed": Way(
        stored(asked(components=("store", "queue", "shop"))), 3, "nothing critical passed on shop"
    ),
    "component gone at the end": Way(
        stored(asked(at_end={"store": FAILED})), 1, "NO-GO: store does not answer any more: store said so"
    ),
    "component hung at the end": Way(
        stored(asked(at_end={"store": BROKEN})), 3, "could not tell: store does not answer any more"
    ),
    "component not asked at the end": Way(
        stored(asked(at_end={"store": MISSING})), 3, "store was not asked again at the end"
    ),
    "component that died once its critical checks had passed": Way(
        stored(asked(answers={"store": FAILED})), 1, "NO-GO: store does not answer any more"
    ),
    "failed in a narrowed run": Way(
        stored(asked({"store.keeps": FAILED, "queue.more": None}, deselected=("queue.more#0",))),
        1,
        "NO-GO: store.keeps failed",
    ),
    "broken in a narrowed run": Way(
        stored(asked({"store.keeps": BROKEN, "queue.more": None}, deselected=("queue.more#0",))),
        3,
        "NO-GO: could not tell: store.keeps broken",
    ),
    "green in a narrowed run": Way(
        stored(asked({"queue.more": None}, deselected=("queue.more#0",))),
        3,
        "no verdict: 3 of 4 critical criteria asked",
    ),
    "one parameter of a check left out": Way(
        stored(asked({"store.keeps": [PASSED, None]}, deselected=("store.keeps#1",))),
        3,
        "no verdict: 2 of 3 critical criteria asked",
    ),
    "file of the suites that nobody could read": Way(
        stored(asked(unread=("suites/x.py",))), 3, "no verdict: 3 of 3 critical criteria asked; suites/x.py could not"
    ),
    "strict gate over important ones that were left out": Way(
        stored(asked({"queue.fast!": None}, deselected=("queue.fast#0",))),
        3,
        "no verdict: 3 of 4 critical and important criteria asked",
        ("--strict", "important", "0.json"),
    ),
    "interrupted when all had passed": Way(stored(asked(interrupted=True)), 3, "the run was interrupted"),
    "never finished, though all had passed": Way(stored(asked(finished="")), 3, "the run never finished"),
    # -- ages
    "results of yesterday under --max-age 1h": Way(
        stored(OLD), 3, "NO-GO: could not tell: the run finished 24 hours ago", ("--max-age", "1h", "0.json")
    ),
    "results of yesterday under --max-age 23h": Way(
        stored(OLD), 3, "--max-age allows 23 hours; the run came to GO on here", ("--max-age", "23h", "0.json")
    ),
    "shard of yesterday beside one of today, under --max-age 1h": Way(
        stored(OLD, UNASKED),
        3,
        "a part of the run finished 24 hours ago",
        ("--max-age", "1h", "0.json", "1.json"),
    ),
    "shard of the future beside one of today, under --max-age 1h": Way(
        stored(GREEN, asked(finished=ago(hours=-2))),
        3,
        "in the future by the clock of this machine",
        ("--max-age", "1h", "0.json", "1.json"),
    ),
    "finished in the future with --max-age": Way(
        stored(asked(finished=ago(hours=-2))),
        3,
        "in the future by the clock of this machine",
        ("--max-age", "1h", "0.json"),
    ),
    "finished in the far future with --max-age": Way(
        stored(asked(finished="2999-01-01T00:00:00Z")),
        3,
        "in the future by the clock",
        ("--max-age", "9999d", "0.json"),
    ),
    "finished in another zone, which looks younger": Way(
        stored(asked(started=ago(hours=4), finished=f"{NOW - timedelta(hours=-9):%Y-%m-%dT%H:%M:%S}+12:00")),
        3,
        "the run finished 3 hours ago",
        ("--max-age", "1h", "0.json"),
    ),
    "never finished, under --max-age": Way(
        stored(asked(finished="")), 3, "the run never finished", ("--max-age", "1h", "0.json")
    ),
    **{
        f"--max-age {text!r}": Way(
            stored(OLD),
            2,
            f"--max-age: {text!r} is no length of time (like 90s, 30m, 24h or 7d)",
            ("--max-age", text, "0.json"),
        )
        for text in ("48", "0h", "", "2 d", "9999999999999d", "inf", "1w")
    },
    # -- runs that were killed
    "run that was killed": Way({f"run/{FILE}": told(planned=GREEN)}, 3, "the run was interrupted"),
    "run that was killed as it wrote its end": Way(
        {f"run/{FILE}": told(planned=GREEN) + told(finished=sealed(GREEN))[:-20]}, 3, "the run was interrupted"
    ),
    "run that was killed, and its failed check reported again as passed": Way(
        {f"run/{FILE}": told(planned=RED) + told(check=GREEN.checks[-1])}, 3, "the run was interrupted"
    ),
    "end of a run edited in its folder": Way(
        {f"run/{FILE}": told(finished=sealed(RED)).replace(b'"outcome":"failed"', b'"outcome":"passed"')}, 2, CHANGED
    ),
    "end of a run without a digest in its folder": Way(
        {f"run/{FILE}": told(planned=RED) + told(finished=GREEN)}, 2, "carries no digest"
    ),
    "end of another run in its folder": Way(
        {f"run/{FILE}": told(planned=RED) + told(finished=sealed(but(GREEN, run={"id": "pv-2"})))},
        2,
        "holds more than one run",
    ),
    "the same run once more in its folder, and better": Way(
        {f"run/{FILE}": told(planned=RED) + told(finished=sealed(RED)) + told(finished=sealed(GREEN))},
        2,
        "holds more than one run",
    ),
    "folder without a run": Way({"run/events": b""}, 2, "holds no events.jsonl"),
    "folder of a run that planned nothing": Way({f"run/{FILE}": b"\n"}, 2, "ends before the run had planned anything"),
    # -- merged
    **{
        f"two runs of different {word} merged": Way(stored(UNASKED, but(GREEN, **change)), 2, said)
        for word, change, said in (
            ("ids", {"run": {"id": "pv-2"}}, "run.id: differs"),
            ("versions of gonogo", {"run": {"gonogo": "0.2"}}, "run.gonogo: differs"),
            ("revisions", {"run": {"git": "64460f8"}}, "run.git: differs"),
            ("targets", {"target": {"name": "laptop"}}, "target.name: differs"),
            ("providers", {"target": {"provider": "embedded"}}, "target.provider: differs"),
            ("profiles", {"target": {"profile": "quick"}}, "target.profile: differs"),
            ("capabilities", {"target": {"capabilities": ()}}, "target.capabilities: differs"),
            ("clusters", {"target": {"cluster": "5b0c"}}, "target.cluster: differs"),
            ("components", {"target": {"components": ("store",)}}, "target.components: differs"),
        )
    },
    **{
        f"two servers of different {word} merged": Way(
            stored(*(but(one, component={key: value}) for one, value in zip((UNASKED, GREEN), values, strict=True))),
            2,
            f"components.store.{key}: differs",
        )
        for word, key, values in (
            ("identities", "identity", ("5L6g", "9Zz1")),
            ("expectations", "expect", ({"brokers": 3}, {"brokers": 1})),
            ("providers", "provider", ("existing", "embedded")),
        )
    },
    "three runs merged, the third of another id": Way(
        stored(UNASKED, but(GREEN, run={"argv": ("x",)}), but(GREEN, run={"id": "pv-2"})),
        2,
        "run.id: differs",
    ),
    "criterion put under another component by one shard": Way(
        stored(UNASKED, but(GREEN, criterion={"component": "shop"})), 2, "criteria.store.keeps.component: differs"
    ),
    "failed check that is evidence for something else in one shard": Way(
        stored(
            but(asked({"queue.more?": FAILED}), check={"criteria": ("store.keeps",)}),
            but(asked({"queue.more?": FAILED}), run=FIRST),
        ),
        2,
        "checks.queue.more#0.criteria: differs",
    ),
    "unsupported in one shard only": Way(
        stored(asked({"store.keeps": None}), asked({"store.keeps": None}, unsupported={"store.keeps": "not here"})),
        2,
        "target.unsupported: differs",
    ),
    "check unsupported in one shard only": Way(
        stored(asked({"store.keeps": None}), asked({"store.keeps": NEEDS_CLUSTER})), 3, "store.keeps missing"
    ),
    "check unsupported in one shard by its own word, passed in another": Way(
        stored(asked({"store.keeps": UNSUPPORTED}), GREEN), 3, "store.keeps broken: said to be unsupported"
    ),
    "level lowered by one shard": Way(
        stored(RED, but(RED, run=FIRST, criterion={"level": Level.OPTIONAL})),
        1,
        "NO-GO: store.keeps failed",
    ),
    "waiver in one shard only": Way(
        stored(RED, but(asked({"store.keeps": FAILED}, waivers={"store.keeps": WAIVER}), run=FIRST)),
        1,
        "NO-GO: store.keeps failed",
    ),
    "waiver longer in one shard": Way(
        stored(
            *(
                but(asked({"store.keeps": FAILED}, waivers={"store.keeps": replace(WAIVER, expires=end)}), run=run)
                for end, run in (("2020-01-01", {}), (WAIVER.expires, FIRST))
            )
        ),
        1,
        "NO-GO: store.keeps failed",
    ),
    "waiver that the last shard outlived, by a finish in another zone": Way(
        stored(
            *(
                asked(
                    {"store.keeps": FAILED},
                    waivers={"store.keeps": replace(WAIVER, expires="2026-01-31")},
                    started="2026-01-31T23:00:00Z",
                    finished=finished,
                )
                for finished in ("2026-01-31T23:59:30Z", "2026-01-31T23:59:00-05:00")
            )
        ),
        1,
        "the waiver of streaming team ended on 2026-01-31",
    ),
    **{
        f"{outcome} in one shard, passed in another": Way(
            stored(asked({"store.keeps": outcome}), GREEN), code, f"store.keeps {outcome}"
        )
        for outcome, code in ((FAILED, 1), (BROKEN, 3), (BLOCKED, 3))
    },
    "waived by the check of one shard, passed in another": Way(
        stored(asked({"store.keeps": WAIVED}), GREEN), 1, "NO-GO: store.keeps failed"
    ),
    "skipped by a reading shard, never reported by a writing one": Way(
        stored(asked({"store.keeps": WANTS_WRITE}, mode=Mode.READ), asked({"store.keeps": None}, mode=Mode.WRITE)),
        3,
        "store.keeps missing",
    ),
    "skipped by a reading shard, while another could write": Way(
        stored(
            asked({"store.keeps": WANTS_WRITE}, mode=Mode.READ),
            asked({"store.keeps": None}, mode=Mode.WRITE, deselected=("store.keeps#0",)),
        ),
        3,
        "store.keeps skipped: needs --mode write",
    ),
    "skipped with an excuse in one shard, without one in another": Way(
        stored(asked({"store.keeps": WANTS_WRITE}, mode=Mode.READ), asked({"store.keeps": SKIPPED}, mode=Mode.READ)),
        3,
        "store.keeps skipped: store.keeps says skipped",
    ),
    "missing in every shard": Way(
        stored(asked({"store.keeps": None}), asked({"store.keeps": MISSING})), 3, "store.keeps missing"
    ),
    "shard that was killed": Way(
        {
            **stored(GREEN),
            f"run/{FILE}": told(planned=asked(dict.fromkeys(("store.answers", "queue.answers", "store.keeps")))),
        },
        3,
        "the run was interrupted",
        ("0.json", "run"),
    ),
    "shard that was interrupted": Way(stored(GREEN, asked(interrupted=True)), 3, "the run was interrupted"),
    "shard that never finished": Way(stored(GREEN, asked(finished="")), 3, "the run never finished"),
    "shard that could not read a file": Way(stored(GREEN, asked(unread=("suites/x.py",))), 3, "suites/x.py could not"),
    "shard whose clock went back": Way(stored(GREEN, asked(seconds=1e6)), 3, "the clock went back"),
    "check that every shard left out": Way(
        stored(
            *(asked({"queue.more": None}, deselected=("queue.more#0",), mode=mode) for mode in (Mode.READ, Mode.WRITE))
        ),
        3,
        "no verdict: 3 of 4 critical criteria asked",
    ),
    "function that no shard collected": Way(
        stored(
            *(
                but(asked({"store.keeps": None}, mode=mode, deselected=(FUNCTION,)), criterion={"checks": (FUNCTION,)})
                for mode in (Mode.READ, Mode.WRITE)
            )
        ),
        3,
        "no verdict: 2 of 3 critical criteria asked",
    ),
    "function that one shard did not collect, and of which the other left one check out": Way(
        stored(
            but(asked({"store.keeps": None}, deselected=(FUNCTION,)), criterion={"checks": (FUNCTION,)}),
            but(
                asked(deselected=(f"{FUNCTION}[b]",)),
                criterion={"checks": (f"{FUNCTION}[a]", f"{FUNCTION}[b]")},
                check={"nodeid": f"{FUNCTION}[a]"},
            ),
        ),
        3,
        "no verdict: 2 of 3 critical criteria asked",
    ),
    "component gone at the end of one shard": Way(
        stored(GREEN, asked(at_end={"store": FAILED})), 1, "NO-GO: store does not answer any more"
    ),
    "component not asked at the end by one shard": Way(
        stored(GREEN, asked(at_end={"store": MISSING})), 3, "store was not asked again at the end"
    ),
    "component that one shard saw down from the start": Way(
        stored(
            GREEN,
            asked(
                dict.fromkeys(("store.answers", "queue.answers", "store.keeps")),
                deselected=("store.answers#0", "queue.answers#0", "store.keeps#0"),
                answers={"store": BROKEN},
            ),
        ),
        3,
        "store does not answer any more",
    ),
    "the same narrowed file given twice": Way(
        {
            name: stored(asked({"store.keeps": None}, deselected=("store.keeps#0",)))["0.json"]
            for name in ("0.json", "1.json")
        },
        3,
        "no verdict: 2 of 3 critical criteria asked",
    ),
    "red file beside green ones": Way(stored(GREEN, but(GREEN, run={"argv": ("x",)}), RED), 1, "store.keeps failed"),
    "file that is none beside a green one": Way({**stored(GREEN), "1.json": b"{}"}, 2, "1.json: has no schema"),
    "edited file beside a green one": Way(
        {**stored(GREEN), "1.json": edited(RED, {f"{CHECK}.outcome": "passed"})}, 2, f"1.json: {CHANGED}"
    ),
}


@pytest.fixture
def gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Way], tuple[int, str]]:
    """Writes the files of a way and asks the gate: its exit code and all that it says."""

    def asks(way: Way) -> tuple[int, str]:
        for name, data in way.files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data)
        named = way.arguments or sorted({name.partition("/")[0] for name in way.files})
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["gonogo", "gate", *named])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return asks


@pytest.mark.parametrize(
    ("results", "arguments"),
    [
        pytest.param([GREEN], (), id="all passed"),
        pytest.param([GREEN], ("--max-age", "1h", "0.json"), id="young enough"),
        pytest.param([OLD], ("--max-age", "2d", "0.json"), id="of yesterday, which is young enough"),
        pytest.param([asked({"store.keeps": FAILED}, waivers={"store.keeps": WAIVER})], (), id="waived"),
        pytest.param([asked({"store.keeps": WANTS_WRITE}, mode=Mode.READ)], (), id="read only"),
        pytest.param([asked({"store.keeps": NEEDS_CLUSTER})], (), id="unsupported"),
        pytest.param(
            [asked({"store.keeps": None}, deselected=("store.keeps#0",)), GREEN], (), id="two parts of one run"
        ),
    ],
)
def test_what_was_earned_is_a_go(
    gate: Callable[[Way], tuple[int, str]], results: list[Results], arguments: tuple[str, ...]
) -> None:
    code, said = gate(Way(stored(*results), 0, "", arguments))

    assert code == 0
    assert said.startswith("GO on here")
    assert f"run {GREEN.run.id} on here, finished 2" in said


def ways() -> list[ParameterSet]:
    return [pytest.param(way, id=name) for name, way in WAYS.items()]


@pytest.mark.parametrize("way", ways())
def test_no_way_leads_to_a_go(gate: Callable[[Way], tuple[int, str]], way: Way) -> None:
    code, said = gate(way)

    assert code != 0
    assert (code, way.said in said) == (way.code, True), said
    assert not said.startswith("GO")
