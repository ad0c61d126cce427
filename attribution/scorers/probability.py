"""The confidence family: what the model's own probability p_t of a token says.

Importance and SatImp: SatImp, arXiv 2505.11953; saturation: WGA, arXiv 2502.19301. Read in the authors' public code.
All three come from the shared plain forward.
"""

from __future__ import annotations

import numpy as np

from attribution.scorers.base import ScoreBatch, scorer


@scorer(
    "importance",
    title="Importance",
    unit="probability",
    low=0.0,
    high=1.0,
    higher_means="the model gives it little probability",
    formula="1 - p_t",
    paper="SatImp, arXiv 2505.11953",
    evidence="code",
)
def importance(batch: ScoreBatch) -> list[np.ndarray]:
    """1 - p_t, a probability, `[n]` per row; high = the model is not sure of the token yet."""
    return [np.abs(np.expm1(log_p)) for log_p in _log_probs(batch)]


@scorer(
    "saturation",
    title="Saturation",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="the model gives it much probability",
    formula="p_t^b, b = 1",
    paper="WGA, arXiv 2502.19301; SatImp, arXiv 2505.11953",
    evidence="code",
)
def saturation(batch: ScoreBatch) -> list[np.ndarray]:
    """p_t^b in [0, 1], b = `saturation_power`, `[n]` per row; high = the model is sure of the token."""
    return [np.exp(batch.options.saturation_power * log_p) for log_p in _log_probs(batch)]


@scorer(
    "satimp",
    title="SatImp",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="its probability lies near b1 / (b1 + b2): neither lost nor certain",
    formula="p_t^b1 (1 - p_t)^b2, b1 = 5, b2 = 1",
    paper="SatImp, arXiv 2505.11953; the authors' own files disagree on b1 and b2",
    evidence="code",
)
def satimp(batch: ScoreBatch) -> list[np.ndarray]:
    """p_t^b1 (1 - p_t)^b2 in [0, 1], (b1, b2) = `satimp_powers`, `[n]` per row; highest at p_t = b1 / (b1 + b2).

    The authors' own files disagree on the powers; 5 and 1 are the defaults here.
    """
    b1, b2 = batch.options.satimp_powers
    return [np.exp(b1 * log_p) * np.abs(np.expm1(log_p)) ** b2 for log_p in _log_probs(batch)]


def _log_probs(batch: ScoreBatch) -> list[np.ndarray]:
    # Rounding may leave log p a hair above 0, where 1 - p would turn negative.
    return [np.minimum(statistics.log_probs.double().numpy(), 0.0) for statistics in batch.plain]
