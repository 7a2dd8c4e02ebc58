"""Objects of a cluster out of files: manifests, dumps, support bundles; what ``gonogo health -f`` judges.

JSON and YAML, one object or many, lists of ``kubectl get -o`` and of the API, the documents and logs of
``kubectl cluster-info dump``, folders and ``.tar.gz`` bundles of all these. The content of a Secret is never kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from gonogo.cluster import bundles
from gonogo.cluster.clock import LatestTime, Timed
from gonogo.cluster.documents import documents
from gonogo.cluster.judge import plain
from gonogo.cluster.judge.rules import Rules
from gonogo.cluster.judge.shapes import BUILT_IN, MISSHAPEN, Object, joined, known_as, load, shaped
from gonogo.cluster.judge.world import Key, World, key, named
from gonogo.core.codec import decoder
from gonogo.core.errors import ConfigError, Problem

SUFFIXES = (".yaml", ".yml", ".json")
"""What is read of a folder or bundle."""

SLOW = 2_000_000
"""Bytes of YAML from which on reading is told to take a while: about 1 MB/s, JSON about 300."""

LARGEST_YAML = 128 << 20
"""Bytes of one file of YAML that are still read; as JSON it may be larger."""

TOLD = 20
"""Mistakes of one file, objects given twice, and links that are not followed, that are told; the rest is counted."""

LAST_LINES = 20
"""Of a container's log in a dump; the rest is not kept."""

LAST_BYTES = 20_000
"""Of them, where lines are long."""

_CLUSTER_WIDE = frozenset(
    {
        *("APIService", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CSINode", "CustomResourceDefinition"),
        *("IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass"),
        *("RuntimeClass", "StorageClass", "ValidatingWebhookConfiguration", "VolumeAttachment"),
    }
)
"""Kinds without namespaces, of which one list of the API holds all."""

_LOG = re.compile(
    rb"^==== START logs for container (\S{1,300}) of pod ([^/\s]{1,300})/(\S{1,300}) ====\n", re.MULTILINE
)
_LOG_END = b"==== END logs for "
"""How ``kubectl cluster-info dump`` puts logs between its documents: each line alone."""

_LOGS = re.compile(r"pods/logs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+?)(?P<before>-previous)?\.log$")
"""Where a support bundle has the log of a container (troubleshoot.sh, collect/cluster_resources.go)."""

_BYTE = re.compile(r" ?\(byte (\d+)\)")


class Stored(NamedTuple):
    """What files held.

    ``now`` is the latest time found in them, None where there is none; ``beats``: it is close to when they were read.
    ``unread`` tells, a sentence each, what could not be looked into, ``notes`` what else is worth one.
    """

    objects: Sequence[Object]
    sources: Mapping[int, str]
    complete: frozenset[str]
    logs: Mapping[tuple[str, str, str], str]
    now: datetime | None
    beats: bool = True
    unread: Sequence[str] = ()
    notes: Sequence[str] = ()

    def world(self, rules: Rules | None = None) -> World:
        """The world of these objects at the time of the dump; where it has none, at this moment."""
        when = self.now or datetime.now(UTC)
        lagging = self.now is not None and not self.beats
        return World(
            self.objects,
            now=when,
            complete=self.complete,
            logs=self.logs,
            sources=self.sources,
            lagging=lagging,
            rules=rules,
        )


class _List(msgspec.Struct):
    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")
    items: list[msgspec.Raw] | None = None


_LIST = decoder(_List)


def read(paths: Iterable[str], tell: Callable[[str], None] = lambda _: None) -> Stored:
    """Every object in these files, folders, bundles, and standard input (``-``).

    ``tell`` gets a sentence where reading will take long. Of an object met twice the later one counts.
    Raises ``ConfigError`` with all files that cannot be read wholly, are damaged or too large, or are neither JSON nor
    YAML, each with its line, and with what was named and holds no object of Kubernetes.
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
        self._known: dict[Key, dict[str, Object]] = {}  # by uid; one without a uid is any of its name
        self._misshapen: list[Object] = []
        self._sources: dict[int, str] = {}
        self._complete: set[str] = set()
        self._logs: dict[tuple[str, str, str], str] = {}
        self._clock = LatestTime()
        self._alike: dict[plain.Key, Mapping[str, Any]] = {}
        self._holding = 0  # files that hold objects, or an empty list of them
        self._unread: list[str] = []
        self._again: dict[str, None] = {}

    def stored(self) -> Stored:
        """All of it."""
        objects = [obj for known in self._known.values() for obj in known.values()]
        clock, again = self._clock, list(self._again)
        notes = [f"given more than once, of each the last counts: {_few(again)}"] if again else []
        unread = self._unread[:TOLD]
        unread += [f"{len(self._unread) - TOLD} more"] if self._unread[TOLD:] else []
        return Stored(
            [*objects, *self._misshapen],
            self._sources,
            frozenset(self._complete),
            self._logs,
            clock.now,
            clock.beats,
            unread,
            notes,
        )

    def put(self, name: str) -> None:
        """Read one argument of the command line; what is wrong with it goes to ``problems``."""
        wrong, before, blank = len(self.problems), self._holding, True
        try:
            for source, data in bundles.files(name, _wanted, self._unread.append):
                blank = blank and (not data or data.isspace())
                self._read(source, data)
        except ConfigError as error:
            self.problems += error.problems
        if self._holding == before and len(self.problems) == wrong:
            what = "is empty" if blank else "holds no object of Kubernetes (apiVersion, kind, metadata)"
            if several := bundles.several(name):
                what = f"no file in this {several} holds an object of Kubernetes ({', '.join(SUFFIXES)} are read)"
            self.problems.append(Problem(bundles.printable(name), what))

    def _read(self, source: str, data: bytes) -> None:
        before = self._holding
        try:
            data = _utf8(data)
        except UnicodeDecodeError as error:
            self.problems.append(Problem(f"{source}:{_line(data, error.start)}", "is not UTF-8"))
            return
        if found := _LOGS.search(source):
            place = found["namespace"], found["pod"], found["container"]
            if not (found["before"] and self._logs.get(place)):
                self._keep_log(place, data)
            return
        if b"==== START logs for container " in data:
            data = self._without_logs(data)
        if source.endswith(_LOG_FILE) or not data or data.isspace():
            return
        if data.lstrip()[:1] in (b"{", b"["):
            self._json(source, data, or_yaml=source.removesuffix(".gz").endswith((".yaml", ".yml")))
        else:
            self._yaml(source, data)
        if self._holding > before:
            self._holding = before + 1

    def _without_logs(self, data: bytes) -> bytes:
        """The data without the logs in it, which are kept; one without an end is left for whoever reads the rest."""
        parts, place = [], 0
        while begin := _LOG.search(data, place):
            end = data.find(b"\n" + _LOG_END, begin.end() - 1)
            if end < 0:
                break
            namespace, pod = (begin[number].decode("utf-8", "replace") for number in (2, 3))
            self._keep_log((namespace, pod, begin[1].decode("utf-8", "replace")), data[begin.end() : end + 1])
            parts.append(data[place : begin.start()])
            place = data.find(b"\n", end + 1) + 1 or len(data)
        return b"".join([*parts, data[place:]])

    def _keep_log(self, place: tuple[str, str, str], text: bytes) -> None:
        lines = text[-LAST_BYTES:].decode("utf-8", "replace").splitlines()
        self._logs[place] = "\n".join(lines[-LAST_LINES:])

    # -- JSON

    def _json(self, source: str, data: bytes, *, or_yaml: bool) -> None:
        try:
            self._json_document(source, data)
            return
        except _NO_JSON as error:
            problem = _no_json(source, data, 0, error)
        parts = _documents(data)
        if len(parts) > 1:
            wrong = 0
            for number, (start, document) in enumerate(parts, 1):
                try:
                    self._json_document(_numbered(source, number), document)
                except _NO_JSON as error:
                    wrong += 1
                    if wrong <= TOLD:
                        self.problems.append(_no_json(source, data, start, error))
            if wrong > TOLD:
                self.problems.append(Problem(source, f"{wrong - TOLD} more of its documents are not JSON"))
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
        timed = self._clock.list_as_json(data)
        kind = listed.kind.removesuffix("List")
        if not kind:
            self._items(source, data, listed.items or (), timed)
            return
        # The API's own lists leave it to the list what their items are, and hold all there are.
        found = plain.page(listed.api_version, kind, data, self._alike)
        for obj in found.items:
            self._keep(source, obj)
        if not found.more:
            self._complete |= _wholly(known_as(listed.api_version, kind), found.items)

    def _items(self, source: str, data: bytes, items: Sequence[msgspec.Raw], tags: Sequence[Timed] | None) -> None:
        """The items of a list that says nothing of their kinds, all of a kind at once."""
        if tags is None:
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
        if len(data) > LARGEST_YAML:
            what = f"is {len(data) >> 20} MiB of YAML, and more than {LARGEST_YAML >> 20} MiB are not read"
            self.problems.append(Problem(source, what, "get it as JSON: -o json"))
            return
        if len(data) > SLOW:
            self._tell(f"reading {source}: {len(data) / 1e6:.0f} MB of YAML; as JSON it would take a second")
        try:
            for number, document in enumerate(documents(source, data), 1):
                self._plain(_numbered(source, number), document)
        except ConfigError as error:
            self.problems += error.problems
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
                whole = {**tags, **item} if isinstance(item, Mapping) else item
                self._clock.plain(whole)
                self._keep(source, shaped(whole))
            if kind and isinstance(version, str) and not _continued(data):
                found = [obj for obj in map(shaped, items) if MISSHAPEN not in obj]
                self._complete |= _wholly(known_as(version, kind), found)
        elif isinstance(data, Mapping) and _is_object(data):
            self._holding += 1
            self._clock.plain(data)
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
            self._place(source, obj)

    def _place(self, source: str, obj: Object) -> None:
        """Put the object where the one of its name and uid was, if there was one, which is told."""
        known = self._known.setdefault(key(obj), {})
        uid = obj["metadata"].get("uid", "")
        without = "" if "" in known else uid or next(reversed(known), "")
        before = uid if uid in known else without
        if (other := known.pop(before, None)) is not None and obj["kind"] != "Event":
            self._again[f"{named(obj)} ({self._sources[id(other)]}, {source})"] = None
        known[uid] = obj


_SECRET = frozenset({"data", "stringData"})
"""What of a Secret is never kept; its annotations may repeat it (kubectl apply)."""

_LOG_FILE = "logs.txt"
"""What ``kubectl cluster-info dump --output-directory`` calls the logs of a pod."""


def _wanted(name: str) -> bool:
    return name.endswith((*SUFFIXES, _LOG_FILE)) or (name.endswith(".log") and _LOGS.search(name) is not None)


def _few(told: Sequence[str]) -> str:
    return ", ".join(told[:TOLD]) + (f" and {len(told) - TOLD} more" if told[TOLD:] else "")


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
    tags = [data[name] for name in ("apiVersion", "kind") if isinstance(data.get(name), str)]
    if "metadata" in data or len(tags) < 2:
        return "metadata" in data and bool(tags)
    # Without metadata it is one of Kubernetes' own that lost them, or a tool's file of settings, which has none.
    return tags[0].rpartition("/")[0] in BUILT_IN and bool({"spec", "status"} & data.keys())


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


def _documents(data: bytes) -> list[tuple[int, bytes]]:
    """Where each of several JSON documents begins, and what it is: they begin at the first column."""
    starts = [found.start() for found in re.finditer(rb"^\{", data, re.MULTILINE)]
    return [(start, data[start:end]) for start, end in pairwise([*starts, len(data)])]


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
