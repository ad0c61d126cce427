"""New information: the words of an answer that neither its question nor the clause so far have given away.

Ours, from text alone: no labels, no forward, any tokenizer. Three cues for every word that is no stop word; what each
is worth is measured in `docs/results.md`:

    s_w = novel + form / 2 + late        in [0, 2.5]

- novel: the word is not in the question.
- form: it looks like a name, a number, or a part of a title: a capital letter, a digit, or inside quotation marks.
- late: how far into its clause it stands, counted in words that are no stop words, in (0, 1]. A clause starts from what
  is known and ends in what is new (given before new, end focus: Halliday 1967), in a list of items every time again.

What stands between two such words, stop words and punctuation, takes half of the lower of the two, and all of it inside
quotation marks, where a title is one thing.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right

import numpy as np

from attribution.scorers.base import ScoreBatch, scorer
from attribution.text.example import Encoded
from attribution.text.subject import Word, quotations, words

FORM_WEIGHT = 0.5
LARGEST = 2 + FORM_WEIGHT
BETWEEN = 0.5
# Marks inside a phrase rather than between clauses: quotation marks, apostrophes, and the possessive behind one.
_WITHIN = re.compile(r"""["'’‘“”«»„「」『』]s?(?!\w)|["'’‘“”«»„「」『』]""")
_CLAUSE_MARKS = ("Po", "Pd", "Ps", "Pe")
# Scripts written without spaces: Thai, Lao, Khmer; kana, Han. There a run of letters is a clause, not a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@scorer(
    "new-info",
    title="New information",
    unit="unitless",
    low=0.0,
    high=1.0,
    higher_means="its word is new to the prompt, a name, number or title, and late in its clause",
    formula="(novel + form / 2 + late) / 2.5 of the token's word; 0 for stop words",
    paper="from text alone",
    evidence="ours",
)
def new_information(batch: ScoreBatch) -> list[np.ndarray]:
    """s_w / 2.5 in [0, 1] for each token of word w, `[n]` per row; high = new to the question, a name, late."""
    columns = []
    for row in batch.rows:
        units = word_units(row.example.answer)
        columns.append(_per_token(row, units, word_scores(row, units)) / LARGEST)
    return columns


def word_units(text: str) -> list[Word]:
    """The words of a text; in scripts without spaces every character is one."""
    units: list[Word] = []
    for word in words(text):
        if _UNSPACED.search(word.text):
            units += [Word(character, word.start + i, word.start + i + 1) for i, character in enumerate(word.text)]
        else:
            units.append(word)
    return units


def word_scores(row: Encoded, units: list[Word]) -> np.ndarray:
    """s_w of each word of the answer, `[words]`, in [0, 2.5]; 0 for stop words."""
    answer = row.example.answer
    known = {unit.key for unit in word_units(row.example.prompt or row.unscored)}
    quoted = quotations(answer)
    content = np.array([not unit.is_stop_word for unit in units], dtype=np.float64)
    novel = np.array([unit.key not in known for unit in units], dtype=np.float64)
    form = np.array(
        [
            unit.capitalised or any(map(str.isdigit, unit.text)) or any(a <= unit.start < b for a, b in quoted)
            for unit in units
        ],
        dtype=np.float64,
    )
    return content * (novel + FORM_WEIGHT * form + _late(answer, units, content))


def _late(answer: str, units: list[Word], content: np.ndarray) -> np.ndarray:
    """For each word the share of its clause's content words that have come with it, in [0, 1]."""
    late = np.zeros(len(units))
    breaks = [i for i in range(1, len(units)) if _ends_clause(answer[units[i - 1].end : units[i].start])]
    for start, end in zip([0, *breaks], [*breaks, len(units)], strict=True):
        reached = np.cumsum(content[start:end])
        late[start:end] = reached / max(1.0, float(reached[-1])) if end > start else 0.0
    return late


def _ends_clause(between: str) -> bool:
    """Whether what stands between two words parts clauses: a line break, or punctuation that is no quotation mark."""
    rest = _WITHIN.sub("", between)
    return "\n" in rest or any(unicodedata.category(mark) in _CLAUSE_MARKS for mark in rest)


def _per_token(row: Encoded, units: list[Word], scores: np.ndarray) -> np.ndarray:
    """Every token's score: its word's, or what lies between two words takes from them."""
    quoted = quotations(row.example.answer)
    content = [i for i, unit in enumerate(units) if not unit.is_stop_word]
    starts, ends = [units[i].start for i in content], [units[i].end for i in content]
    of_content = scores[content]
    values = np.zeros(len(row.tokens))
    for index, token in enumerate(row.tokens):
        if row.heads[index] != index:
            values[index] = values[row.heads[index]]
            continue
        start = token.end - len(token.text.lstrip())
        first, last = bisect_right(ends, start), bisect_left(starts, token.end)
        if first < last:
            values[index] = of_content[first:last].max()
        elif 0 < first < len(content):
            lower = of_content[first - 1 : first + 1].min()
            values[index] = lower if any(left <= start < right for left, right in quoted) else BETWEEN * lower
    return values
