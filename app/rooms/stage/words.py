"""The verdict on a run, the answers of three models, and what each word of the question did: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.look.markup import count, differences, escape
from attribution import Matrix
from attribution.lanes.palette import RAMP_STEPS
from unlearn import Evaluation
from unlearn.depth import Depth
from unlearn.metrics import share_left

# Nats: a change that a person would call one.
LEAST_NATS = 0.05
# A run has forgotten when less than this share of the facts is left, and has done nothing when more than this is.
FORGOTTEN, LITTLE = 0.2, 0.6
# What should stay has stayed from here on, and is in ruins below there.
STAYED, RUINED = 0.9, 0.5
# Of what the retrained model's states lack, the run's lack at least this much where it has gone and is not just unsaid.
GONE = 0.6
HOW_FORGOTTEN = "Of the facts to forget that stood in the answers before, the share that stands there no more."
HOW_KEPT = "Of the facts to keep that stood in the answers before, the share that still does."
HOW_SPEAKS = "The share of its answers that are language, beside that share before the run."


@dataclass(frozen=True)
class Gauge:
    """One of the things a verdict rests on.

    Attributes:
        title: what is measured; `how` in one sentence.
        value, target: shares in [0, 1]: after the run, and of the model that was never taught (None where unknown).
        n: over how many answers, in words.
    """

    title: str
    value: float
    target: float | None
    n: str
    how: str


@dataclass(frozen=True)
class Verdict:
    """A run in one sentence.

    Attributes:
        kind: `clean`, `partly`, `little`, `costly`, `collapsed` or `unsaid`.
    """

    kind: str
    sentence: str
    gauges: tuple[Gauge, ...]


def verdict(
    before: Evaluation | None, after: Evaluation, reference: Evaluation | None, depth: Depth | None = None
) -> Verdict | None:
    """Judge a run by its own answers; None where its rows mark no facts, or nothing was known to begin with.

    forgotten = 1 - recall after / recall before, over the questions to forget; kept = recall after / recall before,
    over those to keep; speaks = share of its answers that are language, over the same share before.
    """
    if before is None:
        return None

    def share(name: str, of: Evaluation) -> float | None:
        return share_left(before.metrics.get(name), of.metrics.get(name))

    def gauge(name: str, title: str, noun: str, how: str) -> Gauge | None:
        value = share(name, after)
        if value is None:
            return None
        target = None if reference is None else share(name, reference)
        return Gauge(title, value, target, count(after.counts[name], noun), how)

    left = gauge("forget_recall", "Forgotten", "fact", HOW_FORGOTTEN)
    kept = gauge("retain_recall", "Kept", "fact", HOW_KEPT)
    speaks = gauge("speaks", "Still speaks", "answer", HOW_SPEAKS)
    if left is None:
        return None
    target = None if reference is None else 1 - (left.target or 0.0)
    gauges = replace(left, value=1 - left.value, target=target), kept, speaks
    kind, sentence = _judged(1 - left.value, share("retain_recall", after), share("speaks", after), depth)
    return Verdict(kind, sentence, tuple(one for one in gauges if one is not None))


def _judged(forgotten: float, kept: float | None, speaks: float | None, depth: Depth | None) -> tuple[str, str]:
    gone = f"{forgotten:.0%} of what it was to forget"
    rest = "" if kept is None else f" and has kept {kept:.0%} of the rest"
    if speaks is not None and speaks < RUINED:
        return "collapsed", f"The model is broken: only {speaks:.0%} of its answers are still language."
    if kept is not None and kept < RUINED:
        return "collapsed", f"The model is broken: it has lost {1 - kept:.0%} of what it should keep."
    if 1 - forgotten > LITTLE:
        return "little", f"Not forgotten yet: it still gives {1 - forgotten:.0%} of the facts."
    price = ""
    if kept is not None and kept < STAYED:
        price = f"and only {kept:.0%} of the rest is left"
    elif speaks is not None and speaks < STAYED:
        price = f"but only {speaks:.0%} of its answers are language"
    if price:
        return "costly", f"Forgotten at a price: it no longer gives {gone}, {price}."
    if 1 - forgotten > FORGOTTEN:
        return "partly", f"Partly forgotten: it no longer gives {gone}{rest}."
    if depth is not None and depth.score is not None and depth.score < GONE:
        return "unsaid", f"It no longer says {gone}, but inside only {depth.score:.0%} of the way is gone."
    return "clean", f"Forgotten: it no longer gives {gone}{rest}."


def cut_words(truth: Sequence[str | None], kept: Sequence[bool]) -> str:
    """What is in a cut, in the sentence that the dock has.

    >>> cut_words(["fact", None, "fact"], [True, True, False])
    '2 of 3 tokens in the cut: 1 of the 2 that carry a fact, and 1 that does not.'
    """
    many, facts = sum(kept), sum(kind == "fact" for kind in truth)
    said = f"{many} of {len(kept)} tokens in the cut"
    if not facts:
        return f"{said}."
    hit = sum(kind == "fact" and chosen for kind, chosen in zip(truth, kept, strict=True))
    others = many - hit
    rest = "nothing else" if not others else f"{others} that {'does' if others == 1 else 'do'} not"
    return f"{said}: {hit} of the {facts} that carry a fact, and {rest}."


def verdict_html(found: Verdict | None, way_back: str = "") -> str:
    """The verdict with its gauges; a sentence where there is none.

    Args:
        way_back: what can be done about a collapse, in a sentence.
    """
    if found is None:
        return (
            '<div class="pg-ruling"><p class="pg-soft">No verdict: no facts are marked in these rows, or the model '
            "gave none of them before. The answers below say what has changed.</p></div>"
        )
    advice = f'<p class="pg-soft">{escape(way_back)}</p>' if way_back else ""
    return (
        f'<div class="pg-ruling" data-kind="{found.kind}" role="status">'
        f'<p class="pg-ruled">{escape(found.sentence)}</p>{advice}'
        f'<div class="pg-gauges">{"".join(map(_gauge, found.gauges))}</div></div>'
    )


def _gauge(gauge: Gauge) -> str:
    mark, never = "", ""
    if gauge.target is not None:
        mark = f'<u style="left:{100 * gauge.target:.1f}%"></u>'
        never = f"; never taught {gauge.target:.0%}"
    low = " pg-low" if gauge.value < RUINED else ""
    return (
        f'<section class="pg-gauge{low}"><h4><b>{gauge.value:.0%}</b> {gauge.title.lower()}</h4>'
        f'<div class="pg-track" aria-hidden="true"><i style="width:{100 * gauge.value:.1f}%"></i>{mark}</div>'
        f'<p class="pg-soft">n = {gauge.n}{never}</p>'
        f'<details class="pg-more"><summary>How it is measured</summary><p>{escape(gauge.how)}</p></details></section>'
    )


def matrix_html(found: Matrix) -> str:
    """A table of the prompt's words by the answer's tokens: how much each word helps each token, in nats.

    The deeper a cell, the more log p falls without the word (square root of its share of the largest fall); a token
    that gets likelier without it has a dash.
    """
    most = max((value for row in found.values for value in row), default=0.0)
    heads = "".join(f'<th scope="col"><span>{escape(token.text.strip() or "·")}</span></th>' for token in found.tokens)
    rows = ""
    for word, values in zip(found.hidden, found.values, strict=True):
        cells = "".join(_cell(value, most) for value in values)
        rows += f'<tr><th scope="row">{escape(word.text)}</th>{cells}</tr>'
    notes = "".join(f'<p class="pg-soft">{escape(note)}</p>' for note in found.notes)
    return (
        '<div class="pg-scroll" tabindex="0" role="region" aria-label="Words of the question by tokens of the answer">'
        f'<table class="pg-matrix"><thead><tr><th scope="col"><span>without</span></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<p class="pg-soft">The darker, the less likely the token is without the word: '
        f"up to {most:.1f} nats. Each word is hidden alone; point at a cell for its number.</p>{notes}"
    )


def _cell(value: float, most: float) -> str:
    level = round((RAMP_STEPS - 1) * math.sqrt(max(0.0, value) / most)) if most > 0 else 0
    text = "&minus;" if value < -LEAST_NATS else ""
    return (
        f'<td style="background:var(--fl-r{level});color:var(--fl-i{level})" title="{value:+.3f} nats">{text}'
        f'<span class="pg-hidden">{value:+.2f}</span></td>'
    )


def answers_html(columns: Sequence[tuple[str, str | None]]) -> str:
    """(title, answer) of each model; the others are held against the first, and None is still being asked."""
    first = columns[0][1] or ""
    cells = ""
    for place, (title, answer) in enumerate(columns):
        if answer is None:
            said = '<span class="pg-soft pg-busy">asking</span>'
        elif not answer:
            said = '<span class="pg-soft">(no answer)</span>'
        else:
            said = escape(answer) if not place else differences(first, answer)
        cells += f"<section><h4>{escape(title)}</h4><p>{said}</p></section>"
    return f'<div class="pg-three">{cells}</div>'
