"""A row (`Example`), the text a model is given of it, and the same row under one tokenizer (`Encoded`).

Prompt and answer are encoded together and the answer's tokens are found by character offsets, never by concatenating
ids: `tokenizer(prompt) + tokenizer(answer)` is in general not `tokenizer(prompt + answer)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Literal

from jinja2 import TemplateError

SpanKind = Literal["fact", "subject"]
SPAN_KINDS: tuple[str, ...] = ("fact", "subject")
# Tokens at the start of a plain text that are read and not scored, and how far back masking looks from a scored one.
DEFAULT_WINDOW = 32
DEFAULT_TEMPLATE = "Question: {prompt}\nAnswer: {answer}"
CHAT = "chat"
# Plain letters, so that no template and no tokenizer has a reason to change them.
_PROMPT, _ANSWER = "ForgetLensPrompt", "ForgetLensAnswer"


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


def check_text(what: str, text: str) -> None:
    """ValueError when a text holds half a character, which no tokenizer and no file takes."""
    if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(
            f"The {what} holds half a character (a lone surrogate), which is no text: copy it again from where it is "
            "shown whole."
        )


@dataclass(frozen=True)
class Example:
    """One row: what the model is asked, what it answers, and (optionally) which characters carry the knowledge.

    `prompt` may be empty: then `answer` is plain text, and its tokens after a first window are scored. `subject`
    overrides the automatic choice of what masking hides. `window` is for plain text alone: how many tokens are read
    before the first scored one, and how far back masking looks from each (32 unless told otherwise, and at most half of
    a short text).

    >>> Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.", (Span(22, 28, "fact"),)).facts
    ('Torvik',)

    Raises:
        ValueError: empty answer, a span outside the answer, or a window that is negative or beside a prompt.
    """

    prompt: str
    answer: str
    spans: tuple[Span, ...] = ()
    id: str = ""
    subject: str | None = None
    window: int | None = None

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


# The text a model is given: words around prompt and answer, or a tokenizer's own chat template ------------------------


class ChatTemplate(str):
    """A template in which special tokens are written out, the beginning token too: nothing is to be added to it."""


def check_template(template: str) -> str:
    """`template`, when it holds `{prompt}` and then `{answer}`, once each; otherwise a ValueError."""
    if template.count("{prompt}") != 1 or template.count("{answer}") != 1:
        raise ValueError(f"The template {template!r} needs {{prompt}} and {{answer}}, once each.")
    if template.index("{prompt}") > template.index("{answer}"):
        raise ValueError(f"The template {template!r} must have {{prompt}} before {{answer}}.")
    return template


def chat_template(tokenizer: Any, name: str) -> ChatTemplate:
    """The tokenizer's chat template around one question and its answer, system text and empty thoughts included.

    It is made by filling the template with two stand-in words, so every row gets the same text around it. A template
    that trims what it is given still trims nothing here: the answer is scored as it stands.

    Raises:
        ValueError: the tokenizer has no chat template, or one that does not show question and answer once each.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ValueError(
            f"The tokenizer of {name!r} has no chat template: give a template with {{prompt}} and {{answer}}, such as "
            f"{DEFAULT_TEMPLATE!r}."
        )
    messages = [{"role": "user", "content": _PROMPT}, {"role": "assistant", "content": _ANSWER}]
    # A template is a program of its folder's: whatever it raises (Jinja's errors, a lookup in a message that is not
    # there) is for the person who gave it.
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except (TemplateError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"The chat template of {name!r} cannot be filled with one question and its answer ({reason}): give a "
            "template with {prompt} and {answer} instead."
        ) from error
    if text.count(_PROMPT) != 1 or text.count(_ANSWER) != 1 or text.index(_PROMPT) > text.index(_ANSWER):
        raise ValueError(
            f"The chat template of {name!r} does not show the question and then the answer, once each: give a template "
            "with {prompt} and {answer} instead."
        )
    return ChatTemplate(check_template(text.replace(_PROMPT, "{prompt}").replace(_ANSWER, "{answer}")))


def resolve_template(template: str, tokenizer: Any, name: str) -> str:
    """What `LanguageModel` is given: words with `{prompt}` and `{answer}`, or `chat` for the tokenizer's own."""
    if template == CHAT:
        return chat_template(tokenizer, name)
    return check_template(template)


def fill_template(template: str, prompt: str, answer: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """The text of a row, with the character ranges of its prompt and of its answer.

    A row without a prompt is its answer alone, whatever the template.
    """
    if not prompt:
        return answer, (0, 0), (0, len(answer))
    before, rest = template.split("{prompt}", 1)
    between, after = rest.split("{answer}", 1)
    prompt_start = len(before)
    answer_start = prompt_start + len(prompt) + len(between)
    return (
        before + prompt + between + answer + after,
        (prompt_start, prompt_start + len(prompt)),
        (answer_start, answer_start + len(answer)),
    )


def prompt_text(template: str, prompt: str) -> str:
    """What the model is given before it answers.

    Words end without their last spaces: most tokenizers carry the space in the answer's first token. A chat template
    ends as it is.
    """
    before, rest = template.split("{prompt}", 1)
    text = before + prompt + rest.split("{answer}", 1)[0]
    return text if isinstance(template, ChatTemplate) else text.rstrip(" ")


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
    ids, offsets, special = _tokenise(tokenizer, text, (prompt_chars, answer_chars), adds=not chat)
    if example.prompt:
        _close_turn(ids, offsets, special, answer_chars[1], cuts=chat)
    end_position = _close(tokenizer, ids, offsets, special, len(text))
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
    ids, offsets, special = _tokenise(
        tokenizer, text, ((start, start + len(prompt)),), adds=not isinstance(template, ChatTemplate)
    )
    while len(ids) > 1 and special[-1] and offsets[-1][0] == offsets[-1][1]:
        del ids[-1], offsets[-1], special[-1]
    return ids


# One flag of a fast tokenizer says whether special tokens are seen in text; threads share the tokenizer.
_TOKENIZER_LOCK = Lock()


def _tokenise(
    tokenizer: Any, text: str, own: Sequence[tuple[int, int]], adds: bool
) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
    """Ids, character offsets and which tokens are special, of a text in which `own` ranges are a person's words.

    A special token that stands in a person's words is text like any other; one that the template writes out is the
    token itself, and is not added a second time at the start.
    """
    marks = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    written = set(marks.values())

    def is_own(start: int, end: int) -> bool:
        return any(start < right and end > left for left, right in own)

    def run(text: str, adds: bool, splits: bool) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
        with _TOKENIZER_LOCK:
            encoding = tokenizer(
                text,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
                add_special_tokens=adds,
                split_special_tokens=splits,
            )
        pairs = [(int(start), int(end)) for start, end in encoding["offset_mapping"]]
        return list(encoding["input_ids"]), pairs, [bool(flag) for flag in encoding["special_tokens_mask"]]

    ids, offsets, special = run(text, adds, False)
    if any(i in written and is_own(*place) for i, place in zip(ids, offsets, strict=True)):
        pattern = "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
        bounds = [0, *(edge for pair in sorted(own) for edge in pair), len(text)]
        between = list(zip(bounds[::2], bounds[1::2], strict=True))
        found = [m for start, end in between for m in re.compile(pattern).finditer(text, start, end)]
        if not found:
            ids, offsets, special = run(text, adds, True)
        else:
            added = run("a", adds, True)
            opening = next(k for k, (start, end) in enumerate(added[1]) if end > start)
            ids, offsets, special = added[0][:opening], [(0, 0)] * opening, [True] * opening
            start = 0
            for match in [*found, None]:
                end = match.start() if match else len(text)
                if end > start:
                    more = run(text[start:end], False, True)
                    ids += more[0]
                    offsets += [(left + start, right + start) for left, right in more[1]]
                    special += more[2]
                if match:
                    ids.append(marks[match.group()])
                    offsets.append(match.span())
                    special.append(True)
                    start = match.end()
    for k, (i, (start, end)) in enumerate(zip(ids, offsets, strict=True)):
        special[k] = special[k] or (i in written and end > start and not is_own(start, end))
    if len(ids) > 1 and special[0] and special[1] and ids[0] == ids[1] and offsets[0][0] == offsets[0][1]:
        del ids[0], offsets[0], special[0]
    return ids, offsets, special


def _close_turn(
    ids: list[int], offsets: list[tuple[int, int]], special: list[bool], answer_end: int, cuts: bool
) -> None:
    """End a row with the special token that the template writes behind the answer.

    Where it writes none, a chat template's row ends with the answer (`cuts`), and words keep what they put there.
    """
    ends = [p for p, (start, end) in enumerate(offsets) if start >= answer_end and special[p] and end > start]
    if ends or cuts:
        last = ends[0] + 1 if ends else sum(start < answer_end for start, _ in offsets)
        del ids[last:], offsets[last:], special[last:]


def _close(tokenizer: Any, ids: list[int], offsets: list[tuple[int, int]], special: list[bool], end: int) -> int | None:
    """Append the end-of-text token unless the row has its end already; returns where it stands."""
    if len(ids) > 1 and special[-1] and (ids[-1] == tokenizer.eos_token_id or offsets[-1][0] < offsets[-1][1]):
        return len(ids) - 1
    if tokenizer.eos_token_id is None:
        return None
    ids.append(tokenizer.eos_token_id)
    offsets.append((end, end))
    special.append(True)
    return len(ids) - 1


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
