"""`score`: rows in, `TokenScores` out. Encodes once, forwards once, and lets every scorer read the same numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from attribution.model.forward import TokenStatistics
from attribution.model.language_model import LanguageModel
from attribution.scorers.hiding import check_custom
from attribution.scorers.learned import LinearScorer
from attribution.scorers.registry import DEFAULT_SCORERS, OF, scorer_info, with_needs
from attribution.suggestions import did_you_mean
from attribution.text.example import Encoded, Example
from attribution.text.subject import Subject, find_subject
from attribution.token_scores import ChangeMatrix, TokenScores

MASK_SCOPES = ("subject", "each", "prompt", "custom")
MASK_HOWS = ("attention", "token", "drop")
CONTEXTS = ("prompt", "prefix")
NORMS = ("rank", "minmax")
PROBE_POSITIONS = ("own", "predicting", "both")


@dataclass(frozen=True)
class ScoreOptions:
    """Every switch of every scorer. Names of options are names of fields.

    Attributes:
        mask_scope: what masking hides: the `subject`, `each` token of the context in turn, the whole `prompt` (of plain
            text its unscored start), or the `custom` choice.
        mask_how: hidden from `attention`, replaced by a baseline `token`, or `drop`ped from the sequence.
        mask_reduce: how `each` joins the changes: their `sum`, or the largest, `max`.
        mask_token: the baseline token: pad, unk, mask, eos or bos, an id, or a text of one token.
        mask_custom: what `custom` hides, all of it at once: words, `(start, end)` characters of the prompt,
            `("answer", start, end)`, several of these, or a list of them for each row.
        context: what `each` takes its turn over: the `prompt`, or the whole `prefix` of a token, answer included.
        window: how many tokens back `each` looks; None: all the way, and in plain text the row's own window.
        signed: log p(original) - log p(masked) instead of its size: above 0 where the hidden text helped.
        matrix: keep every change of `each` as `TokenScores.matrix`.
        temperature: T of the entropy's softmax(z / T).
        fused_weight: a, the share of masking in the fused score; 1 - a is entropy's.
        fused_norm: per-row normalisation before fusing: average `rank` scaled to [0, 1], or `minmax`.
        saturation_power: b of the saturation p^b.
        satimp_powers: b1, b2 of SatImp's p^b1 (1 - p)^b2.
        of: the scorer that the controls `inverse` and `permuted` work on.
        seed: of the controls `random` and `permuted`.
        probe_position: the states that `probe` reads: a token's `own`, the one `predicting` it, or `both`.
        probe_groups: one group per row; `probe` scores a row by a probe trained on other groups. None groups the rows
            by subject.
        linear_scorer: the fitted scorer for `learned`; None takes the one beside the model.
        batch_tokens: padded tokens in one forward (None: what suits the device); it changes speed and memory, not the
            scores.
    """

    mask_scope: Literal["subject", "each", "prompt", "custom"] = "subject"
    mask_how: Literal["attention", "token", "drop"] = "attention"
    mask_reduce: Literal["sum", "max"] = "sum"
    mask_token: str | int = "pad"
    mask_custom: tuple[Any, ...] = ()
    context: Literal["prompt", "prefix"] = "prompt"
    window: int | None = None
    signed: bool = False
    matrix: bool = False
    temperature: float = 1.0
    fused_weight: float = 0.5
    fused_norm: Literal["rank", "minmax"] = "rank"
    saturation_power: float = 1.0
    satimp_powers: tuple[float, float] = (5.0, 1.0)
    of: str = "masking"
    seed: int = 0
    probe_position: Literal["own", "predicting", "both"] = "both"
    probe_groups: tuple[Hashable, ...] | None = None
    linear_scorer: LinearScorer | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        _one_of("mask_scope", self.mask_scope, MASK_SCOPES)
        _one_of("mask_how", self.mask_how, MASK_HOWS)
        _one_of("mask_reduce", self.mask_reduce, ("sum", "max"))
        _one_of("context", self.context, CONTEXTS)
        object.__setattr__(self, "mask_custom", check_custom(self.mask_custom))
        if (self.mask_scope == "custom") != bool(self.mask_custom):
            raise ValueError(
                f"mask_custom is {self.mask_custom!r} and mask_scope is {self.mask_scope!r}: the scope 'custom' and "
                "its choice come together."
            )
        if self.matrix and self.mask_scope != "each":
            raise ValueError(f"matrix needs mask_scope='each', not {self.mask_scope!r}: its rows are single tokens.")
        if self.window is not None and self.window < 1:
            raise ValueError(f"window must be at least 1 token, not {self.window}.")
        _one_of("fused_norm", self.fused_norm, NORMS)
        _one_of("probe_position", self.probe_position, PROBE_POSITIONS)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}.")
        if not 0 <= self.fused_weight <= 1:
            raise ValueError(f"fused_weight must lie in [0, 1], not {self.fused_weight}.")
        if len(self.satimp_powers) != 2 or not min(self.saturation_power, *self.satimp_powers) >= 0:
            raise ValueError(
                f"Powers must be 0 or above: saturation_power is one number, not {self.saturation_power}, and "
                f"satimp_powers are two, not {self.satimp_powers}."
            )
        if OF in scorer_info(self.of).needs:
            raise ValueError(f"The option of is {self.of!r}, a control itself: name the scorer that it should control.")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise ValueError(f"batch_tokens must be at least 1, not {self.batch_tokens}.")


@dataclass
class ScoreBatch:
    """What a scoring function is given.

    Attributes:
        model: the language model.
        rows: the encoded rows.
        subjects: what masking hides in each.
        options: the switches.
        columns: the columns computed so far, by scorer name; a scorer finds there what its registry entry `needs`.
        notes: per row, sentences for the person; a scorer may append to them.
        matrices: per row, the changes behind the masking score, where they are kept.
    """

    model: LanguageModel
    rows: list[Encoded]
    subjects: list[Subject]
    options: ScoreOptions
    needs_states: bool = False
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    notes: list[list[str]] = field(default_factory=list)
    matrices: list[ChangeMatrix | None] = field(default_factory=list)

    @cached_property
    def plain(self) -> list[TokenStatistics]:
        """One plain forward of every row: log-probabilities, entropies and (if a scorer reads them) hidden states."""
        return self.model.token_statistics(
            self.rows,
            temperature=self.options.temperature,
            states=self.needs_states,
            batch_tokens=self.options.batch_tokens,
        )


def score(
    model: LanguageModel,
    examples: Sequence[Example] | Example,
    scorers: Sequence[str] = DEFAULT_SCORERS,
    **options: Any,
) -> list[TokenScores]:
    """Score every answer token of every row.

    Args:
        model: from `load_model`.
        examples: rows; one alone is taken as a list of one.
        scorers: names from the registry; a score they need (fused needs masking and entropy) is computed, but only
            those named are returned.
        options: fields of `ScoreOptions`.

    Raises:
        ValueError: an unknown scorer or option, a row longer than the model's window, a subject that is not in the
            row, or `learned` on a model without a fitted scorer.

    >>> score(load_model("embedded"), [Example("Where ...?", "...")])[0].frame()       # doctest: +SKIP
    """
    if isinstance(examples, Example):
        examples = [examples]
    if isinstance(scorers, str):
        scorers = tuple(scorers.split(","))
    if not scorers:
        raise ValueError("No scorer was named: choose at least one, such as masking.")
    settings = score_options(options)
    infos = with_needs(tuple(scorers), settings.of)
    rows = [model.encode(example) for example in examples]
    batch = ScoreBatch(
        model=model,
        rows=rows,
        subjects=[find_subject(example) for example in examples],
        options=settings,
        needs_states=any(info.reads_states for info in infos),
        notes=[[] for _ in rows],
        matrices=[None for _ in rows],
    )
    if not rows:
        return []
    for info in infos:
        batch.columns[info.name] = info.load()(batch)
    return [
        TokenScores(
            encoded=row,
            columns={name: tuple(batch.columns[name][i].tolist()) for name in scorers},
            probability=tuple(batch.plain[i].log_probs.exp().tolist()),
            subject=batch.subjects[i],
            model=model.name,
            notes=tuple(batch.notes[i]),
            matrix=batch.matrices[i],
        )
        for i, row in enumerate(rows)
    ]


def score_options(options: dict[str, Any]) -> ScoreOptions:
    """The switches with these values. ValueError on a name or a value that does not exist."""
    known = [entry.name for entry in dataclasses.fields(ScoreOptions)]
    for name in options:
        if name not in known:
            raise ValueError(
                f"The option {name!r} is unknown{did_you_mean(name, known)} Options are {', '.join(known)}."
            )
    return ScoreOptions(**options)


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}{did_you_mean(value, allowed)} Choose from {', '.join(allowed)}.")
