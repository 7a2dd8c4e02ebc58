"""The results of a run, put together from what its parts know."""

from __future__ import annotations

import platform as interpreter
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from gonogo import __version__
from gonogo.core.errors import ClientError
from gonogo.core.outlet import redacted
from gonogo.core.times import stamp
from gonogo.providers import Installs, Observes
from gonogo.results.model import ComponentResult, Health, Results, RunInfo
from gonogo.run.machine import facts, revision
from gonogo.run.plan import RunPlan
from gonogo.run.platform import Platform
from gonogo.run.recording import Recorder
from gonogo.run.standing import Standing


@dataclass
class Account:
    """What a run can tell of itself. ``cluster`` is the identity of the cluster, once that is known."""

    plan: RunPlan
    platform: Platform
    recorder: Recorder
    argv: tuple[str, ...]
    cluster: str = ""
    started: str = field(default_factory=stamp)

    def so_far(self, standings: Mapping[str, Standing]) -> Results:
        """All that is known by now; ``standings`` are those of components that were reached."""
        names = self.platform.registry.ordered(self.plan.target.components)
        return Results(
            run=self._run,
            target=replace(self.plan.target, cluster=self.cluster),
            components=tuple(self.component(name, standings.get(name)) for name in names),
            criteria=self.plan.criteria,
            checks=self.recorder.results(),
            void=self.platform.registry.void,
        )

    def at_end(
        self,
        standings: Mapping[str, Standing],
        pods: Mapping[str, int],
        releases: Mapping[str, dict[str, str]],
        health: Health | None,
        *,
        interrupted: bool,
    ) -> Results:
        """All that is known in the end, not yet judged; what it is given was seen before anything was taken down."""
        known, timeline = self.so_far(standings), self.platform.timeline
        seconds, overhead = (round(one, 3) for one in timeline.cost())
        return replace(
            known,
            run=replace(known.run, finished=stamp(), seconds=seconds, interrupted=interrupted, overhead=overhead),
            components=tuple(
                replace(c, pods=pods.get(c.name), releases=releases.get(c.name, {})) for c in known.components
            ),
            health=health,
            spans=timeline.spans(),
        )

    @cached_property
    def _run(self) -> RunInfo:
        return RunInfo(
            id=self.platform.run,
            started=self.started,
            seconds=round(self.platform.timeline.now, 3),
            argv=self.argv,
            mode=self.plan.mode,
            gonogo=__version__,
            python=interpreter.python_version(),
            host=facts(),
            git=revision(self.platform.registry.root),
            deselected=self.plan.deselected,
            unread=self.plan.unread,
        )

    def component(self, name: str, standing: Standing | None) -> ComponentResult:
        """What is known of a component; without a standing, what the files say of it."""
        platform = self.platform
        component = platform.registry.components[name]
        blank = ComponentResult(
            name=name,
            provider=platform.target.provider,
            needs=component.needs,
            expect=platform.target.expected(component),
        )
        if standing is None:
            return blank
        endpoints = standing.endpoints
        shown: dict[str, str] = {k: redacted(str(v)) for k, v in endpoints.addresses.items()} if endpoints else {}
        if endpoints:
            shown |= dict.fromkeys(endpoints.secrets, "***")
        return replace(
            blank,
            version=standing.version,
            identity=standing.identity,
            transport=endpoints.transport if endpoints else "",
            endpoints=shown,
            answers=platform.first(name).outcome,
            answers_at_end=platform.last(name),
            cause=standing.cause,
            message=redacted(standing.message),
            ready_seconds=round(standing.ready_seconds, 3) if standing.ready_seconds is not None else None,
            cpu_seconds=round(standing.cpu_seconds, 2) if standing.cpu_seconds is not None else None,
        )


def pods(platform: Platform, standings: Mapping[str, Standing]) -> dict[str, int]:
    """How many pods stand behind each component, where that can be seen."""
    up, provider = any(standing.up for standing in standings.values()), platform.provider
    if platform.target.kubernetes is None or not up or not isinstance(provider, Observes):
        return {}
    try:
        return dict(Counter(server.component for server in provider.servers()))
    except ClientError:
        return {}


def releases(platform: Platform) -> dict[str, dict[str, str]]:
    """What helm installed for each component, as far as it is the target's: each release's chart and version."""
    installed: dict[str, dict[str, str]] = {}
    if isinstance(platform.provider, Installs):
        with suppress(ClientError):
            for release in platform.provider.releases():
                installed.setdefault(release.component, {})[release.node.removeprefix("release ")] = release.version
    return installed


def health(platform: Platform, standings: Mapping[str, Standing]) -> Health | None:
    """What a cluster that was asked shows of all its pods, as its client sums it up."""
    clusters = [n for n, standing in standings.items() if standing.up and platform.registry.components[n].cluster]
    for name in clusters:
        client: Any
        with suppress(ClientError), platform.client(name) as client:
            if (tally := getattr(client, "tally", None)) is not None:
                summed: Health = tally()
                return summed
    return None
