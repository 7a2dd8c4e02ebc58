"""The verbs of ``gonogo``. Each prints results to standard output and progress to standard error."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Abort, Exit, TyperException

from gonogo.errors import ConfigError, GonogoError, Problem

if TYPE_CHECKING:
    from gonogo.platform import Platform
    from gonogo.progress import Screen

GO, FAILED, WRONG_USE, COULD_NOT_TELL, OWN_ERROR, INTERRUPTED = 0, 1, 2, 3, 4, 130

app = typer.Typer(
    name="gonogo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="May we deploy, does it work, is it good enough? With evidence, and one verdict: GO or NO-GO.",
    epilog="Example: gonogo check -m critical     The whole way: up, checks, report, verdict.",
)

Target = Annotated[
    str | None,
    typer.Option("--target", metavar="NAME|FILE", help="Where the platform is (default: GONOGO_TARGET, else embedded)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Components = Annotated[list[str] | None, typer.Argument(metavar="[COMPONENT]...", help="Default: all of the target.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it the verb only lists.")]


def example(text: str) -> str:
    """The last line of a verb's help."""
    return f"Example: {text}"


# -- what there is


@app.command(epilog=example("gonogo components --json"))
def components(target: Target = None, as_json: AsJson = False) -> None:
    """List the components: version, what each needs, and whether the target can hold it."""
    from gonogo.content import provider_for
    from gonogo.runplan import holds

    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root, str)
    rows = []
    for name in registry.ordered(registry.components):
        component = registry.components[name]
        reason = holds(component, chosen)
        rows.append(
            {
                "component": name,
                "title": component.title,
                "version": provider.version(component),
                "needs": list(component.needs),
                "target": chosen.name,
                "held": reason is None,
                "why_not": reason or "",
            }
        )
    show(rows, as_json)


@app.command(epilog=example("gonogo plan mlflow"))
def plan(names: Components = None, target: Target = None, as_json: AsJson = False) -> None:
    """Show what would be deployed, in which order, what it takes and whether it fits; changes nothing."""
    from gonogo.content import provider_for

    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root, str)
    ordered = registry.ordered(selected(registry, chosen, names))
    rows = [
        {"order": i, "component": n, "needs": list(registry.components[n].needs), **provider.takes(registry.components[n])}
        for i, n in enumerate(ordered, 1)
    ]
    problems = provider.fits([registry.components[n] for n in ordered])
    if as_json:
        show({"components": rows, "fits": not problems, "problems": [str(p) for p in problems]}, True)
    else:
        show(rows, False)
        totals = {k: sum(int(r.get(k) or 0) for r in rows) for k in ("memory_mib", "disk_mib", "processes")}
        print(f"\nin all: {totals['processes']} processes, {totals['memory_mib']} MiB memory, {totals['disk_mib']} MiB disk")
        print("it fits" if not problems else "it does not fit:\n" + "\n".join(f"  {p}" for p in problems))
    raise typer.Exit(GO if not problems else FAILED)


@app.command(epilog=example("gonogo status --json"))
def status(target: Target = None, as_json: AsJson = False) -> None:
    """Show what is up: a row per server process, with address, pid, log and data folder."""
    from dataclasses import asdict

    from gonogo.content import provider_for

    root, _, chosen = loaded(target)
    keys = ("component", "node", "provider", "state", "version", "address", "pid", "log", "data", "since")
    servers = provider_for(chosen, root, str).servers()
    rows = [{key: asdict(server)[key] for key in keys} for server in servers]
    if not rows and not as_json:
        print("nothing is up; `gonogo up` stands the platform up", file=sys.stderr)
    show(rows, as_json)


@app.command(epilog=example("gonogo endpoints > staging.toml && gonogo check --target ./staging.toml"))
def endpoints(names: Components = None, target: Target = None) -> None:
    """Print a target file that attaches to what is up; secrets as references to files only you can read."""
    from gonogo.attach import target_file

    root, registry, chosen = loaded(target)
    print(target_file(root, registry, chosen, selected(registry, chosen, names)), end="")


# -- up and down


@app.command(epilog=example("gonogo up kafka mlflow"))
def up(names: Components = None, target: Target = None) -> None:
    """Stand components and what they need up, side by side, and leave them running.

    What is right is reused, what is not is repaired. Exit code 0 where all are ready, 1 where not.
    """
    with standing(target) as (platform, screen):
        wanted = selected(platform.registry, platform.target, names)
        try:
            with screen:
                platform.bring_up(wanted)
                standings = [platform.standing(n) for n in platform.registry.ordered(wanted)]
        except KeyboardInterrupt:
            screen.line("interrupted: taking down what was begun")
            platform.provider.down()
            raise
        platform.provider.keep()
        fallen = [s for s in standings if not s.up]
        for standing_ in fallen:
            screen.line(f"{standing_.component}: {standing_.message}", "red")
            for evidence in standing_.evidence:
                screen.line(evidence.text or "")
        screen.line(
            f"{len(standings) - len(fallen)} of {len(standings)} components are up; `gonogo status` shows them,"
            " `gonogo down` ends them"
        )
        raise typer.Exit(FAILED if fallen else GO)


@app.command(epilog=example("gonogo down"))
def down(
    names: Components = None,
    everything: Annotated[bool, typer.Option("--all", help="Every platform of this user, also of other checkouts.")] = False,
    target: Target = None,
) -> None:
    """Take down what `up` or `--keep` made, nothing else."""
    from gonogo.content import provider_for

    if everything:
        from gonogo.home import home
        from gonogo.providers.embedded.platforms import end_all

        ended = end_all(home())
        print(f"{len(ended)} platforms ended" if ended else "nothing was up", file=sys.stderr)
        return
    root, registry, chosen = loaded(target)
    provider = provider_for(chosen, root, str)
    if names:
        provider.down_only([registry.components[n] for n in selected(registry, chosen, names)])
    else:
        provider.down()


# -- checking


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=example("gonogo check -m critical --mode disrupt --out /tmp/report"),
)
def check(context: typer.Context, target: Target = None) -> None:
    """Run the suites with any pytest arguments, then report and judge: one command, the gate's exit code.

    Everything that pytest takes may follow: -m critical, -k kafka, suites/mlflow, --mode, --out, --keep.
    """
    import pytest

    from gonogo.gate import exit_code

    class Session:
        results: Any = None

        def pytest_unconfigure(self, config: pytest.Config) -> None:
            suites = config.pluginmanager.get_plugin("gonogo-suites")
            self.results = getattr(suites, "results", None)

    loaded(target)
    session = Session()
    arguments = list(context.args)
    if not any(Path(a.split("::")[0]).exists() for a in arguments if not a.startswith("-")):
        arguments.insert(0, "suites/")
    if target is not None:
        arguments += ["--target", target]
    code = pytest.main(arguments, plugins=[session])
    if code == pytest.ExitCode.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)
    if code == pytest.ExitCode.USAGE_ERROR:
        raise typer.Exit(WRONG_USE)
    if session.results is None:
        raise typer.Exit(OWN_ERROR if code == pytest.ExitCode.INTERNAL_ERROR else COULD_NOT_TELL)
    raise typer.Exit(exit_code(session.results.verdict))


@app.command(epilog=example("gonogo gate reports/out/results.json --strict important"))
def gate(
    results: Annotated[list[Path], typer.Argument(help="results.json files, or folders of .gonogo/runs; merged.")],
    strict: Annotated[
        str | None, typer.Option("--strict", metavar="LEVEL", help="This level gates too: important or optional.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored results afresh. 0 GO, 1 NO-GO, 3 could not tell or no verdict."""
    import msgspec

    from gonogo.gate import judged
    from gonogo.render import terminal

    merged = judged(stored(results), level(strict))
    assert merged.verdict is not None
    if as_json:
        print(msgspec.json.encode(merged.verdict).decode())
    else:
        print(terminal.verdict(merged, colour=coloured(), width=100, report=""))
    raise typer.Exit(merged.verdict.code)


@app.command(epilog=example("gonogo report reports/out/results.json --html report.html"))
def report(
    results: Annotated[list[Path], typer.Argument(help="results.json files, or folders of .gonogo/runs; merged.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="One file, readable anywhere.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="For CI servers.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="For job summaries and merge requests.")] = None,
) -> None:
    """Render stored results; with no option, the Markdown summary goes to standard output."""
    from gonogo.files import write_atomically
    from gonogo.gate import judged
    from gonogo.render import html as html_report
    from gonogo.render import junit as junit_report
    from gonogo.render import markdown as markdown_report

    merged = judged(stored(results), None)
    asked: list[tuple[Path | None, Callable[[Any], str]]] = [
        (html, html_report.render),
        (junit, junit_report.render),
        (markdown, markdown_report.render),
    ]
    for path, render in asked:
        if path is not None:
            write_atomically(path, render(merged).encode())
            print(f"{path} written", file=sys.stderr)
    if not any(path for path, _ in asked):
        print(markdown_report.render(merged))


@app.command(epilog=example("gonogo sweep --yes"))
def sweep(
    yes: Yes = False,
    hours: Annotated[float, typer.Option("--older-than", metavar="HOURS", help="Only runs begun that long ago.")] = 24,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """List what earlier runs left behind on the platform, by journal and run id; delete it with --yes."""
    from gonogo.sweep import leftovers, orphans, removed

    ended = orphans(yes)
    with standing(target, write=yes) as (platform, screen):
        found = leftovers(platform, screen, hours)
        rows = [{**row.public(), "removed": removed(platform, row) if yes else False} for row in found]
        show([*ended, *rows], as_json)
        if found and not yes:
            print(f"{len(found)} objects; `gonogo sweep --yes` deletes them", file=sys.stderr)


@app.command(epilog=example("gonogo drill kafka --json"))
def drill(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Drills or components; default: all.")] = None,
    target: Target = None,
    as_json: AsJson = False,
    listed: Annotated[bool, typer.Option("--list", help="Only show which drills there are.")] = False,
) -> None:
    """Inject faults and see whether the right check turns red for the right reason. 0 all seen, 1 not."""
    from gonogo.drills import catalogue, run_drills

    root, registry, chosen = loaded(target)
    drills = catalogue(root, registry, names or [])
    if listed:
        show([d.public() for d in drills], as_json)
        return
    rows = run_drills(root, registry, chosen, drills)
    show(rows, as_json)
    raise typer.Exit(GO if rows and all(r["seen"] and r["blamed_right"] for r in rows) else FAILED)


# -- what the verbs share


def loaded(target: str | None) -> tuple[Path, Any, Any]:
    """Root, registry and target. Raises ``ConfigError``."""
    from gonogo.content import find_root
    from gonogo.registry import Registry
    from gonogo.target import load_target

    root = find_root(Path.cwd())
    registry = Registry.load(root)
    return root, registry, load_target(target, root, registry)


def selected(registry: Any, target: Any, names: list[str] | None) -> list[str]:
    """The components named, or all that the target holds. Raises ``ConfigError`` for unknown ones."""
    from gonogo.files import nearest
    from gonogo.runplan import holds

    unknown = [n for n in names or () if n not in registry.components]
    if unknown:
        raise ConfigError(*(Problem(n, "no such component", nearest(n, registry.components)) for n in unknown))
    if names:
        refused = [(n, holds(registry.components[n], target)) for n in names]
        problems = [Problem(n, f"cannot stand on {target.name}", reason) for n, reason in refused if reason]
        if problems:
            raise ConfigError(*problems)
        return names
    return [n for n in registry.components if holds(registry.components[n], target) is None]


class standing:
    """A platform for a verb outside pytest, and the screen it reports to."""

    def __init__(self, target: str | None, *, write: bool = True) -> None:
        self._target, self._write = target, write

    def __enter__(self) -> tuple[Platform, Screen]:
        from gonogo.content import STATE, provider_for
        from gonogo.journal import Journal, new_run_id
        from gonogo.model import Mode
        from gonogo.platform import Platform
        from gonogo.progress import Screen, original_stderr

        root, registry, chosen = loaded(self._target)
        screen = Screen(original_stderr())
        platform = Platform(
            registry,
            chosen,
            provider_for(chosen, root, str),
            run=new_run_id(),
            mode=Mode.WRITE if self._write else Mode.READ,
            journal=Journal(root / STATE / "journal.jsonl"),
            report=screen.tell,
        )
        return platform, screen

    def __exit__(self, *_: object) -> None:
        return None


def stored(paths: list[Path]) -> list[Any]:
    """Results of files and run folders. Raises ``ConfigError`` for what is none."""
    from gonogo.events import recovered
    from gonogo.gate import load_results

    return [recovered(path) if path.is_dir() else load_results(path) for path in paths]


def level(name: str | None) -> Any:
    """A level by name. Raises ``ConfigError`` with the nearest."""
    from gonogo.files import nearest
    from gonogo.model import Level

    if name is None or name in list(Level):
        return Level(name) if name else None
    raise ConfigError(Problem("--strict", f"{name!r} is no level", nearest(name, list(Level))))


def coloured() -> bool:
    """Whether standard output wants colours: a terminal, and no ``NO_COLOR``."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def show(rows: Any, as_json: bool) -> None:
    """Rows as a table, or as JSON."""
    if as_json:
        import json

        print(json.dumps(rows, indent=1, default=str))
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    print("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        print("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def main() -> None:
    """The program: every error is a sentence and one of the contract's exit codes."""
    try:
        code = app(standalone_mode=False)
    except Exit as done:
        code = done.exit_code
    except TyperException as error:
        getattr(error, "show", lambda: print(error, file=sys.stderr))()
        code = WRONG_USE
    except (KeyboardInterrupt, Abort):
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    except ConfigError as error:
        print(error, file=sys.stderr)
        code = WRONG_USE
    except GonogoError as error:
        print(error, file=sys.stderr)
        code = FAILED
    except Exception as error:
        if os.environ.get("GONOGO_DEBUG"):
            traceback.print_exc()
        print(f"gonogo itself failed: {type(error).__name__}: {error} (GONOGO_DEBUG=1 shows where)", file=sys.stderr)
        code = OWN_ERROR
    sys.exit(code or 0)
