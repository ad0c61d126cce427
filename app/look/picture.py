"""A picture of what stands on the stage, and a film of six seconds: 1200 by 630 pixels, as sites show a link.

Drawn from plain data, in the colours and faces of the page; whatever a model or a visitor says is drawn as text.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from app.look.lettering import clean, fitted, lines, width, write
from attribution.lanes.palette import LIGHT, RAMP_LIGHT, ramp
from attribution.scorers.base import normalise

WIDTH, HEIGHT = 1200, 630
FILM_PX = (800, 420)
FILM_MS = 6_000
_FIRST_MS, _STEP_MS, _LAST_MS = 1_200, 100, 1_500
_FILM_COLOURS = 128
_LEFT, _RIGHT = 56, WIDTH - 56
_WIDE = _RIGHT - _LEFT
_LANE, _OTHER, _LINE = 16, 8, 5
_MOST_TOKENS, _MOST_LETTERS, _LONGEST = 400, 600, 30
_COLOURS = ramp(RAMP_LIGHT)
RULED = {
    "clean": "accent",
    "partly": "fact",
    "costly": "fact",
    "unsaid": "fact",
    "collapsed": "bad",
    "little": "edge",
}
"""Which colour a verdict has."""


@dataclass(frozen=True)
class Shown:
    """What stands on the stage.

    Attributes:
        where: model and rows, in words.
        lanes: the lanes' props, as `attribution.lanes.lanes_props` makes them.
        chosen: the lane that is cut.
        kept: which tokens are in the cut.
        frame: the run on the stage (`app/rooms/stage/frames.py`); None where there is none.
        cut: what is in it, in a sentence.
        verdict: its kind and its sentence; None where there is none.
    """

    where: str
    lanes: Mapping[str, Any]
    chosen: str
    kept: Sequence[bool]
    frame: Mapping[str, Any] | None
    cut: str
    verdict: tuple[str, str] | None


def picture_png(shown: Shown) -> bytes:
    """The picture, as a PNG."""
    sheet, pen = _sheet(shown)
    frame = shown.frame
    if frame and frame["samples"]:
        bottom = _answer(pen, shown, 148, 236)
        write(pen, (_LEFT, bottom + 20), f"After {frame['step']} steps", "bold", 18, LIGHT["soft"])
        _said(pen, frame["before"] or "", frame["samples"][-1][1], bottom + 28, 30, 2)
        _foot(pen, *(shown.verdict or ("", shown.cut)))
    else:
        _answer(pen, shown, 148, 350)
        _foot(pen, "", shown.cut)
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def film_gif(shown: Shown) -> bytes:
    """The film, a GIF that repeats: what every chat and every slide plays. ValueError where no run is on the stage."""
    frame = shown.frame
    if not frame or not frame["samples"]:
        raise ValueError("There is no run on the stage to film: have some words forgotten, or play a prepared run.")
    first, pen = _sheet(shown)
    _answer(pen, shown, 148, 350)
    _foot(pen, "", shown.cut)
    many = (FILM_MS - _FIRST_MS - _LAST_MS) // _STEP_MS
    steps = [round(frame["step"] * k / (many - 1)) for k in range(many)]
    pictures = [first, *(_at(shown, step, False) for step in steps), _at(shown, frame["step"], True)]
    times = [_FIRST_MS, *[_STEP_MS] * many, _LAST_MS]
    small = [each.resize(FILM_PX, Image.Resampling.LANCZOS) for each in pictures]
    # One palette for all, of what the first and the last show: colours that changed with every picture would flicker.
    both = Image.new("RGB", (FILM_PX[0], 2 * FILM_PX[1]))
    both.paste(small[0], (0, 0))
    both.paste(small[-1], (0, FILM_PX[1]))
    palette = both.quantize(_FILM_COLOURS)
    # The paper keeps its very colour.
    colours, paper = palette.getpalette() or [], 3 * palette.tobytes()[20 * FILM_PX[0]]
    colours[paper : paper + 3] = ImageColor.getrgb(LIGHT["page"])
    palette.putpalette(colours)
    flat = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in small]
    file = io.BytesIO()
    flat[0].save(file, "GIF", save_all=True, append_images=flat[1:], duration=times, loop=0, optimize=False)
    return file.getvalue()


def _sheet(shown: Shown) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture with its head: the tool, where one is, and the question."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), LIGHT["page"])
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, WIDTH, 7), fill=LIGHT["accent"])
    end = write(pen, (_LEFT, 62), "Forget Lens", "bold", 26, LIGHT["ink"])
    where = fitted(clean(shown.where[:_MOST_LETTERS]), "sans", 20, _RIGHT - end - 40)
    write(pen, (_RIGHT - width(where, "sans", 20), 62), where, "sans", 20, LIGHT["soft"])
    asked = clean("".join(part["text"] for part in shown.lanes["prompt"])[:_MOST_LETTERS])
    write(pen, (_LEFT, 122), fitted(asked, "serif", 34, _WIDE), "serif", 34, LIGHT["soft"])
    return sheet, pen


def _at(shown: Shown, step: int, last: bool) -> Image.Image:
    """The film after a step: what the model then says, and the two lines so far."""
    frame: Mapping[str, Any] = shown.frame or {}
    sheet, pen = _sheet(shown)
    said = [[0, frame["before"] or ""], *frame["samples"]]
    now = next(answer for when, answer in reversed(said) if when <= step)
    _said(pen, frame["before"] or "", now, 146, 44, 4)
    _chart(pen, frame, step)
    if last and shown.verdict:
        _foot(pen, *shown.verdict)
    else:
        write(pen, (_LEFT, HEIGHT - 48), f"Step {step} of {frame['step']}", "bold", 24, LIGHT["ink"])
    return sheet


def _answer(pen: ImageDraw.ImageDraw, shown: Shown, top: float, high: float) -> float:
    """The answer with its lanes and the cut, as large as it fits; returns where it ends."""
    tokens = shown.lanes["tokens"][:_MOST_TOKENS]
    texts = [" " * _leads(token["text"]) + clean(token["text"][:_LONGEST]) for token in tokens]
    names = [lane["name"] for lane in shown.lanes["lanes"]][:6]
    gutter = max((width(lane["title"], "sans", 15) for lane in shown.lanes["lanes"][:6]), default=0) + 18
    stack = _LINE + 4 + sum(_LANE if name == shown.chosen else _OTHER for name in names) + 3 * len(names)
    glued = [number for number, text in enumerate(texts) if number and not text.startswith(" ")]
    for size in (44, 40, 36, 32, 28, 24, 20, 17):
        widths = [max(3.0, width(text, "serif", size)) for text in texts]
        rows = lines(widths, _WIDE - gutter, glued)
        tall = size * 1.28 + stack + 16
        most = max(1, int(high // tall))
        if len(rows) <= most:
            break
    levels = [normalise(np.array(lane["scores"]), "rank") for lane in shown.lanes["lanes"][:6]]
    y = top
    for place, row in enumerate(rows[:most]):
        base = y + size
        x: float = _LEFT + gutter
        started: tuple[int, float] | None = None
        for number in row:
            wide = widths[number]
            token, end = tokens[number], x + wide
            lead = width(" " * _leads(token["text"]), "serif", size)
            if token["truth"] == "fact":
                # One outline for all tokens of a span in this line.
                first = started is None or started[0] != token["span"]
                started = (token["span"], x + lead - 3) if first else started
            else:
                started = None
            following = tokens[number + 1] if number != row[-1] and number + 1 < len(tokens) else {"span": None}
            if started and following["span"] != token["span"]:
                pen.rounded_rectangle((started[1], y + 2, end + 1, base + 10), 5, outline=LIGHT["fact"], width=2)
            cut_off = place == most - 1 and number == row[-1] and len(rows) > most
            write(pen, (x, base), "…" if cut_off else texts[number], "serif", size, LIGHT["ink"])
            below = base + 15
            if number < len(shown.kept) and shown.kept[number]:
                pen.rectangle((x + 1, below, end - 1, below + _LINE - 1), fill=LIGHT["ink"])
            below += _LINE + 4
            for name, ranks in zip(names, levels, strict=True):
                thick = _LANE if name == shown.chosen else _OTHER
                colour = _COLOURS[round(float(ranks[number]) * (len(_COLOURS) - 1))]
                pen.rounded_rectangle((x + 1, below, end - 1, below + thick), 2, fill=colour)
                below += thick + 3
            x = end
        if not place:
            below = base + 15 + _LINE + 4
            for lane in shown.lanes["lanes"][:6]:
                mine = lane["name"] == shown.chosen
                thick = _LANE if mine else _OTHER
                ink = LIGHT["accent"] if mine else LIGHT["soft"]
                write(pen, (_LEFT, below + thick / 2 + 5), lane["title"], "bold" if mine else "sans", 14, ink)
                below += thick + 3
        y += tall
    return y


def _leads(text: str) -> int:
    return int(bool(text[:1].isspace()))


def _said(pen: ImageDraw.ImageDraw, before: str, after: str, top: float, size: int, most: int) -> None:
    """An answer in at most so many lines, with the words marked that were not in the one before."""
    words, changed = _words(before), _words(after)
    if not changed:
        write(pen, (_LEFT, top + size), "(no answer)", "sans", size - 8, LIGHT["soft"])
        return
    new = set(range(len(changed)))
    for match in difflib.SequenceMatcher(None, words, changed, autojunk=False).get_matching_blocks():
        new -= set(range(match.b, match.b + match.size))
    space = width(" ", "serif", size)
    rows = lines([width(word, "serif", size) + space for word in changed], _WIDE)
    for place, row in enumerate(rows[:most]):
        base, x = top + size + place * size * 1.35, float(_LEFT)
        for number in row:
            last = place == most - 1 and number == row[-1] and len(rows) > most
            word = "…" if last else changed[number]
            if number in new and not last:
                end = x + width(word, "serif", size)
                pen.rectangle((x - 3, base - size * 0.86, end + 3, base + size * 0.2), fill=LIGHT["accent-soft"])
                pen.rectangle((x - 3, base + size * 0.2, end + 3, base + size * 0.2 + 2), fill=LIGHT["accent"])
            ink = LIGHT["accent"] if number in new else LIGHT["ink"]
            x = write(pen, (x, base), word, "serif", size, ink) + space


def _words(text: str) -> list[str]:
    """The words of as much as a picture may have room for; one that no line would hold in pieces."""
    found = clean(text[:_MOST_LETTERS]).split()
    return [word[k : k + _LONGEST] for word in found for k in range(0, len(word), _LONGEST)]


def _chart(pen: ImageDraw.ImageDraw, frame: Mapping[str, Any], step: int) -> None:
    """What is forgotten and what is kept, up to a step, over the room that the whole run takes."""
    left, top, right, bottom = _LEFT, 408, _RIGHT, 492
    pen.line((left, bottom, right, bottom), fill=LIGHT["line"], width=2)
    span = max(1, frame["step"])
    for part, name, colour in ((2, "others kept", LIGHT["accent"]), (1, "forgotten", LIGHT["fact"])):
        points = [point for point in frame["points"] if point[0] <= step and point[part] is not None]
        places = [(left + (right - left) * point[0] / span, bottom - (bottom - top) * point[part]) for point in points]
        if len(places) > 1 and part == 1:
            pen.line(places, fill=colour, width=4, joint="curve")
        elif len(places) > 1:
            _dotted(pen, places, colour)
        if points:
            said = f"{name} {points[-1][part]:.0%}"
            x = _RIGHT - 200 - (220 if part == 1 else 0)
            if part == 1:
                pen.line((x, 391, x + 22, 391), fill=colour, width=4)
            else:
                _dotted(pen, [(x, 391), (x + 22, 391)], colour)
            write(pen, (x + 30, 398), said, "bold", 20, LIGHT["ink"])
    x = left + (right - left) * min(step, span) / span
    pen.line((x, top - 6, x, bottom + 8), fill=LIGHT["ink"], width=3)
    pen.ellipse((x - 8, bottom - 1, x + 8, bottom + 15), fill=LIGHT["ink"])


def _dotted(pen: ImageDraw.ImageDraw, places: Sequence[tuple[float, float]], colour: str) -> None:
    """A line of dots through these places, told from a solid one without its colour."""
    for (x, y), (to_x, to_y) in zip(places, places[1:], strict=False):
        many = max(1, round((to_x - x) / 9))
        for k in range(many):
            at_x, at_y = x + (to_x - x) * k / many, y + (to_y - y) * k / many
            pen.rectangle((at_x, at_y - 2, at_x + 4, at_y + 2), fill=colour)


def _foot(pen: ImageDraw.ImageDraw, kind: str, sentence: str) -> None:
    """A sentence at the foot, behind the colour of its verdict where it has one; in as many as two lines."""
    size = 28
    words = _words(sentence)
    space = width(" ", "serif", size)
    rows = lines([width(word, "serif", size) + space for word in words], _WIDE - 34)[:2]
    pen.rectangle((_LEFT, HEIGHT - 112, _RIGHT, HEIGHT - 111), fill=LIGHT["line"])
    base = HEIGHT - (70 if len(rows) > 1 else 50)
    colour = LIGHT[RULED.get(kind, "edge")]
    if kind:
        pen.ellipse((_LEFT, base - 20, _LEFT + 16, base - 4), fill=colour)
    ink = colour if kind == "collapsed" else LIGHT["ink"]
    for row in rows:
        text = " ".join(words[number] for number in row)
        write(pen, (_LEFT + (34 if kind else 0), base), text, "serif", size, ink)
        base += 37
