"""Questions that were never trained on: RWKU's fill-in, question and adversarial probes, MUSE's questions on its texts.

ROUGE-L recall of the greedy answer. RWKU's own code uses another ROUGE package, without a stemmer, and MUSE's the
F-measure; here it is the recall that TOFU uses, so that figures of one table mean one thing.
"""

from __future__ import annotations

from unlearn.metrics.examination import Examination
from unlearn.metrics.rouge import rouge_l_recalls


def measure(examination: Examination) -> None:
    """One figure per set of probes, named `probe_{set}_rouge_l`."""
    if not examination.corpus.probes:
        examination.note("Probes are questions beside the rows to forget, as in RWKU and MUSE: the corpus has none.")
    for name, _ in examination.corpus.probes:
        examination.say(f"probes: {name}")
        answers = examination.answers(f"probe_{name}")
        recalls = rouge_l_recalls([answer.truth for answer in answers], [answer.answer for answer in answers])
        examination.mean(f"probe_{name}", "rouge_l", recalls)
