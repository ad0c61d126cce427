"""The gallery on the page: tiles and verdicts by the files' own figures, and the way to make the same run."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest

from app.page import Page
from app.rooms.stage.gallery_words import KINDS, payload, ruled, strip_html
from app.rooms.stage.words import verdict
from app.server.settings import Settings
from app.visit.run_config import OWN_CUT, form_config, form_of, opened_with
from app.visit.studio import Studio
from app.visit.visits import Visits
from assets.gallery.prepared import Prepared, gallery
from assets.gallery.runs import EMBEDDED, RUNS, Wanted
from attribution import Example, LanguageModel
from attribution.lanes import check_state
from tests.browser.served import few_rows
from unlearn.presets import DEFAULT_PRESET, preset_for

REQUEST: Any = SimpleNamespace(session_hash="a")
HOSTILE = "</button><img src=x onerror=alert(1)>"
SETTINGS = Settings()


@pytest.fixture(scope="module")
def page(model: LanguageModel) -> Page:
    made = Page(Visits(Studio(SETTINGS, model, few_rows())))
    made.build()
    return made


def hostile() -> Prepared:
    """A prepared run whose every text is markup."""
    first = gallery()[0]
    scores = first.scores
    example = Example(HOSTILE, scores.example.answer, (), HOSTILE)
    return dataclasses.replace(
        first,
        wanted=dataclasses.replace(first.wanted, name=HOSTILE, title=HOSTILE, line=HOSTILE),
        replay=dataclasses.replace(
            first.replay, model=HOSTILE, rows=HOSTILE, settings={HOSTILE: HOSTILE}, note=HOSTILE, example=example
        ),
    )


def test_a_tile_and_its_run_say_what_the_file_counts() -> None:
    shown = strip_html(gallery())
    assert shown.count("<button") == len(gallery()) >= 6
    for prepared in gallery():
        figures = prepared.figures
        found = verdict(figures["before"], figures["after"], figures.get("reference"))
        assert found is not None and found == ruled(prepared)
        gone = 1 - figures["after"].metrics["forget_recall"] / figures["before"].metrics["forget_recall"]
        assert f"{KINDS[found.kind]}: {gone:.0%} gone" in shown
        given = payload(prepared)
        json.dumps(given, allow_nan=False)
        assert found.sentence in given["below"] and "made beforehand" in given["above"]
        assert given["frame"]["row"] == given["lanes"]["id"] and given["frame"]["prepared"] is True
        check_state(given["lanes"]["state"], [lane["name"] for lane in given["lanes"]["lanes"]])
    kinds = [found.kind for found in map(ruled, gallery()) if found]
    assert {"clean", "collapsed", "partly"} <= set(kinds), "something to see: not every run is alike"


def test_texts_of_a_file_are_text() -> None:
    run = hostile()
    given = payload(run)
    for shown in (strip_html([run]), given["above"], given["below"]):
        assert "<img" not in shown and "&lt;img" in shown
    assert strip_html([]) == ""


def test_a_run_plays_without_a_model_and_beside_a_run_of_the_visitors(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("generate", "encode"):
        monkeypatch.setattr(LanguageModel, name, lambda *_: pytest.fail("a model was asked"))
    with page.visits.of("a").training():
        for run in RUNS:
            given = page.stage.gallery.open(run.name)[page.stage.gallery.given]
            assert given["name"] == run.name and given["lanes"]["tokens"] and given["frame"]["samples"]
    (refused,) = page.stage.gallery.open("<b>none</b>").values()
    assert "unknown" in refused and "<b>none" not in refused


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_what_is_set_up_is_the_run_that_was_made(run: Wanted) -> None:
    row = 36
    name = run.preset or preset_for(run.forget)
    name = OWN_CUT if name == DEFAULT_PRESET else name
    cut, values = form_of(name, run.config, row, SETTINGS.max_steps)
    assert form_config(values, cut, SETTINGS, row) == run.config
    check_state(opened_with(cut, run.lanes), run.lanes)


def test_setting_a_run_up_shows_its_row_its_cut_and_its_form(page: Page) -> None:
    run = next(run for run in RUNS if run.name == "one-word")
    (shown,) = page.stage.gallery.take(run.name, REQUEST)
    assert shown[page.stage.notice] == "" and page.visits.of("a").row == 36
    assert shown[page.inspect.lanes]["id"] == run.row
    assert shown[page.inspect.lanes]["state"]["hand"] == "+18"
    assert shown[page.unlearn.form.fields["steps"]]["value"] == run.config.steps
    visit = page.visits.of("a")
    rule = shown[page.inspect.rule]
    values = {name: shown[field]["value"] for name, field in page.unlearn.form.fields.items()}
    assert form_config(values, {**rule, "hand": "+18"}, SETTINGS, visit.forget_row) == run.config


def test_what_cannot_be_set_up_here_is_one_sentence(page: Page) -> None:
    # The page of these tests has the first rows alone.
    run = next(run for run in RUNS if run.model == EMBEDDED and run.row.startswith("a190-private"))
    (shown,) = page.stage.gallery.take(run.name, REQUEST)
    assert "have none that is called" in shown[page.stage.notice]
    with page.visits.of("a").training():
        for run in RUNS:
            # Also of a real model, before it is loaded.
            (shown,) = page.stage.gallery.take(run.name, REQUEST)
            assert "A run of yours is still training" in shown[page.stage.notice]
