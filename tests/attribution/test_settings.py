"""A setting described once: its facts, how its value is read, and the sentence when it cannot be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from attribution.settings import check_settings, setting, settings_of


@dataclass(frozen=True)
class Toy:
    steps: int = setting(80, "Steps", "optimiser steps", low=1, high=300)
    rate: float = setting(1e-3, "Learning rate", "of the optimiser", above=0)
    share: float | None = setting(None, "Share", "of the rows", low=0, high=1, none="all rows")
    kind: Literal["warm", "cold"] = setting("warm", "Kind", "of start")
    name: str = setting("ada", "Name", "of a registered thing", choices=lambda: ("ada", "bert"))
    roll: bool = setting(False, "Roll back", "go back at the end")
    plain: int = 3

    def __post_init__(self) -> None:
        check_settings(self)


def test_described_fields_and_no_others() -> None:
    found = settings_of(Toy)
    assert [*found] == ["steps", "rate", "share", "kind", "name", "roll"]
    assert found["steps"].bounds == "from 1 to 300" and found["rate"].bounds == "above 0"
    assert found["kind"].choices == ("warm", "cold") and found["name"].choices == ("ada", "bert")
    assert found["share"].optional and not found["steps"].optional


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [("steps", "12", 12), ("rate", "1e-4", 1e-4), ("roll", "1", True), ("share", None, None), ("steps", 5.0, 5)],
)
def test_text_is_read_as_the_field_s_kind(name: str, given: Any, value: Any) -> None:
    read = getattr(Toy(**{name: given}), name)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("steps", 0, "Steps is 0: a whole number from 1 to 300 is needed."),
        ("steps", 2.5, "Steps is 2.5: a whole number from 1 to 300 is needed."),
        ("steps", None, "Steps is empty: a whole number from 1 to 300 is needed."),
        ("steps", 10**400, f"Steps is 1{'0' * 39}…: a whole number from 1 to 300 is needed."),
        ("rate", 0, "Learning rate is 0: a number above 0 is needed."),
        ("rate", float("nan"), "Learning rate is nan: a number above 0 is needed."),
        ("share", "all", "Share is 'all': a number from 0 to 1 is needed."),
        ("kind", "worm", "Kind is 'worm': did you mean 'warm'? Choose from warm, cold."),
        ("name", "zoe", "Name is 'zoe'. Choose from ada, bert."),
        ("roll", "perhaps", "Roll back is 'perhaps': yes or no is needed."),
    ],
)
def test_what_cannot_be_is_one_sentence_that_names_the_field(name: str, given: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(Toy(), **{name: given})
    assert str(caught.value) == sentence


def test_a_page_may_narrow_a_bound() -> None:
    steps = settings_of(Toy)["steps"]
    assert steps.read(40, high=40) == 40
    with pytest.raises(ValueError, match="from 1 to 40"):
        steps.read(41, high=40)
