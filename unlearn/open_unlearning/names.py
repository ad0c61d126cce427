"""What open-unlearning's figures are called here."""

from __future__ import annotations

from typing import NamedTuple


class Counterpart(NamedTuple):
    """A figure of ours, `{split}_{column}` where it has rows, and what a row's value is called in their logs."""

    figure: str
    split: str = ""
    column: str = ""
    value: str = ""


def _by_row(split: str, column: str, value: str) -> Counterpart:
    return Counterpart(f"{split}_{column}", split, column, value)


_SPLITS = {"retain": "retain", "ra": "real_authors", "wf": "world"}
ATTACKS = {
    "mia_loss": "loss",
    "mia_min_k": "min_k",
    "mia_min_k_plus_plus": "min_k_plus",
    "mia_zlib": "zlib",
    "mia_reference": "reference",
    "mia_gradnorm": "gradient_norm",
}
"""Their membership attacks, whose rows are those to forget and holdout rows."""

COUNTERPARTS: dict[str, Counterpart] = {
    "forget_Q_A_Prob": _by_row("forget", "probability", "prob"),
    "forget_Q_A_ROUGE": _by_row("forget", "rouge_l", "rougeL_recall"),
    "forget_truth_ratio": _by_row("forget", "truth_ratio", "score"),
    "forget_quality": Counterpart("forget_quality"),
    "exact_memorization": _by_row("forget", "exact_memorisation", "score"),
    "extraction_strength": _by_row("forget", "extraction_strength", "score"),
    **{
        f"{theirs}_{name}": _by_row(ours, column, value)
        for theirs, ours in _SPLITS.items()
        for name, column, value in (
            ("Q_A_Prob", "probability", "prob"),
            ("Q_A_Prob_normalised", "probability_normalised", "prob"),
            ("Q_A_ROUGE", "rouge_l", "rougeL_recall"),
            ("Truth_Ratio", "truth_ratio", "score"),
        )
        if (ours, column) != ("retain", "probability_normalised")
    },
    "model_utility": Counterpart("model_utility"),
    "forget_verbmem_ROUGE": Counterpart("verbmem_forget", "own_verbmem", "verbmem_forget", "rougeL_f1"),
    "forget_knowmem_ROUGE": Counterpart("knowmem_forget_qa", "probe_forget_qa", "knowmem_forget_qa", "rougeL_f1"),
    "retain_knowmem_ROUGE": Counterpart("knowmem_retain_qa", "probe_retain_qa", "knowmem_retain_qa", "rougeL_f1"),
    **{name: Counterpart(f"membership_{attack}") for name, attack in ATTACKS.items()},
    "privleak": Counterpart("privleak_min_k"),
}
"""By their name. Where both measure it differently, `unlearn.open_unlearning.writing` says how."""
