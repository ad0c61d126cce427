"""What arms are compared by: figures of a model as sums over groups of rows, so that groups can be drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.data.corpus import Corpus
from unlearn.metrics import RETAIN_ROWS, Answer, Judge, ask, evaluation_rows, spaced
from unlearn.metrics.answers import read
from unlearn.metrics.rouge import rouge_l_recalls
from unlearn.metrics.sense import JUDGED, fits, frames

Sums = dict[str, list[float]]


class Measure:
    """The figures of a model on a corpus, as sums over groups of rows.

    `{split}_recall` is fact recall in greedy answers (per fact); where the rows to forget have no marked facts it is
    `{split}_rouge_l` (per row). `structure` and `subject` are mean probabilities of tokens outside facts and of the
    subject, on rows to forget; `speaks`, `fluent` and `sensible` shares of the answers to them.

    Attributes:
        judge: says which answers are language; None leaves `speaks` out.
        judged: answers that it is asked about at most.
    """

    def __init__(
        self, corpus: Corpus, retain_rows: int = RETAIN_ROWS, judge: Judge | None = None, judged: int = JUDGED
    ) -> None:
        self.rows: Mapping[str, tuple[Row, ...]] = {
            split: tuple(row for row in rows if row.example.prompt)
            for split, rows in evaluation_rows(corpus, retain_rows).items()
        }
        if not self.rows["forget"]:
            raise ValueError("Arms are compared on answers to questions, and the rows to forget have none.")
        self.marked = any(row.facts for row in self.rows["forget"])
        self.kind = "recall" if self.marked else "rouge_l"
        self.judge, self.judged = judge, judged
        self._frames = frames((*corpus.forget, *corpus.retain))

    def __call__(self, model: LanguageModel) -> tuple[dict[str, list[str]], Sums, Sums]:
        """(groups, sums, counts), each by figure."""
        found: dict[str, dict[str, list[float]]] = {}

        def add(figure: str, row: int, split: str, value: float, n: float) -> None:
            author = self.rows[split][row].author
            group = f"row {row}" if author is None else f"author {author}"
            total = found.setdefault(figure, {}).setdefault(group, [0.0, 0.0])
            total[0] += value
            total[1] += n

        for split, rows in self.rows.items():
            answers = ask(model, split, rows)
            if self.marked:
                for i, answer in enumerate(answers):
                    if answer.facts:
                        add(f"{split}_recall", i, split, answer.recalled, len(answer.facts))
            else:
                recalls = rouge_l_recalls([a.best for a in answers], [a.answer for a in answers])
                for i, recall in enumerate(recalls):
                    if recall is not None:
                        add(f"{split}_rouge_l", i, split, recall, 1)
            if split == "forget":
                for figure, i, value in self._sense(answers):
                    add(figure, i, split, value, 1)
        if self.marked:
            reading = read(model, self.rows["forget"])
            for figure, kind in (("structure", None), ("subject", "subject")):
                for i, row in enumerate(self.rows["forget"]):
                    values = reading.row_of_kind(i, kind) if row.example.spans else []
                    if values:
                        add(figure, i, "forget", sum(values), len(values))
        groups = {figure: list(by_group) for figure, by_group in found.items()}
        sums = {figure: [total[0] for total in by_group.values()] for figure, by_group in found.items()}
        counts = {figure: [total[1] for total in by_group.values()] for figure, by_group in found.items()}
        return groups, sums, counts

    def _sense(self, answers: Sequence[Answer]) -> Iterator[tuple[str, int, float]]:
        """(figure, row, value) of what is said of the answers to the rows to forget."""
        if self.judge is not None:
            picked = spaced(range(len(answers)), self.judged)
            asked = [answers[i] for i in picked]
            for i, value in zip(
                picked, self.judge.possible([a.question for a in asked], [a.answer for a in asked]), strict=True
            ):
                yield "speaks", i, float(value)
        if self._frames:
            for i, answer in enumerate(answers):
                for figure, value in zip(("fluent", "sensible"), fits(answer.answer, self._frames), strict=True):
                    yield figure, i, float(value)
