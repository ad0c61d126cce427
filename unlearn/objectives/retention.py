"""The retain terms: what holds the model in place on the rows to keep."""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.objectives.ascent import weighted_nll
from unlearn.objectives.base import retain_term, weighted_mean
from unlearn.objectives.labels import LabelBatch


@retain_term("nll", title="Likelihood", formula="mean l_t", paper="TOFU, arXiv 2401.06121", evidence="paper")
def retain_nll(batch: LabelBatch) -> Tensor:
    """Mean negative log-likelihood in nats over the labels of the rows to keep."""
    return weighted_nll(batch, batch.weights)


def kl_head(log_q: Tensor, frozen_logits: Tensor, labels: Tensor) -> Tensor:
    """KL(ref || current) = sum_v q_ref (log q_ref - log q) in nats, `[n]`; both distributions are `[n, V]`."""
    log_reference = torch.log_softmax(frozen_logits, dim=-1)
    return (log_reference.exp() * (log_reference - log_q)).sum(dim=-1)


@retain_term(
    "kl",
    title="KL to the original",
    formula="mean KL(ref || current) over label positions",
    paper="TOFU, arXiv 2401.06121",
    evidence="paper",
    head=kl_head,
)
def retain_kl(batch: LabelBatch) -> Tensor:
    """Mean KL(ref || current) in nats over label positions alone, never prompt or padding (TOFU, arXiv 2401.06121)."""
    if batch.head_values is None:
        raise ValueError("KL retention compares whole distributions: the batch has no `head_values`.")
    return weighted_mean(batch, batch.head_values, batch.weights)


@retain_term(
    "states",
    title="Inner states of the original",
    formula="mean over labels of mean_d (h_t - h_t^ref)^2, h_t a state of an inner layer",
    paper="WMDP, arXiv 2403.03218",
    evidence="code",
    needs=("layer",),
)
def retain_states(batch: LabelBatch) -> Tensor:
    """Mean over labels of mean_d (h_t - h_t^ref)^2: RMU's own retain term."""
    if batch.layer_states is None or batch.reference_layer_states is None:
        raise ValueError("RMU's retain term compares inner states of both models: the batch has none.")
    distances = (batch.layer_states.float() - batch.reference_layer_states.float()).square().mean(dim=-1)
    return weighted_mean(batch, distances, batch.weights)
