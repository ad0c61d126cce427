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

from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded

# Values of float32 logits that one backward may keep: 64 M values are 256 MB. Beyond, the head works in chunks of
# labels whose logits are made again in the backward pass.
TRAINED_HEAD_VALUES = 64_000_000

HeadTerm = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A number per label from whole distributions: (log q `[n, V]` in nats with gradient, the frozen model's logits
`[n, V]`, label ids `[n]`) to `[n]`. It is given one chunk of labels at a time."""


@dataclass(frozen=True)
class Target:
    """An encoded row with a weight for each label.

    Labels are the answer's tokens; where the weights are one more, the end token too. Prompt and padding are never
    labels.

    Attributes:
        weights: one per label, >= 0, `[m]`.
        reference: log-probabilities of the labels in nats under the frozen original model, `[m]`, where needed.
    """

    row: Encoded
    weights: Tensor
    reference: Tensor | None = None

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
    """

    weight: float
    labels: int
    rows: int


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
    """

    frozen: LanguageModel | None = None
    reference: bool = False
    head: HeadTerm | None = None
    layer: Layer | None = None


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

    def row_sums(self, values: Tensor) -> Tensor:
        """Sums of `[N]` values over each row's labels, `[size]`."""
        return values.new_zeros(self.size).index_add(0, self.rows, values)


def label_positions(row: Encoded) -> tuple[int, ...]:
    """Positions of a row's possible labels: the answer's tokens, then the end token where there is one."""
    return row.answer_positions if row.end_position is None else (*row.answer_positions, row.end_position)


def uniform_target(row: Encoded) -> Target:
    """Every label with weight 1, the end token included: how rows to keep are trained."""
    return Target(row, torch.ones(len(label_positions(row))))


def weighted_target(row: Encoded, weights: Sequence[float], trains_end: bool) -> Target:
    """Answer tokens with the weights of a selection; the end token is a label for the whole-sequence strategy alone."""
    end = [1.0] if trains_end and row.end_position is not None else []
    return Target(row, torch.tensor([*weights, *end], dtype=torch.float32))


def totals(targets: Sequence[Target]) -> Totals:
    """What a loss over these rows is averaged over."""
    return Totals(
        weight=sum(float(target.weights.sum()) for target in targets),
        labels=sum(len(target.weights) for target in targets),
        rows=len(targets),
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
    ids, attention = model.pad([target.row for target in targets])
    positions = [target.positions for target in targets]
    device = ids.device
    rows = torch.repeat_interleave(torch.arange(len(targets)), torch.tensor([len(p) for p in positions])).to(device)
    where = torch.tensor([p for row in positions for p in row], device=device)
    places = _Places(ids, attention, rows, where, ids[rows, where], extras.layer)
    states, layer_states = places.states(model)
    frozen_states = reference = reference_layer_states = None
    if extras.frozen is not None:
        with torch.no_grad():
            frozen_states, reference_layer_states = places.states(extras.frozen)
            if extras.reference:
                reference = _head(extras.frozen, frozen_states, places.labels)[0]
    log_probs, head_values = _head(model, states, places.labels, extras, frozen_states)
    known = [target.reference for target in targets if target.reference is not None]
    if reference is None and len(known) == len(targets):
        reference = torch.cat(known).to(device)
    return LabelBatch(
        log_probs=log_probs,
        weights=torch.cat([target.weights for target in targets]).to(device),
        rows=rows,
        size=len(targets),
        totals=over or totals(targets),
        reference=reference,
        head_values=head_values,
        layer_states=layer_states,
        reference_layer_states=reference_layer_states,
        direction=extras.layer.direction if extras.layer else None,
    )


@dataclass(frozen=True)
class _Places:
    """Padded rows and where their labels are."""

    ids: Tensor
    attention: Tensor
    rows: Tensor
    where: Tensor
    labels: Tensor
    layer: Layer | None

    def states(self, model: LanguageModel) -> tuple[Tensor, Tensor | None]:
        """The states that predict the labels, `[N, d]`, and the inner states where a layer is read, `[N, d]`."""
        if self.layer is None:
            return model.body(self.ids, self.attention)[self.rows, self.where - 1], None
        last, inner = model.body_and_layer(self.ids, self.attention, self.layer.index)
        return last[self.rows, self.where - 1], inner[self.rows, self.where - int(self.layer.predicting)]


def _head(
    model: LanguageModel,
    states: Tensor,
    labels: Tensor,
    extras: Extras = PLAIN,
    frozen_states: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """log p of the labels, `[N]`, and the head term, `[N]`, a chunk of labels at a time."""

    def part(states: Tensor, labels: Tensor, frozen_states: Tensor | None) -> tuple[Tensor, ...]:
        log_q = torch.log_softmax(model.logits(states).float(), dim=-1)
        log_probs = log_q.gather(1, labels[:, None]).squeeze(1)
        if extras.head is None or extras.frozen is None or frozen_states is None:
            return (log_probs,)
        with torch.no_grad():
            frozen_logits = extras.frozen.logits(frozen_states).float()
        return log_probs, extras.head(log_q, frozen_logits, labels)

    chunk = max(1, TRAINED_HEAD_VALUES // model.vocabulary_size)
    if len(labels) <= chunk:
        parts = [part(states, labels, frozen_states)]
    else:
        parts = [
            checkpoint(
                part,
                states[start : start + chunk],
                labels[start : start + chunk],
                None if frozen_states is None else frozen_states[start : start + chunk],
                use_reentrant=False,
            )
            for start in range(0, len(labels), chunk)
        ]
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    return columns[0], columns[1] if len(columns) > 1 else None


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
