"""Plain text longer than a model's window, cut into rows that can be scored one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from attribution.model.language_model import LanguageModel
from attribution.text.example import DEFAULT_WINDOW, Example, Span
from attribution.text.tokenising import tokenise

# Room for the special tokens of both ends, and for a word that falls into more tokens at a row's edge.
SPARE_TOKENS = 8
# How far back a cut looks for a space before it divides a word.
LOOK_BACK_TOKENS = 50


def split_text(model: LanguageModel, example: Example) -> list[Example]:
    """A plain text as rows that fit the model's window, which together score every token that one row would.

    Each row but the first opens with the end of the one before it, which is read and not scored: at least the window of
    tokens that the example asks for. Cuts fall between words where there are any. Spans go along; one that a cut
    divides goes to both rows.

    Raises:
        ValueError: the example has a prompt, or its window leaves no room in the model's.

    >>> [row.window for row in split_text(model, Example("", long_text))]       # doctest: +SKIP
    [None, 33, 32]
    """
    if example.prompt:
        raise ValueError("Only plain text (an empty prompt) can be cut: shorten the answer or the prompt instead.")
    text, window = example.answer, DEFAULT_WINDOW if example.window is None else example.window
    # Where each token ends: the space before the next one belongs to the next one.
    ends = list(accumulate((end for _, end in _offsets(model, text)), max))
    room = model.max_length - SPARE_TOKENS
    if len(ends) <= room:
        return [example]
    if room <= 2 * window:
        raise ValueError(
            f"A window of {window} tokens leaves no room in the {model.max_length} that {model.name!r} reads: make it "
            f"smaller than {room // 2}."
        )
    rows: list[Example] = []
    first = scored = 0
    while scored < len(ends):
        last = min(len(ends), first + room)
        if last < len(ends):
            last = _between_words(text, ends, last, scored + 1)
        begin = ends[first - 1] if first else 0
        end = ends[last - 1] if last < len(ends) else len(text)
        piece = text[begin:end]
        reads = example.window
        if rows:
            # A token without width (a trimmed space) lies before the place where it stands.
            reached = ends[scored - 1] - begin
            reads = sum(min(start, end - 1) < reached for start, end in _offsets(model, piece))
        rows.append(
            replace(
                example,
                answer=piece,
                spans=_moved(example.spans, begin, end),
                id=f"{example.id}#{len(rows)}",
                window=reads,
                ends=example.ends and last == len(ends),
            )
        )
        scored = last
        first = _between_words(text, ends, last - window, 0)
    return rows


def _offsets(model: LanguageModel, text: str) -> list[tuple[int, int]]:
    """Characters of each token of the text; special tokens and what a tokenizer puts before it are left out."""
    _, offsets, special = tokenise(model.tokenizer, text, ((0, len(text)),), adds=True)
    return [pair for pair, is_special in zip(offsets, special, strict=True) if not is_special and pair[1] > 0]


def _between_words(text: str, ends: list[int], index: int, least: int) -> int:
    """The nearest token from `index` back before which a word ends, else the nearest that starts a character."""
    # The tokens of one character (the bytes of an emoji) all end where it ends.
    starts = [
        i for i in range(index, max(least, index - LOOK_BACK_TOKENS), -1) if i < len(ends) and ends[i - 1] < ends[i]
    ]
    between = (i for i in starts if text[ends[i - 1]].isspace() or text[ends[i - 1] - 1].isspace())
    return next(between, starts[0] if starts else index)


def _moved(spans: tuple[Span, ...], begin: int, end: int) -> tuple[Span, ...]:
    return tuple(
        Span(max(span.start, begin) - begin, min(span.end, end) - begin, span.kind)
        for span in spans
        if span.start < end and span.end > begin
    )
