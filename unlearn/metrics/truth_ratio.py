"""TOFU's truth ratio and normalised probability (arXiv 2401.06121): the true answer beside wrong ones.

P(y|x) = exp(-mean l_t). The truth ratio of a row is R = P_wrong / P_correct, P_wrong the geometric mean over its wrong
answers (`Protocol.truth_ratio` has others), P_correct that of the paraphrased answer, whose words the wrong ones share,
or of the answer where the row has no paraphrase (real authors, world facts). All follow the row's own question, as in
the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import logsumexp

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.text.example import Example
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.protocol import TruthRatioMean

_tofu = partial(metric, group="tofu", paper="TOFU, arXiv 2401.06121", evidence="code")
_ratio = partial(_tofu, "truth_ratio", title="Truth ratio of answers", better="higher")


@_tofu(
    "probability_normalised",
    ("world", "real_authors"),
    title="Probability among the choices",
    sentence="How much more probable the true answer is than the wrong ones offered beside it.",
    unit="probability",
    formula="mean of P_c / (P_c + sum P_wrong), P = exp(-mean l_t)",
)
@_ratio(
    ("retain", "world", "real_authors"),
    sentence="How clearly the true answer is more probable than wrong ones in the same words.",
    formula="mean of max(0, 1 - R), R = geometric mean of P_wrong / P_paraphrased",
)
@_ratio(
    ("forget",),
    sentence="Whether wrong answers in the same words are as probable as the true one.",
    formula="mean of min(R, 1/R), R = geometric mean of P_wrong / P_paraphrased",
)
def measure(examination: Examination) -> None:
    """Of every split whose rows have wrong answers."""
    for split in ("forget", "retain", "world", "real_authors"):
        _measure(examination, split)


def log_probabilities_with_wrong(model: LanguageModel, rows: Sequence[Row]) -> list[tuple[float, np.ndarray] | None]:
    """Per row, log P of the right answer and of each wrong one, `[wrong]`, in nats; None for a row without wrong ones.

    log P is the mean of log p_t over an answer's tokens.
    """
    examples: list[Example] = []
    for row in rows:
        if row.perturbed:
            right = row.paraphrase.answer if row.paraphrase else row.example.answer
            examples += [Example(row.example.prompt, answer) for answer in (right, *row.perturbed)]
    statistics = model.token_statistics([model.encode(example) for example in examples])
    means = iter([float(numbers.log_probs.mean()) for numbers in statistics])
    found: list[tuple[float, np.ndarray] | None] = []
    for row in rows:
        if row.perturbed:
            found.append((next(means), np.array([next(means) for _ in row.perturbed])))
        else:
            found.append(None)
    return found


def truth_ratio(log_right: float, log_wrong: np.ndarray, mean: TruthRatioMean = "geometric") -> float:
    """R = mean of P_wrong / P_right, from log P; infinite when it is larger than a float can hold.

    The mean is geometric, or `arithmetic`: of the probabilities themselves, as in the later script of TOFU's authors.

    >>> round(truth_ratio(0.0, np.log([0.1, 0.4])), 9), round(truth_ratio(0.0, np.log([0.1, 0.4]), "arithmetic"), 9)
    (0.2, 0.25)
    """
    with np.errstate(over="ignore"):
        wrong = logsumexp(log_wrong) - np.log(len(log_wrong)) if mean == "arithmetic" else np.mean(log_wrong)
        return float(np.exp(wrong - log_right))


def normalised_probability(log_right: float, log_wrong: np.ndarray) -> float:
    """P_right / (P_right + sum P_wrong), from log P."""
    return float(1 / (1 + np.exp(log_wrong - log_right).sum()))


def closeness_to_one(ratio: float) -> float:
    """min(R, 1/R): 1 when right and wrong are equally probable; for rows to forget."""
    return min(ratio, 1 / ratio) if ratio > 0 else 0.0


def share_of_right(ratio: float) -> float:
    """P_right / (P_right + P_wrong) = 1 / (1 + R): open-unlearning's `prob_mean`, read in a copy of their code."""
    return 1 / (1 + ratio)


def truthfulness(ratio: float) -> float:
    """max(0, 1 - R): 1 when the wrong answers are impossible; for rows to keep."""
    return max(0.0, 1.0 - ratio)


def _measure(examination: Examination, split: str) -> None:
    rows = examination.rows(split)
    if not any(row.perturbed for row in rows):
        if split in ("forget", "retain"):
            examination.note(f"The truth ratio on {split} rows needs wrong answers (perturbed_answer): there are none.")
        return
    examination.say(f"{split}: wrong answers")
    mean = examination.protocol.truth_ratio
    aggregate = closeness_to_one if split == "forget" else truthfulness
    if mean == "prob_mean":
        aggregate = share_of_right
        examination.note(
            "Truth ratio figures are the mean of P_right / (P_right + P_wrong) here: on rows to forget lower is better."
        )
    elif mean == "arithmetic":
        examination.note("The wrong answers of truth ratios are averaged arithmetically here.")
    values, normalised = [], []
    for i, logs in enumerate(log_probabilities_with_wrong(examination.model, rows)):
        if logs is None:
            continue
        ratio = truth_ratio(*logs, mean)
        examination.row(split, i, "truth_ratio", ratio)
        values.append(aggregate(ratio))
        if split in ("world", "real_authors"):
            normalised.append(normalised_probability(*logs))
            examination.row(split, i, "probability_normalised", normalised[-1])
    examination.figure(f"{split}_truth_ratio", float(np.mean(values)), len(values))
    if normalised:
        examination.figure(f"{split}_probability_normalised", float(np.mean(normalised)), len(normalised))
