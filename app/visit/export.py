"""What a visitor takes along: scores, runs and answers as JSON and CSV. Pure functions; the browser saves the text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.visit.session import KeptRun
from attribution import Selection, TokenScores
from attribution.data.cells import QUOTING, safe_cell
from attribution.version import VERSION, commit, stamp
from unlearn import Corpus, Evaluation
from unlearn.metrics import Answer


@dataclass(frozen=True)
class Download:
    """A file that exists as text alone; `base64` where the text is bytes written so."""

    name: str
    kind: str
    text: str
    base64: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# Takes what `Download.to_dict` gives and lets the browser save it: no file is written on the server. Gives nothing
# back, so that a refusal does not save what came before it.
SAVE = """(file) => {
  if (!file?.text) return null;
  const link = document.createElement('a');
  const data = file.base64 ? Uint8Array.from(atob(file.text), (letter) => letter.charCodeAt(0)) : file.text;
  link.href = URL.createObjectURL(new Blob([data], {type: file.kind}));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return null;
}"""


def stamped() -> str:
    """Version and commit, for the name of a file that has no place for them inside."""
    return f"{VERSION}-{commit()}"


def scores_json(scores: TokenScores, cut: Selection) -> Download:
    """A row's scores in the shape that the shell prints, and beside them the cut: its rule, what was changed by hand,
    and a weight for each token."""
    content = {"forget_lens": stamp(), **json.loads(scores.to_json()), "cut": asdict(cut)}
    return Download("forget-lens-scores.json", "application/json", json.dumps(content, ensure_ascii=False, indent=2))


def scores_csv(scores: TokenScores, cut: Selection) -> Download:
    """A row's scores: a line per token, a column per scorer, and whether the cut keeps it."""
    text = scores.frame().assign(in_cut=cut.kept).map(safe_cell).to_csv(index_label="index", quoting=QUOTING)
    return Download(f"forget-lens-scores-{stamped()}.csv", "text/csv", text)


def run_json(
    kept: KeptRun, corpus: Corpus, before: Evaluation | None = None, reference: Evaluation | None = None
) -> Download:
    """A run: its config, steps, the weights of every forget row, and the figures that are known."""
    evaluations = {"before": before, "after": kept.evaluation, "reference": reference}
    content: dict[str, Any] = {
        "forget_lens": stamp(),
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
    writer = csv.writer(text, quoting=QUOTING, lineterminator="\n")
    writer.writerow(["split", "question", "truth", "facts", "before", "after", "reference"])
    for before, after, reference in rows:
        writer.writerow(
            map(
                safe_cell,
                [
                    before.split,
                    before.question,
                    before.truth,
                    "; ".join(before.facts),
                    before.answer,
                    after.answer,
                    reference.answer if reference else "",
                ],
            )
        )
    return Download(f"forget-lens-answers-{number}-{stamped()}.csv", "text/csv", text.getvalue())
