"""The cycle collector is switched off in one place, and is afterwards what it was."""

from __future__ import annotations

import ast
import gc
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from test_architecture import ENGINE, tree, words_of_code

from gonogo.core.collector import UNCOLLECTED


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """The collector works again, whatever a test did."""
    yield
    gc.enable()


def test_it_works_again_when_the_last_one_is_done() -> None:
    with UNCOLLECTED:
        with UNCOLLECTED:
            inside = gc.isenabled()
        still = gc.isenabled()

    assert (inside, still, gc.isenabled()) == (False, False, True)


def test_another_thread_that_leaves_first_does_not_switch_it_on() -> None:
    def briefly() -> None:
        with UNCOLLECTED:
            pass

    with UNCOLLECTED:
        other = threading.Thread(target=briefly)
        other.start()
        other.join()
        still = gc.isenabled()

    assert (still, gc.isenabled()) == (False, True)


def test_an_error_leaves_it_as_it_was() -> None:
    with suppress(ZeroDivisionError), UNCOLLECTED:
        _ = 1 // 0

    assert gc.isenabled()


def test_whoever_had_switched_it_off_finds_it_off() -> None:
    gc.disable()

    with UNCOLLECTED:
        pass

    assert not gc.isenabled()


def test_what_is_the_whole_processs_is_changed_in_one_place() -> None:
    uncollected = {"api", "cli", "collector", "loading", "planning", "survey"}
    changes = {"meta_path": {"lean"}, "setrlimit": {"keeper"}, "UNCOLLECTED": uncollected}
    found = {
        word: {path.stem for path in ENGINE for text, _ in words_of_code(path) if text == word} for word in changes
    }
    collects = {p.stem for p in ENGINE if "gc" in {getattr(n, "id", "") for n in ast.walk(tree(p))}}

    assert found == changes
    assert collects == {"collector"}
