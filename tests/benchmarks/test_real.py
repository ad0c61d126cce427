"""The benchmark of a real model writes its page; here on the embedded one and a handful of rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks import real
from unlearn import Corpus, load_corpus


def few(_: str) -> Corpus:
    whole = load_corpus("forget01")
    return dataclasses.replace(
        whole,
        forget=whole.forget[:4],
        paraphrase=whole.paraphrase[:2],
        retain=whole.retain[:4],
        world=whole.world[:2],
        neighbours=2,
    )


def test_the_page_has_scorers_the_timed_run_and_the_cost_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real, "load_corpus", few)
    real.main(["--model", "embedded", "--forget", "forget01", "--arms", "", "--steps", "1", "--out", str(tmp_path)])
    page = (tmp_path / "real.md").read_text(encoding="utf-8")
    assert "4 rows to forget, 2 about neighbours and 2 others to keep" in page
    assert "| forget | paraphrase | neighbours | the rest | world |" in page
    assert "1 steps from block 1 on" in page and "with the blocks below read once" in page
    assert "masking" in page and "GB" in page
