"""Stresses on a run: made once, beside the models that nobody changes, and shown with what they are over."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import app.visit.trials as trials
from app.look.answers import results_html
from app.server.settings import Settings
from app.visit.session import Visit
from app.visit.trials import found, stressed
from attribution import Example
from attribution.data.rows import Row
from unlearn import Corpus
from unlearn.stress import Stress


def one(kind: str, after: float, title: str = "20 steps") -> Stress:
    detail = {"retain_before": 1.0, "retain_after": 0.9, "retain_n": 60}
    return Stress(kind, title, "fact recall", 0.1, after, 49, 49, detail)


def place(monkeypatch: pytest.MonkeyPatch, seconds: int = 60) -> tuple[SimpleNamespace, Visit, list[tuple[str, str]]]:
    """A studio and a visit with a run, and the calls that reach the library: (model, kind)."""
    rows = tuple(Row(Example(f"{k}?", "Yes.")) for k in range(200))
    studio = SimpleNamespace(
        corpus=Corpus("toy", rows, rows),
        settings=Settings(run_seconds=seconds),
        stressed={},
        run_megabytes=1,
        unchanging=lambda: {"original": "original", "reference": "reference"},
    )
    calls: list[tuple[str, str]] = []

    def made(model, corpus, kinds, keep):
        calls.append((model, kinds[0]))
        assert (len(corpus.forget), len(keep)) == (80, 60)
        yield one(kinds[0], {"run": 0.6, "original": 1.0, "reference": 0.05}[model])

    monkeypatch.setattr(trials, "stress", made)
    return studio, Visit(studio, runs=[SimpleNamespace(number=1, name="Run 1", model="run", stressed={})]), calls


def test_a_stress_is_made_once_for_each_model(monkeypatch) -> None:
    studio, visit, calls = place(monkeypatch)
    said = list(stressed(visit, ("relearning",)))
    assert len(said) == 3 and said[0].startswith("Relearning, Run 1: ")
    assert list(stressed(visit, ("relearning",))) == []
    assert calls == [("run", "relearning"), ("original", "relearning"), ("reference", "relearning")]
    # Another run of the same studio: the unchanging models are known already.
    visit.runs.append(SimpleNamespace(number=2, name="Run 2", model="run", stressed={}))
    list(stressed(visit, ("relearning",)))
    assert calls[3:] == [("run", "relearning")]
    assert {who: of["relearning"][0].after for who, of in found(visit).items()} == {
        "run": 0.6,
        "original": 1.0,
        "reference": 0.05,
    }


def test_it_ends_when_told_and_when_it_takes_too_long(monkeypatch) -> None:
    studio, visit, calls = place(monkeypatch)
    with pytest.raises(ValueError, match="start one first"):
        list(stressed(Visit(studio), ("relearning",)))
    going = stressed(visit, ("relearning", "quantisation"))
    next(going)
    visit.stop()
    with pytest.raises(ValueError, match="Stopped"):
        list(going)
    assert len(calls) == 1 and not visit.busy.locked()
    # The module's clock alone: a page served beside this test goes on with the real one.
    monkeypatch.setattr(trials, "time", SimpleNamespace(monotonic=iter([0.0, 61.0]).__next__))
    with pytest.raises(ValueError, match="longer than the 60 s"):
        list(stressed(visit, ("relearning",)))


def test_the_table_says_what_came_back_of_what_and_what_was_not_measured() -> None:
    results = {
        "run": {
            "relearning": (one("relearning", 0.6, "<b>20</b> steps"),),
            "quantisation": (one("quantisation", 0.1),),
        },
        "reference": {"relearning": (one("relearning", 0.05, "<b>20</b> steps"),)},
    }
    table = results_html(results)
    assert "to forget 0.10 → <b>0.60</b>" in table and "to keep 1.00 → <b>0.90</b>" in table and "n = 49" in table
    assert "0.05" in table and table.count("not measured") == 1
    assert "<b>20" not in table and "&lt;b&gt;20" in table
    assert results_html({"original": results["run"]}) == ""
