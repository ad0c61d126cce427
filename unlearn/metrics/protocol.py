"""How figures are made where the field knows several ways: named switches, described once. The defaults are ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from attribution.settings import check_settings, setting

TruthRatioMean = Literal["geometric", "arithmetic", "prob_mean"]
Probing = Literal["ours", "own"]
GROUP = "How figures are made"


@dataclass(frozen=True)
class Protocol:
    """Switches of the metrics.

    Raises:
        ValueError: a value outside its range, or an unknown name.
    """

    truth_ratio: TruthRatioMean = setting(
        "geometric",
        "Truth ratio",
        "how wrong answers are averaged: their probabilities geometrically, as in TOFU's paper and first script "
        "(geometric), or arithmetically, as in its later one (arithmetic); or the mean share of the right answer, "
        "P_right / (P_right + P_wrong), as in open-unlearning (prob_mean)",
        group=GROUP,
        flag="--truth-ratio",
    )
    min_k: float = setting(
        0.4,
        "Min-K",
        "share of the least probable tokens that Min-K% and Min-K%++ read",
        above=0,
        high=1,
        group=GROUP,
        flag="--min-k",
    )
    probes: Probing = setting(
        "ours",
        "Probes",
        "how the questions of RWKU and MUSE are asked: as every other question (ours), or by the benchmark's own "
        "prompts, examples, rows and scores (own)",
        group=GROUP,
        flag="--probes",
    )
    lm_eval: str = setting(
        "",
        "Tasks of the harness",
        "tasks of lm-evaluation-harness, separated by commas, such as mmlu,arc_easy, where it is installed",
        group=GROUP,
        flag="--lm-eval",
    )
    lm_eval_path: str = setting(
        "",
        "Folder of tasks",
        "a folder of the harness's task files of your own, whose code is run",
        group=GROUP,
        flag="--lm-eval-path",
    )

    def __post_init__(self) -> None:
        check_settings(self)
