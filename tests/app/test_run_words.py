"""A run in words: what it will do, what it did, and what can be done about a collapse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.look.markup import describe, escape
from app.rooms.unlearn.words import (
    advice,
    cut_html,
    done_html,
    estimate_html,
    foreseen_html,
    kept_words,
    objective_html,
    preset_html,
    rescue_words,
)
from app.visit.session import KeptRun
from attribution import Rule
from attribution.scorers import EVIDENCE_TEXT
from unlearn import RunConfig, Step
from unlearn.metrics import Probe
from unlearn.objectives import OBJECTIVES
from unlearn.presets import PRESETS, preset
from unlearn.run.prediction import THIRDS, Prediction


def steps(*probes: Probe | None) -> tuple[Step, ...]:
    return tuple(Step(k, len(probes), 0, 0, 0, 0, 0, probe) for k, probe in enumerate(probes, start=1))


def kept(*probes: Probe | None, config: RunConfig | None = None, best: int | None = None, **more: Any) -> KeptRun:
    guard = None if best is None else SimpleNamespace(best=SimpleNamespace(step=best))
    config = config or RunConfig()
    more = {"before": SOUND, **more}
    return KeptRun(1, "<b>Mine</b>", 0, config, None, (), steps(*probes), (), 1.0, False, guard=guard, **more)  # type: ignore[arg-type]


SOUND, GRAMMAR, KNOWLEDGE = Probe(1.0, 0.8, 0.9), Probe(0.0, 0.8, 0.45), Probe(0.0, 0.2, 0.7)


def test_a_collapse_is_said_in_words() -> None:
    assert advice(kept(SOUND, None, GRAMMAR, None)).startswith("Structure has fallen from 0.90 to 0.45: ")
    assert advice(kept(SOUND, KNOWLEDGE)).startswith("Retain recall has fallen from 0.80 to 0.20: ")
    # Dead at the first probe: the original is what it is held against.
    assert advice(kept(GRAMMAR)).startswith("Structure has fallen from 0.90")
    # A probe that did not ask it to speak takes nothing back.
    before, salad = Probe(1.0, 0.8, 0.9, 1.0), Probe(0.0, 0.8, 0.9, 0.25)
    assert advice(kept(salad, Probe(0.0, 0.8, 0.9), before=before)).startswith("Speaks has fallen from 1.00 to 0.25: ")
    assert advice(kept(Probe(0.0, 0.8, 0.9, 0.75), before=before)) == ""
    # A model that never had much structure has lost none.
    assert advice(kept(Probe(0.0, 0.8, 0.47), before=Probe(1.0, 0.8, 0.5))) == ""
    nothing = Probe(0, None, None)
    assert advice(kept(nothing, before=nothing)) == advice(kept()) == advice(kept(None)) == ""
    assert advice(kept(GRAMMAR, before=None)) == ""


def test_what_can_be_done_about_it_is_what_is_possible() -> None:
    lost = kept(SOUND, None, GRAMMAR)
    assert rescue_words(lost) == "Run it again, keeping its best sound step"
    assert "none to go back to" in done_html(lost)
    guarded = kept(SOUND, None, GRAMMAR, best=1)
    assert rescue_words(guarded) == "Go back to step 1" and "Step 1 forgot most" in done_html(guarded)
    assert rescue_words(kept(SOUND, GRAMMAR, best=0)) == "Go back to before the first step"
    back = kept(SOUND, None, GRAMMAR, best=1, rolled_back_to=1, notes=("It collapsed.",))
    assert rescue_words(back) == rescue_words(kept(SOUND, SOUND)) == ""
    assert "is back at step 1" in done_html(back) and "It collapsed." in done_html(back)
    assert "<b>Mine" not in done_html(back)
    ended = done_html(kept(SOUND, SOUND, notes=("Stopped early.",)))
    assert "Stopped early." in ended and "pg-advice" not in ended


def test_what_is_foreseen_is_said_of_what_a_trial_knows() -> None:
    cheap = {name: high for name, (_, high) in THIRDS.items()}
    costly = {name: low - 1 for name, (low, _) in THIRDS.items()}
    said = foreseen_html(Prediction(costly, 8, 2.0))
    assert said.count("<b>much</b>") == len(THIRDS) and "8 steps tried" in said and "subject -1.0014" in said
    assert foreseen_html(Prediction(cheap, 8, 2.0)).count("<b>little</b>") == len(THIRDS)
    assert "will cost" not in foreseen_html(Prediction({}, 8, 2.0))


def test_a_kept_run_says_what_it_did() -> None:
    config = RunConfig(rule=Rule("learned", "top", 0.3), steps=60)
    assert kept_words(kept(SOUND, None, GRAMMAR, config=config)) == (
        "Learned, top 30%, WGA; 3 of 60 steps; forget recall 0.00"
    )
    back = kept(SOUND, None, GRAMMAR, config=config, rolled_back_to=2)
    assert kept_words(back).endswith("3 of 60 steps, back at 2; forget recall 1.00")
    etw = preset("etw").config
    assert kept_words(kept(None, config=etw, preset="etw")) == "ETW; 1 of 40 steps"
    assert kept_words(kept(None, config=etw.with_objective("npo"), preset="etw")).startswith("ETW, changed; ")


def test_a_run_is_described_in_a_few_words() -> None:
    assert describe(RunConfig(rule=Rule("learned", "top", 0.3), steps=60)) == "Learned, top 30%, WGA, 60 steps"
    assert describe(RunConfig(rule=Rule("entropy", "threshold", 1.5), objective="npo", steps=1)).startswith(
        "Entropy, from 1.5 up, NPO, 1 step"
    )
    assert describe(RunConfig(rule=Rule("learned", "sequence"))).startswith("Whole sequence")
    assert describe(preset("etw").config).startswith("Entropy, in proportion, GradDiff")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_whose_each_setting_is(name: str) -> None:
    shown, entry = preset_html(name), preset(name)
    assert shown.count("<li>") == len(entry.settings)
    assert all(escape(EVIDENCE_TEXT[setting.evidence]) in shown for setting in entry.settings)


def test_every_objective_shows_its_formula_and_its_mark() -> None:
    assert len(OBJECTIVES) == 14
    assert "p_t / p_t^ref" in objective_html("npo") and escape(EVIDENCE_TEXT["code"]) in objective_html("tnpo")


def test_the_cut_says_when_a_preset_brings_its_own_tokens() -> None:
    mine = cut_html(RunConfig(), 6, 21, "forget", 390, "forget05", False)
    assert "Learned, top 30%: 6 of 21 answer tokens" in mine and "its own" not in mine
    etw = cut_html(preset("etw").config, 21, 21, "forget", 390, "forget05", True)
    assert "The preset brings its own tokens" in etw and "Scored again at every step" in etw and "is not used" in etw
    atwu = cut_html(preset("atwu").config, None, 21, "world", 390, "forget05", True)
    assert "learned while the model forgets" in atwu and "of 21" not in atwu and "is from world" in atwu


def test_the_cut_says_what_was_changed_by_hand() -> None:
    edited = cut_html(RunConfig(by_hand="3:+4-9"), 6, 21, "forget", 390, "forget05", False, "+4-9")
    assert "2 tokens of this row changed by hand." in edited
    elsewhere = cut_html(RunConfig(), 6, 21, "world", 390, "forget05", False, "+4-9")
    assert "What you changed by hand is not used" in elsewhere


def test_an_estimate_of_a_run_that_does_more_is_a_lower_bound() -> None:
    assert estimate_html(0.5, 64, RunConfig(steps=20), True).startswith('<p class="pg-soft">About <b>10 s</b>')
    more = estimate_html(0.5, 64, RunConfig(steps=20, score_every=1, roll_back=True), False)
    assert "At least <b>10 s</b>" in more and "80 MB" in more
    assert "Measuring" in estimate_html(None, 64, RunConfig(), True)
