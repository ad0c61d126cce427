"""How much of an answer the model would write by itself, given the true words so far (teacher-forced)."""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination

SPLITS = ("forget", "retain")


@metric(
    "extraction_strength",
    SPLITS,
    title="Extraction strength of answers",
    sentence="How little of the answer has to be given before the model completes the rest word for word.",
    group="memorisation",
    formula="1 - k/n, k the first index from which every argmax is the label (k = n when none)",
    paper="arXiv 2406.09179",
    evidence="summary",
)
@metric(
    "exact_memorisation",
    SPLITS,
    title="Exact memorisation of answers",
    sentence="Share of the answer's tokens that the model would itself have written next.",
    group="memorisation",
    formula="mean over rows of the share of tokens that are the argmax given the true prefix",
    paper="arXiv 2406.09179",
    evidence="summary",
)
def measure(examination: Examination) -> None:
    """Exact memorisation and extraction strength on the rows to forget and to keep."""
    for split in SPLITS:
        greedy = [numbers.greedy for numbers in examination.true_answers(split).statistics]
        examination.mean(split, "exact_memorisation", [exact_memorisation(row) for row in greedy])
        examination.mean(split, "extraction_strength", [extraction_strength(row) for row in greedy])


def exact_memorisation(greedy: Tensor) -> float:
    """Share of an answer's tokens that are the argmax; `greedy` `[n]` says which."""
    return float(greedy.float().mean())


def extraction_strength(greedy: Tensor) -> float:
    """1 - k/n, k the smallest zero-based index from which every argmax is the label; k = n, so 0, when there is none.

    >>> extraction_strength(torch.tensor([True, False, True, True]))
    0.5
    >>> extraction_strength(torch.tensor([True, True, True, False]))  # public code has a floor of 1/n here
    0.0
    """
    misses = torch.nonzero(~greedy.bool()).flatten()
    k = int(misses[-1]) + 1 if len(misses) else 0
    return 1 - k / len(greedy)
