"""A run in words and HTML, pure functions of what is shown: its progress, its tokens, what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.look.markup import count, differences, duration, escape, progress_html, rule_words
from app.visit.run_config import OWN_CUT, changed_from
from app.visit.session import KeptRun, Sample, Training
from app.visit.studio import OWN, SPLITS
from attribution import Encoded, Rule, Selection
from attribution.scorers import EVIDENCE_TEXT
from attribution.selection import read_edits
from unlearn import RunConfig
from unlearn.metrics import latest, what_is_lost
from unlearn.metrics.probe import SPOKEN
from unlearn.objectives import get_objective
from unlearn.presets import preset
from unlearn.run.prediction import Prediction, costs_of

# A model that has lost its speech repeats itself for ever.
LONGEST = 300
CURVES_NOTE = (
    '<p class="pg-soft">Measured on 32 rows of each kind: recalled means that every fact token is the first choice, '
    f"given the true words before it. Structure is solid; speaks, dotted, is the share that is language of {SPOKEN} "
    "answers in the model's own words. Losses: solid to forget, dotted to keep.</p>"
)
COSTS = {"structure": "the words around the facts", "subject": "the subject's name"}
"""What a trial is known to foretell, in words."""
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


def done_html(kept: KeptRun) -> str:
    """A run that has ended: how far it came, where its model stands, and a warning where it went too far."""
    how = "stopped, and the model is kept as it was then" if kept.stopped else "done"
    if kept.rolled_back_to is not None:
        how = f"is back at step {kept.rolled_back_to}"
    said = advice(kept) if kept.rolled_back_to is None else ""
    if said:
        said = advice_html(f"{said} {way_out(kept.way_back)}")
    elif kept.notes:
        notes = " ".join(kept.notes)
        said = f'<p class="pg-soft">{escape(notes)}</p>' if kept.rolled_back_to is None else advice_html(notes)
    return progress_html(len(kept.steps), kept.config.steps, f"{kept.name} {how}, in {duration(kept.seconds)}", said)


def advice(run: Training | KeptRun) -> str:
    """A sentence when the model is losing more than the facts: its grammar, its speech, or what it should keep."""
    return what_is_lost(run.before, latest([step.probe for step in run.steps]))


def way_on(way_back: int | None) -> str:
    """What to do about it while the run still trains."""
    if way_back is None:
        return "Stop, and try fewer steps, a lower learning rate, a smaller cut or a larger alpha."
    return f"Stop, then go back to step {way_back}, the best sound one."


def way_out(way_back: int | None) -> str:
    """What can be done about it once the run has ended."""
    if way_back is None:
        return (
            "No earlier step of it is kept, so there is none to go back to. Run it again with its best sound step "
            "kept, or take fewer steps, a lower learning rate, a smaller cut or a larger alpha."
        )
    if way_back == 0:
        return "No measured step of it was sound: going back leads to the model before the first step."
    return f"Step {way_back} forgot most while the rest still stood, and its weights are kept until your next run."


def rescue_words(kept: KeptRun) -> str:
    """What the button says that undoes a collapse; empty where the run is sound, or its collapse undone."""
    if kept.rolled_back_to is not None or not advice(kept):
        return ""
    if kept.way_back is None:
        return "Run it again, keeping its best sound step"
    return f"Go back to step {kept.way_back}" if kept.way_back else "Go back to before the first step"


def advice_html(sentence: str) -> str:
    """A warning beneath the progress of a run; nothing for no sentence."""
    return f'<div class="pg-advice" role="status">{escape(sentence)}</div>' if sentence else ""


# What a run would do -------------------------------------------------------------------------------------------------


def tokens_words(rule: Rule, kept: int | None, total: int) -> str:
    """The cut in words, with how many tokens of the row in view it selects where that is known."""
    if rule.kind == "sequence":
        return f"Every token of every answer, the end included ({total} of {total} in this row)"
    if kept is None:
        return "Every token, by the score that the run learns for it"
    what = f"{rule_words(rule)} ({rule.cut:g})" if rule.kind == "soft" else rule_words(rule)
    return f"{what}: {kept} of {total} answer tokens of this row"


def cut_html(
    config: RunConfig,
    kept: int | None,
    total: int,
    split: str,
    rows: int,
    corpus: str,
    brought: bool,
    edits: str = "",
) -> str:
    """`This cut`: which tokens, and where it applies.

    Args:
        kept, total: tokens of the row in view, selected (None where only the run can say) and in all.
        brought: whether a preset brings its own tokens.
        edits: what was put in and taken out of the row in view by hand.
    """
    lead, notes = tokens_words(config.rule, kept, total), []
    if brought:
        notes.append("The preset brings its own tokens: your cut on the stage is not used.")
    elif config.by_hand:
        notes.append(f"{count(len(read_edits(edits)), 'token')} of this row changed by hand.")
    elif edits and config.rule.kind != "sequence":
        notes.append("What you changed by hand is not used: the row in view is not one to forget.")
    if config.learn == "alternate":
        notes.append("The scorer starts from nothing and is learned while the model forgets.")
    elif config.learn == "refit":
        notes.append("The scorer is learned in a first run, which cannot be stopped, then frozen.")
    elif config.score_every:
        every = "at every step" if config.score_every == 1 else f"every {config.score_every} steps"
        notes.append(f"Scored again {every}, with the model as it then stands.")
    all_rows = f"all {count(rows, 'row')} of {corpus}"
    if split == "forget":
        notes.append(f"Applied to {all_rows}.")
    else:
        where = "your own" if split == OWN else f"from {SPLITS[split].lower()}"
        notes.append(f"The row in view is {where} and is not trained on: the cut's rule is applied to {all_rows}.")
    # The browser rewrites it while the cut of the lanes is what a run would train on.
    live = config.rule.kind in ("top", "threshold") and kept is not None and not brought
    return (
        f'<div class="pg-label">This cut</div><p class="pg-lead{" pg-cut" if live else ""}">{escape(lead)}</p>'
        f'<p class="pg-soft">{escape(" ".join(notes))}</p>'
    )


def estimate_html(pace: float | None, megabytes: float, config: RunConfig, is_plain: bool) -> str:
    """How long a run will take and what it holds, from what a step was measured to take on this machine."""
    memory = f"{megabytes * (1.25 if config.roll_back else 1):.0f} MB"
    if pace is None:
        return f'<p class="pg-soft">Measuring how fast this machine trains; a run holds about {memory}.</p>'
    about = "About" if is_plain else "At least"
    more = "" if is_plain else "; this run does more in a step than one that is measured"
    return (
        f'<p class="pg-soft">{about} <b>{duration(pace * config.steps)}</b> of training here '
        f"({pace:.2f} s a step, measured{more}) and {memory} while it lasts.</p>"
    )


def foreseen_html(found: Prediction) -> str:
    """What a trial of a run changed, in words: of what the run will cost much, and of what little."""
    known = [(name, title) for name, title in COSTS.items() if name in found.figures]
    costs = [f"<b>{costs_of(name, found.figures[name])}</b> of {title}" for name, title in known]
    figures = ", ".join(f"{name} {value:+.4f}" for name, value in found.figures.items())
    said = f"This run will cost {_listed(costs)}, as far as a trial tells. " if costs else ""
    return (
        f'<p class="pg-soft">{said}{found.steps} steps tried in {duration(found.seconds)} and taken back; change of '
        f"log p: {figures}.</p>"
    )


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def preset_html(name: str) -> str:
    """What a preset does, what of it is the paper's, and on demand where each setting comes from."""
    if name == OWN_CUT:
        return '<p class="pg-soft">What is underlined above, trained with settings of our own.</p>'
    entry = preset(name)
    counted = Counter(setting.evidence for setting in entry.settings)
    marks = " ".join(f"{mark_html(evidence, f'{evidence} {number}')}" for evidence, number in counted.items())
    items = "".join(
        f"<li>{mark_html(setting.evidence)} <b>{escape(setting.name)}</b> {escape(setting.value)}</li>"
        for setting in entry.settings
    )
    return (
        f'<p class="pg-soft"><b>{escape(entry.sentence)}</b></p><p class="pg-soft">{escape(entry.caveat)}</p>'
        f'<details class="pg-more"><summary>Where its settings come from {marks}</summary><ul>{items}</ul></details>'
    )


def objective_html(name: str) -> str:
    """An objective's formula and where it comes from, on demand."""
    entry = get_objective(name)
    note = f'<p class="pg-soft">{escape(entry.note)}</p>' if entry.note else ""
    return (
        f'<details class="pg-more"><summary>Formula {mark_html(entry.evidence)}</summary>'
        f'<p class="pg-formula">{escape(entry.formula)}</p>'
        f'<p class="pg-soft">{escape(entry.paper)}, {EVIDENCE_TEXT[entry.evidence]}.</p>{note}</details>'
    )


def mark_html(evidence: str, text: str = "") -> str:
    """The evidence mark: how sure we are that something is its paper's."""
    return f'<b class="pg-mark" title="{escape(EVIDENCE_TEXT[evidence])}">{escape(text or evidence)}</b>'


# What a run did ------------------------------------------------------------------------------------------------------


def sample_html(question: str, before: str, samples: Sequence[Sample]) -> str:
    """One question and how its answer stands, changes against the original model's answer marked."""
    if not samples:
        return ""
    latest = samples[-1]
    more = len(latest.answer) - LONGEST
    rest = f' <span class="pg-soft">… and {count(more, "more character")}</span>' if more > 0 else ""
    return (
        f'<div class="pg-sample"><div class="pg-label">Asked at step {latest.step}</div>'
        f'<p class="pg-question">{escape(question)}</p>'
        f'<p class="pg-said">{differences(before, latest.answer[:LONGEST])}{rest}</p></div>'
    )


def kept_words(kept: KeptRun) -> str:
    """What a kept run did, in one line: preset or cut and objective, steps, what it left of the facts."""
    if kept.preset:
        title = preset(kept.preset).title + (", changed" if changed_from(kept.preset, kept.config) else "")
    else:
        title = f"{rule_words(kept.config.rule)}, {get_objective(kept.config.objective).title}"
    steps = f"{len(kept.steps)} of {count(kept.config.steps, 'step')}"
    if kept.rolled_back_to is not None:
        steps += f", back at {kept.rolled_back_to}"
    recall = kept.probe.forget_recall if kept.probe else None
    return f"{title}; {steps}" + ("" if recall is None else f"; forget recall {recall:.2f}")
