"""ATWU's scorer (arXiv 2606.06320) while it is learned: its loss and its optimiser, without the model's.

A `Run` owns the alternation and calls `ScorerLearner.update` between its own steps; `unlearn.run.atwu` fits one alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from attribution.scorers.learned import LinearScorer, Position
from attribution.settings import check_settings, setting


@dataclass(frozen=True)
class ScorerSettings:
    """How the scorer learns. The paper's settings are for models of 1 to 8 billion parameters; ours are marked.

    Raises:
        ValueError: a number outside its range.
    """

    # momentum 0.9, gradient clipped at 1, linear decay to 0
    scorer_lr: float = setting(0.05, "Learning rate of the scorer", "of its SGD (paper: 0.05)", above=0)
    scorer_every: int = setting(1, "Scorer steps", "model steps between two of the scorer, n_s (paper: 5)", low=1)
    beta: float = setting(2.0, "Saturation", "of the forget loss as the scorer sees it (paper: 7)", low=0)
    lambda_entropy: float = setting(1.0, "Entropy", "weight of the scores' binary entropy (paper: 1)", low=0)
    lambda_rho: float = setting(
        15.0, "Share weight", "weight of the distance between the share of scores above 1/2 and rho (paper: 15)", low=0
    )
    lambda_w: float = setting(0.01, "Decay", "weight of |w|^2 + b^2 (paper: 1)", low=0)
    rho: float = setting(0.2, "Share", "share of tokens that should score above 1/2 (paper: 0.2)", above=0, below=1)
    position: Position = setting(
        "predicting", "Scored state", "whose hidden state scores token t: its own (paper), or t - 1, predicting (ours)"
    )

    def __post_init__(self) -> None:
        check_settings(self)


def scorer_loss(
    scores: Tensor, nll: Tensor, rows: Tensor, size: int, weight: Tensor, bias: Tensor, settings: ScorerSettings
) -> Tensor:
    """J, a scalar; gradient flows to the scorer alone.

    J = - mean[ g l sg(exp(-g l))^beta ] + lambda_H mean[ h(g) ]
        + lambda_rho mean over rows[ (share of tokens with g > 1/2 - rho)^2 ] + lambda_w (|w|^2 + b^2)

    with h the binary entropy in nats and the share's gradient passed straight through the step function. There is no
    retain term: what the rows to keep need reaches the scorer only through the model's trajectory.

    Args:
        scores: g_t, `[N]`.
        nll: detached l_t in nats, `[N]`.
        rows: which row each token belongs to, `[N]`.
        size: number of rows.
    """
    forget = -(scores * nll * torch.exp(-scores * nll).detach() ** settings.beta).mean()
    # At 0 and 1 the entropy is 0 with an infinite slope, which the sigmoid's slope of 0 would turn into NaN.
    inside = scores.clamp(1e-7, 1 - 1e-7)
    entropy = (torch.special.entr(inside) + torch.special.entr(1 - inside)).mean()
    hard = (scores > 0.5).to(scores.dtype)
    straight_through = hard + scores - scores.detach()
    counts = scores.new_zeros(size).index_add(0, rows, torch.ones_like(scores))
    share = scores.new_zeros(size).index_add(0, rows, straight_through) / counts.clamp_min(1)
    spread = ((share - settings.rho) ** 2).mean()
    return (
        forget
        + settings.lambda_entropy * entropy
        + settings.lambda_rho * spread
        + settings.lambda_w * (weight.square().sum() + bias.square().sum())
    )


class ScorerLearner:
    """w and b from zero (every score 1/2), and the SGD that moves them.

    Attributes:
        loss: J at the last update; None before the first.
        updates: how many there were.
    """

    def __init__(self, hidden_size: int, settings: ScorerSettings, steps: int) -> None:
        self.settings = settings
        self.loss: float | None = None
        self.updates = 0
        self._weight = torch.zeros(hidden_size, requires_grad=True)
        self._bias = torch.zeros(1, requires_grad=True)
        self._optimiser = torch.optim.SGD([self._weight, self._bias], lr=settings.scorer_lr, momentum=0.9)
        updates = math.ceil(steps / settings.scorer_every)
        self._decay = torch.optim.lr_scheduler.LambdaLR(self._optimiser, lambda update: 1 - update / updates)

    @property
    def scorer(self) -> LinearScorer:
        """The scorer as it stands."""
        settings = {entry.name: str(getattr(self.settings, entry.name)) for entry in fields(ScorerSettings)}
        del settings["position"]
        return LinearScorer(self._weight.detach().clone(), float(self._bias.detach()), self.settings.position, settings)

    def tensors(self) -> dict[str, Tensor]:
        """All that the next update depends on beside `updates`: w, b, and their momentum once there is some."""
        found = {"weight": self._weight, "bias": self._bias}
        for name, parameter in list(found.items()):
            if parameter in self._optimiser.state:
                found[f"{name}.momentum"] = self._optimiser.state[parameter]["momentum_buffer"]
        return {name: value.detach().clone() for name, value in found.items()}

    def set_tensors(self, tensors: dict[str, Tensor], updates: int, loss: float | None) -> None:
        """Go on from what `tensors` gave after so many updates."""
        with torch.no_grad():
            for name, parameter in (("weight", self._weight), ("bias", self._bias)):
                parameter.copy_(tensors[name])
                if f"{name}.momentum" in tensors:
                    self._optimiser.state[parameter]["momentum_buffer"] = tensors[f"{name}.momentum"].clone()
        self.loss, self.updates = loss, updates
        # The schedule is a function of the number of updates.
        self._decay.last_epoch = updates
        for group, rate in zip(self._optimiser.param_groups, self._decay.base_lrs, strict=True):
            group["lr"] = rate * self._decay.lr_lambdas[0](updates)

    @torch.enable_grad()
    def update(self, states: list[Tensor], log_probs: list[Tensor]) -> None:
        """One SGD step on J from rows' detached states `[n, d]` and log-probabilities `[n]`, all on the CPU."""
        nll = -torch.cat(log_probs)
        rows = torch.repeat_interleave(torch.arange(len(states)), torch.tensor([len(row) for row in states]))
        scores = torch.sigmoid(torch.cat(states).float() @ self._weight + self._bias)
        loss = scorer_loss(scores, nll, rows, len(states), self._weight, self._bias, self.settings)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([self._weight, self._bias], 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._decay.step()
        self.updates += 1
        self.loss = loss.item()
