"""Every objective and retain term on a real model: only labels count, and a step is the sum of its parts."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
from torch import Tensor

from attribution import Example, LanguageModel, Rule
from attribution.model.forward import Forward
from unlearn import Corpus, RunConfig, run
from unlearn.objectives import OBJECTIVES, RETENTIONS, Constants, labels
from unlearn.objectives.labels import (
    Extras,
    LabelBatch,
    Target,
    Totals,
    label_batch,
    totals,
    uniform_target,
    weighted_target,
)
from unlearn.objectives.representation import steered_layer
from unlearn.run.scorer_learning import ScorerSettings

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = Example("Who?", "Nobody at all.")
LONG = Example("Where was the quiet old author of many long books born?", "The author was born in a town by the sea.")
TERMS = [f"forget:{name}" for name in OBJECTIVES] + [f"retain:{name}" for name in RETENTIONS]


class Losses:
    """A model in training, its frozen original, and the terms by name."""

    def __init__(self, tiny: LanguageModel) -> None:
        self.frozen = tiny
        self.model = moved(tiny)
        weights = [1.0, 0.0, 2.0]
        self.targets = [
            weighted_target(row, (weights * len(row.tokens))[: len(row.tokens)], trains_end=False)
            for row in map(tiny.encode, (SHORT, LONG))
        ]
        self.refusals = [
            uniform_target(tiny.encode(Example(example.prompt, said)))
            for example, said in ((SHORT, "I do not know."), (LONG, "No idea."))
        ]
        self.layer = steered_layer(tiny, self.targets, None, False, 0)

    def rows(self, term: str) -> list[Target]:
        """What the term is given: weighted forget rows, or whole rows to keep."""
        if term.startswith("forget"):
            return self.targets
        return [uniform_target(target.row) for target in self.targets]

    def term(self, term: str, part: slice = slice(None), over: Totals | None = None) -> Tensor:
        """The term over some of the rows."""
        side, _, name = term.partition(":")
        entry = OBJECTIVES[name] if side == "forget" else RETENTIONS[name]
        constants = Constants(beta=0.5, beta2=1.0, delta=0.1)
        head = entry.head if side == "retain" or entry.head is None else partial(entry.head, constants=constants)
        extras = Extras(
            frozen=self.frozen,
            reference="reference" in entry.needs,
            head=head,
            layer=self.layer if "layer" in entry.needs else None,
            raw="logits" in entry.needs,
        )
        rows = self.rows(term)[part]
        batch: LabelBatch = label_batch(self.model, rows, extras, over)
        if "refusals" in entry.needs:
            refusals = label_batch(self.model, self.refusals[part], Extras(frozen=self.frozen, reference=True))
            batch = dataclasses.replace(batch, refusals=refusals)
        return entry.forget(batch, constants) if side == "forget" else entry.loss(batch)

    def gradient(self, *terms: Tensor) -> Tensor:
        """Of the sum of the terms, on all weights."""
        self.model.model.zero_grad()
        sum(terms).backward()
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters(self.model)]
        return torch.cat([slope.flatten() for slope in slopes])


def moved(model: LanguageModel) -> LanguageModel:
    """A copy of the model a little away from it, so that no term is at its minimum."""
    from unlearn.run.adapters import trainable_copy

    copied = trainable_copy(model)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in parameters(copied):
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return copied


def parameters(model: LanguageModel) -> list[Tensor]:
    return list(model.model.parameters())


@pytest.fixture
def losses(tiny: LanguageModel) -> Losses:
    return Losses(tiny)


@pytest.mark.parametrize("term", TERMS)
def test_prompt_and_padding_contribute_exactly_zero(losses: Losses, term: str, monkeypatch):
    """The states that a loss reads get a gradient at its labels with weight, and exactly 0 everywhere else."""
    seen: list[Tensor] = []

    def watch(states: Tensor) -> Tensor:
        if states.requires_grad:
            states.retain_grad()
            seen.append(states)
        return states

    forward, both = losses.model.forward, losses.model.body_and_layer

    def watched(*given: Tensor) -> Forward:
        whole = forward(*given)
        return whole._replace(hidden=watch(whole.hidden))

    monkeypatch.setattr(losses.model, "forward", watched)
    monkeypatch.setattr(losses.model, "body_and_layer", lambda *given: tuple(map(watch, both(*given))))
    losses.term(term).backward()
    # RMU's terms read a label at its own position of the inner layer; all others the state that predicts it.
    inner = term in ("forget:rmu", "retain:states")
    shift = 0 if inner else 1
    gradients = seen[-1].grad if inner else seen[0].grad
    # TPO holds by their likelihood the labels that have no weight; PALU leaves the later tokens of a span.
    holds = term == "forget:tpo"
    for k, target in enumerate(losses.rows(term)):
        pushed = {p - shift for p, w in zip(target.positions, target.weights.tolist(), strict=True) if w > 0 or holds}
        for position in range(gradients.shape[1]):
            assert (gradients[k, position].count_nonzero() > 0) == (position in pushed), (k, position)


@pytest.mark.parametrize("term", TERMS)
def test_what_padding_holds_changes_nothing(losses: Losses, term: str, monkeypatch):
    expected = losses.term(term).item()
    pad = LanguageModel.pad

    def noisy(self: LanguageModel, *given, **more):
        ids, attention = pad(self, *given, **more)
        return torch.where(attention.bool(), ids, torch.full_like(ids, 99)), attention

    monkeypatch.setattr(LanguageModel, "pad", noisy)
    assert losses.term(term).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("term", TERMS)
def test_parts_of_a_step_add_up_to_the_step(losses: Losses, term: str):
    """Two rows of different lengths at once, padded, or one at a time: the same loss and the same gradient."""
    over = totals(losses.rows(term))
    whole = losses.term(term)
    parts = [losses.term(term, slice(i, i + 1), over) for i in range(2)]
    assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-5)
    expected, found = losses.gradient(whole), losses.gradient(*parts)
    assert expected.abs().max() > 1e-4
    assert torch.allclose(found, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("term", ["forget:wga", "forget:undial", "retain:kl"])
def test_chunks_of_labels_change_nothing(losses: Losses, term: str, monkeypatch):
    """With a large vocabulary the head works in chunks whose logits are made again: the same numbers."""
    whole = losses.gradient(losses.term(term))
    monkeypatch.setattr(labels, "TRAINED_HEAD_VALUES", 3 * losses.model.vocabulary_size)
    assert torch.allclose(losses.gradient(losses.term(term)), whole, atol=1e-7)


@pytest.mark.parametrize("term", ["forget:undial", "retain:kl"])
def test_no_more_whole_distributions_are_held_than_needed(losses: Losses, term: str):
    """The backward pass keeps log q and the frozen model's distribution, `[labels, vocabulary]`, and no third."""
    size = (sum(len(target.weights) for target in losses.rows(term)), losses.model.vocabulary_size)
    kept: set[int] = set()

    def pack(tensor: Tensor) -> Tensor:
        if tensor.shape == size:
            kept.add(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses.term(term)
    assert len(kept) == 2


# A run ---------------------------------------------------------------------------------------------------------------

ENTROPY = Rule("entropy", "top", 0.3)
ARMS: dict[str, dict] = {name: {"objective": name} for name in OBJECTIVES} | {
    "kl": {"retain": "kl"},
    "label normaliser": {"normaliser": "label"},
    "soft": {"rule": Rule("entropy", "soft", 0.25)},
    "sequence": {"rule": Rule("entropy", "sequence")},
    "live entropy": {"rule": Rule("entropy", "proportional"), "score_every": 1},
    "alternating": {
        "rule": Rule("learned", "raw"),
        "learn": "alternate",
        "objective": "satga",
        "scorer_settings": ScorerSettings(scorer_every=2),
    },
}


def trained(tiny: LanguageModel, corpus: Corpus, **changes) -> list[Tensor]:
    settings = {"rule": ENTROPY, "steps": 10, "learning_rate": 0.02, "optimiser": "sgd", "warmup": 0, "probe_every": 0}
    job = run(tiny, corpus, RunConfig(**{**settings, "forget_batch": 8, "retain_batch": 8, **changes}))
    for _ in job:
        pass
    return [parameter.detach() for parameter in parameters(job.model)]


@pytest.mark.parametrize("arm", ARMS)
def test_batch_8_is_2_accumulated_4_times(knowing: LanguageModel, wide_corpus: Corpus, arm: str):
    """Ten float32 SGD steps of eight rows at once, and in four parts of two: parameters agree to 1e-5."""
    at_once, in_parts = (trained(knowing, wide_corpus, micro_batch=size, **ARMS[arm]) for size in (None, 2))
    assert max((a - b).abs().max().item() for a, b in zip(at_once, in_parts, strict=True)) <= 1e-5
    assert max((a - b).abs().max().item() for a, b in zip(at_once, parameters(knowing), strict=True)) > 1e-3


FORMS = [Rule("entropy", "sequence"), Rule("masking", "top", 0.3), Rule("entropy", "soft", 0.25)]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("rule", FORMS, ids=lambda rule: rule.kind)
def test_every_objective_in_every_form_trains_a_copy(tiny: LanguageModel, small_corpus: Corpus, name: str, rule: Rule):
    before = [parameter.clone() for parameter in parameters(tiny)]
    after = trained(tiny, small_corpus, objective=name, rule=rule, steps=1, forget_batch=2, retain_batch=2)
    assert all(torch.equal(a, b) for a, b in zip(before, parameters(tiny), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(tensor.isfinite().all() for tensor in after)
