"""Named runs: they say where every setting comes from, and the shell starts them and changes them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch

from attribution import Rule
from attribution.scorers import EVIDENCE_TEXT
from attribution.scorers.learned import LinearScorer
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.cli.run import config_of
from unlearn.objectives import OBJECTIVES
from unlearn.presets import ATWU_PAPER, DEFAULT_PRESET, PRESETS, Preset, Setting, preset, preset_for
from unlearn.run.config import OURS

pytestmark = pytest.mark.usefixtures("one_thread")


def configured(*arguments: str) -> RunConfig:
    """The run that the command line asks for; it does not start."""
    asked: list[RunConfig] = []

    def instead(preset: str, wishes: dict[str, Any], *_: bool) -> RunConfig:
        asked.append(config_of(preset, wishes))
        raise ValueError("Enough.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearn.cli.run.config_of", instead)
        main(arguments)
    return asked[0]


def test_the_named_methods_are_there():
    token_unlearn = {f"tokenunlearn-{name}-{form}" for name in ("ga", "wga", "npo", "rmu") for form in ("hard", "soft")}
    assert {"ours", "etw", "atwu", *token_unlearn, *(f"sequence-{name}" for name in OBJECTIVES)} <= set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_says_where_it_comes_from(name):
    entry = preset(name)
    assert entry.name == name
    assert entry.title and entry.sentence.endswith(".") and entry.caveat.endswith(".")
    assert all(setting.evidence in EVIDENCE_TEXT for setting in entry.settings)
    # No paper trained a model of a few million parameters.
    assert {"learning rate", "steps"} <= {setting.name for setting in entry.ours}
    assert "ours" in entry.caveat.lower()


def test_ours_is_the_default_and_all_of_it_is_ours():
    assert preset("ours").config == OURS
    assert preset("ours-wga").config == RunConfig(beta=4.0, alpha=3.0)
    assert preset("ours").paper == "ours"
    assert not preset("ours").config.rule.keep_given
    assert preset("ours-fused").config == dataclasses.replace(preset("ours").config, rule=Rule("fused"))
    assert preset("ours-fused").paper == "ours"


@pytest.mark.parametrize("name", [name for name, entry in PRESETS.items() if entry.paper != "ours"])
def test_the_papers_presets_keep_what_the_prompt_gives(name):
    assert preset(name).config.rule.keep_given


def test_etw_is_live_and_proportional_to_the_entropy():
    config = preset("etw").config
    assert (config.rule.scorer, config.rule.kind, config.score_every) == ("entropy", "proportional", 1)


def test_atwu_has_the_papers_settings():
    config = preset("atwu").config
    assert (config.objective, config.rule.kind, config.learn) == ("satga", "raw", "alternate")
    assert (config.resolved["beta"], config.resolved["gamma"], config.resolved["alpha"]) == (7, 3, 0.5)
    scorer = config.scorer_settings
    assert (scorer.scorer_lr, scorer.scorer_every, scorer.position) == (0.05, 5, "own")
    assert (scorer.lambda_entropy, scorer.lambda_rho, scorer.lambda_w, scorer.rho) == (1, 15, 1, 0.2)
    assert scorer == ATWU_PAPER == preset("atwu-refit").config.scorer_settings


def test_whole_sequences_train_everything_and_the_end():
    for name in OBJECTIVES:
        assert preset(f"sequence-{name}").config.rule.kind == "sequence"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_runs(tiny, small_corpus, name):
    config = dataclasses.replace(preset(name).config, steps=1, forget_batch=2, retain_batch=2, probe_every=0)
    # The tiny model has no fitted scorer beside it; a run that learns its own takes no notice of one that is given.
    scorer = LinearScorer(torch.ones(tiny.hidden_size))
    assert len(list(run(tiny, small_corpus, config, linear_scorer=scorer))) == 1


def test_unknown_presets_are_answered_with_a_guess(capsys):
    assert main(["--preset", "tokenunlearn-wga-hart"]) == 2
    assert "did you mean 'tokenunlearn-wga-hard'" in capsys.readouterr().err


def test_the_list_says_what_is_ours(capsys):
    assert main(["--list-presets"]) == 0
    printed = capsys.readouterr().out
    for name in PRESETS:
        assert f"\n{name}\n" in "\n" + printed
    assert "our own choice or measurement" in printed
    assert "from a secondary summary, not checked against the paper" in printed


def test_what_a_preset_sets_and_does_not_tell_of_is_ours():
    config = RunConfig(forget_batch=4, roll_back=True)
    entry = Preset("mine", "Mine", "It forgets.", "A paper", config, (Setting("objective", "WGA", "paper"),))
    assert [str(setting) for setting in entry.settings[1:]] == [
        "forget batch: 4 (our own choice or measurement)",
        "keep the best sound step: yes (our own choice or measurement)",
    ]
    assert entry.caveat == "A paper. Ours: forget batch, keep the best sound step."


# Flags ---------------------------------------------------------------------------------------------------------------


def test_no_flag_is_the_default_run(tiny, small_corpus):
    assert configured() == dataclasses.replace(OURS, probe_every=0)
    assert PRESETS[DEFAULT_PRESET].config == OURS
    assert run(tiny, small_corpus, linear_scorer=LinearScorer(torch.ones(tiny.hidden_size))).config == OURS


def test_the_first_flags_mean_what_they_did():
    config = configured("--scorer", "fused", "--strategy", "hard", "--top", "0.2", "--objective", "npo", "--lr", "1e-4")
    assert config.rule == Rule("fused", "top", 0.2)
    assert (config.objective, config.learning_rate) == ("npo", 1e-4)
    assert configured("--strategy", "soft").rule == Rule("learned", "soft", 0.25)
    assert configured("--strategy", "soft", "--top", "0.1").rule == Rule("learned", "soft", 0.25)
    assert configured("--strategy", "sequence").rule.kind == "sequence"
    assert configured("--threshold", "1.5", "--keep-given").rule == Rule("learned", "threshold", 1.5, keep_given=True)


def test_flags_change_a_preset():
    config = configured("--preset", "etw", "--steps", "7", "--score-every", "5", "--no-keep-given")
    assert (config.steps, config.score_every, config.objective) == (7, 5, "graddiff")
    assert config.rule == Rule("entropy", "proportional", 0.3)
    assert configured("--preset", "tokenunlearn-wga-soft", "--strategy", "hard").rule.cut == 0.3
    assert configured("--preset", "tokenunlearn-wga-hard", "--retain-loss", "kl").resolved["retain"] == "kl"


def test_another_objective_brings_its_own_constants():
    config = configured("--preset", "atwu", "--objective", "wga", "--gamma", "2")
    assert config.resolved["beta"] == 1
    assert config.resolved["gamma"] == 2


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--objective", "simpno"], "did you mean 'simnpo'"),
        (["--retain-loss", "kll"], "did you mean 'kl'"),
        (["--strategy", "proportionl"], "did you mean 'proportional'"),
        (["--top", "0.2", "--threshold", "1"], "two ways to cut"),
        (
            ["--preset", "etw", "--threshold", "1"],
            "threshold belongs to the strategy hard",
        ),
        (["--preset", "etw", "--top", "0.2"], "top share belongs to the strategy hard, and this run's is proportional"),
        (["--preset", "atwu", "--scorer", "entropy"], "weighs tokens by 'learned'"),
    ],
)
def test_flags_that_cannot_be(capsys, arguments, match):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert match in said and said.count("\n") == 1


def test_a_config_is_plain_json():
    for entry in PRESETS.values():
        said = json.loads(json.dumps(entry.config.to_dict(), allow_nan=False))
        assert said["beta"] == entry.config.resolved["beta"]
        assert said["retain"] in ("nll", "kl", "states")


def test_the_real_world_has_a_preset_of_its_own() -> None:
    config = preset(preset_for("real:Japan,France")).config
    assert config.objective == "counterfactual" and config.rule.scorer == "new-info"
    assert preset_for("about:Ada Quell") == preset_for("real:Japan") != preset_for("tofu:forget10") == DEFAULT_PRESET
