"""Compare in words and HTML, pure functions of what is shown: the tokens of an answer before and after, the race."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.look.markup import count, describe, differences, escape, progress_html
from app.visit.session import KeptRun
from app.visit.trials import Race
from attribution import Encoded
from attribution.lanes.palette import RAMP_STEPS
from unlearn.arms import Trial
from unlearn.depth import Depth
from unlearn.metrics import metric_info, share_left
from unlearn.open_unlearning import Comparison

EMPTY = (
    '<div class="pg-card pg-empty"><h3>Nothing to compare yet</h3><p>Run an unlearning pass first. Then every '
    "question is asked three times: to the original model, to the one that has forgotten, and to one that was never "
    "taught the authors to forget.</p></div>"
)
STRESS_HEAD = (
    '<div><h3 class="pg-title">Does it come back?</h3><p class="pg-soft">What a few steps of training on other rows '
    "bring back, or rounded weights, or asking otherwise, was hidden and not gone.</p></div>"
)
DEPTH_HEAD = (
    '<div><h3 class="pg-title">Gone, or only unsaid?</h3><p class="pg-soft">The states of this run\'s model are put '
    "into the original, after one block at a time. What the original then no longer knows is gone from them; what it "
    "still says was only kept back.</p></div>"
)
DEPTH_BUSY = '<p class="pg-busy" role="status">Putting states into the original model, block by block</p>'
LOGS_HEAD = (
    '<p class="pg-soft">TOFU_EVAL.json of two models: how far their truth ratios are apart, which is forget quality '
    "where one of them is the retrained model's, and every figure that both have. Nothing is kept.</p>"
)
RACE_HEAD = (
    '<div><h3 class="pg-title">The race of arms</h3><p class="pg-soft">Is it these tokens, or would any do? The cut '
    "on the stage, hard and soft, against the whole sequence, as many random tokens and the marked facts: the same run "
    "otherwise, with what Settings says.</p></div>"
)
# Nats at which the two lanes and the change end at least, so that a model that has not moved looks as it is.
# Characters: a model that has lost its speech repeats itself for ever.
LONGEST = 160
LEAST_DEPTH, LEAST_CHANGE = 5.0, 1.0


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


def busy_html(kept: KeptRun, sentence: str) -> str:
    """The head of the room while answers are computed."""
    return (
        f'<p class="pg-lead">{escape(kept.name)}: {escape(describe(kept.config))}</p>'
        f'<p class="pg-busy" role="status">{escape(sentence)}</p>'
    )


# Depth --------------------------------------------------------------------------------------------------------------


def depth_html(found: Depth) -> str:
    """The score in a sentence, and the nats behind it block by block."""
    if found.how == "lens":
        lead = (
            "There is no retrained model beside this one, so every block is read by the logit lens: how much less "
            "probable its states alone make a fact token than the original's."
        )
    elif found.score is None:
        lead = "The retrained model's states lack nothing of these facts, so there is no depth to measure."
    else:
        lead = (
            f"<b>Depth {found.score:.2f}</b> of 1, over {count(found.n, 'row')}: 1 is gone as if never taught, 0 is "
            "all there and only unsaid."
        )
    known = "<th scope='col'>Never taught</th>" if found.known else ""
    fit = "<th scope='col'>Misfit</th>" if found.fit else ""
    lines = "".join(
        f'<tr><th scope="row">Block {number + 1}</th>'
        + (f"<td data-title='Never taught'>{_said(found.known[number])}</td>" if found.known else "")
        + f"<td data-title='This run'>{_said(missing)}</td>"
        + (f"<td data-title='Misfit'>{_said(found.fit[number])}</td>" if found.fit else "")
        + "</tr>"
        for number, missing in enumerate(found.missing)
    )
    note = " Misfit is what the states of the model that was never taught cost on rows to keep." if found.fit else ""
    return (
        f'<p class="pg-lead">{lead}</p><table class="pg-answers pg-stresses"><thead><tr><th scope="col">After</th>'
        f'{known}<th scope="col">This run</th>{fit}</tr></thead><tbody>{lines}</tbody></table>'
        f'<p class="pg-soft">Nats that a fact token loses with the states of either model.{note}</p>'
    )


def logs_html(found: Comparison) -> str:
    """Two logs: the sentence, a line per figure, and what is to be known about them."""
    lines = "".join(
        f'<tr><th scope="row">{escape(line.name)}</th><td data-title="A">{line.first:.4g}</td>'
        f'<td data-title="B">{line.second:.4g}</td><td data-title="Better">{escape(line.better)}</td></tr>'
        for line in found.lines
    )
    notes = "".join(f'<p class="pg-soft">{escape(note)}</p>' for note in found.notes)
    return (
        f'<p class="pg-lead">{escape(found.sentence)}</p><p class="pg-soft">A is {escape(found.first)}, B is '
        f'{escape(found.second)}.</p><table class="pg-answers pg-stresses"><thead><tr><th scope="col">Figure</th>'
        '<th scope="col">A</th><th scope="col">B</th><th scope="col">Better</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>{notes}"
    )


# The race -----------------------------------------------------------------------------------------------------------


def status_html(state: Race) -> str:
    """How far the race is, in words and as a bar."""
    number, total = len(state.trials), len(state.arms) * state.steps
    if state.ended:
        words = f"{state.ended}: {number} of {count(len(state.arms), 'arm')}"
        return progress_html(total if state.ended == "Done" else state.step, total, words)
    return progress_html(
        state.step, total, f"{number} of {count(len(state.arms), 'arm')} begun, a step of each in turn"
    )


def tiles_html(state: Race) -> str:
    """A tile per arm: how much it has forgotten and kept of what the original model knew, and what it answers."""
    known = {trial.arm: trial for trial in state.trials}
    tiles = "".join(_tile(state, arm.name, arm.title, known.get(arm.name)) for arm in state.arms)
    return f'<p class="pg-soft">All are asked: {escape(state.question)}</p><div class="pg-tiles">{tiles}</div>'


def _tile(state: Race, name: str, title: str, trial: Trial | None) -> str:
    mine = " pg-mine" if name == state.arms[0].name else ""
    head = f'<section class="pg-tile{mine}"><h4>{escape(name.capitalize())}</h4><p class="pg-soft">{escape(title)}</p>'
    if trial is None:
        return f'{head}<p class="pg-soft">Not begun.</p></section>'
    first, last = trial.figures(trial.points[0]), trial.figures(trial.points[-1])
    keep = next(one for one in state.kept if one.startswith("retain_"))
    left, kept = (share_left(first[name], last[name]) or 0.0 for name in (state.forgetting, keep))
    bars = _bar("forgotten", 1 - left, "fact") + _bar("kept", kept, "accent")
    answer = state.samples.get(name)
    said = "" if answer is None else f'<p class="pg-said">{differences(state.before, answer[:LONGEST])}</p>'
    return f'{head}{bars}{said}<p class="pg-soft">step {trial.points[-1].step} of {state.steps}</p></section>'


def _bar(title: str, share: float, colour: str) -> str:
    return (
        f'<div class="pg-pair"><span>{title}</span><div class="pg-track" aria-hidden="true">'
        f'<i style="width:{100 * share:.1f}%;background:var(--fl-{colour})"></i></div><b>{share:.0%}</b></div>'
    )


def table_html(state: Race) -> str:
    """Every arm where it ended and at equal forgetting, and what one seed is worth."""
    compared = state.compared()
    forgetting = _called(state.forgetting)
    targets = compared.targets if compared is not None else ()
    head = "".join(f'<th scope="col">At {target:.2g} of {forgetting} left</th>' for target in targets)
    body = ""
    for trial in state.trials:
        last = trial.figures(trial.points[-1])
        kept = ", ".join(f"{_called(name)} {last[name]:.2f}" for name in state.kept)
        cells = f"<td data-title='After its last step'>{forgetting} <b>{last[state.forgetting]:.2f}</b>, {kept}</td>"
        result = next((arm for arm in compared.arms if arm.arm == trial.arm), None) if compared is not None else None
        for k, target in enumerate(targets):
            said = "" if result is None else _at(result.at[k], state.kept, result.lowest)
            cells += f'<td data-title="At {target:.2g} left">{said}</td>'
        share = f"{trial.selected / trial.tokens:.0%} of tokens" if trial.tokens else ""
        note = f" {escape(trial.note)}" if trial.note else ""
        body += (
            f'<tr><th scope="row">{escape(trial.arm.capitalize())}<br><span class="pg-soft">{escape(trial.title)}; '
            f"{share}.{note}</span></th>{cells}</tr>"
        )
    first = state.trials[0]
    n = ", ".join(f"{_called(name)} n = {sum(first.counts[name]):.0f}" for name in (state.forgetting, *state.kept))
    return (
        '<table class="pg-answers pg-stresses"><thead><tr><th scope="col">Arm</th>'
        f'<th scope="col">After its last step</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="pg-soft"><b>One seed.</b> {n}. Another seed, or other rows, moves these figures by some '
        "hundredths: read small differences as none. <code>python -m unlearn arms</code> runs several seeds and gives "
        "intervals and tests.</p>"
    )


def _called(name: str) -> str:
    """The figure's title inside a sentence: `facts to forget`, but `ROUGE-L of answers to keep`."""
    title = metric_info(name).title
    return title if title[1].isupper() else title[0].lower() + title[1:]


def _at(reading: Any, kept: Sequence[str], lowest: float) -> str:
    if not reading.reached:
        return f'<span class="pg-soft">never: lowest {lowest:.2f}</span>'
    figures = ", ".join(f"{_called(name)} <b>{reading.figures[name].value:.2f}</b>" for name in kept)
    return f'{figures} <span class="pg-soft">step&nbsp;{reading.step:.0f}</span>'
