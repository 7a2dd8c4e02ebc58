"""``deploy/<component>/helm.toml``: how a component stands on a cluster, by charts and manifests. Data only.

Texts marked *template* are Jinja2 templates over :data:`KNOWN`; everything else is taken as it stands.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

import msgspec

from gonogo.cluster.labels import Selector
from gonogo.core.content import Folder
from gonogo.core.errors import ConfigError
from gonogo.core.files import load_toml
from gonogo.core.names import is_label, is_subdomain
from gonogo.core.outcomes import Struct

FILE = "helm.toml"

VALUES = "values.yaml"

KNOWN = ("namespace", "release", "deploy", "generated", "needs", "target", "profile")
"""What templates know: the namespace and, in values, the release's name; ``[deploy]`` of the target, its ``ca`` as the
file's text; what was generated; ``needs.<component>`` with the addresses of what it needs as programs in the cluster
know them; the target's name and its profile."""

Placed = Literal[
    "registry", "pull_secret", "storage_class", "node_selector", "tolerations", "pod_security", "proxy", "ca"
]
"""Keys of ``[deploy]`` that are for charts."""

OCI = "oci://"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Release(Struct, frozen=True, kw_only=True):
    """One release of a chart.

    ``chart``: its name in ``repository``, an ``oci://`` reference, or a folder or .tgz beside ``helm.toml``.
    ``digest``: ``sha256:…`` of the packed chart; without one it is recorded at the first fetch and said to be unpinned.
    ``values``: a template beside ``helm.toml``; of the same name with ``-<profile>`` before its end, what a target of
    that profile gives on top of it. ``documented`` are keys that the chart mentions in comments alone. ``shared``: an
    operator, there once for all that need it; ``serves`` are the kinds, ``plural.group/version``, with which one that
    is there already is used as it is.
    """

    name: str
    chart: str
    repository: str = ""
    version: str = ""
    digest: str = ""
    namespace: str = ""
    values: str = VALUES
    documented: tuple[str, ...] = ()
    shared: bool = False
    serves: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # helm's own limit, since names of objects begin with it
        if not is_label(self.name) or len(self.name) > 53:
            raise ValueError(f"release {self.name!r}: a name is a DNS label of 53 characters at most")
        if self.digest and not DIGEST.fullmatch(self.digest):
            raise ValueError(f"release {self.name}: digest {self.digest!r} is not sha256: and 64 hex digits")
        if self.remote and not self.version:
            raise ValueError(f"release {self.name}: a chart from elsewhere needs its exact version")
        if self.serves and not self.shared:
            raise ValueError(f"release {self.name}: only what is shared says what it serves")

    @property
    def remote(self) -> bool:
        """Whether the chart comes from a repository or a registry."""
        return bool(self.repository) or self.chart.startswith(OCI)


class Manifest(Struct, frozen=True, kw_only=True):
    """Objects that no chart makes: ``file`` is a template beside ``helm.toml``, applied server-side after releases."""

    file: str
    namespace: str = ""


class Workload(Struct, frozen=True, kw_only=True):
    """What owns pods once the component is up; of an operator's kind, ``Kind.group``.

    Those of a ``profile`` take the place of the others where the target has it.
    """

    kind: str
    name: str
    pods: int = 1
    profile: str = ""


class HelmNode(Struct, frozen=True, kw_only=True):
    """A server as suites and drills call it, and the pod that it is: its name, or labels that only it has now.

    ``pod`` and ``labels`` are templates. Those of a ``profile`` take the place of all others where the target has it.
    """

    name: str
    pod: str = ""
    labels: str = ""
    profile: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("nodes: one has no name")
        if bool(self.pod) == bool(self.labels):
            raise ValueError(f"node {self.name}: give its pod, or labels that it has")
        if self.labels and "{{" not in self.labels:
            try:
                Selector.read(self.labels, "labels")
            except ConfigError as error:
                raise ValueError(f"node {self.name}: {error}") from None
        if self.pod and "{{" not in self.pod and not is_subdomain(self.pod):
            raise ValueError(f"node {self.name}: {self.pod!r} is no name of a pod")


class HelmSpec(Struct, frozen=True, kw_only=True):
    """One component on a cluster.

    ``namespace`` is where it lives unless the target's ``[deploy]`` says another. ``generated`` values survive a second
    ``up``: they are kept in the Secret ``gonogo-<component>``. ``secrets`` are made before anything else, name to key
    to *template*. ``endpoints`` is what a target file would write of it, every text a template. ``claims`` are label
    selectors of the volume claims that are its own. ``nodes`` may be broken on purpose; ``hang``: whether a signal from
    inside stops their servers, which it does not where these are the first process of their container. ``without`` are
    keys of ``[deploy]`` that nothing of it needs, and why.
    """

    namespace: str
    ready: float = 300.0
    hang: bool = True
    generated: dict[str, Literal["password", "id"]] = msgspec.field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    releases: tuple[Release, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    endpoints: dict[str, Any]
    workloads: tuple[Workload, ...] = ()
    nodes: tuple[HelmNode, ...] = ()
    claims: tuple[str, ...] = ()
    without: dict[Placed, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.releases and not self.manifests:
            raise ValueError("nothing is deployed: name releases or manifests")
        spaces = [*(one.namespace for one in self.releases), *(one.namespace for one in self.manifests)]
        for space in (self.namespace, *spaces):
            if space and not is_label(space):
                raise ValueError(f"{space!r} is no name of a namespace")
        for name in self.secrets:
            if not is_subdomain(name):
                raise ValueError(f"secrets: {name!r} is no name of a Secret")
        names = [one.name for one in self.releases]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"release {min(twice)} is there twice")
        called = [(one.profile, one.name) for one in self.nodes]
        if doubled := {one for one in called if called.count(one) > 1}:
            raise ValueError(f"node {min(doubled)[1]} is there twice")

    @property
    def main(self) -> Release | None:
        """The release that a target exchanges and gives values to: its last own one, or else its last operator."""
        own = [one for one in self.releases if not one.shared] or self.releases
        return own[-1] if own else None

    def of(self, profile: str) -> HelmSpec:
        """As a target of this profile has it."""
        return msgspec.structs.replace(self, workloads=_of(self.workloads, profile), nodes=_of(self.nodes, profile))

    def unbreakable(self, how: str, node: str) -> str:
        """Why a node cannot be broken so, known before anything is asked; empty where it can."""
        if all(one.name != node for one in self.nodes):
            known = ", ".join(one.name for one in self.nodes)
            return f"{FILE} names no pod for node {node}" + (f", only for {known}" if known else "")
        if how == "hang" and not self.hang:
            return f"{FILE} says that its server cannot be stopped from inside its container (hang = false)"
        return ""


Given = TypeVar("Given", Workload, HelmNode)


def _of(every: tuple[Given, ...], profile: str) -> tuple[Given, ...]:
    """Those of the profile, or else those of none."""
    own = tuple(one for one in every if one.profile == profile)
    return own or tuple(one for one in every if not one.profile)


def load(folder: Folder) -> HelmSpec:
    """The file in a component's folder. Raises ``ConfigError`` with all its problems."""
    return load_toml(folder / FILE, HelmSpec)
