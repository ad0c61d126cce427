"""Does what was forgotten come back? The stresses of Compare, and the `/stress` endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from app.look.markup import alert, block, duration, escape, refused
from app.visit.session import Visit, Visits
from app.visit.studio import Studio
from app.visit.training import memory_said
from unlearn.metrics import evaluation_rows
from unlearn.metrics.examination import spaced
from unlearn.stress.stresses import KINDS, Stress, stress

# Rows asked under stress: enough to see a fact come back, few enough to wait for.
FORGET_ROWS, KEEP_ROWS = 80, 60
BUTTONS = {"relearning": "Relearn half of it", "quantisation": "Round to 8 and 4 bits"}
MODELS = {"run": "This run", "original": "The original", "reference": "Never taught (reference)"}

Found = dict[str, dict[str, tuple[Stress, ...]]]
"""By model (a key of `MODELS`) and by kind, what the stresses did."""


def stressed(studio: Studio, visit: Visit, kinds: Sequence[str]) -> Iterator[str]:
    """Put the visit's current run and the unchanging models under stress; what is known already is not made again.

    Yields what is being done; the results are then in `found`.

    Raises:
        ValueError: there is no run, an unknown kind, or it takes longer than a run may.
    """
    kept = visit.last
    if kept is None:
        raise ValueError("There is no run to put under stress: start one first.")
    forget, keep = sample(studio)
    corpus = replace(studio.corpus, forget=tuple(forget))
    deadline = time.monotonic() + studio.settings.run_seconds
    models: dict[str, Callable[[], Any]] = {"run": lambda: kept.model, **studio.unchanging()}
    with visit.training(), memory_said(studio):
        for kind in kinds:
            for who, model in models.items():
                if kind in found(studio, visit).get(who, {}):
                    continue
                asked = kept.name if who == "run" else MODELS[who].lower()
                yield f"{kind.capitalize()}, {asked}: {KINDS[kind]}"
                results = []
                for one in stress(model(), corpus, (kind,), keep=keep):
                    results.append(one)
                    _check(visit, deadline, studio.settings.run_seconds)
                if who == "run":
                    kept.stressed[kind] = tuple(results)
                else:
                    studio.stressed[who, kind] = tuple(results)


def sample(studio: Studio) -> tuple[list[Any], list[Any]]:
    """The rows to forget and to keep that are asked, evenly spaced."""
    rows = evaluation_rows(studio.corpus)
    return spaced(rows.get("forget", ()), FORGET_ROWS), spaced(rows.get("retain", ()), KEEP_ROWS)


def _check(visit: Visit, deadline: float, seconds: float) -> None:
    if visit.stopping or visit.closed:
        raise ValueError("Stopped: what was finished before is shown.")
    if time.monotonic() > deadline:
        raise ValueError(
            f"This took longer than the {duration(seconds)} a run may take here: try one stress at a time."
        )


def found(studio: Studio, visit: Visit) -> Found:
    """Everything that is known of the current run and of the unchanging models."""
    known: Found = {"run": dict(visit.last.stressed) if visit.last is not None else {}}
    for (who, kind), results in list(studio.stressed.items()):
        known.setdefault(who, {})[kind] = results
    return known


class StressCard:
    """The part of Compare that puts a run under stress."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    def build(self) -> None:
        """Lay the card out; it is shown once there is a run."""
        with gr.Column(elem_classes="pg-card", visible=False) as self.card:
            with gr.Row(elem_classes="pg-line pg-ask"):
                block(HEAD)
                self.buttons = {
                    kind: gr.Button(title, size="sm", elem_id=f"stress-{kind}", scale=0, min_width=160)
                    for kind, title in BUTTONS.items()
                }
            self.result = block(elem_id="stress-result")

    @property
    def outputs(self) -> list[Any]:
        """What a stress writes to."""
        return [self.result, *self.buttons.values()]

    def at_rest(self, visit: Visit) -> dict[Any, Any]:
        """The card for the visit's current run: what is known of it."""
        studio = visit.studio or self.studio
        return {
            self.card: gr.update(visible=visit.last is not None),
            self.result: results_html(found(studio, visit)) if visit.last is not None else "",
        }

    def start(self, kind: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """One stress, saying what is being done."""
        visit = self.visits.of(request.session_hash)
        studio = visit.studio or self.studio
        usable = {button: gr.update(interactive=True) for button in self.buttons.values()}
        try:
            for sentence in stressed(studio, visit, (kind,)):
                waiting = f'<p class="pg-busy" role="status">{escape(sentence)}</p>'
                busy = {button: gr.update(interactive=False) for button in self.buttons.values()}
                yield {self.result: results_html(found(studio, visit)) + waiting, **busy}
            yield {self.result: results_html(found(studio, visit)), **usable}
        except ValueError as error:
            yield {self.result: results_html(found(studio, visit)) + alert(str(error)), **usable}


HEAD = (
    '<div><h3 class="pg-title">Does it come back?</h3><p class="pg-soft">What a few steps of training on other rows '
    "bring back, or rounded weights, was hidden and not gone. A third stress, other words, is among the figures above."
    "</p></div>"
)


def results_html(results: Mapping[str, Mapping[str, Sequence[Stress]]]) -> str:
    """A row per stress, a column per model; each with recall before and under it."""
    mine = [one for kind in KINDS for one in results.get("run", {}).get(kind, ())]
    if not mine:
        return ""
    columns = [who for who in MODELS if results.get(who)]
    head = "".join(f'<th scope="col">{MODELS[who]}</th>' for who in columns)
    body = ""
    for one in mine:
        cells = ""
        for who in columns:
            same = (each for each in results[who].get(one.kind, ()) if each.title == one.title)
            cells += f'<td data-title="{MODELS[who]}">{_cell(next(same, None))}</td>'
        body += f'<tr><th scope="row">{escape(one.kind.capitalize())}<br>'
        body += f'<span class="pg-soft">{escape(one.title)}</span></th>{cells}</tr>'
    return (
        f'<table class="pg-answers pg-stresses"><thead><tr><th scope="col">Stress</th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table><p class="pg-soft">{escape(mine[0].measure.capitalize())}, before → under '
        f"stress, on {FORGET_ROWS} rows to forget and {KEEP_ROWS} to keep at most. Read it beside the model that was "
        "never taught: guesses come back too.</p>"
    )


def _cell(one: Stress | None) -> str:
    if one is None:
        return '<span class="pg-soft">not measured</span>'
    kept = ""
    if "retain_before" in one.detail:
        n = f'<span class="pg-n">n = {one.detail["retain_n"]:.0f}</span>'
        kept = f"<br>to keep {one.detail['retain_before']:.2f} → <b>{one.detail['retain_after']:.2f}</b> {n}"
    return f'to forget {one.before:.2f} → <b>{one.after:.2f}</b> <span class="pg-n">n = {one.n}</span>{kept}'


# The API -------------------------------------------------------------------------------------------------------------


def stress_endpoint(shared: Studio, visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/stress`."""

    def stress(request: gr.Request, kinds: str = "relearning,quantisation") -> dict[str, Any]:
        """Recall of your session's run before and under stress, beside the original and the retrained reference.

        Knowledge that comes back was hidden, not gone.

        Args:
            kinds: separated by commas: relearning (a few steps of training on half of the rows, recall on the other
                half), quantisation (weights rounded to 8 and 4 bits), sampling (any of 8 sampled answers),
                paraphrase.

        Returns:
            {"run", "stresses": {"run": [...], "original": [...], "reference": [...]}}, each with "kind", "title",
            "measure", "before", "after", "n_before", "n" and "detail"
        """
        try:
            wanted = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
            unknown = [kind for kind in wanted if kind not in KINDS]
            if unknown or not wanted:
                raise ValueError(f"kinds is {kinds!r}: choose from {', '.join(KINDS)}.")
            visit = visits.of(request.session_hash)
            studio = visit.studio or shared
            for _ in stressed(studio, visit, wanted):
                pass
        except ValueError as error:
            raise refused(error) from error
        results = found(studio, visit)
        return {
            "run": visit.last.number if visit.last is not None else None,
            "stresses": {
                who: [one.to_dict() for kind in wanted for one in of.get(kind, ())] for who, of in results.items()
            },
        }

    return stress
