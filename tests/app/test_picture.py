"""The picture and the film of the stage: sizes, seconds, and that they show what stands there, whatever it is."""

from __future__ import annotations

import io
from base64 import b64decode
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageChops

from app.look.lettering import clean, fitted, runs, width
from app.look.picture import FILM_MS, FILM_PX, HEIGHT, WIDTH, Shown, film_gif, picture_png
from app.page import Page
from app.server.settings import Settings
from app.visit.studio import Studio
from app.visit.training import train
from app.visit.visits import Visits
from assets.gallery.prepared import gallery
from attribution import LanguageModel, Rule
from attribution.lanes import lanes_props
from tests.app.lanes_fixture import make_scores
from tests.browser.served import few_rows
from unlearn import RunConfig

REQUEST: Any = SimpleNamespace(session_hash="a")
CUT = {"scorer": "learned", "kind": "top", "cut": 0.3, "keep_given": False}
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def page(model: LanguageModel) -> Page:
    made = Page(Visits(Studio(Settings(), model, few_rows())))
    made.build()
    return made


def drawn(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    assert picture.size == (WIDTH, HEIGHT) == (1200, 630) and picture.format == "PNG"
    return picture.convert("RGB")


def apart(one: bytes, other: bytes) -> float:
    """The share of pixels that differ."""
    difference = ImageChops.difference(drawn(one), drawn(other)).convert("L")
    return sum(difference.histogram()[16:]) / (WIDTH * HEIGHT)


def saved(page: Page, shown: dict[Any, Any]) -> bytes:
    file = shown[page.stage.sharing.file]
    assert shown[page.stage.notice] == "" and file["base64"]
    return b64decode(file["text"])


def test_the_picture_is_of_what_stands_on_the_stage(page: Page) -> None:
    sharing = page.stage.sharing
    first, second = (prepared.wanted.name for prepared in gallery()[:2])
    own = saved(page, sharing.picture(CUT, "", REQUEST))
    cut = saved(page, sharing.picture({**CUT, "cut": 0.6}, "", REQUEST))
    one, two = (saved(page, sharing.picture(CUT, name, REQUEST)) for name in (first, second))
    assert len(drawn(own).getcolors(1 << 24)) > 20, "something is drawn"
    # Another cut is a few lines and a sentence; another run has other words and another verdict.
    assert apart(own, cut) > 0.001 and apart(own, one) > 0.01 and apart(one, two) > 0.01
    assert own == saved(page, sharing.picture(CUT, "", REQUEST))


def test_the_film_lasts_six_seconds_and_ends_otherwise_than_it_begins(page: Page) -> None:
    name = gallery()[0].wanted.name
    data = saved(page, page.stage.sharing.film(CUT, name, REQUEST))
    assert len(data) < MOST_BYTES
    film, lasts, pictures = Image.open(io.BytesIO(data)), 0, []
    assert film.format == "GIF" and film.size == FILM_PX and film.info["loop"] == 0
    for k in range(film.n_frames):
        film.seek(k)
        lasts += film.info["duration"]
        pictures.append(film.convert("RGB"))
    assert lasts == FILM_MS == 6_000 and len(pictures) > 20
    for earlier, later in ((0, 1), (1, -2), (-2, -1)):
        assert ImageChops.difference(pictures[earlier], pictures[later]).getbbox(), (earlier, later)


def test_without_a_run_there_is_nothing_to_film(page: Page) -> None:
    (said,) = page.stage.sharing.film(CUT, "", REQUEST).values()
    assert "There is no run on the stage to film" in said
    (said,) = page.stage.sharing.picture(CUT, "no such run", REQUEST).values()
    assert "unknown" in said
    (said,) = page.stage.sharing.picture({"scorer": "none-such"}, "", REQUEST).values()
    assert "pg-alert" in said


def test_a_visitors_own_run_is_drawn_while_its_row_is_in_view(page: Page) -> None:
    sharing, visit = page.stage.sharing, page.visits.of("b")
    mine: Any = SimpleNamespace(session_hash="b")
    before = saved(page, sharing.picture(CUT, "", mine))
    config = RunConfig(rule=Rule("entropy", "top", 0.4), steps=2, forget_batch=4, retain_batch=4, probe_every=1)
    *_, _ = train(visit, config)
    after = saved(page, sharing.picture(CUT, "", mine))
    assert apart(before, after) > 0.005, "what it now says stands under the answer"
    assert saved(page, sharing.film(CUT, "", mine))[:4] == b"GIF8"
    page.inspect.pick_row("forget", 0, "subject", ["learned"], mine)
    (said,) = sharing.film(CUT, "", mine).values()
    assert "There is no run on the stage" in said, "another row's run is not this one's"


HOSTILE = [
    "<script>alert(1)</script>",
    "\x00\x07\u202e\u2066 abc",
    "W" * 5_000,
    "字" * 400,
    "👩‍👩‍👧‍👦 مرحبا بالعالم \ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    "",
    "\n\n\t",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_can_be_drawn(text: str) -> None:
    prepared = gallery()[0]
    lanes = lanes_props(make_scores())
    lanes["prompt"] = [{"text": text}]
    lanes["tokens"] = [{**token, "text": text} for token in lanes["tokens"]]
    frame = {
        "before": text,
        "samples": [[1, text], [2, text + " x"]],
        "points": [[0, None, None], [2, 0.5, None]],
        "step": 2,
    }
    shown = Shown(text, lanes, "learned", [True] * len(lanes["tokens"]), frame, text, ("collapsed", text))
    assert drawn(picture_png(shown)) and drawn(picture_png(replace(shown, frame=None, verdict=None)))
    assert film_gif(shown)[:4] == b"GIF8" and prepared


def test_text_is_cleaned_shortened_and_set_in_a_face_that_has_its_letters() -> None:
    assert clean("a\x00\u202eb\n\tc") == "a b c"
    short = fitted("word " * 100, "serif", 30, 300)
    assert short.endswith("…") and width(short, "serif", 30) <= 300 and fitted("word", "serif", 30, 300) == "word"
    assert len(runs("plain words", "sans", 20)) == 1
    assert "".join(run.text for run in runs("naïve 字 ok", "serif", 20)) == "naïve 字 ok"
