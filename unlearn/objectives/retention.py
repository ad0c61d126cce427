"""The retain terms: what holds the model in place on the rows to keep."""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.objectives.ascent import weighted_nll
from unlearn.objectives.base import weighted_mean
from unlearn.objectives.labels import LabelBatch


def retain_nll(batch: LabelBatch) -> Tensor:
    """Mean negative log-likelihood in nats over the labels of the rows to keep."""
    return weighted_nll(batch, batch.weights)


def kl_head(log_q: Tensor, frozen_logits: Tensor, labels: Tensor) -> Tensor:
    """KL(ref || current) = sum_v q_ref (log q_ref - log q) in nats, `[n]`; both distributions are `[n, V]`."""
    log_reference = torch.log_softmax(frozen_logits, dim=-1)
    return (log_reference.exp() * (log_reference - log_q)).sum(dim=-1)


def retain_kl(batch: LabelBatch) -> Tensor:
    """Mean KL(ref || current) in nats over label positions alone, never prompt or padding (TOFU, arXiv 2401.06121)."""
    if batch.head_values is None:
        raise ValueError("KL retention compares whole distributions: the batch has no `head_values`.")
    return weighted_mean(batch, batch.head_values, batch.weights)
