"""What a model still knows, and what it is still good for. Every figure comes with its n and its direction."""

from unlearn.metrics.evaluation import evaluate
from unlearn.metrics.examination import RETAIN_ROWS, SPLITS, Evaluation, RowFigures, evaluation_rows
from unlearn.metrics.figures import METRICS, MetricInfo
from unlearn.metrics.probe import Probe, Prober
from unlearn.metrics.recall import MAX_NEW_TOKENS, Answer, Likelihood, answer_log_probs, ask, read_probabilities
from unlearn.metrics.registry import GROUPS, metric_info

__all__ = [
    "GROUPS",
    "MAX_NEW_TOKENS",
    "METRICS",
    "RETAIN_ROWS",
    "SPLITS",
    "Answer",
    "Evaluation",
    "Likelihood",
    "MetricInfo",
    "Probe",
    "Prober",
    "RowFigures",
    "answer_log_probs",
    "ask",
    "evaluate",
    "evaluation_rows",
    "metric_info",
    "read_probabilities",
]
