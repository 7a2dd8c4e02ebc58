"""An emulator of Doris: MySQL's protocol by the package ``mysql-mimic``, and HTTP of a frontend and a backend.

Nothing of Doris runs here. It answers as the sources and documents of Doris say that Doris answers; each answer
says which (paths are of github.com/apache/doris, fe/fe-core/src/main/java/org/apache/doris). What differs between
versions is a parameter. Rows are kept by SQLite.
"""

from __future__ import annotations

from emulators.doris.cluster import Cluster, Refusal
from emulators.doris.serving import frontend, running

__all__ = ["Cluster", "Refusal", "frontend", "running"]
