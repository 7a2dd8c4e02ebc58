"""Writes the target file that attaches to what is up, from another checkout or machine user's shell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes, Target
from gonogo.checks.clients import opened
from gonogo.core import ours
from gonogo.core.content import Content
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.harmless import as_json
from gonogo.core.outcomes import Mode
from gonogo.providers import Installs, close
from gonogo.providers.choose import provider_for
from gonogo.run.diagnosis import diagnosed, fallen
from gonogo.run.standing import Fallen


def target_file(registry: Registry, target: Target, names: Iterable[str]) -> str:
    """A target file (docs/targets.md), provider ``existing``, for the components that are up.

    Secrets are written to files that only their owner can read, and referred to. Raises
    ``ConfigError`` where nothing is up, ``Fallen`` where a component does not tell its identity.
    """
    provider = provider_for(target, registry.root)
    found = {n: provider.attached(registry.components[n]) for n in registry.ordered(names)}
    up = {n: target.completed(registry.components[n], e) for n, e in found.items() if e is not None}
    if not up:
        raise ConfigError(Problem("endpoints", "nothing is up", "`gonogo up` deploys the platform"))
    modes = [m.value for m in target.modes if m is not Mode.DISRUPT]
    lines = [
        "[target]",
        f"name = {text(target.name + '-attached')}",
        'provider = "existing"',
        f"modes = {json.dumps(modes)}",
        f"profile = {text(target.profile)}",
    ]
    for name, endpoints in up.items():
        lines += [
            "",
            f"[components.{name}]",
            *([f"product = {text(endpoints.product)}"] if endpoints.product else []),
            *_keys(endpoints, provider.private()),
            *_identity(registry.content, endpoints),
        ]
    return "\n".join(lines) + "\n"


def of_releases(registry: Registry, target: Target, names: Iterable[str]) -> str:
    """The same for what stands on a cluster by charts: Services and Secrets by name, so that nothing is read.

    Raises ``ConfigError`` where nothing is up, ``ClientError``.
    """
    provider = provider_for(target, registry.root)
    assert isinstance(provider, Installs), target.provider
    try:
        found = {n: provider.table(registry.components[n]) for n in registry.ordered(names)}
    finally:
        close(provider)
    up = {name: table for name, table in found.items() if table is not None}
    if not up:
        raise ConfigError(Problem("endpoints", "nothing is up", "`gonogo up` deploys the platform"))
    settings = msgspec.structs.asdict(target.kubernetes) if target.kubernetes else {}
    default = msgspec.structs.asdict(Kubernetes())
    lines = [
        "[target]",
        f"name = {text(target.name + '-attached')}",
        'provider = "existing"',
        f"modes = {json.dumps([m.value for m in target.modes if m is not Mode.DISRUPT])}",
        f"capabilities = {json.dumps(sorted(target.capabilities))}",
        f"profile = {text(target.profile)}",
        *([f"unsupported = {toml(target.unsupported)}"] if target.unsupported else []),
        "",
        "[kubernetes]",
        *(f"{key} = {toml(value)}" for key, value in settings.items() if value != default[key]),
    ]
    for name, table in up.items():
        given = [f"{key} = {toml(value)}" for key, value in table.items() if key != "expect"]
        expect = [f"{key} = {toml(value)}" for key, value in table.get("expect", {}).items()]
        lines += ["", f"[components.{name}]", *given]
        lines += ["", f"[components.{name}.expect]", *expect] if expect else []
    return "\n".join(lines) + "\n"


def _keys(endpoints: Endpoints, folder: Path) -> list[str]:
    references = {
        key: {"file": str(_kept(folder / f"{endpoints.component}.{key}", secret.reveal()))}
        for key, secret in endpoints.secrets.items()
    }
    lines = []
    for key, value in endpoints.addresses.items():
        if isinstance(value, Mapping):
            inner = {k.removeprefix(f"{key}."): r for k, r in references.items() if k.startswith(f"{key}.")}
            value = {**value, **inner}
        lines.append(f"{key} = {toml(value)}")
    return lines + [f"{key} = {toml(reference)}" for key, reference in references.items() if "." not in key]


def _identity(content: Content, endpoints: Endpoints) -> list[str]:
    try:
        with opened(content, endpoints) as client:
            identity = client.identity()
    except Exception as error:
        raise Fallen(fallen(endpoints.component, diagnosed(error, endpoints.component))) from error
    return [f"identity = {text(identity)}"] if identity else []


def _kept(path: Path, secret: str) -> Path:
    if why := ours.unnameable(path.name):
        raise ConfigError(Problem(repr(path.name), f"cannot be the name of a file: it {why}"))
    ours.write(path, secret.encode())
    return path


def toml(value: Any) -> str:
    """A value as TOML: texts, numbers, flags, lists, and tables inline."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(value: str) -> str:
    """A basic string of TOML: as in JSON, but characters stand for themselves, and DEL does not (TOML 1.0)."""
    return as_json(json.dumps(value, ensure_ascii=False))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else text(name)
