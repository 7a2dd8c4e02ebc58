"""Objects of a cluster out of files: manifests, dumps, support bundles; what ``gonogo health -f`` judges.

JSON and YAML, one object or many, lists of ``kubectl get -o`` and of the API, the documents and logs of
``kubectl cluster-info dump``, folders and ``.tar.gz`` bundles of all these. The content of a Secret is never kept.
"""

from __future__ import annotations

import re
import sys
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gonogo.cluster.judge import plain
from gonogo.cluster.judge.shapes import MISSHAPEN, Object, Tag, joined, known_as, load, shaped
from gonogo.cluster.judge.world import World, key
from gonogo.codec import decoder
from gonogo.errors import ConfigError, Problem
from gonogo.files import unreadable

SUFFIXES = (".yaml", ".yml", ".json")
"""What is read of a folder or bundle."""

BUNDLES = (".tar.gz", ".tgz", ".tar")

STANDARD_INPUT = "-"

SLOW = 2_000_000
"""Bytes of YAML from which on reading is told to take a while: about 1 MB/s, JSON about 300."""

LARGEST = 10
"""Values that a byte of YAML may stand for through aliases; ten aliases of ten aliases of … fill any memory."""

LAST_LINES = 20
"""Of a container's log in a dump; the rest is not kept."""

_CLUSTER_WIDE = frozenset(
    {
        *("APIService", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CSINode", "CustomResourceDefinition"),
        *("IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass"),
        *("RuntimeClass", "StorageClass", "ValidatingWebhookConfiguration", "VolumeAttachment"),
    }
)
"""Kinds without namespaces, of which one list of the API holds all."""

_LOG = re.compile(
    rb"^==== START logs for container (\S+) of pod ([^/\s]+)/(\S+) ====\n(.*?)^==== END logs for [^\n]*\n?",
    re.MULTILINE | re.DOTALL,
)
"""How ``kubectl cluster-info dump`` puts logs between its documents."""

_TIME = re.compile(rb"""ime(?:stamp)?["']?:\s{0,4}["']?(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z""")
"""A time under a key that ends in time or timestamp, in JSON or YAML."""

_AHEAD = re.compile(rb"(?:deletion|next\w*|renewal|expir\w*)T?$")
"""What such keys begin with whose time may lie in the future."""

_ALIAS = re.compile(rb"(?:^|[\s\[{,])\*\w")

_BYTE = re.compile(r" ?\(byte (\d+)\)")


class Stored(NamedTuple):
    """What files held. ``now`` is the latest time found in them; None where there is none."""

    objects: Sequence[Object]
    sources: Mapping[int, str]
    complete: frozenset[str]
    logs: Mapping[tuple[str, str, str], str]
    now: datetime | None

    def world(self) -> World:
        """The world of these objects at the time of the dump; where it has none, at this moment."""
        when = self.now or datetime.now(UTC)
        return World(self.objects, now=when, complete=self.complete, logs=self.logs, sources=self.sources)


class _List(msgspec.Struct):
    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")
    items: list[msgspec.Raw] | None = None


class _Tags(msgspec.Struct):
    items: list[Tag]


_LIST, _TAGS = decoder(_List), decoder(_Tags)


def read(paths: Iterable[str], tell: Callable[[str], None] = lambda _: None) -> Stored:
    """Every object in these files, folders, bundles, and standard input (``-``).

    ``tell`` gets a sentence where reading will take long. Of an object met twice the later one counts.
    Raises ``ConfigError`` with all files that cannot be read or are neither JSON nor YAML, each with its line,
    and with what was named and holds no object of Kubernetes.
    """
    shelf = _Shelf(tell)
    for path in paths:
        shelf.put(path)
    if shelf.problems:
        raise ConfigError(*shelf.problems)
    return shelf.stored()


class _Shelf:
    """What has been read so far."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.problems: list[Problem] = []
        self._tell = tell
        self._known: dict[tuple[str, str, str], Object] = {}
        self._misshapen: list[Object] = []
        self._sources: dict[int, str] = {}
        self._complete: set[str] = set()
        self._logs: dict[tuple[str, str, str], str] = {}
        self._latest = b""
        self._alike: dict[plain.Key, Mapping[str, Any]] = {}
        self._holding = 0  # files that hold objects, or an empty list of them

    def stored(self) -> Stored:
        """All of it."""
        objects = [*self._known.values(), *self._misshapen]
        now = datetime.fromisoformat(self._latest.decode() + "Z") if self._latest else None
        return Stored(objects, self._sources, frozenset(self._complete), self._logs, now)

    def put(self, name: str) -> None:
        """Read one argument of the command line; what is wrong with it goes to ``problems``."""
        wrong, before = len(self.problems), self._holding
        try:
            what = self._put(name)
        except tarfile.TarError as error:
            self.problems.append(Problem(name, f"is no readable archive: {error}"))
        except OSError as error:
            self.problems.append(unreadable(Path(error.filename or name), error))
        else:
            if self._holding == before and len(self.problems) == wrong:
                self.problems.append(Problem(name, what))

    def _put(self, name: str) -> str:
        """Read it, and what to say where it holds nothing of ours."""
        nothing = "no object of Kubernetes (apiVersion, kind, metadata)"
        path = Path(name).expanduser()
        if name == STANDARD_INPUT:
            self._read("standard input", sys.stdin.buffer.read())
        elif path.is_dir():
            for found in sorted(path.rglob("*")):
                parts = found.relative_to(path).parts
                if _wanted(found.name) and found.is_file() and not any(part.startswith(".") for part in parts):
                    self._read(str(found), found.read_bytes())
            return f"no file in this folder holds an object of Kubernetes ({', '.join(SUFFIXES)} are read)"
        elif name.endswith(BUNDLES):
            with tarfile.open(path) as bundle:
                for member in bundle:
                    if _wanted(member.name) and (opened := bundle.extractfile(member)) is not None:
                        self._read(f"{name}:{member.name}", opened.read())
            return "no file in this archive holds an object of Kubernetes"
        else:
            data = path.read_bytes()
            self._read(name, data)
            return f"holds {nothing}" if data and not data.isspace() else "is empty"
        return f"holds {nothing}"

    def _read(self, source: str, data: bytes) -> None:
        before = self._holding
        try:
            data = _utf8(data)
        except UnicodeDecodeError as error:
            self.problems.append(Problem(f"{source}:{_line(data, error.start)}", "is not UTF-8"))
            return
        if b"==== START logs for container " in data:
            data = _LOG.sub(self._log, data)
        if source.endswith(_LOG_FILE) or not data or data.isspace():
            return
        if data.lstrip()[:1] in (b"{", b"["):
            self._json(source, data, or_yaml=source.endswith((".yaml", ".yml")))
        else:
            self._yaml(source, data)
        if self._holding > before:
            self._holding = before + 1
            self._latest = max(self._latest, _latest(data))

    def _log(self, found: re.Match[bytes]) -> bytes:
        container, namespace, pod, text = (part.decode("utf-8", "replace") for part in found.groups())
        self._logs[namespace, pod, container] = "\n".join(text.splitlines()[-LAST_LINES:])
        return b""

    # -- JSON

    def _json(self, source: str, data: bytes, *, or_yaml: bool) -> None:
        try:
            self._json_document(source, data)
            return
        except _NO_JSON as error:
            problem = _no_json(source, data, 0, error)
        documents = _documents(data)
        if len(documents) > 1:
            for number, (start, document) in enumerate(documents, 1):
                try:
                    self._json_document(_numbered(source, number), document)
                except _NO_JSON as error:
                    self.problems.append(_no_json(source, data, start, error))
        elif or_yaml:
            self._yaml(source, data)  # it is YAML in braces
        else:
            self.problems.append(problem)

    def _json_document(self, source: str, data: bytes) -> None:
        if data.lstrip()[:1] == b"[":
            self._plain(source, msgspec.json.decode(data))
            return
        try:
            listed = _LIST.decode(data)
        except msgspec.ValidationError:
            listed = _List()  # fields of other types: the object's own shape tells which
        if not listed.kind.endswith("List") or (listed.items is None and not _is_list(msgspec.json.decode(data))):
            self._plain(source, msgspec.json.decode(data))
            return
        self._holding += 1
        kind = listed.kind.removesuffix("List")
        if not kind:
            self._items(source, data, listed.items or ())
            return
        # The API's own lists leave it to the list what their items are, and hold all there are.
        found = plain.page(listed.api_version, kind, data, self._alike)
        for obj in found.items:
            self._keep(source, obj)
        if not found.more:
            self._complete |= _wholly(known_as(listed.api_version, kind), found.items)

    def _items(self, source: str, data: bytes, items: Sequence[msgspec.Raw]) -> None:
        """The items of a list that says nothing of their kinds, all of a kind at once."""
        try:
            tags = _TAGS.decode(data).items
        except msgspec.ValidationError:
            for raw in items:
                self._keep(source, load(raw))
            return
        kinds: dict[tuple[str, str], list[msgspec.Raw]] = {}
        for tag, raw in zip(tags, items, strict=True):
            kinds.setdefault((tag.api_version, tag.kind), []).append(raw)
        for (api_version, kind), raws in kinds.items():
            part = data if len(kinds) == 1 else joined(raws)
            for obj in plain.page(api_version, kind, part, self._alike).items:
                self._keep(source, obj)

    # -- YAML

    def _yaml(self, source: str, data: bytes) -> None:
        import yaml

        if len(data) > SLOW:
            self._tell(f"reading {source}: {len(data) / 1e6:.0f} MB of YAML; as JSON it would take a second")
        try:
            for number, document in enumerate(yaml.load_all(data, _loader()), 1):
                if _ALIAS.search(data) and _size(document, {}) > LARGEST * len(data):
                    self.problems.append(Problem(source, "its YAML aliases stand for more than a cluster could hold"))
                    return
                self._plain(_numbered(source, number), document)
        except yaml.YAMLError as error:
            self.problems.append(_no_yaml(source, data, error))
        except RecursionError:
            self.problems.append(Problem(source, "not YAML: nested too deeply"))

    # -- what either gives

    def _plain(self, source: str, data: Any) -> None:
        """A document as plain data: an object, a list of objects, or something else, which is left alone."""
        if isinstance(data, list):
            for item in data:
                self._plain(source, item)
        elif isinstance(data, Mapping) and _is_list(data):
            self._holding += 1
            items = data.get("items") or []
            kind, version = str(data["kind"]).removesuffix("List"), data.get("apiVersion")
            tags = {"apiVersion": version, "kind": kind} if kind else {}
            for item in items:
                self._keep(source, shaped({**tags, **item} if isinstance(item, Mapping) else item))
            if kind and isinstance(version, str) and not _continued(data):
                found = [obj for obj in map(shaped, items) if MISSHAPEN not in obj]
                self._complete |= _wholly(known_as(version, kind), found)
        elif isinstance(data, Mapping) and _is_object(data):
            self._holding += 1
            self._keep(source, shaped(data))

    def _keep(self, source: str, obj: Object) -> None:
        if obj.get("kind") == "Secret":
            meta = {name: value for name, value in obj["metadata"].items() if name != "annotations"}
            obj = {name: value for name, value in {**obj, "metadata": meta}.items() if name not in _SECRET}
        if MISSHAPEN not in obj and not (obj.get("apiVersion") and obj.get("metadata", {}).get("name")):
            obj = shaped(obj)  # says what is missing
        self._sources[id(obj)] = source
        if MISSHAPEN in obj:
            self._misshapen.append(obj)
        else:
            self._known[key(obj)] = obj


_SECRET = frozenset({"data", "stringData"})
"""What of a Secret is never kept; its annotations may repeat it (kubectl apply)."""

_LOG_FILE = "logs.txt"
"""What ``kubectl cluster-info dump --output-directory`` calls the logs of a pod."""


def _wanted(name: str) -> bool:
    return name.endswith((*SUFFIXES, _LOG_FILE))


def _numbered(source: str, number: int) -> str:
    return f"{source}#{number}" if number > 1 else source


def _is_list(data: Mapping[str, Any]) -> bool:
    """Whether it is a list of objects; the API's own lists have ``null`` for no items, and no name."""
    if not str(data.get("kind", "")).endswith("List"):
        return False
    items, meta = data.get("items"), data.get("metadata")
    return isinstance(items, list) or (items is None and not (isinstance(meta, Mapping) and "name" in meta))


def _is_object(data: Mapping[str, Any]) -> bool:
    """Whether it was meant as an object of a cluster: a kubeconfig and a kustomization are none."""
    named = sum(isinstance(data.get(name), str) for name in ("apiVersion", "kind"))
    return ("metadata" in data and named > 0) or (named == 2 and bool({"spec", "status"} & data.keys()))


def _continued(data: Mapping[str, Any]) -> bool:
    meta = data.get("metadata")
    return isinstance(meta, Mapping) and bool(meta.get("continue"))


def _wholly(kind: str, items: Iterable[Object]) -> set[str]:
    """What a list of the API says is known wholly: a kind, or a kind in each namespace that shows in it."""
    if kind in _CLUSTER_WIDE:
        return {kind}
    return {f"{kind}/{space}" for obj in items if (space := obj.get("metadata", {}).get("namespace"))}


def _utf8(data: bytes) -> bytes:
    """Without a byte order mark; PowerShell's ``>`` writes UTF-16. Raises ``UnicodeDecodeError``."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16").encode()
    return data.removeprefix(b"\xef\xbb\xbf")


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values it is with its aliases written out. Raises ``RecursionError`` where it holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in inner)
    return known[id(value)]


def _documents(data: bytes) -> list[tuple[int, bytes]]:
    """Where each of several JSON documents begins, and what it is: they begin at the first column."""
    starts = [found.start() for found in re.finditer(rb"^\{", data, re.MULTILINE)]
    return [(start, data[start:end]) for start, end in pairwise([*starts, len(data)])]


def _latest(data: bytes) -> bytes:
    """The latest time under a key that names one, no later than tomorrow; empty where there is none."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat().encode()
    latest = b""
    for found in _TIME.finditer(data):
        when = found[1]
        if latest < when < tomorrow and not _AHEAD.search(data, max(0, found.start() - 24), found.start()):
            latest = when
    return latest


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


_NO_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def _no_json(source: str, data: bytes, start: int, error: Exception) -> Problem:
    try:
        data.decode()
    except UnicodeDecodeError as odd:
        return Problem(f"{source}:{_line(data, odd.start)}", "is not UTF-8")
    place = _BYTE.search(str(error))
    if isinstance(error, RecursionError):
        return Problem(source, "not JSON: nested too deeply")
    what = _BYTE.sub("", str(error)).removeprefix("JSON is malformed: ")
    return Problem(
        f"{source}:{_line(data, start + int(place[1]) if place else len(data.rstrip()))}", f"not JSON: {what}"
    )


def _no_yaml(source: str, data: bytes, error: Any) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return Problem(f"{source}:{mark.line + 1}", f"not YAML: {error.problem or error.context}")
    place = getattr(error, "position", None)
    where = f"{source}:{_line(data, place)}" if isinstance(place, int) else source
    return Problem(where, f"not YAML: {getattr(error, 'reason', None) or error}")


@cache
def _loader() -> Any:
    """The C loader, which leaves times as they are written and knows no ``=`` value, as Kubernetes' own reader."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    odd = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in odd]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    return Loader
