"""Reading a model whose lower blocks do not change: what they put out is computed once a row and kept.

Blocks stay where they are: in a shallow copy of the body, blocks 1 to k - 1 are stood in for by modules that hand on
the kept states. So whatever a family does with a block's number (masks, rotations) stays right. That this comes to the
whole forward is tried out once on a few tokens of the model. What all rows of a batch begin with, such as the words of
a chat template, goes through the upper blocks once for all of them.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from attribution.model import families
from attribution.model.language_model import LanguageModel
from attribution.model.prefixes import common_start

KEPT_BYTES = 512_000_000
"""Of states that are kept at most; rows that were not read for the longest time go first."""

EXACT = 1e-4
"""States are kept in half precision where no logit moves by more than this share of the largest one."""


class KeptStates:
    """The states that enter block k, `[length, d]` a row, by the row's tokens.

    Attributes:
        most: bytes that are kept at most.
        half: whether they are kept in half precision.
    """

    def __init__(self, most: int = KEPT_BYTES, half: bool = False) -> None:
        self.most = most
        self.half = half
        self._rows: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, row: tuple[int, ...]) -> Tensor | None:
        """A row's states; None where they are not kept."""
        if row in self._rows:
            self._rows.move_to_end(row)
        return self._rows.get(row)

    def put(self, row: tuple[int, ...], states: Tensor) -> Tensor:
        """Keep a row's states; returns them as they are kept."""
        kept = states.to(torch.float16, copy=True) if self.half else states.clone()
        self._rows[row] = kept
        self._held += kept.nbytes
        while self._held > self.most and len(self._rows) > 1:
            self._held -= self._rows.popitem(last=False)[1].nbytes
        return kept


class ReadOnce(LanguageModel):
    """The same model, weights shared, whose forwards begin at block `block`; what lies below is read once a row.

    A forward that hides tokens, or needs more than the last states, reads the whole model.

    Args:
        model: its embeddings and its blocks below `block` must not change any more.
        block: 2 to the depth; 1 is the first.
        kept: of another model with the same lower blocks, so that they are read once for both.
        shares: read what all rows of a batch begin with once, where the family allows it; not where somebody looks at
            the upper blocks while they run.

    Raises:
        ValueError: there is no such block, or blocks of this family hand on more than their states.
    """

    def __init__(self, model: LanguageModel, block: int, kept: KeptStates | None = None, shares: bool = True) -> None:
        super().__init__(model.model, model.tokenizer, model.name, model.template, model.folder)
        self._take_facts(model)
        if not 1 < block <= self.depth:
            raise ValueError(f"{self.name!r} has {self.depth} blocks: train from 1 to {self.depth}, not {block}.")
        if not self.splits:
            raise ValueError(self._cannot)
        self._standin = _Standin()
        self._shares = shares and model.shares_prefixes
        try:
            self._standin.tuples = self._puts_out_tuples()
            standing: dict[int, nn.Module] = {i: _StandsFor(self._standin, self.blocks[i]) for i in range(block - 1)}
            self._below = _with_blocks(self._body, self.blocks, {block - 1: _Stop()})
            self._above = _with_blocks(self._body, self.blocks, standing)
            self.kept = kept or KeptStates(half=self._agrees(KeptStates(half=True), EXACT))
            exact = self._agrees(KeptStates(half=self.kept.half))
        except (RuntimeError, TypeError, AttributeError, LookupError, ValueError) as error:
            raise ValueError(self._cannot) from error
        if not exact:
            raise ValueError(self._cannot)

    @property
    def _cannot(self) -> str:
        return (
            f"The blocks of {self.name!r} hand on more than their states, so the lower ones cannot be read apart: "
            "train from block 1."
        )

    def _puts_out_tuples(self) -> bool:
        found: list[bool] = []
        hook = self.blocks[0].register_forward_hook(lambda _, __, put: found.append(not isinstance(put, Tensor)))
        ids = families.probe_ids(self)
        try:
            with torch.no_grad():
                super()._forward(ids, torch.ones_like(ids))
        finally:
            hook.remove()
        return found[0]

    def _agrees(self, kept: KeptStates, tolerance: float | None = None) -> bool:
        """Whether a forward over kept states comes to the whole forward, on two short rows that begin alike."""
        (one,) = families.probe_ids(self).tolist()
        ids = torch.tensor([[*one, *one], [*one, *one[::-1]]], device=self.device)
        ones = torch.ones_like(ids)
        with torch.no_grad():
            whole = self.logits(super()._forward(ids, ones).last_hidden_state)
            apart = [self.logits(self._upper(ids, ones, kept)) for _ in range(2)]
        return all(families.same(each, whole, tolerance) for each in apart)

    def _forward(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None, **options: Any) -> Any:
        lengths = attention.sum(dim=1)
        places = torch.arange(ids.shape[1], device=ids.device)
        plain = bool((attention.bool() == (places < lengths[:, None])).all())
        counted = positions is None or bool((positions == places).all())
        if not plain or not counted or any(options.values()):
            return super()._forward(ids, attention, positions, **options)
        return _Output(self._upper(ids, attention, self.kept))

    def _upper(self, ids: Tensor, attention: Tensor, kept: KeptStates) -> Tensor:
        """The body's last states for right-padded rows, `[batch, length, d]`."""
        entering = self._entering(ids, attention, kept)
        # Padding stands on the right, where causal attention never looks: masking it would only cost the fast kernels.
        lengths = attention.sum(dim=1).tolist()
        stretched = self.length_bound is not None and max(lengths) > self.length_bound
        may = not self.model.training and self._shares and not stretched
        first = common_start([row[:length] for row, length in zip(ids.tolist(), lengths, strict=True)]) if may else 0
        if not first:
            return self._run_above(entering, ids, torch.ones_like(ids), 0, None)
        from transformers import DynamicCache

        count, memory = len(ids), DynamicCache()
        prefix = self._run_above(entering[:1, :first], ids[:1, :first], torch.ones_like(ids[:1, :first]), 0, memory)
        shared = DynamicCache()
        for i, layer in enumerate(memory.layers):
            if getattr(layer, "keys", None) is None or not layer.keys.numel():
                # The cache tells its length by its first layer; those that are stood in for never read theirs.
                nothing = entering.new_zeros(count, 1, first, 1)
                shared.update(nothing, nothing, i)
            else:
                shared.update(layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1), i)
        rest = self._run_above(entering[:, first:], ids[:, first:], torch.ones_like(ids), first, shared)
        return torch.cat([prefix.expand(count, -1, -1), rest], dim=1)

    def _run_above(self, entering: Tensor, ids: Tensor, attention: Tensor, start: int, memory: Any) -> Tensor:
        self._standin.states = entering
        positions = torch.arange(start, start + ids.shape[1], device=ids.device).expand_as(ids)
        more = {} if memory is None else self.cached(memory)
        try:
            return self._above(**self._inputs(self._above, ids, attention, positions, **more)).last_hidden_state
        finally:
            self._standin.states = None

    def _entering(self, ids: Tensor, attention: Tensor, kept: KeptStates) -> Tensor:
        """What enters the first block that changes, 0 at padding, `[batch, length, d]`; new rows are read for it."""
        lengths = attention.sum(dim=1).tolist()
        rows = [tuple(row[:length]) for row, length in zip(ids.tolist(), lengths, strict=True)]
        known = {row: kept.get(row) for row in rows}
        new = [row for row, states in known.items() if states is None]
        if new:
            numbers = [rows.index(row) for row in new]
            states = self._lower(ids[numbers], attention[numbers])
            known |= {row: kept.put(row, mine[: len(row)]) for row, mine in zip(new, states, strict=True)}
        found = [known[row] for row in rows]
        like = self.model.dtype if kept.half else found[0].dtype  # type: ignore[union-attr]
        return nn.utils.rnn.pad_sequence([one.to(ids.device, like) for one in found], batch_first=True)  # type: ignore[union-attr]

    @torch.no_grad()
    def _lower(self, ids: Tensor, attention: Tensor) -> Tensor:
        try:
            self._below(**self._inputs(self._below, ids, torch.ones_like(attention), None))
        except _ReachedError as reached:
            return reached.states
        raise ValueError(self._cannot)


def freeze_below(model: LanguageModel, block: int) -> None:
    """Switch off training of all that forwards from block `block` on do not reach: embeddings and lower blocks.

    An output head that is tied to the embeddings is theirs, and frozen with them.

    Raises:
        ValueError: as `ReadOnce`.
    """
    parts = model.blocks
    below = {id(weight) for part in parts[: block - 1] for weight in part.parameters()}
    below |= {id(weight) for weight in model.model.get_input_embeddings().parameters()}
    above = {id(weight) for part in parts[block - 1 :] for weight in part.parameters()}
    ids = families.probe_ids(model)
    reader = ReadOnce(model, block)
    between = [w for w in model.model.parameters() if w.requires_grad and id(w) not in below | above]
    with torch.enable_grad():
        logits = model.logits(reader.body(ids, torch.ones_like(ids)))
        reached = torch.autograd.grad(logits.float().sum(), between, allow_unused=True) if between else ()
    above |= {id(weight) for weight, gradient in zip(between, reached, strict=True) if gradient is not None}
    for weight in model.model.parameters():
        weight.requires_grad_(weight.requires_grad and id(weight) in above - below)


class _Output:
    """What a body puts out, its last states alone."""

    def __init__(self, last_hidden_state: Tensor) -> None:
        self.last_hidden_state = last_hidden_state


class _ReachedError(Exception):
    """The first block that changes was reached."""

    def __init__(self, states: Tensor) -> None:
        self.states = states


class _Stop(nn.Module):
    """Ends a forward at its block."""

    def forward(self, *inputs: Any, **named: Any) -> Any:
        raise _ReachedError(inputs[0] if inputs else named["hidden_states"])


class _Standin:
    """What all blocks that are stood in for put out.

    Attributes:
        states: set for the length of a forward, `[batch, length, d]`.
        tuples: whether this family's blocks put out tuples.
    """

    def __init__(self) -> None:
        self.states: Tensor | None = None
        self.tuples = False


class _StandsFor(nn.Module):
    """A block that hands on kept states. What the body asks its block about, the block itself answers."""

    def __init__(self, standin: _Standin, block: nn.Module) -> None:
        super().__init__()
        self._standin = standin
        # Not as a part: its weights are none of this module's.
        self.__dict__["_block"] = block

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_block"], name)

    def forward(self, *_: Any, **__: Any) -> Any:
        return (self._standin.states, None, None) if self._standin.tuples else self._standin.states


def _with_blocks(body: nn.Module, blocks: nn.ModuleList, instead: dict[int, nn.Module]) -> nn.Module:
    """A copy of the body with other blocks at some places; every other module is shared."""
    path = next(name for name, part in body.named_modules() if part is blocks)
    top = part = _shallow(body)
    *above, last = path.split(".")
    for name in above:
        part._modules[name] = _shallow(part.get_submodule(name))
        part = part.get_submodule(name)
    part._modules[last] = nn.ModuleList([instead.get(i, block) for i, block in enumerate(blocks)])
    return top


def _shallow(module: nn.Module) -> nn.Module:
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    return copied
