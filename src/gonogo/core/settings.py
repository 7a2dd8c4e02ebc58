"""``gonogo.toml``: what a folder of one's own says of itself."""

from __future__ import annotations

from gonogo.core.outcomes import Struct


class BuiltinTable(Struct, frozen=True, kw_only=True):
    """Which of the built-in content counts here: all of it, nothing, or these components and what they need."""

    builtin: bool | tuple[str, ...] = True


class OwnFolder(Struct, frozen=True, kw_only=True):
    """The whole file."""

    content: BuiltinTable = BuiltinTable()
