"""Jobs that bring files, several at once, each file whole or not at all; stopped within a second.

What a job does it tells through its :data:`Tick`: bytes done (negative where they are taken back), which
also is where a job ends once it is no longer wanted.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from gonogo.checks.rest import load
from gonogo.core import ours
from gonogo.core.errors import ConfigError, GonogoError, Problem
from gonogo.core.holders import Wait
from gonogo.core.home import shared
from gonogo.core.waiting import REAL, pause, until
from gonogo.providers.embedded.maven import Pin
from gonogo.providers.embedded.repository import Repository, trust

if TYPE_CHECKING:
    import httpx

AT_ONCE = 8
CHUNK = 1 << 18  # bytes
LOCK_LIMIT = 3600.0  # seconds that another run may take for one file
FIRST_ANSWER, NEXT_BYTE = 10.0, 60.0  # seconds of silence, before and after the repository answered at all
CONNECT, READ = 5.0, 30.0  # seconds
PAUSES = (0.3, 1.0, 2.0)  # seconds before each new try of a request that transport has failed
WORTH_A_RETRY = (408, 429, 500, 502, 503, 504)
ADVICE = {
    401: "look at the credentials of this server in Maven's settings.xml",
    403: "look at the credentials of this server in Maven's settings.xml",
    404: "the mirror must hold what Maven's default repository holds",
    407: "look at the credentials of the proxy",
}

Tick = Callable[[int], None]
Progress = Callable[[int, int, str], None]
"""Is told bytes done, bytes in all, and what is being brought."""


class Cancelled(GonogoError):
    """The fetch was stopped on purpose. Finished files are kept."""


@dataclass(frozen=True)
class Download:
    """Something to bring; ``size`` in bytes is what its ticks add up to."""

    what: str
    size: int
    work: Callable[[Tick], None]


def perform(
    jobs: Sequence[Download], progress: Progress, cancelled: threading.Event, watch: Callable[[], None]
) -> None:
    """Do all jobs, 8 at once, the smallest first. ``watch`` is called often, and raises to end it all.

    The threads are daemons, which nobody waits for: one may hang in a name server's hands.
    Raises the first error of a job, or ``Cancelled``.
    """
    waiting = deque(sorted(jobs, key=lambda job: job.size))
    news: SimpleQueue[tuple[Download, int, BaseException | None, bool]] = SimpleQueue()
    stopped = threading.Event()

    def worker() -> None:
        while not stopped.is_set():
            try:
                job = waiting.popleft()
            except IndexError:
                return

            def tick(count: int, job: Download = job) -> None:
                if stopped.is_set():
                    raise Cancelled(f"{job.what} is no longer wanted")
                news.put((job, count, None, False))

            try:
                job.work(tick)
            except BaseException as error:
                news.put((job, 0, error, True))
                return
            news.put((job, 0, None, True))

    crew = [threading.Thread(target=worker, daemon=True, name=f"fetch-{n}") for n in range(min(AT_ONCE, len(jobs)))]
    done, left, total = 0, len(jobs), sum(job.size for job in jobs)
    try:
        for one in crew:
            one.start()
        while left:
            if cancelled.is_set():
                raise Cancelled("fetching was stopped; finished files are kept")
            watch()
            try:
                job, count, error, ended = news.get(timeout=0.1)
            except Empty:
                continue
            if error:
                raise error
            done, left = done + count, left - ended
            progress(done, total, job.what)
    finally:
        stopped.set()
        for one in crew:
            one.join(timeout=0.05)  # most end at their next tick, and take their unfinished file along


@contextmanager
def locked(path: Path, home: Path, tick: Tick) -> Iterator[None]:
    """Hold ``path`` alone among the threads and processes of this user; whoever dies lets go.

    Raises ``NotReady`` where another one holds it for an hour.
    """
    from filelock import Timeout

    lock = ours.lock(shared(home / "locks") / f"{path.name}.lock")

    def taken() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    wait = Wait(lock, path.name)

    def running() -> None:
        tick(0)
        wait.look()

    until(taken, awaited=f"another run that fetches {path.name}", within=LOCK_LIMIT, running=running)
    try:
        yield
    finally:
        lock.release()


def keep(chunks: Iterable[bytes], pin: Pin, path: Path, tick: Tick) -> bool:
    """Write the chunks to ``path`` if they are what is pinned, all at once, readable for every user.

    Whoever calls it holds the lock of ``path``: an unfinished file that lies there is nobody's.
    """
    part = shared(path.parent) / f"{path.name}.part"
    digest, written, kept = hashlib.sha256(), 0, False
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
                written += len(chunk)
                tick(len(chunk))
                if written > pin.size:
                    break
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        if digest.hexdigest() == pin.sha256:
            os.utime(part, (pin.seal, pin.seal))
            part.replace(path)
            kept = True
        return kept
    finally:
        if not kept:
            part.unlink(missing_ok=True)
            tick(-written)


def copied(source: Path, pin: Pin, path: Path, tick: Tick) -> bool:
    """Take a file that lies on this machine already, if it is what is pinned."""
    try:
        if source.stat().st_size != pin.size:
            return False
        with source.open("rb") as file:
            return keep(iter(lambda: file.read(CHUNK), b""), pin, path, tick)
    except (FileNotFoundError, PermissionError):
        return False


class Wire:
    """The connection to the repository, for all threads. Opens nothing before the first file is asked for."""

    def __init__(self, repository: Repository) -> None:
        load()
        import httpx

        self.repository = repository
        self._lock, self._asking, self._heard, self._answered = threading.Lock(), 0, 0.0, False
        self._wanted = ""
        self._last: Exception | None = None
        try:
            self.client = httpx.Client(
                verify=trust(),
                proxy=repository.proxy,
                auth=repository.credentials,
                trust_env=False,  # what the environment says is in `repository` and `trust` already
                follow_redirects=True,
                timeout=httpx.Timeout(READ, connect=CONNECT, pool=None),
                limits=httpx.Limits(max_connections=AT_ONCE),
                headers={"Accept-Encoding": "identity", "User-Agent": "gonogo"},
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise ConfigError(Problem("proxy", f"it cannot be used: {error}", "look at HTTPS_PROXY")) from error

    def bring(self, pin: Pin, path: Path, tick: Tick) -> None:
        """Fetch one file to ``path``; one that arrives wrong is fetched again, once.

        Raises ``ConfigError`` where it stays wrong, is not there, may not be had, or nothing can be reached.
        """
        for headers in ({}, {"Cache-Control": "no-cache"}):
            if self._asked(pin, path, tick, headers):
                return
        raise ConfigError(
            Problem(
                self.repository.setting,
                f"{pin.path.name} arrived damaged twice: its size or SHA-256 is not the pinned one",
                "a proxy or mirror on the way alters files; look at what it answers for this file",
            )
        )

    def watch(self) -> None:
        """Raise ``ConfigError`` where requests wait and the network has been silent for too long."""
        with self._lock:
            limit = NEXT_BYTE if self._answered else FIRST_ANSWER
            silent = self._asking > 0 and REAL.now() - self._heard > limit
        if silent:
            raise self._unreachable(self._last or TimeoutError(f"no answer for {limit:g} s"))

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def _asked(self, pin: Pin, path: Path, tick: Tick, headers: dict[str, str]) -> bool:
        import httpx

        with self._waiting(pin):
            for rest in PAUSES:
                try:
                    return self._asked_once(pin, path, tick, headers)
                except httpx.RequestError as error:
                    self._last = error
                tick(0)
                pause(rest, reason="the network or the repository may recover")
            try:
                return self._asked_once(pin, path, tick, headers)
            except httpx.RequestError as error:
                raise self._unreachable(error) from error

    def _asked_once(self, pin: Pin, path: Path, tick: Tick, headers: dict[str, str]) -> bool:
        import httpx

        with self.client.stream("GET", f"{self.repository.url}/{pin.path}", headers=headers) as response:
            self._hear()
            status = response.status_code
            if status in WORTH_A_RETRY:
                raise httpx.TransportError(f"it answers {status}")
            if status != 200:
                raise ConfigError(
                    Problem(
                        self.repository.setting,
                        f"{self.repository.host} answers {status} for {pin.path.name}",
                        ADVICE.get(status, "look at what stands between this machine and the repository"),
                    )
                )
            return keep(self._heard_chunks(response), pin, path, tick)

    def _heard_chunks(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            self._hear()
            yield chunk

    @contextmanager
    def _waiting(self, pin: Pin) -> Iterator[None]:
        with self._lock:
            self._wanted = pin.path.name
            if not self._asking:
                self._heard = REAL.now()
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1

    def _hear(self) -> None:
        with self._lock:
            self._heard, self._answered = REAL.now(), True

    def _unreachable(self, error: Exception) -> ConfigError:
        way = "through its proxy" if self.repository.proxy else "without a proxy"
        return ConfigError(
            Problem(
                self.repository.setting,
                f"{self._wanted} cannot be fetched, {self.repository.host} is not reached {way}: "
                f"{type(error).__name__}: {error}",
                "where a proxy, a mirror or a CA of your own is needed: HTTPS_PROXY, ~/.m2/settings.xml, SSL_CERT_FILE",
            )
        )
