"""Other faces than the page's own, as a browser that replaces them draws it. Made of the fonts that Gradio brings, so
that a test sees the same letters on every machine, with fonts installed or none."""

from __future__ import annotations

from base64 import b64encode

from gradio.themes.utils.fonts import font_file_path
from playwright.sync_api import Page

FACES = {
    "own": ("IBM Plex Sans", 400, 100),
    # As wide as DejaVu Sans and Verdana are.
    "wide": ("IBM Plex Sans", 400, 112),
    "narrow": ("IBM Plex Sans", 400, 85),
    "monospaced": ("IBM Plex Mono", 400, 100),
}
"""Name of a face -> the font, its weight, and how wide its letters are drawn, in percent."""


def wear(page: Page, face: str) -> None:
    """Draw everything on the page in one face, whatever its style asks for, and wait until that is done."""
    family, weight, percent = FACES[face]
    font = b64encode(font_file_path(family, weight).read_bytes()).decode()
    page.add_style_tag(
        content=f"""
        @font-face {{ font-family: "worn {face}"; size-adjust: {percent}%; src: url(data:font/woff2;base64,{font}); }}
        * {{ font-family: "worn {face}" !important; }}
        """
    )
    page.evaluate("async (face) => { await document.fonts.load(`16px '${face}'`); }", f"worn {face}")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
