"""Every broken deployment is named within 5 s, and given up when the table says; what only looks odd never is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from cluster.cases import Case, cases
from cluster.live import Cluster
from cluster.recording import Record, record

BROKEN, ODD = cases("broken"), cases("odd")

SOON = 5.0
"""Seconds from the fact at the API server until it must be named, or given up once its grace is over."""

ROUNDING = 1.5
"""Seconds by which a grace may seem short: the API's own times are whole seconds."""

OUT = Path(__file__).parent / "out"


@pytest.fixture(scope="module")
def seen(cluster: Cluster, request: pytest.FixtureRequest) -> Mapping[str, Record]:
    """A record of each case that is selected; they are made all at once."""
    names = {item.callspec.params["case"].name for item in request.session.items if item.path == Path(__file__)}
    records = record(cluster, [case for case in (*BROKEN, *ODD) if case.name in names], OUT / "seen")
    OUT.mkdir(exist_ok=True)
    (OUT / "doom.md").write_text(table(records.values()), encoding="utf-8")
    return records


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.path.stem)
def test_what_will_not_come_up_is_named_and_given_up(case: Case, seen: Mapping[str, Record]) -> None:
    found = seen[case.name]

    assert found.error is None
    assert found.fact is not None, "nothing was broken"
    assert found.named is not None, f"not named; last said of it: {found.row}"
    assert found.named <= found.fact + SOON
    assert found.told, f"not told why; last said of it: {found.row}"
    given_up = found.said["given_up"]
    if given_up == "never":
        assert found.failed is None
    else:
        grace = given_up.get("after", 0)
        assert found.failed is not None, f"not given up; last said of it: {found.row}"
        # what is missing was so from the beginning, before anybody said it
        since = found.begun if found.ripe is None else found.ripe
        assert found.failed >= since + grace - ROUNDING
        assert found.failed <= (found.ripe or found.fact) + grace + SOON


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.path.stem)
def test_what_only_looks_odd_is_not_given_up(case: Case, seen: Mapping[str, Record]) -> None:
    found = seen[case.name]

    assert found.error is None
    assert found.as_said, f"said of it: {found.row}"
    assert [f"{row.kind} {row.name}: {row.reason}" for row in found.failures] == []


def table(records: Iterable[Record]) -> str:
    """What was seen, as a Markdown table: seconds from the fact until it was named, and until it was given up."""
    lines = ["| deployment | named after, s | given up after, s | last said | cause |", "|---|---|---|---|---|"]
    for one in records:
        said = f"{one.row.state} {one.row.reason}" if one.row else "nothing"
        cause = one.row.cause.replace(f"{one.namespace}/", "") if one.row else ""
        named, failed = since(one.fact, one.named), since(one.fact, one.failed)
        lines.append(f"| {one.case.name.replace('-', ': ', 1)} | {named} | {failed} | {said} | {cause} |")
    return "\n".join(lines) + "\n"


def since(then: float | None, now: float | None) -> str:
    """Seconds from one instant to another, a dash where one of them never came."""
    return "–" if then is None or now is None else f"{now - then:.1f}"
