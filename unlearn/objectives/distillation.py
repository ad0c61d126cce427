"""The model learns from the frozen one, which has been changed: UNDIAL, and the counterfactual teacher."""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.objectives.base import Constants, objective, weighted_mean
from unlearn.objectives.labels import LabelBatch
from unlearn.objectives.retention import kl_head


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


@objective(
    "counterfactual",
    title="Counterfactual teacher",
    formula="(1/Z) sum w_t KL(q_t^teacher || q_t)",
    paper="ours",
    evidence="ours",
    alpha=4.0,
    anchor=1.0,
    needs=("teacher",),
    head=lambda log_q, taught, labels, constants: kl_head(log_q, taught, labels),
    note="The teacher is the original model with another subject's name in the row, or with the subject hidden: the "
    "model learns what it would say if it did not know who is asked about.",
)
def counterfactual(batch: LabelBatch, constants: Constants) -> Tensor:
    """(1/Z) sum_t w_t KL(q_t^teacher || q_t) in nats, bounded below by 0; see `unlearn.run.teacher` for the teacher.

    Ours. Whole distributions of a frozen model as the target are PALU's and UNDIAL's idea; that it is asked about
    somebody else is not known to us from a paper.
    """
    if batch.head_values is None:
        raise ValueError("A teacher's distributions are compared whole: the batch has no `head_values`.")
    return weighted_mean(batch, batch.head_values, batch.weights, constants.normaliser)
