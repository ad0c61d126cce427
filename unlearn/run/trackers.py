"""A run's steps in the trackers that the field uses, through accelerate: trackio, TensorBoard, Weights & Biases.

They get settings and figures, and no text of a row: some of them send what they get to a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from attribution.suggestions import did_you_mean
from unlearn.metrics import Evaluation, Probe
from unlearn.run.state import Step

TRACKERS: dict[str, tuple[str, ...]] = {
    "trackio": ("trackio",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
}
"""Each tracker, and the packages of which it needs one."""
PROJECT = "forget-lens"
# What a step has to say of its place; its number is where it is put down.
_PLACE = ("step", "of", "seconds_left")


def check_trackers(names: Sequence[str]) -> None:
    """ValueError when one is unknown or its package is not installed: before the run, not after its first step."""
    for name in names:
        if name not in TRACKERS:
            raise ValueError(
                f"The tracker {name!r} is unknown{did_you_mean(name, TRACKERS)} Choose from {', '.join(TRACKERS)}."
            )
        if not any(find_spec(package) for package in TRACKERS[name]):
            raise ValueError(f"The tracker {name!r} is not installed here: run `pip install {TRACKERS[name][0]}`.")


@contextmanager
def reporting(
    names: Sequence[str], folder: Path, settings: Mapping[str, Any], before: Probe | None
) -> Iterator[Trackers | None]:
    """One run in its trackers, None where none is named; however it ends, they write what they hold.

    Args:
        names, folder, settings: as `Trackers` takes them.
        before: the original model's probe, which is step 0.
    """
    trackers = Trackers(names, folder, settings) if names else None
    try:
        if trackers and before:
            trackers.begun(before)
        yield trackers
    finally:
        if trackers:
            trackers.end()


class Trackers:
    """One run in one or several trackers.

    Args:
        names: of `TRACKERS`.
        folder: where a tracker that writes files puts them, those of each run in a folder of its own.
        settings: the run's, however nested.

    Raises:
        ValueError: a name is unknown, or its package is not installed.
    """

    def __init__(self, names: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> None:
        check_trackers(names)
        from accelerate import Accelerator
        from accelerate.utils import ProjectConfiguration

        mine = folder / datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        self._accelerator = Accelerator(
            cpu=not torch.cuda.is_available(),
            mixed_precision="no",
            log_with=list(names),
            project_config=ProjectConfiguration(str(mine), logging_dir=str(mine)),
        )
        if len(self._accelerator.log_with) < len(names):
            raise ValueError(
                f"accelerate finds fewer trackers than {', '.join(names)}: run `pip install --upgrade accelerate "
                f"{' '.join(TRACKERS[name][0] for name in names)}`."
            )
        # A setting that is None has a meaning, and trackers have no None.
        told = {name: "none" if value is None else value for name, value in flat(settings)}
        self._accelerator.init_trackers(PROJECT, told)

    def begun(self, before: Probe) -> None:
        """The original model's probe, as step 0."""
        self._log({"probe": before.to_dict()}, 0)

    def step(self, step: Step, learning_rate: float) -> None:
        """A step's losses; its probe and diagnostics where it has them."""
        found = {name: value for name, value in step.to_dict().items() if name not in _PLACE}
        self._log({**found, "learning_rate": learning_rate}, step.number)

    def measured(self, evaluations: Mapping[str, Evaluation], step: int) -> None:
        """Every figure of the models that were asked in the end, by the model's name."""
        self._log({name: evaluation.metrics for name, evaluation in evaluations.items()}, step)

    def end(self) -> None:
        """Have them write what they hold."""
        for tracker in self._accelerator.trackers:
            tracker.finish()

    def _log(self, record: Mapping[str, Any], step: int) -> None:
        self._accelerator.log({name: value for name, value in flat(record) if value is not None}, step=step)


def flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """(`probe/forget_recall`, value) of nested records.

    >>> list(flat({"loss": 1.0, "probe": {"recall": 0.5}}))
    [('loss', 1.0), ('probe/recall', 0.5)]
    """
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value
