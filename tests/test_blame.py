"""From what a check raised to its result: outcome, cause, hint and the next command."""

from __future__ import annotations

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import (
    ClientError,
    Denied,
    Forbidden,
    Garbled,
    Gone,
    NotAllowed,
    NotReady,
    Refused,
    TimedOut,
    Unavailable,
    Unresolved,
    Untrusted,
    Wrong,
)
from gonogo.core.outcomes import Outcome
from gonogo.results.events import unreported
from gonogo.results.model import Cause
from gonogo.run.diagnosis import explained, outcome_of, result_of
from gonogo.run.platform import NotAsked, Standing

CHECK = unreported("suites/store/test_store.py::test_store", ("store.mood",), "store")
REFUSED = Standing("store", Outcome.FAILED, cause=Cause(component="store", signature="store.connection_refused"))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (Refused, "failed"),
        (Gone, "failed"),
        (Unavailable, "failed"),
        (TimedOut, "broken"),
        (Unresolved, "broken"),
        (Untrusted, "broken"),
        (Denied, "broken"),
        (Forbidden, "broken"),
        (Garbled, "broken"),
    ],
)
def test_a_client_error_carries_its_outcome_and_signature(kind: type[ClientError], outcome: str) -> None:
    seen, cause, message = outcome_of(kind("depot", "why"), "store")

    assert (seen, message) == (outcome, "why")
    assert cause == Cause(component="depot", signature=f"depot.{kind.kind}")


def test_the_message_of_a_false_claim_says_once_what_was_seen() -> None:
    plain, explained = Wrong("depot.lossy", 3, 2), Wrong("depot.lossy", 3, 2, "one was lost")

    assert [outcome_of(error, "store")[2] for error in (plain, explained)] == [
        "expected 3, saw 2",
        "one was lost: expected 3, saw 2",
    ]
    assert str(explained) == "depot.lossy: one was lost: expected 3, saw 2"


@pytest.mark.parametrize(
    ("error", "outcome", "signature"),
    [
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
    seen, cause, _ = outcome_of(error, "store")

    assert (seen, cause and cause.signature) == (outcome, signature)


def test_an_error_of_the_check_itself_says_where() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0

    _, _, message = outcome_of(caught.value, "store")

    assert message.startswith("ZeroDivisionError: ")
    assert "test_an_error_of_the_check_itself_says_where, line" in message


def test_a_result_carries_the_hint_and_the_command_with_the_address_filled_in(content: Content) -> None:
    registry = Registry.load(content.root)
    endpoints = {"store": Endpoints("store", {"folder": "/srv/store"}, transport="forward")}

    result = result_of(Wrong("store.unhappy", "happy", "sad"), CHECK, registry, endpoints)

    assert (result.outcome, result.expected, result.actual) == ("failed", "happy", "sad")
    assert (result.hint, result.by_hand) == ("Cheer it up.", "cat /srv/store/mood")
    assert result.transport == "forward"


def test_a_command_whose_address_is_unknown_stays_readable(content: Content) -> None:
    result = result_of(Wrong("store.unhappy", "happy", "sad"), CHECK, Registry.load(content.root), {})

    assert result.by_hand == "cat {folder}/mood"


def test_a_check_that_could_not_ask_expected_an_answer(content: Content) -> None:
    result = result_of(TimedOut("store", "late"), CHECK, Registry.load(content.root), {})

    assert (result.outcome, result.expected, result.actual) == ("broken", "an answer", "late")
    assert "hangs" in result.hint


def test_a_standing_with_a_next_step_of_its_own_gives_it(content: Content) -> None:
    seen = Cause(component="store", signature="store.workload_not_ready")
    down = Standing("store", Outcome.FAILED, cause=seen, message="silent; its pod is evicted", hint="make room")
    registry = Registry.load(content.root)

    asked = result_of(NotAsked(down, blocked=False), CHECK, registry, {})
    met = explained(result_of(TimedOut("store", "late"), CHECK, registry, {}), down)
    saw = explained(result_of(Wrong("store.unhappy", "happy", "sad"), CHECK, registry, {}), down)

    assert (asked.outcome, asked.cause, asked.hint) == ("failed", seen, "make room")
    assert (met.outcome, met.cause, met.hint) == ("failed", seen, "make room")
    assert met.message == "late; silent; its pod is evicted"
    assert saw.cause == Cause(component="store", signature="store.unhappy")


def test_nothing_raised_is_passed(content: Content) -> None:
    result = result_of(None, CHECK, Registry.load(content.root), {})

    assert (result.outcome, result.cause, result.hint) == ("passed", None, "")
