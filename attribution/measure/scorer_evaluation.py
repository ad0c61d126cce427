"""`evaluate`: scorers against ground truth and against each other, beside the trivial baselines and the probe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attribution.measure.alignment import DEFAULT_CUT, Alignment, align, compare, labelled_rows
from attribution.measure.words import Pool, spread_over_words
from attribution.model.language_model import LanguageModel
from attribution.scorers import SCORERS, TRIVIAL, scorer_info
from attribution.scorers.learned import scorer_for
from attribution.scorers.linear_probe import subject_groups
from attribution.scores import score
from attribution.text.example import Encoded, Example
from attribution.text.subject import find_subject

if TYPE_CHECKING:
    import pandas as pd

# Every signal, then what a signal must beat, then the ceiling. The oracle is 1 by construction.
EVALUATED = (
    *(info.name for info in SCORERS if info.kind == "signal" and info.name not in TRIVIAL),
    *TRIVIAL,
    "probe",
)
PARTS = ("method", "control", "trivial", "ceiling")
# What becomes of a row, as the counts say it.
MEASURED, NO_FACTS, ALL_FACTS, UNFIT = "measured", "without facts", "nothing but facts", "not fit for the model"


@dataclass(frozen=True)
class ScorerEvaluation:
    """What `evaluate` measured.

    Attributes:
        model: the model's name.
        cut: the top share at which precision, recall, F1 and overlap were taken.
        words: how the scores of a word's tokens were pooled, None where each token kept its own.
        left_out: scorer -> alignment with the subject's tokens left out; empty when no row could be measured.
        counted: the same with the subject's tokens counted as negatives.
        pairs: rank correlation and overlap of every pair of scorers (`attribution.measure.alignment.compare`).
        counts: how many rows were given, measured, and left out for which reason.
        missing: scorer -> why it was left out.
        notes: sentences for a person.
    """

    model: str
    cut: float
    words: Pool | None
    left_out: dict[str, Alignment]
    counted: dict[str, Alignment]
    pairs: pd.DataFrame
    counts: dict[str, int]
    missing: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def scorers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.left_out, *self.pairs.get("first", ()), *self.pairs.get("second", ())]))

    def frame(self, with_subject: bool = False) -> pd.DataFrame:
        """A line per scorer: `auroc`, `auroc_sd`, ..., `rows`, the pooled figures, and `part` (see `part_of`)."""
        import pandas as pd

        lines = []
        for name, alignment in (self.counted if with_subject else self.left_out).items():
            line: dict[str, Any] = {"scorer": name, "part": part_of(name), "rows": alignment.auroc.n}
            for figure, value in alignment.to_dict().items():
                if isinstance(value, dict):
                    line |= {figure: value["mean"], f"{figure}_sd": value["sd"]}
                elif figure != "scorer":
                    line[figure] = value
            lines.append(line)
        return pd.DataFrame(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "model": self.model,
            "cut": self.cut,
            "words": self.words,
            "counts": self.counts,
            "scorers": [
                {
                    "name": name,
                    "title": scorer_info(name).title,
                    "part": part_of(name),
                    "subject_left_out": self.left_out[name].to_dict(),
                    "subject_counted": self.counted[name].to_dict(),
                }
                for name in self.left_out
            ],
            "missing": self.missing,
            "pairs": [
                {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in pair.items()}
                for pair in self.pairs.to_dict("records")
            ],
            "notes": list(self.notes),
        }


def part_of(name: str) -> str:
    """`method`, `trivial` (what a method must beat), `ceiling` (told the truth), or `control`."""
    if name in TRIVIAL:
        return "trivial"
    if name in ("probe", "oracle"):
        return "ceiling"
    return "method" if scorer_info(name).kind == "signal" else "control"


def evaluate(
    model: LanguageModel,
    examples: Sequence[Example],
    scorers: Sequence[str] | None = None,
    cut: float = DEFAULT_CUT,
    groups: Sequence[Hashable] | None = None,
    words: Pool | None = None,
    **options: Any,
) -> ScorerEvaluation:
    """Hold scorers against the spans of the rows, and against each other.

    The trivial baselines and the supervised probe always stand beside the scorers. Where the spans mark no subject, the
    one that was found automatically takes its place. Without any span the scorers are compared with each other alone.

    Args:
        scorers: names; None takes all methods, and leaves out with a sentence one that this model cannot give.
        cut: top share for precision, recall, F1 and overlap.
        groups: one per row, such as its author: the probe that scores a row saw no row of its group.
        words: pool the scores of each word's tokens into one number for all of them, `max`, `mean` or `first`.
        options: fields of `attribution.ScoreOptions`.

    Raises:
        ValueError: no row fits the model, or a scorer that was named cannot be given.

    >>> evaluate(load_model("embedded"), rows).frame()       # doctest: +SKIP
    """
    if not examples:
        raise ValueError("There are no rows to evaluate on.")
    named = tuple(dict.fromkeys(scorers)) if scorers is not None else None
    for name in named or ():
        scorer_info(name)
    if groups is not None and len(groups) != len(examples):
        raise ValueError(f"There are {len(groups)} groups for {len(examples)} rows: one a row is needed.")
    encoded, reasons, fault = _encode(model, examples)
    measurable = [i for i in encoded if reasons[i] == MEASURED]
    used = measurable or list(encoded)
    rows = [examples[i] for i in used]
    probe_groups = [groups[i] for i in used] if groups else subject_groups([find_subject(row) for row in rows])
    options["probe_groups"] = tuple(probe_groups)
    names, missing = _available(model, named, len(set(probe_groups)) if measurable else 0, options)
    scores = score(model, rows, names, **options)
    if words is not None:
        scores = [spread_over_words(row, words) for row in scores]

    notes = [f"The first row that does not fit the model: {fault}"] if fault else []
    left_out: dict[str, Alignment] = {}
    counted: dict[str, Alignment] = {}
    if measurable:
        without = labelled_rows(scores)
        if not any("subject" in row.truth for row in scores):
            without = labelled_rows(scores, found_subject=True) or without
            notes.append(
                "The labels mark no subject, so the one found automatically (in "
                f"{sum(any(row.given) for row in scores)} of {len(scores)} answers) is left out in its place."
            )
        within = labelled_rows(scores, with_subject=True)
        left_out = {name: align(without, name, cut) for name in names}
        counted = {name: align(within, name, cut, with_subject=True) for name in names}
        if len(without) < len(within):
            notes.append(f"{len(within) - len(without)} answers hold only facts beside their subject: counted with it.")
    else:
        notes.append("No row has marked facts beside other tokens: the scorers are compared with each other alone.")
    return ScorerEvaluation(
        model=model.name,
        cut=cut,
        words=words,
        left_out=left_out,
        counted=counted,
        pairs=compare(scores, names, cut),
        counts={"rows": len(examples), **Counter(reasons)},
        missing=missing,
        notes=tuple(notes),
    )


def _encode(model: LanguageModel, examples: Sequence[Example]) -> tuple[dict[int, Encoded], list[str], str]:
    """The rows that fit the model, for every row whether it can be measured or why not, and the first fault."""
    encoded: dict[int, Encoded] = {}
    reasons = []
    fault = ""
    for i, example in enumerate(examples):
        try:
            encoded[i] = model.encode(example)
        except ValueError as error:
            fault = fault or str(error)
            reasons.append(UNFIT)
            continue
        labels = set(encoded[i].truth)
        reasons.append(MEASURED if {"fact", None} <= labels else ALL_FACTS if "fact" in labels else NO_FACTS)
    if not encoded:
        raise ValueError(f"None of the {len(examples)} rows can be scored. The first says: {fault}")
    return encoded, reasons, fault


def _available(
    model: LanguageModel, named: tuple[str, ...] | None, groups: int, options: dict[str, Any]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The scorers to run, trivial ones and ceiling included, and why others are left out.

    `groups` is the number of groups of rows with marked facts.
    """
    names = dict.fromkeys([*(named or EVALUATED), *TRIVIAL, "probe"])
    missing: dict[str, str] = {}
    if named is None:
        try:
            scorer_for(model, options.get("linear_scorer"))
        except ValueError as error:
            missing["learned"] = str(error)
    if groups < 2 and "probe" not in (named or ()):
        missing["probe"] = "'probe' needs marked facts in rows about two subjects or more: it is scored on unseen ones."
    return tuple(name for name in names if name not in missing), missing
