"""What a chart takes: the keys that it declares, of which helm ignores all others in silence, and its schema."""

from __future__ import annotations

import difflib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from gonogo.cluster.documents import documents
from gonogo.core.errors import ConfigError, Problem
from gonogo.providers.helm.recipe import merged
from gonogo.providers.helm.schemas import Breach, wrong_values

MOST = 256 << 20
"""Bytes of a chart unpacked; helm itself refuses more than 100 MiB."""

GLOBAL = ("global", "tags")
"""Keys that every chart may be given, for what it depends on: helm.sh/docs/chart_template_guide."""


BLOCKS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("annotations", "labels", "nodeselector", "requests", "limits"), frozenset[str]()),
    "resources": frozenset({"requests", "limits", "claims"}),
    "affinity": frozenset({"nodeAffinity", "podAffinity", "podAntiAffinity"}),
    "strategy": frozenset({"type", "rollingUpdate"}),
    "securitycontext": frozenset(
        {
            *("allowPrivilegeEscalation", "appArmorProfile", "capabilities", "privileged", "procMount"),
            *("readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot", "runAsUser", "seLinuxOptions", "seccompProfile"),
            *("windowsOptions", "fsGroup", "fsGroupChangePolicy", "seLinuxChangePolicy", "supplementalGroups"),
            *("supplementalGroupsPolicy", "sysctls"),
        }
    ),
    "probe": frozenset(
        {
            *("exec", "failureThreshold", "grpc", "httpGet", "initialDelaySeconds", "periodSeconds"),
            *("successThreshold", "tcpSocket", "terminationGracePeriodSeconds", "timeoutSeconds"),
        }
    ),
}
"""Fields of Kubernetes' own, by how the name of a block ends that charts hand on; none named: any key (v1, core)."""


class ChartKeys:
    """What a chart declares: the keys of its values, those of its schema, and the charts that it depends on."""

    def __init__(self, files: Mapping[PurePosixPath, bytes], source: str) -> None:
        self.source = source
        self.chart = _mapping(files, "Chart.yaml", source)
        self.values = _mapping(files, "values.yaml", source)
        schema = files.get(PurePosixPath("values.schema.json"))
        self.schema = _json(schema, source) if schema is not None else {}
        self._files = files
        self.parts: dict[str, ChartKeys] = {}
        for name, inner in _inner(files, source).items():
            self.parts[name] = ChartKeys(inner, f"{source} {name}")
        self.conditions: tuple[str, ...] = ()
        """Keys that switch a dependency on, which need not stand in the values."""
        for one in self.chart.get("dependencies") or ():
            if isinstance(one, dict):
                self.conditions += tuple(filter(None, str(one.get("condition") or "").split(",")))
                if one.get("alias") and one.get("name") in self.parts:
                    self.parts[str(one["alias"])] = self.parts[str(one["name"])]

    def unknown(self, given: Mapping[str, Any], documented: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        """Dotted key and what to write instead, of each value of ``given`` that the chart does not declare."""
        for fault in self._unknown(given, documented):
            yield fault.key, fault.right

    def wrong(self, given: Mapping[str, Any], documented: tuple[str, ...] = ()) -> Iterator[Breach]:
        """What the chart would ignore of the values, what helm would refuse by its schema, and what is of no use to it.

        Without a schema, a value is measured against the one that the chart has there by default.
        """
        lost = [*self._unknown(given, documented)]
        yield from lost
        keys = {one.key for one in lost}
        refused = [*self._refused(given)]
        for fault in refused:
            if not any(f"{fault.key}.".startswith(f"{key}.") or f"{key}.".startswith(f"{fault.key}.") for key in keys):
                yield fault
        said = {one.path for one in refused}
        yield from (one for one in self._misshapen(given) if one.path not in said)

    def _unknown(self, given: Mapping[str, Any], documented: tuple[str, ...]) -> Iterator[Breach]:
        documented = (*documented, *self.conditions)
        every = _Known([*dict.fromkeys([*self.keys(), *documented])], self, given)
        for key in _lost(given, self, documented):
            whole = _path(given, key)
            if misspelt := every.misspelt(whole):
                yield Breach(whole, "unknown", None, misspelt)
                continue
            for path, value in _below_it(whole, _at(given, whole)):
                yield Breach(path, "unknown", value, every.instead(path, value))

    @property
    def shared(self) -> dict[str, Any]:
        """What it declares for all charts that are installed together, and what those declare."""
        found: dict[str, Any] = {}
        for one in (*self.parts.values(), self):
            inner = one.shared if one is not self else {key: self.values.get(key) or {} for key in GLOBAL}
            found = merged(found, {key: told for key, told in inner.items() if isinstance(told, dict)})
        return found

    def _refused(self, given: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Breach]:
        """By the chart's schema and those of what it depends on, where that is switched on."""
        values = merged(self.values, given)
        if self.schema:
            for fault in wrong_values(self.schema, _without_null(values)):
                yield fault._replace(path=(*above, *fault.path))
        for name, part in self.parts.items():
            if self._on(name, values):
                inner = values.get(name)
                shared = {"global": values.get("global") or {}}
                yield from part._refused(merged(shared, inner if isinstance(inner, dict) else {}), (*above, name))

    def _on(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether a chart that this one depends on is installed with it: the first of its conditions that is there."""
        for one in self.chart.get("dependencies") or ():
            if isinstance(one, dict) and name in (one.get("alias") or one.get("name"),):
                told = [
                    _at(values, tuple(key.strip().split("."))) for key in str(one.get("condition") or "").split(",")
                ]
                return next((one for one in told if isinstance(one, bool)), True)
        return name not in {str(one.get("name")) for one in self.chart.get("dependencies") or () if one.get("alias")}

    def _misshapen(self, given: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Breach]:
        yield from _misshapen(given, self.values, above, self.parts)

    def definitions(self) -> list[dict[str, Any]]:
        """The custom resource definitions of its ``crds/``, which helm installs once and never upgrades."""
        found = []
        for path, data in sorted(self._files.items()):
            if path.parts[0] == "crds" and path.suffix in (".yaml", ".yml", ".json"):
                found += [one for one in documents(f"{self.source} {path}", data) if isinstance(one, dict)]
        return found + [one for part in dict.fromkeys(self.parts.values()) for one in part.definitions()]

    def keys(self, above: str = "") -> Iterator[str]:
        """Every dotted key of the chart and of those it depends on."""
        yield from _keys(self.values, above)
        yield from _properties(self.schema, above)
        for name, part in self.parts.items():
            yield f"{above}{name}"
            yield from part.keys(f"{above}{name}.")


def declared(chart: Path) -> ChartKeys:
    """Of a packed chart or a folder. Raises ``ConfigError`` where it is none."""
    return ChartKeys(_packed(chart.read_bytes(), str(chart)) if chart.is_file() else _folder(chart), str(chart))


def undeclared(chart: Path, given: Mapping[str, Any], documented: tuple[str, ...], where: str) -> list[Problem]:
    """A problem for each key of the values ``where`` that the chart would ignore."""
    return [
        Problem(where, f"the chart declares no key {key!r} and would ignore it", right)
        for key, right in declared(chart).unknown(given, documented)
    ]


# -- what is not known


def _lost(given: Mapping[str, Any], chart: ChartKeys, documented: tuple[str, ...]) -> Iterator[str]:
    for key, value in given.items():
        rest = tuple(one.partition(".")[2] for one in documented if one.partition(".")[0] == key)
        if key in GLOBAL:
            # any chart may be given any: but what stands in a mapping that is declared is measured by that
            known = chart.shared.get(key)
            for name, one in value.items() if isinstance(value, Mapping) else ():
                if _at(known, (name,)):
                    yield from _below(name, one, known, {}, documented, above=f"{key}.")
            continue
        if key in chart.parts:
            if isinstance(value, Mapping):
                # the chart itself may say more of what it depends on than that does
                own = chart.values.get(key)
                for lost in _lost(value, chart.parts[key], rest):
                    if not _holds(own, lost):
                        yield f"{key}.{lost}"
            continue
        yield from _below(key, value, chart.values, chart.schema, documented)


def _below(
    key: str, value: Any, values: Any, schema: Any, documented: tuple[str, ...], above: str = ""
) -> Iterator[str]:
    """The keys at and below one that neither the values, nor the schema, nor the documented ones know."""
    dotted = above + key
    rest = [one for one in documented if one == dotted or one.startswith(f"{dotted}.")]
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    inner_schema = properties.get(key) if isinstance(properties, Mapping) else None
    in_values = (isinstance(values, Mapping) and key in values) or _handed_on(above, key)
    if not in_values and inner_schema is None and not rest:
        yield dotted
        return
    inner = values.get(key) if isinstance(values, Mapping) else None
    free = dotted in documented or (in_values and not (isinstance(inner, Mapping) and inner)) or _open(inner_schema)
    if not isinstance(value, Mapping) or free:
        return  # whatever the chart takes there is its templates' business
    for name, one in value.items():
        yield from _below(str(name), one, inner, inner_schema, documented, f"{dotted}.")


def _handed_on(above: str, key: str) -> bool:
    """Whether it is a field of Kubernetes' own in a block that charts hand on as it stands, whatever they set of it."""
    block = above.removesuffix(".").rpartition(".")[2].lower()
    return any(block.endswith(end) and (not fields or key in fields) for end, fields in BLOCKS.items())


def _open(schema: Any) -> bool:
    """Whether a schema takes any key there."""
    return (
        isinstance(schema, Mapping) and not schema.get("properties") and schema.get("additionalProperties") is not False
    )


def _holds(values: Any, dotted: str) -> bool:
    for key in dotted.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _path(values: Any, key: str) -> tuple[str, ...]:
    """The keys of a dotted one: they may hold dots of their own, as `node.roles` does."""
    path: tuple[str, ...] = ()
    while key:
        name = next(one for one in sorted(values, key=len, reverse=True) if f"{key}.".startswith(f"{one}."))
        path, values, key = (*path, name), values[name], key[len(name) + 1 :]
    return path


def _at(values: Any, path: tuple[str, ...]) -> Any:
    """What is there; None where nothing is."""
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _below_it(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for name, one in value.items():
        yield from _below_it((*path, str(name)), one)


# -- what to write instead

QUANTITY = re.compile(r"\d+(\.\d+)?[KMGTP]i?")
"""Bytes, as Kubernetes writes them."""


class _Known:
    """The keys of a chart, asked for the one that another was meant to be."""

    def __init__(self, keys: Iterable[str], chart: ChartKeys, given: Mapping[str, Any]) -> None:
        self._chart, self._given = chart, given
        self._by_words = [tuple(one.split(".")) for one in keys]

    def misspelt(self, path: tuple[str, ...]) -> str:
        """The key right beside it that is written nearly so; empty where there is none."""
        beside = [one for one in self._by_words if one[:-1] == path[:-1]]
        near = max(beside, key=lambda one: _ratio(one[-1], path[-1]), default=())
        return ".".join(near) if near and _ratio(near[-1], path[-1]) >= 0.85 else ""

    def instead(self, path: tuple[str, ...], value: Any) -> str:
        """Keys that are known, three at most."""
        best = self._moved(path) or self._of_bytes(path, value)
        return " or ".join(map(self._whole, best)) if best else "no such key: leave it out"

    def _moved(self, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Keys that end as this one does: one that moved keeps its last words, one that is misspelt nearly all.

        One word in common is enough only where there is no other: every chart has dozens of ``enabled``.
        """
        ranked: dict[tuple[float, ...], list[tuple[str, ...]]] = {}
        if path == ("enabled",):
            return []
        for words in self._by_words:
            same, exact, like = 0, 0, 0.0
            for ours, theirs in zip(reversed(path), reversed(words), strict=False):
                likeness = _likeness(ours, theirs) if not same else _ratio(ours, theirs)
                if likeness < (0.8 if same else 0.01):
                    break
                same, exact, like = same + 1, exact + (likeness == 1), like + likeness
            alone = len(path) == 1 and same == 1 and exact == 0
            if not same or (same < len(path) and same < 2) or (alone and len(words) > 1):
                continue
            rank = (-same, -exact, -round(like, 3) if exact < same else 0, abs(len(words) - len(path)))
            ranked.setdefault(rank, []).append(words)
        return ranked[min(ranked)][:3] if ranked else []

    def _of_bytes(self, path: tuple[str, ...], value: Any) -> list[tuple[str, ...]]:
        """Where a size is meant: the nearest keys that hold one, first those that another value beside it names."""
        if not isinstance(value, str) or not QUANTITY.fullmatch(value):
            return []
        for end in range(len(path) - 1, 0, -1):
            inner, beside = _at(self._chart.values, path[:end]), _at(self._given, path[:end])
            found = [one for one, held in _below_it(path[:end], inner) if QUANTITY.fullmatch(str(held))]
            named = {one for one in beside.values() if isinstance(one, str)}
            if found:
                return [one for one in found if named & set(one)] or found[:3]
        return []

    def _whole(self, words: tuple[str, ...]) -> str:
        """The key; where it is a mapping, with the keys in it."""
        held = _at(self._chart.values, words)
        inner = f": {{{', '.join(map(str, [*held][:8]))}}}" if isinstance(held, Mapping) and held else ""
        return ".".join(words) + inner


@cache
def _likeness(one: str, other: str) -> float:
    """1 for the same word, 0 for another one."""
    if one == other:
        return 1.0
    if len(one) < 3 or len(other) < 3:
        return 0.0
    ours, theirs = (re.findall(r"[a-z0-9]+|[A-Z][a-z0-9]*", word) for word in (one, other))
    ratio = _ratio(one, other)
    if ratio < 0.8 and ("-" in one or "-" in other):  # datahub-gms is not the same as datahub
        return 0.0
    # accessKey and awsAccessKeyId; username and user
    within = {word.lower() for word in ours} <= {word.lower() for word in theirs}
    begins = min(len(one), len(other)) > 3 and (one.startswith(other) or other.startswith(one))
    if ratio >= 0.8 or ((within or begins) and ratio >= 0.6):
        return 0.99 * ratio
    return 0.0


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


# -- what is of the wrong kind


def _misshapen(
    given: Mapping[str, Any], values: Any, above: tuple[str, ...], parts: Mapping[str, ChartKeys]
) -> Iterator[Breach]:
    """A value where the chart has keys, and a flag in quotation marks, which is true in every template."""
    for name, value in given.items():
        path = (*above, name)
        held = values.get(name) if isinstance(values, Mapping) else None
        if name in parts and not above and isinstance(value, Mapping):
            yield from _misshapen(value, merged(parts[name].values, held if isinstance(held, dict) else {}), path, {})
        elif isinstance(held, Mapping) and held and isinstance(value, Mapping):
            yield from _misshapen(value, held, path, {})
        elif isinstance(held, Mapping) and held and value is not None and "{{" not in str(value):
            yield Breach(path, "type", value, f"a mapping: {{{', '.join(map(str, [*held][:8]))}}}")
        elif isinstance(held, bool) and isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
            yield Breach(path, "type", value, "true" if value.lower() in ("true", "yes") else "false")


def _without_null(values: Any) -> Any:
    """As helm hands values to a schema: a null takes a key away."""
    if not isinstance(values, Mapping):
        return values
    return {key: _without_null(one) for key, one in values.items() if one is not None}


def _keys(values: Any, above: str) -> Iterator[str]:
    for key, value in values.items() if isinstance(values, Mapping) else ():
        yield f"{above}{key}"
        yield from _keys(value, f"{above}{key}.")


def _properties(schema: Any, above: str) -> Iterator[str]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    for key, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield f"{above}{key}"
        yield from _properties(inner, f"{above}{key}.")


# -- the chart's files


def _packed(data: bytes, source: str) -> dict[PurePosixPath, bytes]:
    """The files of a packed chart, without the folder around them."""
    files: dict[PurePosixPath, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as packed:
            for member in packed:
                size += member.size
                if size > MOST:
                    raise ConfigError(Problem(source, f"holds more than {MOST >> 20} MiB"))
                if member.isfile() and (file := packed.extractfile(member)) is not None:
                    files[PurePosixPath(*PurePosixPath(member.name).parts[1:])] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ConfigError(Problem(source, f"is no packed chart: {error}")) from error
    return files


def _folder(chart: Path) -> dict[PurePosixPath, bytes]:
    wanted = [one for one in chart.rglob("*") if one.is_file()]
    return {PurePosixPath(one.relative_to(chart).as_posix()): one.read_bytes() for one in wanted}


def _inner(files: Mapping[PurePosixPath, bytes], source: str) -> dict[str, dict[PurePosixPath, bytes]]:
    """The charts in ``charts/``, each by its name: folders, and packed ones."""
    found: dict[str, dict[PurePosixPath, bytes]] = {}
    for path, data in files.items():
        match path.parts:
            case ("charts", name) if name.endswith(".tgz"):
                inner = _packed(data, f"{source} {name}")
                found[str(_mapping(inner, "Chart.yaml", name).get("name", name))] = inner
            case ("charts", name, *rest) if rest:
                found.setdefault(name, {})[PurePosixPath(*rest)] = data
    return found


def _mapping(files: Mapping[PurePosixPath, bytes], name: str, source: str) -> dict[str, Any]:
    data = files.get(PurePosixPath(name))
    told = next(documents(f"{source} {name}", data), None) if data else None
    return told if isinstance(told, dict) else {}


def _json(data: bytes, source: str) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError as error:
        raise ConfigError(Problem(f"{source} values.schema.json", f"is no JSON: {error}")) from error
    return told if isinstance(told, dict) else {}
