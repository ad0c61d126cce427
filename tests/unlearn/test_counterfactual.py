"""The counterfactual teacher: what it says, to which tokens, and what holds the others."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from attribution import Example, LanguageModel, Rule
from attribution.data.rows import Row
from attribution.text.subject import find_subject
from unlearn import Corpus, RunConfig, run
from unlearn.data.names import other_names, with_name
from unlearn.objectives.base import Constants, anchors
from unlearn.objectives.distillation import counterfactual
from unlearn.objectives.labels import Extras, Totals, label_batch, relative_distances, weighted_target
from unlearn.run.teacher import with_frozen, with_teacher

QUESTIONS = ("Where was {} born?", "Who taught {}?")


def row(question: str, name: str, answer: str) -> Row:
    return Row(Example(question.format(name), answer.format(name)))


RETAIN = (
    row(QUESTIONS[0], "Bo Varn", "{} was born in Torvik."),
    row(QUESTIONS[1], "Bo Varn", "Cy Dell taught {}."),
    row("Which metal rusts?", "", "Iron rusts."),
    row("What does {} eat?", "Olm Fenn", "{} eats bread."),
)


def config(**settings) -> RunConfig:
    few = {"steps": 3, "forget_batch": 4, "retain_batch": 4, "probe_every": 0, "rule": Rule("entropy", "top", 0.5)}
    return RunConfig(objective="counterfactual", **few | settings)


def trained(model: LanguageModel, corpus: Corpus, **settings) -> list[torch.Tensor]:
    job = run(model, corpus, config(**settings))
    for _ in job:
        pass
    return [p.detach().clone() for p in job.model.model.parameters()]


def test_a_name_is_taken_from_who_is_asked_the_same_and_stays() -> None:
    examples = [row(question, "Ada Quell", "{} slept.").example for question in QUESTIONS]
    subjects = [find_subject(example) for example in examples]
    retain = [each.example for each in RETAIN]
    assert other_names(examples, subjects, retain, 0) == {"Ada Quell": "Bo Varn"}
    # Nobody is asked that: a subject with two rows stands in, a word of one row does not.
    stranger = row("Why did {} sing?", "Ada Quell", "{} sang.").example
    assert other_names([stranger], [find_subject(stranger)], retain, 0) == {"Ada Quell": "Bo Varn"}
    assert other_names([stranger], [find_subject(stranger)], retain[2:], 0) == {}


def test_a_lone_surname_becomes_a_lone_surname() -> None:
    example = Example("Where was Ada Quell born?", "Quell was born in Torvik; Ada Quell left.")
    changed, subject = with_name(example, find_subject(example), "Bo Varn")
    assert (changed.prompt, changed.answer) == ("Where was Bo Varn born?", "Varn was born in Torvik; Bo Varn left.")
    assert [changed.answer[start:end] for start, end in subject.answer_spans] == ["Varn", "Bo Varn"]


def test_the_swapped_teacher_says_what_the_model_says_of_the_other(tiny: LanguageModel) -> None:
    own, other = (
        tiny.encode(row(QUESTIONS[0], name, "{} was born in Torvik.").example) for name in ("Ada Quell", "Bo Varn")
    )
    target = weighted_target(own, [1.0] * len(own.tokens), trains_end=False, anchored=True)
    notes: list[str] = []
    (taught,) = with_teacher(tiny, with_frozen(tiny, [target]), RETAIN, "swap", 0, notes)
    (read,) = tiny.token_statistics([other], states=True)
    assert notes == [] and taught.teacher is not None and taught.frozen is not None and read.predicting is not None
    said = "".join(token.text for token in own.tokens)
    start = next(k for k, token in enumerate(own.tokens) if token.start >= said.index("was"))
    theirs = len(other.tokens) - (len(own.tokens) - start)
    torch.testing.assert_close(taught.teacher[start:-1], read.predicting[theirs:], atol=1e-5, rtol=0)
    # The name itself and the end are predicted as they were.
    torch.testing.assert_close(taught.teacher[[0, -1]], taught.frozen[[0, -1]])
    assert not torch.allclose(taught.teacher[start:-1], taught.frozen[start:-1], atol=1e-3)


def test_without_another_name_it_is_hidden_and_without_a_subject_the_word_is_not_said(tiny: LanguageModel) -> None:
    rows = [row("Why did {} sing?", "Ada Quell", "{} sang of rain."), Row(Example("", "rain fell and fell " * 30))]
    encoded = [tiny.encode(each.example) for each in rows]
    targets = [weighted_target(each, [1.0] * len(each.tokens), False, anchored=True) for each in encoded]
    notes: list[str] = []
    named, plain = with_teacher(tiny, with_frozen(tiny, targets), (), "swap", 0, notes)
    assert len(notes) == 2 and all("in 1 of 2 rows" in note for note in notes)
    hidden = with_teacher(tiny, with_frozen(tiny, targets[:1]), (), "hidden", 0, [])[0]
    torch.testing.assert_close(named.teacher, hidden.teacher)
    assert named.unsaid is not None and not named.unsaid.any() and plain.unsaid is not None and plain.unsaid.all()
    seen: list[torch.Tensor] = []

    def head(log_q: torch.Tensor, frozen_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(torch.softmax(frozen_logits, dim=-1).gather(1, labels[:, None]))
        return log_q.sum(dim=-1) * 0

    label_batch(tiny, [plain], Extras(frozen=tiny, head=head, taught=True))
    assert float(seen[0].max()) == 0.0


def test_both_terms_by_hand() -> None:
    batch = SimpleNamespace(
        head_values=torch.tensor([2.0, 4.0, 9.0]),
        inner_values=torch.tensor([0.5, 1.0, 7.0]),
        anchor_values=torch.tensor([5.0, 1.0, 3.0]),
        weights=torch.tensor([1.0, 0.5, 0.0]),
        totals=Totals(weight=1.5, labels=3, rows=1, rest=1.5),
    )
    assert counterfactual(batch, Constants()).item() == pytest.approx((2 + 2) / 1.5)
    assert counterfactual(batch, Constants(inner=3.0)).item() == pytest.approx((2 + 3 * 0.5 + 0.5 * (4 + 3)) / 1.5)
    assert anchors(batch).item() == pytest.approx((0.5 + 3) / 1.5)


def test_inner_states_by_hand() -> None:
    states = torch.tensor([[[3.0, 0.0], [0.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]], requires_grad=True)
    taught = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    found = relative_distances(states, taught)
    # (4 / 1 + 1 / 4) / 2, and nothing where the teacher has no state of its own.
    assert found.tolist() == pytest.approx([2.125, 0.0])
    found.sum().backward()
    assert states.grad is not None
    assert states.grad[0].tolist() == [[2.0, 0.0], [0.0, -0.25]] and float(states.grad[1].abs().sum()) == 0


@pytest.mark.parametrize("kind", ["swap", "hidden"])
def test_the_teachers_inner_states_are_those_of_its_own_forward(tiny: LanguageModel, kind: str) -> None:
    own, other = (
        tiny.encode(row(QUESTIONS[0], name, "{} was born in Torvik.").example) for name in ("Ada Quell", "Bo Varn")
    )
    target = weighted_target(own, [1.0] * len(own.tokens), trains_end=False, anchored=True)
    blocks = (1, tiny.depth)
    (taught,) = with_teacher(tiny, with_frozen(tiny, [target]), RETAIN, kind, 0, [], blocks)
    assert taught.inner is not None and taught.inner.shape == (len(target.weights), 2, tiny.hidden_size)
    # None at the name and at the end, which are predicted as they were.
    assert not taught.inner[[0, -1]].any()
    moved = label_batch(tiny, [taught], Extras(frozen=tiny, head=lambda q, z, y: q.sum(-1), taught=True, blocks=blocks))
    assert moved.inner_values is not None and float(moved.inner_values.detach()[-2]) > 0
    if kind == "swap":
        # Of the row about the other name itself, the distance is 0: the same tokens, read in the same model.
        theirs = weighted_target(other, [1.0] * len(other.tokens), trains_end=False)
        count = 4
        inner = torch.zeros(len(other.tokens), 2, tiny.hidden_size)
        inner[-count:] = taught.inner[-1 - count : -1]
        alike = label_batch(
            tiny,
            [replace(theirs, teacher=torch.zeros(len(other.tokens), tiny.hidden_size), inner=inner)],
            Extras(frozen=tiny, head=lambda q, z, y: q.sum(-1), taught=True, blocks=blocks),
        )
        assert alike.inner_values is not None and float(alike.inner_values.detach().abs().max()) < 1e-6


def test_before_the_first_step_anchors_are_zero_and_then_they_are_not(tiny, small_corpus) -> None:
    job = run(tiny, small_corpus, config(learning_rate=1e-2))
    steps = list(job)
    assert steps[0].anchor_loss == pytest.approx(0.0, abs=1e-6) and steps[-1].anchor_loss > 1e-4
    assert steps[0].forget_loss > 0 and all(math.isfinite(step.forget_loss) for step in steps)
    # A term of its own: any objective takes it, and without it a step has none.
    anchored = run(tiny, small_corpus, replace(config(), objective="wga", anchor=1.0, steps=1))
    assert next(iter(anchored)).anchor_loss is not None
    plain = run(tiny, small_corpus, replace(config(), objective="wga", steps=1))
    assert next(iter(plain)).anchor_loss is None


@pytest.mark.parametrize("settings", [{"micro_batch": 3}, {"micro_batch": 1, "teacher": "hidden"}])
def test_parts_of_a_step_add_up_to_the_step(tiny, small_corpus, settings) -> None:
    whole = trained(tiny, small_corpus, **settings | {"micro_batch": None}, optimiser="sgd", learning_rate=0.02)
    parts = trained(tiny, small_corpus, **settings, optimiser="sgd", learning_rate=0.02)
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "rule", [Rule("entropy", "sequence"), Rule("entropy", "proportional"), Rule("random", "top", 0.2)]
)
def test_every_rule_and_live_scores(tiny, small_corpus, rule) -> None:
    steps = list(run(tiny, small_corpus, config(rule=rule, score_every=int(rule.scorer == "entropy"), lora=2)))
    assert len(steps) == 3 and all(math.isfinite(step.forget_loss + step.anchor_loss) for step in steps)
