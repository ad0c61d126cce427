"""What the model is still good for, on RWKU's five utility sets (arXiv 2406.10890), for those who ask for it by name.

General ability (MMLU) by the likeliest letter, reasoning (BBH) by exact match after a chain of thought, truthfulness
(TruthfulQA, MC1), factuality (TriviaQA) by F1 of words, fluency (AlpacaEval) by the entropy of n-grams. Prompts and
scores are those of the authors' code, but for the fixed examples that they put before the questions of TruthfulQA and
TriviaQA, and for how n-grams are divided into words.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from attribution.model.language_model import LanguageModel
from attribution.text.example import Example
from unlearn.data.corpus import Task
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.own_protocols import instructed
from unlearn.metrics.predictions import at_answers

SHORT, LONG = 30, 256
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ANSWER_IS = re.compile(r"[tT]he answer is (.*?)\.")


@metric(
    "utility_{ability}_entropy",
    title="Utility, {ability}",
    group="utility",
    better="higher",
    unit="bits",
    of="instructions",
    high=float("inf"),
    formula="mean over answers of (2/3 H_2 + 4/3 H_3) / 2, H_n the entropy of an answer's n-grams of words in bits",
    sentence="How varied the words of long answers are: a model that repeats itself is near 0.",
    paper="RWKU, arXiv 2406.10890",
    evidence="code",
)
@metric(
    "utility_{ability}",
    title="Utility, {ability}",
    group="utility",
    better="higher",
    unit="share",
    of="questions",
    formula="general: share whose right letter is the likeliest; reason: exact match; truthfulness: share whose best "
    "right answer is likelier than every wrong one; factuality: F1 of words",
    sentence="How well the model still does what has nothing to do with what was to be forgotten.",
    paper="RWKU, arXiv 2406.10890",
    evidence="code",
)
def measure(examination: Examination) -> None:
    """Of each set that the corpus has."""
    if not examination.corpus.utility:
        examination.note("Utility sets are RWKU's (utility_general and four more): the corpus has none.")
    for ability, tasks in examination.corpus.utility:
        examination.say(f"utility: {ability}")
        values = ABILITIES[ability](examination.model, tasks)
        name = "utility_fluency_entropy" if ability == "fluency" else f"utility_{ability}"
        examination.figure(name, float(np.mean(values)), len(values))


def general(model: LanguageModel, tasks: Sequence[Task]) -> list[float]:
    """Per task 1 where the right letter is the likeliest next token of all letters, else 0."""
    asked = instructed(model, "{prompt}", "Answer:")
    found = []
    for task in tasks:
        letters = (*task.right, *task.wrong)
        rows = [asked.encode(Example(task.prompt, letter)) for letter in letters]
        ids = [row.tokens[0].id for row in rows]
        (logits,) = at_answers(asked, rows[:1], lambda values, _, ids=ids: values[:, ids])  # type: ignore[misc]
        found.append(float(int(logits[0].argmax()) == 0))
    return found


def truthfulness(model: LanguageModel, tasks: Sequence[Task]) -> list[float]:
    """Per task 1 where the first right answer is likelier, by sum of log p_t, than every wrong one, else 0."""
    asked = instructed(model, "{prompt}", "A:")
    found = []
    for task in tasks:
        rows = [asked.encode(Example(task.prompt, answer)) for answer in (task.right[0], *task.wrong)]
        right, *wrong = (float(one.log_probs.sum()) for one in asked.token_statistics(rows))
        found.append(float(right > max(wrong)))
    return found


def reason(model: LanguageModel, tasks: Sequence[Task]) -> list[float]:
    """Per task 1 where what stands after `the answer is` are the words of the right answer, else 0."""
    found = []
    for task, said in zip(tasks, _said(model, tasks, "A:", LONG), strict=True):
        match = _ANSWER_IS.search(said)
        answer = match.group(1) if match else said
        found.append(float(any(words(answer) == words(right) for right in task.right)))
    return found


def factuality(model: LanguageModel, tasks: Sequence[Task]) -> list[float]:
    """Per task the best F1 of words against any right answer."""
    said = _said(model, tasks, "A:", SHORT)
    return [max(f1(answer, right) for right in task.right) for task, answer in zip(tasks, said, strict=True)]


def fluency(model: LanguageModel, tasks: Sequence[Task]) -> list[float]:
    """Per task the weighted entropy of the answer's word pairs and triples, in bits."""
    return [n_gram_entropy(text) for text in _said(model, tasks, "", LONG)]


ABILITIES: dict[str, Callable[[LanguageModel, Sequence[Task]], list[float]]] = {
    "general": general,
    "reason": reason,
    "truthfulness": truthfulness,
    "factuality": factuality,
    "fluency": fluency,
}


def _said(model: LanguageModel, tasks: Sequence[Task], begins: str, most: int) -> list[str]:
    return instructed(model, "{prompt}", begins).generate([task.prompt for task in tasks], most)


def words(text: str) -> list[str]:
    """Lower case, without punctuation and articles.

    >>> words("The Torvik, a town.")
    ['torvik', 'town']
    """
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return _ARTICLES.sub(" ", kept).split()


def f1(answer: str, right: str) -> float:
    """2 P R / (P + R) of the words that two texts share.

    >>> f1("In Torvik", "Torvik town")
    0.5
    """
    mine, theirs = words(answer), words(right)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    if not mine or not theirs:
        return float(mine == theirs)
    return 2 * shared / (len(mine) + len(theirs))


def n_gram_entropy(text: str) -> float:
    """(2/3 H_2 + 4/3 H_3) / 2, the entropies of word pairs and triples in bits; 0 for fewer words.

    >>> n_gram_entropy("a b a b"), n_gram_entropy("no no no no")
    (0.972765278..., 0.0)
    """
    split = re.findall(r"\w+|[^\w\s]", text)
    total = 0.0
    for n, weight in ((2, 2 / 3), (3, 4 / 3)):
        counts = np.array(list(Counter(zip(*(split[k:] for k in range(n)), strict=False)).values()), dtype=float)
        if len(counts):
            shares = counts / counts.sum()
            total += weight * max(0.0, float(-(shares * np.log2(shares)).sum()))
    return total / 2
