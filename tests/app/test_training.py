"""A visit's run on the embedded model: exactly the visible cut, the shared model untouched."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import MagicMock

import gradio as gr
import pytest
import torch

from app.api.predict import predict_endpoint
from app.api.unlearn import forget_row
from app.server.settings import Settings
from app.visit.run_config import cut_wishes
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.training import corpus_in_view, foresee, train
from attribution import by_hand, select
from unlearn.wishes import run_config

CUT = {"scorer": "fused", "kind": "top", "cut": 0.3, "keep_given": False}


@pytest.fixture(scope="module")
def studio(model) -> Iterator[Studio]:
    """A studio with a small forget set, so that a run is prepared quickly."""
    made = Studio(Settings(max_steps=20), model)
    made.corpus = replace(made.corpus, forget=made.corpus.forget[:40])
    yield made


def visit_at(studio: Studio, row: int, subject: str | None = None) -> Visit:
    example = replace(studio.corpus.forget[row].example, subject=subject)
    return Visit(studio, scores=studio.score(example), split="forget", row=row)


@pytest.mark.parametrize(("strategy", "kind"), [("hard", "top"), ("soft", "soft"), ("sequence", "sequence")])
def test_the_run_trains_the_visible_cut(studio: Studio, strategy: str, kind: str) -> None:
    visit = visit_at(studio, 7)
    edits = "" if strategy == "sequence" else "+0-3"
    config = run_config("", {**cut_wishes({**CUT, "hand": "+0-3"}, strategy, 0.25, visit.forget_row), "steps": 2})
    rule = config.rule
    assert rule.kind == kind
    before = copy.deepcopy(studio.model.model.state_dict())
    trainings = list(train(visit, config))
    visible = by_hand(select(visit.scores, rule), edits)
    assert trainings[-1].selections[7].weights == pytest.approx(visible.weights, abs=1e-6)
    assert visit.last is not None and visit.last.selections[7].kept == visible.kept
    assert len(trainings[-1].steps) == 2 and trainings[-1].samples[-1].step == 2
    for name, weights in studio.model.model.state_dict().items():
        assert torch.equal(weights, before[name]), f"{name} of the shared model changed"


def test_what_is_foreseen_is_taken_back(studio: Studio) -> None:
    visit = visit_at(studio, 7)
    config = run_config("", {**cut_wishes(CUT, "hard", 0.25), "steps": 2, "roll_back": True})
    endpoint = predict_endpoint(MagicMock(of=lambda _: visit))
    found = endpoint(MagicMock(), scorer="fused", top=0.3, steps=2)
    assert found["config"]["steps"] == 2 and set(found["figures"]) == {"retain", "structure", "subject"}
    assert visit.last is None and not visit.busy.locked()
    with visit.training(), pytest.raises(ValueError, match="still training"):
        foresee(visit, config)
    with pytest.raises(gr.Error, match="cannot be tried first"):
        endpoint(MagicMock(), learn="refit", steps=2)


def test_a_chosen_subject_goes_along(studio: Studio) -> None:
    visit = visit_at(studio, studio.opening_row, subject="Who")
    corpus, row = corpus_in_view(visit)
    assert corpus.forget[row].example.subject == "Who"
    assert studio.corpus.forget[row].example.subject is None
    own = replace(visit, split="own", row=None)
    assert corpus_in_view(own) == (studio.corpus, studio.opening_row)
    rows = [each.forget_row for each in (visit, own, replace(visit, split="world", row=7), Visit(studio))]
    assert rows == [studio.opening_row, None, None, studio.opening_row]


def test_stop_ends_within_a_step_and_keeps_what_there_is(studio: Studio) -> None:
    visit = visit_at(studio, 0)
    seen = 0
    for training in train(visit, run_config("", {**cut_wishes(CUT, "hard", 1), "steps": 20})):
        seen = len(training.steps)
        if seen == 3:
            visit.stop()
    assert seen in (3, 4)
    assert visit.last is not None and visit.last.stopped and len(visit.last.steps) == seen
    assert visit.last.samples[-1].step == seen


def test_a_collapse_leads_back_to_the_best_sound_step(studio: Studio) -> None:
    visit = visit_at(studio, 0)
    wishes = {"steps": 15, "learning_rate": 3e-3, "roll_back": True}
    trainings = list(train(visit, run_config("sequence-ga", wishes), "sequence-ga"))
    kept = visit.last
    assert kept is not None and kept.preset == "sequence-ga" and kept.stopped and len(kept.steps) < 15
    assert kept.rolled_back_to == trainings[-1].rolled_back_to == kept.samples[-1].step
    assert kept.way_back is None and "collapsed at step" in kept.notes[0]
    # What the model says is what it said then: nothing it has lost since.
    assert kept.samples[-1].answer == kept.model.generate([studio.corpus.forget[0].example.prompt])[0]
    assert visit.go_back() is kept and kept.samples[-1].step == kept.rolled_back_to


def test_bad_wishes_are_one_sentence(studio: Studio) -> None:
    with pytest.raises(ValueError, match="What is pushed is 'firm'"):
        run_config("", cut_wishes(CUT, "firm", 1))
    for name in ("retain:0", "forget", "forget:x", "forget:40000"):
        with pytest.raises(ValueError, match="row"):
            forget_row(studio, name)
    nothing = run_config("", {**cut_wishes({**CUT, "kind": "threshold", "cut": 2.0}, "hard", 1), "steps": 2})
    visit = visit_at(studio, 0)
    with pytest.raises(ValueError, match="selects no token"):
        list(train(visit, nothing))
    assert not visit.busy.locked() and visit.last is None


def test_rows_that_cannot_be_scored_are_explained(studio: Studio) -> None:
    from attribution import Example

    with pytest.raises(ValueError, match="takes at most"):
        studio.score(Example("?", "a" * 30_000))
    with pytest.raises(ValueError, match="reads at most"):
        studio.score(Example("?", "word " * 2_000))
    with pytest.raises(ValueError, match="neither in the prompt"):
        studio.score(Example("Where?", "There.", subject="Nobody"))
    with pytest.raises(ValueError, match="rows 0 to"):
        studio.row("world", 10_000)


def test_a_step_is_timed_by_taking_some(studio: Studio) -> None:
    studio._seconds_per_step = None
    assert 0 < studio.calibrate() < 60
    assert studio.seconds_per_step == studio.calibrate()


def test_whoever_looks_slowly_holds_no_run_up(studio: Studio) -> None:
    visit = visit_at(studio, 7)
    config = run_config("", {**cut_wishes(CUT, "hard", 0.25, visit.forget_row), "steps": 6})
    states = train(visit, config)
    assert not next(states).steps
    while visit.last is None:
        time.sleep(0.05)
    assert [len(state.steps) for state in states] == [6]


def test_a_run_that_nobody_looks_at_any_more_ends_and_leaves_the_place(studio: Studio) -> None:
    visit = visit_at(studio, 7)
    config = run_config("", {**cut_wishes(CUT, "hard", 0.25, visit.forget_row), "steps": 20})
    states = train(visit, config)
    next(states)
    states.close()
    assert visit.busy.acquire(timeout=60)
    visit.busy.release()
    assert visit.runs == []
