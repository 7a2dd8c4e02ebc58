"""Charts: fetched once, kept in ``GONOGO_HOME`` by their digest, and known by it from then on.

Repositories: https://helm.sh/docs/topics/chart_repository/. Registries: the OCI distribution specification, with the
media types of https://helm.sh/docs/topics/registries/; what a registry serves to anybody is fetched, no more.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from gonogo.checks.rest import load
from gonogo.cluster.documents import documents
from gonogo.core import ours
from gonogo.core.content import Folder
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.home import shared
from gonogo.providers.helm.spec import DIGEST, OCI, Release

if TYPE_CHECKING:
    import httpx

LARGEST = 64 << 20
"""Bytes of an index of a repository or of a packed chart; the largest public index is some 25 MB."""

CONNECT, READ = 5.0, 30.0  # seconds

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

BESIDE = "name a .tgz or a folder of it in [components.<c>.helm] chart, or a mirror in repository"

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class KeptChart(NamedTuple):
    """A chart as it lies here. ``pinned``: ``helm.toml`` or the target names its digest; a folder needs none."""

    path: Path
    digest: str
    pinned: bool


def fetch(release: Release, folder: Folder, home: Path) -> KeptChart:
    """The release's chart, fetched unless it is here. Raises ``ConfigError`` where it cannot be had or is another."""
    if not release.remote:
        return _beside(release, folder)
    digest = release.digest or _recorded(release, home)
    if digest and (kept := _kept(home, digest)) is not None:
        return KeptChart(kept, digest, bool(release.digest))
    packed = _from_registry(release) if release.chart.startswith(OCI) else _from_repository(release)
    found = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    if digest and found != digest:
        whose = "is pinned" if release.digest else "was fetched first"
        what = f"is another chart than the one that {whose}: {found}, not {digest}"
        raise ConfigError(
            Problem(_named(release), what, "somebody published that version anew: look at it, then pin it")
        )
    ours.folder(shared(home / "charts"))
    ours.write(_place(home, found), packed)
    if not release.digest:
        ours.write(_record(release, home), found.encode())
    return KeptChart(_place(home, found), found, bool(release.digest))


def _beside(release: Release, folder: Folder) -> KeptChart:
    path = Path(str(folder / release.chart))
    if path.is_file():
        digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        if release.digest not in ("", digest):
            raise ConfigError(Problem(str(path), f"has digest {digest}, not {release.digest}"))
        return KeptChart(path, digest, True)
    if not (path / "Chart.yaml").is_file():
        raise ConfigError(Problem(str(path), "is no chart: neither a .tgz nor a folder with Chart.yaml"))
    whole = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file():
            whole.update(f"{one.relative_to(path)}\0".encode() + hashlib.sha256(one.read_bytes()).digest())
    return KeptChart(path, f"sha256:{whole.hexdigest()}", True)


# -- what is kept


def _place(home: Path, digest: str) -> Path:
    return home / "charts" / f"{digest.removeprefix('sha256:')}.tgz"


def _kept(home: Path, digest: str) -> Path | None:
    """The chart where it lies here as it was fetched; a damaged one counts as none."""
    path = _place(home, digest)
    try:
        return path if f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == digest else None
    except FileNotFoundError:
        return None


def _record(release: Release, home: Path) -> Path:
    """Where the digest of an unpinned chart is kept, by where it comes from."""
    source = "\0".join((release.repository, release.chart, release.version))
    return home / "charts" / f"{hashlib.sha256(source.encode()).hexdigest()}.digest"


def _recorded(release: Release, home: Path) -> str:
    try:
        digest = ours.read(_record(release, home)).decode()
    except FileNotFoundError:
        return ""
    return digest if DIGEST.fullmatch(digest) else ""


# -- where it comes from


def _from_repository(release: Release) -> bytes:
    base = release.repository.rstrip("/") + "/"
    with _reached(release) as client:
        index = _mapping(base + "index.yaml", _body(client, base + "index.yaml"))
        charts = index.get("entries") or {}
        versions = {str(one.get("version")): one for one in charts.get(release.chart) or ()}
        if release.version not in versions:
            known = versions or charts
            what = f"has no version {release.version}" if versions else "is not in the repository"
            raise ConfigError(
                Problem(_named(release), what, suggestion(release.version if versions else release.chart, known))
            )
        urls = versions[release.version].get("urls") or ()
        if not urls:
            raise ConfigError(Problem(_named(release), "the repository's index names no address for it", BESIDE))
        return _body(client, urljoin(base, str(urls[0])))


def _from_registry(release: Release) -> bytes:
    host, _, name = release.chart.removeprefix(OCI).partition("/")
    scheme = "http" if re.fullmatch(r"(localhost|127\.[\d.]+)(:\d+)?", host) else "https"
    base = f"{scheme}://{host}/v2/{name}"
    with _reached(release) as client:
        address = f"{base}/manifests/{release.version.replace('+', '_')}"  # a tag holds no plus sign
        manifest = _mapping(address, _body(client, address, MANIFEST))
        layers = [one.get("digest", "") for one in manifest.get("layers") or () if one.get("mediaType") == CONTENT]
        if len(layers) != 1:
            raise ConfigError(Problem(_named(release), "is no chart: its manifest holds no layer of that kind", BESIDE))
        return _body(client, f"{base}/blobs/{layers[0]}")


@contextmanager
def _reached(release: Release) -> Iterator[httpx.Client]:
    """A client with the system's authorities and the environment's proxies; its errors are sentences."""
    load()
    import httpx

    try:
        with httpx.Client(
            timeout=httpx.Timeout(READ, connect=CONNECT),
            follow_redirects=True,
            verify=ssl.create_default_context(),
            trust_env=True,
        ) as client:
            yield client
    except httpx.HTTPStatusError as error:
        what = f"{error.request.url.host} answers {error.response.status_code} for {error.request.url.path}"
        raise ConfigError(Problem(_named(release), what, BESIDE)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = f"cannot be fetched: {error or type(error).__name__}"
        raise ConfigError(Problem(_named(release), what, BESIDE)) from error


def _body(client: httpx.Client, url: str, accept: str = "*/*") -> bytes:
    """What is served there, 64 MiB at most."""
    headers = {"Accept": accept}
    for _ in range(2):
        with client.stream("GET", url, headers=headers) as answer:
            challenge = answer.headers.get("WWW-Authenticate", "") if answer.status_code == 401 else ""
            if challenge and "Authorization" not in headers and (token := _token(client, challenge)):
                headers["Authorization"] = f"Bearer {token}"
                continue
            answer.raise_for_status()
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise ConfigError(Problem(url, f"serves more than {LARGEST >> 20} MiB", BESIDE))
            return bytes(body)
    raise AssertionError("the second answer is taken or raised")


def _token(client: httpx.Client, challenge: str) -> str:
    """A token for anybody, from where the registry says that there are some; empty where it does not."""
    kind, _, given = challenge.partition(" ")
    words = dict(_CHALLENGE.findall(given))
    realm = words.pop("realm", "")
    if kind.lower() != "bearer" or not realm:
        return ""
    answer = client.get(realm, params=words)
    answer.raise_for_status()
    told = _mapping(realm, answer.content)
    return str(told.get("token") or told.get("access_token") or "")


def _mapping(source: str, body: bytes) -> dict[str, Any]:
    """One document of YAML, which JSON is too. Raises ``ConfigError`` where it is something else."""
    told = next(documents(source, body), None)
    if not isinstance(told, dict):
        raise ConfigError(Problem(source, "is neither an index of charts nor a manifest", BESIDE))
    return told


def _named(release: Release) -> str:
    where = f"{release.repository} {release.chart}" if release.repository else release.chart
    return f"{where} {release.version}"
