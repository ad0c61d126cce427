"""ROUGE-L recall of an answer, by the rouge-score package with its stemmer, as TOFU uses it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any


def rouge_l_recalls(truths: Sequence[str], answers: Sequence[str]) -> list[float | None]:
    """Per pair: words of the longest common subsequence / words of the truth; None where the truth has no word.

    The package knows Latin letters and digits alone: a truth in another script has no word to it, and `Müller` is the
    two words `m` and `ller`.

    >>> rouge_l_recalls(["She was born in Oslo."], ["Oslo is where she was born."])
    [0.6]
    """
    scorer, tokenizer = _scorer()
    return [
        scorer.score(truth, answer)["rougeL"].recall if tokenizer.tokenize(truth) else None
        for truth, answer in zip(truths, answers, strict=True)
    ]


@cache
def _scorer() -> tuple[Any, Any]:
    # Here, because the package brings a large one (nltk) along for its stemmer.
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    tokenizer = DefaultTokenizer(use_stemmer=True)
    return RougeScorer(["rougeL"], tokenizer=tokenizer), tokenizer
