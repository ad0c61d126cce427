"""Does the model still speak, and of the right person? Higher is better; both on the rows to forget.

* structure: mean probability of answer tokens outside fact and subject spans: fluency that unlearning should not hurt.
* subject: mean probability of subject tokens in the answers: does the answer still speak of the right person?
"""

from __future__ import annotations

import numpy as np

from unlearn.metrics.examination import Examination


def measure(examination: Examination) -> None:
    """Structure and subject. Rows without spans have neither: any of their tokens may be a fact."""
    rows = examination.rows("forget")
    marked = [i for i, row in enumerate(rows) if row.example.spans]
    if not marked:
        examination.note("Structure and subject need marked spans, and the rows to forget have none.")
        return
    reading = examination.reading("forget")
    for name, kind in (("structure", None), ("subject", "subject")):
        values: list[float] = []
        for i in marked:
            mine = reading.row_of_kind(i, kind)
            values += mine
            if mine:
                examination.row("forget", i, name, float(np.mean(mine)))
        if values:
            examination.figure(name, float(np.mean(values)), len(values))
