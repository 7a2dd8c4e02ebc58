"""What the verbs of the command line have in common: their general options, and how their help is laid out.

General options may stand before the verb and after it. Those before it are handed on to the verb, so that each means
the same in both places, and one that the verb does not have is its mistake to tell.
"""

# Annotations are objects here: typer would evaluate each as a text, three times, before any help is shown.
import copy
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gonogo.commands.tables import Form
from gonogo.core.manner import Colour, Manner, manner, settle


class CompletedShell(StrEnum):
    """Shells that can be taught to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


OWN, GENERAL, CLUSTER = "Options", "General options", "Cluster options"


def completed(what: str, incomplete: str) -> list[str]:
    """Words that begin so; none where they cannot be known: whoever types is not to be disturbed."""
    try:
        from gonogo.commands import completing

        return [word for word in completing.WORDS[what]() if word.startswith(incomplete)]
    except Exception:
        return []


def words(what: str) -> Callable[[str], list[str]]:
    """What completes an option or argument."""

    def complete(incomplete: str) -> list[str]:
        return completed(what, incomplete)

    return complete


TARGET = typer.Option(
    "--target",
    metavar="NAME|FILE",
    help="Where the platform is; default: GONOGO_TARGET, else embedded.",
    autocompletion=words("targets"),
    rich_help_panel=GENERAL,
)
Target = Annotated[str | None, TARGET]


def among(kind: Iterable[Any]) -> Callable[[str], list[str]]:
    """The same with the values of an enum."""
    return lambda incomplete: [str(one) for one in kind if str(one).startswith(incomplete)]


def choice(kind: Any) -> Callable[[str], Any]:
    """What reads one of the values of an enum; ``-o=json``, as kubectl takes it, too."""

    def read(text: Any) -> Any:
        known = [str(one) for one in kind]
        if str(text).removeprefix("=") in known:
            return kind(str(text).removeprefix("="))
        from gonogo.core.files import suggestion

        hint = suggestion(str(text), known)
        raise typer.BadParameter(f"{text!r:.60} is none of {', '.join(known)}" + (f" ({hint})" if hint else ""))

    return read


Output = Annotated[
    Form,
    typer.Option(
        "-o",
        "--output",
        parser=choice(Form),
        metavar="FORM",
        show_default=False,
        help="table, wide, json, yaml or name (one name a line).",
        autocompletion=among(Form),
        rich_help_panel=GENERAL,
    ),
]


def _general(
    target: Target = None,
    form: Output = Form.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.", rich_help_panel=GENERAL)] = False,
    context: Annotated[
        str,
        typer.Option(
            "--context",
            metavar="NAME",
            show_default=False,
            help="Of the kubeconfig; default: the target's.",
            autocompletion=words("contexts"),
            rich_help_panel=CLUSTER,
        ),
    ] = "",
    kubeconfig: Annotated[
        str,
        typer.Option(
            "--kubeconfig",
            metavar="FILE",
            show_default=False,
            help="Default: the target's, else KUBECONFIG, else ~/.kube/config.",
            rich_help_panel=CLUSTER,
        ),
    ] = "",
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Results and errors only.", rich_help_panel=GENERAL)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Also tell what is asked of whom.", rich_help_panel=GENERAL)
    ] = False,
    color: Annotated[
        Colour,
        typer.Option(
            "--color",
            parser=choice(Colour),
            metavar="WHEN",
            show_default=False,
            help="auto, always or never; NO_COLOR and FORCE_COLOR count too.",
            autocompletion=among(Colour),
            rich_help_panel=GENERAL,
        ),
    ] = Colour.AUTO,
) -> None:
    """All that may stand before the verb."""


_maker = typer.Typer(add_completion=False, rich_markup_mode=None)
_maker.command()(_general)
EVERYWHERE: Mapping[str, Any] = {str(param.name): param for param in typer.main.get_command(_maker).params}
"""General options by name, as click has them."""

PRINTED = ("as_json",)
OF_CLUSTER = ("context", "kubeconfig")
MANNER = ("quiet", "verbose", "color")
"""Those that a verb gets beside its own: where it prints rows, where it asks a cluster, and in any case."""


class AsTyped:
    """Takes what is typed as it is: to have pydantic look at a text would cost each verb 0.1 s of CPU."""

    def __init__(self, read: Callable[[str], Any] | None) -> None:
        self._read = read

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter. Raises ``BadParameter`` naming it."""
        if value is None or self._read is None:
            return value
        try:
            return self._read(value)
        except typer.BadParameter as error:
            error.param, error.ctx = param, ctx
            raise


def plainly(params: Iterable[Any]) -> None:
    """Let flags, and parameters of text, take what is typed."""
    for param in params:
        described = param.type_descriptor
        read = described.parameter_info.parser
        if read is not None or described.annotation in (bool, str, list[str]):
            runtime = AsTyped(read)
            param.get_runtime_param = lambda runtime=runtime: runtime


class Verb(TyperCommand):
    """A verb with the general options, and help in sections: its own options first."""

    shared: tuple[str, ...] = MANNER

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        own = {opt for param in self.params for opt in param.opts}
        if any(param.name == "form" for param in self.params):
            self.shared = (*PRINTED, *self.shared)
        for name in self.shared:
            param = copy.copy(EVERYWHERE[name])
            param.opts = [opt for opt in param.opts if opt not in own]  # -v of `health` shows all rows
            self.params.append(param)
        plainly(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        """A flag like others."""
        return _help(super().get_help_option(ctx))

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Settle what the general options say, and do what the verb does with its own."""
        given = {name: ctx.params.pop(name) for name in self.shared}
        if given.pop("as_json", False):
            ctx.params["form"] = Form.JSON
        given["colour"] = given.pop("color")
        settle(Manner(**given))
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options in sections."""
        in_sections(self.get_params(ctx), ctx, formatter)


class AskingVerb(Verb):
    """One that asks a cluster where the target, or the user, names one."""

    shared = (*OF_CLUSTER, *MANNER)


class CheckVerb(Verb):
    """``check``, whose -o -l -q -v are pytest's."""

    shared = (*OF_CLUSTER, "color")


class Verbs(TyperGroup):
    """The program, or a group of verbs: options before a verb are handed on to it, and verbs are listed in sections."""

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.params += map(copy.copy, EVERYWHERE.values())
        plainly(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        """A flag like others."""
        return _help(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What stands before the verb goes behind it."""
        rest = super().parse_args(ctx, args)
        ahead = []
        for name, param in EVERYWHERE.items():
            value = ctx.params.pop(name, None)
            source = ctx.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                ahead += [param.opts[-1]] if value is True else [f"{param.opts[-1]}={value}"]
        ctx.args = [*ahead, *ctx.args]
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The verbs in sections, then the options."""
        shown = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        width = max(len(name) for name, _ in shown)
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in shown:
            told = command.get_short_help_str(formatter.width - width - 6)
            panel = getattr(command, "rich_help_panel", None)
            sections.setdefault(panel if isinstance(panel, str) else "Commands", []).append((name.ljust(width), told))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)
        in_sections(self.get_params(ctx), ctx, formatter)


def in_colour() -> list[str]:
    """``--color`` as pytest has it."""
    said = {Colour.ALWAYS: "yes", Colour.NEVER: "no"}.get(manner().colour)
    return [f"--color={said}"] if said else []


def _help(option: Any) -> Any:
    plainly([option] if option is not None else ())
    return option


def in_sections(params: Iterable[Any], ctx: Any, formatter: Any) -> None:
    """Options under the heading that each names, those of the verb first; ``--help`` is a general one."""
    sections: dict[str, list[tuple[str, str]]] = {OWN: [], CLUSTER: [], GENERAL: []}
    for param in params:
        record = param.get_help_record(ctx)
        if record is not None:
            panel = GENERAL if param.name == "help" else getattr(param, "rich_help_panel", None)
            sections[panel if isinstance(panel, str) else OWN].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
