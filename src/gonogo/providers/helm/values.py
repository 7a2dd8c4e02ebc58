"""Which keys a chart declares, and which of those that we give it does not know: helm takes them and says nothing."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gonogo.cluster.documents import documents
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion

MOST = 256 << 20
"""Bytes of a chart unpacked; helm itself refuses more than 100 MiB."""

GLOBAL = ("global", "tags")
"""Keys that every chart may be given, for what it depends on: helm.sh/docs/chart_template_guide."""


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
        """Dotted key and the nearest one that is known, of each key of ``given`` that the chart does not declare."""
        documented = (*documented, *self.conditions)
        every = {*self.keys(), *documented}
        for key in _lost(given, self, documented):
            yield key, _nearest(key, every)

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
        Problem(where, f"the chart declares no key {key!r} and would ignore it", nearest)
        for key, nearest in declared(chart).unknown(given, documented)
    ]


# -- what is not known


def _lost(given: Mapping[str, Any], chart: ChartKeys, documented: tuple[str, ...]) -> Iterator[str]:
    for key, value in given.items():
        rest = tuple(one.partition(".")[2] for one in documented if one.partition(".")[0] == key)
        if key in GLOBAL:
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
    in_values = isinstance(values, Mapping) and key in values
    if not in_values and inner_schema is None and not rest:
        yield dotted
        return
    inner = values.get(key) if isinstance(values, Mapping) else None
    free = dotted in documented or (in_values and not (isinstance(inner, Mapping) and inner)) or _open(inner_schema)
    if not isinstance(value, Mapping) or free:
        return  # whatever the chart takes there is its templates' business
    for name, one in value.items():
        yield from _below(str(name), one, inner, inner_schema, documented, f"{dotted}.")


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


def _nearest(key: str, known: set[str]) -> str:
    """The known key with the same end first: a key that moved keeps its last words."""
    last = key.rpartition(".")[2]
    same = sorted((one for one in known if one.rpartition(".")[2] == last), key=lambda one: (one.count("."), one))
    return f"nearest: {', '.join(same[:3])}" if same else suggestion(key, known)


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
