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

    def trimmed(self) -> Pass:
        """The pass up to its last predicting state: what stands after it changes nothing, for attention is causal."""
        end = max(self.at) + 1
        return replace(self, ids=self.ids[:end], hidden=tuple(key for key in self.hidden if key < end))

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
    passes = [one.trimmed() for one in passes]
    results: list[Tensor] = [torch.empty(0)] * len(passes)
    with torch.inference_mode():
        for batch in _batches(model, passes, batch_tokens):
            chosen = [passes[i] for i in batch]
            for i, values in zip(batch, read_labels(model, _run(model, chosen), chosen), strict=True):
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
    passes = [one.trimmed() for one in passes]
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


def read_labels(model: CausalModel, run: Forward, passes: Sequence[Pass]) -> list[Tensor]:
    """log p of each pass's labels, from a forward of the passes."""
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
