"""When a run takes the rest along: notice it, and go back to the best step that was sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unlearn.metrics.probe import Probe, has_collapsed, is_sound
from unlearn.run.state import Step

REMEDY = "Lower the learning rate, take fewer steps, or raise alpha or beta."


def best_sound_step(before: Probe | None, steps: Sequence[Step]) -> int | None:
    """Of the probed steps at which the rest still stood, the one that had forgotten most; None where there is none.

    A probe that did not have the model speak does not know whether the rest stood.
    """
    sound = [
        (step.probe.forget_recall or 0.0, -step.number)
        for step in steps
        if before is not None
        and step.probe is not None
        and (before.speaks is None or step.probe.speaks is not None)
        and is_sound(before, step.probe)
    ]
    return -min(sound)[1] if sound else None


@dataclass(frozen=True)
class Sound:
    """A step at which what should stay had stayed."""

    step: int
    forget_recall: float
    weights: tuple[Tensor, ...]


class CollapseGuard:
    """Keeps a copy of the trained weights at the best sound step so far, and says when a run has collapsed.

    A probe is sound when retain recall and structure are at least 0.9 of what they were before the first step, and the
    answers that are language at least 0.7; of the sound steps the best has the lowest forget recall, the later one of
    two alike. A run has collapsed when one of them falls below half of what it was. The thresholds are ours.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], before: Probe) -> None:
        self.best: Sound | None = None
        self._parameters = parameters
        self._before = before
        self._keep(0, before)

    def collapsed(self, step: int, probe: Probe) -> bool:
        """Whether the run has collapsed at this step; a sound one that is better than the best is kept."""
        if is_sound(self._before, probe):
            self._keep(step, probe)
        return has_collapsed(self._before, probe)

    def restore(self) -> int:
        """Put the weights of the best sound step back; returns its number, 0 for before the first."""
        assert self.best is not None
        with torch.no_grad():
            for parameter, kept in zip(self._parameters, self.best.weights, strict=True):
                parameter.copy_(kept)
        return self.best.step

    def _keep(self, step: int, probe: Probe) -> None:
        recall = 1.0 if probe.forget_recall is None else probe.forget_recall
        if self.best is None or recall <= self.best.forget_recall:
            weights = tuple(parameter.detach().clone() for parameter in self._parameters)
            self.best = Sound(step, recall, weights)
