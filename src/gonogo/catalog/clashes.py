"""What one's own folder and the built-in content both have, though nobody said which of the two counts.

A check, a client or a component that quietly takes another's place could turn a GO that nobody earned out of a file
with nothing in it. So the same name is a mistake, unless one's own component says that it overrides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from gonogo.core.content import DEPLOY, FIXTURES, SUITES, TARGETS, Content
from gonogo.core.errors import Problem

OVERRIDE, ANOTHER = "override = true", "another name"

LAID_OUT = (f"{DEPLOY}/*", f"{FIXTURES}/*.py", f"{SUITES}/**/*")


def clashes(content: Content, overriding: Collection[str]) -> Iterator[Problem]:
    """A problem for each file or folder of both; ``overriding`` are the components that say so."""
    if content.builtin is None or content.own not in content.layers:
        return
    for name in _common(content):
        top, part, *_ = name.split("/")
        component = part.removesuffix(".py") if top == FIXTURES else part
        if component in overriding:
            continue
        mine, theirs = content.all(name)
        known = (content.builtin / DEPLOY / component).is_dir()
        hint = ways_out(f"deploy/{component}/component.toml") if known else ANOTHER
        yield Problem(str(mine), f"is built in too: {theirs}", hint)


def ways_out(where: str) -> str:
    """What to do about a name that is built in too; ``where`` is the file or table that may override it."""
    return f"{ANOTHER}; or `{OVERRIDE}` in {where}, and yours counts"


def _common(content: Content) -> Iterator[str]:
    """The relative paths that both have: files, and the folders of components."""
    for pattern in LAID_OUT:
        for path in sorted(content.own.glob(pattern)):
            name = path.relative_to(content.own).as_posix()
            if _is_content(path, pattern) and len([*content.all(name)]) > 1:
                yield name


def _is_content(path: Path, pattern: str) -> bool:
    if "__pycache__" in path.parts:
        return False
    # two targets of one name are told apart where one is loaded
    return path.is_dir() and path.name != TARGETS if pattern.startswith(DEPLOY) else path.is_file()
