"""Several sampled answers to every question: a fact counts as recalled when it is in any of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from unlearn.metrics.answers import answer_of, answer_room
from unlearn.stress.base import Before, Stress, kind, made, recall_of, recall_of_any


@kind("sampling", "several sampled answers instead of the most probable one")
def sampling(before: Before) -> Iterator[Stress]:
    """Recall over k sampled answers: in any of them, and beside it the mean over them."""
    model, rows, config = before.model, before.rows, before.config
    prompts = [row.example.prompt for row in rows]
    # All of them told: a model's folder may carry settings of its own.
    decoding = {"do_sample": True, "temperature": config.temperature, "top_p": 1.0, "top_k": 0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(config.seed)
        said = model.generate(prompts * config.samples, answer_room(model, rows), decoding=decoding)
    rounds = [
        [answer_of(model, "forget", row, one) for row, one in zip(rows, said[k * len(rows) :], strict=False)]
        for k in range(config.samples)
    ]
    mean = float(np.mean([recall_of(answers).value for answers in rounds]))
    title = f"any of {config.samples} answers sampled at temperature {config.temperature:g}"
    yield made("sampling", title, before.recall, recall_of_any(rounds), mean_of_samples=mean)
