"""Custom resources whose newest state nobody has told: whether they have one, and what their operator lacks."""

from __future__ import annotations

from typing import Any

from gonogo.cluster.api import KINDS, Api, Kind, items
from gonogo.cluster.judge import Judgement, World
from gonogo.cluster.judge.custom import absent_operator
from gonogo.cluster.judge.doom import doom, kubectl
from gonogo.cluster.judge.shapes import Object, known_as, shaped
from gonogo.core.errors import ClientError
from gonogo.core.waiting import Deadline
from gonogo.providers.helm.contents import HELM
from gonogo.providers.helm.objects import Objects
from gonogo.providers.helm.ownership import INSTANCE
from gonogo.providers.helm.recipe import HelmRecipe

AGAIN = 5.0
"""Seconds until the operators are looked at again."""


class Silence:
    """What is known of silent custom resources of one component. The cluster is asked for it when one is silent."""

    def __init__(self, api: Api, objects: Objects, recipe: HelmRecipe) -> None:
        self._api, self._objects, self._recipe = api, objects, recipe
        self._stateful: dict[Kind, bool] = {}
        self._seen: tuple[list[Object], list[str]] = [], []
        self._fresh = Deadline(0)

    def stateful(self, kind: Kind) -> bool:
        """Whether objects of this kind may have a status, by their definition; where that cannot be seen they may."""
        if kind not in self._stateful:
            self._stateful[kind] = self._declares(kind)
        return self._stateful[kind]

    def _declares(self, kind: Kind) -> bool:
        try:
            definition = self._objects.find(KINDS["CustomResourceDefinition"], "", f"{kind.plural}.{kind.group}") or {}
        except ClientError:
            return True
        for version in (definition.get("spec") or {}).get("versions") or ():
            if version.get("name") == kind.version:
                schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
                declared = "status" in (version.get("subresources") or {}) or "status" in (
                    schema.get("properties") or {}
                )
                return declared or not schema or bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        return True

    def why(self, world: World, kind: Kind, obj: Object) -> Judgement | None:
        """The verdict on one, with its operator wherever in the cluster that is; None where that one may be at work."""
        if self._fresh.passed:
            self._seen, self._fresh = self._workloads(), Deadline(AGAIN)
        workloads, complete = self._seen
        known = World.of(shaped_objects=workloads, now=world.now, complete=complete, rules=world.rules)
        found = absent_operator(known, obj, self._operators(kind, known))
        if found is not None or obj.get("status"):
            return found
        called = known_as(kind.api_version, kind.kind)
        message = f"no status was ever written, and nothing tells which operator looks after {called}"
        return doom("OperatorSilent", message, waited=world.age(obj), command=kubectl(obj))

    def _workloads(self) -> tuple[list[Object], list[str]]:
        """All Deployments and StatefulSets; where not all may be listed, those of the namespaces that we deploy to."""
        found: list[Object] = []
        complete = []
        for kind in (KINDS["Deployment"], KINDS["StatefulSet"]):
            for space in (None, *self._recipe.spaces()):
                try:
                    listed = list(items(self._api, kind, dict[str, Any], space))
                except ClientError:
                    continue
                found += [shaped({**one, "apiVersion": kind.api_version, "kind": kind.kind}) for one in listed]
                if space is None:
                    complete.append(kind.kind)
                    break
        return found, complete

    def _operators(self, kind: Kind, known: World) -> tuple[str, ...]:
        """The workloads of the releases that are there to serve such a kind."""
        served = f"{kind.plural}.{kind.group}/"
        releases = {
            (self._recipe.space_of(one), one.name)
            for one in self._recipe.spec.releases
            if one.shared and any(each.startswith(served) for each in one.serves)
        }
        names = []
        for one in (*known.of_kind("Deployment"), *known.of_kind("StatefulSet")):
            meta = one["metadata"]
            labels, said = meta.get("labels") or {}, meta.get("annotations") or {}
            space = meta.get("namespace", "")
            if releases & {(space, said.get(HELM[0], "")), (space, labels.get(INSTANCE, ""))}:
                names.append(meta["name"])
        return tuple(names)
