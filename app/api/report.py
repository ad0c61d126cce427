"""The `/report` endpoint: a whole comparison as one HTML file."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from app.look.answers import REFERENCE
from app.visit.comparison import waiting, wanted_run
from app.visit.report import make_report
from app.visit.visits import Visits, refused


def report_endpoint(visits: Visits) -> Callable[..., str]:
    """The function behind `/report`."""

    def report(request: gr.Request, answers: int = 20, against: str = REFERENCE) -> str:
        """One self-contained HTML page: lanes of the row in view, your session's run, its curves, figures and answers.

        It opens from disk with no network. Without a run in this session it holds the lanes alone.

        Args:
            answers: how many answers of each kind (forget, paraphrase, retain, world) it holds at most.
            against: what stands in the third column: reference, or the number of another run of this session.

        Returns:
            The page, as text.
        """
        try:
            if answers < 0:
                raise ValueError(f"answers must be at least 0, not {answers}.")
            visit = visits.of(request.session_hash)
            beside = wanted_run(visit, against)
            if visit.last is not None:
                for _ in waiting(visit, visit.last, beside):
                    pass
            return make_report(visit, against, most=answers).text
        except ValueError as error:
            raise refused(error) from error

    return report
