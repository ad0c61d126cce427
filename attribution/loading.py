"""Load a causal LM by name: the embedded ones, a folder, or a Hub id. Safetensors only, and no code of a repository."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from attribution.language_model import LanguageModel
from attribution.templates import DEFAULT_TEMPLATE

log = logging.getLogger(__name__)

EMBEDDED_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "fictional_authors"
EMBEDDED_MODELS = {"embedded": "full", "embedded:retrained": "retrained"}


def load_model(
    name: str = "embedded",
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
    template: str = DEFAULT_TEMPLATE,
) -> LanguageModel:
    """Load a causal LM: `embedded`, `embedded:retrained`, a local folder, or a Hub id.

    `template` holds `{prompt}` and `{answer}`; `chat` takes the tokenizer's own chat template.

    Weights come from safetensors files alone and no code of the model's repository is run.

    Raises:
        ValueError: the name is no such thing; the message says what was looked for and what to do.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = _source(name)
    try:
        with _no_bar_for_a_folder(source):
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"The model {name!r} could not be loaded: {reason}. Give 'embedded', a Hugging Face folder with a causal "
            "language model in safetensors, or a Hub id."
        ) from error
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if isinstance(dtype, str):
        log.debug("loaded %s in %s", name, dtype)
    folder = Path(source) if Path(source).is_dir() else None
    return LanguageModel(model.to(device).requires_grad_(False), tokenizer, name, template, folder)


def _source(name: str) -> str:
    """What `from_pretrained` is given: a folder that holds a model, or a Hub id."""
    if not name or not name.strip():
        raise ValueError("The model's name is empty: give 'embedded', a folder or a Hub id.")
    if name in EMBEDDED_MODELS:
        folder = EMBEDDED_FOLDER / EMBEDDED_MODELS[name]
        if not (folder / "config.json").is_file():
            raise ValueError(f"The model {name!r} is not built yet: run `python -m assets.build`.")
        return str(folder)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ValueError(f"The folder {name!r} holds no model: config.json is missing.")
        return str(path)
    if path.is_absolute() or name.startswith(("./", "../", "~")) or path.exists() or name.count("/") > 1:
        raise ValueError(
            f"The model {name!r} is neither a folder here nor a Hub id: give 'embedded', a folder that exists, or "
            "'owner/name'."
        )
    return name


@contextmanager
def _no_bar_for_a_folder(source: str) -> Iterator[None]:
    """Without transformers' progress bar, which is for downloads and flashes by for a folder."""
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    if Path(source).is_dir():
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
