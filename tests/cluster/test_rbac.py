"""What ``gonogo rbac`` prints is enough, and nothing in it could be left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cluster.accounts import account
from cluster.attached import MANIFEST, attached, content, target
from cluster.live import Cluster
from kubeconfigs import kubeconfig as written

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, Target
from gonogo.cluster.judge.rules import tables
from gonogo.cluster.kubeconfig import chosen as access
from gonogo.commands.rbac import EXPLAINS, Grant, rights
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outcomes import Mode
from gonogo.core.waiting import until
from gonogo.run.platform import Platform

Apply = Callable[[str], list[dict[str, Any]]]

LEFT = {"watch"}
"""Where we may not watch we list again and again, which only costs more."""


OPERATED = {f"{table['plural']}.{kind.partition('.')[2]}" for kind, table in tables().items() if table.get("pods")}
"""Kinds that are listed where they own pods, as in no namespace of these tests (test_health.py has one)."""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The content of these tests."""
    return content(tmp_path)


@pytest.fixture
def web(cluster: Cluster, apply: Apply, namespace: str) -> str:
    """The web server's namespace, when it is ready."""
    apply(MANIFEST)
    cluster.wait("Deployment", "status.readyReplicas == `1`", name="web", namespace=namespace)
    return namespace


class Granted:
    """gonogo under an account that has exactly the rights it is given."""

    def __init__(self, cluster: Cluster, namespace: str, registry: Registry, kubeconfig: Path, root: Path) -> None:
        self._cluster, self._namespace, self._registry, self._root = cluster, namespace, registry, root
        found = access(Kubernetes(kubeconfig=str(kubeconfig)))
        self._server, self._settings = str(found.cluster["server"]), found.cluster
        self.identity = str((cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"])

    def target(self, user: Mapping[str, Any]) -> Target:
        """The target under that account."""
        place = {key: value for key, value in self._settings.items() if key != "server"}
        path = written(self._root / "config", server=self._server, user=user, cluster=place)
        return target(self._root, self._registry, self._namespace, path, identity=self.identity)

    def needed(self, mode: Mode) -> list[Grant]:
        """What ``gonogo rbac`` says."""
        return rights(self._registry, self.target({}), mode)

    def asked(self, granted: Iterable[Grant], mode: Mode) -> list[str]:
        """What was said by everything that was not green."""
        rules: dict[bool, list[dict[str, list[str]]]] = {True: [], False: []}
        for one in granted:
            rule = {"apiGroups": [one.group], "resources": [one.plural], "verbs": [one.verb]}
            rules[bool(one.namespace)].append(rule | ({"resourceNames": [one.name]} if one.name else {}))
        user = account(self._cluster, self._namespace, "gonogo", *rules[True], everywhere=rules[False])
        try:
            with attached(self._root, self._registry, self.target(user), mode) as platform:
                return [*told(platform)]
        except ConfigError as error:
            return [str(error)]


def told(platform: Platform) -> Iterable[str]:
    """The message of every component that does not answer, and of every question about the cluster that was refused."""
    standings = [platform.standing(name) for name in ("web", "health")]
    yield from (standing.message for standing in standings if not standing.up)
    if standings[1].up:
        health: Any
        with platform.client("health") as health:
            for ask in (health.tally, health.unbound, health.nodes):
                try:
                    ask()
                except ClientError as error:
                    yield str(error)


@pytest.fixture
def granted(cluster: Cluster, web: str, registry: Registry, kubeconfig: Path, tmp_path: Path) -> Granted:
    """gonogo with rights to choose."""
    return Granted(cluster, web, registry, kubeconfig, tmp_path)


@pytest.mark.parametrize("mode", [Mode.READ, Mode.WRITE])
def test_the_rights_are_enough_and_each_of_them_is_needed(granted: Granted, mode: Mode) -> None:
    every = granted.needed(mode)
    needed = [one for one in every if one.purpose != EXPLAINS and one.verb not in LEFT and one.resource not in OPERATED]

    # a new grant takes an instant
    said = until(
        lambda: granted.asked(every, mode), awaited="all is green", within=60, every=0.5, enough=lambda said: not said
    )
    assert said == []
    assert len(needed) > 10
    assert granted.asked((one for one in every if one.purpose != EXPLAINS), mode) == []
    for missing in needed:
        rest = [one for one in every if one is not missing]
        wanted = f"may not {missing.verb} {missing.resource}"

        until(
            lambda rest=rest: granted.asked(rest, mode),
            awaited=wanted,
            within=60,
            every=0.5,
            enough=lambda said, wanted=wanted: any(wanted in line for line in said),
        )
