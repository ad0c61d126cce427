"""The learned scorer of ATWU (arXiv 2606.06320): a linear map on detached hidden states. See `unlearn.run.atwu`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from attribution.model.language_model import LanguageModel
from attribution.scorers.base import ScoreBatch, StateScorer, scorer

SCORER_FILE = "scorer.safetensors"
Position = Literal["predicting", "own"]


@dataclass(frozen=True)
class LinearScorer:
    """g_t = sigmoid(<w, h> + b), in [0, 1].

    Attributes:
        weight: w, `[d]`.
        bias: b.
        position: whose hidden state scores token t: the one that predicts it (t-1, our default by evidence) or its
            `own` (t, the paper's alignment).
        settings: how it was fitted, for people.
    """

    weight: torch.Tensor
    bias: float = 0.0
    position: Position = "predicting"
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Scores `[n]` of hidden states `[n, d]`."""
        return torch.sigmoid(states.float() @ self.weight.to(states.device) + self.bias)

    def save(self, path: Path) -> None:
        """Write weight, bias and settings as one safetensors file."""
        save_file(
            {"weight": self.weight.contiguous().cpu(), "bias": torch.tensor([self.bias])},
            str(path),
            metadata={"position": self.position, **self.settings},
        )

    @classmethod
    def load(cls, path: Path) -> LinearScorer:
        """Read what `save` wrote. ValueError when the file is no such thing."""
        try:
            with safe_open(str(path), framework="pt") as file:
                settings = dict(file.metadata() or {})
                weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
        except (OSError, SafetensorError) as error:
            raise ValueError(f"The file {str(path)!r} holds no fitted scorer: {error}.") from error
        position = settings.pop("position", "predicting")
        if position not in ("predicting", "own"):
            raise ValueError(
                f"The scorer in {str(path)!r} names the position {position!r}: predicting or own is needed."
            )
        return cls(weight.float(), float(bias.float()), position, settings)


def fitted_scorer(model: LanguageModel) -> LinearScorer:
    """The scorer that lies beside the model's files.

    Raises:
        ValueError: there is none; the message names the command that fits one.
    """
    path = model.folder / SCORER_FILE if model.folder else None
    if path is None or not path.is_file():
        raise ValueError(
            f"The model {model.name!r} has no fitted scorer for 'learned'. Fit one with "
            f"`python -m unlearn fit --model {model.name} --save FOLDER`, or leave 'learned' out of the scorers."
        )
    return LinearScorer.load(path)


def scorer_for(model: LanguageModel, given: StateScorer | None = None) -> StateScorer:
    """The scorer that `learned` uses on a model: the one given, or the one beside the model's files.

    Raises:
        ValueError: there is none, or it was fitted for another model.
    """
    found = given or fitted_scorer(model)
    if found.weight.shape != (model.hidden_size,):
        raise ValueError(
            f"The fitted scorer has {found.weight.numel()} weights and the model {model.name!r} {model.hidden_size} "
            "hidden units: it was fitted for another model."
        )
    return found


@scorer(
    "learned",
    title="Learned",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="the scorer trained with the model pushes here",
    formula="g_t = sigmoid(<w, h> + b), h the hidden state that predicts the token, or its own: as fitted",
    paper="ATWU, arXiv 2606.06320; the predicting position is ours",
    evidence="paper",
    reads_states=True,
)
def learned(batch: ScoreBatch) -> list[np.ndarray]:
    """g_t of each answer token, `[n]` per row, from the shared plain forward. The spans are never read."""
    fitted = scorer_for(batch.model, batch.options.linear_scorer)
    columns = []
    for statistics in batch.plain:
        states = statistics.predicting if fitted.position == "predicting" else statistics.own
        columns.append(fitted(states).numpy())  # type: ignore[arg-type]
    return columns
