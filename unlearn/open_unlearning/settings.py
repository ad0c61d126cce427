"""The settings of an open-unlearning run, `.hydra/config.yaml`, as a `RunConfig`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from attribution.selection import Rule
from attribution.suggestions import did_you_mean
from unlearn.data.tofu import FORGET, ROWS
from unlearn.run.config import RunConfig

METHODS = {
    "GradAscent": "ga",
    "GradDiff": "graddiff",
    "NPO": "npo",
    "SimNPO": "simnpo",
    "DPO": "dpo",
    "RMU": "rmu",
    "UNDIAL": "undial",
    "WGA": "wga",
    "SatImp": "satimp",
}
"""Their trainers, by `trainer.handler`, and the objective here."""

# What their classes take where a file leaves it out: ours may be the paper's.
DEFAULTS = {"NPO": {"beta": 1.0}, "SimNPO": {"beta": 1.0}, "DPO": {"beta": 1.0}, "UNDIAL": {"beta": 1.0}} | {
    "SatImp": {"alpha": 0.1},
}
RETAIN = {"NLL": "nll", "KL": "kl", "EMBED_DIFF": "states"}
CONSTANTS = {"gamma": "gamma", "alpha": "alpha", "beta": "beta", "beta1": "beta", "beta2": "beta2", "delta": "delta"}
OPTIMISERS = {"adamw": "adamw", "sgd": "sgd"}
LARGEST = 1e12
"""Of a number, either way: steps are counted by products of three."""
MOST_BYTES = 1_000_000
# A reader of YAML takes a time that grows with the square of how deep brackets stand in brackets.
MOST_BRACKETS = 500
_LAYER = re.compile(r"model\\?\.layers\\?\.(\d+)")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
# What says where files go, what is logged and when is nobody's method.
_TRAINING = {"learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "seed", "bf16"} | {
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "warmup_epochs",
    "warmup_steps",
    "optim",
    "weight_decay",
}
_CHANGES_WEIGHTS = {
    "lr_scheduler_type",
    "max_grad_norm",
    "label_smoothing_factor",
    "neftune_noise_alpha",
    "warmup_ratio",
}


@dataclass(frozen=True)
class Settings:
    """What a `.hydra/config.yaml` asks for.

    Attributes:
        config: the run.
        forget: the rows, as `--forget` takes them; None where they are not TOFU's.
        model: the name of the model; None where none is named.
        notes: sentences on what has no counterpart here.
    """

    config: RunConfig
    forget: str | None
    model: str | None
    notes: tuple[str, ...]


def read_settings(path: Path) -> Settings:
    """The run that open-unlearning's settings describe.

    Whole answers are trained, the end token included, as theirs are. `${...}` is filled in from the file itself.

    Raises:
        ValueError: the file cannot be read, is no such file, or its method has no counterpart.
    """
    found = _read(path)
    trainer, handler = _part(found, "trainer"), _text(found, "trainer.handler")
    if handler is None:
        raise ValueError(
            f"{path.name!r} names no trainer.handler: name the .hydra/config.yaml of an open-unlearning run."
        )
    if handler not in METHODS:
        raise ValueError(
            f"The method {handler[:60]!r} has no counterpart{did_you_mean(handler, METHODS)} "
            f"{', '.join(METHODS)} have one: take another file, or choose an --objective."
        )
    notes: list[str] = []
    method, training = _part(found, "trainer.method_args"), _part(found, "trainer.args")
    wished: dict[str, Any] = {"objective": METHODS[handler], "rule": Rule(kind="sequence", keep_given=True)}
    wished |= _of_the_loss(handler, method, notes)
    forget = _rows(found, notes)
    wished |= _of_the_training(training, forget, notes)
    unknown = [f"trainer.args.{name}" for name in training if name in _CHANGES_WEIGHTS]
    unknown += [f"trainer.{name}" for name in trainer if name in ("cl",) and trainer[name] not in (None, "none")]
    if unknown:
        notes.append(f"No counterpart: {', '.join(unknown)}.")
    if any("lora" in name or "peft" in name for name in _part(found, "model")):
        notes.append("It trains adapters, and this run all weights: --lora and a rank train adapters here.")
    if wished.get("retain") == "kl":
        notes.append("Their KL is over prompt and padding too, and ours over the answer's tokens alone.")
    return Settings(
        RunConfig(**wished), forget, _text(found, "model.model_args.pretrained_model_name_or_path"), tuple(notes)
    )


def _of_the_loss(handler: str, method: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    wished: dict[str, Any] = {} if handler == "GradAscent" else {"gamma": 1.0, "alpha": 1.0, "retain": "nll"}
    wished |= DEFAULTS.get(handler, {})
    left = []
    for name, value in method.items():
        if name in CONSTANTS and not (handler == "RMU" and name == "beta"):
            if value is not None:
                wished[CONSTANTS[name]] = _number(f"trainer.method_args.{name}", value)
        elif name == "retain_loss_type":
            if value is None:
                wished.pop("retain", None)
                continue
            if str(value) not in RETAIN:
                raise ValueError(
                    f"The retain loss {str(value)[:60]!r} has no counterpart{did_you_mean(str(value), RETAIN)} "
                    f"Choose from {', '.join(RETAIN)}."
                )
            wished["retain"] = RETAIN[str(value)]
        elif name == "module_regex" and (match := _LAYER.fullmatch(str(value))):
            # Theirs count blocks from 0, and take a token's own state.
            wished |= {"layer": int(match[1]) + 1, "layer_position": "own"}
        else:
            left.append(f"trainer.method_args.{name}")
    if left:
        notes.append(f"No counterpart: {', '.join(map(str, left))}.")
    if "steering_coeff" in method:
        notes.append("Their steering_coeff is a length, and beta here counts in mean state norms: it is left at ours.")
    return wished


def _of_the_training(training: Mapping[str, Any], forget: str | None, notes: list[str]) -> dict[str, Any]:
    def number(name: str, default: float) -> float:
        value = training.get(name)
        return default if value is None else _number(f"trainer.args.{name}", value)

    part, parts = int(number("per_device_train_batch_size", 8)), int(number("gradient_accumulation_steps", 1))
    if part < 1 or parts < 1:
        raise ValueError("trainer.args has a batch of less than one row: name a file of a run that trained.")
    wished: dict[str, Any] = {"forget_batch": part * parts, "retain_batch": part * parts, "micro_batch": part}
    wished |= {"learning_rate": number("learning_rate", 5e-5), "seed": int(number("seed", 42))}
    rows = ROWS * FORGET[forget.partition(":")[2]] // 100 if forget else None
    steps = int(number("max_steps", -1))
    each = math.ceil(math.ceil(rows / part) / parts) if rows else None
    if steps < 1 and each:
        epochs = number("num_train_epochs", 3)
        steps = math.ceil(epochs * each)
        notes.append(
            f"Its {epochs:g} epochs are {steps:,} steps over the {rows} rows of {forget}: for others say --steps."
        )
    if steps >= 1:
        warmup = int(number("warmup_epochs", 0) * rows // (part * parts)) if rows else 0
        warmup = warmup or int(number("warmup_steps", 0))
        # Theirs falls in a line from the end of the warm-up on.
        wished |= {"steps": steps, "warmup": warmup, "cooldown": max(0, steps - warmup) / steps}
    else:
        notes.append("How many rows there are is not told, so epochs cannot be counted in steps: say --steps.")
    notes.append("Steps are counted for one process: with several, theirs has as many times the rows in a step.")
    if training.get("bf16"):
        wished["precision"] = "bfloat16"
    if training.get("gradient_checkpointing"):
        wished["gradient_checkpointing"] = True
    optimiser = str(training.get("optim", "adamw_torch"))
    wished["optimiser"] = next((ours for theirs, ours in OPTIMISERS.items() if theirs in optimiser), "adamw")
    if not any(name in optimiser for name in OPTIMISERS):
        notes.append(f"No counterpart: trainer.args.optim {optimiser[:60]!r}; AdamW is taken.")
    if number("weight_decay", 0):
        notes.append("No counterpart: trainer.args.weight_decay; nothing decays here.")
    return wished


def _rows(found: Mapping[str, Any], notes: list[str]) -> str | None:
    """The TOFU split that is forgotten, as `--forget` takes it."""
    names = [_text(found, "forget_split"), *(name for name, path in _data(found, "forget") if "TOFU" in path)]
    forget = next((name for name in names if name in FORGET), None)
    if forget is None:
        notes.append("Its rows to forget are no split of TOFU's: name yours by --forget.")
        return None
    kept = [_text(found, "retain_split"), *(name for name, path in _data(found, "retain") if "TOFU" in path)]
    wanted = f"retain{100 - FORGET[forget]}"
    other = next((name for name in kept if name not in (None, wanted)), None)
    if other is not None:
        notes.append(f"Its rows to keep are {other[:60]!r}, and those of {forget} here are {wanted}.")
    return f"tofu:{forget}"


def _data(found: Mapping[str, Any], side: str) -> Iterator[tuple[str, str]]:
    """(configuration, repository) of each data set of one side."""
    for entry in _part(found, f"data.{side}").values():
        source = _part(entry, "args.hf_args") if isinstance(entry, Mapping) else {}
        yield str(source.get("name")), str(source.get("path"))


# Reading -------------------------------------------------------------------------------------------------------------


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.name!r} is larger than {MOST_BYTES // 10**6} MB: run settings are a few pages.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"The settings {str(path)!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name!r} is no UTF-8 text: name a .hydra/config.yaml.") from error
    if max(map(text.count, "[{")) > MOST_BRACKETS:
        raise ValueError(f"{path.name!r} has hundreds of brackets: name a .hydra/config.yaml, which has few.")
    try:
        refers = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))
        found = None if refers else yaml.safe_load(text)
    # A day that no calendar has, or a number of thousands of digits, is a ValueError of Python's.
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{path.name!r} is no YAML: name a .hydra/config.yaml.") from error
    if refers:
        raise ValueError(f"{path.name!r} refers to parts of itself by *: name a .hydra/config.yaml, which does not.")
    if not isinstance(found, Mapping):
        raise ValueError(f"{path.name!r} holds no settings by name: name a .hydra/config.yaml.")
    return _filled(found, found)


def _filled(value: Any, root: Mapping[str, Any]) -> Any:
    """A value with every `${a.b}` in it replaced by what stands at a.b; left as it is where that is not there."""
    if isinstance(value, Mapping):
        return {str(name): _filled(inner, root) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, root) for inner in value]
    if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
        there = _at(root, match[1])
        # One step is enough for what we read, and cannot go round in a circle.
        return value if there is None or isinstance(there, Mapping | list) else there
    return value


def _at(found: Any, name: str) -> Any:
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = _at(found, name)
    return part if isinstance(part, Mapping) else {}


def _text(found: Mapping[str, Any], name: str) -> str | None:
    text = _at(found, name)
    return text if isinstance(text, str) and text not in ("", "???") else None


def _number(name: str, value: Any) -> float:
    # YAML reads 1e-5 as a text.
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise ValueError(f"{name} is {str(value)[:60]!r}: a number is needed, up to {LARGEST:g}.")
    return number
