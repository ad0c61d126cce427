"""Text in pictures that are drawn here: the page's own faces, what they lack from the machine's, and lines that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gradio
from PIL import ImageDraw, ImageFont

_GRADIO = Path(gradio.__file__).parent / "templates" / "frontend" / "static" / "fonts" / "IBMPlexSans"
_FILES = {
    "serif": Path(__file__).parent / "fonts" / "source-serif-4.woff2",
    "sans": _GRADIO / "IBMPlexSans-Regular.woff2",
    "bold": _GRADIO / "IBMPlexSans-Bold.woff2",
}
# Looked for on the machine, for letters that the page's faces have not.
_OTHERS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf")
# No font has a letter there.
_NO_LETTER = "\U0010ffff"
ELLIPSIS = "…"


@cache
def face(name: str, size: int) -> Any:
    """A face of the page: `serif`, `sans` or `bold`, in pixels; one that Pillow brings where it cannot be read."""
    return _read(str(_FILES[name]), size) or ImageFont.load_default(size)


@cache
def _read(file: str, size: int) -> Any:
    try:
        return ImageFont.truetype(file, size)
    except OSError:
        return None


@cache
def _has(file: str, letter: str) -> bool:
    font = _read(file, 24)
    return font is not None and (letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER)))


@cache
def _font_of(name: str, letter: str, size: int) -> Any:
    file = str(_FILES[name])
    if letter < "\u0180" or _has(file, letter):
        return face(name, size)
    return next((_read(other, size) for other in _OTHERS if _has(other, letter)), face(name, size))


def clean(text: str) -> str:
    """Text as it can be drawn: in one line, without what steers a screen or another letter's direction."""
    kept = (" " if letter.isspace() or unicodedata.category(letter)[0] == "C" else letter for letter in text)
    return " ".join("".join(kept).split())


@dataclass(frozen=True)
class Run:
    """A piece of a line in one font."""

    text: str
    font: Any


def runs(text: str, name: str, size: int) -> list[Run]:
    """The text in pieces, each in a font that has its letters."""
    found: list[Run] = []
    for letter in text:
        font = _font_of(name, letter, size)
        if found and (found[-1].font is font or letter == " "):
            found[-1] = Run(found[-1].text + letter, found[-1].font)
        else:
            found.append(Run(letter, font))
    return found


def width(text: str, name: str, size: int) -> float:
    """How wide a text is, in pixels."""
    return float(sum(run.font.getlength(run.text) for run in runs(text, name, size)))


def write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, name: str, size: int, ink: str) -> float:
    """Draw a text with its baseline at `place`; returns where it ends."""
    x, y = place
    for run in runs(text, name, size):
        pen.text((x, y), run.text, font=run.font, fill=ink, anchor="ls")
        x += run.font.getlength(run.text)
    return x


def fitted(text: str, name: str, size: int, most: float) -> str:
    """The text, shortened to so many pixels."""
    if width(text, name, size) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + ELLIPSIS, name, size) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ELLIPSIS


def lines(widths: Sequence[float], most: float, glued: Iterable[int] = ()) -> list[list[int]]:
    """Numbers of pieces, line by line: as many in each as fit; a glued one stays with the piece before it."""
    stuck = set(glued)
    groups: list[list[int]] = []
    for number in range(len(widths)):
        if groups and number in stuck:
            groups[-1].append(number)
        else:
            groups.append([number])
    found: list[list[int]] = []
    reached = 0.0
    for group in groups:
        wide = sum(widths[number] for number in group)
        if not found or reached + wide > most:
            found.append([])
            reached = 0.0
        found[-1] += group
        reached += wide
    return found
