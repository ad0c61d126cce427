"""One unlearning run: a copy of the model, trained on exactly the selected tokens, a step at a time.

job = run(load_model("embedded"), load_corpus("forget05"), RunConfig())
for step in job:          # each is one optimiser step; leave the loop, or call job.stop(), to end early
    print(step.number, step.forget_loss)
job.model                 # the model that has forgotten; the one given is untouched
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from attribution import ScoreOptions
from attribution.model.forward import NoNumberError
from attribution.model.language_model import LanguageModel
from attribution.scorers.learned import LinearScorer
from attribution.selection import Selection
from unlearn.data.corpus import Corpus
from unlearn.metrics import Judge, Probe, Prober, latest, what_is_lost
from unlearn.objectives import get_objective
from unlearn.objectives.labels import Target
from unlearn.run import checkpoints
from unlearn.run.adapters import first_block, trainable_copy
from unlearn.run.collapse import REMEDY, CollapseGuard, best_sound_step
from unlearn.run.config import OURS, RunConfig
from unlearn.run.gradients import Gradients
from unlearn.run.hand import rows_by_hand
from unlearn.run.processes import Processes
from unlearn.run.scorer_learning import ScorerLearner
from unlearn.run.state import LossNotFiniteError, Observer, RunState, Step
from unlearn.run.weighting import Weighting

log = logging.getLogger(__name__)
# Probes between two that have the model speak.
SPEAKS_EVERY = 4


class Run:
    """A run in progress, or done. Iterate to train; nothing happens before (but `refit`, which learns its scorer).

    Attributes:
        config: what was asked for.
        block: the first block that is trained.
        model: the copy that is being trained; after the last step, the result.
        weighting: the weights of every forget row, and the scores they come from.
        gradients: how a step's gradients are made.
        steps: the steps so far.
        seconds: training time so far.
        stopped: whether it ends before its last step: somebody stopped it, or it had reached what it looks for.
        before: the probe of the original model; None where the run does not probe.
        guard: where `roll_back` is set, holds the weights of the best sound step, to `restore` after the run, too.
        rolled_back_to: the step whose weights the result has, when the run collapsed and `roll_back` was set.
        notes: sentences for a person about what happened on the way.
        observer: watches every step, where one is set (`unlearn.run.diagnostics.Diagnostics`).
    """

    def __init__(
        self,
        model: LanguageModel,
        corpus: Corpus,
        config: RunConfig,
        processes: Processes | None = None,
        **score_options: Any,
    ) -> None:
        self.config = config
        needs = get_objective(config.objective).needs
        self.block = first_block(model, config.train_from, "layer" in needs)
        self.processes = processes or Processes()
        if config.lora is not None and self.processes.count > 1 and self.processes.way == "fsdp":
            raise ValueError("Adapters are small: spread a LoRA run by ddp, not by fsdp.")
        if self.block > 1 and self.processes.count > 1 and self.processes.way == "fsdp":
            raise ValueError(
                "Each process reads lower blocks for itself: spread the run by ddp, or train from block 1."
            )
        for name in ("forget_batch", "retain_batch"):
            self.processes.check_batch(name, getattr(config, name))
        self.corpus = corpus
        self.base = model
        self.steps: list[Step] = []
        self.seconds = 0.0
        self.guard: CollapseGuard | None = None
        self.rolled_back_to: int | None = None
        self.notes: list[str] = []
        self.observer: Observer | None = None
        self._checkpoint: Path | None = None
        self._checkpoint_every = 0
        self._made_of: dict[str, Any] = {}
        self._stop = False
        self._ended = False
        if config.learn == "refit":
            score_options["linear_scorer"] = self._refit(score_options)
        learner = None
        if config.learn == "alternate":
            learner = ScorerLearner(model.hidden_size, config.scorer_settings, config.steps)
        self.weighting = Weighting(
            model,
            [row.example for row in corpus.forget],
            config.rule,
            config.score_every,
            learner,
            config.resolved["anchor"] > 0 or bool({"teacher", "rest"} & set(needs)),
            rows_by_hand(config.by_hand),
            **{"seed": config.seed, **score_options},
        )
        if not any(float(target.weights.sum()) > 0 for target in self.targets):
            raise ValueError(
                f"The cut {config.rule.cut:g} on {config.rule.scorer!r} selects no token of the forget set: lower it."
            )
        self.model = trainable_copy(model, config.lora, config.seed, self.block)
        self.gradients = Gradients(self.model, model, corpus, self._as_here, self.weighting, self.processes, self.notes)
        self._prober = Prober(corpus, judge=Judge(model, corpus.retain)) if config.probe_every else None
        self.before = self._prober(model, speaks=True) if self._prober else None

    @property
    def _as_here(self) -> RunConfig:
        """The config with what the machine decided: a run that goes on elsewhere must train the same blocks."""
        return dataclasses.replace(self.config, train_from=self.block)

    @property
    def targets(self) -> list[Target]:
        """The forget rows with the weights they have now, in the order of the corpus."""
        return self.weighting.targets

    @property
    def selections(self) -> list[Selection]:
        """The selection of every forget row as it stands, in the order of the corpus."""
        return self.weighting.selections

    @property
    def scorer(self) -> LinearScorer | None:
        """The linear scorer that the run learns or was given, as it stands; None when it uses none."""
        learner = self.weighting.learner
        return learner.scorer if learner else self.weighting.options.get("linear_scorer")

    @property
    def stopped(self) -> bool:
        return self._stop and len(self.steps) < self.config.steps

    def _refit(self, score_options: dict[str, Any]) -> LinearScorer:
        config = dataclasses.replace(self.config, learn="alternate", probe_every=0)
        first = Run(self.base, self.corpus, config, **score_options)
        for _ in first:
            pass
        log.info("The scorer is fitted; the model it was fitted with is thrown away.")
        scorer = first.scorer
        assert scorer is not None
        return scorer

    def keep(self, folder: Path, every: int = 10) -> None:
        """Keep the run in a folder, every so many steps and in the end, and go on from what is there already.

        The result is that of a run that was never interrupted, bit for bit on the same machine and thread count. To be
        said before the first step.

        Raises:
            ValueError: the run is rolled back when it collapses, or its weights are cut in parts: neither is kept; or
                the folder holds files of something else.
        """
        if self.config.roll_back or (self.processes.count > 1 and self.processes.way == "fsdp"):
            raise ValueError("A run with roll_back, or one that is spread by fsdp, cannot be kept in checkpoints.")
        if every < 1:
            raise ValueError(f"A checkpoint is written every so many steps, at least 1, not {every}.")
        checkpoints.check_ours(folder)
        self._checkpoint, self._checkpoint_every = folder.resolve(), every
        options = ScoreOptions(**self.weighting.options)
        self._made_of = checkpoints.made_of(self.base, self.corpus, self._as_here, options)

    def _trained(self) -> dict[str, torch.Tensor]:
        return {name: weight for name, weight in self.model.model.named_parameters() if weight.requires_grad}

    def _write(self, optimiser: torch.optim.Optimizer) -> None:
        """Put the run as it stands into its checkpoint, where it has one."""
        if self._checkpoint is None or self.processes.rank:
            return
        learner, weights = self.weighting.learner, self._trained()
        scores, probability = self.weighting.columns()
        state = RunState(
            steps=tuple(self.steps),
            seconds=self.seconds,
            notes=tuple(self.notes),
            ended=self._ended,
            micro_batch=self.gradients.micro_batch,
            weights=weights,
            moments=checkpoints.moments(optimiser, weights),
            scores=scores,
            probability=probability,
            scored_before=tuple(self.weighting.scored_before),
            learner=learner.tensors() if learner else {},
            learner_updates=learner.updates if learner else 0,
            learner_loss=learner.loss if learner else None,
        )
        checkpoints.write(state, self._made_of, self._checkpoint)

    def _go_on(self, optimiser: torch.optim.Optimizer, orders: Sequence[Iterator[list[int]]]) -> None:
        """Take up the checkpoint, where there is one."""
        found = checkpoints.find(self._checkpoint) if self._checkpoint else None
        if found is None:
            return
        state, weights = checkpoints.read(found, self._made_of), self._trained()
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(state.weights[name])
        checkpoints.set_moments(optimiser, weights, state.moments)
        self.weighting.take_columns(state.scores, state.probability, state.scored_before)
        if self.weighting.learner:
            self.weighting.learner.set_tensors(state.learner, state.learner_updates, state.learner_loss)
        self.steps[:], self.notes[:] = state.steps, state.notes
        self.seconds, self.gradients.micro_batch = state.seconds, state.micro_batch
        self._ended = self._stop = state.ended
        for order in orders:
            for _ in self.steps:
                next(order)
        log.info("Went on after step %d, from %s.", len(self.steps), found)

    def orders(self) -> tuple[Iterator[list[int]], Iterator[list[int]], Iterator[list[int]]]:
        """The numbers of the rows to forget, of those to keep, and of the refusals, a step's worth at a time."""
        config = self.config
        return (
            draws(len(self.targets), config.forget_batch, config.seed),
            draws(len(self.corpus.retain), config.retain_batch, config.seed + 1),
            # As many refusals as rows; where there are fewer refusals than rows, they come round again.
            draws(max(1, len(self.gradients.refusals)), config.forget_batch, config.seed + 2),
        )

    def stop(self) -> None:
        """End after the step that is running, or after the last one; every process of a run after the same step."""
        self._stop = True

    def __iter__(self) -> Iterator[Step]:
        """Train, and yield a `Step` after every optimiser step. ValueError: another run is kept in the same folder."""
        if self._checkpoint is None or self.processes.rank:
            yield from self._train()
        else:
            with checkpoints.alone(self._checkpoint):
                yield from self._train()

    def _train(self) -> Iterator[Step]:
        config = self.config
        parameters = [p for p in self.model.model.parameters() if p.requires_grad]
        optimiser = optimiser_of(config, parameters)
        if config.roll_back and self.before:
            self.guard = CollapseGuard(parameters, self.before)
        orders = forget_order, retain_order, refusal_order = self.orders()
        self._go_on(optimiser, orders)
        if self._ended:
            return
        for number in range(len(self.steps) + 1, config.steps + 1):
            started = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = config.rate_at(number)
            rows = next(forget_order)
            with self._numbers(number):
                self.gradients.read(partial(self.weighting.refresh, self.model, rows, number))
                losses = self.gradients.add(rows, next(refusal_order), next(retain_order), self.observer)
            # A gradient without a number would leave weights without one behind a loss that still had one.
            sound = update(optimiser, parameters, 1.0)
            self.seconds += time.perf_counter() - started
            with self._numbers(number):
                if not (sound and math.isfinite(losses.forget + losses.retain)):
                    raise NoNumberError
                probe = self._probe(number)
            learner = self.weighting.learner
            step = Step(
                number=number,
                of=config.steps,
                forget_loss=losses.forget,
                retain_loss=losses.retain,
                forget_nll=losses.forget_nll,
                seconds=self.seconds,
                seconds_left=self._pace(number) * (config.steps - number),
                probe=probe,
                anchor_loss=losses.anchor,
                scorer_loss=learner.loss if learner else None,
                diagnostics=self.observer.stepped() if self.observer else None,
            )
            self.steps.append(step)
            self._ended = self._reached(step) or self._collapsed(step) or number == config.steps
            last = self._stop = self._stop or self._ended
            if last:
                self._warn()
                self._gather()
            if last or (self._checkpoint_every and number % self._checkpoint_every == 0):
                self._write(optimiser)
            try:
                yield step
            finally:
                # Stopped between two steps: what a last step does is made up for, even if the reader has left.
                if self._stop and not last:
                    self._warn()
                    self._gather()
                    self._write(optimiser)
            if self._stop:
                return

    @contextmanager
    def _numbers(self, number: int) -> Iterator[None]:
        """What a step computes, which ends the run where it has come to no number."""
        try:
            yield
        except NoNumberError as error:
            raise LossNotFiniteError(
                f"The loss is no longer a number at step {number}: lower the learning rate "
                f"({self.config.learning_rate:g}) or choose a bounded objective such as wga."
            ) from error

    def _pace(self, number: int) -> float:
        """Seconds a step, after `number` of them."""
        return self.seconds if number == 1 else (self.seconds - self.steps[0].seconds) / (number - 1)

    def _reached(self, step: Step) -> bool:
        """Whether the probe has forgotten enough to stop."""
        target = self.config.until_recall
        recall = step.probe.forget_recall if step.probe else None
        if target is None or recall is None or recall > target:
            return False
        self.notes.append(f"Stopped after step {step.number}: the probe's forget recall is {recall:.2f}.")
        log.info(self.notes[-1])
        return True

    def _collapsed(self, step: Step) -> bool:
        """Whether the run has taken the rest along; the weights are then those of the best sound step again."""
        guard = self.guard
        if guard is None or step.probe is None or not guard.collapsed(step.number, step.probe):
            return False
        self.rolled_back_to = guard.restore()
        self.notes.append(
            f"The run collapsed at step {step.number}: what should stay fell below half. The model is that of step "
            f"{self.rolled_back_to} again. {REMEDY}"
        )
        log.warning(self.notes[-1])
        return True

    def _warn(self) -> None:
        """Say it when the run ends with more lost than the facts, and which step was sound."""
        lost = what_is_lost(self.before, latest([step.probe for step in self.steps]))
        if lost and self.rolled_back_to is None:
            best = best_sound_step(self.before, self.steps)
            self.notes.append(f"{lost} {f'Step {best} was sound: end there. ' if best else ''}{REMEDY}")
            log.warning(self.notes[-1])

    def _gather(self) -> None:
        """Put the weights together again, on every process, when the run ends."""
        whole = self.processes.whole(self.model.model)
        if whole is not self.model.model:
            self.model = self.model.with_weights(whole)

    def _probe(self, number: int) -> Probe | None:
        every, ends = self.config.probe_every, number in (1, self.config.steps) or self._stop
        if self._prober is None or not (number % every == 0 or ends):
            return None
        # Answers take as long as all else in a probe, and longer once they are no language: not every time, and then no
        # more before the end, unless the run is to go back when they go.
        lost = what_is_lost(self.before, latest([step.probe for step in self.steps]))
        speaks = ends or self.guard is not None or (number % (SPEAKS_EVERY * every) == 0 and not lost)
        return self.gradients.read(partial(self._prober, self.gradients.reader, speaks))


def run(
    model: LanguageModel,
    corpus: Corpus,
    config: RunConfig | None = None,
    processes: Processes | None = None,
    **score_options: Any,
) -> Run:
    """Prepare a run: score the forget set with the original model, apply the rule, copy the model.

    Args:
        config: None takes `unlearn.run.config.OURS`, the preset `ours`.
        processes: those that share the work (`Processes.started()`); None for this one alone.
        score_options: fields of `attribution.ScoreOptions`, such as `mask_scope`.

    Raises:
        ValueError: the rule selects nothing, or the scores cannot be made.
    """
    return Run(model, corpus, config or OURS, processes, **score_options)


def draws(rows: int, batch: int, seed: int) -> Iterator[list[int]]:
    """Row numbers, `batch` at a time, for ever: every row once in random order before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < min(batch, rows):
            waiting += torch.randperm(rows, generator=generator).tolist()
        yield waiting[:batch]
        waiting = waiting[batch:]


def update(optimiser: torch.optim.Optimizer, parameters: Sequence[torch.nn.Parameter], largest: float) -> bool:
    """Step along the gradients, clipped to a norm of `largest`, and drop them; whether they were numbers."""
    sound = bool(torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, largest)))
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return sound


def optimiser_of(config: RunConfig, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a run, with nothing behind it."""
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=config.learning_rate)
    # Fused: one pass over weights, gradients and moments instead of a dozen, a fifth of the time on a processor.
    return torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0, fused=True)
