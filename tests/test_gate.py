"""Stored results: what is none gets a sentence, shards become one run, and the order never matters."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from msgspec.structs import replace

from gonogo.errors import ConfigError
from gonogo.gate import LARGEST, exit_code, judged, load_results, merge
from gonogo.judge import judge
from gonogo.model import ComponentResult, Level, Mode, Outcome, Results, Span
from gonogo.schema import results_schema
from tests.samples import sample_results
from tests.test_judge import BROKEN, CRITICALS, FAILED, MISSING, PASSED, SKIPPED, WANTS_WRITE, Given, random_run

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
    path = stored(tmp_path / "results.json", msgspec.json.encode(sample_results()))

    assert load_results(path) == sample_results()


SAMPLE = msgspec.json.encode(sample_results())


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
        (
            SAMPLE.replace(b'"outcome":"broken"', b'"outcome":"brokn"', 1),
            "unknown value 'brokn' (nearest known: 'broken')",
        ),
        (b'{"health":' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_results_file_gets_a_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(stored(tmp_path / "results.json", data))


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
    many = replace(sample, checks=tuple(replace(c, message="x" * 1000) for c in sample.checks * 1000))
    path = stored(tmp_path / "results.json", msgspec.json.encode(many))

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


# -- merging


def outcomes(results: Results) -> dict[str, Outcome]:
    return {c.id: c.outcome for c in results.criteria}


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (PASSED, PASSED, PASSED),
        (PASSED, FAILED, FAILED),
        (FAILED, BROKEN, FAILED),
        (PASSED, Outcome.BLOCKED, Outcome.BLOCKED),
        (PASSED, None, PASSED),
        (PASSED, MISSING, PASSED),
        (PASSED, SKIPPED, PASSED),
        (FAILED, SKIPPED, FAILED),
        (PASSED, Outcome.UNSUPPORTED, Outcome.UNSUPPORTED),
        (SKIPPED, None, SKIPPED),
        (SKIPPED, MISSING, MISSING),
        (SKIPPED, SKIPPED, SKIPPED),
        (None, None, MISSING),
    ],
)
def test_of_two_results_of_a_node_the_real_one_or_the_worse_counts(
    one: Outcome | None, other: Outcome | None, merged: Outcome
) -> None:
    shards = [Given({"store.keeps": saw}).results() for saw in (one, other)]

    assert outcomes(merge(shards)) == {"store.keeps": merged}
    assert outcomes(merge(reversed(shards))) == {"store.keeps": merged}


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
    shards = [Given({**CRITICALS, "shop.a": None}, deselected=("shop.a#0",)).results() for _ in range(2)]
    verdict = merge(shards).verdict

    assert verdict is not None
    assert verdict.headline == "no verdict: 2 of 3 critical criteria asked"


def test_what_a_shard_selected_and_never_reported_is_missing() -> None:
    left = Given({**CRITICALS, "shop.a": None}, deselected=("shop.a#0",)).results()
    right = Given({**CRITICALS, "shop.a": None}).results()

    assert outcomes(merge([left, right]))["shop.a"] is MISSING


def test_two_partial_shards_make_a_whole_run() -> None:
    left = Given({"store.answers": PASSED, "queue.answers": []}, partial=True).results()
    right = Given({"store.answers": [], "queue.answers": PASSED}, partial=True).results()

    assert exit_code(merge([left]).verdict) == 3
    assert exit_code(merge([left, right]).verdict) == 0


def test_a_mode_given_to_one_shard_is_given() -> None:
    reading = Given({**CRITICALS, "store.keeps": WANTS_WRITE}, mode=Mode.READ).results()
    writing = Given({**CRITICALS, "store.keeps": PASSED}, mode=Mode.WRITE).results()
    merged = merge([reading, writing])

    assert merged.verdict is not None
    assert merged.verdict.headline == "GO on here: 3 of 3 critical criteria"


def test_components_are_as_the_shard_that_asked_them_says() -> None:
    asked = replace(sample_results(), components=(ComponentResult(name="kafka", version="4.2.1", answers=PASSED),))
    unasked = replace(sample_results(), components=(ComponentResult(name="kafka"), ComponentResult(name="ray")))

    assert merge([unasked, asked]).components == (*asked.components, unasked.components[1])


def test_spans_are_put_on_one_clock() -> None:
    span = Span(name="x", kind="check", started=1.0, seconds=2.0)
    early = replace(sample_results(), spans=(span,))
    late = replace(early, run=replace(early.run, started="2025-06-04T12:00:10Z"))

    assert [s.started for s in merge([late, early]).spans] == [1.0, 11.0]


def test_results_of_two_targets_are_not_one_run() -> None:
    other = replace(sample_results(), target=replace(sample_results().target, name="staging"))

    with pytest.raises(ConfigError, match=r"of several targets: embedded .*, staging"):
        merge([sample_results(), other])


def test_no_results_are_refused() -> None:
    with pytest.raises(ConfigError, match="no results given"):
        merge([])


def test_one_file_is_judged_as_it_is() -> None:
    assert merge([sample_results()]) == sample_results()


def test_a_strict_gate_judges_more_levels() -> None:
    results = [Given({**CRITICALS, "store.keeps!": FAILED}).results()]

    assert exit_code(judged(results).verdict) == 0
    assert exit_code(judged(results, Level.IMPORTANT).verdict) == 1
    assert exit_code(None) == 3


def shards_of(chance: random.Random) -> Sequence[Results]:
    return [
        replace(
            shard, run=replace(shard.run, id=f"{shard.run.id}{n}", started=f"2025-06-04T12:00:0{chance.randint(0, 1)}Z")
        )
        for n, shard in enumerate(random_run(chance).results() for _ in range(3))
    ]


@pytest.mark.parametrize("seed", range(50))
def test_the_order_of_the_shards_does_not_matter(seed: int) -> None:
    shards = shards_of(random.Random(seed))

    merged = [merge(order) for order in itertools.permutations(shards)]

    assert all(one == merged[0] for one in merged)
    assert judge(merged[0]) == merged[0]


@pytest.mark.parametrize("seed", range(50))
def test_merging_in_two_steps_decides_alike(seed: int) -> None:
    first, second, third = shards_of(random.Random(seed))

    at_once = merge([first, second, third])
    in_steps = merge([merge([first, second]), third])

    assert outcomes(in_steps) == outcomes(at_once)
    assert exit_code(in_steps.verdict) == exit_code(at_once.verdict)


@pytest.mark.parametrize("seed", range(50))
def test_a_file_given_twice_counts_once(seed: int) -> None:
    results = random_run(random.Random(seed)).results()

    assert outcomes(merge([results, results])) == outcomes(judge(results))
