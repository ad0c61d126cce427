"""A few steps of plain training on half of the rows to forget; recall is measured on the other half."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.objectives.labels import label_batch, uniform_target
from unlearn.objectives.retention import retain_nll
from unlearn.run.adapters import merged, trainable_copy
from unlearn.run.loop import draws, update
from unlearn.stress.base import Before, Stress, asked, kind, made


@kind("relearning", "a few steps of training on half of the rows, recall on the other half")
def relearning(before: Before) -> Iterator[Stress]:
    """Recall on half of the rows after a few steps of plain training on the other half.

    Halves share no author where authors are known (every second one is relearned); else every second row is.

    Raises:
        ValueError: there is only one row.
    """
    config = before.config
    relearned, others = halves(before.rows)
    as_it_is = asked(before.model, others)
    *_, (_, taught) = taught_again(before, relearned, (config.steps,))
    title = f"{config.steps} steps at {config.learning_rate:g} on the other half"
    detail = {"recall_of_the_relearned_half": asked(taught, relearned).value} | before.kept(taught)
    yield made("relearning", title, as_it_is, asked(taught, others), **detail)


@kind("relearning-curve", "recall on one half of the rows along the training on the other")
def relearning_curve(before: Before) -> Iterator[Stress]:
    """A result for each number of steps in `curve`: how fast what was forgotten comes back, beside the retrained model.

    Raises:
        ValueError: there is only one row.
    """
    relearned, others = halves(before.rows)
    as_it_is = asked(before.model, others)
    for steps, taught in taught_again(before, relearned, before.config.curve):
        yield made("relearning-curve", f"after {steps} steps of relearning", as_it_is, asked(taught, others))


def taught_again(before: Before, rows: Sequence[Row], at: Sequence[int]) -> Iterator[tuple[int, LanguageModel]]:
    """A copy of the model that is trained on rows, at each of the numbers of steps in `at`; it is the same copy."""
    config = before.config
    taught = trainable_copy(merged(before.model))
    parameters = [p for p in taught.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
    order = draws(len(rows), config.batch, config.seed)
    for step in range(1, at[-1] + 1):
        targets = [uniform_target(taught.encode(rows[i].example)) for i in next(order)]
        retain_nll(label_batch(taught, targets)).backward()
        update(optimiser, parameters, 1.0)
        if step in at:
            yield step, taught


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
