"""Which model stands beside another as the one that was never taught what is to be forgotten."""

from __future__ import annotations

from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from unlearn.data.corpus import Corpus


def retrained_reference(model: LanguageModel, corpus: Corpus) -> LanguageModel | None:
    """The corpus's own retrained model, where it can stand beside this one; it is loaded.

    None where the corpus names none, for that model itself, and beside a model of another shape or vocabulary: their
    figures cannot be compared.
    """
    if corpus.reference is None or model.name == corpus.reference:
        return None
    return alike(model, load_model(corpus.reference))


def alike(model: LanguageModel, other: LanguageModel) -> LanguageModel | None:
    """The other model, where it has the shape and the vocabulary of this one."""
    shapes = [
        (one.vocabulary_size, sorted((name, tuple(p.shape)) for name, p in one.model.named_parameters()))
        for one in (model, other)
    ]
    return other if shapes[0] == shapes[1] else None
