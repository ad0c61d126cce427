"""Make a model forget the selected tokens, and measure what it still knows.

>>> from attribution import Rule, load_model
>>> from unlearn import RunConfig, load_corpus, run
>>> config = RunConfig(rule=Rule("learned", "top", 0.3))
>>> job = run(load_model("embedded"), load_corpus("forget05"), config)  # doctest: +SKIP
>>> for step in job: ...  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from unlearn.data.corpus import Corpus
from unlearn.data.load_corpus import load_corpus
from unlearn.metrics import Evaluation, evaluate
from unlearn.run.config import RunConfig
from unlearn.run.loop import Run, Step, run
from unlearn.run.prediction import Prediction, predict

if TYPE_CHECKING:
    from unlearn.run.trainer import Trainer

__all__ = [
    "Corpus",
    "Evaluation",
    "Prediction",
    "Run",
    "RunConfig",
    "Step",
    "Trainer",
    "evaluate",
    "load_corpus",
    "predict",
    "run",
]


def __getattr__(name: str) -> Any:
    """`Trainer` when it is asked for: what it stands on takes seconds to import, and commands do without."""
    if name == "Trainer":
        from unlearn.run.trainer import Trainer

        return Trainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
