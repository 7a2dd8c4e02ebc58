"""Whether this machine is of the kind that the embedded servers are built for."""

from __future__ import annotations

import platform
import sys

NEEDED = "the embedded servers run on Linux x86-64"

ELSEWHERE = "attach to a platform elsewhere with a target file of provider `existing`"


def kind() -> str:
    """System and processor, as people call them."""
    return f"{platform.system()} on {platform.machine()}"


def unfit() -> str:
    """Why none of them runs on this machine; empty where they do."""
    fits = sys.platform == "linux" and platform.machine() == "x86_64"
    return "" if fits else f"{kind()}; {NEEDED}"
