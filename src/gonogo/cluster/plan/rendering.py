"""What would be made of many components, each release once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gonogo.cluster.plan.fit import Part

Named = TypeVar("Named")


def rendered(parts: Callable[[Named], list[Part]], components: Iterable[Named]) -> list[Part]:
    """The parts of all of them, in their order; as many are rendered at once as there are cores. Raises as ``parts``.

    Rendering is a process of its own.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return once(part for several in pool.map(parts, components) for part in several)


def once(parts: Iterable[Part]) -> list[Part]:
    """A release that several components need is made with the first of them."""
    seen: set[tuple[str, str]] = set()
    found = []
    for part in parts:
        key = part.namespace, part.what
        if part.what.startswith("release ") and key in seen:
            continue
        seen.add(key)
        found.append(part)
    return found
