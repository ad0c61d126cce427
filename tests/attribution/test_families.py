"""What a family of models does differently holds for scoring, training and answers alike: one class of each kind."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attribution import Encoded, Example, LanguageModel, alternatives, load_model, score
from attribution.__main__ import main
from attribution.scores import from_json
from attribution.text.tokenising import special_marks
from tests.attribution.tiny import byte_level, tiny_model
from unlearn.objectives.labels import label_batch, label_states, uniform_target
from unlearn.run.adapters import merged, trainable_copy

ROWS = [
    Example("Where was Ada Quell born?", "Ada Quell was born in Torvik, in the year 1931."),
    Example("Who?", "Ivo."),
    Example("What is the name?", "It is called The Salt Ledger."),
]
SMALL: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
BERT: dict[str, Any] = {**SMALL, "intermediate_size": 48, "max_position_embeddings": 160, "is_decoder": True}
LLAMA: dict[str, Any] = {**SMALL, "intermediate_size": 48, "num_key_value_heads": 2}
MOE = {**LLAMA, "num_key_value_heads": 4, "moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
    "original_max_position_embeddings": 24,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "positions from behind the padding's id": ("roberta", {**BERT, "pad_token_id": 1}),
    "a transform before the head": ("bert", BERT),
    "logits scaled behind the head": ("granite", {**LLAMA, "logits_scaling": 4.0}),
    "logits capped under a name of its own": (
        "recurrent_gemma",
        {**LLAMA, "num_hidden_layers": 3, "lru_width": 32, "logits_soft_cap": 2.0},
    ),
    "positions from a table that starts at 2": ("opt", {**SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "a decoder inside a wrapper": ("bart", {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4}),
    "factors by the longest row": ("phi3", {**LLAMA, "max_position_embeddings": 96, "rope_parameters": LONG}),
    "frequencies that grow with the longest row so far": (
        "llama",
        {**LLAMA, "max_position_embeddings": 24, "rope_parameters": {"rope_type": "dynamic", "factor": 4.0}},
    ),
    "state that runs through": ("mamba", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "experts in one tensor": ("qwen2_moe", {**MOE, "shared_expert_intermediate_size": 16}),
    "positions from the mask": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "no cache": ("openai-gpt", {"n_embd": 32, "n_layer": 2, "n_head": 4}),
}


@pytest.fixture(params=KINDS, scope="module")
def model(request: pytest.FixtureRequest) -> LanguageModel:
    family, options = KINDS[request.param]
    made = tiny_model(family, **options)
    # Stretched frequencies are for rows beyond what the config says; nothing else limits them.
    made.__dict__["max_length"] = 160
    return made


def plain(model: LanguageModel, ids: list[int]) -> Tensor:
    """The class's own forward of one row, in a model that read nothing before, `[length, vocabulary]`."""
    row = torch.tensor([ids])
    weights = type(model.model)(model.model.config).eval()
    weights.load_state_dict(model.model.state_dict())
    return torch.log_softmax(weights(input_ids=row, attention_mask=torch.ones_like(row)).logits[0].float(), dim=-1)


def at_labels(model: LanguageModel, row: Encoded) -> Tensor:
    log_p = plain(model, list(row.input_ids))
    places = [*row.answer_positions, *([row.end_position] if row.end_position else [])]
    return torch.stack([log_p[p - 1, row.input_ids[p]] for p in places])


def test_scores_and_losses_are_those_of_each_row_read_alone(model: LanguageModel) -> None:
    rows = [model.encode(example) for example in ROWS]
    expected = [at_labels(model, row).detach() for row in rows]
    scored = score(model, ROWS, ("entropy",))
    for row, found, right in zip(rows, scored, expected, strict=True):
        assert [math.log(p) for p in found.probability] == pytest.approx(right[: len(row.tokens)].tolist(), abs=2e-5)
    targets = [uniform_target(row) for row in rows]
    batch = label_batch(model, targets)
    torch.testing.assert_close(batch.log_probs, torch.cat(expected), rtol=0, atol=2e-5)
    # What a frozen model predicts from is kept, and makes the same distribution later.
    kept = model.logits(torch.cat(label_states(model, targets)))
    chosen = torch.log_softmax(kept.float(), dim=-1).gather(1, batch_labels(rows)[:, None]).squeeze(1)
    torch.testing.assert_close(chosen, torch.cat(expected), rtol=0, atol=2e-5)


def test_alternatives_are_those_of_the_row_read_alone(model: LanguageModel) -> None:
    how = "attention" if model.hides else "token"
    for example in ROWS[:2]:
        found, row = alternatives(model, example, 3, mask_how=how), model.encode(example)
        log_p = plain(model, list(row.input_ids))
        for place, position in zip(found.as_is, row.answer_positions, strict=True):
            best = log_p[position - 1].topk(3)
            assert [math.log(one.probability) for one in place.likeliest] == pytest.approx(
                best.values.tolist(), abs=2e-5
            )
        if found.hidden is not None:
            (scores,) = score(model, example, ("masking",), mask_how=how, signed=True)
            masked = torch.tensor(scores.probability).log() - torch.tensor(scores.columns["masking"])
            assert [math.log(one.probability) for one in found.hidden] == pytest.approx(masked.tolist(), abs=1e-4)


def batch_labels(rows: list[Encoded]) -> Tensor:
    return torch.tensor(
        [
            row.input_ids[p]
            for row in rows
            for p in (*row.answer_positions, *([row.end_position] if row.end_position else []))
        ]
    )


def test_greedy_answers_are_the_argmax_of_plain_forwards(model: LanguageModel) -> None:
    prompts = [row.prompt for row in ROWS]
    for prompt, said in zip(prompts, model.generate(prompts, 5), strict=True):
        ids = model.tokenizer(model.format_prompt(prompt))["input_ids"]
        start = len(ids)
        for _ in range(5):
            with torch.no_grad():
                token = int(plain(model, ids)[-1].argmax())
            if token in model.end_ids:
                break
            ids.append(token)
        assert said == model.answer_text(model.tokenizer.decode(ids[start:], skip_special_tokens=True))


def test_what_is_trained_is_what_is_saved(model: LanguageModel, tmp_path: Path) -> None:
    """The gradient of a weight, and the copy saved and loaded again."""
    row = model.encode(ROWS[0])
    copied = trainable_copy(model)
    loss = -label_batch(copied, [uniform_target(row)]).log_probs.sum()
    loss.backward()
    weight = copied.model.get_output_embeddings().weight
    assert weight.grad is not None and weight.grad.abs().max() > 1e-3
    with torch.no_grad():
        weight.sub_(0.02 * weight.grad / weight.grad.norm() ** 2)
        lower = -label_batch(copied, [uniform_target(row)]).log_probs.sum()
    # To first order.
    assert loss.item() - lower.item() == pytest.approx(0.02, rel=0.2)
    copied.model.save_pretrained(tmp_path)
    copied.tokenizer.save_pretrained(tmp_path)
    again = load_model(str(tmp_path))
    torch.testing.assert_close(
        again.token_statistics([row])[0].log_probs, copied.token_statistics([row])[0].log_probs, rtol=0, atol=2e-5
    )


def test_adapters_are_merged_as_they_were_or_refused_in_a_sentence(model: LanguageModel) -> None:
    row = model.encode(ROWS[0])
    try:
        adapted = trainable_copy(model, lora=2)
    except ValueError as error:
        assert "leave lora out" in str(error)
        return
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    (one,), (two,) = adapted.token_statistics([row]), merged(adapted).token_statistics([row])
    torch.testing.assert_close(one.log_probs, two.log_probs, rtol=0, atol=1e-3)
    assert (one.log_probs - model.token_statistics([row])[0].log_probs).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("family", "options", "router"),
    [
        ("qwen2_moe", {**MOE, "shared_expert_intermediate_size": 16}, "mlp.gate"),
        ("phimoe", {**LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2}, "mlp.router"),
    ],
)
def test_adapters_reach_routers_too(family: str, options: dict[str, Any], router: str) -> None:
    """Bare weights, and linear layers that give out more than a product."""
    adapted = trainable_copy(tiny_model(family, **options), lora=2)
    named = [name for name, _ in adapted.model.named_parameters() if "lora_A" in name]
    assert sum(f"{router}.lora_A" in name for name in named) == 2


def test_a_special_token_that_is_added_later_is_seen() -> None:
    tokenizer = byte_level()
    assert "[MORE]" not in special_marks(tokenizer)
    tokenizer.add_special_tokens({"unk_token": "[MORE]"})
    assert special_marks(tokenizer)["[MORE]"] == len(tokenizer) - 1


def test_an_encoder_reads_from_left_to_right_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bert = tiny_model("bert", **{**BERT, "is_decoder": False})
    with pytest.raises(ValueError, match="sees those that follow it"):
        bert.encode(ROWS[0])
    bert.model.save_pretrained(tmp_path)
    bert.tokenizer.save_pretrained(tmp_path)
    model = load_model(str(tmp_path))
    (one,) = score(model, Example("Where?", "Mara was born in Kestrel."), ("entropy",))
    (two,) = score(model, Example("Where?", "Mara was born in Rivers now."), ("entropy",))
    assert one.probability[:6] == pytest.approx(two.probability[:6], abs=1e-6)
    assert "left to right" in one.notes[0]


def test_a_refusal_is_json_where_json_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tiny_model("llama", **LLAMA)
    broken.model.model.norm.weight.fill_(float("nan"))
    broken.model.save_pretrained(tmp_path)
    broken.tokenizer.save_pretrained(tmp_path)
    asked = ["--model", str(tmp_path), "--prompt", "Who?", "--answer", "Mara.", "--format", "json"]
    assert main(asked) == 2
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert said.err.strip().endswith(record["error"]) and "gives no number" in record["error"]
    assert [(row["answer"], row["p"]) for row in record["examples"]] == [("Mara.", [])]
    with pytest.raises(ValueError, match="gives no number"):
        from_json(said.out)


def test_weights_that_a_config_leaves_out_are_said(tmp_path: Path) -> None:
    model = tiny_model("llama", **LLAMA)
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for changed, said in (({"num_hidden_layers": 1}, "more blocks"), ({"num_key_value_heads": 1}, "in another shape")):
        (tmp_path / "config.json").write_text(json.dumps(config | changed))
        with pytest.raises(ValueError, match=said):
            load_model(str(tmp_path))


def test_a_row_without_a_number_is_said_by_scores_and_answers() -> None:
    model = tiny_model("llama", byte_level(), **LLAMA)
    model.model.get_input_embeddings().weight[model.tokenizer("Q", add_special_tokens=False)["input_ids"]] = math.inf
    for work in (lambda: score(model, Example("Q?", "Torvik."), ("new-info",)), lambda: model.generate(["Q?"])):
        with pytest.raises(ValueError, match="gives no number"):
            work()


def test_a_body_of_another_name_is_read_whole() -> None:
    model = tiny_model("llama", **LLAMA)
    scored, said = score(model, ROWS, ("masking",)), model.generate(["Who?"], 4)
    other = tiny_model("llama", **LLAMA)
    other.model.__class__ = type("Other", (type(other.model),), {"base_model_prefix": "nothing"})
    assert not other.splits and other.generate(["Who?"], 4) == said
    for one, two in zip(scored, score(other, ROWS, ("masking",)), strict=True):
        assert one.columns["masking"] == pytest.approx(two.columns["masking"], abs=1e-5)
    ids, attention = model.pad([model.encode(ROWS[0])])
    for layer in (1, 2):
        for one, two in zip(
            model.body_and_layer(ids, attention, layer), other.body_and_layer(ids, attention, layer), strict=True
        ):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-5)


def test_a_model_made_by_hand_is_asked_what_a_loaded_one_is() -> None:
    model = tiny_model("llama", byte_level(), **LLAMA)
    model.model.model.norm.weight.fill_(float("inf"))
    for work in (lambda: score(model, ROWS), lambda: model.generate(["Who?"])):
        with pytest.raises(ValueError, match="gives no number"):
            work()


def test_weights_that_a_family_changes_while_it_reads_are_saved_as_they_were() -> None:
    """RWKV halves its upper blocks' weights in evaluation mode."""
    options = {**SMALL, "attention_hidden_size": 32, "context_length": 128, "rescale_every": 1}
    model = tiny_model("rwkv", **{k: v for k, v in options.items() if k != "num_attention_heads"})
    before = {name: weight.clone() for name, weight in model.model.state_dict().items()}
    model.token_statistics([model.encode(ROWS[0])])
    assert all(torch.equal(weight, before[name]) for name, weight in model.model.state_dict().items())


@pytest.mark.parametrize(
    ("family", "options"),
    [
        # It keeps a state between forwards; all linear layers are of a kind of its own.
        ("rwkv", {"attention_hidden_size": 32, "context_length": 128}),
        ("falcon", {"num_attention_heads": 4}),
    ],
)
def test_families_of_a_kind_of_their_own_take_adapters(family: str, options: dict[str, Any]) -> None:
    adapted = trainable_copy(tiny_model(family, hidden_size=32, num_hidden_layers=2, **options), lora=2)
    assert any(weight.requires_grad for weight in adapted.model.parameters())


@pytest.mark.parametrize("lora", [None, 2])
def test_what_goes_back_in_training_mode_alone_is_scored_and_not_trained(lora: int | None) -> None:
    small = {"axial_pos_embds": False, "attention_head_size": 8, "hidden_size": 32, "num_attention_heads": 4}
    small |= {"attn_layers": ["local", "local"], "local_attn_chunk_length": 64, "feed_forward_size": 32}
    small |= {"is_decoder": True, "max_position_embeddings": 256, "hash_seed": 0}
    model = tiny_model("reformer", **small)
    assert model.token_statistics([model.encode(Example("Who?", "Ada Quell."))])[0].log_probs.isfinite().all()
    with pytest.raises(ValueError, match="Reformer.*cannot be trained as it is scored"):
        trainable_copy(model, lora=lora)
