"""What the files of suites/ say should be asked, read from their text."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from gonogo.results.model import function_of
from gonogo.run.declared import declared


def written(root: Path, text: str, name: str = "suites/store/test_store.py") -> dict[str, set[str]]:
    """Function to criteria of one file, below its path."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    found = declared(root)
    assert found.unread == ()
    return {function.removeprefix(f"{name}::"): set(criteria) for function, criteria in found.functions.items()}


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        pytest.param('@pytest.mark.criterion("a.b")\ndef test_a(): ...', {"test_a": {"a.b"}}, id="a function"),
        pytest.param('@pytest.mark.criterion("a.b")\nasync def test_a(): ...', {"test_a": {"a.b"}}, id="async def"),
        pytest.param(
            '@pytest.mark.criterion("a.b", "a.c")\n@pytest.mark.criterion("a.d")\ndef test_a(): ...',
            {"test_a": {"a.b", "a.c", "a.d"}},
            id="several",
        ),
        pytest.param(
            'from pytest import mark\n@mark.criterion("a.b")\ndef test_a(): ...', {"test_a": {"a.b"}}, id="from pytest"
        ),
        pytest.param(
            'pytestmark = pytest.mark.criterion("a.b")\ndef test_a(): ...\ndef helper(): ...',
            {"test_a": {"a.b"}},
            id="a module's tests",
        ),
        pytest.param(
            'pytestmark = [pytest.mark.writes, pytest.mark.criterion("a.b")]\nclass TestA:\n  def test_a(self): ...',
            {"TestA::test_a": {"a.b"}},
            id="a list for a module",
        ),
        pytest.param(
            '@pytest.mark.criterion("a.b")\nclass TestA:\n  @pytest.mark.criterion("a.c")\n  def test_a(self): ...\n'
            "  def test_b(self): ...\n  def help(self): ...",
            {"TestA::test_a": {"a.b", "a.c"}, "TestA::test_b": {"a.b"}},
            id="a class",
        ),
        pytest.param(
            'class TestA:\n  pytestmark = pytest.mark.criterion("a.b")\n  class TestB:\n    def test_a(self): ...',
            {"TestA::TestB::test_a": {"a.b"}},
            id="a class in a class",
        ),
        pytest.param(
            '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.criterion("a.b")),\n'
            '  pytest.param(2, marks=[pytest.mark.criterion("a.c")])])\ndef test_a(x): ...',
            {"test_a": {"a.b", "a.c"}},
            id="parameters",
        ),
        pytest.param(
            'ID = "a.b"\nkept = pytest.mark.criterion(ID)\n@kept\ndef test_a(): ...',
            {"test_a": {"a.b"}},
            id="names of the module",
        ),
        pytest.param(
            'BOTH = [pytest.param(1, marks=pytest.mark.criterion("a.b"))]\n'
            '@pytest.mark.parametrize("x", BOTH)\ndef test_a(x): ...',
            {"test_a": {"a.b"}},
            id="parameters by name",
        ),
        pytest.param(
            'if True:\n  @pytest.mark.criterion("a.b")\n  def test_a(): ...\nelse:\n'
            '  @pytest.mark.criterion("a.c")\n  def test_b(): ...',
            {"test_a": {"a.b"}, "test_b": {"a.c"}},
            id="under a condition",
        ),
        pytest.param(
            'try:\n  import x\nexcept ImportError:\n  @pytest.mark.criterion("a.b")\n  def test_a(): ...',
            {"test_a": {"a.b"}},
            id="under an error",
        ),
        pytest.param("x = y\ny = x\n@x\n@criterion\ndef test_a(): ...", {}, id="names that go round"),
        pytest.param('# criterion\n@pytest.mark.criterion(f"a.{b}")\ndef test_a(): ...', {}, id="no plain text"),
        pytest.param('"""@pytest.mark.criterion("a.b")"""\ndef test_a(): ...', {}, id="only spoken of"),
    ],
)
def test_criteria_are_found_where_marks_can_stand(tmp_path: Path, text: str, functions: dict[str, set[str]]) -> None:
    assert written(tmp_path, text) == functions


def test_a_claim_that_components_share_stands_for_the_criteria_of_all_that_make_it(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    text = '@pytest.mark.criterion("*.a", "b.own")\ndef test_a(component): ...\n'
    text += '@pytest.mark.criterion("*.z")\ndef test_z(): ...'
    (tmp_path / "suites/test_it.py").write_text(text)

    found = declared(tmp_path, {"*.a": ("b.a", "c.a")}).functions

    assert found["suites/test_it.py::test_a"] == {"b.a", "c.a", "b.own"}
    assert found["suites/test_it.py::test_z"] == {"*.z"}, "what nobody makes stays as it is, and is refused"


def test_every_file_counts_whatever_pytest_would_collect(tmp_path: Path) -> None:
    text = '@pytest.mark.criterion("a.b")\ndef check(): ...'

    assert written(tmp_path, text, "suites/deep/down/claims.py") == {"check": {"a.b"}}


UNREADABLE = [b"def criterion(:", b"\x00criterion", b"criterion = '\xff'", b"(" * 5000 + b"criterion"]


@pytest.mark.parametrize("content", UNREADABLE)
def test_what_nobody_can_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/test_a.py").write_bytes(content)

    assert declared(tmp_path).unread == ("suites/test_a.py",)


@pytest.mark.parametrize(
    ("nodeid", "function"),
    [("a.py::test_a", "a.py::test_a"), ("a.py::TestA::test_a[x::y[z]]", "a.py::TestA::test_a")],
)
def test_a_function_is_its_checks_without_parameters(nodeid: str, function: str) -> None:
    assert function_of(nodeid) == function
