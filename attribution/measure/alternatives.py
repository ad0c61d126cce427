"""What a model would say instead: the likeliest tokens at every token of an answer, and with the subject hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attribution.model.forward import Likeliest, likeliest, row_passes
from attribution.model.language_model import LanguageModel
from attribution.scorers.token_unlearn import COUNTS_FROM_MASK, baseline_for, hidden_sets, masked_passes
from attribution.scores import score_options
from attribution.text.example import AnswerToken, Encoded, Example
from attribution.text.subject import Subject, find_subject
from attribution.text.tokenising import read_on

if TYPE_CHECKING:
    import pandas as pd

MOST = 20
"""The longest list of alternatives."""


@dataclass(frozen=True)
class Alternative:
    """A token that might stand in a place.

    Attributes:
        text: as it would read there, its space included.
        probability: p(token | x, y_<t), in [0, 1].
        ends: whether it would end the answer.
    """

    id: int
    text: str
    probability: float
    ends: bool


@dataclass(frozen=True)
class Place:
    """What a model expects where an answer token stands.

    Attributes:
        probability: p(y_t | x, y_<t) of the answer's own token, in [0, 1].
        rank: its place among all tokens; 1 is the likeliest.
        likeliest: the most probable tokens, the likeliest first; its own may be one of them.
    """

    probability: float
    rank: int
    likeliest: tuple[Alternative, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        found = [{"id": one.id, "text": one.text, "p": one.probability, "ends": one.ends} for one in self.likeliest]
        return {"p": self.probability, "rank": self.rank, "likeliest": found}


@dataclass(frozen=True)
class Alternatives:
    """The likeliest next tokens at each of an answer's n tokens, given the true tokens before it.

    Attributes:
        as_is: n places.
        hidden: n places with the subject hidden; None where it was not to be, or none was found.
        subject: what is hidden.
        model: its name.
        notes: sentences for a person.
    """

    encoded: Encoded
    as_is: tuple[Place, ...]
    hidden: tuple[Place, ...] | None
    subject: Subject
    model: str
    notes: tuple[str, ...] = ()

    @property
    def tokens(self) -> tuple[AnswerToken, ...]:
        return self.encoded.tokens

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: model, id, prompt, answer, subject, tokens with their places, notes."""
        example, hidden = self.encoded.example, self.hidden or (None,) * len(self.tokens)
        return {
            "model": self.model,
            **example.named,
            "subject": self.subject.text,
            "tokens": [
                {
                    "id": token.id,
                    "text": token.text,
                    "as_is": place.to_dict(),
                    "hidden": None if behind is None else behind.to_dict(),
                }
                for token, place, behind in zip(self.tokens, self.as_is, hidden, strict=True)
            ],
            "notes": list(self.notes),
        }

    def frame(self) -> pd.DataFrame:
        """A data frame with a line per token, state and alternative: index, token, hidden, place, text, p."""
        import pandas as pd

        states = [(False, self.as_is), *([(True, self.hidden)] if self.hidden else [])]
        lines = [
            (index, token.text, hidden, place, one.text, one.probability)
            for index, token in enumerate(self.tokens)
            for hidden, places in states
            for place, one in enumerate(places[index].likeliest, start=1)
        ]
        return pd.DataFrame(lines, columns=["index", "token", "hidden", "place", "text", "p"])


def alternatives(
    model: LanguageModel, example: Example, most: int = 10, hide_subject: bool = True, **options: Any
) -> Alternatives:
    """The `most` likeliest next tokens at every answer token, of the model as it is and with the subject hidden.

    p(v | x, y_<t) = softmax(z_{t-1})_v over the whole vocabulary, T = 1. The subject is hidden as the scorer `masking`
    hides it. Another model, such as a run's, is another call: the tokens of one tokenizer are the same.

    Args:
        most: at least 1, at most 20.
        options: fields of `ScoreOptions` that say what is hidden and how: `mask_how`, `mask_token`, `mask_scope` (not
            `each`, which hides many things in turn), `mask_custom`; and `batch_tokens`.

    Raises:
        ValueError: `most` outside its bounds, a row longer than the model's window, a subject that is not in the row,
            an unknown option, or a model in which nothing can be hidden so.

    >>> alternatives(load_model("embedded"), Example("Where ...?", "..."), most=3).frame()       # doctest: +SKIP
    """
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST:
        raise ValueError(f"The number of alternatives is {most!r}: a whole number from 1 to {MOST} is needed.")
    settings = score_options(options)
    if settings.mask_scope == "each":
        raise ValueError("The scope each hides one token after another: choose subject, prompt or custom.")
    row, subject, notes = model.encode(example), find_subject(example), list(model.notes)
    keys = hidden_sets(row, subject, settings.mask_scope, settings) if hide_subject else []
    if hide_subject and not keys:
        notes.append("No subject was found, so nothing is hidden: name it to see the answer without it.")
    passes = [(0, one) for one in row_passes(row)]
    plain = len(passes)
    if keys:
        if settings.mask_how == "attention" and not model.keeps_positions:
            notes.append(COUNTS_FROM_MASK)
        passes += masked_passes(row, keys[0], settings.mask_how, baseline_for(model, settings))
    count = min(most, model.vocabulary_size)
    found = likeliest(model, [one for _, one in passes], count, model.batch_tokens(settings.batch_tokens))
    as_is = [place for one in found[:plain] for place in _places(model, row, one, 0)]
    hidden = list(as_is)
    # What stands before the first hidden token is predicted without it.
    for (first, _), one in zip(passes[plain:], found[plain:], strict=True):
        hidden[first : first + len(one.ranks)] = _places(model, row, one, first)
    return Alternatives(row, tuple(as_is), tuple(hidden) if keys else None, subject, model.name, tuple(notes))


def _places(model: LanguageModel, row: Encoded, found: Likeliest, first: int) -> list[Place]:
    """The places of the answer tokens from number `first` on."""
    places = []
    # The space before an answer is the template's, whichever token it is part of.
    opened = first == 0 and read_on(model.tokenizer, row.input_ids[: row.answer_positions[0]], row.tokens[0].id)
    outside = " " if opened and opened == f" {row.tokens[0].text}" else ""
    columns = (found.ids.tolist(), found.log_probs.exp().tolist(), found.label_log_probs.exp().tolist())
    positions = row.answer_positions[first : first + len(found.ranks)]
    for position, ids, each, own, rank in zip(positions, *columns, found.ranks.tolist(), strict=True):
        before, left_out = row.input_ids[:position], outside if position == row.answer_positions[0] else ""
        texts = [read_on(model.tokenizer, before, token).removeprefix(left_out) for token in ids]
        these = [
            Alternative(token, text, p, token in model.end_ids) for token, text, p in zip(ids, texts, each, strict=True)
        ]
        places.append(Place(own, rank, tuple(these)))
    return places
