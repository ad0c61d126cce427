"""The log of subjects that nobody prepared; here on the embedded model, whose own rows stand in for an interview."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attribution import LanguageModel
from benchmarks import about
from unlearn import Corpus, load_corpus
from unlearn.asking.about import Interview, Said
from unlearn.presets import preset

SAID = Said("Who is Ada | Quell?", "Who was she?", "A poet.", ("A poet.",), ("poet",))
SILENT = dataclasses.replace(SAID, question="When was she born?", struck="says something else each time")


def few(*_: object) -> Corpus:
    whole = load_corpus("forget01")
    parts = {kind: getattr(whole, kind)[:3] for kind in ("forget", "paraphrase", "retain", "world")}
    return dataclasses.replace(whole, **parts)


def test_every_answer_is_in_the_log_and_a_subject_that_is_unknown_has_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = preset("real")
    short = dataclasses.replace(short, config=dataclasses.replace(short.config, steps=1))

    def known(model: LanguageModel, found: Interview) -> Corpus:
        if found.subject == "Nobody":
            raise ValueError("embedded knows nothing of Nobody.")
        return few()

    monkeypatch.setattr(about, "interview", lambda _, subject, *__: Interview(subject, "person", (SAID, SILENT)))
    monkeypatch.setattr(about, "corpus_about", known)
    monkeypatch.setattr(about, "preset", lambda _: short)
    out = tmp_path / "about.md"
    about.main(["Ada Quell", "Nobody", "--model", "embedded", "--out", str(out)])
    first, _, second = out.read_text(encoding="utf-8").partition("## Nobody")
    assert "Taken for a person; 1 of 2 answers are trained." in first
    assert "When was she born? (says something else each time)" in first
    assert all(f"| {row.example.prompt} | " in first for row in (*few().forget, *few().paraphrase))
    assert "| before | 1.00 |" in first and "speaks" in first
    assert "embedded knows nothing of Nobody." in second and "| question |" not in second
    assert about.cell("a <b> |\nc") == "a &lt;b> \\| c"
