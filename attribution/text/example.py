"""A row (`Example`), the text a model is given of it, and the same row under one tokenizer (`Encoded`).

Prompt and answer are encoded together and the answer's tokens are found by character offsets, never by concatenating
ids: `tokenizer(prompt) + tokenizer(answer)` is in general not `tokenizer(prompt + answer)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from attribution.text.templates import DEFAULT_TEMPLATE, ChatTemplate, fill_template, prompt_text
from attribution.text.tokenising import check_text, close, close_turn, leave_open, tokenise

SpanKind = Literal["fact", "subject"]
SPAN_KINDS: tuple[str, ...] = ("fact", "subject")
# Tokens at the start of a plain text that are read and not scored, and how far back masking looks from a scored one.
DEFAULT_WINDOW = 32


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

    `prompt` may be empty: then `answer` is plain text, and its tokens after a first window are scored. `subject`
    overrides the automatic choice of what masking hides. `window` is for plain text alone: how many tokens are read
    before the first scored one, and how far back masking looks from each (32 unless told otherwise, and at most half of
    a short text). `ends` is False for plain text that goes on after it, such as a piece from the middle of a document:
    no end token follows.

    >>> Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.", (Span(22, 28, "fact"),)).facts
    ('Torvik',)

    Raises:
        ValueError: empty answer, a span outside the answer, a window that is negative or beside a prompt, or an answer
            to a prompt that does not end.
    """

    prompt: str
    answer: str
    spans: tuple[Span, ...] = ()
    id: str = ""
    subject: str | None = None
    window: int | None = None
    ends: bool = True

    @property
    def named(self) -> dict[str, str]:
        """What names the row in JSON."""
        return {"id": self.id, "prompt": self.prompt, "answer": self.answer}

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not isinstance(self.answer, str):
            raise ValueError("Prompt and answer must be text.")
        for what, text in (("prompt", self.prompt), ("answer", self.answer), ("subject", self.subject or "")):
            check_text(what, text)
        if not self.answer.strip():
            raise ValueError("The answer is empty: type the text whose tokens you want to score.")
        if self.window is not None and (self.prompt or self.window < 0):
            raise ValueError(
                f"The window is {self.window}: it is a number of tokens from 0 up, and only plain text (an empty "
                "prompt) has one."
            )
        if self.prompt and not self.ends:
            raise ValueError("An answer to a prompt ends where it ends: only plain text (an empty prompt) goes on.")
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


# The row under one tokenizer ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerToken:
    """One scored token: its id, and its piece of the answer, `answer[start:end] == text`.

    The pieces tile the answer exactly (of plain text, what follows its first window). When several tokens make up one
    character (the bytes of an emoji), the first carries the character and the others carry the empty string; their
    scores are kept.
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
    end token, which only the whole-sequence strategy trains; None when the tokenizer has none, or the text goes on.
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

        A token belongs to a span when a character of it other than white space does, or when it is white space between
        such characters; a fact wins over a subject.
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

    @property
    def unscored(self) -> str:
        """The start of a plain text, which is read and not scored; empty where there is a prompt."""
        return self.example.answer[: self.tokens[0].start]

    @cached_property
    def opening_positions(self) -> tuple[int, ...]:
        """Positions of a plain text's first window, which is not scored and which the whole sequence trains all the
        same; none where a window was asked for, since what stands in it is then only to be read.
        """
        if self.example.prompt or self.example.window is not None:
            return ()
        return tuple(p for p in self.context_positions if p > 0)

    @cached_property
    def context_positions(self) -> tuple[int, ...]:
        """Positions of what a person can take for the answer's context: the prompt, or the start of a plain text."""
        if self.example.prompt:
            return self.prompt_positions
        return tuple(p for p in range(self.answer_positions[0]) if not self.special[p])

    @cached_property
    def prompt_positions(self) -> tuple[int, ...]:
        """Positions of the prompt's own tokens, white space included; the template's words are not among them."""
        start, end = self.prompt_chars
        return tuple(
            position
            for position, (left, right) in enumerate(self.offsets)
            if not self.special[position] and left < end and right > start
        )


def _overlaps_ink(text: str, start: int, end: int) -> bool:
    return bool(text[start:end].strip())


def _label(token: AnswerToken, example: Example) -> str | None:
    kinds = set()
    for span in example.spans:
        start, end = max(token.start, span.start), min(token.end, span.end)
        # White space alone belongs to a span that goes on on both sides of it.
        between = (span.start, token.start), (token.end, span.end)
        if start < end and (
            _overlaps_ink(example.answer, start, end)
            or (not token.text.strip() and all(_overlaps_ink(example.answer, *side) for side in between))
        ):
            kinds.add(span.kind)
    return "fact" if "fact" in kinds else "subject" if "subject" in kinds else None


def encode(
    tokenizer: Any, example: Example, template: str = DEFAULT_TEMPLATE, max_length: int | None = None
) -> Encoded:
    """Encode prompt and answer together and find the answer's tokens by their character offsets.

    Raises:
        ValueError: the row is longer than `max_length` tokens, or no token of the answer can be scored.
    """
    text, prompt_chars, answer_chars = fill_template(template, example.prompt, example.answer)
    chat = isinstance(template, ChatTemplate) and bool(example.prompt)
    ids, offsets, special = tokenise(tokenizer, text, (prompt_chars, answer_chars), adds=not chat)
    if example.prompt:
        close_turn(ids, offsets, special, answer_chars[1], cuts=chat)
    if example.ends:
        end_position = close(tokenizer, ids, offsets, special, len(text))
    else:
        leave_open(ids, offsets, special)
        end_position = None
    if max_length is not None and len(ids) > max_length:
        do = "shorten the answer or the prompt" if example.prompt else "cut it into rows with attribution.split_text"
        raise ValueError(
            f"The row {example.answer[:40]!r}... takes {len(ids)} tokens, prompt included, and this model reads at "
            f"most {max_length}: {do}."
        )
    positions = [
        position
        for position, (start, end) in enumerate(offsets)
        if not special[position] and end > answer_chars[0] and start < answer_chars[1]
    ]
    reached = 0
    if not example.prompt:
        reads = _window(example, positions, offsets)
        reached = offsets[positions[reads - 1]][1] if reads else 0
        positions = positions[reads:]
    if positions and positions[0] == 0:
        # The prompt left no token, and the first token of a sequence has nothing that predicts it.
        reached = offsets[0][1] - answer_chars[0]
        positions = positions[1:]
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
        tokens=_tile(ids, offsets, positions, example.answer, answer_chars[0], reached),
    )


def _window(example: Example, positions: Sequence[int], offsets: Sequence[tuple[int, int]]) -> int:
    """How many of a plain text's tokens are read before the first scored one; never a part of a character."""
    asked = min(DEFAULT_WINDOW, len(positions) // 2) if example.window is None else example.window
    # Without a beginning token the first token has nothing that predicts it.
    reads = max(asked, int(bool(positions) and positions[0] == 0))
    while 0 < reads < len(positions) and offsets[positions[reads]][0] < offsets[positions[reads - 1]][1]:
        reads += 1
    if reads >= len(positions):
        raise ValueError(
            f"The text {example.answer[:40]!r} has {len(positions)} tokens and the first {reads} are only read, so "
            "nothing is left to score: give a longer text or a smaller window."
        )
    return reads


def encode_prompt(tokenizer: Any, template: str, prompt: str) -> list[int]:
    """Ids of what the model is given before it answers; a tokenizer that closes every text does not close this one."""
    text = prompt_text(template, prompt)
    start = template.index("{prompt}")
    ids, offsets, special = tokenise(
        tokenizer, text, ((start, start + len(prompt)),), adds=not isinstance(template, ChatTemplate)
    )
    leave_open(ids, offsets, special)
    return ids


def _tile(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    positions: Sequence[int],
    answer: str,
    base: int,
    reached: int,
) -> tuple[AnswerToken, ...]:
    """Cut the answer, from `reached` on, into a piece per token; a gap (a trimmed space) belongs to the token after."""
    tokens: list[AnswerToken] = []
    for position in positions:
        end = min(len(answer), max(reached, offsets[position][1] - base))
        if position == positions[-1]:
            end = len(answer)
        tokens.append(AnswerToken(ids[position], answer[reached:end], reached, end))
        reached = end
    return tuple(tokens)
