"""Token lanes: an answer's tokens once, and under them one aligned cell per scorer. No gradio here.

`lanes_props(scores)` turns a row's scores into plain JSON types, everything the browser needs, sent once; `lanes_html`
makes of it one file that opens from disk with no network. `app/look/lanes.py` shows the same thing on the page. Cuts,
ranks, words, columns and agreement are computed in the browser by the JavaScript files beside this one.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from attribution.lanes.palette import scales, variables
from attribution.scorers import EVIDENCE_TEXT, scorer_info
from attribution.text.example import AnswerToken, Encoded, Example
from attribution.text.subject import Subject, words

VERSION = 1
DEFAULT_SHARE = 0.3
_FOLDER = Path(__file__).parent
# In the order in which they are put together; each names what it needs from those before it.
_SCRIPTS = (
    "select.js",
    "measure.js",
    "text.js",
    "dom.js",
    "model.js",
    "caption.js",
    "plot.js",
    "cards.js",
    "dock.js",
    "align.js",
    "flow.js",
    "play.js",
    "tip.js",
    "prompt.js",
    "table.js",
    "mount.js",
)


class ScoredRow(Protocol):
    """What the lanes read of a row's scores; `attribution.TokenScores` is one."""

    @property
    def example(self) -> Example: ...
    @property
    def encoded(self) -> Encoded: ...
    @property
    def tokens(self) -> tuple[AnswerToken, ...]: ...
    @property
    def columns(self) -> Mapping[str, tuple[float, ...]]: ...
    @property
    def probability(self) -> tuple[float, ...]: ...
    @property
    def truth(self) -> tuple[str | None, ...]: ...
    @property
    def given(self) -> tuple[bool, ...]: ...
    @property
    def subject(self) -> Subject: ...
    @property
    def model(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


class Expected(Protocol):
    """What a model would say instead at every token; `attribution.Alternatives` is one."""

    @property
    def as_is(self) -> Sequence[Any]: ...
    @property
    def hidden(self) -> Sequence[Any] | None: ...


def listed(places: Sequence[Any] | None) -> list[list[list[Any]]]:
    """The likeliest tokens at each place as `[text, probability]`, the end of the answer as an empty text."""
    return [
        [["" if one.ends else one.text, float(f"{one.probability:.3g}")] for one in place.likeliest]
        for place in places or ()
    ]


def lanes_props(
    scores: ScoredRow, state: Mapping[str, Any] | None = None, instead: Expected | None = None
) -> dict[str, Any]:
    """What the lanes show, as plain JSON types (schema: `app/look/lanes.py`).

    Args:
        scores: one row's scores.
        state: which view and cuts to open with, the shape that the `view` event sends; a scorer's rules that are not in
            it stay as the visitor left them, and start as the top 30%.
        instead: what the model would say at each token, as it is and with the subject hidden, for the tooltip.

    Raises:
        ValueError: `state` names a scorer that `scores` has no column of, or a rule that is none.
    """
    check_state(state, tuple(scores.columns))
    tokens = [
        {"id": token.id, "text": token.text, "truth": truth, "span": span, "given": given, "p": p}
        for token, truth, span, given, p in zip(
            scores.tokens, scores.truth, _spans_of(scores), scores.given, scores.probability, strict=True
        )
    ]
    return {
        "version": VERSION,
        "id": scores.example.id,
        "model": scores.model,
        "prompt": _prompt_parts(scores.example.prompt, scores.subject),
        "subject": {"text": scores.subject.text, "found": scores.subject.found},
        "tokens": tokens,
        "lanes": [_lane(name, values) for name, values in scores.columns.items()],
        "marked": any(truth is not None for truth in scores.truth),
        "instead": {"now": listed(instead.as_is), "hidden": listed(instead.hidden)} if instead else None,
        "notes": list(scores.notes),
        "state": dict(state) if state else None,
    }


def lanes_html(
    props: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    title: str = "Forget Lens",
    above: str = "",
    below: str = "",
    style: str = "",
) -> str:
    """One self-contained HTML file that shows one or several rows: same script, same style, no network.

    Args:
        props: what `lanes_props` returned, or several of them.
        title: the document's title and heading.
        above, below: HTML around the lanes, taken as it is: whoever writes it escapes what is in it.
        style: CSS for these.
    """
    rows = [props] if isinstance(props, Mapping) else list(props)
    data = json.dumps(rows, ensure_ascii=False, allow_nan=False)
    # "</script>" or "<!--" inside the JSON would end or derail the element that carries it.
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    heading = html.escape(title)
    styles = f".fl-root {{\n{stylesheet()}\n}}\n{style}"
    return _PAGE.format(title=heading, style=styles, script=script(), data=data, above=above, below=below)


@cache
def script() -> str:
    """The lanes' JavaScript: it defines `ForgetLens`, with `mount(element, send)` and the pure functions."""
    source = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return (
        f"const ForgetLens = (() => {{\n{source}\n"
        "return { mount, select, auroc, averagePrecision, ranksOf, layOver };\n})();"
    )


@cache
def stylesheet() -> str:
    """The lanes' CSS, to be nested inside one rule that scopes it (`#some-id { ... }`)."""
    rules = (_FOLDER / "lanes.css").read_text(encoding="utf-8")
    light = f"color-scheme: light;\n{variables(dark=False)}"
    dark = f".dark & {{\ncolor-scheme: dark;\n{variables(dark=True)}\n}}"
    return f"{scales()}\n{light}\n{dark}\n{rules}"


def _lane(name: str, values: Iterable[float]) -> dict[str, Any]:
    info = scorer_info(name)
    return {
        "name": name,
        "title": info.title,
        "unit": info.unit,
        "low": _finite(info.low),
        "high": _finite(info.high),
        "higher_means": info.higher_means,
        "formula": info.formula,
        "paper": info.paper,
        "evidence": info.evidence,
        "evidence_text": EVIDENCE_TEXT[info.evidence],
        "kind": info.kind,
        "scores": list(values),
    }


def _spans_of(scores: ScoredRow) -> list[int | None]:
    """For each token the number of the span that it shows, so that two facts side by side keep an outline each."""
    spans = scores.example.spans
    found: list[int | None] = []
    for token, truth, head in zip(scores.tokens, scores.truth, scores.encoded.heads, strict=True):
        if head != len(found):
            found.append(found[head])
            continue
        inside = (k for k, s in enumerate(spans) if s.kind == truth and s.start < token.end and s.end > token.start)
        found.append(next(inside, None))
    return found


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _prompt_parts(prompt: str, subject: Subject) -> list[dict[str, Any]]:
    """The prompt cut into words, which can be clicked, and what stands between them; both carry their offset."""
    parts: list[dict[str, Any]] = []
    reached = 0

    def add(start: int, end: int, is_word: bool) -> None:
        if start < end:
            hidden = any(left <= start < right for left, right in subject.prompt_spans)
            parts.append({"text": prompt[start:end], "start": start, "end": end, "word": is_word, "hidden": hidden})

    for word in words(prompt):
        add(reached, word.start, False)
        add(word.start, word.end, True)
        reached = word.end
    add(reached, len(prompt), False)
    return parts


VIEWS = {"view": ("lanes", "columns", "agreement"), "units": ("tokens", "words"), "colour": ("rank", "raw")}
"""What the `view` event can say of a view, besides lanes and cuts."""


def check_state(state: Mapping[str, Any] | None, scorers: Sequence[str]) -> None:
    """Refuse a view that lanes of these scorers cannot show.

    Raises:
        ValueError: it names what does not exist, or a rule that is none.
    """
    if not state:
        return
    shown = (state.get("cuts") or {}) if isinstance(state, Mapping) else None
    if not isinstance(shown, Mapping) or not all(isinstance(cut, Mapping) for cut in shown.values()):
        raise ValueError("The lanes' view is none: it names view, units, colour, active and cuts by scorer.")
    for name, known in VIEWS.items():
        if state.get(name, known[0]) not in known:
            raise ValueError(f"The lanes' {name} is {state[name]!r}: choose from {', '.join(known)}.")
    active = state.get("active")
    if active is not None and active not in scorers:
        raise ValueError(f"The active lane {active!r} has no scores: choose one of {', '.join(scorers)}.")
    for name, cut in (state.get("cuts") or {}).items():
        if name not in scorers:
            raise ValueError(f"There is a cut for {name!r}, which has no scores: choose among {', '.join(scorers)}.")
        kind, value = cut.get("kind"), cut.get("cut")
        if kind not in ("top", "threshold"):
            raise ValueError(f"The cut of {name!r} is of kind {kind!r}: use 'top' or 'threshold'.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"The cut of {name!r} is {value!r}: a finite number is needed.")
        if kind == "top" and not 0 < value <= 1:
            raise ValueError(f"The top share of {name!r} is {value!r}: it must lie above 0 and at most 1.")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; }}
{style}
</style>
</head>
<body>
<main class="fl-root fl-page"><h1>{title}</h1>{above}<i id="fl-rows" hidden></i>{below}</main>
<script type="application/json" id="fl-data">{data}</script>
<script>
{script}
if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark");
for (const row of JSON.parse(document.getElementById("fl-data").textContent)) {{
  const section = document.createElement("section");
  section.className = "fl-lanes";
  document.getElementById("fl-rows").before(section);
  ForgetLens.mount(section, () => {{}}).show(row);
}}
</script>
</body>
</html>
"""
