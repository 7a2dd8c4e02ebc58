"""Stored results: what is none gets a sentence, shards become one run, and the order never matters."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from msgspec.structs import replace

from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Level, Mode, Outcome, Skip
from gonogo.core.times import day, moment, spoken, stretch
from gonogo.results.gate import LARGEST, aged, exit_code, judged, load_results
from gonogo.results.merge import merge
from gonogo.results.model import ComponentResult, Results, Span
from gonogo.results.schema import results_schema
from gonogo.results.seal import digest, sealed, whole
from gonogo.results.verdict import judge
from gonogo.run.publish import publish
from tests.samples import WAIVER, sample_results
from tests.test_judge import (
    BLOCKED,
    BROKEN,
    CRITICALS,
    FAILED,
    MISSING,
    NEEDS_CLUSTER,
    PASSED,
    SKIPPED,
    UNSUPPORTED,
    WAIVED,
    WANTS_WRITE,
    Given,
    Saw,
    random_run,
)

ROOT = Path(__file__).parent.parent


def stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_results(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(f"{path}: ")


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = stored(tmp_path / "results.json", SAMPLE)

    assert load_results(path) == sealed(sample_results())


SAMPLE = msgspec.json.encode(sealed(sample_results()))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (SAMPLE[:1000], "ends in the middle, at byte 1000 (the run or a copy of the file may have been killed)"),
        (SAMPLE[:-1], f"ends in the middle, at byte {len(SAMPLE) - 1}"),
        (SAMPLE + b"}", "not JSON: JSON is malformed: trailing characters"),
        (SAMPLE.replace(b'"run":', b'"run"', 1), "not JSON: JSON is malformed"),
        (b"\x00\xff\xfe", "not JSON"),
        (b"<xml/>", "not JSON"),
        (b"[]", "holds no results"),
        (b"{}", "has no schema; this gonogo reads 'gonogo/results/1'"),
        (b'{"schema": "gonogo/results/9"}', "has schema 'gonogo/results/9'; this gonogo reads 'gonogo/results/1'"),
        (b'{"schema": 3}', "holds no results"),
        (b'{"schema": "gonogo/results/1"}', "missing key 'run'"),
        (SAMPLE.replace(b'"argv"', b'"args"', 1), "unknown key 'run.args' (nearest known: 'argv')"),
        (SAMPLE.replace(b'"seconds":72.4', b'"seconds":"72"', 1), "run.seconds must be a number"),
        (SAMPLE.replace(b'"seconds":72.4', b'"seconds":1e999', 1), "Number out of range - at `$.run.seconds`"),
        (
            SAMPLE.replace(b'"outcome":"broken"', b'"outcome":"brokn"', 1),
            "unknown value 'brokn' (nearest known: 'broken')",
        ),
        (b'{"health":' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_results_file_gets_a_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(stored(tmp_path / "results.json", data))


def test_however_deep_a_file_nests_it_gets_a_sentence(tmp_path: Path) -> None:
    for depth in range(700, 1001):
        deep = b'"expect":{"nest":' + b"[" * depth + b"]" * depth + b","

        said = refused(stored(tmp_path / "results.json", SAMPLE.replace(b'"expect":{', deep, 1)))

        assert said.startswith(("was changed", "holds no results: nested too deep", "not JSON"))


def test_a_results_file_with_several_mistakes_names_all(tmp_path: Path) -> None:
    data = SAMPLE.replace(b'"argv"', b'"args"').replace(b'"outcome":"broken"', b'"outcome":"brokn"')

    assert len(refused(stored(tmp_path / "results.json", data)).splitlines()) == 3


def test_a_folder_and_a_missing_file_get_a_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path) == "is a folder (give the results.json in it)"
    assert refused(tmp_path / "none.json") == "no such file or directory"


def test_results_that_are_too_large_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        file.truncate(100 << 20)

    assert refused(path) == "is 100 MiB large: results of more than 64 MiB are not read"
    assert LARGEST == 64 << 20


def test_large_results_are_read(tmp_path: Path) -> None:
    sample = sample_results()
    many = replace(
        sample,
        checks=tuple(
            replace(c, nodeid=f"{c.nodeid}{n}", message="x" * 1000) for n in range(1000) for c in sample.checks
        ),
    )
    path = stored(tmp_path / "results.json", msgspec.json.encode(sealed(many)))

    assert len(load_results(path).checks) == 1000 * len(sample.checks)


# -- the published schema


def test_the_published_schema_is_that_of_the_structs() -> None:
    assert (ROOT / "reports" / "results.schema.json").read_bytes() == results_schema()


def test_the_schema_is_one_and_holds_for_the_sample() -> None:
    schema = msgspec.json.decode(results_schema())
    validator = jsonschema.Draft202012Validator(schema)

    validator.check_schema(schema)
    validator.validate(msgspec.json.decode(SAMPLE))
    assert not validator.is_valid({**msgspec.json.decode(SAMPLE), "more": 1})
    assert not validator.is_valid({})


# -- the seal


def test_what_is_published_is_sealed(tmp_path: Path) -> None:
    publish(sample_results(), tmp_path / "run", tmp_path / "out")

    for folder in ("run", "out"):
        assert load_results(tmp_path / folder / "results.json") == sealed(sample_results())


def written(results: Results, folder: Path) -> Path:
    return stored(folder / "results.json", msgspec.json.encode(sealed(results)))


LAYOUTS: Mapping[str, Callable[[bytes], bytes]] = {
    "indented": lambda data: msgspec.json.format(data, indent=4),
    "one line": lambda data: msgspec.json.format(data, indent=0),
    "sorted keys": lambda data: json.dumps(json.loads(data), sort_keys=True).encode(),
    "escaped": lambda data: json.dumps(json.loads(data), ensure_ascii=True).encode(),
    "whole numbers as integers": lambda data: data.replace(b'"attempts":1.0', b'"attempts":1').replace(b".0,", b","),
    "integers as numbers": lambda data: data.replace(b'"brokers":3', b'"brokers":3.0'),
    "with exponents": lambda data: data.replace(b'"brokers":3', b'"brokers":0.3e1'),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_a_file_does_not_count(tmp_path: Path, layout: str) -> None:
    data = LAYOUTS[layout](SAMPLE)

    assert data != SAMPLE
    assert load_results(stored(tmp_path / "results.json", data)) == sealed(sample_results())


@pytest.mark.skipif(not which("jq"), reason="jq is not installed")
def test_what_jq_sorts_is_as_it_was_written(tmp_path: Path) -> None:
    done = subprocess.run(["jq", "-S", "."], input=SAMPLE, capture_output=True, check=True)

    assert load_results(stored(tmp_path / "results.json", done.stdout)) == sealed(sample_results())


def leaves(data: Any, *path: str | int) -> list[tuple[str | int, ...]]:
    """Where each value stands."""
    if isinstance(data, dict):
        return [leaf for key, value in data.items() for leaf in leaves(value, *path, key)]
    if isinstance(data, list) and data:
        return [leaf for index, value in enumerate(data) for leaf in leaves(value, *path, index)]
    return [path]


def test_every_value_that_is_changed_is_seen() -> None:
    taken = []
    for place in leaves(json.loads(SAMPLE)):
        changed = json.loads(SAMPLE)
        *above, last = place
        holder = changed
        for key in above:
            holder = holder[key]
        old = holder[last]
        holder[last] = {bool: not old, int: 7, float: 7.5, str: "2025-06-04T12:00:07Z"}.get(type(old), ["x"])
        with suppress(msgspec.ValidationError):
            if whole(msgspec.convert(changed, Results)):
                taken.append(place)

    assert taken == []


def test_every_item_that_is_left_out_is_seen(tmp_path: Path) -> None:
    data = json.loads(SAMPLE)
    for kind in ("criteria", "checks", "components", "spans"):
        for index in range(len(data[kind])):
            fewer = {**data, kind: [one for n, one in enumerate(data[kind]) if n != index]}
            assert "was changed since a run wrote it" in refused(
                stored(tmp_path / "results.json", json.dumps(fewer).encode())
            )


@pytest.mark.parametrize(
    ("seal", "said"),
    [
        ("", "carries no digest: no run wrote it like this (run again; results cannot be edited)"),
        ("0" * 64, "was changed since a run wrote it (run again; results cannot be edited)"),
        (digest(Given(CRITICALS).results()), "was changed since a run wrote it"),
        (digest(sample_results()).upper(), "was changed since a run wrote it"),
    ],
    ids=["none", "invented", "of another file", "in capitals"],
)
def test_a_digest_that_is_not_theirs_is_refused(tmp_path: Path, seal: str, said: str) -> None:
    data = msgspec.json.encode(replace(sample_results(), digest=seal))

    assert said in refused(stored(tmp_path / "results.json", data))


def test_a_digest_is_of_what_is_read_back() -> None:
    odd = replace(
        sample_results(),
        run=replace(sample_results().run, seconds=7, host={"cores": 2.0, "since": day("2026-01-31"), "load": (1, 2)}),
    )

    assert digest(msgspec.json.decode(msgspec.json.encode(odd), type=Results)) == digest(odd)
    assert digest(sealed(odd)) == digest(odd)


# -- what cannot be judged


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": {"started": "yesterday"}}, "run.started: 'yesterday' is no time (expected a time like"),
        ({"run": {"started": "2025-06-04"}}, "run.started: '2025-06-04' is no time"),
        ({"run": {"started": "2025-06-04T12:00:00"}}, "run.started: '2025-06-04T12:00:00' is no time"),
        ({"run": {"started": ""}}, "run.started: '' is no time"),
        ({"run": {"finished": "9999-99-99T00:00:00Z"}}, "run.finished: '9999-99-99T00:00:00Z' is no time"),
        ({"run": {"finished": "9999-12-31T23:59:59-23:59"}}, "run.finished: '9999-12-31T23:59:59-23:59' is no time"),
        ({"waiver": {"expires": "2025-02-31"}}, "criteria[2].waiver.expires: '2025-02-31' is no date (expected a date"),
        ({"waiver": {"expires": "never"}}, "criteria[2].waiver.expires: 'never' is no date"),
        ({"waiver": {"expires": "99991231"}}, "criteria[2].waiver.expires: '99991231' is no date"),
        ({"waiver": {"expires": ""}}, "criteria[2].waiver.expires: '' is no date"),
        ({"waiver": {"owner": " "}}, "criteria[2].waiver: names no owner or no reason (a waiver needs a person"),
        ({"waiver": {"reason": ""}}, "criteria[2].waiver: names no owner or no reason"),
    ],
)
def test_times_dates_and_waivers_that_are_none_are_named(tmp_path: Path, change: Any, said: str) -> None:
    results = sample_results()
    waiver = replace(WAIVER, **change.get("waiver", {}))
    criteria = (*results.criteria[:2], replace(results.criteria[2], waiver=waiver), *results.criteria[3:])

    assert said in refused(
        written(replace(results, run=replace(results.run, **change.get("run", {})), criteria=criteria), tmp_path)
    )


@pytest.mark.parametrize("kind", ["criteria", "checks", "components"])
def test_what_stands_twice_is_refused(tmp_path: Path, kind: str) -> None:
    ones = getattr(sample_results(), kind)
    word = {"criteria": "criterion", "checks": "check", "components": "component"}[kind]

    said = refused(written(replace(sample_results(), **{kind: (*ones, ones[0])}), tmp_path))

    assert said.startswith(f"{word} ")
    assert said.endswith("stands there twice")


# -- merging


def outcomes(results: Results) -> dict[str, Outcome]:
    return {c.id: c.outcome for c in results.criteria}


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (PASSED, PASSED, PASSED),
        (PASSED, FAILED, FAILED),
        (FAILED, BROKEN, FAILED),
        (PASSED, BLOCKED, BLOCKED),
        (PASSED, None, PASSED),
        (PASSED, MISSING, PASSED),
        (PASSED, SKIPPED, PASSED),
        (PASSED, WANTS_WRITE, PASSED),
        (PASSED, NEEDS_CLUSTER, PASSED),
        (PASSED, UNSUPPORTED, BROKEN),
        (PASSED, WAIVED, FAILED),
        (BROKEN, WAIVED, FAILED),
        (FAILED, SKIPPED, FAILED),
        (FAILED, NEEDS_CLUSTER, FAILED),
        (SKIPPED, None, MISSING),
        (SKIPPED, MISSING, MISSING),
        (SKIPPED, SKIPPED, SKIPPED),
        (NEEDS_CLUSTER, NEEDS_CLUSTER, Outcome.UNSUPPORTED),
        (NEEDS_CLUSTER, SKIPPED, SKIPPED),
        (NEEDS_CLUSTER, MISSING, MISSING),
        (NEEDS_CLUSTER, None, MISSING),
        (None, None, MISSING),
    ],
)
def test_of_two_results_of_a_node_the_real_one_or_the_worse_counts(one: Saw, other: Saw, merged: Outcome) -> None:
    shards = [Given({"store.keeps": saw}).results() for saw in (one, other)]

    assert outcomes(merge(shards)) == {"store.keeps": merged}
    assert outcomes(merge(reversed(shards))) == {"store.keeps": merged}


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        (WANTS_WRITE, SKIPPED, None),
        (WANTS_WRITE, {**WANTS_WRITE, "wants": Mode.DISRUPT}, Mode.WRITE),
        (WANTS_WRITE, {**WANTS_WRITE, "skip": Skip.SELECTION}, None),
    ],
)
def test_of_two_that_skipped_the_less_excused_counts(one: Saw, other: Saw, counts: Mode | None) -> None:
    shards = [Given({**CRITICALS, "store.keeps": saw}, mode=Mode.READ).results() for saw in (one, other)]

    for order in itertools.permutations(shards):
        criterion = merge(order).criteria[-1]
        assert (criterion.wants if criterion.skip is Skip.MODE else None) is counts


def test_two_narrowed_shards_make_a_whole_run() -> None:
    saw = {**CRITICALS, "models.answers": PASSED}
    left = Given({**saw, "models.answers": None}, deselected=("models.answers#0",)).results()
    right = Given(
        {**dict.fromkeys(saw), **{"models.answers": PASSED}}, deselected=("store.answers#0", "queue.answers#0")
    )

    merged = merge([left, right.results()])

    assert merged.verdict is not None
    assert merged.verdict.headline == "GO on here: 3 of 3 critical criteria"
    assert merged.run.deselected == ()


def test_what_every_shard_left_out_is_still_left_out() -> None:
    shards = [
        Given({**CRITICALS, "shop.a": None}, deselected=("shop.a#0",), mode=mode).results()
        for mode in (Mode.READ, Mode.WRITE)
    ]
    verdict = merge(shards).verdict

    assert verdict is not None
    assert verdict.headline == "no verdict: 2 of 3 critical criteria asked"


def test_what_a_shard_selected_and_never_reported_is_missing() -> None:
    left = Given({**CRITICALS, "shop.a": None}, deselected=("shop.a#0",)).results()
    right = Given({**CRITICALS, "shop.a": None}).results()

    assert outcomes(merge([left, right]))["shop.a"] is MISSING


def by_path(nodeids: Mapping[str, Saw], left_out: Sequence[str], criterion: str = "store.keeps") -> Results:
    """A part that knows a critical criterion by these node ids; None did not report, what is left out was not asked."""
    base = Given(CRITICALS).results()
    made = Given({criterion: [*nodeids.values()]}).results()
    names = dict(zip(made.criteria[0].checks, nodeids, strict=True))
    checks = tuple(replace(c, nodeid=names[c.nodeid]) for c in made.checks)
    return replace(
        base,
        run=replace(base.run, deselected=tuple(left_out)),
        criteria=(*base.criteria, replace(made.criteria[0], checks=tuple(nodeids))),
        checks=(*base.checks, *checks),
    )


FUNCTION = "suites/store/test_store.py::test_keeps"


@pytest.mark.parametrize(
    ("parts", "headline", "checks"),
    [
        pytest.param(
            [by_path({FUNCTION: None}, [FUNCTION]), by_path({f"{FUNCTION}[a]": PASSED, f"{FUNCTION}[b]": PASSED}, [])],
            "GO on here: 3 of 3 critical criteria",
            (f"{FUNCTION}[a]", f"{FUNCTION}[b]"),
            id="the function's checks in another part",
        ),
        pytest.param(
            [by_path({FUNCTION: None}, [FUNCTION]), by_path({FUNCTION: PASSED}, [])],
            "GO on here: 3 of 3 critical criteria",
            (FUNCTION,),
            id="the function itself in another part",
        ),
        pytest.param(
            [by_path({FUNCTION: None}, [FUNCTION]), by_path({FUNCTION: None}, [FUNCTION, "more"])],
            "no verdict: 2 of 3 critical criteria asked",
            (FUNCTION,),
            id="in no part",
        ),
        pytest.param(
            [
                by_path({FUNCTION: None}, [FUNCTION]),
                by_path({f"{FUNCTION}[a]": PASSED, f"{FUNCTION}[b]": None}, [f"{FUNCTION}[b]"]),
            ],
            "no verdict: 2 of 3 critical criteria asked",
            (f"{FUNCTION}[a]", f"{FUNCTION}[b]"),
            id="one of its checks in no part",
        ),
        pytest.param(
            [by_path({FUNCTION: None}, [FUNCTION]), by_path({f"{FUNCTION}[a]": PASSED, f"{FUNCTION}[b]": None}, [])],
            "NO-GO: could not tell: store.keeps missing: no result",
            (f"{FUNCTION}[a]", f"{FUNCTION}[b]"),
            id="one of its checks never reported",
        ),
        pytest.param(
            [by_path({FUNCTION: None}, []), by_path({f"{FUNCTION}[a]": PASSED}, [])],
            "NO-GO: could not tell: store.keeps missing: no result",
            (f"{FUNCTION}[a]", FUNCTION),
            id="a check of that name that was not left out is one of its own",
        ),
        pytest.param(
            [by_path({FUNCTION: None}, [FUNCTION]), by_path({f"{FUNCTION}_twice[a]": PASSED}, [])],
            "no verdict: 2 of 3 critical criteria asked",
            (FUNCTION, f"{FUNCTION}_twice[a]"),
            id="a function whose name begins alike",
        ),
    ],
)
def test_a_function_that_a_part_did_not_collect(
    parts: Sequence[Results], headline: str, checks: tuple[str, ...]
) -> None:
    for order in itertools.permutations(parts):
        merged = merge(order)

        assert merged.verdict is not None
        assert merged.verdict.headline == headline
        assert set(merged.criteria[-1].checks) == set(checks)


def test_a_mode_given_to_one_shard_is_given() -> None:
    reading = Given({**CRITICALS, "store.keeps": WANTS_WRITE}, mode=Mode.READ).results()
    writing = Given({**CRITICALS, "store.keeps": PASSED}, mode=Mode.WRITE).results()
    merged = merge([reading, writing])

    assert merged.verdict is not None
    assert merged.verdict.headline == "GO on here: 3 of 3 critical criteria"


def test_components_are_as_the_shard_that_asked_them_says() -> None:
    kafka = ComponentResult(name="kafka", version="4.2.1", answers=PASSED, answers_at_end=PASSED)
    asked = replace(sample_results(), components=(kafka,))
    unasked = replace(sample_results(), components=(ComponentResult(name="kafka"), ComponentResult(name="ray")))

    assert {c.name: c for c in merge([unasked, asked]).components} == {"kafka": kafka, "ray": unasked.components[1]}


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ((PASSED, PASSED), (PASSED, PASSED), (PASSED, PASSED)),
        ((PASSED, PASSED), (MISSING, MISSING), (PASSED, PASSED)),
        ((PASSED, PASSED), (PASSED, FAILED), (PASSED, FAILED)),
        ((PASSED, BROKEN), (PASSED, FAILED), (PASSED, FAILED)),
        ((PASSED, PASSED), (PASSED, MISSING), (PASSED, MISSING)),
        ((PASSED, PASSED), (FAILED, FAILED), (FAILED, FAILED)),
        ((MISSING, MISSING), (MISSING, MISSING), (MISSING, MISSING)),
    ],
)
def test_of_two_answers_of_a_component_the_worse_counts(one: Any, other: Any, merged: Any) -> None:
    shards = [
        Given(CRITICALS, answers={"store": saw[0]}, at_end={"store": saw[1]}, unread=(str(n),)).results()
        for n, saw in enumerate((one, other))
    ]

    for order in itertools.permutations(shards):
        store = merge(order).components[0]
        assert (store.answers, store.answers_at_end) == merged


def test_the_stricter_level_counts() -> None:
    lowered = Given({**CRITICALS, "store.keeps?": FAILED}).results()
    as_planned = Given({**CRITICALS, "store.keeps": FAILED}).results()

    assert exit_code(merge([lowered, as_planned]).verdict) == 1
    assert exit_code(merge([lowered]).verdict) == 0


@pytest.mark.parametrize(
    ("waivers", "outcome"),
    [
        ([WAIVER, WAIVER], WAIVED),
        ([WAIVER, None], FAILED),
        ([WAIVER, replace(WAIVER, expires="2026-01-01")], FAILED),
    ],
    ids=["the same", "in one part only", "two that differ"],
)
def test_a_waiver_counts_where_all_parts_carry_it(waivers: Sequence[Any], outcome: Outcome) -> None:
    shards = [
        Given({**CRITICALS, "store.keeps": FAILED}, waivers={"store.keeps": w} if w else {}, unread=(str(n),)).results()
        for n, w in enumerate(waivers)
    ]

    for order in itertools.permutations(shards):
        assert outcomes(merge(order))["store.keeps"] is outcome


def test_a_waiver_is_none_where_a_part_does_not_know_the_criterion() -> None:
    waived = Given({**CRITICALS, "store.keeps": FAILED}, waivers={"store.keeps": WAIVER}).results()

    assert outcomes(merge([waived, Given(CRITICALS).results()]))["store.keeps"] is FAILED


@pytest.mark.parametrize(
    ("ends", "finished"),
    [
        (["2025-06-04T12:01:00Z", "2025-06-04T13:30:00+01:00"], "2025-06-04T13:30:00+01:00"),
        (["2025-06-04T12:01:00Z", "2025-06-04T14:00:00+02:00"], "2025-06-04T12:01:00Z"),
        (["2025-06-04T12:01:00Z", ""], ""),
        (["2025-06-04T12:01:00Z", "noon"], "noon"),
    ],
)
def test_a_run_ends_with_its_last_part(ends: Sequence[str], finished: str) -> None:
    shards = [Given(CRITICALS, finished=end).results() for end in ends]

    for order in itertools.permutations(shards):
        assert merge(order).run.finished == finished


@pytest.mark.parametrize("odd", [{"interrupted": True}, {"finished": ""}, {"unread": ("suites/x.py",)}], ids=str)
def test_a_part_that_is_no_go_makes_no_go(odd: Any) -> None:
    shards = [Given(CRITICALS, **odd).results(), Given(CRITICALS).results()]

    for order in itertools.permutations(shards):
        assert exit_code(merge(order).verdict) == 3


def test_spans_are_put_on_one_clock() -> None:
    span = Span(name="x", kind="check", started=1.0, seconds=2.0)
    early = replace(sample_results(), spans=(span,))
    late = replace(early, run=replace(early.run, started="2025-06-04T12:00:10Z"))

    assert [s.started for s in merge([late, early]).spans] == [1.0, 11.0]


# -- what is no part of the same run


def changed(**of: Any) -> Results:
    """The sample with other values: ``run``, ``target`` and ``kafka`` are its parts, ``groups`` its third criterion."""
    results = sample_results()
    kafka, *components = results.components
    criteria = list(results.criteria)
    criteria[2] = replace(criteria[2], **of.get("groups", {}))
    return replace(
        results,
        run=replace(results.run, **of.get("run", {})),
        target=replace(results.target, **of.get("target", {})),
        components=(replace(kafka, **of.get("kafka", {})), *components),
        criteria=tuple(criteria),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": {"id": "pv-2"}}, 'run.id: differs: "pv-20250604120000-0a1b2c" in a.json; "pv-2" in b.json'),
        ({"run": {"gonogo": "0.2.0"}}, 'run.gonogo: differs: "0.1.0" in a.json; "0.2.0" in b.json'),
        ({"run": {"git": "64460f8+"}}, 'run.git: differs: "64460f8" in a.json; "64460f8+" in b.json'),
        ({"run": {"git": ""}}, 'run.git: differs: "64460f8" in a.json; "" in b.json'),
        ({"target": {"name": "staging"}}, 'target.name: differs: "embedded" in a.json; "staging" in b.json'),
        ({"target": {"provider": "existing"}}, "target.provider: differs"),
        ({"target": {"profile": "quick"}}, "target.profile: differs"),
        ({"target": {"capabilities": ("host",)}}, "target.capabilities: differs"),
        ({"target": {"components": ("kafka",)}}, "target.components: differs"),
        ({"target": {"unsupported": {}}}, "target.unsupported: differs"),
        ({"target": {"unsupported": {"katib": "for another reason"}}}, "target.unsupported: differs"),
        ({"target": {"cluster": "5b0c"}}, 'target.cluster: differs: "" in a.json; "5b0c" in b.json'),
        ({"target": {"modes": (Mode.READ,)}}, "target.modes: differs"),
        ({"target": {"lacks": {}}}, "target.lacks: differs"),
        ({"kafka": {"identity": "another"}}, "components.kafka.identity: differs"),
        ({"kafka": {"provider": "existing"}}, "components.kafka.provider: differs"),
        ({"kafka": {"expect": {"brokers": 1}}}, "components.kafka.expect: differs"),
        ({"groups": {"component": "ray"}}, 'criteria.kafka.groups.component: differs: "kafka" in a.json'),
    ],
)
def test_what_is_not_of_one_run_is_refused_by_name(change: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged({"a.json": sample_results(), "b.json": changed(**change)})

    assert said in str(caught.value)
    assert str(caught.value).endswith(
        "(only parts of one run are merged: give all of them the same run with --run ID or GONOGO_RUN)"
    )


def test_all_that_differs_is_named_at_once() -> None:
    other = changed(run={"id": "pv-2", "git": "1"}, target={"name": "staging"})

    with pytest.raises(ConfigError) as caught:
        merge([sample_results(), other, sample_results()])

    assert [p.where for p in caught.value.problems] == ["run.id", "run.git", "target.name"]
    assert "results 2" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"kafka": {"identity": "", "expect": {}, "answers": MISSING, "answers_at_end": MISSING}},
        {"kafka": {"endpoints": {"bootstrap": "127.0.0.1:1"}, "ready_seconds": 1.0, "transport": "forward"}},
        {"run": {"argv": ("pytest",), "host": {}, "python": "3.12.1", "mode": Mode.READ}},
    ],
    ids=["what a part did not reach", "how a part reached it", "where and how a part ran"],
)
def test_parts_of_one_run_may_differ_in(change: Any) -> None:
    kafka = merge([sample_results(), changed(**change)]).components[0]

    assert kafka.identity == sample_results().components[0].identity
    assert kafka.expect == sample_results().components[0].expect


def test_no_results_are_refused() -> None:
    with pytest.raises(ConfigError, match="no results given"):
        merge([])


def test_one_file_is_judged_as_it_is() -> None:
    assert merge([sample_results()]) == sample_results()
    assert merge([sample_results(), sealed(sample_results())]) == sample_results()


def test_a_strict_gate_judges_more_levels() -> None:
    results = {"x": Given({**CRITICALS, "store.keeps!": FAILED}).results()}

    assert exit_code(judged(results).verdict) == 0
    assert exit_code(judged(results, Level.IMPORTANT).verdict) == 1
    assert exit_code(None) == 3


def shards_of(chance: random.Random) -> Sequence[Results]:
    """Three parts of one run, of the same target, which agree on nothing else."""
    first, *others = (random_run(chance).results() for _ in range(3))
    return [
        replace(
            shard, run=replace(shard.run, started=f"2025-06-04T12:00:0{chance.randint(0, 1)}Z"), target=first.target
        )
        for shard in (first, *others)
    ]


@pytest.mark.parametrize("seed", range(100))
def test_the_order_of_the_shards_does_not_matter(seed: int) -> None:
    shards = shards_of(random.Random(seed))

    merged = [merge(order) for order in itertools.permutations(shards)]

    assert all(one == merged[0] for one in merged)
    assert judge(merged[0]) == merged[0]


@pytest.mark.parametrize("seed", range(100))
def test_merging_in_two_steps_decides_alike(seed: int) -> None:
    first, second, third = shards_of(random.Random(seed))

    at_once = merge([first, second, third])

    for steps in ([[first, second], third], [[first, third], second], [[second, third], first]):
        in_steps = merge([merge(steps[0]), steps[1]])
        assert outcomes(in_steps) == outcomes(at_once)
        assert in_steps.verdict is not None
        assert at_once.verdict is not None
        assert (in_steps.verdict.decision, in_steps.verdict.code) == (at_once.verdict.decision, at_once.verdict.code)


@pytest.mark.parametrize("seed", range(100))
def test_no_part_is_made_better_by_another_than_by_asking(seed: int) -> None:
    """What some part saw fail or could not ask stays so, whatever the others saw."""
    shards = shards_of(random.Random(seed))

    merged = merge(shards)

    said = {(c.nodeid, c.outcome) for shard in shards for c in shard.checks}
    counted = {c.nodeid: c.outcome for c in merged.checks}
    assert {n for n, o in said if o is FAILED} == {n for n, o in counted.items() if o is FAILED}
    assert not {(n, bad) for n, o in counted.items() if o is PASSED for bad in (FAILED, BROKEN, BLOCKED)} & said
    if exit_code(merged.verdict) == 0:
        assert not any(shard.run.interrupted or shard.run.unread for shard in shards)


@pytest.mark.parametrize("seed", range(50))
def test_a_file_given_twice_counts_once(seed: int) -> None:
    results = random_run(random.Random(seed)).results()

    assert merge([results, results]) == judge(results)


# -- their age

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        ("2026-01-31T11:00:00Z", None),
        ("2026-01-31T10:59:59Z", "the run finished 60 minutes ago, --max-age allows 60 minutes"),
        ("2026-01-30T12:00:00Z", "the run finished 24 hours ago, --max-age allows 60 minutes"),
        ("2026-01-31T12:00:00+01:00", None),
        ("2026-01-31T11:30:00+01:00", "the run finished 90 minutes ago, --max-age allows 60 minutes"),
        ("2026-01-31T12:00:59Z", None),
        ("2026-01-31T12:01:01Z", "the run finished 61 seconds in the future by the clock of this machine"),
        ("2036-01-31T12:00:00Z", "the run finished 3652 days in the future by the clock of this machine"),
    ],
)
@pytest.mark.parametrize("saw", [PASSED, FAILED, BROKEN])
def test_what_is_too_old_tells_nothing(finished: str, reason: str | None, saw: Outcome) -> None:
    fresh = judge(Given({**CRITICALS, "store.keeps": saw}, started="2026-01-01T00:00:00Z", finished=finished).results())
    assert fresh.verdict is not None

    verdict = aged(fresh, [fresh], NOON, timedelta(hours=1)).verdict

    if reason is None:
        assert verdict == fresh.verdict
        return
    assert verdict is not None
    assert (verdict.decision, verdict.code) == ("NO-GO", 3)
    assert verdict.reason == f"{reason}; the run came to {fresh.verdict.headline}"
    assert verdict.headline == f"NO-GO: could not tell: {verdict.reason}"


def test_a_run_that_never_finished_is_no_go_at_any_age() -> None:
    unfinished = judge(Given(CRITICALS, finished="").results())

    assert aged(unfinished, [unfinished], NOON, timedelta(days=10_000)) == unfinished
    assert exit_code(unfinished.verdict) == 3


@pytest.mark.parametrize(
    ("text", "length"),
    [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("007d", 604_800)],
)
def test_lengths_of_time(text: str, length: int) -> None:
    assert stretch(text, "--max-age") == timedelta(seconds=length)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "h",
        "24 h",
        "24H",
        "-1h",
        "+1h",
        "0s",
        "0d",
        "24h\n",
        "1h30m",
        "soon",
        "٣h",
        "1w",
        "9" * 5000 + "d",
    ],
)
def test_what_is_no_length_of_time_gets_the_right_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--max-age: .* is no length of time \(like 90s, 30m, 24h or 7d\)"):
        stretch(text, "--max-age")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (-119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
    ],
)
def test_lengths_of_time_as_they_are_said(seconds: int, said: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-31", "2026-01-31T12:00:00", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z", "1e9"]
)
def test_what_is_no_moment(text: str) -> None:
    assert moment(text) is None


@pytest.mark.parametrize("text", ["", "20260131", "2026-W05-6", "2026-1-31", "2026-02-29", "2026-01-31T00:00:00Z", "∞"])
def test_what_is_no_day(text: str) -> None:
    assert day(text) is None
