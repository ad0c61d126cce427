"""Every step and probe in the field's trackers. None of them is installed for the tests: small modules with their
documented interfaces stand in, behind accelerate's own classes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attribution import Rule
from tests.stand_ins import MODULES, install_trackers
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.export import run_log
from unlearn.metrics import Evaluation
from unlearn.run.trackers import TRACKERS, reporting


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-ins, as an installer would leave them."""
    install_trackers(tmp_path / "site", monkeypatch)


def test_every_step_and_probe_is_in_every_tracker(installed, tiny, small_corpus, tmp_path):
    rule = Rule("entropy", "top", 0.3)
    config = RunConfig(rule=rule, steps=4, forget_batch=4, retain_batch=4, probe_every=2, warmup=0, cooldown=0.0)
    job = run(tiny, small_corpus, config)
    settings = run_log(job, {})["config"]
    with reporting(list(TRACKERS), tmp_path / "runs", settings, job.before) as trackers:
        for step in job:
            trackers.step(step, config.rate_at(step.number))
        trackers.measured({"after": Evaluation({"structure": 0.5}, {"structure": 6}, ())}, len(job.steps))
    for name in MODULES:
        tracker = sys.modules[name]
        assert tracker.finished == [True], name
        assert tracker.settings["project"] == "forget-lens" and tracker.settings["rule/scorer"] == "entropy"
        assert tracker.settings["lora"] == "none", "trackers have no None"
        found: dict[int, dict] = {}
        for number, values in tracker.logged:
            found.setdefault(number, {}).update(values)
        assert set(found) == {0, 1, 2, 3, 4}, name
        assert found[0]["probe/forget_recall"] == job.before.forget_recall
        for step in job.steps:
            assert found[step.number]["forget_loss"] == step.forget_loss
            assert found[step.number]["learning_rate"] == config.learning_rate
            assert ("probe/structure" in found[step.number]) == (step.probe is not None)
        assert [step.number for step in job.steps if step.probe] == [1, 2, 4]
        assert found[4]["after/structure"] == 0.5
        texts = [value for values in (tracker.settings, *found.values()) for value in values.values()]
        assert not any(row.example.prompt in str(value) for row in small_corpus.forget for value in texts)


def test_a_shell_run_has_its_probes_where_it_is_reported(installed, rows, tmp_path):
    arguments = ["--forget", rows, "--steps", "1", "--report-to", "trackio", "--report-dir", str(tmp_path)]
    assert main(arguments) == 0
    logged = sys.modules["trackio"].logged
    assert [number for number, _ in logged] == [0, 1, 1]
    assert "probe/structure" in logged[0][1] and "after/forget_recall" in logged[2][1]
    assert sys.modules["trackio"].settings["forget"] == Path(rows).name, "a path stays on the machine"


def test_a_run_that_fails_is_ended_there_too(installed, tmp_path):
    with pytest.raises(ValueError, match="enough"), reporting(["trackio"], tmp_path, {"steps": 1}, None):
        raise ValueError("enough")
    assert sys.modules["trackio"].finished == [True] and sys.modules["trackio"].logged == []


@pytest.mark.parametrize("name", ["wandb", "trackio", "tensorboard"])
def test_what_is_not_installed_is_said_before_the_run(name, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["unlearn.run.trackers"], "find_spec", lambda package: None)
    assert main(["--report-to", name]) == 2
    assert f"run `pip install {name}`." in capsys.readouterr().err


def test_an_unknown_tracker_is_named(capsys):
    assert main(["--report-to", "trackoi"]) == 2
    assert "did you mean 'trackio'" in capsys.readouterr().err
