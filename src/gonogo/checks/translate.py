"""From any exception to the one question that matters: is the platform wrong, or could we not ask?

Client libraries wrap transport errors in classes of their own; the errno at the bottom of the chain is
what tells a refused connection (the platform is wrong) from a time-out (we could not ask).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from gonogo.core import proxies
from gonogo.core.errors import ClientError, ClusterLost, Garbled, Refused, TimedOut, Unresolved, Untrusted, worded

SILENT = {TimedOut: "no answer within the limit", Refused: "the connection was refused or cut"}
"""What an exception without a text means."""

CERTIFICATES: Mapping[int, str] = {
    **dict.fromkeys((2, 7, 18, 19, 20, 21, 24, 27, 30, 79), "authority_unknown"),
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    **dict.fromkeys((62, 63, 64), "certificate_wrong_name"),
}
"""Why OpenSSL does not trust a certificate (``X509_V_ERR_…`` of its x509_vfy.h), and the kind of signature of each."""

ALERTS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV1_ALERT_ACCESS_DENIED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
}
"""OpenSSL's names for what a server sends that does not accept the client's certificate, or misses it (RFC 8446, 6.2).

A handshake that fails is what TLS 1.2 and Java have for a missing one.
"""

PLAIN = {
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "WRONG_VERSION_NUMBER",
}
"""OpenSSL's names for an answer that is no TLS."""


class Unadmitted(ssl.SSLError):
    """A server asked for a certificate, and let us go no further without saying why in TLS."""


Known = Callable[[BaseException], ClientError | None]
"""What a client knows about its own library's exceptions."""

Fault = Callable[[], ClientError | None]
"""Why the latest connection was cut on its way, or None where nothing on the way was at fault."""

_faults: dict[str, Fault] = {}
_proxies: dict[str, tuple[str, bool]] = {}
"""The proxy of each component that is asked through one, and whether that forwards what we say or is a tunnel."""

PROXY_SECONDS = 5.0
"""How long a proxy may take to accept a connection."""


def forwarded(component: str, fault: Fault | None) -> None:
    """Connections to the component go through a forward, which alone knows why one was cut; None: no longer.

    To a client library a pod that is gone and a lost API server are the same reset connection.
    """
    if fault is None:
        _faults.pop(component, None)
    else:
        _faults[component] = fault


def proxied(component: str, url: str) -> str | None:
    """The proxy through which the component is asked at this address, as the environment says; None: directly.

    From now on what fails on the way is known for the proxy's fault.
    """
    proxy = proxies.proxy_for(url)
    if proxy is None:
        _proxies.pop(component, None)
    else:
        _proxies[component] = (proxy, not url.startswith("https"))
    return proxy


def from_proxy(component: str, status: int, headers: Iterable[str], *, own: bool) -> ClientError | None:
    """That an answer is the proxy's and not the component's, or None; ``own`` as in ``proxies.answered_itself``."""
    proxy, forwards = _proxies.get(component, ("", False))  # what comes out of a tunnel is the server's
    if not forwards or not proxies.answered_itself(status, headers, own=own):
        return None
    return proxies.refused(component, proxy, f"HTTP {status}")


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it was raised from, outermost first, each once."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        linked += getattr(current, "exceptions", ())
        queue += [e for e in linked if isinstance(e, BaseException)]


def translated(component: str, error: BaseException) -> ClientError | None:
    """The ``ClientError`` that a transport error means, or None where it is no transport error."""
    return _on_the_way(component, error, _translated(component, error))


def understood(component: str, error: BaseException, known: Known = lambda _: None) -> ClientError | None:
    """What an exception means to a client that knows its own library's, or None where it is neither's."""
    return _on_the_way(component, error, known(error) or _translated(component, error))


def _on_the_way(component: str, error: BaseException, meant: ClientError | None) -> ClientError | None:
    if component in _proxies:
        return _through_proxy(component, error, meant)
    if not isinstance(meant, Refused | TimedOut) or component not in _faults:
        return meant
    if (fault := _faults[component]()) is not None:
        return fault
    # Whoever resets a connection to a forward is the forward: where no pod gave the reason, the platform did nothing.
    if any(isinstance(one, ConnectionResetError | ConnectionRefusedError) for one in chain(error)):
        return ClusterLost(component, "the connection was cut on its way through a port-forward, and no pod said why")
    return meant


def _through_proxy(component: str, error: BaseException, meant: ClientError | None) -> ClientError | None:
    # ProxyError: httpx, httpcore, urllib3, requests; ProxyConnectionError: botocore
    answered = [one for one in chain(error) if type(one).__name__ in ("ProxyError", "ProxyConnectionError")]
    if not answered and not isinstance(meant, Refused | TimedOut | Unresolved):
        return meant
    proxy, _ = _proxies[component]
    if (gone := proxies.unreachable(component, proxy, PROXY_SECONDS)) is not None:
        return gone
    if answered:
        return proxies.refused(component, proxy, worded(answered[-1]))
    if isinstance(meant, Refused):
        return proxies.refused(component, proxy, f"the connection was cut on its way: {meant}")
    return meant


def _translated(component: str, error: BaseException) -> ClientError | None:
    found = list(chain(error))
    for one in found:
        if isinstance(one, ClientError):
            return one
    for kinds, meaning in (
        ((ConnectionError,), Refused),
        ((ssl.SSLError,), Untrusted),
        ((socket.gaierror,), Unresolved),
        ((TimeoutError,), TimedOut),
    ):
        for one in found:
            if isinstance(one, ssl.SSLError) and ssl.SSLError in kinds:
                return untrusted(component, one)
            if isinstance(one, kinds):
                return meaning(component, worded(one) or SILENT.get(meaning, type(one).__name__))
    names = " ".join(type(one).__name__ for one in found)
    text = f"{type(error).__name__}: {worded(error)}"
    if "Timeout" in names or "TimedOut" in names:
        return TimedOut(component, text)
    if "DecodeError" in names or "DecodingError" in names or "ProtocolError" in names:
        return Garbled(component, text)
    return None


def untrusted(component: str, error: ssl.SSLError) -> Untrusted:
    """What OpenSSL says of a connection that did not come about, by its numbers and names."""
    kind = ""
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = CERTIFICATES.get(getattr(error, "verify_code", 0), "")
    elif isinstance(error, Unadmitted) or (reason := getattr(error, "reason", None)) in ALERTS:
        kind = "client_certificate_refused"
    elif reason in PLAIN:
        kind = "tls_not_spoken"
    return Untrusted(component, worded(error) or type(error).__name__, kind=kind)


@contextmanager
def reaching(component: str, known: Known = lambda _: None) -> Iterator[None]:
    """Turn what the body's client library raises into ``ClientError``; other exceptions pass through."""
    try:
        yield
    except (ClientError, AssertionError):
        raise
    except Exception as error:
        meant = understood(component, error, known)
        if meant is None:
            raise
        raise meant from error
