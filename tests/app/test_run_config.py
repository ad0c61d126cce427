"""From a form to a run: a preset's run is the preset's to the letter, and every bad value is one sentence."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
from gradio.utils import get_function_description

from app.api.unlearn import unlearn_endpoint
from app.server.settings import Settings
from app.visit.run_config import (
    FIELDS,
    OF_THE_OBJECTIVE,
    OWN_CUT,
    PRESET_NAMES,
    changed_from,
    form_config,
    form_values,
    objective_values,
)
from attribution import Rule
from unlearn import RunConfig
from unlearn.__main__ import main
from unlearn.cli.run import config_of
from unlearn.objectives import OBJECTIVES
from unlearn.presets import DEFAULT_PRESET, PRESETS, preset
from unlearn.run.config import OURS
from unlearn.wishes import WISHES, run_config

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
    assert (config.objective, config.beta, config.alpha) == (OURS.objective, OURS.beta, OURS.alpha)


def test_what_was_changed_by_hand_is_the_row_s_in_view_and_the_cut_s() -> None:
    edited = {**CUT, "hand": "-9 +4"}
    assert form_config(filled(OWN_CUT), edited, SETTINGS, row=3).by_hand == "3:+4-9"
    assert form_config(filled("etw", strategy="soft"), edited, SETTINGS, row=3).by_hand == "3:+4-9"
    untouched = (("etw", {}, 3), (OWN_CUT, {"strategy": "sequence"}, 3), (OWN_CUT, {}, None))
    for name, changes, row in untouched:
        assert form_config(filled(name, **changes), edited, SETTINGS, row).by_hand == "", name
    for wrong in ("4", ["+4"]):
        with pytest.raises(ValueError, match=r"such as \+4-9"):
            form_config(filled(OWN_CUT), {**CUT, "hand": wrong}, SETTINGS, row=3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_another_objective_brings_its_own_constants(name: str) -> None:
    config = run_config("", {"objective": name})
    entry = OBJECTIVES[name]
    if name != OURS.objective:
        assert (config.resolved["alpha"], config.resolved["beta"]) == (entry.alpha, entry.beta)
    assert config.resolved["retain"] == entry.retain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 301}, "Steps is 301: a whole number from 1 to 300 is needed"),
        ({"steps": 2.5}, "Steps is 2.5: a whole number"),
        ({"rate": None}, "Learning rate is empty"),
        ({"rate": 0}, "Learning rate is 0: a number above 0"),
        ({"alpha": None}, "alpha is empty"),
        ({"gamma": -1}, "gamma is -1: a number of at least 0"),
        ({"beta": float("nan")}, "beta is nan: a number of at least 0"),
        ({"objective": "npo", "beta": 0}, "divides by beta"),
        ({"objective": "wgaa"}, "did you mean 'wga'"),
        ({"normaliser": "row"}, "Choose from weight, label"),
        ({"retain": "states", "seed": -1}, "Seed is -1: a whole number from 0"),
        ({"every": -1}, "Steps between scorings is -1: a whole number of at least 0"),
        ({"lora": 257}, "from 1 to 256, or 0"),
        ({"until": 2}, "End at forget recall is 2: a number from 0 to 1"),
        ({"preset": "atwoo"}, "did you mean 'atwu'"),
        ({"strategy": "preset"}, "What is pushed is 'preset'"),
        ({"preset": "atwu", "strategy": "hard"}, "weighs tokens by 'learned'"),
    ],
)
def test_bad_values_are_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        form_config(filled(OWN_CUT, **changes), CUT, SETTINGS)
    assert len(str(caught.value)) < 600


def test_a_host_with_few_steps_is_not_asked_for_more() -> None:
    assert {form_values(name, 20)["steps"] for name in PRESET_NAMES} == {20}
    with pytest.raises(ValueError, match="from 1 to 20"):
        run_config("etw", {}, most_steps=20)


# The same wish, by shell, form and API -------------------------------------------------------------------------------


def by_shell(preset: str, wishes: dict[str, Any]) -> RunConfig:
    """The run that `python -m unlearn` would start."""
    arguments = ["--preset", preset or DEFAULT_PRESET]
    for name, value in wishes.items():
        flag = WISHES[name].facts.flag
        if isinstance(value, bool):
            arguments.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            arguments += [flag, str(value)]
    asked: list[RunConfig] = []

    def instead(name: str, given: dict[str, Any], *_: bool) -> RunConfig:
        asked.append(config_of(name, given))
        raise ValueError("Enough.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearn.cli.run.config_of", instead)
        main(arguments)
    # The shell asks before and after, not on the way.
    return dataclasses.replace(asked[0], probe_every=OURS.probe_every)


def by_api(preset: str, wishes: dict[str, Any]) -> RunConfig:
    """The run that `/unlearn` would start."""
    asked: list[RunConfig] = []

    def instead(visit: Any, config: RunConfig, name: str) -> list[Any]:
        asked.append(config)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.api.unlearn.train", instead)
        patch.setattr("app.api.unlearn.forget_row", lambda studio, row: 0)
        visit = MagicMock(studio=MagicMock(settings=SETTINGS))
        list(unlearn_endpoint(MagicMock(of=lambda _: visit))(MagicMock(), preset=preset, **wishes))
    return asked[0]


def by_form(preset: str, wishes: dict[str, Any]) -> RunConfig:
    """The run that Start would start, the wishes in its fields and in the visible cut."""
    fields = {field: wishes[name] for field, name in FIELDS.items() if name in wishes}
    cut = {"scorer": "learned", "kind": "top", "cut": 0.3, "keep_given": False}
    cut |= {name: wishes[name] for name in ("scorer", "keep_given") if name in wishes}
    for kind in ("top", "threshold"):
        if kind in wishes:
            cut |= {"kind": kind, "cut": wishes[kind]}
    row = None
    if "by_hand" in wishes:
        number, _, cut["hand"] = wishes["by_hand"].partition(":")
        row = int(number)
    if "strategy" in wishes:
        fields |= {"strategy": wishes["strategy"], "softness": wishes.get("temperature", 0.25)}
    objective = wishes.get("objective")
    constants = objective_values(preset or OWN_CUT, objective) if objective else {}
    return form_config(filled(preset or OWN_CUT, **{**constants, **fields}), cut, SETTINGS, row)


def test_every_preset_is_the_same_run_by_shell_form_and_api() -> None:
    for name in PRESETS:
        assert by_shell(name, {}) == by_form(name, {}) == by_api(name, {}) == preset(name).config, name
    assert by_shell("", {}) == by_form("", {}) == by_api("", {}) == OURS == preset(DEFAULT_PRESET).config


CHANGED: dict[str, Any] = {
    **{"scorer": "fused", "top": 0.2, "threshold": 0.5, "keep_given": True, "score_every": 3, "learn": "alternate"},
    "by_hand": "36:+4-9",
    **{
        "objective": "npo",
        "retain": "kl",
        "anchor": 0.5,
        "inner": 2.0,
        "teacher": "hidden",
        "alpha": 1.5,
        "gamma": 2.0,
        "beta": 0.5,
        "beta2": 2.0,
        "delta": 0.5,
    },
    **{"normaliser": "label", "layer": 1, "layer_position": "own", "steps": 12, "learning_rate": 1e-3},
    **{
        "micro_batch": 4,
        "train_from": 2,
        "lora": 8,
        "precision": "bfloat16",
        "gradient_checkpointing": True,
        "until_recall": 0.25,
    },
    **{"roll_back": True, "seed": 3, "strategy": "sequence"},
}


@pytest.mark.parametrize("name", [name for name in WISHES if name != "temperature"])
def test_one_changed_setting_is_the_same_run_by_shell_form_and_api(name: str) -> None:
    wish = {name: CHANGED[name]}
    config = run_config("", wish)
    assert config != OURS
    assert by_shell("", wish) == by_api("", wish) == config
    # The form has a field for it, or the visible cut has it.
    if name in FIELDS.values() or name in ("scorer", "top", "threshold", "keep_given", "strategy", "by_hand"):
        assert by_form("", wish) == config


def test_a_soft_cut_is_the_same_run_by_shell_form_and_api() -> None:
    wish = {"strategy": "soft", "temperature": 0.5, "scorer": "masking"}
    assert by_shell("", wish) == by_form("", wish) == by_api("", wish) == run_config("", wish)
    assert run_config("", wish).rule == Rule("masking", "soft", 0.5)


def test_a_cut_on_top_of_a_preset_changes_the_cut_alone() -> None:
    own = preset("tokenunlearn-npo-hard").config
    assert own.rule == Rule("fused", "top", 0.3, keep_given=True)
    for way in (by_api, by_shell):
        config = way("tokenunlearn-npo-hard", {"top": 0.1})
        assert config == dataclasses.replace(own, rule=Rule("fused", "top", 0.1, keep_given=True))
    with pytest.raises(ValueError, match="belongs to the strategy hard, and this run's is soft"):
        run_config("tokenunlearn-npo-soft", {"top": 0.1})
    with pytest.raises(ValueError, match="give one of them"):
        run_config("", {"top": 0.1, "threshold": 0.5})
    with pytest.raises(ValueError, match="did you mean 'steps'"):
        run_config("", {"stepz": 3})


def test_the_endpoint_says_of_every_setting_what_it_is() -> None:
    endpoint = unlearn_endpoint(MagicMock())
    signature = inspect.signature(endpoint)
    assert [*signature.parameters] == ["request", "row", "preset", *WISHES]
    assert signature.parameters["steps"].annotation == (int | None), "Gradio's schema and MCP's are made of these"
    assert signature.return_annotation == Iterator[dict[str, Any]], "without it Gradio answers with nothing"
    assert inspect.isgeneratorfunction(endpoint)
    _, told, _ = get_function_description(endpoint)
    assert all(told[name] == f"{described.summary}." for name, described in WISHES.items())


def test_a_number_that_is_the_objective_s_own_is_no_change() -> None:
    config = run_config("sequence-npo", {"beta": 0.1, "gamma": 1})
    assert config == preset("sequence-npo").config and config.beta is None
    assert run_config("", {"lora": 0}).lora is None, "0 trains all weights"


def test_a_number_that_may_be_left_out_takes_the_0_that_the_form_shows_for_it() -> None:
    optional = [WISHES[setting] for setting in FIELDS.values() if setting not in OF_THE_OBJECTIVE]
    optional = [described for described in optional if described.optional]
    assert optional and all(described.facts.zero or not described.facts.low for described in optional)
