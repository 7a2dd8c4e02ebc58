"""Amounts of resources, as manifests write them (``500m``, ``1.5Gi``; Kubernetes "Quantity")."""

from __future__ import annotations

import re
from math import isfinite

from gonogo.cluster.judge.shapes import Quantity

_SUFFIXES = {suffix: 1024.0**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_SUFFIXES |= {suffix: 1000.0**power for power, suffix in enumerate(("n", "u", "m"), -3)}
_SUFFIXES |= {suffix: 1000.0**power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_FORM = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)")


def amount(quantity: Quantity) -> float:
    """The number of cores, bytes or pieces; 0 where it is none."""
    found = _FORM.fullmatch(str(quantity).strip())
    try:
        number = float(found[1]) * _SUFFIXES[found[2]] if found else 0.0
    except (ValueError, KeyError):
        return 0.0
    return number if isfinite(number) else 0.0


def shown(resource: str, number: float) -> str:
    """``1.5`` cores, ``3.0 GiB``, ``2`` pieces: as a person says it."""
    if resource.endswith(("memory", "storage")) or resource.startswith("hugepages"):
        for unit, size in (("GiB", 1024.0**3), ("MiB", 1024.0**2)):
            if abs(number) >= size:
                return f"{number / size:.1f} {unit}"
        return f"{number:.0f} bytes"
    return f"{number:.3f}".rstrip("0").rstrip(".")
