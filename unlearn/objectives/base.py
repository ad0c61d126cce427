"""What an objective is: a function of a `LabelBatch` and its constants, with the facts about it.

A new objective is one decorated function in a file of this folder: see `docs/adding-an-objective.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from attribution.scorers import Evidence
from attribution.suggestions import did_you_mean
from unlearn.objectives.labels import HeadTerm, LabelBatch

Normaliser = Literal["weight", "label"]
NORMALISERS: tuple[str, ...] = ("weight", "label")
Need = Literal["reference", "refusals", "layer", "teacher", "logits", "rest"]


@dataclass(frozen=True)
class Constants:
    """The numbers of an objective. What each means is the objective's own business; its facts say so.

    Attributes:
        beta: the objective's temperature (SatImp's b1, the length of RMU's target in mean state norms).
        beta2: SatImp's b2.
        delta: SimNPO's margin, in nats.
        inner: weight of a teacher's inner states beside what it says.
        normaliser: Z of a mean over tokens: per unit of `weight`, or per `label`.
    """

    beta: float = 1.0
    beta2: float = 1.0
    delta: float = 0.0
    inner: float = 0.0
    normaliser: Normaliser = "weight"


ForgetLoss = Callable[[LabelBatch, Constants], Tensor]
RetainLoss = Callable[[LabelBatch], Tensor]
ForgetHead = Callable[[Tensor, Tensor, Tensor, Constants], Tensor]


@dataclass(frozen=True)
class Objective:
    """An objective with its defaults and where they come from.

    Attributes:
        forget: the forget term, minimised: a scalar of the batch and the constants. It must be a sum over labels or
            rows divided by `batch.totals`, so that the parts of a step add up to the step.
        formula: the forget term in plain text, with the symbols of `docs/papers.md`.
        evidence: how sure we are that the formula is the paper's (see `attribution.scorers.EVIDENCE_TEXT`).
        beta, beta2, delta, inner: default constants.
        gamma, alpha: default weights of the forget and of the retain term. alpha 0: the retain rows are only measured.
        retain: default retain term.
        anchor: default weight of the anchors: KL(ref || current) of what is not selected in the rows to forget.
        needs: what the bundle must hold beside log p: `reference`, `refusals`, `layer`; `teacher` for a `head` whose
            frozen logits are those of a counterfactual teacher, `logits` for one that is given z instead of log q;
            `rest` for the end token among the labels, with weight 0, where the loss holds what is not selected itself.
        uses: which of the constants the forget term reads: `beta`, `beta2`, `delta`, `inner`.
        divides_by_beta: whether beta must be above 0.
        head: a number per label from whole distributions (log q `[n, V]`, frozen logits `[n, V]`, labels `[n]`,
            constants) to `[n]`; the batch then has `head_values`.
        note: one sentence for people where the objective departs from its paper or the defaults are ours.
    """

    name: str
    title: str
    forget: ForgetLoss
    formula: str
    paper: str
    evidence: Evidence
    beta: float = 1.0
    beta2: float = 1.0
    delta: float = 0.0
    inner: float = 0.0
    gamma: float = 1.0
    alpha: float = 1.0
    retain: str = "nll"
    anchor: float = 0.0
    needs: tuple[Need, ...] = ()
    uses: tuple[str, ...] = ()
    divides_by_beta: bool = False
    head: ForgetHead | None = None
    note: str = ""

    @property
    def needs_reference(self) -> bool:
        """Whether the frozen model's log-probabilities enter."""
        return "reference" in self.needs

    def head_with(self, constants: Constants) -> HeadTerm | None:
        """The head with its constants filled in; None where there is none."""
        head = self.head
        if head is None:
            return None
        return lambda log_q, frozen, labels: head(log_q, frozen, labels, constants)


@dataclass(frozen=True)
class Retention:
    """A retain term: a scalar >= 0 of a batch of rows to keep, all labels with weight 1.

    Attributes:
        needs: `layer` where inner states are compared.
        head: as in `Objective`, without constants.
    """

    name: str
    title: str
    loss: RetainLoss
    formula: str
    paper: str
    evidence: Evidence
    needs: tuple[Need, ...] = ()
    head: HeadTerm | None = None


OBJECTIVES: dict[str, Objective] = {}
"""Every forget term by name, in the order of files and of functions in them."""

RETENTIONS: dict[str, Retention] = {}
"""Every retain term by name, in the same order."""


def objective(name: str, **facts: Any) -> Callable[[ForgetLoss], ForgetLoss]:
    """Put the function below among `OBJECTIVES`, with the facts about it: the fields of `Objective`.

    One function may carry several, such as GA and GradDiff, which differ in the retain term.

    Raises:
        ValueError: another function has this name.
        TypeError: a fact that `Objective` lacks, or lacks here.
    """

    def put_down(forget: ForgetLoss) -> ForgetLoss:
        _check_new(name, OBJECTIVES)
        OBJECTIVES[name] = Objective(name=name, forget=forget, **facts)
        return forget

    return put_down


def retain_term(name: str, **facts: Any) -> Callable[[RetainLoss], RetainLoss]:
    """Put the function below among `RETENTIONS`, with the facts about it: the fields of `Retention`."""

    def put_down(loss: RetainLoss) -> RetainLoss:
        _check_new(name, RETENTIONS)
        RETENTIONS[name] = Retention(name=name, loss=loss, **facts)
        return loss

    return put_down


def _check_new(name: str, known: Iterable[str]) -> None:
    if name in known:
        raise ValueError(f"The name {name!r} is taken: another function carries it already.")


def get_objective(name: str) -> Objective:
    """The objective of that name. ValueError names those that exist."""
    if name not in OBJECTIVES:
        raise ValueError(
            f"The objective {name!r} is unknown{did_you_mean(name, OBJECTIVES)} Choose from {', '.join(OBJECTIVES)}."
        )
    return OBJECTIVES[name]


def get_retention(name: str) -> Retention:
    """The retain term of that name. ValueError names those that exist."""
    if name not in RETENTIONS:
        raise ValueError(
            f"The retain term {name!r} is unknown{did_you_mean(name, RETENTIONS)} Choose from {', '.join(RETENTIONS)}."
        )
    return RETENTIONS[name]


def weighted_mean(batch: LabelBatch, values: Tensor, weights: Tensor, normaliser: Normaliser = "weight") -> Tensor:
    """(1/Z) sum_t weights_t values_t, a scalar; no gradient flows through the weights.

    Z belongs to the whole step, of which the batch may be a part: the sum of the selection's weights w (`weight`) or
    the number of labels (`label`). Never the sum of `weights` itself, which would undo a saturation factor in them.
    """
    mass = batch.totals.weight if normaliser == "weight" else float(batch.totals.labels)
    total = (weights.detach() * values).sum()
    # A step in which a threshold selected nothing has no forget term: 0, not 0/0.
    return total / mass if mass > 0 else total * 0


def anchors(batch: LabelBatch) -> Tensor:
    """sum_t (1 - w_t)+ KL(q_t^ref || q_t) / sum_t (1 - w_t)+, in nats: what is not selected stays what it was.

    Sums run over the labels of the rows to forget, the end token included. Others hold what is not selected by its
    likelihood (TPO, arXiv 2506.03142) or by KL (PALU, arXiv 2601.03190); this form is ours.
    """
    if batch.anchor_values is None:
        raise ValueError("Anchors compare whole distributions: the batch has no `anchor_values`.")
    total = ((1 - batch.weights).clamp_min(0) * batch.anchor_values).sum()
    return total / batch.totals.rest if batch.totals.rest > 0 else total * 0


def row_mean(batch: LabelBatch, values: Tensor) -> Tensor:
    """Mean over the rows of the whole step of `[size]` values, a scalar."""
    return values.sum() / batch.totals.rows
