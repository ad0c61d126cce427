"""What the handlers of all rooms and endpoints share: the line each waits in, and how a refusal reaches the person."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from app.look.markup import alert

# Handlers of the page itself; the endpoints are the public way to the same work.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
SCORING: dict[str, Any] = {"concurrency_id": "score"}
TRAINING: dict[str, Any] = {"concurrency_id": "train"}
# A choice changed again while the server still answers the one before: the last one counts.
LATEST: dict[str, Any] = {"trigger_mode": "always_last"}


def explained(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose ValueErrors become one sentence in its owner's `notice`; nothing else on the page changes.

    The handler returns a dict of component to value, or yields one after another; with each the notice is emptied.
    A handler that has changed other components by then puts them right before it lets the error through.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(self: Any, *inputs: Any) -> Iterator[dict[Any, Any]]:
            try:
                with closing(handler(self, *inputs)) as updates:
                    for update in updates:
                        yield {self.notice: "", **update}
            except ValueError as error:
                yield {self.notice: alert(str(error))}

        return stream

    @functools.wraps(handler)
    def answer(self: Any, *inputs: Any) -> dict[Any, Any]:
        try:
            return {self.notice: "", **handler(self, *inputs)}
        except ValueError as error:
            return {self.notice: alert(str(error))}

    return answer


def refused(error: ValueError) -> gr.Error:
    """The same for an endpoint. Not printed: the sentence may quote what a visitor typed."""
    return gr.Error(str(error), print_exception=False)
