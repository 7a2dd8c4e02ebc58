"""The rules by which custom resources are judged: ours, and those of the content's components."""

from __future__ import annotations

from pathlib import Path

from gonogo.catalog.kinds import kinds
from gonogo.cluster.judge.rules import Rules
from gonogo.core.content import find_root
from gonogo.core.errors import ConfigError


def rules() -> Rules:
    """Those of ``deploy/*/kinds.toml`` at or above the working folder before ours; outside of a checkout ours alone.

    Raises ``ConfigError`` for what these files have wrong.
    """
    try:
        root = find_root(Path.cwd())
    except ConfigError:
        return Rules()
    return Rules(kinds(root))
