"""Rows as training targets: which tokens are labels, and what the models say at them.

Everything a loss sees is read at the labels and nowhere else, so prompt and padding contribute exactly 0 to every
objective. The output head works on the labels alone, a bounded chunk at a time; see `TRAINED_HEAD_VALUES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from attribution.model.blocks import kept_states
from attribution.model.forward import by_length
from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded

# Values of float32 logits that one backward may keep: 64 M values are 256 MB. Beyond, the head works in chunks of
# labels whose logits are made again in the backward pass.
TRAINED_HEAD_VALUES = 64_000_000
# Taken off the logit of a word that a teacher is not to say: its probability is 0 in float32.
UNSAID_LOGIT = 1e4

HeadTerm = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A number per label from whole distributions: (log q `[n, V]` in nats with gradient, the frozen model's logits
`[n, V]`, label ids `[n]`) to `[n]`. It is given one chunk of labels at a time."""


@dataclass(frozen=True)
class Target:
    """An encoded row with a weight for each label.

    Labels are the answer's tokens; where the weights are more, the end token too, and then the first window of a plain
    text (`label_positions`). Prompt and padding are never labels.

    Attributes:
        weights: one per label, >= 0, `[m]`.
        reference: log-probabilities of the labels in nats under the frozen original model, `[m]`, where needed.
        frozen: the frozen model's last states that predict the labels, `[m, d]`, where anchors need them.
        teacher: what a selected label is to be predicted from instead, `[m, d]`, where a teacher is needed.
        unsaid: labels that the teacher is not to say, bool `[m]`; None for none.
        inner: the teacher's states after some blocks, `[m, blocks, d]`, 0 where it has none of its own, None where it
            has none at all; where needed.
    """

    row: Encoded
    weights: Tensor
    reference: Tensor | None = None
    frozen: Tensor | None = None
    teacher: Tensor | None = None
    unsaid: Tensor | None = None
    inner: Tensor | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        return label_positions(self.row)[: len(self.weights)]


@dataclass(frozen=True)
class Totals:
    """What a loss is averaged over: a whole optimiser step, of which a batch may be one part of several.

    Attributes:
        weight: sum of w_t.
        labels: number of labels.
        rows: number of rows.
        rest: sum of 1 - w_t, where it is above 0: what anchors hold.
    """

    weight: float
    labels: int
    rows: int
    rest: float = 0.0


@dataclass(frozen=True)
class Layer:
    """Where an objective on inner states reads, and where it pushes.

    Attributes:
        index: the block whose output is read; 1 is the first.
        predicting: read a label at the position that predicts it (t - 1) instead of its own (t).
        direction: the vector that states are pushed towards, `[d]`, as long as a state is on average.
    """

    index: int
    predicting: bool = False
    direction: Tensor | None = None


@dataclass(frozen=True)
class Extras:
    """What to read beside log p_t under the model that is trained.

    Attributes:
        frozen: the original model; needed for everything below but `layer` without a comparison.
        reference: read log p_t under the frozen model.
        head: a number per label from both models' whole distributions.
        layer: read inner states, the frozen model's too where it is given.
        raw: `head` is given the trained model's logits z as they are instead of log q.
        taught: the frozen side of `head` is what the targets' `teacher` states predict, not the row itself.
        anchor: a second such number, whose frozen side is what the targets' `frozen` states predict.
        blocks: whose states are held against the targets' `inner` ones, from 1.
    """

    frozen: LanguageModel | None = None
    reference: bool = False
    head: HeadTerm | None = None
    layer: Layer | None = None
    raw: bool = False
    taught: bool = False
    anchor: HeadTerm | None = None
    blocks: tuple[int, ...] = ()


PLAIN = Extras()


@dataclass(frozen=True)
class LabelBatch:
    """The labels of a batch of rows, side by side: all that an objective is given.

    Attributes:
        log_probs: log p_t in nats, with gradient, `[N]`.
        weights: w_t, `[N]`.
        rows: which row each label belongs to, `[N]`.
        size: number of rows in this batch.
        totals: what to average over; the batch may be a part of it.
        reference: log p_t of the frozen model, `[N]`; for objectives that need `reference`.
        head_values: the objective's own `head` term, with gradient, `[N]`.
        layer_states: inner states at the labels, with gradient, `[N, d]`; for objectives that need `layer`.
        reference_layer_states: the frozen model's, `[N, d]`.
        direction: where `layer` objectives push, `[d]`.
        refusals: a refusal to each row's prompt, row i for row i, with `reference`; for those that need `refusals`.
        anchor_values: the `anchor` term, with gradient, `[N]`; where there are anchors.
        inner_values: how far inner states are from the teacher's (`relative_distances`), with gradient, `[N]`.
    """

    log_probs: Tensor
    weights: Tensor
    rows: Tensor
    size: int
    totals: Totals
    reference: Tensor | None = None
    head_values: Tensor | None = None
    layer_states: Tensor | None = None
    reference_layer_states: Tensor | None = None
    direction: Tensor | None = None
    refusals: LabelBatch | None = None
    anchor_values: Tensor | None = None
    inner_values: Tensor | None = None

    def row_sums(self, values: Tensor) -> Tensor:
        """Sums of `[N]` values over each row's labels, `[size]`."""
        return values.new_zeros(self.size).index_add(0, self.rows, values)


def label_positions(row: Encoded) -> tuple[int, ...]:
    """Positions of a row's possible labels: the answer's tokens, the end token where there is one, and then those of a
    plain text's first window, which no scorer scores.
    """
    end = () if row.end_position is None else (row.end_position,)
    return (*row.answer_positions, *end, *row.opening_positions)


def uniform_target(row: Encoded) -> Target:
    """Every label with weight 1, the end token and all of a plain text included: how rows to keep are trained."""
    return Target(row, torch.ones(len(label_positions(row))))


def weighted_target(row: Encoded, weights: Sequence[float], trains_end: bool, anchored: bool = False) -> Target:
    """Answer tokens with the weights of a selection.

    The whole-sequence strategy (`trains_end`) trains the end token, and of a plain text the first window, too. Where
    what is not selected is held, they are labels with weight 0.
    """
    rest = len(label_positions(row)) - len(row.answer_positions) if trains_end or anchored else 0
    return Target(row, torch.tensor([*weights, *[float(trains_end)] * rest], dtype=torch.float32))


def totals(targets: Sequence[Target]) -> Totals:
    """What a loss over these rows is averaged over."""
    return Totals(
        weight=sum(float(target.weights.sum()) for target in targets),
        labels=sum(len(target.weights) for target in targets),
        rows=len(targets),
        rest=sum(float((1 - target.weights).clamp_min(0).sum()) for target in targets),
    )


def label_batch(
    model: LanguageModel, targets: Sequence[Target], extras: Extras = PLAIN, over: Totals | None = None
) -> LabelBatch:
    """Forward the rows, right-padded, and read what the objective needs at their labels.

    Args:
        model: the model that is trained.
        targets: rows with weights.
        extras: what to read beside log p.
        over: what losses are averaged over, when the batch is a part of a step; the batch itself when left out.
    """
    return read_labels(model, gathered(model, targets), extras, over or totals(targets))


def read_labels(model: LanguageModel, labels: Labels, extras: Extras, over: Totals) -> LabelBatch:
    """Forward padded rows, and read what the objective needs at their labels; as `label_batch`."""
    places = _Places(labels, extras.layer, extras.blocks)
    states, inner = places.states(model)
    layer_states = inner[:, 0] if extras.layer and inner is not None else None
    inner_values = None
    if extras.blocks and inner is not None:
        taught = inner.new_zeros(()) if labels.inner is None else _as_computed(labels.inner, inner)
        inner_values = relative_distances(inner, taught)
    frozen_states = reference = reference_layer_states = None
    if extras.frozen is not None and (extras.reference or extras.layer or (extras.head and not extras.taught)):
        with torch.no_grad():
            frozen_states, frozen_inner = places.states(extras.frozen)
            if extras.layer and frozen_inner is not None:
                reference_layer_states = frozen_inner[:, 0]
            if extras.reference:
                reference = _head(extras.frozen, frozen_states, labels.ids_there)[0]
    if extras.taught:
        frozen_states = _as_computed(labels.teacher, states)
    held_states = _as_computed(labels.frozen, states) if extras.anchor else None
    unsaid = labels.unsaid if extras.taught else None
    log_probs, head_values, anchor_values = _head(
        model, states, labels.ids_there, extras, frozen_states, unsaid, held_states
    )
    return LabelBatch(
        log_probs=log_probs,
        weights=labels.weights,
        rows=labels.rows,
        size=len(labels.ids),
        totals=over,
        reference=labels.reference if reference is None else reference,
        head_values=head_values,
        layer_states=layer_states,
        reference_layer_states=reference_layer_states,
        direction=extras.layer.direction if extras.layer else None,
        anchor_values=anchor_values,
        inner_values=inner_values,
    )


def relative_distances(states: Tensor, taught: Tensor) -> Tensor:
    """mean_l |h_l - h'_l|^2 / |h'_l|^2 over blocks, `[N]`; both are `[N, blocks, d]`.

    Relative, since states grow from block to block. 0 where h' is 0: there is nothing to be held against.
    """
    states, taught = states.float(), taught.float()
    lengths = taught.square().sum(dim=-1)
    distances = (states - taught).square().sum(dim=-1) / torch.where(lengths > 0, lengths, 1.0)
    return torch.where(lengths > 0, distances, 0.0).mean(dim=-1)


def _as_computed(states: Tensor | None, like: Tensor) -> Tensor:
    """States of the frozen model, in the type that the model computes with."""
    if states is None:
        raise ValueError("These targets carry no states of the frozen model: prepare them first.")
    return states.to(like.device, like.dtype)


def gathered(model: LanguageModel, targets: Sequence[Target]) -> Labels:
    """The targets' rows, right-padded, with what is known of their labels in a line, on the model's device."""
    ids, attention = model.pad([target.row for target in targets])
    positions = [target.positions for target in targets]
    device = ids.device
    rows = torch.repeat_interleave(torch.arange(len(targets)), torch.tensor([len(p) for p in positions])).to(device)
    where = torch.tensor([p for row in positions for p in row], device=device)

    def column(parts: list[Tensor | None]) -> Tensor | None:
        return None if any(part is None for part in parts) else torch.cat(parts).to(device)  # type: ignore[arg-type]

    inner: list[Tensor | None] = [target.inner for target in targets]
    known = next((part for part in inner if part is not None), None)
    if known is not None:
        # A row without states of its own among rows with some is held against nothing.
        inner = [
            known.new_zeros(len(target.weights), *known.shape[1:]) if part is None else part
            for target, part in zip(targets, inner, strict=True)
        ]
    return Labels(
        ids=ids,
        attention=attention,
        rows=rows,
        where=where,
        weights=torch.cat([target.weights for target in targets]).to(device),
        reference=column([target.reference for target in targets]),
        frozen=column([target.frozen for target in targets]),
        teacher=column([target.teacher for target in targets]),
        unsaid=column([target.unsaid for target in targets]),
        inner=column(inner),
    )


@dataclass(frozen=True)
class Labels:
    """Padded rows, where their labels are, and what is known of each: `Target`s side by side.

    Attributes:
        ids, attention: `[rows, length]`.
        rows, where: each label's row and position, `[N]`.
        weights, reference, frozen, teacher, unsaid, inner: as in `Target`, label after label; None where not every
            target has it.
    """

    ids: Tensor
    attention: Tensor
    rows: Tensor
    where: Tensor
    weights: Tensor
    reference: Tensor | None = None
    frozen: Tensor | None = None
    teacher: Tensor | None = None
    unsaid: Tensor | None = None
    inner: Tensor | None = None

    @property
    def ids_there(self) -> Tensor:
        """The labels themselves, `[N]`."""
        return self.ids[self.rows, self.where]


class _Places:
    """Where labels are read: at the last states, and at those of inner blocks where they are asked for."""

    def __init__(self, labels: Labels, layer: Layer | None = None, blocks: tuple[int, ...] = ()) -> None:
        self.ids, self.attention, self.rows, self.where = labels.ids, labels.attention, labels.rows, labels.where
        self.layer, self.blocks = layer, blocks

    def states(self, model: LanguageModel) -> tuple[Tensor, Tensor | None]:
        """What `model.logits` makes the labels' logits of, `[N, d]` or `[N, V]`; where inner blocks are read, what they
        put out, `[N, blocks, d]`.

        Rows are read apart where a row's length decides how it is read (`LanguageModel.length_bound`).
        """
        predicting: list[Tensor] = []
        inner: list[Tensor] = []
        lengths = self.attention.sum(dim=1).tolist()
        batches = list(by_length(lengths, self.ids.numel(), model.length_bound)) if model.length_bound else []
        if len(batches) < 2:
            return self._read(model, self.ids, self.attention, self.rows, self.where)
        at = torch.empty_like(self.rows)
        for batch in batches:
            width = max(lengths[row] for row in batch)
            mine = torch.isin(self.rows, torch.tensor(batch, device=self.rows.device)).nonzero().squeeze(1)
            number = {row: k for k, row in enumerate(batch)}
            rows = torch.tensor([number[int(row)] for row in self.rows[mine]], device=self.rows.device)
            at[mine] = torch.arange(len(mine), device=at.device) + sum(map(len, predicting))
            last, layer = self._read(
                model, self.ids[batch, :width], self.attention[batch, :width], rows, self.where[mine]
            )
            predicting.append(last)
            inner += [] if layer is None else [layer]
        return torch.cat(predicting)[at], torch.cat(inner)[at] if inner else None

    def _read(
        self, model: LanguageModel, ids: Tensor, attention: Tensor, rows: Tensor, where: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        if self.blocks:
            with kept_states(model, rows, where - 1, self.blocks) as inside:
                predicting = model.forward(ids, attention).states(rows, where - 1)
            return predicting, torch.stack(inside, dim=1)
        if self.layer is None:
            return model.forward(ids, attention).states(rows, where - 1), None
        last, inner = model.body_and_layer(ids, attention, self.layer.index)
        states = last[rows, where - 1] if model.splits else model.forward(ids, attention).states(rows, where - 1)
        return states, inner[rows, where - int(self.layer.predicting)][:, None]


def _head(
    model: LanguageModel,
    states: Tensor,
    labels: Tensor,
    extras: Extras = PLAIN,
    frozen_states: Tensor | None = None,
    unsaid: Tensor | None = None,
    held_states: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """log p of the labels, the head term and the anchor term, `[N]` each, a chunk of labels at a time."""
    frozen = extras.frozen

    def part(
        states: Tensor, labels: Tensor, frozen_states: Tensor | None, unsaid: Tensor | None, held: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        z = model.logits(states).float()
        log_q = torch.log_softmax(z, dim=-1)
        log_probs = log_q.gather(1, labels[:, None]).squeeze(1)
        head_values = anchor_values = None
        if extras.head is not None and frozen is not None and frozen_states is not None:
            with torch.no_grad():
                logits = frozen.logits(frozen_states).float()
                if unsaid is not None:
                    # Not minus infinity: 0 times infinity is no number.
                    gone = torch.where(unsaid, -UNSAID_LOGIT, 0.0)[:, None].to(logits.dtype)
                    logits = logits.scatter_add(1, labels[:, None], gone)
            head_values = extras.head(z if extras.raw else log_q, logits, labels)
        if extras.anchor is not None and frozen is not None and held is not None:
            with torch.no_grad():
                logits = frozen.logits(held).float()
            anchor_values = extras.anchor(log_q, logits, labels)
        return log_probs, head_values, anchor_values

    chunk = max(1, TRAINED_HEAD_VALUES // model.vocabulary_size)
    columns = (states, labels, frozen_states, unsaid, held_states)
    if len(labels) <= chunk:
        return part(*columns)  # type: ignore[return-value]
    parts = [
        checkpoint(
            part,
            *(None if column is None else column[start : start + chunk] for column in columns),
            use_reentrant=False,
        )
        for start in range(0, len(labels), chunk)
    ]
    joined = [None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True)]
    return tuple(joined)  # type: ignore[return-value]


def label_states(model: LanguageModel, targets: Sequence[Target], batch: int = 32) -> list[Tensor]:
    """The model's last states that predict each target's labels, `[m, d]` each, without a gradient."""
    result: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, len(targets), batch):
            part = targets[start : start + batch]
            result += _Places(gathered(model, part)).states(model)[0].split([len(target.weights) for target in part])
    return result


def with_reference(model: LanguageModel, targets: Sequence[Target], batch: int = 32) -> list[Target]:
    """The targets with the frozen model's log-probabilities of their labels."""
    result: list[Target] = []
    with torch.no_grad():
        for start in range(0, len(targets), batch):
            part = targets[start : start + batch]
            sizes = [len(target.weights) for target in part]
            result += [
                dataclasses.replace(target, reference=reference)
                for target, reference in zip(part, label_batch(model, part).log_probs.split(sizes), strict=True)
            ]
    return result
