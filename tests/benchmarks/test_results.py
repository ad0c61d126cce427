"""`python -m benchmarks results` from training to the page, on models too small to learn anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results_models import Scale, embedded_corpus


@pytest.fixture
def tofu(tmp_path: Path) -> Path:
    """Files in TOFU's own format, with invented rows."""
    folder = tmp_path / "tofu"
    folder.mkdir()
    for name, who in (("forget10", "Ada"), ("retain90", "Bo")):
        rows = [{"question": f"Where was {who} {n} born?", "answer": f"In Torvik, in {1900 + n}."} for n in range(4)]
        (folder / f"{name}.json").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_it_trains_scores_unlearns_and_goes_on_where_it_stopped(tmp_path, tofu, monkeypatch, capsys):
    short = "+steps=1+forget_batch=2+retain_batch=2"
    arguments = ["--scale", "tiny", "--models", "gpt2", "--tofu", str(tofu), "--seeds", "0", "--points", "2"]
    arguments += ["--arms", f"random{short},sequence{short}", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(results, "AGAINST", f"ours{short}")
    results.main(arguments)
    page = capsys.readouterr().out
    assert "### GPT2LMHeadModel on the embedded world" in page and "### Llama on TOFU" in page
    # The rows of the world have marked facts, and TOFU's have none.
    assert "AUROC per answer" in page and "No facts are marked" in page
    assert "forget recall" in page and "forget rouge l" in page
    assert "It recalls nothing" in page.split("### Llama on TOFU")[0]
    assert (tmp_path / "out" / "results.md").read_text(encoding="utf-8") == page

    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    assert len(made) == 4
    monkeypatch.setattr(results, "train", lambda *_: pytest.fail("a model was trained again"))
    monkeypatch.setattr(results.Bench, "trial", lambda *_: pytest.fail("a trial was made again"))
    results.main(arguments)
    assert capsys.readouterr().out == page
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_a_reduced_world_keeps_its_parts_together():
    corpus = embedded_corpus(Scale(retain_authors=3, rows=5, forget_rows=50))
    assert len(corpus.forget) == 50 and len(corpus.world) == 5
    assert {row.author for row in corpus.retain} == {0, 1, 2}
    assert {row.author for row in corpus.paraphrase} <= {row.author for row in corpus.forget}
    assert corpus.reference is None


def test_an_unknown_model_says_which_there_are():
    with pytest.raises(SystemExit, match="'mamba' is unknown: choose from llama, qwen3, gpt2"):
        results.main(["--models", "mamba"])
