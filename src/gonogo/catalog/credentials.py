"""Short-lived credentials: a value that a program prints, asked again before it expires."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from gonogo.core.endpoints import Value
from gonogo.core.errors import CredentialUnavailable
from gonogo.core.outlet import redacted

LARGEST_SECRET = 1 << 20
"""Bytes of what a reference stands for."""

PATIENCE = 30.0
"""Seconds that the program may take."""

AGAIN = 300.0
"""Seconds after which a value is asked for again that does not say until when it holds."""

JWT = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]*", re.ASCII)
"""RFC 7519: the middle part holds the claims."""

KNOWN = (("status", "token"), ("access_token",), ("token",), ("password",), ("Token",), ("Password",))
"""Where JSON holds the one value: an ExecCredential of Kubernetes, an answer of RFC 6749, and plain words."""

ENDS = (("status", "expirationTimestamp"), ("Expiration",), ("expiration",), ("expires_at",))
"""Where JSON says until when, RFC 3339: Kubernetes' ExecCredential, the ``credential_process`` of the AWS SDKs."""


class Said(NamedTuple):
    """What a program printed: the value, and for how many seconds from now it holds."""

    value: str
    holds: float


class CredentialProgram:
    """The program of ``{ command = ["argv", …] }``; calling it runs it.

    Raises ``CredentialUnavailable`` where it cannot be run, ends with another code than 0, or prints no one value.
    """

    def __init__(self, component: str, argv: Sequence[str], folder: Path) -> None:
        self.component, self.argv, self.folder = component, tuple(argv), folder

    def __call__(self) -> Value:
        said = read(self._printed(), time.time())
        if said is None:
            raise self._error("prints JSON in which no one value is known; let it print the value alone")
        if not said.value:
            raise self._error("prints nothing")
        # a fifth of its time is left for what is begun with it
        return Value(said.value, time.monotonic() + said.holds * 0.8)

    def _printed(self) -> str:
        try:
            program = subprocess.Popen(
                self.argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it starts can be ended with it
            )
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be run: {getattr(error, 'strerror', None) or error}") from None
        with program:
            try:
                printed, told = program.communicate(timeout=PATIENCE)
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise self._error(f"did not end within {PATIENCE:g} s") from None
        if program.returncode:
            lines = redacted(told.decode(errors="replace")).strip().splitlines()
            raise self._error(f"ended with code {program.returncode}" + (f": {lines[-1]}" if lines else ""))
        if len(printed) > LARGEST_SECRET:
            raise self._error(f"prints more than {LARGEST_SECRET} bytes")
        try:
            return printed.decode().strip("\r\n")
        except UnicodeDecodeError:
            raise self._error("prints what is not UTF-8") from None

    def _error(self, what: str) -> CredentialUnavailable:
        # arguments may be secret; which program it is, is not
        return CredentialUnavailable(self.component, f"the credential's program {self.argv[0]!r} {what}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CredentialProgram) and (other.argv, other.folder) == (self.argv, self.folder)

    def __hash__(self) -> int:
        return hash((self.argv, self.folder))


def found(argv: Sequence[str], folder: Path) -> bool:
    """Whether there is such a program."""
    return bool(argv) and (shutil.which(argv[0]) is not None or shutil.which(str(folder / argv[0])) is not None)


def read(text: str, now: float) -> Said | None:
    """The value in a program's output, and the seconds for which it holds; None where JSON holds no known one.

    ``now`` is seconds since the epoch.
    """
    if not text.lstrip().startswith("{"):
        return Said(text, _holds(text, now))
    try:
        table = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return Said(text, AGAIN)
    value = next((v for path in KNOWN if isinstance(v := _at(table, path), str) and v), None)
    if value is None:
        return None
    if isinstance(seconds := table.get("expires_in"), int | float):
        return Said(value, max(0.0, float(seconds)))
    for path in ENDS:
        with suppress(ValueError, TypeError):
            return Said(value, max(0.0, datetime.fromisoformat(_at(table, path)).timestamp() - now))
    return Said(value, _holds(value, now))


def _at(table: Any, path: Sequence[str]) -> Any:
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _holds(value: str, now: float) -> float:
    """How long it holds by what it says itself: a JSON Web Token, or a signed address as AWS has for databases."""
    if token := JWT.fullmatch(value):
        with suppress(ValueError, TypeError, msgspec.DecodeError):
            claims = msgspec.json.decode(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
            return max(0.0, float(_at(claims, ("exp",))) - now)
    if "X-Amz-Expires=" in value:
        with suppress(KeyError, ValueError):
            query = parse_qs(urlsplit(value if "://" in value else f"https://{value}").query)
            begun = datetime.strptime(query["X-Amz-Date"][0] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
            return max(0.0, begun + float(query["X-Amz-Expires"][0]) - now)
    return AGAIN
