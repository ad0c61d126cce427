"""What a metric is: a function that puts figures down in an `Examination`, with the facts about them.

A figure on rows is named `{split}_{metric}`, such as `forget_rouge_l`; one of the whole model has a name of its own. A
new metric is one decorated function in a file of this folder.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from attribution.scorers import Evidence
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.metrics.examination import SPLITS, Examination

Better = Literal["lower", "higher", "toward"]
Measure = Callable[[Examination], None]


class Group(NamedTuple):
    """Figures that are asked for together: what they are, and whether a corpus has the rows for them."""

    title: str
    fits: Callable[[Corpus], bool]


GROUPS: dict[str, Group] = {
    "recall": Group("fact recall, probability, structure, subject and sense: always measured", lambda corpus: True),
    "tofu": Group(
        "ROUGE-L, truth ratio, model utility; forget quality against a retrained model",
        lambda corpus: any(row.example.prompt for row in corpus.forget),
    ),
    "memorisation": Group("exact memorisation and extraction strength", lambda corpus: True),
    "membership": Group(
        "can a stranger tell what the model was trained on; PrivLeak against a retrained model",
        lambda corpus: bool(corpus.holdout),
    ),
    "quality": Group(
        "ATWU's forget quality, retain damage and their difference against the original model",
        lambda corpus: any(row.facts for row in corpus.forget),
    ),
    "sampled": Group(
        "sense of answers that are drawn instead of taken greedily",
        lambda corpus: any(row.example.prompt for row in corpus.forget),
    ),
    "choice": Group("accuracy on multiple-choice questions (WMDP)", lambda corpus: bool(corpus.choices)),
    "probes": Group("ROUGE-L on questions that were never trained on (RWKU, MUSE)", lambda corpus: bool(corpus.probes)),
}
"""Groups of figures, in the order in which they are measured."""

BY_NAME: dict[str, Group] = {
    "attacks": Group(
        "further membership attacks: zlib, reference model, gradient norm", lambda corpus: bool(corpus.holdout)
    ),
    "utility": Group("RWKU's five utility sets", lambda corpus: bool(corpus.utility)),
    "lm-eval": Group("tasks of lm-evaluation-harness, by --lm-eval", lambda corpus: True),
}
"""Groups that are measured where they are named, and neither by default nor under `all`."""

ALL_GROUPS = GROUPS | BY_NAME


@dataclass(frozen=True)
class MetricInfo:
    """Facts about one figure.

    Attributes:
        name: its name in `Evaluation.metrics`. One that holds a `{word}` stands for several: `metric_info` fills it in.
        title: what a person reads.
        group: the key of `ALL_GROUPS` that it is asked for by.
        better: which way is good; `toward` means nearer to `target`.
        unit: of the values; `share` and `probability` lie in [0, 1].
        of: what its n counts.
        formula: in the notation of `docs/papers.md`.
        sentence: one plain sentence.
        paper, evidence: where it is from, and how sure we are of that.
        low, high: the bounds of its values.
        target: the good value, where `better` is `toward`.
    """

    name: str
    title: str
    group: str
    better: Better
    unit: str
    of: str
    formula: str
    sentence: str
    paper: str
    evidence: Evidence
    low: float = 0.0
    high: float = 1.0
    target: float | None = None

    @property
    def direction(self) -> str:
        """`lower`, `higher`, or `toward 0.5`."""
        return f"toward {self.target:g}" if self.better == "toward" else self.better

    @property
    def bounds(self) -> str:
        """`0 to 1`; no number where there is no bound."""
        if self.high == float("inf"):
            return f"from {self.low:g}"
        return f"{self.low:g} to {self.high:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; a missing upper bound is None."""
        return dataclasses.asdict(self) | {"high": None if self.high == float("inf") else self.high}


METRICS: dict[str, MetricInfo] = {}
"""Every figure by name, in the order of files and of functions in them."""

MAIN_FIGURES = (
    *("forget_recall", "paraphrase_recall", "retain_recall", "world_recall"),
    *("structure", "subject", "speaks", "fluent", "sensible"),
)
"""What a run is judged by first, in the order in which it is shown: on cards, in the shell's table, in a model card."""


def figures_shown(measured: Collection[str]) -> tuple[str, ...]:
    """Which of the figures that were measured a run is judged by, in the order in which they are shown.

    Rows without marked facts have no recall: how probable their answers are says what it would.
    """
    of_splits = (name if (name := f"{split}_recall") in measured else f"{split}_probability" for split in SPLITS)
    rest = (name for name in MAIN_FIGURES if not name.endswith("_recall"))
    return tuple(name for name in (*of_splits, *rest) if name in measured)


_MEASURES: list[tuple[str, Measure]] = []
_HOLE = re.compile(r"\{\w+\}")
# After a title such as "Facts", and in a sentence of its own.
_SPLITS = {
    "forget": ("to forget", "the rows to forget"),
    "paraphrase": ("to forget, asked differently", "the rows to forget, asked in words never trained"),
    "retain": ("to keep", "the rows to keep"),
    "world": ("about the world", "general knowledge"),
    "real_authors": ("about real authors", "authors who exist"),
}
_LOST = ("forget", "paraphrase")


def metric(name: str, splits: Sequence[str] = (), **facts: Any) -> Callable[[Measure], Measure]:
    """Put the figures that the function below puts down among `METRICS`, with the facts about them.

    Args:
        name: the figure's name; of a figure on rows, without the split.
        splits: the splits that it is measured on. Title and sentence then say which, lower is better on rows to forget
            and higher elsewhere unless told, and it is a share of rows unless told.
        facts: the other fields of `MetricInfo`.

    Raises:
        ValueError: another function puts a figure of this name down.
        TypeError: a fact that `MetricInfo` lacks, or lacks here.
    """
    if splits:
        infos = [_on(split, name, **facts) for split in splits]
    else:
        infos = [MetricInfo(name, **facts)]

    def put_down(measure: Measure) -> Measure:
        for info in infos:
            if info.name in METRICS:
                raise ValueError(f"The name {info.name!r} is taken: another function puts this figure down already.")
            METRICS[info.name] = info
            if (info.group, measure) not in _MEASURES:
                _MEASURES.append((info.group, measure))
        return measure

    return put_down


def _on(split: str, name: str, *, title: str, sentence: str, **facts: Any) -> MetricInfo:
    whose, where = _SPLITS[split]
    usual = {"better": "lower" if split in _LOST else "higher", "unit": "share", "of": "rows"}
    return MetricInfo(f"{split}_{name}", title=f"{title} {whose}", sentence=f"{sentence} On {where}.", **usual | facts)


def measures(group: str) -> list[Measure]:
    """The functions that put the figures of a group down."""
    return [measure for mine, measure in _MEASURES if mine == group]


def metric_info(name: str) -> MetricInfo:
    """The facts about a figure. ValueError when there is no such figure.

    >>> metric_info("choice_accuracy_biology").title
    'Multiple choice, biology'
    """
    if name in METRICS:
        return METRICS[name]
    # The longest first: `probe_neighbour_{set}_rouge_l` says more than `probe_{set}_rouge_l`.
    for info in sorted(METRICS.values(), key=lambda info: -len(info.name)):
        hole = _HOLE.search(info.name)
        found = hole and re.fullmatch("(.+)".join(map(re.escape, _HOLE.split(info.name))), name)
        if hole and found:
            title = info.title.replace(hole.group(), found.group(1).replace("_", " "))
            return dataclasses.replace(info, name=name, title=title)
    raise ValueError(f"The metric {name!r} is unknown{did_you_mean(name, METRICS)} Choose from {', '.join(METRICS)}.")


def check_groups(groups: Sequence[str]) -> tuple[str, ...]:
    """The groups, in their own order, each once. ValueError on another name.

    `all` stands for every one of `GROUPS`.
    """
    for name in groups:
        if name not in ALL_GROUPS and name != "all":
            raise ValueError(
                f"The metrics {name!r} are unknown{did_you_mean(name, (*ALL_GROUPS, 'all'))} "
                f"Choose from {', '.join(ALL_GROUPS)}, or all."
            )
    return tuple(name for name in ALL_GROUPS if name in groups or ("all" in groups and name in GROUPS))


def groups_for(corpus: Corpus) -> tuple[str, ...]:
    """The groups that a corpus has the rows for."""
    return tuple(name for name, group in GROUPS.items() if group.fits(corpus))
