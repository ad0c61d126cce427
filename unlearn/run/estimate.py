"""How long a run will take and what it will hold, before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from unlearn.run.loop import Run

MEGABYTE = 1e6
# Adam's two moments; plain SGD keeps none.
MOMENTS = {"adamw": 2, "sgd": 0}


@dataclass(frozen=True)
class Estimate:
    """Of a run, before its first step.

    Attributes:
        seconds: training time, probes and the answers afterwards left out.
        megabytes: of memory beside the original model while it trains: weights, gradients, moments, and on a GPU, where
            it can be measured, all that a step keeps and makes. 1 MB is 10^6 bytes.
        of_activations: whether `megabytes` holds the last part.
    """

    seconds: float
    megabytes: float
    of_activations: bool


def estimate(job: Run) -> Estimate:
    """Time the gradients of one step, after one that is not counted, and throw them away.

        seconds = steps * t(gradients of one step)
        megabytes = weights + moments + peak of that step

    The optimiser's own step is not in it, nor is scoring during the run (`score_every`, `learn`): both show from the
    first steps' `Step.seconds_left`. Nothing of the run changes but
    `gradients.micro_batch`, which is halved here already where memory runs out. Every process of a run must call this.
    """
    model = job.model.model
    on_gpu = job.model.device.type == "cuda"
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    held = weights + MOMENTS[job.config.optimiser] * trained
    seconds = 0.0
    for _ in range(2):
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if on_gpu else 0
        started = time.perf_counter()
        job.gradients.add_first_rows()
        if on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        peak = torch.cuda.max_memory_allocated() - before if on_gpu else trained
        model.zero_grad(set_to_none=True)
    return Estimate(job.config.steps * seconds, (held + peak) / MEGABYTE, on_gpu)
