"""What ``gonogo rbac --for deploy`` prints is enough to deploy, check and take down; a right less is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cluster.accounts import deployer
from cluster.charted import Said, gonogo, well, written
from cluster.live import Cluster, Object

from gonogo.core.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("images")]

ROLES = ("Role", "ClusterRole")

OPERATED = Path(__file__).parent / "operated"

Account = Callable[..., Path]


@pytest.fixture
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace that the administrator made."""
    with cluster.namespace(f"gonogo-test-{token_hex(3)}-rights") as name:
        yield name


@pytest.fixture
def account(cluster: Cluster, space: str, tmp_path: Path) -> Iterator[Account]:
    """See :func:`cluster.accounts.deployer`."""
    with deployer(cluster, space, tmp_path) as made:
        yield made


@pytest.fixture
def platform(cluster: Cluster, space: str, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Writes a target with these components in the namespace; takes down what is left of it."""
    files: list[Path] = []

    def target(*components: str, **more: Any) -> Path:
        files.append(written(tmp_path / "charts", cluster, dict.fromkeys(components, space), **more))
        return files[-1]

    yield target
    for file in files:
        gonogo("down", "--crds", "--yes", target=file)


def without(verb: str, resource: str) -> Callable[[list[Object]], list[Object]]:
    """The same objects, but for one verb on one resource, wherever it is granted."""
    plural, _, group = resource.partition(".")
    found: list[bool] = []

    def change(objects: list[Object]) -> list[Object]:
        changed = copy.deepcopy(objects)
        for one in changed:
            if one["kind"] in ROLES:
                one["rules"] = [*lesser(one["rules"])]
        assert found, f"nobody grants {verb} {resource}"
        return changed

    def lesser(rules: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for rule in rules:
            if group not in rule["apiGroups"] or plural not in rule["resources"] or verb not in rule["verbs"]:
                yield rule
                continue
            found.append(True)
            others = [one for one in rule["resources"] if one != plural]
            verbs = [one for one in rule["verbs"] if one != verb]
            yield from [rule | {"resources": others}] if others else []
            yield from [rule | {"resources": [plural], "verbs": verbs}] if verbs else []

    return change


def test_exactly_these_rights_are_enough_for_all_of_it(
    cluster: Cluster, space: str, platform: Callable[..., Path], account: Account
) -> None:
    under = account(platform("postgresql", "s3", "mlflow"))
    before = names(cluster, space)

    up = well("up", target=under)
    status = standing(under)
    addresses = well("endpoints", target=under).out
    checked = well("check", "-m", "critical", target=under).out
    again = well("up", target=under)
    undone = well("rollback", "mlflow", "--yes", target=under)
    rest = standing(under)
    swept = well("sweep", "--yes", target=under)
    down = well("down", "--crds", "--yes", target=under)
    left = well("sweep", "--yes", target=under)

    assert "4 of 4 components are up" in up.err
    assert status == {(one, state) for one in ("postgresql", "s3", "mlflow") for state in ("deployed", "ready")}
    assert f'service = "{space}/mlflow:80"' in addresses
    assert "GO on" in checked
    assert "NO-GO" not in checked
    assert "4 of 4 components are up" in again.err
    assert "mlflow is taken down" in undone.err
    assert rest == {one for one in status if one[0] != "mlflow"}
    assert "was left behind" in swept.err
    assert "taken down" in down.err
    assert "was left behind" in left.err
    assert names(cluster, space) == before
    assert cluster.find("Namespace", space) is not None  # it was there before, and is not ours


def standing(target: Path) -> set[tuple[str, str]]:
    """Component and state of every release and pod."""
    rows = json.loads(well("status", "-o", "json", target=target).out)["rows"]
    return {(row["component"], row["state"]) for row in rows}


def names(cluster: Cluster, space: str) -> set[tuple[str, str]]:
    """What stands in the namespace, as far as a deployment may make it."""
    kinds = ("Pod", "Service", "Secret", "ConfigMap", "StatefulSet", "Deployment", "PersistentVolumeClaim", "Job")
    return {(kind, one["metadata"]["name"]) for kind in kinds for one in cluster.every(kind, space)}


def test_an_operator_that_an_administrator_installed_is_used_by_who_may_not_install_it(
    cluster: Cluster, space: str, platform: Callable[..., Path], account: Account, tmp_path: Path
) -> None:
    if cluster.find("CustomResourceDefinition", "clusters.postgresql.cnpg.io") is None:
        pytest.skip("the cluster has no operator of CloudNativePG")
    (tmp_path / "values.yaml").write_text(json.dumps({"cluster": image(cluster)}))
    chart = {"chart": str(OPERATED / "cluster"), "values": str(tmp_path / "values.yaml")}
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in chart.items())
    target = platform("postgresql", helm={"postgresql": table}, profile="kind")
    printed = well("rbac", "--for", "deploy", target=target).out
    under = account(target)
    before = names(cluster, space)

    up = well("up", "postgresql", target=under)
    checked = gonogo("check", "-m", "critical", target=under)
    down = well("down", "--crds", "--yes", target=under)

    assert "- operator cnpg-system/cloudnative-pg; gonogo uses it as it is where" in printed
    assert "1 of 1 components are up" in up.err
    assert checked.code == 0, checked.text[-3000:]
    assert "taken down" in down.err
    assert names(cluster, space) == before
    assert cluster.find("CustomResourceDefinition", "clusters.postgresql.cnpg.io") is not None


def test_who_may_make_namespaces_takes_them_down_and_who_may_not_is_told(
    cluster: Cluster, space: str, account: Account, tmp_path: Path
) -> None:
    own = f"{space}-own"
    target = written(tmp_path / "charts", cluster, {"postgresql": own})
    lesser = account(target, lambda objects: everywhere(objects, space))

    told = named(lambda: gonogo("up", "postgresql", target=lesser), "create", "namespaces")
    makes = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "create", "delete"]}
    sees = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]}
    under = account(target, lambda objects: everywhere(objects, space, makes, sees))
    granted(lambda: gonogo("up", "postgresql", target=under))
    made = cluster.find("Namespace", own) or {}
    down = well("down", "--yes", target=under)

    assert told.code == 3
    assert made["metadata"]["labels"]["gonogo/target"] == own
    assert "taken down" in down.err
    assert cluster.find("Namespace", own) is None


def everywhere(objects: list[Object], space: str, *more: dict[str, Any]) -> list[Object]:
    """The same rights in the whole cluster, since no Role can stand in a namespace that is not there yet."""
    rules = [rule for one in objects if one["kind"] in ROLES for rule in one["rules"]]
    api, name = "rbac.authorization.k8s.io", f"{space}-everywhere"
    subject = {"kind": "ServiceAccount", "name": "gonogo", "namespace": space}
    bound = {"roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name}, "subjects": [subject]}
    meta = {"name": name}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gonogo"}},
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": meta, "rules": [*rules, *more]},
        {"apiVersion": f"{api}/v1", "kind": "ClusterRoleBinding", "metadata": meta, **bound},
    ]


def image(cluster: Cluster) -> dict[str, str]:
    """The image that the operator there gives clusters that name none; the stand-in names none."""
    config = cluster.find("ConfigMap", "cnpg-controller-manager-config", "cnpg-system") or {}
    name = config.get("data", {}).get("POSTGRES_IMAGE_NAME", "")
    return {"imageName": name} if name else {}


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "namespaces"),
        ("create", "secrets"),
        ("list", "secrets"),
        ("create", "leases.coordination.k8s.io"),
        ("get", "statefulsets.apps"),
        ("create", "services"),
        ("list", "pods"),
        ("create", "pods/portforward"),
    ],
)
def test_a_right_less_is_named_on_the_way_up(
    verb: str, resource: str, platform: Callable[..., Path], account: Account
) -> None:
    lesser = account(platform("postgresql"), without(verb, resource))

    said = named(lambda: gonogo("up", "postgresql", target=lesser), verb, resource)

    assert said.code in (2, 3)
    assert "1 of 1 components are up" not in said.err


PLANNED = {
    "list nodes": "nodes",
    "list pods": "pods",
    "list persistentvolumes": "volumes",
    "list persistentvolumeclaims": "claims",
    "list storageclasses.storage.k8s.io": "classes",
    "list csidrivers.storage.k8s.io": "drivers",
    "list resourcequotas": "quotas",
    "list limitranges": "limits",
}
"""What `plan` asks for a StatefulSet with a claim, and how it calls it."""


def test_plan_can_tell_with_exactly_these_rights(platform: Callable[..., Path], account: Account) -> None:
    under = account(platform("postgresql"))

    said = until(
        lambda: gonogo("plan", "-o", "json", target=under),
        awaited="a new grant",
        within=60,
        every=0.5,
        enough=lambda said: said.code != 3,
    )

    found = json.loads(said.out)
    assert [one for one in found["findings"] if one["weight"] == "unknown"] == []
    assert found["fits"] is (said.code == 0)


@pytest.mark.parametrize("right", PLANNED)
def test_a_right_less_leaves_open_what_plan_would_have_asked(
    right: str, platform: Callable[..., Path], account: Account
) -> None:
    lesser = account(platform("postgresql"), without(*right.split()))

    said = named(lambda: gonogo("plan", "-o", "json", target=lesser), *right.split())

    told = json.loads(said.out)
    findings = [one for one in told["findings"] if one["cause"] == "rights"]
    assert [(one["weight"], one["subject"]) for one in findings] == [("unknown", PLANNED[right])]
    assert (said.code, told["fits"]) == (3, None) or any(one["weight"] == "problem" for one in told["findings"])
    assert told["total"]["rest"]["pods"] == 1


def test_what_a_lesser_right_left_behind_does_not_stand_in_the_way(
    platform: Callable[..., Path], account: Account
) -> None:
    target = platform("postgresql")
    verb, resource = "create", "statefulsets.apps"
    lesser = account(target, without(verb, resource))

    said = named(lambda: gonogo("up", "postgresql", target=lesser), verb, resource)
    under = account(target)
    up = granted(lambda: gonogo("up", "postgresql", target=under))

    assert said.code == 3
    assert "1 of 1 components are up" in up.err


@pytest.mark.parametrize(
    ("verb", "resource"),
    [("delete", "statefulsets.apps"), ("delete", "persistentvolumeclaims"), ("delete", "leases.coordination.k8s.io")],
)
def test_a_right_less_is_named_on_the_way_down(
    verb: str, resource: str, cluster: Cluster, space: str, platform: Callable[..., Path], account: Account
) -> None:
    target = platform("postgresql")
    before = names(cluster, space)
    well("up", "postgresql", target=target)
    lesser = account(target, without(verb, resource))

    said = named(lambda: gonogo("down", "--yes", target=lesser), verb, resource)
    under = account(target)
    granted(lambda: gonogo("down", "--yes", target=under))

    assert said.code in (2, 3)
    assert names(cluster, space) == before


def granted(ask: Callable[[], Said]) -> Said:
    """How it ends once a new grant counts, which takes an instant."""
    return until(ask, awaited="a new grant", within=60, every=0.5, enough=lambda said: said.code == 0)


def named(ask: Callable[[], Said], verb: str, resource: str) -> Said:
    """What is said once the right is gone, which takes an instant; it never looks as if all was well."""

    def told() -> Said:
        said = ask()
        assert "Traceback" not in said.text
        return said

    wanted = f"may not {verb} {resource}"
    return until(told, awaited=wanted, within=120, every=0.5, enough=lambda said: wanted in said.text)
