"""What Gradio holds of a session: nothing is described for it, and what was changed for it is still known."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState, StateHolder

from app.server.held import hold_no_descriptions


def page() -> gr.Blocks:
    with gr.Blocks() as blocks:
        choice, count, said = gr.Radio(["a"], value="a"), gr.State(0), gr.Textbox()
        button = gr.Button()
        button.click(lambda: gr.update(choices=["a", "b"]), None, choice, api_name="widen")
        button.click(lambda chosen, n: (f"{chosen} {n}", n + 1), [choice, count], [said, count], api_name="choose")
    return blocks


def answer(blocks: gr.Blocks, session: SessionState, name: str, *inputs: Any) -> list[Any]:
    fn = next(fn for fn in blocks.fns.values() if fn.api_name == name)
    with ThreadPoolExecutor(1) as thread:
        asked = blocks.process_api(block_fn=fn, inputs=list(inputs), state=session)
        return list(thread.submit(asyncio.run, asked).result()["data"])  # type: ignore[arg-type]


def test_no_widget_is_described_and_what_was_changed_for_a_session_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Describing them all took 20 ms of everybody's time for every name that had not been seen before."""
    hold_no_descriptions()
    hold_no_descriptions()
    blocks, described = page(), []

    def describe(number: int, _: Any, widget: Any) -> None:
        described.append(type(widget))

    monkeypatch.setattr(BlocksConfig, "config_for_block", staticmethod(describe))
    holder = StateHolder()
    holder.set_blocks(blocks)
    one, other = holder["one"], holder["other"]
    answer(blocks, one, "widen")
    assert [answer(blocks, one, "choose", "b", None)[0] for _ in range(3)] == ["b 0", "b 1", "b 2"]
    with pytest.raises(gr.Error, match="b"):
        answer(blocks, other, "choose", "b", None)
    assert answer(blocks, other, "choose", "a", None)[0] == "a 0"
    assert set(described) <= {gr.State} and len(described) == 4
