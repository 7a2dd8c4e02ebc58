"""Certificates and keys that references of a target file hold, as the files that clients read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gonogo.catalog.registry import Component
from gonogo.catalog.target import PATH_KEYS
from gonogo.core import ours
from gonogo.core.endpoints import Endpoints

PEM = "-----BEGIN"


def held(endpoints: Endpoints, component: Component, target: str, private: Callable[[], Path]) -> Endpoints:
    """The endpoints with a path in place of each certificate and key; ``private`` is where only its owner can enter."""

    def kept(key: str, text: Any) -> Any:
        if PEM not in str(text):
            return text  # it is a path already
        path = private() / f"{target}-{component.name}.{key}"
        ours.write(path, f"{str(text).rstrip()}\n".encode())  # for its owner alone, as libpq wants a key to be
        return str(path)

    paths = PATH_KEYS - {*component.endpoints.secret}
    addresses = {key: kept(key, value) if key in paths else value for key, value in endpoints.addresses.items()}
    secrets = dict(endpoints.secrets)
    for key in paths & secrets.keys():
        outer, _, inner = key.partition(".")
        path = kept(key, secrets.pop(key).reveal())
        addresses[outer] = {**addresses.get(outer, {}), inner: path} if inner else path
    return replace(endpoints, addresses=addresses, secrets=secrets)
