"""People's own folders: what they ship changes no answer, and what cannot be right is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, GenerationConfig

import attribution.model.generation
from attribution import Example, LanguageModel, load_model, score
from tests.attribution.tiny import byte_level, tiny_model, unigram

CHANGES: dict[str, dict[str, Any]] = {
    "heads": {"n_head": 5},
    "blocks": {"n_layer": 0},
    "quantised": {"quantization_config": {"quant_method": "wondrous", "bits": 4}},
    "longest": {"model_max_length": "long"},
    "code": {"model_type": "wondrous", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}},
}
PROMPTS = ["Where was Ada Quell born?", "What?"]


def argmax_answer(model: LanguageModel, prompt: str, count: int) -> str:
    ids = model.tokenizer(model.format_prompt(prompt))["input_ids"]
    start = len(ids)
    for _ in range(count):
        with torch.no_grad():
            token = int(model.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        if token == model.tokenizer.eos_token_id:
            break
        ids.append(token)
    return model.answer_text(model.tokenizer.decode(ids[start:], skip_special_tokens=True))


def saved(model: LanguageModel, folder: Path) -> Path:
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "shipped",
    [{"repetition_penalty": 50.0}, {"num_beams": 3}, {"return_dict_in_generate": True}, {"stop_strings": ["a"]}],
    ids=lambda shipped: next(iter(shipped)),
)
def test_a_greedy_answer_is_the_argmax_whatever_the_generation_config_says(shipped: dict[str, Any]) -> None:
    model = tiny_model("llama")
    model.model.generation_config = GenerationConfig(**shipped)
    assert model.generate(PROMPTS, 8) == [argmax_answer(model, prompt, 8) for prompt in PROMPTS]
    # What is saved later still has what the folder shipped.
    name, value = next(iter(shipped.items()))
    assert getattr(model.model.generation_config, name) == value


def test_a_recurrent_model_answers_prompts_of_two_lengths_as_it_answers_each_alone() -> None:
    model = tiny_model("rwkv", hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, context_length=128)
    assert model.answered_together != "any" and tiny_model("llama").answered_together == "any"
    assert model.generate(PROMPTS, 8) == [argmax_answer(model, prompt, 8) for prompt in PROMPTS]


def test_a_tokenizer_that_ends_every_text_does_not_close_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = unigram()
    model = tiny_model("llama", tokenizer)
    asked: list[list[int]] = []
    generated = attribution.model.generation.generated
    monkeypatch.setattr(
        attribution.model.generation,
        "generated",
        lambda model, prompts, *options: asked.extend(prompts) or generated(model, prompts, *options),
    )
    model.generate(["Where?"], 2)
    assert tokenizer("Where?")["input_ids"][-1] == tokenizer.eos_token_id
    assert asked and asked[0][-1] != tokenizer.eos_token_id


def test_a_pad_token_without_an_embedding_is_no_reason_to_fail() -> None:
    model = tiny_model("llama", byte_level())
    model.tokenizer.add_special_tokens({"pad_token": "[MORE]"})
    assert model.tokenizer.pad_token_id >= model.vocabulary_size
    rows = [Example(PROMPTS[0], "In Torvik."), Example("What?", "The Salt Ledger, in 1931.")]
    together = [scores.columns["entropy"] for scores in score(model, rows, ("entropy",))]
    for row, column in zip(rows, together, strict=True):
        assert score(model, row, ("entropy",))[0].columns["entropy"] == pytest.approx(column, abs=1e-4)
    assert len(model.generate(PROMPTS, 2)) == 2


def test_an_answer_ends_where_the_next_row_would_begin() -> None:
    assert tiny_model("llama").answer_text(" Torvik.\nQuestion: And who?\nAnswer:") == "Torvik."


def test_a_template_that_writes_the_special_tokens_has_one_of_each() -> None:
    model = tiny_model("llama", template="<s>[I] {prompt} [/I] {answer}</s>")
    row = model.encode(Example("Where?", "In </s> Torvik <s>."))
    first, last = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    assert [row.input_ids.count(token) for token in (first, last)] == [1, 1]
    assert row.input_ids[0] == first and row.end_position == len(row) - 1 and row.input_ids[-1] == last
    assert "".join(token.text for token in row.tokens) == "In </s> Torvik <s>."


def test_a_special_token_written_in_a_question_or_an_answer_is_text() -> None:
    model = tiny_model("llama")
    row = model.encode(Example("Is <pad> one?", "No, </s> is."))
    ids = [row.input_ids[p] for p in (*row.prompt_positions, *row.answer_positions)]
    assert not {model.tokenizer.pad_token_id, model.tokenizer.eos_token_id} & set(ids)
    assert row.input_ids.count(model.tokenizer.eos_token_id) == 1


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no') }}",
        "{% for m in messages %}",
        "{{ messages[7].x.y }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_a_chat_template_that_cannot_be_filled_is_a_sentence(template: str) -> None:
    tokenizer = byte_level()
    tokenizer.chat_template = template
    with pytest.raises(ValueError, match="chat template of 'tiny llama' cannot be filled"):
        tiny_model("llama", tokenizer, template="chat")


def test_a_model_that_sees_the_future_is_refused() -> None:
    model = tiny_model("bert", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
    with pytest.raises(ValueError, match="sees those that follow it"):
        model.check()
    tiny_model("llama").check()


def test_a_model_without_numbers_is_refused_for_what_it_is(tmp_path: Path) -> None:
    model = tiny_model("llama")
    model.model.model.norm.weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="gives no number"):
        load_model(str(saved(model, tmp_path)))


def test_weights_that_would_be_drawn_at_random_are_refused(tmp_path: Path) -> None:
    model = tiny_model("llama")
    saved(model, tmp_path)
    AutoModelForSequenceClassification.from_config(model.model.config).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    with pytest.raises(ValueError, match="lack lm_head.weight"):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("pointer", "git lfs pull"),
        ("half", "could not be loaded"),
        ("folder", "could not be loaded"),
        ("ends", "could not be loaded"),
        ("heads", "could not be loaded|another shape"),
        ("blocks", "says that it has 0 blocks"),
        ("quantised", "quantised by 'wondrous', which this release of transformers does not know"),
        ("longest", "says that model_max_length is 'long'"),
        ("code", "code of its own, which is never run here"),
    ],
)
def test_files_that_are_no_model_are_a_sentence(tmp_path: Path, fault: str, said: str) -> None:
    saved(tiny_model("gpt2"), tmp_path)
    weights = tmp_path / "model.safetensors"
    if fault == "pointer":
        weights.write_text("version https://git-lfs.github.com/spec/v1\nsize 1\n")
    elif fault == "half":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif fault == "ends":
        (tmp_path / "generation_config.json").write_text("{")
    elif fault == "folder":
        weights.unlink()
        weights.mkdir()
    else:
        path = tmp_path / ("tokenizer_config.json" if fault == "longest" else "config.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | CHANGES[fault]))
    with pytest.raises(ValueError, match=said):
        load_model(str(tmp_path))


def test_a_token_that_the_model_has_no_embedding_for_is_a_sentence() -> None:
    tokenizer = byte_level()
    model = tiny_model("gpt2", tokenizer)
    tokenizer.add_tokens(["Torvik"])
    assert len(model.generate(["Who?"], 2)) == 1
    with pytest.raises(ValueError, match="writes 'Torvik', a token that the model does not have"):
        score(model, Example("Who?", "In Torvik."), ("entropy",))
    with pytest.raises(ValueError, match="writes 'Torvik'"):
        model.generate(["Who is in Torvik?"], 2)


def test_an_end_token_that_is_no_number_is_none() -> None:
    model = tiny_model("llama")
    model.model.generation_config = GenerationConfig(eos_token_id="</s>")
    assert model.end_ids == (model.tokenizer.eos_token_id,)


def test_a_length_of_minus_one_or_under_another_name_is_understood() -> None:
    model = tiny_model("llama")
    model.model.config.max_position_embeddings = -1
    model.model.config.n_ctx = 77
    assert model.max_length == 77
