"""Masking and entropy in one number (TokenUnlearn, arXiv 2605.00364, from a summary; weight and norm are ours)."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from attribution.scores import ScoreBatch


def fused(batch: ScoreBatch) -> list[np.ndarray]:
    """phi_t = a norm(masking_t) + (1 - a) norm(entropy_t) in [0, 1], `[n]` per row; a = `fused_weight`."""
    a = batch.options.fused_weight
    return [
        a * normalise(masking, batch.options.fused_norm) + (1 - a) * normalise(entropy, batch.options.fused_norm)
        for masking, entropy in zip(batch.columns["masking"], batch.columns["entropy"], strict=True)
    ]


def normalise(values: np.ndarray, norm: str) -> np.ndarray:
    """Values of one row scaled to [0, 1]: by `rank` (ties get their average rank) or `minmax`; 0 when all are equal."""
    values = np.asarray(values, dtype=np.float64)
    scaled = rankdata(values) - 1 if norm == "rank" else values - values.min()
    spread = len(values) - 1 if norm == "rank" else values.max() - values.min()
    if spread <= 0 or np.ptp(values) == 0:
        return np.zeros_like(values)
    return scaled / spread
