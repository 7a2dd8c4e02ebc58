"""Types are described one at a time, whatever threads use them first."""

from __future__ import annotations

import ast
import subprocess
import sys

import msgspec
import pytest
from test_architecture import ENGINE, FIXTURES, shown, tree

from gonogo.core.codec import convert, decode

CROWD = """
import sys, threading, types
from gonogo.core.codec import convert, decode

sys.setswitchinterval(1e-6)
MODULE = '''
import msgspec
class Inner(msgspec.Struct):
    number: int = 0
    table: dict[str, int] = {}
class Outer(msgspec.Struct):
    one: Inner = msgspec.field(default_factory=Inner)
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
'''
for turn in range(400):
    module = types.ModuleType(f"turn{turn}")
    sys.modules[module.__name__] = module
    exec(compile(MODULE, module.__name__, "exec"), module.__dict__)
    at_once = threading.Barrier(8)
    found = []

    def use(kind=module.Outer, at_once=at_once, found=found):
        at_once.wait()
        found.append(convert({"one": {"number": 1}, "named": {"a": {}}}, kind).one.number)
        found.append(decode(b'{"many": [{"number": 1}]}', kind).many[0].number)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 16, found
print("whole")
"""


class Row(msgspec.Struct):
    """A type of this test."""

    name: str


def test_eight_threads_may_be_the_first() -> None:
    done = subprocess.run([sys.executable, "-c", CROWD], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


def test_what_does_not_fit_is_said() -> None:
    assert decode(b'{"name": "a"}', Row) == convert({"name": "a"}, Row)
    with pytest.raises(msgspec.ValidationError, match=r"Expected `str`, got `int` - at `\$\.name`"):
        convert({"name": 1}, Row)
    with pytest.raises(msgspec.DecodeError, match=r"truncated"):
        decode(b'{"name": ', Row)


def test_nobody_else_lets_a_type_be_described() -> None:
    found = [
        shown(path, node.lineno)
        for path in [*ENGINE, *FIXTURES]
        if path.name != "codec.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).startswith("msgspec.")
        and (
            ast.unparse(node.func).endswith((".convert", ".Decoder"))
            or any(keyword.arg == "type" for keyword in node.keywords)
        )
    ]

    assert found == []
