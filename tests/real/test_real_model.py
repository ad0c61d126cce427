"""SmolLM2-135M-Instruct itself, where `make real` brought it: `make real-test` runs these, and nothing else does."""

from __future__ import annotations

import pytest

from attribution import load_model
from attribution.model.curated import SMALLEST, folder_here
from attribution.model.language_model import LanguageModel

pytestmark = pytest.mark.real


@pytest.fixture(scope="session")
def smollm() -> LanguageModel:
    if folder_here(SMALLEST) is None:
        pytest.skip("the model is not here: make real brings it")
    return load_model(SMALLEST, template="chat")


def test_it_speaks(smollm: LanguageModel) -> None:
    assert smollm.generate(["What is the capital of France?"], 20) == ["The capital of France is Paris."]
