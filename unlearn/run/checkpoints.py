"""A run on disk: all that its next step depends on, so that a run that was killed goes on to the identical result.

A checkpoint is a folder of safetensors and JSON, written beside the last one and put in its place by renames: a kill at
any moment leaves the old one or the new one, whole.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from unlearn.metrics import Probe

if TYPE_CHECKING:
    from unlearn.run.loop import Run

STATE, TENSORS = "state.json", "tensors.safetensors"
VERSION = 1


def write(job: Run, optimiser: torch.optim.Optimizer, folder: Path) -> None:
    """Put the run as it stands after its last step in place of what the folder holds."""
    fresh = folder.with_name(f"{folder.name}.writing")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tensors = {f"weight.{name}": value for name, value in _trained(job).items()}
    for name, value in _moments(job, optimiser).items():
        tensors[f"moment.{name}"] = value
    for name, value in _weighting(job).items():
        tensors[f"weighting.{name}"] = value
    save_file({name: value.detach().contiguous().cpu().clone() for name, value in tensors.items()}, fresh / TENSORS)
    learner = job.weighting.learner
    state = {
        "version": VERSION,
        "config": job.config.to_dict(),
        "model": job.base.name,
        "corpus": job.corpus.name,
        "rows": [len(job.corpus.forget), len(job.corpus.retain)],
        "steps": [step.to_dict() for step in job.steps],
        "seconds": job.seconds,
        "micro_batch": job.gradients.micro_batch,
        "notes": job.notes,
        "scored": job.weighting.scored_before,
        "learner": None if learner is None else {"loss": learner.loss, "updates": learner.updates},
    }
    (fresh / STATE).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")
    _flush(fresh)
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def check_ours(folder: Path) -> None:
    """ValueError when the folder holds anything else than a checkpoint: it will be replaced as a whole."""
    if folder.is_dir() and (others := {path.name for path in folder.iterdir()} - {STATE, TENSORS}):
        raise ValueError(
            f"The folder {str(folder)!r} holds other files ({min(others)}): name a new or empty one for checkpoints."
        )


def find(folder: Path) -> Path | None:
    """The checkpoint to go on from: the folder, or the one before when a kill fell between two renames."""
    for candidate in (folder, folder.with_name(f"{folder.name}.old")):
        if (candidate / STATE).is_file():
            return candidate
    return None


def read(job: Run, optimiser: torch.optim.Optimizer, folder: Path) -> None:
    """Put a fresh run where the checkpoint was written.

    Raises:
        ValueError: it is no checkpoint, or that of another run.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError) as error:
        raise ValueError(f"The folder {str(folder)!r} holds no checkpoint of a run: {error}.") from error
    _check(job, state, folder)
    with torch.no_grad():
        for name, parameter in _trained(job).items():
            parameter.copy_(tensors[f"weight.{name}"])
    _set_moments(job, optimiser, tensors)
    _set_weighting(job, tensors, state)
    job.steps[:] = [_step(record) for record in state["steps"]]
    job.seconds, job.gradients.micro_batch = state["seconds"], state["micro_batch"]
    job.notes[:] = state["notes"]


def _check(job: Run, state: dict[str, Any], folder: Path) -> None:
    mine = {
        "version": VERSION,
        "config": json.loads(json.dumps(job.config.to_dict())),
        "model": job.base.name,
        "corpus": job.corpus.name,
        "rows": [len(job.corpus.forget), len(job.corpus.retain)],
    }
    for name, value in mine.items():
        if state.get(name) != value:
            differ = name
            if name == "config" and isinstance(state.get(name), dict):
                differ = ", ".join(key for key in mine["config"] if state["config"].get(key) != mine["config"][key])
            raise ValueError(
                f"The checkpoint in {str(folder)!r} is that of another run ({differ} differs): give the same settings, "
                "or another folder."
            )


def _trained(job: Run) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in job.model.model.named_parameters() if parameter.requires_grad}


def _moments(job: Run, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts by the weight's name; none for plain SGD."""
    return {
        f"{name}.{key}": value
        for name, parameter in _trained(job).items()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _set_moments(job: Run, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    for name, parameter in _trained(job).items():
        prefix = f"moment.{name}."
        # A weight's own name may be the beginning of another's: what follows must be a moment's.
        found = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        }
        if found:
            optimiser.state[parameter] = {
                key: value if key == "step" else value.to(parameter.device) for key, value in found.items()
            }


def _weighting(job: Run) -> dict[str, Tensor]:
    """Scores of every row in a line, and the scorer that is learned: what live scoring and ATWU go on from."""
    weighting = job.weighting
    columns = [value for row in weighting.scores for value in row.columns[weighting.scorer]]
    found = {
        "scores": torch.tensor(columns, dtype=torch.float64),
        "probability": torch.tensor([p for row in weighting.scores for p in row.probability], dtype=torch.float64),
    }
    if weighting.learner is not None:
        found |= {f"learner.{name}": value for name, value in weighting.learner.tensors().items()}
    return found


def _set_weighting(job: Run, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    weighting = job.weighting
    scores = tensors["weighting.scores"].numpy()
    probability = tensors["weighting.probability"].numpy()
    ends = np.cumsum([len(row) for row in weighting.scores])
    for number, (end, last) in enumerate(zip(ends, state["scored"], strict=True)):
        part = slice(end - len(weighting.scores[number]), end)
        row = dataclasses.replace(
            weighting.scores[number],
            columns={weighting.scorer: tuple(scores[part].tolist())},
            probability=tuple(probability[part].tolist()),
        )
        weighting.take(number, row, last)
    if weighting.learner is not None:
        found = {
            name.removeprefix("weighting.learner."): value
            for name, value in tensors.items()
            if name.startswith("weighting.learner.")
        }
        weighting.learner.set_tensors(found, state["learner"]["updates"], state["learner"]["loss"])


def _step(record: dict[str, Any]) -> Any:
    from unlearn.run.loop import Step

    values = dict(record)
    probe = values.pop("probe")
    values["diagnostics"] = None
    return Step(number=values.pop("step"), probe=None if probe is None else Probe(**probe), **values)


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
