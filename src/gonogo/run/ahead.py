"""Which checks may run ahead of their turn, side by side, and how they do.

pytest sets up, calls and tears down one item after another. A check may only run elsewhere where nobody can tell the
difference: where it is proven, from the item as it was collected, that pytest would do nothing for it but make clients,
call the body, and give the clients back. What is not proven takes pytest's own protocol.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest

from gonogo.core.errors import Unclaimed

INERT_MARKS = frozenset({"criterion", "needs", "writes", "critical", "important", "optional", "parametrize"})
"""Marks that change nothing of how an item runs."""

PLAIN_COLLECTORS = (pytest.Session, pytest.Dir, pytest.Module)
"""Nodes above an item that set nothing up themselves: a Package runs its ``__init__``'s, a Class may have its own."""

SERIAL_OPTIONS = ("usepdb", "trace", "setuponly", "setupshow", "setupplan", "collectonly", "maxfail", "stepwise")
"""Options of pytest under which one item after another is part of what was asked for."""

ITEM_HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_logstart",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
    "pytest_pyfunc_call",
    "pytest_fixture_setup",
    "pytest_fixture_post_finalizer",
)
"""Hooks that can act on an item while it runs, or on its fixtures; the others are only told what happened."""


def _anyio(item: pytest.Function) -> bool:
    # it awaits coroutines, and a function or fixture that is one does not run ahead in any case
    return "anyio_backend" not in item.fixturenames


def _timeout(item: pytest.Function) -> bool:
    settings = getattr(sys.modules["pytest_timeout"], "_get_item_settings", None)
    whole = item.config.getoption("session_timeout", None)
    return settings is not None and not settings(item).timeout and not whole


def _rerunfailures(item: pytest.Function) -> bool:
    count = getattr(sys.modules["pytest_rerunfailures"], "get_reruns_count", None)
    return count is not None and count(item) is None


GUESTS: Mapping[str, Callable[[pytest.Function], bool]] = {
    "anyio.pytest_plugin": _anyio,
    "pytest_timeout": _timeout,
    "pytest_rerunfailures": _rerunfailures,
}
"""Plugins with hooks above, and when each leaves an item alone. Testinfra and xdist have none of them outside the
processes in which nothing runs ahead."""


class Why(NamedTuple):
    """Why an item takes pytest's own protocol; ``own``: it is so by what its own lines ask for, as its author knows."""

    text: str
    own: bool = False


def serial(config: pytest.Config) -> Why | None:
    """Why nothing of this session may run ahead; None where something may."""
    for option in SERIAL_OPTIONS:
        if config.getoption(option, False):
            return Why(f"--{option}")
    # filters that pytest sets for each item in its turn, and those of the interpreter
    given = (*config.getini("filterwarnings"), *(config.getoption("pythonwarnings", None) or ()))
    if any(map(_raises, given)) or any(known[0] == "error" for known in warnings.filters):
        return Why("warnings are errors")
    return _foreign(config.hook.pytest_runtestloop, None)


def _raises(filter: str) -> bool:
    action = filter.partition(":")[0].strip()
    return bool(action) and "error".startswith(action)


def alone(item: pytest.Item, known: Collection[CodeType], collectors: Collection[type] = ()) -> Why | None:
    """Why an item takes pytest's own protocol; None where it is proven that it needs nothing else than clients.

    ``known`` is the code of the fixtures that make clients, and of others that any thread may call at any time;
    ``collectors`` are ours, of which the same is known as of pytest's own.
    """
    if type(item) is not pytest.Function or not inspect.isfunction(item.obj) or _is_async(item.obj):
        return Why("is no plain function", own=True)
    if hasattr(item.obj, "__wrapped__"):
        return Why("is decorated", own=True)
    for mark in item.iter_markers():
        if mark.name not in INERT_MARKS:
            return Why(f"is marked {mark.name}", own=True)
    if changed := {"setup", "runtest", "teardown"} & vars(item).keys():
        return Why(f"has a {min(changed)} of its own")
    for node in item.listchain()[:-1]:
        if type(node) not in (*PLAIN_COLLECTORS, *collectors) or {"setup", "teardown"} & vars(node).keys():
            return Why(f"stands in {type(node).__name__} {node.name}")
    for name in ITEM_HOOKS:
        if why := _foreign(getattr(item.ihook, name), item):
            return why
    return next(filter(None, (_unproven(item, name, known) for name in item.fixturenames)), None)


def _foreign(hook: Any, item: pytest.Function | None) -> Why | None:
    """The first implementation of a hook by others than pytest and gonogo that may act on the item."""
    for implementation in hook.get_hookimpls():
        module = getattr(implementation.function, "__module__", None) or ""
        if module.partition(".")[0] in ("_pytest", "gonogo"):
            continue
        if item is None or module not in GUESTS or not GUESTS[module](item):
            return Why(f"{Path(implementation.plugin_name).name} has {implementation.function.__name__}")
    return None


def _is_async(function: object) -> bool:
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.isgeneratorfunction(function)
    )


# -- fixtures


def _unproven(item: pytest.Function, name: str, known: Collection[CodeType]) -> Why | None:
    """Why a fixture may be something else than one of ours or a plain parameter; None where it is one."""
    definition = _definition(item, name)
    if definition is None:
        return Why(f"takes {name}", own=True)
    if _parametrised(item, name):
        # pytest's own stand-in for a value; else the value goes through somebody's fixture
        plain = definition.func.__module__.startswith("_pytest.")
        return None if plain else Why(f"takes {name}, parametrised indirectly", own=True)
    if getattr(definition.func, "__code__", None) not in known:
        return Why(f"takes {name}", own=True)
    return next(filter(None, (_unproven(item, one, known) for one in definition.argnames)), None)


def _definition(item: pytest.Function, name: str) -> Any:
    """The definition of a fixture that the item gets; None where pytest does not tell."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return known[name][-1] if known.get(name) else None


def _parametrised(item: pytest.Function, name: str) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and name in callspec.params


# -- running


@dataclass(frozen=True)
class Ran:
    """What the three phases of a check raised, as pytest will report them in its turn."""

    setup: BaseException | None = None
    call: BaseException | None = None
    teardown: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        """What went wrong first."""
        return self.setup or self.call or self.teardown


class Body:
    """One proven check, run as pytest would: fixtures in their order, the body, fixtures back in reverse."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._values: dict[str, Any] = {}
        self._given_back = ExitStack()

    def run(self, calling: Callable[[Callable[[], None]], None]) -> Ran:
        """Set up, hand the body to ``calling``, tear down."""
        setup = call = teardown = None
        try:
            for name in self._item.fixturenames:
                self._value(name)
        except BaseException as error:
            setup = error
        else:
            try:
                calling(self._call)
            except BaseException as error:
                call = error
        try:
            self._given_back.close()
        except BaseException as error:
            teardown = error
        return Ran(setup, call, teardown)

    def _call(self) -> None:
        names = self._item._fixtureinfo.argnames
        claimed(self._item.obj)(**{name: self._values[name] for name in names})

    def _value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._made(name)
        return self._values[name]

    def _made(self, name: str) -> Any:
        if _parametrised(self._item, name):
            return self._item.callspec.params[name]
        definition = _definition(self._item, name)
        arguments = {one: self._value(one) for one in definition.argnames}
        made = definition.func(**arguments)
        if not inspect.isgeneratorfunction(definition.func):
            return made
        value = next(made)
        self._given_back.callback(_finished, made, name)
        return value


def _finished(generator: Iterator[Any], name: str) -> None:
    for _ in generator:
        raise RuntimeError(f"fixture {name} yields more than once")


class Delivery:
    """Hands the phases of a check that ran ahead to pytest's own protocol, once; the next time is pytest's."""

    def __init__(self, item: pytest.Function, ran: Ran) -> None:
        self._item, self._ran = item, ran
        item.setup, item.runtest, item.teardown = self._setup, self._runtest, self._teardown  # type: ignore[method-assign]

    def _setup(self) -> None:
        _raise(self._ran.setup)

    def _runtest(self) -> None:
        _raise(self._ran.call)

    def _teardown(self) -> None:
        for phase in ("setup", "runtest", "teardown"):
            delattr(self._item, phase)
        _raise(self._ran.teardown)


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


# -- what a body may return


def claimed(function: Callable[..., Any], called: Callable[[], None] = lambda: None) -> Callable[..., Any]:
    """The body of a check; whatever it returns but None raises :class:`Unclaimed`: a claim is made by ``assert``."""

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> None:
        called()
        _nothing(function, function(*args, **kwargs))

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> None:
        called()
        _nothing(function, await function(*args, **kwargs))

    return awaited if inspect.iscoroutinefunction(function) else body


def _nothing(function: Callable[..., Any], value: object) -> None:
    if value is None:
        return
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it
    raise Unclaimed(f"{function.__name__} returned a {type(value).__name__} and so claimed nothing")


@contextmanager
def claiming(item: pytest.Function) -> Iterator[None]:
    """Within, the item's body is :func:`claimed`. Raises ``Unclaimed`` where nobody has called it."""
    function, calls = item.obj, list[None]()
    item.obj = claimed(function, lambda: calls.append(None))
    try:
        yield
    finally:
        item.obj = function
    if not calls:
        raise Unclaimed(f"{function.__name__} was never called: a plugin or conftest.py took its place")
