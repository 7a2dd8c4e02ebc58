"""What each provider can, asked by protocol: no provider holds a method that does nothing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from kubeconfigs import kubeconfig
from repositories import Content

from gonogo import providers
from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.providers import (
    Accounts,
    Closes,
    Deploys,
    Disturbs,
    Explains,
    Identifies,
    Installs,
    Keeps,
    Leaves,
    Mends,
    Observes,
    Places,
    Plans,
    Prepares,
    Provider,
    Replaces,
    Reserves,
    Undoes,
)
from gonogo.providers.choose import provider_for
from gonogo.run.drills import Altered

PROTOCOLS = (
    *(Deploys, Plans, Places, Undoes, Leaves, Installs, Replaces, Reserves, Keeps, Prepares, Disturbs, Mends, Observes),
    *(Accounts, Explains, Identifies, Closes),
)

CAN = {
    "embedded": {Deploys, Undoes, Replaces, Keeps, Prepares, Disturbs, Observes, Accounts},
    "there": set(),
    "staging": {Observes, Explains, Identifies, Closes},
    "charts": {Deploys, Plans, Places, Undoes, Leaves, Installs, Reserves, Keeps, Disturbs, Mends, Observes}
    | {Explains, Identifies, Closes},
}


@pytest.fixture
def target(content: Content, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A target of each provider."""
    monkeypatch.setenv("GONOGO_HOME", str(content.root / "home"))
    config = kubeconfig(content.root / "config")
    content.write("deploy/targets/embedded.toml", '[target]\nname = "embedded"\nprovider = "embedded"\n')
    attached = f'[target]\nname = "staging"\nprovider = "existing"\n[kubernetes]\nkubeconfig = "{config}"\n'
    content.write("deploy/targets/staging.toml", attached)
    content.write("deploy/targets/charts.toml", attached.replace("existing", "helm").replace("staging", "charts"))
    return load_target(request.param, content.root, Registry.load(content.root))


def can(provider: Provider) -> set[type]:
    return {protocol for protocol in PROTOCOLS if isinstance(provider, protocol)}


@pytest.mark.parametrize("target", CAN, indirect=True)
def test_a_provider_can_what_it_says_and_nothing_else(target: Target, content: Content) -> None:
    provider = provider_for(target, content.root)

    public = {name for name in dir(provider) if not name.startswith("_")}
    asked = {name for one in (Provider, *can(provider)) for name in vars(one) if not name.startswith("_")}
    assert can(provider) == CAN[target.name]
    said = {name for one in (Provider, *can(provider)) for name in one.__annotations__}
    # of a cluster its client, of charts what `gonogo rbac` asks, and the parts of what `fits` says
    assert public - asked - said <= {"cluster", "rendered", "written", "mistakes"}


@pytest.mark.parametrize("target", CAN, indirect=True)
def test_a_provider_with_other_endpoints_can_what_it_stands_for(target: Target, content: Content) -> None:
    altered = Altered(provider_for(target, content.root), "store", {"folder": "elsewhere"})

    assert can(altered) == CAN[target.name]


def test_what_holds_nothing_open_needs_no_closing(content: Content) -> None:
    target = load_target("there", content.root, Registry.load(content.root))
    provider = provider_for(target, content.root)

    providers.close(provider)

    assert isinstance(provider, Closes) is False
    assert provider.stands(Registry.load(content.root).components["store"])


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
def test_a_certificate_that_a_reference_gave_is_a_file_for_our_account_alone(
    content: Content, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    text = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
    monkeypatch.setenv("GONOGO_HOME", str(content.root / "home"))
    monkeypatch.setenv("GIVEN", text)
    content.write(
        "deploy/queue/component.toml", f'title = "Queue"\n[endpoints]\nrequired = ["url"]\noptional = ["{key}"]\n'
    )
    there = '[target]\nname = "there"\nprovider = "existing"\n[components.queue]\nurl = "https://queue"\n'
    content.write("deploy/targets/there.toml", there + f'{key} = {{ env = "GIVEN" }}\n')
    registry = Registry.load(content.root)
    target = load_target("there", content.root, registry)

    attached = provider_for(target, content.root).attached(registry.components["queue"])

    assert attached is not None
    held = Path(attached[key])
    assert held.read_text() == text
    assert held.stat().st_mode & 0o777 == 0o600


def test_the_table_of_the_protocols_is_true() -> None:
    lines = (providers.__doc__ or "").splitlines()
    rule = next(line for line in lines if line.startswith("===="))
    starts = [at for at, sign in enumerate(rule) if sign == "=" and rule[at - 1 : at] != "="]
    rows = [[line[a:b].strip("` ") for a, b in pairwise([*starts, 200])] for line in lines if line.startswith("``")]

    told = {name: tuple(cells) for name, _, *cells in rows}
    assert told.pop("Provider") == ("yes", "yes", "yes")
    assert told == {
        one.__name__: (
            "yes" if one in CAN["embedded"] else "",
            "yes" if one in CAN["there"] else "on a cluster" if one in CAN["staging"] else "",
            "yes" if one in CAN["charts"] else "",
        )
        for one in PROTOCOLS
    }
