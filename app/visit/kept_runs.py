"""The list of a visit's runs: which is the current one, what each is called, and undoing what came after."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.look.texts import say
from app.rooms.unlearn.words import kept_words
from app.visit.session import LONGEST_NAME, Visit


class KeptRuns:
    """The widgets of the list; what they do is the room's."""

    def build(self) -> None:
        """Lay the list out, empty."""
        with gr.Column(visible=False, elem_classes="pg-kept", elem_id="kept-runs") as self.column:
            self.runs = gr.Radio([], label=say("kept_runs"), elem_id="kept-list")
            with gr.Row(elem_classes="pg-naming"):
                self.name = gr.Textbox(
                    label=say("run_name"), max_length=LONGEST_NAME, elem_id="run-name", scale=1, min_width=120
                )
                self.rename = gr.Button(say("rename"), elem_id="rename", size="sm", scale=0, min_width=90)
            self.undo_to = gr.Button(say("undo_to"), elem_id="undo-to", size="sm", visible=False)

    @property
    def outputs(self) -> list[Any]:
        """What `shown` writes to."""
        return [self.column, self.runs, self.name, self.rename, self.undo_to]

    def shown(self, visit: Visit) -> dict[Any, Any]:
        """The runs of a visit, the latest first, the current one chosen."""
        kept = visit.last
        if kept is None:
            return {self.column: gr.update(visible=False)}
        # The first line is the name, which the stylesheet sets apart.
        choices = [(f"{each.name}\n{kept_words(each)}", each.number) for each in reversed(visit.runs)]
        return {
            self.column: gr.update(visible=True),
            self.runs: gr.update(choices=choices, value=kept.number, interactive=True),
            self.name: gr.update(value=kept.name),
            self.rename: gr.update(interactive=True),
            self.undo_to: gr.update(visible=kept is not visit.runs[-1], interactive=True),
        }

    def held(self) -> dict[Any, Any]:
        """The list while a run trains: to be read alone."""
        still = gr.update(interactive=False)
        return {self.runs: still, self.rename: still, self.undo_to: still}
