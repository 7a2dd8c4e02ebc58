"""gonogo: may we deploy, does it work, is it good enough? With evidence, and one verdict."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gonogo.core.claims import (
        about,
        above,
        at_least,
        at_most,
        containing,
        count,
        each,
        expect,
        nothing,
        one_of,
        something,
    )

__all__ = [
    "__version__",
    "about",
    "above",
    "at_least",
    "at_most",
    "containing",
    "count",
    "each",
    "expect",
    "nothing",
    "one_of",
    "something",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # pytest loads the plugin, and so this, in every project of an environment that gonogo is installed in
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("gonogo.core.claims"), name)
