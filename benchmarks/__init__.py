"""The speed table: each figure measured next to its peer or its limit, in one run on one machine."""

import sys
from pathlib import Path

# What the tests make on a cluster, and the relay that counts, is used here too.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
