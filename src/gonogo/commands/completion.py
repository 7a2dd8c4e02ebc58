"""``gonogo completion``: what a shell needs to complete our command line; by typer's own scripts."""

from __future__ import annotations

from gonogo.commands.options import CompletedShell
from gonogo.core.outcomes import Code
from gonogo.core.outlet import say


def run(shell: CompletedShell) -> Code:
    """Print the script."""
    from typer import completion

    script: str = completion.get_completion_script(  # type: ignore[attr-defined]
        prog_name="gonogo", complete_var="_GONOGO_COMPLETE", shell=str(shell)
    )
    say(script)
    return Code.GO
