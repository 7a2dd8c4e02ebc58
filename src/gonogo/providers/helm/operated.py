"""What an operator made for a custom resource of ours without naming it as the owner: it means nothing without that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gonogo.cluster.api import KINDS
from gonogo.cluster.judge.shapes import known_as
from gonogo.providers.helm.contents import Thing
from gonogo.providers.helm.objects import MANAGER

INSTALLERS = frozenset({MANAGER, "helm"})
"""Who makes our custom resources, and looks after none."""


class Operated(NamedTuple):
    """A custom resource: where it is, its API group, and who writes its status, as field managers name themselves."""

    namespace: str
    group: str
    operators: frozenset[str]


def is_custom(thing: Thing) -> bool:
    """Whether it is of a group that is not Kubernetes' own."""
    return "." in known_as(thing.kind.api_version, thing.kind.kind)


def operated(resources: Iterable[Thing]) -> list[Operated]:
    """Those that are custom resources of which an operator has told something."""
    found = []
    for one in filter(is_custom, resources):
        fields = one.meta.get("managedFields") or ()
        writers = {str(each.get("manager", "")) for each in fields if each.get("subresource") == "status"}
        if writers := writers - INSTALLERS:
            found.append(Operated(one.namespace, one.kind.group, frozenset(writers)))
    return found


def left_for(thing: Thing, resources: Iterable[Operated]) -> bool:
    """Whether an object is an operator's own, made beside one of these custom resources.

    Nobody but who writes that one's status has written it, and a label or annotation of it has a key in the domain of
    that one's API group. Claims, which hold data, and custom resources are told of one by one and never meant.
    """
    if thing.kind == KINDS["PersistentVolumeClaim"] or is_custom(thing):
        return False
    writers = {str(each.get("manager", "")) for each in thing.meta.get("managedFields") or ()}
    domains = {key.partition("/")[0] for key in (*thing.labels, *thing.annotations) if "/" in key}
    return bool(writers) and any(
        one.namespace == thing.namespace
        and writers <= one.operators
        and any("." in domain and f".{one.group}".endswith(f".{domain}") for domain in domains)
        for one in resources
    )
