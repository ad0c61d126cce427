"""Bundles made by hand, in double precision, so that losses can be checked on paper."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unlearn.objectives.labels import LabelBatch, Totals


def toy_batch(
    probabilities: Sequence[float],
    weights: Sequence[float],
    rows: Sequence[int] | None = None,
    reference: Sequence[float] | None = None,
    head_values: Sequence[float] | None = None,
    over: Totals | None = None,
) -> LabelBatch:
    """Labels with these probabilities now and before; all of one row unless `rows` says otherwise."""
    n = len(probabilities)
    rows = rows or [0] * n
    return LabelBatch(
        log_probs=torch.tensor(probabilities, dtype=torch.float64).log().requires_grad_(True),
        weights=torch.tensor(weights, dtype=torch.float64),
        rows=torch.tensor(rows),
        size=max(rows) + 1,
        totals=over or Totals(float(sum(weights)), n, max(rows) + 1),
        reference=None if reference is None else torch.tensor(reference, dtype=torch.float64).log(),
        head_values=None if head_values is None else torch.tensor(head_values, dtype=torch.float64),
    )


def gradient(loss: Tensor, batch: LabelBatch) -> list[float]:
    """d loss / d log p_t of every label."""
    return torch.autograd.grad(loss, batch.log_probs)[0].tolist()
