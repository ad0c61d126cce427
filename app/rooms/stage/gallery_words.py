"""The gallery in words and HTML: its tiles, and what stands around a prepared run that plays. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.look.markup import describe, escape
from app.rooms.stage.frames import prepared_frame
from app.rooms.stage.words import Verdict, verdict, verdict_html
from assets.gallery.prepared import Prepared
from attribution.lanes import lanes_props

TITLE = "See one at once"
TEXT = "Runs that were made beforehand, played without training or waiting."
KINDS = {
    "clean": "Forgotten",
    "partly": "Partly forgotten",
    "little": "Hardly forgotten",
    "costly": "At a price",
    "collapsed": "Broken",
    "unsaid": "Only unsaid",
}
"""A verdict in a word or two."""


def ruled(prepared: Prepared) -> Verdict | None:
    """The verdict on a prepared run, by the rule that judges a visitor's own."""
    figures = prepared.figures
    return verdict(figures["before"], figures["after"], figures.get("reference"))


def strip_html(runs: Sequence[Prepared]) -> str:
    """The tiles; nothing where there are none."""
    if not runs:
        return ""
    return (
        f'<section class="pg-gallery" aria-labelledby="gallery-title"><h2 class="pg-title" id="gallery-title">{TITLE}'
        f'</h2><p class="pg-soft">{TEXT}</p><ul class="pg-runs">{"".join(map(_tile, runs))}</ul></section>'
    )


def _tile(prepared: Prepared) -> str:
    run, found = prepared.wanted, ruled(prepared)
    kind = found.kind if found else "none"
    return (
        f'<li><button type="button" class="pg-run" data-gallery="{escape(run.name)}" data-kind="{kind}">'
        f"<b>{escape(run.title)}</b><span>{escape(run.line)}</span>"
        f'<span class="pg-kind">{escape(_in_short(found))}</span></button></li>'
    )


def _in_short(found: Verdict | None) -> str:
    if found is None:
        return "No verdict"
    values = {gauge.title: gauge.value for gauge in found.gauges}
    said = [f"{values['Forgotten']:.0%} gone"]
    if "Kept" in values:
        said.append(f"{values['Kept']:.0%} kept")
    if values.get("Still speaks", 1) < 1 and found.kind in ("collapsed", "costly"):
        said.append(f"{values['Still speaks']:.0%} language")
    return f"{KINDS[found.kind]}: {', '.join(said)}"


def payload(prepared: Prepared) -> dict[str, Any]:
    """What the browser plays: the lanes, the frame, and the HTML above and below them."""
    return {
        "name": prepared.wanted.name,
        "lanes": lanes_props(prepared.scores, prepared.state) | {"instead": prepared.instead},
        "frame": prepared_frame(prepared),
        "above": above_html(prepared),
        "below": below_html(prepared),
    }


def above_html(prepared: Prepared) -> str:
    """That this is no run of the visitor's."""
    replay = prepared.replay
    return (
        f'<p class="pg-prepared-head" tabindex="-1"><b>{escape(prepared.wanted.title)}</b> <span class="pg-soft">'
        f"A run made beforehand, none of yours: {escape(replay.model)} forgets {escape(replay.rows)}.</span></p>"
    )


def below_html(prepared: Prepared) -> str:
    """The verdict, the settings, and the way to make the same run."""
    run, replay = prepared.wanted, prepared.replay
    words = {"Model": replay.model, "Rows to forget": replay.rows, **replay.settings, "Seed": str(run.config.seed)}
    made = describe(run.config) + (f"; by hand, row and token: {run.config.by_hand}" if run.config.by_hand else "")
    items = "".join(f"<li><b>{escape(title)}</b>: {escape(said)}</li>" for title, said in words.items())
    return (
        f"{verdict_html(ruled(prepared))}"
        f'<div class="pg-made"><p>A run made beforehand by <b>{escape(made)}</b>.</p>'
        f'<details class="pg-more"><summary>All its settings</summary><ul class="pg-soft">{items}</ul></details>'
        '<div class="pg-made-buttons">'
        f'<button type="button" data-gallery-setup="{escape(run.name)}">Set up the same run</button>'
        '<button type="button" data-gallery-close>Back to your own</button></div></div>'
    )
