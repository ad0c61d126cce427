"""How large a model will be, as its config.json describes it: no weight is read and none is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from attribution.model.loading import LOADING_ERRORS, in_few_words

# On the meta device a weight takes no memory, a block's own objects still do.
MOST_BLOCKS, MOST_EXPERTS = 2_000, 4_096
BLOCKS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def described_parameters(folder: Path) -> int:
    """How many numbers the model of a folder will hold, tied weights once.

    A file may hold less than its config.json describes: the rest would be made up, in full size, before anybody could
    see that it is missing.

    Raises:
        ValueError: the config.json describes nothing that transformers can make, or too many parts.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        for names, most, what in ((BLOCKS, MOST_BLOCKS, "blocks"), (EXPERTS, MOST_EXPERTS, "experts")):
            many = max((_whole(config, name) for name in names), default=0)
            if many > most:
                raise ValueError(f"it describes {many:,} {what}, and at most {most:,} are read")
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (*LOADING_ERRORS, RecursionError, MemoryError) as error:
        reason = in_few_words(error).rstrip(".")
        raise ValueError(
            f"The model's config.json cannot be used: {reason}. Take another revision, or mend it."
        ) from error
    return sum(parameter.numel() for parameter in model.parameters())


def _whole(config: Any, name: str) -> int:
    value = getattr(config.get_text_config(), name, 0)
    return value if isinstance(value, int) else 0
