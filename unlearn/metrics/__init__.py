"""What a model still knows, and what it is still good for. Every figure comes with its n and its direction.

A file per metric; each function carries its facts. They work on an `Examination`, one model measured on one corpus.
"""

from importlib import import_module
from pkgutil import iter_modules

from unlearn.metrics.answers import (
    MAX_NEW_TOKENS,
    Answer,
    TrueAnswers,
    answer_log_probs,
    ask,
    read,
    spaced,
)
from unlearn.metrics.base import (
    ALL_GROUPS,
    BY_NAME,
    GROUPS,
    MAIN_FIGURES,
    METRICS,
    MetricInfo,
    check_groups,
    figures_shown,
    groups_for,
    metric,
    metric_info,
)
from unlearn.metrics.evaluation import evaluate
from unlearn.metrics.examination import RETAIN_ROWS, SPLITS, Evaluation, RowFigures, evaluation_rows
from unlearn.metrics.judge import Judge
from unlearn.metrics.probe import Probe, Prober, latest, share_left, what_is_lost
from unlearn.metrics.protocol import Protocol

# Every file of this folder puts what it decorates into `METRICS`: a new one is found without being named here.
for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

__all__ = [
    "ALL_GROUPS",
    "BY_NAME",
    "GROUPS",
    "MAIN_FIGURES",
    "MAX_NEW_TOKENS",
    "METRICS",
    "RETAIN_ROWS",
    "SPLITS",
    "Answer",
    "Evaluation",
    "Judge",
    "MetricInfo",
    "Probe",
    "Prober",
    "Protocol",
    "RowFigures",
    "TrueAnswers",
    "answer_log_probs",
    "ask",
    "check_groups",
    "evaluate",
    "evaluation_rows",
    "figures_shown",
    "groups_for",
    "latest",
    "metric",
    "metric_info",
    "read",
    "share_left",
    "spaced",
    "what_is_lost",
]
