"""A run in words and HTML, pure functions of what is shown: its progress, its tokens, what it did."""

from __future__ import annotations

from collections.abc import Sequence

from app.inspection import cut_words
from app.kept_run import KeptRun
from app.markup import count, duration, escape
from attribution import Encoded, Selection
from attribution.registry import scorer_info
from unlearn import RunConfig, Step
from unlearn.objectives import OBJECTIVES

COLLAPSE = 0.9

CURVES_NOTE = (
    '<p class="pg-soft">Measured on 32 rows of each kind: recalled means that every fact token is the first choice, '
    "given the true words before it. Losses: solid to forget, dotted to keep.</p>"
)
IDLE = (
    '<div class="pg-empty"><h3>Nothing is forgotten yet</h3><p>Start trains a copy of the model on the cut. Curves '
    "and one answer show every step; Stop keeps what there is, Undo takes it back. The original "
    "model never changes.</p></div>"
)


def tokens_html(title: str, encoded: Encoded, selection: Selection) -> str:
    """An answer's tokens, underlined by weight: what is trained, token by token."""
    weights = selection.weights
    strongest = max(weights) or 1.0
    cells = "".join(
        f'{_lead(token.text)}<span class="pg-token" data-weight="{weight:.6g}" style="--share:{weight / strongest:.3f}"'
        f' title="weight {weight:.3g}">{escape(token.text.lstrip(" ")) or "&#8203;"}</span>'
        for token, weight in zip(encoded.tokens, weights, strict=True)
    )
    kept = sum(selection.kept)
    return (
        f'<div class="pg-proof" data-row="{escape(encoded.example.id)}"><div class="pg-label">{escape(title)}</div>'
        f'<p class="pg-tokens">{cells}</p><p class="pg-soft">{kept} of {len(weights)} tokens have weight.</p></div>'
    )


def _lead(text: str) -> str:
    """The spaces before a token's word: they are part of it, but not worth a line under them."""
    return text[: len(text) - len(text.lstrip(" "))]


# In words ------------------------------------------------------------------------------------------------------------


def progress_html(step: int, of: int, text: str, advice: str = "") -> str:
    """The progress bar, `Steps: 12 of 60`, and what else there is to say."""
    return (
        f'<div class="pg-progress" role="progressbar" aria-label="Steps" aria-valuemin="0" aria-valuemax="{of}" '
        f'aria-valuenow="{step}"><i style="width:{100 * step / of:.1f}%"></i></div>'
        f'<p class="pg-steps"><b>Steps: {step} of {of}</b> <span class="pg-soft">{escape(text)}</span></p>{advice}'
    )


def done_html(kept: KeptRun) -> str:
    """A run that has ended: how far it came, and a warning where it went too far."""
    how = "stopped, what it had learned is kept" if kept.stopped else "done"
    return progress_html(
        len(kept.steps), kept.config.steps, f"Run {kept.number} {how}, in {duration(kept.seconds)}", advice(kept.steps)
    )


def advice(steps: Sequence[Step]) -> str:
    """A sentence when the model is losing more than the facts: its grammar or what it should keep."""
    probe = next((step.probe for step in reversed(steps) if step.probe is not None), None)
    if probe is None or probe.structure is None or probe.structure >= COLLAPSE:
        return ""
    return (
        f'<div class="pg-advice" role="status">Structure has fallen to {probe.structure:.2f}: the model is losing its '
        "grammar, not only facts. Stop, undo, and try a smaller cut, fewer steps or a lower learning rate.</div>"
    )


def describe(config: RunConfig) -> str:
    """A run in a few words: `Learned, top 30%, WGA, 60 steps`."""
    rule, title = config.rule, OBJECTIVES[config.objective].title
    scorer = scorer_info(rule.scorer).title
    what = {
        "sequence": "Whole sequence",
        "soft": f"{scorer}, soft",
    }.get(rule.kind) or f"{scorer}, {cut_words(rule)}"
    return f"{what}, {title}, {count(config.steps, 'step')}"


def kept_html(runs: Sequence[KeptRun]) -> str:
    """The runs of this visit, the latest first; Undo drops the first of them."""
    if not runs:
        return ""
    items = "".join(
        f"<li><b>Run {kept.number}</b> {escape(describe(kept.config))}{' (stopped)' if kept.stopped else ''}</li>"
        for kept in reversed(runs)
    )
    return (
        f'<div class="pg-label">Runs of this visit</div><ol class="pg-runs">{items}</ol>'
        '<p class="pg-soft">Each starts from the original model. Undo drops the first in the list.</p>'
    )
