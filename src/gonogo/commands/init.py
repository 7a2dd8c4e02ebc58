"""``gonogo init``: a repository of one's own, with a target drafted from the cluster where one answers."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path

from gonogo import __version__
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Kubernetes
from gonogo.commands.draft import Drafted, plain
from gonogo.core.atomic import write_atomically
from gonogo.core.content import find
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import ClientError, ConfigError, Problem
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say, tell

FILES = {
    "gonogo.toml": "gonogo.toml",
    "target.toml": "deploy/targets/{name}.toml",
    "criteria.toml": "reports/criteria.toml",
    "waivers.toml": "reports/waivers.toml",
    "workflow.yml": ".github/workflows/gonogo.yml",
    "gitignore": ".gitignore",
    "README.md": "README.md",
}
"""Template beside this module to the file that it becomes."""

TARGET = "target.toml"

UNNAMED = "staging"
"""The target's name where no cluster says another."""

PATIENCE = Timeouts(connect=3, check=5)
"""Seconds until a cluster counts as not there."""


def run(folder: Path, context: str, name: str) -> Code:
    """Write the files that are not there, and print their paths; what is there is left and named.

    ``context`` is one of the kubeconfig, by default the current one; ``name`` is the target's, by default the
    context's. Raises ``ConfigError`` before anything is written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(Problem(str(folder), "is no folder"))
    if name and (name != plain(name) or name == "embedded"):
        words = "lower-case letters, digits and '-'; embedded is built in"
        raise ConfigError(Problem("--target-name", f"{name!r} can be no name of a target here", words))
    current = _current(context)
    name = name or (plain(current) if current else UNNAMED)
    chosen = {template: folder / path.format(name=name) for template, path in FILES.items()}
    texts = {template: _text(template, name) for template in FILES}
    there = [path for path in chosen.values() if os.path.lexists(path)]
    for template, path in chosen.items():
        if template != TARGET and path not in there:
            write_atomically(path, texts[template].encode())
            say(str(path))
    if chosen[TARGET] not in there:
        draft = _drafted(folder, current, name) if current else None
        write_atomically(chosen[TARGET], (draft.text if draft else texts[TARGET]).encode())
        say(str(chosen[TARGET]))
    tell(*(f"left as it is: {path}" for path in there), *_next(folder, name))
    return Code.GO


def _text(template: str, name: str) -> str:
    text = files(__package__).joinpath("repository", f"{template}.tmpl").read_text(encoding="utf-8")
    return text.replace("@name@", name).replace("@version@", __version__)


def _current(context: str) -> str:
    """The context to draft from; empty where there is none. Raises ``ConfigError`` for one that is no context."""
    from gonogo.cluster.kubeconfig import chosen

    try:
        return chosen(Kubernetes(context=context)).context
    except ConfigError as error:
        if context:
            raise
        tell(f"no cluster to draft a target from: {error}")
        return ""


def _drafted(folder: Path, context: str, name: str) -> Drafted | None:
    """The target as the cluster tells it; None, and why on standard error, where it does not answer."""
    from gonogo.commands.endpoints import of_cluster, summary

    tell(f"asking the cluster of context {context} what is there")
    try:
        registry = Registry.load(find(folder.absolute()))
        draft, _ = of_cluster(registry, registry.components.values(), Kubernetes(context=context), PATIENCE, name)
    except (ClientError, ConfigError) as error:
        tell(f"the cluster did not say what is there: {error}")
        tell(f"later: gonogo endpoints --discover > deploy/targets/{name}.toml")
        return None
    tell(*summary(draft))
    return draft


def _next(folder: Path, name: str) -> list[str]:
    """The commands of the README, as they are typed from here."""
    block = re.search(r"^```sh\n(.*?)^```", _text("README.md", name), re.MULTILINE | re.DOTALL)
    assert block is not None
    here = folder.absolute() == Path.cwd()
    return ["next:", *([] if here else [f"  cd {folder}"]), *(f"  {line}" for line in block[1].splitlines())]
