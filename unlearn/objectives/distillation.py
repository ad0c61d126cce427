"""UNDIAL: the model learns from the frozen one, whose logit of the true token has been lowered."""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.objectives.base import Constants, objective, weighted_mean
from unlearn.objectives.labels import LabelBatch


def undial_head(log_q: Tensor, frozen_logits: Tensor, labels: Tensor, constants: Constants) -> Tensor:
    """Cross-entropy in nats against softmax(z_ref - b onehot(y)), `[n]`; log q and z_ref are `[n, V]`."""
    lowered = torch.full_like(labels[:, None], -constants.beta, dtype=frozen_logits.dtype)
    teacher = torch.softmax(frozen_logits.scatter_add(1, labels[:, None], lowered), dim=-1)
    return -(teacher * log_q).sum(dim=-1)


@objective(
    "undial",
    title="UNDIAL",
    formula="(1/Z) sum w_t CE(softmax(z_t^ref - b onehot(y_t)), q_t)",
    paper="UNDIAL, arXiv 2402.10052",
    evidence="code",
    uses=("beta",),
    beta=10.0,
    alpha=0.0,
    head=undial_head,
)
def undial(batch: LabelBatch, constants: Constants) -> Tensor:
    """(1/Z) sum_t w_t CE(softmax(z_ref - b onehot(y_t)), q_t) over label positions alone (arXiv 2402.10052)."""
    if batch.head_values is None:
        raise ValueError("UNDIAL compares whole distributions: the batch has no `head_values`.")
    return weighted_mean(batch, batch.head_values, batch.weights, constants.normaliser)
