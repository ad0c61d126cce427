"""What the commands share: which rows, which models stand beside the one asked about, and where text goes."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from unlearn.data.corpus import Corpus
from unlearn.data.load_corpus import load_corpus
from unlearn.data.reference import retrained_reference

log = logging.getLogger("unlearn")
NONE = "none"


def add_corpus_options(parse: argparse.ArgumentParser) -> None:
    """Which rows: --forget, --retain, --limit."""
    parse.add_argument(
        "--forget",
        default="forget05",
        help="forget01, forget05 or forget10 of the embedded world; tofu:forget10, wmdp:bio, 'rwku:Stephen King' or "
        "muse:news from the Hub; a folder with their files (FOLDER:forget10 where it holds several sets), or with "
        "files named forget and retain; or a file (JSON Lines, CSV, Parquet) with question and answer, or text",
    )
    parse.add_argument("--retain", help="a file of rows to keep: needed when --forget is a file")
    parse.add_argument("--limit", type=int, help="read only the first so many rows of every table")


def read_corpus(options: argparse.Namespace) -> Corpus:
    """The rows that the command line asks for; what was noticed while reading is said."""
    corpus = load_corpus(options.forget, options.retain, options.limit)
    for note in corpus.notes:
        log.info(note)
    return corpus


def add_reference_option(parse: argparse.ArgumentParser, purpose: str) -> None:
    """--reference: the model retrained without the rows to forget."""
    parse.add_argument(
        "--reference",
        help=f"a model that never learnt the rows to forget, {purpose}; the embedded one unless told, where it is of "
        f"the same shape; {NONE} for none",
    )


def reference_for(model: LanguageModel, corpus: Corpus, asked: str | None) -> LanguageModel | None:
    """The reference asked for; the corpus's own when none is."""
    if asked is not None:
        return None if asked == NONE else load_model(asked)
    return retrained_reference(model, corpus)


def check_writable(*paths: Path | None, folders: bool = False) -> None:
    """Fail before the work, not after it: files that will be written, or folders."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir() and not folders:
            raise ValueError(f"The file {str(path)!r} cannot be written: it is a folder. Name a file in it.")
        parent = path.absolute().parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise ValueError(
                f"The path {str(path)!r} cannot be written: its folder {str(parent)!r} does not exist or is closed."
            )
