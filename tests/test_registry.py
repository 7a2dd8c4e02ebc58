"""What deploy/ and reports/ declare: read together, every mistake of every file named at once."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.signatures import GENERIC, NAME
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outcomes import Level
from gonogo.results.model import Cause, Waiver
from tests.checkouts import FILES, checkout

WAIVER = """
    [[waiver]]
    criterion = "queue.brokers"
    owner = "the queue team"
    reason = "one is in repair"
    link = "https://tracker.example/1"
    expires = 2026-01-31
"""


def mistakes(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        Registry.load(root)
    return str(caught.value)


def test_components_are_found_by_folder(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path))
    queue = registry.components["queue"]

    assert list(registry.components) == ["models", "queue", "store"]
    assert (queue.title, queue.concurrency, queue.folder) == ("Queue", 2, tmp_path / "deploy" / "queue")
    assert queue.endpoints.all == ("address", "user", "password", "security", "ca", "proxy")
    assert queue.expect == {"brokers": 3}
    assert queue.providers == ("embedded",)
    assert registry.root == tmp_path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('unsupported = { "queue.broker" = "x" }', "products.rabbit.unsupported: no such criterion (queue.broker)"),
        (
            'unsupported = { "store.answers" = "x" }',
            "products.rabbit.unsupported.store.answers: a criterion of its own",
        ),
        (
            'unsupported = { "queue.brokers" = " " }',
            "products.rabbit.unsupported.queue.brokers: a criterion of its own",
        ),
        ('[products.queue]\ntitle = "Queue"', "products.queue: another product needs another name"),
        (
            '[[discover]]\nname = "r"\nports = ["1"]\nproduct = "rabit"',
            "unknown product 'rabit' (nearest known: 'rabbit')",
        ),
    ],
)
def test_a_mistake_in_a_product_is_named(tmp_path: Path, more: str, said: str) -> None:
    queue = dedent(FILES["deploy/queue/component.toml"]) + f'[products.rabbit]\ntitle = "Rabbit"\n{more}\n'

    assert said in mistakes(checkout(tmp_path, {"deploy/queue/component.toml": queue}))


def test_criteria_take_their_id_from_the_dotted_key(tmp_path: Path) -> None:
    deep = {
        "reports/criteria.toml": '[queue.access.anonymous]\nlevel = "critical"\nclaim = "Anonymous access is refused"\n'
    }
    criterion = Registry.load(checkout(tmp_path, deep)).criteria["queue.access.anonymous"]

    assert (criterion.level, criterion.component) == (Level.CRITICAL, "queue")


SHARED = {
    "reports/criteria.toml": """
        ["*.account"]
        level = "important"
        claim = "{title}: runs as its account"
        [store.answers]
        level = "critical"
        claim = "The store answers"
        [queue.answers]
        level = "critical"
        claim = "The queue answers"
    """,
    "deploy/queue/component.toml": 'title = "Queue"\n[claims]\naccount = "2.1"',
    "deploy/store/component.toml": 'title = "Store"\n[claims]\naccount = "2.2"',
}


def test_a_claim_that_components_share_is_a_criterion_of_each_that_declares_it(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path, SHARED))

    assert registry.shared == {"*.account": ("queue.account", "store.account")}
    assert list(registry.criteria) == ["store.answers", "store.account", "queue.answers", "queue.account"]
    made = registry.criteria["store.account"]
    assert (made.level, made.claim, made.plan) == (Level.IMPORTANT, "Store: runs as its account", "2.2")


def test_a_component_that_declares_no_claim_has_no_criterion_of_it(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path, {**SHARED, "deploy/store/component.toml": 'title = "Store"'}))

    assert registry.shared == {"*.account": ("queue.account",)}
    assert "store.account" not in registry.criteria


def test_a_profile_holds_what_it_includes_and_does_not_exclude(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path))

    assert [c.id for c in registry.profile("quick")] == ["queue.answers", "queue.brokers"]
    assert len(registry.profile("default")) == 5
    with pytest.raises(ConfigError, match="nearest known: 'quick'"):
        registry.profile("quik")


def test_needs_come_first(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path))

    assert registry.ordered(["models", "queue"]) == ["store", "queue", "models"]
    with pytest.raises(ConfigError, match=r"qeue: no such component \(nearest known: 'queue'\)"):
        registry.ordered(["qeue", "store"])


def test_waivers_are_keyed_by_criterion(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path, {"reports/waivers.toml": WAIVER}))

    assert registry.waivers == {
        "queue.brokers": Waiver(
            owner="the queue team", reason="one is in repair", link="https://tracker.example/1", expires="2026-01-31"
        )
    }


def test_waivers_of_no_criterion_count_as_none(tmp_path: Path) -> None:
    text = WAIVER.replace("brokers", "borkers") + WAIVER.replace("brokers", "*")

    registry = Registry.load(checkout(tmp_path, {"reports/waivers.toml": text}))

    assert registry.waivers == {}
    assert [(one.criterion, one.reason) for one in registry.void] == [
        ("queue.borkers", "no such criterion (nearest known: 'queue.brokers')"),
        ("queue.*", "too broad, as it names more than one criterion"),
    ]


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        ("queue.broker_missing", "A broker is gone."),
        (Cause(component="queue", signature="queue.broker_missing"), "A broker is gone."),
        ("queue.timed_out", GENERIC["timed_out"].hint),
        ("nowhere.own_error", GENERIC["own_error"].hint),
        ("store.broker_missing", ""),
    ],
)
def test_a_cause_has_its_component_s_hint_or_the_generic_one(tmp_path: Path, cause: Cause | str, hint: str) -> None:
    assert Registry.load(checkout(tmp_path)).signature(cause).hint == hint


def test_every_error_of_a_client_has_a_generic_hint() -> None:
    kinds = {kind.kind for kind in ClientError.__subclasses__()} | {ClientError.kind}

    assert kinds <= GENERIC.keys()
    assert all(NAME.fullmatch(kind) and signature.hint for kind, signature in GENERIC.items())


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("deploy/queue/component.toml", "titel = 1", "unknown key 'titel' (nearest known: 'title')"),
        ("deploy/queue/component.toml", 'title = "Q"\nconcurrency = 0', "concurrency must be 1 or more"),
        (
            "deploy/queue/component.toml",
            'title = "Q"\nneeds = ["stroe"]',
            "unknown component 'stroe' (nearest known: 'store')",
        ),
        ("deploy/queue/component.toml", 'title = "Q"\nneeds = ["queue"]', "needs itself: queue → queue"),
        ("deploy/queue/component.toml", 'title = "Q"\nneeds = ["models"]', "needs itself: models → queue → models"),
        ("deploy/queue/component.toml", 'title = "Q"\n[endpoints]\nsecret = ["key"]', "unknown endpoint key 'key'"),
        (
            "deploy/queue/component.toml",
            'title = "Q"\n[signatures.BrokerGone]\nhint = "x"',
            "is not <component>.<snake_case>",
        ),
        (
            "deploy/queue/component.toml",
            'title = "Q"\n[endpoints]\nrequired = ["url"]\n[signatures.gone]\nhint = "x"\nby_hand = "curl {urls}"',
            "signatures.gone.by_hand: unknown endpoint key {urls} (nearest known: 'url')",
        ),
        (
            "deploy/queue/component.toml",
            'title = "Q"\n[endpoints]\nrequired = ["pin"]\nsecret = ["pin"]\n'
            '[signatures.gone]\nhint = "x"\nby_hand = "x {pin}"',
            "must not show the secret {pin}",
        ),
        ("deploy/My-Queue/component.toml", 'title = "Q"', "must be lower-case letters"),
        (
            "reports/criteria.toml",
            '[qeue.answers]\nlevel = "critical"\nclaim = "x"',
            "no component 'qeue' (nearest known: 'queue')",
        ),
        ("reports/criteria.toml", '[queue.a]\nlevel = "must"\nclaim = "x"', "queue.a.level: unknown value 'must'"),
        ("reports/criteria.toml", "[queue.a]", "missing key 'queue.a.level'"),
        ("reports/criteria.toml", '[queue]\nlevel = "critical"', "'queue' is no criterion id"),
        ("reports/criteria.toml", '[queue.A]\nlevel = "critical"\nclaim = "x"', "'queue.A' is no criterion id"),
        (
            "reports/criteria.toml",
            "[profiles.x]\ninclud = []",
            "unknown key 'profiles.x.includ' (nearest known: 'include')",
        ),
        ("reports/criteria.toml", '[profiles.x]\ninclude = ["qeue.*"]', "'qeue.*' holds no criterion"),
        ("reports/criteria.toml", '["*.a"]\nlevel = "must"\nclaim = "x"', "*.a.level: unknown value 'must'"),
        ("reports/criteria.toml", '["*.a"]\nlevel = "critical"\nclaim = "x"', "*.a: no component declares it"),
        ("reports/criteria.toml", '["*.a"]\nlevel = "critical"\nclaim = "x"\nplan = "1"', "unknown key '*.a.plan'"),
        ("reports/criteria.toml", '["*.A.b"]\nlevel = "critical"\nclaim = "x"', "'*.A.b' is no criterion id"),
        ("deploy/queue/component.toml", 'title = "Q"\n[claims]\na = "1"', "claims: criteria.toml has no [*.a]"),
        ("reports/waivers.toml", WAIVER.replace("2026-01-31", '"next year"'), "waiver[0].expires must be a date"),
        ("reports/waivers.toml", WAIVER.replace("the queue team", " "), "waiver[0].owner is empty"),
        ("reports/waivers.toml", WAIVER + WAIVER, "waiver[1]: queue.brokers is waived twice"),
        ("reports/waivers.toml", "[waiver]\n", "waiver must be a list"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, path: str, text: str, said: str) -> None:
    found = mistakes(checkout(tmp_path, {path: text}))

    assert said in found


def test_the_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    found = mistakes(
        checkout(
            tmp_path,
            {
                "deploy/queue/component.toml": "= broken",
                "deploy/store/component.toml": 'title = "S"\nneed = []\nneeds = ["stor"]\nconcurrency = -1',
                "reports/criteria.toml": '[nobody.a]\nlevel = "must"\nclaim = 3\n[queue.brokers]\nlevel = "critical"',
                "reports/waivers.toml": WAIVER
                + WAIVER.replace("brokers", "borkers").replace("owner", "onwer")
                + WAIVER,
            },
        )
    )

    assert [line.partition(": ")[2][:24] for line in found.splitlines()] == [
        "not TOML: Invalid statem",
        "unknown key 'need' (near",
        "concurrency must be 1 or",
        "needs: unknown component",
        "nobody.a: no component '",
        "nobody.a.level: unknown ",
        "nobody.a.claim must be t",
        "missing key 'queue.broke",
        "unknown key 'waiver[1].o",
        "missing key 'waiver[1].o",
        "waiver[1]: queue.brokers",
    ]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "reports/criteria.toml",
            SHARED["reports/criteria.toml"] + '\n[queue.account]\nlevel = "critical"\nclaim = "x"',
            "queue.account stands there, and queue also declares *.account",
        ),
        (
            "deploy/queue/component.toml",
            'title = "Q"\n[claims]\nacount = "1"',
            "has no [*.acount] (nearest known: 'account')",
        ),
    ],
)
def test_a_mistake_in_a_shared_claim_is_named(tmp_path: Path, path: str, text: str, said: str) -> None:
    assert said in mistakes(checkout(tmp_path, {**SHARED, path: text}))


def test_without_content_there_is_a_sentence(tmp_path: Path) -> None:
    assert "has no folder deploy/" in mistakes(tmp_path)


def test_a_checkout_without_reports_has_no_criteria_and_a_profile(tmp_path: Path) -> None:
    registry = Registry.load(checkout(tmp_path, {"reports/criteria.toml": None}))

    assert registry.profile("default") == []
