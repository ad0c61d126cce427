"""What a visitor takes along: scores, runs and answers as JSON and CSV. Pure functions; the browser saves the text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.session import KeptRun
from attribution import TokenScores
from unlearn import Corpus, Evaluation
from unlearn.metrics import Answer


@dataclass(frozen=True)
class Download:
    """A file that exists as text alone."""

    name: str
    kind: str
    text: str

    def to_dict(self) -> dict[str, str]:
        return {"name": self.name, "kind": self.kind, "text": self.text}


# Takes what `Download.to_dict` gives and lets the browser save it: no file is written on the server.
SAVE = """(file) => {
  if (!file?.text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([file.text], {type: file.kind}));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


def scores_json(scores: TokenScores) -> Download:
    """A row's scores in the shape that the shell prints."""
    return Download("forget-lens-scores.json", "application/json", scores.to_json(indent=2))


def scores_csv(scores: TokenScores) -> Download:
    """A row's scores: a line per token, a column per scorer."""
    return Download("forget-lens-scores.csv", "text/csv", scores.frame().to_csv(index_label="index"))


def run_json(
    kept: KeptRun, corpus: Corpus, before: Evaluation | None = None, reference: Evaluation | None = None
) -> Download:
    """A run: its config, steps, the weights of every forget row, and the figures that are known."""
    evaluations = {"before": before, "after": kept.evaluation, "reference": reference}
    content: dict[str, Any] = {
        "config": kept.config.to_dict(),
        "seconds": kept.seconds,
        "stopped": kept.stopped,
        "steps": [step.to_dict() for step in kept.steps],
        "metrics": {name: each.to_dict() if each else None for name, each in evaluations.items()},
        "selections": [
            {"id": row.example.id, "weights": list(selection.weights)}
            for row, selection in zip(corpus.forget, kept.selections, strict=True)
        ],
    }
    return Download(f"forget-lens-run-{kept.number}.json", "application/json", json.dumps(content, indent=1))


def answers_csv(number: int, rows: Sequence[tuple[Answer, Answer, Answer | None]]) -> Download:
    """Every question with its answers before, after and by the reference."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "question", "truth", "facts", "before", "after", "reference"])
    for before, after, reference in rows:
        writer.writerow(
            [
                before.split,
                before.question,
                before.truth,
                "; ".join(before.facts),
                before.answer,
                after.answer,
                reference.answer if reference else "",
            ]
        )
    return Download(f"forget-lens-answers-{number}.csv", "text/csv", text.getvalue())
