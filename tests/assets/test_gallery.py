"""The gallery's files are what their settings give: recomputed for all, trained again for one (`-m gallery`: all)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch

from assets.gallery.__main__ import main
from assets.gallery.make import ASKED_EVERY, begun, make, scored, world
from assets.gallery.prepared import FIGURES, FOLDER, Prepared, path_of, read
from assets.gallery.runs import EMBEDDED, RUNS, Wanted, wanted
from attribution.model.curated import folder_here
from unlearn.replay import is_sampled

MOST_BYTES = 400_000
SHORT = "whole-answer"
"""The run that is trained again whenever the tests are."""
EMBEDDED_RUNS = [run for run in RUNS if run.model == EMBEDDED]
# Another machine adds up in another order, which training amplifies: by so much may a figure, and so many of the
# answers, differ.
FIGURE, ANSWERS = 0.1, 0.25


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the files were made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def here(run: Wanted) -> None:
    if run.model != EMBEDDED and folder_here(run.model) is None:
        pytest.skip("the model is not here: make real brings it")


def named(run: Wanted) -> str:
    return run.name


def test_there_are_eight_of_which_two_are_of_a_real_model_and_no_file_is_left_over() -> None:
    assert len(RUNS) >= 8 and len(EMBEDDED_RUNS) >= 6 and len(RUNS) - len(EMBEDDED_RUNS) >= 2
    assert {path.name for path in FOLDER.glob("*.json")} == {path_of(run.name).name for run in RUNS}
    assert len({run.title for run in RUNS}) == len(RUNS)


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_a_file_is_small_and_has_the_run_that_its_settings_ask_for(run: Wanted) -> None:
    assert path_of(run.name).stat().st_size < MOST_BYTES
    found = read(run)
    # As JSON has it: tuples are lists there.
    assert found.config == Prepared.plain(run.config.to_dict())
    replay, scores = found.replay, found.scores
    assert replay.example.id == run.row and scores.example == replay.example
    assert tuple(scores.columns) == run.lanes and replay.of == run.config.steps
    assert [step for step, _ in replay.samples] == [
        step for step in range(1, replay.steps + 1) if is_sampled(step, replay.of, ASKED_EVERY)
    ]
    assert all(len(part) == len(scores) for part in (found.now, found.hidden, found.after))
    assert set(found.figures) >= {"before", "after"} and ("reference" in found.figures) == (run.model == EMBEDDED)
    for figures in found.figures.values():
        assert set(figures.metrics) == set(figures.counts) == set(FIGURES)
    cut = found.state
    if run.config.rule.kind in ("top", "threshold"):
        rule = cut["cuts"][cut["active"]]
        assert (cut["active"], rule["kind"], rule["cut"]) == (
            run.config.rule.scorer,
            run.config.rule.kind,
            run.config.rule.cut,
        )
        assert cut["keep_given"] == run.config.rule.keep_given


@pytest.mark.parametrize("run", EMBEDDED_RUNS, ids=named)
def test_the_row_its_scores_and_the_first_answer_are_those_of_the_model(run: Wanted) -> None:
    found, again = read(run), scored(run)
    assert again.encoded == found.scores.encoded and again.given == found.scores.given
    own = {run.config.rule.scorer} if run.config.learn != "given" else set()
    for name in set(run.lanes) - own:
        assert again.columns[name] == pytest.approx(found.scores.columns[name], abs=1e-3), name
    assert found.replay.before == world(run.model, run.forget).model.generate([found.replay.example.prompt])[0]


def test_a_short_run_comes_out_again_step_by_step(one_thread: None) -> None:
    run = wanted(SHORT)
    assert run.config.steps <= 40
    job, recorder = begun(run)
    for step in job:
        recorder.look(step)
    alike(read(run), dataclasses.replace(read(run), replay=recorder.replay()))


@pytest.mark.gallery
@pytest.mark.parametrize("run", RUNS, ids=named)
def test_every_run_comes_out_again(run: Wanted, one_thread: None) -> None:
    here(run)
    found, again = read(run), make(run)
    alike(found, again)
    for who, figures in found.figures.items():
        assert again.figures[who].counts == figures.counts
        assert again.figures[who].metrics == pytest.approx(figures.metrics, abs=FIGURE), who


def alike(found: Prepared, again: Prepared) -> None:
    """Hold a run that was made again against its file."""
    mine, theirs = found.replay, again.replay
    assert (mine.before, mine.steps, mine.stopped) == (theirs.before, theirs.steps, theirs.stopped)
    assert [point[0] for point in mine.points] == [point[0] for point in theirs.points]
    for (step, *one), (_, *other) in zip(mine.points, theirs.points, strict=True):
        assert one == pytest.approx(other, abs=FIGURE), f"step {step}"
    steps = [step for step, _ in mine.samples]
    assert steps == [step for step, _ in theirs.samples]
    differ = [one[0] for one, two in zip(mine.samples, theirs.samples, strict=True) if one != two]
    assert len(differ) <= ANSWERS * len(steps), f"other answers at steps {differ}"


def test_a_name_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fact"]) == 1
    assert "The prepared run 'fact' is unknown: did you mean 'facts'?" in capsys.readouterr().err


def test_a_file_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("assets.gallery.prepared.FOLDER", tmp_path)
    run = wanted("facts")
    text = path_of("facts").name
    for broken in (None, "", "{}", "[]", '{"version": 1, "settings": {}}'):
        if broken is not None:
            (tmp_path / "facts.json").write_text(broken, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"^{text} is no prepared run .*: make it again with python -m assets"):
            read(run)
