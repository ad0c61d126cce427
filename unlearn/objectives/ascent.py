"""The gradient-ascent family: one weighted mean of negative log-likelihoods, with weights that carry no gradient.

Notation as in `docs/papers.md`: l_t = -log p_t in nats, w_t the selection's weight, sg the stop-gradient, Z the
normaliser, b the objective's beta.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unlearn.objectives.base import Constants, Normaliser, objective, weighted_mean
from unlearn.objectives.labels import LabelBatch


def weighted_nll(batch: LabelBatch, weights: Tensor, normaliser: Normaliser = "weight") -> Tensor:
    """(1/Z) sum_t weights_t l_t, a scalar in nats; no gradient flows through the weights (see `weighted_mean`)."""
    return weighted_mean(batch, -batch.log_probs, weights, normaliser)


@objective(
    "ga",
    title="GA",
    formula="-(1/Z) sum w_t l_t, no retain term",
    paper="TOFU, arXiv 2401.06121",
    evidence="paper",
    alpha=0.0,
    note="Nothing holds the model: retain rows are measured, not trained on.",
)
@objective(
    "graddiff",
    title="GradDiff",
    formula="-(1/Z) sum w_t l_t",
    paper="TOFU, arXiv 2401.06121",
    evidence="paper",
)
def grad_ascent(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(1/Z) sum w_t l_t: gradient ascent. Alone it is GA; with a retain term it is TOFU's GradDiff."""
    return -weighted_nll(batch, batch.weights, constants.normaliser)


@objective(
    "wga",
    title="WGA",
    formula="-(1/Z) sum w_t sg(p_t)^b l_t",
    paper="arXiv 2502.19301",
    evidence="code",
    uses=("beta",),
)
def wga(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(1/Z) sum w_t sg(p_t)^b l_t (arXiv 2502.19301): ascent that fades as the token becomes improbable."""
    return -weighted_nll(batch, batch.weights * _probabilities(batch) ** constants.beta, constants.normaliser)


@objective(
    "satimp",
    title="SatImp",
    formula="-(1/Z) sum w_t sg(p_t)^b1 (1 - sg(p_t))^b2 l_t",
    paper="SatImp, arXiv 2505.11953",
    evidence="code",
    uses=("beta", "beta2"),
    beta=5.0,
    beta2=1.0,
    gamma=0.1,
    note="The authors' own files disagree: gamma 0.1 and alpha 1 in one, gamma 1 and alpha 0.1 in another. "
    "Where the model is sure of a token (p near 1) it barely pushes.",
)
def sat_imp(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(1/Z) sum w_t sg(p_t)^b1 (1 - sg(p_t))^b2 l_t (SatImp, arXiv 2505.11953), b1 = beta, b2 = beta2."""
    saturation = _probabilities(batch) ** constants.beta
    # expm1 keeps 1 - p exact where p is nearly 1.
    importance = (-torch.expm1(batch.log_probs.detach())).clamp_min(0) ** constants.beta2
    return -weighted_nll(batch, batch.weights * saturation * importance, constants.normaliser)


@objective(
    "satga",
    title="SatGA+",
    formula="-(1/Z) sum w_t l_t sg(exp(-w_t l_t))^b",
    paper="ATWU, arXiv 2606.06320",
    evidence="paper",
    uses=("beta",),
    beta=7.0,
    gamma=3.0,
    alpha=0.5,
    note="The saturation is held constant for the gradient, as the authors' code does.",
)
def sat_ga_plus(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(1/Z) sum w_t l_t sg(exp(-w_t l_t))^b (ATWU, arXiv 2606.06320): the score stands in the exponent too.

    The saturation is detached, as in the authors' code; literal differentiation would stop at p = exp(-1/b).
    """
    saturation = torch.exp(batch.weights * batch.log_probs.detach()) ** constants.beta
    return -weighted_nll(batch, batch.weights * saturation, constants.normaliser)


def _probabilities(batch: LabelBatch) -> Tensor:
    return batch.log_probs.detach().exp()
