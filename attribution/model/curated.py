"""Models that are known by name: what they take, said before a weight is read, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MODELS_FOLDER = Path(__file__).resolve().parents[2] / "models"
"""Where `make real` puts a model for machines without the Hub."""

SMALLEST = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The model that really speaks and runs on two cores."""


@dataclass(frozen=True)
class Curated:
    """A model of the Hub that is offered by name.

    Attributes:
        title: what it is, for people.
        parameters: how many numbers it has.
        download: bytes of its safetensors on the Hub.
        retrained: by forget set (`tofu:forget10`), the model that was taught the same without these rows.
    """

    title: str
    parameters: int
    download: int
    retrained: Mapping[str, str] = field(default_factory=dict)


def _tofu(size: str, parameters: int) -> dict[str, Curated]:
    """open-unlearning's model that was taught all of TOFU, and those that were taught all but a forget set."""
    at = f"open-unlearning/tofu_Llama-{size}-Instruct_"
    retrained = {f"tofu:forget{100 - share:02d}": f"{at}retain{share}" for share in (99, 95, 90)}
    title = f"Llama {size.replace('-', ' ')}, taught TOFU"
    # bfloat16, two bytes a number.
    return {f"{at}full": Curated(title, parameters, 2 * parameters, retrained)}


CURATED: dict[str, Curated] = {
    SMALLEST: Curated("SmolLM2 135M, for chats: speaks, and runs on two cores", 134_515_008, 269_030_016),
    "HuggingFaceTB/SmolLM2-360M-Instruct": Curated("SmolLM2 360M, for chats", 361_821_120, 723_642_240),
    "Qwen/Qwen2.5-0.5B-Instruct": Curated("Qwen 2.5, 0.5 B, for chats", 494_032_768, 988_065_536),
    "Qwen/Qwen2.5-0.5B": Curated("Qwen 2.5, 0.5 B", 494_032_768, 988_065_536),
    "meta-llama/Llama-3.2-1B": Curated("Llama 3.2 1B (asks for a licence on the Hub)", 1_235_814_400, 2_471_628_800),
    "microsoft/phi-1_5": Curated("Phi 1.5, 1.4 B", 1_418_270_720, 2_836_541_440),
    **_tofu("3.2-1B", 1_235_814_400),
    **_tofu("3.2-3B", 3_212_749_824),
    **_tofu("3.1-8B", 8_030_261_248),
}
"""By the Hub's name, the smallest of a kind first."""


def folder_here(name: str) -> Path | None:
    """The folder of a curated model that lies here, with no Hub: `make real` puts it there."""
    folder = MODELS_FOLDER / name.rpartition("/")[2]
    return folder if name in CURATED and (folder / "config.json").is_file() else None


def retrained_of(model: str, forget: str) -> str | None:
    """The name of the model that was never taught what is to be forgotten, where somebody trained one.

    >>> retrained_of("open-unlearning/tofu_Llama-3.2-1B-Instruct_full", "tofu:forget10")
    'open-unlearning/tofu_Llama-3.2-1B-Instruct_retain90'
    """
    known = CURATED.get(model)
    return known.retrained.get(forget) if known else None


def what_it_takes(parameters: int, number_bytes: float = 4, download: int = 0) -> str:
    """`134.5 M parameters, 0.27 GB to download, 0.54 GB of memory`: 1 GB is 10^9 bytes."""
    count = f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"
    fetched = f"{download / 1e9:.2f} GB to download, " if download else ""
    return f"{count} parameters, {fetched}{parameters * number_bytes / 1e9:.2f} GB of memory"
