"""Models in one file of the format GGUF: read, their rounded weights made into ordinary numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

ENDING = ".gguf"


def parameters_in(path: Path) -> int:
    """How many numbers a file holds, from its header alone. Raises what the reader raises for a file that is none."""
    from gguf import GGUFReader

    return sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors)


def read_gguf(path: Path, dtype: str | torch.dtype) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and what was missing, as transformers tells it.

    The weights were rounded when the file was made (Q4_1 keeps 4 bits and a scale and an offset for every 32); what is
    read is what that rounding left, in `dtype`. Anything transformers raises for a file that is damaged or of a family
    that it cannot read comes through.
    """
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    # Where there are kernels for it, releases from 5.24 on would leave the weights packed; those before never do.
    packing = getattr(transformers, "GgufConfig", None)
    unpacked = {"quantization_config": packing(dequantize=True)} if packing else {}
    read, info = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=dtype, output_loading_info=True, trust_remote_code=False, **unpacked
    )
    # transformers takes such a model for a rounded one and refuses to save it, so its numbers go into a plain one.
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = type(read)(config).to(read.dtype)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = read.generation_config
    return model, tokenizer, info
