"""The questions of the lesson. Every answer is worked out from what the page has computed; none is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.visit.comparison import known
from app.visit.run_config import base_of
from app.visit.session import KeptRun, Visit
from app.visit.studio import Studio
from attribution import Rule, select
from attribution.lanes import DEFAULT_SHARE
from unlearn.metrics import Probe, latest

PLAIN = "sequence-ga"
"""The preset of the runs that show what a selection does: it pushes probabilities down and teaches nothing instead."""
Kind = Literal["sequence", "cut", "random"]
"""A run of the lesson: on the whole sequence, on the cut of a lane, or on as many tokens drawn at random."""
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


def clean_cut(visit: Visit, studio: Studio) -> Verdict:
    """Which share of the tokens, by masking, is every fact of the opening answer and nothing else."""
    scores = studio.opening
    facts = tuple(truth == "fact" for truth in scores.truth)

    def takes(percent: int) -> tuple[bool, ...]:
        return tuple(map(bool, select(scores, Rule("masking", "top", percent / 100)).kept))

    usual = round(100 * DEFAULT_SHARE)
    clean = [percent for percent in range(1, 101) if takes(percent) == facts]
    right = "never" if not clean else "here" if usual in clean else "more" if clean[0] > usual else "less"
    kept = takes(usual)
    hit = sum(one and fact for one, fact in zip(kept, facts, strict=True))
    where = f"At the top {clean[0]}% it is the facts alone." if clean else "No share takes the facts alone."
    said = f"The top {usual}% takes {hit} of the {sum(facts)} tokens that carry a fact, and {sum(kept) - hit} others."
    return Verdict(frozenset({right}), f"{said} {where}")


def whole_sequence_speech(visit: Visit, studio: Studio) -> Verdict:
    """Whether the model still spoke after the whole-sequence run."""
    speaks = spoke(run_of(visit, "sequence"))
    return Verdict(
        frozenset({"kept" if speaks >= SPEAKS else "lost"}),
        f"Speaks ended at {speaks:.2f}: so much of what the model then said was language.",
    )


def cut_against_whole(visit: Visit, studio: Studio) -> Verdict:
    """After which of the two runs the model spoke better."""
    whole, cut = (spoke(run_of(visit, kind)) for kind in ("sequence", "cut"))
    right = "same" if abs(cut - whole) <= SAME else "cut" if cut > whole else "sequence"
    return Verdict(
        frozenset({right}),
        f"Speaks at the end: {whole:.2f} after the whole sequence, {cut:.2f} after the cut.",
    )


def control_against_cut(visit: Visit, studio: Studio) -> Verdict:
    """Whether tokens drawn at random forget as well as the cut."""
    cut, control = (ended(run_of(visit, kind)) for kind in ("cut", "random"))
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
        raise ValueError("There is no run yet: run one here, or on the stage.")
    before = known(visit.studio.before())
    if visit.last.evaluation is None or before is None:
        raise ValueError("The answers are not there yet: wait until the verdict stands above.")
    now, was = visit.last.evaluation.metrics, before.metrics
    if "forget_recall" not in now:
        raise ValueError("No facts are marked in these rows, so nothing can be counted: take the page's own rows.")
    left = max(now["forget_recall"], now.get("paraphrase_recall", 0.0))
    lost = max(
        [0.0, *(was[name] - now[name] for name in ("retain_recall", "world_recall") if name in now and name in was)]
    )
    right = "not" if left > FORGOTTEN else "only" if lost <= KEPT else "more"
    return Verdict(
        frozenset({right}),
        f"Run {visit.last.number}: {left:.2f} of the facts are left, paraphrases included; elsewhere recall fell by "
        f"{lost:.2f} at most. Here, forgotten means at most {FORGOTTEN:g} left, and kept a fall of at most "
        f"{KEPT:g}.",
    )


def latest_run(visit: Visit, kind: Kind) -> KeptRun | None:
    """The latest run of a visit that is of this kind and pushes down as the lesson's do; None where there is none."""
    objective = base_of(PLAIN).objective
    for kept in reversed(visit.runs):
        rule = kept.config.rule
        found = "sequence" if rule.kind == "sequence" else "random" if rule.scorer == "random" else "cut"
        if found == kind and kept.config.objective == objective:
            return kept
    return None


def run_of(visit: Visit, kind: Kind) -> KeptRun:
    """The same. ValueError says what has to be done first."""
    kept = latest_run(visit, kind)
    if kept is not None:
        return kept
    missing = {"sequence": "a run on the whole sequence", "cut": "a run on the cut", "random": "the random control"}
    raise ValueError(f"This is answered from runs of your own, and {missing[kind]} is missing: press Run it here.")


def spoke(kept: KeptRun) -> float:
    """The share of its answers that were language when it was asked last."""
    probe = latest([step.probe for step in kept.steps])
    if probe is None or probe.speaks is None:
        raise ValueError(f"Run {kept.number} ended before its model was asked anything: let it run for longer.")
    return probe.speaks


def ended(kept: KeptRun) -> Probe:
    """What was measured of it last."""
    probe = latest([step.probe for step in kept.steps])
    if probe is None:
        raise ValueError(f"Run {kept.number} was stopped before anything was measured: let it run for longer.")
    return probe


FACTS_SHARE = Question(
    "How much of this answer carries a fact?",
    (("few", "A quarter of its tokens or less"), ("some", "Between a quarter and a half"), ("most", "More than half")),
    facts_share,
)
CLEAN_CUT = Question(
    "Drag the cut of Masking until it takes every fact and nothing else. Where is that?",
    (
        ("less", f"Below the top {DEFAULT_SHARE:.0%}"),
        ("here", f"At the top {DEFAULT_SHARE:.0%}"),
        ("more", f"Above the top {DEFAULT_SHARE:.0%}"),
        ("never", "Nowhere"),
    ),
    clean_cut,
)
SPEECH = Question(
    "Does the model still speak? Read its answer, then the curve of speaks.",
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
