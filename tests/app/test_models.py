"""Models of a visitor's choice: real folders of several architectures, and every way in which the Hub can fail."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import pytest
import torch
from huggingface_hub import errors

from app.server.settings import Settings
from app.visit.hub import Cancelled, fetch, survey_folder, survey_hub
from app.visit.models import CURATED_MODELS, FOLDER, Loading, Shelf, Wish
from app.visit.studio import Studio
from attribution import Example, load_model
from attribution.model.adapter_files import name_base
from tests.attribution.tiny import tiny_model
from unlearn.run.adapters import trainable_copy

FAMILIES = ("llama", "gpt2", "gpt_neox", "mistral", "opt")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's folder with a tiny model of each family."""
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        made = tiny_model(family)
        made.model.save_pretrained(root / family, safe_serialization=True)
        made.tokenizer.save_pretrained(root / family)
    return root


@pytest.fixture
def shelf(models: Path, model) -> Shelf:
    return Shelf(Settings(model_folder=str(models)), model)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_of_any_family_is_surveyed_loaded_and_scored(shelf: Shelf, model, family: str) -> None:
    wish = Wish(FOLDER + family)
    found = shelf.survey(wish)
    loaded = shelf.get(wish)
    # Shared embeddings stand in the file once.
    assert found.parameters == sum(weights.numel() for weights in loaded.model.parameters())
    assert shelf.get(wish) is loaded, "loaded once, for everybody"
    studio = Studio(Settings(), loaded)
    assert studio.scorers == ("masking", "entropy"), "no scorer was fitted for it"
    scores = studio.score(Example("Where was Ada Quell born?", "In Torvik."), studio.scorers)
    assert set(scores.columns) == {"masking", "entropy"} and scores.model == FOLDER + family
    assert Studio(Settings(), model).scorers == ("masking", "entropy", "learned", "fused")


def test_the_embedded_model_is_there_without_a_folder(model) -> None:
    shelf = Shelf(Settings(models=("none-such",)), model)
    assert shelf.get(Wish()) is model and shelf.choices()[0][1] == "embedded"
    assert shelf.survey(Wish()).parameters == sum(weights.numel() for weights in model.model.parameters())


def test_the_chat_template_is_another_view_of_the_same_weights(shelf: Shelf, models: Path) -> None:
    plain = shelf.get(Wish(FOLDER + "llama"))
    with pytest.raises(ValueError, match="chat template"):
        shelf.get(Wish(FOLDER + "llama", template="chat"))
    with pytest.raises(ValueError, match="needs {prompt} and {answer}"):
        Wish(FOLDER + "llama", template="chatt")
    plain.tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    chatting = shelf.get(Wish(FOLDER + "llama"))
    assert shelf.get(Wish(FOLDER + "llama", template="plain")) is plain
    assert chatting.model is plain.model and "<user>" in chatting.format_prompt("Who?")
    assert len(shelf.held) == 1


@pytest.fixture
def adapter(tmp_path: Path, model) -> Path:
    """An adapter of the embedded model in a host's folder, as a run saves it."""
    made = trainable_copy(model, lora=2)
    with torch.no_grad():
        for name, weight in made.model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.1)
    folder = tmp_path / "adapter"
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    name_base(folder, "embedded")
    return folder


def test_an_adapter_is_loaded_with_the_model_it_belongs_to(adapter: Path, model) -> None:
    shelf = Shelf(Settings(model_folder=str(adapter.parent)), model)
    wish = Wish(FOLDER + "adapter")
    found = shelf.survey(wish)
    assert found.beneath is not None and found.parameters > found.beneath.parameters > 0
    ids = torch.arange(5, 25)[None]
    loaded = shelf.get(wish)
    assert torch.equal(loaded.model(ids).logits, load_model(str(adapter)).model(ids).logits)
    assert not torch.allclose(loaded.model(ids).logits, model.model(ids).logits, atol=1e-3)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{folder}", "has no name on the Hub: take"),
        ("embedded:retrained", "has no name on the Hub: take"),
        ("folder:other", "has no name on the Hub: take"),
        ("ada/secret", "does not load 'ada/secret'"),
        ("ada/adapter", "another adapter"),
    ],
)
def test_an_adapter_reaches_no_model_that_a_visitor_may_not(
    adapter: Path, model, monkeypatch: pytest.MonkeyPatch, base: str, said: str
) -> None:
    name_base(adapter, base.format(folder=adapter))
    survey = survey_folder(adapter, "ada/adapter")
    monkeypatch.setattr("app.visit.models.survey_hub", lambda *_: survey)
    shelf = Shelf(Settings(model_folder=str(adapter.parent), models=("ada/adapter",)), model)
    with pytest.raises(ValueError, match=said) as found:
        shelf.get(Wish(FOLDER + "adapter"))
    assert str(adapter) not in str(found.value)


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../..",
        "/etc",
        "folder:",
        "folder:..",
        "folder:../models/llama",
        "folder:/etc",
        "folder:llama/../gpt2",
        "folder:link",
        "http://169.254.169.254/x",
        "a/b/c",
        "owner/..",
        "owner/na me",
        "owner/name\n",
        "-a/b",
        "~/model",
        "owner\\name",
        "x" * 10_000,
        "\ud83d/x",
    ],
)
def test_a_name_is_never_a_path_nor_an_address(
    tmp_path: Path, models: Path, model, name: str, monkeypatch: Any
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(models / "llama")
    asked: list[str] = []
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, name, **_: asked.append(name))
    with pytest.raises(ValueError):
        Shelf(Settings(models=("any",), model_folder=str(tmp_path / "root")), model).survey(Wish(name))
    assert not asked


def test_the_host_decides_what_may_be_loaded(model) -> None:
    shelf = Shelf(Settings(models=("Qwen/*",)), model)
    assert shelf.free and shelf.allows("Qwen/Qwen2.5-0.5B") and not shelf.allows("microsoft/phi-1_5")
    with pytest.raises(ValueError, match="does not load 'microsoft/phi-1_5'"):
        shelf.survey(Wish("microsoft/phi-1_5"))
    curated = Shelf(Settings(), model)
    assert not curated.free and {name for _, name in curated.choices()} == set(CURATED_MODELS)
    with pytest.raises(ValueError, match="did you mean 'Qwen/Qwen2.5-0.5B'"):
        curated.survey(Wish("Qwen/Qwen2.5-0.5b"))
    with pytest.raises(ValueError, match="revision"):
        curated.survey(Wish("microsoft/phi-1_5", revision="../main"))


@pytest.mark.parametrize("wrong", [{"dtype": "float64"}, {"bits": 3}, {"device": "tpu"}])
def test_a_wish_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Wish(**wrong)


def test_four_bits_need_what_is_not_here(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match="need an NVIDIA GPU and the package bitsandbytes"):
        shelf.get(Wish(FOLDER + "llama", bits=4))


# Folders that are none -----------------------------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    return folder


def refused(folder: Path, model, said: str, **limits: Any) -> None:
    shelf = Shelf(Settings(model_folder=str(folder.parent), **limits), model)
    with pytest.raises(ValueError, match=said) as caught:
        shelf.get(Wish(FOLDER + folder.name))
    assert str(folder.parent) not in str(caught.value), "where the host keeps models is nobody's business"
    assert shelf.held == []


def test_a_folder_without_safetensors(broken: Path, model) -> None:
    (broken / "pytorch_model.bin").write_bytes(b"x")
    refused(broken, model, "no weights in safetensors")


def test_a_model_that_is_not_causal(broken: Path, model) -> None:
    (broken / "config.json").write_text(json.dumps({"architectures": ["BertForMaskedLM"]}))
    refused(broken, model, "no causal language model .BertForMaskedLM.")
    for nothing in ("[" * 100_000, "[]", "null"):
        (broken / "config.json").write_text(nothing)
        refused(broken, model, "no readable config.json")


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, struct.pack("<Q", 5) + b"[1,2]", struct.pack("<Q", 2) + b"{x"])
def test_weights_that_are_no_safetensors(broken: Path, model, content: bytes) -> None:
    (broken / "model.safetensors").write_bytes(content)
    refused(broken, model, "no whole safetensors file")


def test_a_model_too_large_is_refused_before_it_is_read(broken: Path, model) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [70_000, 100_000], "data_offsets": [0, 0]}}).encode()
    (broken / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    refused(broken, model, "would take 28.0 GB here and this page gives one model 8 GB")


def test_weights_that_do_not_fit_the_configuration(models: Path, tmp_path: Path, model) -> None:
    refused(
        copied(models, tmp_path, hidden_size=48),
        model,
        "did not fit into memory, or its weights|could not be loaded|have in another shape",
    )


def copied(models: Path, tmp_path: Path, **changes: Any) -> Path:
    folder = tmp_path / "odd"
    folder.mkdir()
    for path in (models / "llama").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_hidden_layers": 1_900, "intermediate_size": 100_000}, "would take .* GB here"),
        ({"vocab_size": 10**9}, "would take .* GB here"),
        ({"num_hidden_layers": 10**9}, "1,000,000,000 blocks"),
        ({"num_attention_heads": 0}, "cannot be used"),
        ({"hidden_size": "wide"}, "cannot be used"),
        ({"model_type": "nothing"}, "cannot be used"),
    ],
)
def test_a_config_that_describes_more_or_nothing_is_refused_before_a_weight_is_made(
    models: Path, tmp_path: Path, model, changes: dict[str, Any], said: str
) -> None:
    """A small file with a config of 120 blocks loaded 832 MB of made-up weights past the limit."""
    refused(copied(models, tmp_path, **changes), model, said)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_half_a_file_is_a_sentence(models: Path, tmp_path: Path, model, name: str) -> None:
    folder = copied(models, tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    refused(folder, model, "odd")


def test_a_tokenizer_that_gives_up_is_a_sentence(models: Path, model) -> None:
    class PanicException(BaseException):
        pass

    def panics(*_: Any, **__: Any) -> Any:
        raise PanicException("index out of bounds")

    shelf = Shelf(Settings(model_folder=str(models)), model, panics)
    with pytest.raises(ValueError, match="tokenizer of 'folder:llama' is broken"):
        shelf.get(Wish(FOLDER + "llama"))


# The Hub -------------------------------------------------------------------------------------------------------------


def answer(status: int) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", "https://huggingface.co/x"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.GatedRepoError("secret", response=answer(403)), "only given to those who asked"),
        (errors.RepositoryNotFoundError("secret", response=answer(404)), "no model 'a/b' on the Hub"),
        (errors.RevisionNotFoundError("secret", response=answer(404)), "no revision 'r'"),
        (errors.HfHubHTTPError("secret", response=answer(503)), "answered 503"),
        (errors.OfflineModeIsEnabled("secret"), "cannot be reached from here"),
        (ConnectionError("secret"), "cannot be reached from here"),
        (TimeoutError("secret"), "cannot be reached from here"),
        (RuntimeError("secret"), "could not be fetched .RuntimeError."),
    ],
)
def test_each_fault_of_the_hub_is_its_own_sentence(monkeypatch: Any, error: Exception, said: str) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fails)
    with pytest.raises(ValueError, match=said) as caught:
        survey_hub("a/b", "r")
    assert "secret" not in str(caught.value)


def info(**changes: Any) -> SimpleNamespace:
    files = [SimpleNamespace(rfilename="model.safetensors", size=4_000), SimpleNamespace(rfilename="x.bin", size=9_999)]
    found = {
        "siblings": files,
        "config": {"architectures": ["LlamaForCausalLM"]},
        "safetensors": SimpleNamespace(total=2_000),
        "sha": "abc",
    }
    return SimpleNamespace(**{**found, **changes})


def test_what_the_hub_says_is_told_before_loading(monkeypatch: Any) -> None:
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: info())
    found = survey_hub("a/b")
    assert (found.parameters, found.download_bytes, found.revision) == (2_000, 4_000, "abc")
    no_weights = info(siblings=[SimpleNamespace(rfilename="pytorch_model.bin", size=1)])
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: no_weights)
    with pytest.raises(ValueError, match="no weights in safetensors"):
        survey_hub("a/b")
    encoder = info(config={"architectures": ["T5ForConditionalGeneration"]})
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: encoder)
    with pytest.raises(ValueError, match="no causal language model"):
        survey_hub("a/b")


@pytest.fixture
def downloads(monkeypatch: Any, models: Path) -> Iterator[None]:
    """A Hub whose one model comes in ten pieces."""

    def download(name: str, tqdm_class: Any, **_: Any) -> str:
        with tqdm_class(total=100, unit="B", unit_scale=True) as bar:
            for _ in range(10):
                bar.update(10)
        return str(models / "llama")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: info())
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    yield


def test_a_download_tells_its_progress_and_can_be_cancelled(downloads: None, model) -> None:
    shelf = Shelf(Settings(models=("any",)), model)
    loading = Loading()
    loaded = shelf.get(Wish("a/b"), loading)
    assert loading.fetched == 100 and loading.stage == "Done" and loaded.name == "a/b"
    told: list[int] = []
    with pytest.raises(Cancelled, match="what has come is kept"):
        fetch(survey_hub("a/b"), told.append, lambda: len(told) >= 3)
    assert len(told) == 3
    late = Loading()
    late.cancel()
    with pytest.raises(Cancelled, match="has not changed"):
        shelf.get(Wish("c/d"), late)
    assert shelf.held == ["a/b"]


def test_a_full_disk_is_a_sentence(monkeypatch: Any, downloads: None) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(ValueError, match="The disk is full"):
        fetch(survey_hub("a/b"), lambda size: None, lambda: False)


# Memory --------------------------------------------------------------------------------------------------------------


def test_the_one_unused_for_longest_leaves_and_one_in_use_stays(models: Path, model) -> None:
    sizes = [
        sum(w.numel() for w in tiny_model(family).model.parameters()) for family in ("llama", "mistral", "gpt_neox")
    ]
    # Room for any two and for no third.
    shelf = Shelf(Settings(model_folder=str(models)), model)
    limits = {**vars(shelf._settings), "models_gb": 4 * (sum(sizes) - min(sizes)) / 1e9}
    shelf._settings = SimpleNamespace(**limits)  # type: ignore[assignment]
    first = shelf.get(Wish(FOLDER + "llama"))
    shelf.get(Wish(FOLDER + "mistral"))
    shared = Studio(Settings(), model)
    studio = shelf.studio(shared, first, shared.corpus)
    shelf.get(Wish(FOLDER + "gpt_neox"))
    assert shelf.held == [FOLDER + "llama", FOLDER + "gpt_neox"], "the older one is in use, so the newer one left"
    other = shelf.studio(shared, shelf.get(Wish(FOLDER + "gpt_neox")), shared.corpus)
    with pytest.raises(ValueError, match="is in use by somebody"):
        shelf.get(Wish(FOLDER + "mistral"))
    del studio
    shelf.get(Wish(FOLDER + "mistral"))
    assert FOLDER + "llama" not in shelf.held and other is not None
    with pytest.raises(ValueError, match="this page has"):
        shelf._make_room(1e12)


def test_memory_that_does_not_suffice_is_a_sentence(models: Path, model) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate")

    shelf = Shelf(Settings(model_folder=str(models)), model, fails)
    with pytest.raises(ValueError, match="did not fit into memory"):
        shelf.get(Wish(FOLDER + "llama"))
    assert shelf.held == []
