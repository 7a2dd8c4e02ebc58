"""helm, a program of its own: four calls, and nothing else of it is used.

It never waits (``--wait``), which gonogo does by itself, and no value stands in its arguments: values go through its
standard input. What it prints is shown, never decided by; what is so in the cluster is asked of the cluster.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, NamedTuple, TypeVar

import msgspec

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import KINDS, Api
from gonogo.core.codec import decode
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import expanded
from gonogo.core.outlet import redacted
from gonogo.core.waiting import until

OLDEST = (3, 18)
"""Earlier ones do not know labels of a release together with ``upgrade --install`` on all of its revisions."""

PATIENCE = 30.0
"""Seconds of a call that changes nothing."""

GRACE = 5.0
"""Seconds in which helm, asked to end, writes down that the release has failed."""

ONE_CORE: Mapping[str, str] = {"GOMAXPROCS": "1", "GOGC": "400"}
"""Of Go's runtime (pkg.go.dev/runtime, environment variables): a quarter less processor time for a render."""

SAID = 2000
"""Characters of what it printed that are shown."""

REVISION = "sh.helm.release.v1.{}.v{}"
"""The Secret in which helm keeps a revision of a release (helm, pkg/storage/storage.go)."""

GZIP = 16 + zlib.MAX_WBITS
"""That bytes have gzip's header (docs.python.org/3/library/zlib.html)."""

LARGEST = 64 << 20
"""Bytes of an unpacked revision that are read."""

HELM = "owner=helm"
"""The label of such a Secret; ``name``, ``status`` and ``version`` are others (pkg/storage/driver/secrets.go)."""

OURS = ("run", "target", "component", "chart", "values")
"""Labels ``gonogo/…`` of a release."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)")

T = TypeVar("T")


class HelmFailed(Exception):
    """helm ended with another code than 0; the text is what it said, without secrets."""


class HelmKilled(HelmFailed):
    """helm was ended from outside, by a signal that is not ours: the machine is at fault, and not the chart."""


def once_more(call: Callable[[], T], killed: Callable[[HelmKilled], None]) -> T:
    """What ``call`` returns, asked a second time where its helm is killed; ``killed`` hears of that, and may repair.

    Raises ``HelmKilled`` where the second one is, too.
    """
    try:
        return call()
    except HelmKilled as error:
        killed(error)
        return call()


class Installation(NamedTuple):
    """What is installed as ``release``: the chart's packed file or folder, and the values in YAML."""

    release: str
    namespace: str
    path: Path
    values: str


class HelmRelease(NamedTuple):
    """The newest revision of a release, as its own Secret is labelled; ``status`` is helm's word.

    ``run``, ``target``, ``component``, ``chart`` (name and version) and ``values`` (digest) are empty where gonogo did
    not install it. ``since`` is when that revision began.
    """

    name: str
    namespace: str
    revision: int
    status: str
    run: str = ""
    target: str = ""
    component: str = ""
    chart: str = ""
    values: str = ""
    since: str = ""


class _Secret(msgspec.Struct):
    data: dict[str, bytes]


class _Hook(msgspec.Struct):
    manifest: str


class _Kept(msgspec.Struct):
    manifest: str
    hooks: list[_Hook] | None = None


class Helm:
    """helm on one cluster. Raises ``ConfigError`` where it is not there or too old, when it is first used."""

    def __init__(self, settings: Kubernetes, api: Api) -> None:
        self._api = api
        self._where = _connection(settings)
        self._program = ""
        self._texts: dict[Installation, Future[str]] = {}
        self._lock, self._cores = Lock(), BoundedSemaphore(os.cpu_count() or 1)

    def seek(self) -> None:
        """Look for the program beside what else is done until it is needed; what is wrong with it is told then."""

        def look() -> None:
            with suppress(ConfigError), self._lock:
                self._program = self._program or found()

        Thread(target=look, name="helm", daemon=True).start()

    def render(self, chart: Installation) -> str:
        """The objects as helm would make them, hooks and CRDs among them; the cluster is not asked.

        The same is rendered once, whoever asks meanwhile: what ``up`` installs it has looked at before.
        """
        with self._lock:
            known = self._texts.get(chart)
            text = known or self._texts.setdefault(chart, Future())
        if known is None:
            words = ("template", chart.release, str(chart.path), "--include-crds", *_values(chart))
            try:
                with self._cores:  # more of them side by side take longer together
                    text.set_result(self._run(words, chart.values, PATIENCE, renders=True))
            except BaseException as error:
                if not isinstance(error, HelmFailed) or isinstance(error, HelmKilled):  # what helm refuses it refuses
                    del self._texts[chart]
                text.set_exception(error)
        return text.result()

    def install(
        self, chart: Installation, labels: Mapping[str, str], within: float, running: Callable[[], None] = lambda: None
    ) -> None:
        """Install the release, or upgrade it; returns once hooks are done. ``running`` raises to end it early.

        Custom resource definitions are left to whoever upgrades them too.
        """
        told = ",".join(f"{key}={value}" for key, value in labels.items())
        limit = ("--timeout", f"{within:.0f}s", "--skip-crds", "--labels", told)
        self._run(
            ("upgrade", "--install", chart.release, str(chart.path), *limit, *_values(chart), *self._where),
            chart.values,
            within + GRACE,
            running,
        )

    def uninstall(self, name: str, namespace: str, within: float, running: Callable[[], None] = lambda: None) -> None:
        """Remove a release, its hooks run; one that is gone is no fault."""
        limit = ("--timeout", f"{within:.0f}s", "--ignore-not-found")
        self._run(("uninstall", name, "--namespace", namespace, *limit, *self._where), "", within + GRACE, running)

    def list(self, namespace: str | None = None) -> list[HelmRelease]:
        """Every release, in whatever state, of one namespace or of all; nothing of what they hold is read.

        Raises ``ClientError``.
        """
        return newest(self._api.metadata(KINDS["Secret"], namespace, labels=HELM))

    def history(self, namespace: str, name: str) -> Sequence[HelmRelease]:
        """Every revision of one release that helm still keeps, the oldest first. Raises ``ClientError``."""
        every = self._api.metadata(KINDS["Secret"], namespace, labels=f"{HELM},name={name}")
        return sorted(map(_revision, every), key=lambda one: one.revision)

    def kept(self, release: HelmRelease) -> str:
        """What helm made of a revision, hooks among it and the chart's own CRDs not; empty where that cannot be read.

        helm keeps it as JSON, packed, in base64 (helm, pkg/storage/driver/util.go). Raises ``ClientError``.
        """
        path = KINDS["Secret"].path(release.namespace, REVISION.format(release.name, release.revision))
        said = self._api.get(path)
        try:
            packed = b64decode(decode(said, _Secret).data["release"])
            kept = decode(zlib.decompressobj(wbits=GZIP).decompress(packed, LARGEST), _Kept)
        except (ValueError, LookupError, zlib.error):
            return ""
        return "\n---\n".join([kept.manifest, *(one.manifest for one in kept.hooks or ())])

    # -- the process

    def _run(
        self,
        words: tuple[str, ...],
        stdin: str,
        within: float,
        running: Callable[[], None] = lambda: None,
        *,
        renders: bool = False,
    ) -> str:
        """What it printed. Raises ``HelmFailed``, ``NotReady`` after ``within`` seconds, what ``running`` raises.

        ``HelmKilled`` where somebody else has ended it. One that ``renders`` changes nothing, ends by itself in less
        than a second, which it may do after us, and has one core, as others render beside it.
        """
        with self._lock:
            self._program = self._program or found()
        with TemporaryFile() as given:  # which has no name, so that nobody else can open it
            given.write(stdin.encode())
            given.seek(0)
            process = subprocess.Popen(
                [*(() if renders else bound_to_us()), self._program, *words],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**(ONE_CORE if renders else {}), **os.environ, "HELM_NO_PLUGINS": "1", "HELM_DRIVER": "secret"},
                text=True,
                start_new_session=True,  # Ctrl-C is ours to hand on
            )
        said: list[str] = []

        def ended() -> bool:
            with suppress(subprocess.TimeoutExpired):
                said[:] = process.communicate(timeout=0.05)
                return True
            return False

        try:
            until(ended, awaited=f"helm {words[0]} {words[1]}", within=within, every=0, running=running)
        except BaseException:
            _end(process)
            raise
        if process.returncode < 0:
            release = next(word for word in words[1:] if not word.startswith("-"))
            number = -process.returncode
            raise HelmKilled(f"`helm {words[0]}` of {release} was ended from outside by signal {number}")
        if process.returncode:
            raise HelmFailed(redacted(said[1].strip())[-SAID:] or f"helm {words[0]} ended with {process.returncode}")
        return said[0]


def newest(secrets: Iterable[Mapping[str, Any]]) -> list[HelmRelease]:
    """The newest revision of each release that these Secrets, by their metadata, are of; others are left out."""
    found: dict[tuple[str, str], HelmRelease] = {}
    owner, _, helm = HELM.partition("=")
    for one in secrets:
        if (one.get("labels") or {}).get(owner) == helm:
            new = _revision(one)
            known = found.setdefault((new.namespace, new.name), new)
            if known.revision < new.revision:
                found[new.namespace, new.name] = new
    return list(found.values())


def _revision(meta: Mapping[str, Any]) -> HelmRelease:
    labels = meta.get("labels") or {}
    return HelmRelease(
        str(labels.get("name", "")),
        meta.get("namespace", ""),
        int(labels.get("version", 0)),
        str(labels.get("status", "")),
        **{key: str(labels.get(f"gonogo/{key}", "")) for key in OURS},
        since=str(meta.get("creationTimestamp", "")),
    )


def bound_to_us() -> list[str]:
    """What to put before a program so that it ends with this process, however that ends; nothing but on Linux."""
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("bound.py")), str(os.getpid())]


def found() -> str:
    """The program's path. Raises ``ConfigError`` where there is none, or one that is too old."""
    path = shutil.which("helm")
    oldest = ".".join(map(str, OLDEST))
    if path is None:
        what = f"install helm {oldest} or later, or attach with provider `existing`"
        raise ConfigError(Problem("helm", "is not installed", what))
    version = versioned(path)
    if version < OLDEST:
        what = f"is version {'.'.join(map(str, version))}"
        raise ConfigError(Problem(path, what, f"helm {oldest} or later is needed"))
    return path


def versioned(path: str) -> tuple[int, int]:
    """The version that a helm says it has, of 3 as of 4. Raises ``ConfigError`` where it says none."""
    try:
        done = subprocess.run(
            [path, "version", "--short"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        seen = _VERSION.search(done.stdout)
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as error:
        raise ConfigError(Problem(path, f"cannot be run: {error}", "try `helm version` yourself")) from None
    if seen is None:
        raise ConfigError(Problem(path, "does not say its version", "try `helm version` yourself"))
    return int(seen[1]), int(seen[2])


def _connection(settings: Kubernetes) -> tuple[str, ...]:
    """The same cluster that gonogo asks."""
    words: tuple[str, ...] = ("--kubeconfig", str(expanded(settings.kubeconfig))) if settings.kubeconfig else ()
    return (*words, "--kube-context", settings.context) if settings.context else words


def _values(chart: Installation) -> tuple[str, ...]:
    return ("--namespace", chart.namespace, "--values", "-")


def _end(process: subprocess.Popen[str]) -> None:
    """Let it write down how far it came, then end it."""
    for one in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            process.send_signal(one)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE)
            return
