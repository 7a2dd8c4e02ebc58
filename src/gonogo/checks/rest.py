"""A component that is asked over HTTP: a limit on every call, and every failure one outcome and cause."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from gonogo.checks.bearer import expired, refused
from gonogo.checks.translate import from_proxy, proxied, reaching
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    Refused,
    ServerError,
    Unavailable,
    Untrusted,
    Wrong,
)
from gonogo.core.lean import without
from gonogo.core.loading import also, need, once
from gonogo.core.names import fits_a_header
from gonogo.core.outlet import detail, uncut

if TYPE_CHECKING:
    import httpx  # for a collection, which asks nobody, it would be the costliest import of all

Answer: TypeAlias = "httpx.Response"
"""What a server said, with its status; httpx itself is imported where the first call is made."""
Judge: TypeAlias = "Callable[[Answer], ClientError | Wrong | None]"
"""What a component knows about its own refusals; None leaves the answer to the general rule."""
Auth: TypeAlias = "tuple[str, str] | Callable[[httpx.Request], httpx.Request]"
"""User and password, or what signs a request."""
GRACE = 1.0
"""Seconds that a whole call may take more than its parts: where nothing comes at all, the library's error says more."""


@once
def load() -> None:
    """Import httpx without its program, which wants to colour what it prints, and what its first call imports."""
    with without("pygments"):
        need("httpx")
    also("httpcore")


def trusting(endpoints: Endpoints) -> ssl.SSLContext:
    """TLS as a component's client speaks it: it trusts ``ca``, else the system, and shows ``cert`` with its ``key``.

    Raises ``Untrusted`` where they are no certificate and key of one another.
    """
    context = ssl.create_default_context(cafile=endpoints.get("ca"))
    if cert := endpoints.get("cert"):
        try:
            # without an answer OpenSSL would ask the terminal for the pass phrase of a key
            context.load_cert_chain(cert, endpoints.get("key"), password=lambda: "")
        except ssl.SSLError as error:
            said = f"{cert} is not of the key {endpoints.get('key', cert)}, or that has a pass phrase"
            raise Untrusted(endpoints.component, f"{said}: {error}") from error
    return context


class Rest:
    """Calls below one address, with the component's credentials.

    Proxies are as the environment says (``core/proxies.py``). A call may be given another ``auth``,
    also None. ``name`` is the host that the server's certificate must name, where that is not the one of the address.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        url: str,
        *,
        name: str | None = None,
        auth: Auth | None = None,
        judge: Judge = lambda _: None,
    ) -> None:
        self.component, self._endpoints, self._url, self._judge = endpoints.component, endpoints, url, judge
        self._auth = auth
        self._extensions = {"sni_hostname": name} if name else {}

    @cached_property
    def _http(self) -> httpx.Client:
        import httpx

        timeouts = self._endpoints.timeouts
        return httpx.Client(
            base_url=self._url,
            auth=self._auth,
            timeout=httpx.Timeout(timeouts.check, connect=timeouts.connect),
            # a connection for each call: a server that fails at one may cut it, and the next call with it
            headers={"Connection": "close"},
            # reading the system's certificates takes longer than most calls, and plain HTTP has no use for them
            verify=trusting(self._endpoints) if self._url.startswith("https") else False,
            proxy=proxied(self.component, self._url),
            trust_env=False,
            event_hooks={"request": [self._counted]},
        )

    def _counted(self, request: httpx.Request) -> None:
        self._endpoints.sends(int(request.headers.get("Content-Length", 0)))

    def ask(self, method: str, path: str, *, accept: Collection[int] = (), **given: Any) -> Answer:
        """The answer, where its status is below 400 or in ``accept``; ``given`` is what httpx takes.

        Raises ``ClientError``: ``Denied`` for 401, ``Forbidden`` for 403, ``Unavailable`` for 5xx; ``ServerError`` for
        any other refusal, and for 500, where its body is JSON, as an API's own are; ``Garbled`` for one of something
        else; and whatever the component's judge says instead.
        """
        timeouts = self._endpoints.timeouts
        with reaching(self.component, _cut(self.component)), _Limit(timeouts.connect + timeouts.check + GRACE) as limit:
            extensions = {**self._extensions, "trace": limit.trace}
            answer = self._http.request(method, path, extensions=extensions, **given)
        detail(f"asked {self.component}: {method} {answer.request.url.path}: HTTP {answer.status_code}")
        if answer.status_code < 400 or answer.status_code in accept:
            return answer
        if met := from_proxy(self.component, answer.status_code, answer.headers, own=_json(answer)):
            raise met
        error = self._judge(answer) or _refusal(self.component, answer)
        shown = getattr(given.get("auth", self._auth), "token", "")
        if isinstance(error, Denied) and shown and expired(shown):
            error = refused(error, shown)
        raise error

    def json(self, method: str, path: str, **given: Any) -> Any:
        """The JSON of the answer; ``Garbled`` where it is none. Otherwise as :meth:`ask`."""
        answer = self.ask(method, path, **given)
        with reaching(self.component):
            return answer.json()

    def close(self) -> None:
        """Give back the connections; may be called twice."""
        if "_http" in vars(self):
            self._http.close()


def bearer(token: str) -> Auth:
    """A token in the header ``Authorization``; for one that no header can hold the call raises ``Denied``."""

    def sign(request: httpx.Request) -> httpx.Request:
        if not fits_a_header(token):  # the library's own error would show it
            raise _Unsendable("the token holds a line break, or is not ASCII; it is not shown")
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    sign.token = token  # type: ignore[attr-defined]
    return sign


class _Unsendable(ValueError):
    """Credentials that cannot be part of a request."""


def said(answer: Answer) -> str:
    """Request, status and the beginning of the body, on one line."""
    request = answer.request
    body = " ".join(answer.text.split())
    return uncut(f"{request.method} {request.url.path}: HTTP {answer.status_code} {body}", 400)[:400]


class _Limit:
    """All of a call within so many seconds: the library's time-out is for each byte, and they may come slowly.

    Raises ``TimeoutError`` in place of what the library makes of the cut connection.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._over, self._stream = seconds, threading.Event(), None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def trace(self, event: str, told: dict[str, Any]) -> None:
        """What httpcore tells of each step: the connection that is in use, plain and then with TLS."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = told["return_value"]

    def _end(self) -> None:
        self._over.set()
        if self._stream is not None:
            with suppress(OSError, RuntimeError, ValueError):  # it has come to its end by itself meanwhile
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Limit:
        self._timer.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._timer.cancel()
        if self._over.is_set() and not isinstance(error, KeyboardInterrupt):
            raise TimeoutError(f"not all of it within {self._seconds:g} s") from error


def _cut(component: str) -> Callable[[BaseException], ClientError | None]:
    # A server that dies in the middle of a call closes the connection in good order: to httpx a breach
    # of protocol, to us a reset.
    import httpx

    def known(error: BaseException) -> ClientError | None:
        if isinstance(error, httpx.RemoteProtocolError):
            return Refused(component, f"the connection was cut: {error}")
        return Denied(component, str(error)) if isinstance(error, _Unsendable) else None

    return known


def _refusal(component: str, answer: Answer) -> ClientError:
    status = answer.status_code
    kinds: dict[int, type[ClientError]] = {401: Denied, 403: Forbidden}
    told, path = said(answer), str(answer.request.url.path)
    if status not in kinds and status <= 500 and _json(answer):
        return ServerError(component, told, asked=path, code=f"HTTP {status}")
    return kinds.get(status, Unavailable if status >= 500 else Garbled)(component, told, asked=path)


def _json(answer: Answer) -> bool:
    """Whether the body is what a program says to programs: a JSON object."""
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False
