"""The command line of ``gonogo``: the options of each verb, and how a verb ends.

What a verb does is ``run`` of its module in :mod:`gonogo.commands`, loaded when it is called. It prints results to
standard output and progress to standard error, and returns the exit code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from gonogo.core.collector import UNCOLLECTED
from gonogo.core.errors import GonogoError, ending
from gonogo.core.harmless import line, plain
from gonogo.core.interrupts import Interrupts
from gonogo.core.outcomes import Code
from gonogo.core.outlet import guarded, say, tell, traceback_of

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


def example(text: str) -> str:
    """The last line of a verb's help."""
    return f"Example: {text}"


# -- what there is


@app.command(epilog=example("gonogo components --json"))
def components(target: Target = None, as_json: AsJson = False) -> int:
    """List the components, what each needs, and where it can stand.

    A component that the target cannot hold is listed with the reason.
    """
    from gonogo.commands import components as verb

    return verb.run(target, as_json)


@app.command(epilog=example("gonogo plan mlflow"))
def plan(names: Components = None, target: Target = None, as_json: AsJson = False) -> int:
    """Show what would be deployed, and whether it fits.

    Changes nothing. In order, with memory, disk and processes, for each COMPONENT and what it needs; without any, for
    all that the target can hold. Exit code 0 where it fits, 1 where not.
    """
    from gonogo.commands import plan as verb

    return verb.run(names, target, as_json)


@app.command(epilog=example("gonogo status --json"))
def status(target: Target = None, as_json: AsJson = False) -> int:
    """Show what is up, a row per server process.

    With its state, version, address, pid, log, data folder and since when.
    """
    from gonogo.commands import status as verb

    return verb.run(target, as_json)


@app.command(epilog=example("gonogo endpoints > up.toml && gonogo check --target ./up.toml"))
def endpoints(
    names: Components = None,
    target: Target = None,
    discover: Annotated[bool, typer.Option("--discover", help="Draft one for a cluster, from what is there.")] = False,
) -> int:
    """Print a target file that attaches to what is up.

    From another checkout or another shell, for each COMPONENT, or for all that is up. Secrets become references to
    files that only you can read. With --discover: for the cluster of the target, or of your kubeconfig, from its
    Services and known custom resources; no Secret is read.
    """
    from gonogo.commands import endpoints as verb

    return verb.run(names, target, discover)


@app.command(epilog=example("gonogo explain kafka.roundtrip"))
def explain(
    id: Annotated[str | None, typer.Argument(metavar="ID", hidden=True)] = None,
    as_json: AsJson = False,
) -> int:
    """Say what a criterion, cause, component or kind is.

    ID is a criterion (kafka.roundtrip), a cause (kafka.broker_missing, timed_out), a component, a kind of a cluster
    (Deployment, pvc, KafkaTopic) or a reason of `gonogo health` (ImageNotFound): what is claimed and who asks it, what
    is likely wrong and how to see it by hand, how it is judged. Without ID: what can be explained. Asks no server.
    """
    from gonogo.commands import explain as verb

    return verb.run(id, as_json)


@app.command(epilog=example("gonogo doctor --json"))
def doctor(target: Target = None, as_json: AsJson = False) -> int:
    """Show what this machine lacks, each with the fix.

    Python, platform, GONOGO_HOME, server programs, memory, disk, mirrors, stale platforms, clients, cluster, kubectl
    and helm: asked for real, none for longer than some seconds. Starts nothing.

    Exit code 0 where nothing is lacking that the target needs, 1 where something is, 3 where something could not be
    told.
    """
    from gonogo.commands import doctor as verb

    return verb.run(target, as_json)


# -- up and down


@app.command(epilog=example("gonogo up kafka mlflow"))
def up(
    names: Components = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Start anew, without its data, what is there and is not right.")
    ] = False,
    target: Target = None,
) -> int:
    """Deploy components and leave them running.

    Each COMPONENT and what it needs, without any all that the target can hold, side by side. What is right is
    reused, what is dead is started again on its data, and so is what stands on it. What answers and is not right is
    left as it is and described; --replace starts it anew, and says what is lost. Exit code 0 where all are ready, 1
    where not, 3 where that could not be told.
    """
    from gonogo.commands import up as verb

    return verb.run(names, target, replace)


@app.command(epilog=example("gonogo down"))
def down(
    names: Components = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every platform of this user, also where the checkout is gone.")
    ] = False,
    target: Target = None,
) -> int:
    """Take down what `up` or `--keep` made, nothing else.

    Each COMPONENT, without any the whole platform of this checkout.
    """
    from gonogo.commands import down as verb

    return verb.run(names, target, everything)


@app.command(epilog=example("gonogo rbac --for read --target staging | kubectl apply -f -"))
def rbac(
    purpose: Annotated[str, typer.Option("--for", metavar="MODE", help="read, write or disrupt; deploy.")],
    account: Annotated[
        str, typer.Option(metavar="[NAMESPACE/]NAME", help="The ServiceAccount that the Roles are bound to.")
    ] = "gonogo",
    target: Target = None,
) -> int:
    """Print the least Roles for asking the target's checks.

    Roles in the namespaces of the target, and a ClusterRole for what is in none; Secrets by name, and only those that
    the target file refers to. Changes nothing.
    """
    from gonogo.commands import rbac as verb

    return verb.run(purpose, account, target)


# -- checking


@app.command(
    options_metavar="[PYTEST ARGUMENTS]",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=example("gonogo check -m critical --mode disrupt --out /tmp/report"),
)
def check(context: typer.Context, target: Target = None) -> int:
    """Run the suites, report and judge: one command, one verdict.

    Deploys what is not up. All that pytest takes may follow, without a path all of suites/: -m critical, -k WORD,
    suites/FOLDER, -x, --lf; and gonogo's own --mode, --criterion, --out, --keep, --deadline.

    Exit code 0 GO, 1 NO-GO, 2 wrong use, 3 could not tell or no verdict, 4 an error of gonogo itself, 130 interrupted.
    """
    from gonogo.commands import check as verb

    return verb.run(context.args, target)


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
) -> int:
    """Judge stored results afresh; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run. Says which run it was and how old it is. Exit code 0 GO, 1 NO-GO, 2 wrong
    use, 3 could not tell or no verdict.
    """
    from gonogo.commands import gate as verb

    with UNCOLLECTED:  # a stored run is a tree of thousands of values, and all that there is to do
        return verb.run(results, strict, max_age, as_json)


@app.command(epilog=example("gonogo report reports/out/results.json --html report.html"))
def report(
    results: Stored = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="One file, readable anywhere.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="For CI servers.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="For job summaries and merge requests.")] = None,
) -> int:
    """Render stored results; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run. Without an option the Markdown summary goes to standard output.
    """
    from gonogo.commands import report as verb

    with UNCOLLECTED:  # a stored run is a tree of thousands of values, and all that there is to do
        return verb.run(results, html, junit, markdown)


@app.command(epilog=example("gonogo sweep --yes"))
def sweep(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without it the verb only lists.")] = False,
    hours: Annotated[float, typer.Option("--older-than", metavar="HOURS", help="Only runs begun that long ago.")] = 24,
    target: Target = None,
    as_json: AsJson = False,
) -> int:
    """List what earlier runs left behind; delete it with --yes.

    Objects on the platform, by the journal and by the run id in their names, and processes and data
    of platforms whose keeper was killed.
    """
    from gonogo.commands import sweep as verb

    return verb.run(yes, hours, target, as_json)


@app.command(epilog=example("gonogo drill kafka --json"))
def drill(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)] = None,
    target: Target = None,
    as_json: AsJson = False,
    listed: Annotated[bool, typer.Option("--list", help="Only show which drills there are.")] = False,
) -> int:
    """Inject faults, and show which check saw each.

    Does the right check turn red, for the right reason? NAME is a drill or a component; without any, all drills.
    Every fault is restored. Exit code 0 where each was seen and blamed right, 1 where not.
    """
    from gonogo.commands import drill as verb

    return verb.run(names, target, as_json, listed)


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
    server; `gonogo lint` says what else is missing, and deploy/README.md shows the same files filled in. No other
    file is edited but reports/criteria.toml, the reviewed list, which gets the new criteria at its end. Nothing is
    written where a component, a client or a suite of that name is there.
    """
    from gonogo.commands import new as verb

    return verb.run(name, title, not without_servers)


@app.command(epilog=example("gonogo lint redis"))
def lint(names: Components = None) -> int:
    """Say what the files of a component lack.

    A client, a check of each criterion, a drill that turns it red, a hint for each cause; of each COMPONENT, or of all
    that lie in your own folder. Reads files, asks no server. Exit code 1 where something is lacking.
    """
    from gonogo.commands import lint as verb

    return verb.run(names)


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
) -> int:
    """Judge the objects of a cluster, or of stored files.

    What is wrong, why, and what to do next, worst first; and how healthy the platform is. The cluster is that of the
    target's [kubernetes], without --target the one of your kubeconfig. -f FILE… reads files, folders, .tar.gz bundles
    and `-`, YAML or JSON, as `kubectl get -o` and `kubectl cluster-info dump` write them, and asks no cluster.

    Exit code 0 nothing failed, 1 something failed, 2 wrong use, 3 something could not be told.
    """
    from gonogo.commands import health as verb

    files = [file, *(more or ())] if file is not None else []
    unnamed = more or [] if file is None else []
    return verb.run(namespaces, everywhere, files, unnamed, watch, all_rows, target, as_json)


# -- the program


def main() -> None:
    """The program: every error is a sentence and an exit code (docs/exit-codes.md); no output shows a secret."""
    with guarded():
        code = ended()
    sys.exit(code)


def ended() -> int:
    """The exit code of the verb, which is run in a process apart where checks may end that."""
    from gonogo.run.child import EndedEarly, apart

    try:
        return apart(run) if sys.argv[1:2] and sys.argv[1] in APART else run()
    except EndedEarly as error:
        told = "NO-GO: could not tell" if sys.argv[1] == "check" else "could not tell"
        tell(f"{told}: {error}; `gonogo report .gonogo/runs/ID` shows what was seen until then")
        return error.code
    except KeyboardInterrupt:
        return Code.INTERRUPTED


def run() -> int:
    """Run the verb that the command line names; its exit code."""
    interrupts = Interrupts(lambda: tell("left at once"))
    interrupts.catch()
    try:
        code: int = app(standalone_mode=False) or Code.GO
        say(flush=True)
    except Exit as done:
        code = done.exit_code
    except TyperException as error:
        told = getattr(error, "show", None)  # a mistake in the command line comes with the verb's usage
        tell(error.format_message()) if told is None else told()
        code = Code.WRONG_USE
    except Abort:
        code = told_of(KeyboardInterrupt())
    except (Exception, KeyboardInterrupt) as error:
        code = told_of(error)
    finally:
        interrupts.release()
    return code


def told_of(error: BaseException) -> Code:
    """Say what ended the verb, in a sentence; the code that it comes to."""
    if isinstance(error, KeyboardInterrupt):
        tell("interrupted")
    elif isinstance(error, GonogoError):
        tell(plain(str(error)))
    elif isinstance(error, OSError):
        tell(line(f"could not go on: {error}"))
    else:
        if os.environ.get("GONOGO_DEBUG"):
            tell(plain(traceback_of(error)))
        tell(line(f"gonogo itself failed: {type(error).__name__}: {error} (GONOGO_DEBUG=1 shows where)"))
    return ending(error).code
