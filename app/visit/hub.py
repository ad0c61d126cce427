"""What a model is before it is loaded, and getting its files: from a folder of the host's, or from the Hub.

Nothing here follows an address: a name is `owner/name` and goes to the Hub's own client.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import errors
from tqdm.auto import tqdm

from attribution.model.adapter_files import ADAPTER_FILE, ADAPTER_WEIGHTS, base_of, is_adapter

REVISION = re.compile(r"[\w][\w./-]{0,120}")
FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
LONGEST_HEADER = 100_000_000


class Cancelled(ValueError):
    """The visitor gave up a download."""


@dataclass(frozen=True)
class Survey:
    """What is known of a model before a weight is read.

    Attributes:
        name: as it was asked for.
        parameters: how many numbers its safetensors hold.
        download_bytes: what is still to be fetched; 0 for a folder.
        folder: where it lies, when it is here.
        revision: the Hub's commit; empty for a folder.
        base: of an adapter, the name of the model that it belongs to; empty for a model.
        beneath: what is known of that model.
    """

    name: str
    parameters: int
    download_bytes: int = 0
    folder: Path | None = None
    revision: str = ""
    base: str = ""
    beneath: Survey | None = None


def survey_folder(folder: Path, name: str) -> Survey:
    """A folder with a model or an adapter. ValueError when it holds no causal language model in safetensors."""
    if is_adapter(folder):
        check_safetensors([file.name for file in folder.glob(ADAPTER_WEIGHTS)], name)
        return Survey(name, _numbers_in(folder / ADAPTER_WEIGHTS, name), folder=folder, base=base_of(folder))
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise TypeError("it holds no settings")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"The model {name!r} has no readable config.json: is it a Hugging Face folder?") from error
    check_causal(config, name)
    files = sorted(folder.glob("*.safetensors"))
    weights = [file for file in files if file.name.startswith("model")]
    check_safetensors([file.name for file in weights], name)
    return Survey(name, sum(_numbers_in(file, name) for file in weights), folder=folder)


def survey_hub(name: str, revision: str = "") -> Survey:
    """A model of the Hub. ValueError, in one sentence, when it cannot be had or is none for this page."""
    try:
        info = huggingface_hub.HfApi().model_info(name, revision=revision or None, files_metadata=True)
    except Exception as error:
        if isinstance(error, (errors.OfflineModeIsEnabled, ConnectionError, OSError)) and not isinstance(
            error, errors.HfHubHTTPError
        ):
            return survey_folder(_kept(name, revision, error), name)
        raise _said(name, revision, error) from error
    siblings = info.siblings or []
    check_safetensors([file.rfilename for file in siblings], name)
    names, base = {file.rfilename for file in siblings}, ""
    if ADAPTER_FILE in names and "config.json" not in names:
        try:
            base = base_of(Path(huggingface_hub.hf_hub_download(name, ADAPTER_FILE, revision=info.sha)).parent)
        except ValueError:
            raise
        except Exception as error:
            raise _said(name, revision, error) from error
    config = info.config or {}
    check_causal(config, name)
    size = sum(file.size or 0 for file in siblings if file.rfilename.endswith(".safetensors"))
    total = getattr(info.safetensors, "total", None) or size // 2
    return Survey(name, int(total), size, revision=info.sha or revision, base=base)


def fetch(survey: Survey, told: Callable[[int], None], cancelled: Callable[[], bool]) -> Path:
    """The folder with a model's files, downloaded where they are not here yet.

    Args:
        told: given the bytes that came, some times a second.
        cancelled: asked as often; true ends the download.

    Raises:
        ValueError: the download failed, or was cancelled; the message says which.
    """
    if survey.folder is not None:
        return survey.folder

    class Bar(tqdm):
        """The Hub's bars, heard and not shown."""

        def __init__(self, *inputs: Any, **options: Any) -> None:
            self._bytes = options.get("unit") == "B"
            options.pop("name", None)
            super().__init__(*inputs, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if cancelled():
                raise Cancelled("The download was cancelled; what has come is kept for the next time.")
            if self._bytes:
                told(int(n or 0))

    try:
        return Path(
            huggingface_hub.snapshot_download(
                survey.name, revision=survey.revision or None, allow_patterns=list(FILES), tqdm_class=Bar
            )
        )
    except Cancelled:
        raise
    except Exception as error:
        raise _said(survey.name, survey.revision, error) from error


def check_causal(config: dict[str, Any], name: str) -> None:
    """ValueError when the configuration is of something that does not write text from left to right."""
    architectures = [str(each) for each in config.get("architectures") or []]
    wrong = architectures and not any(each.endswith(("ForCausalLM", "LMHeadModel")) for each in architectures)
    if wrong or config.get("is_encoder_decoder"):
        what = ", ".join(architectures) or "an encoder and a decoder"
        raise ValueError(
            f"The model {name!r} is no causal language model ({what}): take one that writes text from left to right, "
            "such as a Llama, Qwen or Phi."
        )


def check_safetensors(files: list[str], name: str) -> None:
    """ValueError when there are no weights in safetensors."""
    if any(file.endswith(".safetensors") for file in files):
        return
    raise ValueError(
        f"The model {name!r} has no weights in safetensors: other formats may hold code and are not read. Take a "
        "revision that has them, or convert it with `save_pretrained`."
    )


def _numbers_in(file: Path, name: str) -> int:
    """How many numbers a safetensors file holds, from its header alone."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > min(LONGEST_HEADER, file.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(opened.read(length))
        return sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ValueError(f"The file {file.name!r} of the model {name!r} is no whole safetensors file.") from error


def _kept(name: str, revision: str, error: Exception) -> Path:
    """The folder of a model that was downloaded before, for a machine that has no network now."""
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name, revision=revision or None, allow_patterns=list(FILES), local_files_only=True
            )
        )
    except (OSError, ValueError, errors.LocalEntryNotFoundError) as missing:
        raise ValueError(
            f"The Hub cannot be reached from here, and the model {name!r} was never downloaded: take the embedded "
            "model or a folder, or try again with a network."
        ) from missing


def _said(name: str, revision: str, error: Exception) -> ValueError:
    """The Hub client's faults, each as a sentence that says what to do."""
    at = f" at revision {revision!r}" if revision else ""
    if isinstance(error, errors.GatedRepoError):
        return ValueError(
            f"The model {name!r} is only given to those who asked for it: ask on its page on the Hub, and let the host "
            "of this page set HF_TOKEN."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ValueError(f"The model {name!r} has no revision {revision!r}: leave it empty for the newest.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return ValueError(f"There is no model {name!r} on the Hub, or it is private: check how it is written.")
    if isinstance(error, OSError) and getattr(error, "errno", None) == 28:
        return ValueError(f"The disk is full: there is no room for the model {name!r}. Take a smaller one.")
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", "an error")
        return ValueError(f"The Hub answered {status} when asked for {name!r}{at}: try again in a few minutes.")
    return ValueError(f"The model {name!r}{at} could not be fetched ({type(error).__name__}): try again in a minute.")
