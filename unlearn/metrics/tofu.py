"""TOFU's figures (arXiv 2401.06121): ROUGE-L, truth ratio, model utility, forget quality.

P(y|x) = exp(-mean l_t). The truth ratio of a row is R = P_wrong / P_correct, P_wrong the geometric mean over its wrong
answers, P_correct that of the paraphrased answer, whose words the wrong ones share, or of the answer where the row has
no paraphrase (real authors, world facts). All follow the row's own question, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import hmean, ks_2samp

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.text.example import Example
from unlearn.metrics.examination import Examination
from unlearn.metrics.rouge import rouge_l_recalls

UTILITY_PARTS = tuple(
    f"{split}_{part}"
    for split, parts in (
        ("retain", ("probability", "rouge_l", "truth_ratio")),
        ("real_authors", ("probability_normalised", "rouge_l", "truth_ratio")),
        ("world", ("probability_normalised", "rouge_l", "truth_ratio")),
    )
    for part in parts
)


def measure(examination: Examination) -> None:
    """All of it, for the splits that the corpus has."""
    if examination.rows("real_authors"):
        examination.say("real_authors")
        examination.mean("real_authors", "probability", examination.reading("real_authors").probabilities)
    for split in ("forget", "paraphrase", "retain", "world", "real_authors"):
        _rouge(examination, split)
    for split in ("forget", "retain", "world", "real_authors"):
        _truth(examination, split)
    _utility(examination)
    _forget_quality(examination)


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


def truth_ratio(log_right: float, log_wrong: np.ndarray) -> float:
    """R = geometric mean of P_wrong / P_right, from log P; infinite when it is larger than a float can hold."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(log_wrong) - log_right))


def normalised_probability(log_right: float, log_wrong: np.ndarray) -> float:
    """P_right / (P_right + sum P_wrong), from log P."""
    return float(1 / (1 + np.exp(log_wrong - log_right).sum()))


def closeness_to_one(ratio: float) -> float:
    """min(R, 1/R): 1 when right and wrong are equally probable; for rows to forget."""
    return min(ratio, 1 / ratio) if ratio > 0 else 0.0


def truthfulness(ratio: float) -> float:
    """max(0, 1 - R): 1 when the wrong answers are impossible; for rows to keep."""
    return max(0.0, 1.0 - ratio)


def forget_quality(ratios: Sequence[float], retrained: Sequence[float]) -> tuple[float, float]:
    """(D, p) of the two-sided two-sample Kolmogorov-Smirnov test between truth ratios of two models.

    p is exact, not the limit for many rows, up to 10,000 of them. It falls with n for one and the same D: read both.

    >>> distance, p = forget_quality([1, 2, 3], [4, 5, 6])
    >>> distance, round(p, 9)  # 2 of the 20 orders of six values are this far apart
    (1.0, 0.1)
    """
    result = ks_2samp(ratios, retrained, method="auto")
    return float(result.statistic), float(result.pvalue)


def model_utility(parts: Sequence[float]) -> float:
    """Harmonic mean; 0 as soon as one part is."""
    return float(hmean(parts)) if min(parts) > 0 else 0.0


# Parts ---------------------------------------------------------------------------------------------------------------


def _rouge(examination: Examination, split: str) -> None:
    answers = examination.answers(split) if examination.rows(split) else []
    if not answers:
        return
    recalls = rouge_l_recalls([answer.truth for answer in answers], [answer.answer for answer in answers])
    values: list[float | None] = [None] * len(examination.rows(split))
    for i, recall in zip(examination.asked(split), recalls, strict=True):
        values[i] = recall
    examination.mean(split, "rouge_l", values)
    if None in recalls:
        examination.note(
            f"ROUGE-L knows Latin letters and digits alone: {recalls.count(None)} {split} rows have none and were left "
            "out."
        )


def _truth(examination: Examination, split: str) -> None:
    rows = examination.rows(split)
    if not any(row.perturbed for row in rows):
        if split in ("forget", "retain"):
            examination.note(f"The truth ratio on {split} rows needs wrong answers (perturbed_answer): there are none.")
        return
    examination.say(f"{split}: wrong answers")
    aggregate = closeness_to_one if split == "forget" else truthfulness
    values, normalised = [], []
    for i, logs in enumerate(log_probabilities_with_wrong(examination.model, rows)):
        if logs is None:
            continue
        ratio = truth_ratio(*logs)
        examination.row(split, i, "truth_ratio", ratio)
        values.append(aggregate(ratio))
        if split in ("world", "real_authors"):
            normalised.append(normalised_probability(*logs))
            examination.row(split, i, "probability_normalised", normalised[-1])
    examination.figure(f"{split}_truth_ratio", float(np.mean(values)), len(values))
    if normalised:
        examination.figure(f"{split}_probability_normalised", float(np.mean(normalised)), len(normalised))


def _utility(examination: Examination) -> None:
    parts = {name: value for name in UTILITY_PARTS if (value := examination.metric(name)) is not None}
    if not {name for name in UTILITY_PARTS if name.startswith("retain_")} <= set(parts):
        examination.note("Model utility needs wrong answers beside the true ones on the rows to keep: there are none.")
        return
    examination.figure("model_utility", model_utility(list(parts.values())), len(parts))
    absent = [name for name in UTILITY_PARTS if name not in parts]
    if absent:
        examination.note(
            f"Model utility is over {len(parts)} of its nine figures: these rows do not give {', '.join(absent)}."
        )


def _forget_quality(examination: Examination) -> None:
    if examination.reference is None:
        examination.note("Forget quality compares with a model retrained without the rows to forget: none was given.")
        return
    mine = examination.values("forget", "truth_ratio")
    theirs = examination.reference.values("forget", "truth_ratio")
    if not mine or not theirs:
        examination.note("Forget quality needs truth ratios of both models: one has none.")
        return
    distance, p = forget_quality(mine, theirs)
    examination.figure("forget_quality", p, len(mine), len(theirs))
    examination.figure("forget_quality_d", distance, len(mine), len(theirs))
