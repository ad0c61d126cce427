"""A step's gradients: both terms, in parts where memory is short, alone or together with other processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attribution.model.language_model import LanguageModel
from attribution.model.trunk import ReadOnce
from attribution.text.example import Example
from unlearn.data.corpus import Corpus
from unlearn.objectives.labels import Target, label_batch, totals, uniform_target
from unlearn.run.adapters import checkpoint_gradients
from unlearn.run.config import RunConfig
from unlearn.run.processes import Processes
from unlearn.run.state import Observer
from unlearn.run.terms import ForgetTerms, Terms, prepare
from unlearn.run.weighting import Weighting

log = logging.getLogger(__name__)


class StepLosses(NamedTuple):
    """A step's terms before their weights, and the mean -log p of the selected tokens in nats; None without anchors."""

    forget: float
    forget_nll: float
    retain: float
    anchor: float | None


class Gradients:
    """Makes the gradient of gamma F + lambda A + alpha R on rows of each kind, summed over micro-batches and processes.

    Attributes:
        micro_batch: rows in one forward as it stands; memory that runs out makes it smaller.
        reader: the model that is trained; where lower blocks are not, their states of a row are read once.
        refusals: answers that say nothing, for objectives that need them.
        notes: sentences for a person are added here.
    """

    def __init__(
        self,
        model: LanguageModel,
        base: LanguageModel,
        corpus: Corpus,
        config: RunConfig,
        weighting: Weighting,
        processes: Processes,
        notes: list[str],
    ) -> None:
        self._model, self._base, self._corpus, self._config = model, base, corpus, config
        self._weighting, self._processes, self.notes = weighting, processes, notes
        self.micro_batch = config.micro_batch
        prepared = prepare(base, corpus, config, weighting, notes)
        # Blocks below the first one that is trained are the same in both models, and are read once for both.
        self.reader, self._frozen = model, base
        block = config.train_from or 1
        if block > 1:
            self.reader = reader = ReadOnce(model, block, shares=not prepared.blocks)
            if base.model.dtype == model.model.dtype:
                self._frozen = ReadOnce(base, block, reader.kept)
        self.refusals = prepared.refusals
        self._terms = Terms(config, self._frozen, prepared.layer, prepared.blocks)
        # Whatever the trained model computes goes through here, so that several processes compute it together.
        self._together = processes.spread(model.model, reaches_all=prepared.layer is None)
        self._half = partial(
            torch.autocast, base.device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"
        )
        if config.gradient_checkpointing:
            checkpoint_gradients(model.model)

    @property
    def _targets(self) -> list[Target]:
        # Live scoring replaces them.
        return self._weighting.targets

    def add_first_rows(self) -> None:
        """Add up the gradients of a step on the first rows, the work of a step without its update."""
        config = self._config
        rows = [i % len(self._targets) for i in range(config.forget_batch)]
        retained = [i % len(self._corpus.retain) for i in range(config.retain_batch)]
        refusals = [i % max(1, len(self.refusals)) for i in range(config.forget_batch)]
        self.add(rows, refusals, retained)

    def add(
        self,
        rows: Sequence[int],
        drawn: Sequence[int],
        retained: Sequence[int],
        observer: Observer | None = None,
    ) -> StepLosses:
        """All terms' gradients, in smaller parts where memory runs out: the same sum in more time."""
        while True:
            try:
                forget_loss, forget_nll, anchor_loss = self._forget(rows, drawn)
                if observer:
                    observer.forgot(rows)
                retain_loss = self._retain(retained)
                if observer:
                    observer.kept()
                return StepLosses(forget_loss, forget_nll, retain_loss, anchor_loss if self._terms.anchor else None)
            except torch.OutOfMemoryError as error:
                self._take_smaller_parts(error)

    def _take_smaller_parts(self, error: BaseException) -> None:
        if self._processes.count > 1:
            raise ValueError("Memory ran out in one of several processes: set a smaller micro-batch.") from error
        rows = self.micro_batch or max(self._config.forget_batch, self._config.retain_batch)
        if rows == 1:
            raise ValueError(
                "Memory ran out with one row in a forward: train adapters (lora), take shorter rows or a smaller model."
            ) from error
        self.micro_batch = rows // 2
        self.notes.append(f"Memory ran out with {rows} rows in a forward: went on with {self.micro_batch}.")
        log.warning(self.notes[-1])
        self._model.model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _forget(self, rows: Sequence[int], drawn: Sequence[int]) -> tuple[float, float, float]:
        """Add the gradient of gamma times the forget term and lambda times the anchors, a micro-batch at a time.

        Returns the forget term, the NLL of the selected tokens in nats, and the anchors' term.
        """
        everyones = [self._targets[row] for row in rows]
        over = totals(everyones)
        targets = self._processes.share(everyones)
        instead = self._processes.share(self._refusal_targets(rows, drawn)) if self.refusals else []

        def terms(part: slice) -> ForgetTerms:
            refusing = partial(label_batch, self.reader, instead[part]) if instead else None
            return self._terms.forget(partial(label_batch, self.reader, targets[part], over=over), refusing)

        loss = nll = held = 0.0
        for part in self._parts(len(targets)):
            with self._half(), self._training_mode():
                found = ForgetTerms(*self._together(partial(terms, part)))
            if found.term.requires_grad:
                self._terms.weighed(found).backward()
            loss += found.term.item()
            nll += found.nll.item()
            held += found.held.item()
        loss, nll, held = self._processes.total(loss, nll, held)
        return loss, nll, held

    def _retain(self, rows: Sequence[int]) -> float:
        """Add alpha times the retain term's gradient; alpha 0 only measures the term, which is returned."""
        alpha = self._terms.alpha
        everyones = [uniform_target(self._model.encode(self._corpus.retain[row].example)) for row in rows]
        over = totals(everyones)
        targets = self._processes.share(everyones)

        def term_of(part: slice) -> Tensor:
            return self._terms.retain(partial(label_batch, self.reader, targets[part], over=over))

        loss = 0.0
        with torch.set_grad_enabled(alpha > 0):
            for part in self._parts(len(targets)):
                with self._half(), self._training_mode():
                    term = self._together(partial(term_of, part))
                if alpha > 0:
                    (alpha * term).backward()
                loss += term.item()
        return self._processes.total(loss)[0]

    def _parts(self, rows: int) -> list[slice]:
        size = self.micro_batch or rows
        return [slice(start, start + size) for start in range(0, rows, size)]

    def _refusal_targets(self, rows: Sequence[int], drawn: Sequence[int]) -> list[Target]:
        """A refusal to each row's prompt, every label with weight 1, the end token included."""
        texts = [self.refusals[drawn[i % len(drawn)]] for i in range(len(rows))]
        return [
            uniform_target(self._model.encode(Example(self._corpus.forget[row].example.prompt, text)))
            for row, text in zip(rows, texts, strict=True)
        ]

    @contextmanager
    def _training_mode(self) -> Iterator[None]:
        """Where gradients are checkpointed: transformers does that in training mode alone, which breaks generation."""
        model = self._model.model
        model.train(self._config.gradient_checkpointing)
        try:
            yield
        finally:
            model.eval()

    def read(self, work: Callable[[], Any]) -> Any:
        """What the trained model says, without a gradient."""
        with torch.no_grad():
            return self._together(work)
