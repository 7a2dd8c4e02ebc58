"""Label selectors as ``kubectl -l`` takes them: ``a=b,c!=d,e in (x,y),!f`` (apimachinery, ``labels.Parse``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gonogo.cluster.judge.shapes import MISSHAPEN
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.names import LABEL_KEY, LABEL_VALUE

GRAMMAR = "like a=b,c!=d,e in (x,y),f notin (z),g,!h"

_ONE = re.compile(
    r"\s*(?:(?P<lacks>!)\s*(?P<absent>[^\s,=!<>()]+)"
    r"|(?P<key>[^\s,=!<>()]+)\s*(?:(?P<sign>==|=|!=|>|<)\s*(?P<value>[^\s,=!<>()]*)"
    r"|(?P<set>\b(?:in|notin))\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


class Requirement(NamedTuple):
    """One condition on the label ``key``; ``operator`` is in, notin, exists, absent, above or below."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def meets(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fits. One without the label has no value that it must not have."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
        if value is None or not re.fullmatch("-?[0-9]+", value):
            return False
        bound = int(self.values[0])
        return int(value) > bound if self.operator == "above" else int(value) < bound


class Selector(NamedTuple):
    """All conditions that an object has to meet; without any, every object does. ``written`` is how it was given."""

    written: str = ""
    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def read(cls, written: str, where: str) -> Selector:
        """Raises ``ConfigError`` naming ``where`` for what is no selector."""
        found, at = [], 0
        while at < len(written.rstrip()):
            one = _ONE.match(written, at)
            requirement = _requirement(one) if one else None
            if one is None or requirement is None or (one.end() == len(written) and written.endswith(",")):
                what = f"{written!r:.120} is no label selector, from {written[at:].strip()!r:.60} on"
                raise ConfigError(Problem(where, what, GRAMMAR))
            found.append(requirement)
            at = one.end()
        return cls(written, tuple(found))

    def fits(self, obj: Mapping[str, Any]) -> bool:
        """Whether an object is meant; one that does not fit its kind's definition, labels and all, may be."""
        return MISSHAPEN in obj or all(one.meets(obj["metadata"].get("labels", {})) for one in self.requirements)


def _requirement(found: re.Match[str]) -> Requirement | None:
    """What was matched; None where its key or a value can be none of a label."""
    if found["lacks"]:
        made = Requirement(found["absent"], "absent")
    elif found["set"]:
        made = Requirement(found["key"], found["set"], tuple(one.strip() for one in found["values"].split(",")))
    elif found["sign"]:
        operators = {"=": "in", "==": "in", "!=": "notin", ">": "above", "<": "below"}
        made = Requirement(found["key"], operators[found["sign"]], (found["value"],))
    else:
        made = Requirement(found["key"], "exists")
    form = "-?[0-9]+" if made.operator in ("above", "below") else LABEL_VALUE
    sound = re.fullmatch(LABEL_KEY, made.key) and all(re.fullmatch(form, one) for one in made.values)
    return made if sound else None
