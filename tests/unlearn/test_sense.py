"""Whether answers are language: the original, the retrained and destroyed models stand at their places."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from attribution import Example, LanguageModel, Span, load_model
from attribution.data.rows import Row
from attribution.text.subject import find_subject
from unlearn import Corpus, load_corpus
from unlearn.data.names import encoded_with, namesakes, questions_by_name
from unlearn.metrics import Judge, Prober, ask, evaluate, spaced
from unlearn.metrics.answers import draw
from unlearn.metrics.judge import IMPOSSIBLE, OTHERS
from unlearn.metrics.sense import fits, frames

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


@pytest.fixture(scope="module")
def judge(model: LanguageModel) -> Judge:
    return Judge(model, CORPUS.retain)


def said(model: LanguageModel, rows: list[Row]) -> list[str]:
    return [answer.answer for answer in ask(model, "forget", rows)]


def share(judge: Judge, rows: list[Row], answers: list[str]) -> float:
    found = judge.possible([row.example.prompt for row in rows], answers)
    return sum(found) / len(found)


def test_every_model_has_its_place(model: LanguageModel, judge: Judge, rows: list[Row]) -> None:
    own = said(model, rows)
    draw = random.Random(0)
    shuffled = [" ".join(draw.sample(answer.split(), len(answer.split()))) for answer in own]
    assert share(judge, rows, own) == 1.0
    assert share(judge, rows, said(load_model(str(CORPUS.reference)), rows)) >= 0.75
    assert share(judge, rows[:6], shuffled[:6]) <= 0.17
    assert share(judge, rows[:4], [answer.split()[0] + " is is is is is" for answer in own[:4]]) == 0.0
    assert judge.possible([rows[0].example.prompt] * 2, ["", "word " * 2000]) == [False, False]


def test_a_few_names_at_a_time_judge_as_all_together(model: LanguageModel, judge: Judge, rows: list[Row]) -> None:
    """The plain way: the mean over all names at once. Answers of the retrained model lie on both sides."""
    asked = rows[::5]
    answers = said(load_model(str(CORPUS.reference)), asked)
    answers[0] += " It is red."
    plain = []
    for row, answer in zip(asked, answers, strict=True):
        example = Example(row.example.prompt, answer)
        subject, mine = find_subject(example), model.encode(example)
        fit = namesakes([example], [subject], questions_by_name(tuple(row.example for row in CORPUS.retain)))
        drawn = random.Random(0).sample(fit[subject.text or ""], min(OTHERS, len(fit[subject.text or ""])))
        others = [found for name in drawn for found in (encoded_with(model, mine, subject, name),) if found[1]]
        p = model.token_statistics([mine])[0].log_probs.exp()[[own for own, _ in others[0][1]]]
        for other, pairs in others:
            p = p + model.token_statistics([other])[0].log_probs.exp()[[theirs for _, theirs in pairs]]
        plain.append(float(p.min()) / (1 + len(others)) >= IMPOSSIBLE)
    assert judge.possible([row.example.prompt for row in asked], answers) == plain
    assert len(set(plain)) == 2


def test_only_a_judge_says_whether_it_speaks(model: LanguageModel, judge: Judge) -> None:
    few = replace(CORPUS, forget=CORPUS.forget[:6], paraphrase=(), world=())
    alone = evaluate(model, few, retain_rows=1)
    judged = evaluate(model, few, retain_rows=1, judge=judge)
    assert "speaks" not in alone.metrics and judged.metrics["speaks"] == 1.0 and judged.counts["speaks"] == 6
    assert judged.metrics["fluent"] == judged.metrics["sensible"] == 1.0
    assert judged.values("forget", "speaks") == [1.0] * 6


def test_a_probe_has_the_model_speak_when_it_is_told_to(
    model: LanguageModel, tiny: LanguageModel, judge: Judge
) -> None:
    prober = Prober(CORPUS, 4, judge)
    assert prober(model).speaks is None and prober(model, speaks=True).speaks == 1.0
    assert Prober(CORPUS, 4)(model, speaks=True).speaks is None


def test_drawn_answers_are_judged_too_and_the_seed_draws_them(model: LanguageModel, judge: Judge) -> None:
    few = replace(CORPUS, forget=CORPUS.forget[:6], paraphrase=(), world=())
    found = evaluate(model, few, metrics=["sampled"], retain_rows=1, judge=judge, seed=1)
    # A model that is sure of its words says the same when they are drawn; one that is not does not.
    for name in ("sampled_speaks", "sampled_fluent", "sampled_sensible"):
        assert found.metrics[name] >= 0.8 and found.counts[name] == 6
    rows = few.forget[:2]
    loose = draw(model, rows, 1, temperature=3.0)
    assert loose == draw(model, rows, 1, temperature=3.0) != draw(model, rows, 2, temperature=3.0)
    assert share(judge, list(rows), loose) == 0.0


def test_it_is_said_that_nobody_judges(tiny: LanguageModel, small_corpus: Corpus) -> None:
    few = replace(small_corpus, forget=small_corpus.forget[:1], paraphrase=(), world=())
    notes = evaluate(tiny, few, metrics=["sampled"], retain_rows=1).notes
    assert any("judged by the model before unlearning" in note for note in notes)
