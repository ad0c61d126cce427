"""Which model stands beside another as the one that was never taught what is to be forgotten."""

from __future__ import annotations

import logging

from attribution.model.curated import retrained_of
from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from unlearn.data.corpus import Corpus

log = logging.getLogger(__name__)


def retrained_reference(model: LanguageModel, corpus: Corpus) -> LanguageModel | None:
    """The corpus's own retrained model, where it can stand beside this one; it is loaded.

    None where the corpus names none, for that model itself, and beside a model of another shape or vocabulary: their
    figures cannot be compared.
    """
    if corpus.reference is None or model.name == corpus.reference:
        return None
    return alike(model, load_model(corpus.reference, template=model.template))


def known_reference(model: LanguageModel, corpus: Corpus) -> LanguageModel | None:
    """`retrained_reference`, and for open-unlearning's TOFU models the retain model that belongs to the forget set.

    That one comes from the Hub and is as large as the model itself, so it is only asked for where somebody waits for
    figures at a shell. Where it cannot be had that is said, and None returned.
    """
    name = retrained_of(model.name, corpus.name)
    if name is None:
        return retrained_reference(model, corpus)
    log.info("The retrained reference is %s, from the Hub.", name)
    try:
        return alike(
            model, load_model(name, device=str(model.device), dtype=model.model.dtype, template=model.template)
        )
    except ValueError as error:
        log.warning("Left out: the retrained reference. %s", error)
        return None


def alike(model: LanguageModel, other: LanguageModel) -> LanguageModel | None:
    """The other model, where it has the shape and the vocabulary of this one."""
    shapes = [
        (one.vocabulary_size, sorted((name, tuple(p.shape)) for name, p in one.model.named_parameters()))
        for one in (model, other)
    ]
    return other if shapes[0] == shapes[1] else None
