"""Recalls and probabilities against answers made by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from attribution import Example, Span
from attribution.data.rows import Row
from unlearn import Corpus, evaluate
from unlearn.metrics import MAX_NEW_TOKENS, Answer, Prober, ask, evaluation_rows, read
from unlearn.metrics.answers import answer_room


def answer(said: str, *facts: str) -> Answer:
    return Answer("forget", "Who?", "Question: Who?\nAnswer:", "truth", facts, said)


def test_a_fact_is_recalled_when_its_string_appears():
    assert answer("She was born in Torvik.", "Torvik").recalled == 1
    assert answer("She was born in torvik.", "Torvik").recalled == 0
    assert answer("Torvik, 1901.", "Torvik", "1902", "1901").recalled == 2


def test_every_forget_paraphrase_and_world_row_is_asked_and_at_least_200_to_retain():
    from unlearn import load_corpus

    corpus = load_corpus("forget05")
    rows = evaluation_rows(corpus)
    assert rows["forget"] == corpus.forget
    assert rows["paraphrase"] == corpus.paraphrase
    assert rows["world"] == corpus.world
    assert 200 <= len(set(rows["retain"])) == len(rows["retain"]) < len(corpus.retain)


def test_probabilities_are_sorted_by_kind_of_token(tiny):
    example = Example("Who?", "Ada went to Torvik.", (Span(0, 3, "subject"), Span(12, 18, "fact")))
    encoded = tiny.encode(example)
    found = read(tiny, [Row(example)])
    with torch.no_grad():
        logits = tiny.model(input_ids=torch.tensor([encoded.input_ids])).logits[0].log_softmax(-1)
    log_probs = [logits[p - 1, encoded.input_ids[p]].item() for p in encoded.answer_positions]
    by_kind = {
        kind: [math.exp(lp) for lp, k in zip(log_probs, encoded.truth, strict=True) if k == kind]
        for kind in set(encoded.truth)
    }
    assert found.of_kind("fact").tolist() == pytest.approx(by_kind["fact"], rel=1e-4)
    assert found.of_kind("subject").tolist() == pytest.approx(by_kind["subject"], rel=1e-4)
    assert found.of_kind(None).tolist() == pytest.approx(by_kind[None], rel=1e-4)
    assert found.probabilities.tolist() == pytest.approx([math.exp(sum(log_probs) / len(log_probs))], rel=1e-4)


def test_recall_counts_facts_not_rows(monkeypatch, tiny, small_corpus: Corpus):
    two = Example("Who?", "Ada, Bo.", (Span(0, 3), Span(5, 7)))
    one = Example("Who?", "Cy.", (Span(0, 2),))
    corpus = dataclasses.replace(small_corpus, forget=(Row(two), Row(one)), paraphrase=(), world=())
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_: ["Ada and Cy"] * len(prompts))
    result = evaluate(tiny, corpus)
    # Ada of (Ada, Bo) and Cy of (Cy): 2 of 3 facts.
    assert result.metrics["forget_recall"] == pytest.approx(2 / 3)
    assert result.counts["forget_recall"] == 3
    assert "world_recall" not in result.metrics


def test_the_prompt_is_the_exact_text_the_model_was_given(tiny, small_corpus):
    row = small_corpus.forget[0]
    asked = ask(tiny, "forget", [row])[0]
    encoded = tiny.encode(row.example)
    assert asked.prompt == f"Question: {row.example.prompt}\nAnswer:"
    ids = tiny.tokenizer(asked.prompt)["input_ids"]
    assert tuple(ids) == encoded.input_ids[: len(ids)]


def test_generation_does_not_depend_on_the_batch(tiny, small_corpus):
    prompts = [row.example.prompt for row in (*small_corpus.forget, *small_corpus.world)]
    together = tiny.generate(prompts, 8)
    assert together == [tiny.generate([prompt], 8)[0] for prompt in prompts]


def test_probe_is_deterministic(tiny, small_corpus):
    prober = Prober(small_corpus)
    assert prober(tiny) == prober(tiny)


def test_a_long_true_answer_has_room(tiny):
    short = Row(Example("Who?", "Ada went to Torvik."))
    long = Row(Example("Who?", "Ada went to Torvik. " * 18))
    tokens = len(tiny.encode(long.example).tokens)
    assert answer_room(tiny, [short]) == MAX_NEW_TOKENS == answer_room(tiny, [])
    assert tokens > MAX_NEW_TOKENS and answer_room(tiny, [short, long]) >= tokens * 1.25 - 1
