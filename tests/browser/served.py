"""The page, served by this process: a second or two where a process of its own takes ten for its imports alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import pytest

from app.page import build_page
from app.server.serving import launch_options
from app.visit.studio import Studio
from app.visit.visits import Visits
from scripts.serving import free_port
from unlearn import Corpus, load_corpus


def few_rows() -> Corpus:
    """The page's own rows, the first of each kind: enough to see everything, and a tenth of the questions to ask."""
    corpus = load_corpus("forget05")
    # As many to forget as it takes to have the one that the page opens with.
    kinds = {"forget": 37, "retain": 10, "paraphrase": 6, "world": 10, "holdout": 10}
    return replace(corpus, **{kind: getattr(corpus, kind)[:rows] for kind, rows in kinds.items()})


class Served(NamedTuple):
    """Where a page is, and what it holds for its visitors."""

    url: str
    visits: Visits


@contextmanager
def serve_here(studio: Studio) -> Iterator[Served]:
    """Serve the page around a studio on a free port, as `python app.py` does (tests/app/test_serving.py runs that)."""
    with pytest.MonkeyPatch.context() as direct:
        # Gradio asks its own address whether it is up: not by way of a proxy.
        for name in ("no_proxy", "NO_PROXY"):
            direct.setitem(os.environ, name, "127.0.0.1,localhost")
        visits = Visits(studio)
        page = build_page(visits)
        options = launch_options(studio.settings, visits)
        for attempt in range(5):
            try:
                page.launch(
                    server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True, **options
                )
                break
            except OSError:
                # The tests beside these look for free ports, too, and may have taken this one meanwhile.
                if attempt == 4:
                    raise
        try:
            yield Served(f"http://127.0.0.1:{page.server_port}", visits)
        finally:
            visits.close_all()
            page.close()
