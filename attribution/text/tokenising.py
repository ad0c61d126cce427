"""Ids, offsets and special tokens of one text, in which a person's words are text and nothing else."""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

# One flag of a fast tokenizer says whether special tokens are seen in text; threads share the tokenizer.
_TOKENIZER_LOCK = Lock()
_MARKS: WeakKeyDictionary[Any, tuple[tuple[int, str], dict[str, int]]] = WeakKeyDictionary()


def check_text(what: str, text: str) -> None:
    """ValueError when a text holds half a character, which no tokenizer and no file takes."""
    if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(
            f"The {what} holds half a character (a lone surrogate), which is no text: copy it again from where it is "
            "shown whole."
        )


def gave_up(error: BaseException) -> bool:
    """Whether a tokenizer's own code gave up: what it then raises is no kind of Exception, or Exception itself."""
    return type(error) is Exception or type(error).__name__ == "PanicException"


def special_marks(tokenizer: Any) -> dict[str, int]:
    """The tokenizer's special tokens: the text that stands for each, and its id."""
    # Asked for every row, and slow where a tokenizer has hundreds: kept until one is added.
    state = (len(tokenizer), str(tokenizer.special_tokens_map))
    known = _MARKS.get(tokenizer)
    if known is None or known[0] != state:
        marks = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        known = _MARKS[tokenizer] = (state, marks)
    return known[1]


def tokenise(
    tokenizer: Any, text: str, own: Sequence[tuple[int, int]], adds: bool
) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
    """Ids, character offsets and which tokens are special, of a text in which `own` ranges are a person's words.

    A special token that stands in a person's words is text like any other; one that the template writes out is the
    token itself, and is not added a second time at the start.

    Raises:
        ValueError: the tokenizer's own code gives up.
    """
    marks = special_marks(tokenizer)
    written = set(marks.values())

    def is_own(start: int, end: int) -> bool:
        return any(start < right and end > left for left, right in own)

    def run(text: str, adds: bool, splits: bool) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
        try:
            with _TOKENIZER_LOCK:
                encoding = tokenizer(
                    text,
                    return_offsets_mapping=True,
                    return_special_tokens_mask=True,
                    add_special_tokens=adds,
                    split_special_tokens=splits,
                )
        except BaseException as error:
            if not gave_up(error):
                raise
            raise ValueError(
                f"The model's tokenizer gives up at a text of {len(text):,} characters ({str(error)[:100]}): its "
                "tokenizer.json is broken. Take another revision of the model."
            ) from error
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


def close_turn(
    ids: list[int], offsets: list[tuple[int, int]], special: list[bool], answer_end: int, cuts: bool
) -> None:
    """End a row with the special token that the template writes behind the answer.

    Where it writes none, a chat template's row ends with the answer (`cuts`), and words keep what they put there.
    """
    ends = [p for p, (start, end) in enumerate(offsets) if start >= answer_end and special[p] and end > start]
    if ends or cuts:
        last = ends[0] + 1 if ends else sum(start < answer_end for start, _ in offsets)
        del ids[last:], offsets[last:], special[last:]


def close(tokenizer: Any, ids: list[int], offsets: list[tuple[int, int]], special: list[bool], end: int) -> int | None:
    """Append the end-of-text token unless the row has its end already; returns where it stands."""
    if len(ids) > 1 and special[-1] and (ids[-1] == tokenizer.eos_token_id or offsets[-1][0] < offsets[-1][1]):
        return len(ids) - 1
    if tokenizer.eos_token_id is None:
        return None
    ids.append(tokenizer.eos_token_id)
    offsets.append((end, end))
    special.append(True)
    return len(ids) - 1


def leave_open(ids: list[int], offsets: list[tuple[int, int]], special: list[bool]) -> None:
    """Take away what a tokenizer adds to the end of every text: this one goes on."""
    while len(ids) > 1 and special[-1] and offsets[-1][0] == offsets[-1][1]:
        del ids[-1], offsets[-1], special[-1]


# A character takes at most four bytes, so at most four tokens; a word's first piece may need the one before it.
_TOKENS_BEFORE = 8


def read_on(tokenizer: Any, before: Sequence[int], token: int) -> str:
    """A token's text as it reads behind others: with its space, and whole where it ends a character they began."""
    tail = list(before[-_TOKENS_BEFORE:])
    known, whole = (
        tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        for ids in (tail, [*tail, token])
    )
    return whole[len(os.path.commonprefix([known, whole])) :]
