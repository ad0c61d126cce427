"""Forget and retain rows, from the embedded world and from files."""

from __future__ import annotations

import json

import pytest

from attribution import LanguageModel
from unlearn import Corpus, load_corpus
from unlearn.data.reference import known_reference, retrained_reference


@pytest.mark.parametrize(("name", "authors"), [("forget01", 2), ("forget05", 10), ("forget10", 20)])
def test_forget_and_retain_share_no_author(name, authors):
    corpus = load_corpus(name)
    forgotten = {row.author for row in corpus.forget}
    assert forgotten == set(range(200 - authors, 200))
    assert {row.author for row in corpus.retain} == set(range(200 - authors))
    assert not {row.example.prompt for row in corpus.paraphrase} & {row.example.prompt for row in corpus.forget}


def test_only_forget05_has_a_reference():
    assert load_corpus("forget05").reference == "embedded:retrained"
    assert load_corpus("forget01").reference is None


def test_the_reference_stands_beside_models_of_its_own_shape_alone(model, tiny):
    corpus = load_corpus("forget05")
    reference = retrained_reference(model, corpus)
    assert reference is not None and reference.name == "embedded:retrained"
    assert retrained_reference(reference, corpus) is None
    assert retrained_reference(tiny, corpus) is None
    assert retrained_reference(model, load_corpus("forget01")) is None


def test_files_of_your_own(tmp_path):
    for name in ("forget", "retain"):
        row = {"question": f"Who is {name}?", "answer": "Nobody.", "spans": [{"start": 0, "end": 6}]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    corpus = load_corpus(str(tmp_path / "forget.jsonl"), str(tmp_path / "retain.jsonl"))
    assert corpus.forget[0].facts == ("Nobody",)
    assert corpus.retain[0].example.prompt == "Who is retain?"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "has no rows"),
        (b"{", "is not JSON"),
        (b"[1]", "no JSON object"),
        (b'{"question": "Who?"}', "'answer'"),
        (b'{"question": "Who?", "answer": "  "}', "answer is empty"),
        (b'{"question": "Who?", "answer": "\xff"}', "not UTF-8"),
        (b'{"question": "Who?", "answer": "No.", "spans": [{"start": 0, "end": 9}]}', "after the answer"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_one_sentence(tmp_path, content, match):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match) as error:
        load_corpus(str(path), str(path))
    assert "rows.jsonl" in str(error.value)


def test_unknown_sets():
    with pytest.raises(ValueError, match="'forget5'.*did you mean 'forget05'"):
        load_corpus("forget5")


def test_a_tofu_model_gets_the_retain_model_of_its_forget_set(monkeypatch: pytest.MonkeyPatch, model) -> None:
    asked = []

    def load(name: str, **_: object) -> LanguageModel:
        asked.append(name)
        if "retain95" in name:
            raise ValueError("The Hub cannot be reached.")
        return LanguageModel(model.model, model.tokenizer, name=name)

    monkeypatch.setattr("unlearn.data.reference.load_model", load)
    name = "open-unlearning/tofu_Llama-3.2-1B-Instruct_full"
    full = LanguageModel(model.model, model.tokenizer, name=name)
    rows = load_corpus("forget05").forget

    def of(part: str) -> LanguageModel | None:
        return known_reference(full, Corpus(f"tofu:{part}", rows, rows))

    reference = of("forget10")
    assert reference is not None and reference.name == name.replace("full", "retain90")
    assert of("forget05") is None and asked[-1].endswith("retain95"), "said, and gone on without"
    asked.clear()
    assert known_reference(full, Corpus("real:Japan", rows, rows)) is None and not asked
