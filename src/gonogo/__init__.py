"""gonogo: may we deploy, does it work, is it good enough? With evidence, and one verdict."""

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
