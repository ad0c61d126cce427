"""Forwards in batches: sequences in, numbers about chosen tokens out.

The body of the model reads whole sequences, the output head sees the chosen positions alone, a bounded chunk at a
time: a float32 `[batch, length, vocabulary]` softmax never exists. Rows are padded on the right and attention is
causal, so no real token ever attends to padding; batch size and padding change nothing.

Hiding a key means that no other position attends to it, in any layer; positions keep their numbers. A hidden token's
own state still holds its own id, so the token right after it is predicted by a state that knows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from attribution.model.blocks import kept_states
from attribution.text.example import Encoded

# Values of float32 the head's logits may take at once: 4 M values are 16 MB, and the entropy holds four such blocks.
HEAD_CHUNK_VALUES = 4_000_000
# Remembering a prefix costs a copy and a mask: it pays where it leaves at most this share of the tokens to compute
# (measured on two cores: nothing gained at 0.77, a third of the time saved at 0.55).
PREFIX_WORTH = 0.65
# Tokens that rows must begin with in common, for these to be read by themselves.
WORTH_SHARING = 8
# How many batches' worth of rows are remembered at a time.
PREFIX_BATCHES = 4
# A batch is closed early rather than padded by more than this share, once it is large enough to be worth a forward.
PADDING_SHARE = 0.125
SMALL_BATCH_TOKENS = 256


class CausalModel(Protocol):
    """What this file and `families.py` read of a model; `attribution.LanguageModel` is one."""

    model: Any
    tokenizer: Any
    name: str

    @property
    def device(self) -> torch.device: ...
    @property
    def pad_id(self) -> int: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def takes_positions(self) -> bool: ...
    @property
    def splits(self) -> bool: ...
    @property
    def shares_prefixes(self) -> bool: ...
    def body(self, ids: Tensor, attention: Tensor) -> Tensor: ...
    @property
    def cache_name(self) -> str: ...
    @property
    def begins_together(self) -> bool: ...
    @property
    def generates(self) -> bool: ...
    @property
    def answered_together(self) -> str: ...
    @property
    def length_bound(self) -> int | None: ...
    @property
    def max_length(self) -> int: ...
    def head(self, hidden: Tensor) -> Tensor: ...
    def logits(self, states: Tensor) -> Tensor: ...
    def forward(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None) -> Forward: ...
    def run_body(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None, cache: Any = None) -> Any: ...
    def run_whole(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None) -> Any: ...
    def generated_logits(
        self, prompts: Sequence[Sequence[int]], steps: int = 2, once: bool | None = None
    ) -> Tensor: ...


@dataclass(frozen=True)
class TokenStatistics:
    """What one forward says of each of a row's n answer tokens.

    Attributes:
        log_probs: log p(y_t | x, y_<t) in nats, `[n]`.
        entropies: entropy of the predictive distribution softmax(z / T) in nats, `[n]`.
        greedy: whether y_t is the most probable token, `[n]`.
        predicting: last-layer hidden state that predicts the token (position t-1), `[n, d]`; None unless asked for.
        own: last-layer hidden state at the token's own position t, `[n, d]`; None unless asked for.
        inner: states that chosen blocks put out where the token is predicted, `[n, blocks, d]`; None unless asked for.
        to_head: what `LanguageModel.logits` makes the token's logits of: `predicting`, or `[n, vocabulary]` where the
            head cannot be run on its own; None unless asked for.
    """

    log_probs: Tensor
    entropies: Tensor
    greedy: Tensor
    predicting: Tensor | None = None
    own: Tensor | None = None
    inner: Tensor | None = None
    to_head: Tensor | None = None

    @classmethod
    def joined(cls, parts: Sequence[TokenStatistics]) -> TokenStatistics:
        """The parts' tokens, one part after the other."""
        columns = zip(*([getattr(one, field.name) for field in fields(cls)] for one in parts), strict=True)
        return cls(*(None if column[0] is None else torch.cat(column) for column in columns))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Pass:
    """One sequence for the model to read, and what to look up in it.

    Attributes:
        ids: the tokens.
        at: indices into `ids` whose states predict; their next token need not be the label.
        labels: the tokens whose probability is read there, one per `at`.
        hidden: indices into `ids` that no other position attends to.
        first: position number of `ids[0]`.
        shared: how many leading tokens are those of the row it was made from, so that work on them can be shared.
        whole: the length of the sequence that this is the beginning of, where it is cut behind its last label.
    """

    ids: tuple[int, ...]
    at: tuple[int, ...]
    labels: tuple[int, ...]
    hidden: tuple[int, ...] = ()
    first: int = 0
    shared: int = 0
    whole: int = 0

    def length(self, bound: int | None) -> int:
        """Tokens that are read: those behind the last label too, where a row's length decides how it is read."""
        beyond = bound is not None and self.first + self.whole > bound
        return max(len(self.ids), self.whole if beyond else 0)


class Forward(NamedTuple):
    """Hidden states of a batch, `[batch, length, d]`, and the full logits where the head cannot be run on its own."""

    hidden: Tensor
    full_logits: Tensor | None

    def states(self, which: Tensor, where: Tensor) -> Tensor:
        """What predicts at chosen rows and positions, for `LanguageModel.logits`: `[N, d]`, or `[N, vocabulary]`."""
        return (self.hidden if self.full_logits is None else self.full_logits)[which, where]

    def logits(self, model: CausalModel, which: Tensor, where: Tensor) -> Tensor:
        """Logits at chosen rows and positions, `[N, vocabulary]`."""
        return model.logits(self.states(which, where))


def row_passes(
    row: Encoded,
    hidden: Sequence[int] = (),
    replaced: dict[int, int] | None = None,
    targets: Sequence[int] | None = None,
) -> list[Pass]:
    """The passes that give the probabilities of a row's answer tokens with keys hidden and tokens replaced.

    One pass, unless tokens from the very first on are hidden: a state there would have nothing to attend to. They are
    left out instead, which is the same for everybody else (the positions stay), and a prediction that is wanted from
    such a state comes from a pass of its own, in which the token sees itself alone.

    Args:
        targets: positions of the tokens to look up; all answer tokens unless told otherwise.
    """
    targets = row.answer_positions if targets is None else targets
    if not targets:
        return []
    ids = list(row.input_ids[: targets[-1] + 1])
    changed = [p for p in (*hidden, *(replaced or {})) if p < len(ids)]
    for position, token in (replaced or {}).items():
        if position < len(ids):
            ids[position] = token
    keys = {p for p in hidden if p < len(ids)}
    lead = next(p for p in range(len(ids) + 1) if p not in keys)
    passes = [Pass((ids[p - 1], ids[p]), (0,), (row.input_ids[p],), first=p - 1) for p in targets if p - 1 < lead]
    rest = [p for p in targets if p - 1 >= lead]
    if rest:
        passes.append(
            Pass(
                tuple(ids[lead:]),
                tuple(p - 1 - lead for p in rest),
                tuple(row.input_ids[p] for p in rest),
                hidden=tuple(sorted(p - lead for p in keys if p >= lead)),
                first=lead,
                shared=0 if lead else min(changed, default=len(ids)),
                whole=len(row) - lead,
            )
        )
    return passes


def statistics(
    model: CausalModel,
    passes: Sequence[Pass],
    temperature: float,
    states: bool,
    batch_tokens: int,
    blocks: Sequence[int] = (),
    to_head: bool = False,
) -> list[TokenStatistics]:
    """Statistics of every pass's labels, in order."""
    results: list[TokenStatistics | None] = [None] * len(passes)
    with torch.inference_mode():
        for batch in _batches(model, passes, batch_tokens):
            chosen = [passes[i] for i in batch]
            which, where, labels = _lookups(chosen, model.device)
            with kept_states(model, which, where, blocks) if blocks else nullcontext() as inside:
                run = _run(model, chosen)
            # Room for the results first: small tensors that outlive a chunk would leave holes where the next cannot go.
            kept = (torch.empty(len(labels)), torch.empty(len(labels)), torch.empty(len(labels), dtype=torch.bool))
            for part in _chunks(len(labels), model.vocabulary_size):
                logits = run.logits(model, which[part], where[part]).float()
                for column, values in zip(kept, head_statistics(logits, labels[part], temperature), strict=True):
                    column[part] = values
                del logits
            log_probs, entropies, greedy = kept
            _check_numbers(model, log_probs)
            predicting = run.hidden[which, where].float().cpu() if states else None
            own = run.hidden[which, where + 1].float().cpu() if states else None
            inner = torch.stack(inside, dim=1).float().cpu() if inside else None
            heads = run.states(which, where).float().cpu() if to_head else None
            start = 0
            for i in batch:
                part = slice(start, start + len(passes[i].at))
                start = part.stop
                results[i] = TokenStatistics(
                    log_probs[part],
                    entropies[part],
                    greedy[part],
                    None if predicting is None else predicting[part],
                    None if own is None else own[part],
                    None if inner is None else inner[part],
                    None if heads is None else heads[part],
                )
    return results  # type: ignore[return-value]


def log_probs(model: CausalModel, passes: Sequence[Pass], batch_tokens: int) -> list[Tensor]:
    """log p of every pass's labels in nats, `[len(at)]` each, in order."""
    passes = [_trimmed(one) for one in passes]
    results: list[Tensor] = [torch.empty(0)] * len(passes)
    with torch.inference_mode():
        for batch in _batches(model, passes, batch_tokens):
            chosen = [passes[i] for i in batch]
            for i, values in zip(batch, _read(model, _run(model, chosen), chosen), strict=True):
                results[i] = values
    return results


class Likeliest(NamedTuple):
    """The most probable next tokens wherever a pass predicts, by a softmax over the whole vocabulary.

    Attributes:
        ids, log_probs: those tokens and their log p in nats, `[len(at), most]`, the likeliest first.
        label_log_probs: log p of the labels in nats, `[len(at)]`.
        ranks: 1 + how many tokens are more probable than the label, `[len(at)]`.
    """

    ids: Tensor
    log_probs: Tensor
    label_log_probs: Tensor
    ranks: Tensor


def likeliest(model: CausalModel, passes: Sequence[Pass], most: int, batch_tokens: int) -> list[Likeliest]:
    """What each pass predicts, in order; logits are made for a bounded number of positions at a time."""
    passes = [_trimmed(one) for one in passes]
    results: dict[int, Likeliest] = {}
    with torch.inference_mode():
        for batch in _batches(model, passes, batch_tokens):
            chosen = [passes[i] for i in batch]
            run, (which, where, labels) = _run(model, chosen), _lookups(chosen, model.device)
            parts = []
            for part in _chunks(len(labels), model.vocabulary_size):
                logits = run.logits(model, which[part], where[part]).float()
                top, total = logits.topk(most, dim=-1), logits.logsumexp(dim=-1, keepdim=True)
                label = logits.gather(1, labels[part][:, None])
                ranks = 1 + (logits > label).sum(dim=-1)
                columns = (top.indices, top.values - total, (label - total).squeeze(1), ranks)
                parts.append([column.cpu() for column in columns])
                del logits
            ids, log_p, of_labels, ranks = (torch.cat(column) for column in zip(*parts, strict=True))
            _check_numbers(model, of_labels)
            sizes = [len(one.at) for one in chosen]
            split = zip(*(column.split(sizes) for column in (ids, log_p, of_labels, ranks)), strict=True)
            results |= {i: Likeliest(*mine) for i, mine in zip(batch, split, strict=True)}
    return [results[i] for i in range(len(passes))]


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
            ends = [_trimmed(passes[i][1]) for i in mine]
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
    return _read(model, Forward(out.last_hidden_state, None), moved)


def _trimmed(one: Pass) -> Pass:
    """The pass up to its last predicting state: what stands after it changes nothing, for attention is causal."""
    end = max(one.at) + 1
    return replace(one, ids=one.ids[:end], hidden=tuple(key for key in one.hidden if key < end))


def _run(model: CausalModel, passes: Sequence[Pass]) -> Forward:
    width = max(one.length(model.length_bound) for one in passes)
    ids = torch.full((len(passes), width), model.pad_id, dtype=torch.long)
    # Padding stands on the right, where causal attention never looks: masking it would only cost the fast kernels.
    attention = torch.ones((len(passes), width), dtype=torch.long)
    for k, one in enumerate(passes):
        ids[k, : len(one.ids)] = torch.tensor(one.ids)
        if one.hidden:
            attention[k, torch.tensor(one.hidden)] = 0
    positions = torch.tensor([[one.first] for one in passes]) + torch.arange(width)
    return model.forward(ids.to(model.device), attention.to(model.device), positions.to(model.device))


def _read(model: CausalModel, run: Forward, passes: Sequence[Pass]) -> list[Tensor]:
    found = label_log_probs(model, run, *_lookups(passes, model.device))
    return list(_check_numbers(model, found).split([len(one.at) for one in passes]))


def label_log_probs(model: CausalModel, run: Forward, which: Tensor, where: Tensor, labels: Tensor) -> Tensor:
    """log p of the labels in nats, `[N]`, on the processor; the head's logits are made for a part at a time.

    Args:
        which, where: the rows and positions that predict them, `[N]` each.
    """
    found = torch.empty(len(labels))
    for part in _chunks(len(labels), model.vocabulary_size):
        logits = run.logits(model, which[part], where[part]).float()
        found[part] = (logits.gather(1, labels[part][:, None]).squeeze(1) - logits.logsumexp(dim=-1)).cpu()
        del logits
    return found


def _lookups(passes: Sequence[Pass], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    which = torch.repeat_interleave(torch.arange(len(passes)), torch.tensor([len(one.at) for one in passes]))
    where = torch.tensor([p for one in passes for p in one.at])
    labels = torch.tensor([label for one in passes for label in one.labels])
    return which.to(device), where.to(device), labels.to(device)


def _chunks(count: int, vocabulary: int) -> Iterator[slice]:
    size = max(1, HEAD_CHUNK_VALUES // vocabulary)
    for start in range(0, count, size):
        yield slice(start, start + size)


class NoNumberError(ValueError):
    """A forward gives no number: the weights are damaged, by a run or before, or their type is too small for them."""


def no_number(model: CausalModel, where: str = "") -> str:
    """Why a forward gives none, for a person."""
    kind = str(model.model.dtype).removeprefix("torch.")
    narrow = "" if kind == "float32" else f", or {kind} is too small for them: load it in float32 or bfloat16"
    return f"The forward of {model.name!r} gives no number (NaN or overflow){where}: its weights are damaged{narrow}."


def _check_numbers(model: CausalModel, log_probs: Tensor) -> Tensor:
    """The same. ValueError where there is none: a row may reach weights that a short probe does not."""
    if log_probs.isnan().any():
        raise NoNumberError(no_number(model, " on some of these rows"))
    return log_probs


def head_statistics(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """log p of the labels, entropy of softmax(logits / temperature), and whether the label is the most probable token.

    Args:
        logits: float32, `[N, vocabulary]`.
        labels: `[N]`.
    """
    log_q = torch.log_softmax(logits, dim=-1)
    picked = log_q.gather(1, labels[:, None]).squeeze(1)
    greedy = logits.argmax(dim=-1) == labels
    if temperature != 1.0:
        log_q = torch.log_softmax(logits / temperature, dim=-1)
    # A probability of exactly 0 contributes 0, not 0 * -inf.
    entropies = torch.special.entr(log_q.exp_()).sum(dim=-1)
    return picked, entropies, greedy


def _batches(model: CausalModel, passes: Sequence[Pass], batch_tokens: int) -> Iterator[list[int]]:
    """Numbers of passes that are read together; where lengths matter, those that begin at one position alone."""
    bound = model.length_bound
    lengths = [one.length(bound) for one in passes]
    of_first: dict[int, list[int]] = {}
    for i, one in enumerate(passes):
        of_first.setdefault(0 if bound is None or one.first + lengths[i] <= bound else one.first, []).append(i)
    for first, mine in of_first.items():
        beyond = None if bound is None else bound - first
        for batch in by_length([lengths[i] for i in mine], batch_tokens, beyond):
            yield [mine[k] for k in batch]


def by_length(lengths: Sequence[int], batch_tokens: int, bound: int | None = None) -> Iterator[list[int]]:
    """Numbers of sequences in batches of similar length, at most `batch_tokens` padded tokens each (one at least).

    Args:
        bound: sequences longer than this share a batch with their equals alone.
    """
    batch: list[int] = []
    held = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        padded = (len(batch) + 1) * lengths[i]
        wasteful = held >= SMALL_BATCH_TOKENS and padded - held - lengths[i] > PADDING_SHARE * padded
        apart = bound is not None and lengths[i] > bound and bool(batch) and lengths[batch[-1]] != lengths[i]
        if batch and (padded > batch_tokens or wasteful or apart):
            yield batch
            batch, held = [], 0
        batch.append(i)
        held += lengths[i]
    if batch:
        yield batch
