"""The shell: `python -m attribution --example forget:0` or `--prompt "..." --answer "..."`."""

from __future__ import annotations

import argparse
import csv
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from attribution.example import Example
from attribution.language_model import load_model
from attribution.registry import BASELINES, DEFAULT_SCORERS, EVIDENCE_TEXT, SCORERS, scorer_info
from attribution.rows import pick_examples
from attribution.scoring import MASK_SCOPES, score
from attribution.token_scores import TokenScores, to_json

FORMATS = ("table", "json", "csv", "html")


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m attribution`."""
    parse = argparse.ArgumentParser(
        prog="python -m attribution", description="Score the tokens of an answer: which of them carry the knowledge?"
    )
    parse.add_argument(
        "--example", help="a row of the embedded world, forget:0, or a range, forget:0-99 (both included)"
    )
    parse.add_argument("--prompt", help="your own question")
    parse.add_argument("--answer", help="the answer whose tokens are scored")
    parse.add_argument("--model", default="embedded", help="embedded, a Hugging Face folder or a Hub id")
    parse.add_argument("--scorers", default=",".join(DEFAULT_SCORERS), help="names, separated by commas")
    parse.add_argument("--mask-scope", default="subject", help=f"what masking hides: {', '.join(MASK_SCOPES)}")
    parse.add_argument("--subject", help="the words that masking hides; found automatically when left out")
    parse.add_argument("--format", default="table", choices=FORMATS)
    parse.add_argument("--out", type=Path, help="write to this file instead of the terminal")
    parse.add_argument("--list", action="store_true", help="list the scorers and stop")
    return parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; returns the exit code. A fault of the input is one sentence on standard error, exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    options = parser().parse_args(arguments)
    try:
        _write(_run(options), options.out)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(options: argparse.Namespace) -> str:
    if options.list:
        return _list()
    names = tuple(name.strip() for name in options.scorers.split(",") if name.strip())
    for name in names:
        scorer_info(name)
    examples = _examples(options)
    scores = score(load_model(options.model), examples, names, mask_scope=options.mask_scope)
    for row in scores:
        for note in row.notes:
            logging.getLogger(__name__).warning("%s: %s", row.example.id or "row", note)
    if options.format == "json":
        return to_json(scores, indent=None if options.out else 1) + "\n"
    if options.format == "csv":
        return _csv(scores)
    if options.format == "html":
        return _html(scores)
    return _table(scores)


def _examples(options: argparse.Namespace) -> list[Example]:
    if options.example is not None:
        if options.prompt is not None or options.answer is not None:
            raise ValueError("Give either --example or --prompt with --answer, not both.")
        found = pick_examples(options.example)
        if options.subject:
            found = [Example(row.prompt, row.answer, row.spans, row.id, options.subject) for row in found]
        return found
    if options.answer is None:
        raise ValueError("Nothing to score: give --example forget:0, or --prompt and --answer.")
    if not (options.prompt or "").strip():
        raise ValueError("The prompt is empty: give --prompt the question that the answer answers.")
    return [Example(options.prompt, options.answer, subject=options.subject)]


def _table(scores: list[TokenScores]) -> str:
    parts = []
    for row in scores:
        hidden = f"subject {row.subject.text!r} ({row.subject.found})" if row.subject.text else "no subject found"
        frame = row.frame().drop(columns=["start", "end"])
        frame["text"] = [repr(text)[1:-1] for text in frame["text"]]
        frame["truth"] = ["" if label is None else label for label in frame["truth"]]
        frame["given"] = ["yes" if given else "" for given in frame["given"]]
        table = frame.to_string(float_format=lambda value: f"{value:.3f}")
        parts.append(f"{row.example.id}\nQ: {row.example.prompt}\nA: {row.example.answer}\n{hidden}\n{table}\n")
    return "\n".join(parts) + _alignment_table(scores)


def _alignment_table(scores: list[TokenScores]) -> str:
    """AUROC, average precision and F1 of each scorer and each trivial baseline, where the rows have ground truth."""
    from attribution.alignment import align

    labelled = [row for row in scores if "fact" in row.truth]
    if not labelled:
        return ""
    lines = ["", "Against ground truth (fact against structure, subject left out; F1 at the top 30%)"]
    lines.append(f"{'scorer':<12}{'AUROC':>8}{'sd':>7}{'AP':>8}{'F1':>8}   n = {len(labelled)}")
    for name in labelled[0].columns:
        aligned = align(labelled, name)
        baseline = "   (trivial baseline)" if name in BASELINES else ""
        lines.append(
            f"{name:<12}{aligned.auroc.mean:>8.3f}{aligned.auroc.sd:>7.3f}{aligned.average_precision.mean:>8.3f}"
            f"{aligned.f1.mean:>8.3f}{baseline}"
        )
    return "\n".join(lines) + "\n"


def _csv(scores: list[TokenScores]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = list(scores[0].columns)
    writer.writerow(["example", "index", "id", "text", "start", "end", "truth", "given", "p", *names])
    for row in scores:
        for i, token in enumerate(row.tokens):
            writer.writerow(
                [row.example.id, i, token.id, token.text, token.start, token.end, row.truth[i] or "", int(row.given[i])]
                + [row.probability[i], *(row.columns[name][i] for name in names)]
            )
    return out.getvalue()


def _html(scores: list[TokenScores]) -> str:
    from attribution.lanes import lanes_html, lanes_props

    return lanes_html([lanes_props(row) for row in scores])


def _list() -> str:
    lines = []
    for info in SCORERS:
        high = "" if info.high == float("inf") else f" to {info.high:g}"
        lines.append(
            f"{info.name:<12}{info.kind:<9} {info.unit}, from {info.low:g}{high}; high: {info.higher_means}\n"
            f"{'':<12}{info.formula}\n{'':<12}{info.paper} ({EVIDENCE_TEXT[info.evidence]}); forwards: {info.forwards}"
        )
    return "\n".join(lines) + "\n"


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"The file {str(out)!r} cannot be written: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
