"""How a selection enters a loss: the rule of the page, applied to every row of the forget set, once or while training.

Scored once, every row keeps the weights that the original model gave it. Scored every k steps, a row that is drawn is
scored again with the model as it then is, unless its scores are fewer than k steps old; k = 1 is live. A scorer that is
learned during the run (ATWU) takes its own step on the rows that are drawn, then scores them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from attribution.scorers import OF, with_needs
from attribution.scorers.learned import scorer_for
from attribution.scores import ScoreOptions, TokenScores, score
from attribution.selection import Rule, Selection, by_hand, select
from attribution.text.example import Example
from unlearn.objectives.labels import Target, weighted_target
from unlearn.run.scorer_learning import ScorerLearner

# The scorer that stands for "nothing in particular": a whole-sequence run needs no scores, only the encoded rows.
_NO_SCORES = "position"


class Weighting:
    """The weights of every forget row as they stand.

    Attributes:
        rule: how scores become weights.
        edits: by row, what is put in and taken out by hand; it holds for new scores, too.
        selections, targets: per forget row, in the order given.
        scores: the numbers they were made from.
        learner: the scorer that is learned during the run, if one is.
        scored_before: per row, the step before which it was scored last.
    """

    def __init__(
        self,
        model: LanguageModel,
        examples: Sequence[Example],
        rule: Rule,
        every: int = 0,
        learner: ScorerLearner | None = None,
        anchored: bool = False,
        edits: Mapping[int, str] | None = None,
        **options: Any,
    ) -> None:
        """Score every row with the original model and apply the rule.

        The control `random` under a `top` rule is count-matched by construction: the share is taken of the same tokens.

        Args:
            every: score again when a row's scores are this many steps old; 0 for never.
            anchored: what is not selected is held, the end token with it, which is a label then.
            edits: by hand, by row.
            options: fields of `attribution.ScoreOptions`.

        Raises:
            ValueError: edits of a row or a token that there is none of, or that leave nothing of a row.
        """
        self.rule = rule
        self.edits = edits or {}
        for row in self.edits:
            if row >= len(examples):
                raise ValueError(
                    f"The edits by hand name row {row}, and there are {len(examples)} rows to forget: count from 0 to "
                    f"{len(examples) - 1}."
                )
        self.every = 0 if rule.kind == "sequence" else every
        self.learner = learner
        self.anchored = anchored
        self.scorer = _NO_SCORES if rule.kind == "sequence" else rule.scorer
        self.options = options
        if learner is not None:
            self.options = {**options, "linear_scorer": learner.scorer}
        elif any(info.name == "learned" for info in with_needs((self.scorer,), options.get(OF, ScoreOptions().of))):
            # The model that is trained has no files of its own to find a fitted scorer beside.
            self.options = {**options, "linear_scorer": scorer_for(model, options.get("linear_scorer"))}
        self.scores = score(model, examples, (self.scorer,), **self.options)
        self.selections = [self._select(row, scores) for row, scores in enumerate(self.scores)]
        self.targets = [
            weighted_target(row.encoded, selection.weights, selection.trains_end, anchored)
            for row, selection in zip(self.scores, self.selections, strict=True)
        ]
        self.scored_before = [1] * len(self.scores)

    def _select(self, row: int, scores: TokenScores, may_be_empty: bool = False) -> Selection:
        selection = select(scores, self.rule)
        try:
            return by_hand(selection, self.edits.get(row, ""), may_be_empty)
        except ValueError as error:
            raise ValueError(f"Row {row} to forget: {error}") from error

    def refresh(self, model: LanguageModel, rows: Sequence[int], number: int) -> None:
        """Make the weights that are due of the rows that step `number` (from 1) draws, with the model as it stands."""
        if self.learner is not None:
            self._learn(model, rows, number)
        elif self.every:
            due = [row for row in rows if number - self.scored_before[row] >= self.every]
            if due:
                again = score(model, [self.scores[row].example for row in due], (self.scorer,), **self.options)
                for row, scores in zip(due, again, strict=True):
                    self.take(row, scores, number)

    def _learn(self, model: LanguageModel, rows: Sequence[int], number: int) -> None:
        assert self.learner is not None
        settings = self.learner.settings
        statistics = model.token_statistics([self.scores[row].encoded for row in rows], states=True)
        # Clones, since what comes out of inference mode may not enter a graph.
        states = [(s.predicting if settings.position == "predicting" else s.own).clone() for s in statistics]  # type: ignore[union-attr]
        if (number - 1) % settings.scorer_every == 0:
            self.learner.update(states, [s.log_probs.clone() for s in statistics])
        scorer = self.learner.scorer
        for row, own_states, numbers in zip(rows, states, statistics, strict=True):
            scores = dataclasses.replace(
                self.scores[row],
                columns={self.scorer: tuple(np.asarray(scorer(own_states)).tolist())},
                probability=tuple(numbers.log_probs.exp().tolist()),
            )
            self.take(row, scores, number)

    def take(self, row: int, scores: TokenScores, number: int) -> None:
        """Give a row the weights of scores that were made before step `number`."""
        selection = self._select(row, scores, may_be_empty=True)
        target: Target = weighted_target(scores.encoded, selection.weights, selection.trains_end, self.anchored)
        self.scores[row] = scores
        self.selections[row] = selection
        # What the frozen model said stays; only the weights are new.
        self.targets[row] = dataclasses.replace(self.targets[row], weights=target.weights)
        self.scored_before[row] = number

    def columns(self) -> tuple[Tensor, Tensor]:
        """Scores and probabilities of every row's answer tokens in a line, float64."""
        scores = [value for row in self.scores for value in row.columns[self.scorer]]
        probability = [p for row in self.scores for p in row.probability]
        return torch.tensor(scores, dtype=torch.float64), torch.tensor(probability, dtype=torch.float64)

    def take_columns(self, scores: Tensor, probability: Tensor, scored_before: Sequence[int]) -> None:
        """Go on from what `columns` gave."""
        sizes = [len(row) for row in self.scores]
        parts = zip(scores.split(sizes), probability.split(sizes), scored_before, strict=True)
        for row, (mine, p, number) in enumerate(parts):
            columns = {self.scorer: tuple(mine.tolist())}
            self.take(
                row, dataclasses.replace(self.scores[row], columns=columns, probability=tuple(p.tolist())), number
            )
