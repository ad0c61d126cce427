"""Rows as training targets: which tokens are labels, and their log-probabilities under the current model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attribution.example import Encoded
from attribution.language_model import LanguageModel


@dataclass(frozen=True)
class Target:
    """An encoded row with a weight for each label.

    Labels are the answer's tokens and, last, the end token (where the tokenizer has one). Prompt and padding are never
    labels, so they contribute exactly 0.

    Attributes:
        weights: one per label, >= 0, `[m]`.
        reference: log-probabilities of the labels in nats under the frozen original model, `[m]`, where needed.
    """

    row: Encoded
    weights: Tensor
    reference: Tensor | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        return label_positions(self.row)


@dataclass(frozen=True)
class LabelBatch:
    """The labels of a batch of rows, side by side.

    Attributes:
        log_probs: log p_t in nats, with gradient, `[N]`.
        weights: w_t, `[N]`.
        rows: which row each label belongs to, `[N]`.
        size: number of rows.
        ends: whether the label is an end token, `[N]`.
        states: hidden states that predict each label, `[N, d]`.
        own_states: hidden states at each label's own position, `[N, d]`.
        reference: log p_t of the frozen model, `[N]`, where the objective needs it.
    """

    log_probs: Tensor
    weights: Tensor
    rows: Tensor
    size: int
    ends: Tensor
    states: Tensor
    own_states: Tensor
    reference: Tensor | None = None

    def row_sums(self, values: Tensor) -> Tensor:
        """Sums of `[N]` values over each row's labels, `[size]`."""
        return values.new_zeros(self.size).index_add(0, self.rows, values)


def label_positions(row: Encoded) -> tuple[int, ...]:
    """Positions of the labels in the row: the answer's tokens, then the end token."""
    return row.answer_positions if row.end_position is None else (*row.answer_positions, row.end_position)


def uniform_target(row: Encoded) -> Target:
    """Every label with weight 1, the end token included: how rows to keep are trained."""
    return Target(row, torch.ones(len(label_positions(row))))


def weighted_target(row: Encoded, weights: Sequence[float], trains_end: bool) -> Target:
    """Answer tokens with the weights of a selection; the end token is trained by the whole-sequence strategy alone."""
    end = [] if row.end_position is None else [1.0 if trains_end else 0.0]
    return Target(row, torch.tensor([*weights, *end], dtype=torch.float32))


def label_batch(model: LanguageModel, targets: Sequence[Target]) -> LabelBatch:
    """Forward the rows, right-padded, and read log p at their labels alone."""
    ids, attention = model.pad([target.row for target in targets])
    hidden = model.body(ids, attention)
    device = hidden.device
    positions = [target.positions for target in targets]
    rows = torch.repeat_interleave(torch.arange(len(targets)), torch.tensor([len(p) for p in positions])).to(device)
    where = torch.tensor([p for row in positions for p in row], device=device)
    labels = torch.tensor(
        [t.row.input_ids[p] for t, ps in zip(targets, positions, strict=True) for p in ps], device=device
    )
    states = hidden[rows, where - 1]
    logits = model.logits(states).float()
    log_probs = torch.log_softmax(logits, dim=-1).gather(1, labels[:, None]).squeeze(1)
    references = [target.reference for target in targets]
    known = [reference for reference in references if reference is not None]
    return LabelBatch(
        log_probs=log_probs,
        weights=torch.cat([target.weights for target in targets]).to(device),
        rows=rows,
        size=len(targets),
        ends=torch.tensor(
            [p == t.row.end_position for t, ps in zip(targets, positions, strict=True) for p in ps], device=device
        ),
        states=states,
        own_states=hidden[rows, where],
        reference=torch.cat(known).to(device) if len(known) == len(references) else None,
    )
