"""The tables of docs/operated.md and docs/kubeflow.md are the criteria and causes of what they are about.

``python tests/test_docs_operated.py`` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.catalog.registry import Registry

ROOT = Path(__file__).parent.parent
PAGES = {
    ROOT / "docs/operated.md": ("argocd", "katib", "istio", "platform"),
    ROOT / "docs/kubeflow.md": ("kfp", "notebooks"),
}


def criteria(registry: Registry, components: tuple[str, ...]) -> str:
    """A row for each criterion."""
    rows = [f"| `{c.id}` | {c.level} | {c.claim} |" for c in registry.criteria.values() if c.component in components]
    return "\n".join(["| criterion | level | claim |", "|---|---|---|", *rows])


def causes(registry: Registry, components: tuple[str, ...]) -> str:
    """A row for each cause."""
    rows = [
        f"| `{name}.{kind}` | {registry.signature(f'{name}.{kind}').hint.replace('[[', '').replace(']]', '')} |"
        for name in components
        for kind in registry.components[name].signatures
    ]
    return "\n".join(["| cause | says |", "|---|---|", *rows])


MADE = {"criteria": criteria, "causes": causes}


def filled(text: str, registry: Registry, components: tuple[str, ...]) -> str:
    """The page, with its tables as they should be."""
    for name, make in MADE.items():
        table = make(registry, components)
        text = re.sub(rf"(<!-- {name} -->\n)(\n?\|.*\n)*", lambda head, table=table: f"{head[1]}\n{table}\n", text)  # type: ignore[misc]
    return text


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_table_is_what_the_files_say(page: Path, name: str) -> None:
    registry = Registry.load(ROOT)

    text = page.read_text(encoding="utf-8")

    assert MADE[name](registry, PAGES[page]) in text
    assert filled(text, registry, PAGES[page]) == text


if __name__ == "__main__":
    for page, components in PAGES.items():
        page.write_text(filled(page.read_text(encoding="utf-8"), Registry.load(ROOT), components), encoding="utf-8")
