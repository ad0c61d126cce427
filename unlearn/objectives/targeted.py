"""What is selected is unlearnt by its logits, and what is not is held, in one objective: PALU and TPO.

Notation as in `docs/papers.md`; z is a logit, z^ref the frozen model's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from unlearn.objectives.base import Constants, objective, row_mean, weighted_mean
from unlearn.objectives.labels import LabelBatch

TOP_K = 50
"""Candidates of each label that PALU makes alike."""
ONSET = 3
"""Tokens of each selected span, from its first on, that PALU trains."""


def palu_head(log_q: Tensor, frozen_logits: Tensor, labels: Tensor, constants: Constants) -> Tensor:
    """(1/K) sum_i (z_i - c)^2 over the K words that the frozen model finds most probable, c their mean, `[n]`.

    That is a variance, which log q has in z's place: the two differ by one number a label.
    """
    candidates = frozen_logits.topk(min(TOP_K, frozen_logits.shape[1]), dim=-1).indices
    z = log_q.gather(1, candidates)
    return (z - z.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


@objective(
    "palu",
    title="PALU",
    formula="(1/Z) sum w_t (1/K) sum_i (z_ti - c_t)^2, i over the K candidates of the original, t over the first N "
    "tokens of each selected span",
    paper="PALU, arXiv 2601.03190",
    evidence="summary",
    anchor=1.0,
    head=palu_head,
    note="K 50, N 3 and anchors on what is not selected are the paper's, by a summary; that c_t is the candidates' own "
    "mean is our reading of its local mean, and Z counts every selected token.",
)
def palu(batch: LabelBatch, constants: Constants) -> Tensor:
    """(1/Z) sum_t w_t var_K(z_t) over the first `ONSET` tokens of each run of selected labels (arXiv 2601.03190).

    Later tokens of a run have no loss at all; what is not selected is held by `unlearn.objectives.base.anchors`.
    """
    if batch.head_values is None:
        raise ValueError("PALU compares whole distributions: the batch has no `head_values`.")
    return weighted_mean(batch, batch.head_values, batch.weights * onsets(batch), constants.normaliser)


def onsets(batch: LabelBatch) -> Tensor:
    """1 where a label is among the first `ONSET` of a run of selected labels of its row, else 0, `[N]`."""
    numbers = torch.arange(len(batch.rows), device=batch.rows.device)
    breaks = batch.weights <= 0
    starts = torch.ones_like(breaks)
    starts[1:] = batch.rows[1:] != batch.rows[:-1]
    # The last place before each label at which a run could not have begun yet.
    last = torch.where(breaks, numbers, torch.where(starts, numbers - 1, -1)).cummax(dim=0).values
    return ((numbers - last <= ONSET) & ~breaks).to(batch.weights.dtype)


def tpo_head(z: Tensor, frozen_logits: Tensor, labels: Tensor, constants: Constants) -> Tensor:
    """z_t^ref(y_t) - z_t(y_t), `[n]`: how far the label's logit has fallen."""
    return (frozen_logits - z).gather(1, labels[:, None]).squeeze(1)


@objective(
    "tpo",
    title="TPO",
    formula="-(2/b) mean log sigmoid(b sum w_t (z_t^ref(y_t) - z_t(y_t)) / sum w_t) + mean sum (1 - w_t)+ l_t",
    paper="TPO, arXiv 2506.03142",
    evidence="code",
    uses=("beta",),
    divides_by_beta=True,
    beta=0.3,
    needs=("logits", "rest"),
    head=tpo_head,
    note="The authors' code takes the sigmoid of the mean over the batch; ours is the mean over rows, so that parts of "
    "a step add up. beta 0.3 is from a port of it, alpha 1 from the variant with rows to keep.",
)
def tpo(batch: LabelBatch, constants: Constants) -> Tensor:
    """Logit preference on what is selected, likelihood on the rest of the answer and its end (arXiv 2506.03142).

    Means are over rows: the first term of a row with nothing selected is 0, and so is the second of one with nothing
    else. Sums and means within a row are the authors': a mean of gaps, a sum of l_t.
    """
    if batch.head_values is None:
        raise ValueError("TPO compares logits: the batch has no `head_values`.")
    mass = batch.row_sums(batch.weights)
    gaps = batch.row_sums(batch.weights * batch.head_values) / mass.clamp_min(torch.finfo(mass.dtype).tiny)
    preferred = -(2 / constants.beta) * logsigmoid(constants.beta * gaps) * (mass > 0)
    kept = batch.row_sums((1 - batch.weights).clamp_min(0) * -batch.log_probs)
    return row_mean(batch, preferred + kept)
