"""Share: a picture of what stands on the stage, and a film of its run, drawn here and saved by the browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import gradio as gr

from app.look.lanes import LANES_ID
from app.look.markup import block
from app.look.picture import HEIGHT, WIDTH, Shown, film_gif, picture_png
from app.look.texts import say
from app.rooms.stage.frames import kept_frame
from app.rooms.stage.gallery import found
from app.rooms.stage.gallery_words import payload, ruled
from app.rooms.stage.words import Verdict, cut_words
from app.server.card import TITLE, Card, path_of
from app.visit.export import SAVE, Download
from app.visit.run_config import HAND, cut_of
from app.visit.session import Visit
from app.visit.visits import ASKING, PRIVATE, QUIET, Visits, explained
from assets.gallery.prepared import Prepared, gallery
from attribution import Selection, TokenScores
from attribution.lanes import lanes_props
from unlearn.card import shown_name

LONGEST_ALT = 400
# The cut as it stands, and the prepared run that stands over it.
LOOK = f"""(cut) => [
  document.querySelector("#{LANES_ID} .fl-lanes")?.forgetLens.rule() ?? cut, ForgetLensGallery.shown()
]"""


class Sharing:
    """What Share offers beside the link.

    Args:
        judge: the verdict on a visit's current run; None where there is none.
    """

    def __init__(self, visits: Visits, judge: Callable[[Visit], Verdict | None]) -> None:
        self.visits = visits
        self.judge = judge

    def build(self, notice: gr.HTML) -> None:
        """Lay the widgets out; page.js shows them when Share is pressed.

        Args:
            notice: where what goes wrong is said.
        """
        self.notice = notice
        with gr.Column(elem_id="sharing", elem_classes="pg-sharing"):
            block('<p class="pg-soft">The link is copied. Save as:</p>')
            self.png = gr.Button(say("share_picture"), elem_id="share-picture", size="sm")
            self.gif = gr.Button(say("share_film"), elem_id="share-film", size="sm")
        self.name = gr.Textbox(visible="hidden")
        self.file = gr.JSON(visible="hidden")

    def wire(self, cut: gr.JSON) -> None:
        """Listen to the widgets.

        Args:
            cut: holds the visible cut.
        """
        for button, draw in ((self.png, self.picture), (self.gif, self.film)):
            saved = button.click(draw, [cut, self.name], [self.notice, self.file], js=LOOK, **QUIET, **ASKING)
            saved.then(None, self.file, self.file, js=SAVE, **PRIVATE)

    @explained
    def picture(self, cut: dict[str, Any], name: str, request: gr.Request) -> dict[Any, Any]:
        """A picture of 1200 by 630 pixels."""
        return self._saved("forget-lens.png", "image/png", picture_png(self.shown(cut, name, request)))

    @explained
    def film(self, cut: dict[str, Any], name: str, request: gr.Request) -> dict[Any, Any]:
        """A film of six seconds. ValueError where no run stands on the stage."""
        return self._saved("forget-lens.gif", "image/gif", film_gif(self.shown(cut, name, request)))

    def _saved(self, name: str, kind: str, data: bytes) -> dict[Any, Any]:
        return {self.file: Download(name, kind, b64encode(data).decode(), base64=True).to_dict()}

    def shown(self, cut: dict[str, Any], name: str, request: gr.Request) -> Shown:
        """What stands on the stage: a prepared run by its name, else the visit's own row with its cut and its run."""
        if name:
            return _prepared(found(name))
        visit = self.visits.of(request.session_hash)
        studio, run = visit.studio, visit.last
        scores = visit.scores or studio.opening
        frame = kept_frame(run, studio)
        # A run that was asked another row has left the stage to this one.
        if frame is not None and frame["row"] != scores.example.id:
            frame = None
        where = f"{shown_name(studio.model.name)}, {shown_name(studio.corpus.name)}"
        judged = self.judge(visit) if frame else None
        return _shown(where, lanes_props(scores), scores, cut_of(scores, cut), frame, judged)


def card_of(name: str) -> Card | None:
    """What a link to a prepared run is shown by; None where there is none of that name."""
    prepared = next((each for each in gallery() if each.wanted.name == name), None)
    judged = ruled(prepared) if prepared else None
    if prepared is None or judged is None:
        return None
    title = f"{prepared.wanted.title} | {TITLE}"
    alt = f"{prepared.replay.example.prompt} Before: {prepared.replay.before} After: {prepared.replay.samples[-1][1]}"
    return Card(title, judged.sentence, alt[:LONGEST_ALT], WIDTH, HEIGHT, lambda: _drawn(name), path_of(name))


@cache
def _drawn(name: str) -> bytes:
    return picture_png(_prepared(found(name)))


def _prepared(prepared: Prepared) -> Shown:
    """What stands on the stage when a prepared run has been played."""
    played, state = payload(prepared), prepared.state
    rule = state["cuts"][state["active"]]
    cut = {"scorer": state["active"], **rule, "keep_given": state["keep_given"], HAND: state.get("hand", "")}
    where = f"{prepared.replay.model}, {prepared.replay.rows}"
    kept = cut_of(prepared.scores, cut)
    return _shown(where, played["lanes"], prepared.scores, kept, played["frame"], ruled(prepared))


def _shown(
    where: str,
    lanes: dict[str, Any],
    scores: TokenScores,
    cut: Selection,
    frame: dict[str, Any] | None,
    judged: Verdict | None,
) -> Shown:
    said = cut_words(scores.truth, cut.kept)
    verdict = (judged.kind, judged.sentence) if judged else None
    return Shown(where, lanes, cut.rule.scorer, cut.kept, frame, said, verdict)
