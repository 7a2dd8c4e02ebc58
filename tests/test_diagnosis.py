"""From what a check or a component raised to its outcome, cause, hint and the next command."""

from __future__ import annotations

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    Absent,
    ClientError,
    ClusterLost,
    Denied,
    DeployError,
    Forbidden,
    Garbled,
    Gone,
    NotAllowed,
    NotReady,
    Refused,
    ServerError,
    TimedOut,
    Unavailable,
    Unresolved,
    Unsettled,
    Untrusted,
    Wrong,
)
from gonogo.core.outcomes import Outcome
from gonogo.results.events import unreported
from gonogo.results.model import Cause
from gonogo.run.diagnosis import Place, diagnosed, fallen, filled, result_of, unsettled
from gonogo.run.standing import NotAsked, Standing

CHECK = unreported("suites/store/test_store.py::test_store", ("store.mood",), "store")
LATE = diagnosed(TimedOut("store", "late"), "store")
UNHAPPY = diagnosed(Wrong("store.unhappy", "happy", "sad"), "store")
REFUSED = Standing("store", Outcome.FAILED, cause=Cause(component="store", signature="store.connection_refused"))


@pytest.mark.parametrize(
    ("kind", "outcome", "silent"),
    [
        (Refused, "failed", True),
        (Gone, "failed", True),
        (Absent, "failed", True),
        (Unavailable, "failed", True),
        (TimedOut, "broken", True),
        (Unsettled, "failed", False),
        (Unresolved, "broken", False),
        (Untrusted, "broken", False),
        (Denied, "broken", False),
        (Forbidden, "broken", False),
        (Garbled, "broken", False),
        (ClusterLost, "broken", False),
    ],
)
def test_a_client_error_carries_its_outcome_and_signature(kind: type[ClientError], outcome: str, silent: bool) -> None:
    found = diagnosed(kind("depot", "why"), "store")
    named = diagnosed(kind("depot", "why", kind="lossy"), "store")

    assert (found.outcome, found.message, found.silent) == (outcome, "why", silent)
    assert found.cause == Cause(component="depot", signature=f"depot.{kind.kind}")
    # a cause of its own says more than that there was no answer
    assert (named.outcome, named.cause, named.silent) == (
        outcome,
        Cause(component="depot", signature="depot.lossy"),
        False,
    )


def test_silence_is_silence_also_about_another_component() -> None:
    assert diagnosed(TimedOut("store", "late").about("depot"), "store").silent
    assert not diagnosed(Unavailable("store", "no", kind="lossy").about("depot"), "store").silent


def test_the_message_of_a_false_claim_says_once_what_was_seen() -> None:
    plain, explained = Wrong("depot.lossy", 3, 2), Wrong("depot.lossy", 3, 2, "one was lost")

    assert [diagnosed(error, "store").message for error in (plain, explained)] == [
        "expected 3, saw 2",
        "one was lost: expected 3, saw 2",
    ]
    assert str(explained) == "depot.lossy: one was lost: expected 3, saw 2"


@pytest.mark.parametrize(
    ("error", "outcome", "signature"),
    [
        (DeployError("depot", "it ended with 1"), "failed", "depot.not_started"),
        (Wrong("depot.lossy", 3, 2), "failed", "depot.lossy"),
        (AssertionError("no"), "failed", "store.claim_false"),
        (ConnectionRefusedError(111, "refused"), "failed", "store.connection_refused"),
        (TimeoutError("late"), "broken", "store.timed_out"),
        (NotAllowed("may only read"), "broken", "store.not_allowed"),
        (NotReady("a leader", 5, 9, last="no leader"), "failed", "store.not_settled"),
        (NotReady("a leader", 5, 9, last=TimedOut("store", "late")), "broken", "store.timed_out"),
        (NotAsked(REFUSED, blocked=True), "blocked", "store.connection_refused"),
        (NotAsked(REFUSED, blocked=False), "failed", "store.connection_refused"),
        (KeyError("field"), "broken", "store.own_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_whatever_is_raised_has_an_outcome_and_a_cause(error: BaseException, outcome: str, signature: str) -> None:
    found = diagnosed(error, "store")

    assert (found.outcome, found.cause and found.cause.signature) == (outcome, signature)
    if not isinstance(error, NotAsked):  # which is about a standing, not of one
        standing = fallen("store", found)
        assert (standing.outcome, standing.cause) == (found.outcome, found.cause)


def test_an_error_of_the_check_itself_says_where() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0

    found = diagnosed(caught.value, "store")

    assert found.message.startswith("ZeroDivisionError: ")
    assert "test_an_error_of_the_check_itself_says_where, line" in found.message
    assert "line" not in fallen("store", found).message


@pytest.mark.parametrize(
    ("error", "signature", "message"),
    [
        (Wrong("store.lossy", 3, 2), "store.lossy", "store.lossy: expected 3, saw 2"),
        (Refused("depot", "no"), "store.connection_refused", "no"),
        (TimeoutError("late"), "store.timed_out", "TimeoutError: late"),
        (NotReady("a leader", 5, 9, last="no leader"), "store.not_settled", "a leader: not within 5 s"),
        (AssertionError("no"), "store.not_settled", "AssertionError: no"),
        (KeyError("field"), "store.not_settled", "KeyError: 'field'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_whatever_keeps_a_component_from_being_settled_is_told_of_it(
    error: Exception, signature: str, message: str
) -> None:
    told = unsettled("store", error)

    assert (told.component, told.outcome, told.signature) == ("store", "failed", signature)
    assert str(told).startswith(f"answers, and is not right: {message}")


def test_a_result_carries_the_hint_and_the_command_with_the_address_filled_in(content: Content) -> None:
    registry = Registry.load(content.root)
    endpoints = Endpoints("store", {"folder": "/srv/store"}, transport="forward")
    standings = {"store": Standing("store", Outcome.PASSED, endpoints)}

    result = result_of(UNHAPPY, CHECK, registry, standings)

    assert (result.outcome, result.expected, result.actual) == ("failed", "happy", "sad")
    assert (result.hint, result.by_hand) == ("Cheer it up.", "cat /srv/store/mood")
    assert result.transport == "forward"


def test_a_command_whose_address_is_unknown_is_not_shown(content: Content) -> None:
    result = result_of(UNHAPPY, CHECK, Registry.load(content.root), {})

    assert result.by_hand == ""


def test_a_check_that_could_not_ask_says_so_once(content: Content) -> None:
    result = result_of(LATE, CHECK, Registry.load(content.root), {})

    assert (result.outcome, result.message, result.expected, result.actual) == ("broken", "late", "", "")
    assert "hangs" in result.hint


@pytest.mark.parametrize(
    ("addresses", "transport", "place", "command"),
    [
        ({"url": "https://store.data:9200"}, "direct", Place(), "gonogo status"),
        ({"url": "https://store.data:9200"}, "direct", Place("far.toml"), "gonogo status --target far.toml"),
        ({"url": "https://store.data:9200"}, "direct", Place("far", deployed=False), "nc -vz -w 5 store.data 9200"),
        ({"uri": "bolt://store.data:7687"}, "direct", Place("far", deployed=False), "nc -vz -w 5 store.data 7687"),
        ({"url": "http://store.data"}, "direct", Place("far", deployed=False), "nc -vz -w 5 store.data 80"),
        ({"bootstrap": "b-0:9092,b-1:9092"}, "direct", Place("far", deployed=False), "nc -vz -w 5 b-0 9092"),
        ({"host": "db", "port": 5432}, "direct", Place("far", deployed=False), "nc -vz -w 5 db 5432"),
        ({"folder": "/srv"}, "direct", Place("far", deployed=False), ""),
        ({"url": "http://127.0.0.1:31000"}, "port-forward", Place("far", deployed=False), ""),
    ],
)
def test_the_next_command_fits_the_target(
    content: Content, addresses: dict[str, object], transport: str, place: Place, command: str
) -> None:
    standings = {"store": Standing("store", Outcome.PASSED, Endpoints("store", addresses, transport=transport))}

    assert result_of(LATE, CHECK, Registry.load(content.root), standings, place).by_hand == command


@pytest.mark.parametrize(
    ("command", "known", "typed"),
    [
        ("curl[[ -u {user}]] {url}", {"url": "http://a"}, "curl http://a"),
        ("curl[[ -u {user}]] {url}", {"url": "http://a", "user": "b c"}, "curl -u 'b c' http://a"),
        ("psql 'user={user}[[ host={host}]]'", {"user": "o'h"}, "psql 'user=o'\"'\"'h'"),
        ("kill {pid}", {}, ""),
        ("curl -d '{\"max\": 1}' {url}", {"url": "http://a"}, "curl -d '{\"max\": 1}' http://a"),
    ],
)
def test_a_command_is_typed_as_it_is(command: str, known: dict[str, object], typed: str) -> None:
    assert filled(command, known) == typed


def test_a_server_error_is_hinted_at_with_its_code(content: Content) -> None:
    error = ServerError("store", "no such function", code="42883")

    result = result_of(diagnosed(error, "store"), CHECK, Registry.load(content.root), {})

    assert (result.outcome, result.cause and result.cause.signature) == ("failed", "store.server_error")
    assert "error of its own, 42883:" in result.hint


def test_a_standing_with_a_next_step_of_its_own_gives_it(content: Content) -> None:
    seen = Cause(component="store", signature="store.workload_not_ready")
    message = "silent; its pod is evicted"
    down = Standing("store", Outcome.FAILED, cause=seen, message=message, explained=True, hint="make room")
    registry = Registry.load(content.root)

    asked = result_of(diagnosed(NotAsked(down, blocked=False), "store"), CHECK, registry, {"store": down})
    met, saw = (result_of(found, CHECK, registry, {"store": down}) for found in (LATE, UNHAPPY))

    assert (asked.outcome, asked.cause, asked.hint) == ("failed", seen, "make room")
    assert (met.outcome, met.cause, met.hint) == ("failed", seen, "make room")
    assert met.message == "late; silent; its pod is evicted"
    assert saw.cause == Cause(component="store", signature="store.unhappy")


def test_nothing_raised_is_passed(content: Content) -> None:
    result = result_of(None, CHECK, Registry.load(content.root), {})

    assert (result.outcome, result.cause, result.hint) == ("passed", None, "")
