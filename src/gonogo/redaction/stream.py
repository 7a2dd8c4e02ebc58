"""A text that comes in pieces: no secret slips through between two of them."""

from __future__ import annotations

import re

from gonogo.redaction import Redacted, Redactor
from gonogo.redaction.patterns import pattern

_MOST = 1 << 20
"""Characters of one line that are waited for."""

_OPEN = pattern(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?!.*-----END )|kind\W{1,6}Secret\b(?!.*\n---)",
    re.DOTALL | re.IGNORECASE,
)
"""What goes on for many lines."""
_NEAR, _LINES = 2000, 6
"""Characters, and lines, of what was shown last that may say what the next line is: ``password:``."""
_MAY_BEGIN = pattern(r"pass|pw|secret|token|key|cred|auth|cookie|bearer|basic|sig|://|-----|eyJ", re.IGNORECASE)
_CONTEXT = 20_000


class RedactingStream:
    """What was fed comes out redacted, in the same order: whole lines at once, the rest when it is safe."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._waiting = ""
        self._before = ""
        """What has gone out and may still say what the next line is: the first lines of a key, ``password:``."""

    def feed(self, text: str) -> Redacted:
        """What of this, and of what was waiting, may go out now."""
        self._waiting += text
        cut = self._waiting.rfind("\n") + 1
        if not cut and len(self._waiting) > _MOST:
            cut = len(self._waiting)
        if not cut:
            return Redacted("")
        ready, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return self._out(ready)

    def pause(self) -> Redacted:
        """As :meth:`feed`, with the unfinished line, as long as no secret may have begun in it."""
        waiting = self._waiting
        if not waiting or _MAY_BEGIN.search(waiting) or self._redact.unfinished(waiting):
            return Redacted("")
        self._waiting = ""
        return self._out(waiting)

    def end(self) -> Redacted:
        """All that was waiting."""
        waiting, self._waiting = self._waiting, ""
        return self._out(waiting)

    def _out(self, text: str) -> Redacted:
        shown = self._redact.after(self._before, text)
        told = self._before + text
        begun = _OPEN.search(told[-_CONTEXT:])
        latest = "".join(told[-_NEAR:].splitlines(keepends=True)[-_LINES:])
        if begun:
            self._before = told[-_CONTEXT:][begun.start() :]
        elif _MAY_BEGIN.search(latest):
            self._before = latest
        else:
            self._before = "" if text.endswith("\n") else told[told.rfind("\n") + 1 :][-400:]
        return shown
