"""Our figures in the layout of open-unlearning's logs, so that their `retain_logs_path` takes them as they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from attribution.files import write_atomically
from unlearn.metrics import Evaluation, Protocol
from unlearn.metrics.truth_ratio import share_of_right
from unlearn.open_unlearning.logs import AGGREGATES, EPSILON, MEAN
from unlearn.open_unlearning.names import ATTACKS, COUNTERPARTS, Counterpart

SUITES = {"muse": "MUSE", "wmdp": "WMDP"}


def write_logs(evaluation: Evaluation, folder: Path, corpus: str, protocol: Protocol | None = None) -> list[Path]:
    """`TOFU_EVAL.json` with a value per row and `TOFU_SUMMARY.json` with aggregates; MUSE and WMDP by their names.

    Rows are numbered from 0 in the order in which they were measured. Three things stay ours: an answer's end token
    does not count here, and in their probabilities it does; a model is asked by its chat template alone, without a
    system prompt; and MUSE's ROUGE is without a stemmer, as its authors', theirs with one. So a log of ours and one of
    theirs differ a little for the same model: compare like with like.

    Args:
        corpus: the name of the rows.
        protocol: how the figures were made: by `prob_mean` a row's truth ratio is P_right / (P_right + P_wrong).

    Raises:
        ValueError: nothing that was measured has a place in their logs.
    """
    log = as_log(evaluation, protocol or Protocol())
    if not log:
        raise ValueError("Nothing that was measured has a place in these logs: measure the group tofu or membership.")
    folder.mkdir(parents=True, exist_ok=True)
    suite = SUITES.get(corpus.partition(":")[0], "TOFU")
    summary = {name: entry["agg_value"] for name, entry in log.items()}
    written = []
    for kind, content in (("EVAL", log), ("SUMMARY", summary)):
        written.append(folder / f"{suite}_{kind}.json")
        with write_atomically(written[-1]) as unfinished:
            unfinished.write_text(json.dumps(content, indent=4, allow_nan=False) + "\n", encoding="utf-8")
    return written


def as_log(evaluation: Evaluation, protocol: Protocol) -> dict[str, dict[str, Any]]:
    """The log as plain JSON types, by their names in alphabetical order, as theirs are."""
    found = {}
    for name, mine in COUNTERPARTS.items():
        aggregate = evaluation.metrics.get(mine.figure)
        if aggregate is None:
            continue
        entry: dict[str, Any] = {"agg_value": aggregate}
        if name in ATTACKS:
            entry |= {"auc": aggregate, **_attacked(evaluation, mine.figure)}
        elif mine.split:
            entry["value_by_index"] = _rows(evaluation, mine, protocol)
            if mine.column == "truth_ratio" and protocol.truth_ratio != "prob_mean":
                entry["agg_value"] = _aggregated(mine, entry["value_by_index"])
        found[name] = entry
    return dict(sorted(found.items()))


def _rows(evaluation: Evaluation, mine: Counterpart, protocol: Protocol) -> dict[str, dict[str, Any]]:
    """Every row's value, with what was asked, answered and true beside ROUGE, and the loss beside a probability."""
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(row for row in evaluation.rows if row.split == mine.split):
        value = row.figures.get(mine.column)
        if value is None:
            continue
        if mine.column == "truth_ratio":
            # Theirs divides by P_right + 1e-10, and so does not go beyond.
            value = share_of_right(value) if protocol.truth_ratio == "prob_mean" else min(value, 1 / EPSILON)
        entry: dict[str, Any] = {mine.value: value}
        if mine.column == "probability" and value > 0:
            entry["avg_loss"] = -math.log(value)
        if mine.column == "rouge_l":
            entry |= {"input": row.question, "ground_truth": row.truth, "generation": row.answer or ""}
        found[str(number)] = entry
    return found


def _aggregated(mine: Counterpart, rows: dict[str, dict[str, Any]]) -> float:
    """Their aggregate of R, which differs from ours by the 1e-10 that they add."""
    import numpy as np

    closer, true = (way for way, said in AGGREGATES if said != MEAN)
    return (closer if mine.split == "forget" else true)(np.array([row["score"] for row in rows.values()]))


def _attacked(evaluation: Evaluation, figure: str) -> dict[str, Any]:
    """A membership attack's rows: their scores are losses, low for what was trained on."""
    found = {}
    for part, splits in (
        ("forget", ("forget", "own_privleak_forget")),
        ("holdout", ("holdout", "own_privleak_holdout")),
    ):
        rows = [row for row in evaluation.rows if row.split in splits and figure in row.figures]
        scores = [-row.figures[figure] for row in rows]
        if scores:
            by_row = {str(number): {"score": score} for number, score in enumerate(scores)}
            found[part] = {"agg_value": sum(scores) / len(scores), "value_by_index": by_row}
    return found
