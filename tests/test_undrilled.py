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
FILE = "suites/kafka/undrilled.toml"


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


KAFKA = ("kafka.advertised", "kafka.authentication", "kafka.broker_loss")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry("kafka.broker_los"), "unknown criterion 'kafka.broker_los'.*kafka.broker_loss"),
        (entry("kafka.answers"), "a drill turns kafka.answers red; it needs no reason"),
        (entry(*KAFKA, "kafka.broker_loss"), "kafka.broker_loss has a reason already"),
        (entry(), "asks names no criterion"),
        (entry(*KAFKA, reason=" "), "reason says nothing"),
        (entry(*KAFKA, seen_red="somebody saw it"), "seen_red is no test"),
        (entry(*KAFKA, seen_red="tests/test_undrilled.py"), "seen_red is no test"),
        (entry(*KAFKA).replace("seen_red", "seen"), "seen"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_a_mistake(checkout: Path, text: str, said: str) -> None:
    (checkout / FILE).write_text(text)

    with pytest.raises(ConfigError, match=said):
        undrilled(Registry.load(checkout))


def test_a_criterion_that_nobody_saw_red_is_named(checkout: Path) -> None:
    (checkout / FILE).write_text(entry(*KAFKA[:2]))

    assert [one.what for one in Lint(Registry.load(checkout)).unseen()] == ["nobody has seen kafka.broker_loss red"]


def test_a_claim_of_many_is_one_of_each_that_has_no_drill(checkout: Path) -> None:
    found = undrilled(Registry.load(checkout))

    assert {"kafka.account", "superset.certificates"} <= found.keys()
    assert "kafka.certificates" not in found


@pytest.mark.parametrize("missing", ["tests/test_undrilled.py::test_of_nobody", "tests/test_nobody.py::test_it"])
def test_a_test_that_is_not_there_is_named(checkout: Path, missing: str) -> None:
    for path in checkout.glob("suites/*/undrilled.toml"):
        path.unlink()
    (checkout / FILE).write_text(entry(*KAFKA[:2]) + entry(KAFKA[2], seen_red=missing))

    assert [one.what for one in Lint(Registry.load(checkout)).seen_red()] == [f"there is no test {missing}"]
