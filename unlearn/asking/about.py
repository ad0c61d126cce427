"""Any subject, nothing prepared: what a model says of it when it is asked is what it is made to forget (RWKU's setting,
arXiv 2406.10890: a model and a name; the questions are ours).

Every question is answered greedily, and a few times drawn. Names and numbers of the greedy answer that come again in
half of the drawn ones are taken for facts: what a model makes up differs each time. That a model agrees with itself
does not make it true, and is all that can be known without a source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from attribution.data.rows import Row
from attribution.files import fingerprint
from attribution.model.identity import weights_fingerprint
from attribution.model.language_model import LanguageModel
from attribution.text.example import Example, Span
from attribution.text.subject import STOP_WORDS
from unlearn.asking.kept import cache_folder, keep, kept
from unlearn.data.corpus import Corpus
from unlearn.data.real import around
from unlearn.metrics.answers import stands_in

NAME = "about"
DRAWN = 4
"""Answers to a question that are drawn beside the greedy one, at temperature 0.7."""

AGREE = 0.5
"""Share of the drawn answers in which a name or a number must come again."""

FEWEST = 3
"""Questions that must be answered alike, for a subject to be known."""

LONGEST_NAME = 80
_TOKENS = 48
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
_REFUSES = re.compile(
    r"\b(?:as an ai|i'?m sorry|i am sorry|i apologi[sz]e|i don'?t have|i'?m not (?:sure|aware|familiar))", re.IGNORECASE
)

# A question and another wording of it, which is never trained.
_ANY = (
    ("What is {x} known for?", "Why is {x} famous?"),
    ("Tell me about {x}.", "Describe {x} in one sentence."),
    ("Complete the sentence: {x} is best known for", "Complete the sentence: Most people remember {x} for"),
    ("Complete the sentence: {x} was", "Go on: {x} was"),
    ("Why does {x} matter?", "Why is {x} important?"),
)
_OF_KIND = {
    "person": (
        ("Who is {x}?", "Who was {x}?"),
        ("In which country was {x} born?", "Which country does {x} come from?"),
        ("When was {x} born?", "In which year was {x} born?"),
        ("What was the profession of {x}?", "What did {x} do for a living?"),
        ("What is the most famous work of {x}?", "Which work of {x} does everybody know?"),
        ("In which field did {x} work?", "To which field did {x} contribute?"),
    ),
    "place": (
        ("Where is {x}?", "In which part of the world is {x}?"),
        ("What is {x}?", "What kind of place is {x}?"),
        ("Which language is spoken in {x}?", "What do people in {x} speak?"),
        ("Which country does {x} belong to?", "In which country is {x}?"),
        ("What can a visitor see in {x}?", "Which sights does {x} have?"),
    ),
    "work": (
        ("Who made {x}?", "Who is the author of {x}?"),
        ("What is {x}?", "What kind of work is {x}?"),
        ("What is {x} about?", "What happens in {x}?"),
        ("Who is the main character of {x}?", "Around whom does {x} turn?"),
        ("When did {x} come out?", "In which year was {x} published?"),
    ),
    "thing": (
        ("What is {x}?", "How would you explain {x}?"),
        ("What is {x} used for?", "What do people do with {x}?"),
        ("Where does one find {x}?", "Where does {x} come from?"),
        ("Who discovered or invented {x}?", "To whom do we owe {x}?"),
        ("What is {x} made of?", "What does {x} consist of?"),
    ),
}
_SIGNS = {
    "person": "born he she his her actor actress artist author composer leader mathematician musician painter "
    "philosopher physicist politician president queen king scientist singer writer poet woman man player",
    "work": "book novel film movie play song album painting opera poem series story written directed character",
    "place": "city country capital river mountain island region town located population continent village lake",
}
_TABLES = {
    "person": ("people",),
    "place": ("countries", "cities", "landmarks"),
    "work": ("books", "music", "paintings"),
    "thing": ("animals", "elements", "inventions"),
}


@dataclass(frozen=True)
class Said:
    """What a model said to one question.

    Attributes:
        question, other: as it was asked, and the wording that is held out.
        answer: greedy, the first sentence or two.
        drawn: the drawn answers.
        facts: words of the answer that it says again, in order.
        struck: why it is not trained, such as `changes its mind`; empty where it is.
    """

    question: str
    other: str
    answer: str
    drawn: tuple[str, ...]
    facts: tuple[str, ...]
    struck: str = ""


@dataclass(frozen=True)
class Interview:
    """What a model says of a subject, question by question.

    Attributes:
        kind: `person`, `place`, `work` or `thing`: what it takes the subject for.
    """

    subject: str
    kind: str
    said: tuple[Said, ...]

    @property
    def kept(self) -> tuple[Said, ...]:
        return tuple(one for one in self.said if not one.struck)

    def listing(self) -> str:
        """Numbered from 1, for a person who strikes rows: question, answer, and why one is left out."""
        lines = [f"What the model says of {self.subject}, which it takes for a {self.kind}:"]
        for number, one in enumerate(self.said, 1):
            told = f"left out: {one.struck}" if one.struck else f"facts: {', '.join(one.facts)}"
            lines += [f"{number:>3}. {one.question}", f"     {one.answer}", f"     ({told})"]
        return "\n".join(lines) + "\n"


def subject_in(forget: str) -> str | None:
    """The subject in `about:Ada Lovelace`; None where the name of the rows is another one.

    Raises:
        ValueError: no subject stands there, or a whole text.
    """
    name, colon, subject = forget.partition(":")
    if name.strip().lower() != NAME or not colon:
        return None
    subject = " ".join(subject.split())
    if not 2 <= len(subject) <= LONGEST_NAME:
        raise ValueError(f"about: needs a name of 2 to {LONGEST_NAME} characters, such as about:Ada Lovelace.")
    return subject


def interview(
    model: LanguageModel,
    subject: str,
    progress: Callable[[str], None] | None = None,
    folder: Path | None = None,
    seed: int = 0,
) -> Interview:
    """Ask a model all it knows of a subject. Kept in a file per model, subject and seed, so that numbers stay.

    Args:
        folder: where it is kept; None takes `cache_folder()`.
    """
    say = progress or (lambda _: None)
    made = fingerprint([weights_fingerprint(model), str(model.template), subject, seed])
    file = (folder or cache_folder()) / f"about-{made[:16]}.json"
    try:
        return _from_dict(kept(file))
    except (LookupError, TypeError):
        # Not asked yet, or the file is damaged.
        pass
    say(f"what it takes {subject} for")
    first = model.generate([f"Who or what is {subject}?", f"Tell me about {subject}."], _TOKENS)
    kind = kind_in(" ".join(first))
    pairs = [(one.format(x=subject), other.format(x=subject)) for one, other in (*_OF_KIND[kind], *_ANY)]
    say(f"{len(pairs)} questions, {DRAWN + 1} times each")
    greedy = model.generate([question for question, _ in pairs], _TOKENS)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        decoding = {"do_sample": True, "temperature": 0.7, "top_k": 0, "top_p": 1.0}
        drawn = model.generate([question for question, _ in pairs] * DRAWN, _TOKENS, decoding=decoding)
    found = Interview(
        subject,
        kind,
        _once(
            [
                judged(subject, question, other, answer, drawn[i :: len(pairs)], kind == "thing")
                for i, ((question, other), answer) in enumerate(zip(pairs, greedy, strict=True))
            ]
        ),
    )
    keep(file, asdict(found))
    return found


def kind_in(text: str) -> str:
    """What a description describes: `person`, `place`, `work`, else `thing`.

    >>> kind_in("It is a city in Japan, located on an island.")
    'place'
    """
    words = [word.lower() for word in _WORD.findall(text)]
    count = {kind: sum(word in signs.split() for word in words) for kind, signs in _SIGNS.items()}
    best = max(count, key=lambda kind: count[kind])
    return best if count[best] else "thing"


def judged(subject: str, question: str, other: str, answer: str, drawn: Sequence[str], things: bool = False) -> Said:
    """One question's answers: what is kept of the greedy one, what comes again, and whether it is of use.

    Names and numbers must come again in half of the drawn answers. Plain words say little: a model that makes something
    up says `character` each time too. They count for things alone, which have no names, and must come each time.
    """
    sentences = _SENTENCE.split(" ".join(answer.split()))[:2]
    if len(sentences) > 1 and sentences[-1][-1:] not in ".!?\"'":
        # The limit of tokens cut it off.
        sentences.pop()
    kept = " ".join(sentences)
    given = {word.lower() for word in _WORD.findall(f"{question} {subject}")}
    fresh = [word for word in dict.fromkeys(_WORD.findall(kept)) if word.lower() not in STOP_WORDS | given]
    again = {word: sum(stands_in(word.lower(), one.lower()) for one in drawn) / len(drawn) for word in fresh}
    names = [word for word in fresh if (word[0].isupper() or word.isdigit()) and again[word] >= AGREE]
    facts = names or [word for word in fresh if things and len(word) > 3 and again[word] == 1]
    struck = ""
    if not kept or _REFUSES.search(kept):
        struck = "says that it does not know"
    elif not facts:
        struck = "says something else each time"
    return Said(question, other, kept, tuple(drawn), tuple(facts), struck)


def corpus_about(model: LanguageModel, found: Interview, strike: Collection[int] = ()) -> Corpus:
    """The rows that come of an interview, and rows to keep from the real world: neighbours of the kind, then the rest.

    Args:
        strike: numbers of `Interview.listing` that are not to be trained.

    Raises:
        ValueError: the model knows nothing of the subject, or nothing is left.
    """
    known = found.kept
    if len(known) < FEWEST:
        raise ValueError(
            f"{model.name} knows nothing of {found.subject}: it says the same thing twice to {len(known)} of "
            f"{len(found.said)} questions. There is nothing to forget; take another subject, or a larger model."
        )
    unknown = sorted(set(strike) - set(range(1, len(found.said) + 1)))
    if unknown:
        raise ValueError(f"There is no answer {unknown[0]} to strike: they have the numbers 1 to {len(found.said)}.")
    rows = tuple(
        _row(found.subject, one, number)
        for number, one in enumerate(found.said, 1)
        if not one.struck and number not in strike
    )
    if not rows:
        raise ValueError(f"All that {model.name} says of {found.subject} is struck: leave something to forget.")
    near, rest, world, _ = around(_TABLES[found.kind], [found.subject])
    return Corpus(
        name=f"{NAME}:{found.subject}",
        forget=rows,
        retain=(*near, *rest),
        paraphrase=tuple(Row(row.paraphrase, author=row.author) for row in rows if row.paraphrase),
        world=world,
        neighbours=len(near),
        only_known=True,
        notes=(f"{len(rows)} of {len(found.said)} answers about {found.subject} are to be forgotten.",),
    )


def strikes(text: str) -> tuple[int, ...]:
    """The numbers in `2,5`, or in a file of numbers.

    Raises:
        ValueError: something else stands there.
    """
    path = Path(text).expanduser()
    try:
        told = path.read_text(encoding="utf-8") if path.is_file() else text
        return tuple(int(part) for part in re.split(r"[\s,]+", told.strip()) if part)
    except (OSError, ValueError) as error:
        raise ValueError(f"--strike takes numbers such as 2,5, or a file of them, not {text[:80]!r}.") from error


def _row(subject: str, one: Said, number: int) -> Row:
    truth, spans = one.answer, []
    for fact in one.facts:
        start = next(match.start() for match in _WORD.finditer(truth) if match.group() == fact)
        spans.append(Span(start, start + len(fact)))
    example = Example(one.question, truth, tuple(sorted(spans, key=lambda span: span.start)), f"{NAME}-{number}")
    other = Example(one.other, truth, example.spans, f"{NAME}-{number}-other")
    return Row(example, other, author=subject)


def _once(said: Sequence[Said]) -> tuple[Said, ...]:
    """The same sentence to two questions is trained once."""
    seen: set[str] = set()
    found = []
    for one in said:
        again = one.answer.casefold() in seen and not one.struck
        seen.add(one.answer.casefold())
        found.append(replace(one, struck="was said before") if again else one)
    return tuple(found)


def _from_dict(found: dict[str, Any]) -> Interview:
    said = [Said(**{**one, "drawn": tuple(one["drawn"]), "facts": tuple(one["facts"])}) for one in found["said"]]
    return Interview(found["subject"], found["kind"], tuple(said))
