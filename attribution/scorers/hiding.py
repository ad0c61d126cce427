"""What masking hides: sets of positions, one forward each, and the token that may stand there instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attribution.text.example import DEFAULT_WINDOW, Encoded
from attribution.text.subject import Subject, occurrences

if TYPE_CHECKING:
    from attribution.model.language_model import LanguageModel
    from attribution.scores import ScoreOptions

NAMED_TOKENS = ("pad", "unk", "mask", "eos", "bos")
PARTS = ("prompt", "answer")


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
        chosen = custom_positions(row, _custom_of_row(options.mask_custom, number))
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


def check_custom(custom: Any) -> tuple[Any, ...]:
    """A custom choice as tuples. ValueError when it is no such thing.

    Either items (words, or characters) that hold for every row, or a sequence of items for each row.
    """
    if isinstance(custom, str) or _is_range(custom):
        custom = (custom,)
    items = tuple(custom)
    if all(isinstance(item, str) or _is_range(item) for item in items):
        return tuple(item if isinstance(item, str) else tuple(item) for item in items)
    if all(_is_items(row) for row in items):
        return tuple(check_custom(row) for row in items)
    raise ValueError(
        f"mask_custom is {custom!r}: give words, (start, end) in the prompt or ('answer', start, end), several of "
        "them, or such a list for each row."
    )


def _is_range(item: Any) -> bool:
    if isinstance(item, str) or not isinstance(item, Sequence):
        return False
    numbers = item[1:] if len(item) == 3 and isinstance(item[0], str) else item
    return len(numbers) == 2 and all(isinstance(number, int) for number in numbers)


def _is_items(items: Any) -> bool:
    return (
        isinstance(items, Sequence)
        and not isinstance(items, str)
        and all(isinstance(item, str) or _is_range(item) for item in items)
    )


def _custom_of_row(custom: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    if all(isinstance(item, str) or _is_range(item) for item in custom):
        return custom
    if number >= len(custom):
        raise ValueError(f"mask_custom has choices for {len(custom)} rows, and there are more: give one for each.")
    return custom[number]


def _positions(row: Encoded, spans: Sequence[tuple[str, int, int]]) -> tuple[int, ...]:
    found: set[int] = set()
    for part, start, end in spans:
        found.update(row.positions_of(start, end, part))  # type: ignore[arg-type]
    return tuple(sorted(found))
