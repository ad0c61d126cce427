"""Entropy of the predictive distribution (ETW, arXiv 2604.17785; TokenUnlearn uses the same signal)."""

from __future__ import annotations

import numpy as np

from attribution.scores import ScoreBatch


def entropy(batch: ScoreBatch) -> list[np.ndarray]:
    """H_t = -sum_v q_v log q_v with q = softmax(z / T), in nats, `[n]` per row; high = the model is less sure.

    The direction is the paper's; the formula is from a secondary summary.
    """
    return [statistics.entropies.numpy() for statistics in batch.plain]
