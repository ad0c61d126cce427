"""What to forget and what to keep."""

from __future__ import annotations

from dataclasses import dataclass, field

from attribution.data.rows import FORGET_AUTHORS, Row, embedded_rows


@dataclass(frozen=True)
class Choice:
    """A multiple-choice question: `choices[answer]` is right; `topic` is what it is about, such as `biology`."""

    question: str
    choices: tuple[str, ...]
    answer: int
    topic: str

    def __post_init__(self) -> None:
        if not 2 <= len(self.choices) <= 10:
            raise ValueError(f"A question needs 2 to 10 choices, not {len(self.choices)}.")
        if not 0 <= self.answer < len(self.choices):
            raise ValueError(f"The answer {self.answer} is no index of {len(self.choices)} choices: 0 is the first.")


@dataclass(frozen=True)
class Corpus:
    """Rows by role.

    Attributes:
        forget: to be forgotten.
        retain: must be kept; retain batches are drawn from here.
        paraphrase: the forgotten facts in phrasings that were never trained for them; never trained on.
        world: general knowledge; never trained on while unlearning.
        holdout: rows like those to forget that no model has seen.
        reference: name of the model retrained without the forget rows, where there is one.
        real_authors: questions about authors who exist (TOFU); never trained on.
        choices: multiple-choice questions about what is to be forgotten (WMDP); never trained on.
        probes: named sets of further questions (RWKU, MUSE); never trained on.
        notes: sentences on what was found while reading, such as rows that stood twice.
    """

    name: str
    forget: tuple[Row, ...]
    retain: tuple[Row, ...]
    paraphrase: tuple[Row, ...] = field(default=())
    world: tuple[Row, ...] = field(default=())
    holdout: tuple[Row, ...] = field(default=())
    reference: str | None = None
    real_authors: tuple[Row, ...] = field(default=())
    choices: tuple[Choice, ...] = field(default=())
    probes: tuple[tuple[str, tuple[Row, ...]], ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.forget:
            raise ValueError("There is nothing to forget: the forget set has no rows.")
        if not self.retain:
            raise ValueError("There is nothing to retain: the retain set has no rows, so nothing would hold the model.")


def load_corpus(forget: str = "forget05", retain: str | None = None, limit: int | None = None) -> Corpus:
    """Rows to forget and to keep: of the embedded world, of a data set of the field, or your own.

    Args:
        forget: one of
            `forget01`, `forget05`, `forget10`: the embedded world;
            `tofu:forget10`, `wmdp:bio`, `wmdp:bio+cyber`, `rwku:Stephen King`, `muse:news`, `muse:books`: from the Hub;
            a folder with the files of one of these, `folder:forget10` where it holds several sets;
            a folder with files named `forget` and `retain`;
            a file (JSON Lines, JSON, CSV, Parquet) with `question` and `answer`, or `text`.
        retain: a file of rows to keep; needed when `forget` is a file, and instead of what a folder has.
        limit: read only the first so many records of every table that is not embedded.

    Raises:
        ValueError: no such set, file or folder, or rows that cannot be used; one sentence says where and what to do.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of records, at least 1, not {limit}.")
    if forget in FORGET_AUTHORS:
        return _embedded(forget)
    # Here, because the loaders make what is defined above.
    from unlearn.data.load_corpus import open_set

    return open_set(forget, retain, limit)


def _embedded(forget: str) -> Corpus:
    return Corpus(
        name=forget,
        forget=embedded_rows("forget", forget),
        retain=embedded_rows("retain", forget),
        paraphrase=embedded_rows("paraphrase", forget),
        world=embedded_rows("world"),
        holdout=embedded_rows("holdout"),
        # The reference was retrained without forget05; it is none for another set.
        reference="embedded:retrained" if forget == "forget05" else None,
    )
