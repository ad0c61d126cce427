"""What made a model say so: every word of a prompt hidden in turn, and what each answer token loses by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from attribution.model.language_model import LanguageModel
from attribution.scorers import HiddenToken, ScoreBatch
from attribution.scorers.token_unlearn import COUNTS_FROM_MASK, changes, each_position, hidden_token
from attribution.scores import score_options
from attribution.text.example import AnswerToken, Encoded, Example
from attribution.text.subject import Subject, Word, find_subject, words

if TYPE_CHECKING:
    import pandas as pd

Units = Literal["words", "tokens"]


@dataclass(frozen=True)
class HiddenWord:
    """A word of the prompt (or one token of it) that was hidden: `prompt[start:end] == text`.

    Attributes:
        ids: of its tokens.
        subject: whether it is part of the subject.
    """

    text: str
    start: int
    end: int
    ids: tuple[int, ...]
    subject: bool


@dataclass(frozen=True)
class Matrix:
    """What hiding one word of the prompt does to every answer token.

    Attributes:
        hidden: the m words, in the order of the prompt.
        values: log p(y_t | x, y_<t) - log p(y_t | x without the word, y_<t) in nats, m rows of n numbers; above 0 where
            the word helped.
        probability: p(y_t | x, y_<t) of each answer token, n numbers in [0, 1].
        subject: of the row.
        model: its name.
        notes: sentences for a person.
    """

    encoded: Encoded
    hidden: tuple[HiddenWord, ...]
    values: tuple[tuple[float, ...], ...]
    probability: tuple[float, ...]
    subject: Subject
    model: str
    notes: tuple[str, ...] = ()

    @property
    def tokens(self) -> tuple[AnswerToken, ...]:
        return self.encoded.tokens

    def frame(self) -> pd.DataFrame:
        """A data frame with a line per hidden word and a column per answer token; their texts may repeat."""
        import pandas as pd

        texts = [token.text for token in self.tokens]
        return pd.DataFrame(list(self.values), index=[word.text for word in self.hidden], columns=texts)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: model, id, prompt, answer, subject, hidden, tokens, values, notes."""
        example = self.encoded.example
        return {
            "model": self.model,
            **example.named,
            "subject": self.subject.text,
            "hidden": [{**asdict(word), "ids": list(word.ids)} for word in self.hidden],
            "tokens": [
                {"id": token.id, "text": token.text, "start": token.start, "end": token.end, "p": p}
                for token, p in zip(self.tokens, self.probability, strict=True)
            ],
            "values": [list(row) for row in self.values],
            "notes": list(self.notes),
        }


def matrix(model: LanguageModel, example: Example, units: Units = "words", **options: Any) -> Matrix:
    """Leave-one-out: each word of the prompt hidden in turn, those of the subject too, with its change of every token.

    value[w, t] = log p(y_t | x, y_<t) - log p(y_t | x without w, y_<t), in nats. A word is hidden as the scorer
    `masking` with the scope `each` hides a token; by `units="tokens"` the rows are those tokens, and the sum of the
    values' sizes down a column is that scorer's number. Costs a forward per row of the matrix, in batches.

    Args:
        units: whether a row is a word or a token of the prompt.
        options: fields of `ScoreOptions` that say how: `mask_how`, `mask_token`, `batch_tokens`.

    Raises:
        ValueError: an example without a prompt or without a word in it, a row longer than the model's window, an
            unknown option, or a model in which nothing can be hidden so.

    >>> matrix(load_model("embedded"), Example("Where ...?", "...")).frame()       # doctest: +SKIP
    """
    if units not in get_args(Units):
        raise ValueError(f"The units are {units!r}: choose from {', '.join(get_args(Units))}.")
    settings = score_options({**options, "mask_scope": "each", "signed": True})
    if not example.prompt:
        raise ValueError("Plain text has no prompt whose words could be hidden: give a question and its answer.")
    row, subject = model.encode(example), find_subject(example)
    batch = ScoreBatch(model, [row], [subject], settings)
    chosen = _hidden(row, subject, units)
    if not chosen:
        raise ValueError("The prompt has no word to hide: give a question with words.")
    (found,) = changes(batch, [list(chosen)], [None])
    counts = settings.mask_how == "attention" and not model.keeps_positions
    return Matrix(
        encoded=row,
        hidden=tuple(chosen.values()),
        values=tuple(map(tuple, found.tolist())),
        probability=tuple(batch.plain[0].log_probs.exp().tolist()),
        subject=subject,
        model=model.name,
        notes=(*model.notes, *([COUNTS_FROM_MASK] if counts else [])),
    )


def _hidden(row: Encoded, subject: Subject, units: Units) -> dict[tuple[int, ...], HiddenWord]:
    """What is hidden in turn, by its positions in the sequence."""
    places: list[tuple[tuple[int, ...], Word | HiddenToken]]
    if units == "words":
        places = [(row.positions_of(word.start, word.end, "prompt"), word) for word in words(row.example.prompt)]
    else:
        places = [((position,), hidden_token(row, position)) for position in each_position(row, "prompt")]
    return {
        keys: HiddenWord(
            part.text,
            part.start,
            part.end,
            tuple(row.input_ids[key] for key in keys),
            any(start < part.end and end > part.start for start, end in subject.prompt_spans),
        )
        for keys, part in places
        if keys
    }
