"""The engine that deploys components, or attaches to those that are there: orders, waits, blocks, tells.

It knows providers and clients only by their protocols, and is the same for processes, clusters and
servers that were there before. Each component has one standing (:mod:`gonogo.run.standing`), decided once and asked
for by everybody else; it can only get worse, when a check finds that the component stopped answering.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, as_completed
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from encodings import idna, unicode_escape  # noqa: F401 - else a thread imports them, with its first name or template
from pathlib import Path
from typing import Any

import msgspec

from gonogo.catalog.credentials import CredentialProgram
from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import TARGET_FILES, Target
from gonogo.checks import certificates
from gonogo.checks.client import Client
from gonogo.checks.clients import client_class, load, opened
from gonogo.checks.inside import Inside
from gonogo.checks.journal import Budget, Journal, RunScope, new_run_id
from gonogo.checks.translate import translated
from gonogo.core.codec import convert
from gonogo.core.content import state
from gonogo.core.endpoints import Endpoints, Secret, Timeouts
from gonogo.core.errors import (
    ClientError,
    ConfigError,
    Gone,
    NotAllowed,
    NotAskable,
    NotReady,
    Problem,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Untrusted,
    Wrong,
    ending,
)
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.outlet import detail
from gonogo.core.seen import seeing
from gonogo.core.servers import Phase, Progress, Report, Server
from gonogo.providers import Accounts, Deploys, Disturbs, Explains, Identifies, Observes, Provider, choose
from gonogo.results.model import Cause
from gonogo.results.timeline import Timeline
from gonogo.run.diagnosis import Diagnosis, Place, diagnosed, fallen, unsettled
from gonogo.run.standing import NotAsked, Standing, blocked
from gonogo.run.surroundings import Surroundings

SEEN = "workload_not_ready"
"""The signature of a component whose provider sees why it does not answer."""

HANGS = "operation_hangs"
"""The signature of what had no answer within its limit although the component answers."""

ASIDE = 5.0
"""Seconds for each call with which a server is asked why another one came to nothing."""

SPAN_OF_PHASE = {Phase.FETCHING: "fetch", Phase.PREPARING: "deploy", Phase.STARTING: "deploy", Phase.WAITING: "wait"}


class Platform:
    """The components of one run. ``mode`` is what the run may do, ``run`` its id; without one, a new one.

    Without a provider it is the one that the target names, without a journal that of the checkout. Raises
    ``ConfigError`` where there is none.

    ``first`` is the number of the first object's name: processes of one run count in ranges of their own.
    """

    def __init__(
        self,
        registry: Registry,
        target: Target,
        provider: Provider | None = None,
        *,
        mode: Mode,
        run: str = "",
        journal: Journal | None = None,
        timeline: Timeline | None = None,
        report: Report = lambda _: None,
        first: int = 1,
    ) -> None:
        self.registry, self.target = registry, target
        self.provider = provider or choose.provider_for(target, registry.root)
        self.run, self.mode, self.timeline = run or new_run_id(), mode, timeline or Timeline()
        self._unloaded: tuple[str, ...] = ()
        # one for all clients of a component; taking the next of a range is one step for threads
        self._budgets = {name: Budget(target.objects, target.bytes) for name in registry.components}
        self.journal, self._report = journal or Journal(state(registry.root) / "journal.jsonl"), report
        self._counter = itertools.count(first)
        self.place = ""
        self._lost: ClientError | None = None
        self._futures: dict[str, Future[Standing]] = {}
        self._worse: dict[str, Standing] = {}
        self._last: dict[str, Standing] = {}
        self._doubt = {name: threading.Lock() for name in registry.components}
        self._surroundings = Surroundings(registry, target, self.provider, self._beside)

    @property
    def typed(self) -> Place:
        """What the commands that a person types next have to name of it."""
        path = self.target.path
        known = path.parent in self.registry.content.all(TARGET_FILES)
        named = "" if self.target.name == "embedded" else path.stem if known else str(path)
        return Place(named, isinstance(self.provider, Deploys))

    # -- deploying, attaching

    def there(self, names: Iterable[str]) -> list[str]:
        """Those of the components that are up already, as they are.

        Raises ``ConfigError`` with what the target file lacks for any of them.
        """
        found: list[str] = []
        problems: list[Problem] = []
        for name in names:
            try:
                if self.provider.stands(self.registry.components[name]):
                    found.append(name)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(*problems)
        return found

    def bring_up(self, names: Iterable[str]) -> None:
        """Stand the components and what they need up, side by side; returns at once, see ``standing``.

        Those that the provider only attaches to are asked whether they are ready. Raises ``ConfigError`` where there
        is no room for all of them, or it is another cluster than the one meant, and ``ClientError`` where that cannot
        be told; then nothing was started.
        """
        names = self.registry.ordered(names)
        self.place = self.place or self.confirmed()
        if isinstance(self.provider, Deploys):
            problems = self.provider.fits([self.registry.components[name] for name in names])
            if problems:
                raise ConfigError(*problems)
        self._unloaded = tuple(names) if isinstance(self.provider, Identifies) else ()
        self._begin(names, self._up)

    def _load(self) -> None:
        """The libraries of the clients, before they are asked for."""
        names, self._unloaded = self._unloaded, ()
        for name in names:
            with suppress(Exception):  # whoever builds a client is told
                load(self.registry.content, name)

    def attach(self, names: Iterable[str]) -> None:
        """Ask each of these components whether it answers, as it is; returns at once.

        What it needs and is not among them is somebody else's to know: servers that were there have it. Raises
        ``ConfigError`` where this run may write, and it is not sure that the place is the one that is meant; where the
        place cannot be asked, none of them can.
        """
        try:
            if self.mode is not Mode.READ:
                self.place = self.confirmed()
        except ClientError as error:
            self._lost = error
        self._begin(names, self._attached)

    def confirmed(self) -> str:
        """The identity of the cluster, once it is sure that it is the one meant; empty where there is none.

        Raises ``ConfigError`` and ``ClientError``.
        """
        return self.provider.confirm() if isinstance(self.provider, Identifies) else ""

    def cluster(self) -> str:
        """The identity of the cluster, as far as it may be seen; empty where there is none."""
        return self.provider.place() if isinstance(self.provider, Identifies) else ""

    def exported(self) -> list[dict[str, Any]]:
        """Every standing as plain data, secrets revealed, for a worker process of the same run."""
        rows = []
        for name, standing in self.known().items():
            ends = standing.endpoints
            rows.append(
                {
                    "component": name,
                    "outcome": standing.outcome.value,
                    "cause": msgspec.to_builtins(standing.cause),
                    "message": standing.message,
                    "explained": standing.explained,
                    "hint": standing.hint,
                    "facts": dict(standing.facts),
                    "root": standing.root,
                    "addresses": dict(ends.addresses) if ends else None,
                    "internal": dict(ends.internal) if ends else {},
                    "transport": ends.transport if ends else "",
                    "secrets": {k: _exported(v) for k, v in ends.secrets.items()} if ends else {},
                    "identity": standing.identity,
                    "place": self.place,
                }
            )
        return rows

    def adopt(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The standings that another process of this run exported."""
        for row in rows:
            name, self.place = row["component"], row["place"]
            endpoints = None
            if row["addresses"] is not None:
                secrets = {k: _adopted(name, v) for k, v in row["secrets"].items()}
                plain = Endpoints(name, row["addresses"], secrets, transport=row["transport"], internal=row["internal"])
                component = self.registry.components[name]
                # What is open is of the process that opened it.
                own = self.provider.attached(component) if component.cluster or component.reads else None
                endpoints = self._dressed(component, own or plain, row["identity"])
            self._futures[name] = Future()
            self._futures[name].set_result(
                Standing(
                    name,
                    Outcome(row["outcome"]),
                    endpoints,
                    cause=convert(row["cause"], Cause) if row["cause"] else None,
                    message=row["message"],
                    explained=row["explained"],
                    hint=row["hint"],
                    facts=row["facts"],
                    root=row["root"],
                    identity=row["identity"],
                )
            )

    def _begin(self, names: Iterable[str], reach: Callable[[Component, Mapping[str, Endpoints]], Standing]) -> None:
        names = set(names)
        ordered = [n for n in self.registry.ordered(names) if n in names and n not in self._futures]
        self._futures.update({name: Future() for name in ordered})
        for name in ordered:
            component = self.registry.components[name]
            threading.Thread(target=self._settle, args=(component, reach), name=f"up-{name}", daemon=True).start()

    def _settle(self, component: Component, reach: Callable[[Component, Mapping[str, Endpoints]], Standing]) -> None:
        name, began = component.name, self.timeline.now
        try:
            awaited = [need for need in component.needs if need in self._futures]
            if awaited:
                self._tell(Progress(name, Phase.WAITING, "for " + ", ".join(awaited)))
            needs = {need: self._futures[need].result() for need in awaited}
            if awaited:
                self.timeline.add(f"{name} waits for {', '.join(awaited)}", "wait", name, began)
            down = next((s for s in needs.values() if not s.up), None)
            if down is not None:
                standing = blocked(name, down)
            else:
                standing = reach(component, {n: s.endpoints for n, s in needs.items() if s.endpoints is not None})
        except ConfigError as error:
            # Nothing that the component did: this machine, a file or the way to the packages has to be put right.
            self._tell(Progress(name, Phase.BROKEN, str(error)))
            self._futures[name].set_exception(error)
            return
        except BaseException as error:
            standing = fallen(name, diagnosed(error, name))
        phase = {Outcome.PASSED: Phase.READY, Outcome.BROKEN: Phase.BROKEN, Outcome.BLOCKED: Phase.BLOCKED}
        told = f"by {standing.root}: {standing.message}" if standing.outcome is Outcome.BLOCKED else standing.message
        self._tell(Progress(name, phase.get(standing.outcome, Phase.FAILED), told))
        self._futures[name].set_result(replace(standing, ready_seconds=self.timeline.now - began))

    def _up(self, component: Component, needs: Mapping[str, Endpoints]) -> Standing:
        phases = _Phases(self.timeline, component.name)

        def tell(progress: Progress) -> None:
            phases.turn(progress.phase)
            self._tell(progress)
            if progress.phase is Phase.WAITING and self._unloaded:  # for a cluster: now there is time for it
                threading.Thread(target=self._load, name="libraries", daemon=True).start()

        try:
            if isinstance(self.provider, Deploys):
                if component.cluster:
                    self._after_the_rest(component.name, tell)
                endpoints = self.provider.up(component, needs, self.ready(component), tell)
                used = self.provider.used(component) if isinstance(self.provider, Accounts) else None
            else:
                endpoints, used = self._found(component, tell), None
        finally:
            phases.turn(None)
        return replace(self._introduced(component, self._dressed(component, endpoints)), cpu_seconds=used)

    def _after_the_rest(self, name: str, tell: Report) -> None:
        """Wait for all that is deployed, however it ends: what the cluster says of the platform is about that."""
        every = self.registry.components
        rest = [n for n in self._futures if not every[n].cluster and name not in self.registry.ordered([n])]
        if rest:
            tell(Progress(name, Phase.WAITING, f"for {', '.join(rest)}"))
        for one in rest:
            self._futures[one].exception()

    def _found(self, component: Component, tell: Report) -> Endpoints:
        """Where the component is already, once it is ready. Raises what :meth:`ready` does."""
        endpoints = self.provider.attached(component)
        if endpoints is None:
            raise ConfigError(Problem(str(self.target.path), f"no table [components.{component.name}]"))
        tell(Progress(component.name, Phase.STARTING, "asking it"))
        try:
            self.ready(component)(endpoints)
        except ClientError as error:
            raise self._looked(component.name, error, self._dressed(component, endpoints)) from error
        return endpoints

    def _attached(self, component: Component, needs: Mapping[str, Endpoints]) -> Standing:
        self._tell(Progress(component.name, Phase.STARTING, "asking whether it answers"))
        try:
            if self._lost is not None:
                raise self._lost.about(component.name)
            found = self.provider.attached(component)
        except ClientError as error:
            meant = diagnosed(error, component.name)
            if meant.outcome is Outcome.BROKEN:
                return replace(fallen(component.name, meant), message=f"{component.name} could not be asked: {error}")
            return self._explained(component.name, error)
        if found is None:
            return Standing(
                component.name,
                Outcome.FAILED,
                cause=Cause(component=component.name, signature=f"{component.name}.not_up"),
                message=f"{component.name} is not up",
            )
        endpoints = self._dressed(component, found)
        detail(f"asks {component.name} whether it answers")
        with self.timeline.span(f"{component.name} answers", "wait", component.name):
            try:
                with self.client(component.name, endpoints) as client:
                    client.answers()
            except BaseException as error:
                return self._explained(component.name, error, endpoints)
        return self._introduced(component, endpoints)

    def _explained(self, name: str, error: BaseException, endpoints: Endpoints | None = None) -> Standing:
        """The standing with the reason that the provider or a server sees for it, which is then no time-out of ours."""
        error = self._looked(name, error, endpoints)
        found = diagnosed(error, name)
        standing = fallen(name, found, endpoints)
        seen = isinstance(self.provider, Explains) and found.silent
        reason = self.provider.reason(self.registry.components[name]) if seen else None  # type: ignore[attr-defined]
        if reason is None:
            why = self._why(name, error, found, endpoints)
            return replace(fallen(name, found.because(why), endpoints), explained=True) if why else standing
        return replace(
            standing,
            outcome=Outcome.FAILED,
            cause=Cause(component=name, signature=f"{name}.{SEEN}"),
            message=f"{standing.message}; {reason.message}",
            explained=True,
            hint=reason.hint,
        )

    def _looked(self, name: str, error: BaseException, endpoints: Endpoints | None) -> BaseException:
        """The error, with what a second look at the certificate shows where TLS may be what went wrong."""
        meant = error if isinstance(error, ClientError) else translated(name, error)
        if meant is None or endpoints is None or meant.component != name:
            return error
        encrypted = self.registry.components[name].encrypted(endpoints.addresses)
        found = certificates.explained(meant, endpoints, encrypted=encrypted)
        return error if found is meant else found

    def accounted(self, error: Exception, found: Diagnosis, uses: Iterable[str]) -> Diagnosis:
        """What a check met, once those that it could not reach were asked again, and the servers for the reason.

        What had no answer within its limit is the platform's failure where the component answered before and still
        does; else we could not ask.
        """
        if found.cause is None or found.own or isinstance(error, NotAsked | Wrong):
            return found
        about = found.cause.component
        if found.silent:
            # A check that could not reach a component casts doubt on what it uses; asked once for all.
            for one in {*uses, about} & self._futures.keys():
                self.doubt(one)
        if about not in self._futures or not self.standing(about).up:
            return found
        if found.late and found.silent:
            hangs = Cause(component=about, signature=f"{about}.{HANGS}")
            found = replace(found, outcome=Outcome.FAILED, cause=hangs, silent=False)
        endpoints = self.standing(about).endpoints
        if found.cause and found.cause.signature == f"{about}.{Untrusted.kind}":
            return diagnosed(self._looked(about, error, endpoints), about)
        why = self._why(about, error, found, endpoints)
        return found.because(why) if why else found

    def _why(self, name: str, error: BaseException, found: Diagnosis, endpoints: Endpoints | None) -> Diagnosis | None:
        """The more exact cause of an error that the component itself tells, or what it needs."""
        error = error.last if isinstance(error, NotReady) and isinstance(error.last, BaseException) else error
        meant = error if isinstance(error, ClientError) else translated(name, error)
        if meant is None:
            return None
        reason = meant.reason or self._reason(name, meant, endpoints)
        return diagnosed(reason, reason.component) if reason else None

    def _reason(self, name: str, error: ClientError, endpoints: Endpoints | None) -> ClientError | Wrong | None:
        """What the component, or what it needs, says of an error; asked over fresh clients.

        What it needs is asked where there was no answer, and not for what is not up: that is a cause of its own.
        """
        if not isinstance(error, TimedOut | Refused | Unavailable | ServerError):
            return None
        asked = {name: endpoints}
        if isinstance(error, TimedOut):
            known = self.known()
            needs = [one for one in reversed(self.registry.ordered([name])) if one != name and one in known]
            asked |= {one: known[one].endpoints for one in needs if known[one].up}
        for one, where in asked.items():
            if where is None or not hasattr(client_class(self.registry.content, one), "why"):
                continue
            limits = Timeouts(min(where.timeouts.connect, ASIDE), min(where.timeouts.check, ASIDE), ASIDE)
            reason: object = None
            with suppress(Exception), self.client(one, replace(where, timeouts=limits)) as client:
                try:
                    reason = client.why(error)  # type: ignore[attr-defined]
                except ClientError as refusal:
                    reason = refusal if one != name and not refusal.silent else None  # as where no connection is left
            if isinstance(reason, ClientError | Wrong) and ending(reason).outcome is Outcome.FAILED:
                return reason
        return None

    def _introduced(self, component: Component, endpoints: Endpoints) -> Standing:
        """The component as ready, with the version and identity that it tells itself."""
        with self.client(component.name, endpoints) as client:
            version, identity = "", ""
            try:
                version, identity = client.version(), client.identity() or ""
            except Exception as error:
                return fallen(component.name, diagnosed(error, component.name), endpoints)
        endpoints = self._dressed(component, endpoints, identity)
        return Standing(component.name, Outcome.PASSED, endpoints, version=version, identity=identity)

    def ready(self, component: Component) -> Callable[[Endpoints], None]:
        """What a provider asks until it returns: the component answers, and is settled.

        It raises ``Unsettled`` where it answers and is not, any other ``ClientError`` where it does not answer.
        """

        def ask(endpoints: Endpoints) -> None:
            name = component.name
            with self.client(name, self._dressed(component, endpoints)) as client, seeing():
                try:
                    client.answers()
                except (ClientError, ImportError):
                    # A client library that is not installed will not be there a moment later.
                    raise
                except Wrong as error:
                    raise unsettled(name, error) from error
                except Exception as error:
                    meant = translated(name, error)
                    raise (meant or ClientError(name, f"{type(error).__name__}: {error}")) from error
                try:
                    getattr(client, "settled", lambda: None)()
                except ImportError:
                    raise
                except Exception as error:
                    raise unsettled(name, error) from error

        return ask

    def mark(self, component: Component, endpoints: Endpoints, identity: str) -> str:
        """What tells the server that an object was created on from all others of the target.

        Its own id; of one without, the place as a whole and the addresses that programs of the platform know.
        """
        if identity:
            return identity
        known = {**endpoints.addresses, **endpoints.internal}
        given = [f"{key}={known[key]}" for key in component.endpoints.required if key in known]
        return " ".join(filter(None, (self.place, *given)))

    def _dressed(self, component: Component, endpoints: Endpoints, identity: str = "") -> Endpoints:
        """The endpoints with all that a client of this run is built from."""
        completed = self.target.completed(component, endpoints)
        if component.anywhere:
            completed = replace(completed, platform=self._surroundings)
        return replace(
            completed,
            scope=RunScope(
                self.run,
                self.mode,
                component.name,
                self.journal,
                self._counter,
                target=self.target.name,
                identity=self.mark(component, endpoints, identity),
                why=lambda error: self._reason(component.name, error, completed),
                writable=self.target.writable(component.name),
                budget=self._budgets[component.name],
            ),
        )

    # -- asking

    def _beside(self, component: Component) -> AbstractContextManager[Client]:
        """A client of a component, whether or not it is of this run. Raises ``Gone`` where it is not up."""
        found = self.provider.attached(component)
        if found is None:
            raise Gone(component.name, f"{component.name} is not up", kind="not_up")
        return self.client(component.name, self._dressed(component, found))

    def client(self, name: str, endpoints: Endpoints | None = None) -> AbstractContextManager[Client]:
        """A fresh client of the component for the time of a body. Raises ``NotAsked`` where it has no address."""
        return opened(self.registry.content, self.endpoints(name) if endpoints is None else endpoints)

    def endpoints(self, name: str) -> Endpoints:
        """Where the component is; waits until that is known. Raises ``NotAsked`` where it is nowhere.

        The libraries of its client are loaded then, for whoever builds one. Not where it does not answer, and
        therefore is not asked: that they cannot be loaded may be why.
        """
        standing = self.standing(name)
        if standing.endpoints is None:
            raise NotAsked(standing, blocked=standing.outcome is Outcome.BLOCKED)
        if standing.up:
            load(self.registry.content, name)
        return standing.endpoints

    def standing(self, name: str, timeout: float | None = None) -> Standing:
        """How the component stands; waits until that is known. Raises ``ConfigError`` as ``standings`` does."""
        if name not in self._futures:
            raise ConfigError(Problem(name, "was not asked for when the run began"))
        return self._worse.get(name) or self._futures[name].result(timeout)

    def standings(self, names: Iterable[str], timeout: float | None = None) -> Iterator[Standing]:
        """How each of the components stands, as soon as that is known.

        Raises ``ConfigError`` as soon as one cannot be reached for a reason that is not its own, and
        ``TimeoutError`` after ``timeout`` seconds.
        """
        by_future = {self._futures[name]: name for name in names}
        for future in as_completed(by_future, timeout):
            yield self.standing(by_future[future])

    def awaited(self, names: Iterable[str]) -> tuple[Future[Standing], ...]:
        """What is done when it is known how each of the components stands."""
        return tuple(self._futures[name] for name in names if name in self._futures)

    def known(self) -> dict[str, Standing]:
        """Every component whose standing is known by now."""
        return {n: self.standing(n) for n, f in self._futures.items() if f.done() and not f.exception()}

    def first(self, name: str) -> Standing:
        """How the component stood when it was reached, whatever was found since."""
        return self._futures[name].result()

    def last(self, name: str) -> Outcome:
        """What the component said when it was asked again; missing where it was not."""
        return self._last[name].outcome if name in self._last else Outcome.MISSING

    def ask_again(self) -> None:
        """Ask each component that answered at first once more, side by side; see ``last`` and ``standing``."""

        def ask(name: str) -> None:
            self._last[name] = self._again(name)

        names = [n for n, f in self._futures.items() if f.done() and not f.exception() and f.result().up]
        threads = [threading.Thread(target=ask, args=(name,), name=f"again-{name}", daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._worse |= {name: standing for name, standing in self._last.items() if not standing.up}

    def _again(self, name: str) -> Standing:
        """The component's first standing where it still answers, else what is wrong by now."""
        first = self.first(name)
        try:
            with self.client(name, first.endpoints) as client:
                client.answers()
        except Exception as error:
            return self._explained(name, error, first.endpoints)
        return first

    def inside(self) -> Callable[[str], Inside]:
        """Component to what is true inside its servers' hosts; raises ``NotAskable`` where only addresses are known."""
        if isinstance(self.provider, Observes):
            return self.provider.inside()

        def nowhere(component: str) -> Inside:
            raise NotAskable(component, "the target has no [kubernetes]: only the server's address is known")

        return nowhere

    def require(self, uses: Iterable[str], claims: Collection[str]) -> None:
        """Return where every component in ``uses``, and all they need, answers.

        Raises ``NotAsked``: with the standing of the component where one of ``claims`` is that it answers; else it is
        blocked.
        """
        for name in (n for n in self.registry.ordered(uses) if n in self._futures):
            standing = self.standing(name)
            if not standing.up:
                asked = standing.claim in claims and standing.outcome is not Outcome.BLOCKED
                raise NotAsked(standing, blocked=not asked)

    def doubt(self, name: str) -> Standing:
        """Ask a component once more whether it answers, since a check could not reach it.

        Many checks may doubt at once; one asks, and its answer holds for all.
        """
        if not self.standing(name).up:
            return self.standing(name)
        with self._doubt[name]:
            if name not in self._worse:
                now = self._again(name)
                if not now.up:
                    self._worse[name] = now
        return self.standing(name)

    # -- breaking, and what is left

    @contextmanager
    def disturbed(self, name: str, how: str, node: str) -> Iterator[Server]:
        """One node broken on purpose; leaving restores it and waits until the component is settled.

        Raises ``NotAllowed`` where gonogo did not start the servers and cannot start them again.
        """
        component = self.registry.components[name]
        if not isinstance(self.provider, Disturbs):
            raise NotAllowed(f"{name} was not started by gonogo, so it cannot be told to {how} {node or 'it'}")
        with self.provider.disturb(component, how, node, self.ready(component)) as server:
            yield server
        self._worse.pop(name, None)

    def verify_identities(self) -> None:
        """Before anything is created on servers that gonogo did not start: are they the ones meant?

        Raises ``ConfigError`` unless every identity of the target file matches and one is given, be it that of
        the cluster, which was compared before.
        """
        given = {n: str(t["identity"]) for n, t in self.target.components.items() if t.get("identity")}
        if not given and not self.place and self._lost is None:
            raise ConfigError(
                Problem(
                    str(self.target.path),
                    f"a run in mode {self.mode} needs the identity of at least one component",
                    'add identity = "…" to a table; `gonogo check --mode read` shows each server\'s own id',
                )
            )
        problems = []
        for name, wanted in given.items():
            standing = self._futures[name].result() if name in self._futures else None
            if standing is None or not standing.up:
                continue
            if standing.identity != wanted:
                problems.append(
                    Problem(
                        f"components.{name}.identity",
                        f"is {wanted!r}, but the server says {standing.identity or 'nothing'!r}",
                        "nothing was created; is this the right platform?",
                    )
                )
        if problems:
            raise ConfigError(*problems)

    def _tell(self, progress: Progress) -> None:
        self._report(progress)


class _Phases:
    """Turns the phases a provider reports into spans, one after another."""

    def __init__(self, timeline: Timeline, component: str) -> None:
        self._timeline, self._component = timeline, component
        self._phase: Phase | None = None
        self._since = timeline.now

    def turn(self, phase: Phase | None) -> None:
        if phase is self._phase:
            return
        if self._phase in SPAN_OF_PHASE:
            kind = SPAN_OF_PHASE[self._phase]
            self._timeline.add(f"{self._component} {self._phase}", kind, self._component, self._since)
        self._phase, self._since = phase, self._timeline.now


def _exported(secret: Secret) -> str | dict[str, Any]:
    """A secret as plain data: its value, or the program that gives one."""
    source = secret.source
    return (
        {"argv": source.argv, "folder": str(source.folder)}
        if isinstance(source, CredentialProgram)
        else secret.reveal()
    )


def _adopted(component: str, given: str | Mapping[str, Any]) -> Secret:
    return Secret(
        given if isinstance(given, str) else CredentialProgram(component, given["argv"], Path(given["folder"]))
    )
