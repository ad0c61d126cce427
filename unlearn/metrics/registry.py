"""What can be measured, by name."""

from __future__ import annotations

import dataclasses

from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.metrics.figures import METRICS, MetricInfo, probe_info

GROUPS: dict[str, str] = {
    "recall": "fact recall, probability, structure and subject: always measured",
    "tofu": "ROUGE-L, truth ratio, model utility; forget quality against a retrained model",
    "memorisation": "exact memorisation and extraction strength",
    "membership": "can a stranger tell what the model was trained on; PrivLeak against a retrained model",
    "quality": "ATWU's forget quality, retain damage and their difference against the original model",
    "choice": "accuracy on multiple-choice questions (WMDP)",
    "probes": "ROUGE-L on questions that were never trained on (RWKU, MUSE)",
}
"""Groups of figures that can be asked for."""


def metric_info(name: str) -> MetricInfo:
    """The facts about a figure. ValueError when there is no such figure."""
    if name in METRICS:
        return METRICS[name]
    if name.startswith("choice_accuracy_"):
        topic = name.removeprefix("choice_accuracy_")
        return dataclasses.replace(METRICS["choice_accuracy"], name=name, title=f"Multiple choice, {topic}")
    if name.startswith("probe_") and name.endswith("_rouge_l"):
        return probe_info(name)
    raise ValueError(f"The metric {name!r} is unknown{did_you_mean(name, METRICS)} Choose from {', '.join(METRICS)}.")


def check_groups(groups: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The groups, in their own order, each once; `all` stands for every one. ValueError on another name."""
    for name in groups:
        if name not in GROUPS and name != "all":
            raise ValueError(
                f"The metrics {name!r} are unknown{did_you_mean(name, (*GROUPS, 'all'))} "
                f"Choose from {', '.join(GROUPS)}, or all."
            )
    return tuple(name for name in GROUPS if "all" in groups or name in groups)


def groups_for(corpus: Corpus) -> tuple[str, ...]:
    """The groups that a corpus has the rows for."""
    asked = any(row.example.prompt for row in corpus.forget)
    has = {
        "recall": True,
        "tofu": asked,
        "memorisation": True,
        "membership": bool(corpus.holdout),
        "quality": any(row.facts for row in corpus.forget),
        "choice": bool(corpus.choices),
        "probes": bool(corpus.probes),
    }
    return tuple(name for name in GROUPS if has[name])
