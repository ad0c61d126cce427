"""Masking: how much a token's log-probability changes when the knowledge context is hidden (TokenUnlearn, 2605.00364).

The paper leaves open what is hidden and how. Here it is hidden by attention: no other position may attend to a hidden
token in any layer, and positions keep their numbers. Two consequences, both tested:

* the id of a hidden token has no influence on any prediction but one;
* the exception: the token right after a hidden one is predicted from the hidden token's own state, so its score still
  sees that id.
"""

from __future__ import annotations

import numpy as np
import torch

from attribution.example import Encoded
from attribution.scoring import ScoreBatch
from attribution.subject import Subject


def masking(batch: ScoreBatch) -> list[np.ndarray]:
    """`|log p_t(original) - log p_t(masked)|` in nats, `[n]` per row.

    Scope `subject` hides the subject wherever it stands, answer included (one more forward). Scope `prompt` hides every
    token of the prompt. Scope `each` hides one prompt token at a time and joins the changes (sum or max). A row whose
    subject cannot be found falls back to `each`, and says so.
    """
    scope = batch.options.mask_scope
    hidden: list[list[tuple[int, ...]]] = []
    for row, subject, notes in zip(batch.rows, batch.subjects, batch.notes, strict=True):
        keys = hidden_positions(row, subject, scope)
        if scope == "subject" and not keys:
            notes.append(
                "No subject was found, so each prompt token was hidden in turn. Name the subject to change this."
            )
            keys = hidden_positions(row, subject, "each")
        if not keys:
            notes.append("There is no prompt to hide, so masking is 0 for every token.")
        hidden.append(keys)
    changes = _changes(batch, hidden)
    reduce = torch.sum if batch.options.mask_reduce == "sum" else torch.amax
    return [reduce(change, dim=0).numpy() for change in changes]


def hidden_positions(row: Encoded, subject: Subject, scope: str) -> list[tuple[int, ...]]:
    """The position sets that are hidden, one forward each. Empty when there is nothing to hide."""
    if scope == "each":
        return [(position,) for position in row.prompt_positions if position > 0]
    if scope == "prompt":
        return [row.prompt_positions] if row.prompt_positions else []
    positions = subject_positions(row, subject)
    return [positions] if positions else []


def subject_positions(row: Encoded, subject: Subject) -> tuple[int, ...]:
    """Positions of the subject's tokens in the whole sequence, prompt and answer."""
    found: set[int] = set()
    for start, end in subject.prompt_spans:
        found.update(row.positions_of(start, end, "prompt"))
    for start, end in subject.answer_spans:
        found.update(row.positions_of(start, end, "answer"))
    return tuple(sorted(found))


def _changes(batch: ScoreBatch, hidden: list[list[tuple[int, ...]]]) -> list[torch.Tensor]:
    """|change of log p| for each hidden set of each row, `[sets, n]`; one row of zeros where nothing is hidden."""
    jobs = [(i, keys) for i, sets in enumerate(hidden) for keys in sets]
    masked = batch.model.token_statistics(
        [batch.rows[i] for i, _ in jobs],
        hidden_keys=[keys for _, keys in jobs],
        batch_tokens=batch.options.batch_tokens,
    )
    changes: list[list[torch.Tensor]] = [[] for _ in batch.rows]
    for (i, _), statistics in zip(jobs, masked, strict=True):
        changes[i].append((batch.plain[i].log_probs - statistics.log_probs).abs())
    return [torch.stack(rows) if rows else torch.zeros(1, len(batch.rows[i].tokens)) for i, rows in enumerate(changes)]
