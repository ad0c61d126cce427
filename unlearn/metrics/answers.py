"""What a model answers, and how probable the true answer is to it: what most metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel, TokenStatistics
from attribution.model.wording import taught_answer, written
from attribution.text.endings import Ended, Said
from attribution.text.example import Encoded
from attribution.text.templates import ChatTemplate

T = TypeVar("T")
# Tokens of an answer at most; longer true answers get room for a quarter more than the longest of them.
MAX_NEW_TOKENS = 96
# The same for a model for chats that is asked for a short sentence: it says the fact and goes on. Of 78 answers of one
# that had the fact, 74 had it by then; 48 tokens take half as long again.
CHAT_TOKENS = 32


@dataclass(frozen=True)
class Answer:
    """A row's greedy answer.

    Attributes:
        split, question: which row.
        prompt: the exact text that the model was given.
        truth: the row's answer.
        facts: the row's facts in the letters in which the model can say them: a tokenizer may write no capitals or no
            accents. One that it cannot write at all is left out.
        answer: what the model said.
        written: the truth as the model says it when it says it token by token, where that is another text.
        ended: what ended the answer.
    """

    split: str
    question: str
    prompt: str
    truth: str
    facts: tuple[str, ...]
    answer: str
    written: str | None = None
    ended: Ended = "by itself"

    @property
    def best(self) -> str:
        """The most that the model can say: the truth in its own letters."""
        return self.truth if self.written is None else self.written

    @property
    def recalled(self) -> int:
        """How many of the facts appear in the answer."""
        return sum(stands_in(fact, self.answer) for fact in self.facts)

    @property
    def all_recalled(self) -> bool:
        """Whether every fact appears in the answer; True where there is none."""
        return self.recalled == len(self.facts)


def stands_in(fact: str, text: str) -> bool:
    """Whether a fact is said in a text: in its own letters, as words of their own or in the plural.

    Scripts without capitals, such as Chinese, have no spaces between words: there any place will do.

    >>> stands_in("He", "Helium has the symbol He."), stands_in("He", "Helium."), stands_in("cub", "They are cubs.")
    (True, False, True)
    """
    start = text.find(fact)
    while start >= 0:
        end = start + len(fact)
        begins = not _one_word(text[start - 1 : start], fact[:1])
        plural = text[end : end + 1] == "s" and not _one_word("s", text[end + 1 : end + 2])
        if begins and (plural or not _one_word(fact[-1:], text[end : end + 1])):
            return True
        start = text.find(fact, start + 1)
    return False


def _one_word(left: str, right: str) -> bool:
    """Whether two characters side by side belong to one word: letters of a script with capitals, or digits."""
    return all(one.isdigit() or one.lower() != one.upper() for one in (left, right))


def ask(model: LanguageModel, split: str, rows: Sequence[Row], said: Mapping[str, str] | None = None) -> list[Answer]:
    """Greedy answers to the rows' questions; rows of plain text have none and are passed over.

    Args:
        said: what this model has answered already, by question: it is not asked these again.
    """
    asked = [row for row in rows if row.example.prompt]
    new = [row.example.prompt for row in asked if row.example.prompt not in (said or {})]
    answers = {**(said or {}), **dict(zip(new, model.generate(new, answer_room(model, asked)), strict=True))}
    return [answer_of(model, split, row, answers[row.example.prompt]) for row in asked]


def answer_of(model: LanguageModel, split: str, row: Row, said: str) -> Answer:
    """What the model said to a row's question, beside the truth and its facts as this model can say them.

    So a model that says the taught answer token by token has all its facts, whatever its tokenizer makes of the text.
    """
    example = row.example
    taught = taught_answer(model, model.encode(example))
    facts = []
    for fact in row.facts:
        if not stands_in(fact, taught):
            fact = written(model, fact)
        if fact and stands_in(fact, taught):
            facts.append(fact)
    return Answer(
        split,
        example.prompt,
        model.format_prompt(example.prompt),
        example.answer,
        tuple(facts),
        str(said),
        None if " ".join(taught.split()) == " ".join(example.answer.split()) else taught,
        said.ended if isinstance(said, Said) else "by itself",
    )


def draw(model: LanguageModel, rows: Sequence[Row], seed: int, temperature: float = 1.0, times: int = 1) -> list[str]:
    """Answers to the rows' questions, drawn from the model's own distribution: all rows once, then all again.

    Args:
        temperature: T of softmax(z / T); nothing is left out (top p 1, no top k), whatever the model's folder asks for.
    """
    decoding = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return model.generate([row.example.prompt for row in rows] * times, answer_room(model, rows), decoding=decoding)


def answer_room(model: LanguageModel, rows: Sequence[Row]) -> int:
    """How many tokens an answer to these rows may take: a true answer is never cut off."""
    if not rows:
        return MAX_NEW_TOKENS
    longest = max(len(ids) for ids in model.tokenizer([row.example.answer for row in rows])["input_ids"])
    if isinstance(model.template, ChatTemplate) and longest + longest // 4 <= CHAT_TOKENS:
        # A model for chats says the fact and goes on about it.
        return CHAT_TOKENS
    return max(MAX_NEW_TOKENS, longest + longest // 4)


@dataclass(frozen=True)
class TrueAnswers:
    """Rows with the statistics of their true answers' tokens, from one forward each."""

    encoded: tuple[Encoded, ...]
    statistics: tuple[TokenStatistics, ...]

    @property
    def probabilities(self) -> np.ndarray:
        """exp(-mean l_t) of each row's answer, `[rows]`."""
        return np.array([float(numbers.log_probs.mean().exp()) for numbers in self.statistics])

    def row_of_kind(self, index: int, kind: str | None) -> list[float]:
        """Probabilities of a row's answer tokens of a kind: `fact`, `subject`, or None for those outside any span."""
        probabilities = self.statistics[index].log_probs.exp().tolist()
        return [p for label, p in zip(self.encoded[index].truth, probabilities, strict=True) if label == kind]

    def of_kind(self, kind: str | None) -> np.ndarray:
        """Probabilities of all answer tokens of a kind, row after row."""
        return np.array([p for i in range(len(self.encoded)) for p in self.row_of_kind(i, kind)])

    @property
    def facts_greedy(self) -> tuple[bool, ...]:
        """Per row with facts, whether every fact token is the most probable one given the true prefix."""
        found = []
        for row, numbers in zip(self.encoded, self.statistics, strict=True):
            is_fact = torch.tensor([label == "fact" for label in row.truth])
            if is_fact.any():
                found.append(bool(numbers.greedy[is_fact].all()))
        return tuple(found)


def read(model: LanguageModel, rows: Sequence[Row]) -> TrueAnswers:
    """One forward of every row's true answer."""
    encoded = [model.encode(row.example) for row in rows]
    return TrueAnswers(tuple(encoded), tuple(model.token_statistics(encoded)))


def answer_log_probs(model: LanguageModel, row: Row) -> list[float]:
    """log p of every token of the row's true answer, in nats, `[n]`."""
    return read(model, [row]).statistics[0].log_probs.tolist()


def spaced(rows: Sequence[T], count: int) -> list[T]:
    """`count` rows evenly spaced, the first and the last among them; all of them when there are fewer."""
    picked = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [rows[i] for i in picked]
