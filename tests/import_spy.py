"""Who imports what, and whether in the one place that is for it (:mod:`gonogo.core.loading`).

As a program it is pytest with an eye on that: ``python tests/import_spy.py suites/`` ends with 1 where anything was
imported beside other threads in another place, and lists it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import NamedTuple

from gonogo.core.loading import LOADING


class Import(NamedTuple):
    """A module that was looked for; ``alone``: no other thread was there, or ``LOADING`` was held."""

    module: str
    thread: str
    alone: bool
    where: str

    def __str__(self) -> str:
        return f"{self.module}, by {self.thread}: {self.where}"


class Spy:
    """A finder that is asked first, notes it, and finds nothing; what is imported already nobody looks for."""

    def __init__(self) -> None:
        self.seen: list[Import] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note who asks."""
        alone = threading.active_count() == 1 or LOADING._is_owned()  # type: ignore[attr-defined]
        self.seen.append(Import(fullname, threading.current_thread().name, alone, _lines(sys._getframe(1))))
        return None

    def foreign(self) -> list[str]:
        """The modules of other people's packages that were looked for."""
        ours = {"gonogo", "fixtures", *sys.stdlib_module_names}
        return [one.module for one in self.seen if one.module.partition(".")[0] not in ours]


def _lines(frame: FrameType | None, most: int = 4) -> str:
    """The innermost lines that are no part of the import system."""
    found: list[str] = []
    while frame is not None and len(found) < most:
        if not frame.f_code.co_filename.startswith("<frozen"):
            found.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(found)


@contextmanager
def spying() -> Iterator[Spy]:
    """Everything that is imported within."""
    spy = Spy()
    sys.meta_path.insert(0, spy)
    try:
        yield spy
    finally:
        sys.meta_path.remove(spy)


def main(arguments: Iterable[str]) -> int:
    """Run pytest; 0 where it is green and nothing was imported in the wrong place."""
    import pytest

    with spying() as spy:
        # the thread in which pytest-rerunfailures waits for workers imports nothing, and never ends
        code = int(pytest.main(["-p", "no:rerunfailures", *arguments]))
    beside = [one for one in spy.seen if not one.alone]
    told = f"{len(spy.seen)} modules were looked for, {len(beside)} of them beside other threads"
    sys.stdout.write("\n".join([told, *map(str, beside), ""]))
    return code or (1 if beside else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
