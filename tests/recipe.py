"""The files of the example in ``deploy/README.md``, word for word: a block and the name that stands before it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "deploy/README.md"

BLOCK = re.compile(
    r"`((?:deploy|fixtures|suites|reports)/[\w./]+)`[^`]*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
CRITERIA = "reports/criteria.toml"


def files() -> dict[str, str]:
    """Path to text of every block. Raises ``ValueError`` for a block without a name."""
    text = README.read_text(encoding="utf-8")
    found = BLOCK.findall(text)
    if len(found) != text.count("\n```\n"):
        raise ValueError("a block of the example has no name before it")
    return dict(found)


def follow(root: Path) -> list[str]:
    """Write the example's files below ``root``, the criteria behind those that are there; returns the paths."""
    for name, text in files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") + "\n" if name == CRITERIA else ""
        path.write_text(before + text, encoding="utf-8")
    return [*files()]
