"""What masking hides by default: the row's subject, found without labels and shown to the person.

The rule (ours): among the runs of capitalised words in the prompt, the one that looks most like the name of what is
asked about. Quoted titles and runs after an article count less; a possessive, several words, and standing in the answer
too count more; ties go to the earliest. Without a capitalised run, the longest run of words (stop words trimmed) that
prompt and answer share; without that, nothing. Measured on real rows in `docs/results.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from attribution.text.example import Example

# Short words that name nobody. Question words matter most: they open prompts with a capital letter.
STOP_WORDS = frozenset(
    """a about after all also an and any are as at be been before being both but by can could did do does during each
    either for from had has have he her hers him his how i if in into is it its itself may me might more most much my
    no nor not of off on one only or other our out over own she should so some such than that the their them then there
    these they this those through to too under until up very was we were what when where which while who whom whose why
    will with would yes you your tell describe name list give explain""".split()
)
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*", re.UNICODE)
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_QUOTED = re.compile(
    r"""(?<!\w)(?:"[^"]+"|“[^”]+”|«[^»]+»|„[^“”]+[“”]|[‘'].+?[’'](?!\w))|「[^」]+」|『[^』]+』|《[^》]+》"""
)
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True)
class Word:
    """A word of a text with its character offsets; a possessive 's is not part of it."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return self.text.casefold()

    @property
    def capitalised(self) -> bool:
        return self.text[:1].isupper()

    @property
    def is_stop_word(self) -> bool:
        return self.key in STOP_WORDS


@dataclass(frozen=True)
class Subject:
    """What is hidden: the text, every place it stands (character offsets), and how it was found.

    `found` is `given` (the person named it), `shared` (prompt and answer share it), `capitalised` (the prompt's longest
    capitalised run) or `none`.
    """

    text: str | None
    prompt_spans: tuple[tuple[int, int], ...] = ()
    answer_spans: tuple[tuple[int, int], ...] = ()
    found: Literal["given", "shared", "capitalised", "none"] = "none"


def words(text: str) -> list[Word]:
    """The words of a text. Hyphens, apostrophes and inner full stops hold a word together."""
    found = []
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", match.group())
        found.append(Word(word, match.start(), match.start() + len(word)))
    return found


def quotations(text: str) -> list[tuple[int, int]]:
    """Character ranges between quotation marks, the marks included; an apostrophe inside a word is none."""
    return [match.span() for match in _QUOTED.finditer(text)]


def find_subject(example: Example) -> Subject:
    """The subject of a row: the one that the example names, or the automatic choice.

    Raises:
        ValueError: the example names a subject that stands neither in the prompt nor in the answer.
    """
    if example.subject is not None and example.subject.strip():
        subject = _located(example, example.subject.strip(), "given")
        if not subject.prompt_spans and not subject.answer_spans:
            raise ValueError(
                f"The subject {example.subject!r} stands neither in the prompt nor in the answer: type words that do, "
                "or leave it empty for the automatic choice."
            )
        return subject
    answer_keys = {word.key for word in words(example.answer)}
    names = _name_candidates(example.prompt, answer_keys)
    if names:
        best = max(names, key=lambda name: (name.likelihood, -name.run[0].start))
        return _located(example, best.text(example.prompt), "shared" if best.shared else "capitalised")
    shared = _longest_shared_run(words(example.prompt), words(example.answer))
    if shared:
        return _located(example, example.prompt[shared[0].start : shared[-1].end], "shared")
    return Subject(None)


def occurrences(text: str, phrase: str) -> tuple[tuple[int, int], ...]:
    """Character ranges where `phrase` stands in `text` as whole words, case and kind of space ignored.

    A lone part of a name of several words counts too ("Quell" for "Ada Quell"), unless it is part of another name.
    """
    pattern = r"\s+".join(re.escape(part) for part in phrase.split())
    if not pattern:
        return ()
    left = r"(?<!\w)" if phrase.strip()[0].isalnum() else ""
    right = r"(?!\w)" if phrase.strip()[-1].isalnum() else ""
    whole = [match.span() for match in re.finditer(left + pattern + right, text, re.IGNORECASE)]
    return tuple(sorted(whole + _lone_parts(text, phrase, whole)))


def _lone_parts(text: str, phrase: str, whole: list[tuple[int, int]]) -> list[tuple[int, int]]:
    parts = {word.text for word in words(phrase) if word.capitalised and not word.is_stop_word and len(word.text) > 2}
    if len(parts) < 2:
        return []
    return [
        (run[0].start, run[-1].end)
        for run in _capitalised_runs(text, words(text))
        if all(word.text in parts for word in run)
        and not any(start < run[-1].end and end > run[0].start for start, end in whole)
    ]


def _located(example: Example, text: str, found: Literal["given", "shared", "capitalised"]) -> Subject:
    return Subject(text, occurrences(example.prompt, text), occurrences(example.answer, text), found)


@dataclass(frozen=True)
class _Name:
    run: list[Word]
    shared: bool
    likelihood: float

    def text(self, source: str) -> str:
        return source[self.run[0].start : self.run[-1].end]


def _name_candidates(prompt: str, answer_keys: set[str]) -> list[_Name]:
    prompt_words = words(prompt)
    index_of = {word.start: index for index, word in enumerate(prompt_words)}
    quoted = quotations(prompt)
    names = []
    for run in _capitalised_runs(prompt, prompt_words):
        start, end = run[0].start, run[-1].end
        before = prompt_words[index_of[start] - 1].key if index_of[start] else ""
        shared = any(word.key in answer_keys and not word.is_stop_word for word in run)
        # The weights only order cues by strength; they were set by hand on a few dozen rows, not fitted.
        likelihood = (
            -4.0 * any(left <= start < right for left, right in quoted)
            - 2.0 * (before in _ARTICLES)
            + 2.0 * bool(re.match(r"['’]", prompt[end : end + 1]))
            + 1.5 * (len(run) > 1)
            + 1.0 * shared
        )
        names.append(_Name(run, shared, likelihood))
    return names


def _capitalised_runs(text: str, text_words: list[Word]) -> list[list[Word]]:
    """Maximal runs of capitalised words, one space apart; a short lower-case particle ("van der") may stand inside."""
    runs: list[list[Word]] = [[]]
    for word in text_words:
        joined = bool(runs[-1]) and text[runs[-1][-1].end : word.start].isspace()
        particle = word.is_stop_word or len(word.text) <= 3
        if word.capitalised and not (word.is_stop_word and not joined):
            if not joined:
                runs.append([])
            runs[-1].append(word)
        elif joined and particle and not word.is_stop_word:
            runs[-1].append(word)
        else:
            runs.append([])
    return [run for run in map(_trim_to_capitals, runs) if run]


def _trim_to_capitals(run: list[Word]) -> list[Word]:
    while run and (run[0].is_stop_word or not run[0].capitalised):
        run = run[1:]
    while run and (run[-1].is_stop_word or not run[-1].capitalised):
        run = run[:-1]
    return run


def _longest_shared_run(prompt: list[Word], answer: list[Word]) -> list[Word]:
    """The longest run of consecutive words, stop words trimmed from its ends, that both have; the earliest on a tie."""
    best: list[Word] = []
    for i in range(len(prompt)):
        for j in range(len(answer)):
            length = 0
            while (
                i + length < len(prompt)
                and j + length < len(answer)
                and prompt[i + length].key == answer[j + length].key
            ):
                length += 1
            run = prompt[i : i + length]
            while run and run[-1].is_stop_word:
                run = run[:-1]
            if run and not run[0].is_stop_word and len(run) > len(best):
                best = run
    return best
