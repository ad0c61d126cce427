"""The questions of the lesson. Every answer is worked out from what the page has computed; none is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.visit.comparison import known
from app.visit.session import KeptRun, Visit
from app.visit.studio import Studio
from attribution.measure.alignment import align
from attribution.scorers import DEFAULT_SCORERS, scorer_info
from unlearn.metrics import Probe

# Smaller differences between two runs are called none: the probe has 32 rows.
SAME = 0.03
SPEAKS = 0.75
FORGOTTEN, KEPT = 0.1, 0.05


@dataclass(frozen=True)
class Verdict:
    """What is right, as the computed numbers have it, and the numbers in a sentence."""

    right: frozenset[str]
    because: str


@dataclass(frozen=True)
class Question:
    """One question with a choice of answers.

    Attributes:
        options: (value, what the visitor reads).
        judge: works the verdict out; ValueError says what has to be done first.
    """

    text: str
    options: tuple[tuple[str, str], ...]
    judge: Callable[[Visit, Studio], Verdict]


def facts_share(visit: Visit, studio: Studio) -> Verdict:
    """How much of the opening answer carries a fact."""
    truth = studio.opening.truth
    facts, names = truth.count("fact"), truth.count("subject")
    share = facts / len(truth)
    right = "few" if share <= 0.25 else "some" if share <= 0.5 else "most"
    return Verdict(
        frozenset({right}),
        f"{facts} of {len(truth)} tokens carry a fact, {names} name the person, the other {len(truth) - facts - names} "
        "are grammar.",
    )


def best_lane(visit: Visit, studio: Studio) -> Verdict:
    """Which default scorer ranks the facts of the opening answer best."""
    areas = {name: align([studio.opening], name).auroc.mean or 0.0 for name in DEFAULT_SCORERS}
    best = max(areas.values())
    listed = ", ".join(f"{scorer_info(name).title} {area:.2f}" for name, area in areas.items())
    return Verdict(
        frozenset(name for name, area in areas.items() if area > best - 0.005),
        f"AUROC on this answer: {listed}. One answer is no proof: with others the order changes.",
    )


def whole_sequence_speech(visit: Visit, studio: Studio) -> Verdict:
    """Whether the model still spoke after the whole-sequence run."""
    speaks = _spoke(_last(visit, "sequence"))
    return Verdict(
        frozenset({"kept" if speaks >= SPEAKS else "lost"}),
        f"Speaks ended at {speaks:.2f}: so much of what the model then said was language.",
    )


def cut_against_whole(visit: Visit, studio: Studio) -> Verdict:
    """After which of the two runs the model spoke better."""
    whole, cut = (_spoke(_last(visit, kind)) for kind in ("sequence", "cut"))
    right = "same" if abs(cut - whole) <= SAME else "cut" if cut > whole else "sequence"
    return Verdict(
        frozenset({right}),
        f"Speaks at the end: {whole:.2f} after the whole sequence, {cut:.2f} after the cut.",
    )


def control_against_cut(visit: Visit, studio: Studio) -> Verdict:
    """Whether tokens drawn at random forget as well as the cut."""
    cut, control = (_ended(_last(visit, kind)) for kind in ("cut", "random"))
    left, drawn = cut.forget_recall or 0.0, control.forget_recall or 0.0
    right = "same" if abs(drawn - left) <= SAME else "less" if drawn > left else "more"
    return Verdict(
        frozenset({right}),
        f"Forget recall at the end: {left:.2f} after the cut, {drawn:.2f} after the control. The less is left, the "
        "more was forgotten.",
    )


def what_the_run_did(visit: Visit, studio: Studio) -> Verdict:
    """Which sentence the figures of the last run support."""
    if visit.last is None:
        raise ValueError("There is no run yet: do one of the steps above, then open Compare.")
    before = known(visit.studio.before())
    if visit.last.evaluation is None or before is None:
        raise ValueError("The answers are not there yet: open Compare and wait until they are.")
    now, was = visit.last.evaluation.metrics, before.metrics
    left = max(now["forget_recall"], now.get("paraphrase_recall", 0.0))
    lost = max(was[name] - now[name] for name in ("retain_recall", "world_recall") if name in now)
    right = "not" if left > FORGOTTEN else "only" if lost <= KEPT else "more"
    return Verdict(
        frozenset({right}),
        f"Run {visit.last.number}: {left:.2f} of the facts are left, paraphrases included; elsewhere recall fell by "
        f"{max(lost, 0.0):.2f} at most. Here, forgotten means at most {FORGOTTEN:g} left, and kept a fall of at most "
        f"{KEPT:g}.",
    )


def _last(visit: Visit, kind: str) -> KeptRun:
    """The latest run that was `sequence`, on the `random` control, or on another `cut`."""
    for kept in reversed(visit.runs):
        rule = kept.config.rule
        if kind == ("sequence" if rule.kind == "sequence" else "random" if rule.scorer == "random" else "cut"):
            return kept
    missing = {"sequence": "a run on the whole sequence", "cut": "a run on the cut", "random": "the random control"}
    raise ValueError(
        f"This is answered from runs of your own, and {missing[kind]} is missing: set its step up and press Start."
    )


def _spoke(kept: KeptRun) -> float:
    """The share of its answers that were language when it was asked last."""
    asked = (step.probe.speaks for step in reversed(kept.steps) if step.probe is not None)
    speaks = next((value for value in asked if value is not None), None)
    if speaks is None:
        raise ValueError(f"Run {kept.number} ended before its model was asked anything: let it run for longer.")
    return speaks


def _ended(kept: KeptRun) -> Probe:
    probe = next((step.probe for step in reversed(kept.steps) if step.probe is not None), None)
    if probe is None:
        raise ValueError(f"Run {kept.number} was stopped before anything was measured: let it run for longer.")
    return probe


FACTS_SHARE = Question(
    "How much of this answer carries a fact?",
    (("few", "A quarter of its tokens or less"), ("some", "Between a quarter and a half"), ("most", "More than half")),
    facts_share,
)
BEST_LANE = Question(
    "Which lane ranks the facts of this answer best? Look at AUROC: 1 is perfect, 0.5 is chance.",
    tuple((name, scorer_info(name).title) for name in DEFAULT_SCORERS),
    best_lane,
)
SPEECH = Question(
    "Does the model still speak? Read its sample answer, then the dotted curve of speaks.",
    (("kept", f"Yes: speaks stayed at {SPEAKS:g} or above"), ("lost", f"No: it fell below {SPEAKS:g}")),
    whole_sequence_speech,
)
CUT_OR_WHOLE = Question(
    "After which of the two runs does the model speak better?",
    (("sequence", "The whole sequence"), ("cut", "The cut"), ("same", f"Neither, within {SAME:g}")),
    cut_against_whole,
)
CONTROL = Question(
    "How much did the random control forget?",
    (("less", "Less than the cut"), ("same", f"As much, within {SAME:g}"), ("more", "More than the cut")),
    control_against_cut,
)
SILENCE = Question(
    "Which sentence do the figures of your last run support?",
    (("only", "It forgot, and kept the rest"), ("more", "It forgot, and lost more"), ("not", "It did not forget")),
    what_the_run_did,
)
