"""YAML that somebody else wrote: time and memory grow with its size, and every mistake is a sentence with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from gonogo.core.errors import ConfigError, Problem
from gonogo.core.loading import LOADING

LARGEST = 10
"""Values that a byte of YAML may stand for through aliases; ten aliases of ten aliases of … fill any memory."""

MOST = 2_000_000
"""Values that aliases may stand for in all, where the file itself is not larger."""

LONGEST = 100
"""Characters of a number."""

SHORT, MANY = 30, 20_000
"""Characters of a word, and words, of which it is kept what they are."""

_TEXT = frozenset({"timestamp", "value", "binary"})
"""Types of YAML that stay as they are written: Kubernetes' own reader knows no times and no ``=``."""

_SCALARS = ("bool", "int", "float")

_ANCHOR, _ALIAS = re.compile(rb"&([\w-]+)"), re.compile(rb"\*([\w-]+)")
"""Whatever looks like one: both loaders know no other characters in their names."""

_STR, _SEQ, _MAP = (f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))

_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""The marks of UTF-16, whose characters are two bytes."""


def documents(source: str, data: bytes, wrong: str = "not YAML") -> Iterator[Any]:
    """Each document of a file in turn, as plain data; ``wrong`` is how a mistake is told.

    Raises ``ConfigError``, ``source:line``, where it is no YAML, where a value is none of its kind or a whole number
    of more than 64 bits, where it is nested too deeply, or where its aliases stand for more than it could hold.
    """
    with LOADING:
        import yaml

    left = min(LARGEST * len(data), max(len(data), MOST))
    # without a name that stands behind both signs there is no alias; prose has many of either
    aliased = data.startswith(_WIDE) or not {*_ANCHOR.findall(data)}.isdisjoint(_ALIAS.findall(data))
    loader = None
    try:
        loader = _loader()(data)
        while loader.check_node():
            node = loader.get_node()
            if aliased and (left := left - _spread(node, left)) < 0:
                raise ConfigError(Problem(source, "its YAML aliases stand for more than a cluster could hold"))
            yield _plain(loader, node)
    except yaml.YAMLError as error:
        raise ConfigError(_no_yaml(source, data, error, wrong)) from error
    except RecursionError as error:
        raise ConfigError(Problem(source, f"{wrong}: nested too deeply")) from error
    finally:
        if loader is not None:
            loader.dispose()


def _plain(loader: Any, node: Any) -> Any:
    """What the loader makes of a node, in a third of its time; whatever is not plain is left to it."""
    tag, kind = node.tag, node.id
    if kind == "scalar":
        return node.value if tag == _STR else loader.construct_object(node)
    if kind == "sequence" and tag == _SEQ:
        return [_plain(loader, one) for one in node.value]
    if kind == "mapping" and tag == _MAP and all(key.tag == _STR and key.id == "scalar" for key, _ in node.value):
        return {key.value: _plain(loader, one) for key, one in node.value}
    return loader.construct_document(node)


def _spread(root: Any, most: int) -> int:
    """How many values a document is with its aliases written out; more than ``most`` where it holds itself."""
    known: dict[int, int] = {}
    above: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if id(node) in known:
            waiting.pop()
            continue
        inner = _inner(node)
        if id(node) not in above and inner:
            above.add(id(node))
            unknown = [one for one in inner if id(one) not in known]
            if any(id(one) in above for one in unknown):
                return most + 1
            waiting += unknown
            continue
        known[id(node)] = 1 + sum(known[id(one)] for one in inner)
        above.discard(id(node))
        waiting.pop()
    return known[id(root)]


def _inner(node: Any) -> list[Any]:
    if isinstance(node.value, str):
        return []
    return [one for pair in node.value for one in pair] if node.id == "mapping" else node.value


def _no_yaml(source: str, data: bytes, error: Any, wrong: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return Problem(f"{source}:{mark.line + 1}", f"{wrong}: {error.problem or error.context}")
    place = getattr(error, "position", None)
    where = f"{source}:{data.count(10, 0, place) + 1}" if isinstance(place, int) else source
    return Problem(where, f"{wrong}: {getattr(error, 'reason', None) or error}")


@cache
def _loader() -> Any:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """The C loader, without the types that Kubernetes does not know, and with a word for what is none."""

        def scalar(self, node: Any) -> Any:
            """A number or a flag; the safe loader ends in an IndexError for ``!!int ""``, in others for others."""
            kind = node.tag.rpartition(":")[2]
            if len(node.value) > LONGEST:  # 1:1:1:… is a number to base 60, in a time that grows with its square
                what = f"found a number of {len(node.value)} characters"
                raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
            try:
                value = getattr(yaml.SafeLoader, f"construct_yaml_{kind}")(self, node)
            except yaml.YAMLError:
                raise
            except (ValueError, LookupError, AttributeError, OverflowError):
                value = None
            if value is None or (isinstance(value, int) and value.bit_length() > 64):
                what = f"a value that is no {kind}" if value is None else "a number of more than 64 bits"
                raise yaml.constructor.ConstructorError(None, None, f"found {what}", node.start_mark)
            return value

    plain: dict[tuple[str, tuple[bool, bool]], str] = {}

    def resolve(self: Any, kind: type, value: Any, implicit: Any) -> Any:
        """The tag of a node; a definition (CRD) says the same few words thousands of times."""
        if kind is not yaml.ScalarNode or len(value) > SHORT:
            return super(Loader, self).resolve(kind, value, implicit)
        tag = plain.get((value, implicit))
        if tag is None:
            tag = super(Loader, self).resolve(kind, value, implicit)
            if len(plain) < MANY:
                plain[value, implicit] = tag
        return tag

    Loader.resolve = resolve
    odd = {f"tag:yaml.org,2002:{name}" for name in _TEXT - {"binary"}}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in odd]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    for name in _SCALARS:
        Loader.add_constructor(f"tag:yaml.org,2002:{name}", Loader.scalar)
    for name in _TEXT:
        Loader.add_constructor(f"tag:yaml.org,2002:{name}", yaml.SafeLoader.construct_yaml_str)
    return Loader
