"""The tables of docs/operated.md are the criteria and causes of the components that it is about.

``python tests/test_docs_operated.py`` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.catalog.registry import Registry

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/operated.md"
COMPONENTS = ("argocd", "katib", "istio", "platform")


def criteria(registry: Registry) -> str:
    """A row for each criterion."""
    rows = [f"| `{c.id}` | {c.level} | {c.claim} |" for c in registry.criteria.values() if c.component in COMPONENTS]
    return "\n".join(["| criterion | level | claim |", "|---|---|---|", *rows])


def causes(registry: Registry) -> str:
    """A row for each cause."""
    rows = [
        f"| `{name}.{kind}` | {registry.signature(f'{name}.{kind}').hint.replace('[[', '').replace(']]', '')} |"
        for name in COMPONENTS
        for kind in registry.components[name].signatures
    ]
    return "\n".join(["| cause | says |", "|---|---|", *rows])


MADE = {"criteria": criteria, "causes": causes}


def filled(text: str, registry: Registry) -> str:
    """The page, with its tables as they should be."""
    for name, make in MADE.items():
        table = make(registry)
        text = re.sub(rf"(<!-- {name} -->\n)(\n?\|.*\n)*", lambda head, table=table: f"{head[1]}\n{table}\n", text)  # type: ignore[misc]
    return text


@pytest.mark.parametrize("name", MADE)
def test_a_table_is_what_the_files_say(name: str) -> None:
    registry = Registry.load(ROOT)

    text = PAGE.read_text(encoding="utf-8")

    assert MADE[name](registry) in text
    assert filled(text, registry) == text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), Registry.load(ROOT)), encoding="utf-8")
