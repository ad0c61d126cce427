"""What several sequences begin with is read once: keys and values of a prefix, and log p of what comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attribution.model.forward import CausalModel, Forward, Pass, by_length, log_probs, read_labels
from attribution.text.example import Encoded

# Remembering a prefix costs a copy and a mask: it pays where it leaves at most this share of the tokens to compute
# (measured on two cores: nothing gained at 0.77, a third of the time saved at 0.55).
PREFIX_WORTH = 0.65
# Tokens that rows must begin with in common, for these to be read by themselves.
WORTH_SHARING = 8
# How many batches' worth of rows are remembered at a time.
PREFIX_BATCHES = 4


def continued_log_probs(
    model: CausalModel, rows: Sequence[Encoded], passes: Sequence[tuple[int, Pass]], batch_tokens: int
) -> list[Tensor]:
    """The same numbers as `log_probs`, for passes made from `rows` (row number, pass): what a pass shares with its row
    is read once and its keys and values are kept, where the model allows it and it saves enough.
    """
    whole = sum(len(one.ids) for _, one in passes)
    continued = sum(len(one.ids) - one.shared for _, one in passes) + sum(len(rows[r]) for r in {r for r, _ in passes})
    bound = model.length_bound
    stretched = bound is not None and any(one.first + max(one.whole, len(one.ids)) > bound for _, one in passes)
    if continued > PREFIX_WORTH * whole or stretched or not model.shares_prefixes:
        return log_probs(model, [one for _, one in passes], batch_tokens)
    of_row: dict[int, list[int]] = {}
    for i, (row, _) in enumerate(passes):
        of_row.setdefault(row, []).append(i)
    results: list[Tensor] = [torch.empty(0)] * len(passes)
    with torch.inference_mode():
        # Rows of one length read their prefixes together; the memory of a few is all that is held at a time.
        numbers = list(of_row)
        for group in by_length([len(rows[row]) for row in numbers], PREFIX_BATCHES * batch_tokens):
            together = [numbers[k] for k in group]
            mine = [i for row in together for i in of_row[row]]
            ends = [passes[i][1].trimmed() for i in mine]
            longest = max(one.shared for one in ends)
            memory = read_prefixes(model, [rows[row].input_ids[:longest] for row in together]) if longest else []
            sources = [together.index(passes[i][0]) for i in mine]
            # A remembered token costs attention and memory, not a pass through the layers.
            lengths = [len(one.ids) - one.shared + one.shared // 8 for one in ends]
            for batch in by_length(lengths, batch_tokens):
                chosen = [ends[k] for k in batch]
                found = log_probs_from(model, memory, [sources[k] for k in batch], chosen)
                for k, values in zip(batch, found, strict=True):
                    results[mine[k]] = values
    return results


def read_prefixes(model: CausalModel, prefixes: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of every layer, `[batch, heads, length, d]`, after reading; none where the model keeps others."""
    from transformers import DynamicCache

    width = max(map(len, prefixes))
    ids = torch.full((len(prefixes), width), model.pad_id, dtype=torch.long)
    for k, prefix in enumerate(prefixes):
        ids[k, : len(prefix)] = torch.tensor(prefix)
    ids = ids.to(model.device)
    cache = model.run_body(ids, torch.ones_like(ids), cache=DynamicCache()).past_key_values
    layers = getattr(cache, "layers", [])
    if not all(torch.is_tensor(getattr(layer, "keys", None)) and layer.keys.ndim == 4 for layer in layers):
        return []
    memory = [(layer.keys, layer.values) for layer in layers]
    return memory if all(keys.shape[2] == width for keys, _ in memory) else []


def common_start(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with, the last of the shortest left out; 0 where reading them once gains nothing.

    >>> common_start([[1, 2, 3], [1, 2, 4]])
    0
    """
    most = min(map(len, rows)) - 1
    if len(rows) < 2 or most < WORTH_SHARING:
        return 0
    alike = next((i for i in range(most) if any(row[i] != rows[0][i] for row in rows)), most)
    return alike if alike >= WORTH_SHARING else 0


def remembered(model: CausalModel, prefix: Sequence[int], count: int) -> Any:
    """A cache that holds a prefix for each of `count` rows, read once."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, (keys, values) in enumerate(read_prefixes(model, [prefix])):
        cache.update(keys.expand(count, -1, -1, -1), values.expand(count, -1, -1, -1), layer)
    return cache


def log_probs_from(
    model: CausalModel, memory: list[tuple[Tensor, Tensor]], sources: Sequence[int], passes: Sequence[Pass]
) -> list[Tensor]:
    """log p of the labels, reading on from the first `shared` tokens of the remembered row that each pass came from.

    Remembered keys stand right-aligned before the new ones, so that distances between slots are distances between
    positions (sliding windows count slots).
    """
    from transformers import DynamicCache

    shared = torch.tensor([one.shared for one in passes])
    before = int(shared.max())
    width = max(len(one.ids) - one.shared for one in passes)
    ids = torch.full((len(passes), width), model.pad_id, dtype=torch.long)
    attention = torch.ones((len(passes), before + width), dtype=torch.long)
    attention[:, :before] = torch.arange(before) >= before - shared[:, None]
    for k, one in enumerate(passes):
        new = one.ids[one.shared :]
        ids[k, : len(new)] = torch.tensor(new)
        for key in one.hidden:
            attention[k, before + key - one.shared] = 0
    device = model.device
    slots = (torch.arange(before) - (before - shared[:, None])).clamp(min=0).to(device)
    source = torch.tensor(sources)[:, None].to(device)
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(memory if before else []):
        cache.update(keys[source, :, slots].transpose(1, 2), values[source, :, slots].transpose(1, 2), layer)
    positions = torch.tensor([one.first for one in passes])[:, None] + shared[:, None] + torch.arange(width)
    out = model.run_body(ids.to(device), attention.to(device), positions.to(device), cache)
    moved = [replace(one, at=tuple(p - one.shared for p in one.at)) for one in passes]
    return read_labels(model, Forward(out.last_hidden_state, None), moved)
