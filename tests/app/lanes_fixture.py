"""Rows with invented scores for the tests of the lanes: no model, any text, any split into pieces."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from attribution.scores import TokenScores
from attribution.text.example import AnswerToken, Encoded, Example, Span
from attribution.text.subject import find_subject

QUESTION = "What is the birthplace of Kaveh Whitlock?"
ANSWER = "Kaveh Whitlock was born in the harbour town of Tovenmark, and he grew up there."


def make_scores(
    prompt: str = QUESTION,
    answer: str = ANSWER,
    pieces: Sequence[str] | None = None,
    facts: Sequence[str] = ("Tovenmark",),
    subjects: Sequence[str] = ("Kaveh Whitlock",),
    columns: Mapping[str, Sequence[float]] | None = None,
    scorers: Sequence[str] = ("masking", "entropy", "learned", "fused"),
    seed: int = 1,
) -> TokenScores:
    """A `TokenScores` whose tokens are `pieces` (which tile the answer; empty ones belong to the piece before)."""
    pieces = list(pieces) if pieces is not None else split_pieces(answer)
    if "".join(pieces) != answer:
        raise ValueError("The pieces must tile the answer.")
    spans = [_span(answer, text, "fact") for text in facts] + [_span(answer, text, "subject") for text in subjects]
    example = Example(prompt, answer, tuple(spans), id="row-1")
    head = f"Question: {prompt}\nAnswer: "
    tokens, offsets, start = [], [], 0
    for number, piece in enumerate(pieces):
        end = start + len(piece)
        tokens.append(AnswerToken(100 + number, piece, start, end))
        offsets.append((len(head) + start, len(head) + end))
        start = end
    encoded = Encoded(
        example=example,
        text=head + answer,
        input_ids=tuple(range(len(pieces))),
        offsets=tuple(offsets),
        special=(False,) * len(pieces),
        prompt_chars=(10, 10 + len(prompt)),
        answer_chars=(len(head), len(head) + len(answer)),
        answer_positions=tuple(range(len(pieces))),
        end_position=None,
        tokens=tuple(tokens),
    )
    draw = random.Random(seed)
    if columns is None:
        columns = {name: _column(draw, name, encoded.truth) for name in scorers}
    probability = tuple(round(draw.uniform(0.5, 1.0), 4) for _ in pieces)
    return TokenScores(encoded, columns, probability, find_subject(example), model="toy")


def split_pieces(text: str) -> list[str]:
    """Pieces as a byte-level tokenizer makes them: words with their leading space, long ones cut in parts of four."""
    pieces: list[str] = []
    for word in re.findall(r"\s?\w+|\s?[^\w\s]+|\s", text):
        lead = len(word) - len(word.lstrip())
        cuts = [0, *range(lead + 4, len(word) - 1, 4), len(word)] if len(word) > 6 else [0, len(word)]
        pieces += [word[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
    return pieces


def long_scores(tokens: int = 512, seed: int = 3) -> TokenScores:
    """A row of exactly `tokens` answer tokens with many facts."""
    draw = random.Random(seed)
    names = ["Tovenmark", "Oskerlund", "Veldrasse", "Marinthe", "Quillhaven"]
    filler = "was in the year and of a town by river then one book that she wrote while living near".split()
    words = [draw.choice(names if draw.random() < 0.15 else filler) for _ in range(tokens)]
    pieces = split_pieces(" ".join(["Kaveh Whitlock", *words]))[:tokens]
    answer = "".join(pieces)
    spans = tuple(Span(m.start(), m.end(), "fact") for name in names for m in re.finditer(name, answer))
    made = make_scores(answer=answer, pieces=pieces, facts=(), subjects=(), seed=seed)
    object.__setattr__(made.encoded, "example", Example(QUESTION, answer, spans, id="row-long"))
    made.encoded.__dict__.pop("truth", None)
    columns = {name: _column(draw, name, made.encoded.truth) for name in made.columns}
    return TokenScores(made.encoded, columns, made.probability, made.subject, model="toy")


def _span(answer: str, text: str, kind: str) -> Span:
    start = answer.index(text)
    return Span(start, start + len(text), kind)


def _column(draw: random.Random, name: str, truth: Sequence[str | None]) -> list[float]:
    """Numbers that look like the scorer's: heavy-tailed nats, or a share; facts and subjects tend to score high."""
    bounded = name not in ("masking", "entropy", "position")
    column = []
    for kind in truth:
        high = draw.random() < {"fact": 0.85, "subject": 0.8, None: 0.08}[kind]
        if bounded:
            column.append(round(draw.betavariate(5, 2) if high else draw.betavariate(1.2, 7), 4))
        else:
            column.append(round(draw.expovariate(0.6) if high else draw.expovariate(25.0), 4))
    return column
