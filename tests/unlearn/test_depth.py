"""The depth score: its definition by hand, states that fit and states that do not, and the map."""

from __future__ import annotations

import copy
import dataclasses
import doctest
import json

import numpy as np
import pytest
import torch

import unlearn.depth.score
from attribution import LanguageModel
from attribution.data.rows import Row, embedded_rows
from unlearn import Corpus
from unlearn.__main__ import main
from unlearn.depth import DepthConfig, depth, depth_score
from unlearn.depth.patching import falls, lens_falls
from unlearn.depth.score import check_fit, encoded


def moved(model: LanguageModel, seed: int, scale: float = 0.05, only: str = "") -> LanguageModel:
    """A copy with noise on its weights, or on those whose name holds a word."""
    other = copy.deepcopy(model.model)
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in other.named_parameters():
            if only in name:
                weight.add_(scale * torch.randn_like(weight))
    return LanguageModel(other, model.tokenizer, f"moved {seed}", model.template)


@pytest.fixture
def rows() -> tuple[Row, ...]:
    forget = embedded_rows("forget")
    return (forget[0], forget[40], forget[-1], forget[36])


def by_hand(original: LanguageModel, source: LanguageModel, row: Row) -> list[float]:
    """D by block as the definition reads: one row alone, block by block, a plain softmax, the mean over fact tokens."""
    one = original.encode(row.example)
    ids = torch.tensor([one.input_ids])
    facts = [p for p, label in zip(one.answer_positions, one.truth, strict=True) if label == "fact"]
    at = [p - 1 for p in facts]

    def mean_log_p(logits: torch.Tensor) -> float:
        log_q = torch.log_softmax(logits[0, at].double(), dim=-1)
        return float(log_q[range(len(facts)), ids[0, facts]].mean())

    found = []
    with torch.no_grad():
        whole = mean_log_p(original.model(ids).logits)
        for theirs, mine in zip(source.model.model.layers, original.model.model.layers, strict=True):
            states: list[torch.Tensor] = []
            hook = theirs.register_forward_hook(lambda *a, states=states: states.append(a[2]))
            source.model(ids)
            hook.remove()

            def put(module, inputs, output, states=states):
                output = output.clone()
                output[:, at] = states[0][:, at]
                return output

            hook = mine.register_forward_hook(put)
            found.append(whole - mean_log_p(original.model(ids).logits))
            hook.remove()
    return found


def test_the_score_is_its_definition(tiny, rows):
    retrained, unlearned = moved(tiny, 1), moved(tiny, 2)
    corpus = Corpus("small", forget=rows, retain=embedded_rows("retain")[:3])
    config = DepthConfig(threshold=1e-3)
    scores = []
    for row in rows:
        known, missing = by_hand(tiny, retrained, row), by_hand(tiny, unlearned, row)
        deep = [(a, b) for a, b in zip(known, missing, strict=True) if a > 1e-3]
        if deep:
            scores.append(sum(a * min(1, max(0, b / a)) for a, b in deep) / sum(a for a, _ in deep))
    found = depth(unlearned, tiny, retrained, corpus, config)
    assert 0 < len(scores) == found.n
    assert found.score == pytest.approx(np.mean(scores), abs=1e-4)
    hand = np.mean([by_hand(tiny, retrained, row) for row in rows], axis=0)
    assert found.known == pytest.approx(hand.tolist(), abs=1e-4)
    assert max(map(abs, found.known)) > 1e-3, "a case in which nothing moves shows nothing"


def test_examples_in_docstrings():
    assert doctest.testmod(unlearn.depth.score).failed == 0


def test_what_the_score_makes_of_its_ends():
    assert depth_score([1.0, 2.0], [1.0, 5.0]) == 1.0
    assert depth_score([1.0, 2.0], [-1.0, 0.0]) == 0.0
    assert depth_score([0.05, -3.0], [1.0, 1.0]) is None


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_models_own_states_change_nothing(tiny, rows, family):
    model = tiny
    if family == "gpt2":
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        config = GPT2Config(vocab_size=len(tiny.tokenizer), n_positions=256, n_embd=16, n_layer=3, n_head=2)
        model = LanguageModel(GPT2LMHeadModel(config), tiny.tokenizer)
    found = falls(model, model, encoded(model, rows))
    assert all(np.abs(one.falls).max() < 1e-5 for one in found)
    # In one batch and alone: padding changes nothing.
    other = moved(model, 3)
    together = falls(model, other, encoded(model, rows))
    alone = falls(model, other, encoded(model, rows), batch_tokens=1)
    for one, two in zip(together, alone, strict=True):
        assert np.abs(one.falls).max() > 1e-3
        assert np.allclose(one.falls, two.falls, atol=1e-4)


def test_a_change_in_the_last_block_alone_leaves_the_states_below_as_they_were(tiny, rows):
    silenced = moved(tiny, 4, scale=0.3, only="layers.1.")
    for one in falls(tiny, silenced, encoded(tiny, rows)):
        assert np.abs(one.falls[0]).max() < 1e-5
        assert np.abs(one.falls[1]).max() > 1e-3


def test_the_lens_reads_the_last_block_as_the_model_does(tiny, rows):
    other = moved(tiny, 5, scale=0.1, only="layers.")
    one = encoded(tiny, rows)
    found = lens_falls(tiny, other, one)
    before, after = tiny.token_statistics(one), other.token_statistics(one)
    for row, a, b in zip(found, before, after, strict=True):
        # Norm and head are the same in both here, so the last block's lens is each model's own forward.
        expected = (a.log_probs - b.log_probs).numpy()[row.facts]
        assert np.allclose(row.falls[-1][row.facts], expected, atol=1e-4)
        assert not row.falls[:, ~row.facts].any()


def test_a_pair_whose_states_do_not_fit_is_refused(knowing, wide_corpus):
    with pytest.raises(ValueError, match=r"'moved 6' do not fit the original model: put in after block \d they cost"):
        depth(knowing, knowing, moved(knowing, 6, scale=1.0), wide_corpus)
    with pytest.raises(ValueError, match="after block 2 they cost 0.11 nats"):
        check_fit([0.05, 0.11], "other")
    check_fit([0.05, 0.1], "other")
    # Without a retrained model there is nothing to fit.
    found = depth(moved(knowing, 6, scale=1.0), knowing, None, wide_corpus)
    assert (found.how, found.score, found.known, found.fit) == ("lens", None, (), ())
    assert len(found.missing) == 2 and all(row.known == () for row in found.rows)


def test_models_of_other_shapes_are_refused(tiny, model, rows):
    with pytest.raises(ValueError, match="differ in width, blocks or vocabulary"):
        falls(model, tiny, encoded(model, rows))


def test_rows_without_marked_facts_are_read_whole(tiny, rows):
    bare = [dataclasses.replace(row, example=dataclasses.replace(row.example, spans=())) for row in rows]
    (one, *_) = falls(tiny, moved(tiny, 1), encoded(tiny, bare))
    assert one.facts.all() and np.abs(one.falls).min() > 0


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="Rows is 0"):
        DepthConfig(rows=0)
    with pytest.raises(ValueError, match="Threshold is 0.0"):
        DepthConfig(threshold=0.0)


def test_the_shell_prints_blocks_and_maps(tiny, tmp_path, capsys):
    for name, one in (("before", tiny), ("after", moved(tiny, 2)), ("never", moved(tiny, 1, scale=0.01))):
        one.model.save_pretrained(tmp_path / name)
        tiny.tokenizer.save_pretrained(tmp_path / name)
    out = tmp_path / "depth.json"
    told = ["depth", "--model", str(tmp_path / "after"), "--original", str(tmp_path / "before"), "--rows", "4"]
    assert main([*told, "--reference", str(tmp_path / "never"), "--maps", "2", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["depth"]["how"] == "patching" and len(report["depth"]["rows"]) == 4
    assert "\nDepth score " in printed
    assert sum(line.endswith("block 2") for line in printed.splitlines()) == 2, "a map of each of two rows"
    assert main([*told, "--reference", "none"]) == 0
    assert "\nLogit lens" in capsys.readouterr().out
    assert main(["depth", "--model", str(tmp_path / "after"), "--rows", "4"]) == 2
    assert "--original" in capsys.readouterr().err
