"""A trial before a run: it changes nothing, and says which of two runs will cost more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from attribution import LanguageModel, Rule
from attribution.data.rows import Row
from attribution.text.example import Example
from unlearn import Corpus, RunConfig, run
from unlearn.run.prediction import predict

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = RunConfig(Rule("entropy", "top", 0.3), steps=6, probe_every=0, learning_rate=2e-3, forget_batch=6)


def test_a_trial_is_undone(knowing: LanguageModel, wide_corpus: Corpus) -> None:
    plain = run(knowing, wide_corpus, CONFIG)
    tried = run(knowing, wide_corpus, CONFIG)
    found = predict(tried, 2)
    assert set(found.figures) == {"retain", "structure", "subject"} and found.steps == 2
    assert found.figures["structure"] != 0
    for one, other in zip(plain.model.model.parameters(), tried.model.model.parameters(), strict=True):
        assert torch.equal(one, other) and other.grad is None
    # The run that follows is the run without a trial.
    assert [step.forget_loss for step in tried] == [step.forget_loss for step in plain]
    with pytest.raises(ValueError, match="before a run's first step"):
        predict(tried)


def test_what_tears_down_more_is_predicted_to(knowing: LanguageModel, wide_corpus: Corpus) -> None:
    """Gradient ascent on everything against the same on few tokens with what is kept held."""
    wild = replace(CONFIG, rule=Rule(kind="sequence"), objective="ga", learning_rate=1e-2)
    gentle = replace(CONFIG, objective="graddiff", alpha=20.0, learning_rate=1e-3)
    costly, cheap = (predict(run(knowing, wide_corpus, config)).figures for config in (wild, gentle))
    assert all(costly[name] < cheap[name] for name in ("retain", "structure", "subject"))


def test_a_trial_that_ends_in_no_numbers_is_a_sentence(knowing: LanguageModel, wide_corpus: Corpus) -> None:
    job = run(knowing, wide_corpus, replace(CONFIG, objective="ga", learning_rate=1e30))
    kept = [parameter.detach().clone() for parameter in job.model.model.parameters()]
    with pytest.raises(ValueError, match="lower the learning rate|no number"):
        predict(job, 2)
    assert all(torch.equal(a, b) for a, b in zip(kept, job.model.model.parameters(), strict=True))


def test_rows_without_marks_have_what_they_can(tiny: LanguageModel) -> None:
    rows = [Row(Example(f"Where was {name} born?", f"{name} was born at sea.")) for name in ("Ada Quell", "Bo Varn")]
    config = replace(CONFIG, steps=1, forget_batch=1, retain_batch=1)
    bare = Corpus("bare", forget=tuple(rows), retain=tuple(rows))
    assert set(predict(run(tiny, bare, config), 1).figures) == {"retain"}
    text = Row(Example("", "The sea was calm and wide that day."))
    plain = replace(config, rule=Rule("entropy", "top", 0.3))
    assert set(predict(run(tiny, Corpus("text", forget=(text,), retain=(text,)), plain), 1).figures) == {"retain"}
