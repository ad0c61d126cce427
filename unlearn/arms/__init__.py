"""The same run under several arms, several seeds each, compared at equal forgetting.

>>> from attribution import load_model
>>> from unlearn import load_corpus
>>> from unlearn.arms import Bench, compare, parse_arms, text_table
>>> arms = parse_arms(["ours", "random", "sequence"], reference="ours")
>>> bench = Bench(load_model("embedded"), load_corpus("forget05"))  # doctest: +SKIP
>>> trials = [bench.trial(arm, seed) for seed in range(5) for arm in arms]  # doctest: +SKIP
>>> print(text_table(compare(trials, "ours")))  # doctest: +SKIP
"""

from unlearn.arms.arm import CONTROLS, Arm, parse_arms
from unlearn.arms.comparison import Comparison, compare
from unlearn.arms.table import text_table
from unlearn.arms.trial import Bench, Point, Trial

__all__ = ["CONTROLS", "Arm", "Bench", "Comparison", "Point", "Trial", "compare", "parse_arms", "text_table"]
