"""What a run gives out and can go on from, as plain data that knows no run: `Step`, `StepDiagnostics`, `RunState`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from unlearn.metrics import Probe


class LossNotFiniteError(ValueError):
    """The loss is no longer a number: the run ends, and what it reached before is what it has."""


@dataclass(frozen=True)
class StepDiagnostics:
    """What one optimiser step did to the weights.

    Attributes:
        forget_gradient: |gamma g_forget|, Euclidean norm over all trained weights, before clipping.
        retain_gradient: |alpha g_retain|, likewise.
        cosine: of the angle between the two, in [-1, 1]; below 0 they work against each other. None when one is 0.
        update_size: |delta theta| after the step: how far the trained weights are from where they began.
        snr: |g_fact|^2 / |g_rest|^2, the forget gradient split into what comes through fact tokens and through all
            others. None where no fact is marked, where nothing but facts is trained, or where the objective reads
            more than log p_t (RMU, UNDIAL, IdkDPO).
        snr_gain: rho pi n / k of the batch's weights, the toy theory's gain over the whole answer. None without facts.
    """

    forget_gradient: float
    retain_gradient: float
    cosine: float | None
    update_size: float
    snr: float | None
    snr_gain: float | None


@dataclass(frozen=True)
class Step:
    """One optimiser step.

    Attributes:
        number, of: 1-based number, and how many there will be.
        forget_loss, retain_loss: the two terms before gamma and alpha, measured before the update. The forget loss of
            an ascent objective is negative: lower is more forgotten.
        forget_nll: mean -log p of the selected tokens in nats, weighted as they are trained; it rises as they go.
        seconds: training time so far, probes left out.
        seconds_left: estimate for the steps to come, from the mean of those so far; from the second step on without
            the first, which pays for memory that later ones find ready.
        probe: recall and structure on a few fixed rows, every `probe_every` steps and after the last.
        anchor_loss: the anchors' term before their weight; None where there are none.
        scorer_loss: J of the scorer that the run learns (ATWU); None where it learns none.
        diagnostics: gradients, update size and signal to noise, where the run is observed.
    """

    number: int
    of: int
    forget_loss: float
    retain_loss: float
    forget_nll: float
    seconds: float
    seconds_left: float
    probe: Probe | None = None
    anchor_loss: float | None = None
    scorer_loss: float | None = None
    diagnostics: StepDiagnostics | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; the number is called `step`."""
        fields = dataclasses.asdict(self)
        return {"step": fields.pop("number"), **fields}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Step:
        """The step that `to_dict` gave."""
        values = dict(record)
        probe, diagnostics = values.pop("probe"), values.pop("diagnostics")
        return cls(
            number=values.pop("step"),
            probe=None if probe is None else Probe(**probe),
            diagnostics=None if diagnostics is None else StepDiagnostics(**diagnostics),
            **values,
        )


class Observer(Protocol):
    """Watches every step of a run, such as `unlearn.run.diagnostics.Diagnostics`."""

    def forgot(self, rows: Sequence[int]) -> None:
        """The forget term of these rows has left its gradient; the retain term has not."""

    def kept(self) -> None:
        """The retain term has added its gradient."""

    def stepped(self) -> StepDiagnostics:
        """The optimiser has moved the weights."""


@dataclass(frozen=True)
class RunState:
    """All that the next step depends on, beside what the run was made of.

    Attributes:
        steps, seconds, notes: as in `unlearn.Run`.
        ended: whether the run ended by itself; one that somebody stopped may go on.
        micro_batch: rows in one forward, which memory that ran out may have made smaller.
        weights: by name, those that are trained.
        moments: the optimiser's, by `weight.moment`.
        scores: of every forget row in a line, float64 `[answer tokens]`.
        probability: p of the same tokens.
        scored_before: per forget row, the step before which it was scored last.
        learner: the scorer that the run learns: its tensors by name; empty where it learns none.
        learner_updates, learner_loss: how often it was updated, and J at the last of them.
    """

    steps: tuple[Step, ...]
    seconds: float
    notes: tuple[str, ...]
    ended: bool
    micro_batch: int | None
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    scores: Tensor
    probability: Tensor
    scored_before: tuple[int, ...]
    learner: dict[str, Tensor]
    learner_updates: int = 0
    learner_loss: float | None = None
