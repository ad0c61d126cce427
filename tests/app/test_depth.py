"""The depth of a run on the page: in words, as a map, measured once, and what is said before there is a run."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

import app.visit.trials as trials
from app.api.depth import depth_endpoint
from app.look.figures import depth_map
from app.rooms.compare.depth import DepthCard
from app.rooms.compare.words import depth_html
from app.server.settings import Settings
from app.visit.session import Visit
from unlearn import Corpus
from unlearn.depth import Depth, DepthRow

ROW = DepthRow(
    id="a",
    question="Who <wrote> it?",
    tokens=(" By", " <b>Ada"),
    facts=(False, True),
    log_probs=(-0.1, -0.2),
    known=((0.0, 0.01), (0.0, 4.0)),
    missing=((0.0, 0.5), (0.0, 1.0)),
    score=0.25,
)
FOUND = Depth("patching", 0.25, 1, (0.01, 4.0), (0.5, 1.0), (0.001, -0.002), (ROW,))
LENS = Depth("lens", None, 0, (), (0.5, -1.0), (), (DepthRow(**{**vars(ROW), "known": (), "score": None}),))


def test_words_say_which_end_is_which_and_show_every_block() -> None:
    said = depth_html(FOUND)
    assert "<b>Depth 0.25</b> of 1, over 1 row" in said and said.count("<tr><th scope=") == 2 + 1
    assert "4.000" in said and "\u22120.002" in said and "Misfit" in said
    assert "logit lens" in depth_html(LENS) and "Misfit" not in depth_html(LENS)
    assert "no depth to measure" in depth_html(Depth("patching", None, 0, (0.0,), (0.0,), (0.0,), ()))


def test_a_cell_is_what_is_gone_of_what_was_known() -> None:
    (heat,) = depth_map(ROW).data
    assert [list(line) for line in heat.z] == [[None, None], [None, 0.25]]
    assert "&lt;b&gt;Ada" in heat.text[1][1] and "1.00 nats of 4.00" in heat.text[1][1]
    (heat,) = depth_map(LENS.rows[0]).data
    assert [list(line) for line in heat.z] == [[None, 0.5], [None, 1.0]] and heat.zmin == -1.0


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    calls: list[str] = []

    def measured(model: str, original: str, retrained: str, corpus: Corpus) -> Depth:
        calls.append(model)
        assert (original, retrained) == ("original", "retrained") and len(calls) == 1, "measured once"
        return FOUND

    monkeypatch.setattr(trials, "depth", measured)
    studio = SimpleNamespace(
        model="original",
        corpus="rows",
        settings=Settings(),
        run_megabytes=1,
        unchanging=lambda: {"original": "original", "reference": "retrained"},
    )
    kept = SimpleNamespace(number=1, name="Run 1", model="run", depth=None, weights=threading.RLock())
    return Visit(studio, runs=[kept])


def test_the_card_measures_once_and_shows_a_map(visit: Visit) -> None:
    card = DepthCard(SimpleNamespace(of=lambda session: visit))
    card.card, card.go, card.result, card.row, card.map, card.notice = "card go result row map notice".split()
    asked = SimpleNamespace(session_hash="s")
    for _ in range(2):
        busy, done = card.start(asked)
        assert not busy["go"]["interactive"] and done["go"]["interactive"]
        assert "Depth 0.25" in done["result"] and done["row"]["choices"] == [("Who <wrote> it?", 0)]
    assert card.at_rest(visit)["map"]["visible"]
    assert card.chosen(0, asked)["map"] == depth_map(ROW)
    assert "press Look inside" in str(card.chosen(5, asked))


def test_the_endpoint_gives_plain_figures_and_as_many_maps_as_were_asked_for(visit: Visit) -> None:
    depth = depth_endpoint(SimpleNamespace(of=lambda session: visit))
    found = depth(SimpleNamespace(session_hash="s"), maps=1)
    assert (found["run"], found["score"], found["known"], len(found["rows"])) == (1, 0.25, (0.01, 4.0), 1)
    visit.runs.clear()
    with pytest.raises(Exception, match="There is no run to measure"):
        depth(SimpleNamespace(session_hash="s"))
