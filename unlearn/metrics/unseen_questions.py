"""Questions that were never trained on: RWKU's fill-in, question and adversarial probes, MUSE's questions on its texts.

ROUGE-L recall of the greedy answer. RWKU's own code uses another ROUGE package, without a stemmer, and MUSE's the
F-measure; here it is the recall that TOFU uses, so that figures of one table mean one thing.
"""

from __future__ import annotations

from functools import partial

from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.rouge import rouge_l_recalls

MUSE = "MUSE, arXiv 2407.06460"
RWKU = "RWKU, arXiv 2406.10890"


_questions = partial(
    metric,
    group="probes",
    unit="share",
    of="questions",
    formula="longest common subsequence of stemmed words / words of the true answer",
    evidence="code",
)
_lost = partial(
    _questions,
    better="lower",
    sentence="How much of the true answer stands in the greedy answer to a question about what is to be forgotten.",
)
_kept = partial(
    _questions,
    better="higher",
    sentence="How much of the true answer stands in the greedy answer to a question that should still be answered.",
)


@_lost("probe_{questions}_rouge_l", title="ROUGE-L of answers, {questions}", paper=RWKU)
@_kept("probe_neighbour_{questions}_rouge_l", title="ROUGE-L of answers, neighbour {questions}", paper=RWKU)
@_lost("probe_forget_{questions}_rouge_l", title="ROUGE-L of answers, forget {questions}", paper=MUSE)
@_kept("probe_retain_{questions}_rouge_l", title="ROUGE-L of answers, retain {questions}", paper=MUSE)
def measure(examination: Examination) -> None:
    """One figure per set of probes, named `probe_{set}_rouge_l`."""
    if not examination.corpus.probes:
        examination.note("Probes are questions beside the rows to forget, as in RWKU and MUSE: the corpus has none.")
    if examination.protocol.probes == "own":
        return
    for name, _ in examination.corpus.probes:
        answers = examination.answers(f"probe_{name}")
        recalls = rouge_l_recalls([answer.best for answer in answers], [answer.answer for answer in answers])
        examination.mean(f"probe_{name}", "rouge_l", recalls)
