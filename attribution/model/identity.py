"""Whether two models are one, without reading all of their weights."""

from __future__ import annotations

from attribution.files import fingerprint
from attribution.model.language_model import LanguageModel

NUMBERS_PER_WEIGHT = 64
"""Numbers of each weight that tell one model from another: any training moves nearly all of them."""


def weights_fingerprint(model: LanguageModel) -> str:
    """Of evenly spaced numbers of every weight: reading all of a large model would take minutes."""
    found = {}
    for name, value in model.model.named_parameters():
        step = max(1, value.numel() // NUMBERS_PER_WEIGHT)
        found[name] = [list(value.shape), value.detach().flatten()[::step].double().tolist()]
    return fingerprint(found)
