"""From a form to a run: a preset's run is the preset's to the letter, and every bad value is one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from app.server.settings import Settings
from app.visit.run_config import DEFAULTS, OWN_CUT, PRESET_NAMES, changed_from, form_config, form_values, make_config
from attribution import Rule
from unlearn.objectives import OBJECTIVES
from unlearn.presets import PRESETS, preset

SETTINGS = Settings()
CUT = {"scorer": "masking", "kind": "threshold", "cut": 0.5, "keep_given": True}


def filled(name: str, **changes: Any) -> dict[str, Any]:
    return {**form_values(name, SETTINGS.max_steps), **changes}


@pytest.mark.parametrize("name", PRESETS)
def test_an_untouched_preset_runs_as_it_is(name: str) -> None:
    config = form_config(filled(name), CUT, SETTINGS)
    assert config == preset(name).config and not changed_from(name, config)


def test_what_was_changed_is_put_on_top_and_nothing_else() -> None:
    config = form_config(filled("atwu", alpha=2, steps=12, every=3, until=0.1, rollback=True), CUT, SETTINGS)
    assert (config.alpha, config.steps, config.score_every, config.until_recall, config.roll_back) == (2, 12, 3, 0.1, 1)
    papers = preset("atwu").config
    assert (config.learn, config.scorer_settings, config.rule) == ("alternate", papers.scorer_settings, papers.rule)
    assert form_config(filled("atwu", until=None), CUT, SETTINGS).until_recall is None
    assert config.beta == papers.beta and config.normaliser == "label" and changed_from("atwu", config)
    # Other tokens under the same settings.
    hard = form_config(filled("tokenunlearn-npo-hard", strategy="hard"), CUT, SETTINGS)
    assert hard.rule == Rule(**CUT) and hard.objective == "npo"  # type: ignore[arg-type]


def test_your_own_cut_is_the_default() -> None:
    config = form_config(filled(OWN_CUT), CUT, SETTINGS)
    assert config.rule == Rule(**CUT)  # type: ignore[arg-type]
    assert (config.objective, config.beta, config.alpha) == (DEFAULTS.objective, DEFAULTS.beta, DEFAULTS.alpha)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_another_objective_brings_its_own_constants(name: str) -> None:
    config = make_config(None, SETTINGS, objective=name)
    entry = OBJECTIVES[name]
    if name != DEFAULTS.objective:
        assert (config.resolved["alpha"], config.resolved["beta"]) == (entry.alpha, entry.beta)
    assert config.resolved["retain"] == entry.retain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 301}, "between 1 and 300 here, not 301"),
        ({"steps": 2.5}, "whole number, not 2.5"),
        ({"rate": None}, "learning rate is empty"),
        ({"rate": 0}, "learning rate must be a number above 0"),
        ({"alpha": None}, "alpha is empty"),
        ({"gamma": -1}, "gamma must be a number of at least 0"),
        ({"beta": float("nan")}, "beta must be a number"),
        ({"objective": "npo", "beta": 0}, "divides by beta"),
        ({"objective": "wgaa"}, "did you mean 'wga'"),
        ({"normaliser": "row"}, "choose weight or label"),
        ({"retain": "states", "seed": -1}, "The seed must lie between 0"),
        ({"every": -1}, "Score again every must lie between 0"),
        ({"lora": 257}, "between 0 and 256"),
        ({"until": 2}, "in \\[0, 1\\]"),
        ({"preset": "atwoo"}, "did you mean 'atwu'"),
        ({"strategy": "preset"}, "'preset' is unknown"),
        ({"preset": "atwu", "strategy": "hard"}, "weighs tokens by 'learned'"),
    ],
)
def test_bad_values_are_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        form_config(filled(OWN_CUT, **changes), CUT, SETTINGS)
    assert len(str(caught.value)) < 600


def test_a_host_with_few_steps_is_not_asked_for_more() -> None:
    assert {form_values(name, 20)["steps"] for name in PRESET_NAMES} == {20}
    with pytest.raises(ValueError, match="between 1 and 20"):
        make_config(None, Settings(max_steps=20), "etw")
