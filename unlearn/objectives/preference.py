"""The preference family: bounded losses that fade as an answer falls behind a reference, a margin or a refusal.

NPO, TNPO and DPO measure against the frozen model, r_t = log(p_t / p_t^ref); SimNPO does without.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from unlearn.objectives.base import Constants, objective, row_mean, weighted_mean
from unlearn.objectives.labels import LabelBatch


@objective(
    "npo",
    title="NPO",
    formula="-(2/b) mean log sigmoid(-b sum w_t log(p_t / p_t^ref))",
    paper="NPO, arXiv 2404.05868",
    evidence="paper",
    uses=("beta",),
    divides_by_beta=True,
    beta=0.1,
    needs=("reference",),
)
def npo(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(2/b) mean_rows log sigmoid(-b sum_t w_t r_t) (NPO, arXiv 2404.05868).

    Its gradient on log p_t is w_t 2 P^b / (P^b + P_ref^b) per row, P the weighted product of the row's p_t. Rows are
    averaged, so the normaliser is not used.
    """
    ratios = batch.row_sums(batch.weights * (batch.log_probs - _reference(batch)))
    return row_mean(batch, -(2 / constants.beta) * logsigmoid(-constants.beta * ratios))


@objective(
    "tnpo",
    title="TNPO",
    formula="-(2/b)(1/Z) sum w_t log sigmoid(-b log(p_t / p_t^ref))",
    paper="arXiv 2502.19301",
    evidence="code",
    uses=("beta",),
    divides_by_beta=True,
    beta=4.0,
    needs=("reference",),
    note="The authors' code takes beta 5; 4 is ours.",
)
def tnpo(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(2/b)(1/Z) sum_t w_t log sigmoid(-b r_t) (TNPO, arXiv 2502.19301): NPO token by token.

    Its gradient on log p_t is (w_t/Z) 2 p_t^b / (p_t^b + p_ref^b).
    """
    values = -(2 / constants.beta) * logsigmoid(-constants.beta * (batch.log_probs - _reference(batch)))
    return weighted_mean(batch, values, batch.weights, constants.normaliser)


@objective(
    "simnpo",
    title="SimNPO",
    formula="-(2/b) mean log sigmoid(b (sum w_t l_t / sum w_t - d))",
    paper="SimNPO, arXiv 2410.07163",
    evidence="code",
    uses=("beta", "delta"),
    divides_by_beta=True,
    beta=4.5,
    delta=0.0,
    gamma=0.125,
)
def sim_npo(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(2/b) mean_rows log sigmoid(b (sum_t w_t l_t / sum_t w_t - d)) (SimNPO, arXiv 2410.07163), d = delta in nats.

    With equal weights its gradient on log p_t is (2/n) sigmoid(-b (NLL/n - d)) per row. A row in which nothing is
    selected contributes 0.
    """
    mass = batch.row_sums(batch.weights)
    selected = mass > 0
    nll = batch.row_sums(batch.weights * -batch.log_probs)[selected] / mass[selected]
    return row_mean(batch, -(2 / constants.beta) * logsigmoid(constants.beta * (nll - constants.delta)))


@objective(
    "dpo",
    title="IdkDPO",
    formula="-(2/b) mean log sigmoid(b [log(P_idk / P_idk^ref) - sum w_t log(p_t / p_t^ref)])",
    paper="NPO's code (arXiv 2404.05868), of TOFU's idea (arXiv 2401.06121)",
    evidence="code",
    uses=("beta",),
    divides_by_beta=True,
    beta=0.1,
    needs=("reference", "refusals"),
    note="TOFU's own form is -log sigmoid(...) without the factor 2/b and without a retain term. Refusals are forty "
    "sentences of our own, one drawn for each row at each step.",
)
def dpo(batch: LabelBatch, constants: Constants) -> Tensor:
    """-(2/b) mean_rows log sigmoid(b [log(P_idk / P_idk^ref) - sum_t w_t r_t]) (IdkDPO as in NPO's code).

    TOFU's own (arXiv 2401.06121) is -log sigmoid(...) without the factor 2/b, and has no retain term.

    P_idk is the probability of a refusal to the row's prompt, its end token included.
    """
    refusals = batch.refusals
    if refusals is None:
        raise ValueError("DPO prefers a refusal to each answer and was given none: the batch has no `refusals`.")
    preferred = refusals.row_sums(refusals.log_probs - _reference(refusals))
    ratios = batch.row_sums(batch.weights * (batch.log_probs - _reference(batch)))
    return row_mean(batch, -(2 / constants.beta) * logsigmoid(constants.beta * (preferred - ratios)))


def _reference(batch: LabelBatch) -> Tensor:
    if batch.reference is None:
        raise ValueError("This objective compares with the frozen model, and the batch has no `reference`.")
    return batch.reference
