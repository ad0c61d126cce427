"""A prepared run as a file: its replay, the row with its scores, and the figures that its verdict rests on.

It is read without a model: what the lanes show lies in it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from assets.gallery.runs import RUNS, Wanted
from attribution.scores import TokenScores
from unlearn.metrics import Evaluation
from unlearn.replay import REPLAY_FILE, Replay

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent
VERSION = 1
FIGURES = ("forget_recall", "retain_recall", "speaks")
"""What a verdict rests on."""
Expected = list[list[list[Any]]]
"""Per token the likeliest words in its place, `[text, p]` each."""


@dataclass(frozen=True)
class Prepared:
    """A run that was made beforehand.

    Attributes:
        config: the `RunConfig` that it was trained by, defaults filled in.
        replay: what is played.
        scores: the row that is asked, scored by the model before the run.
        now, hidden, after: what the model would say instead at each token: before, with the subject hidden, and after.
        figures: `before`, `after` and, where there is a retrained model, `reference`: those of `FIGURES`.
    """

    wanted: Wanted
    config: Mapping[str, Any]
    replay: Replay
    scores: TokenScores
    now: Expected
    hidden: Expected
    after: Expected
    figures: Mapping[str, Evaluation]

    @staticmethod
    def plain(value: Any) -> Any:
        """As JSON gives it back."""
        return json.loads(json.dumps(value))

    @property
    def instead(self) -> dict[str, Expected]:
        """As the lanes take it."""
        return {"now": self.now, "hidden": self.hidden}

    @property
    def state(self) -> dict[str, Any]:
        """The cut that the lanes open with: of a run on whole answers every word, else that of the run."""
        names = tuple(self.scores.columns)
        if self.replay.cut:
            cut = dict(self.replay.cut)
        elif self.config["rule"]["kind"] == "sequence":
            cut = {"active": names[0], "keep_given": True, "cuts": {names[0]: {"kind": "top", "cut": 1.0}}, "hand": ""}
        else:
            # The weight is the score: half of it is taken for "in".
            rule = {"kind": "threshold", "cut": 0.5}
            scorer = self.config["rule"]["scorer"]
            cut = {"active": scorer, "keep_given": True, "cuts": {scorer: rule}, "hand": ""}
        return {"view": "lanes", "units": "tokens", "colour": "rank", **cut}

    def to_json(self) -> str:
        """The file's text."""
        figures = {
            who: {"metrics": _part(found.metrics), "counts": _part(found.counts)} for who, found in self.figures.items()
        }
        record = {
            "version": VERSION,
            "name": self.wanted.name,
            "settings": self.wanted.settings,
            "config": self.config,
            "replay": json.loads(self.replay.to_json()),
            "scores": self.scores.to_dict(),
            "instead": {"now": self.now, "hidden": self.hidden, "after": self.after},
            "figures": figures,
        }
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def path_of(name: str) -> Path:
    """Where a run's file lies."""
    return FOLDER / f"{name}.json"


@cache
def gallery() -> tuple[Prepared, ...]:
    """Every prepared run that there is, in the order of the list; read once. A file that is none is logged."""
    found = []
    for wanted in RUNS:
        try:
            found.append(read(wanted))
        except ValueError as error:
            log.warning("the gallery goes without a run: %s", error)
    return tuple(found)


def read(wanted: Wanted) -> Prepared:
    """The file of a run. ValueError when it is none, or was made by other settings."""
    path = path_of(wanted.name)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["version"] != VERSION or record["settings"] != wanted.settings:
            raise ValueError("it was made by other settings")
        said = record["instead"]
        return Prepared(
            wanted=wanted,
            config=record["config"],
            replay=Replay.from_json(json.dumps(record["replay"]).encode()),
            scores=TokenScores.from_dict(record["scores"], record["replay"]["model"]),
            now=said["now"],
            hidden=said["hidden"],
            after=said["after"],
            figures={
                who: Evaluation(found["metrics"], found["counts"], ()) for who, found in record["figures"].items()
            },
        )
    except (OSError, LookupError, TypeError, ValueError) as error:
        reason = str(error).replace(REPLAY_FILE, "its replay")
        raise ValueError(
            f"{path.name} is no prepared run ({reason}): make it again with python -m assets.gallery {wanted.name}."
        ) from error


def _part(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in FIGURES if name in figures}
