"""``python tests/stored_run.py FILE`` stores a run with every outcome, a NO-GO, to try `gate` and `report` on."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from samples import sample_results

from gonogo.results.seal import sealed

if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(sealed(sample_results())))
