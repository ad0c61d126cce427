"""What other sites show of a link to the page: title, sentence and picture, in place of Gradio's own."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from gradio.routes import templates
from jinja2 import BaseLoader, Environment
from starlette.responses import FileResponse
from starlette.routing import Route

TITLE = "Forget Lens"
SENTENCE = "See which words carry what a language model knows, and watch it forget exactly those."
PATH = "/card.png"
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "stage-light.png"
WIDTH, HEIGHT = 1280, 720

_CARD = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
# Written into Gradio's template, which fills in where the page is.
_ROOT = "{{ config['root'] }}"


def tags() -> str:
    """The tags of Open Graph and of X."""
    picture = f"{_ROOT}{PATH}"
    shared = {"title": TITLE, "description": SENTENCE, "image": picture, "image:alt": "The page: an answer, cut."}
    graph = {**shared, "type": "website", "url": _ROOT, "image:width": WIDTH, "image:height": HEIGHT}
    card = {"card": "summary_large_image", **shared}
    lines = [f'<meta name="description" content="{escape(SENTENCE)}" />']
    lines += [f'<meta property="og:{name}" content="{value}" />' for name, value in graph.items()]
    lines += [f'<meta name="twitter:{name}" content="{value}" />' for name, value in card.items()]
    return "\n".join(lines)


class _WithCard(BaseLoader):
    def __init__(self, inside: BaseLoader) -> None:
        self.inside = inside

    def get_source(self, environment: Environment, template: str) -> Any:
        source, *rest = self.inside.get_source(environment, template)
        bare = _CARD.sub("", source)
        return bare.replace("<head>", f"<head>\n{tags()}", 1), *rest


def own_card(app: Any) -> None:
    """Serve the picture, and our tags instead of Gradio's on every page."""
    if not isinstance(templates.env.loader, _WithCard):
        templates.env.loader = _WithCard(templates.env.loader)
    app.router.routes.insert(0, Route(PATH, lambda request: FileResponse(PICTURE, media_type="image/png")))
