"""Proxies as the environment says: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, in lower case too.

What listens on this machine is never asked through one. Only HTTP goes through them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit, urlunsplit

from gonogo.core.errors import ConfigError, Problem, ProxyRefused, ProxyUnreachable
from gonogo.core.loading import LOADING, need
from gonogo.core.outlet import learn

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""For the ``NO_PROXY`` of programs that do not know by themselves what is no business of a proxy's."""

GATEWAY = frozenset((502, 503, 504))
"""What a proxy answers that does not reach the server; a server behind another one does so too."""

SIGNS = ("proxy-status", "x-squid-error")
"""Headers by which a proxy says that an error is its own: RFC 9209, and Squid's."""


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address; None: it is asked directly, as where that is of SOCKS.

    Raises ``ConfigError`` where what the environment names is no address.
    """
    where = urlsplit(url)
    host = where.hostname or ""
    if is_loopback(host) or not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    with LOADING:
        need("urllib.request")  # as long as most clients take to load, and few environments name a proxy
    from urllib.request import getproxies_environment

    known = getproxies_environment()
    proxy = known.get(where.scheme) or known.get("all")
    if not proxy or _bypassed(host, where.port, known):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        named = urlsplit(proxy)
        learn(*filter(None, (named.password, unquote(named.password or ""))))
        usable = bool(named.hostname) and named.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(Problem(f"{where.scheme.upper()}_PROXY", "is no address of a proxy", "http://host:port"))
    return proxy if named.scheme in ("http", "https") else None


def _bypassed(host: str, port: int | None, known: dict[str, str]) -> bool:
    """As the standard library reads ``NO_PROXY``, and with networks in it: ``10.0.0.0/8``."""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    if proxy_bypass_environment(f"{host}:{port}" if port else host, known):
        return True
    with suppress(ValueError):
        address = ip_address(host)
        for one in known.get("no", "").split(","):
            with suppress(ValueError):
                if "/" in one and address in ip_network(one.strip(), strict=False):
                    return True
    return False


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def shown(proxy: str) -> str:
    """The proxy's address without who logs in there."""
    where = urlsplit(proxy)
    return urlunsplit((where.scheme, where.netloc.rpartition("@")[2], "", "", ""))


def unreachable(component: str, proxy: str, within: float) -> ProxyUnreachable | None:
    """That the proxy itself cannot be connected to; None where it can, so that what failed lies behind it."""
    import socket

    where = urlsplit(proxy)
    port = where.port or {"https": 443, "http": 80}.get(where.scheme, 1080)
    try:
        socket.create_connection((where.hostname or "", port), within).close()
    except OSError as error:
        return ProxyUnreachable(component, f"the proxy {shown(proxy)} cannot be reached: {error}")
    return None


def refused(component: str, proxy: str, said: str) -> ProxyRefused:
    """That the proxy does not lead to the component: ``said`` is its answer."""
    return ProxyRefused(component, f"the proxy {shown(proxy)} does not lead there: {said}")


def answered_itself(status: int, headers: Iterable[str], *, own: bool) -> bool:
    """Whether an answer that came through a forwarding proxy is the proxy's.

    ``own``: it is of the form that the server's errors have. One of 502, 503 or 504 that is not is nobody's that we
    know, so that it cannot be held against the server.
    """
    marked = any(name.lower() in SIGNS for name in headers)
    return status == 407 or (status in GATEWAY and (marked or not own))
