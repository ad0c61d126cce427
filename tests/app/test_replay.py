"""A model that comes with its replay: the page plays what the run's own frame had, without training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.page import Page
from app.rooms.stage.frames import kept_frame
from app.server.settings import Settings
from app.visit.studio import OWN, Studio
from app.visit.training import train
from app.visit.visits import Visits
from attribution import LanguageModel, Rule, load_model
from unlearn import RunConfig, load_corpus, run
from unlearn.export import save
from unlearn.replay import REPLAY_FILE, Recorder

REQUEST: Any = SimpleNamespace(session_hash="a")
CONFIG = RunConfig(rule=Rule("entropy", "top", 0.4), steps=3, forget_batch=4, retain_batch=4, probe_every=2)


@pytest.fixture(scope="module")
def page(model: LanguageModel) -> Page:
    whole = load_corpus("forget01")
    corpus = replace(whole, forget=whole.forget[:4], retain=whole.retain[:4], paraphrase=(), world=())
    made = Page(Visits(Studio(Settings(), model, corpus)))
    made.build()
    return made


@pytest.fixture(scope="module")
def saved(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the page would train, by the library."""
    studio, folder = page.studio, tmp_path_factory.mktemp("replayed")
    job = run(studio.model, studio.corpus, CONFIG, mask_scope="subject")
    recorder = Recorder(job, studio.opening_row)
    for step in job:
        recorder.look(step)
    save(job, folder, replay=recorder.replay())
    return folder


def test_a_replay_is_the_frame_of_the_run_that_it_was_made_of(page: Page, saved: Path) -> None:
    visit = page.visits.of("a")
    *_, _ = train(visit, CONFIG)
    own = kept_frame(visit.last, page.studio, instead=True)
    assert own is not None and len(own["samples"]) == 2 and len(own["points"]) == 4

    visit.take(Studio(page.studio.settings, load_model(str(saved)), page.studio.corpus))
    offered = page.own.asking_of(REQUEST)
    assert offered[page.own.player.play]["visible"] and "entropy" in offered[page.own.player.said]
    shown = page.own.player.open(REQUEST)
    assert shown[page.own.notice] == "" and visit.split == OWN and visit.scores is not None
    lanes = shown[page.inspect.lanes]
    assert lanes["id"] == own["row"] and [lane["name"] for lane in lanes["lanes"]] == ["entropy", "masking"]
    assert lanes["lanes"][0]["scores"] == pytest.approx(page.studio.opening.columns["entropy"], abs=1e-6)
    assert shown[page.inspect.rule] == {"scorer": "entropy", "kind": "top", "cut": 0.4, "keep_given": False}

    frame = page.stage.replay("", REQUEST)
    json.dumps(frame, allow_nan=False)
    assert set(frame) == set(own)
    differ = {name for name in frame if frame[name] != own[name]}
    assert differ <= {"run", "note", "instead"} and frame["note"].startswith("A replay. embedded forgets")
    assert page.stage.replay("", REQUEST)["run"] != frame["run"], "pressed again, it plays again"
    assert page.stage.replay("why not", REQUEST)["__type__"] == "update"


def test_a_replay_that_is_none_is_said_and_the_model_can_be_used(page: Page, saved: Path) -> None:
    visit, player = page.visits.of("a"), page.own.player
    text = (saved / REPLAY_FILE).read_text(encoding="utf-8")
    record = json.loads(text)
    markup = {**record, "model": "<img src=x>", "settings": {"<b>": "<i>"}}
    other = {**record, "example": {**record["example"], "answer": "<b>Nobody</b> was born.", "spans": []}}
    visit.take(Studio(page.studio.settings, load_model(str(saved)), page.studio.corpus))
    try:
        (saved / REPLAY_FILE).write_text(json.dumps(markup), encoding="utf-8")
        said = player.offered(visit.studio)[player.said]
        assert "<img" not in said and "<b><b>" not in said and "<i>" not in said and "&lt;i&gt;" in said
        (saved / REPLAY_FILE).write_text(json.dumps(other), encoding="utf-8")
        assert "play it with the model that it was saved with" in player.open(REQUEST)[page.own.notice]
        (saved / REPLAY_FILE).write_text("{}", encoding="utf-8")
        offered = player.offered(visit.studio)
        assert not offered[player.play]["visible"] and "is no replay" in offered[player.said]
        assert "is no replay" in player.open(REQUEST)[page.own.notice]
        (saved / REPLAY_FILE).unlink()
        assert not player.offered(visit.studio)[player.card]["visible"]
        assert "no replay: take one" in player.open(REQUEST)[page.own.notice]
    finally:
        (saved / REPLAY_FILE).write_text(text, encoding="utf-8")
