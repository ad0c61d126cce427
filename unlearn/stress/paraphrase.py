"""The same facts, asked in words never trained."""

from __future__ import annotations

from collections.abc import Iterator

from unlearn.stress.base import Before, Stress, asked, kind, made


@kind("paraphrase", "the same facts asked in words never trained")
def paraphrase(before: Before) -> Iterator[Stress]:
    """Recall in greedy answers to the paraphrased questions."""
    yield made("paraphrase", "asked in other words", before.recall, asked(before.model, before.paraphrase))
