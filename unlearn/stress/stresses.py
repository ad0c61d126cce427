"""Does what was forgotten come back? Recall before and after each of four stresses.

* paraphrase: the same facts asked in words never trained.
* sampling: k sampled answers to every question; a fact counts as recalled when it is in any of them.
* relearning: a few steps of plain training on half of the rows to forget; recall is measured on the other half.
* quantisation: weights rounded to 8 bits per output channel and to 4 bits per group of 64, and by bitsandbytes where
  there is a CUDA device and the package.

Every one leaves the model as it was. Read them beside the same stress of a model that never knew (`reference`): guesses
come back too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.settings import check_settings, setting
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Corpus
from unlearn.metrics.answers import Answer, answer_room, ask, stands_in
from unlearn.metrics.rouge import rouge_l_recalls
from unlearn.objectives.labels import label_batch, uniform_target
from unlearn.objectives.retention import retain_nll
from unlearn.run.adapters import merged, trainable_copy
from unlearn.run.config import MOST_SEED
from unlearn.run.loop import draws
from unlearn.stress.quantisation import GROUP, has_bitsandbytes, rounded, with_bitsandbytes

KINDS = {
    "paraphrase": "the same facts asked in words never trained",
    "sampling": "several sampled answers instead of the most probable one",
    "relearning": "a few steps of training on half of the rows, recall on the other half",
    "quantisation": "weights rounded to 8 and to 4 bits",
}


@dataclass(frozen=True)
class StressConfig:
    """Settings of the stresses. Relearning's are ours, for models of a few million parameters: the relearned half is
    known again after them. Models of billions want a learning rate of 1e-5.

    Raises:
        ValueError: a value outside its range.
    """

    samples: int = setting(8, "Samples", "sampled answers to each question", low=1, flag="--samples")
    temperature: float = setting(
        1.0, "Temperature", "of sampling; 1 is the model's own distribution", above=0, flag="--temperature"
    )
    steps: int = setting(20, "Steps", "of relearning", low=1, flag="--steps")
    learning_rate: float = setting(
        1e-3, "Learning rate", "of relearning (AdamW, constant); 1e-5 suits models of billions", above=0, flag="--lr"
    )
    batch: int = setting(16, "Batch", "rows in a step of relearning", low=1)
    bits: tuple[int, ...] = setting(
        (8, 4), "Bits", "widths that weights are rounded to: 8 per output channel, smaller ones per group"
    )
    group: int = setting(GROUP, "Group", "weights that share a scale below 8 bits", low=1)
    seed: int = setting(0, "Seed", "of sampling and of the order of rows", low=0, high=MOST_SEED, flag="--seed")

    def __post_init__(self) -> None:
        check_settings(self)
        if not all(2 <= bits <= 8 for bits in self.bits):
            raise ValueError(f"Bits are {self.bits}: widths from 2 to 8 are needed.")


@dataclass(frozen=True)
class Stress:
    """What one stress did.

    Attributes:
        kind: a key of `KINDS`.
        title: with its settings, for people.
        measure: `fact recall`, or `ROUGE-L recall` where the rows have no marked facts.
        before, after: recall without and under the stress, in [0, 1]; after is higher when knowledge comes back.
        n_before, n: how many facts (or rows) each is over.
        detail: what else was measured.
    """

    kind: str
    title: str
    measure: str
    before: float
    after: float
    n_before: int
    n: int
    detail: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def stress(
    model: LanguageModel,
    corpus: Corpus,
    kinds: Sequence[str] = tuple(KINDS),
    config: StressConfig | None = None,
    progress: Callable[[str], None] | None = None,
    keep: Sequence[Row] = (),
) -> Iterator[Stress]:
    """The stresses asked for, one after another, as each is done.

    Args:
        keep: rows to keep, asked without and under relearning and quantisation too: `retain_before` and `retain_after`
            in the detail.

    Raises:
        ValueError: an unknown kind, or a corpus whose rows to forget have no questions.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(
                f"The stress {kind!r} is unknown{did_you_mean(kind, KINDS)} Choose from {', '.join(KINDS)}."
            )
    if not any(row.example.prompt for row in corpus.forget):
        raise ValueError("The rows to forget are plain text without questions: there is nothing to ask under stress.")
    if "paraphrase" in kinds and not corpus.paraphrase:
        kinds = [kind for kind in kinds if kind != "paraphrase"]
        if not kinds:
            raise ValueError("The rows to forget have no paraphrases (paraphrased_question): there is nothing to ask.")
    return _stresses(model, corpus, kinds, config or StressConfig(), progress or (lambda what: None), keep)


def _stresses(
    model: LanguageModel,
    corpus: Corpus,
    kinds: Sequence[str],
    config: StressConfig,
    progress: Callable[[str], None],
    keep: Sequence[Row],
) -> Iterator[Stress]:
    progress("the model as it is")
    rows = [row for row in corpus.forget if row.example.prompt]
    before = _asked(model, rows)
    kept = Kept(model, keep)
    for kind in kinds:
        progress(kind)
        if kind == "paraphrase":
            yield _made(kind, "asked in other words", before, _asked(model, corpus.paraphrase))
        elif kind == "sampling":
            yield sampling(model, rows, config, before)
        elif kind == "relearning":
            yield relearning(model, rows, config, kept)
        else:
            yield from quantisation(model, rows, config, before, kept)


# One by one ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recall:
    """Recall of rows with its n, and per row, `[rows]`."""

    value: float
    n: int
    measure: str


def recall_of(answers: Sequence[Answer]) -> Recall:
    """Fact recall; ROUGE-L recall where no row has a marked fact."""
    return recall_of_any([answers])


def recall_of_any(rounds: Sequence[Sequence[Answer]]) -> Recall:
    """Recall when any of several answers to a question may hold a fact; without facts, the best ROUGE-L of them."""
    facts = sum(len(answer.facts) for answer in rounds[0])
    if facts:
        recalled = sum(
            any(stands_in(fact, answer.answer) for answer in mine)
            for mine in zip(*rounds, strict=True)
            for fact in mine[0].facts
        )
        return Recall(recalled / facts, facts, "fact recall")
    columns = [rouge_l_recalls([one.truth for one in answers], [one.answer for one in answers]) for answers in rounds]
    best = [max(known) for mine in zip(*columns, strict=True) if (known := [v for v in mine if v is not None])]
    if not best:
        raise ValueError("No answer to forget has a Latin letter or digit, which is all that ROUGE-L knows.")
    return Recall(float(np.mean(best)), len(best), "ROUGE-L recall")


class Kept:
    """What becomes of the rows to keep under a stress; nothing where there are none."""

    def __init__(self, model: LanguageModel, rows: Sequence[Row] = ()) -> None:
        self.rows = [row for row in rows if row.example.prompt]
        self.before = _asked(model, self.rows).value if self.rows else 0.0

    def under(self, stressed: LanguageModel) -> dict[str, float]:
        """`retain_before`, `retain_after`, and how many rows they are over."""
        if not self.rows:
            return {}
        after = _asked(stressed, self.rows)
        return {"retain_before": self.before, "retain_after": after.value, "retain_n": after.n}


def sampling(model: LanguageModel, rows: Sequence[Row], config: StressConfig, before: Recall | None = None) -> Stress:
    """Recall over k sampled answers: in any of them, and beside it the mean over them."""
    prompts = [row.example.prompt for row in rows]
    # All of them told: a model's folder may carry settings of its own.
    decoding = {"do_sample": True, "temperature": config.temperature, "top_p": 1.0, "top_k": 0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(config.seed)
        said = model.generate(prompts * config.samples, answer_room(model, rows), decoding=decoding)
    rounds = [
        [
            Answer("forget", row.example.prompt, "", row.example.answer, row.facts, text)
            for row, text in zip(rows, said[k * len(rows) :], strict=False)
        ]
        for k in range(config.samples)
    ]
    mean = float(np.mean([recall_of(answers).value for answers in rounds]))
    title = f"any of {config.samples} answers sampled at temperature {config.temperature:g}"
    return _made("sampling", title, before or _asked(model, rows), recall_of_any(rounds), mean_of_samples=mean)


def relearning(model: LanguageModel, rows: Sequence[Row], config: StressConfig, kept: Kept | None = None) -> Stress:
    """Recall on half of the rows after a few steps of plain training on the other half.

    Halves share no author where authors are known (every second one is relearned); else every second row is.

    Raises:
        ValueError: there is only one row.
    """
    relearned, asked = halves(rows)
    before = _asked(model, asked)
    taught = trainable_copy(merged(model))
    parameters = [p for p in taught.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
    order = draws(len(relearned), config.batch, config.seed)
    for _ in range(config.steps):
        targets = [uniform_target(taught.encode(relearned[i].example)) for i in next(order)]
        retain_nll(label_batch(taught, targets)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    title = f"{config.steps} steps at {config.learning_rate:g} on the other half"
    detail = {"recall_of_the_relearned_half": _asked(taught, relearned).value} | (kept.under(taught) if kept else {})
    return _made("relearning", title, before, _asked(taught, asked), **detail)


def halves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows to relearn, rows to ask: every second author, where there are two at least; else every second row."""
    authors = list(dict.fromkeys(row.author for row in rows))
    if None in authors or len(authors) < 2:
        first, second = list(rows[::2]), list(rows[1::2])
    else:
        chosen = set(authors[::2])
        first = [row for row in rows if row.author in chosen]
        second = [row for row in rows if row.author not in chosen]
    if not second:
        raise ValueError("Relearning splits the rows to forget in two halves: there is only one row.")
    return first, second


def quantisation(
    model: LanguageModel,
    rows: Sequence[Row],
    config: StressConfig,
    before: Recall | None = None,
    kept: Kept | None = None,
) -> Iterator[Stress]:
    """Recall with rounded weights, for every width asked for; by bitsandbytes too where it can work."""
    before = before or _asked(model, rows)
    for bits in config.bits:
        group = None if bits == 8 else config.group
        small, share = rounded(model, bits, group)
        scope = "per output channel" if group is None else f"per group of {group}"
        title = f"{bits} bit, round to nearest {scope}"
        detail = {"share_of_weights": share} | (kept.under(small) if kept else {})
        yield _made("quantisation", title, before, _asked(small, rows), **detail)
        if bits in (8, 4) and has_bitsandbytes():
            title = f"{bits} bit, bitsandbytes"
            small = with_bitsandbytes(model, bits)
            yield _made("quantisation", title, before, _asked(small, rows), **(kept.under(small) if kept else {}))


def _asked(model: LanguageModel, rows: Sequence[Row]) -> Recall:
    return recall_of(ask(model, "forget", rows))


def _made(kind: str, title: str, before: Recall, after: Recall, **detail: float) -> Stress:
    return Stress(kind, title, after.measure, before.value, after.value, before.n, after.n, detail)
