"""What several of our own tests are given."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest
from repositories import Content

# pytester unloads what a test was the first to load; of a library that stays in part, a second copy is no use.
import gonogo.commands.checkout
import gonogo.run.publish  # noqa: F401
from gonogo.core import outlet
from gonogo.redaction import Redactor
from gonogo.results.model import Results

pytest_plugins = ["pytester"]

os.environ.pop("COLUMNS", None)  # pytest-xdist gives its workers one; how wide a table may be a test says itself
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background jobs ignore it, and all that they start
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def unlearned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test makes secret is a word like others in the next."""
    monkeypatch.setattr(outlet, "_redactor", Redactor())


@pytest.fixture
def content(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Content]:
    """A fresh content repository in the working folder, its platform there and happy."""
    monkeypatch.setenv("GONOGO_TARGET", "there")
    monkeypatch.delenv("GONOGO_HOME", raising=False)
    yield Content(pytester.path)
    # No thread that asks a component may load its client once the next test has begun.
    for thread in threading.enumerate():
        if thread.name.startswith("up-"):
            thread.join()


@pytest.fixture
def outcomes(content: Content) -> Callable[[], dict[str, str]]:
    """Criterion to outcome, as the last run stored it."""

    def read() -> dict[str, str]:
        results = msgspec.json.decode((content.root / "reports/out/results.json").read_bytes(), type=Results)
        return {c.id: c.outcome.value for c in results.criteria}

    return read
