"""What Finder and Player have in common: a part of Your own that puts a row on the stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import gradio as gr

from app.visit.visits import QUIET, SCORING, Visits

Shows = TypeVar("Shows", bound=Callable[..., dict[Any, Any]])


class Opener(Generic[Shows]):
    """A part that opens a row on the stage, and says what goes wrong in the room's notice.

    Args:
        show: puts a row there: which of the stage's widgets show what.
    """

    notice: gr.HTML

    def __init__(self, visits: Visits, show: Shows) -> None:
        self.visits = visits
        self.show = show

    def opens(self, press: Callable[..., Any], handler: Callable[..., Any], inputs: Any, outputs: list[Any]) -> Any:
        """Listen to the press that opens a row; returns the event by which it stands there."""
        return press(handler, inputs, [self.notice, *outputs], **QUIET, **SCORING)
