"""The verbs of ``gonogo``. Each prints results to standard output and progress to standard error."""

from __future__ import annotations

import difflib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Abort, Exit, TyperException

from gonogo.core.errors import ConfigError, GonogoError, Problem
from gonogo.core.harmless import line, plain
from gonogo.core.interrupts import INTERRUPTED, Interrupts
from gonogo.core.outlet import (
    abandon,
    clean,
    guarded,
    is_terminal,
    keep_rendered,
    public,
    say,
    say_json,
    tell,
    traceback_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen

GO, FAILED, WRONG_USE, COULD_NOT_TELL, OWN_ERROR = 0, 1, 2, 3, 4

APART = ("check", "drill")
"""Verbs that run the bodies of checks: in a process of their own, since a body can end its process."""

app = typer.Typer(
    name="gonogo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="May we deploy, does it work, is it good enough? With evidence, and one verdict: GO or NO-GO.",
    epilog="Example: gonogo check -m critical",
)

Target = Annotated[
    str | None,
    typer.Option("--target", metavar="NAME|FILE", help="Where the platform is; default: GONOGO_TARGET, else embedded."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
# Arguments are told in a verb's own words: typer would describe them by their Python type.
Components = Annotated[list[str] | None, typer.Argument(metavar="COMPONENT", hidden=True)]
Stored = Annotated[list[Path] | None, typer.Argument(metavar="RESULTS", hidden=True)]


TAKEN = ("memory_mib", "disk_mib", "processes")
"""What a component takes of a machine, as `plan` tells it."""


def example(text: str) -> str:
    """The last line of a verb's help."""
    return f"Example: {text}"


# -- what there is


@app.command(epilog=example("gonogo components --json"))
def components(target: Target = None, as_json: AsJson = False) -> None:
    """List the components, what each needs, and where it can stand.

    A component that the target cannot hold is listed with the reason.
    """
    from gonogo.providers import Deploys
    from gonogo.providers.choose import provider_for
    from gonogo.run.plan import holds, unsupported

    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root)
    lacking = unsupported(registry, chosen)
    rows = []
    for name in registry.ordered(registry.components):
        component = registry.components[name]
        held = holds(component, chosen) is None
        rows.append(
            {
                "component": name,
                "title": component.title,
                "version": provider.version(component) if held and isinstance(provider, Deploys) else "",
                "needs": list(component.needs),
                "target": chosen.name,
                "held": name not in lacking,
                "why_not": lacking.get(name, ""),
            }
        )
    show(rows, as_json)


@app.command(epilog=example("gonogo plan mlflow"))
def plan(names: Components = None, target: Target = None, as_json: AsJson = False) -> None:
    """Show what would be deployed, and whether it fits.

    Changes nothing. In order, with memory, disk and processes, for each COMPONENT and what it needs; without any, for
    all that the target can hold. Exit code 0 where it fits, 1 where not.
    """
    from gonogo.providers import Deploys
    from gonogo.providers.choose import provider_for

    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root)
    wanted = [registry.components[n] for n in registry.ordered(selected(registry, chosen, names))]
    deploys = provider if isinstance(provider, Deploys) else None
    # what is there already takes nothing more
    taken = [deploys.takes(one) if deploys else dict.fromkeys(TAKEN, 0) for one in wanted]
    rows = [
        {"order": number, "component": one.name, "needs": list(one.needs), **takes}
        for number, (one, takes) in enumerate(zip(wanted, taken, strict=True), 1)
    ]
    problems = deploys.fits(wanted) if deploys else []
    if as_json:
        show({"components": rows, "fits": not problems, "problems": [str(p) for p in problems]}, True)
    else:
        show(rows, False)
        totals = {k: sum(int(r.get(k) or 0) for r in rows) for k in TAKEN}
        say("\nin all: {processes} processes, {memory_mib} MiB memory, {disk_mib} MiB disk".format(**totals))
        say("it fits" if not problems else "it does not fit:\n" + "\n".join(f"  {p}" for p in problems))
    raise typer.Exit(GO if not problems else FAILED)


@app.command(epilog=example("gonogo status --json"))
def status(target: Target = None, as_json: AsJson = False) -> None:
    """Show what is up, a row per server process.

    With its state, version, address, pid, log, data folder and since when.
    """
    from dataclasses import asdict

    from gonogo.providers import Deploys, Observes, close
    from gonogo.providers.choose import provider_for

    root, _, chosen = loaded(target)
    keys = ("component", "node", "provider", "state", "version", "address", "pid", "log", "data", "since")
    provider = provider_for(chosen, root)
    try:
        servers = provider.servers() if isinstance(provider, Observes) else []
    finally:
        close(provider)
    rows = [{key: asdict(server)[key] for key in keys} for server in servers]
    if not rows and not isinstance(provider, Deploys):
        tell(f"gonogo did not start the servers of {chosen.name!r} and sees no processes there")
    elif not rows:
        tell("nothing is up; `gonogo up` stands the platform up")
    show(rows, as_json)


@app.command(epilog=example("gonogo endpoints > up.toml && gonogo check --target ./up.toml"))
def endpoints(
    names: Components = None,
    target: Target = None,
    discover: Annotated[bool, typer.Option("--discover", help="Draft one for a cluster, from what is there.")] = False,
) -> None:
    """Print a target file that attaches to what is up.

    From another checkout or another shell, for each COMPONENT, or for all that is up. Secrets become references to
    files that only you can read. With --discover: for the cluster of the target, or of your kubeconfig, from its
    Services and known custom resources; no Secret is read.
    """
    from gonogo.commands.attach import target_file

    root, registry, chosen = loaded(target)
    if discover:
        names = names or list(registry.components)
        say(discovered([registry.components[n] for n in registry.known(names)], chosen), end="")
    elif chosen.kubernetes is not None:
        say(chosen.path.read_text(encoding="utf-8"), end="")
    else:
        say(target_file(root, registry, chosen, selected(registry, chosen, names)), end="")


@app.command(epilog=example("gonogo explain kafka.roundtrip"))
def explain(
    id: Annotated[str | None, typer.Argument(metavar="ID", hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a criterion, cause, component or kind is.

    ID is a criterion (kafka.roundtrip), a cause (kafka.broker_missing, timed_out), a component, a kind of a cluster
    (Deployment, pvc, KafkaTopic) or a reason of `gonogo health` (ImageNotFound): what is claimed and who asks it, what
    is likely wrong and how to see it by hand, how it is judged. Without ID: what can be explained. Asks no server.
    """
    from gonogo.catalog.registry import Registry
    from gonogo.commands.asking import Suites
    from gonogo.commands.explain import SCHEMA, explained, known, overview, text
    from gonogo.core.content import find_root

    registry = Registry.load(find_root(Path.cwd()))
    public(registry.components)
    if id is None:
        ids = known(registry)
        rows = [{"sort": sort, "count": len(words), "ids": words} for sort, words in ids.items()]
        shown, told = {"schema": SCHEMA, "rows": rows}, overview(ids, colour=coloured(), width=columns())
    else:
        found = explained(Suites(registry), id)
        shown, told = found.public(), text(found, colour=coloured(), width=columns())
    if as_json:
        say_json(shown, indent=1)
    else:
        say(told)


@app.command(epilog=example("gonogo doctor --json"))
def doctor(target: Target = None, as_json: AsJson = False) -> None:
    """Show what this machine lacks, each with the fix.

    Python, platform, GONOGO_HOME, server programs, memory, disk, mirrors, stale platforms, clients, cluster, kubectl
    and helm: asked for real, none for longer than some seconds. Starts nothing.

    Exit code 0 where nothing is lacking that the target needs, 1 where something is, 3 where something could not be
    told.
    """
    from gonogo.commands.doctor import SCHEMA, code, examined, text

    rows = examined(*loaded(target))
    if as_json:
        say_json({"schema": SCHEMA, "rows": [row.public() for row in rows]}, indent=1)
    else:
        say(text(rows, colour=coloured(), width=columns()))
    raise typer.Exit(code(rows))


# -- up and down


@app.command(epilog=example("gonogo up kafka mlflow"))
def up(
    names: Components = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Start anew, without its data, what is there and is not right.")
    ] = False,
    target: Target = None,
) -> None:
    """Stand components up and leave them running.

    Each COMPONENT and what it needs, without any all that the target can hold, side by side. What is right is
    reused, what is dead is started again on its data, and so is what stands on it. What answers and is not right is
    left as it is and described; --replace starts it anew, and says what is lost. Exit code 0 where all are ready, 1
    where not.
    """
    from gonogo.providers import Deploys, Keeps, Replaces

    platform, screen = reached(target)
    provider, registry = platform.provider, platform.registry
    asked = registry.ordered(selected(registry, platform.target, names))
    if replace:
        if not isinstance(provider, Replaces):
            raise ConfigError(Problem("--replace", f"gonogo did not start the servers of {platform.target.name!r}"))
        provider.replacing(lambda lost: screen.line(lost, "yellow"))
    there = platform.there(registry.components)
    # what stands on something that is replaced, at another address and without its data, is not right any more either
    wanted = registry.ordered([*asked, *(n for n in there if set(registry.ordered([n])) & set(asked))])
    try:
        with screen:
            platform.bring_up(wanted)
            standings = list(platform.standings(wanted))
    except (KeyboardInterrupt, ConfigError) as error:
        screen.close()
        if isinstance(error, KeyboardInterrupt):
            screen.line("interrupted: taking down what was begun")
        if there and isinstance(provider, Deploys):
            provider.down_only([registry.components[n] for n in wanted if n not in there])
        elif isinstance(provider, Deploys):
            provider.down()
        raise
    if isinstance(provider, Keeps):
        provider.keep()
    fallen = [s for s in standings if not s.up]
    for standing in fallen:
        screen.line(f"{standing.component}: {standing.message}", "red")
        for evidence in standing.evidence:
            screen.line(evidence.text or "")
    screen.line(f"{len(standings) - len(fallen)} of {len(standings)} components are up")
    if isinstance(provider, Deploys):
        screen.line("`gonogo status` shows them, `gonogo down` ends them")
    raise typer.Exit(FAILED if fallen else GO)


@app.command(epilog=example("gonogo down"))
def down(
    names: Components = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every platform of this user, also where the checkout is gone.")
    ] = False,
    target: Target = None,
) -> None:
    """Take down what `up` or `--keep` made, nothing else.

    Each COMPONENT, without any the whole platform of this checkout.
    """
    from gonogo.providers import Deploys
    from gonogo.providers.choose import provider_for

    if everything:
        from gonogo.core.home import home
        from gonogo.providers.embedded.platforms import end_all, strange

        for line in strange(home()):
            tell(f"left alone, {line}")
        ended = end_all(home())
        tell(f"platforms ended: {len(ended)}" if ended else "nothing was up")
        return
    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root)
    wanted = [registry.components[n] for n in selected(registry, chosen, names)]
    there = any(provider.stands(component) for component in wanted)
    if not isinstance(provider, Deploys):
        tell(f"gonogo did not start the servers of {chosen.name!r}, and ends none of them")
        return
    if names:
        provider.down_only(wanted)
    else:
        provider.down()
    tell("taken down" if there else "nothing was up")


@app.command(epilog=example("gonogo rbac --for read --target staging | kubectl apply -f -"))
def rbac(
    purpose: Annotated[str, typer.Option("--for", metavar="MODE", help="read, write or disrupt; deploy.")],
    account: Annotated[
        str, typer.Option(metavar="[NAMESPACE/]NAME", help="The ServiceAccount that the Roles are bound to.")
    ] = "gonogo",
    target: Target = None,
) -> None:
    """Print the least Roles for asking the target's checks.

    Roles in the namespaces of the target, and a ClusterRole for what is in none; Secrets by name, and only those that
    the target file refers to. Changes nothing.
    """
    from gonogo.commands.rbac import home_of, manifests, rights, role_name
    from gonogo.core.files import suggestion
    from gonogo.core.outcomes import Mode

    if purpose == "deploy":
        raise ConfigError(Problem("--for deploy", "gonogo deploys nothing on a cluster yet", "read, write or disrupt"))
    if purpose not in list(Mode):
        raise ConfigError(Problem("--for", f"{purpose!r} is no mode", suggestion(purpose, [*map(str, Mode), "deploy"])))
    _, registry, chosen = loaded(target)
    mode = Mode(purpose)
    found = rights(registry, chosen, mode)
    space, _, name = account.rpartition("/")
    say(manifests(found, role_name(chosen, mode), (space or home_of(chosen, found), name)), end="")


# -- checking


@app.command(
    options_metavar="[PYTEST ARGUMENTS]",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=example("gonogo check -m critical --mode disrupt --out /tmp/report"),
)
def check(context: typer.Context, target: Target = None) -> None:
    """Run the suites, report and judge: one command, one verdict.

    Stands up what is not up. All that pytest takes may follow, without a path all of suites/: -m critical, -k WORD,
    suites/FOLDER, -x, --lf; and gonogo's own --mode, --criterion, --out, --keep, --deadline.

    Exit code 0 GO, 1 NO-GO, 2 wrong use, 3 could not tell or no verdict, 4 an error of gonogo itself, 130 interrupted.
    """
    import pytest

    from gonogo.results.gate import exit_code
    from gonogo.run.session import Session

    put_away_for(context.args)
    root, _, _ = loaded(target)
    session = Session(root)
    code = session.run([*context.args, *([f"--target={target}"] if target else [])])
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise typer.Exit(OWN_ERROR)
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED):
        tell("".join(misspelt(context.args)), end="")
        raise typer.Exit(WRONG_USE)
    if session.results is None:
        tell("no verdict: no check was asked")
        raise typer.Exit(COULD_NOT_TELL)
    raise typer.Exit(exit_code(session.results.verdict))


def put_away_for(arguments: list[str]) -> None:
    """Put the results of an earlier run away, before a mistake in what follows can leave them in their place.

    Raises ``ConfigError`` where they cannot be.
    """
    from gonogo.core.content import find_root
    from gonogo.core.files import unreadable
    from gonogo.run.outdated import put_away

    if {"--collect-only", "--co", "--setup-plan", "--help"} & set(arguments):
        return
    pairs = itertools.pairwise([*arguments, ""])
    given = [a.partition("=")[2] if "=" in a else following for a, following in pairs if a.split("=")[0] == "--out"]
    out = Path(given[-1]) if given else find_root(Path.cwd()) / "reports" / "out"
    try:
        put_away(out)
    except OSError as error:
        raise ConfigError(unreadable(out, error)) from error


def misspelt(arguments: list[str]) -> list[str]:
    """A line for each argument that is nearly an option of ours; pytest does not say which one was meant."""
    own = ("--target", "--mode", "--criterion", "--out", "--keep", "--deadline")
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    near = {name: difflib.get_close_matches(name, own, 1, cutoff=0.75) for name in names if name not in own}
    return [f"{name}: nearest known: {found[0]}\n" for name, found in near.items() if found]


@app.command(epilog=example("gonogo gate reports/out/results.json --max-age 24h"))
def gate(
    results: Stored = None,
    strict: Annotated[
        str | None, typer.Option("--strict", metavar="LEVEL", help="This level gates too: important or optional.")
    ] = None,
    max_age: Annotated[
        str | None, typer.Option("--max-age", metavar="AGE", help="An older run tells nothing: 90s, 30m, 24h, 7d.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored results afresh; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run. Says which run it was and how old it is. Exit code 0 GO, 1 NO-GO, 2 wrong
    use, 3 could not tell or no verdict.
    """
    from datetime import UTC, datetime

    from gonogo.core.times import stretch
    from gonogo.render import terminal
    from gonogo.results.gate import aged, judged

    now, gating = datetime.now(UTC), level(strict)
    limit = stretch(max_age, "--max-age") if max_age is not None else None
    parts = stored(results)
    merged = judged(parts, gating)
    if limit is not None:
        merged = aged(merged, parts.values(), now, limit)
    assert merged.verdict is not None
    if as_json:
        say_json(told_to_machines(merged, now))
    else:
        say(terminal.verdict(merged, colour=coloured(), width=100, report="", now=now))
    raise typer.Exit(merged.verdict.code)


def told_to_machines(results: Any, now: datetime) -> dict[str, Any]:
    """The verdict as plain data, with the run that it is of; ``age_seconds`` is null where that never finished."""
    import msgspec

    from gonogo.core.times import moment

    finished = moment(results.run.finished)
    age = round((now - finished).total_seconds(), 3) if finished is not None else None
    run = {"run": results.run.id, "target": results.target.name, "finished": results.run.finished, "age_seconds": age}
    return {**msgspec.to_builtins(results.verdict), **run}


@app.command(epilog=example("gonogo report reports/out/results.json --html report.html"))
def report(
    results: Stored = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="One file, readable anywhere.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="For CI servers.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="For job summaries and merge requests.")] = None,
) -> None:
    """Render stored results; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run. Without an option the Markdown summary goes to standard output.
    """
    from gonogo.core.files import unreadable
    from gonogo.render import html as html_report
    from gonogo.render import junit as junit_report
    from gonogo.render import markdown as markdown_report
    from gonogo.results.gate import judged

    merged = judged(stored(results), None)
    asked: list[tuple[Path | None, Callable[[Any], str]]] = [
        (html, html_report.render),
        (junit, junit_report.render),
        (markdown, markdown_report.render),
    ]
    for path, render in asked:
        if path is None:
            continue
        try:
            keep_rendered(merged, render, path)
        except OSError as error:
            raise ConfigError(unreadable(path, error)) from error
        tell(f"{path} written")
    if not any(path for path, _ in asked):
        say(markdown_report.render(clean(merged)))


@app.command(epilog=example("gonogo sweep --yes"))
def sweep(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without it the verb only lists.")] = False,
    hours: Annotated[float, typer.Option("--older-than", metavar="HOURS", help="Only runs begun that long ago.")] = 24,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """List what earlier runs left behind; delete it with --yes.

    Objects on the platform, by the journal and by the run id in their names, and processes and data
    of platforms whose keeper was killed.
    """
    from gonogo.run.sweep import leftovers, orphans, removed

    platform, screen = reached(target, write=yes)
    found = leftovers(platform, screen, hours)
    ended = orphans(yes, screen.line)
    rows = [{**row.public(), "removed": yes and removed(platform, screen, row)} for row in found]
    show([*ended, *rows], as_json)
    if not ended and not rows:
        tell("nothing was left behind")
    elif not yes:
        tell(f"{len(ended) + len(rows)} in all; `gonogo sweep --yes` deletes them")
    raise typer.Exit(FAILED if yes and not all(row["removed"] for row in rows) else GO)


@app.command(epilog=example("gonogo drill kafka --json"))
def drill(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)] = None,
    target: Target = None,
    as_json: AsJson = False,
    listed: Annotated[bool, typer.Option("--list", help="Only show which drills there are.")] = False,
) -> None:
    """Inject faults, and show which check saw each.

    Does the right check turn red, for the right reason? NAME is a drill or a component; without any, all drills.
    Every fault is restored. Exit code 0 where each was seen and blamed right, 1 where not.
    """
    from gonogo.run.drills import catalogue, run_drills

    root, registry, chosen = loaded(target)
    drills = catalogue(root, registry, names or [])
    if listed:
        show([d.public() for d in drills], as_json)
        return
    rows = run_drills(root, registry, chosen, drills)
    show(rows, as_json)
    raise typer.Exit(GO if rows and all(r["seen"] and r["blamed_right"] for r in rows) else FAILED)


# -- what is added

new = typer.Typer(help="Write the files of something new.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(new, name="new")


@new.command("component", epilog=example("gonogo new component redis --title Redis"))
def new_component(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="Lower-case letters, digits and _.")],
    title: Annotated[str, typer.Option("--title", help="What people call it; default: from NAME.")] = "",
    without_servers: Annotated[
        bool, typer.Option("--without-servers", help="No registry has its server: it is attached to, never started.")
    ] = False,
) -> int:
    """Write the files of component NAME: what it is, how it runs, its client, its suite, its drills, its criteria.

    They load and are collected as they are. Its checks are broken, and never green, until fixtures/NAME.py asks the
    server; `pytest tests/test_content.py` says what else is missing, and deploy/README.md shows the same files filled
    in. No other file is edited but reports/criteria.toml, the reviewed list, which gets the new criteria at its end.
    Nothing is written where a component, a client or a suite of that name is there.
    """
    from gonogo.commands import new as verb

    return verb.run(name, title, not without_servers)


# -- a cluster


@app.command(epilog=example("gonogo health -n data-platform --watch"))
def health(
    namespaces: Annotated[
        list[str] | None,
        typer.Option("-n", "--namespace", metavar="NS", help="Only these namespaces; may be repeated."),
    ] = None,
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="All, whatever the target names.")] = False,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="Stored objects instead of a cluster.")
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="FILE", hidden=True)] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, with a line per change, until Ctrl-C.")] = False,
    all_rows: Annotated[bool, typer.Option("--all-rows", "-v", help="Also show what is ready.")] = False,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Judge the objects of a cluster, or of stored files.

    What is wrong, why, and what to do next, worst first; and how healthy the platform is. The cluster is that of the
    target's [kubernetes], without --target the one of your kubeconfig. -f FILE… reads files, folders, .tar.gz bundles
    and `-`, YAML or JSON, as `kubectl get -o` and `kubectl cluster-info dump` write them, and asks no cluster.

    Exit code 0 nothing failed, 1 something failed, 2 wrong use, 3 something could not be told.
    """
    from gonogo.cluster import survey
    from gonogo.commands.kinds import rules

    spaces = [name for given in namespaces or () for name in given.split(",") if name]
    if problems := _contradictions(file, more, watch, everywhere, spaces):
        raise ConfigError(*problems)
    if file is not None:
        found = survey.of_files([file, *(more or ())], spaces, tell, rules())
        raise typer.Exit(_surveyed(found, as_json, all_rows))
    raise typer.Exit(_health_of_cluster(target, spaces, everywhere, watch, as_json, all_rows))


def _contradictions(
    file: str | None, more: list[str] | None, watch: bool, everywhere: bool, spaces: list[str]
) -> list[Problem]:
    from gonogo.core.names import WORDS, is_label

    problems = []
    if more and file is None:
        problems.append(Problem(more[0], "is no option", "files are named after -f"))
    if watch and file is not None:
        problems.append(Problem("--watch", "files do not change: it follows a cluster", "leave out -f or --watch"))
    if everywhere and spaces:
        problems.append(Problem("-A", "means all namespaces, -n only some", "leave out one of them"))
    problems += [Problem("-n", f"{name!r} can be no namespace", WORDS) for name in spaces if not is_label(name)]
    return problems


def _health_of_cluster(
    target: str | None, spaces: list[str], everywhere: bool, watch: bool, as_json: bool, all_rows: bool
) -> int:
    from gonogo.cluster import survey
    from gonogo.cluster.api import Api
    from gonogo.commands.kinds import rules
    from gonogo.core.errors import ClientError
    from gonogo.core.outcomes import Outcome

    settings, limits = _cluster_of(target)
    if not spaces and not everywhere:
        spaces = list(settings.namespaces)
    try:
        api = Api(settings, limits=limits)
        if not watch:
            return _surveyed(survey.of_cluster(api, spaces, rules()), as_json, all_rows)
        return _followed(api, spaces, as_json, all_rows)
    except ClientError as error:
        tell(plain(str(error)))
        return FAILED if error.outcome is Outcome.FAILED else COULD_NOT_TELL


def _cluster_of(target: str | None) -> tuple[Any, Any]:
    """The [kubernetes] of the target and its limits; without a target those of the kubeconfig's own context."""
    from gonogo.catalog.target import Kubernetes
    from gonogo.core.endpoints import Limits

    if target is None and not os.environ.get("GONOGO_TARGET"):
        return Kubernetes(), Limits()
    _, _, chosen = loaded(target)
    if chosen.kubernetes is None:
        raise ConfigError(
            Problem(str(chosen.path), "has no [kubernetes]: no cluster to look at", "see docs/targets.md")
        )
    return chosen.kubernetes, chosen.limits


def _surveyed(found: Any, as_json: bool, all_rows: bool) -> int:
    """Print a survey; the exit code that it comes to."""
    import shutil

    from gonogo.cluster import story
    from gonogo.cluster.judge import State

    unasked = [f"could not be asked: {what}" for what in found.unasked]
    if as_json:
        say_json(found.rows, indent=1)
        tell(*map(line, [*unasked, *found.notes]))
    else:
        width = min(shutil.get_terminal_size((120, 40)).columns, 160)
        say(story.text(found.rows, colour=coloured(), width=width, everything=all_rows))
        say(*map(line, unasked), story.health(found.health, width=width), *map(line, found.notes))
    return {State.FAILED: FAILED, State.UNKNOWN: COULD_NOT_TELL}.get(found.state, GO)


def _followed(api: Any, spaces: list[str], as_json: bool, all_rows: bool) -> int:
    """Print a survey, then a line per change, for as long as it goes on."""
    from contextlib import closing
    from datetime import UTC, datetime

    from gonogo.cluster import story, survey
    from gonogo.commands.kinds import rules

    with closing(survey.followed(api, spaces, rules())) as steps:
        for step in steps:
            if isinstance(step, str):
                tell(line(step))
                continue
            if isinstance(step, survey.Survey):
                if as_json:
                    for row in step.rows:
                        say_json(row)
                else:
                    _surveyed(step, as_json, all_rows)
                say(flush=True)
                continue
            for change in step:
                if not as_json:
                    say(story.changed(change, datetime.now(UTC), colour=coloured()), flush=True)
                elif not change.gone:
                    say_json(change.row, flush=True)
    return GO


# -- what the verbs share


def discovered(components: list[Any], target: Any) -> str:
    """A draft of a target file for the cluster of a target, else for that of the kubeconfig."""
    from contextlib import closing, suppress

    from gonogo.catalog.target import Kubernetes
    from gonogo.cluster.api import Api
    from gonogo.commands.discover import look, target_file
    from gonogo.core.errors import ClientError

    settings = target.kubernetes or Kubernetes()
    with closing(Api(settings, limits=target.limits)) as api:
        seen = look(api, components, settings.namespaces)
        identity = ""
        with suppress(ClientError):
            identity = api.identity()
        return target_file(components, seen, settings, api.context, identity)


def loaded(target: str | None) -> tuple[Path, Any, Any]:
    """Root, registry and target. Raises ``ConfigError``."""
    from gonogo.catalog.registry import Registry
    from gonogo.catalog.target import load_target
    from gonogo.core.content import find_root

    root = find_root(Path.cwd())
    registry = Registry.load(root)
    public(registry.components)
    return root, registry, load_target(target, root, registry)


def selected(registry: Any, target: Any, names: list[str] | None) -> list[str]:
    """The components named, or all that the target holds. Raises ``ConfigError`` for unknown ones."""
    from gonogo.core.files import suggestion
    from gonogo.run.plan import unsupported

    unknown = [n for n in names or () if n not in registry.components]
    if unknown:
        raise ConfigError(*(Problem(n, "no such component", suggestion(n, registry.components)) for n in unknown))
    lacking = unsupported(registry, target)
    if problems := [Problem(n, f"cannot stand on {target.name}", lacking[n]) for n in names or () if n in lacking]:
        raise ConfigError(*problems)
    return names or [n for n in registry.components if n not in lacking]


def reached(target: str | None, *, write: bool = True) -> tuple[Platform, Screen]:
    """A platform for a verb outside pytest, nothing asked yet, and the screen it reports to."""
    from gonogo.checks.journal import Journal, new_run_id
    from gonogo.core.content import state
    from gonogo.core.holders import told_by
    from gonogo.core.outcomes import Mode
    from gonogo.providers.choose import provider_for
    from gonogo.run.platform import Platform
    from gonogo.run.progress import Screen, original_stderr

    root, registry, chosen = loaded(target)
    screen = Screen(original_stderr())
    told_by(screen.line)
    platform = Platform(
        registry,
        chosen,
        provider_for(chosen, root),
        run=new_run_id(),
        mode=Mode.WRITE if write else Mode.READ,
        journal=Journal(state(root) / "journal.jsonl"),
        report=screen.tell,
    )
    return platform, screen


def stored(paths: list[Path] | None) -> dict[str, Any]:
    """Results of files and run folders by their names, by default the latest of this checkout.

    Raises ``ConfigError`` for what is none.
    """
    from gonogo.results.events import recovered
    from gonogo.results.gate import load_results

    found, problems = {}, []
    for path in paths or [latest_results()]:
        try:
            found[str(path)] = recovered(path) if path.is_dir() else load_results(path)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return found


def latest_results() -> Path:
    """Where a run leaves its results: in the checkout, outside of one in the working folder.

    Raises ``ConfigError`` where there are none.
    """
    from gonogo.core.content import find_root

    try:
        root = find_root(Path.cwd())
    except ConfigError:
        root = Path.cwd()
    path = root / "reports" / "out" / "results.json"
    if not path.exists():
        raise ConfigError(Problem(str(path), "no such file", "`gonogo check` writes it; or name a results.json"))
    return path


def level(name: str | None) -> Any:
    """A level by name. Raises ``ConfigError`` with the nearest."""
    from gonogo.core.files import suggestion
    from gonogo.core.outcomes import Level

    if name is None:
        return None
    levels = [known.value for known in Level]
    if name not in levels:
        raise ConfigError(Problem("--strict", f"{name!r} is no level", suggestion(name, levels)))
    return Level(name)


def coloured() -> bool:
    """Whether standard output wants colours: a terminal, and no ``NO_COLOR``."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def columns() -> int:
    """How wide a line may be: the terminal, up to what is still easy to read."""
    import shutil

    return min(shutil.get_terminal_size((120, 40)).columns, 160)


def show(rows: Any, as_json: bool) -> None:
    """Rows as a table, or as JSON."""
    if as_json:
        say_json(rows, indent=1)
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    say("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        say("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return line(", ".join(map(str, value))) or "-"
    return f"{value:.1f}" if isinstance(value, float) else line(str(value))


def main() -> None:
    """The program: every error is a sentence and one of the contract's exit codes; no output shows a secret."""
    with guarded():
        code = ended()
    sys.exit(code)


def ended() -> int:
    """The exit code of the verb, which is run in a process apart where checks may end that."""
    from gonogo.run.child import EndedEarly, apart

    try:
        code = apart(run) if sys.argv[1:2] and sys.argv[1] in APART else run()
    except EndedEarly as error:
        told = "NO-GO: could not tell" if sys.argv[1] == "check" else "could not tell"
        tell(f"{told}: {error}; `gonogo report .gonogo/runs/ID` shows what was seen until then")
        code = COULD_NOT_TELL
    except KeyboardInterrupt:
        code = INTERRUPTED
    return code


def run() -> int:
    """Run the verb that the command line names; its exit code."""
    interrupts = Interrupts(lambda: tell("left at once"))
    interrupts.catch()
    try:
        code = app(standalone_mode=False)
        say(flush=True)
    except Exit as done:
        code = done.exit_code
    except TyperException as error:
        told = getattr(error, "show", None)  # a mistake in the command line comes with the verb's usage
        tell(error.format_message()) if told is None else told()
        code = WRONG_USE
    except (KeyboardInterrupt, Abort):
        tell("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; nothing may be written at the end either.
        abandon()
        code = GO
    except ConfigError as error:
        tell(plain(str(error)))
        code = WRONG_USE
    except GonogoError as error:
        tell(plain(str(error)))
        code = FAILED
    except Exception as error:
        if os.environ.get("GONOGO_DEBUG"):
            tell(plain(traceback_of(error)))
        tell(line(f"gonogo itself failed: {type(error).__name__}: {error} (GONOGO_DEBUG=1 shows where)"))
        code = OWN_ERROR
    finally:
        interrupts.release()
    return code or 0
