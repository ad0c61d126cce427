"""What a step does to the weights: gradients of both terms, how far the weights have moved, signal against noise.

    job = run(model, corpus, config)
    job.observer = Diagnostics(job)      # costs two more backward passes a step and two copies of the gradient
    for step in job:
        step.diagnostics

Toy theory: of n answer tokens k are critical. Each of these brings the same gradient s, every other one noise of
variance v. Selecting m tokens with precision pi and recall rho adds up to a signal of rho k s in noise of variance m v,
so signal^2 / noise is rho pi k s^2 / v; the whole answer has k^2 s^2 / (n v). The gain is

    rho pi n / k,       for weights:  (n / k^2) (sum of w over critical tokens)^2 / (sum of w^2).

Random selection of m tokens has pi = k/n and rho = m/n, so a gain of m/n: below 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from unlearn.objectives import get_objective
from unlearn.objectives.labels import Target, label_batch
from unlearn.run.adapters import merged
from unlearn.run.loop import Run
from unlearn.run.state import StepDiagnostics


class Diagnostics:
    """Watches one run. Its process alone: gradients that several processes share are not gathered."""

    def __init__(self, job: Run) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            raise ValueError("Diagnostics read whole gradients, which one process has: start a single one.")
        self._job = job
        self._parameters = [p for p in job.model.model.parameters() if p.requires_grad]
        self._start = [p.detach().clone() for p in self._parameters]
        self._forget = torch.zeros(0)
        self._gradients = (0.0, 0.0, None)  # type: tuple[float, float, float | None]
        self._signal: tuple[float | None, float | None] = (None, None)

    def forgot(self, rows: Sequence[int]) -> None:
        """The forget term of these rows has left its gradient; the retain term has not."""
        self._forget = _flat([p.grad for p in self._parameters], self._parameters)
        targets = [self._job.targets[row] for row in rows]
        self._signal = (self._snr(targets), snr_gain(targets))

    def kept(self) -> None:
        """The retain term has added its gradient."""
        retain = _flat([p.grad for p in self._parameters], self._parameters) - self._forget
        sizes = float(self._forget.norm()), float(retain.norm())
        product = sizes[0] * sizes[1]
        cosine = float(torch.dot(self._forget, retain)) / product if product > 0 else None
        self._gradients = (*sizes, cosine)

    def stepped(self) -> StepDiagnostics:
        """The optimiser has moved the weights."""
        with torch.no_grad():
            moved = sum(
                float((p - start).square().sum()) for p, start in zip(self._parameters, self._start, strict=True)
            )
        return StepDiagnostics(*self._gradients, moved**0.5, *self._signal)

    def _snr(self, targets: Sequence[Target]) -> float | None:
        config = self._job.config
        chosen = get_objective(config.objective)
        facts = _facts(targets)
        if set(chosen.needs) - {"reference"} or chosen.head is not None or not facts.any():
            return None
        batch = label_batch(self._job.model, targets)
        (per_token,) = torch.autograd.grad(
            chosen.forget(batch, config.constants), batch.log_probs, retain_graph=True, allow_unused=True
        )
        if per_token is None:
            return None
        mask = facts.to(per_token.device)
        signal = self._through(batch.log_probs, per_token * mask)
        noise = self._through(batch.log_probs, per_token * ~mask)
        return signal / noise if noise > 0 else None

    def _through(self, log_probs: Tensor, per_token: Tensor) -> float:
        """Squared norm of the weights' gradient that these gradients at the tokens make."""
        gradients = torch.autograd.grad(log_probs, self._parameters, per_token, retain_graph=True, allow_unused=True)
        return float(_flat(gradients, self._parameters).square().sum())


def snr_gain(targets: Sequence[Target]) -> float | None:
    """(n / k^2) (sum of w over fact tokens)^2 / (sum of w^2), unitless; rho pi n / k for weights of 0 and 1.

    n counts the labels of all rows, k the fact tokens among them. None where k or all weights are 0.
    """
    facts = _facts(targets)
    weights = torch.cat([target.weights for target in targets]).double()
    k, power = int(facts.sum()), float(weights.square().sum())
    if not k or not power:
        return None
    return len(weights) / k**2 * float(weights[facts].sum()) ** 2 / power


def update_size(original: LanguageModel, trained: LanguageModel) -> float:
    """|delta theta|: Euclidean distance of all weights of two models of one shape, in float32; adapters are merged."""
    pairs = zip(original.model.parameters(), merged(trained).model.parameters(), strict=True)
    with torch.no_grad():
        return sum(float((b.float() - a.to(b.device).float()).square().sum()) for a, b in pairs) ** 0.5


def _facts(targets: Sequence[Target]) -> Tensor:
    """Which labels lie in a fact span, bool over the labels of all rows; what is no answer token never does."""
    marks = []
    for target in targets:
        truth = [label == "fact" for label in target.row.truth]
        marks += truth + [False] * (len(target.weights) - len(truth))
    return torch.tensor(marks)


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """One vector; a weight without a gradient has zeros."""
    parts = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g.detach()).flatten().float() for g, p in parts])
