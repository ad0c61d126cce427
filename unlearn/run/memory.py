"""Gradient checkpointing: a layer's inner values are made again in the backward pass instead of being kept.

The gradient is the same; memory for activations falls to about one layer's and the states between layers, for about a
third more computing (Chen et al. 2016, arXiv 1604.06174).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer


def checkpointed_layers(model: nn.Module) -> list[GradientCheckpointingLayer]:
    """The layers that can be checkpointed. ValueError when the model has none."""
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no layers that transformers can checkpoint: leave gradient_checkpointing out, "
            "and set a smaller micro_batch where memory is short."
        )
    return layers


@contextmanager
def checkpointing(layers: list[GradientCheckpointingLayer]) -> Iterator[None]:
    """Forwards inside keep what is between these layers alone.

    transformers checkpoints only layers that are in training mode, which would also switch dropout on and, in
    generation, the cache off. So the mode is on from outside while the forward runs, and off for the layer itself.
    """
    for layer in layers:
        layer.gradient_checkpointing = layer.training = True
        layer._gradient_checkpointing_func = _checkpoint
    try:
        yield
    finally:
        for layer in layers:
            layer.gradient_checkpointing = layer.training = False


def _checkpoint(work: partial[Any], *inputs: Any) -> Any:
    layer: nn.Module = work.args[0]

    def without_dropout(*inputs: Any) -> Any:
        mode, layer.training = layer.training, False
        try:
            return work(*inputs)
        finally:
            layer.training = mode

    return checkpoint(without_dropout, *inputs, use_reentrant=False)
