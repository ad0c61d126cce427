"""Gradio's own classes with our rules: what fails is said in a sentence, and the guard stands before all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import gradio as gr
from gradio.route_utils import CustomCORSMiddleware
from gradio.routes import App, ORJSONResponse
from starlette.requests import Request

from app.server.card import Card, CardOf, own_card
from app.server.held import hold_no_descriptions
from app.server.line import Line
from app.server.memory import give_back
from app.server.presence import Presence
from app.server.settings import Settings
from app.server.tools import serve_tools
from app.server.uploads import Uploads

log = logging.getLogger(__name__)

FAILED = "This could not be done with what was sent: reload the page, then try again."
SWEEP_SECONDS = 2.0
SWEEPS_A_TRIM = 2
# What a session without an open page has set on the page is kept for so long.
KEPT_SECONDS = 600.0


class GuardedBlocks(gr.Blocks):
    """A page whose faults are one sentence for the visitor, and a kind and a place in the log.

    Attributes:
        cards: what a link to a prepared run is shown by.
    """

    cards: CardOf | None = None

    async def process_api(self, *inputs: Any, **options: Any) -> dict[str, Any]:
        """What a function of the page answers.

        Raises:
            gr.Error: whatever went wrong; Gradio does not print it, since its words may quote what a visitor typed.
        """
        try:
            return await super().process_api(*inputs, **options)
        except gr.Error as error:
            raise gr.Error(str(error.message)[:2000], print_exception=False) from None
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: B036
            # Code that is not Python's panics with what is no Exception: Gradio would answer nobody, and keep the place
            # in line for ever.
            log.warning("a call failed", exc_info=True)
            raise gr.Error(FAILED, print_exception=False) from None


def fair_line(page: gr.Blocks, settings: Settings) -> Line:
    """Let requests wait in a line of ours instead of the one that `queue()` made; returns it."""
    presence = Presence(settings.connections_per_address, settings.connections)
    waiting = max(1, settings.max_waiting // 4)
    page._queue = line = Line(page._queue, presence, settings.runs_waiting_per_address, waiting)
    return line


class GuardedApp(App):
    """Gradio's application behind a guard, without the headers by which Gradio lets every site read it.

    Args:
        guard: stands before an application: given it and this one.
        left: told of every session that was given up, and `ended` of every one that has gone.
        uploads: what lies on the disk.
    """

    def __init__(
        self,
        guard: Callable[[Any, GuardedApp], Any],
        left: Callable[[str], None],
        ended: Callable[[str], None],
        uploads: Uploads,
    ) -> None:
        super().__init__(default_response_class=ORJSONResponse)
        self.uploads = uploads
        self._guard = guard
        self._left, self._ended = left, ended
        own_card(self)
        hold_no_descriptions()

    def add_middleware(self, middleware_class: Any, *inputs: Any, **options: Any) -> None:
        """Add one of Gradio's own, but not the one that answers every `Origin`."""
        if middleware_class is not CustomCORSMiddleware:
            super().add_middleware(middleware_class, *inputs, **options)

    def build_middleware_stack(self) -> Any:
        """The guard outermost: Gradio puts what it adds around everything that it is given."""
        return self._guard(super().build_middleware_stack(), self)

    def configure_app(self, blocks: gr.Blocks) -> None:
        """Serve this page, its tools in visits of their callers."""
        super().configure_app(blocks)
        if blocks.mcp_server_obj and isinstance(blocks._queue, Line):
            serve_tools(blocks.mcp_server_obj, blocks._queue)

    def card_of(self, name: str) -> Card | None:
        """What a link to a prepared run is shown by; None where there is none of that name."""
        cards = getattr(self.get_blocks(), "cards", None)
        return cards(name) if cards else None

    # What the guard asks ---------------------------------------------------------------------------------------------

    @property
    def line(self) -> Line:
        """Where requests wait."""
        line = self.get_blocks()._queue
        assert isinstance(line, Line)
        return line

    def user_of(self, scope: Any) -> str | None:
        """Who has logged in by the form, from the request's cookie."""
        cookies = Request(scope).cookies
        names = (f"access-token-{self.cookie_id}", f"access-token-unsecure-{self.cookie_id}")
        return next((self.tokens[cookies[name]] for name in names if cookies.get(name) in self.tokens), None)

    def knows(self, name: str) -> bool:
        """Whether there is a public function of that name."""
        return any(fn.api_name == name and fn.api_visibility != "private" for fn in self.get_blocks().fns.values())

    async def end(self, session: str) -> None:
        """A visitor has left for good: their work ends, and their visit."""
        returning = self.line.presence.returning
        for each in returning.all_of(session):
            await self.line.give_up(each, None)
        self._ended(session)
        self.forget(session)
        returning.forget(session)

    def forget(self, session: str) -> None:
        """Let go of what a session has set on the page, and of what it has uploaded."""
        self.uploads.leave(session)
        self.state_holder.session_data.pop(session, None)
        self.state_holder.time_last_used.pop(session, None)

    @asynccontextmanager
    async def sweeping(self, _: Any) -> AsyncIterator[None]:
        """While the server runs, let go of what nobody waits for."""
        task = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            task.cancel()

    async def _sweep(self) -> None:
        presence = self.line.presence
        for number in count(1):
            await asyncio.sleep(SWEEP_SECONDS)
            for session in presence.returning.gone():
                await self.end(session)
            for session in await self.line.sweep():
                self._left(session)
            for session in list(self.state_holder.session_data):
                if not presence.stays(session) and not presence.heard(session, KEPT_SECONDS):
                    self.forget(session)
            self.uploads.sweep(lambda session: not (presence.stays(session) or presence.heard(session, KEPT_SECONDS)))
            presence.forget(KEPT_SECONDS)
            if not number % SWEEPS_A_TRIM:
                await asyncio.to_thread(give_back)
