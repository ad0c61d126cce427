"""The `/open` endpoint: another model, and other rows to forget, for one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.visit.models import EMBEDDED, Shelf, Wish
from app.visit.own_rows import named_corpus
from app.visit.visits import Visits, refused
from attribution.text.templates import AUTO, template_name


def open_endpoint(visits: Visits, shelf: Shelf) -> Callable[..., dict[str, Any]]:
    """The function behind `/open`."""

    def open(  # noqa: A001 - the endpoint's name
        request: gr.Request, model: str = EMBEDDED, forget: str = "forget05", template: str = AUTO
    ) -> dict[str, Any]:
        """Take another model, and other rows to forget, for your session; its runs are gone.

        Args:
            model: embedded, or a model that this page loads, such as HuggingFaceTB/SmolLM2-135M-Instruct.
            forget: forget01, forget05, forget10, or a data set such as real:Japan or tofu:forget10. Of facts about the
                real world those are taken that the model knows.
            template: how the model is asked: auto, plain, chat, or a text with {prompt} and {answer}.

        Returns:
            {"model", "template", "corpus", "rows" (how many there are of each kind), "notes": [...]}
        """
        try:
            visit = visits.of(request.session_hash)
            loaded = shelf.get(Wish(model.strip(), template=template))
            corpus, notes = named_corpus(forget.strip(), visits.studio.settings, loaded)
            visit.take(shelf.studio(visits.studio, loaded, corpus))
            kinds = ("forget", "retain", "paraphrase", "world")
            return {
                "model": loaded.name,
                "template": template_name(loaded.template),
                "corpus": corpus.name,
                "rows": {kind: len(getattr(corpus, kind)) for kind in kinds},
                "notes": notes,
            }
        except ValueError as error:
            raise refused(error) from error

    return open
