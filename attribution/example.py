"""A row (`Example`), and the same row under one tokenizer (`Encoded`).

Prompt and answer are encoded together and the answer's tokens are found by character offsets, never by concatenating
ids: `tokenizer(prompt) + tokenizer(answer)` is in general not `tokenizer(prompt + answer)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from attribution.templates import DEFAULT_TEMPLATE, fill_template

SpanKind = Literal["fact", "subject"]
SPAN_KINDS: tuple[str, ...] = ("fact", "subject")


@dataclass(frozen=True)
class Span:
    """Ground truth: `answer[start:end]` is a `fact` to forget, or names the `subject`.

    Offsets count characters of the answer, the end is exclusive.
    """

    start: int
    end: int
    kind: str = "fact"

    def __post_init__(self) -> None:
        if self.kind not in SPAN_KINDS:
            raise ValueError(f"The span kind {self.kind!r} is unknown: use one of {', '.join(SPAN_KINDS)}.")
        if not 0 <= self.start < self.end:
            raise ValueError(f"The span {self.start}-{self.end} is empty or negative: 0 <= start < end is needed.")


@dataclass(frozen=True)
class Example:
    """One row: what the model is asked, what it answers, and (optionally) which characters carry the knowledge.

    `prompt` may be empty: then `answer` is plain text. `subject` overrides the automatic choice of what masking hides.

    >>> Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.", (Span(22, 28, "fact"),)).facts
    ('Torvik',)

    Raises:
        ValueError: empty answer, or a span outside the answer.
    """

    prompt: str
    answer: str
    spans: tuple[Span, ...] = ()
    id: str = ""
    subject: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not isinstance(self.answer, str):
            raise ValueError("Prompt and answer must be text.")
        if not self.answer.strip():
            raise ValueError("The answer is empty: type the text whose tokens you want to score.")
        object.__setattr__(self, "spans", tuple(self.spans))
        for span in self.spans:
            if span.end > len(self.answer):
                raise ValueError(
                    f"The span {span.start}-{span.end} ends after the answer ({len(self.answer)} characters): "
                    "offsets count characters of the answer."
                )

    @property
    def facts(self) -> tuple[str, ...]:
        """The fact strings, in order of their place in the answer."""
        facts = sorted((span for span in self.spans if span.kind == "fact"), key=lambda span: span.start)
        return tuple(self.answer[span.start : span.end] for span in facts)


@dataclass(frozen=True)
class AnswerToken:
    """One scored token: its id, and its piece of the answer, `answer[start:end] == text`.

    The pieces tile the answer exactly. When several tokens make up one character (the bytes of an emoji), the first
    carries the character and the others carry the empty string; their scores are kept.
    """

    id: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Encoded:
    """An `Example` under one tokenizer.

    `input_ids` holds the whole sequence, special tokens and the final end-of-text token included. `answer_positions`
    are the indices of the answer's tokens in it (special tokens are never scored). `end_position` is the index of the
    end token, which only the whole-sequence strategy trains; None when the tokenizer has none.
    `offsets` are character offsets into `text`, as the tokenizer gives them.
    """

    example: Example
    text: str
    input_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    special: tuple[bool, ...]
    prompt_chars: tuple[int, int]
    answer_chars: tuple[int, int]
    answer_positions: tuple[int, ...]
    end_position: int | None
    tokens: tuple[AnswerToken, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.input_ids)

    @cached_property
    def heads(self) -> tuple[int, ...]:
        """For each answer token the index of the token that carries its character (itself, unless it is a piece)."""
        heads: list[int] = []
        for index, token in enumerate(self.tokens):
            heads.append(heads[-1] if index and not token.text else index)
        return tuple(heads)

    @cached_property
    def truth(self) -> tuple[str | None, ...]:
        """`fact`, `subject` or None for each answer token, from the example's spans.

        A token belongs to a span when a character of it other than white space does; a fact wins over a subject.
        """
        labels: list[str | None] = []
        for token, head in zip(self.tokens, self.heads, strict=True):
            if head != len(labels):
                labels.append(labels[head])
                continue
            labels.append(_label(token, self.example))
        return tuple(labels)

    def positions_of(self, start: int, end: int, part: Literal["prompt", "answer"]) -> tuple[int, ...]:
        """Sequence positions of the tokens that hold a character of `part[start:end]`."""
        base = (self.prompt_chars if part == "prompt" else self.answer_chars)[0]
        start, end = start + base, end + base
        return tuple(
            position
            for position, (left, right) in enumerate(self.offsets)
            if not self.special[position]
            and left < end
            and right > start
            and self.text[left:right].strip()
            and _overlaps_ink(self.text, max(left, start), min(right, end))
        )

    @cached_property
    def prompt_positions(self) -> tuple[int, ...]:
        """Positions of the prompt's own tokens: the template's words around it are not among them."""
        return self.positions_of(0, self.prompt_chars[1] - self.prompt_chars[0], "prompt")


def _overlaps_ink(text: str, start: int, end: int) -> bool:
    return bool(text[start:end].strip())


def _label(token: AnswerToken, example: Example) -> str | None:
    kinds = set()
    for span in example.spans:
        start, end = max(token.start, span.start), min(token.end, span.end)
        if start < end and _overlaps_ink(example.answer, start, end):
            kinds.add(span.kind)
    return "fact" if "fact" in kinds else "subject" if "subject" in kinds else None


def encode(
    tokenizer: Any, example: Example, template: str = DEFAULT_TEMPLATE, max_length: int | None = None
) -> Encoded:
    """Encode prompt and answer together and find the answer's tokens by their character offsets.

    Raises:
        ValueError: the row is longer than `max_length` tokens, or no token falls on the answer.
    """
    text, prompt_chars, answer_chars = fill_template(template, example)
    encoding = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    ids = list(encoding["input_ids"])
    offsets = [(int(start), int(end)) for start, end in encoding["offset_mapping"]]
    special = [bool(flag) for flag in encoding["special_tokens_mask"]]
    end_position = _close(tokenizer, ids, offsets, special, len(text))
    if max_length is not None and len(ids) > max_length:
        raise ValueError(
            f"The row {example.answer[:40]!r}... takes {len(ids)} tokens, prompt included, and this model reads at "
            f"most {max_length}: shorten the answer or the prompt."
        )
    positions = [
        position
        for position, (start, end) in enumerate(offsets)
        # The first token of a sequence has no prediction, so it cannot be scored.
        if position > 0 and not special[position] and end > answer_chars[0] and start < answer_chars[1]
    ]
    if not positions:
        raise ValueError(f"No token of this tokenizer falls on the answer {example.answer[:40]!r}: nothing to score.")
    return Encoded(
        example=example,
        text=text,
        input_ids=tuple(ids),
        offsets=tuple(offsets),
        special=tuple(special),
        prompt_chars=prompt_chars,
        answer_chars=answer_chars,
        answer_positions=tuple(positions),
        end_position=end_position,
        tokens=_tile(ids, offsets, positions, example.answer, answer_chars[0]),
    )


def _close(tokenizer: Any, ids: list[int], offsets: list[tuple[int, int]], special: list[bool], end: int) -> int | None:
    """Append the end-of-text token unless the tokenizer did; returns where it stands."""
    if tokenizer.eos_token_id is None:
        return None
    if not (ids and special[-1] and ids[-1] == tokenizer.eos_token_id and len(ids) > 1):
        ids.append(tokenizer.eos_token_id)
        offsets.append((end, end))
        special.append(True)
    return len(ids) - 1


def _tile(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], positions: Iterable[int], answer: str, base: int
) -> tuple[AnswerToken, ...]:
    """Cut the answer into one piece per token: a gap (a trimmed space) belongs to the token after it."""
    positions = list(positions)
    tokens: list[AnswerToken] = []
    reached = 0
    for position in positions:
        end = min(len(answer), max(reached, offsets[position][1] - base))
        if position == positions[-1]:
            end = len(answer)
        tokens.append(AnswerToken(ids[position], answer[reached:end], reached, end))
        reached = end
    return tuple(tokens)
