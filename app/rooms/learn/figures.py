"""The figures of the article: the claim under each, worked out from its own numbers, and what it shows of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.look.answers import REFERENCE_TITLE, SPLIT_TITLES, Asked, table_html
from app.look.drawing import Line, line_chart
from app.look.figures import ACCENT, SECOND, steps_frame
from app.look.markup import count, escape
from app.rooms.learn.questions import Kind, ended, latest_run
from app.rooms.stage.words import answers_html, verdict, verdict_html
from app.visit.comparison import known, side_by_side
from app.visit.session import KeptRun, Training, Visit
from attribution import TokenScores, select
from attribution.measure.alignment import align
from attribution.scorers import DEFAULT_SCORERS, scorer_info
from unlearn.metrics import share_left

TITLES: dict[Kind, str] = {
    "sequence": "The whole sequence",
    "cut": "The cut",
    "random": "The random control",
}
CHARTS = (("forget_recall", "Facts to forget, recalled"), ("speaks", "Speaks"))
"""The charts under a run: a figure of its probes, and the title."""
COLOURS = (SECOND, ACCENT)


@dataclass(frozen=True)
class Figure:
    """What a figure shows that changes: its HTML, and the claim under it.

    Attributes:
        kept: the run that plays on its lanes.
        missing: the kinds of runs that it shows and that are not there.
    """

    html: str = ""
    claim: str = ""
    kept: KeptRun | None = None
    missing: tuple[Kind, ...] = ()


# Claims --------------------------------------------------------------------------------------------------------------


def truth_claim(scores: TokenScores) -> str:
    """What stands in an answer, without the share that the question asks for."""
    facts = count(len(scores.example.facts), "fact")
    return f"An answer in {count(len(scores), 'token')}, which hold {facts}; the outlines are the ground truth."


def ranking_claim(scores: TokenScores) -> str:
    """How the lanes rank the facts of an answer, and how many of them do better than chance."""
    areas = areas_of(scores)
    above = sum(area > 0.5 for area in areas.values())
    listed = ", ".join(f"{scorer_info(name).title} {area:.2f}" for name, area in areas.items())
    who = "All" if above == len(areas) else f"{above} of the"
    return f"AUROC on this answer: {listed}. {who} {len(areas)} rank its facts better than chance would."


def areas_of(scores: TokenScores) -> dict[str, float]:
    """AUROC of the default scorers on one answer."""
    return {name: align([scores], name).auroc.mean or 0.0 for name in DEFAULT_SCORERS if name in scores.columns}


def taken(kept: KeptRun, scores: TokenScores) -> str:
    """How many tokens of the figure's answer a run pushes, and how many of those carry a fact."""
    if kept.config.rule.kind == "sequence":
        return f"all {len(scores)} tokens of this answer"
    if kept.config.rule.scorer not in scores.columns:
        return "the tokens that its own lane chose"
    chosen = select(scores, kept.config.rule).kept
    facts = [truth == "fact" for truth in scores.truth]
    hit = sum(one and fact for one, fact in zip(chosen, facts, strict=True))
    return f"{sum(chosen)} of the {len(scores)} tokens of this answer, {hit} of which carry a fact"


def run_claim(kind: Kind, kept: KeptRun, scores: TokenScores) -> str:
    """What one run was, and how far it came with what it was to forget and to keep."""
    steps = count(len(kept.steps), "step")
    said = f"{TITLES[kind]}, {steps} on {taken(kept, scores)}"
    try:
        probe = ended(kept)
    except ValueError:
        return f"{said}: stopped before anything was measured."
    left = share_left(kept.before.forget_recall if kept.before else None, probe.forget_recall)
    stayed = share_left(kept.before.retain_recall if kept.before else None, probe.retain_recall)
    parts = [f"{1 - left:.0%} of the facts are forgotten"] if left is not None else []
    parts += [f"{stayed:.0%} of the others are kept"] if stayed is not None else []
    return f"{said}: {' and '.join(parts) or 'no facts were counted'}."


# Runs ----------------------------------------------------------------------------------------------------------------


def runs_figure(visit: Visit, kinds: Sequence[Kind], scores: TokenScores) -> Figure:
    """A figure of runs: the last kind's is its own, those before are held against it."""
    found = {kind: kept for kind in kinds if (kept := latest_run(visit, kind)) is not None}
    missing = tuple(kind for kind in kinds if kind not in found)
    if not found:
        return Figure(claim="Not run yet in this visit.", missing=missing)
    claims = " ".join(run_claim(kind, kept, scores) for kind, kept in found.items())
    charts = charts_html([(TITLES[kind], kept) for kind, kept in found.items()])
    answers = ""
    if len(kinds) > 1:
        before = visit.studio.answer_before(next(iter(found.values())).row)
        said = [(TITLES[kind], kept.samples[-1].answer) for kind, kept in found.items() if kept.samples]
        answers = answers_html([("Before", before), *said])
    return Figure(answers + charts, claims, found.get(kinds[-1]), missing)


def charts_html(runs: Sequence[tuple[str, KeptRun | Training]]) -> str:
    """The probes of runs over their steps, a chart per figure and a line per run; nothing before the first step."""
    drawn = [(title, run) for title, run in runs if run.steps]
    if not drawn:
        return ""
    width = max(run.config.steps for _, run in drawn)
    charts = ""
    for name, title in CHARTS:
        lines = [
            Line(run_title, colour, _points(run, name), dotted=bool(k))
            for k, ((run_title, run), colour) in enumerate(zip(drawn, COLOURS, strict=False))
        ]
        charts += line_chart(title, lines, width, (0.0, 1.0))
    keys = ""
    if len(drawn) > 1:
        keys = "".join(
            f'<span class="pg-key"><i style="border-top:3px {"dotted" if k else "solid"} {colour}"></i>'
            f"{escape(title)}</span>"
            for k, ((title, _), colour) in enumerate(zip(drawn, COLOURS, strict=False))
        )
        keys = f'<p class="pg-soft pg-keys">{keys}</p>'
    return f'{keys}<div class="pg-charts">{charts}</div>'


def _points(run: KeptRun | Training, name: str) -> list[tuple[float, float]]:
    """(step, figure) of a run's probes; the model before it stands at step 0."""
    frame = steps_frame(run.steps)[["step", name]].dropna()
    before = getattr(run.before, name) if run.before is not None else None
    start = [] if before is None else [(0.0, float(before))]
    return start + [(float(step), float(value)) for step, value in frame.itertuples(index=False)]


# The verdict ---------------------------------------------------------------------------------------------------------


def verdict_figure(visit: Visit) -> Figure:
    """The last run of a visit: its verdict, and one question of each kind before, after and never taught."""
    kept, studio = visit.last, visit.studio
    if kept is None:
        return Figure(claim="No run yet in this visit.")
    before, reference = known(studio.before()), known(studio.reference())
    if kept.evaluation is None or before is None:
        busy = '<p class="pg-soft pg-busy" role="status">The verdict comes when it has been asked everything.</p>'
        return Figure(busy, f"{kept.name} has ended.", kept)
    found = verdict(before, kept.evaluation, reference, kept.depth)
    rows = _one_of_each(side_by_side(before, kept.evaluation, reference))
    asked = count(len(kept.evaluation.answers), "question")
    claim = (
        f"{kept.name}, asked {asked}. Shown is the first of each kind that was answered right before and is answered "
        "otherwise now, or else the first that was answered right."
    )
    return Figure(verdict_html(found) + table_html(rows, REFERENCE_TITLE), claim, kept)


def _one_of_each(asked: Sequence[Asked]) -> list[Asked]:
    rows = []
    for split in SPLIT_TITLES:
        # An answer that runs on is no answer to look at, right as it may begin.
        known_ones = [each for each in asked if each[0].all_recalled and each[0].ended == "by itself"]
        same = [each for each in known_ones if each[0].split == split]
        changed = (each for each in same if each[0].answer != each[1].answer)
        rows += [next(changed, same[0])] if same else []
    return rows
