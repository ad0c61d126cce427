"""`python -m attribution matrix`: each word of a prompt hidden in turn, and what every answer token loses by it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from attribution.cli.common import HOW, Answer, Prompt, RowNames, Subject, drawn, examples_of, plain_table, write
from attribution.cli.options import Changes, ModelName
from attribution.data.cells import QUOTING, safe_cell
from attribution.measure.matrix import Matrix, Units, matrix
from attribution.model.loading import load_model
from attribution.scorers import ScoreOptions
from attribution.settings import settings_of
from attribution.text.templates import Asking, template_words


def matrix_command(
    *,
    example: RowNames = None,
    prompt: Prompt = None,
    answer: Answer = None,
    model: ModelName = "embedded",
    asking: Asking,
    subject: Subject = None,
    units: Annotated[Units, Option(help="what is hidden at a time")] = "words",
    form: Annotated[Literal["table", "json", "csv"], Option("--format")] = "table",
    out: Annotated[Path | None, Option(metavar="FILE", help="write to this file instead of the terminal")] = None,
    how: Annotated[dict[str, Any], Changes({name: settings_of(ScoreOptions)[name] for name in HOW})],
) -> None:
    """What made the model say so? Each word of the prompt is hidden in turn: log p as it is - log p without, in nats.

    The table has a line per answer token and a column per word.
    """
    examples = examples_of(example, prompt, answer, None, subject)
    asked = load_model(model, template=asking.template)
    found = [matrix(asked, row, units, **how) for row in examples]
    if form == "json":
        text = json.dumps([row.to_dict() for row in found], ensure_ascii=False, indent=None if out else 1)
        write(f"{text}\n", out)
    elif form == "csv":
        write(_csv(found), out)
    else:
        write(f"{model}, asked by {template_words(asked.template)}\n\n" + "\n".join(map(_table, found)), out)


def _table(found: Matrix) -> str:
    table = plain_table("", "text", "p", *(repr(word.text)[1:-1] for word in found.hidden))
    for i, token in enumerate(found.tokens):
        numbers = (found.probability[i], *(row[i] for row in found.values))
        table.add_row(str(i), repr(token.text)[1:-1], *(f"{round(number, 3) + 0.0:.3f}" for number in numbers))
    row = found.encoded.example
    return f"{row.id}\nQ: {row.prompt}\nA: {row.answer}\n{drawn(table)}"


def _csv(found: list[Matrix]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=QUOTING, lineterminator="\n")
    writer.writerow(["example", "hidden", "start", "end", "subject", "index", "text", "value"])
    for one in found:
        for word, values in zip(one.hidden, one.values, strict=True):
            place = [safe_cell(one.encoded.example.id), safe_cell(word.text), word.start, word.end, int(word.subject)]
            for i, (token, value) in enumerate(zip(one.tokens, values, strict=True)):
                writer.writerow([*place, i, safe_cell(token.text), value])
    return out.getvalue()
