"""Less memory, the same gradient; and what a run is expected to take."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from attribution import Rule
from tests.attribution.tiny import tiny_model, tokenizer_named
from unlearn import RunConfig, run
from unlearn.run.estimate import estimate
from unlearn.run.loop import Run

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = RunConfig(
    rule=Rule("random"), steps=3, learning_rate=0.01, warmup=0, forget_batch=4, retain_batch=4, probe_every=0
)


def weights(job: Run) -> list[torch.Tensor]:
    return [value.detach().clone() for value in job.model.model.state_dict().values()]


@pytest.mark.parametrize("objective", [{}, {"objective": "counterfactual", "inner": 4.0}], ids=["wga", "inner"])
@pytest.mark.parametrize("family", ["llama", "opt", "gpt2", "gemma3_text", "qwen3"])
def test_the_same_gradients_with_dropout_off(family, objective, small_corpus):
    # OPT and GPT-2 are configured with dropout: a forward in training mode would draw other numbers.
    model = tiny_model(family, tokenizer_named("byte-level BPE"), max_position_embeddings=256, n_positions=256)
    found = []
    for on in (False, True):
        job = run(model, small_corpus, replace(CONFIG, gradient_checkpointing=on, **objective))
        job.gradients.add_first_rows()
        found.append([p.grad for p in job.model.model.parameters() if p.grad is not None])
        assert not any(module.training for module in job.model.model.modules())
    assert len(found[0]) == len(found[1]) > 10
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_a_family_that_cannot_is_named(tiny, small_corpus, monkeypatch):
    monkeypatch.setattr(type(tiny.model), "supports_gradient_checkpointing", False)
    with pytest.raises(ValueError, match="LlamaForCausalLM has no layers that .* leave gradient_checkpointing out"):
        run(tiny, small_corpus, replace(CONFIG, gradient_checkpointing=True))


def test_less_is_kept_for_the_backward_pass(tiny, small_corpus):
    kept = {}
    for on in (False, True):
        job = run(tiny, small_corpus, replace(CONFIG, gradient_checkpointing=on))
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            job.gradients.add_first_rows()
        kept[on] = sum(sizes)
    assert kept[True] < 0.8 * kept[False]


def test_an_estimate_changes_nothing(tiny, small_corpus):
    jobs = [run(tiny, small_corpus, CONFIG) for _ in range(2)]
    expected = estimate(jobs[0])
    for job in jobs:
        for _ in job:
            pass
    assert all(torch.equal(one, two) for one, two in zip(*map(weights, jobs), strict=True))
    numbers = sum(parameter.numel() for parameter in tiny.model.parameters())
    if not expected.of_activations:
        # Weights, their gradients, and Adam's two moments, in float32.
        assert expected.megabytes == pytest.approx(16 * numbers / 1e6)
    assert 0 < expected.seconds < 60
