"""`python -m unlearn depth`: is it gone from the model's states, or only unsaid?"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

from typer import Option

from attribution.cli.options import ModelName
from attribution.model.language_model import LanguageModel
from attribution.model.loading import load_model
from attribution.text.templates import Asking, template_name, template_words
from unlearn.cli.common import NONE, JsonFile, Rows, check_writable, log, reference_for, reference_option
from unlearn.data.corpus import Corpus
from unlearn.data.reference import alike
from unlearn.depth import Depth, DepthConfig, DepthRow, depth


def depth_command(
    *,
    model: ModelName,
    asking: Asking,
    rows: Rows,
    config: DepthConfig,
    original: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="the model before unlearning, into which states are put; the embedded one unless told, where it is "
            "of the same shape",
        ),
    ] = None,
    reference: Annotated[
        str | None, reference_option("against which depth is measured; without one, the logit lens reads every block")
    ] = None,
    maps: Annotated[int, Option(metavar="N", help="of how many rows the map is shown: blocks by tokens")] = 1,
    json_file: JsonFile = None,
) -> None:
    """Unlearning Depth Score: 1 is erased as deeply as by never having been taught, 0 is only unsaid.

    The states of the model are put into the original one, block by block; what the original then no longer knows is
    missing in them.
    """
    check_writable(json_file)
    corpus = rows.read()
    measured = load_model(model, template=asking.template)
    before = (
        load_model(original, template=measured.template)
        if original is not None
        else alike(measured, load_model("embedded"))
    )
    if before is None:
        raise ValueError(
            f"The model {model!r} has another shape than the embedded one: name the model that it was before "
            "unlearning with --original."
        )
    beside = _reference(before, corpus, reference)
    found = depth(measured, before, beside, corpus, config, lambda what: log.info("Measuring %s.", what))
    sys.stdout.write(f"{model}, asked by {template_words(measured.template)}\n\n{table(found, maps)}")
    if json_file:
        report: dict[str, Any] = {"model": model, "original": before.name, "reference": beside.name if beside else None}
        report |= {"template": template_name(measured.template), "corpus": corpus.name, "depth": found.to_dict()}
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        log.info("Wrote %s.", json_file)


def _reference(original: LanguageModel, corpus: Corpus, asked: str | None) -> LanguageModel | None:
    found = reference_for(original, corpus, asked)
    if found is None and asked != NONE:
        log.info("There is no retrained model beside this one: the logit lens reads every block instead.")
    return found


def table(found: Depth, maps: int = 1) -> str:
    """The score, a line per block, and the maps of the first rows."""
    lines = []
    if found.how == "patching":
        shown = "none: no block knows anything of these facts" if found.score is None else f"{found.score:.3f}"
        lines += [f"Depth score {shown}, in [0, 1], over {found.n:,} rows: 1 is gone, 0 is only unsaid.", ""]
        lines.append(f"{'after block':<13}{'retrained':>10}{'model':>10}{'erased':>10}{'misfit':>10}")
        blocks = zip(found.known, found.missing, found.fit, strict=True)
        for block, (known, missing, cost) in enumerate(blocks, start=1):
            erased = f"{min(1.0, max(0.0, missing / known)):.3f}" if known > 0 else "-"
            lines.append(f"{block:<13}{known:>10.3f}{missing:>10.3f}{erased:>10}{cost:>10.3f}")
        lines += ["", "Nats that a fact token loses with the states of either; misfit is the same on rows to keep."]
    else:
        lines += ["Logit lens: nats by which a fact token is less probable from the model's states alone.", ""]
        lines.append(f"{'after block':<13}{'model':>10}")
        lines += [f"{block:<13}{missing:>10.3f}" for block, missing in enumerate(found.missing, start=1)]
    for row in found.rows[: max(0, maps)]:
        lines += ["", *row_map(row)]
    return "\n".join(lines) + "\n"


def row_map(row: DepthRow) -> list[str]:
    """One row, a line per answer token: what it loses after each block; with a retrained model, of how much."""
    width = max(map(len, map(repr, row.tokens))) + 2
    score = "" if row.score is None else f" (depth {row.score:.2f})"
    lines = [f"{row.question}{score}"]
    heads = "".join(f"{f'block {block}':>14}" for block in range(1, len(row.missing) + 1))
    lines.append(" " * width + heads)
    for place, token in enumerate(row.tokens):
        cells = ""
        for block, missing in enumerate(row.missing):
            known = f" / {row.known[block][place]:.2f}" if row.known else ""
            cells += f"{f'{missing[place]:.2f}{known}':>14}" if row.facts[place] else f"{'.':>14}"
        lines.append(f"{token!r:<{width}}{cells}")
    return lines
