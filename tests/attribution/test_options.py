"""A command line made from described settings: options, help, and one sentence for every fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
import typer

from attribution.cli.options import Changes, program, run
from attribution.settings import check_settings, setting


@dataclass(frozen=True)
class Toy:
    steps: int = setting(80, "Steps", "optimiser steps", low=1, high=300, flag="--steps", group="The training")
    rate: float = setting(1e-3, "Learning rate", "of the optimiser", above=0, flag="--lr", group="The training")
    share: float | None = setting(None, "Share", "of the rows", low=0, high=1, none="all rows", flag="--share")
    kind: Literal["warm", "cold"] = setting("warm", "Kind", "of start", flag="--kind")
    roll: bool = setting(False, "Roll back", "go back at the end", flag="--roll")
    silent: int = setting(3, "Silent", "has no flag")

    def __post_init__(self) -> None:
        check_settings(self)


class Called:
    """What the two commands below were given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

        def train(
            changes: Annotated[dict[str, Any], Changes(Toy)],
            model: Annotated[str, typer.Option(help="which model")] = "embedded",
        ) -> None:
            """Train it."""
            self.given += [changes, model]

        def stress(config: Toy, out: Annotated[str, typer.Option(help="where to")]) -> None:
            """Press it."""
            self.given += [config, out]

        self.app = program(train, {"stress": stress})

    def __call__(self, *arguments: str) -> int:
        return run(self.app, arguments, "toy")


@pytest.fixture
def called() -> Called:
    return Called()


def test_a_class_of_settings_is_given_whole(called: Called) -> None:
    arguments = ["stress", "--steps", "12", "--lr", "1e-4", "--kind", "cold", "--roll", "--out", "here"]
    assert called(*arguments) == 0
    assert called.given == [Toy(steps=12, rate=1e-4, kind="cold", roll=True), "here"]


def test_changes_are_only_what_was_named(called: Called) -> None:
    assert called("--steps", "12", "--no-roll") == 0
    assert called.given == [{"steps": 12, "roll": False}, "embedded"]
    assert called() == 0
    assert called.given[2:] == [{}, "embedded"]


def test_help_says_what_a_setting_does_may_be_and_is(called: Called, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "optimiser steps: from 1 to 300 [80]" in said
    assert "of the rows: from 0 to 1 [all rows]" in said and "of start: warm, cold [warm]" in said
    assert "The training" in said and "Train it." in said and "Press it." in said and "--no-roll" in said
    assert "--silent" not in said
    assert called.given == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps", "0"], "--steps: Steps is 0: a whole number from 1 to 300 is needed."),
        (["--kind", "worm"], "--kind: Kind is 'worm': did you mean 'warm'? Choose from warm, cold."),
        (["--step", "3"], "There is no option --step: did you mean '--steps'?"),
        (["--zzz"], "No such option: --zzz"),
        (["stres"], "No such command 'stres'. Did you mean 'stress'?"),
        (["--steps", "3", "stress"], "Options of stress go behind its name: write stress first."),
        (["stress"], "Missing option '--out'."),
        (["--steps"], "Option '--steps' requires an argument."),
        (["stress", "--out", "a", "b"], "Got unexpected extra argument(s) (b)"),
    ],
)
def test_a_fault_is_one_sentence_and_exit_code_2(
    called: Called, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert called(*arguments) == 2
    said = capsys.readouterr()
    assert said.err == f"{sentence}\n" and not said.out
    assert called.given == []
