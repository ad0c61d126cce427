"""A run on disk: all that its next step depends on, so that a run that was killed goes on to the identical result.

A checkpoint is a folder of safetensors and JSON, written beside the last one and put in its place by renames: a kill at
any moment leaves the old one or the new one, whole.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from attribution import Example, LanguageModel, ScoreOptions
from attribution.files import before, differing, fingerprint, only_writer, put_folder
from attribution.model.identity import weights_fingerprint
from attribution.scorers.learned import LinearScorer
from unlearn.data.corpus import Corpus
from unlearn.run.config import RunConfig
from unlearn.run.state import RunState, Step

STATE, TENSORS = "state.json", "tensors.safetensors"
VERSION = 2
BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, SafetensorError)
"""What reading a file raises that was cut off, or is somebody else's."""
_TENSORS = ("weights", "moments", "learner")


def made_of(model: LanguageModel, corpus: Corpus, config: RunConfig, options: ScoreOptions) -> dict[str, Any]:
    """What a run's result depends on, as plain JSON: settings by name, and fingerprints of model and rows."""
    scoring = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(options)}
    # It changes time and memory, and no score.
    del scoring["batch_tokens"]
    if isinstance(scorer := options.linear_scorer, LinearScorer):
        scoring["linear_scorer"] = fingerprint([scorer.weight.tolist(), scorer.bias, scorer.position])
    made = {
        "version": VERSION,
        "config": config.to_dict(),
        "options": scoring,
        "model": [model.name, weights_fingerprint(model)],
        "template": model.template,
        "corpus": corpus.name,
        "forget rows": _rows([row.example for row in corpus.forget]),
        "retain rows": _rows([row.example for row in corpus.retain]),
    }
    return json.loads(json.dumps(made))


def _rows(examples: list[Example]) -> str:
    return fingerprint([dataclasses.asdict(example) for example in examples])


def write(state: RunState, made: dict[str, Any], folder: Path) -> None:
    """Put a run's state in place of what the folder holds.

    Args:
        made: what the run is made of (`made_of`).
    """
    fresh = folder.with_name(f"{folder.name}.writing")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tensors = {f"{kind}.{name}": value for kind in _TENSORS for name, value in getattr(state, kind).items()}
    tensors |= {"scores": state.scores, "probability": state.probability}
    save_file({name: value.detach().contiguous().cpu().clone() for name, value in tensors.items()}, fresh / TENSORS)
    plain = {
        entry.name: getattr(state, entry.name)
        for entry in dataclasses.fields(state)
        if entry.name not in (*_TENSORS, "scores", "probability")
    }
    plain["steps"] = [step.to_dict() for step in state.steps]
    (fresh / STATE).write_text(json.dumps({"made_of": made, **plain}, allow_nan=False), encoding="utf-8")
    put_folder(fresh, folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only run that is kept in the folder; one that was killed is not in the way.

    Raises:
        ValueError: another run is at it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, which every write replaces as a whole. It stays: to delete it would let in a third run.
    with only_writer(folder.with_name(f"{folder.name}.lock"), folder):
        yield


def check_ours(folder: Path) -> None:
    """ValueError when the folder holds anything else than a checkpoint: it will be replaced as a whole."""
    if folder.is_dir() and (others := {path.name for path in folder.iterdir()} - {STATE, TENSORS}):
        raise ValueError(
            f"The folder {str(folder)!r} holds other files ({min(others)}): name a new or empty one for checkpoints."
        )


def find(folder: Path) -> Path | None:
    """The checkpoint to go on from: the folder, or the one before when a kill fell between two renames."""
    for candidate in (folder, before(folder)):
        if (candidate / STATE).is_file():
            return candidate
    return None


def read(folder: Path, made: dict[str, Any]) -> RunState:
    """The state that was written of a run made of the same.

    Raises:
        ValueError: it is no checkpoint, or that of another run.
    """
    try:
        record = json.loads((folder / STATE).read_text(encoding="utf-8"))
        tensors = load_file(folder / TENSORS)
        theirs = record.pop("made_of")
        differing(theirs, made, inside=("config", "options"))
    except BROKEN as error:
        raise _no_checkpoint(folder, error) from error
    # The seed is a setting of the run and, unless told otherwise, of its scores.
    if others := list(dict.fromkeys(differing(theirs, made, inside=("config", "options")))):
        verb = "differs" if len(others) == 1 else "differ"
        raise ValueError(
            f"The checkpoint in {str(folder)!r} is that of another run ({', '.join(others)} {verb}): give the same "
            "settings, model and rows, or another folder."
        )
    found: dict[str, dict[str, Tensor]] = {kind: {} for kind in _TENSORS}
    try:
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            if name:
                found[kind][name] = value
        record["steps"] = tuple(Step.from_dict(step) for step in record["steps"])
        record["notes"], record["scored_before"] = tuple(record["notes"]), tuple(record["scored_before"])
        record |= {**found, "scores": tensors["scores"], "probability": tensors["probability"]}
        return RunState(**record)
    except BROKEN as error:
        raise _no_checkpoint(folder, error) from error


def _no_checkpoint(folder: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return ValueError(
        f"The folder {str(folder)!r} holds no checkpoint of a run, or a damaged one ({reason}): delete it, or name "
        "another."
    )


# The optimiser -------------------------------------------------------------------------------------------------------


def moments(optimiser: torch.optim.Optimizer, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adam's moments and step counts, by `weight.moment`; none for plain SGD."""
    return {
        f"{name}.{key}": value
        for name, parameter in weights.items()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def set_moments(optimiser: torch.optim.Optimizer, weights: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Give a fresh optimiser what `moments` gave."""
    for key, value in found.items():
        name, _, moment = key.rpartition(".")
        parameter = weights[name]
        optimiser.state[parameter][moment] = value.to(parameter.device)
