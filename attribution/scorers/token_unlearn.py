"""TokenUnlearn (arXiv 2605.00364): masking, entropy, and both in one number.

Masking: how much a token's log-probability changes when context is hidden. The paper leaves open what is hidden and
how; both are switches. By default the subject is hidden by attention: no other position may attend to a hidden token in
any layer, and positions keep their numbers. Two consequences, both tested:

* the id of a hidden token has no influence on any prediction but one;
* the exception: the token right after a hidden one is predicted from the hidden token's own state, so its score still
  sees that id.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from attribution.model.forward import Pass, row_passes
from attribution.model.language_model import LanguageModel
from attribution.model.prefixes import continued_log_probs
from attribution.scorers.base import ChangeMatrix, HiddenToken, ScoreBatch, ScoreOptions, normalise, scorer
from attribution.text.example import DEFAULT_WINDOW, Encoded
from attribution.text.subject import Subject, occurrences

NAMED_TOKENS = ("pad", "unk", "mask", "eos", "bos")
PARTS = ("prompt", "answer")
COUNTS_FROM_MASK = "This model counts positions from the mask: hiding a token also moves the tokens after it."


@scorer(
    "masking",
    title="Masking",
    unit="nats",
    low=0.0,
    high=math.inf,
    low_signed=-math.inf,
    higher_means="its probability changes when the subject is hidden",
    formula="|log p_t(original) - log p_t(subject hidden)|; signed without the bars",
    paper="TokenUnlearn, arXiv 2605.00364",
    evidence="summary",
    forwards="1 (subject, prompt); m context tokens (each)",
)
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
            notes.append(COUNTS_FROM_MASK)
        sets.append(mine)
        windows.append(window_of(row, options.window) if scope == "each" else None)
    if options.mask_scope == "custom" and not any(sets):
        raise ValueError(f"None of the words {options.mask_custom!r} is in a prompt or an answer: name words that are.")
    found = changes(batch, sets, windows)
    if options.matrix:
        batch.matrices[:] = [_matrix(*row) for row in zip(batch.rows, sets, found, strict=True)]
    return [_reduced(change, options).numpy() for change in found]


def _reduced(change: torch.Tensor, options: ScoreOptions) -> torch.Tensor:
    if options.mask_reduce == "sum":
        return change.sum(dim=0)
    # The largest in size, with its sign.
    return change.gather(0, change.abs().argmax(dim=0, keepdim=True)).squeeze(0)


def changes(
    batch: ScoreBatch, sets: Sequence[Sequence[tuple[int, ...]]], windows: Sequence[int | None]
) -> list[torch.Tensor]:
    """Change of log p in nats for each hidden set of each row, `[sets, n]`; one row of zeros where nothing is hidden.

    Only what can change is computed: attention is causal, so no token up to the first hidden one does; and, where there
    is a window, only what stands in it.

    Raises:
        ValueError: the model cannot hide, or has no such baseline token.
    """
    options, model = batch.options, batch.model
    baseline = baseline_for(model, options, any(sets))
    found = [torch.zeros(max(1, len(mine)), len(row.tokens)) for row, mine in zip(batch.rows, sets, strict=True)]
    passes: list[tuple[int, Pass]] = []
    places: list[tuple[int, int, int]] = []
    for i, (row, mine, window) in enumerate(zip(batch.rows, sets, windows, strict=True)):
        for k, keys in enumerate(mine):
            for first, one in masked_passes(row, keys, options.mask_how, baseline, window):
                passes.append((i, one))
                places.append((i, k, first))
    read = continued_log_probs(model, batch.rows, passes, model.batch_tokens(options.batch_tokens))
    for (i, k, first), values in zip(places, read, strict=True):
        part = slice(first, first + len(values))
        found[i][k, part] = batch.plain[i].log_probs[part] - values
    return found if options.signed else [change.abs() for change in found]


def baseline_for(model: LanguageModel, options: ScoreOptions, hides: bool = True) -> int:
    """The id that stands in the place of what is hidden; -1 where none does.

    Args:
        hides: whether anything is to be hidden.

    Raises:
        ValueError: the model cannot hide by attention, or has no such token.
    """
    if options.mask_how == "attention" and hides:
        model.check_hides()
    return baseline_id(model, options.mask_token) if options.mask_how == "token" else -1


def masked_passes(
    row: Encoded, keys: tuple[int, ...], how: str, baseline: int, window: int | None = None
) -> list[tuple[int, Pass]]:
    """The passes over a row with positions hidden: the number of the first answer token that each predicts, and it.

    Args:
        how, baseline: as the option `mask_how` and `baseline_for` say.
        window: how many tokens behind the first hidden one are predicted; None for all.
    """
    first = bisect_right(row.answer_positions, keys[0])
    last = len(row.tokens) if window is None else bisect_right(row.answer_positions, keys[0] + window)
    placed = []
    for one in _passes(row, keys, row.answer_positions[first:last], how, baseline):
        placed.append((first, one))
        first += len(one.at)
    return placed


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
            whole=len(row) - len(gone),
        )
    ]


def _matrix(row: Encoded, sets: Sequence[tuple[int, ...]], change: torch.Tensor) -> ChangeMatrix:
    hidden = [hidden_token(row, position) for (position,) in sets]
    return ChangeMatrix(tuple(hidden), tuple(tuple(line) for line in change[: len(hidden)].tolist()))


def hidden_token(row: Encoded, position: int) -> HiddenToken:
    """A token of the row as it is shown where it was hidden."""
    in_prompt = bool(row.example.prompt) and position < row.answer_positions[0]
    part, (base, limit) = ("prompt", row.prompt_chars) if in_prompt else ("answer", row.answer_chars)
    left, right = row.offsets[position]
    start, end = max(left, base) - base, min(right, limit) - base
    return HiddenToken(row.input_ids[position], row.text[base + start : base + end], start, end, part)


@scorer(
    "entropy",
    title="Entropy",
    unit="nats",
    low=0.0,
    high=math.inf,
    higher_means="the model is less sure what comes here",
    formula="H_t = -sum_v q_v log q_v, q = softmax(z / T), T = 1",
    paper="ETW, arXiv 2604.17785",
    evidence="summary",
)
def entropy(batch: ScoreBatch) -> list[np.ndarray]:
    """H_t = -sum_v q_v log q_v with q = softmax(z / T), in nats, `[n]` per row; high = the model is less sure.

    The direction is ETW's; the formula is from a secondary summary. TokenUnlearn uses the same signal.
    """
    return [statistics.entropies.numpy() for statistics in batch.plain]


@scorer(
    "fused",
    title="Fused",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="masking and entropy both rank it high",
    formula="phi_t = a norm(masking_t) + (1 - a) norm(entropy_t), a = 0.5, norm = rank",
    paper="TokenUnlearn, arXiv 2605.00364; a and norm are ours",
    evidence="summary",
    forwards="those of masking",
    needs=("masking", "entropy"),
)
def fused(batch: ScoreBatch) -> list[np.ndarray]:
    """phi_t = a norm(masking_t) + (1 - a) norm(entropy_t) in [0, 1], `[n]` per row; a = `fused_weight`."""
    a = batch.options.fused_weight
    return [
        a * normalise(masking, batch.options.fused_norm) + (1 - a) * normalise(entropy, batch.options.fused_norm)
        for masking, entropy in zip(batch.columns["masking"], batch.columns["entropy"], strict=True)
    ]


# What masking hides: sets of positions, one forward each, and the token that may stand there instead ----------------


def hidden_sets(
    row: Encoded, subject: Subject, scope: str, options: ScoreOptions, number: int = 0
) -> list[tuple[int, ...]]:
    """The position sets that are hidden in turn. Empty when the row has nothing of the kind.

    Args:
        scope: one of `MASK_SCOPES`.
        number: which row this is, for custom choices that differ between rows.

    Raises:
        ValueError: custom characters that are not in the row.
    """
    if scope == "each":
        return [(position,) for position in each_position(row, options.context)]
    if scope == "prompt":
        chosen = row.context_positions
    elif scope == "custom":
        chosen = custom_positions(row, options.custom_of(number))
    else:
        chosen = subject_positions(row, subject)
    return [chosen] if chosen else []


def each_position(row: Encoded, context: str) -> tuple[int, ...]:
    """The prompt's positions, or those of everything before the last answer token, the template's words left out.

    Plain text has no prompt: there every token before the last one takes its turn.
    """
    if row.example.prompt and context == "prompt":
        return row.prompt_positions
    return (*row.context_positions, *row.answer_positions[:-1])


def window_of(row: Encoded, window: int | None) -> int | None:
    """How many tokens back masking `each` looks from a scored one; None: all the way."""
    if window is not None or row.example.prompt:
        return window
    return DEFAULT_WINDOW if row.example.window is None else max(1, row.example.window)


def subject_positions(row: Encoded, subject: Subject) -> tuple[int, ...]:
    """Positions of the subject's tokens in the whole sequence, prompt and answer."""
    spans = [("prompt", *span) for span in subject.prompt_spans] + [("answer", *span) for span in subject.answer_spans]
    return _positions(row, spans)


def custom_positions(row: Encoded, items: Sequence[Any]) -> tuple[int, ...]:
    """Positions of a person's own choice.

    Args:
        items: words, hidden wherever they stand; `(start, end)`, characters of the prompt; or `("answer", start, end)`.

    Raises:
        ValueError: characters that are not in the text.
    """
    example = row.example
    spans: list[tuple[str, int, int]] = []
    for item in items:
        if isinstance(item, str):
            spans += [("prompt", *span) for span in occurrences(example.prompt, item)]
            spans += [("answer", *span) for span in occurrences(example.answer, item)]
            continue
        part, start, end = item if len(item) == 3 else ("prompt", *item)
        if part not in PARTS or not 0 <= start < end <= len(example.prompt if part == "prompt" else example.answer):
            raise ValueError(
                f"The characters {item!r} are not in the {part}: give (start, end) in the prompt, or "
                "('answer', start, end)."
            )
        spans.append((part, start, end))
    return _positions(row, spans)


def baseline_id(model: LanguageModel, token: str | int) -> int:
    """The id that replaces a hidden token: by name (pad, unk, mask, eos, bos), by id, or as text of one token.

    Raises:
        ValueError: the tokenizer has no such token, or the id is outside the vocabulary.
    """
    tokenizer = model.tokenizer
    if isinstance(token, int):
        if not 0 <= token < model.vocabulary_size:
            raise ValueError(
                f"mask_token is {token}: the ids of {model.name!r} go from 0 to {model.vocabulary_size - 1}."
            )
        return token
    there = [name for name in NAMED_TOKENS if getattr(tokenizer, f"{name}_token_id", None) is not None]
    if token in NAMED_TOKENS:
        if token in there:
            return int(getattr(tokenizer, f"{token}_token_id"))
        raise ValueError(
            f"mask_token is {token!r}, and the tokenizer of {model.name!r} has no such token: choose from "
            f"{', '.join(there) or 'nothing by name'}, or give an id."
        )
    ids = tokenizer(token, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise ValueError(
            f"mask_token is {token!r}, which is {len(ids)} tokens: give one of {', '.join(NAMED_TOKENS)}, a text of "
            "one token, or an id."
        )
    return int(ids[0])


def _positions(row: Encoded, spans: Sequence[tuple[str, int, int]]) -> tuple[int, ...]:
    found: set[int] = set()
    for part, start, end in spans:
        found.update(row.positions_of(start, end, part))  # type: ignore[arg-type]
    return tuple(sorted(found))
