"""A model's blocks one by one: the states that each puts out, and a forward with other states put in their place.

Works through hooks: it asks nothing of a family but that its blocks stand in one list and put their states out first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

# Cached properties of a model that are its family's, whatever its weights are.
FAMILY_FACTS = ("first_position", "length_bound", "splits", "max_length")


@contextmanager
def kept_states(
    model: Any, which: Tensor, where: Tensor, blocks: Sequence[int] | None = None
) -> Iterator[list[Tensor]]:
    """While this is open, a forward puts the states that blocks put out into the list, first block first.

    Args:
        which, where: rows and positions to keep, `[N]` each; a block's entry is `[N, d]`.
        blocks: numbers of the blocks, from 1, in order; None for all.
    """
    found: list[Tensor] = []

    def keep(block: Any, inputs: Any, output: Any) -> None:
        found.append(_states(output)[which, where])

    chosen = list(model.blocks) if blocks is None else [model.blocks[block - 1] for block in blocks]
    with _hooked(model, chosen, keep):
        yield found


@contextmanager
def put_in_place(model: Any, block: int, which: Tensor, where: Tensor, states: Tensor) -> Iterator[None]:
    """While this is open, a forward goes on from `states` at the chosen places after a block.

    Args:
        block: number of the block, from 0.
        which, where: rows and positions, `[N]` each.
        states: what stands there instead of the block's own, `[N, d]`.
    """

    def put(module: Any, inputs: Any, output: Any) -> Any:
        changed = _states(output).clone()
        changed[which, where] = states.to(changed)
        return changed if isinstance(output, Tensor) else (changed, *output[1:])

    with _hooked(model, [model.blocks[block]], put):
        yield


@contextmanager
def _hooked(model: Any, modules: list[torch.nn.Module], hook: Any) -> Iterator[None]:
    """The hook on the modules, for this thread alone: others may read the same model meanwhile."""
    mine = threading.get_ident()
    # What its family does is found out by forwards of a few tokens when it first matters: not under the hook.
    for fact in FAMILY_FACTS:
        getattr(model, fact)

    def only_mine(module: Any, inputs: Any, output: Any) -> Any:
        return hook(module, inputs, output) if threading.get_ident() == mine else None

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(only_mine).remove)
        yield


def _states(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]
