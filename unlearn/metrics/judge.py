"""Does an answer read like language? The model before unlearning is asked, which no ground truth is needed for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.scorers.token_unlearn import subject_positions
from attribution.text.example import Encoded, Example
from attribution.text.subject import Subject, find_subject
from unlearn.data.names import encoded_with, namesakes, questions_by_name

OTHERS = 32
IMPOSSIBLE = 1e-4
# Of the others, how many are asked about before the rest: most answers that are language are settled by the first few.
ROUNDS = (4, 8)


class Judge:
    """Says of answers whether every word is one that a model could have said of somebody.

        possible(y) = min_t mean_k p_ref(y_t | x with name k, y_<t) >= IMPOSSIBLE

    over the answer's tokens outside its subject; name 0 is the subject's own, the others are those of up to `OTHERS`
    subjects of the rows to keep that are asked the same questions, the same for a subject every time.

    Attributes:
        model: the original, before unlearning.
    """

    def __init__(self, model: LanguageModel, retain: Sequence[Row]) -> None:
        self.model = model
        self._retain = tuple(row.example for row in retain)

    def possible(self, questions: Sequence[str], answers: Sequence[str]) -> list[bool]:
        """Per answer; one that is empty, or too long for the model to read, is none.

        Names are asked about a few at a time, and an answer is left out as soon as the sum over those so far settles
        it: a sum only grows, so the result is that of asking about all of them.
        """
        said = [Example(q, a.strip()) for q, a in zip(questions, answers, strict=True) if a.strip()]
        subjects = [find_subject(example) for example in said]
        fit = namesakes(said, subjects, questions_by_name(self._retain))
        cases: list[_Case | None] = []
        for example, subject in zip(said, subjects, strict=True):
            others = fit.get(subject.text or "", [])
            cases.append(_case(self.model, example, subject, random.Random(0).sample(others, min(OTHERS, len(others)))))
        open_cases = [case for case in cases if case is not None]
        self._read(open_cases, [[(case.row, case.own)] for case in open_cases])
        for size in (*ROUNDS, OTHERS):
            open_cases = [case for case in open_cases if case.left and not case.settled]
            self._read(open_cases, [case.next_rows(self.model, size) for case in open_cases])
        found = iter([case is not None and case.possible for case in cases])
        return [bool(answer.strip()) and next(found) for answer in answers]

    def _read(self, cases: Sequence[_Case], rows: Sequence[Sequence[tuple[Encoded, list[int]]]]) -> None:
        read = iter(self.model.token_statistics([row for mine in rows for row, _ in mine]))
        for case, mine in zip(cases, rows, strict=True):
            for _, tokens in mine:
                case.add(next(read).log_probs[tokens].exp())


@dataclass
class _Case:
    """One answer while it is judged: the sum of p over the names so far, `[tokens outside the subject]`."""

    row: Encoded
    subject: Subject
    own: list[int]
    left: list[str]
    most: int
    total: Tensor = field(default_factory=lambda: torch.zeros(()))
    names: int = 0

    @property
    def settled(self) -> bool:
        return float(self.total.min()) >= IMPOSSIBLE * self.most

    @property
    def possible(self) -> bool:
        return float(self.total.min()) >= IMPOSSIBLE * self.names

    def add(self, p: Tensor) -> None:
        self.total = self.total + p
        self.names += 1

    def next_rows(self, model: LanguageModel, size: int) -> list[tuple[Encoded, list[int]]]:
        """The answer about the next others, with the same tokens' numbers; names that change them are passed over."""
        names, self.left = self.left[:size], self.left[size:]
        found = []
        for name in names:
            try:
                other, pairs = encoded_with(model, self.row, self.subject, name)
            except ValueError:
                # A longer name, and the answer no longer fits into the window.
                continue
            if pairs:
                found.append((other, [theirs for _, theirs in pairs]))
        return found


def _case(model: LanguageModel, example: Example, subject: Subject, others: list[str]) -> _Case | None:
    try:
        row = model.encode(example)
    except ValueError:
        return None
    named = set(subject_positions(row, subject)) if others else set()
    own = [k for k, position in enumerate(row.answer_positions) if position not in named]
    # An answer that is the name alone is judged by the name.
    return _Case(row, subject, own or list(range(len(row.tokens))), others if own else [], 1 + len(others))
