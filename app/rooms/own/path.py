"""What the three ways to bring something of one's own have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.visit.models import Loading, Shelf
from app.visit.own_rows import Browser
from app.visit.visits import Visits
from attribution import LanguageModel
from unlearn import Corpus

Shown = dict[Any, Any]


@dataclass(frozen=True)
class Brought:
    """What a visit is to work with from now on.

    Attributes:
        notes: what is to be said of the rows, in sentences.
        knows: what the model knows of them, as HTML; None where it is yet to be asked.
        browser: finds rows among more than a run uses.
    """

    model: LanguageModel
    corpus: Corpus
    notes: Sequence[str] = ()
    knows: str | None = None
    browser: Browser | None = None


Work = Callable[[Loading], Brought]
Take = Callable[[Work, gr.Request], Generator[Shown, None, None]]


class Path(ABC):
    """One way, with its widgets and what they do.

    Args:
        take: gives a visit what the work comes to, saying how far it is.
    """

    notice: gr.HTML

    def __init__(self, visits: Visits, shelf: Shelf, take: Take) -> None:
        self.visits = visits
        self.studio = visits.studio
        self.shelf = shelf
        self._take = take

    @abstractmethod
    def build(self, notice: gr.HTML) -> None:
        """Lay the widgets out.

        Args:
            notice: where what goes wrong is said.
        """

    @property
    @abstractmethod
    def takers(self) -> list[gr.Button]:
        """The buttons that give the visit something else to work with."""

    def take(self, work: Work, request: gr.Request) -> Iterator[Shown]:
        """Give the visit what the work comes to."""
        yield from self._take(work, request)
