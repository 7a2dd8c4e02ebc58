"""One deployment per file in ``broken/`` and ``odd/``: what must be said of it, and the steps that make it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

import yaml
from cluster.live import Cluster, Object

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """``README.md`` explains the keys of the file's first document, ``said``; the other documents are the steps."""

    path: Path

    @property
    def name(self) -> str:
        """``broken-image-not-found``."""
        return f"{self.path.parent.name}-{self.path.stem}"

    @cached_property
    def said(self) -> dict[str, Any]:
        """The first document, ``${namespace}`` not yet filled in."""
        return dict(next(yaml.safe_load_all(self.path.read_text(encoding="utf-8"))))

    def header(self, namespace: str) -> dict[str, Any]:
        """The first document for the namespace that the case was made in."""
        return dict(yaml.safe_load(Template(yaml.safe_dump(self.said)).safe_substitute(namespace=namespace)))

    def make(self, cluster: Cluster, namespace: str) -> None:
        """Go through the steps: objects are applied, ``wait`` and ``delete`` do what they say."""
        for step in cluster.objects(self.path.read_text(encoding="utf-8"), namespace)[1:]:
            if "wait" in step:
                cluster.wait(namespace=namespace, **step["wait"])
            elif "delete" in step:
                self._delete(cluster, namespace, **step["delete"])
            else:
                cluster.apply(step, namespace)

    @staticmethod
    def _delete(cluster: Cluster, namespace: str, *, kind: str, name: str, protected: bool = False) -> None:
        cluster.delete(kind, name, namespace)
        if protected:
            cluster.release(kind, name, namespace)


def cases(folder: str) -> list[Case]:
    """All cases of ``broken`` or ``odd``."""
    return [Case(path) for path in sorted((HERE / folder).glob("*.yaml"))]


def trimmed(obj: Object) -> Object:
    """An object without what only the API server's bookkeeping needs."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in {"managedFields", "selfLink"}}
    return {**obj, "metadata": meta}


def everything(cluster: Cluster, namespace: str, kinds: Iterable[str]) -> list[Object]:
    """All objects of these kinds in a namespace, as ``kubectl get -o yaml`` shows them."""
    return [trimmed(one) for kind in kinds for one in cluster.every(kind, namespace)]
