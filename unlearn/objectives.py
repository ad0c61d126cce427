"""The losses. Every one is minimised; `total = gamma * forget + alpha * retain`.

The gradient-ascent family (GradDiff, WGA, SatGA+) is one primitive: a weighted mean of negative log-likelihoods whose
weights carry no gradient. Notation as in `docs/papers.md`: l_t = -log p_t in nats, w_t the selection's weight, sg the
stop-gradient, b the objective's own temperature beta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from attribution.registry import Evidence, did_you_mean
from unlearn.labels import LabelBatch

Normaliser = Literal["weight", "label"]
ForgetLoss = Callable[[LabelBatch, float, Normaliser], Tensor]


@dataclass(frozen=True)
class Objective:
    """An objective with its defaults.

    Attributes:
        beta, gamma, alpha: defaults; gamma multiplies the forget term, alpha the retain term.
        needs_reference: whether the frozen model's log-probabilities enter.
    """

    name: str
    title: str
    forget: ForgetLoss
    beta: float
    gamma: float
    alpha: float
    formula: str
    paper: str
    evidence: Evidence
    needs_reference: bool = False


def weighted_nll(batch: LabelBatch, weights: Tensor, normaliser: Normaliser = "weight") -> Tensor:
    """(1/Z) sum_t weights_t l_t, a scalar in nats; no gradient flows through the weights.

    Z is the sum of the selection's weights w (`weight`) or the number of labels (`label`): never the sum of `weights`
    itself, which would undo a saturation factor inside them.
    """
    return (weights.detach() * -batch.log_probs).sum() / _mass(batch, normaliser)


def retain_nll(batch: LabelBatch) -> Tensor:
    """Mean negative log-likelihood in nats over the labels of the rows to keep."""
    return weighted_nll(batch, batch.weights)


def grad_diff(batch: LabelBatch, beta: float, normaliser: Normaliser) -> Tensor:
    """-(1/Z) sum w_t l_t: gradient ascent; with the retain term it is TOFU's GradDiff. `beta` is not used."""
    return -weighted_nll(batch, batch.weights, normaliser)


def wga(batch: LabelBatch, beta: float, normaliser: Normaliser) -> Tensor:
    """-(1/Z) sum w_t sg(p_t)^b l_t (arXiv 2502.19301): ascent that fades as the token becomes improbable."""
    return -weighted_nll(batch, batch.weights * batch.log_probs.detach().exp() ** beta, normaliser)


def sat_ga_plus(batch: LabelBatch, beta: float, normaliser: Normaliser) -> Tensor:
    """-(1/Z) sum w_t l_t sg(exp(-w_t l_t))^b (ATWU, arXiv 2606.06320): the score stands in the exponent too.

    The saturation is detached, as in the authors' code; literal differentiation would stop at p = exp(-1/b).
    """
    saturation = torch.exp(batch.weights * batch.log_probs.detach()) ** beta
    return -weighted_nll(batch, batch.weights * saturation, normaliser)


def npo(batch: LabelBatch, beta: float, normaliser: Normaliser) -> Tensor:
    """-(2/b) mean_rows log sigmoid(-b sum_t w_t log(p_t / p_t^ref)) (NPO, arXiv 2404.05868).

    Rows are averaged, so `normaliser` is not used.
    """
    if batch.reference is None:
        raise ValueError("NPO needs the frozen model's log-probabilities.")
    ratios = batch.row_sums(batch.weights * (batch.log_probs - batch.reference))
    return -(2 / beta) * logsigmoid(-beta * ratios).mean()


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective(
            name="wga",
            title="WGA",
            forget=wga,
            beta=1.0,
            gamma=1.0,
            alpha=1.0,
            formula="-(1/Z) sum w_t sg(p_t)^b l_t",
            paper="arXiv 2502.19301",
            evidence="code",
        ),
        Objective(
            name="npo",
            title="NPO",
            forget=npo,
            beta=0.1,
            gamma=1.0,
            alpha=1.0,
            formula="-(2/b) mean log sigmoid(-b sum w_t log(p_t / p_t^ref))",
            paper="NPO, arXiv 2404.05868",
            evidence="paper",
            needs_reference=True,
        ),
        Objective(
            name="graddiff",
            title="GradDiff",
            forget=grad_diff,
            beta=1.0,
            gamma=1.0,
            alpha=1.0,
            formula="-(1/Z) sum w_t l_t",
            paper="TOFU, arXiv 2401.06121",
            evidence="paper",
        ),
        Objective(
            name="satga",
            title="SatGA+",
            forget=sat_ga_plus,
            beta=7.0,
            gamma=3.0,
            alpha=0.5,
            formula="-(1/Z) sum w_t l_t sg(exp(-w_t l_t))^b",
            paper="ATWU, arXiv 2606.06320",
            evidence="paper",
        ),
    )
}


def objective(name: str) -> Objective:
    """The objective of that name. ValueError names those that exist."""
    if name not in OBJECTIVES:
        raise ValueError(
            f"The objective {name!r} is unknown{did_you_mean(name, OBJECTIVES)} Choose from {', '.join(OBJECTIVES)}."
        )
    return OBJECTIVES[name]


def _mass(batch: LabelBatch, normaliser: Normaliser) -> Tensor:
    mass = batch.weights.sum() if normaliser == "weight" else batch.weights.new_tensor(float(len(batch.weights)))
    # A batch in which a threshold selected nothing has no forget term: 0, not 0/0.
    return mass.clamp_min(torch.finfo(mass.dtype).tiny)
