"""Ways to a GO that nobody earned: each is tried on a suite that is all right otherwise, and none gets through.

Stored results have theirs in ``test_unearned_stored.py``. A way is judged as a pipeline would: by what the command ends
with, and by what the gate says of the files that it left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import msgspec
import pytest
from repositories import Content

from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Level, Outcome
from gonogo.results.gate import judged, load_results
from gonogo.results.model import CheckResult, CriterionResult, Results, RunInfo, TargetInfo
from gonogo.results.seal import sealed
from gonogo.results.verdict import judge

NOTHING = 2
"""What the gate ends with where a run left no results."""

SHOP, CLASS, CRITERIA = "suites/shop/test_shop.py", "suites/shop/test_class.py", "reports/criteria.toml"

LAST, OPENING = '@pytest.mark.criterion("shop.sells")', "def test_shop_sells(shop: Shop) -> None:"

SELLS = """    expect(shop.mood(), something(), cause="shop.silent")
"""
"""The body of the last check, which is critical."""

Change = Callable[[Content], None]


class Way(NamedTuple):
    """What is done to the content, how pytest is called, what it ends with, and what the gate says then."""

    code: int
    said: str
    changes: tuple[Change, ...] = ()
    arguments: tuple[str, ...] = ()
    ends: tuple[int, ...] = (1,)


def file(path: str, text: str) -> Change:
    """Writes a file."""
    return lambda content: void(content.write(path, text))


def instead(path: str, before: str, after: str) -> Change:
    """Exchanges a text of a file, which must hold it."""

    def change(content: Content) -> None:
        text = (content.root / path).read_text()
        assert before in text
        (content.root / path).write_text(text.replace(before, after, 1))

    return change


def target(head: str) -> Change:
    """More lines of the target file's head."""
    return lambda content: void(content.target(head))


def criteria(text: str) -> Change:
    """More criteria or profiles."""
    return lambda content: void(
        content.write("reports/criteria.toml", (content.root / "reports/criteria.toml").read_text() + text)
    )


def void(_: object) -> None:
    """Nothing comes of it."""


def body(text: str) -> Change:
    """The last check's body is another one."""
    return instead(SHOP, SELLS, f"    {text}\n")


def before(text: str) -> Change:
    """Something stands before the last check, such as a mark."""
    return instead(SHOP, LAST, f"{text}\n{LAST}")


def fixture(text: str) -> Change:
    """The last check uses a fixture with this body."""
    return before(f"@pytest.fixture\ndef used():\n    {text}\n\n@pytest.mark.usefixtures('used')")


def conftest(text: str) -> Change:
    """The checkout's own conftest.py."""
    return file("conftest.py", f"import os, pytest\n{dedent(text)}\n")


WRONG = body("assert False")
COROUTINE = instead(SHOP, "def test_shop_sells", "async def test_shop_sells")
AUTOUSE = "@pytest.fixture(autouse=True)\n"
YIELDS = "def test_shop_sells(shop: Shop):\n    yield"
OF_A_CLASS = """
    import pytest
    class TestShop:
        {head}
        @pytest.mark.criterion("{criterion}")
        def test_it(self, shop): assert shop.mood()
"""
WAIVER = '[[waiver]]\ncriterion = "shop.sells"\nowner = "ops"\nreason = "x"\nexpires = {}\n'
ONLY_WRITES = """
    import pytest
    pytestmark = pytest.mark.writes
    @pytest.mark.criterion("shop.answers")
    def test_a(shop): assert shop.mood()
    @pytest.mark.criterion("shop.sells")
    def test_b(shop): assert shop.mood()
"""
NO_VERDICT = "no verdict: {} of 4 critical criteria asked"
GREEN = (0,)


def narrowed(asked: int, *arguments: str, changes: tuple[Change, ...] = (), ends: tuple[int, ...] = GREEN) -> Way:
    """Something was left out, and what was asked is green: no verdict."""
    return Way(3, NO_VERDICT.format(asked), changes, arguments, ends)


BODIES = {
    "is a coroutine function": Way(3, "shop.sells broken", (COROUTINE,)),
    "is an asynchronous generator": Way(3, "broken", (instead(SHOP, OPENING, f"async {YIELDS}"),)),
    "is a generator": Way(NOTHING, "", (instead(SHOP, OPENING, YIELDS),), ends=(2,)),
    "returns a coroutine": Way(3, "returned a coroutine", (body("import asyncio; return asyncio.sleep(0)"),)),
    "returns a generator": Way(3, "returned a generator", (body("return (x for x in ())"),)),
    "returns False": Way(3, "returned a bool", (body("return False"),)),
    "returns True": Way(3, "returned a bool", (body("return True"),)),
    "returns a comparison": Way(3, "returned a bool", (body("return shop.mood() == 'sad'"),)),
    "returns an empty list": Way(3, "returned a list", (body("return []"),)),
    "skips itself": Way(3, "shop.sells skipped: not today", (body("pytest.skip('not today')"),)),
    "skips itself in the words of a mode": Way(3, "skipped: needs", (body("pytest.skip('needs --mode disrupt')"),)),
    "skips itself in the words of the plan": Way(3, "skipped", (body("pytest.skip('unsupported: needs a cluster')"),)),
    "imports or skips": Way(3, "shop.sells skipped", (body("pytest.importorskip('no_such_package')"),)),
    "expects to fail": Way(3, "shop.sells skipped", (body("pytest.xfail('known')"),)),
    "finds that it cannot ask": Way(
        3,
        "shop.sells broken: needs a cluster: no shell",
        (body("from gonogo.core.errors import NotAskable; raise NotAskable('shop', 'needs a cluster: no shell')"),),
    ),
    "fails by the runner's own word": Way(3, "shop.sells broken", (body("pytest.fail('no')"),)),
    "raises SystemExit(0)": Way(3, "shop.sells broken", (body("raise SystemExit(0)"),)),
    "raises an error of gonogo": Way(
        3, "shop.sells broken", (body("from gonogo.core.errors import GonogoError; raise GonogoError('no')"),)
    ),
    "ends the session with 0": Way(3, "shop.sells missing", (body("pytest.exit('done', returncode=0)"),)),
    "ends the process with 0": Way(NOTHING, "", (body("import os; os._exit(0)"),), ends=(0,)),
    "kills the process": Way(NOTHING, "", (body("import os; os.kill(os.getpid(), 9)"),), ends=(-9,)),
    "replaces the process": Way(NOTHING, "", (body("import os; os.execv('/bin/true', ['true'])"),), ends=(0,)),
    "interrupts": Way(3, "the run was interrupted", (body("raise KeyboardInterrupt"),), ends=(2,)),
}

MARKS = {
    "skip": Way(3, "shop.sells skipped", (before("@pytest.mark.skip(reason='needs --mode disrupt')"),)),
    "skipif": Way(3, "shop.sells skipped", (before("@pytest.mark.skipif(True, reason='no')"),)),
    "xfail, not run": Way(3, "shop.sells skipped", (before("@pytest.mark.xfail(run=False)"),)),
    "xfail": Way(3, "shop.sells skipped", (before("@pytest.mark.xfail"), WRONG)),
    "xfail that passes": Way(3, "shop.sells skipped", (before("@pytest.mark.xfail(strict=False)"),)),
    "xfail that passes strictly": Way(3, "shop.sells broken", (before("@pytest.mark.xfail(strict=True)"),)),
    "a fixture that fails": Way(3, "shop.sells broken", (fixture("raise OSError('no')"),)),
    "a fixture that skips": Way(3, "shop.sells skipped", (fixture("pytest.skip('no')"),)),
    "a fixture whose end fails": Way(3, "shop.sells broken", (fixture("yield; raise OSError('no')"),)),
    "a fixture whose end skips": Way(3, "shop.sells skipped", (fixture("yield; pytest.skip('no')"),)),
    "no parameters": Way(
        3,
        "shop.sells skipped",
        (before("@pytest.mark.parametrize('x', [])"), instead(SHOP, "sells(shop: Shop)", "sells(shop: Shop, x)")),
    ),
    "a marker that nobody knows": Way(NOTHING, "", (before("@pytest.mark.slow"),), ends=(2,)),
    "usefixtures of nobody": Way(3, "shop.sells broken", (before("@pytest.mark.usefixtures('nobody')"),)),
}

MODULES = {
    "an autouse fixture fails": Way(3, "broken", (before(f"{AUTOUSE}def bad(): raise OSError('no')\n"),)),
    "an autouse fixture skips": Way(3, "skipped", (before(f"{AUTOUSE}def bad(): pytest.skip('no')\n"),)),
    "setup_module fails": Way(3, "broken", (before("def setup_module(): raise OSError('no')\n"),)),
    "setup_function fails": Way(3, "broken", (before("def setup_function(f): raise OSError('no')\n"),)),
    "teardown_function fails": Way(3, "broken", (before("def teardown_function(f): raise OSError('no')\n"),)),
    "teardown_module fails": Way(3, "broken", (before("def teardown_module(): raise OSError('no')\n"),)),
    "setup_method fails": Way(
        3,
        "shop.bought broken",
        (
            file(CLASS, OF_A_CLASS.format(head="def setup_method(self): raise OSError", criterion="shop.bought")),
            criteria('[shop.bought]\nlevel = "critical"\nclaim = "x"\n'),
        ),
    ),
    "setup_class fails": Way(
        3,
        "shop.sells broken",
        (file(CLASS, OF_A_CLASS.format(head="def setup_class(cls): raise OSError", criterion="shop.sells")),),
    ),
    "a class cannot be made": Way(
        3,
        "no verdict",
        (file(CLASS, OF_A_CLASS.format(head="def __init__(self): pass", criterion="shop.sells")),),
        ends=GREEN,
    ),
    "the module is skipped": narrowed(
        2, changes=(instead(SHOP, "import pytest", "import pytest\npytest.skip('no', allow_module_level=True)"),)
    ),
    "the module is marked as skipped": Way(
        3, "skipped", (instead(SHOP, "import pytest\n", "import pytest\npytestmark = pytest.mark.skip\n"),)
    ),
    "the module imports or skips": narrowed(
        2, changes=(instead(SHOP, "import pytest", "import pytest\npytest.importorskip('no_such')"),)
    ),
    "the module is no test": narrowed(2, changes=(instead(SHOP, "import pytest", "import pytest\n__test__ = False"),)),
    "a name is given twice": Way(
        NOTHING, "", (instead(SHOP, "def test_shop_answers", "def test_shop_sells"),), ends=(4,)
    ),
    "a name is no test's": narrowed(3, changes=(instead(SHOP, "def test_shop_sells", "def shop_sells"),)),
    "a check that a decorator takes away": narrowed(3, changes=(before("@(lambda function: None)"),)),
    "a criterion that is made up as it runs": Way(
        NOTHING, "", (instead(SHOP, 'criterion("shop.sells")', 'criterion("shop." + "sells")'),), ends=(4,)
    ),
    "a criterion of another module": Way(
        NOTHING,
        "",
        (
            file("fixtures/marks.py", "import pytest\nsells = pytest.mark.criterion('shop.sells')\n"),
            instead(SHOP, LAST, "from fixtures.marks import sells\n@sells"),
        ),
        ends=(4,),
    ),
}

SELECTION = {
    "-k": narrowed(2, "-k", "shop"),
    "a folder": narrowed(2, "suites/store"),
    "a check": narrowed(1, f"{SHOP}::test_shop_sells"),
    "-m that leaves out what writes": narrowed(3, "-m", "critical and not writes"),
    "--ignore": narrowed(2, "--ignore", "suites/shop"),
    "--ignore-glob": narrowed(2, "--ignore-glob", "*shop*"),
    "--deselect": narrowed(2, "--deselect", SHOP),
    "--criterion": narrowed(1, "--criterion", "shop.sells"),
    "python_files": narrowed(2, "-o", "python_files=test_store.py"),
    "python_functions": narrowed(2, "-o", "python_functions=test_store*"),
    "norecursedirs": narrowed(2, "-o", "norecursedirs=shop"),
    "collect_ignore": narrowed(2, changes=(conftest("collect_ignore = ['suites/shop']"),)),
    "collect_ignore_glob": narrowed(2, changes=(conftest("collect_ignore_glob = ['*shop*']"),)),
    "a file that is no Python, ignored": Way(
        3, "suites/shop/test_class.py could not be read", (file(CLASS, "criterion = ("),), ("--ignore", CLASS), GREEN
    ),
    "a file that is no Python, continued over": Way(
        3, "could not be read", (file(CLASS, "criterion = ("),), ("--continue-on-collection-errors",)
    ),
    "a file that cannot be imported, continued over": narrowed(
        2,
        "--continue-on-collection-errors",
        changes=(instead(SHOP, "import pytest", "import pytest, no_such_package"),),
        ends=(1,),
    ),
    "a file that cannot be imported": Way(
        NOTHING, "", (instead(SHOP, "import pytest", "import pytest, no_such_package"),), ends=(2,)
    ),
    "--setup-only": Way(3, "missing", (), ("--setup-only",)),
    "-x after a failure": Way(1, "", (WRONG,), ("-x",)),
    "--maxfail": Way(1, "", (WRONG,), ("--maxfail", "1")),
    "--stepwise": Way(1, "", (WRONG,), ("--stepwise",), ends=(2,)),
    "a narrowed run that failed": Way(1, "NO-GO: shop.sells failed", (WRONG,), ("-k", "sells")),
    "a narrowed run that broke": Way(
        3, "could not tell: shop.sells broken", (body("raise ValueError"),), ("-k", "sells")
    ),
    "a narrowed run that was interrupted": Way(
        3, "could not tell", (body("raise KeyboardInterrupt"),), ("-k", "sells"), (2,)
    ),
    "nothing that is there": Way(3, NO_VERDICT.format(0), (), ("-k", "nowhere"), (5,)),
}

HOOKS = {
    "drops a check": Way(
        3,
        NO_VERDICT.format(3),
        (conftest("def pytest_collection_modifyitems(items): items[:] = [i for i in items if 'sells' not in i.name]"),),
        ends=GREEN,
    ),
    "drops a check before anybody": Way(
        3,
        NO_VERDICT.format(3),
        (
            conftest("""
                @pytest.hookimpl(wrapper=True, tryfirst=True)
                def pytest_collection_modifyitems(items):
                    items[:] = [i for i in items if 'sells' not in i.name]
                    yield
            """),
        ),
        ends=GREEN,
    ),
    "drops a check when all is collected": Way(
        3,
        NO_VERDICT.format(3),
        (
            conftest("""
                def pytest_collection_finish(session):
                    session.items[:] = [i for i in session.items if 'sells' not in i.name]
            """),
        ),
        ends=GREEN,
    ),
    "ignores a folder": Way(
        3,
        NO_VERDICT.format(2),
        (conftest("def pytest_ignore_collect(collection_path): return collection_path.name == 'shop' or None"),),
        ends=GREEN,
    ),
    "makes no item": Way(
        3,
        NO_VERDICT.format(3),
        (conftest("def pytest_pycollect_makeitem(name): return [] if name == 'test_shop_sells' else None"),),
        ends=GREEN,
    ),
    "takes the criterion away": Way(
        NOTHING,
        "",
        (
            conftest("""
                @pytest.hookimpl(wrapper=True, tryfirst=True)
                def pytest_collection_modifyitems(items):
                    for item in items:
                        item.own_markers[:] = [m for m in item.own_markers if m.args != ('shop.sells',)]
                    yield
            """),
        ),
        ends=(4,),
    ),
    "marks a check as skipped": Way(
        3,
        "shop.sells skipped",
        (
            conftest("""
                def pytest_collection_modifyitems(items):
                    for item in items:
                        if 'sells' in item.name:
                            item.add_marker(pytest.mark.skip(reason='needs --mode disrupt'))
            """),
        ),
    ),
    "skips a check in its turn": Way(
        3,
        "shop.sells skipped",
        (conftest("def pytest_runtest_setup(item): pytest.skip('no') if 'sells' in item.name else None"),),
    ),
    "fails a check before its turn": Way(
        3,
        "shop.sells broken",
        (conftest("def pytest_runtest_setup(item):\n    if 'sells' in item.name: raise OSError('no')"),),
    ),
    "fails a check after its turn": Way(
        3,
        "shop.sells broken",
        (
            conftest("""
                @pytest.hookimpl(trylast=True)
                def pytest_runtest_teardown(item):
                    if 'sells' in item.name: raise OSError('no')
            """),
        ),
    ),
    "takes the protocol over": Way(
        1,  # the runner then finds, at the next check, that this one was not torn down
        "shop.sells missing",
        (conftest("def pytest_runtest_protocol(item): return True if 'sells' in item.name else None"),),
    ),
    "takes the call over": Way(
        3,
        "was never called",
        (
            conftest("""
                @pytest.hookimpl(tryfirst=True)
                def pytest_pyfunc_call(pyfuncitem): return True if 'sells' in pyfuncitem.name else None
            """),
        ),
    ),
    "exchanges the call": Way(
        3,
        "shop.sells broken",
        (
            conftest("""
                @pytest.hookimpl(wrapper=True, tryfirst=True)
                def pytest_runtest_call(item):
                    if 'sells' in item.name: item.runtest = lambda: None
                    return (yield)
            """),
        ),
    ),
    "calls a failure a pass": Way(
        1,
        "shop.sells failed",
        (
            WRONG,
            conftest("""
                @pytest.hookimpl(wrapper=True)
                def pytest_runtest_makereport(item):
                    report = yield
                    report.outcome = 'passed'
                    return report
            """),
        ),
    ),
    "calls a failure a skip": Way(
        3,
        "shop.sells skipped",
        (
            WRONG,
            conftest("""
                @pytest.hookimpl(wrapper=True)
                def pytest_runtest_makereport(item, call):
                    report = yield
                    if call.excinfo: report.outcome, report.longrepr = 'skipped', ('', 0, 'unsupported: no')
                    return report
            """),
        ),
    ),
    "calls a pass a failure": Way(
        3,
        "shop.sells broken",
        (
            conftest("""
                @pytest.hookimpl(wrapper=True, tryfirst=True)
                def pytest_runtest_makereport(item, call):
                    report = yield
                    if 'sells' in item.name and call.when == 'call': report.outcome = 'failed'
                    return report
            """),
        ),
    ),
    "calls a pass a skip": Way(
        3,
        "shop.sells skipped",
        (
            conftest("""
                @pytest.hookimpl(wrapper=True, tryfirst=True)
                def pytest_runtest_makereport(item, call):
                    report = yield
                    if 'sells' in item.name and call.when == 'call':
                        report.outcome, report.longrepr = 'skipped', ('', 0, 'no')
                    return report
            """),
        ),
    ),
    "calls a failure a pass as it is logged": Way(
        1,
        "shop.sells failed",
        (
            WRONG,
            conftest("""
                @pytest.hookimpl(tryfirst=True)
                def pytest_runtest_logreport(report): report.outcome = 'passed'
            """),
        ),
    ),
    "ends the session with 0 after a failure": Way(
        1,
        "shop.sells failed",
        (WRONG, conftest("@pytest.hookimpl(tryfirst=True)\ndef pytest_sessionfinish(session): session.exitstatus = 0")),
    ),
    "ends the process before the end": Way(
        NOTHING, "", (conftest("def pytest_runtest_logfinish(nodeid): os._exit(0)"),), ends=(0,)
    ),
    "ends the process as it is collected": Way(
        NOTHING, "", (conftest("def pytest_collection_finish(): os._exit(0)"),), ends=(0,)
    ),
    "stops the session": Way(
        3, "missing", (conftest("def pytest_runtest_logfinish(nodeid): pytest.exit('enough', returncode=0)"),)
    ),
    "says that it is enough": Way(
        3,
        "the run was interrupted",
        (conftest("@pytest.fixture(autouse=True)\ndef enough(request): request.session.shouldstop = 'enough'"),),
        ends=(2,),
    ),
    "leaves the loop out": Way(
        3, "missing", (conftest("@pytest.hookimpl(tryfirst=True)\ndef pytest_runtestloop(session): return True"),)
    ),
    "fails as the session starts": Way(
        NOTHING, "", (conftest("def pytest_sessionstart(session): raise RuntimeError"),), ends=(3,)
    ),
}

PLATFORM = {
    "the store dies in the midst": Way(
        1, "store does not answer any more", (body("(shop.folder.parent / 'store/mood').unlink()"),)
    ),
    "the store dies after its last check": Way(
        1, "store does not answer any more", (fixture("yield; __import__('os').unlink('servers/store/mood')"),)
    ),
    "the store hangs at the end": Way(
        3, "store does not answer any more", (fixture("yield; open('servers/store/mood', 'w').write('hung')"),)
    ),
    "the shop dies after its last check": Way(
        1, "shop does not answer any more", (fixture("yield; __import__('os').unlink('servers/shop/mood')"),)
    ),
    "all is unsupported": Way(
        3, "no criterion that gates was asked", (target('unsupported = { store = "no", shop = "no" }'),)
    ),
    "what is critical is unsupported": Way(
        3,
        "nothing critical passed on store",
        (target('unsupported = { "store.answers" = "no", "store.keeps" = "no" }'),),
    ),
    "nothing asks a criterion": Way(
        3, "shop.bought missing: no check asks it", (criteria('[shop.bought]\nlevel = "critical"\nclaim = "x"\n'),)
    ),
    "a component without a critical criterion": Way(
        3,
        "nothing critical passed on shop",
        (
            instead(CRITERIA, '[shop.answers]\nlevel = "critical"', '[shop.answers]\nlevel = "important"'),
            instead(CRITERIA, '[shop.sells]\nlevel = "critical"', '[shop.sells]\nlevel = "important"'),
        ),
    ),
    "a profile that asks nothing critical": Way(
        3,
        "nothing critical passed on store",
        (criteria('[profiles.mood]\ninclude = ["store.mood"]\n'), target('profile = "mood"')),
    ),
    "a waiver that has ended": Way(
        1,
        "the waiver of ops ended on 2020-01-01",
        (WRONG, file("reports/waivers.toml", WAIVER.format("2020-01-01"))),
    ),
    "a waiver of what could not be asked": Way(
        3, "shop.sells broken", (body("raise ValueError"), file("reports/waivers.toml", WAIVER.format("2999-01-01")))
    ),
    "only what a mode was not given for": Way(
        3, "nothing critical passed on shop", (file(SHOP, ONLY_WRITES),), ("--mode", "read")
    ),
}

TWO = ("-n", "2")
WORKERS = {
    "ends its process": Way(3, "shop.sells broken", (body("import os; os._exit(0)"),), TWO),
    "is killed": Way(3, "shop.sells broken", (body("import os; os.kill(os.getpid(), 9)"),), TWO),
    "ends its process after its call": Way(3, "broken", (fixture("yield; import os; os._exit(0)"),), ("-n", "1")),
    "returns something": Way(3, "returned a bool", (body("return False"),), TWO),
    "is skipped": Way(3, "shop.sells skipped", (before("@pytest.mark.skip(reason='no')"),), TWO),
    "fails in its setup": Way(3, "broken", (before("def setup_module(): raise OSError('no')\n"),), TWO),
    "is narrowed": narrowed(2, "-n", "2", "-k", "shop"),
    "runs a coroutine function": Way(3, "shop.sells broken", (COROUTINE,), TWO),
    "loses the store": Way(
        1, "store does not answer any more", (body("(shop.folder.parent / 'store/mood').unlink()"),), TWO
    ),
}

HAPPY = "suites/inside/test_inside.py"
OF_BOTH = (
    criteria('["*.happy"]\nlevel = "critical"\nclaim = "{title} is happy"\n'),
    *(
        instead(f"deploy/{c}/component.toml", "[expect]", '[claims]\nhappy = "1"\n\n[expect]')
        for c in ("store", "shop")
    ),
    file(
        HAPPY,
        """
        import pytest
        from gonogo import expect
        @pytest.mark.criterion("*.happy")
        def test_is_happy(component, endpoints):
            expect(open(endpoints(component)["folder"] + "/mood").read(), "happy", cause=f"{component}.unhappy")
        """,
    ),
)
"""A claim that both components make, asked by one check with a parameter for each."""


def of_both(code: int, said: str, *arguments: str, changes: tuple[Change, ...] = (), ends: int = 0) -> Way:
    """Something is done to the check of a claim that both components make."""
    return Way(code, said, (*OF_BOTH, *changes), arguments, (ends,))


SHARED = {
    "is false of one": of_both(1, "shop.happy failed", changes=(file("servers/shop/mood", "sad"),), ends=1),
    "is deselected for one": of_both(3, "5 of 6 critical", "--deselect", f"{HAPPY}::test_is_happy[shop]"),
    "is left out for one by -k": of_both(3, "3 of 6 critical", "-k", "not shop"),
    "is asked of one alone": of_both(3, "1 of 6 critical", "--criterion", "shop.happy"),
    "is ignored": of_both(3, "4 of 6 critical", "--ignore", "suites/inside"),
    "is dropped for one by a hook": of_both(
        3,
        "5 of 6 critical",
        changes=(
            conftest(
                "def pytest_collection_modifyitems(items): items[:] = [i for i in items if '[shop]' not in i.name]"
            ),
        ),
    ),
    "is never made for one": of_both(
        NOTHING,
        "",
        changes=(
            conftest("""
                @pytest.hookimpl(wrapper=True)
                def pytest_pycollect_makeitem():
                    made = yield
                    return [i for i in made if '[shop]' not in i.name] if isinstance(made, list) else made
            """),
        ),
        ends=4,
    ),
    "is about another one than it says": of_both(
        NOTHING,
        "",
        changes=(
            conftest("""
                def pytest_itemcollected(item):
                    if hasattr(item, 'callspec'):
                        item.callspec.params['component'] = 'store'
            """),
        ),
        ends=4,
    ),
    "names its parameters itself": of_both(
        NOTHING,
        "",
        changes=(instead(HAPPY, "def test_is", "@pytest.mark.parametrize('component', ['store'])\ndef test_is"),),
        ends=2,
    ),
    "takes no component": of_both(
        NOTHING,
        "",
        changes=(file(HAPPY, "import pytest\n@pytest.mark.criterion('*.happy')\ndef test_it(): pass"),),
        ends=4,
    ),
    "is misspelt": of_both(NOTHING, "", changes=(instead(HAPPY, "*.happy", "*.hapy"),), ends=4),
    "is asked by nobody": of_both(3, "missing: no check asks it", changes=(file(HAPPY, ""),), ends=1),
}

WAYS = {
    f"{kind} {name}": way
    for kind, ways in {
        "a body": BODIES,
        "a mark:": MARKS,
        "a module:": MODULES,
        "left out by": SELECTION,
        "a hook": HOOKS,
        "a platform:": PLATFORM,
        "a worker": WORKERS,
        "a shared claim": SHARED,
    }.items()
    for name, way in ways.items()
}


def gate(root: Path) -> tuple[int, str]:
    """The exit code of ``gonogo gate``, and its headline."""
    try:
        verdict = judged({"results.json": load_results(root / "reports/out/results.json")}).verdict
    except ConfigError as error:
        return NOTHING, str(error)
    assert verdict is not None
    return verdict.code, verdict.headline


def asked(pytester: pytest.Pytester, arguments: Iterable[str]) -> pytest.RunResult:
    """The suites, asked by plain pytest; a path among the arguments takes the place of all of them."""
    arguments = list(arguments)
    place = [] if arguments and arguments[0].startswith("suites/") else ["suites/"]
    mode = [] if "--mode" in arguments else ["--mode", "write"]
    return pytester.runpytest_subprocess(*place, *mode, *arguments, timeout=60)


def test_the_suite_itself_is_go(pytester: pytest.Pytester, content: Content) -> None:
    done = asked(pytester, ())

    assert done.ret == 0
    assert gate(content.root) == (0, "GO on there: 4 of 4 critical criteria")


def test_a_claim_that_both_make_is_asked_of_both(pytester: pytest.Pytester, content: Content) -> None:
    for change in OF_BOTH:
        change(content)

    done = asked(pytester, ())

    assert done.ret == 0
    assert gate(content.root) == (0, "GO on there: 6 of 6 critical criteria")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_no_way_leads_to_a_go(pytester: pytest.Pytester, content: Content, way: Way) -> None:
    earlier(content)
    for change in way.changes:
        change(content)

    done = asked(pytester, way.arguments)

    code, said = gate(content.root)
    assert (code, said) == (way.code, said)
    assert way.said in said
    assert int(done.ret) in way.ends


def earlier(content: Content) -> None:
    """A GO of an earlier run lies where results are looked for."""
    out = content.root / "reports/out"
    out.mkdir(parents=True)
    id, node, time = "shop.answers", f"{SHOP}::test_shop_answers", "2025-06-04T12:00:00Z"
    results = Results(
        run=RunInfo(id="pv-20250604120000-0a1b2c", started=time, finished=time),
        target=TargetInfo(name="there", provider="existing"),
        criteria=(CriterionResult(id=id, level=Level.CRITICAL, component="shop", claim="x", checks=(node,)),),
        checks=(CheckResult(nodeid=node, criteria=(id,), component="shop", outcome=Outcome.PASSED),),
    )
    (out / "results.json").write_bytes(msgspec.json.encode(sealed(judge(results))))
    assert gate(content.root)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("suites/", "--bogus"),
        ("suites/", "--mod", "write"),
        ("suites/", "--mode", "wriet"),
        ("suites/", "--target", "nowhere"),
        ("suites/", "--criterion", "shop.sels"),
        ("suites/", "--run", "yesterday"),
        ("suites/", "-m", "critcal"),
        ("suites/", "-k", "("),
        ("suits/",),
        ("suites/store/test_stoer.py",),
        (".", "--bogus"),
        ("--bogus",),
        ("suites/", "--out", "pyproject.toml/report"),
    ],
    ids=" ".join,
)
def test_wrong_use_leaves_no_earlier_go(
    pytester: pytest.Pytester, content: Content, arguments: tuple[str, ...]
) -> None:
    earlier(content)

    done = pytester.runpytest_subprocess(*arguments)

    assert done.ret != 0
    if "--out" not in arguments:
        assert gate(content.root)[0] == NOTHING
        assert (content.root / "reports/out/previous/results.json").is_file()


@pytest.mark.parametrize("arguments", [("tests",), ("--collect-only",), ("--help",), ("suites/", "--co")], ids=" ".join)
def test_what_asks_nothing_leaves_the_results_where_they_are(
    pytester: pytest.Pytester, content: Content, arguments: tuple[str, ...]
) -> None:
    content.write("tests/test_own.py", "def test_own(): pass")
    earlier(content)

    pytester.runpytest_subprocess(*arguments)

    assert gate(content.root)[0] == 0


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import os; os._exit(0)", 3, "its process ended with exit code 0"),
        ("import os; os.kill(os.getpid(), 9)", 3, "its process ended by SIGKILL"),
        ("import os; os.execv('/bin/true', ['true'])", 3, "its process ended with exit code 0"),
        ("import os, signal; os.fork() and os._exit(0); signal.alarm(5)", 3, "its process ended with exit code 0"),
        ("return False", 3, ""),
        ("assert False", 1, ""),
        ("pytest.exit('x', returncode=0)", 3, ""),
    ],
)
def test_the_verb_check_never_ends_in_0(
    pytester: pytest.Pytester, content: Content, text: str, code: int, said: str
) -> None:
    earlier(content)
    suite = content.root / SHOP
    suite.write_text(suite.read_text().replace(SELLS, f"    {text}\n"))

    done = pytester.run(sys.executable, "-m", "gonogo", "check", "--mode", "write", timeout=60)

    assert done.ret == code
    assert said in done.stderr.str()


@pytest.mark.parametrize(
    "arguments", [("--target", "nowhere"), ("--bogus",), ("suits/",), ("--mode", "wriet")], ids=" ".join
)
def test_the_verb_check_used_wrongly_leaves_no_earlier_go(
    pytester: pytest.Pytester, content: Content, arguments: tuple[str, ...]
) -> None:
    earlier(content)

    done = pytester.run(sys.executable, "-m", "gonogo", "check", *arguments)

    assert done.ret == 2
    assert gate(content.root)[0] == NOTHING
