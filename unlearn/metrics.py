"""What a model still knows. Every figure lies in [0, 1] and comes with its n.

* fact recall: share of fact strings that appear in the greedy answer to their question. Lower is better on forget and
  paraphrase rows, higher on retain and world rows.
* structure: mean probability, on forget rows, of answer tokens outside fact and subject spans: fluency that unlearning
  should not hurt. Higher is better.
* subject: mean probability of subject tokens in the answers to forget rows: does the answer still speak of the right
  person? Higher is better.
* probability: mean over rows of exp(-mean l_t), the answer's length-normalised probability (TOFU, arXiv 2401.06121).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from attribution.language_model import LanguageModel
from attribution.rows import Row
from unlearn.corpus import Corpus

RETAIN_ROWS = 240
MAX_NEW_TOKENS = 96
SPLITS = ("forget", "paraphrase", "retain", "world")


@dataclass(frozen=True)
class Answer:
    """A row's greedy answer: the split, the exact prompt text, the truth, its facts, and what the model said."""

    split: str
    question: str
    prompt: str
    truth: str
    facts: tuple[str, ...]
    answer: str

    @property
    def recalled(self) -> int:
        """How many of the facts appear in the answer."""
        return sum(fact in self.answer for fact in self.facts)


@dataclass(frozen=True)
class Evaluation:
    """A model's figures and its answers."""

    metrics: dict[str, float]
    counts: dict[str, int]
    answers: tuple[Answer, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**self.metrics, "n": self.counts}


def evaluation_rows(corpus: Corpus) -> dict[str, tuple[Row, ...]]:
    """The rows of each split that are evaluated: all of forget, paraphrase and world, and retain rows evenly spaced."""
    rows = {
        "forget": corpus.forget,
        "paraphrase": corpus.paraphrase,
        "retain": tuple(_spaced(corpus.retain, RETAIN_ROWS)),
        "world": corpus.world,
    }
    return {split: rows[split] for split in SPLITS if rows[split]}


def evaluate(model: LanguageModel, corpus: Corpus, progress: Callable[[str], None] | None = None) -> Evaluation:
    """Ask every evaluation row and read the probabilities of its true answer.

    Returns figures named `{split}_recall` and `{split}_probability`, and `structure` and `subject` on forget rows.
    A figure without rows (no spans, no such split) is left out.
    """
    metrics: dict[str, float] = {}
    counts: dict[str, int] = {}
    answers: list[Answer] = []
    for split, rows in evaluation_rows(corpus).items():
        if progress:
            progress(split)
        mine = ask(model, split, rows)
        answers += mine
        facts = sum(len(answer.facts) for answer in mine)
        if facts:
            metrics[f"{split}_recall"] = sum(answer.recalled for answer in mine) / facts
            counts[f"{split}_recall"] = facts
        likelihood = read_probabilities(model, rows)
        metrics[f"{split}_probability"] = likelihood.probability
        counts[f"{split}_probability"] = len(rows)
        if split == "forget":
            for name in ("structure", "subject"):
                values = getattr(likelihood, name)
                if len(values):
                    metrics[name] = float(np.mean(values))
                    counts[name] = len(values)
    return Evaluation(metrics, counts, tuple(answers))


def ask(model: LanguageModel, split: str, rows: Sequence[Row]) -> list[Answer]:
    """Greedy answers to the rows' questions."""
    prompts = [row.example.prompt for row in rows]
    return [
        Answer(split, row.example.prompt, model.format_prompt(row.example.prompt), row.example.answer, row.facts, said)
        for row, said in zip(rows, model.generate(prompts, MAX_NEW_TOKENS), strict=True)
    ]


@dataclass(frozen=True)
class Likelihood:
    """Token probabilities of the true answers, by kind of token, and the mean length-normalised probability."""

    fact: np.ndarray
    structure: np.ndarray
    subject: np.ndarray
    probability: float
    facts_greedy: tuple[bool, ...]


def read_probabilities(model: LanguageModel, rows: Sequence[Row]) -> Likelihood:
    """Probabilities of the rows' true answers in one forward each, sorted by the kind of token.

    `facts_greedy` says, per row with facts, whether every fact token is the most probable one given the true prefix.
    """
    encoded = [model.encode(row.example) for row in rows]
    statistics = model.token_statistics(encoded)
    kinds: dict[str | None, list[float]] = {"fact": [], "subject": [], None: []}
    greedy = []
    for row, numbers in zip(encoded, statistics, strict=True):
        for label, probability in zip(row.truth, numbers.log_probs.exp().tolist(), strict=True):
            kinds[label].append(probability)
        is_fact = torch.tensor([label == "fact" for label in row.truth])
        if is_fact.any():
            greedy.append(bool(numbers.greedy[is_fact].all()))
    mean_probability = float(np.mean([float(numbers.log_probs.mean().exp()) for numbers in statistics]))
    return Likelihood(
        np.array(kinds["fact"]), np.array(kinds[None]), np.array(kinds["subject"]), mean_probability, tuple(greedy)
    )


@dataclass(frozen=True)
class Probe:
    """A glance at a run: a few fixed rows in one forward each, so that curves can be drawn while it trains.

    Recall here is teacher-forced: the share of rows whose fact tokens are all the most probable ones given the true
    prefix. `structure` is over the probe's forget rows. None where the rows have no marked facts.
    """

    forget_recall: float | None
    retain_recall: float | None
    structure: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Prober:
    """Probes a model on evenly spaced rows of the forget and the retain set."""

    def __init__(self, corpus: Corpus, rows: int = 32) -> None:
        self.forget = _spaced(corpus.forget, rows)
        self.retain = _spaced(corpus.retain, rows)

    def __call__(self, model: LanguageModel) -> Probe:
        forget = read_probabilities(model, self.forget)
        retain = read_probabilities(model, self.retain)
        return Probe(
            _mean(forget.facts_greedy),
            _mean(retain.facts_greedy),
            _mean(forget.structure) if forget.facts_greedy else None,
        )


def _spaced(rows: Sequence[Row], count: int) -> list[Row]:
    picked = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [rows[i] for i in picked]


def _mean(values: Sequence[float] | Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
