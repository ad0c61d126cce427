"""A finished or stopped run, as a visit keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from attribution import LanguageModel, Selection
from unlearn import Evaluation, RunConfig, Step
from unlearn.metrics import Probe
from unlearn.run.collapse import CollapseGuard
from unlearn.stress.stresses import Stress

SAMPLE_EVERY = 5


def is_sampled(step: int, of: int) -> bool:
    """Whether the model being trained is asked its question after this step."""
    return step % SAMPLE_EVERY == 0 or step in (1, of)


@dataclass(frozen=True)
class Sample:
    """What the model being trained answers to one question, after a step."""

    step: int
    answer: str


@dataclass
class KeptRun:
    """A finished or stopped run, as a visit keeps it.

    Attributes:
        number: the visit's first run is 1; numbers are not used twice.
        name: what the visitor calls it; no two runs of a visit have the same.
        row: the forget row whose answer was sampled.
        preset: the preset it was set up by; empty for the visitor's own cut.
        selections: the weights every forget row was trained with, in the order of the corpus.
        rolled_back_to: the step whose weights the model has, where that is not the last.
        notes: sentences about what happened on the way.
        guard: holds the best sound step's weights, where the run was to keep them and until the next run is kept.
        evaluation: its answers and figures, once asked for.
        stressed: what each kind of stress did to it, once asked for.
    """

    number: int
    name: str
    row: int
    config: RunConfig
    model: LanguageModel
    selections: tuple[Selection, ...]
    steps: tuple[Step, ...]
    samples: tuple[Sample, ...]
    seconds: float
    stopped: bool
    preset: str = ""
    rolled_back_to: int | None = None
    notes: tuple[str, ...] = ()
    guard: CollapseGuard | None = field(default=None, repr=False)
    evaluation: Evaluation | None = None
    stressed: dict[str, tuple[Stress, ...]] = field(default_factory=dict)

    @property
    def stands_at(self) -> int:
        """The step whose weights the model has."""
        return len(self.steps) if self.rolled_back_to is None else self.rolled_back_to

    @property
    def probe(self) -> Probe | None:
        """What was measured last of the model as it stands; None where nothing was."""
        probes = (step.probe for step in reversed(self.steps[: self.stands_at]))
        return next((probe for probe in probes if probe is not None), None)

    @property
    def way_back(self) -> int | None:
        """The sound step that `Visit.go_back` would go to; None where none is kept, or it is the one at hand."""
        best = self.guard.best if self.guard is not None else None
        return best.step if best is not None and best.step != self.stands_at else None
