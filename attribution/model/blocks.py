"""A model's blocks one by one: the states that each puts out, and a forward with other states put in their place.

Works through hooks: it asks nothing of a family but that its blocks stand in one list and put their states out first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

# Cached properties of a model that say how it is read; they are found out by forwards of a few tokens.
READING_FACTS = ("first_position", "length_bound", "splits", "max_length")
# Those that are its family's, whatever its weights are.
FAMILY_FACTS = (*READING_FACTS, "block_list")


def one_state_a_token(model: Any, modules: Iterable[torch.nn.Module], ids: Tensor) -> bool:
    """Whether a forward runs each of these once, in this order, and each puts out one state for every token."""
    ran: list[tuple[torch.nn.Module, tuple[int, ...]]] = []

    def keep(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        states = _states(output)
        ran.append((module, tuple(states.shape) if isinstance(states, Tensor) else ()))

    expected, two = list(modules), ids.expand(2, -1)
    _find_facts(model)
    with ExitStack() as stack, torch.no_grad():
        for module in expected:
            stack.callback(module.register_forward_hook(keep).remove)
        model.forward(two, torch.ones_like(two))
    found = [shape for _, shape in ran]
    same = [module for module, _ in ran] == expected and len(set(found)) == 1
    return same and len(found[0]) == 3 and found[0][:2] == tuple(two.shape)


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
    _find_facts(model)

    def only_mine(module: Any, inputs: Any, output: Any) -> Any:
        return hook(module, inputs, output) if threading.get_ident() == mine else None

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(only_mine).remove)
        yield


def _find_facts(model: Any) -> None:
    """What its family does is found out when it first matters: not under a hook."""
    for fact in READING_FACTS:
        getattr(model, fact)


def _states(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]
