"""Files of open-unlearning (github.com/locuslab/open-unlearning), in and out: evaluation logs and run settings."""

from unlearn.open_unlearning.comparison import Comparison, Distance, compare_logs
from unlearn.open_unlearning.logs import Log, read_log
from unlearn.open_unlearning.settings import Settings, read_settings
from unlearn.open_unlearning.writing import write_logs

__all__ = [
    "Comparison",
    "Distance",
    "Log",
    "Settings",
    "compare_logs",
    "read_log",
    "read_settings",
    "write_logs",
]
