"""The terms of a step's loss: what is known of the rows before the first step, and what they come to on a batch."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.data.load_corpus import load_refusals
from unlearn.objectives import get_objective, get_retention
from unlearn.objectives.base import anchors
from unlearn.objectives.distillation import inner_blocks
from unlearn.objectives.labels import Extras, LabelBatch, Layer, with_reference
from unlearn.objectives.representation import steered_layer
from unlearn.objectives.retention import kl_head
from unlearn.run.config import RunConfig
from unlearn.run.teacher import with_frozen, with_teacher
from unlearn.run.weighting import Weighting


class Read(Protocol):
    """Reads a batch of rows under the model that is trained, with whatever is asked for beside log p."""

    def __call__(self, *, extras: Extras) -> LabelBatch: ...


class Prepared(NamedTuple):
    """What was made once, from the frozen model, beside what the targets carry.

    Attributes:
        layer: where an objective on inner states reads; None for others.
        blocks: whose states are drawn to the teacher's; none for others.
        refusals: answers that say nothing, for objectives that need them.
    """

    layer: Layer | None
    blocks: tuple[int, ...]
    refusals: tuple[str, ...]


class ForgetTerms(NamedTuple):
    """The forget term, the mean -log p of the selected tokens in nats, and the anchors' term (0 without anchors)."""

    term: Tensor
    nll: Tensor
    held: Tensor


def needs_of(config: RunConfig) -> set[str]:
    """What the objective and the retain term of a run need beside log p."""
    return {*get_objective(config.objective).needs, *get_retention(config.resolved["retain"]).needs}


def prepare(base: LanguageModel, corpus: Corpus, config: RunConfig, weighting: Weighting, notes: list[str]) -> Prepared:
    """Put what the frozen model says into the targets of the rows to forget, as far as the loss needs it.

    Args:
        notes: sentences for a person are added here.

    Raises:
        ValueError: the loss pushes at a layer that is not there, or that no trained block reaches.
    """
    needs = needs_of(config)
    blocks: tuple[int, ...] = ()
    if "reference" in needs:
        weighting.targets = with_reference(base, weighting.targets)
    if config.resolved["anchor"] or "teacher" in needs:
        weighting.targets = with_frozen(base, weighting.targets)
    if "teacher" in needs:
        blocks = _drawn_blocks(base, config, notes)
        weighting.targets = with_teacher(
            base, weighting.targets, corpus.retain, config.teacher, config.seed, notes, blocks
        )
    layer = None
    if "layer" in needs:
        predicting = config.layer_position == "predicting"
        layer = steered_layer(base, weighting.targets, config.layer, predicting, config.seed)
        if layer.index < (config.train_from or 1):
            raise ValueError(
                f"The loss pushes at layer {layer.index}, which no trained block reaches: train from block "
                f"{layer.index} or a lower one."
            )
    return Prepared(layer, blocks, load_refusals() if "refusals" in needs else ())


def _drawn_blocks(base: LanguageModel, config: RunConfig, notes: list[str]) -> tuple[int, ...]:
    """The blocks whose states are drawn to the teacher's."""
    if not config.constants.inner:
        return ()
    try:
        return inner_blocks(len(base.blocks), config.train_from or 1)
    except ValueError:
        notes.append("This model's blocks are not found: its inner states are left to what it says.")
        return ()


class Terms:
    """gamma F + lambda A + alpha R of a run: F the forget term, A the anchors, R the retain term.

    Args:
        frozen: the model before unlearning; None where nothing is compared with it.
        layer, blocks: as in `Prepared`.
        refers: whether log p of the frozen model is read with every batch, where it does not stand in the targets.
    """

    def __init__(
        self,
        config: RunConfig,
        frozen: LanguageModel | None,
        layer: Layer | None = None,
        blocks: tuple[int, ...] = (),
        refers: bool = False,
    ) -> None:
        values = config.resolved
        self._objective, self._retention = get_objective(config.objective), get_retention(values["retain"])
        self._constants, self._frozen, self._layer, self._blocks = config.constants, frozen, layer, blocks
        self._refers = refers and self._objective.needs_reference
        self.gamma, self.alpha, self.anchor = values["gamma"], values["alpha"], values["anchor"]

    def forget(self, read: Read, refusing: Read | None = None) -> ForgetTerms:
        """The terms of rows to forget.

        Args:
            refusing: reads a refusal to each row's prompt, for objectives that need refusals.
        """
        needs = self._objective.needs
        head, anchor = self._objective.head_with(self._constants), kl_head if self.anchor else None
        layer = self._layer if "layer" in needs else None
        taught = "teacher" in needs
        extras = Extras(
            frozen=self._frozen if head or layer or anchor or self._refers else None,
            reference=self._refers,
            head=head,
            layer=layer,
            raw="logits" in needs,
            taught=taught,
            anchor=anchor,
            blocks=self._blocks if taught else (),
        )
        batch = read(extras=extras)
        if refusing:
            against = Extras(frozen=self._frozen, reference=True)
            batch = dataclasses.replace(batch, refusals=refusing(extras=against))
        held = anchors(batch) if self.anchor else batch.log_probs.new_zeros(())
        return ForgetTerms(self._objective.forget(batch, self._constants), _weighted_nll(batch), held)

    def retain(self, read: Read) -> Tensor:
        """The term of rows to keep."""
        head = self._retention.head
        layer = self._layer if "layer" in self._retention.needs else None
        frozen = self._frozen if head or layer else None
        return self._retention.loss(read(extras=Extras(frozen=frozen, head=head, layer=layer)))

    def weighed(self, found: ForgetTerms) -> Tensor:
        """gamma F + lambda A."""
        return self.gamma * found.term + self.anchor * found.held


def _weighted_nll(batch: LabelBatch) -> Tensor:
    total = -(batch.log_probs.detach() * batch.weights).sum()
    return total / batch.totals.weight if batch.totals.weight else torch.zeros_like(total)
