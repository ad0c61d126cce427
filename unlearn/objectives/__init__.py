"""The losses. Every one is minimised; `total = gamma * forget + alpha * retain`.

A file per family: `ascent` (GA, GradDiff, WGA, SatImp, SatGA+), `preference` (NPO, TNPO, SimNPO, IdkDPO),
`distillation` (UNDIAL), `representation` (RMU), `retention` (the retain terms). `registry` holds the facts.
"""

from unlearn.objectives.base import NORMALISERS, Constants, Normaliser, Objective, Retention
from unlearn.objectives.registry import OBJECTIVES, RETENTIONS, objective, retention

__all__ = [
    "NORMALISERS",
    "OBJECTIVES",
    "RETENTIONS",
    "Constants",
    "Normaliser",
    "Objective",
    "Retention",
    "objective",
    "retention",
]
