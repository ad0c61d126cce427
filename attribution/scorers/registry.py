"""Names -> scorers, with the facts about each that the page, the shell and the docs show.

A new scorer is one function in one file and one entry here (see `docs/adding-a-scorer.md`).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attribution.suggestions import did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from attribution.scores import ScoreBatch

OF = "of"
Kind = Literal["signal", "control", "baseline"]
Evidence = Literal["paper", "code", "summary", "ours"]
EVIDENCE_TEXT: dict[str, str] = {
    "paper": "read in the paper",
    "code": "read in the authors' public code",
    "summary": "from a secondary summary, not checked against the paper",
    "ours": "our own choice or measurement",
}


@dataclass(frozen=True)
class ScorerInfo:
    """Facts about a scorer.

    Attributes:
        low, high: the range of the numbers, in `unit`.
        formula: plain text, with the symbols of `docs/papers.md`.
        evidence: how sure we are that the formula is the paper's (see `EVIDENCE_TEXT`).
        forwards: what it costs, in forwards of the row; 0 when the shared plain forward serves.
        function: `module:function`, imported on first use.
        needs: scorers whose columns it reads; `OF` stands for the one that the option `of` names.
        reads_states: whether it reads hidden states, which the shared forward then keeps.
        across_rows: whether a row's scores depend on the other rows that are scored with it.
        low_signed: the low end when the option `signed` asks for signed numbers, where that changes it.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    higher_means: str
    formula: str
    paper: str
    evidence: Evidence
    forwards: str
    function: str
    kind: Kind = "signal"
    needs: tuple[str, ...] = ()
    reads_states: bool = False
    across_rows: bool = False
    low_signed: float | None = None

    @property
    def lowest(self) -> float:
        """The low end of the range under every option."""
        return self.low if self.low_signed is None else self.low_signed

    def load(self) -> Callable[[ScoreBatch], list[np.ndarray]]:
        """The scoring function: a `ScoreBatch` to one float array `[n]` per row."""
        module, _, function = self.function.partition(":")
        return getattr(importlib.import_module(module), function)


SCORERS: tuple[ScorerInfo, ...] = (
    ScorerInfo(
        name="masking",
        title="Masking",
        unit="nats",
        low=0.0,
        high=math.inf,
        higher_means="its probability changes when the subject is hidden",
        formula="|log p_t(original) - log p_t(subject hidden)|; signed without the bars",
        paper="TokenUnlearn, arXiv 2605.00364",
        evidence="summary",
        forwards="1 (subject, prompt); m context tokens (each)",
        function="attribution.scorers.masking:masking",
        low_signed=-math.inf,
    ),
    ScorerInfo(
        name="entropy",
        title="Entropy",
        unit="nats",
        low=0.0,
        high=math.inf,
        higher_means="the model is less sure what comes here",
        formula="H_t = -sum_v q_v log q_v, q = softmax(z / T), T = 1",
        paper="ETW, arXiv 2604.17785",
        evidence="summary",
        forwards="0",
        function="attribution.scorers.entropy:entropy",
    ),
    ScorerInfo(
        name="learned",
        title="Learned",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="the scorer trained with the model pushes here",
        formula="g_t = sigmoid(<w, h> + b), h the hidden state that predicts the token, or its own: as fitted",
        paper="ATWU, arXiv 2606.06320; the predicting position is ours",
        evidence="paper",
        forwards="0",
        function="attribution.scorers.learned:learned",
        reads_states=True,
    ),
    ScorerInfo(
        name="fused",
        title="Fused",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="masking and entropy both rank it high",
        formula="phi_t = a norm(masking_t) + (1 - a) norm(entropy_t), a = 0.5, norm = rank",
        paper="TokenUnlearn, arXiv 2605.00364; a and norm are ours",
        evidence="summary",
        forwards="those of masking",
        function="attribution.scorers.fusion:fused",
        needs=("masking", "entropy"),
    ),
    ScorerInfo(
        name="new-info",
        title="New information",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="its word is new to the prompt, a name, number or title, and late in its clause",
        formula="(novel + form / 2 + late) / 2.5 of the token's word; 0 for stop words",
        paper="from text alone",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.new_information:new_information",
    ),
    ScorerInfo(
        name="importance",
        title="Importance",
        unit="probability",
        low=0.0,
        high=1.0,
        higher_means="the model gives it little probability",
        formula="1 - p_t",
        paper="SatImp, arXiv 2505.11953",
        evidence="code",
        forwards="0",
        function="attribution.scorers.confidence:importance",
    ),
    ScorerInfo(
        name="saturation",
        title="Saturation",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="the model gives it much probability",
        formula="p_t^b, b = 1",
        paper="WGA, arXiv 2502.19301; SatImp, arXiv 2505.11953",
        evidence="code",
        forwards="0",
        function="attribution.scorers.confidence:saturation",
    ),
    ScorerInfo(
        name="satimp",
        title="SatImp",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="its probability lies near b1 / (b1 + b2): neither lost nor certain",
        formula="p_t^b1 (1 - p_t)^b2, b1 = 5, b2 = 1",
        paper="SatImp, arXiv 2505.11953; the authors' own files disagree on b1 and b2",
        evidence="code",
        forwards="0",
        function="attribution.scorers.confidence:satimp",
    ),
    ScorerInfo(
        name="random",
        title="Random",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="nothing: a uniform draw per token",
        formula="u_t ~ U(0, 1), from the seed and the row",
        paper="control",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.controls:random",
        kind="control",
    ),
    ScorerInfo(
        name="oracle",
        title="Oracle",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="the token is part of a marked fact",
        formula="1 if the token lies in a fact span, else 0",
        paper="control: the ceiling, from ground truth",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.controls:oracle",
        kind="control",
    ),
    ScorerInfo(
        name="inverse",
        title="Inverse",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="another scorer ranks it low in its answer",
        formula="1 - rank(s_t), s the scorer that the option `of` names",
        paper="control",
        evidence="ours",
        forwards="those of the other scorer",
        function="attribution.scorers.controls:inverse",
        kind="control",
        needs=(OF,),
    ),
    ScorerInfo(
        name="permuted",
        title="Permuted",
        unit="that of the other scorer",
        low=-math.inf,
        high=math.inf,
        higher_means="nothing: another scorer's numbers, shuffled in each answer",
        formula="s_pi(t), s the scorer that the option `of` names, pi a permutation from the seed and the row",
        paper="control",
        evidence="ours",
        forwards="those of the other scorer",
        function="attribution.scorers.controls:permuted",
        kind="control",
        needs=(OF,),
    ),
    ScorerInfo(
        name="probe",
        title="Probe (ceiling)",
        unit="probability",
        low=0.0,
        high=1.0,
        higher_means="a probe trained on other rows' ground truth takes it for a fact",
        formula="sigmoid(<v, h> + c), v and c fitted to the fact spans of rows about other subjects",
        paper="a supervised ceiling, as in ATWU's appendix, arXiv 2606.06320; folds and states are ours",
        evidence="paper",
        forwards="0",
        function="attribution.scorers.probe:probe",
        kind="control",
        reads_states=True,
        across_rows=True,
    ),
    ScorerInfo(
        name="position",
        title="Token index",
        unit="tokens",
        low=0.0,
        high=math.inf,
        higher_means="it stands later in the answer",
        formula="t",
        paper="trivial baseline",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.controls:position",
        kind="baseline",
    ),
    ScorerInfo(
        name="novel-word",
        title="Novel word",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="its word is not in the prompt and no stop word",
        formula="1 if the token's word is neither in the prompt nor a stop word, else 0",
        paper="trivial baseline",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.controls:novel_word",
        kind="baseline",
    ),
    ScorerInfo(
        name="capitalised",
        title="Capitalised",
        unit="unitless",
        low=0.0,
        high=1.0,
        higher_means="its word starts with a capital letter and is no stop word",
        formula="1 if the token's word starts with a capital letter and is no stop word, else 0",
        paper="trivial baseline",
        evidence="ours",
        forwards="0",
        function="attribution.scorers.controls:capitalised",
        kind="baseline",
    ),
)
_BY_NAME = {info.name: info for info in SCORERS}
DEFAULT_SCORERS = ("masking", "entropy", "learned", "fused")
BASELINES = tuple(info.name for info in SCORERS if info.kind == "baseline")
# What a scorer must beat to have found anything: printed beside every alignment.
TRIVIAL = (*BASELINES, "importance", "random")


def scorer_info(name: str) -> ScorerInfo:
    """The facts about a scorer.

    Raises:
        ValueError: no such scorer; the message says which exist and which was perhaps meant.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    raise ValueError(f"The scorer {name!r} is unknown{did_you_mean(name, _BY_NAME)} Choose from {', '.join(_BY_NAME)}.")


def with_needs(names: tuple[str, ...], of: str) -> tuple[ScorerInfo, ...]:
    """The scorers in an order in which each finds the columns that it needs, those it needs included.

    `of` is the scorer that the controls among them work on.
    """
    ordered: list[ScorerInfo] = []

    def add(name: str) -> None:
        info = scorer_info(name)
        for need in info.needs:
            add(of if need == OF else need)
        if info not in ordered:
            ordered.append(info)

    for name in names:
        add(name)
    return tuple(ordered)
