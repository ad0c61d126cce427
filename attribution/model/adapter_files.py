"""A folder with an adapter (LoRA, as peft writes it) in the place of a model: added into the weights of its base.

Of its settings only plain numbers and names are taken: peft's own reading may import modules that a file names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from safetensors.torch import load_file

ADAPTER_FILE = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
# As for a run of ours. A rank that a file only claims takes memory before anybody can see that it is wrong.
HIGHEST_RANK = 256
TAKEN = (
    *("r", "lora_alpha", "target_modules", "exclude_modules", "target_parameters", "use_rslora", "fan_in_fan_out"),
    *("rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern"),
)
"""Settings of peft's LoRA that are taken as they are."""
# These say how it was trained and found, and change nothing of what it computes.
_IDLE = (
    *("peft_type", "task_type", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
    *("lora_dropout", "init_lora_weights", "auto_mapping"),
)
# No file that may hold code comes along.
_FETCHED = (ADAPTER_WEIGHTS, "*.json", "*.jinja", "*.model", "*.txt")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and no whole model."""
    return (folder / ADAPTER_FILE).is_file() and not (folder / "config.json").is_file()


def find_adapter(source: str) -> Path | None:
    """The folder of an adapter, fetched where it is the Hub's; None where a source is a whole model, or nothing."""
    if Path(source).exists():
        return Path(source) if is_adapter(Path(source)) else None
    try:
        hf_hub_download(source, "config.json")
        return None
    except EntryNotFoundError as error:
        # Where the Hub cannot be reached it may have been fetched before.
        unreached = isinstance(error, LocalEntryNotFoundError)
    except (HfHubHTTPError, OSError, ValueError):
        return None
    try:
        hf_hub_download(source, ADAPTER_FILE, local_files_only=unreached)
        return Path(snapshot_download(source, allow_patterns=list(_FETCHED), local_files_only=unreached))
    except (HfHubHTTPError, EntryNotFoundError, OSError, ValueError):
        return None


def base_of(folder: Path) -> str:
    """The name of the model that an adapter belongs to. ValueError where its file says none."""
    base = _settings(folder).get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip():
        raise ValueError(f"{ADAPTER_FILE} names no model that the adapter belongs to: write its name there.")
    return base


def name_base(folder: Path, name: str) -> None:
    """Write down which model an adapter belongs to."""
    told = _settings(folder) | {"base_model_name_or_path": name}
    (folder / ADAPTER_FILE).write_text(json.dumps(told, indent=2, sort_keys=True), encoding="utf-8")


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapter added into its weights.

    Raises:
        ValueError: the adapter is no LoRA, does more than add products to weights, or is another model's.
    """
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    told, plain = _settings(folder), LoraConfig().to_dict()
    if told.get("peft_type") != "LORA":
        raise ValueError(f"The adapter is {str(told.get('peft_type'))[:40]!r}, and LORA alone is read here.")
    for name, value in told.items():
        if name not in (*TAKEN, *_IDLE) and value and value != plain.get(name):
            raise ValueError(f"The adapter needs {name[:40]!r}, which is not read here: merge it into its model first.")
    ranks = [told.get("r", 0), *(told.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and 0 < rank <= HIGHEST_RANK for rank in ranks):
        raise ValueError(f"The adapter's rank is {ranks[0]!r}: a whole number from 1 to {HIGHEST_RANK} is needed.")
    config = LoraConfig(**{name: told[name] for name in TAKEN if told.get(name)}, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    found = set_peft_model_state_dict(adapted, load_file(folder / ADAPTER_WEIGHTS))
    lacking = [key for key in found.missing_keys if "lora_" in key]
    if lacking or found.unexpected_keys:
        odd = (lacking or list(found.unexpected_keys))[0]
        raise ValueError(f"The adapter does not fit the model {model.config.name_or_path!r}, such as in {odd[:120]!r}.")
    return adapted.merge_and_unload()


def _settings(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / ADAPTER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{ADAPTER_FILE} cannot be read as JSON: save the adapter again.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{ADAPTER_FILE} holds no settings: save the adapter again.")
    return found
