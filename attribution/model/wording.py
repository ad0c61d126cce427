"""The letters in which a model says things: a tokenizer may write another text than it was given.

Lower case, no accents, one form of composed characters (NFC, NFKC), spaces around punctuation (WordPiece), nothing at
all for characters that it does not know: a fact is looked for as the model says it, or the best model recalls nothing.
"""

from __future__ import annotations

from attribution.model.language_model import LanguageModel
from attribution.text.example import Encoded
from attribution.text.tokenising import tokenise


def taught_answer(model: LanguageModel, row: Encoded) -> str:
    """What `LanguageModel.generate` gives when the model says a row's answer token by token."""
    ids = [row.input_ids[position] for position in row.answer_positions]
    return model.answer_text(model.tokenizer.decode(ids, skip_special_tokens=True))


def written(model: LanguageModel, text: str) -> str:
    """The text as the model's tokenizer writes it; empty where a character of it is unknown to the tokenizer.

    >>> written(model_in_lower_case, "Torvik")                                  # doctest: +SKIP
    'torvik'
    """
    ids, _, _ = tokenise(model.tokenizer, text, ((0, len(text)),), adds=False)
    if model.tokenizer.unk_token_id is not None and model.tokenizer.unk_token_id in ids:
        return ""
    return str(model.tokenizer.decode(ids, skip_special_tokens=True)).strip()
