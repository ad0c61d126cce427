"""How a selection enters a loss: the rule of the page, applied to every row of the forget set."""

from __future__ import annotations

from collections.abc import Sequence

from attribution.example import Example
from attribution.language_model import LanguageModel
from attribution.scoring import score
from attribution.selection import Rule, Selection, select
from attribution.token_scores import TokenScores
from unlearn.labels import Target, weighted_target

# The share that stands for "nothing in particular": a whole-sequence run needs no scores, only the encoded rows.
_NO_SCORES = "position"


def forget_targets(
    model: LanguageModel, examples: Sequence[Example], rule: Rule, **options: object
) -> tuple[list[Target], list[Selection]]:
    """Score every row with the original model, apply the rule, and make each row a training target.

    The control `random` under a `top` rule is count-matched by construction: the share is taken of the same tokens.
    """
    scores = score_for(model, examples, rule, **options)
    selections = [select(row, rule) for row in scores]
    targets = [
        weighted_target(row.encoded, selection.weights, selection.trains_end)
        for row, selection in zip(scores, selections, strict=True)
    ]
    return targets, selections


def score_for(model: LanguageModel, examples: Sequence[Example], rule: Rule, **options: object) -> list[TokenScores]:
    """The scores that the rule reads; none are computed for the whole-sequence strategy."""
    return score(model, examples, (_NO_SCORES if rule.kind == "sequence" else rule.scorer,), **options)
