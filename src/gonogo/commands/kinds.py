"""The rules by which custom resources are judged: ours, and those of the content's components."""

from __future__ import annotations

from pathlib import Path

from gonogo.catalog.kinds import kinds
from gonogo.cluster.judge.rules import Rules
from gonogo.core.content import find


def rules() -> Rules:
    """Those of ``deploy/*/kinds.toml`` of the content before those of the machinery.

    Raises ``ConfigError`` for what these files have wrong.
    """
    return Rules(kinds(find(Path.cwd())))
