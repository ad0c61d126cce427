"""Load a causal LM by name: the embedded ones, a folder, a GGUF file, or a Hub id.

Weights come from safetensors or GGUF files alone, and no code of a repository is run.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import HfHubHTTPError, StrictDataclassError
from safetensors import SafetensorError, safe_open

from attribution.model import families
from attribution.model.adapter_files import base_of, find_adapter, is_adapter, with_adapter
from attribution.model.curated import CURATED, folder_here, what_it_takes
from attribution.model.gguf_files import ENDING, parameters_in, read_gguf
from attribution.model.language_model import LanguageModel
from attribution.model.shards import check_shards
from attribution.text.templates import AUTO, PLAIN, Asking, template_name, template_words

log = logging.getLogger(__name__)

EMBEDDED_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "fictional_authors"
KEPT_FILE = "forget_lens.json"
"""What a run notes beside the weights it saves: the template."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
EMBEDDED_MODELS = {"embedded": "full", "embedded:retrained": "retrained"}


# All that somebody else's folder can make transformers raise: a package that is missing, a file that is no JSON or no
# safetensors, a shape that does not fit, a config that divides by 0.
LOADING_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    SafetensorError,
    HfHubHTTPError,
    StrictDataclassError,
)


def load_model(
    name: str = "embedded",
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
    template: str = AUTO,
    bits: int | None = None,
    device_map: str | None = None,
    base: str | None = None,
) -> LanguageModel:
    """Load a causal LM: `embedded`, `embedded:retrained`, a local folder, a file `model.gguf`, or a Hub id.

    A curated Hub id (`attribution.model.curated`) is read from the folder that `make real` made, where there is one.
    What a model that is not embedded takes is logged before a weight is read. An adapter (LoRA) is added into the
    weights of the model that it names, or of `base`.

    `bits` 4 or 8 rounds the weights while they are loaded (bitsandbytes, which needs a GPU); `device_map` `auto`
    spreads them over what there is.

    `template` says how it is asked (`attribution.text.templates.Asking`): by the tokenizer's own chat template where it
    has one, unless told. A folder that a run saved is asked as the run asked it.

    Weights come from safetensors or GGUF files alone and no code of the model's repository is run.

    Raises:
        ValueError: the name is no such thing; the message says what was looked for and what to do.
    """
    source = _source(name)
    adapter = find_adapter(source)
    if adapter is not None:
        return _with_adapter(name, adapter, base, device, dtype, template, bits, device_map)
    device = device or default_device()
    placed: dict[str, Any] = {"device_map": device_map} if device_map else {}
    if bits is not None:
        placed = {"device_map": device_map or "auto", "quantization_config": _rounding(bits, device)}
    if placed and source.endswith(ENDING):
        raise ValueError("A GGUF file is rounded already and goes to one device: leave bits and device_map out.")
    try:
        if name not in EMBEDDED_MODELS:
            log.info("%s: %s.", name, _takes(name, source, dtype))
        with _no_bar_for_files_here(source):
            model, tokenizer, info = (
                read_gguf(Path(source), dtype) if source.endswith(ENDING) else _read(source, dtype, placed)
            )
    except LOADING_ERRORS as error:
        reason = _pointer(source) or in_few_words(error)
        raise ValueError(
            f"The model {name!r} could not be loaded: {reason.rstrip('.')}. Give 'embedded', a Hugging Face folder "
            "with a causal language model in safetensors, a GGUF file, or a Hub id."
        ) from error
    _check_complete(name, info, [key for key, _ in model.named_parameters()])
    _check_settings(name, model, tokenizer)
    if isinstance(dtype, str):
        log.debug("loaded %s in %s", name, dtype)
    folder = Path(source) if Path(source).is_dir() else None
    model = model if placed else model.to(device)
    if template == AUTO and folder is not None:
        template = kept_template(folder)
    loaded = LanguageModel(model.requires_grad_(False), tokenizer, name, template, folder)
    log.info("%s is asked by %s.", name, template_words(loaded.template))
    if getattr(model.config, "is_decoder", None) is False and not families.causal(loaded):
        loaded = _as_decoder(loaded)
    loaded.check()
    for note in loaded.notes:
        log.warning(note)
    return loaded


def _with_adapter(
    name: str,
    folder: Path,
    base: str | None,
    device: str | None,
    dtype: str | torch.dtype,
    template: str,
    bits: int | None,
    device_map: str | None,
) -> LanguageModel:
    """The base that an adapter names, with the adapter in its weights and the adapter's own tokenizer."""
    try:
        base = base or base_of(folder)
        if find_adapter(_source(base)) is not None:
            raise ValueError("it belongs to another adapter, and adapters are not read in rows")
        loaded = load_model(base, device, dtype, PLAIN, bits, device_map)
        model = with_adapter(loaded.model, folder)
        tokenizer = loaded.tokenizer
        if (folder / "tokenizer_config.json").is_file():
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except LOADING_ERRORS as error:
        raise ValueError(
            f"The adapter {name!r} could not be loaded: {in_few_words(error).rstrip('.')}. Give a folder with a LoRA "
            "adapter in safetensors whose model can be loaded, too."
        ) from error
    if template == AUTO:
        template = kept_template(folder)
    found = LanguageModel(model.requires_grad_(False), tokenizer, name, template, folder)
    log.info("%s is an adapter of %s, asked by %s.", name, base, template_words(found.template))
    found.check()
    return found


def is_hub_name(name: str) -> bool:
    """Whether a text is a name as the Hub gives them, `owner/name`."""
    return bool(_HUB_NAME.fullmatch(name)) and ".." not in name and "--" not in name


def _as_decoder(loaded: LanguageModel) -> LanguageModel:
    """An encoder (BERT's kind) made to read from left to right, which its class does where its config says so."""
    old = loaded.model
    config = copy.deepcopy(old.config)
    config.is_decoder = True
    model = type(old)._from_config(config, dtype=old.dtype)
    model.load_state_dict(old.state_dict())
    model.to(old.device).requires_grad_(False)
    read = LanguageModel(model, loaded.tokenizer, loaded.name, loaded.template, loaded.folder)
    read.notes = (
        f"{loaded.name!r} was trained to fill gaps, seeing both sides of them: here it reads from left to right "
        "(is_decoder), which it may never have learned, so expect little of its probabilities and its answers.",
    )
    return read


def _read(source: str, dtype: str | torch.dtype, placed: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and what was missing, of a folder or from the Hub."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    check_shards(Path(source))
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    model, info = AutoModelForCausalLM.from_pretrained(
        source,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        # Said in our own sentence, with the weights' names.
        ignore_mismatched_sizes=True,
        **placed,
    )
    ends = Path(source) / "generation_config.json"
    if ends.is_file():
        # transformers passes over a broken one, and with it over what ends an answer.
        json.loads(ends.read_text(encoding="utf-8"))
    rounded = getattr(model.config, "quantization_config", None)
    if rounded and getattr(model, "hf_quantizer", None) is None:
        # transformers passes over a kind that it does not know, and takes the packed numbers for weights.
        kind = rounded.get("quant_method") if isinstance(rounded, Mapping) else None
        raise ValueError(f"its weights are quantised by {kind!r}, which this release of transformers does not know")
    return model, tokenizer, info


def kept_template(folder: Path) -> str:
    """How the run that saved this folder asked its model; `auto` where none did.

    Raises:
        ValueError: the file that says it says something else.
    """
    path = folder / KEPT_FILE
    if not path.is_file():
        return AUTO
    try:
        return Asking(json.loads(path.read_text(encoding="utf-8"))["template"]).template
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{KEPT_FILE} in the folder of the model names no template ({error}): name one, such as plain."
        ) from error


def keep_template(folder: Path, template: str) -> None:
    """Note in a model's folder how it was asked, so that it is asked so again."""
    (folder / KEPT_FILE).write_text(json.dumps({"template": template_name(template)}) + "\n", encoding="utf-8")


def _takes(name: str, source: str, dtype: str | torch.dtype) -> str:
    """What a model takes, from headers and from what is known of it; no weight is read."""
    kind = getattr(torch, dtype) if isinstance(dtype, str) and hasattr(torch, dtype) else dtype
    size = kind.itemsize if isinstance(kind, torch.dtype) else 4
    path = Path(source)
    if path.is_file():
        return what_it_takes(parameters_in(path), size)
    if path.is_dir():
        return what_it_takes(sum(map(_numbers_in, path.glob("*.safetensors"))), size)
    known = CURATED.get(name)
    return what_it_takes(known.parameters, size, known.download) if known else "from the Hub"


def _numbers_in(file: Path) -> int:
    with safe_open(file, "pt") as opened:
        return sum(math.prod(opened.get_slice(key).get_shape()) for key in opened.keys())  # noqa: SIM118


def _check_complete(name: str, info: Mapping[str, Any], known: Iterable[str] = ()) -> None:
    """ValueError when weights were drawn at random because the files lack them or have them in another shape."""
    left = sorted(map(str, info.get("unexpected_keys", ())))
    blocks = [key for key in left if _one_of(key) in {_one_of(name) for name in known}]
    if blocks:
        raise ValueError(
            f"The files of {name!r} have more blocks or experts than its config.json says, such as {blocks[0]}, which "
            "would be left out: correct the numbers in config.json."
        )
    if left:
        log.warning("%s: %d weights of its files are none of this class, such as %s.", name, len(left), left[0])
    missing = sorted(map(str, info.get("missing_keys", ())))
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in info.get("mismatched_keys", ()))
    if missing or mismatched:
        what = "lack" if missing else "have in another shape"
        keys = missing or mismatched
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        raise ValueError(
            f"The files of {name!r} {what} {', '.join(keys[:3])}{more}, which would be drawn at random: give a causal "
            "language model with all its weights (no classifier, no bare encoder) and a config.json that fits them."
        )


def _check_settings(name: str, model: Any, tokenizer: Any) -> None:
    """ValueError for settings that transformers takes as they are, and that make a model none or fail later."""
    blocks = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    if isinstance(blocks, int) and blocks < 1:
        raise ValueError(f"The config.json of {name!r} says that it has {blocks} blocks: correct num_hidden_layers.")
    longest = tokenizer.model_max_length
    if longest is not None and not isinstance(longest, int | float):
        raise ValueError(
            f"The tokenizer_config.json of {name!r} says that model_max_length is {longest!r}: a number is needed."
        )


def in_few_words(error: BaseException) -> str:
    """What transformers said, in few words."""
    said = " ".join(str(error).split())
    if "custom code" in said:
        return "it brings code of its own, which is never run here"
    if isinstance(error, KeyError):
        return f"{said} is nothing that transformers knows"
    if said.startswith("Unrecognized configuration class"):
        return "transformers has no causal language model of its kind"
    return said[:300] or type(error).__name__


def _one_of(key: str) -> str:
    """A weight's name with its numbers left out: the same for every block and expert."""
    return re.sub(r"\d+", "#", key)


def _pointer(source: str) -> str | None:
    """Says that a weight file is a Git LFS pointer, when one is."""
    files = (path for path in Path(source).glob("*.safetensors") if path.is_file()) if Path(source).is_dir() else ()
    for path in sorted(files):
        with path.open("rb") as file:
            if file.read(40).startswith(b"version https://git-lfs"):
                return f"{path.name} is a Git LFS pointer and not the weights themselves: run `git lfs pull` there"
    return None


# A Space with ZeroGPU has its GPU inside a worker's call alone.
ON_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def default_device() -> str:
    """`cuda`, `mps` or `cpu`: the fastest that is here."""
    if ON_ZERO_GPU:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def devices() -> list[str]:
    """Every device that is here, the fastest first."""
    return list(dict.fromkeys((default_device(), "cpu")))


def can_round() -> bool:
    """Whether weights can be loaded in 4 or 8 bits here."""
    return torch.cuda.is_available() and find_spec("bitsandbytes") is not None


def _rounding(bits: int, device: str) -> Any:
    from transformers import BitsAndBytesConfig

    if bits not in (4, 8):
        raise ValueError(f"Weights are rounded to 4 or 8 bits, not {bits}.")
    if device != "cuda" or not can_round():
        raise ValueError(
            f"Weights of {bits} bits need an NVIDIA GPU and the package bitsandbytes (`pip install bitsandbytes`), and "
            "one of them is missing here: load the model in bfloat16 instead."
        )
    return BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)


def _source(name: str) -> str:
    """What `from_pretrained` is given: a folder that holds a model, or a Hub id."""
    if not name or not name.strip():
        raise ValueError("The model's name is empty: give 'embedded', a folder, a GGUF file or a Hub id.")
    if name in EMBEDDED_MODELS:
        folder = EMBEDDED_FOLDER / EMBEDDED_MODELS[name]
        if not (folder / "config.json").is_file():
            raise ValueError(f"The model {name!r} is not built yet: run `python -m assets.build`.")
        return str(folder)
    path = folder_here(name) or Path(name).expanduser()
    if path.suffix == ENDING and path.is_file():
        return str(path)
    if path.is_dir():
        if not ((path / "config.json").is_file() or is_adapter(path)):
            raise ValueError(f"The folder {name!r} holds no model: config.json is missing.")
        return str(path)
    if (
        path.is_absolute()
        or name.startswith(("./", "../", "~"))
        or path.exists()
        or name.count("/") > 1
        or path.suffix == ENDING
    ):
        raise ValueError(
            f"The model {name!r} is neither a folder here nor a Hub id: give 'embedded', a folder or a GGUF file that "
            "exists, or 'owner/name'."
        )
    return name


@contextmanager
def _no_bar_for_files_here(source: str) -> Iterator[None]:
    """Without transformers' progress bars, which are for downloads and flash by for files that are here."""
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    if Path(source).exists():
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
