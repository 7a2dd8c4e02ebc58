"""Criteria without a drill: what a file of them may say; none is left out, and the test that is named is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gonogo.catalog.registry import Registry
from gonogo.commands.lint import Lint
from gonogo.core.errors import ConfigError
from gonogo.run.undrilled import undrilled

ROOT = Path(__file__).parent.parent
TEST = "tests/test_undrilled.py::test_a_criterion_that_nobody_saw_red_is_named"
LINEAGE = "suites/neo4j/undrilled.toml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The content of this repository, and this file of its tests."""
    for name in ("deploy", "fixtures", "suites", "reports"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
    (tmp_path / "tests").mkdir()
    for name in ("gonogo.toml", "tests/test_undrilled.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def entry(*asks: str, reason: str = "nothing breaks it", seen_red: str = TEST) -> str:
    """A table of the file."""
    return f"[[undrilled]]\nasks = {[*asks]}\nreason = '{reason}'\nseen_red = '{seen_red}'\n"


NEO4J = ("neo4j.rollback", "neo4j.constraint", "neo4j.lineage")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry("neo4j.linage"), "unknown criterion 'neo4j.linage'.*neo4j.lineage"),
        (entry("neo4j.answers"), "a drill turns neo4j.answers red; it needs no reason"),
        (entry(*NEO4J, "neo4j.lineage"), "neo4j.lineage has a reason already"),
        (entry(), "asks names no criterion"),
        (entry(*NEO4J, reason=" "), "reason says nothing"),
        (entry(*NEO4J, seen_red="somebody saw it"), "seen_red is no test"),
        (entry(*NEO4J, seen_red="tests/test_undrilled.py"), "seen_red is no test"),
        (entry(*NEO4J).replace("seen_red", "seen"), "seen"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_a_mistake(checkout: Path, text: str, said: str) -> None:
    (checkout / LINEAGE).write_text(text)

    with pytest.raises(ConfigError, match=said):
        undrilled(Registry.load(checkout))


def test_a_criterion_that_nobody_saw_red_is_named(checkout: Path) -> None:
    (checkout / LINEAGE).write_text(entry(*NEO4J[:2]))

    assert [one.what for one in Lint(Registry.load(checkout)).unseen()] == ["nobody has seen neo4j.lineage red"]


def test_a_claim_of_many_is_one_of_each_that_has_no_drill(checkout: Path) -> None:
    found = undrilled(Registry.load(checkout))

    assert {"kafka.account", "superset.certificates"} <= found.keys()
    assert "kafka.certificates" not in found


@pytest.mark.parametrize("missing", ["tests/test_undrilled.py::test_of_nobody", "tests/test_nobody.py::test_it"])
def test_a_test_that_is_not_there_is_named(checkout: Path, missing: str) -> None:
    for path in checkout.glob("suites/*/undrilled.toml"):
        path.unlink()
    (checkout / LINEAGE).write_text(entry(*NEO4J[:2]) + entry(NEO4J[2], seen_red=missing))

    assert [one.what for one in Lint(Registry.load(checkout)).seen_red()] == [f"there is no test {missing}"]
