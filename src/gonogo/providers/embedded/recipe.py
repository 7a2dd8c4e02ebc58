"""One component's ``embedded.toml``, rendered: exactly what its nodes are started from.

A recipe is a value. Stored with the platform, it is all that a later process needs to start a node again,
and two recipes that differ mean that what runs is not what should.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined, Template, TemplateError
from msgspec.structs import replace

from gonogo.catalog.registry import Component
from gonogo.core.content import Overlay
from gonogo.core.endpoints import Endpoints, Secret
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.outcomes import Struct
from gonogo.core.outlet import learn
from gonogo.providers.embedded.archives import Archive
from gonogo.providers.embedded.fetch import Fetched
from gonogo.providers.embedded.spec import FILE, Children, EmbeddedSpec, Node, Step
from gonogo.providers.embedded.tls import OFF, Tls
from gonogo.providers.made import FILTERS, new

UNPRIVILEGED = 65534
"""The account that owns nothing, ``nobody`` on Linux: where root starts a server that refuses root."""


class Program(Struct, frozen=True, kw_only=True):
    """A program to start: its arguments, its whole environment, its standard input.

    ``fed``: standard input are bytes in hexadecimal, and has no end.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: str = ""
    fed: bool = False


class NodeRecipe(Struct, frozen=True, kw_only=True):
    """One node. ``files`` maps paths in ``folder`` to contents; ``stop`` is a signal's number."""

    name: str
    folder: str
    ports: dict[str, int]
    after: tuple[str, ...]
    files: dict[str, str]
    prepare: tuple[Program, ...]
    command: Program
    stop: int
    grace: float

    @property
    def port(self) -> int:
        """The one its serving process listens on."""
        return next(iter(self.ports.values()))


class Recipe(Struct, frozen=True, kw_only=True):
    """One component. ``uid`` None: it runs as who started the platform. ``generated`` are its random values.

    ``tls`` is empty where it is off, else ``server`` or ``mutual``.
    """

    component: str
    version: str
    folder: str
    uid: int | None
    ready: float
    repair: Literal["node", "component"]
    generated: dict[str, str]
    nodes: tuple[NodeRecipe, ...]
    finish: tuple[Program, ...]
    children: tuple[Children, ...]
    addresses: dict[str, Any]
    secrets: dict[str, str]
    class_data: Archive | None = None
    tls: str = ""

    def endpoints(self) -> Endpoints:
        """Where the component is, for a client."""
        return Endpoints(
            component=self.component,
            addresses=self.addresses,
            secrets={key: Secret(value) for key, value in self.secrets.items()},
        )


@dataclass(frozen=True)
class Rendering:
    """Where and with what a component is rendered; ``ports`` maps node to port name to number."""

    run: str
    folder: Path
    ports: Mapping[str, Mapping[str, int]]
    generated: Mapping[str, str]
    needs: Mapping[str, Endpoints]
    tls: Tls = OFF


def generate(spec: EmbeddedSpec) -> dict[str, str]:
    """New random values for ``[generated]``."""
    made = new(spec.generated)
    learned(spec, made)
    return made


def learned(spec: EmbeddedSpec, generated: Mapping[str, str]) -> None:
    """Let no output show the passwords among the generated values, those of servers among themselves too."""
    learn(*(generated[name] for name, kind in spec.generated.items() if kind == "password" and name in generated))


def account(spec: EmbeddedSpec) -> int | None:
    """The account that its servers are given; None: that of whoever starts them."""
    return UNPRIVILEGED if spec.user == "unprivileged" and os.geteuid() == 0 else None


BESIDE = re.compile(r"\{\{ *deploy *\}\}/(?P<file>[\w./-]+)")
"""A file beside the component's own, in templates: where the folder lies in several layers, that of the first."""

TLS = re.compile(r"\btls\b")
"""The variable, in templates."""


def render(spec: EmbeddedSpec, component: Component, place: Rendering, fetched: Fetched) -> Recipe:
    """The recipe of the component.

    Raises ``ConfigError`` for a template that cannot be rendered, and for a component that does not know TLS where it
    is asked for.
    """
    return _Kitchen(spec, component, place, fetched).recipe()


class _Kitchen:
    def __init__(self, spec: EmbeddedSpec, component: Component, place: Rendering, fetched: Fetched) -> None:
        self._spec, self._component, self._place = spec, component, place
        self._jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        self._compiled: dict[str, Template] = {}
        self._jinja.filters.update(FILTERS)
        nodes = [self._node(index, node) for index, node in enumerate(spec.nodes, 1)]
        self._context: dict[str, Any] = {
            "nodes": nodes,
            "programs": {name: str(path) for name, path in fetched.programs.items()},
            "classpath": os.pathsep.join(map(str, fetched.classpath)),
            "class_data": "",
            "secrets": dict(place.generated),
            "needs": {name: _revealed(endpoints) for name, endpoints in place.needs.items()},
            "python": interpreter(),
            "python_bin": str(Path(sys.executable).parent),
            "deploy": str(component.folder),
            "run": place.run,
            "tls": place.tls,
        }
        self._told_of_tls = False
        self._archive = self._class_data(fetched.home)

    def recipe(self) -> Recipe:
        spec = self._spec
        addresses, hidden = self._endpoints()
        nodes = tuple(self._cooked(node, shown) for node, shown in zip(spec.nodes, self._context["nodes"], strict=True))
        first = self._context["nodes"][0]
        finish = tuple(step for one in spec.finish if (step := self._program(one, first, "finish")).argv)
        if self._place.tls and not self._told_of_tls:
            what = "nothing in it depends on `tls`: its servers would speak none on a target that has it everywhere"
            raise ConfigError(Problem(str(self._component.folder / FILE), what, "deploy/README.md says what it knows"))
        return Recipe(
            component=self._component.name,
            version=spec.version,
            folder=str(self._place.folder),
            uid=account(spec),
            ready=spec.ready,
            repair=spec.repair,
            generated=dict(self._place.generated),
            nodes=nodes,
            finish=finish,
            children=spec.children,
            addresses=addresses,
            secrets=hidden,
            class_data=self._archive,
            tls=str(self._place.tls),
        )

    def _class_data(self, home: Path) -> Archive | None:
        """The archive of classes, which templates know from now on."""
        if self._spec.class_data is None:
            return None
        argv = tuple(self._text(one, "class_data") for one in self._spec.class_data.argv)
        archive = Archive.of(self._component.name, self._spec.class_data.node, argv, home)
        self._context["class_data"] = archive.option
        return archive

    def _node(self, index: int, node: Node) -> dict[str, Any]:
        """The node as templates see it."""
        return {
            "name": node.name,
            "index": index,
            "ports": dict(self._place.ports[node.name]),
            "folder": str(self._place.folder / node.name),
            "vars": node.vars,
        }

    def _cooked(self, node: Node, shown: dict[str, Any]) -> NodeRecipe:
        command = self._spec.command_of(node)
        files = self._spec.files_of(node)
        told = self._text(self._template(command.stdin), command.stdin, node=shown) if command.stdin else ""
        program = self._program(Step(argv=command.argv, env=command.env), shown, "command")
        return NodeRecipe(
            name=node.name,
            folder=shown["folder"],
            ports=shown["ports"],
            after=node.after,
            files={path: self._text(self._template(name), name, node=shown) for path, name in files.items()},
            prepare=tuple(
                step for one in self._spec.prepare_of(node) if (step := self._program(one, shown, "prepare")).argv
            ),
            command=replace(program, stdin=told, fed=bool(told)),
            stop=signal.Signals[f"SIG{command.stop}"].value,
            grace=command.grace,
        )

    def _program(self, step: Step, node: dict[str, Any], where: str) -> Program:
        folder = node["folder"]
        base = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder}
        # A template of which nothing is left is neither argument nor variable: so some are there with TLS alone.
        argv = ((argument, self._text(argument, where, node=node)) for argument in step.argv)
        env = ((key, value, self._text(value, f"{where}.env.{key}", node=node)) for key, value in step.env.items())
        return Program(
            argv=tuple(text for template, text in argv if text or not template),
            env={**base, **{key: text for key, template, text in env if text or not template}},
            stdin=self._text(step.stdin, f"{where}.stdin", node=node),
        )

    def _endpoints(self) -> tuple[dict[str, Any], dict[str, str]]:
        addresses: dict[str, Any] = {}
        hidden: dict[str, str] = {}
        secret = self._component.endpoints.secret
        for key, value in self._spec.endpoints.items():
            where = f"endpoints.{key}"
            if isinstance(value, str):
                if (text := self._text(value, where)) or not value:
                    (hidden if key in secret else addresses)[key] = text
                continue
            given = {inner: (text, self._text(text, f"{where}.{inner}")) for inner, text in value.items()}
            table = {inner: text for inner, (template, text) in given.items() if text or not template}
            addresses[key] = {inner: text for inner, text in table.items() if f"{key}.{inner}" not in secret}
            hidden.update({f"{key}.{inner}": text for inner, text in table.items() if f"{key}.{inner}" in secret})
        return addresses, hidden

    def _template(self, name: str) -> str:
        path = self._component.folder / name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(Problem(str(self._component.folder / FILE), f"files: {path}: {error}")) from error

    def _text(self, template: str, where: str, **more: Any) -> str:
        if not any(mark in template for mark in ("{{", "{%", "{#")):
            return template
        if isinstance(folder := self._component.folder, Overlay):
            template = BESIDE.sub(lambda found: str(folder / found["file"]), template)
        self._told_of_tls |= TLS.search(template) is not None
        try:
            if template not in self._compiled:  # nodes are rendered from the same ones
                self._compiled[template] = self._jinja.from_string(template)
            return self._compiled[template].render(self._context, **more)
        except TemplateError as error:
            raise ConfigError(Problem(str(self._component.folder / FILE), f"{where}: {error}")) from error


def interpreter() -> str:
    """The Python of this environment, by a name that does not depend on which of its names it was called by."""
    named = Path(sys.prefix, "bin", "python3")
    return str(named) if named.exists() else sys.executable


def _revealed(endpoints: Endpoints) -> dict[str, Any]:
    keys = {*endpoints.addresses, *(key for key in endpoints.secrets if "." not in key)}
    return {key: endpoints.get(key) for key in keys}
