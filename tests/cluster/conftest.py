"""Tests on a running cluster; ``README.md`` tells what they need. Collected only where a command line names them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cluster.images import built
from cluster.live import Cluster

HERE = Path(__file__).parent
WHY = "tests/cluster needs KUBECONFIG: a cluster whose every namespace and node may be written to"


def pytest_configure(config: pytest.Config) -> None:
    """The marks of the long series, and of what nothing else may run beside."""
    for mark in ("slow: a long series, run by hand", "alone: needs or changes what all share"):
        config.addinivalue_line("markers", mark)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nobody who tests the machinery finds things made in the cluster that his shell happens to point at."""
    named = [Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a cluster everything here is skipped, for one reason."""
    for item in () if os.environ.get("KUBECONFIG") else filter(lambda item: item.path.is_relative_to(HERE), items):
        item.add_marker(pytest.mark.skip(reason=WHY))


def pytest_report_collectionfinish() -> list[str]:
    """One line that says so."""
    return [] if os.environ.get("KUBECONFIG") else [WHY]


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The kubeconfig of the cluster's administrator."""
    return Path(os.environ["KUBECONFIG"])


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Cluster:
    """The cluster, as its administrator changes it."""
    return Cluster(kubeconfig)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images of the real servers, built once in a session, whichever of its processes asks first."""
    built(tmp_path_factory.getbasetemp())


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of this test alone, gone afterwards with all that is in it."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}") as name:
        yield name


@pytest.fixture
def apply(cluster: Cluster, namespace: str) -> Callable[[str], list[dict[str, Any]]]:
    """Makes the objects of a manifest in the test's namespace."""
    return lambda manifest: [cluster.apply(one, namespace) for one in cluster.objects(manifest, namespace)]
