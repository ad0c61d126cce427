"""What a model predicts at the tokens of answers, beyond what `LanguageModel.token_statistics` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attribution.model.forward import HEAD_CHUNK_VALUES, by_length
from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded

Term = Callable[[Tensor, Tensor], Tensor]
"""(float32 logits `[n, vocabulary]`, the labels `[n]`) to numbers `[n, k]`."""


def at_answers(model: LanguageModel, rows: Sequence[Encoded], term: Term) -> list[Tensor]:
    """The term at every answer token of every row, `[n, k]` each, in order; padding and batches change nothing.

    The head's logits are made for a bounded number of positions at a time, as everywhere.
    """
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    size = max(1, HEAD_CHUNK_VALUES // model.vocabulary_size)
    with torch.inference_mode():
        for batch in by_length([len(row) for row in rows], model.batch_tokens(), model.length_bound):
            ids, attention = model.pad([rows[i] for i in batch])
            run = model.forward(ids, attention)
            for k, i in enumerate(batch):
                positions = torch.tensor(rows[i].answer_positions, device=ids.device)
                parts = [
                    term(run.logits(model, torch.full_like(part, k), part - 1).float(), ids[k, part]).cpu()
                    for part in positions.split(size)
                ]
                found[i] = torch.cat(parts)
    return found
