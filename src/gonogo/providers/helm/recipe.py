"""One component's ``helm.toml``, rendered: what is given to helm and to the cluster. Reads files, nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import ChainableUndefined, Environment, StrictUndefined, TemplateError

from gonogo.catalog.target import OtherChart
from gonogo.cluster.documents import documents
from gonogo.cluster.judge.shapes import Object
from gonogo.core.content import Folder
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outlet import learn
from gonogo.providers.helm.applied import ENFORCE, Demands
from gonogo.providers.helm.objects import RUN, TARGET, objects
from gonogo.providers.helm.spec import FILE, OCI, VALUES, HelmNode, HelmSpec, Manifest, Release
from gonogo.providers.made import FILTERS, new

SUPPOSED = "1"
"""A host, a port, a name: whatever is asked for."""


@dataclass(frozen=True)
class HelmPlace:
    """Where and with what a component is rendered. ``needs`` are the endpoints of what it needs.

    ``deploy`` names the pull secret alone; ``pulled`` is the namespace that it is copied from, empty where it is not.
    """

    target: str
    profile: str
    deploy: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, Endpoints] = field(default_factory=dict)
    generated: Mapping[str, str] = field(default_factory=dict)
    pulled: str = ""


class _Supposed(ChainableUndefined):
    """What is not known yet, and is supposed to be."""

    def __str__(self) -> str:
        return SUPPOSED


class HelmRecipe:
    """The texts of one component's files, for one place. Raises ``ConfigError`` for a template that cannot be rendered.

    What a release is given holds no secret: only ``secrets`` know those of ``generated`` and of ``needs``.
    """

    def __init__(
        self,
        spec: HelmSpec,
        component: str,
        folder: Folder,
        place: HelmPlace,
        *,
        top: Path | None = None,
        supposing: bool = False,
    ) -> None:
        """``folder`` holds the files that ``spec`` names, ``top`` are values that go on top of all others.

        Without ``needs`` in the place, what is to be known of them is empty, or ``SUPPOSED`` where that is wanted.
        """
        self.spec, self.component, self.folder, self.place, self._top = spec, component, folder, place, top
        self._supposing = supposing
        self._layers: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        self._jinja.filters.update(FILTERS)
        self._open = {
            "namespace": self.namespace,
            "deploy": place.deploy,
            "needs": self._needs({name: {**ends.addresses, **ends.internal} for name, ends in place.needs.items()}),
            "target": place.target,
            "profile": place.profile,
        }

    def generated(self, values: Mapping[str, str]) -> HelmRecipe:
        """The same with these generated values."""
        place = replace(self.place, generated=values)
        return HelmRecipe(self.spec, self.component, self.folder, place, top=self._top)

    def supposed(self) -> HelmRecipe:
        """The same with another text in place of each that is not known yet: what differs then is nobody's mistake."""
        return HelmRecipe(self.spec, self.component, self.folder, self.place, top=self._top, supposing=True)

    @property
    def namespace(self) -> str:
        """Where the component lives."""
        return str((self.place.deploy.get("namespaces") or {}).get(self.component, "")) or self.spec.namespace

    def space_of(self, one: Release | Manifest) -> str:
        """Where a release or a manifest belongs."""
        return one.namespace or self.namespace

    def spaces(self) -> list[str]:
        """Every namespace that it needs, its own first."""
        every = [*map(self.space_of, self.spec.releases), *map(self.space_of, self.spec.manifests)]
        return list(dict.fromkeys([self.namespace, *every]))

    def values(self, release: Release) -> dict[str, Any]:
        """What the release is given: its file, and that of the profile on top of it."""
        found: dict[str, Any] = {}
        for _, given in self.layers(release):
            found = merged(found, given)
        return found

    def layers(self, release: Release) -> list[tuple[str, dict[str, Any]]]:
        """The files that the values of a release come from, and what each holds; the last is on top."""
        if release.name not in self._layers:
            self._layers[release.name] = list(self._read(release))
        return self._layers[release.name]

    def _read(self, release: Release) -> Iterator[tuple[str, dict[str, Any]]]:
        stem, dot, end = release.values.rpartition(".")
        if release.values != VALUES:
            self._named(release.values)
        for path in (self.folder / release.values, self.folder / f"{stem}-{self.place.profile}{dot}{end}", self._top):
            if path is None or not path.is_file() or (path is self._top and release != self.spec.main):
                continue
            text = self._text(path.name, path.read_text(encoding="utf-8"), release=release.name)
            given = next(documents(str(path), text.encode()), None)
            if given is not None and not isinstance(given, dict):
                raise ConfigError(Problem(str(path), "holds no keys and values"))
            yield str(path), given or {}

    def manifest(self, manifest: Manifest) -> list[Object]:
        """Its objects, each with its namespace."""
        path = self._named(manifest.file)
        text = self._text(manifest.file, path.read_text(encoding="utf-8"))
        return objects(str(path), text)

    def secrets(self) -> dict[str, dict[str, str]]:
        """Name to the values of each Secret, which alone may hold what is secret of the component and of its needs."""
        needs = {
            name: {**ends.addresses, **ends.internal, **{key: one.reveal() for key, one in ends.secrets.items()}}
            for name, ends in self.place.needs.items()
        }
        given = {"generated": self.place.generated, "needs": self._needs(needs)}
        found = {
            name: {key: self._text(f"secrets.{name}.{key}", text, **given) for key, text in keys.items()}
            for name, keys in self.spec.secrets.items()
        }
        shown = {str(value) for ends in self.place.needs.values() for value in ends.addresses.values()}
        shown.add(str(self.place.deploy.get("ca", "")))  # an authority, which everybody may read
        learn(*(value for keys in found.values() for value in keys.values() if len(value) > 7 and value not in shown))
        return found

    def nodes(self) -> list[HelmNode]:
        """The nodes that may be broken, their pods as they are called here. Raises ``ConfigError``."""
        return [
            msgspec.structs.replace(
                one,
                **{
                    key: self._text(f"nodes.{one.name}", text)
                    for key in ("pod", "labels")
                    if (text := getattr(one, key))
                },
            )
            for one in self.spec.nodes
        ]

    def given(self, *, shared: bool = False) -> Demands:
        """What is asked of everything that is deployed; a ``shared`` operator talks to the API server alone."""
        holds = frozenset(name for name, keys in self.spec.secrets.items() if "deploy.ca" in "".join(keys.values()))
        without = {*self.spec.without, *(("proxy", "ca") if shared else ())}
        return Demands(self.place.deploy, holds if self.place.deploy.get("ca") else frozenset(), frozenset(without))

    def space_labels(self, run: str) -> dict[str, str]:
        """The labels of a namespace that is made for it."""
        return space_labels(run, self.place.target, str(self.place.deploy.get("pod_security", "")))

    def endpoints(self) -> dict[str, Any]:
        """Where it is, as a target file writes it."""
        found = self._filled("endpoints", self.spec.endpoints)
        assert isinstance(found, dict)
        return found

    def _named(self, name: str) -> Path:
        """A file that ``helm.toml`` names. Raises ``ConfigError`` where it is not there."""
        path = Path(str(self.folder / name))
        if not path.is_file():
            raise ConfigError(Problem(str(self.folder / FILE), f"names {name}, and there is no such file"))
        return path

    def _needs(self, known: dict[str, Any]) -> Any:
        """What is known of what it needs; before that is up everything of it is empty, and no mistake."""
        return known or (_Supposed if self._supposing else ChainableUndefined)(name="needs")

    def _filled(self, where: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(where, value)
        if isinstance(value, dict):
            return {key: self._filled(f"{where}.{key}", one) for key, one in value.items()}
        return [self._filled(where, one) for one in value] if isinstance(value, list) else value

    def _text(self, where: str, text: str, **more: Any) -> str:
        try:
            return self._jinja.from_string(text).render(**{**self._open, **more})
        except TemplateError as error:
            line = f" (line {error.lineno})" if getattr(error, "lineno", None) else ""  # type: ignore[attr-defined]
            raise ConfigError(Problem(str(self.folder / FILE), f"{where}{line}: {error}")) from error


def space_labels(run: str, target: str, pod_security: str) -> dict[str, str]:
    """The labels of a namespace that a run makes for a target."""
    return {RUN: run, TARGET: target, **({ENFORCE: pod_security} if pod_security else {})}


def generate(spec: HelmSpec, known: Mapping[str, str]) -> dict[str, str]:
    """The values of ``[generated]``: those that are known, and new ones for the rest."""
    found = {**new(spec.generated), **{name: value for name, value in known.items() if name in spec.generated}}
    learn(*(found[name] for name, kind in spec.generated.items() if kind == "password"))
    return found


def exchanged(spec: HelmSpec, other: OtherChart, beside: Path) -> HelmSpec:
    """With what a target file names in place of the chart of its main release."""
    given = {key: value for key in ("chart", "repository", "version", "digest") if (value := getattr(other, key))}
    main = spec.main
    if not given or main is None:
        return spec
    if other.chart and not other.repository and not other.chart.startswith(OCI):
        given = {"version": "", **given, "chart": str(beside / other.chart), "repository": ""}
    if other.chart and "digest" not in given:
        given["digest"] = ""  # that of another chart
    new = msgspec.structs.replace(main, **given)
    return msgspec.structs.replace(spec, releases=tuple(new if one is main else one for one in spec.releases))


def merged(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Values as helm merges files of them: tables key by key, everything else replaced."""
    found = dict(base)
    for key, value in top.items():
        inner = found.get(key)
        found[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def digest(values: Mapping[str, Any], chart: str) -> str:
    """Of the values given and the chart they are given to; fits a label."""
    text = json.dumps([values, chart], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]
