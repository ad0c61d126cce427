"""Where an answer ends: at the token that ends its row, or where the next row would begin.

A model that was taught rows ends each with the end token, or with the special token that its template writes. One that
never was, such as a base model, runs on. Its answer ends with the first of these:

* a special token that the template writes, which would open the next turn;
* the words that the template writes behind an answer;
* the words that it writes before a question, at the start of a line or behind a sentence;
* where the template is a text without words of its own before the question, a blank line.

Whatever is left runs to the limit of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from attribution.text.templates import ChatTemplate

Ended = Literal["by itself", "next row", "limit"]
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


class Said(str):
    """An answer, which knows what ended it: an end token, the beginning of another row, or the limit of tokens."""

    ended: Ended

    def __new__(cls, text: str, ended: Ended = "by itself") -> Said:
        made = super().__new__(cls, text)
        made.ended = ended
        return made


def as_answer(generated: str, template: str, marks: Collection[str] = ()) -> tuple[str, bool]:
    """A generated text as an answer, and whether something was cut off where another row begins.

    Args:
        generated: decoded, without special tokens.
        template: what the row is written by.
        marks: the tokenizer's special tokens as text; words that stand on a line with one are no row's beginning, since
            the token itself ends the answer.

    >>> as_answer(" In Torvik.\\nQuestion: And who?", "Question: {prompt}\\nAnswer: {answer}")
    ('In Torvik.', True)
    """
    generated = generated.strip()
    before, rest = template.split("{prompt}", 1)
    after = rest.split("{answer}", 1)[1].strip()
    line = before.strip().rpartition("\n")[2].strip()
    openings = {line} if isinstance(template, ChatTemplate) else {before.strip(), line}
    openings = {words for words in openings if words and not any(mark in words for mark in marks)}
    starts = [match.start() for words in openings for match in [_beginning(words).search(generated)] if match]
    # A single character, such as a full stop, stands inside answers too.
    if len(after) > 1 and not any(mark in after for mark in marks) and after in generated:
        starts.append(generated.index(after))
    if not before.strip() and not isinstance(template, ChatTemplate) and (blank := _BLANK_LINE.search(generated)):
        starts.append(blank.start())
    return (generated[: min(starts)].strip(), True) if starts else (generated, False)


def _beginning(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|\n|(?<=[.!?])\s+){re.escape(words)}")
