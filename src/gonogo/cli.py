"""The command line of ``gonogo``: the options of each verb, and how a verb ends.

What a verb does is ``run`` of its module in :mod:`gonogo.commands`, loaded when it is called. It prints results to
standard output and progress to standard error, and returns the exit code.
"""

# Annotations are objects here: typer would evaluate each as a text, three times, before any help is shown.
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from gonogo import __version__
from gonogo.commands.options import (
    AskingVerb,
    CheckVerb,
    CompletedShell,
    Output,
    Target,
    Verb,
    Verbs,
    among,
    choice,
    in_colour,
    words,
)
from gonogo.commands.tables import Form
from gonogo.core.collector import UNCOLLECTED
from gonogo.core.errors import ConfigError, GonogoError, Problem, ending
from gonogo.core.harmless import line, plain
from gonogo.core.interrupts import Interrupts
from gonogo.core.outcomes import Code, Level, Mode
from gonogo.core.outlet import guarded, say, tell, traceback_of

COMPLETES = "_GONOGO_COMPLETE"
"""The variable by which the script of `gonogo completion` asks for completions; typer makes it from our name."""

APART = ("check", "drill", "preflight")
"""Verbs that run the bodies of checks: in a process of their own, since a body can end its process."""

FIRST, PLATFORM, JUDGING, REST = "First steps", "A platform", "Judging it", "And then"
"""Under which headings the verbs are listed."""

app = typer.Typer(
    name="gonogo",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="May we deploy, does it work, is it good enough? With evidence, and one verdict: GO or NO-GO.",
    epilog="Example: gonogo check -m critical",
)

# Arguments are told in a verb's own words: typer would describe them by their Python type.
Components = Annotated[
    list[str] | None, typer.Argument(metavar="COMPONENT", hidden=True, autocompletion=words("components"))
]
Stored = Annotated[list[Path] | None, typer.Argument(metavar="RESULTS", hidden=True)]
Each = Annotated[bool, typer.Option("--each", help="Each on its own, beside the others: nothing is merged.")]


def example(text: str) -> str:
    """The last line of a verb's help."""
    return f"Example: {text}"


def version(asked: bool) -> None:
    """Print what runs, and on what."""
    if asked:
        import platform

        say(f"gonogo {__version__} (Python {platform.python_version()})")
        raise Exit


@app.callback()
def program(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=version, help="Show gonogo's version and Python's.")
    ] = False,
) -> None:
    """What stands before the verb."""


# -- what there is


@app.command(cls=AskingVerb, rich_help_panel=FIRST, epilog=example("gonogo doctor --target staging"))
def doctor(target: Target = None, form: Output = Form.TABLE) -> int:
    """Show what this machine lacks, each with the fix.

    Python, platform, GONOGO_HOME, server programs, memory, disk, mirrors, stale platforms, clients, cluster, kubectl
    and helm: asked for real, none for longer than some seconds. Starts nothing.

    Exit code 0 where nothing is lacking that the target needs, 1 where something is, 3 where something could not be
    told.
    """
    from gonogo.commands import doctor as verb

    return verb.run(target, form)


@app.command(cls=Verb, rich_help_panel=FIRST, epilog=example("gonogo components -o wide"))
def components(target: Target = None, form: Output = Form.TABLE) -> int:
    """List the components, what each needs, and where it can stand.

    A component that the target cannot hold is listed with the reason. Asks no server.
    """
    from gonogo.commands import components as verb

    return verb.run(target, form)


@app.command(cls=Verb, rich_help_panel=FIRST, epilog=example("gonogo plan mlflow"))
def plan(names: Components = None, target: Target = None, form: Output = Form.TABLE) -> int:
    """Show what would be deployed, and whether it fits.

    Changes nothing. In order, with memory, disk and processes, for each COMPONENT and what it needs; without any, for
    all that the target can hold. On a cluster charts are rendered, their objects made into pods and claims, and held
    against its nodes, quotas and classes. Exit code 0 where it fits, 1 where not, 3 where nobody can tell.
    """
    from gonogo.commands import plan as verb

    return verb.run(names, target, form)


@app.command(cls=Verb, rich_help_panel=FIRST, epilog=example("gonogo explain kafka.roundtrip"))
def explain(
    id: Annotated[str | None, typer.Argument(metavar="ID", hidden=True, autocompletion=words("ids"))] = None,
    form: Output = Form.TABLE,
) -> int:
    """Say what a criterion, cause, component or kind is.

    ID is a criterion (kafka.roundtrip), a cause (kafka.broker_missing, timed_out), a component, a kind of a cluster
    (Deployment, pvc, KafkaTopic) or a reason of `gonogo health` (ImageNotFound): what is claimed and who asks it, what
    is likely wrong and how to see it by hand, how it is judged. Without ID: what can be explained; -o name is all of
    it. Asks no server.
    """
    from gonogo.commands import explain as verb

    return verb.run(id, form)


# -- up and down


@app.command(cls=AskingVerb, rich_help_panel=PLATFORM, epilog=example("gonogo up kafka mlflow"))
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


@app.command(cls=AskingVerb, rich_help_panel=PLATFORM, epilog=example("gonogo status -o wide"))
def status(target: Target = None, form: Output = Form.TABLE) -> int:
    """Show what is up, a row per server process or pod.

    With its state, version, address, pid and since when; -o wide also with its log and data folder. Exit code 0, also
    where nothing is up, 3 where the cluster could not be asked.
    """
    from gonogo.commands import status as verb

    return verb.run(target, form)


@app.command(
    cls=AskingVerb,
    rich_help_panel=PLATFORM,
    epilog=example("gonogo endpoints > up.toml && gonogo check --target ./up.toml"),
)
def endpoints(
    names: Components = None,
    target: Target = None,
    discover: Annotated[bool, typer.Option("--discover", help="Draft one for a cluster, from what is there.")] = False,
) -> int:
    """Print a target file that attaches to what is up.

    From another checkout or another shell, for each COMPONENT, or for all that is up. Secrets become references to
    files that only you can read. With --discover: for the cluster of the target, or of your kubeconfig, from its
    Services and known custom resources; no Secret is read. Exit code 0, 1 where a component does not answer, 3 where
    something could not be asked.
    """
    from gonogo.commands import endpoints as verb

    return verb.run(names, target, discover)


@app.command(cls=AskingVerb, rich_help_panel=PLATFORM, epilog=example("gonogo down"))
def down(
    names: Components = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every platform of this user, also where the checkout is gone.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="On a cluster: remove it; without it the verb only lists.")
    ] = False,
    definitions: Annotated[
        bool, typer.Option("--crds", help="On a cluster: also the CRDs that gonogo made and that have no objects left.")
    ] = False,
    target: Target = None,
) -> int:
    """Take down what `up` or `--keep` made, nothing else.

    Each COMPONENT, without any the whole platform of this checkout. On a cluster it is listed, disks first, with what
    stays and why, and removed with --yes. Exit code 0, also where nothing was up; 1 where something hangs.
    """
    from gonogo.commands import down as verb

    return verb.run(names, target, everything, yes, definitions)


@app.command(cls=AskingVerb, rich_help_panel=PLATFORM, epilog=example("gonogo rollback mlflow"))
def rollback(
    name: Annotated[str, typer.Argument(metavar="COMPONENT", show_default=False, autocompletion=words("components"))],
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without it the verb only lists.")] = False,
    target: Target = None,
    form: Output = Form.TABLE,
) -> int:
    """List what undoing COMPONENT deletes; do it with --yes.

    What is lost with it, what stays and why, which components that are up need it, and what the plan's own lines would
    do. Exit code 0, also where nothing was up; 1 where something hangs.
    """
    from gonogo.commands import rollback as verb

    return verb.run(name, target, yes, form)


# -- judging


@app.command(
    cls=CheckVerb,
    rich_help_panel=JUDGING,
    options_metavar="[OPTIONS] [PYTEST ARGUMENTS]",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=example("gonogo check -m critical --mode disrupt --out /tmp/report"),
)
def check(
    context: typer.Context,
    target: Target = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="What checks may do: read, write (objects of their own) or disrupt (kill, and restore); "
            "default: write on what gonogo started, else read.",
            autocompletion=among(Mode),
        ),
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion",
            metavar="ID",
            help="Only the checks of this criterion; may be repeated.",
            autocompletion=words("criteria"),
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="For results and reports; default: reports/out.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the platform running that it started; `gonogo down` ends it.")
    ] = False,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="TIME", help="Of the whole run: 90s, 30m, 2h; alone: seconds.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="The id that all shards of one run share; GONOGO_RUN.")
    ] = None,
) -> int:
    """Run the suites, report and judge: one command, one verdict.

    Deploys what is not up. All that pytest takes may follow, -o -l -q -v too, without a path all of suites/:
    -m critical, -k WORD, suites/FOLDER, -x, --lf.

    Exit code 0 GO, 1 NO-GO, 2 wrong use, 3 could not tell or no verdict, 4 an error of gonogo itself, 130 interrupted.
    """
    from gonogo.commands import check as verb

    given = {"mode": mode, "out": out, "deadline": deadline, "run": run}
    own = [f"--{name}={value}" for name, value in given.items() if value is not None]
    own += [f"--criterion={one}" for one in criterion or ()] + ["--keep"] * keep
    return verb.run([*context.args, *own, *in_colour()], target)


@app.command(
    cls=AskingVerb,
    rich_help_panel=JUDGING,
    epilog=example("gonogo preflight --target staging --before reports/out/results.json"),
)
def preflight(
    target: Target = None,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            metavar="DIR|-",
            help="Judge this plan as it is written, without a cluster: manifests, Applications, a helmfile, plan.toml.",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            "--before", metavar="RESULTS", help="Show before and after: what changed since this results.json."
        ),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option("--max-age", metavar="AGE", help="What others wrote down longer ago tells nothing: 90s, 1h."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="read, or write: one short pod for each image shows whether it comes.",
            autocompletion=among([Mode.READ, Mode.WRITE]),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="For results and reports; default: reports/out/preflight."),
    ] = None,
    form: Output = Form.TABLE,
) -> int:
    """May we deploy? Ask the pre-deployment checklist.

    Nothing is changed; with --mode write short pods pull the planned images. Health, storage, node resources, services,
    backup, git and Argo CD, as [checklist] of the target file asks for them; and what would be made: whether the
    cluster serves, holds and admits it. A line that the target file does not ask for is missing, never passed. -o wide
    shows where each answer comes from, -o name what failed or could not be told.

    With --plan nothing is asked of a cluster: what is wrong with the plan, each with what to write instead; what only
    a cluster could tell is said to be so (3).

    Exit code 0 GO, 1 NO-GO, 2 wrong use, 3 could not tell, 4 an error of gonogo itself, 130 interrupted.
    """
    if plan is not None:
        beside = {"--target": target, "--before": before, "--max-age": max_age, "--mode": mode, "--out": out}
        if given := [name for name, value in beside.items() if value is not None]:
            problem = Problem(given[0], "--plan asks no cluster and no target", "leave out one of them")
            raise ConfigError(problem)
        from gonogo.commands import written

        return written.run(plan, form)
    from gonogo.commands import preflight as verb

    return verb.run(target, before, max_age, out, form, mode or Mode.READ)


@app.command(cls=Verb, rich_help_panel=JUDGING, epilog=example("gonogo gate reports/out/results.json --max-age 24h"))
def gate(
    results: Stored = None,
    strict: Annotated[
        str | None,
        typer.Option(
            "--strict",
            metavar="LEVEL",
            help="This level gates too: important or optional.",
            autocompletion=among(Level),
        ),
    ] = None,
    max_age: Annotated[
        str | None, typer.Option("--max-age", metavar="AGE", help="An older run tells nothing: 90s, 30m, 24h, 7d.")
    ] = None,
    each: Each = False,
    form: Output = Form.TABLE,
) -> int:
    """Judge stored results afresh; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run, or with --each a verdict each. Says which run it was and how old it is; -o
    wide lists every criterion, -o name those that failed or could not be told. Exit code 0 GO, 1 NO-GO, 2 wrong use, 3
    could not tell or no verdict; with --each the worst: 1 before 2 before 3.
    """
    from gonogo.commands import gate as verb

    with UNCOLLECTED:  # a stored run is a tree of thousands of values, and all that there is to do
        return verb.run(results, strict, max_age, form, each=each)


@app.command(
    cls=Verb, rich_help_panel=JUDGING, epilog=example("gonogo report reports/out/results.json --html report.html")
)
def report(
    results: Stored = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="One file, readable anywhere.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="For CI servers.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="For job summaries and merge requests.")] = None,
    each: Each = False,
) -> int:
    """Render stored results; needs no server and no checkout.

    RESULTS are results.json files, or folders of .gonogo/runs, by default reports/out/results.json; several are
    merged, if they are parts of one run, or with --each stand in one Markdown summary beside each other. Without an
    option the Markdown summary goes to standard output. Exit code 0, 2 for what are no results.
    """
    from gonogo.commands import report as verb

    with UNCOLLECTED:  # a stored run is a tree of thousands of values, and all that there is to do
        return verb.run(results, html, junit, markdown, each=each)


@app.command(cls=AskingVerb, rich_help_panel=JUDGING, epilog=example("gonogo health -n data-platform --watch"))
def health(
    namespaces: Annotated[
        list[str] | None,
        typer.Option("-n", "--namespace", metavar="NS", help="Only these namespaces; may be repeated."),
    ] = None,
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="All, whatever the target names.")] = False,
    selector: Annotated[
        str, typer.Option("-l", "--selector", metavar="LABELS", help="Only objects with these: a=b,c!=d,e in (x,y),!f.")
    ] = "",
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="Stored objects instead of a cluster.")
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="FILE", hidden=True)] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, with a line per change, until Ctrl-C.")] = False,
    all_rows: Annotated[bool, typer.Option("--all-rows", "-v", help="Also show what is ready.")] = False,
    target: Target = None,
    form: Output = Form.TABLE,
) -> int:
    """Judge the objects of a cluster, or of stored files.

    What is wrong, why, and what to do next, worst first; and how healthy the platform is. The cluster is that of the
    target's [kubernetes], without --target the one of your kubeconfig. -f FILE… reads files, folders, .tar.gz bundles
    and `-`, YAML or JSON, as `kubectl get -o` and `kubectl cluster-info dump` write them, and asks no cluster.

    -o wide is a line per object, -o json all objects and the health, with --watch an object a line, -o name what is
    not ready (pod/web-0), with -v all.

    Exit code 0 nothing failed, 1 something failed, 2 wrong use, 3 something could not be told, or nothing was there.
    """
    from gonogo.commands import health as verb

    files = [file, *(more or ())] if file is not None else []
    unnamed = more or [] if file is None else []
    return verb.run(namespaces, everywhere, files, unnamed, selector, watch, all_rows, target, form)


@app.command(cls=AskingVerb, rich_help_panel=JUDGING, epilog=example("gonogo drill kafka -o json"))
def drill(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", hidden=True, autocompletion=words("drills"))
    ] = None,
    target: Target = None,
    form: Output = Form.TABLE,
    listed: Annotated[bool, typer.Option("--list", help="Only show which drills there are.")] = False,
) -> int:
    """Inject faults, and show which check saw each.

    Does the right check turn red, for the right reason? NAME is a drill or a component; without any, all drills.
    Every fault is restored. Exit code 0 where each was seen and blamed right, 1 where not.
    """
    from gonogo.commands import drill as verb

    return verb.run(names, target, form, listed)


# -- and then


@app.command(cls=AskingVerb, rich_help_panel=REST, epilog=example("gonogo init platform-checks"))
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", hidden=True)] = Path(),
    name: Annotated[
        str, typer.Option("--target-name", metavar="NAME", help="What the target is called; default: as the context.")
    ] = "",
) -> int:
    """Write a repository of your own into DIR.

    By default into the working folder: a target, drafted from the cluster of your kubeconfig where one answers,
    criteria, waivers, a CI workflow, .gitignore and README. What is there is left as it is. Changes nothing on a
    cluster, and reads no Secret.
    """
    from gonogo.commands import init as verb

    return verb.run(folder, name)


@app.command(cls=AskingVerb, rich_help_panel=REST, epilog=example("gonogo sweep --older-than 7d --yes"))
def sweep(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without it the verb only lists.")] = False,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only runs begun that long ago: 90s, 30m, 24h, 7d.")
    ] = "24h",
    target: Target = None,
    form: Output = Form.TABLE,
) -> int:
    """List what earlier runs left behind; delete it with --yes.

    Objects on the platform, by the journal and by the run id in their names; processes and data of platforms whose
    keeper was killed; on a cluster what a run deployed and was to take down, however old. Exit code 0, 1 or 3 where
    something could not be asked or deleted.
    """
    from gonogo.commands import sweep as verb

    return verb.run(yes, older_than, target, form)


@app.command(
    cls=Verb, rich_help_panel=REST, epilog=example("gonogo rbac --for read --target staging | kubectl apply -f -")
)
def rbac(
    purpose: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="MODE",
            help="read, write, disrupt, preflight or deploy.",
            autocompletion=among([*Mode, "preflight", "deploy"]),
        ),
    ],
    account: Annotated[
        str, typer.Option(metavar="[NAMESPACE/]NAME", help="The ServiceAccount that the Roles are bound to.")
    ] = "gonogo",
    target: Target = None,
) -> int:
    """Print the least Roles for checks, or to deploy.

    Roles in the namespaces of the target, and a ClusterRole for what is in none; Secrets by name, and only those that
    the target file refers to. For deploy: of what its charts and manifests are rendered to; what only an administrator
    can install stands in comments. Asks no cluster, and changes nothing.
    """
    from gonogo.commands import rbac as verb

    return verb.run(purpose, account, target)


@app.command(cls=Verb, rich_help_panel=REST, epilog=example("gonogo completion bash > /etc/bash_completion.d/gonogo"))
def completion(
    shell: Annotated[
        CompletedShell,
        typer.Argument(
            metavar="bash|zsh|fish",
            parser=choice(CompletedShell),
            show_default=False,
            autocompletion=among(CompletedShell),
        ),
    ],
) -> int:
    """Print what completes verbs, options and names in a shell.

    Components, targets, criteria, causes, kinds and drills too; nothing is asked or started for it.

    bash: source <(gonogo completion bash) in ~/.bashrc; zsh: the same in ~/.zshrc, after compinit; fish: gonogo
    completion fish > ~/.config/fish/completions/gonogo.fish.
    """
    from gonogo.commands import completion as verb

    return verb.run(shell)


new = typer.Typer(
    cls=Verbs,
    help="Write the files of something new.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=example("gonogo new component redis"),
)
app.add_typer(new, name="new", rich_help_panel=REST)


@new.command("component", cls=Verb, epilog=example("gonogo new component redis --title Redis"))
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


@app.command(cls=Verb, rich_help_panel=REST, epilog=example("gonogo lint redis"))
def lint(names: Components = None) -> int:
    """Say what the files of a component lack.

    A client, a check of each criterion, a drill that turns it red, a hint for each cause; of each COMPONENT, or of all
    that lie in your own folder. Reads files, asks no server. Exit code 1 where something is lacking.
    """
    from gonogo.commands import lint as verb

    return verb.run(names)


# -- the program


def main() -> None:
    """The program: every error is a sentence and an exit code (docs/exit-codes.md); no output shows a secret."""
    with guarded():
        code = ended()
    sys.exit(code)


def completed() -> int:
    """Print what a shell asks for, whatever stands in the way: whoever types is told no errors."""
    from typer import completion

    with suppress(Exception, KeyboardInterrupt):
        completion.completion_init()  # type: ignore[attr-defined]
        app(standalone_mode=False, prog_name="gonogo")
    return Code.GO


def ended() -> int:
    """The exit code of the verb, which is run in a process apart where checks may end that."""
    if COMPLETES in os.environ:
        return completed()
    from gonogo.run.child import EndedEarly, apart

    verb = next((word for word in sys.argv[1:] if word in APART), "")  # options may stand before it
    try:
        return apart(run) if verb else run()
    except EndedEarly as error:
        told = "NO-GO: could not tell" if verb in ("check", "preflight") else "could not tell"
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
