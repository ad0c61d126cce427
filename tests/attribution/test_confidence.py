"""The confidence family and the controls: values by hand, and no dependence on the batch."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from attribution import Example, LanguageModel, ScoreOptions, score
from attribution.data.rows import embedded_rows
from attribution.scorers import SCORERS, scorer, scorer_info, with_needs
from attribution.scorers.probability import importance, satimp, saturation

EVERY_SIGNAL_HERE = ("importance", "saturation", "satimp", "inverse", "permuted", "random", "novel-word", "capitalised")


def batch_of(*probabilities: float, **options: object) -> SimpleNamespace:
    log_probs = torch.tensor(probabilities, dtype=torch.float64).log()
    return SimpleNamespace(plain=[SimpleNamespace(log_probs=log_probs)], options=ScoreOptions(**options))


def test_by_hand() -> None:
    assert importance(batch_of(0.25, 1.0))[0].tolist() == pytest.approx([0.75, 0.0])
    assert saturation(batch_of(0.25, 1.0))[0].tolist() == pytest.approx([0.25, 1.0])
    assert saturation(batch_of(0.25, saturation_power=2.0))[0].tolist() == pytest.approx([0.0625])
    # 0.5^5 * 0.5 = 1/64; a certain token has nothing left to learn.
    assert satimp(batch_of(0.5, 1.0))[0].tolist() == pytest.approx([1 / 64, 0.0])
    assert satimp(batch_of(0.5, satimp_powers=(1.0, 2.0)))[0].tolist() == pytest.approx([0.125])
    grid = np.linspace(0.01, 0.99, 99)
    assert grid[satimp(batch_of(*grid))[0].argmax()] == pytest.approx(5 / 6, abs=0.01)


def test_a_probability_near_1_keeps_its_digits() -> None:
    batch = SimpleNamespace(plain=[SimpleNamespace(log_probs=torch.tensor([-1e-7, 1e-9]))], options=ScoreOptions())
    tiny, rounded_up = importance(batch)[0]
    assert tiny == pytest.approx(1e-7, rel=1e-3) and rounded_up == 0 and math.copysign(1, rounded_up) == 1


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"saturation_power": -1.0}, "Saturation power is -1.0: a number of at least 0 is needed."),
        ({"satimp_powers": (1.0, -1.0)}, "SatImp powers is (1.0, -1.0): both must be at least 0."),
        ({"satimp_powers": (1.0,)}, "SatImp powers is (1.0,): a pair of numbers is needed."),
    ],
)
def test_powers_are_checked(option: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        ScoreOptions(**option)
    assert str(caught.value) == sentence


def test_batches_change_nothing(model: LanguageModel) -> None:
    examples = [row.example for row in embedded_rows("forget01")[:12]]
    together = score(model, examples, EVERY_SIGNAL_HERE, of="entropy")
    alone = [score(model, [example], EVERY_SIGNAL_HERE, of="entropy")[0] for example in examples]
    small = score(model, examples, EVERY_SIGNAL_HERE, of="entropy", batch_tokens=1)
    for a, b, c in zip(together, alone, small, strict=True):
        for name in EVERY_SIGNAL_HERE:
            assert a.columns[name] == pytest.approx(b.columns[name], abs=1e-5)
            assert a.columns[name] == pytest.approx(c.columns[name], abs=1e-5)


def test_permuted_and_inverse(random_model: LanguageModel) -> None:
    example = embedded_rows("forget01")[0].example
    names = ("entropy", "permuted", "inverse")
    row = score(random_model, example, names, of="entropy")[0]
    entropy, permuted, inverse = (row.columns[name] for name in names)
    assert sorted(permuted) == sorted(entropy) and permuted != entropy
    assert np.argsort(inverse).tolist() == np.argsort([-value for value in entropy]).tolist()
    assert (min(inverse), max(inverse)) == (0.0, 1.0)
    again, other = (score(random_model, example, ("permuted",), of="entropy", seed=seed)[0] for seed in (0, 1))
    assert again.columns["permuted"] == permuted != other.columns["permuted"]


def test_a_control_names_a_scorer_of_its_own() -> None:
    with pytest.raises(ValueError, match="Controlled scorer .of. is 'permuted'.*Choose from masking"):
        ScoreOptions(of="permuted")
    with pytest.raises(ValueError, match="did you mean 'entropy'"):
        ScoreOptions(of="entropi")
    assert [info.name for info in with_needs(("inverse",), of="fused")] == ["masking", "entropy", "fused", "inverse"]


def test_capitalised_and_novel_words(random_model: LanguageModel) -> None:
    example = Example("Where was Quell born?", "The poet Quell was born in Old Torvik, not in Rome.")
    row = score(random_model, example, ("capitalised", "novel-word"))[0]

    def marked(name: str) -> str:
        return "".join(token.text for token, value in zip(row.tokens, row.columns[name], strict=True) if value)

    assert marked("capitalised").split() == ["Quell", "Old", "Torvik", "Rome"]
    assert marked("novel-word").split() == ["poet", "Old", "Torvik", "Rome"]


def test_scorers_are_listed_in_one_order_and_each_name_is_carried_once() -> None:
    names = ["masking", "entropy", "learned", "fused", "new-info", "importance", "saturation", "satimp"]
    names += ["random", "oracle", "inverse", "permuted", "probe", "position", "novel-word", "capitalised"]
    assert [info.name for info in SCORERS] == names
    with pytest.raises(ValueError, match="'entropy' is taken"):
        scorer(
            "entropy", title="Another", unit="", low=0, high=1, higher_means="", formula="", paper="", evidence="ours"
        )(saturation)
    assert scorer_info("entropy").title == "Entropy"


def test_the_facts_tell_the_truth(random_model: LanguageModel) -> None:
    """A scorer that says it needs no forward makes none beyond the shared one."""
    for info in SCORERS:
        assert info.formula and info.higher_means and info.low < info.high
    examples = [row.example for row in embedded_rows("forget01")[:40]]
    calls: list[bool] = []
    plain = random_model.token_statistics

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(bool(kwargs.get("states")))
        return plain(*args, **kwargs)

    for info in SCORERS:
        if info.forwards != "0" or info.name == "learned":
            continue
        calls.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(random_model, "token_statistics", counted)
            score(random_model, examples, (info.name,))
        assert calls == [info.reads_states], info.name
