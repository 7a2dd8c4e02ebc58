"""Objects of an API server, asked for by their kind, in the shapes that the judge has of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from gonogo.cluster.api import Api, Kind, understood
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, joined, page
from gonogo.cluster.paths import Path
from gonogo.core.errors import Garbled


def one(api: Api, kind: Kind, namespace: str, name: str) -> Object:
    """One object, with its ``spec``. Raises ``Garbled`` where the answer is none, and what :meth:`Api.get` raises."""
    path = kind.path(namespace, name)
    found = list(_fitting(api, kind, path, joined([msgspec.Raw(api.get(path))])))
    if len(found) != 1 or "spec" not in found[0]:
        raise Garbled(api.component, f"GET {path}: no {kind.kind}", asked=path)
    return found[0]


def listed(
    api: Api, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = ""
) -> Iterator[Object]:
    """The objects of a list. Raises ``Garbled`` where one is none of the kind, and what :meth:`Api.pages` raises."""
    for raw in api.pages(kind, namespace, labels=labels, fields=fields):
        yield from _fitting(api, kind, kind.path(namespace), raw)


def _fitting(api: Api, kind: Kind, path: Path, raw: bytes) -> Iterator[Object]:
    for obj in understood(api.component, path, partial(page, kind.api_version, kind.kind, raw)).items:
        if MISSHAPEN in obj:
            raise Garbled(api.component, f"GET {path}: no {kind.kind}: {obj[MISSHAPEN]}", asked=path)
        yield obj
