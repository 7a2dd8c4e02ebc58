"""What a schema says against plain data: that of a chart's values, or of a custom resource, which has its own rules.

A custom resource's schema is *structural*: a field that it does not name is dropped without a word, a null is no value
where it is not nullable, and what has a default need not be there
(kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from gonogo.core.files import nearest
from gonogo.core.loading import LOADING

Sort = Literal["unknown", "type", "value", "missing", "twice"]

PRESERVES, INT_OR_STRING, EMBEDDED = (
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
    "x-kubernetes-embedded-resource",
)

OWN = ("apiVersion", "kind", "metadata")
"""Fields of every object, whatever its schema says."""

MOST = 3
"""Places that are named where a field of that name would be known."""


_GOS = re.compile(r"\[\[:|\\[pPzQC]")
"""What Go's patterns know, and ours read as something else."""


class Breach(NamedTuple):
    """One value that its schema does not take: where, what kind of mistake, and what may be written there."""

    path: tuple[str | int, ...]
    fault: Sort
    written: Any
    right: str

    @property
    def key(self) -> str:
        """``spec.workerGroupSpecs[0].groupName``."""
        return dotted(self.path)


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as people write it."""
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).removeprefix(".")


def wrong_fields(schema: Mapping[str, Any], obj: Mapping[str, Any]) -> Iterator[Breach]:
    """What the API server would refuse of a custom resource, or drop from it; rules in CEL are not evaluated."""
    yield from _told(_structural()({**schema, EMBEDDED: True}), obj, schema)


def wrong_values(schema: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Breach]:
    """What helm would refuse of a chart's values. What of the schema lies elsewhere is not fetched, nor judged."""
    yield from _told(_open_schema(str(schema.get("$schema", "")))(schema), values, schema)


def _told(validator: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Breach]:
    seen: dict[tuple[Any, str], Breach] = {}
    for error in validator.iter_errors(instance):
        for fault in _faults(error, schema):
            seen.setdefault((fault.path, fault.fault), fault)
    found = [*seen.values()]
    mistyped = {one.path for one in found if one.fault == "type"}
    misnamed = {one.right.partition(":")[0] for one in found if one.fault == "unknown"}
    for one in found:
        if one.fault == "value" and one.path in mistyped:
            continue  # what has the wrong type has no more to be said of it
        if one.fault == "missing" and one.key in misnamed:
            continue  # it is there, by another name
        yield one


# -- an error of the library, as a fault


def _faults(error: Any, schema: Mapping[str, Any]) -> Iterator[Breach]:
    path, rule, wanted, given = tuple(error.absolute_path), error.validator, error.validator_value, error.instance
    match rule:
        case "unknown":
            yield Breach(path, "unknown", given, place(path, error.schema, schema))
        case "missing":
            yield Breach(path, "missing", None, expected(error.schema))
        case "twice":
            yield Breach(path, "twice", given, "once")
        case "required":
            inner = error.schema.get("properties") or {}
            for name in wanted:
                if name not in given:
                    yield Breach((*path, name), "missing", None, expected(inner.get(name, {})))
        case "additionalProperties" | "unevaluatedProperties":
            known = error.schema.get("properties") or {}
            patterns = error.schema.get("patternProperties") or {}
            for name in given if isinstance(given, Mapping) else ():
                if name not in known and not any(re.search(one, name) for one in patterns):
                    yield Breach((*path, name), "unknown", given[name], place((*path, name), error.schema, schema))
        case "type" | "x-kubernetes-int-or-string":
            yield Breach(path, "type", given, _of_type(error.schema, given))
        case "enum" | "const":
            yield Breach(path, "value", given, _one_of(wanted if rule == "enum" else [wanted], given))
        case "anyOf" | "oneOf":
            yield from _alternatives(path, error, schema)
        case _:
            yield Breach(path, "value", given, _limit(rule, wanted))


def _alternatives(path: tuple[str | int, ...], error: Any, schema: Mapping[str, Any]) -> Iterator[Breach]:
    """None, or more than one, of several: what the one says that comes nearest, or what each of them asks for."""
    branches = [one for one in error.validator_value if isinstance(one, Mapping)]
    kinds = [kind for one in branches for kind in _types(one)]
    if kinds and all(set(one) <= {"type"} for one in branches):
        yield Breach(path, "type", error.instance, " or ".join(_a(kind) for kind in dict.fromkeys(kinds)))
        return
    asked = [", ".join(one.get("required", ())) for one in branches]
    if all(asked) and all(set(one) <= {"required"} for one in branches):
        yield Breach(path, "missing", None, f"{'one' if error.validator == 'oneOf' else 'any'} of: {'; '.join(asked)}")
        return
    by: dict[int, list[Any]] = {}
    for inner in error.context or ():
        by.setdefault(int(inner.schema_path[0]) if inner.schema_path else 0, []).append(inner)
    near = min(by.values(), key=lambda some: (min(len(one.path) == 0 for one in some), len(some)), default=[])
    found = [fault for inner in near if inner.path for fault in _faults(inner, schema)]
    yield from found or [Breach(path, "value", error.instance, "one of the alternatives of its schema")]


def place(path: tuple[str | int, ...], inner: Any, schema: Any) -> str:
    """Where a field of that name, or of the nearest one, is known: beside it first, else elsewhere in the schema."""
    last, above = str(path[-1]), path[:-1]
    beside = [one for one in (inner.get("properties") or {}) if one]
    if near := _near(last, beside):
        return f"{dotted((*above, near))}: {expected(inner['properties'][near])}"
    found = [one for one in _paths(schema, ()) if one[-1] == last]
    ours = tuple(one for one in path if isinstance(one, str))
    found.sort(key=lambda one: (-_common(one, ours), len(one), one))
    best = [one for one in found if _common(one, ours) == _common(found[0], ours)]
    if best and (_common(best[0], ours) or len(best) == 1):
        return " or ".join(".".join(one) for one in best[:MOST])
    return f"known there: {_list(beside)}" if beside else "nothing is known there"


def _near(word: str, known: list[str]) -> str:
    """The same word in another spelling; nothing where another one is meant."""
    folded = word.lower().replace("_", "").replace("-", "")
    for one in known:
        if one.lower().replace("_", "").replace("-", "") in (folded, f"{folded}s", folded.removesuffix("s")):
            return one
    found = nearest(word, known)
    return found if found and _alike(word, found) else ""


def _alike(one: str, other: str) -> bool:
    import difflib

    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio() >= 0.72


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Steps that two paths have in common before they part."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _paths(schema: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every field of a schema; those of a list's items right below the list."""
    if not isinstance(schema, Mapping) or len(above) > 8:
        return
    for name, inner in (schema.get("properties") or {}).items():
        if not above and name in (*OWN, "status"):
            continue
        yield (*above, name)
        yield from _paths(inner, (*above, name))
    if isinstance(schema.get("items"), Mapping):
        yield from _paths(schema["items"], above)


# -- what may be written


def expected(schema: Any) -> str:
    """In short, what a schema takes: ``one of: a, b``, ``a list of {name, mountPath}``."""
    if not isinstance(schema, Mapping):
        return "a value"
    if schema.get("enum"):
        return _one_of(schema["enum"], None)
    if schema.get(INT_OR_STRING):
        return "a whole number or a text"
    return " or ".join(_a(kind, schema) for kind in _types(schema)) or "a value"


def _of_type(schema: Mapping[str, Any], given: Any) -> str:
    """The type, and the same value written in it where that is plain."""
    kinds = [*_types(schema)] if not schema.get(INT_OR_STRING) else ["integer", "string"]
    for kind in kinds:
        if kind == "string" and isinstance(given, (bool, int, float)):
            return f'"{str(given).lower() if isinstance(given, bool) else given}"'
        if kind in ("integer", "number") and isinstance(given, str) and re.fullmatch(r"-?\d+", given):
            return given
        if kind == "boolean" and isinstance(given, str) and given.lower() in ("true", "false"):
            return given.lower()
    return " or ".join(_a(kind, schema) for kind in kinds)


def _types(schema: Mapping[str, Any]) -> list[str]:
    told = schema.get("type")
    return [told] if isinstance(told, str) else [str(one) for one in told or ()]


def _a(kind: str, schema: Mapping[str, Any] = MappingProxyType({})) -> str:
    """A type in words; of a mapping the keys that it takes, of a list those of its items."""
    items = schema.get("items")
    inner = items if kind == "array" and isinstance(items, Mapping) else schema
    names = [*(inner.get("properties") or ())] if kind in ("array", "object") else []
    keys = f"{{{_list(names)}}}" if names else ""
    match kind:
        case "object":
            return f"a mapping: {keys}" if keys else "a mapping"
        case "array":
            return f"a list of {keys}" if keys else "a list"
    words = {"integer": "a whole number", "string": "a text", "boolean": "true or false", "null": "null"}
    return words.get(kind, f"a {kind}")


def _one_of(allowed: list[Any], given: Any) -> str:
    texts = [str(one) for one in allowed]
    near = nearest(str(given), texts) if isinstance(given, str) else ""
    ordered = [near, *(one for one in texts if one != near)] if near else texts
    return f"one of: {_list(ordered)}" if len(texts) > 1 else "".join(texts)


def _limit(rule: str, wanted: Any) -> str:
    words = {
        "minimum": f"at least {wanted}",
        "maximum": f"at most {wanted}",
        "exclusiveMinimum": f"more than {wanted}",
        "exclusiveMaximum": f"less than {wanted}",
        "minLength": f"{wanted} characters or more",
        "maxLength": f"{wanted} characters or fewer",
        "minItems": f"{wanted} items or more",
        "maxItems": f"{wanted} items or fewer",
        "pattern": f"text like {wanted}",
    }
    return words.get(rule, f"what its rule {rule!r} takes")


def _list(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


# -- the two dialects


@cache
def _open_schema(dialect: str) -> Any:
    """The validator of a chart's schema: of the dialect that it names, without any look beyond the file."""
    with LOADING:
        from jsonschema import Draft202012Validator, validators
        from referencing import Registry
        from referencing.exceptions import Unresolvable

    base = validators.validator_for({"$schema": dialect}, default=Draft202012Validator)
    follow = base.VALIDATORS["$ref"]

    def ref(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        try:
            yield from follow(validator, wanted, instance, schema)
        except Unresolvable:
            return

    kind = validators.extend(base, {"$ref": ref})
    return lambda schema: kind(schema, registry=Registry())


@cache
def _structural() -> Any:
    """The validator of custom resources, in the words of the library's own for the dialect that OpenAPI 3.0 is of."""
    with LOADING:
        from jsonschema import Draft4Validator, Draft6Validator, ValidationError, validators

    usual = Draft4Validator.VALIDATORS
    # in junctors (anyOf …) nothing is dropped and nothing has a default: they only say what holds
    logical = validators.extend(
        Draft4Validator, {"$ref": None, "format": None}, type_checker=Draft6Validator.TYPE_CHECKER
    )

    def kind_of(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        yield from usual["type"](validator, wanted, instance, schema)
        open_ended = schema.get(PRESERVES) or schema.get("additionalProperties", False) is not False
        if wanted != "object" or not isinstance(instance, dict) or open_ended:
            return
        known = {*(schema.get("properties") or ()), *(OWN if schema.get(EMBEDDED) else ())}
        for name in instance:
            if name not in known:
                yield ValidationError(name, "unknown", path=[name], instance=instance[name], schema=schema)

    def int_or_string(_validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if wanted and (isinstance(instance, bool) or not isinstance(instance, (int, str))):
            yield ValidationError("int or string", "x-kubernetes-int-or-string", instance=instance, schema=schema)

    def properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name, inner in wanted.items() if isinstance(instance, dict) else ():
            if instance.get(name) is not None and not (schema.get(EMBEDDED) and name in OWN):
                yield from validator.descend(instance[name], inner, path=name, schema_path=name)

    def others(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name, value in instance.items() if isinstance(instance, dict) and isinstance(wanted, dict) else ():
            if name not in (schema.get("properties") or ()) and value is not None:
                yield from validator.descend(value, wanted, path=name)

    def required(_validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name in wanted if isinstance(instance, dict) else ():
            inner = (schema.get("properties") or {}).get(name, {})
            there = name in instance and (instance[name] is not None or inner.get("nullable"))
            if not there and "default" not in inner and not (schema.get(EMBEDDED) and name in OWN):
                yield ValidationError(name, "missing", path=[name], instance=None, schema=inner)

    def items(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        for at, value in enumerate(instance) if isinstance(instance, list) else ():
            if value is not None or not wanted.get("nullable"):
                yield from validator.descend(value, wanted, path=at)

    def list_type(_validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        keys = schema.get("x-kubernetes-list-map-keys") or ()
        inner = ((schema.get("items") or {}).get("properties")) or {}
        seen = []
        for at, value in enumerate(instance) if isinstance(instance, list) and wanted in ("set", "map") else ():
            if wanted == "map" and not isinstance(value, dict):
                continue
            told = [value.get(key, inner.get(key, {}).get("default")) for key in keys] if wanted == "map" else value
            if told in seen:
                yield ValidationError("twice", "twice", path=[at], instance=told, schema=schema)
            seen.append(told)

    def junctor(rule: str) -> Any:
        def checked(_validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if not schema.get(INT_OR_STRING):
                yield from usual[rule](logical(schema), wanted, instance, schema)

        return checked

    def pattern(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if _GOS.search(wanted):
            return
        try:
            yield from usual["pattern"](validator, wanted, instance, schema)
        except re.error:
            return

    return validators.extend(
        logical,
        {
            "type": kind_of,
            INT_OR_STRING: int_or_string,
            "properties": properties,
            "additionalProperties": others,
            "required": required,
            "items": items,
            "x-kubernetes-list-type": list_type,
            "pattern": pattern,
            **{rule: junctor(rule) for rule in ("anyOf", "oneOf", "allOf", "not")},
        },
    )
