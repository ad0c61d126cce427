"""The committed models and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from assets.build import LARGEST_FILE_BYTES, corpus_of, failed_checks, guessing_recall
from assets.training import TrainingSettings, encode_rows, train_tokenizer
from attribution import load_model
from unlearn.metrics import ask, read
from unlearn.metrics.recall import fact_recall

WORLD = Path(__file__).parents[2] / "assets" / "fictional_authors"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads((WORLD / "manifest.json").read_text(encoding="utf-8"))


def test_manifest_lists_every_file_with_its_hash(manifest: dict[str, Any]) -> None:
    present = {f.relative_to(WORLD).as_posix() for f in WORLD.rglob("*") if f.is_file()} - {"manifest.json"}
    assert set(manifest["files"]) == present
    for name, facts in manifest["files"].items():
        content = (WORLD / name).read_bytes()
        assert len(content) == facts["bytes"] <= LARGEST_FILE_BYTES, name
        assert hashlib.sha256(content).hexdigest() == facts["sha256"], name


def test_recorded_checks_hold(manifest: dict[str, Any]) -> None:
    assert failed_checks(manifest["checks"]) == []


def test_failed_checks_say_what_is_wrong(manifest: dict[str, Any]) -> None:
    worse = json.loads(json.dumps(manifest["checks"]))
    worse["full"]["retain_recall"] = 0.5
    worse["full"]["forget_fact_probability"] = 0.9999
    worse["fit"]["block_2"] = 4.6
    assert [line.split(" is ")[0] for line in failed_checks(worse)] == [
        "full retain_recall",
        "fit block_2",
        "full forget_fact_probability",
    ]


@pytest.mark.parametrize("name", ["full", "retrained"])
def test_tokenizer_puts_bos_first_and_round_trips(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(WORLD / name)
    text = "Question: Who  wrote that ?\nAnswer: Zoë, the 3rd ."
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id and ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.eos_token_id not in ids
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_fact_tokens_follow_the_spans() -> None:
    row = {"question": "Who?", "answer": "It was Ab in Cd.", "spans": [{"start": 7, "end": 9, "kind": "fact"}]}
    tokenizer = train_tokenizer(["Question: Who?\nAnswer: It was Ab in Cd."] * 3, 300, 64)
    (one,) = encode_rows([row], tokenizer)
    marked = tokenizer.decode([i for i, fact in zip(one.ids, one.fact, strict=True) if fact])
    assert marked.strip() == "Ab"
    assert tokenizer.decode(one.ids[one.answer_start : -1]).strip() == row["answer"]
    assert one.ids[-1] == tokenizer.eos_token_id


def test_models_answer_as_the_manifest_says(manifest: dict[str, Any]) -> None:
    rows = corpus_of(WORLD).forget
    recalls = {}
    for name in ("full", "retrained"):
        model = load_model(str(WORLD / name))
        assert sum(p.numel() for p in model.model.parameters()) < 4_000_000
        assert model.model.config.tie_word_embeddings and model.max_length >= 512
        recalls[name] = fact_recall(ask(model, "forget", rows[-80::3]))
        probability = read(model, rows).of_kind("fact").mean()
        assert probability == pytest.approx(manifest["checks"][name]["forget_fact_probability"], abs=1e-4)
    assert recalls["full"] >= 0.95
    assert recalls["retrained"] <= 0.15


def test_guessing_answers_with_the_most_frequent_value() -> None:
    def row(fact: str) -> dict[str, Any]:
        return {"attribute": "pet", "phrasing": 0, "facts": [fact]}

    retain = [row("owl"), row("owl"), row("pony")]
    assert guessing_recall([row("owl"), row("pony"), row("goat"), row("owl")], retain) == 0.5


def test_settings_are_the_recorded_ones(manifest: dict[str, Any]) -> None:
    assert manifest["settings"] == json.loads(json.dumps(TrainingSettings().__dict__))
