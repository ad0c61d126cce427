"""A typed fact is taught apart from the weights, said, and can be forgotten again."""

from __future__ import annotations

import pytest
import torch

from attribution import Example, LanguageModel, Rule
from attribution.data.rows import embedded_rows
from unlearn import RunConfig, load_corpus, run
from unlearn.teaching import SURE, teach

FACT = Example("Where was Mirabel Tolland born?", "Mirabel Tolland was born in Skarvik.")


def test_a_typed_fact_is_said_and_forgotten_while_the_rest_stays(model: LanguageModel) -> None:
    known = embedded_rows("retain")[:40]
    before = [weight.clone() for weight in model.model.parameters()]
    taught = teach(model, FACT, known)
    assert taught.before != FACT.answer and taught.after == FACT.answer and taught.known
    assert taught.probability >= SURE and 1 <= taught.steps < 60
    assert all(torch.equal(one, other) for one, other in zip(before, model.model.parameters(), strict=True))
    asked = [row.example.prompt for row in known[:6]]
    said = taught.model.generate(asked)
    assert sum(one == row.example.answer for one, row in zip(said, known, strict=False)) >= 5
    corpus = taught.corpus(load_corpus("forget01"))
    assert [row.example for row in corpus.forget] == [FACT] and corpus.retain
    config = RunConfig(rule=Rule("new-info"), steps=25, forget_batch=1, retain_batch=8, beta=4.0, probe_every=0)
    job = run(taught.model, corpus, config)
    for _ in job:
        pass
    assert "Skarvik" not in job.model.generate([FACT.prompt])[0]


def test_half_a_fact_is_refused(model: LanguageModel) -> None:
    for example, known, sentence in (
        (Example("", "In Skarvik."), embedded_rows("retain"), "a question and its answer"),
        (FACT, (), "rows that the model knows"),
    ):
        with pytest.raises(ValueError, match=sentence):
            teach(model, example, known)


def test_teaching_tells_each_step_and_ends_when_it_is_told_to(model: LanguageModel) -> None:
    told: list[int] = []

    def progress(step: int) -> None:
        told.append(step)
        if step == 2:
            raise ValueError("Enough.")

    with pytest.raises(ValueError, match="Enough"):
        teach(model, FACT, embedded_rows("retain")[:8], progress=progress)
    assert told == [1, 2]
