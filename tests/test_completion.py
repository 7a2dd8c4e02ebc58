"""What a shell completes: tried in each shell that is installed, with the script that `gonogo completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import Content

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

BASH = """
source <(gonogo completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_gonogo_completion gonogo
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

ZSH = """
autoload -Uz compinit; compinit -u -D
source <(gonogo completion zsh)
functions[_arguments]='print -r -- "$@"'
functions[_files]=:
words=({words}); CURRENT=$#words
_gonogo_completion
"""

FISH = """
gonogo completion fish | source
complete --do-complete 'gonogo {line}'
"""


def completed(shell: str, line: str, root: Path) -> tuple[str, str]:
    """What the shell offers where this was typed after `gonogo `, and what was told beside it."""
    words = " ".join(["gonogo", *line.split(), *(["''"] if line.endswith(" ") or not line else [])])
    program = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell].format(words=words, line=line)
    quiet = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *quiet, "-c", program],
        cwd=root,
        env={**os.environ, "PATH": PATH, "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.fixture(params=["bash", "zsh", "fish"])
def offered(request: pytest.FixtureRequest, content: Content) -> Callable[[str], str]:
    """What a shell offers, in a checkout of two components."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    content.write("suites/store/drills.toml", "[sad]\n")

    def ask(line: str) -> str:
        out, err = completed(request.param, line, content.root)
        assert err == ""
        return out

    return ask


@pytest.mark.parametrize(
    ("line", "words", "absent"),
    [
        ("st", ["status"], "plan"),
        ("plan sto", ["store"], "shop"),
        ("check --target ", ["there"], "store"),
        ("explain store.", ["store.answers", "store.unhappy"], "shop.answers"),
        ("explain Deploy", ["Deployment"], "StatefulSet"),
        ("drill ", ["store", "store.sad"], "shop.answers"),
        ("plan -o ", ["table", "wide", "json", "yaml", "name"], "auto"),
    ],
    ids=lambda value: value if isinstance(value, str) else "words",
)
def test_a_shell_completes(offered: Callable[[str], str], line: str, words: list[str], absent: str) -> None:
    out = offered(line)

    assert [word for word in words if word not in out] == []
    assert absent not in out.replace(line, "")


def asked(line: str, root: Path) -> subprocess.CompletedProcess[str]:
    """The program, as the script of bash asks it."""
    words = f"gonogo {line}"
    given = {
        **os.environ,
        "_GONOGO_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    command = [sys.executable, "-c", "import sys; sys.argv = ['gonogo']; from gonogo.cli import main; main()"]
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "line", ["plan ", "explain a", "drill ", "check --target ", "health --context ", "nosuch --x "]
)
def test_what_is_broken_completes_nothing_and_says_nothing(line: str, content: Content, tmp_path: Path) -> None:
    content.write("reports/criteria.toml", "[more")
    content.write("deploy/store/component.toml", "= no")
    content.write("suites/store/drills.toml", "= no")

    for root in (content.root, tmp_path):
        done = asked(line, root)

        assert (done.returncode, done.stderr) == (0, "")


def test_to_complete_loads_nothing_that_asks(content: Content) -> None:
    program = """
import sys
sys.argv = ["gonogo"]
from gonogo.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    given = {**os.environ, "_GONOGO_COMPLETE": "complete_bash", "COMP_WORDS": "gonogo explain sto", "COMP_CWORD": "2"}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=content.root, env=given, capture_output=True, text=True, check=True
    )

    assert "store.answers" in done.stdout.split()
    assert {"pytest", "httpx", "rich", "kubernetes", "pydantic", "psutil"} & set(done.stderr.split()) == set()


def test_each_script_is_printed_and_another_shell_is_wrong_use(content: Content) -> None:
    for shell in ("bash", "zsh", "fish", "powershell"):
        command = [sys.executable, "-m", "gonogo", "completion", shell]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        known = shell != "powershell"
        assert done.returncode == (0 if known else 2)
        assert ("_GONOGO_COMPLETE=complete_" in done.stdout) is known
