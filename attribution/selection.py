"""From scores to weights: what the page underlines, and what an unlearning run trains on.

`select` is written twice: here, and in `attribution/lanes` in JavaScript for the page. A test holds the two together
on random scores with ties.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from attribution.scorers import SCORERS, normalise
from attribution.scores import TokenScores
from attribution.settings import check_settings, setting

RuleKind = Literal["threshold", "top", "rest", "soft", "proportional", "raw", "sequence"]
RULE_KINDS: tuple[str, ...] = get_args(RuleKind)
TOKENS = "Which tokens"
SEQUENCE_BY_HAND = (
    "The whole sequence takes every token, so that none can be put in or taken out by hand: choose the strategy hard "
    "or soft, or no edits."
)
_EDIT = re.compile(r"([+-])([0-9]{1,6})")


@dataclass(frozen=True)
class Rule:
    """How a column of scores becomes weights.

    `threshold` keeps score >= cut; `top` keeps the share `cut` of the answer, and `rest` exactly what `top` at the same
    cut leaves out; `soft` weighs by softmax(rank / cut) with `cut` the temperature tau; `proportional` weighs by the
    score over the answer's mean score (ETW); `raw` takes the score itself, in [0, 1], for the weight (ATWU); `sequence`
    takes every token with weight 1 and ignores the scores.

    `keep_given`: what the prompt gives is copied, not remembered; training on it makes the answer speak of somebody
    else. `sequence` always keeps it.

    Raises:
        ValueError: an unknown kind or scorer, or a cut outside its range.
    """

    scorer: str = setting(
        "learned",
        "Scorer",
        "whose scores are cut",
        choices=lambda: {info.name: info.title for info in SCORERS},
        group=TOKENS,
        flag="--scorer",
    )
    kind: RuleKind = setting("top", "Kind of rule", "how scores become weights")
    cut: float = setting(0.3, "Cut", "a raw score (threshold), a share (top) or a temperature (soft)")
    keep_given: bool = setting(
        False,
        "Keep what is given",
        "also select the subject's name, which the prompt gives",
        group=TOKENS,
        flag="--keep-given",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.kind in ("top", "rest") and not 0 < self.cut <= 1:
            raise ValueError(f"A top share must lie in (0, 1], not {self.cut}.")
        if self.kind == "soft" and not self.cut > 0:
            raise ValueError(f"A softmax temperature must be above 0, not {self.cut}.")


@dataclass(frozen=True)
class Selection:
    """A weight per answer token, the rule that made it, and what was changed by hand.

    Hard rules give 0 or 1. `soft` and `proportional` give weights >= 0 with mean 1 over the tokens they may select,
    `raw` gives weights in [0, 1]. `sequence` gives 1 everywhere and trains the end token too.

    Attributes:
        hand: the tokens put in and taken out by hand, as `by_hand` reads them; empty where the rule alone decides.
    """

    weights: tuple[float, ...]
    rule: Rule
    hand: str = ""

    @property
    def kept(self) -> tuple[bool, ...]:
        """Whether each token has any weight."""
        return tuple(weight > 0 for weight in self.weights)

    @property
    def trains_end(self) -> bool:
        """Whether the end-of-text token is trained: only by the whole-sequence strategy."""
        return self.rule.kind == "sequence"


def select(scores: TokenScores, rule: Rule) -> Selection:
    """Apply a rule to a row's scores. ValueError when the row was not scored by the rule's scorer."""
    if rule.kind == "sequence":
        return Selection((1.0,) * len(scores), rule)
    if rule.scorer not in scores.columns:
        raise ValueError(
            f"The row was not scored by {rule.scorer!r} but by {', '.join(scores.columns)}: score it with that scorer."
        )
    eligible = [True] * len(scores) if rule.keep_given else [not given for given in scores.given]
    return Selection(weights(scores.columns[rule.scorer], eligible, rule), rule)


def by_hand(selection: Selection, edits: str, may_be_empty: bool = False) -> Selection:
    """A rule's selection with tokens put in (+) and taken out (-), by their numbers in the answer, from 0: `+4-9`.

    A token put in weighs as much as the tokens that the rule weighs do on average: 1 under a hard rule. One that weighs
    more already keeps its weight. Nothing is scaled afterwards: the other tokens weigh what they did.

    Args:
        may_be_empty: let the edits take out all there is, as scores that move may make them do.

    Raises:
        ValueError: a text that is no edits, a number outside the answer, a selection of the whole sequence or one that
            was edited before, or nothing is left.
    """
    wanted = read_edits(edits)
    if not wanted:
        return selection
    if selection.rule.kind == "sequence":
        raise ValueError(SEQUENCE_BY_HAND)
    if selection.hand:
        raise ValueError(f"The selection was edited by hand before ({selection.hand}): give all edits at once.")
    count = len(selection.weights)
    if max(wanted) >= count:
        raise ValueError(
            f"The edits {write_edits(wanted)} name token {max(wanted)}, and the answer has {count}: count from 0 to "
            f"{count - 1}."
        )
    heavy = [weight for weight in selection.weights if weight > 0]
    usual = math.fsum(heavy) / len(heavy) if heavy else 1.0
    changed = list(selection.weights)
    for token, put_in in wanted.items():
        changed[token] = max(changed[token], usual) if put_in else 0.0
    if not may_be_empty and not any(changed):
        raise ValueError(f"The edits {write_edits(wanted)} leave no token of the answer: put one in.")
    return replace(selection, weights=tuple(changed), hand=write_edits(wanted))


def read_edits(text: str) -> dict[int, bool]:
    """Edits by hand: token -> whether it is put in, in the order of the answer.

    Raises:
        ValueError: the text is none, or puts a token in and takes it out.
    """
    plain = "".join(text.split())
    if _EDIT.sub("", plain):
        raise ValueError(f"The edits by hand are {plain[:40]!r}: write + or - and a token's number, such as +4-9.")
    found: dict[int, bool] = {}
    for sign, number in _EDIT.findall(plain):
        token, put_in = int(number), sign == "+"
        if found.setdefault(token, put_in) != put_in:
            raise ValueError(f"The edits by hand put token {token} in and take it out: do one of the two.")
    return dict(sorted(found.items()))


def write_edits(edits: Mapping[int, bool]) -> str:
    """What `read_edits` reads, each token once and in order: `+4-9`."""
    return "".join(f"{'+' if put_in else '-'}{token}" for token, put_in in sorted(edits.items()))


def weights(values: Sequence[float], eligible: Sequence[bool], rule: Rule) -> tuple[float, ...]:
    """The rule on plain numbers.

    top: the k = max(1, floor(share * m + 1/2)) best of the m eligible tokens, ties to the earlier one.
    rest: the m - k others.
    soft: w_t = m exp(s_t / tau) / sum_j exp(s_j / tau) over eligible tokens, s the row's ranks in [0, 1].
    proportional: w_t = m s_t / sum_j s_j over eligible tokens, 1 each when all scores are 0.
    raw: w_t = s_t.

    Raises:
        ValueError: `proportional` on a negative score, or `raw` on one outside [0, 1].
    """
    chosen = [i for i, allowed in enumerate(eligible) if allowed]
    result = [0.0] * len(values)
    if not chosen:
        return tuple(result)
    if rule.kind == "threshold":
        for i in chosen:
            result[i] = float(values[i] >= rule.cut)
    elif rule.kind in ("top", "rest"):
        k = max(1, math.floor(rule.cut * len(chosen) + 0.5))
        best = sorted(chosen, key=lambda i: (-values[i], i))
        for i in best[:k] if rule.kind == "top" else best[k:]:
            result[i] = 1.0
    elif rule.kind == "soft":
        scaled = normalise(np.array([values[i] for i in chosen]), "rank") / rule.cut
        soft = np.exp(scaled - scaled.max())
        for i, weight in zip(chosen, soft * len(chosen) / soft.sum(), strict=True):
            result[i] = float(weight)
    elif rule.kind == "proportional":
        _check_range(rule, [values[i] for i in chosen], math.inf)
        total = math.fsum(values[i] for i in chosen)
        for i in chosen:
            result[i] = float(values[i] * len(chosen) / total) if total > 0 else 1.0
    elif rule.kind == "raw":
        _check_range(rule, [values[i] for i in chosen], 1.0)
        for i in chosen:
            result[i] = float(values[i])
    else:
        result = [1.0] * len(values)
    return tuple(result)


def _check_range(rule: Rule, values: Sequence[float], high: float) -> None:
    # A float32 score may leave its range by a rounding error; such a weight does no harm.
    outside = [value for value in values if not -1e-6 <= value <= high + 1e-6]
    if outside:
        allowed = "at least 0" if high == math.inf else f"between 0 and {high:g}"
        raise ValueError(
            f"The rule {rule.kind!r} needs scores {allowed} and {rule.scorer!r} gave {outside[0]:g}: use the "
            "rule soft, which works on ranks."
        )
