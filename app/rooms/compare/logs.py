"""Two evaluation logs of open-unlearning as a part of Answers: dropped on the page, held against each other."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import gradio as gr

from app.look.markup import block
from app.rooms.compare.words import LOGS_HEAD, logs_html
from app.visit.visits import LATEST, QUIET, Visits, explained
from unlearn.open_unlearning import compare_logs, read_log

MOST_BYTES = 10_000_000
"""Of a log on the page: twice that of TOFU's largest with every answer in it; what it decodes to is much more."""

# One after another: two large files at once would slow everybody down.
_READING = threading.Lock()


class LogsCard:
    """The fold of Answers that takes two logs. It needs no run, and keeps nothing."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits

    def build(self) -> None:
        """Lay the fold out; a host that takes no uploads has none."""
        uploads = "upload" in self.visits.studio.settings.data
        with gr.Accordion(
            "Two logs of open-unlearning", open=False, elem_classes="pg-fold", elem_id="logs", visible=uploads
        ):
            block(LOGS_HEAD)
            options = {"file_types": [".json"], "height": 120}
            with gr.Row(elem_classes="pg-line"):
                self.first = gr.File(label="Log A", elem_id="log-a", **options)
                self.second = gr.File(label="Log B, such as the retrained model's", elem_id="log-b", **options)
            self.result = block(elem_id="logs-result")
            self.notice = block(elem_classes="pg-notice", elem_id="logs-notice")

    def wire(self) -> None:
        """Listen to both files."""
        boxes = [self.first, self.second]
        changes = [listen for box in boxes for listen in (box.upload, box.clear)]
        gr.on(changes, self.compare, boxes, [self.notice, self.result], **QUIET, **LATEST)

    @explained
    def compare(self, first: str | None, second: str | None) -> dict[Any, Any]:
        """The comparison, once both are there."""
        if first is None or second is None:
            return {self.result: ""}
        with _READING:
            logs = [read_log(Path(path), MOST_BYTES) for path in (first, second)]
        return {self.result: logs_html(compare_logs(*logs))}
