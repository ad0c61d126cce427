"""Adapters in the place of models: read beside the base they name, and no further than numbers and names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import errors

from attribution import LanguageModel, load_model
from attribution.model import adapter_files
from attribution.model.adapter_files import ADAPTER_FILE, ADAPTER_WEIGHTS, find_adapter
from tests.attribution.tiny import tiny_model
from unlearn.run.adapters import merged, trainable_copy

IDS = torch.arange(5, 25)[None]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "base"
    made = tiny_model("llama")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapted(base: Path) -> LanguageModel:
    """The base with adapters whose second halves are not 0."""
    made = trainable_copy(load_model(str(base)), lora=2)
    with torch.no_grad():
        for name, weight in made.model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    return made


@pytest.fixture
def adapter(adapted: LanguageModel, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    adapted.model.save_pretrained(folder)
    adapted.tokenizer.save_pretrained(folder)
    return folder


def change(folder: Path, **settings: object) -> None:
    path = folder / ADAPTER_FILE
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | settings), encoding="utf-8")


def test_an_adapter_loads_as_the_model_that_it_makes(adapter: Path, adapted: LanguageModel, base: Path) -> None:
    loaded = load_model(str(adapter))
    expected = merged(adapted).model(IDS).logits
    torch.testing.assert_close(loaded.model(IDS).logits, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(load_model(str(base)).model(IDS).logits, expected, atol=1e-3)
    assert loaded.name == str(adapter) and not hasattr(loaded.model, "peft_config")
    assert not any(weight.requires_grad for weight in loaded.model.parameters())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_model_name_or_path": None}, "names no model"),
        ({"base_model_name_or_path": "./nowhere"}, "neither a folder here nor a Hub id"),
        ({"peft_type": "IA3"}, "LORA alone is read"),
        ({"use_dora": True}, "needs 'use_dora'"),
        ({"modules_to_save": ["lm_head"]}, "needs 'modules_to_save'"),
        # peft would import the module of this name.
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "needs 'megatron_config'"),
        ({"r": 10**9}, "from 1 to 256"),
        ({"r": "8"}, "from 1 to 256"),
        ({"rank_pattern": {"q_proj": 10**9}}, "from 1 to 256"),
        ({"r": 3}, "could not be loaded"),
        ({"target_modules": ["q_proj"]}, "does not fit"),
        ({"target_modules": ["nothing"]}, "could not be loaded"),
        ({"target_modules": 7}, "could not be loaded"),
    ],
)
def test_what_cannot_be_is_a_sentence(adapter: Path, settings: dict[str, object], said: str) -> None:
    change(adapter, **settings)
    with pytest.raises(ValueError, match=said):
        load_model(str(adapter))


def test_damage_is_a_sentence(adapter: Path) -> None:
    for name, text in ((ADAPTER_WEIGHTS, "no weights"), (ADAPTER_FILE, "[1]"), (ADAPTER_FILE, "{")):
        (adapter / name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="could not be loaded"):
            load_model(str(adapter))


def test_an_adapter_of_itself_or_of_another_is_refused(adapter: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(adapter, other)
    change(other, base_model_name_or_path=str(adapter))
    change(adapter, base_model_name_or_path=str(adapter))
    for folder in (adapter, other):
        with pytest.raises(ValueError, match="belongs to another adapter"):
            load_model(str(folder))


def test_no_pickled_weights_are_read(adapter: Path) -> None:
    (adapter / ADAPTER_WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(adapter))


def test_from_the_hub_it_comes_without_files_that_may_hold_code(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def file(name: str, path: str, local_files_only: bool = False) -> str:
        asked.append(path)
        if path == "config.json":
            raise errors.EntryNotFoundError("none")
        return str(adapter / path)

    def all_files(name: str, allow_patterns: list[str], local_files_only: bool) -> str:
        assert not any("bin" in pattern or "py" in pattern or pattern == "*" for pattern in allow_patterns)
        return str(adapter)

    monkeypatch.setattr(adapter_files, "hf_hub_download", file)
    monkeypatch.setattr(adapter_files, "snapshot_download", all_files)
    assert find_adapter("ada/adapter") == adapter and asked == ["config.json", ADAPTER_FILE]
    assert load_model("ada/adapter").name == "ada/adapter"
