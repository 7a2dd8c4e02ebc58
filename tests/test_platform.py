"""The engine: each component stands or falls once, and everybody else asks for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from deploying import Deploying
from repositories import Content

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import load_target
from gonogo.checks.journal import Journal
from gonogo.core import content as layers
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    Absent,
    ClientError,
    ConfigError,
    Denied,
    DeployError,
    NotAllowed,
    NotReady,
    Problem,
    Refused,
    SecretMissing,
    ServerError,
    TimedOut,
    Wrong,
)
from gonogo.core.outcomes import Mode, Outcome
from gonogo.core.servers import Progress
from gonogo.providers import Reason
from gonogo.providers.existing.addresses import Existing
from gonogo.run.diagnosis import Diagnosis, diagnosed
from gonogo.run.platform import Platform
from gonogo.run.standing import NotAsked

RUN = "pv-20240101000000-0a1b2c"
Make = Callable[..., Platform]


class Stub(Deploying):
    """A provider that stands components up as told: a folder, or the error that is raised."""

    def __init__(self, target: Any, room: Iterable[Problem] = (), **falls: BaseException) -> None:
        super().__init__(target, room)
        self.falls, self.begun = falls, []

    def up(self, component: Component, needs: Mapping[str, Endpoints], ready: Any, report: Any) -> Endpoints:
        self.begun.append((component.name, sorted(needs)))
        if component.name in self.falls:
            raise self.falls[component.name]
        return super().up(component, needs, ready, report)

    def confirm(self) -> str:
        return ""

    def place(self) -> str:
        return ""

    def reason(self, component: Component) -> Reason | None:
        return None

    @contextmanager
    def disturb(self, component: Component, how: str, node: str, ready: Any) -> Any:
        yield f"{how} {node}"
        ready(self.attached(component))


@pytest.fixture
def make(content: Content) -> Make:
    """A platform on the content repository; ``falls`` are components that do not come up, and why."""

    def made(
        mode: Mode = Mode.WRITE, room: Iterable[Problem] = (), report: Any = None, **falls: BaseException
    ) -> Platform:
        registry = Registry.load(content.root)
        target = load_target("there", content.root, registry)
        journal = Journal(content.root / "journal.jsonl")
        told = report or (lambda _: None)
        provider = Stub(target, room, **falls)
        return Platform(registry, target, provider, run=RUN, mode=mode, journal=journal, report=told)

    return made


def test_what_is_needed_comes_first_and_is_handed_on(make: Make) -> None:
    platform = make()

    platform.bring_up(["shop"])

    shop = platform.standing("shop")
    assert (shop.outcome, shop.version, shop.identity) == ("passed", "1.2.3", "id-of-shop")
    assert platform.provider.begun == [("store", []), ("shop", ["store"])]


@pytest.mark.parametrize("falls", [{}, {"store": DeployError("store", "no")}], ids=["all is well", "another falls"])
def test_who_asks_the_cluster_comes_after_all_that_is_deployed(make: Make, falls: dict[str, BaseException]) -> None:
    told: list[Progress] = []
    platform = make(report=told.append, **falls)
    of_the_cluster(platform, "shop")

    platform.bring_up(["shop", "store"])

    assert platform.standing("shop").up
    assert platform.provider.begun == [("store", []), ("shop", [])]
    assert [t.detail for t in told if (t.component, t.phase) == ("shop", "waiting")] == ["for store"]


def test_who_asks_the_cluster_does_not_wait_for_what_needs_it(make: Make) -> None:
    platform = make()
    of_the_cluster(platform, "store")

    platform.bring_up(["shop", "store"])

    assert platform.standing("shop").up
    assert platform.provider.begun == [("store", []), ("shop", ["store"])]


def of_the_cluster(platform: Platform, name: str) -> None:
    """The component has no server of its own, and needs none."""
    components = platform.registry.components
    components[name] = msgspec.structs.replace(components[name], cluster=True, needs=())


def test_a_component_says_each_step_and_what_it_waits_for(make: Make) -> None:
    told: list[Progress] = []
    platform = make(report=told.append)

    platform.bring_up(["shop"])
    platform.standing("shop")

    assert [(t.phase, t.detail) for t in told if t.component == "shop"] == [
        ("waiting", "for store"),
        ("starting", "asking it"),
        ("ready", ""),
    ]


def test_without_room_nothing_is_begun(make: Make) -> None:
    platform = make(room=[Problem("memory", "6 GiB are needed, 1 GiB is free")])

    with pytest.raises(ConfigError, match="1 GiB is free"):
        platform.bring_up(["shop"])

    assert platform.provider.begun == []


def test_what_is_nobodys_fault_but_the_machines_is_no_standing(make: Make) -> None:
    unreachable = ConfigError(Problem("proxy", "no answer for 10 s"))
    unreachable.__cause__ = ConnectionRefusedError()
    platform = make(store=unreachable)

    platform.bring_up(["shop"])

    for name in ("shop", "store"):
        with pytest.raises(ConfigError, match="proxy: no answer"):
            list(platform.standings([name], timeout=10))
    assert platform.known() == {}


@pytest.mark.parametrize(
    ("error", "outcome", "signature", "message"),
    [
        (DeployError("store", "it ended with 1"), "failed", "store.not_started", "it ended with 1"),
        (Refused("store", "refused"), "failed", "store.connection_refused", "refused"),
        (TimedOut("store", "late"), "broken", "store.timed_out", "late"),
        (AssertionError("not so"), "failed", "store.claim_false", "not so"),
        (ValueError("a bug"), "broken", "store.own_error", "ValueError: a bug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_does_not_come_up_falls_with_its_cause_and_blocks_the_rest(
    make: Make, error: BaseException, outcome: str, signature: str, message: str
) -> None:
    platform = make(store=error)

    platform.bring_up(["shop"])

    store, shop = platform.standing("store"), platform.standing("shop")
    assert (store.outcome, store.cause and store.cause.signature) == (outcome, signature)
    assert message in store.message
    assert (shop.outcome, shop.root, shop.cause) == ("blocked", "store", store.cause)
    assert platform.provider.begun == [("store", [])]


def test_the_last_words_of_a_server_are_evidence(make: Make) -> None:
    platform = make(store=DeployError("store", "it ended", node="store-1", log_tail="out of memory"))

    platform.bring_up(["store"])

    (evidence,) = platform.standing("store").evidence
    assert (evidence.title, evidence.text) == ("last lines of store-1", "out of memory")


def test_a_wait_that_ended_counts_as_what_was_seen_last(make: Make) -> None:
    late = NotReady("store is ready", 60, 9, TimedOut("store", "late"))
    late.__cause__ = late.last  # as waiting.until raises it
    platform = make(store=late)

    platform.bring_up(["store"])

    assert platform.standing("store").outcome is Outcome.BROKEN
    assert "not within 60 s" in platform.standing("store").message


def test_a_check_is_told_whether_it_is_blocked_or_its_own_component_is_gone(make: Make, content: Content) -> None:
    content.mood("store", None)
    platform = make()
    platform.attach(["store", "shop"])

    with pytest.raises(NotAsked) as own:
        platform.require(["store"], ["store.answers"])
    with pytest.raises(NotAsked) as other:
        platform.require(["shop", "store"], ["shop.answers"])

    assert (own.value.outcome, other.value.outcome) == ("failed", "blocked")
    assert str(other.value).startswith("blocked by store")


def test_many_checks_that_doubt_a_component_ask_it_once(make: Make, content: Content) -> None:
    platform = make()
    platform.attach(["store"])
    assert platform.standing("store").up
    content.mood("store", "hung")

    doubters = [threading.Thread(target=platform.doubt, args=("store",)) for _ in range(8)]
    for thread in doubters:
        thread.start()
    for thread in doubters:
        thread.join()

    assert content.asked("store") == 1
    assert platform.standing("store").outcome is Outcome.BROKEN


def test_doubt_without_reason_changes_nothing(make: Make) -> None:
    platform = make()
    platform.attach(["store"])

    assert platform.doubt("store").up


def test_a_disturbed_component_is_trusted_again_once_it_is_restored(make: Make, content: Content) -> None:
    platform = make()
    platform.attach(["store"])
    assert platform.standing("store").up

    with platform.disturbed("store", "hang", "store-1"):
        content.mood("store", "hung")
        platform.doubt("store")
        during = platform.standing("store")
        content.mood("store", "happy")

    assert during.outcome is Outcome.BROKEN
    assert platform.standing("store").up


def test_what_gonogo_did_not_start_is_not_disturbed(content: Content) -> None:
    registry = Registry.load(content.root)
    target, journal = load_target("there", content.root, registry), Journal(content.root / "journal.jsonl")
    platform = Platform(registry, target, Existing(target), run=RUN, mode=Mode.DISRUPT, journal=journal)

    with pytest.raises(NotAllowed, match="store was not started by gonogo, so it cannot be told to kill one"):
        platform.disturbed("store", "kill", "one").__enter__()


def test_what_is_only_attached_to_is_asked_whether_it_is_ready(content: Content) -> None:
    registry, told = Registry.load(content.root), list[Progress]()
    target, journal = load_target("there", content.root, registry), Journal(content.root / "journal.jsonl")
    platform = Platform(
        registry, target, Existing(target), run=RUN, mode=Mode.READ, journal=journal, report=told.append
    )

    platform.bring_up(["store"])

    assert platform.standing("store").outcome == "passed"
    assert [(t.phase, t.detail) for t in told] == [("starting", "asking it"), ("ready", "")]


def test_a_component_that_nobody_asked_for_has_no_standing(make: Make) -> None:
    platform = make()
    platform.attach(["store"])

    with pytest.raises(ConfigError, match="shop: was not asked for"):
        platform.standing("shop")


def refusal(platform: Platform) -> str | None:
    """Why nothing may be written there; None where it may."""
    try:
        platform.verify_identities()
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ('identity = "id-of-store"', None),
        ('identity = "id-of-production"', "is 'id-of-production', but the server says 'id-of-store'"),
        ("", "needs the identity of at least one component"),
    ],
    ids=["right", "another", "none"],
)
def test_servers_are_asked_who_they_are(make: Make, content: Content, identity: str, said: str | None) -> None:
    content.target(identity=identity)
    platform = make()
    platform.attach(["store", "shop"])

    told = refusal(platform)

    assert (told is None) == (said is None)
    assert (said or "") in (told or "")


@pytest.mark.parametrize(("place", "said"), [("uid-1", None), ("", "needs the identity of at least one component")])
def test_the_identity_of_the_cluster_is_one(
    make: Make, content: Content, monkeypatch: pytest.MonkeyPatch, place: str, said: str | None
) -> None:
    content.target(identity="")
    platform = make()
    monkeypatch.setattr(platform.provider, "confirm", lambda: place)
    platform.attach(["store"])

    told = refusal(platform)

    assert (told is None) == (said is None)
    assert (said or "") in (told or "")


@pytest.mark.parametrize(("mode", "asked"), [(Mode.READ, 0), (Mode.WRITE, 1), (Mode.DISRUPT, 1)])
def test_whether_this_is_the_place_is_asked_before_anything_that_may_write(
    make: Make, monkeypatch: pytest.MonkeyPatch, mode: Mode, asked: int
) -> None:
    platform, confirmed = make(mode=mode), []
    monkeypatch.setattr(platform.provider, "confirm", lambda: confirmed.append(mode) or "")

    platform.attach(["store"])

    assert len(confirmed) == asked


@pytest.mark.parametrize(
    ("error", "outcome", "signature", "message"),
    [
        (SecretMissing("store", "no key"), "broken", "store.secret_missing", "store could not be asked: no key"),
        (Absent("store", "no Service"), "failed", "store.workload_not_ready", "store does not answer: no Service; why"),
    ],
    ids=["broken", "failed"],
)
def test_a_way_that_is_not_found_is_a_standing(
    make: Make, monkeypatch: pytest.MonkeyPatch, error: ClientError, outcome: str, signature: str, message: str
) -> None:
    platform = make(mode=Mode.READ)

    def attached(_: Component) -> Endpoints:
        raise error

    monkeypatch.setattr(platform.provider, "attached", attached)
    monkeypatch.setattr(platform.provider, "stands", lambda _: True)
    monkeypatch.setattr(platform.provider, "reason", lambda _: Reason("why", "what to do"))
    platform.attach(["store"])
    standing = platform.standing("store")

    assert standing.cause is not None
    assert (standing.outcome, standing.cause.signature, standing.message) == (outcome, signature, message)


@pytest.mark.parametrize(
    ("mood", "reason", "outcome", "signature"),
    [
        ("hung", Reason("its pod is evicted", "make room"), "failed", "store.workload_not_ready"),
        ("hung", None, "broken", "store.timed_out"),
        (None, Reason("its pod is evicted", "make room"), "failed", "store.workload_not_ready"),
    ],
)
def test_what_the_provider_sees_explains_a_silence(
    make: Make,
    content: Content,
    monkeypatch: pytest.MonkeyPatch,
    mood: str | None,
    reason: Reason | None,
    outcome: str,
    signature: str,
) -> None:
    content.mood("store", mood)
    platform = make(mode=Mode.READ)
    monkeypatch.setattr(platform.provider, "reason", lambda _: reason)

    platform.attach(["store"])

    standing = platform.standing("store")
    assert standing.cause is not None
    assert (standing.outcome, standing.cause.signature) == (outcome, signature)
    assert standing.hint == (reason.hint if reason else "")
    assert standing.explained == (reason is not None)
    assert ("its pod is evicted" in standing.message) == (reason is not None)


def test_an_answering_component_that_falls_silent_is_explained_too(
    make: Make, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make(mode=Mode.READ)
    monkeypatch.setattr(platform.provider, "reason", lambda _: Reason("its pod is evicted"))
    platform.attach(["store"])
    assert platform.standing("store").up

    content.mood("store", None)
    standing = platform.doubt("store")

    assert standing.cause is not None
    assert standing.cause.signature == "store.workload_not_ready"
    assert standing.explained


def test_another_process_of_the_run_stands_on_the_same_platform(
    make: Make, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    content.mood("shop", None)
    first, second = make(), make()
    monkeypatch.setattr(first.provider, "reason", lambda _: Reason("its pod is evicted", "make room"))
    first.attach(["store", "shop"])
    for name in ("store", "shop"):
        first.standing(name)

    second.adopt(first.exported())

    for name in ("store", "shop"):
        ours, theirs = first.standing(name), second.standing(name)
        assert (theirs.outcome, theirs.cause, theirs.message) == (ours.outcome, ours.cause, ours.message)
        assert (theirs.explained, theirs.hint) == (ours.explained, ours.hint)
    assert second.standing("shop").explained
    assert second.endpoints("store").addresses == first.endpoints("store").addresses
    with pytest.raises(NotAsked):
        second.require(["shop"], ["shop.answers"])


def test_what_a_check_may_do_and_is_compared_with_comes_with_its_endpoints(make: Make, content: Content) -> None:
    target = content.target()
    target.write_text(target.read_text() + "\n[components.store.expect]\nthings = 5\n[limits]\ncheck = 7\n")
    platform = make(mode=Mode.READ)
    platform.attach(["store"])

    endpoints = platform.endpoints("store")

    assert (endpoints.expect["things"], endpoints.timeouts.check) == (5, 7)
    assert endpoints.scope is not None
    assert (endpoints.scope.run, endpoints.scope.mode) == (RUN, "read")


# -- what hangs although its component answers, and why

LATE = TimedOut("shop", "no answer within 1 s")
CONVOY = """

    def why(self, error):
        from gonogo.core.errors import ServerError
        return ServerError("{name}", f"{name}: a lock is held, {{error.component}} waits", kind="lossy").given(pid=7)
"""


def knows_why(content: Content, name: str, why: str = CONVOY) -> None:
    """Let the client of a component say why."""
    client = content.root / f"fixtures/{name}.py"
    client.write_text(client.read_text().rstrip() + why.format(name=name))


def accounted(platform: Platform, error: Exception, uses: list[str]) -> Diagnosis:
    return platform.accounted(error, diagnosed(error, "shop"), uses)


def test_what_hangs_although_its_component_answers_is_the_platforms_failure(make: Make, content: Content) -> None:
    platform = make()
    platform.attach(["store", "shop"])
    assert platform.standing("shop").up

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", "shop.operation_hangs")
    assert found.message == "no answer within 1 s"


def test_what_hangs_as_its_component_does_could_not_be_asked(make: Make, content: Content) -> None:
    platform = make()
    platform.attach(["store", "shop"])
    assert platform.standing("shop").up
    content.mood("shop", "hung")

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("broken", "shop.timed_out")


@pytest.mark.parametrize("who", ["shop", "store"])
def test_a_server_is_asked_why_something_hangs_and_so_is_what_it_needs(make: Make, content: Content, who: str) -> None:
    knows_why(content, who)
    platform = make()
    platform.attach(["store", "shop"])

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", f"{who}.lossy")
    assert found.message == f"no answer within 1 s; {who}: a lock is held, shop waits"
    assert found.facts == {"pid": 7}


def test_a_server_is_asked_why_while_what_the_error_is_about_is_there(make: Make, content: Content) -> None:
    looks = """

    def why(self, error):
        from gonogo.core.errors import ServerError
        there = [path.name for path in self.folder.iterdir() if path.name == error.facts["name"]]
        return ServerError("{name}", f"{{len(there)}} there", kind="lossy")
"""
    knows_why(content, "store", looks)
    platform = make(mode=Mode.WRITE)
    platform.attach(["store"])
    with platform.client("store") as client:

        def hang() -> None:
            with client.endpoints.owns("thing", client) as name:
                (content.root / "servers/store" / name).touch()
                raise TimedOut("store", "no answer within 1 s").given(name=name)

        with pytest.raises(TimedOut) as hung:
            hang()

    found = platform.accounted(hung.value, diagnosed(hung.value, "store"), ["store"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", "store.lossy")
    assert found.message == "no answer within 1 s; 1 there"


def test_a_server_is_asked_why_where_its_client_lies_in_another_layer_than_one_s_own(
    make: Make, content: Content
) -> None:
    knows_why(content, "store")
    platform = make()
    layered = layers.Content(content.root / "own", (content.root,))
    platform.registry = replace(platform.registry, content=layered)
    platform.attach(["store", "shop"])

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", "store.lossy")


def test_a_component_that_hangs_because_of_what_it_needs_is_not_the_cause(make: Make, content: Content) -> None:
    knows_why(content, "store")
    content.mood("shop", "hung")
    platform = make()

    platform.attach(["store", "shop"])

    shop = platform.standing("shop")
    assert (shop.outcome, shop.cause and shop.cause.signature) == ("failed", "store.lossy")
    assert shop.message == "shop does not answer: no answer within 1 s; store: a lock is held, shop waits"
    assert shop.explained


def test_what_refuses_to_tell_why_may_be_why(make: Make, content: Content) -> None:
    refuses = """

    def why(self, error):
        from gonogo.core.errors import Unavailable
        raise Unavailable("{name}", "no connection is left", kind="full")
"""
    knows_why(content, "store", refuses)
    platform = make()
    platform.attach(["store", "shop"])

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", "store.full")


@pytest.mark.parametrize(
    "why",
    [
        "\n\n    def why(self, error):\n        return None\n",
        "\n\n    def why(self, error):\n        raise ZeroDivisionError\n",
        "\n\n    def why(self, error):\n        return TimedOut('store', 'I hang too')\n",
        "\n\n    def why(self, error):\n        raise Refused('store', 'refused')\n",
    ],
    ids=["knows nothing", "an error of its own", "could not tell", "silent itself"],
)
def test_a_server_that_does_not_know_why_changes_nothing(make: Make, content: Content, why: str) -> None:
    knows_why(content, "store", why)
    platform = make()
    platform.attach(["store", "shop"])

    found = accounted(platform, LATE, ["shop"])

    assert (found.outcome, found.cause and found.cause.signature) == ("failed", "shop.operation_hangs")


@pytest.mark.parametrize("error", [Denied("shop", "no"), Wrong("shop.silent", 1, 2), ServerError("shop", "no")])
def test_only_what_had_no_answer_is_asked_of_what_it_needs(make: Make, content: Content, error: Exception) -> None:
    knows_why(content, "store")
    platform = make()
    platform.attach(["store", "shop"])

    assert accounted(platform, error, ["shop"]) == diagnosed(error, "shop")
