"""What other sites show of a link to the page: title, sentence and picture, in place of Gradio's own.

A link that names a prepared run (`?gallery=NAME`) is shown by that run's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradio.routes import templates
from jinja2 import BaseLoader, Environment
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

TITLE = "Forget Lens"
SENTENCE = "See which words carry what a language model knows, and watch it forget exactly those."
ALT = "The page: an answer, cut."
PATH = "/card.png"
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "stage-light.png"
NAMED = "gallery"
"""What names a run in an address."""
LONGEST_NAME = 100


@dataclass(frozen=True)
class Card:
    """What a link is shown by.

    Attributes:
        width, height: of the picture, in pixels.
        draw: makes the picture, a PNG; None for the page's own.
        path: where it is, under the page's address.
    """

    title: str = TITLE
    sentence: str = SENTENCE
    alt: str = ALT
    width: int = 1280
    height: int = 720
    draw: Callable[[], bytes] | None = None
    path: str = PATH


CardOf = Callable[[str], Card | None]
"""The card of a prepared run by its name; None where there is none of that name."""

_GRADIOS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
# Written into Gradio's template, which fills in where the page is, and what a link names.
_ROOT = "{{ config['root'] }}"


def tags() -> str:
    """The tags of Open Graph and of X, as a template."""
    shared = {
        "title": "{{ card.title | e }}",
        "description": "{{ card.sentence | e }}",
        "image": f"{_ROOT}{{{{ card.path | e }}}}",
        "image:alt": "{{ card.alt | e }}",
    }
    sizes = {"image:width": "{{ card.width }}", "image:height": "{{ card.height }}"}
    graph = {**shared, "type": "website", "url": _ROOT, **sizes}
    card = {"card": "summary_large_image", **shared}
    lines = ["{% set card = forget_lens_card(request) %}"]
    lines += [f'<meta name="description" content="{shared["description"]}" />']
    lines += [f'<meta property="og:{name}" content="{value}" />' for name, value in graph.items()]
    lines += [f'<meta name="twitter:{name}" content="{value}" />' for name, value in card.items()]
    return "\n".join(lines)


def card_of(request: Request) -> Card:
    """The card of what a request names, or the page's own."""
    name = request.query_params.get(NAMED, "")[:LONGEST_NAME]
    found = request.app.card_of(name) if name else None
    return found or Card()


def path_of(name: str) -> str:
    """Where the picture of a prepared run is."""
    return f"{PATH}?{NAMED}={quote(name, safe='')}"


def _picture(request: Request) -> Response:
    card = card_of(request)
    if card.draw is None:
        return FileResponse(PICTURE, media_type="image/png")
    return Response(card.draw(), media_type="image/png")


class _WithCard(BaseLoader):
    def __init__(self, inside: BaseLoader) -> None:
        self.inside = inside

    def get_source(self, environment: Environment, template: str) -> Any:
        source, *rest = self.inside.get_source(environment, template)
        bare = _GRADIOS.sub("", source)
        return bare.replace("<head>", f"<head>\n{tags()}", 1), *rest


def own_card(app: Any) -> None:
    """Serve the picture, and our tags instead of Gradio's on every page."""
    if not isinstance(templates.env.loader, _WithCard):
        templates.env.loader = _WithCard(templates.env.loader)
        templates.env.globals["forget_lens_card"] = card_of
    app.router.routes.insert(0, Route(PATH, _picture))
