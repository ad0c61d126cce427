"""Does what was forgotten come back? Recall before and after each of several stresses, a file for each.

Every one leaves the model as it was. Read them beside the same stress of a model that never knew (`reference`): guesses
come back too.
"""

from importlib import import_module

from unlearn.stress.base import KINDS, Before, Recall, Stress, StressConfig, asked_otherwise, stress

# In the order in which they are shown: what asks differently, then what changes weights.
for _name in ("paraphrase", "rephrasing", "two_hop", "sampling", "relearning", "quantisation"):
    import_module(f"{__name__}.{_name}")

__all__ = ["KINDS", "Before", "Recall", "Stress", "StressConfig", "asked_otherwise", "stress"]
