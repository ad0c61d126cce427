"""`score`: rows in, `TokenScores` out, one number per answer token and scorer.

A row is encoded once and read by the model once, and every scorer reads the same numbers.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from attribution.lanes import lanes_html, lanes_props
from attribution.model.language_model import LanguageModel
from attribution.scorers import (
    DEFAULT_SCORERS,
    ChangeMatrix,
    ScoreBatch,
    ScoreOptions,
    scorer_info,
    with_needs,
)
from attribution.suggestions import did_you_mean
from attribution.text.example import AnswerToken, Encoded, Example, Span
from attribution.text.subject import Subject, find_subject

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TokenScores:
    """A row's scores: a column per scorer, one number per answer token, higher = more worth forgetting.

    Attributes:
        encoded: the row under its tokenizer.
        columns: scorer name -> n numbers, in that scorer's unit (see `attribution.scorers`).
        probability: p(y_t | x, y_<t) of each token before unlearning, in [0, 1].
        subject: what masking hides, and what a selection leaves out because the prompt gives it.
        model: the model's name.
        notes: sentences for a person, such as a fall-back that was taken.
        matrix: the changes that hiding each context token makes, where the option `matrix` asked for them.

    Raises:
        ValueError: a column of the wrong length, or a number that is not finite or outside the scorer's range.
    """

    encoded: Encoded
    columns: Mapping[str, tuple[float, ...]]
    probability: tuple[float, ...]
    subject: Subject
    model: str = ""
    notes: tuple[str, ...] = field(default=())
    matrix: ChangeMatrix | None = None

    def __post_init__(self) -> None:
        n = len(self.encoded.tokens)
        columns = {name: tuple(float(value) for value in values) for name, values in self.columns.items()}
        for name, values in columns.items():
            info = scorer_info(name)
            if len(values) != n:
                raise ValueError(f"The scorer {name!r} gave {len(values)} numbers for {n} answer tokens.")
            for value in values:
                if not math.isfinite(value) or not info.lowest - 1e-6 <= value <= info.high + 1e-6:
                    raise ValueError(f"The scorer {name!r} gave {value}, outside [{info.lowest}, {info.high}].")
        object.__setattr__(self, "columns", columns)

    def __len__(self) -> int:
        return len(self.encoded.tokens)

    @property
    def example(self) -> Example:
        return self.encoded.example

    @property
    def tokens(self) -> tuple[AnswerToken, ...]:
        return self.encoded.tokens

    @property
    def truth(self) -> tuple[str | None, ...]:
        """`fact`, `subject` or None per token."""
        return self.encoded.truth

    @property
    def given(self) -> tuple[bool, ...]:
        """Whether each token repeats the subject, which the prompt gives: copied, not remembered."""
        if not self.subject.prompt_spans:
            return (False,) * len(self)
        inside: set[int] = set()
        for start, end in self.subject.answer_spans:
            inside.update(self.encoded.positions_of(start, end, "answer"))
        flags = [position in inside for position in self.encoded.answer_positions]
        return tuple(flags[head] for head in self.encoded.heads)

    def frame(self) -> pd.DataFrame:
        """A data frame with a row per token: index, id, text, start, end, truth, given, p and a column per scorer."""
        import pandas as pd

        return pd.DataFrame(
            {
                "id": [token.id for token in self.tokens],
                "text": [token.text for token in self.tokens],
                "start": [token.start for token in self.tokens],
                "end": [token.end for token in self.tokens],
                # Not text: pandas would turn None into NaN.
                "truth": pd.Series(self.truth, dtype=object),
                "given": self.given,
                "p": self.probability,
                **self.columns,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: id, prompt, answer, subject, tokens, scores, p, given, spans, notes, and under `encoded`
        what `from_dict` needs beside them."""
        example = self.example
        return {
            **example.named,
            "subject": self.subject.text,
            "subject_found": self.subject.found,
            "tokens": [
                {"id": token.id, "text": token.text, "start": token.start, "end": token.end} for token in self.tokens
            ],
            "scores": {name: list(values) for name, values in self.columns.items()},
            "p": list(self.probability),
            "given": list(self.given),
            "spans": [{"start": span.start, "end": span.end, "kind": span.kind} for span in example.spans],
            "notes": list(self.notes),
            **({} if self.matrix is None else {"matrix": self.matrix.to_dict()}),
            "window": example.window,
            "ends": example.ends,
            "subject_named": example.subject,
            "subject_spans": {"prompt": self.subject.prompt_spans, "answer": self.subject.answer_spans},
            "encoded": {name: getattr(self.encoded, name) for name in _ENCODED_FIELDS},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], model: str = "") -> TokenScores:
        """The row that `to_dict` wrote, or the same after a round trip through JSON; `model` where it names none.

        Raises:
            ValueError: a field is missing, or does not fit the others.
        """
        try:
            spans = tuple(Span(span["start"], span["end"], span["kind"]) for span in record["spans"])
            subject_spans = record["subject_spans"]
            return cls(
                encoded=Encoded(
                    example=Example(
                        record["prompt"],
                        record["answer"],
                        spans,
                        record["id"],
                        record["subject_named"],
                        record.get("window"),
                        record.get("ends", True),
                    ),
                    tokens=tuple(AnswerToken(**token) for token in record["tokens"]),
                    **{name: _tuples(record["encoded"][name]) for name in _ENCODED_FIELDS},
                ),
                columns={name: tuple(values) for name, values in record["scores"].items()},
                probability=tuple(record["p"]),
                subject=Subject(
                    record["subject"],
                    _tuples(subject_spans["prompt"]),
                    _tuples(subject_spans["answer"]),
                    record["subject_found"],
                ),
                model=record.get("model", model),
                notes=tuple(record["notes"]),
                matrix=ChangeMatrix.from_dict(record["matrix"]) if record.get("matrix") else None,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"This is no row of token scores ({error}): give what TokenScores.to_dict or to_json wrote."
            ) from error

    def to_json(self, indent: int | None = None) -> str:
        """`{"model", "examples": [this row]}`, the shape that the shell prints."""
        return to_json([self], indent)

    @classmethod
    def from_json(cls, text: str) -> TokenScores:
        """The row that `to_json` wrote. ValueError when the text is no such thing or holds several rows."""
        rows = from_json(text)
        if len(rows) != 1:
            raise ValueError(f"The text holds {len(rows)} rows, not one: use attribution.scores.from_json.")
        return rows[0]

    def to_html(self, title: str = "Forget Lens") -> str:
        """The row's lanes as one self-contained HTML document: no network, every text escaped."""
        return lanes_html(lanes_props(self), title)

    def _repr_html_(self) -> str:
        """What a notebook shows: the lanes, in a frame of their own so that neither changes the other's style."""
        # What the lanes of a short answer need in a column of usual width; the frame scrolls where they need more.
        height = 860 + 60 * len(self.columns)
        return (
            f'<iframe srcdoc="{html.escape(self.to_html())}" sandbox="allow-scripts" title="Token scores" '
            f'style="width: 100%; height: {height}px; border: 0; resize: vertical"></iframe>'
        )


# What a row's JSON does not say elsewhere about its encoding.
_ENCODED_FIELDS = tuple(entry.name for entry in fields(Encoded) if entry.name not in ("example", "tokens"))


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


class Writable(Protocol):
    """What can be written beside a row's scores; `attribution.Alternatives` is one."""

    def to_dict(self) -> dict[str, Any]: ...


def to_json(scores: list[TokenScores], indent: int | None = None, alternatives: Sequence[Writable] = ()) -> str:
    """`{"model", "examples": [...]}`: tokens and scores of the answer without special tokens, offsets in the answer.

    Args:
        alternatives: of each row, beside its scores; none, or as many as rows.
    """
    rows = [row.to_dict() for row in scores]
    for row, found in zip(rows, alternatives, strict=bool(alternatives)):
        row["alternatives"] = found.to_dict()["tokens"]
    return json.dumps(
        {"model": scores[0].model if scores else "", "examples": rows},
        ensure_ascii=False,
        indent=indent,
        allow_nan=False,
    )


def from_json(text: str) -> list[TokenScores]:
    """The rows that `to_json` wrote. ValueError when the text is no such thing."""
    try:
        record = json.loads(text)
        refused = record.get("error")
        rows, model = list(record["examples"]), record["model"]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("This text holds no token scores: give what to_json wrote.") from error
    if refused:
        raise ValueError(refused)
    return [TokenScores.from_dict(row, model) for row in rows]


def refusal_json(model: str, examples: Sequence[Example], reason: str) -> str:
    """What stands where `to_json` would: why there are no scores, and the rows that were asked for, without numbers."""
    rows = [{**row.named, "tokens": [], "scores": {}, "p": []} for row in examples]
    return json.dumps({"model": model, "error": reason, "examples": rows}, ensure_ascii=False, indent=1)


def score(
    model: LanguageModel,
    examples: Sequence[Example] | Example,
    scorers: Sequence[str] = DEFAULT_SCORERS,
    **options: Any,
) -> list[TokenScores]:
    """Score every answer token of every row.

    Args:
        model: from `load_model`.
        examples: rows; one alone is taken as a list of one.
        scorers: names from the registry; a score they need (fused needs masking and entropy) is computed, but only
            those named are returned.
        options: fields of `ScoreOptions`.

    Raises:
        ValueError: an unknown scorer or option, a row longer than the model's window, a subject that is not in the
            row, or `learned` on a model without a fitted scorer.

    >>> score(load_model("embedded"), [Example("Where ...?", "...")])[0].frame()       # doctest: +SKIP
    """
    if isinstance(examples, Example):
        examples = [examples]
    if isinstance(scorers, str):
        scorers = tuple(scorers.split(","))
    if not scorers:
        raise ValueError("No scorer was named: choose at least one, such as masking.")
    settings = score_options(options)
    infos = with_needs(tuple(scorers), settings.of)
    rows = [model.encode(example) for example in examples]
    batch = ScoreBatch(
        model=model,
        rows=rows,
        subjects=[find_subject(example) for example in examples],
        options=settings,
        needs_states=any(info.reads_states for info in infos),
        notes=[[] for _ in rows],
        matrices=[None for _ in rows],
    )
    if not rows:
        return []
    for info in infos:
        batch.columns[info.name] = info.function(batch)
    return [
        TokenScores(
            encoded=row,
            columns={name: tuple(batch.columns[name][i].tolist()) for name in scorers},
            probability=tuple(batch.plain[i].log_probs.exp().tolist()),
            subject=batch.subjects[i],
            model=model.name,
            notes=(*model.notes, *batch.notes[i]),
            matrix=batch.matrices[i],
        )
        for i, row in enumerate(rows)
    ]


def score_options(options: dict[str, Any]) -> ScoreOptions:
    """The switches with these values. ValueError on a name or a value that does not exist."""
    known = [entry.name for entry in dataclasses.fields(ScoreOptions)]
    for name in options:
        if name not in known:
            raise ValueError(
                f"The option {name!r} is unknown{did_you_mean(name, known)} Options are {', '.join(known)}."
            )
    return ScoreOptions(**options)
