"""Short-lived credentials: what a program prints, an issuer gives or a file holds, asked again before it expires."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote_plus, urlsplit

import msgspec

from gonogo.core import proxies
from gonogo.core.endpoints import Secret, Value
from gonogo.core.errors import CredentialUnavailable
from gonogo.core.files import content
from gonogo.core.loading import LOADING, need
from gonogo.core.outlet import redacted, uncut

LARGEST_SECRET = 1 << 20
"""Bytes of what a reference stands for."""

PATIENCE = 30.0
"""Seconds that the program may take."""

ISSUER_SECONDS = 10.0
"""How long an issuer may take for one token."""

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


class CredentialFile:
    """A file whose value says until when it holds, as one that somebody writes anew: read again before that."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> Value:
        """Raises ``ConfigError`` where it cannot be read any more."""
        value = content(self.path, LARGEST_SECRET).decode(errors="replace").rstrip("\r\n")
        return Value(value, time.monotonic() + _holds(value, time.time()) * 0.8)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CredentialFile) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)


class ClientCredentials:
    """The issuer of ``[components.<c>.oauth]``: a token for our client, RFC 6749 section 4.4; calling it asks.

    ``table`` has ``url`` of the token endpoint and ``client_id``, may have ``scope``, ``audience`` and ``ca``. Raises
    ``CredentialUnavailable``, with the kind ``issuer_refused`` and the issuer's code where it refuses us,
    ``ProxyRefused`` and ``ProxyUnreachable``.
    """

    def __init__(self, component: str, table: Mapping[str, Any], secret: Secret) -> None:
        self.component, self.table, self.secret = component, dict(table), secret

    def __call__(self) -> Value:
        with LOADING:
            need("ssl", "httpx")  # no other verb than one that asks takes their time
        import ssl

        import httpx

        url, proxy = str(self.table["url"]), proxies.proxy_for(str(self.table["url"]))
        login = (quote_plus(str(self.table["client_id"])), quote_plus(self.secret.reveal()))
        asked = {key: str(self.table[key]) for key in ("scope", "audience") if self.table.get(key)}
        try:
            verify = ssl.create_default_context(cafile=self.table.get("ca")) if url.startswith("https") else False
            with httpx.Client(proxy=proxy, trust_env=False, verify=verify, timeout=ISSUER_SECONDS) as issuer:
                answer = issuer.post(url, data={"grant_type": "client_credentials", **asked}, auth=login)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            if proxy and (gone := proxies.unreachable(self.component, proxy, ISSUER_SECONDS)):
                raise gone from error
            if isinstance(error, httpx.ProxyError):
                raise proxies.refused(self.component, str(proxy), str(error)) from error
            raise self._error(f"cannot be asked: {error or type(error).__name__}") from error
        return self._value(answer, proxy if not url.startswith("https") else None)

    def _value(self, answer: Any, forwarded_by: str | None) -> Value:
        try:
            told = msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            told = None
        own = isinstance(told, dict)
        if forwarded_by and proxies.answered_itself(answer.status_code, answer.headers, own=own):
            raise proxies.refused(self.component, forwarded_by, f"HTTP {answer.status_code}")
        if own and isinstance(code := told.get("error"), str):
            why = f"{code}: {told.get('error_description', '')}".rstrip(": ")
            raise self._error(f"refuses our client: HTTP {answer.status_code} {why}", "issuer_refused").given(code=code)
        if answer.status_code != 200 or not own or not isinstance(token := told.get("access_token"), str) or not token:
            raise self._error(f"answers HTTP {answer.status_code}, and no token: {' '.join(answer.text.split())}")
        now = time.time()
        said, own_word = read(answer.text, now), _told(token, now)
        holds = min([one for one in (said.holds if said else None, own_word) if one is not None], default=AGAIN)
        return Value(token, time.monotonic() + max(0.0, holds) * 0.8)

    def _error(self, what: str, kind: str = "") -> CredentialUnavailable:
        told = uncut(f"the issuer of tokens at {proxies.shown(str(self.table['url']))} {what}", 400)[:400]
        return CredentialUnavailable(self.component, told, kind=kind)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, ClientCredentials) and (other.table, other.secret) == (self.table, self.secret)
        return same and other.component == self.component  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.component, self.table["url"], self.secret))


def ends(value: str) -> datetime | None:
    """When a token expires by its own word: ``exp`` of a JSON Web Token, or a signed address of AWS; None: untold."""
    with suppress(ValueError):
        if "." not in value and "://" in (plain := base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()):
            value = plain  # as Kafka on AWS is shown it
    now = time.time()
    holds = _told(value, now)
    with suppress(OverflowError, OSError, ValueError):
        return None if holds is None else datetime.fromtimestamp(now + holds, UTC)
    return None


def claims(value: str) -> dict[str, Any]:
    """What a JSON Web Token says, unverified; empty where it is none."""
    if token := JWT.fullmatch(value):
        with suppress(ValueError, msgspec.DecodeError):
            found = msgspec.json.decode(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
            return found if isinstance(found, dict) else {}
    return {}


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
    """How long it holds by what it says itself; what says nothing is asked for again after ``AGAIN``."""
    told = _told(value, now)
    return AGAIN if told is None else max(0.0, told)


def _told(value: str, now: float) -> float | None:
    """Seconds, less than none where it has expired; a JSON Web Token, or a signed address as AWS has for databases."""
    with suppress(KeyError, ValueError, TypeError):
        return float(claims(value)["exp"]) - now
    if "X-Amz-Expires=" in value:
        with suppress(KeyError, ValueError):
            query = parse_qs(urlsplit(value if "://" in value else f"https://{value}").query)
            begun = datetime.strptime(query["X-Amz-Date"][0] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
            return begun + float(query["X-Amz-Expires"][0]) - now
    return None
