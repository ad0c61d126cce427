"""The default run on classes that are built otherwise: what the sweep over all of them found."""

from __future__ import annotations

import pytest

from attribution import LanguageModel
from benchmarks.families_checks import EXAMPLES, default_run
from benchmarks.families_tiny import tiny_model, tiny_tokenizer


@pytest.mark.parametrize(
    ("family", "blocks"),
    [
        # Its head is more than a matrix: the teacher is kept as logits.
        ("bert", True),
        # Another list, for pictures, is as long as the blocks' own.
        ("gemma3", True),
        # A block puts out several states a token.
        ("gemma3n_text", False),
        # Nothing can be hidden by attention.
        ("mamba", True),
    ],
)
def test_the_default_run_learns_what_plain_forwards_say(family: str, blocks: bool) -> None:
    tokenizer = tiny_tokenizer()
    raw = tiny_model(family, len(tokenizer)).requires_grad_(False)
    model = LanguageModel(raw, tokenizer, name=family)
    assert (model.block_list is not None) == blocks
    difference = default_run(model, raw, [model.encode(example) for example in EXAMPLES])
    assert isinstance(difference, float) and difference < 1e-4
