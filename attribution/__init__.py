"""Which tokens of an answer carry the knowledge: a model, an example, scores for its tokens.

>>> from attribution import Example, load_model, score
>>> scores = score(load_model("embedded"), [Example("Where was ... born?", "... was born in ...")])  # doctest: +SKIP
"""

import os

# Threads that wait for each other must not spin for long: beside others that want the cores, ten steps of training took
# 70 to 110 s with two threads, 18 s without spinning, 14 to 24 s with a little; alone, 2.4, 2.9 and 2.6 s. ACTIVE keeps
# that little where a program has had more threads than cores, as the page has: with PASSIVE none is left there, and
# a run on the page takes 46 s instead of 37. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from attribution.measure.alternatives import Alternatives, alternatives
from attribution.measure.matrix import Matrix, matrix
from attribution.measure.words import spread_over_words, word_scores
from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.model.plain_text import split_text
from attribution.scorers.learned import LinearScorer
from attribution.scores import ChangeMatrix, ScoreOptions, TokenScores, score
from attribution.selection import Rule, Selection, by_hand, select
from attribution.text.example import AnswerToken, Encoded, Example, Span
from attribution.text.subject import Subject, find_subject

__all__ = [
    "Alternatives",
    "AnswerToken",
    "ChangeMatrix",
    "Encoded",
    "Example",
    "LanguageModel",
    "LinearScorer",
    "Matrix",
    "Rule",
    "ScoreOptions",
    "Selection",
    "Span",
    "Subject",
    "TokenScores",
    "alternatives",
    "by_hand",
    "find_subject",
    "load_model",
    "matrix",
    "score",
    "select",
    "split_text",
    "spread_over_words",
    "word_scores",
]
