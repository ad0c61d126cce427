"""A command line whose options are described settings (`attribution.settings`), made with Typer.

    def stress(config: StressConfig, model: Annotated[str, typer.Option(help="...")] = "embedded") -> None:
        '''What --help says about the command.'''

    code = run(program(stress), ["--steps", "3"], "python -m unlearn stress")

A parameter that is a class of settings becomes an option for every field that has a flag, and the function is given an
instance. One annotated with `Changes` is given a dict of those that were named. Settings read their own values, so that
a wrong one is answered with the same sentence wherever it was given.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from attribution.settings import Described, settings_of
from attribution.suggestions import did_you_mean

Command = Callable[..., None]
METAVARS = {int: "N", float: "X"}
MODEL = typer.Option("--model", metavar="NAME", help="embedded, a Hugging Face folder, a GGUF file or a Hub id")
ModelName = Annotated[str, MODEL]


@dataclass(frozen=True)
class Changes:
    """In an annotation, `Annotated[dict[str, Any], Changes(RunConfig)]`: the settings that were named, and no others.

    Attributes:
        settings: the class that has them, or the settings themselves by name.
    """

    settings: type | Mapping[str, Described]


def typed(settings: Mapping[str, Described], values: Mapping[str, Any]) -> list[str]:
    """The words of a command line that say these values; what is None needs none.

    >>> typed(WISHES, {"top": 0.3, "roll_back": False, "lora": None})                # doctest: +SKIP
    ['--top', '0.3', '--no-roll-back']
    """
    words: list[str] = []
    for name, value in values.items():
        described = settings[name]
        flag = described.facts.flag
        if not flag or value is None:
            continue
        if described.kind is bool:
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            words += [flag, str(value)]
    return words


def program(main: Command, commands: Mapping[str, Command] | None = None) -> typer.Typer:
    """A program that does `main` unless one of the commands is named. `--help` shows the functions' docstrings."""
    # No frames, which cut long flags short, and no completion, which would write into the settings of a person's shell.
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    for name, function in (commands or {}).items():
        app.command(name, cls=_Command, help=inspect.getdoc(function))(_with_options(function))
    if commands:
        alone = _with_options(_alone(main))
        app.callback(cls=_Program, invoke_without_command=True, help=inspect.getdoc(main))(alone)
    else:
        app.command(cls=_Command, help=inspect.getdoc(main))(_with_options(main))
    return app


def run(app: typer.Typer, arguments: Sequence[str] | None, name: str) -> int:
    """Run a program; returns the exit code. A fault of the input is one sentence on standard error, exit code 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return typer.main.get_command(app).main(given, prog_name=name, standalone_mode=False) or 0
    except typer.TyperException as error:
        option, close = getattr(error, "option_name", ""), getattr(error, "possibilities", None)
        sentence = f"There is no option {option}{did_you_mean(option, close)}" if close else error.format_message()
    except ValueError as error:
        sentence = str(error)
    except OSError as error:
        sentence = _refused_by_the_system(error)
    sys.stderr.write(f"{sentence}\n")
    return 2


def _refused_by_the_system(error: OSError) -> str:
    """What a person can do about a path that is too long or closed, or a disk that is full."""
    if error.errno == errno.ENOSPC:
        return "The disk is full. What was finished is kept: make room and start the same command again."
    name = str(error.filename or "")
    shown = f"{name[:80]!r}" if name else "A file"
    return f"{shown} cannot be used here ({error.strerror or error}): give another path, or open this one."


class _Command(TyperCommand):
    """A command whose help has a heading for every group of settings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_groups(self, ctx, formatter)


class _Program(TyperGroup):
    """The same for what has commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_groups(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _write_groups(command: Any, ctx: Any, formatter: Any) -> None:
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            groups.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(record)
    for title, records in groups.items():
        with formatter.section(title):
            formatter.write_dl(records)


def _alone(main: Command) -> Command:
    """`main`, which leaves the work to a command where one is named."""

    @functools.wraps(main)
    def unless_a_command(context: typer.Context, **given: Any) -> None:
        command = context.invoked_subcommand
        if command is None:
            main(**given)
        elif any(str(context.get_parameter_source(name)).endswith("COMMANDLINE") for name in context.params):
            raise ValueError(f"Options of {command} go behind its name: write {command} first.")

    before = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    return _signed(unless_a_command, [*before, *_parameters(main)])


def _with_options(function: Command) -> Command:
    """The function with an option in place of every setting of its classes."""
    parameters: list[inspect.Parameter] = []
    bundles: dict[str, tuple[type | None, dict[str, Described]]] = {}
    for parameter in _parameters(function):
        changes = next((part for part in get_args(parameter.annotation) if isinstance(part, Changes)), None)
        source = changes.settings if changes else parameter.annotation
        if isinstance(source, type) and dataclasses.is_dataclass(source):
            source = settings_of(source)
        if not isinstance(source, Mapping):
            parameters.append(parameter)
            continue
        settings = {name: described for name, described in source.items() if described.facts.flag}
        bundles[parameter.name] = None if changes else parameter.annotation, settings
        parameters += [_option(f"{parameter.name}__{name}", described) for name, described in settings.items()]

    @functools.wraps(function)
    def bundled(**given: Any) -> None:
        for bundle, (owner, settings) in bundles.items():
            named = {name: given.pop(f"{bundle}__{name}") for name in settings}
            read = {name: _read(settings[name], text) for name, text in named.items() if text is not None}
            given[bundle] = read if owner is None else owner(**read)
        function(**given)

    return _signed(bundled, parameters)


def _read(described: Described, text: Any) -> Any:
    try:
        return described.read(text)
    except ValueError as error:
        # A title is what a form shows; whoever types knows the flag.
        raise ValueError(f"{described.facts.flag}: {error}") from error


def _parameters(function: Command) -> list[inspect.Parameter]:
    found = inspect.signature(function, eval_str=True).parameters.values()
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in found]


def _signed(function: Any, parameters: Sequence[inspect.Parameter]) -> Command:
    function.__signature__ = inspect.Signature(list(parameters))
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _option(name: str, described: Described) -> inspect.Parameter:
    facts = described.facts
    flag, metavar = facts.flag, METAVARS.get(described.kind, "TEXT")
    if described.kind is bool:
        flag, metavar = f"{flag}/--no-{flag.removeprefix('--')}", ""
    option = typer.Option(
        flag,
        metavar="NAME" if described.choices else metavar,
        help=described.summary,
        show_default=False,
        rich_help_panel=facts.group or None,
    )
    kind = bool if described.kind is bool else str
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
