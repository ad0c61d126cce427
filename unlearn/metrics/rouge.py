"""ROUGE-L recall of an answer, by the rouge-score package with its stemmer, as TOFU uses it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination

SPLITS = ("forget", "paraphrase", "retain", "world", "real_authors")


@metric(
    "rouge_l",
    SPLITS,
    title="ROUGE-L of answers",
    sentence="How much of the true answer's wording the greedy answer has, in order.",
    group="tofu",
    formula="longest common subsequence of stemmed words / words of the true answer",
    paper="TOFU, arXiv 2401.06121",
    evidence="code",
)
def measure(examination: Examination) -> None:
    """Of every split with questions."""
    for split in SPLITS:
        answers = examination.answers(split) if examination.rows(split) else []
        if not answers:
            continue
        recalls = rouge_l_recalls([answer.best for answer in answers], [answer.answer for answer in answers])
        values: list[float | None] = [None] * len(examination.rows(split))
        for i, recall in zip(examination.asked(split), recalls, strict=True):
            values[i] = recall
        examination.mean(split, "rouge_l", values)
        if None in recalls:
            examination.note(
                f"ROUGE-L knows Latin letters and digits alone: {recalls.count(None)} {split} rows have none and were "
                "left out."
            )


def rouge_l_recalls(truths: Sequence[str], answers: Sequence[str]) -> list[float | None]:
    """Per pair: words of the longest common subsequence / words of the truth; None where the truth has no word.

    The package knows Latin letters and digits alone: a truth in another script has no word to it, and `Müller` is the
    two words `m` and `ller`.

    >>> rouge_l_recalls(["She was born in Oslo."], ["Oslo is where she was born."])
    [0.6]
    """
    return rouge_l(truths, answers, "recall")


def rouge_l(
    truths: Sequence[str], answers: Sequence[str], part: Literal["recall", "fmeasure"], stems: bool = True
) -> list[float | None]:
    """Per pair the recall or the F of ROUGE-L, with or without a stemmer; None where the truth has no word."""
    scorer, tokenizer = _scorer(stems)
    return [
        getattr(scorer.score(truth, answer)["rougeL"], part) if tokenizer.tokenize(truth) else None
        for truth, answer in zip(truths, answers, strict=True)
    ]


@cache
def _scorer(stems: bool) -> tuple[Any, Any]:
    # Here, because the package brings a large one (nltk) along for its stemmer.
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    tokenizer = DefaultTokenizer(use_stemmer=stems)
    return RougeScorer(["rougeL"], tokenizer=tokenizer), tokenizer
