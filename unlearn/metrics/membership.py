"""Can a stranger tell from its probabilities what the model was trained on?

Each attack gives every answer a number that is high for what was trained on; the figure is the AUC with which it tells
rows to forget from holdout rows that no model has seen. 1: they still look trained on; 1/2: as unseen; below 1/2: they
stand out as avoided.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.predictions import at_answers

LOWEST_SHARE = 0.4
"""K of Min-K% and Min-K%++: 40, unless `Protocol.min_k` says otherwise."""

SMALLEST_VARIANCE = 1e-6
"""Below it Min-K%++ divides by this: a model that is sure has no spread. As in public code."""

ATTACKS = ("loss", "min_k", "min_k_plus")

_membership = partial(
    metric,
    group="membership",
    better="toward",
    target=0.5,
    unit="AUC",
    of="rows to forget against holdout rows",
    sentence="Whether rows to forget still look trained on: 1 means surely, 0.5 cannot tell, below 0.5 they stand out "
    "as avoided.",
    evidence="summary",
)


@_membership(
    "membership_min_k_plus",
    title="Membership by Min-K%++",
    formula="AUC of mean of the lowest K (40% unless told) of (log p_t - mean log q) / sd log q, under q itself, of "
    "rows to forget against holdout rows",
    paper="arXiv 2404.02936",
)
@_membership(
    "membership_min_k",
    title="Membership by Min-K%",
    formula="AUC of mean of the lowest K (40% unless told) of log p_t of rows to forget against holdout rows",
    paper="arXiv 2310.16789",
)
@_membership(
    "membership_loss",
    title="Membership by loss",
    formula="AUC of mean log p_t of rows to forget against holdout rows",
    paper="arXiv 1709.01604",
)
def measure(examination: Examination) -> None:
    """The three AUCs."""
    mine_split, theirs_split = examination.members
    forget, holdout = examination.rows(mine_split), examination.rows(theirs_split)
    if not holdout:
        examination.note("Membership compares with rows that no model has seen: the corpus has no holdout rows.")
        return
    examination.say("membership")
    share = examination.protocol.min_k
    mine = membership_scores(examination.model, forget, share)
    theirs = membership_scores(examination.model, holdout, share)
    for attack in ATTACKS:
        for split, scores in ((mine_split, mine), (theirs_split, theirs)):
            for i, score in enumerate(scores[attack]):
                examination.row(split, i, f"membership_{attack}", float(score))
        auc = membership_auc(mine[attack], theirs[attack])
        examination.figure(f"membership_{attack}", auc, len(forget), len(holdout))


def membership_auc(members: np.ndarray, others: np.ndarray) -> float:
    """AUC with which scores tell members from others; ties count half."""
    # Here, because it takes a fifth of the time in which a command starts, and most ask for no membership.
    from sklearn.metrics import roc_auc_score

    truth = np.concatenate([np.ones(len(members)), np.zeros(len(others))])
    return float(roc_auc_score(truth, np.concatenate([members, others])))


def membership_scores(model: LanguageModel, rows: Sequence[Row], share: float = LOWEST_SHARE) -> dict[str, np.ndarray]:
    """Scores of every row's answer by each attack, `[rows]`, high for what looks trained on; `share` is K.

    * loss: mean log p_t (arXiv 1709.01604)
    * min_k: mean of the lowest K (40% unless told) of log p_t (arXiv 2310.16789)
    * min_k_plus: mean of the lowest K of (log p_t - m_t) / s_t, with m_t and s_t the mean and the standard deviation of
      log q_v under q itself, the prediction at t (arXiv 2404.02936)
    """
    scores: dict[str, list[float]] = {attack: [] for attack in ATTACKS}
    for moments in at_answers(model, [model.encode(row.example) for row in rows], log_prob_moments):
        log_probs, means, deviations = moments.unbind(dim=1)
        scores["loss"].append(float(log_probs.mean()))
        scores["min_k"].append(lowest_mean(log_probs, share))
        scores["min_k_plus"].append(lowest_mean((log_probs - means) / deviations, share))
    return {attack: np.array(values) for attack, values in scores.items()}


def lowest_mean(values: Tensor, share: float = LOWEST_SHARE) -> float:
    """Mean of the lowest share of the values, rounded down, one at least.

    >>> lowest_mean(torch.tensor([5.0, 1.0, 2.0, 4.0, 3.0]))
    1.5
    """
    count = max(1, int(share * len(values)))
    return float(values.sort().values[:count].mean())


def log_prob_moments(logits: Tensor, labels: Tensor) -> Tensor:
    """log p of the labels, and mean and standard deviation of log q_v under q itself, in nats, `[n, 3]`."""
    log_q = torch.log_softmax(logits, dim=-1)
    q = log_q.exp()
    # A probability of exactly 0 contributes 0, not 0 * -inf.
    means = -torch.special.entr(q).sum(dim=-1)
    # The spread around the mean, not E[x^2] - E[x]^2, which cancels where the model is sure.
    variances = torch.where(q > 0, q * (log_q - means[:, None]).square(), 0.0).sum(dim=-1)
    log_probs = log_q.gather(1, labels[:, None]).squeeze(1)
    return torch.stack([log_probs, means, variances.clamp_min(SMALLEST_VARIANCE).sqrt()], dim=1)
