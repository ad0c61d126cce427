"""What a run did to one true answer, token by token: log-probability before, after, and the change between them."""

from __future__ import annotations

from collections.abc import Sequence

from app.look.markup import count, escape
from app.visit.session import Visit
from app.visit.studio import Studio
from attribution import Encoded
from attribution.data.rows import Row
from attribution.lanes.palette import RAMP_STEPS
from unlearn import Corpus
from unlearn.metrics import answer_log_probs, evaluation_rows

# Nats at which the two lanes and the change end at least, so that a model that has not moved looks as it is.
LEAST_DEPTH, LEAST_CHANGE = 5.0, 1.0


def asked_row(corpus: Corpus, number: int) -> Row:
    """The row behind an answer of an evaluation, by the answer's place. ValueError when there is none."""
    rows = [row for rows in evaluation_rows(corpus).values() for row in rows if row.example.prompt]
    if not 0 <= number < len(rows):
        raise ValueError(f"There is no question {number}: the evaluation asks questions 0 to {len(rows) - 1}.")
    return rows[number]


def changes_of(studio: Studio, visit: Visit, number: int) -> str:
    """The lanes of one question's true answer, of the original model and of the visit's current run."""
    row = asked_row(studio.corpus, number)
    if visit.last is None:
        raise ValueError("There is no run to compare with: start one in Unlearn.")
    before, after = (answer_log_probs(model, row) for model in (studio.model, visit.last.model))
    return changes_html(studio.model.encode(row.example), before, after, visit.last.name)


def changes_html(encoded: Encoded, before: Sequence[float], after: Sequence[float], name: str) -> str:
    """Three lanes under the answer's tokens, and the same numbers as a table.

    Args:
        before, after: log p of every answer token in nats.
        name: of the run.
    """
    depth = max(LEAST_DEPTH, *(-value for value in (*before, *after)))
    widest = max(LEAST_CHANGE, *(abs(b - a) for a, b in zip(before, after, strict=True)))
    tokens, lines = [], []
    for token, truth, was, now in zip(encoded.tokens, encoded.truth, before, after, strict=True):
        text = escape(token.text.strip(" ")) or "␣"
        change = now - was
        kind = "rise" if change > 0 else "fall"
        height = 50 * abs(change) / widest
        numbers = f"log p {_said(was)} before, {_said(now)} after: {_said(change, '+')} nats"
        tokens.append(
            f'<span class="pg-ct"><span class="pg-ct-text{" pg-ct-fact" if truth == "fact" else ""}">{text}</span>'
            f'<i style="background:{_shade(was, depth)}"></i><i style="background:{_shade(now, depth)}"></i>'
            f'<i class="pg-diverging"><b class="pg-{kind}" style="height:{height:.1f}%;--share:{2 * height:.0f}%">'
            "</b></i>"
            f'<span class="pg-ct-tip"><b>{text}</b> {numbers}</span></span>'
        )
        lines.append(
            f'<tr><th scope="row">{text}</th><td>{truth or "none"}</td><td>{_said(was)}</td><td>{_said(now)}</td>'
            f"<td>{_said(change, '+')}</td></tr>"
        )
    total = sum(after) - sum(before)
    return (
        f'<div class="pg-changes"><div class="pg-label">The true answer under {escape(name)}, token by token</div>'
        f'<p class="pg-soft">Log-probability of all {count(len(tokens), "token")} together: {_said(sum(before))} '
        f"nats before, {_said(sum(after))} after ({_said(total, '+')}).</p>"
        f'<div class="pg-ct-lanes" aria-hidden="true"><span class="pg-ct pg-ct-names"><span class="pg-ct-text"></span>'
        f"<i>before</i><i>after</i><i>change</i></span>{''.join(tokens)}"
        '<span class="pg-ct-tip pg-ct-hint">Point at a token for its numbers.</span></div>'
        f'<p class="pg-soft pg-ct-legend"><span><i class="pg-ct-ramp"></i> log p, −{depth:.1f} to 0 nats</span>'
        f'<span><i class="pg-ct-fall"></i> less probable than before</span><span><i class="pg-ct-rise"></i> more '
        f"probable; a full bar is {widest:.1f} nats</span></p>"
        '<details><summary>The numbers as a table</summary><table class="pg-numbers"><caption class="pg-hidden">'
        "Log-probability of every token of the true answer</caption><thead><tr>"
        '<th scope="col">Token</th><th scope="col">Ground truth</th><th scope="col">log p before, nats</th>'
        f'<th scope="col">after</th><th scope="col">change</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        "</details></div>"
    )


def _said(nats: float, sign: str = "") -> str:
    """A number with three places, a minus as it is set, and no minus before a zero."""
    return f"{round(nats, 3) + 0.0:{sign}.3f}".replace("-", "−")


def _shade(log_prob: float, depth: float) -> str:
    """The ramp's colour of a log-probability: its dark end at 0, its faint end at -depth."""
    return f"var(--fl-r{round((RAMP_STEPS - 1) * (1 + log_prob / depth))})"
