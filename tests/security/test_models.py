"""Models that are none, by the real server: broken configs, half files, tokenizers that panic, weights of others.

Each is asked for as a visitor asks, and is one sentence within a time; the page goes on, and nothing of the host's
folders is told.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from app.server.gradio_side import GuardedBlocks
from tests.attribution.tiny import tiny_model
from tests.security.conftest import Caller, Page

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
Damage = Callable[[Path], Any]


def settings(name: str, **changes: Any) -> Damage:
    """Other settings in a JSON file."""

    def damage(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return damage


def content(name: str, text: str) -> Damage:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def half(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes(
        (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    )


def header(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Another description of the weights in front of the same bytes."""

    def damage(folder: Path) -> None:
        whole = (folder / WEIGHTS).read_bytes()
        (length,) = struct.unpack("<Q", whole[:8])
        described = json.loads(whole[8 : 8 + length])
        change(described)
        said = json.dumps(described).encode()
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(said)) + said + whole[8 + length :])

    return damage


def first(described: dict[str, Any]) -> str:
    return next(name for name in described if name != "__metadata__")


def sharded(place: str) -> Damage:
    """An index that names one file for all weights, which are there."""

    def damage(folder: Path) -> None:
        whole = (folder / WEIGHTS).read_bytes()
        (length,) = struct.unpack("<Q", whole[:8])
        names = [name for name in json.loads(whole[8 : 8 + length]) if name != "__metadata__"]
        shutil.move(folder / WEIGHTS, folder / place)
        one = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        (folder / "model-00001-of-00002.safetensors").write_bytes(struct.pack("<Q", len(one)) + one + b"\0\0\0\0")
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, place)}))

    return damage


def adapter(**changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        (folder / "config.json").unlink()
        kind = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
        (folder / "adapter_config.json").write_text(
            json.dumps({"base_model_name_or_path": "embedded", **kind, **changes})
        )
        shutil.move(folder / WEIGHTS, folder / "adapter_model.safetensors")

    return damage


ENDLESS = {"type": "Replace", "pattern": {"Regex": "~{0}"}, "content": "x"}
NO_TOKEN = {"type": "TemplateProcessing", "special_tokens": {}, "pair": [], "single": [
    {"SpecialToken": {"id": "nothing", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
]}  # fmt: skip
NO_PIECE = {"type": "Unigram", "unk_id": None, "vocab": [["a", 0.0]], "byte_fallback": False}
KINDS: dict[str, tuple[Damage, str]] = {
    # What config.json says.
    "config of nothing": (content("config.json", "[" * 50_000), "no readable config.json"),
    "config in half": (half("config.json"), "no readable config.json"),
    "width in words": (settings("config.json", hidden_size="wide"), "cannot be used"),
    "no number": (settings("config.json", rms_norm_eps=float("nan")), "gives no number"),
    "rope of 0": (settings("config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 0}), "cannot be used"),
    "blocks": (settings("config.json", num_hidden_layers=10**9), "1,000,000,000 blocks"),
    "other code": (settings("config.json", model_type="own", auto_map={"AutoConfig": "x--y.Own"}), "never run here"),
    "packed": (settings("config.json", quantization_config={"quant_method": "gguf2"}), "gguf2|could not be loaded"),
    # Its tokenizer, whose own code gives up when it is read, at any text, or at a text that it has no piece for.
    "tokenizer in half": (half("tokenizer.json"), "could not be loaded|is broken"),
    "panics when read": (
        settings("tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "tokenizer of .* is broken",
    ),
    "panics at a text": (settings("tokenizer.json", normalizer=ENDLESS), "tokenizer .*(gives up|is broken)"),
    "panics at its end": (settings("tokenizer.json", post_processor=NO_TOKEN), "tokenizer gives up at a text"),
    "no piece": (settings("tokenizer.json", model=NO_PIECE), "tokenizer .*(gives up|is broken)"),
    # Its weights: cut off, missing, in another order than is said, in parts that are not there, or are another's.
    "weights in half": (half(WEIGHTS), "could not be loaded|no whole safetensors"),
    "a key is missing": (header(lambda d: d.update(other=d.pop(first(d)))), "lack "),
    "a negative shape": (header(lambda d: d[first(d)].update(shape=[-1, 5])), "could not be loaded"),
    "a kind of number": (header(lambda d: d[first(d)].update(dtype="F999")), "could not be loaded"),
    "index in half": (lambda folder: (sharded("rest.safetensors")(folder), half(INDEX)(folder)), "names no files"),
    "a part is missing": (
        lambda folder: (sharded("rest.safetensors")(folder), (folder / "rest.safetensors").unlink()),
        "'rest.safetensors', which is no file beside it",
    ),
    "weights of others": (sharded("../private.safetensors"), "'../private.safetensors', which is no file beside it"),
    "a folder for a file": (
        lambda folder: ((folder / WEIGHTS).unlink(), (folder / WEIGHTS).mkdir()), "no whole safetensors",
    ),
    # An adapter, and what a run noted beside its weights.
    "adapter of nothing": (adapter(), "could not be loaded"),
    "adapter of a path": (adapter(base_model_name_or_path="/etc"), "no name on the Hub"),
    "noted template": (content("forget_lens.json", '{"template": 5}'), "names no template"),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    made = tiny_model("llama")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


def test_every_broken_model_is_a_sentence_and_the_page_goes_on(page: Page, whole: Path) -> None:
    """A panic of a tokenizer was answered by nobody, and its place in line was taken for ever."""
    begun, before = len(page.log.read_text()), page.memory_mb()
    wrong = {}
    with page.client() as client:
        for name, (damage, wanted) in KINDS.items():
            folder = page.models / name.replace(" ", "-")
            shutil.copytree(whole, folder)
            damage(folder)
            started = time.monotonic()
            try:
                caller = Caller(page, f"opens-{folder.name}", client)
                said = f"It was taken: {caller.ask('open', model=f'folder:{folder.name}')}"
            except RuntimeError as refusal:
                said = str(refusal)
            fits = re.search(wanted, said) and len(said) < 800 and str(page.models) not in said
            if not fits or time.monotonic() - started > 15:
                wrong[name] = said
        assert wrong == {}
        shutil.copytree(whole, page.models / "whole")
        assert Caller(page, "opens-whole", client).ask("open", model="folder:whole")["model"] == "folder:whole"
    assert Caller(page, "after").ask("score", row="forget:0", scorers="random")["examples"]
    assert page.memory_mb() - before < 250
    assert "Traceback" not in page.log.read_text()[begun:]


class PanicException(BaseException):
    """As code that is not Python's raises it, whatever went wrong."""


def test_whatever_code_of_others_raises_is_answered() -> None:
    """The second of its kind: a panic behind any other function of the page, which nothing of ours expects."""

    def panics(text: str) -> str:
        raise PanicException(text)

    with GuardedBlocks() as blocks:
        typed = gr.Textbox()
        typed.submit(panics, typed, typed)
    (fn,) = blocks.fns.values()
    with ThreadPoolExecutor(1) as thread, pytest.raises(gr.Error, match="could not be done") as said:
        asked = blocks.process_api(block_fn=fn, inputs=["hush"], state=SessionState(blocks))
        thread.submit(asyncio.run, asked).result()  # type: ignore[arg-type]
    assert "hush" not in str(said.value)
