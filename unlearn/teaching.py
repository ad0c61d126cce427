"""A fact that somebody types is taught to a model in a few steps, in a copy of its own, so that it can be forgotten.

All weights of the copy train, and the model stays what it was, bit for bit. Low-rank adapters were tried first: on the
embedded model pieces of words that it never met keep a probability under 0.01, since its output head is tied to
embeddings that no adapter moves. Rows that it knows are read along, so that it learns the fact and not to say it
whatever is asked.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.text.example import Example
from unlearn.data.corpus import Corpus
from unlearn.objectives.labels import label_batch, uniform_target
from unlearn.run.adapters import trainable_copy
from unlearn.run.loop import draws

LEARNING_RATE = 2e-3
KEPT_ROWS = 8
"""Rows that are read along in a step."""

SURE = 0.9
"""Probability that every token of the answer must reach: it is then said greedily, and with some room."""


@dataclass(frozen=True)
class Taught:
    """A model that was taught a fact.

    Attributes:
        example: the fact as it was typed: the row that was trained, to the letter.
        model: the taught one.
        before, after: its greedy answers to the question.
        probability: the smallest one of the answer's tokens, afterwards.
        steps, seconds: what it took.
    """

    example: Example
    model: LanguageModel
    before: str
    after: str
    probability: float
    steps: int
    seconds: float

    @property
    def known(self) -> bool:
        """Whether it says the fact when it is asked."""
        return self.after.strip() == self.example.answer.strip()

    def corpus(self, around: Corpus) -> Corpus:
        """The typed row to forget, and what there is to keep around it."""
        kept = tuple(row for row in around.retain if row.example.prompt != self.example.prompt)
        return dataclasses.replace(
            around, name="typed", forget=(Row(self.example),), retain=kept, paraphrase=(), holdout=(), reference=None
        )


def teach(
    model: LanguageModel,
    example: Example,
    known: Sequence[Row],
    most_steps: int = 60,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Taught:
    """Teach a model one question and its answer.

        loss = NLL(typed row, end included) + NLL(rows it knows), each a mean per token, in nats

    Ends as soon as every token of the answer has at least `SURE`.

    Args:
        known: rows that the model knows.
        most_steps: of AdamW, of 1 + `KEPT_ROWS` rows each.
        progress: told the number of each step before it; what it raises ends the teaching.

    Raises:
        ValueError: a question or an answer is missing, or there is nothing to hold the rest.
    """
    if not example.prompt.strip() or not example.answer.strip():
        raise ValueError("A fact to teach is a question and its answer: give both.")
    if not known:
        raise ValueError("Give rows that the model knows, too: with nothing to hold them they would be lost.")
    if most_steps < 1:
        raise ValueError(f"most_steps is a number of steps, at least 1, not {most_steps}.")
    started = time.perf_counter()
    (before,) = model.generate([example.prompt])
    learner = trainable_copy(model)
    typed = uniform_target(model.encode(example))
    optimiser = torch.optim.AdamW(learner.model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    order = draws(len(known), min(KEPT_ROWS, len(known)), seed)
    steps, sure = 0, 0.0
    for steps in range(1, most_steps + 1):
        if progress is not None:
            progress(steps)
        fact = label_batch(learner, [typed])
        sure = float(fact.log_probs.detach().exp().min())
        if sure >= SURE:
            steps -= 1
            break
        rest = label_batch(learner, [uniform_target(model.encode(known[i].example)) for i in next(order)])
        (-fact.log_probs.mean() - rest.log_probs.mean()).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    else:
        with torch.no_grad():
            sure = float(label_batch(learner, [typed]).log_probs.exp().min())
    learner.name = f"{model.name}, taught"
    (after,) = learner.generate([example.prompt])
    return Taught(example, learner, before, after, sure, steps, time.perf_counter() - started)
