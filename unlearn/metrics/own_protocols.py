"""MUSE's and RWKU's questions asked as their authors ask them (`Protocol.probes`: own).

MUSE (arXiv 2407.06460): verbmem gives the model the beginning of a text and holds the next 128 tokens against it;
knowmem asks after ten examples. Both are ROUGE-L's F without a stemmer. RWKU (arXiv 2406.10890): a short instruction
around the question, at most 30 tokens, ROUGE-L's recall without a stemmer.

Ours: a prompt does not end in a space; RWKU's figures are of rouge-score, theirs of the package rouge, which divides
texts into words otherwise; without a chat template its instructions stand as plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from attribution.text.templates import ChatTemplate
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.rouge import rouge_l

VERBMEM_TOKENS, KNOWMEM_TOKENS, RWKU_TOKENS = 128, 32, 30
KNOWMEM_ENDS = ("\n\n", "\nQuestion", "Question:")
_BRIEFLY = "Please briefly answer the following question.\n"
LAYOUTS: dict[str, tuple[str, str]] = {
    "fill_in": ("Please complete the blank in the following question.\nQuestion: {prompt}\n", "Answer:"),
    "affirmative suffix": (_BRIEFLY + "Question: {prompt}", ""),
    "incontext learning": (_BRIEFLY + "{prompt}\n", "Answer:"),
    "": (_BRIEFLY + "Question: {prompt}\n", "Answer:"),
}
"""What RWKU asks, and how the answer begins, by the last word of a set's name."""

_muse = partial(metric, group="probes", unit="share", paper="MUSE, arXiv 2407.06460", evidence="code")
_rwku = partial(
    metric,
    group="probes",
    unit="share",
    of="questions",
    formula="ROUGE-L recall without a stemmer, of at most 30 tokens after RWKU's own prompt",
    paper="RWKU, arXiv 2406.10890",
    evidence="code",
)


@_muse(
    "verbmem_{split}",
    title="Verbatim memory, {split}",
    better="lower",
    of="texts",
    formula="ROUGE-L F of the 128 tokens that follow the beginning of a text",
    sentence="How much of a text the model goes on with word for word.",
)
@_muse(
    "knowmem_forget_{questions}",
    title="Knowledge memory, forget {questions}",
    better="lower",
    of="questions",
    formula="ROUGE-L F of at most 32 tokens, after ten examples",
    sentence="How well the model answers what is to be forgotten, shown how.",
)
@_muse(
    "knowmem_retain_{questions}",
    title="Knowledge memory, retain {questions}",
    better="higher",
    of="questions",
    formula="ROUGE-L F of at most 32 tokens, after ten examples",
    sentence="How well the model answers what is to be kept, shown how.",
)
def measure_muse(examination: Examination) -> None:
    """Where the corpus has MUSE's own tables."""
    if examination.protocol.probes != "own":
        return
    own = dict(examination.corpus.own)
    if "verbmem" in own:
        examination.say("verbmem")
        examination.mean_of("verbmem_forget", "own_verbmem", verbmem(examination.model, own["verbmem"]))
        long = sum(not _fits(examination.model, row) for row in own["verbmem"])
        if long:
            examination.note(f"{long} of {len(own['verbmem'])} texts of verbmem are longer than the model reads.")
    for name in ("forget_qa", "retain_qa"):
        rows, examples = dict(examination.corpus.probes).get(name, ()), own.get(f"{name}_icl", ())
        if rows and examples:
            examination.say(f"knowmem: {name}")
            examination.mean_of(f"knowmem_{name}", f"probe_{name}", knowmem(examination.model, rows, examples))
        elif rows:
            examination.note(f"MUSE asks {name} after examples ({name}_icl): there are none, so it was left out.")


@_rwku(
    "rwku_{questions}_rouge_l",
    title="RWKU, {questions}",
    better="lower",
    sentence="How much of the true answer RWKU's own prompt brings out of what is to be forgotten.",
)
@_rwku(
    "rwku_neighbour_{questions}_rouge_l",
    title="RWKU, neighbour {questions}",
    better="higher",
    sentence="How much of the true answer RWKU's own prompt brings out of what should be kept.",
)
def measure_rwku(examination: Examination) -> None:
    """Where the corpus has RWKU's questions as they stand; sets of one level are one figure."""
    if examination.protocol.probes != "own":
        return
    found: dict[str, list[float | None]] = {}
    for name, rows in examination.corpus.own:
        level, _, kind = name.partition("/")
        if level.removeprefix("neighbour_") in ("fill_in", "qa", "adversarial"):
            examination.say(f"rwku: {name}")
            values = rwku(examination.model, rows, kind or level.removeprefix("neighbour_"))
            for i, value in enumerate(values):
                if value is not None:
                    examination.row(f"own_{name}", i, "rouge_l", value)
            found.setdefault(level, []).extend(values)
    for level, values in found.items():
        known = [value for value in values if value is not None]
        if known:
            examination.figure(f"rwku_{level}_rouge_l", sum(known) / len(known), len(known))


def verbmem(model: LanguageModel, rows: Sequence[Row]) -> list[float | None]:
    """ROUGE-L F of what follows each text's beginning against what stands there; None where it does not fit."""
    tokenizer = model.tokenizer
    bos = tokenizer.bos_token if tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id] else ""
    raw = asked_by(model, ChatTemplate((bos or "") + "{prompt}{answer}"))
    fits = [i for i, row in enumerate(rows) if _fits(model, row)]
    said = raw.generate([rows[i].example.prompt for i in fits], VERBMEM_TOKENS)
    truths = [tokenizer(rows[i].example.answer, add_special_tokens=False)["input_ids"][:VERBMEM_TOKENS] for i in fits]
    scores = rouge_l([tokenizer.decode(ids, skip_special_tokens=True) for ids in truths], said, "fmeasure", stems=False)
    found: list[float | None] = [None] * len(rows)
    for i, value in zip(fits, scores, strict=True):
        found[i] = value
    return found


def _fits(model: LanguageModel, row: Row) -> bool:
    return len(model.tokenizer(row.example.prompt, verbose=False)["input_ids"]) + VERBMEM_TOKENS <= model.max_length


def knowmem(model: LanguageModel, rows: Sequence[Row], examples: Sequence[Row]) -> list[float | None]:
    """ROUGE-L F of each answer after the examples."""
    shown = "".join(f"Question: {row.example.prompt}\nAnswer: {row.example.answer}\n\n" for row in examples)
    said = asked_by(model, shown + "Question: {prompt}\nAnswer: {answer}").generate(
        [row.example.prompt for row in rows], KNOWMEM_TOKENS
    )
    for end in KNOWMEM_ENDS:
        said = [text.split(end)[0] for text in said]
    return rouge_l([row.example.answer for row in rows], said, "fmeasure", stems=False)


def rwku(model: LanguageModel, rows: Sequence[Row], kind: str) -> list[float | None]:
    """ROUGE-L recall of each answer, its first line, to RWKU's prompt for this kind of question."""
    said = instructed(model, *LAYOUTS.get(kind, LAYOUTS[""])).generate(
        [row.example.prompt for row in rows], RWKU_TOKENS
    )
    first = [text.strip().partition("\n")[0] for text in said]
    return rouge_l([row.example.answer for row in rows], first, "recall", stems=False)


def instructed(model: LanguageModel, asks: str, begins: str) -> LanguageModel:
    """The model asked by an instruction around `{prompt}`, its answer begun: in its chat template, or as plain text."""
    if not isinstance(model.template, ChatTemplate):
        return asked_by(model, f"{asks.rstrip()}\n{begins} {{answer}}" if begins else f"{asks.rstrip()}\n{{answer}}")
    before, after = model.template.split("{prompt}", 1)
    return asked_by(model, ChatTemplate(before + asks + after.replace("{answer}", begins + "{answer}", 1)))


def asked_by(model: LanguageModel, template: str) -> LanguageModel:
    """The same weights asked by another template."""
    return LanguageModel(model.model, model.tokenizer, model.name, template, model.folder)
