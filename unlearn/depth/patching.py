"""How much of what a model knows of an answer is still in another model's states, block by block.

`falls` is all that the depth score is made of: the states of a source model are put into the original model after one
block, where it predicts the facts, and the original goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attribution.model.blocks import kept_states, put_in_place
from attribution.model.forward import by_length, label_log_probs
from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded

FITS_NATS = 0.1
"""States of two models that share a basis cost less than this on rows that both know, at every block."""


@dataclass(frozen=True)
class Patched:
    """One row under patching.

    Attributes:
        log_probs: log p of every answer token in the original model, in nats, `[n]`.
        falls: how far it falls when another model's states are put in after a block, in nats, `[blocks, n]`.
        facts: which answer tokens are facts, `[n]`; states were put in where those are predicted.
    """

    log_probs: np.ndarray
    falls: np.ndarray
    facts: np.ndarray

    @property
    def by_block(self) -> np.ndarray:
        """Mean fall over the fact tokens, in nats, `[blocks]`: the D_l of the depth score."""
        return self.falls[:, self.facts].mean(axis=1)


def falls(
    original: LanguageModel, source: LanguageModel, rows: Sequence[Encoded], batch_tokens: int | None = None
) -> list[Patched]:
    """Every row under patching: D[l, t] = log p_original(y_t) - log p_patched at l(y_t), in nats.

    The states that `source` puts out after block l stand in the original's place at the positions that predict fact
    tokens (or every answer token where none is marked), all at once; blocks above, norm and head are the original's.

    Raises:
        ValueError: the models differ in shape, or their blocks cannot be found.
    """
    return _measured(original, source, rows, batch_tokens, lens=False)


def lens_falls(
    original: LanguageModel, source: LanguageModel, rows: Sequence[Encoded], batch_tokens: int | None = None
) -> list[Patched]:
    """Without a retrained model: what each block's states alone say of the facts, by the original's last norm and head.

    D[l, t] = log q(y_t | original's state after l) - log q(y_t | source's state after l), in nats, where q reads a
    state as if no block came after it; `log_probs` are the original's own. Below the blocks that know a fact both are
    guesses and D is near 0.

    Raises:
        ValueError: the models differ in shape, or their blocks cannot be found.
    """
    return _measured(original, source, rows, batch_tokens, lens=True)


def check_alike(original: LanguageModel, source: LanguageModel) -> None:
    """ValueError when states of the two models cannot stand in each other's place at all."""
    sizes = [(one.hidden_size, len(one.blocks), one.vocabulary_size) for one in (original, source)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"The models {original.name!r} and {source.name!r} differ in width, blocks or vocabulary, so the states of "
            "one cannot stand in the other: give models that were trained on from the same one."
        )


def _measured(
    original: LanguageModel, source: LanguageModel, rows: Sequence[Encoded], batch_tokens: int | None, lens: bool
) -> list[Patched]:
    check_alike(original, source)
    results: list[Patched | None] = [None] * len(rows)
    size = original.batch_tokens(batch_tokens)
    with torch.inference_mode():
        for batch in by_length([len(row) for row in rows], size, original.length_bound):
            for i, one in zip(batch, _batch(original, source, [rows[i] for i in batch], lens), strict=True):
                results[i] = one
    return results  # type: ignore[return-value]


def _batch(original: LanguageModel, source: LanguageModel, rows: Sequence[Encoded], lens: bool) -> list[Patched]:
    ids, attention = original.pad(rows)
    # Padding stands on the right, where causal attention never looks.
    attention = torch.ones_like(attention)
    answers = [list(row.answer_positions) for row in rows]
    marked = [fact_tokens(row) for row in rows]
    which, where = _places([[p - 1 for p in mine] for mine in answers], original.device)
    chosen = torch.from_numpy(np.concatenate(marked)).to(original.device)
    labels = ids[which, where + 1]

    def log_probs() -> Tensor:
        return label_log_probs(original, original.forward(ids, attention), which, where, labels)

    def states_of(model: LanguageModel) -> list[Tensor]:
        with kept_states(model, which[chosen].to(model.device), where[chosen].to(model.device)) as states:
            model.body(ids.to(model.device), attention.to(model.device))
        return [one.to(original.device) for one in states]

    def after(block: int, states: Tensor) -> Tensor:
        with put_in_place(original, block, which[chosen], where[chosen], states):
            return log_probs()

    plain = log_probs()
    theirs = states_of(source)
    last = len(theirs) - 1
    if lens:
        mine = states_of(original)
        found = [after(last, a) - after(last, b) for a, b in zip(theirs, mine, strict=True)]
        drops = -torch.stack(found)
    else:
        drops = plain - torch.stack([after(block, states) for block, states in enumerate(theirs)])
    sizes = [len(mine) for mine in answers]
    return [
        Patched(one.numpy(), drop.numpy(), facts)
        for one, drop, facts in zip(plain.split(sizes), drops.split(sizes, dim=1), marked, strict=True)
    ]


def fact_tokens(row: Encoded) -> np.ndarray:
    """Which of a row's answer tokens are facts, `[n]`; all of them where none is marked."""
    facts = np.array([label == "fact" for label in row.truth], dtype=bool)
    return facts if facts.any() else np.ones(len(row.answer_positions), dtype=bool)


def _places(positions: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    which = torch.tensor([k for k, mine in enumerate(positions) for _ in mine], device=device)
    return which, torch.tensor([p for mine in positions for p in mine], device=device)
