"""`unlearn.Trainer`: the loss of a run inside `transformers.Trainer`, for data, callbacks and launchers of one's own.

    model = load_model("embedded")
    trainer = Trainer(model, TrainingArguments("out", max_steps=20), corpus=load_corpus("forget05"))
    trainer.train()
    trainer.unlearned  # the model that has forgotten; the one given is untouched

Weights, objective, retain term and anchors are those of the `RunConfig`; optimiser, schedule, batches, checkpoints and
processes are `TrainingArguments`' business.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor
from torch.utils.data import Dataset

from attribution.model.language_model import LanguageModel, Whole
from attribution.text.example import Example
from unlearn.data.corpus import Corpus
from unlearn.objectives import get_objective, get_retention
from unlearn.objectives.labels import Labels, Target, Totals, gathered, read_labels, uniform_target
from unlearn.run.adapters import first_block, trainable_copy, without_dropout
from unlearn.run.config import OURS, RunConfig
from unlearn.run.hand import rows_by_hand
from unlearn.run.terms import Prepared, Terms, needs_of, prepare
from unlearn.run.weighting import Weighting

IGNORED = -100
"""In `labels`, what is no label."""

SIDES = ("forget", "retain", "refusal")
OF_A_LABEL = ("reference", "frozen", "teacher", "unsaid", "inner")
# What only a loop of ours can do.
OF_A_RUN = ("score_every", "until_recall", "roll_back")
# What is done to a model or to rows before a Trainer has them, where they are one's own.
OF_A_CORPUS = ("lora", "train_from", "by_hand")


class Pair(NamedTuple):
    """An item of `Pairs`: a row to forget, one to keep, and where they are needed a refusal to the first."""

    forget: Target
    retain: Target
    refusal: Target | None


class Pairs(Dataset[Pair]):
    """Every row to forget, with a row to keep that is drawn anew each time."""

    def __init__(
        self, model: LanguageModel, corpus: Corpus, targets: Sequence[Target], refusals: Sequence[str]
    ) -> None:
        self._model, self._corpus, self._targets, self._refusals = model, corpus, targets, refusals

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, row: int) -> Pair:
        retain = self._corpus.retain[_drawn(len(self._corpus.retain))].example
        refusal = None
        if self._refusals:
            said = self._refusals[_drawn(len(self._refusals))]
            refusal = uniform_target(self._model.encode(Example(self._corpus.forget[row].example.prompt, said)))
        return Pair(self._targets[row], uniform_target(self._model.encode(retain)), refusal)


def _drawn(of: int) -> int:
    return int(torch.randint(of, ()))


def collate(model: LanguageModel, pairs: Sequence[Pair]) -> dict[str, dict[str, Tensor]]:
    """A batch of pairs as `Trainer` takes it: for each side `input_ids`, `attention_mask`, `labels` and `weights`,
    `[rows, length]`, and what the frozen model says of each label, label after label."""
    batch = {}
    for side in SIDES:
        targets = [target for pair in pairs if (target := getattr(pair, side)) is not None]
        if targets:
            found = gathered(model, targets)
            labels = torch.full_like(found.ids, IGNORED)
            labels[found.rows, found.where] = found.ids_there
            weights = torch.zeros(found.ids.shape, dtype=found.weights.dtype, device=found.ids.device)
            weights[found.rows, found.where] = found.weights
            batch[side] = {"input_ids": found.ids, "attention_mask": found.attention, "labels": labels}
            batch[side] |= {"weights": weights}
            batch[side] |= {name: value for name in OF_A_LABEL if (value := getattr(found, name)) is not None}
    # On a processor: workers and pinned memory bring it where it is needed.
    return {side: {name: value.cpu() for name, value in given.items()} for side, given in batch.items()}


class Trainer(transformers.Trainer):
    """A `transformers.Trainer` whose loss is gamma F + lambda A + alpha R of a run.

    Its gradient is that of `unlearn.run` on the same rows, also over accumulated batches and processes: means are over
    all labels (or rows) of a step. Forwards are without dropout.

    Batches are `{"forget": {...}, "retain": {...}}` with `input_ids`, `attention_mask`, `labels` (-100 where there is
    none) and, where not every label weighs 1, `weights`, all `[rows, length]`; those of open-unlearning are.

    Args:
        model: from `load_model`, to train a copy of it (adapters with `config.lora`) on a corpus; or a model of
            transformers or PEFT, which is trained itself, on a `train_dataset` of one's own.
        config: None takes `unlearn.run.config.OURS`. Steps, learning rate, batches and precision are `args`' business.
        corpus: rows to forget, weighted by the config's rule, and to keep.
        reference: with a model of transformers, the model before unlearning, for losses that compare with it; a copy
            of the model as it is given unless told.

    Raises:
        ValueError: a setting that only a run has, or data that do not fit the model.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        args: transformers.TrainingArguments | None = None,
        *,
        config: RunConfig | None = None,
        corpus: Corpus | None = None,
        reference: Any = None,
        **rest: Any,
    ) -> None:
        self.config = config or OURS
        self.notes: list[str] = []
        self._frozen: LanguageModel | None = None
        self._prepared = Prepared(None, (), ())
        _check(self.config)
        if isinstance(model, LanguageModel):
            if corpus is None:
                raise ValueError("A model from load_model is trained on a corpus: give corpus=load_corpus(...).")
            rest = self._on_corpus(model, corpus) | rest
        elif corpus is not None:
            raise ValueError("A corpus is read with the model's own template: give a model from load_model(...).")
        else:
            self._on_own_data(model, reference, rest.get("processing_class"))
        without_dropout(self._trained.model)
        args = args or transformers.TrainingArguments("trainer_output")
        if args.label_smoothing_factor or rest.get("compute_loss_func"):
            raise ValueError(
                "The loss is that of config: leave label_smoothing_factor and compute_loss_func out, or register an "
                "objective of your own."
            )
        # Else the two sides of a batch would be taken for columns that the model does not read.
        args.remove_unused_columns = False
        self._through = _Through(self._trained)
        super().__init__(self._trained.model, args, **rest)
        self._frozen = self._beside(self.args.device)
        prepared = self._prepared
        self._terms = Terms(self.config, self._frozen, prepared.layer, prepared.blocks, refers=corpus is None)
        # Releases before `loss_is_scaled_for_ga` tell by this that totals are over the whole step.
        self.model_accepts_loss_kwargs = True
        self._sums: dict[str, float] = {}
        self._counted = 0

    def _on_corpus(self, base: LanguageModel, corpus: Corpus) -> dict[str, Any]:
        """Prepare a copy of the model and the rows of a corpus; what `transformers.Trainer` is told of them."""
        config, needs = self.config, needs_of(self.config)
        weighting = Weighting(
            base,
            [row.example for row in corpus.forget],
            config.rule,
            anchored=config.resolved["anchor"] > 0 or bool({"teacher", "rest"} & needs),
            edits=rows_by_hand(config.by_hand),
            seed=config.seed,
        )
        block = first_block(base, config.train_from, "layer" in needs)
        self._trained = trainable_copy(base, config.lora, config.seed, block)
        self._frozen = base
        self._prepared = prepared = prepare(base, corpus, config, weighting, self.notes)
        pairs = Pairs(base, corpus, weighting.targets, prepared.refusals)
        return {
            "train_dataset": pairs,
            "data_collator": partial(collate, base),
            "processing_class": base.tokenizer,
        }

    def _on_own_data(self, model: Any, reference: Any, tokenizer: Any) -> None:
        beyond = needs_of(self.config) - {"reference", "logits", "rest"}
        if beyond or self.config.resolved["anchor"]:
            raise ValueError(
                f"The objective {self.config.objective!r} needs more than the rows themselves: give a model from "
                "load_model(...) and a corpus, or take an objective such as npo."
            )
        for name, one in (("model", model), ("reference", reference)):
            if not isinstance(one, torch.nn.Module) and (name == "model" or one is not None):
                raise ValueError(f"The {name} is {str(one)[:60]!r}: give a model of transformers or PEFT, loaded.")
        given = _changed(self.config, OF_A_CORPUS)
        if given:
            raise ValueError(
                f"A model of one's own has no {', '.join(given)}: put adapters on it with peft, freeze its blocks and "
                "put weights in the batches, or give a model from load_model(...) and a corpus."
            )
        if tokenizer is None:
            raise ValueError("Say which tokenizer belongs to the model: processing_class=...")
        heads = get_objective(self.config.objective).head, get_retention(self.config.resolved["retain"]).head
        if reference is None and ("reference" in needs_of(self.config) or any(heads)):
            reference = copy.deepcopy(model).requires_grad_(False)
        self._trained = LanguageModel(model, tokenizer)
        self._frozen = None if reference is None else LanguageModel(reference, tokenizer)

    def _beside(self, device: torch.device) -> LanguageModel | None:
        """The frozen model on the device of the one that is trained; the one given stays where it is."""
        frozen = self._frozen
        if frozen is None or frozen.device == device:
            return frozen
        return frozen.with_weights(copy.deepcopy(frozen.model).to(device))

    @property
    def unlearned(self) -> LanguageModel:
        """The model as it stands, to be asked, scored and evaluated."""
        model = self._trained.model.eval()
        return self._trained.with_weights(model)

    # What transformers.Trainer calls ---------------------------------------------------------------------------------

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The batches of a step, with what its means are over in the place of a number of items."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        return batches, self._totals(batches, device)

    def compute_loss(
        self, model: Any, inputs: Mapping[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """gamma F + lambda A + alpha R of a batch, over the totals of its step."""
        over = num_items_in_batch or self._totals([inputs], self.args.device, alone=True)
        self._through.around = model
        read = {
            side: partial(read_labels, self._through, labels, over=over[side])
            for side, labels in sides_of(inputs).items()
        }
        found = self._terms.forget(read["forget"], read.get("refusal"))
        retain = self._terms.retain(read["retain"])
        loss = self._terms.weighed(found) + self._terms.alpha * retain
        if model.training:
            self._note(forget_loss=found.term, forget_nll=found.nll, retain_loss=retain)
            # Gradients of processes are averaged, and ours add up to the step's.
            loss = loss * self.accelerator.num_processes
        return (loss, {"loss": loss}) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: Mapping[str, Any], prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[Tensor, None, None]:
        """The loss of a batch, without a gradient."""
        with torch.no_grad():
            return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Beside the loss, its terms, averaged over the steps since the last time."""
        if self._counted:
            sums = torch.tensor(list(self._sums.values()), device=self.args.device)
            means = (self.accelerator.reduce(sums, reduction="sum") / self._counted).tolist()
            logs = {**logs, **dict(zip(self._sums, means, strict=True))}
        super().log(logs, start_time)
        self._sums, self._counted = {}, 0

    def _note(self, **terms: Tensor) -> None:
        if self.accelerator.sync_gradients:
            self._counted += 1
        for name, term in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(term.detach())

    def _totals(self, batches: Sequence[Any], device: Any, alone: bool = False) -> dict[str, Totals]:
        """What the means of a step are over, side by side: all of its batches, of all processes unless `alone`."""
        found = {}
        read = [sides_of(batch) for batch in batches]
        for side in SIDES:
            labels = [sides[side] for sides in read if side in sides]
            if labels:
                sums = [torch.tensor(_sums(one), dtype=torch.float32, device=device) for one in labels]
                total = torch.stack(sums).sum(dim=0)
                if not alone and self.accelerator.num_processes > 1:
                    total = self.accelerator.reduce(total, reduction="sum")
                weight, count, rows, rest = total.tolist()
                found[side] = Totals(weight, round(count), round(rows), rest)
        return found


def sides_of(batch: Any) -> dict[str, Labels]:
    """The rows of every side of a batch; what else stands in it is left. ValueError where it is no such batch."""
    if not isinstance(batch, Mapping) or not all(isinstance(batch.get(side), Mapping) for side in SIDES[:2]):
        raise ValueError(
            'A batch has no two sides: let the collator give {"forget": {...}, "retain": {...}}, each with input_ids, '
            "attention_mask and labels."
        )
    return {side: labels_of(batch[side], side) for side in SIDES if batch.get(side) is not None}


def labels_of(given: Mapping[str, Tensor], side: str) -> Labels:
    """The rows of one side of a batch.

    Raises:
        ValueError: a part of them is missing or of another shape, no row has a label, or a weight is none.
    """
    names = ("input_ids", "attention_mask", "labels")
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"The {side} side of a batch has no {' and no '.join(missing)}: let the collator add them.")
    parts = [given[name] for name in (*names, "weights") if name in given]
    if not all(isinstance(part, Tensor) and part.ndim == 2 and part.shape == parts[0].shape for part in parts):
        raise ValueError(
            f"The {side} side of a batch has parts of different shapes: let the collator give tensors, all of them "
            "[rows, length]."
        )
    ids, labels = given["input_ids"], given["labels"]
    # What stands first is predicted from nothing.
    rows, where = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    if not len(rows):
        raise ValueError(f"The {side} side of a batch has no label: every one is {IGNORED}, or stands first.")
    where = where + 1
    weights = given["weights"][rows, where].float() if "weights" in given else torch.ones(len(rows), device=ids.device)
    if not (weights >= 0).all():
        raise ValueError(f"The {side} side of a batch has weights below 0, or that are no numbers: give 0 or more.")
    more = {name: given[name] for name in OF_A_LABEL if name in given}
    return Labels(ids, given["attention_mask"], rows, where, weights, **more)


def _sums(labels: Labels) -> list[float]:
    """Sum of weights, labels, rows, and sum of 1 - w where it is above 0."""
    rest = (1 - labels.weights).clamp_min(0).sum()
    return [float(labels.weights.sum()), len(labels.weights), len(labels.ids), float(rest)]


def _check(config: RunConfig) -> None:
    given = _changed(config, OF_A_RUN)
    if config.learn != "given":
        given.append("learn")
    if given:
        raise ValueError(f"A Trainer has no {', '.join(given)}, which take a loop of their own: use unlearn.run.")


def _changed(config: RunConfig, names: Sequence[str]) -> list[str]:
    plain = RunConfig()
    return [name for name in names if getattr(config, name) != getattr(plain, name)]


class _Through(LanguageModel):
    """The model read as a whole through what a launcher has put around it, so that processes compute together."""

    around: Any

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model.model, model.tokenizer, model.name, model.template, model.folder)
        self._take_facts(model)

    @property
    def splits(self) -> bool:
        return False

    def run_whole(self, ids: Tensor, attention: Tensor, positions: Tensor | None = None) -> Whole:
        logits = self.around(**self._inputs(self._base, ids, attention, positions)).logits
        return Whole(logits, logits)
