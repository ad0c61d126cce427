"""The `/compare` endpoint: figures and answers for a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.look.answers import ALL, REFERENCE, SPLIT_TITLES
from app.visit.comparison import waiting, wanted_run
from app.visit.visits import Visits, refused


def compare_endpoint(visits: Visits) -> Callable[..., dict[str, Any]]:
    """The function behind `/compare`."""

    def compare(
        request: gr.Request, split: str = ALL, limit: int = 50, offset: int = 0, against: str = REFERENCE
    ) -> dict[str, Any]:
        """Figures and answers of the original model, of your session's last run, and of the retrained reference.

        Without a run in this session, `after` is null.

        Args:
            split: all, forget, paraphrase, retain or world.
            limit: how many answers to return at most.
            offset: how many to leave out first.
            against: reference, or the number of another run of this session, whose figures and answers then come along.

        Returns:
            {"run", "metrics": {"before", "after", "reference"}, "total",
             "answers": [{"split", "question", "prompt", "truth", "facts", "before", "after", "reference"}]};
            metrics and answers have "against" as well where another run was named.
        """
        try:
            if split != ALL and split not in SPLIT_TITLES:
                raise ValueError(f"The split {split!r} is unknown: choose from {', '.join((ALL, *SPLIT_TITLES))}.")
            if limit < 0 or offset < 0:
                raise ValueError(f"limit and offset must be at least 0, not {limit} and {offset}.")
            visit = visits.of(request.session_hash)
            kept, studio = visit.last, visit.studio
            beside = wanted_run(visit, against)
            before, reference = studio.before().result(), studio.reference()
            target = reference.result() if reference is not None else None
            if kept is not None:
                for _ in waiting(visit, kept, beside):
                    pass
        except ValueError as error:
            raise refused(error) from error
        after = kept.evaluation if kept is not None else None
        evaluations = {"before": before, "after": after, "reference": target}
        if beside is not None:
            evaluations["against"] = beside.evaluation
        rows = [
            {
                "split": asked.split,
                "question": asked.question,
                "prompt": asked.prompt,
                "truth": asked.truth,
                "facts": list(asked.facts),
                **{name: each.answers[i].answer if each else None for name, each in evaluations.items()},
            }
            for i, asked in enumerate(before.answers)
            if split in (ALL, asked.split)
        ]
        return {
            "run": None if kept is None else {"number": kept.number, "config": kept.config.to_dict()},
            "metrics": {name: each.to_dict() if each else None for name, each in evaluations.items()},
            "total": len(rows),
            "answers": rows[offset : offset + limit],
        }

    return compare
