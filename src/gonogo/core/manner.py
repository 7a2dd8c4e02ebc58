"""What the command line says of this process as a whole: how it talks, and which cluster it asks; settled once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """When output is coloured; ``auto``: on a terminal, unless ``NO_COLOR`` or ``FORCE_COLOR`` says otherwise."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Manner:
    """``quiet``: results and errors only. ``verbose``: also what is asked of whom.

    ``context`` and ``kubeconfig`` count before those of the target file, where they are not empty.
    """

    quiet: bool = False
    verbose: bool = False
    colour: Colour = Colour.AUTO
    context: str = ""
    kubeconfig: str = ""


_settled = [Manner()]


def settle(manner: Manner) -> None:
    """So it is from now on."""
    _settled[:] = [manner]


def manner() -> Manner:
    """As it was settled."""
    return _settled[0]


def coloured(*, terminal: bool) -> bool:
    """Whether what goes to a terminal, or to none, is to have colours: the command line counts before all else."""
    if (asked := manner().colour) is not Colour.AUTO:
        return asked is Colour.ALWAYS
    if os.environ.get("NO_COLOR"):  # no-color.org: where it is not empty
        return False
    return bool(os.environ.get("FORCE_COLOR")) or terminal
