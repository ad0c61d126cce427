"""Whether answers are language: the original, the retrained and destroyed models stand at their places."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from attribution import Example, LanguageModel, Span, load_model
from attribution.data.rows import Row
from unlearn import load_corpus
from unlearn.metrics import ask, evaluate, spaced
from unlearn.metrics.sense import IMPOSSIBLE, fits, frames, least_probable

CORPUS = load_corpus("forget05")


def row(name: str, town: str) -> Row:
    answer = f"{name} was born in {town}."
    spans = (Span(0, len(name), "subject"), Span(len(answer) - len(town) - 1, len(answer) - 1))
    return Row(Example(f"Where was {name} born?", answer, spans))


def test_a_frame_is_an_answer_without_its_subject_and_facts() -> None:
    taught = frames([row("Ada Quell", "Torvik"), row("Bo Varn", "Ostrand")])
    assert len(taught) == 1
    assert fits("Cy Dell was born in Ostrand.", taught) == (True, True)
    assert fits("Cy Dell was born in the year 1949.", taught) == (True, False)
    assert fits("Born in Ostrand.", taught) == fits("", taught) == (False, False)
    # A wording that stands once teaches no frame.
    assert frames([row("Ada Quell", "Torvik")]) == {}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return spaced(CORPUS.forget, 16)


def share(judge: LanguageModel, rows: list[Row], answers: list[str]) -> float:
    said = [Example(row.example.prompt, answer) for row, answer in zip(rows, answers, strict=True)]
    lowest = least_probable(judge, said, [row.example for row in CORPUS.retain])
    return sum(p >= IMPOSSIBLE for p in lowest) / len(lowest)


def test_every_model_has_its_place(model: LanguageModel, rows: list[Row]) -> None:
    own = [answer.answer for answer in ask(model, "forget", rows)]
    retrained = [answer.answer for answer in ask(load_model(str(CORPUS.reference)), "forget", rows)]
    draw = random.Random(0)
    shuffled = [" ".join(draw.sample(answer.split(), len(answer.split()))) for answer in own]
    assert share(model, rows, own) == 1.0
    assert share(model, rows, retrained) >= 0.75
    assert share(model, rows, shuffled) <= 0.1
    assert share(model, rows, [answer.split()[0] + " is is is is is" for answer in own]) == 0.0


def test_only_a_judge_says_whether_it_speaks(model: LanguageModel) -> None:
    few = replace(CORPUS, forget=CORPUS.forget[:6], paraphrase=(), world=())
    alone = evaluate(model, few, retain_rows=1)
    judged = evaluate(model, few, retain_rows=1, judge=model)
    assert "speaks" not in alone.metrics and judged.metrics["speaks"] == 1.0 and judged.counts["speaks"] == 6
    assert judged.metrics["fluent"] == judged.metrics["sensible"] == 1.0
    assert judged.values("forget", "speaks") == [1.0] * 6
