"""What the commands share: which rows, which models stand beside the one asked about, and where text goes."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.settings import check_settings, setting
from unlearn.asking.about import Interview, corpus_about, interview, strikes, subject_in
from unlearn.asking.known import known_part
from unlearn.data.corpus import Corpus
from unlearn.data.load_corpus import load_corpus
from unlearn.data.reference import known_reference

log = logging.getLogger("unlearn")
NONE = "none"


JsonFile = Annotated[Path | None, Option("--json", metavar="FILE", help="write everything here, too, as JSON")]


@dataclass(frozen=True)
class Rows:
    """Which rows a command reads."""

    forget: str = setting(
        "forget05",
        "Rows to forget",
        "forget01, forget05 or forget10 of the embedded world; real:Japan; 'about:Ada Lovelace', what the model itself "
        "says when it is asked; tofu:forget10, wmdp:bio, 'rwku:Stephen King' or muse:news from the Hub; a folder with "
        "their files (FOLDER:forget10 where it holds several sets), or with files named forget and retain; or a file "
        "(JSON Lines, CSV, Parquet) with question and answer, or text",
        flag="--forget",
    )
    retain: str | None = setting(
        None, "Rows to keep", "a file of rows to keep: needed when --forget is a file", flag="--retain"
    )
    limit: int | None = setting(
        None, "Limit", "read only the first so many rows of every table", low=1, none="all", flag="--limit"
    )

    strike: str | None = setting(
        None,
        "Answers to strike",
        "of about:, numbers of answers that are not to be forgotten, such as 2,5, or a file of them; --show tells them",
        flag="--strike",
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def asks(self) -> str | None:
        """The subject that the model itself is to be asked about."""
        return subject_in(self.forget)

    def interview(self, model: LanguageModel) -> Interview:
        """What the model says of the subject that it is to be asked about."""
        return interview(model, self.asks or "", lambda what: log.info("Asking the model once: %s.", what))

    def ask(self, model: LanguageModel) -> Corpus:
        """The rows that come of asking the model; what it said is said."""
        found = self.interview(model)
        log.info(found.listing())
        return corpus_about(model, found, strikes(self.strike or ""))

    def read(self) -> Corpus:
        """The rows; what was noticed while reading is said."""
        if self.asks:
            raise ValueError("about: asks the model that forgets, so it is for runs and arms alone.")
        if self.strike:
            raise ValueError("--strike belongs to --forget about:..., where the model says what there is to strike.")
        corpus = load_corpus(self.forget, self.retain, self.limit)
        for note in corpus.notes:
            log.info(note)
        return corpus


def known_to(model: LanguageModel, corpus: Corpus) -> Corpus:
    """The rows that a model knows, where it is to be asked first; what was left out is said."""
    found = known_part(model, corpus, lambda what: log.info("Asking the model once: %s.", what))
    for note in found.notes[len(corpus.notes) :]:
        log.info(note)
    return found


def reference_option(purpose: str) -> Any:
    """--reference: the model retrained without the rows to forget."""
    return Option(
        metavar="NAME",
        help=f"a model that never learnt the rows to forget, {purpose}; the embedded one unless told, where it is of "
        f"the same shape; {NONE} for none",
    )


def reference_for(model: LanguageModel, corpus: Corpus, asked: str | None) -> LanguageModel | None:
    """The reference asked for; the corpus's own when none is."""
    if asked is not None:
        return None if asked == NONE else load_model(asked, template=model.template)
    return known_reference(model, corpus)


def check_writable(*paths: Path | None, folders: bool = False) -> None:
    """Fail before the work, not after it: files that will be written, or folders."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir() and not folders:
            raise ValueError(f"The file {str(path)!r} cannot be written: it is a folder. Name a file in it.")
        if path.exists() and folders and not path.is_dir():
            raise ValueError(f"The folder {str(path)!r} cannot be written: it is a file. Name a folder.")
        parent = path.absolute().parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise ValueError(
                f"The path {str(path)!r} cannot be written: its folder {str(parent)!r} does not exist or is closed."
            )
