"""Does the model still speak, and of the right person? Higher is better; both on the rows to forget."""

from __future__ import annotations

import numpy as np

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination


@metric(
    "subject",
    title="Subject",
    group="recall",
    better="higher",
    unit="probability",
    of="tokens",
    formula="mean p_t of answer tokens of the subject, rows to forget",
    sentence="How probable the name asked about still is in its answer: does it speak of the right person?",
    paper="ours",
    evidence="ours",
)
@metric(
    "structure",
    title="Structure",
    group="recall",
    better="higher",
    unit="probability",
    of="tokens",
    formula="mean p_t of answer tokens outside fact and subject spans, rows to forget",
    sentence="How probable the words around the facts still are: fluency that unlearning should not hurt.",
    paper="ours",
    evidence="ours",
)
def measure(examination: Examination) -> None:
    """Rows without spans have neither: any of their tokens may be a fact."""
    rows = examination.rows("forget")
    marked = [i for i, row in enumerate(rows) if row.example.spans]
    if not marked:
        examination.note("Structure and subject need marked spans, and the rows to forget have none.")
        return
    truths = examination.true_answers("forget")
    for name, kind in (("structure", None), ("subject", "subject")):
        values: list[float] = []
        for i in marked:
            mine = truths.row_of_kind(i, kind)
            values += mine
            if mine:
                examination.row("forget", i, name, float(np.mean(mine)))
        if values:
            examination.figure(name, float(np.mean(values)), len(values))
