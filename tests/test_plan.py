"""What may run is decided once, from checks, registry, target and mode; mistakes stop the run before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.commands.checkout import deployable
from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Level, Mode, Outcome, Skip
from gonogo.providers import machine
from gonogo.run.declared import Declared
from gonogo.run.plan import Lacking, Planned, RunPlan, holds, plan, unsupported
from tests.checkouts import PRODUCT, checkout

STAGING = """
    [target]
    name = "staging"
    provider = "existing"
    modes = ["read", "write"]
    {more}
    [components.queue]
    address = "queue.example:9092"
    [components.models]
    url = "http://models.example"
"""


def check(criterion: str, *uses: str, mode: Mode = Mode.READ, needs: tuple[str, ...] = ()) -> Planned:
    component = criterion.partition(".")[0]
    return Planned(
        nodeid=f"suites/{component}::{criterion}",
        criteria=(criterion,),
        component=component,
        components_used=uses or (component,),
        mode=mode,
        needs=needs,
    )


QUEUE, BROKERS = check("queue.answers"), check("queue.brokers", mode=Mode.WRITE)
STORE, MODELS = check("store.answers"), check("models.answers")
TRAIN = check("pipelines.train", "models", "queue", mode=Mode.WRITE)
CHECKS = [QUEUE, BROKERS, STORE, MODELS, TRAIN]


class Here:
    """A registry and a target of a checkout in ``root``."""

    def __init__(self, root: Path, target: str = "embedded", more: str = "", **changes: str | None) -> None:
        files: dict[str, str | None] = {**PRODUCT, "deploy/targets/staging.toml": STAGING.format(more=more)}
        files |= {name.replace("__", "/") + ".toml": text for name, text in changes.items()}
        self.registry = Registry.load(checkout(root, files))
        self.target: Target = load_target(target, root, self.registry)

    def plan(self, *checks: Planned, mode: Mode | None = None, files: Declared | None = None) -> RunPlan:
        return plan(checks or CHECKS, self.registry, self.target, mode, files=files)

    def unasked(self, *checks: Planned, mode: Mode | None = None) -> dict[str, str]:
        return {
            n.partition("::")[2]: f"{u.outcome}: {u.reason}" for n, u in self.plan(*checks, mode=mode).unasked.items()
        }

    def mistakes(self, *checks: Planned, mode: Mode | None = None, files: Declared | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.plan(*checks, mode=mode, files=files)
        return [str(p) for p in caught.value.problems]


def test_everything_runs_where_everything_may(tmp_path: Path) -> None:
    decided = Here(tmp_path).plan()

    assert decided.runnable == tuple(c.nodeid for c in CHECKS)
    assert decided.components == ("queue", "store", "models")
    assert not decided.unasked
    assert not decided.deselected
    assert list(decided.items) == [c.nodeid for c in CHECKS]


def test_only_what_is_needed_must_be_up_each_after_what_it_needs(tmp_path: Path) -> None:
    here = Here(tmp_path)

    assert here.plan(STORE).components == ("store",)
    assert here.plan(MODELS).components == ("store", "queue", "models")
    assert here.plan(check("pipelines.train", "queue")).components == ("queue",)


@pytest.mark.parametrize(
    ("target", "mode"),
    [("embedded", Mode.WRITE), ("staging", Mode.READ)],
)
def test_the_default_mode_is_write_on_what_gonogo_deploys_and_read_elsewhere(
    tmp_path: Path, target: str, mode: Mode
) -> None:
    assert Here(tmp_path, target).plan().mode is mode


def test_a_mode_that_the_run_was_not_given_skips(tmp_path: Path) -> None:
    here = Here(tmp_path)

    assert here.unasked(QUEUE, replace(BROKERS, mode=Mode.DISRUPT)) == {
        "queue.brokers": "skipped: needs --mode disrupt"
    }
    assert here.unasked(mode=Mode.READ) == {
        "queue.brokers": "skipped: needs --mode write",
        "pipelines.train": "skipped: needs --mode write",
    }


def test_a_mode_that_the_target_does_not_allow_is_refused(tmp_path: Path) -> None:
    (said,) = Here(tmp_path, "staging").mistakes(mode=Mode.DISRUPT)

    assert said.startswith("--mode disrupt: target 'staging' allows read, write")


def test_what_is_not_in_the_target_file_is_unsupported_though_others_need_it(tmp_path: Path) -> None:
    here = Here(tmp_path, "staging")

    assert here.unasked(QUEUE, STORE, MODELS) == {"store.answers": "unsupported: not in target file 'staging'"}
    assert here.plan().components == ("queue", "models")


def test_what_the_target_declares_unsupported_is_with_its_reason(tmp_path: Path) -> None:
    here = Here(tmp_path, "staging", 'unsupported = { models = "too old", "queue.brokers" = "one broker by design" }')

    assert here.unasked(mode=Mode.WRITE) == {
        "queue.brokers": "unsupported: one broker by design",
        "store.answers": "unsupported: not in target file 'staging'",
        "models.answers": "unsupported: too old",
        "pipelines.train": "unsupported: too old",
    }


RABBIT = """
    [target]
    name = "embedded"
    provider = "embedded"
    modes = ["read", "write"]
    [components.queue]
    product = "rabbit"
"""


def test_what_the_product_of_a_component_lacks_is_unsupported_with_its_reason(tmp_path: Path) -> None:
    here = Here(tmp_path, deploy__targets__embedded=RABBIT)

    assert here.unasked() == {"queue.brokers": "unsupported: it has no brokers"}
    assert here.plan().target.unsupported == {"queue.brokers": "it has no brokers"}


def test_a_product_that_nobody_deploys_needs_a_cluster(tmp_path: Path) -> None:
    here = Here(tmp_path, deploy__targets__embedded=RABBIT, deploy__queue__rabbit__embedded=None)

    assert here.unasked(QUEUE) == {"queue.answers": "unsupported: needs a cluster: no embedded server"}


def test_without_an_embedded_server_a_component_and_what_needs_it_need_a_cluster(tmp_path: Path) -> None:
    here = Here(tmp_path, deploy__store__embedded=None)

    assert here.unasked() == {
        "store.answers": "unsupported: needs a cluster: no embedded server",
        "models.answers": "unsupported: needs a cluster: no embedded server",
        "pipelines.train": "unsupported: needs a cluster: no embedded server",
    }
    assert here.plan().components == ("queue",)


def test_a_component_cannot_be_deployed_without_one_that_is_declared_unsupported(tmp_path: Path) -> None:
    target = """
        [target]
        name = "embedded"
        provider = "embedded"
        unsupported = { store = "no room" }
    """
    here = Here(tmp_path, deploy__targets__embedded=target)

    assert unsupported(here.registry, here.target) == {"store": "no room", "models": "without store: no room"}
    assert holds(here.registry.components["store"], here.target) == Lacking("no room")
    assert holds(here.registry.components["models"], here.target) is None


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("host", "target 'staging' does not declare capability 'host'"),
        ("exec", "target 'staging' does not declare capability 'exec'"),
        ("tape", "target 'staging' does not declare capability 'tape'"),
        ("kubernetes", "needs a cluster: target 'staging' does not declare capability 'kubernetes'"),
    ],
)
def test_a_capability_that_the_target_does_not_declare_is_unsupported(
    tmp_path: Path, capability: str, reason: str
) -> None:
    needing = replace(QUEUE, needs=(capability,))

    assert Here(tmp_path, "staging").unasked(needing) == {"queue.answers": f"unsupported: {reason}"}


def test_a_declared_capability_runs(tmp_path: Path) -> None:
    assert Here(tmp_path).unasked(replace(QUEUE, needs=("host", "disturb"))) == {}


def test_who_has_the_host_can_run_commands_there(tmp_path: Path) -> None:
    assert Here(tmp_path).unasked(replace(QUEUE, needs=("exec",))) == {}


def test_what_the_profile_leaves_out_is_skipped_and_not_a_criterion_of_the_run(tmp_path: Path) -> None:
    here = Here(tmp_path, "staging", 'profile = "quick"')
    decided = here.plan(QUEUE, MODELS)

    assert here.unasked(QUEUE, MODELS) == {"models.answers": "skipped: not in profile 'quick'"}
    assert [c.id for c in decided.criteria] == ["queue.answers", "queue.brokers"]
    assert decided.target.components == ("queue",)


def test_what_an_option_left_out_neither_runs_nor_must_be_up(tmp_path: Path) -> None:
    left_out = replace(MODELS, selected=False)
    decided = Here(tmp_path).plan(QUEUE, left_out)

    assert decided.runnable == (QUEUE.nodeid,)
    assert decided.components == ("queue",)
    assert left_out.nodeid not in decided.unasked
    assert decided.deselected == (left_out.nodeid,)


def test_what_the_files_declare_and_nobody_collected_is_left_out_and_named(tmp_path: Path) -> None:
    here = Here(tmp_path)
    files = Declared(
        {
            "suites/queue::queue.answers": frozenset({"queue.answers"}),
            "suites/queue::other": frozenset({"queue.answers", "queue.brokers"}),
        },
        ("suites/broken.py",),
    )

    decided = here.plan(QUEUE, files=files)

    answers, brokers = decided.criteria[:2]
    assert answers.checks == (QUEUE.nodeid, "suites/queue::other")
    assert brokers.checks == ("suites/queue::other",)
    assert decided.deselected == ("suites/queue::other",)
    assert decided.unread == ("suites/broken.py",)


def test_parameters_of_a_function_are_its_checks(tmp_path: Path) -> None:
    files = Declared({"suites/queue::both": frozenset({"queue.answers"})})
    one, two = (replace(QUEUE, nodeid=f"suites/queue::both[{x}]") for x in ("a::b", "b"))

    assert Here(tmp_path).plan(one, two, files=files).deselected == ()


def test_a_criterion_that_the_file_does_not_hold_as_text_is_a_mistake(tmp_path: Path) -> None:
    [said] = Here(tmp_path).mistakes(QUEUE, files=Declared({}))

    assert said.startswith(f"{QUEUE.nodeid}: the file does not hold the text of its criterion 'queue.answers'")


def test_a_check_that_lost_its_criterion_is_a_mistake(tmp_path: Path) -> None:
    files = Declared({QUEUE.nodeid: frozenset({"queue.answers", "queue.brokers"})})

    [said] = Here(tmp_path).mistakes(QUEUE, files=files)

    assert said.startswith(f"{QUEUE.nodeid}: declares criterion 'queue.brokers', and no check")


def test_why_a_check_is_not_asked_are_fields(tmp_path: Path) -> None:
    writing = Here(tmp_path).plan(BROKERS, mode=Mode.READ).unasked[BROKERS.nodeid]
    lacking = Here(tmp_path).plan(replace(QUEUE, needs=("kubernetes",))).unasked[QUEUE.nodeid]
    elsewhere = Here(tmp_path, "staging", 'profile = "quick"').plan(MODELS).unasked[MODELS.nodeid]

    assert (writing.outcome, writing.skip, writing.wants) == (Outcome.SKIPPED, Skip.MODE, Mode.WRITE)
    assert (lacking.outcome, lacking.lacks) == (Outcome.UNSUPPORTED, "kubernetes")
    assert (elsewhere.outcome, elsewhere.skip) == (Outcome.SKIPPED, Skip.PROFILE)


def test_what_nobody_can_look_into_is_known_beforehand(tmp_path: Path) -> None:
    here = Here(tmp_path, "staging", 'capabilities = ["exec"]\n[kubernetes]')

    unasked = here.plan(replace(QUEUE, needs=("exec",))).unasked[QUEUE.nodeid]

    assert (unasked.outcome, unasked.lacks) == (Outcome.UNSUPPORTED, "pods")
    assert unasked.reason == "queue has no Service in the target file"


def test_components_that_want_a_cluster_are_told_as_a_field(tmp_path: Path) -> None:
    cache, shelf = 'title = "Cache"\n', 'title = "Shelf"\nneeds = ["cache"]\n'
    fresh = {"deploy__cache__component": cache, "deploy__shelf__component": shelf}

    assert Here(tmp_path, **fresh).plan().target.lacks == {"cache": "kubernetes", "shelf": "kubernetes"}


def test_criteria_carry_their_checks_and_waivers(tmp_path: Path) -> None:
    waiver = '[[waiver]]\ncriterion = "queue.brokers"\nowner = "me"\nreason = "repair"\nexpires = 2030-01-31\n'
    decided = Here(tmp_path, reports__waivers=waiver).plan(QUEUE, replace(QUEUE, nodeid="again"), STORE)
    answers, brokers = decided.criteria[:2]

    assert (answers.id, answers.level, answers.plan) == ("queue.answers", Level.CRITICAL, "2.1")
    assert answers.checks == (QUEUE.nodeid, "again")
    assert (brokers.checks, brokers.outcome) == ((), Outcome.MISSING)
    assert brokers.waiver is not None
    assert brokers.waiver.expires == "2030-01-31"


def test_the_target_says_what_it_holds_and_what_it_does_not(tmp_path: Path) -> None:
    info = Here(tmp_path, "staging", 'unsupported = { "queue.brokers" = "by design" }').plan().target

    assert (info.name, info.provider, info.modes) == ("staging", "existing", (Mode.READ, Mode.WRITE))
    assert info.components == ("models", "queue")
    assert info.unsupported == {"store": "not in target file 'staging'", "queue.brokers": "by design"}


def test_a_component_without_any_criterion_is_still_held_to_account(tmp_path: Path) -> None:
    fresh = {"deploy__cache__component": 'title = "Cache"\n', "deploy__cache__embedded": ""}

    assert "cache" in Here(tmp_path, **fresh).plan().target.components


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(QUEUE, criteria=()), "carries no criterion"),
        (check("queue.answres"), "unknown criterion 'queue.answres' (nearest known: 'queue.answers')"),
        (replace(QUEUE, needs=("hots",)), "unknown capability 'hots' (nearest known: 'host')"),
        (replace(QUEUE, markers=("criterion", "wirtes")), "unknown marker 'wirtes' (nearest known: 'writes')"),
    ],
)
def test_a_mistake_of_a_check_is_named_with_the_nearest(tmp_path: Path, wrong: Planned, said: str) -> None:
    (found,) = Here(tmp_path).mistakes(wrong)

    assert found.startswith(f"{wrong.nodeid}: {said}")


def test_all_checks_of_a_criterion_need_the_same(tmp_path: Path) -> None:
    other = replace(QUEUE, nodeid="other", mode=Mode.WRITE, needs=("host",))
    mode, capabilities = Here(tmp_path).mistakes(QUEUE, other)

    assert "other: queue.answers is asked in mode write here and in mode read by suites/queue::queue.answers" in mode
    assert "other: queue.answers needs host here and no capability in suites/queue::queue.answers" in capabilities


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    wrong = replace(QUEUE, criteria=("a.b", "c.d"), needs=("x", "y"), markers=("z",))

    assert len(Here(tmp_path, "staging").mistakes(wrong, replace(STORE, criteria=()), mode=Mode.DISRUPT)) == 7


def test_a_mistake_counts_even_where_the_check_is_left_out(tmp_path: Path) -> None:
    assert Here(tmp_path).mistakes(replace(check("queue.answres"), selected=False))


def test_a_machine_that_runs_no_server_of_ours_is_a_reason_and_no_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(machine.platform, "system", lambda: "Darwin")
    here = Here(tmp_path)

    found = unsupported(here.registry, here.target)

    why = "this machine is Darwin on arm64; the embedded servers run on Linux x86-64"
    assert found == {"queue": why, "store": why, "models": why}
    assert [*unsupported(here.registry, Here(tmp_path, "staging").target)] == ["store"]
    with pytest.raises(ConfigError, match=r"embedded: holds no component .this machine is Darwin on arm64"):
        deployable(here.registry, here.target, None)


# -- what a target that deploys by charts cannot break

CHARTS = """
    [target]
    name = "charts"
    provider = "helm"
    modes = ["read", "write", "disrupt"]
    [kubernetes]
    context = "here"
    [components.queue]
    address = "queue.example:9092"
    [components.models]
    url = "http://models.example"
"""
BY_CHART = """
    namespace = "data"
    hang = false
    [endpoints]
    [[releases]]
    name = "store"
    chart = "chart"
    [[nodes]]
    name = "store-1"
    pod = "store-0"
"""


def breaking(component: str, how: str, node: str) -> Planned:
    found = check(f"{component}.answers", mode=Mode.DISRUPT)
    return replace(found, breaks=((how, component, node),))


def test_a_check_whose_node_cannot_be_broken_is_unsupported_before_the_run(tmp_path: Path) -> None:
    there = Here(tmp_path, "charts", deploy__targets__charts=CHARTS, deploy__store__helm=BY_CHART)

    def why(how: str, node: str, component: str = "store") -> dict[str, str]:
        return there.unasked(breaking(component, how, node), mode=Mode.DISRUPT)

    assert why("kill", "store-1") == {}
    assert why("kill", "store-2")["store.answers"].startswith("unsupported: helm.toml names no pod for node store-2")
    assert "hang = false" in why("hang", "store-1")["store.answers"]
    assert why("kill", "one", "models")["models.answers"].startswith("unsupported: gonogo did not deploy models")
    assert Here(tmp_path / "other").unasked(breaking("store", "kill", "store-2"), mode=Mode.DISRUPT) == {}


@pytest.mark.parametrize("words", [("kill", "store"), ("shoot", "store", "store-1"), ("kill", "shop", "shop-1")])
def test_a_check_that_does_not_say_what_it_breaks_is_a_mistake(words: tuple[str, ...], tmp_path: Path) -> None:
    wrong = replace(check("store.answers", mode=Mode.DISRUPT), breaks=(words,))

    [said] = Here(tmp_path).mistakes(wrong, mode=Mode.DISRUPT)

    assert "does not say how a node of which component is broken" in said
