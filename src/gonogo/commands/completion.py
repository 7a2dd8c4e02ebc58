"""``gonogo completion``: what a shell needs to complete our command line; by typer's own scripts."""

from __future__ import annotations

from gonogo.commands.options import Shell
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say

VARIABLE = "_GONOGO_COMPLETE"
"""Set where the shell asks for completions: by typer's rule, from the name of the program."""


def run(shell: Shell) -> Code:
    """Print the script."""
    from typer import completion

    script: str = completion.get_completion_script(  # type: ignore[attr-defined]
        prog_name="gonogo", complete_var=VARIABLE, shell=str(shell)
    )
    say(script)
    return Code.GO
