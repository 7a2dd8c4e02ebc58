"""A component of a target file that is attached to, as its client is given it, beside a cluster in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api_server import Cluster
from kubeconfigs import kubeconfig

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.core.endpoints import Endpoints
from gonogo.providers.existing.cluster import ExistingCluster

ROOT = Path(__file__).parent.parent
TARGET = """
[target]
name = "there"
provider = "existing"
capabilities = ["kubernetes"]

[kubernetes]
kubeconfig = "{config}"
namespaces = ["{name}"]

[components.{name}]
{table}
"""


@contextmanager
def attached(held: Cluster, folder: Path, name: str, table: str) -> Iterator[Endpoints]:
    """The endpoints of the component whose ``table`` this is; it runs in the namespace that is called as it is."""
    registry, file = Registry.load(ROOT), folder / "there.toml"
    kubeconfig(folder / "config", server=held.url)
    file.write_text(TARGET.format(config=folder / "config", name=name, table=table))
    target = load_target(str(file), ROOT, registry)
    assert target.kubernetes is not None
    with closing(ExistingCluster(target, target.kubernetes)) as provider:
        ends = provider.attached(registry.components[name])
        assert ends is not None
        yield ends
