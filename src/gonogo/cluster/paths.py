"""The paths of the API server. What is no :class:`Path` is never asked for, and no other module makes one of text.

Names come from its answers too, and who may write an EndpointSlice or a custom resource chooses them: as part of a
path, ``web-0/exec?command=…`` would be another question, asked with our credentials.
"""

from __future__ import annotations

from gonogo.core.errors import Garbled
from gonogo.core.names import is_selector, is_subdomain

ABOUT = "health"
"""Whom an answer that holds no names is about, until somebody says so (``ClientError.about``)."""


class Path(str):
    """``/api/v1/namespaces/data/pods/web-0/log``: each part is a name, so that none can add or leave one."""

    __slots__ = ()

    def __new__(cls, *parts: str) -> Path:
        """Raises ``Garbled`` where a part is no name."""
        return super().__new__(cls, "".join(f"/{named(part)}" for part in parts))


def named(text: object) -> str:
    """The name of an object, as it is. Raises ``Garbled`` for what Kubernetes lets nothing be called."""
    if isinstance(text, str) and is_subdomain(text):
        return text
    raise Garbled(ABOUT, f"the API server named {_shown(text)}, which is no name; nothing was asked of it")


def selector(labels: dict[str, str]) -> str:
    """The objects with all these labels. Raises ``Garbled`` where one is no label."""
    for key, value in labels.items():
        if not is_selector(key, value):
            raise Garbled(ABOUT, f"the API server selects by {_shown(f'{key}={value}')}, which is no label")
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _shown(text: object) -> str:
    told = repr(text)
    return told if len(told) <= 80 else f"{told[:80]}…"
