"""What a scorer is: a function of a `ScoreBatch` with the facts about it, and the switches that scorers read.

A new scorer is one decorated function in a file of this folder: see `docs/adding-a-scorer.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from scipy.stats import rankdata

from attribution.model.forward import TokenStatistics
from attribution.model.language_model import LanguageModel
from attribution.settings import setting, settings_of
from attribution.suggestions import did_you_mean
from attribution.text.example import Encoded
from attribution.text.subject import Subject

OF = "of"
DEFAULT_SCORERS = ("masking", "entropy", "learned", "fused")
Kind = Literal["signal", "control", "baseline"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Evidence = Literal["paper", "code", "summary", "ours"]
EVIDENCE_TEXT: dict[str, str] = {
    "paper": "read in the paper",
    "code": "read in the authors' public code",
    "summary": "from a secondary summary, not checked against the paper",
    "ours": "our own choice or measurement",
}
MaskScope = Literal["subject", "each", "prompt", "custom"]
MASK_SCOPES: tuple[str, ...] = get_args(MaskScope)


# A scorer and the facts about it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScorerInfo:
    """Facts about a scorer.

    Attributes:
        low, high: the range of the numbers, in `unit`.
        formula: plain text, with the symbols of `docs/papers.md`.
        evidence: how sure we are that the formula is the paper's (see `EVIDENCE_TEXT`).
        function: a `ScoreBatch` to one float array `[n]` per row.
        forwards: what it costs, in forwards of the row; 0 when the shared plain forward serves.
        needs: scorers whose columns it reads; `OF` stands for the one that the option `of` names.
        reads_states: whether it reads hidden states, which the shared forward then keeps.
        across_rows: whether a row's scores depend on the other rows that are scored with it.
        low_signed: the low end when the option `signed` asks for signed numbers, where that changes it.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    higher_means: str
    formula: str
    paper: str
    evidence: Evidence
    function: Scorer
    forwards: str = "0"
    kind: Kind = "signal"
    needs: tuple[str, ...] = ()
    reads_states: bool = False
    across_rows: bool = False
    low_signed: float | None = None

    @property
    def lowest(self) -> float:
        """The low end of the range under every option."""
        return self.low if self.low_signed is None else self.low_signed


_DECORATED: dict[str, ScorerInfo] = {}


def scorer(name: str, **facts: Any) -> Callable[[Scorer], Scorer]:
    """Put the function below among the scorers, with the facts about it: the fields of `ScorerInfo`.

    Raises:
        ValueError: another function has this name.
        TypeError: a fact that `ScorerInfo` lacks, or lacks here.
    """

    def put_down(function: Scorer) -> Scorer:
        if name in _DECORATED:
            raise ValueError(f"The name {name!r} is taken: another scorer carries it already.")
        _DECORATED[name] = ScorerInfo(name=name, function=function, **facts)
        return function

    return put_down


def decorated_scorers() -> tuple[ScorerInfo, ...]:
    """Every scorer: the default ones, then signals, controls, baselines, each in the order of files and functions."""

    def place(info: ScorerInfo) -> tuple[int, int]:
        default = DEFAULT_SCORERS.index(info.name) if info.name in DEFAULT_SCORERS else len(DEFAULT_SCORERS)
        return default, KINDS.index(info.kind)

    return tuple(sorted(_DECORATED.values(), key=place))


def scorer_info(name: str) -> ScorerInfo:
    """The facts about a scorer.

    Raises:
        ValueError: no such scorer; the message says which exist and which was perhaps meant.
    """
    if name in _DECORATED:
        return _DECORATED[name]
    known = [info.name for info in decorated_scorers()]
    raise ValueError(f"The scorer {name!r} is unknown{did_you_mean(name, known)} Choose from {', '.join(known)}.")


def with_needs(names: Iterable[str], of: str) -> tuple[ScorerInfo, ...]:
    """The scorers in an order in which each finds the columns that it needs, those it needs included.

    `of` is the scorer that the controls among them work on.
    """
    ordered: list[ScorerInfo] = []

    def add(name: str) -> None:
        info = scorer_info(name)
        for need in info.needs:
            add(of if need == OF else need)
        if info not in ordered:
            ordered.append(info)

    for name in names:
        add(name)
    return tuple(ordered)


# What a scorer is given ----------------------------------------------------------------------------------------------


class StateScorer(Protocol):
    """A fitted map from hidden states `[n, d]` to scores `[n]`: `attribution.scorers.learned.LinearScorer`."""

    @property
    def weight(self) -> torch.Tensor: ...
    @property
    def position(self) -> Literal["predicting", "own"]: ...
    def __call__(self, states: torch.Tensor) -> torch.Tensor: ...


_MASKING, _OTHERS = "What masking hides, and how", "Other scorers"


def _may_be_controlled() -> list[str]:
    return [info.name for info in decorated_scorers() if OF not in info.needs]


@dataclass(frozen=True)
class ScoreOptions:
    """Every switch of every scorer, checked. Names of options are names of fields.

    Attributes:
        mask_custom: what `mask_scope="custom"` hides, all of it at once: words, `(start, end)` characters of the
            prompt, `("answer", start, end)`, several of these, or a list of them for each row.
        probe_groups: one group per row; `probe` scores a row by a probe trained on other groups. None groups the rows
            by subject.
        linear_scorer: the fitted scorer for `learned`; None takes the one beside the model.
    """

    mask_scope: MaskScope = setting(
        "subject",
        "Mask scope",
        "what masking hides: the subject, each token of the context in turn, the whole prompt (of plain text its "
        "unscored start), or a custom choice",
        flag="--mask-scope",
        group=_MASKING,
    )
    mask_how: Literal["attention", "token", "drop"] = setting(
        "attention",
        "Mask how",
        "hidden from attention, replaced by a baseline token, or dropped from the sequence",
        flag="--mask-how",
        group=_MASKING,
    )
    mask_reduce: Literal["sum", "max"] = setting(
        "sum",
        "Mask reduce",
        "how the scope each joins the changes: their sum, or the largest",
        flag="--mask-reduce",
        group=_MASKING,
    )
    mask_token: str | int = setting(
        "pad",
        "Mask token",
        "the baseline token: pad, unk, mask, eos or bos, an id, or a text of one token",
        flag="--mask-token",
        group=_MASKING,
    )
    mask_custom: tuple[Any, ...] = ()
    context: Literal["prompt", "prefix"] = setting(
        "prompt",
        "Context",
        "what the scope each takes its turn over: the prompt, or the whole prefix of a token, answer included",
        flag="--context",
        group=_MASKING,
    )
    window: int | None = setting(
        None,
        "Window",
        "how many tokens back the scope each looks",
        unit="tokens",
        low=1,
        none="all the way; in plain text the row's own",
        flag="--window",
        group=_MASKING,
    )
    signed: bool = setting(
        False,
        "Signed",
        "log p(original) - log p(masked) instead of its size: above 0 where the hidden text helped",
        flag="--signed",
        group=_MASKING,
    )
    matrix: bool = setting(False, "Matrix", "keep every change of the scope each as TokenScores.matrix")
    temperature: float = setting(
        1.0, "Temperature", "T of the entropy's softmax(z / T)", above=0, flag="--temperature", group=_OTHERS
    )
    fused_weight: float = setting(
        0.5,
        "Fused weight",
        "a, the share of masking in the fused score; 1 - a is entropy's",
        low=0,
        high=1,
        flag="--fused-weight",
        group=_OTHERS,
    )
    fused_norm: Literal["rank", "minmax"] = setting(
        "rank",
        "Fused norm",
        "what each answer's numbers go through before fusing: their average rank scaled to [0, 1], or min-max",
        flag="--fused-norm",
        group=_OTHERS,
    )
    saturation_power: float = setting(
        1.0, "Saturation power", "b of the saturation p^b", low=0, flag="--saturation-power", group=_OTHERS
    )
    satimp_powers: tuple[float, float] = setting(
        (5.0, 1.0), "SatImp powers", "b1 and b2 of SatImp's p^b1 (1 - p)^b2, both at least 0"
    )
    of: str = setting(
        "masking",
        "Controlled scorer (of)",
        "the scorer that the controls inverse and permuted work on",
        choices=_may_be_controlled,
        flag="--of",
        group=_OTHERS,
    )
    seed: int = setting(0, "Seed", "of the controls random and permuted", flag="--seed", group=_OTHERS)
    probe_position: Literal["own", "predicting", "both"] = setting(
        "both",
        "Probe position",
        "the states that the probe reads: a token's own, the one that predicts it, or both",
        flag="--probe-position",
        group=_OTHERS,
    )
    probe_groups: tuple[Hashable, ...] | None = None
    linear_scorer: StateScorer | None = None
    batch_tokens: int | None = setting(
        None,
        "Batch tokens",
        "padded tokens in one forward; it changes speed and memory, not the scores",
        low=1,
        none="what suits the device",
        flag="--batch-tokens",
        group=_OTHERS,
    )

    def __post_init__(self) -> None:
        for name, described in settings_of(ScoreOptions).items():
            given = getattr(self, name)
            # Almost every call leaves almost every switch alone.
            if given != described.default:
                object.__setattr__(self, name, described.read(given))
        object.__setattr__(self, "mask_custom", _checked_custom(self.mask_custom) if self.mask_custom else ())
        if (self.mask_scope == "custom") != bool(self.mask_custom):
            raise ValueError(
                f"mask_custom is {self.mask_custom!r} and mask_scope is {self.mask_scope!r}: the scope 'custom' and "
                "its choice come together."
            )
        if self.matrix and self.mask_scope != "each":
            raise ValueError(f"matrix needs mask_scope='each', not {self.mask_scope!r}: its rows are single tokens.")
        if not min(self.satimp_powers) >= 0:
            raise ValueError(f"SatImp powers is {self.satimp_powers}: both must be at least 0.")

    def custom_of(self, row: int) -> tuple[Any, ...]:
        """What the scope `custom` hides in a row, by its number. ValueError when there are choices for fewer rows."""
        if _is_choice(self.mask_custom):
            return self.mask_custom
        if row >= len(self.mask_custom):
            raise ValueError(
                f"mask_custom has choices for {len(self.mask_custom)} rows, and there are more: give one for each."
            )
        return self.mask_custom[row]


def _checked_custom(custom: Any) -> tuple[Any, ...]:
    """A custom choice as tuples: items (words, or characters) that hold for every row, or such a sequence for each."""
    if isinstance(custom, str) or _is_range(custom):
        custom = (custom,)
    items = tuple(custom)
    if _is_choice(items):
        return tuple(item if isinstance(item, str) else tuple(item) for item in items)
    if all(_is_choice(row) for row in items):
        return tuple(_checked_custom(row) for row in items)
    raise ValueError(
        f"mask_custom is {custom!r}: give words, (start, end) in the prompt or ('answer', start, end), several of "
        "them, or such a list for each row."
    )


def _is_choice(items: Any) -> bool:
    return (
        isinstance(items, Sequence)
        and not isinstance(items, str)
        and all(isinstance(item, str) or _is_range(item) for item in items)
    )


def _is_range(item: Any) -> bool:
    if isinstance(item, str) or not isinstance(item, Sequence):
        return False
    numbers = item[1:] if len(item) == 3 and isinstance(item[0], str) else item
    return len(numbers) == 2 and all(isinstance(number, int) for number in numbers)


@dataclass
class ScoreBatch:
    """What a scoring function is given.

    Attributes:
        model: the language model.
        rows: the encoded rows.
        subjects: what masking hides in each.
        options: the switches.
        columns: the columns computed so far, by scorer name; a scorer finds there those that it `needs`.
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


Scorer = Callable[[ScoreBatch], list[np.ndarray]]


# What scorers share --------------------------------------------------------------------------------------------------


def normalise(values: np.ndarray, norm: str) -> np.ndarray:
    """Values of one row scaled to [0, 1]: by `rank` (ties get their average rank) or `minmax`; 0 when all are equal."""
    values = np.asarray(values, dtype=np.float64)
    scaled = rankdata(values) - 1 if norm == "rank" else values - values.min()
    spread = len(values) - 1 if norm == "rank" else values.max() - values.min()
    if spread <= 0 or np.ptp(values) == 0:
        return np.zeros_like(values)
    return scaled / spread


@dataclass(frozen=True)
class HiddenToken:
    """A token that masking hid: its id, and its piece of the part it stands in, `part[start:end] == text`."""

    id: int
    text: str
    start: int
    end: int
    part: str = "prompt"


@dataclass(frozen=True)
class ChangeMatrix:
    """What hiding one token does to every answer token.

    Attributes:
        hidden: the m hidden tokens: those of the prompt, and of the answer too where the context is the prefix.
        values: `log p_t(original) - log p_t(masked)` in nats (its size, unless `signed`), m rows of n numbers. The
            transpose is what Captum's `LLMAttribution` calls `token_attr`.
    """

    hidden: tuple[HiddenToken, ...]
    values: tuple[tuple[float, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"hidden": [asdict(token) for token in self.hidden], "values": [list(row) for row in self.values]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ChangeMatrix:
        """What `to_dict` wrote."""
        return cls(
            tuple(HiddenToken(**token) for token in record["hidden"]),
            tuple(tuple(row) for row in record["values"]),
        )
