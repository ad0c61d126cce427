"""Scorers: one number per answer token, higher = more worth forgetting. A file per family.

`token_unlearn` (masking, entropy, fused), `learned` (ATWU's scorer), `new_information`, `probability` (importance,
saturation, SatImp), `controls` (random, oracle, inverse, permuted, and the trivial baselines), `linear_probe` (the
supervised ceiling). Each function carries its facts.
"""

from importlib import import_module
from pkgutil import iter_modules

from attribution.scorers.base import (
    DEFAULT_SCORERS,
    EVIDENCE_TEXT,
    MASK_SCOPES,
    OF,
    ChangeMatrix,
    Evidence,
    HiddenToken,
    ScoreBatch,
    ScoreOptions,
    ScorerInfo,
    decorated_scorers,
    normalise,
    scorer,
    scorer_info,
    with_needs,
)

# Every file of this folder puts down what it decorates: a new one is found without being named here.
for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

SCORERS = decorated_scorers()
BASELINES = tuple(info.name for info in SCORERS if info.kind == "baseline")
# What a scorer must beat to have found anything: printed beside every alignment.
TRIVIAL = (*BASELINES, "importance", "random")

__all__ = [
    "BASELINES",
    "DEFAULT_SCORERS",
    "EVIDENCE_TEXT",
    "MASK_SCOPES",
    "OF",
    "SCORERS",
    "TRIVIAL",
    "ChangeMatrix",
    "Evidence",
    "HiddenToken",
    "ScoreBatch",
    "ScoreOptions",
    "ScorerInfo",
    "normalise",
    "scorer",
    "scorer_info",
    "with_needs",
]
