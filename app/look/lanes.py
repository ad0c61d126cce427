"""The token lanes on the page: `attribution.lanes` in a `gr.HTML`.

Use::

    lanes = make_lanes(lanes_props(scores), elem_id="lanes")
    lanes.rule(on_rule, None, rule_state)      # def on_rule(event: gr.EventData) -> dict: return dict(event._data)
    lanes.subject(rescore, row_state, lanes)   # def rescore(row, event: gr.EventData): event.text, .start, .end
    lanes.view(None, js="(...) => ...")        # keep the address up to date without a request

Never give the component as an *input*: its value is all the numbers, and they would travel back. To read the rule at
the moment a button is pressed, without waiting for an event, give the listener `js=read_rule("lanes")` and a hidden
`gr.JSON` (or any component) as its first input: the script fills in the active lane's rule.

In the browser the element `#<elem_id> .fl-lanes` has `forgetLens.rule()`, `forgetLens.state()` (the `view` payload) and
`forgetLens.summary()` (`rule()` and `title`, `kept`, `eligible`, `tokens`), for scripts of the page.

Value: what `attribution.lanes.lanes_props` returns, sent once per scored row; None draws nothing::

    {"version": 1, "id": str, "model": str,
     "prompt": [{"text", "start", "end", "word": bool, "hidden": bool}, ...],       offsets are characters of the prompt
     "subject": {"text": str | None, "found": "given" | "shared" | "capitalised" | "none"},
     "tokens": [{"id": int, "text": str, "truth": "fact" | "subject" | None, "span": int | None, "given": bool,
                 "p": float}, ...],                                 tiles the answer; span: which one, for its outline
     "lanes": [{"name", "title", "unit", "low", "high", "higher_means", "formula", "paper", "evidence",
                "evidence_text", "kind", "scores": [float, ...]}, ...],
     "marked": bool,                                                                whether any ground truth is known
     "instead": None | {"now": [[[text, p], ...], ...], "hidden": ...},             the likeliest tokens at every token
     "notes": [str, ...],
     "state": None | {...}}                                                         see `view` below; what to open with

Events (each carries a small payload, never scores; read it as `event._data` or attribute by attribute):

`rule`
    The rule of the active lane changed (its cut was released, its kind switched, another lane was chosen, or the check
    box "leave out what the prompt gives" was clicked):
    `{"scorer": str, "kind": "top" | "threshold", "cut": float, "keep_given": bool}`, the fields of
    `attribution.selection.Rule`, and "hand" where tokens were clicked in and out (`attribution.selection.by_hand`).
    Not sent for the first row: until it comes, the rule is `initial_rule(props)`.
`view`
    Anything about the view changed: `{"view": "lanes" | "columns" | "agreement", "units": "tokens" | "words",
    "colour": "rank" | "raw", "keep_given": bool, "active": str, "cuts": {scorer: {"kind", "cut"}}, "hand": str}`; as
    `state` in the value it opens the same view again. The visitor's view outlives a new value without `state`.
`subject`
    Other words of the prompt are to be hidden by masking: `{"text": str, "start": int, "end": int}`, characters of the
    prompt. The page re-scores and sends a new value.
`forget`
    The button was pressed that has the cut forgotten: the rule, as `rule` sends it.
`stop`
    The run on the stage is to stop after its step: nothing is sent along.

What a run does is given to `#<elem_id> .fl-lanes`.forgetLens.play(frame); frames: `app/rooms/stage/frames.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from attribution.lanes import DEFAULT_SHARE, lanes_props, script, stylesheet

__all__ = [
    "LANES_ID",
    "figure_style",
    "initial_rule",
    "lanes_props",
    "make_lanes",
    "mark_stale",
    "read_rule",
    "read_state",
]

LANES_ID = "lanes"
"""The element id of the lanes on the page."""
# The script itself travels in the document's head, once for all lanes of the page; a figure may be drawn before it has
# come. Gradio finds the names of a component's events by looking for them, in quotes, in this text.
_ON_LOAD = """
const names = ['rule', 'view', 'subject', 'forget', 'stop'];
const send = (name, payload) => names.includes(name) && trigger(name, payload);
let lanes = null;
const page = %s;
const draw = () => {
  lanes?.show(props.value ? JSON.parse(JSON.stringify(props.value)) : null);
  // A figure is of one subject.
  if (!page) for (const word of element.querySelectorAll('.fl-pw')) word.disabled = true;
};
watch('value', draw);
const begin = () => {
  if (typeof ForgetLens === 'undefined') return setTimeout(begin, 50);
  lanes = ForgetLens.mount(element.querySelector('.fl-lanes'), send, page);
  draw();
};
begin();
"""


def make_lanes(value: Mapping[str, Any] | None = None, page: bool = True, **layout: Any) -> gr.HTML:
    """The token lanes as a component. Value, events and use: see the module.

    A configured `gr.HTML` and no class of our own: for a class Gradio writes a `.pyi` file beside the source.

    Args:
        value: what `lanes_props` returned, or None for nothing yet.
        page: whether these are the stage's, which fit the window, have the button that forgets, and bring script and
            style along. Others are figures inside a room: they need the stage's on the same page, and `figure_style`.
        layout: what any block takes: `elem_id`, `visible`, `render`, `key`, ...
    """
    return gr.HTML(
        value=value,
        html_template='<div class="fl-lanes"></div>',
        css_template=stylesheet() if page else "",
        js_on_load=_ON_LOAD % ("true" if page else "false"),
        head=f"<script>{script()}</script>" if page else None,
        apply_default_css=False,
        **layout,
    )


def figure_style(selector: str) -> str:
    """The style of all lanes that are figures inside the elements that a selector names, once for all of them."""
    return f"{selector} {{\n{stylesheet()}\n}}"


def initial_rule(props: Mapping[str, Any]) -> dict[str, Any]:
    """The active lane's rule as the lanes open with `props`, before any event: the top 30%, the subject left out."""
    state = props.get("state") or {}
    names = [lane["name"] for lane in props["lanes"]]
    active = next(name for name in (state.get("active"), "learned", names[0]) if name in names)
    cut = (state.get("cuts") or {}).get(active, {"kind": "top", "cut": DEFAULT_SHARE})
    return {"scorer": active, **cut, "keep_given": bool(state.get("keep_given", False))}


def read_rule(elem_id: str) -> str:
    """JavaScript for a listener's `js`: replaces its first input by the rule of the lanes with this element id."""
    lanes = f"document.querySelector('#{elem_id} .fl-lanes')?.forgetLens"
    return f"(first, ...rest) => [{lanes}?.rule() ?? first, ...rest]"


def mark_stale(elem_id: str) -> str:
    """JavaScript for a listener's `js`: given a notice, the lanes say that they are of the row before."""
    return f"(notice) => {{ document.querySelector('#{elem_id} .fl-lanes')?.forgetLens.stale(Boolean(notice)); }}"


def read_state(elem_id: str) -> str:
    """JavaScript for a listener's `js`: replaces its last input by how the lanes are shown, as `view` sends it."""
    lanes = f"document.querySelector('#{elem_id} .fl-lanes')?.forgetLens"
    return f"(...inputs) => [...inputs.slice(0, -1), {lanes}?.state() ?? null]"
