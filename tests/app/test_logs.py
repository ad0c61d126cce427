"""Two evaluation logs on the page: compared once both are there, whatever stands in them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.rooms.compare import logs
from app.rooms.compare.logs import LogsCard
from app.server.settings import Settings
from app.visit.visits import Visits


@pytest.fixture
def card() -> LogsCard:
    import gradio as gr

    card = LogsCard(Visits(SimpleNamespace(settings=Settings())))  # type: ignore[arg-type]
    with gr.Blocks():
        card.build()
        card.wire()
    return card


def log(folder: Path, name: str, ratios: list[float], **more: Any) -> str:
    rows = {str(row): {"score": ratio} for row, ratio in enumerate(ratios)}
    entry = {"agg_value": sum(min(ratio, 1 / ratio) for ratio in ratios) / len(ratios), "value_by_index": rows}
    path = folder / name
    path.write_text(json.dumps({"forget_truth_ratio": entry, **more}), encoding="utf-8")
    return str(path)


def test_nothing_is_said_until_both_are_there(card, tmp_path):
    path = log(tmp_path, "a.json", [0.5, 1.5])
    assert card.compare(path, None)[card.result] == card.compare(None, path)[card.result] == ""


def test_both_are_compared_and_nothing_of_theirs_is_html(card, tmp_path):
    hostile = {"<img src=x onerror=alert(1)>\x1b[2J": {"agg_value": 0.5}}
    low = log(tmp_path, "<b>a.json", [0.1 + row / 100 for row in range(20)] + [1.5], **hostile)
    high = log(tmp_path, "b.json", [2 + row / 100 for row in range(20)], **hostile)
    said = card.compare(low, high)
    assert said[card.notice] == ""
    assert "A&#x27;s are lower" in said[card.result] and "n = 21 and 20" in said[card.result]
    assert "A is &lt;b&gt;a.json, B is b.json" in said[card.result] and "P_wrong / P_right" in said[card.result]
    assert "<img" not in said[card.result] and "\x1b" not in said[card.result]


def test_what_is_no_log_is_one_sentence(card, tmp_path, monkeypatch):
    good, bad = log(tmp_path, "a.json", [0.5]), tmp_path / "bad.json"
    bad.write_text("[" * 50_000, encoding="utf-8")
    said = card.compare(good, str(bad))
    assert list(said) == [card.notice] and "&#x27;bad.json&#x27; is no JSON" in said[card.notice]
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    bad.write_text(" " * 1001, encoding="utf-8")
    assert "is larger than" in card.compare(good, str(bad))[card.notice]
    # Its place on the server is not told.
    assert str(tmp_path) not in card.compare(good, str(tmp_path / "none.json"))[card.notice]
