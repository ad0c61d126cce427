"""What Gradio holds of a session: the values of its states and the widgets that were changed for it, and no more.

Gradio would also describe every widget of the page anew for each session, on the thread that answers everybody, and
keep every value that is shown there: 20 ms for whoever sends a name that was not seen before. That is for its deep
links, whose door is closed here.
"""

from __future__ import annotations

from collections import ChainMap
from types import SimpleNamespace
from typing import Any

from gradio.components import State
from gradio.state_holder import SessionState

_begin, _set = SessionState.__init__, SessionState.__setitem__


def hold_no_descriptions() -> None:
    """Let Gradio make sessions without them, wherever it makes one."""
    SessionState.__init__ = _begin_bare
    SessionState.__setitem__ = _set_bare
    SessionState._update_config = SessionState._update_value_in_config = _describe_nothing


def _begin_bare(session: Any, blocks: Any) -> None:
    # Gradio describes those widgets of the config that are the page's own: none, as far as it can see.
    _begin(session, SimpleNamespace(default_config=blocks.default_config, blocks={}))
    # What was not changed for the session is everybody's, not a copy of its own; no function of the page makes others.
    session.blocks_config.blocks = ChainMap({}, blocks.default_config.blocks)
    session.blocks_config.fns = blocks.default_config.fns


def _set_bare(session: Any, key: int, value: Any) -> None:
    if isinstance(session.blocks_config.blocks.get(key), State):
        _set(session, key, value)
    else:
        session.blocks_config.blocks[key] = value


def _describe_nothing(*_: Any) -> None:
    pass
