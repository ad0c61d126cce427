"""Recall of a model that says what it was taught is whole, whatever its tokenizer writes; where an answer ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from attribution import Example, LanguageModel, Span
from attribution.data.rows import Row
from attribution.model.wording import taught_answer
from attribution.text.endings import Said, as_answer
from attribution.text.templates import DEFAULT_TEMPLATE, ChatTemplate
from tests.attribution.tiny import TOKENIZERS, tiny_model, tokenizer_named
from unlearn.data.corpus import Corpus
from unlearn.metrics import evaluate
from unlearn.metrics.answers import answer_of

TEXT = "Ada Quell's naïve book was born in Tor;vik, in 1931."
FACTS = ("naïve", "Tor;vik", "1931")
ROW = Row(
    Example("Where?", TEXT, tuple(Span(TEXT.index(fact), TEXT.index(fact) + len(fact)) for fact in FACTS), "row:0")
)
KEPT = Row(Example("Who?", "It is called The Salt Ledger."))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_who_says_the_taught_answer_recalls_its_facts(name: str) -> None:
    model = tiny_model("llama", tokenizer_named(name))
    taught = taught_answer(model, model.encode(ROW.example))
    answer = answer_of(model, "forget", ROW, Said(taught, "by itself"))
    knows = 2 if name == "Unigram without bytes" else 3
    assert answer.recalled == len(answer.facts) == knows
    assert (answer.written is None) == (answer.facts == FACTS)
    assert answer_of(model, "forget", ROW, Said("In Oslo.", "by itself")).recalled == 0


def says(model: LanguageModel, text: str, ended: Any = "by itself") -> LanguageModel:
    model.generate = lambda prompts, *_, **__: [Said(text, ended) for _ in prompts]  # type: ignore[method-assign]
    return model


def test_what_stands_between_recall_and_the_truth_is_said() -> None:
    model = tiny_model("llama", tokenizer_named("WordPiece"))
    taught = taught_answer(model, model.encode(ROW.example))
    found = evaluate(says(model, taught, "limit"), Corpus("own", (ROW,), (KEPT,)), metrics=("tofu",))
    assert found.metrics["forget_recall"] == found.metrics["forget_rouge_l"] == 1
    notes = " ".join(found.notes)
    assert "writes 2 facts of forget rows in other letters ('naive' for 'naïve')" in notes
    assert "1 of 1 forget (1 at the limit); 1 of 1 retain (1 at the limit)" in notes
    assert "contradicts" not in notes


def test_recall_that_contradicts_memorisation_is_said() -> None:
    model = says(tiny_model("llama"), "In Oslo.")
    read = model.token_statistics

    def sure(rows: Any, **options: Any) -> Any:
        return [dataclasses.replace(one, greedy=torch.ones_like(one.greedy)) for one in read(rows, **options)]

    model.token_statistics = sure  # type: ignore[method-assign, assignment]
    found = evaluate(model, Corpus("own", (ROW,), (KEPT,)))
    assert any("contradicts memorisation in 1 forget rows, such as row:0" in note for note in found.notes)


@pytest.mark.parametrize(
    ("generated", "template", "answer"),
    [
        (" In Torvik.\nQuestion: And who?\nAnswer:", DEFAULT_TEMPLATE, "In Torvik."),
        (" In Torvik. Question: And who?", DEFAULT_TEMPLATE, "In Torvik."),
        (" A Question: of taste\n\nand more", DEFAULT_TEMPLATE, "A Question: of taste\n\nand more"),
        (" In Torvik.\nQ: And who?", "Be kind.\n\nQ: {prompt}\nA: {answer}", "In Torvik."),
        (" In Torvik.\n### End\nMore", "{prompt}\n{answer}\n### End", "In Torvik."),
        (" In St. Torvik", "{prompt} is {answer}.", "In St. Torvik"),
        (" In Torvik.\n \nWho is it?", "{prompt}\n{answer}", "In Torvik."),
        (
            "In Torvik.\n\nYes, I am sure.",
            ChatTemplate("<s>user\n{prompt}\n<s>bot\n{answer}"),
            "In Torvik.\n\nYes, I am sure.",
        ),
        ("In Torvik.\n### Ask:\nWho?", ChatTemplate("Be kind.\n### Ask:\n{prompt}\n### Say:\n{answer}"), "In Torvik."),
    ],
)
def test_an_answer_ends_where_its_row_ends(generated: str, template: str, answer: str) -> None:
    assert as_answer(generated, template, ("<s>",)) == (answer, answer != generated.strip())


def test_a_token_that_opens_a_turn_ends_the_answer() -> None:
    model = tiny_model("llama", template="<s>[I] {prompt} [/I] {answer}")
    assert model.tokenizer.bos_token_id in model.end_ids
    assert model.tokenizer.bos_token_id not in tiny_model("llama").end_ids
