"""``gonogo new component``: the files of a component, with what only its author knows left open."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from gonogo.catalog.registry import SHARED, Registry
from gonogo.core.atomic import write_atomically
from gonogo.core.content import CRITERIA, Content, find
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Code
from gonogo.core.outlet import news, say

FILES = {
    "component.toml": "deploy/{name}/component.toml",
    "embedded.toml": "deploy/{name}/embedded.toml",
    "server.conf": "deploy/{name}/{name}.conf",
    "client.py": "fixtures/{name}.py",
    "suite.py": "suites/{name}/test_{name}.py",
    "drills.toml": "suites/{name}/drills.toml",
    "criteria.toml": CRITERIA,
}
"""Template beside this module to the file that it becomes; ``deploy/README.md`` has the same, filled in."""

OF_SERVERS = ("embedded.toml", "server.conf", "drills.toml")
"""What a component without a server of its own on this machine does not have."""

TAKEN = ("component", "endpoints", "inside", "disturb", "targets", "request")
"""Names that a fixture of gonogo or of pytest has, or a folder of ``deploy/``."""

NEXT = {
    "component.toml": "its endpoint keys, and in [claims] the lines of the plan",
    "embedded.toml": "the package that holds its server, and how that is started",
    "client.py": "the client: `_ask` raises until it asks the server",
    "criteria.toml": "the lines of the plan",
}

THEN = """then `gonogo lint` says what is missing, `gonogo check suites/{name}` asks it{red};
{readme} goes through these files for one product"""


def run(name: str, title: str, servers: bool) -> Code:
    """Write the files of component ``name`` into one's own folder, at or above the working one; prints their paths.

    Without ``servers`` those that start its server on this machine are left out. Nothing is written where something
    of that name is there already. Raises ``ConfigError``.
    """
    content = find(Path.cwd())
    root = content.own
    chosen = {t: f.format(name=name) for t, f in FILES.items() if servers or t not in OF_SERVERS}
    registry = Registry.load(content)
    if problems := _invalid(name) or _there(content, registry, name):
        raise ConfigError(*problems)
    words = {"name": name, "title": title or name.replace("_", " ").title(), "upper": name.upper()}
    words["class_name"] = name.replace("_", " ").title().replace(" ", "")
    for template, path in chosen.items():
        text = Template(files(__package__).joinpath("component", f"{template}.tmpl").read_text()).substitute(words)
        if template == "component.toml":
            text = _claimed(text, registry)
        before = (root / path).read_text(encoding="utf-8") if path == CRITERIA and (root / path).exists() else ""
        write_atomically(root / path, (before + text).encode())
        say(path)
    news("next:", *(f"  {chosen[t]}: {what}" for t, what in NEXT.items() if t in chosen))
    readme = content.file("deploy/README.md")
    readme = readme.relative_to(root) if readme.is_relative_to(root) else readme
    news(THEN.format(name=name, readme=readme, red=f", `gonogo drill {name}` turns it red" if servers else ""))
    return Code.GO


def _invalid(name: str) -> list[Problem]:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        return [Problem(name, "is no name of a component", "lower-case letters, digits and '_', a letter first")]
    if keyword.iskeyword(name) or name in TAKEN:
        return [Problem(name, "cannot be the name of a component: its fixture would have it, and it is taken")]
    return []


def _claimed(text: str, registry: Registry) -> str:
    """The text with those claims alone that ``reports/criteria.toml`` has for many components."""
    head, title, rest = text.partition("[claims]")
    claims, gap, tail = rest.partition("\n\n")
    kept = [line for line in claims.splitlines() if f"{SHARED}{line.partition(' ')[0]}" in registry.shared]
    return "\n".join([head + title + claims.splitlines()[0], *kept]) + gap + tail if kept else head + tail


def _there(content: Content, registry: Registry, name: str) -> list[Problem]:
    parts = (f"deploy/{name}", f"fixtures/{name}.py", f"suites/{name}")
    there = [part for part in parts if any(content.all(part)) or (content.own / part).exists()]
    there += [f"{CRITERIA}: {id}" for id in registry.criteria if id.startswith(f"{name}.")]
    return [Problem(one, "is there already", "choose another name") for one in there]
