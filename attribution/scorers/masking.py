"""Masking: how much a token's log-probability changes when context is hidden (TokenUnlearn, arXiv 2605.00364).

The paper leaves open what is hidden and how; both are switches. By default the subject is hidden by attention: no other
position may attend to a hidden token in any layer, and positions keep their numbers. Two consequences, both tested:

* the id of a hidden token has no influence on any prediction but one;
* the exception: the token right after a hidden one is predicted from the hidden token's own state, so its score still
  sees that id.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import torch

from attribution.model.forward import Pass, continued_log_probs, row_passes
from attribution.scorers.hiding import baseline_id, hidden_sets, window_of
from attribution.scores import ScoreBatch, ScoreOptions
from attribution.text.example import Encoded
from attribution.token_scores import ChangeMatrix, HiddenToken


def masking(batch: ScoreBatch) -> list[np.ndarray]:
    """`|log p_t(original) - log p_t(masked)|` in nats, `[n]` per row; without the bars when `signed`.

    What is hidden (`mask_scope`): the `subject` wherever it stands, answer included; the whole `prompt`; a `custom`
    choice; or `each` context token in turn, the changes joined by their sum or the largest (`mask_reduce`). A row whose
    subject cannot be found falls back to `each`, and says so. The context of `each` is the `prompt`, or the whole
    `prefix` of a token; of plain text it is the window before the token.

    How (`mask_how`): by `attention`; by a baseline `token` in its place; or by `drop`, where the token is taken out and
    the others close up, their positions numbered anew (with the positions kept it would be `attention`). The sequence
    keeps the token before the first scored one when nothing else is left to predict it.
    """
    options = batch.options
    sets: list[list[tuple[int, ...]]] = []
    windows: list[int | None] = []
    for number, (row, subject, notes) in enumerate(zip(batch.rows, batch.subjects, batch.notes, strict=True)):
        scope: str = options.mask_scope
        mine = hidden_sets(row, subject, scope, options, number)
        if scope == "subject" and not mine:
            notes.append(
                "No subject was found, so each prompt token was hidden in turn. Name the subject to change this."
                if row.example.prompt
                else "Plain text names no subject, so each token of the window before a token was hidden in turn."
            )
            scope = "each"
            mine = hidden_sets(row, subject, scope, options)
        if not mine:
            nothing = "None of the words to hide is in this row" if scope == "custom" else "There is nothing to hide"
            notes.append(f"{nothing}, so masking is 0 for every token.")
        elif options.mask_how == "attention" and not batch.model.keeps_positions:
            notes.append("This model counts positions from the mask: hiding a token also moves the tokens after it.")
        sets.append(mine)
        windows.append(window_of(row, options.window) if scope == "each" else None)
    if options.mask_scope == "custom" and not any(sets):
        raise ValueError(f"None of the words {options.mask_custom!r} is in a prompt or an answer: name words that are.")
    changes = _changes(batch, sets, windows)
    if options.matrix:
        batch.matrices[:] = [_matrix(*row) for row in zip(batch.rows, sets, changes, strict=True)]
    return [_reduced(change, options).numpy() for change in changes]


def _reduced(change: torch.Tensor, options: ScoreOptions) -> torch.Tensor:
    if options.mask_reduce == "sum":
        return change.sum(dim=0)
    # The largest in size, with its sign.
    return change.gather(0, change.abs().argmax(dim=0, keepdim=True)).squeeze(0)


def _changes(
    batch: ScoreBatch, sets: Sequence[Sequence[tuple[int, ...]]], windows: Sequence[int | None]
) -> list[torch.Tensor]:
    """Change of log p for each hidden set of each row, `[sets, n]`; one row of zeros where nothing is hidden.

    Only what can change is computed: attention is causal, so no token up to the first hidden one does; and, where there
    is a window, only what stands in it.
    """
    options, model = batch.options, batch.model
    if options.mask_how == "attention" and any(sets):
        model.check_hides()
    baseline = baseline_id(model, options.mask_token) if options.mask_how == "token" else -1
    changes = [torch.zeros(max(1, len(mine)), len(row.tokens)) for row, mine in zip(batch.rows, sets, strict=True)]
    passes: list[tuple[int, Pass]] = []
    places: list[tuple[int, int, int]] = []
    for i, (row, mine, window) in enumerate(zip(batch.rows, sets, windows, strict=True)):
        for k, keys in enumerate(mine):
            first = bisect_right(row.answer_positions, keys[0])
            last = len(row.tokens) if window is None else bisect_right(row.answer_positions, keys[0] + window)
            targets = row.answer_positions[first:last]
            for one in _passes(row, keys, targets, options.mask_how, baseline):
                passes.append((i, one))
                places.append((i, k, first))
                first += len(one.at)
    found = continued_log_probs(model, batch.rows, passes, model.batch_tokens(options.batch_tokens))
    for (i, k, first), values in zip(places, found, strict=True):
        part = slice(first, first + len(values))
        changes[i][k, part] = batch.plain[i].log_probs[part] - values
    return changes if options.signed else [change.abs() for change in changes]


def _passes(row: Encoded, keys: tuple[int, ...], targets: Sequence[int], how: str, baseline: int) -> list[Pass]:
    if not targets:
        return []
    if how == "attention":
        return row_passes(row, hidden=keys, targets=targets)
    if how == "token":
        return row_passes(row, replaced=dict.fromkeys(keys, baseline), targets=targets)
    gone = set(keys)
    kept = [position for position in range(targets[-1]) if position not in gone]
    shared = keys[0]
    if not kept or kept[0] >= targets[0]:
        kept, shared = [targets[0] - 1, *kept], 0
    return [
        Pass(
            tuple(row.input_ids[position] for position in kept),
            tuple(bisect_right(kept, position - 1) - 1 for position in targets),
            tuple(row.input_ids[position] for position in targets),
            shared=shared,
        )
    ]


def _matrix(row: Encoded, sets: Sequence[tuple[int, ...]], change: torch.Tensor) -> ChangeMatrix:
    hidden = [_hidden_token(row, position) for (position,) in sets]
    return ChangeMatrix(tuple(hidden), tuple(tuple(line) for line in change[: len(hidden)].tolist()))


def _hidden_token(row: Encoded, position: int) -> HiddenToken:
    in_prompt = bool(row.example.prompt) and position < row.answer_positions[0]
    part, (base, limit) = ("prompt", row.prompt_chars) if in_prompt else ("answer", row.answer_chars)
    left, right = row.offsets[position]
    start, end = max(left, base) - base, min(right, limit) - base
    return HiddenToken(row.input_ids[position], row.text[base + start : base + end], start, end, part)
