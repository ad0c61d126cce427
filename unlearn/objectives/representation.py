"""RMU: push inner states of the forget rows to one random direction. `retention.retain_states` holds the others."""

from __future__ import annotations

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from unlearn.objectives.base import Constants, objective, weighted_mean
from unlearn.objectives.labels import Extras, LabelBatch, Layer, Target, label_batch


@objective(
    "rmu",
    title="RMU",
    formula="(1/Z) sum w_t mean_d (h_t - c u)^2, h_t a state of an inner layer",
    paper="WMDP, arXiv 2403.03218",
    evidence="code",
    uses=("beta",),
    beta=2.0,
    alpha=10.0,
    retain="states",
    needs=("layer",),
    note="c is beta times the mean norm of the states there, and alpha is 10 (ours): the authors tune an absolute c, "
    "and an alpha of about 1000, per model. All weights train; the authors train the output matrices of three layers.",
)
def rmu(batch: LabelBatch, constants: Constants) -> Tensor:
    """(1/Z) sum_t w_t mean_d (h_t - c u)^2 (WMDP, arXiv 2403.03218), h_t a state of one inner layer.

    u is a random unit vector, c = beta times the mean norm of the frozen model's states there; `batch.direction` is u
    times that norm.
    """
    if batch.layer_states is None or batch.direction is None:
        raise ValueError("RMU pushes inner states: the batch has no `layer_states` or no `direction`.")
    distances = (batch.layer_states.float() - constants.beta * batch.direction).square().mean(dim=-1)
    return weighted_mean(batch, distances, batch.weights, constants.normaliser)


def steered_layer(
    frozen: LanguageModel, targets: list[Target], index: int | None, predicting: bool, seed: int, rows: int = 64
) -> Layer:
    """The layer that RMU works on, with its direction.

    The direction is a random vector with entries uniform on [0, 1), as in the authors' code, scaled to the mean norm of
    the frozen model's states at the labels of the first `rows` rows.

    Args:
        index: the block; None takes the one at a third of the depth.

    Raises:
        ValueError: the model has no such block.
    """
    index = max(1, round(frozen.depth / 3)) if index is None else index
    if not 1 <= index <= frozen.depth:
        raise ValueError(f"The layer {index} does not exist: this model has layers 1 to {frozen.depth}.")
    layer = Layer(index, predicting)
    with torch.no_grad():
        norms = []
        for start in range(0, min(rows, len(targets)), 16):
            states = label_batch(frozen, targets[start : min(start + 16, rows)], Extras(layer=layer)).layer_states
            norms.append(states.float().norm(dim=-1))  # type: ignore[union-attr]
    direction = torch.rand(frozen.hidden_size, generator=torch.Generator().manual_seed(seed))
    length = float(torch.cat(norms).mean())
    return Layer(index, predicting, (direction / direction.norm() * length).to(frozen.device))
