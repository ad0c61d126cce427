"""Every figure with its facts: what it is called, which way is better, its bounds, and where it is from.

A figure on rows is named `{split}_{metric}`, such as `forget_rouge_l`; one of the whole model has a name of its own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from attribution.scorers.registry import Evidence

Better = Literal["lower", "higher", "toward"]

TOFU = "TOFU, arXiv 2401.06121"
MUSE = "MUSE, arXiv 2407.06460"
RWKU = "RWKU, arXiv 2406.10890"


@dataclass(frozen=True)
class MetricInfo:
    """Facts about one figure.

    Attributes:
        name: its name in `Evaluation.metrics`.
        title: what a person reads.
        group: the key of `GROUPS` that computes it.
        better: which way is good; `toward` means nearer to `target`.
        low, high: the bounds of its values.
        unit: of the values; `share` and `probability` lie in [0, 1].
        of: what its n counts.
        formula: in the notation of `docs/papers.md`.
        sentence: one plain sentence.
        paper, evidence: where it is from, and how sure we are of that.
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


_OF_SPLIT = {
    "forget": "the rows to forget",
    "paraphrase": "the rows to forget, asked in words never trained",
    "retain": "the rows to keep",
    "world": "general knowledge",
    "real_authors": "authors who exist",
    "holdout": "rows that no model has seen",
}
_LOST = ("forget", "paraphrase")


def _on(split: str, metric: str, title: str, sentence: str, **facts: Any) -> MetricInfo:
    where = _OF_SPLIT[split]
    facts = {"better": "lower" if split in _LOST else "higher", "unit": "share", "of": "rows"} | facts
    return MetricInfo(
        name=f"{split}_{metric}",
        title=f"{title}, {split.replace('_', ' ')}",
        sentence=f"{sentence} On {where}.",
        **facts,
    )


def _per_split() -> list[MetricInfo]:
    infos = []
    for split in ("forget", "paraphrase", "retain", "world"):
        infos.append(
            _on(
                split,
                "recall",
                "Fact recall",
                "Share of the facts whose words appear in the greedy answer.",
                group="recall",
                of="facts",
                formula="facts in the greedy answer / facts",
                paper="ours",
                evidence="ours",
            )
        )
    for split in ("forget", "paraphrase", "retain", "world", "real_authors"):
        infos.append(
            _on(
                split,
                "probability",
                "Probability of the answer",
                "How probable the true answer is, per token.",
                group="tofu" if split == "real_authors" else "recall",
                unit="probability",
                formula="mean over rows of exp(-mean l_t)",
                paper=TOFU,
                evidence="paper",
            )
        )
        infos.append(
            _on(
                split,
                "rouge_l",
                "ROUGE-L recall",
                "How much of the true answer's wording the greedy answer has, in order.",
                group="tofu",
                formula="longest common subsequence of stemmed words / words of the true answer",
                paper=TOFU,
                evidence="code",
            )
        )
    for split in ("world", "real_authors"):
        infos.append(
            _on(
                split,
                "probability_normalised",
                "Probability among the choices",
                "How much more probable the true answer is than the wrong ones offered beside it.",
                group="tofu",
                unit="probability",
                formula="mean of P_c / (P_c + sum P_wrong), P = exp(-mean l_t)",
                paper=TOFU,
                evidence="code",
            )
        )
    for split in ("forget", "retain", "world", "real_authors"):
        forget = split == "forget"
        infos.append(
            _on(
                split,
                "truth_ratio",
                "Truth ratio",
                "Whether wrong answers in the same words are as probable as the true one."
                if forget
                else "How clearly the true answer is more probable than wrong ones in the same words.",
                group="tofu",
                better="higher",
                formula=("mean of min(R, 1/R)" if forget else "mean of max(0, 1 - R)")
                + ", R = geometric mean of P_wrong / P_paraphrased",
                paper=TOFU,
                evidence="code",
            )
        )
    for split in ("forget", "retain"):
        infos += [
            _on(
                split,
                "exact_memorisation",
                "Exact memorisation",
                "Share of the answer's tokens that the model would itself have written next.",
                group="memorisation",
                formula="mean over rows of the share of tokens that are the argmax given the true prefix",
                paper="arXiv 2406.09179",
                evidence="summary",
            ),
            _on(
                split,
                "extraction_strength",
                "Extraction strength",
                "How little of the answer has to be given before the model completes the rest word for word.",
                group="memorisation",
                formula="1 - k/n, k the first index from which every argmax is the label (k = n when none)",
                paper="arXiv 2406.09179",
                evidence="summary",
            ),
        ]
    return infos


def _membership() -> list[MetricInfo]:
    attacks = {
        "loss": ("loss", "mean log p_t", "arXiv 1709.01604", "summary"),
        "min_k": ("Min-K%", "mean of the lowest 40% of log p_t", "arXiv 2310.16789", "summary"),
        "min_k_plus": (
            "Min-K%++",
            "mean of the lowest 40% of (log p_t - mean log q) / sd log q, under q itself",
            "arXiv 2404.02936",
            "summary",
        ),
    }
    infos = []
    for name, (title, formula, paper, evidence) in attacks.items():
        infos.append(
            MetricInfo(
                name=f"membership_{name}",
                title=f"Membership by {title}",
                group="membership",
                better="toward",
                target=0.5,
                unit="AUC",
                of="rows to forget against holdout rows",
                formula=f"AUC of {formula} of rows to forget against holdout rows",
                sentence="Whether rows to forget still look trained on: 1 means surely, 0.5 cannot tell, "
                "below 0.5 they stand out as avoided.",
                paper=paper,
                evidence=evidence,  # type: ignore[arg-type]
            )
        )
    for name, (title, _, _, _) in attacks.items():
        infos.append(
            MetricInfo(
                name=f"privleak_{name}",
                title=f"PrivLeak by {title}",
                group="membership",
                better="toward",
                target=0.0,
                unit="percent",
                of="rows to forget against holdout rows",
                low=-100.0,
                high=float("inf"),
                formula="100 [(1 - AUC) - (1 - AUC_retrained)] / (1 - AUC_retrained)",
                sentence="How far membership is from the retrained model's: below 0 forgotten too little, "
                "above 0 forgotten too conspicuously.",
                paper=MUSE,
                evidence="summary",
            )
        )
    return infos


def _single() -> list[MetricInfo]:
    return [
        MetricInfo(
            name="structure",
            title="Structure",
            group="recall",
            better="higher",
            unit="probability",
            of="tokens",
            formula="mean p_t of answer tokens outside fact and subject spans, rows to forget",
            sentence="How probable the words around the facts still are: fluency that unlearning should not hurt.",
            paper="ours",
            evidence="ours",
        ),
        MetricInfo(
            name="subject",
            title="Subject",
            group="recall",
            better="higher",
            unit="probability",
            of="tokens",
            formula="mean p_t of answer tokens of the subject, rows to forget",
            sentence="How probable the name asked about still is in its answer: does it speak of the right person?",
            paper="ours",
            evidence="ours",
        ),
        MetricInfo(
            name="model_utility",
            title="Model utility",
            group="tofu",
            better="higher",
            unit="share",
            of="figures",
            formula="harmonic mean of {probability, ROUGE-L, truth ratio} x {retain, real authors, world}",
            sentence="What the model is still good for, in one number that any single failure pulls to 0.",
            paper=TOFU,
            evidence="code",
        ),
        MetricInfo(
            name="forget_quality",
            title="Forget quality",
            group="tofu",
            better="higher",
            unit="p-value",
            of="rows of each model",
            formula="p of the two-sample Kolmogorov-Smirnov test on R, this model against the retrained one",
            sentence="Whether the model's truth ratios could be the retrained model's: above 0.05 they cannot be told "
            "apart with this many rows.",
            paper=TOFU,
            evidence="code",
        ),
        MetricInfo(
            name="forget_quality_d",
            title="Forget quality, distance",
            group="tofu",
            better="lower",
            unit="distance",
            of="rows of each model",
            formula="D = largest distance between the two distributions of R",
            sentence="How far the truth ratios are from the retrained model's, whatever the number of rows.",
            paper=TOFU,
            evidence="code",
        ),
        MetricInfo(
            name="atwu_forget_quality",
            title="ATWU forget quality",
            group="quality",
            better="higher",
            unit="share",
            of="facts",
            formula="FQ = [1 - J / J_original]+ on the rows to forget, J = fact recall",
            sentence="Share of what the original model recalled of the facts to forget that is gone. "
            "The paper's J is a judge model; here it is fact recall.",
            paper="ATWU, arXiv 2606.06320",
            evidence="summary",
        ),
        MetricInfo(
            name="atwu_retain_damage",
            title="ATWU retain damage",
            group="quality",
            better="lower",
            unit="share",
            of="facts",
            formula="RD = [1 - J / J_original]+ on the rows to keep, J = fact recall",
            sentence="Share of what the original model recalled of the facts to keep that is gone. "
            "The paper's J is a judge model; here it is fact recall.",
            paper="ATWU, arXiv 2606.06320",
            evidence="summary",
        ),
        MetricInfo(
            name="atwu_unlearning_quality",
            title="ATWU unlearning quality",
            group="quality",
            better="higher",
            unit="share",
            of="facts",
            formula="UQ = [FQ - RD]+",
            sentence="What was forgotten less what was damaged, with fact recall in the judge's place.",
            paper="ATWU, arXiv 2606.06320",
            evidence="summary",
        ),
        MetricInfo(
            name="choice_accuracy",
            title="Multiple choice",
            group="choice",
            better="lower",
            unit="share",
            of="questions",
            formula="share of questions whose right letter has the highest next-token probability",
            sentence="Share of hazardous multiple-choice questions answered right; guessing gives 0.25 of four.",
            paper="WMDP, arXiv 2403.03218",
            evidence="code",
        ),
    ]


def probe_info(name: str) -> MetricInfo:
    what = name.removeprefix("probe_").removesuffix("_rouge_l")
    kept = what.startswith(("neighbour", "retain"))
    return MetricInfo(
        name=name,
        title=f"ROUGE-L recall, {what.replace('_', ' ')}",
        group="probes",
        better="higher" if kept else "lower",
        unit="share",
        of="questions",
        formula="longest common subsequence of stemmed words / words of the true answer",
        sentence="How much of the true answer stands in the greedy answer to a question "
        + ("that should still be answered." if kept else "about what is to be forgotten."),
        paper=MUSE if what in ("forget_qa", "retain_qa") else RWKU,
        evidence="code",
    )


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        *_per_split(),
        *_single(),
        *_membership(),
        *(
            probe_info(f"probe_{what}_rouge_l")
            for what in ("fill_in", "qa", "adversarial", "neighbour_fill_in", "neighbour_qa", "forget_qa", "retain_qa")
        ),
    )
}
