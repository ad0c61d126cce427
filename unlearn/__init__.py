"""Make a model forget the selected tokens, and measure what it still knows.

>>> from attribution import Rule, load_model
>>> from unlearn import RunConfig, load_corpus, run
>>> config = RunConfig(rule=Rule("learned", "top", 0.3))
>>> job = run(load_model("embedded"), load_corpus("forget05"), config)  # doctest: +SKIP
>>> for step in job: ...  # doctest: +SKIP
"""

from unlearn.config import RunConfig
from unlearn.corpus import Corpus, load_corpus
from unlearn.loop import Run, Step, run
from unlearn.metrics import Evaluation, evaluate

__all__ = ["Corpus", "Evaluation", "Run", "RunConfig", "Step", "evaluate", "load_corpus", "run"]
