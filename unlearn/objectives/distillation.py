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
    formula="(1/Z) sum w_t [KL(q_t^teacher || q_t) + m mean_l |h_t,l - h_t,l^teacher|^2 / |h_t,l^teacher|^2]",
    paper="ours",
    evidence="ours",
    uses=("inner",),
    alpha=4.0,
    anchor=1.0,
    needs=("teacher",),
    head=lambda log_q, taught, labels, constants: kl_head(log_q, taught, labels),
    note="The teacher is the original model with another subject's name in the row, or with the subject hidden: the "
    "model learns what it would say if it did not know who is asked about, and to come to it by the same inner states.",
)
def counterfactual(batch: LabelBatch, constants: Constants) -> Tensor:
    """(1/Z) sum_t w_t [KL(q_t^teacher || q_t) + m s_t], bounded below by 0; see `unlearn.run.teacher` for the teacher.

    s_t = mean_l |h_t,l - h_t,l^teacher|^2 / |h_t,l^teacher|^2 over two inner blocks (`inner_blocks`), h where t is
    predicted, m = `inner`: what is forgotten is to go from the states too, not from the answers alone.

    Ours. Whole distributions of a frozen model as the target are PALU's and UNDIAL's idea, inner states as the target
    RMU's; that both are those of the model asked about somebody else is not known to us from a paper.
    """
    if batch.head_values is None:
        raise ValueError("A teacher's distributions are compared whole: the batch has no `head_values`.")
    values = batch.head_values
    if constants.inner and batch.inner_values is not None:
        values = values + constants.inner * batch.inner_values
    return weighted_mean(batch, values, batch.weights, constants.normaliser)


def inner_blocks(depth: int, first: int = 1) -> tuple[int, ...]:
    """The blocks whose states are drawn to a teacher's: at half and at three quarters of the depth, where they train.

    Args:
        first: the first block that is trained; what lies below cannot move.

    >>> inner_blocks(4), inner_blocks(30), inner_blocks(30, 16), inner_blocks(30, 30), inner_blocks(1)
    ((2, 3), (15, 22), (22,), (), (1,))
    """
    wanted = {max(1, depth // 2), max(1, 3 * depth // 4)}
    return tuple(sorted(block for block in wanted if block >= first))
