"""gonogo: may we deploy, does it work, is it good enough? With evidence, and one verdict."""

from gonogo.core.errors import wrong
from gonogo.core.seen import saw

__all__ = ["__version__", "saw", "wrong"]
__version__ = "0.1.0"
