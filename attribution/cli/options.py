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
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import typer

from attribution.settings import Described, settings_of
from attribution.suggestions import did_you_mean

Command = Callable[..., None]
METAVARS = {int: "N", float: "X"}


@dataclass(frozen=True)
class Changes:
    """In an annotation, `Annotated[dict[str, Any], Changes(RunConfig)]`: the settings that were named, and no others.

    Attributes:
        owner: the class that has the settings.
        shown: an instance of it; `--help` shows its values as what is left out. None for the class's own defaults.
    """

    owner: type
    shown: Any = None


def program(main: Command, commands: Mapping[str, Command] | None = None) -> typer.Typer:
    """A program that does `main` unless one of the commands is named. `--help` shows the functions' docstrings."""
    # Errors are one sentence of ours, and completion would write into the settings of the person's shell.
    app = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
    for name, function in (commands or {}).items():
        app.command(name, help=inspect.getdoc(function))(_with_options(function))
    if commands:
        app.callback(invoke_without_command=True, help=inspect.getdoc(main))(_with_options(_alone(main)))
    else:
        app.command(help=inspect.getdoc(main))(_with_options(main))
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
    sys.stderr.write(f"{sentence}\n")
    return 2


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
    bundles: dict[str, tuple[type, bool, dict[str, Described]]] = {}
    for parameter in _parameters(function):
        changes = next((part for part in get_args(parameter.annotation) if isinstance(part, Changes)), None)
        owner = changes.owner if changes else parameter.annotation
        if not dataclasses.is_dataclass(owner) or not isinstance(owner, type):
            parameters.append(parameter)
            continue
        settings = {name: one for name, one in settings_of(owner).items() if one.facts.flag}
        bundles[parameter.name] = owner, changes is not None, settings
        shown = changes.shown if changes else None
        for name, described in settings.items():
            usual = described.default if shown is None else getattr(shown, name)
            parameters.append(_option(f"{parameter.name}__{name}", described, usual))

    @functools.wraps(function)
    def bundled(**given: Any) -> None:
        for bundle, (owner, partial, settings) in bundles.items():
            named = {name: given.pop(f"{bundle}__{name}") for name in settings}
            read = {name: settings[name].read(value) for name, value in named.items() if value is not None}
            given[bundle] = read if partial else owner(**read)
        function(**given)

    return _signed(bundled, parameters)


def _parameters(function: Command) -> list[inspect.Parameter]:
    found = inspect.signature(function, eval_str=True).parameters.values()
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in found]


def _signed(function: Any, parameters: Sequence[inspect.Parameter]) -> Command:
    function.__signature__ = inspect.Signature(list(parameters))
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _option(name: str, described: Described, usual: Any) -> inspect.Parameter:
    facts = described.facts
    flag, metavar = facts.flag, METAVARS.get(described.kind, "TEXT")
    if described.kind is bool:
        flag, metavar = f"{flag}/--no-{flag.removeprefix('--')}", ""
    option = typer.Option(
        flag,
        metavar="NAME" if described.choices else metavar,
        help=help_of(described, usual),
        show_default=False,
        rich_help_panel=facts.group or None,
    )
    kind = bool if described.kind is bool else str
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def help_of(described: Described, usual: Any) -> str:
    """`optimiser steps: at least 1 [80]`: what a setting does, what it may be, and what it is when left out."""
    facts = described.facts
    allowed = ", ".join(map(str, described.choices)) or described.bounds
    left_out = facts.none if usual is None else "no" if usual is False else "yes" if usual is True else _plain(usual)
    unit = f", in {facts.unit}" if facts.unit else ""
    return f"{facts.help}{unit}{f': {allowed}' if allowed else ''}{f' [{left_out}]' if left_out else ''}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
