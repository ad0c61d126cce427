"""The losses. Every one is minimised; `total = gamma * forget + alpha * retain`.

A file per family: `ascent` (GA, GradDiff, WGA, SatImp, SatGA+), `preference` (NPO, TNPO, SimNPO, IdkDPO),
`distillation` (UNDIAL), `representation` (RMU), `retention` (the retain terms). Each function carries its facts.
"""

from importlib import import_module
from pkgutil import iter_modules

from unlearn.objectives.base import (
    NORMALISERS,
    OBJECTIVES,
    RETENTIONS,
    Constants,
    Normaliser,
    Objective,
    Retention,
    get_objective,
    get_retention,
    objective,
    retain_term,
)

# Every file of this folder puts what it decorates into the two lists: a new one is found without being named here.
for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

__all__ = [
    "NORMALISERS",
    "OBJECTIVES",
    "RETENTIONS",
    "Constants",
    "Normaliser",
    "Objective",
    "Retention",
    "get_objective",
    "get_retention",
    "objective",
    "retain_term",
]
