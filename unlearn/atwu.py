"""ATWU (arXiv 2606.06320): a linear scorer learned in alternation with the model that is unlearning.

    w = 0, b = 0 (every score 1/2); the model starts as the original
    each step: forward a forget and a random retain batch with the current model
      every `scorer_every` steps, from detached l_t and h_t of this same forward, one SGD step on J (see `scorer_loss`)
      model step on alpha * retain NLL + gamma * SatGA+ with the scores detached

The scorer never sees spans: it reads hidden states and losses alone. There is no retain term in J, so what the rows to
keep need reaches the scorer only through the model's trajectory; `alternate=False` freezes the model to show that.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from attribution.language_model import LanguageModel
from attribution.learned import LinearScorer
from unlearn.corpus import Corpus
from unlearn.labels import LabelBatch, label_batch, uniform_target
from unlearn.loop import draws, trainable_copy
from unlearn.objectives import retain_nll, sat_ga_plus


@dataclass(frozen=True)
class AtwuConfig:
    """Settings of the alternation. The paper's are for models of 1 to 8 billion parameters; ours are marked.

    Attributes:
        steps: steps of the model.
        learning_rate: of the model (AdamW). Paper: 1e-5 to 2e-5; ours fits models of a few million parameters.
        scorer_lr: of the scorer (SGD, momentum 0.9, gradient clipped at 1, linear decay to 0). Paper: 0.05.
        scorer_every: n_s, model steps between two scorer steps. Paper: 5; ours: 1.
        beta: saturation of the forget loss. Paper: 7; ours: 2.
        lambda_entropy: weight of the scores' binary entropy. Paper: 1.
        lambda_rho: weight of the distance between the share of scores above 1/2 and rho. Paper: 15.
        lambda_w: weight of |w|^2 + b^2. Paper: 1; ours: 0.01.
        rho: share of tokens that should score above 1/2. Paper: 0.2.
        alpha, gamma: weights of the retain and the forget term in the model's loss. Paper: 0.5 and 3.
        position: whose hidden state scores token t: its `own` (paper) or the `predicting` one, t-1 (ours).
        alternate: False fits the scorer on the frozen original instead.
        forget_batch, retain_batch, seed: rows in a step, and the order of rows.
    """

    steps: int = 40
    learning_rate: float = 5e-4
    scorer_lr: float = 0.05
    scorer_every: int = 1
    beta: float = 2.0
    lambda_entropy: float = 1.0
    lambda_rho: float = 15.0
    lambda_w: float = 0.01
    rho: float = 0.2
    alpha: float = 0.5
    gamma: float = 3.0
    position: Literal["predicting", "own"] = "predicting"
    alternate: bool = True
    forget_batch: int = 16
    retain_batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.position not in ("predicting", "own"):
            raise ValueError(f"position is {self.position!r}: choose predicting or own.")
        for name in ("steps", "scorer_every", "forget_batch", "retain_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if not 0 < self.rho < 1:
            raise ValueError(f"rho is a share of tokens between 0 and 1, not {self.rho}.")


@dataclass(frozen=True)
class AtwuStep:
    """One step: the scorer's loss J, the model's two terms, and the share of tokens that score above 1/2."""

    number: int
    scorer_loss: float
    forget_loss: float
    retain_loss: float
    share: float


def scorer_loss(
    scores: Tensor, nll: Tensor, rows: Tensor, size: int, weight: Tensor, bias: Tensor, config: AtwuConfig
) -> Tensor:
    """J, a scalar; gradient flows to the scorer alone.

    J = - mean[ g l sg(exp(-g l))^beta ] + lambda_H mean[ h(g) ]
        + lambda_rho mean over rows[ (share of tokens with g > 1/2 - rho)^2 ] + lambda_w (|w|^2 + b^2)

    with h the binary entropy in nats and the share's gradient passed straight through the step function.

    Args:
        scores: g_t, `[N]`.
        nll: detached l_t in nats, `[N]`.
        rows: which row each token belongs to, `[N]`.
        size: number of rows.
    """
    forget = -(scores * nll * torch.exp(-scores * nll).detach() ** config.beta).mean()
    entropy = (torch.special.entr(scores) + torch.special.entr(1 - scores)).mean()
    hard = (scores > 0.5).to(scores.dtype)
    straight_through = hard + scores - scores.detach()
    counts = scores.new_zeros(size).index_add(0, rows, torch.ones_like(scores))
    share = scores.new_zeros(size).index_add(0, rows, straight_through) / counts.clamp_min(1)
    spread = ((share - config.rho) ** 2).mean()
    return (
        forget
        + config.lambda_entropy * entropy
        + config.lambda_rho * spread
        + config.lambda_w * (weight.square().sum() + bias.square().sum())
    )


class Fit:
    """Fitting in progress, or done. Iterate to fit; `scorer` is the result so far."""

    def __init__(self, model: LanguageModel, corpus: Corpus, config: AtwuConfig) -> None:
        self.config = config
        self.model = trainable_copy(model)
        # Only text goes in: the targets carry no spans.
        self.forget = [
            uniform_target(model.encode(dataclasses.replace(row.example, spans=()))) for row in corpus.forget
        ]
        self.retain = corpus.retain
        device = model.device
        self._weight = torch.zeros(model.hidden_size, device=device, requires_grad=True)
        self._bias = torch.zeros(1, device=device, requires_grad=True)

    @property
    def scorer(self) -> LinearScorer:
        """The scorer as it stands."""
        settings = {name: str(value) for name, value in dataclasses.asdict(self.config).items() if name != "position"}
        return LinearScorer(
            self._weight.detach().cpu().clone(), float(self._bias.detach()), self.config.position, settings
        )

    def __iter__(self) -> Iterator[AtwuStep]:
        config = self.config
        parameters = [p for p in self.model.model.parameters() if p.requires_grad]
        model_optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
        scorer_optimiser = torch.optim.SGD([self._weight, self._bias], lr=config.scorer_lr, momentum=0.9)
        scorer_steps = math.ceil(config.steps / config.scorer_every)
        decay = torch.optim.lr_scheduler.LambdaLR(scorer_optimiser, lambda step: 1 - step / scorer_steps)
        forget_order = draws(len(self.forget), config.forget_batch, config.seed)
        retain_order = draws(len(self.retain), config.retain_batch, config.seed + 1)
        loss = torch.tensor(0.0)
        for number in range(1, config.steps + 1):
            forget = _without_end(label_batch(self.model, [self.forget[i] for i in next(forget_order)]))
            states = (forget.states if config.position == "predicting" else forget.own_states).detach().float()
            if (number - 1) % config.scorer_every == 0:
                loss = scorer_loss(
                    torch.sigmoid(states @ self._weight + self._bias),
                    -forget.log_probs.detach(),
                    forget.rows,
                    forget.size,
                    self._weight,
                    self._bias,
                    config,
                )
                loss.backward()
                torch.nn.utils.clip_grad_norm_([self._weight, self._bias], 1.0)
                scorer_optimiser.step()
                scorer_optimiser.zero_grad(set_to_none=True)
                decay.step()
            scores = torch.sigmoid(states @ self._weight + self._bias).detach()
            forget_loss = retain_loss = torch.tensor(0.0)
            if config.alternate:
                forget_loss = sat_ga_plus(dataclasses.replace(forget, weights=scores), config.beta, "label")
                retain = label_batch(
                    self.model, [uniform_target(self.model.encode(self.retain[i].example)) for i in next(retain_order)]
                )
                retain_loss = retain_nll(retain)
                (config.gamma * forget_loss + config.alpha * retain_loss).backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                model_optimiser.step()
                model_optimiser.zero_grad(set_to_none=True)
            yield AtwuStep(
                number, loss.item(), forget_loss.item(), retain_loss.item(), (scores > 0.5).float().mean().item()
            )


def fit_scorer(model: LanguageModel, corpus: Corpus, config: AtwuConfig | None = None) -> LinearScorer:
    """Fit the learned scorer by the alternation; the model given is untouched.

    The same seed gives the same scorer, with or without spans in the rows.
    """
    fit = Fit(model, corpus, config or AtwuConfig())
    for _ in fit:
        pass
    return fit.scorer


def _without_end(batch: LabelBatch) -> LabelBatch:
    """The batch without each row's end token: special tokens are never scored."""
    keep = ~batch.ends
    return dataclasses.replace(
        batch,
        log_probs=batch.log_probs[keep],
        weights=batch.weights[keep],
        rows=batch.rows[keep],
        ends=batch.ends[keep],
        states=batch.states[keep],
        own_states=batch.own_states[keep],
    )
