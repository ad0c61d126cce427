"""The view as an address: read back whole, and refused in words where it means nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.address import LONGEST_ADDRESS, ROOMS, defaults, read_address
from app.visit.run_config import PRESET_NAMES, form_values
from attribution.scorers import DEFAULT_SCORERS


def test_an_address_that_names_nothing_of_ours_asks_for_nothing() -> None:
    assert read_address({}, 36, 300) is None
    assert read_address({"__theme": "dark", "utm_source": "mail"}, 36, 300) is None


def test_what_is_left_out_is_as_the_page_opens() -> None:
    asked = read_address({"room": "unlearn"}, 36, 300)
    assert asked is not None
    assert (asked.room, asked.split, asked.row, asked.scorers) == ("unlearn", "forget", 36, DEFAULT_SCORERS)
    assert asked.state["active"] == "learned" and asked.state["cuts"]["fused"] == {"kind": "top", "cut": 0.3}
    assert asked.form == form_values("cut", 300)


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_preset_stands_for_its_whole_form(name: str) -> None:
    asked = read_address({"preset": name, "alpha": "2.5"}, 36, 300)
    assert asked is not None and asked.form == {**form_values(name, 300), "alpha": 2.5}


def test_a_whole_view_comes_back() -> None:
    asked = read_address(
        {
            "room": "compare",
            "row": "own",
            "prompt": "Где?",
            "answer": "<b>&</b> 🌍",
            "subject": "b",
            "hides": "each",
            "scorers": "masking,random",
            "view": "agreement",
            "units": "words",
            "colour": "raw",
            "given": "1",
            "lane": "random",
            "cuts": "masking:threshold:-0.25,random:top:0.5",
            "hand": "-9 +4",
            "strategy": "soft",
            "softness": "0.4",
            "objective": "npo",
            "steps": "12",
            "rate": "1e-4",
            "retain": "kl",
            "gamma": "0.5",
            "normaliser": "label",
            "every": "3",
            "lora": "8",
            "until": "0.1",
            "seed": "7",
            "rollback": "1",
        },
        36,
        300,
    )
    assert asked is not None
    assert (asked.split, asked.row, asked.prompt, asked.answer) == ("own", None, "Где?", "<b>&</b> 🌍")
    assert (asked.hides, asked.subject, asked.scorers) == ("each", "b", ("masking", "random"))
    assert asked.state == {
        "view": "agreement",
        "units": "words",
        "colour": "raw",
        "keep_given": True,
        "active": "random",
        "cuts": {"masking": {"kind": "threshold", "cut": -0.25}, "random": {"kind": "top", "cut": 0.5}},
        "hand": "+4-9",
    }
    run = {"strategy": "soft", "softness": 0.4, "objective": "npo", "steps": 12, "rate": 1e-4, "seed": 7}
    run |= {"retain": "kl", "gamma": 0.5, "normaliser": "label", "every": 3, "lora": 8, "until": 0.1, "rollback": True}
    assert {name: asked.form[name] for name in run} == run


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"room": "attic"}, "choose from inspect"),
        ({"row": "forget"}, "such as forget:0"),
        ({"row": "forget:-1"}, "such as forget:0"),
        ({"row": "forget:" + "9" * 50}, "such as forget:0"),
        ({"row": "own"}, "no address holds"),
        ({"scorers": "entrpy"}, "did you mean 'entropy'"),
        ({"scorers": " , "}, "names no scorer"),
        ({"lane": "oracle"}, "oracle"),
        ({"cuts": "masking:top:nan"}, "'nan'"),
        ({"cuts": "masking:top:0"}, "above 0"),
        ({"cuts": "masking"}, "number"),
        ({"cuts": "masking:sideways:0.3"}, "sideways"),
        ({"hand": "4"}, "such as +4-9"),
        ({"view": "rows"}, "choose from lanes"),
        ({"given": "yes"}, "choose from 0, 1"),
        ({"hides": "custom"}, "choose from subject"),
        ({"steps": "301"}, "from 5 to 300"),
        ({"steps": "1.5"}, "whole number"),
        ({"rate": "inf"}, "number"),
        ({"objective": "wgaa"}, "did you mean 'wga'"),
        ({"preset": "atwo"}, "did you mean 'atwu'"),
        ({"strategy": "preset"}, "choose from hard"),
        ({"softness": "3"}, "from 0.05 to 2"),
        ({"every": "-1"}, "at least 0"),
        ({"until": "2"}, "from 0 to 1"),
        ({"rollback": "perhaps"}, "yes or no"),
        ({"answer": "x" * LONGEST_ADDRESS, "row": "own"}, "longer than"),
    ],
)
def test_what_means_nothing_is_named(query: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.compile(re.escape(said), re.IGNORECASE)) as caught:
        read_address(query, 36, 300)
    assert len(str(caught.value)) < 600, "a sentence, however long the address is"


@given(st.dictionaries(st.sampled_from(sorted(defaults(36, 300))), st.text(max_size=60)))
def test_any_address_is_a_view_or_a_sentence(query: dict[str, str]) -> None:
    try:
        asked = read_address(query, 36, 300)
    except ValueError as error:
        assert str(error)
    else:
        assert asked is None or asked.room in ROOMS


def test_the_script_knows_the_same_rooms() -> None:
    script = Path("app/look/page.js").read_text(encoding="utf-8")
    assert "const ROOMS = [" + ", ".join(f'"{room}"' for room in ROOMS) + "];" in script
