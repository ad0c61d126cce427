"""A run to be played again without training: one row's question, the answers at the kept steps, and the curve.

`forget_lens_replay.json` holds what the page's stage shows of a run, and the row's scores, so that it stands on its
lanes. It holds texts of one row, so nobody writes it unasked. Whoever reads one reads a stranger's file: every field is
checked, and anything else is one sentence.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.lanes import check_state
from attribution.model.language_model import LanguageModel
from attribution.scores import TokenScores, score
from attribution.text.example import Example, Span
from attribution.text.subject import find_subject
from unlearn.card import shown_name, what_was_done
from unlearn.metrics import Probe, latest, share_left, what_is_lost
from unlearn.run.loop import Run, Step

REPLAY_FILE = "forget_lens_replay.json"
VERSION = 1
MOST_BYTES = 1_000_000
MOST_STEPS = 2_000
"""Of a longer run the answers would not fit."""
SAMPLE_EVERY = 5
BESIDE = ("masking", "entropy")
"""Scorers that any model can have, whose lanes stand beside that of the run's own."""
# A text that is no answer: a name, a setting, the note.
_LONGEST_WORDS = 2_000


def is_sampled(step: int, of: int, every: int = SAMPLE_EVERY) -> bool:
    """Whether the model being trained is asked its question after this step."""
    return step % every == 0 or step in (1, of)


Point = tuple[int, float | None, float | None]
"""A step, the share of the facts recalled before that are recalled no more, and the share of those to keep that still
are; both in [0, 1], None where the rows mark no facts."""


def points_of(before: Probe | None, steps: Sequence[Step]) -> list[Point]:
    """The curve of a run: a point before it, and one for every step that was probed."""
    return [
        (0, *_shares(before, before)),
        *((step.number, *_shares(before, step.probe)) for step in steps if step.probe),
    ]


def _shares(before: Probe | None, now: Probe | None) -> tuple[float | None, float | None]:
    if before is None or now is None:
        return None, None
    left = share_left(before.forget_recall, now.forget_recall)
    return (None if left is None else 1 - left), share_left(before.retain_recall, now.retain_recall)


@dataclass(frozen=True)
class Replay:
    """A run as it is played.

    Attributes:
        model, rows: names, of paths on a machine only the ends.
        settings: title -> words, as on the model card.
        example: the row that was asked.
        scores: scorer -> a number per answer token, by the original model, and `probability` likewise.
        cut: what the lanes open with, as `attribution.lanes.check_state` takes it; empty where a cut cannot say it.
        before: the original's answer.
        samples: (step, answer), rising.
        points: the curve, rising.
        steps, of: how many were made, and how many were asked for.
        note: one sentence; `warned` when it is of what was lost.
    """

    model: str
    rows: str
    settings: Mapping[str, str]
    example: Example
    scores: Mapping[str, tuple[float, ...]]
    probability: tuple[float, ...]
    cut: Mapping[str, Any]
    before: str
    samples: tuple[tuple[int, str], ...]
    points: tuple[Point, ...]
    steps: int
    of: int
    stopped: bool
    note: str
    warned: bool

    def to_json(self) -> str:
        """The file's text. ValueError when it is longer than may be read again."""
        example = self.example
        spans = [[span.start, span.end, span.kind] for span in example.spans]
        row = {**example.named, "subject": example.subject, "spans": spans}
        # Not `asdict`, which copies deep and would take the row apart.
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        record = {"version": VERSION, **fields, "example": row}
        text = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        if len(text.encode()) > MOST_BYTES:
            raise ValueError(f"The replay would have more than {MOST_BYTES:,} bytes: take a shorter row.")
        return text

    @classmethod
    def from_json(cls, data: bytes) -> Replay:
        """What `to_json` wrote. ValueError, one sentence, for anything else."""
        try:
            if len(data) > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
            return _read(json.loads(data.decode("utf-8"), parse_constant=_no_number))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            reason = str(error)[:200].rstrip(".") or type(error).__name__
            raise ValueError(f"{REPLAY_FILE} is no replay ({reason}): write it again with --replay.") from error

    def scored(self, model: LanguageModel) -> TokenScores:
        """The row under a model's tokenizer, with the scores of the file.

        Raises:
            ValueError: the tokenizer cuts the answer otherwise, or a number is outside its scorer's range.
        """
        encoded = model.encode(self.example)
        if len(encoded.tokens) != len(self.probability):
            raise ValueError(
                f"The replay has numbers for {len(self.probability)} tokens and this model cuts the answer into "
                f"{len(encoded.tokens)}: play it with the model that it was saved with."
            )
        return TokenScores(encoded, self.scores, self.probability, find_subject(self.example), self.model)


def read_replay(folder: Path | None) -> Replay | None:
    """The replay in a model's folder; None where there is none. ValueError when the file is none."""
    path = folder and folder / REPLAY_FILE
    if not path or not path.is_file():
        return None
    with path.open("rb") as file:
        return Replay.from_json(file.read(MOST_BYTES + 1))


class Recorder:
    """Watches a run that has not begun, and has the replay of one row when it has ended.

    Args:
        row: the number of the row among those to forget.
        every: steps between two answers.

    Raises:
        ValueError: there is no such row, it has no question, or the run is too long or in several processes.
    """

    def __init__(self, job: Run, row: int, every: int = SAMPLE_EVERY) -> None:
        self.every = every
        rows = len(job.corpus.forget)
        if not 0 <= row < rows:
            raise ValueError(f"There is no row {row} to replay: the rows to forget are forget:0 to forget:{rows - 1}.")
        if job.config.steps > MOST_STEPS:
            raise ValueError(f"A replay has at most {MOST_STEPS:,} steps, and {job.config.steps:,} are asked for.")
        if job.processes.count > 1:
            raise ValueError("A replay asks the model on the way: run it in one process.")
        self.job, self.row = job, row
        self.example = job.corpus.forget[row].example
        if not self.example.prompt:
            raise ValueError(f"The row forget:{row} is plain text and has no question: name one that has.")
        weighting, rule = job.weighting, job.config.rule
        own = weighting.scores[row]
        columns = {} if rule.kind == "sequence" else dict(own.columns)
        others = [name for name in BESIDE if name not in columns]
        beside = score(job.base, self.example, others, **weighting.options)[0] if others else own
        self.scores = {**columns, **{name: beside.columns[name] for name in others}}
        self.probability = own.probability
        self.cut = {}
        if rule.kind in ("top", "threshold"):
            shown = {"cuts": {rule.scorer: {"kind": rule.kind, "cut": rule.cut}}, "hand": weighting.edits.get(row, "")}
            self.cut = {"active": rule.scorer, "keep_given": rule.keep_given, **shown}
        self.before = self._asked(job.base)
        self.samples: dict[int, str] = {}

    def look(self, step: Step) -> None:
        """Ask the model its question, where it is time."""
        if is_sampled(step.number, step.of, self.every):
            self.samples[step.number] = self._asked(self.job.model)

    def replay(self) -> Replay:
        """The run as it is played; its last answer is that of the model as it now is."""
        job = self.job
        last = len(job.steps) if job.rolled_back_to is None else job.rolled_back_to
        if last and last not in self.samples:
            self.samples[last] = self._asked(job.model)
        made = job.steps[:last]
        lost = what_is_lost(job.before, latest([step.probe for step in made]))
        rows = shown_name(job.corpus.name)
        return Replay(
            model=shown_name(job.base.name),
            rows=rows,
            # The card is Markdown, the stage is not.
            settings={title: words.replace("`", "") for title, words in what_was_done(job).items()},
            example=self.example,
            scores=self.scores,
            probability=self.probability,
            cut=self.cut,
            before=self.before,
            samples=tuple(sorted((step, answer) for step, answer in self.samples.items() if step <= last)),
            points=tuple(points_of(job.before, made)),
            steps=last,
            of=job.config.steps,
            stopped=job.stopped,
            note=lost or f"{shown_name(job.base.name)} forgets {rows}, {last} steps in {job.seconds:.0f} s.",
            warned=bool(lost),
        )

    def _asked(self, model: LanguageModel) -> str:
        return str(model.generate([self.example.prompt])[0])


# Reading a stranger's file ------------------------------------------------------------------------------------------


def _read(record: Any) -> Replay:
    names = [field.name for field in dataclasses.fields(Replay)]
    _keys("the file", record, ["version", *names])
    if record["version"] is True or record["version"] != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    of = _whole("of", record["of"], 1, MOST_STEPS)
    steps = _whole("steps", record["steps"], 0, of)
    settings = _mapping("settings", record["settings"], 20)
    scores = {name: _numbers(f"scores of {name}", values) for name, values in _scores(record["scores"]).items()}
    probability = tuple(_share("probability", value) for value in _list("probability", record["probability"]))
    if any(len(values) != len(probability) for values in scores.values()):
        raise ValueError("its scores are not as many as its tokens")
    samples = [_entry("samples", one, 2) for one in _list("samples", record["samples"])]
    points = [_entry("points", one, 3) for one in _list("points", record["points"])]
    return Replay(
        model=_text("model", record["model"]),
        rows=_text("rows", record["rows"]),
        settings={_text("settings", name): _text(name, words) for name, words in settings.items()},
        example=_example(record["example"]),
        scores=scores,
        probability=probability,
        cut=_cut(record["cut"], scores),
        before=_text("before", record["before"], MOST_BYTES),
        samples=tuple((step, _text("samples", said, MOST_BYTES)) for step, said in _rising("samples", samples, steps)),
        points=tuple(_point(*one) for one in _rising("points", points, steps)),
        steps=steps,
        of=of,
        stopped=_flag("stopped", record["stopped"]),
        note=_text("note", record["note"]),
        warned=_flag("warned", record["warned"]),
    )


def _example(record: Any) -> Example:
    _keys("example", record, ["id", "prompt", "answer", "subject", "spans"])
    texts = {name: _text(name, record[name], MOST_BYTES) for name in ("id", "prompt", "answer")}
    subject = None if record["subject"] is None else _text("subject", record["subject"])
    spans = [_entry("spans", one, 3) for one in _list("spans", record["spans"])]
    return Example(texts["prompt"], texts["answer"], tuple(_span(*one) for one in spans), texts["id"], subject)


def _span(start: Any, end: Any, kind: Any) -> Span:
    return Span(_whole("spans", start, 0, MOST_BYTES), _whole("spans", end, 0, MOST_BYTES), _text("spans", kind))


def _cut(record: Any, scores: Mapping[str, Any]) -> dict[str, Any]:
    cut = _mapping("cut", record, 4)
    if cut:
        _keys("cut", cut, ["active", "keep_given", "cuts", "hand"])
        _text("cut", cut["active"])
        _flag("cut", cut["keep_given"])
        _text("cut", cut["hand"])
        for rule in _mapping("cut", cut["cuts"], 1).values():
            _keys("cut", rule, ["kind", "cut"])
        check_state(cut, tuple(scores))
    return cut


def _scores(record: Any) -> dict[str, Any]:
    scores = _mapping("scores", record, 20)
    if not scores:
        raise ValueError("it has no scores")
    return scores


def _keys(what: str, record: Any, names: list[str]) -> None:
    if not isinstance(record, dict) or set(record) != set(names):
        raise ValueError(f"{what} has not the fields {', '.join(names)}")


def _mapping(what: str, record: Any, most: int) -> dict[str, Any]:
    if not isinstance(record, dict) or len(record) > most:
        raise ValueError(f"its {what[:40]} are no object of at most {most} fields")
    return record


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"its {what[:40]} are no list")
    return value


def _entry(what: str, value: Any, length: int) -> list[Any]:
    if len(_list(what, value)) != length:
        raise ValueError(f"its {what} are not of {length} parts")
    return value


def _rising(what: str, entries: list[list[Any]], last: int) -> list[list[Any]]:
    steps = [_whole(what, entry[0], 0, last) for entry in entries]
    if any(later <= earlier for earlier, later in zip(steps, steps[1:], strict=False)):
        raise ValueError(f"the steps of its {what} do not rise")
    return entries


def _text(what: str, value: Any, most: int = _LONGEST_WORDS) -> str:
    if not isinstance(value, str) or len(value) > most or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"its {what[:40]} is no text of at most {most:,} characters")
    return value


def _whole(what: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"its {what} is no whole number from {least} to {most:,}")
    return value


def _flag(what: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"its {what} is neither true nor false")
    return value


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"its {what[:40]} holds what is no finite number")
    return float(value)


def _share(what: str, value: Any) -> float:
    if not 0 <= _number(what, value) <= 1:
        raise ValueError(f"its {what} holds what is not between 0 and 1")
    return float(value)


def _numbers(what: str, values: Any) -> tuple[float, ...]:
    return tuple(_number(what, value) for value in _list(what, values))


def _point(step: int, *shares: Any) -> Point:
    forgotten, kept = (None if share is None else _share("points", share) for share in shares)
    return step, forgotten, kept


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
