"""Secrets out of text: known values first, wherever they stand, then what shows by its form.

``known`` finds values that the process has read or made, ``forms`` what stands around a secret, ``names`` and ``words``
tell names and values that are secret from those that are not. All of it is pure; who prints or writes goes through
:mod:`gonogo.core.outlet`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from gonogo.redaction import forms
from gonogo.redaction.known import SHORTEST, Known

MASK = "***"

Redacted = NewType("Redacted", str)
"""Text that has been through a :class:`Redactor`: what may be shown."""

__all__ = ["MASK", "SHORTEST", "Redacted", "Redactor", "bounded"]


class Redactor:
    """Callable from text to text. Applying it twice changes nothing more. Safe for threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.known = Known()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Know one more value, in every form in which it may be met; one below 6 characters is ignored."""
        self.known.add(secret)

    def __call__(self, text: str) -> Redacted:
        """``text`` with every secret replaced by ``***``."""
        return self.after("", text)

    def after(self, before: str, text: str) -> Redacted:
        """As calling it, where ``before`` stands in front of ``text`` and was shown already."""
        raw = (before + text).encode("utf-8", "surrogatepass")
        found = self._spans(raw)
        cut = len(before.encode("utf-8", "surrogatepass")) if before else 0
        found = [(max(begin, cut), end) for begin, end in found if end > cut]
        if not found:
            return Redacted(text)
        return Redacted(_without(raw, found, cut).decode("utf-8", "surrogatepass"))

    def suspicious(self, texts: Iterable[str]) -> list[str]:
        """Those of the texts in which there may be a secret: all of them are looked through at once."""
        parts = [*texts]
        raws = [part.encode("utf-8", "surrogatepass") for part in parts]
        found = sorted(self._spans(_BETWEEN.join(raws)))
        kept, begin, number = [], 0, 0
        for part, raw in zip(parts, raws, strict=True):
            end = begin + len(raw)
            while number < len(found) and found[number][1] <= begin:
                number += 1
            # a span that reaches over several texts may hide that there is one in each
            if any(first < end for first, _ in found[number : number + 1]):
                kept.append(part)
            begin = end + len(_BETWEEN)
        return kept

    def unfinished(self, text: str) -> int:
        """How many bytes at the end of ``text`` may be the beginning of a known value."""
        return self.known.unfinished(text.encode("utf-8", "surrogatepass"))

    def _spans(self, raw: bytes) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        self.known.find(raw, found)
        forms.find(raw, found)
        return found


_BETWEEN = b"\n\x00\n"


def _without(raw: bytes, found: list[tuple[int, int]], start: int = 0) -> bytes:
    """``raw`` from ``start`` on with a mask in place of each span; spans that touch are one."""
    found.sort()
    parts: list[bytes] = []
    done = start
    for begin, end in found:
        if begin < done or (begin == done and parts):
            done = max(done, end)
            continue
        parts += [raw[done:begin], b"***"]
        done = end
    parts.append(raw[done:])
    return b"".join(parts)


def bounded(text: str, limit: int) -> tuple[str, bool]:
    """About ``limit`` characters of ``text``, and whether any were left out.

    A quarter of what is kept comes from the beginning, the rest from the end, cut at line ends where
    there are any. Redact first: a cut through a secret would hide it from the redactor.
    """
    if len(text) <= limit:
        return text, False
    head, tail = text[: limit // 4], text[len(text) - (limit - limit // 4) :]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    gap = "" if head.endswith("\n") or not head else "\n"
    left_out = len(text) - len(head) - len(tail)
    return f"{head}{gap}[… {left_out:,} characters left out …]\n{tail}", True
