"""Names -> objectives and retain terms, with the facts that the page, the shell and the docs show.

A new objective is one function and one entry here: see `docs/adding-an-objective.md`.
"""

from __future__ import annotations

from attribution.suggestions import did_you_mean
from unlearn.objectives.ascent import grad_ascent, sat_ga_plus, sat_imp, wga
from unlearn.objectives.base import Objective, Retention
from unlearn.objectives.distillation import undial, undial_head
from unlearn.objectives.preference import dpo, npo, sim_npo, tnpo
from unlearn.objectives.representation import retain_states, rmu
from unlearn.objectives.retention import kl_head, retain_kl, retain_nll

OBJECTIVES: dict[str, Objective] = {
    entry.name: entry
    for entry in (
        Objective(
            name="wga",
            title="WGA",
            forget=wga,
            uses=("beta",),
            formula="-(1/Z) sum w_t sg(p_t)^b l_t",
            paper="arXiv 2502.19301",
            evidence="code",
        ),
        Objective(
            name="npo",
            title="NPO",
            forget=npo,
            uses=("beta",),
            divides_by_beta=True,
            formula="-(2/b) mean log sigmoid(-b sum w_t log(p_t / p_t^ref))",
            paper="NPO, arXiv 2404.05868",
            evidence="paper",
            beta=0.1,
            needs=("reference",),
        ),
        Objective(
            name="graddiff",
            title="GradDiff",
            forget=grad_ascent,
            formula="-(1/Z) sum w_t l_t",
            paper="TOFU, arXiv 2401.06121",
            evidence="paper",
        ),
        Objective(
            name="satga",
            title="SatGA+",
            forget=sat_ga_plus,
            uses=("beta",),
            formula="-(1/Z) sum w_t l_t sg(exp(-w_t l_t))^b",
            paper="ATWU, arXiv 2606.06320",
            evidence="paper",
            beta=7.0,
            gamma=3.0,
            alpha=0.5,
            note="The saturation is held constant for the gradient, as the authors' code does.",
        ),
        Objective(
            name="ga",
            title="GA",
            forget=grad_ascent,
            formula="-(1/Z) sum w_t l_t, no retain term",
            paper="TOFU, arXiv 2401.06121",
            evidence="paper",
            alpha=0.0,
            note="Nothing holds the model: retain rows are measured, not trained on.",
        ),
        Objective(
            name="satimp",
            title="SatImp",
            forget=sat_imp,
            uses=("beta", "beta2"),
            formula="-(1/Z) sum w_t sg(p_t)^b1 (1 - sg(p_t))^b2 l_t",
            paper="SatImp, arXiv 2505.11953",
            evidence="code",
            beta=5.0,
            beta2=1.0,
            gamma=0.1,
            note="The authors' own files disagree: gamma 0.1 and alpha 1 in one, gamma 1 and alpha 0.1 in another. "
            "Where the model is sure of a token (p near 1) it barely pushes.",
        ),
        Objective(
            name="tnpo",
            title="TNPO",
            forget=tnpo,
            uses=("beta",),
            divides_by_beta=True,
            formula="-(2/b)(1/Z) sum w_t log sigmoid(-b log(p_t / p_t^ref))",
            paper="arXiv 2502.19301",
            evidence="summary",
            beta=4.0,
            needs=("reference",),
        ),
        Objective(
            name="simnpo",
            title="SimNPO",
            forget=sim_npo,
            uses=("beta", "delta"),
            divides_by_beta=True,
            formula="-(2/b) mean log sigmoid(b (sum w_t l_t / sum w_t - d))",
            paper="SimNPO, arXiv 2410.07163",
            evidence="code",
            beta=4.5,
            delta=0.0,
            gamma=0.125,
        ),
        Objective(
            name="dpo",
            title="IdkDPO",
            forget=dpo,
            uses=("beta",),
            divides_by_beta=True,
            formula="-(2/b) mean log sigmoid(b [log(P_idk / P_idk^ref) - sum w_t log(p_t / p_t^ref)])",
            paper="TOFU, arXiv 2401.06121",
            evidence="code",
            beta=0.1,
            needs=("reference", "refusals"),
            note="The refusals are forty sentences of our own, one drawn for each row at each step.",
        ),
        Objective(
            name="rmu",
            title="RMU",
            forget=rmu,
            uses=("beta",),
            formula="(1/Z) sum w_t mean_d (h_t - c u)^2, h_t a state of an inner layer",
            paper="WMDP, arXiv 2403.03218",
            evidence="code",
            beta=2.0,
            alpha=10.0,
            retain="states",
            needs=("layer",),
            note="c is beta times the mean norm of the states there, and alpha is 10 (ours): the authors tune an "
            "absolute c, and an alpha of about 1000, per model. All weights train; the authors train the output "
            "matrices of three layers.",
        ),
        Objective(
            name="undial",
            title="UNDIAL",
            forget=undial,
            uses=("beta",),
            formula="(1/Z) sum w_t CE(softmax(z_t^ref - b onehot(y_t)), q_t)",
            paper="UNDIAL, arXiv 2402.10052",
            evidence="code",
            beta=10.0,
            alpha=0.0,
            head=undial_head,
        ),
    )
}

RETENTIONS: dict[str, Retention] = {
    entry.name: entry
    for entry in (
        Retention(
            name="nll",
            title="Likelihood",
            loss=retain_nll,
            formula="mean l_t",
            paper="TOFU, arXiv 2401.06121",
            evidence="paper",
        ),
        Retention(
            name="kl",
            title="KL to the original",
            loss=retain_kl,
            formula="mean KL(ref || current) over label positions",
            paper="TOFU, arXiv 2401.06121",
            evidence="paper",
            head=kl_head,
        ),
        Retention(
            name="states",
            title="Inner states of the original",
            loss=retain_states,
            formula="mean over labels of mean_d (h_t - h_t^ref)^2, h_t a state of an inner layer",
            paper="WMDP, arXiv 2403.03218",
            evidence="code",
            needs=("layer",),
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


def retention(name: str) -> Retention:
    """The retain term of that name. ValueError names those that exist."""
    if name not in RETENTIONS:
        raise ValueError(
            f"The retain term {name!r} is unknown{did_you_mean(name, RETENTIONS)} Choose from {', '.join(RETENTIONS)}."
        )
    return RETENTIONS[name]
