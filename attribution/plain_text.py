"""Plain text longer than a model's window, cut into rows that can be scored one by one."""

from __future__ import annotations

from dataclasses import replace

from attribution.example import DEFAULT_WINDOW, Example, Span
from attribution.language_model import LanguageModel


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
    encoding = model.tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    starts = [
        int(start)
        for (start, end), special in zip(encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True)
        if not special and end > start
    ]
    # Room for the special tokens of both ends, and for words that are cut into more tokens at a row's edge.
    room = model.max_length - 8
    if len(starts) <= room:
        return [example]
    if room <= 2 * window:
        raise ValueError(
            f"A window of {window} tokens leaves no room in the {model.max_length} that {model.name!r} reads: make it "
            f"smaller than {room // 2}."
        )
    rows: list[Example] = []
    first = scored = 0
    while scored < len(starts):
        last = min(len(starts), first + room)
        if last < len(starts):
            last = _between_words(text, starts, last, scored + 1)
        begin, end = starts[first] if first else 0, starts[last] if last < len(starts) else len(text)
        piece = replace(
            example,
            answer=text[begin:end],
            spans=_moved(example.spans, begin, end),
            id=f"{example.id}#{len(rows)}",
            window=_tokens_before(model, text[begin:end], starts[scored] - begin) if rows else example.window,
        )
        rows.append(piece)
        scored = last
        first = _between_words(text, starts, max(0, last - window), 0)
    return rows


def _between_words(text: str, starts: list[int], index: int, least: int) -> int:
    """The nearest token from `index` back that begins a word; `index` itself when there is none within 50 tokens."""
    for i in range(index, max(least, index - 50), -1):
        if text[starts[i]].isspace() or text[starts[i] - 1].isspace():
            return i
    return index


def _tokens_before(model: LanguageModel, text: str, limit: int) -> int:
    """How many tokens of a text begin before a character."""
    encoding = model.tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    return sum(
        not special and end > start and start < limit
        for (start, end), special in zip(encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True)
    )


def _moved(spans: tuple[Span, ...], begin: int, end: int) -> tuple[Span, ...]:
    return tuple(
        Span(max(span.start, begin) - begin, min(span.end, end) - begin, span.kind)
        for span in spans
        if span.start < end and span.end > begin
    )
