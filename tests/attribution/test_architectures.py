"""The same promises on every family of causal models: tiny random ones, built from their configs."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import attribution.model.prefixes
from attribution import Encoded, Example, LanguageModel, score
from attribution.model.forward import Pass, log_probs
from attribution.scorers.token_unlearn import subject_positions
from attribution.text.subject import find_subject
from tests.attribution.tiny import FAMILIES, HAS_SLIDING_WINDOW, tiny_model, tokenizer_named

SHORT = Example("Where was Ada Quell born?", "Ada Quell was born in Torvik.")
LONG = Example("What is the first book of Ivo Brandt?", "The first book of Ivo Brandt, of 1931, is The Salt Ledger.")
ROWS = [SHORT, LONG, Example("Who?", "Ivo Brandt.")]
# Their code has no scaled-dot-product attention.
EAGER_ONLY = {"gemma2", "bloom"}
MODELS = [(family, attention) for family in FAMILIES for attention in ("eager", "sdpa")]
MODELS = [(family, attention) for family, attention in MODELS if attention == "eager" or family not in EAGER_ONLY]


@cache
def built(family: str, attention: str = "eager", dtype: torch.dtype = torch.float32) -> LanguageModel:
    return tiny_model(family, attention=attention, dtype=dtype)


@pytest.fixture(params=MODELS, ids=lambda pair: "-".join(pair))
def any_model(request: pytest.FixtureRequest) -> LanguageModel:
    return built(*request.param)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def whole_logits(model: LanguageModel, ids: list[int], attention: list[int] | None = None, **more: Any) -> Tensor:
    """The model called plainly on one row, `[length, vocabulary]`."""
    inputs: dict[str, Any] = {"position_ids": torch.arange(len(ids))[None], "use_cache": False, **more}
    if not model.takes_positions:
        del inputs["position_ids"]
    mask = torch.tensor([attention or [1] * len(ids)])
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([ids]), attention_mask=mask, **inputs).logits[0]


def naive_log_probs(model: LanguageModel, row: Encoded, attention: list[int] | None = None) -> Tensor:
    """log p of the answer's tokens by the textbook: the whole model, the whole softmax, one token at a time."""
    log_p = torch.log_softmax(whole_logits(model, list(row.input_ids), attention).float(), dim=-1)
    return torch.stack([log_p[position - 1, row.input_ids[position]] for position in row.answer_positions])


def test_body_and_head_give_the_models_own_logits(any_model: LanguageModel) -> None:
    row = any_model.encode(LONG)
    ids, attention = any_model.pad([row])
    with torch.no_grad():
        ours = any_model.logits(any_model.body(ids, attention))[0]
    torch.testing.assert_close(ours, whole_logits(any_model, list(row.input_ids)), rtol=1e-4, atol=1e-5)
    assert any_model.splits and any_model.hides and any_model.keeps_positions


def test_statistics_equal_the_plain_loop(any_model: LanguageModel) -> None:
    rows = [any_model.encode(example) for example in ROWS]
    for row, found in zip(rows, any_model.token_statistics(rows, states=True), strict=True):
        logits = whole_logits(any_model, list(row.input_ids)).float()
        for k, position in enumerate(row.answer_positions):
            log_p = torch.log_softmax(logits[position - 1], dim=-1)
            assert found.log_probs[k].item() == pytest.approx(log_p[row.input_ids[position]].item(), abs=1e-4)
            assert found.entropies[k].item() == pytest.approx(-(log_p.exp() * log_p).sum().item(), abs=1e-4)
            assert bool(found.greedy[k]) == (int(log_p.argmax()) == row.input_ids[position])
        ids, attention = any_model.pad([row])
        with torch.no_grad():
            hidden = any_model.body(ids, attention)[0]
        where = torch.tensor(row.answer_positions)
        torch.testing.assert_close(found.predicting, hidden[where - 1], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.own, hidden[where], rtol=1e-4, atol=1e-4)


def test_a_hidden_key_is_attended_to_nowhere(any_model: LanguageModel) -> None:
    """Whatever stands at a hidden position, only the state there can tell; it predicts the token right after."""
    row = any_model.encode(LONG)
    for hidden in (5, 11):
        attention = [int(position != hidden) for position in range(len(row))]
        other = list(row.input_ids)
        other[hidden] = row.input_ids[hidden] + 1
        one, two = whole_logits(any_model, list(row.input_ids), attention), whole_logits(any_model, other, attention)
        same = torch.arange(len(row)) != hidden
        torch.testing.assert_close(one[same], two[same], rtol=0, atol=0)
        assert (one[hidden] - two[hidden]).abs().max() > 1e-3
        # And it is what masking runs on.
        (found,) = any_model.token_statistics([row], hidden_keys=[(hidden,)])
        torch.testing.assert_close(found.log_probs, naive_log_probs(any_model, row, attention), rtol=1e-4, atol=1e-4)


def test_positions_stay_as_they_were(family: str) -> None:
    """Hiding keys is leaving them out and keeping everybody's position number; closing up is something else."""
    # A window counts what is left, so it must be wide enough not to matter here.
    wide = {"sliding_window": 64} if family in HAS_SLIDING_WINDOW else {}
    model = tiny_model(family, **wide)
    row = model.encode(LONG)
    hidden = (4, 5, 9)
    kept = [position for position in range(len(row)) if position not in hidden]
    ids = [row.input_ids[position] for position in kept]
    left_out, closed_up = (
        torch.log_softmax(whole_logits(model, ids, position_ids=positions), dim=-1)
        for positions in (torch.tensor([kept]), torch.arange(len(kept))[None])
    )
    where = torch.tensor([kept.index(position - 1) for position in row.answer_positions])
    labels = torch.tensor([row.input_ids[position] for position in row.answer_positions])
    (masked,) = model.token_statistics([row], hidden_keys=[hidden])
    torch.testing.assert_close(masked.log_probs, left_out[where, labels], rtol=1e-3, atol=1e-4)
    assert (masked.log_probs - closed_up[where, labels]).abs().max() > 1e-2


def test_scores_do_not_depend_on_batch_padding_or_attention(family: str) -> None:
    options: list[dict[str, Any]] = [
        {},
        {"mask_scope": "each", "signed": True},
        {"mask_scope": "prompt", "mask_how": "drop"},
    ]
    for chosen in options:
        model = built(family)
        alone = [score(model, example, ("masking", "entropy"), batch_tokens=1, **chosen)[0] for example in ROWS]
        variants = [score(model, ROWS, ("masking", "entropy"), batch_tokens=10_000, **chosen)]
        variants += [score(model, ROWS[::-1], ("masking", "entropy"), batch_tokens=50, **chosen)[::-1]]
        if family not in EAGER_ONLY:
            variants += [score(built(family, "sdpa"), ROWS, ("masking", "entropy"), **chosen)]
        for together in variants:
            for one, two in zip(alone, together, strict=True):
                for name in one.columns:
                    assert one.columns[name] == pytest.approx(two.columns[name], abs=2e-4)


def test_the_tokenizers_padding_side_does_not_matter(family: str) -> None:
    """A left-padded batch of the plain model, told its positions, gives the scores of our right-padded one."""
    model = built(family)
    rows = [model.encode(example) for example in ROWS]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + list(row.input_ids) for row in rows])
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    positions = (attention.cumsum(dim=1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model.model(input_ids=ids, attention_mask=attention, position_ids=positions, use_cache=False).logits
    for k, (row, found) in enumerate(zip(rows, model.token_statistics(rows), strict=True)):
        where = torch.tensor(row.answer_positions) + width - len(row)
        log_p = torch.log_softmax(logits[k, where - 1].float(), dim=-1)
        expected = log_p.gather(1, torch.tensor([[row.input_ids[p]] for p in row.answer_positions])).squeeze(1)
        torch.testing.assert_close(found.log_probs, expected, rtol=1e-3, atol=2e-4)


def test_bfloat16_gives_the_same_scores_up_to_its_own_rounding(family: str) -> None:
    model = built(family, "eager", torch.bfloat16)
    full = score(built(family), ROWS, ("masking", "entropy"))
    # The same weights, rounded, computed with in float32: what is left is the rounding of the computation.
    rounded = score(
        LanguageModel(tiny_model(family, dtype=torch.bfloat16).model.float(), model.tokenizer),
        ROWS,
        ("masking", "entropy"),
    )
    half = score(model, ROWS, ("masking", "entropy"))
    together = score(model, ROWS, ("masking", "entropy"), batch_tokens=10_000)
    for reference, tolerance in ((rounded, 0.15), (full, 0.2), (together, 0.1)):
        for one, two in zip(half, reference, strict=True):
            for name in one.columns:
                assert one.columns[name] == pytest.approx(two.columns[name], abs=tolerance)


def test_masking_equals_the_plain_loop(family: str) -> None:
    model = built(family)
    (scores,) = score(model, LONG, ("masking",))
    row = scores.encoded
    hidden = subject_positions(row, find_subject(LONG))
    assert hidden
    masked = naive_log_probs(model, row, [int(p not in hidden) for p in range(len(row))])
    expected = (naive_log_probs(model, row) - masked).abs()
    assert scores.columns["masking"] == pytest.approx(expected.tolist(), abs=2e-4)
    assert max(scores.columns["masking"]) > 0.01


@pytest.mark.parametrize("how", ["attention", "token"])
def test_a_remembered_prefix_changes_nothing(family: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading on from keys and values, on a row several sliding windows long."""
    model = built(family)
    assert model.shares_prefixes
    options: dict[str, Any] = {
        "mask_scope": "each",
        "context": "prefix",
        "signed": True,
        "mask_how": how,
        "matrix": True,
    }
    monkeypatch.setattr(attribution.model.prefixes, "PREFIX_WORTH", 0.0)
    whole = score(model, [LONG, SHORT], ("masking",), **options)
    monkeypatch.setattr(attribution.model.prefixes, "PREFIX_WORTH", 2.0)
    for batch_tokens in (1, 100, 10_000):
        shared = score(model, [LONG, SHORT], ("masking",), batch_tokens=batch_tokens, **options)
        for one, two in zip(whole, shared, strict=True):
            assert one.matrix is not None and two.matrix is not None
            for left, right in zip(one.matrix.values, two.matrix.values, strict=True):
                assert left == pytest.approx(right, abs=2e-4)


def test_a_row_that_ends_in_its_subject_beside_rows_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hidden behind the last state that predicts is cut off with it, whether prefixes are shared or not."""
    model = built("llama")
    named = Example("Who wrote it, Ada Quell?", "The one who wrote it is Ada Quell", subject="Ada Quell")
    rows = [named, LONG, Example("what is it then", "it is a small house"), Example("and where is it", "it is near")]
    monkeypatch.setattr(attribution.model.prefixes, "PREFIX_WORTH", 0.0)
    whole = score(model, rows, ("masking",))
    monkeypatch.setattr(attribution.model.prefixes, "PREFIX_WORTH", 2.0)
    for one, two in zip(whole, score(model, rows, ("masking",)), strict=True):
        assert one.columns["masking"] == pytest.approx(two.columns["masking"], abs=2e-4)
    assert any(whole[0].columns["masking"]) and whole[2].subject.text is None


def test_the_last_block_s_states_come_before_the_final_norm(family: str) -> None:
    model = built(family)
    ids, attention = model.pad([model.encode(SHORT)])
    own = {name.split(".")[-1]: part for name, part in model._body.named_modules() if not re.search(r"\.\d", name)}
    above = [own[name] for name in ("norm", "ln_f", "final_layer_norm", "project_out") if name in own]
    with torch.inference_mode():
        body, states = model.body_and_layer(ids, attention, model.depth)
        assert states.shape != body.shape or not torch.allclose(states, body, rtol=0.05)
        for part in above:
            states = part(states)
        assert torch.allclose(states, body, atol=1e-5) and torch.equal(body, model.body(ids, attention))


@pytest.mark.parametrize(("family", "attention"), MODELS)
def test_without_a_beginning_token_the_first_word_can_be_hidden(family: str, attention: str) -> None:
    """Nothing is left to attend to at the first positions: no score may become NaN, and none may see the future."""
    tokenizer = tokenizer_named("byte-level BPE without a beginning token")
    model = tiny_model(family, tokenizer, attention, template="{prompt}{answer}")
    example = Example("Ada Quell", " was born in Torvik.", subject="Ada Quell")
    row = model.encode(example)
    hidden = subject_positions(row, find_subject(example))
    assert hidden == tuple(range(len(hidden))) and len(hidden) > 1
    (found,) = model.token_statistics([row], hidden_keys=[hidden], states=True)
    assert torch.isfinite(found.log_probs).all() and torch.isfinite(found.entropies).all()
    ids = list(row.input_ids)
    # The first answer token is predicted by the last hidden one, which sees itself alone ...
    last = len(hidden) - 1
    logits = whole_logits(model, ids[last : last + 1], position_ids=torch.tensor([[last]]))
    expected = torch.log_softmax(logits[0], dim=-1)[ids[last + 1]]
    assert found.log_probs[0].item() == pytest.approx(expected.item(), abs=2e-4)
    # ... and all others by a row that never had the hidden ones.
    rest = ids[len(hidden) :]
    log_p = torch.log_softmax(whole_logits(model, rest, position_ids=torch.arange(len(hidden), len(ids))[None]), dim=-1)
    expected_rest = [log_p[k, rest[k + 1]].item() for k in range(len(row.tokens) - 1)]
    assert found.log_probs[1:].tolist() == pytest.approx(expected_rest, abs=2e-4)
    (scores,) = score(model, example, ("masking",))
    assert max(scores.columns["masking"]) > 0.01


def test_an_adapter_is_part_of_the_model() -> None:
    from peft import LoraConfig, get_peft_model

    base = tiny_model("llama")
    before = score(base, ROWS, ("masking", "entropy"))
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "lm_head"], init_lora_weights=False)
    wrapped = LanguageModel(
        get_peft_model(tiny_model("llama", tie_word_embeddings=False).model, config), base.tokenizer
    )
    assert wrapped.splits and wrapped.hides and wrapped.shares_prefixes
    for row in map(wrapped.encode, ROWS):
        (found,) = wrapped.token_statistics([row])
        torch.testing.assert_close(found.log_probs, naive_log_probs(wrapped, row), rtol=1e-4, atol=1e-4)
    after = score(wrapped, ROWS, ("masking", "entropy"))
    assert after[0].columns["masking"] != pytest.approx(before[0].columns["masking"], abs=1e-2)
    merged = LanguageModel(wrapped.model.merge_and_unload(), base.tokenizer)
    for one, two in zip(after, score(merged, ROWS, ("masking", "entropy")), strict=True):
        assert one.columns["masking"] == pytest.approx(two.columns["masking"], abs=1e-4)


def test_a_model_that_does_more_than_its_head_is_run_whole() -> None:
    """An unknown family: the probe finds out, and the scores are the whole model's."""
    model = tiny_model("llama")
    forward = model.model.forward

    def doubled(*arguments: Any, **options: Any) -> Any:
        out = forward(*arguments, **options)
        out.logits = 2 * out.logits + torch.linspace(0, 3, out.logits.shape[-1])
        return out

    model.model.forward = doubled
    assert not model.splits and not model.shares_prefixes
    for row in map(model.encode, ROWS):
        (found,) = model.token_statistics([row], states=True)
        torch.testing.assert_close(found.log_probs, naive_log_probs(model, row), rtol=1e-4, atol=1e-4)
        assert found.predicting is not None and found.predicting.shape == (len(row.tokens), model.hidden_size)
    (scores,) = score(model, LONG, ("masking",))
    hidden = subject_positions(scores.encoded, find_subject(LONG))
    masked = naive_log_probs(model, scores.encoded, [int(p not in hidden) for p in range(len(scores.encoded))])
    expected = (naive_log_probs(model, scores.encoded) - masked).abs()
    assert scores.columns["masking"] == pytest.approx(expected.tolist(), abs=2e-4)


def test_a_model_that_counts_positions_from_the_mask_is_said_to() -> None:
    model = tiny_model("bloom", hidden_size=32, n_layer=2, n_head=4)
    assert model.splits and model.hides and not model.keeps_positions
    (scores,) = score(model, LONG, ("masking",))
    assert "counts positions" in scores.notes[0]
    assert not score(model, LONG, ("masking",), mask_how="token")[0].notes


def test_recurrent_layers_refuse_to_hide_and_take_a_token_instead() -> None:
    """RWKV does not read the mask at all: hiding would give 0 everywhere without a word."""
    model = tiny_model("rwkv", hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, context_length=128)
    assert not model.hides and not model.shares_prefixes
    with pytest.raises(ValueError, match="mask_how='token'"):
        score(model, LONG, ("masking",))
    for how in ("token", "drop"):
        (scores,) = score(model, LONG, ("masking",), mask_how=how)
        assert max(scores.columns["masking"]) > 1e-3


def test_a_pass_reads_its_own_labels() -> None:
    """Two passes of different lengths in one batch, labels that are not the next token."""
    model = built("llama")
    passes = [Pass((5, 6, 7, 8), (1, 3), (9, 10)), Pass((5, 6), (1,), (11,))]
    found = log_probs(model, passes, 100)
    for one, values in zip(passes, found, strict=True):
        log_p = torch.log_softmax(whole_logits(model, list(one.ids)), dim=-1)
        expected = [log_p[at, label].item() for at, label in zip(one.at, one.labels, strict=True)]
        assert values.tolist() == pytest.approx(expected, abs=1e-4)
