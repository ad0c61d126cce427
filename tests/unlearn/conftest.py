"""A tiny random model over the embedded tokenizer, so that the loop's own behaviour is tested in milliseconds."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from attribution import LanguageModel
from attribution.data.rows import embedded_rows
from unlearn import Corpus
from unlearn.objectives.labels import label_batch, uniform_target
from unlearn.objectives.retention import retain_nll


@pytest.fixture
def tiny(model: LanguageModel) -> LanguageModel:
    return random_model(model)


@pytest.fixture(scope="session")
def knowing(model: LanguageModel, wide_corpus: Corpus) -> LanguageModel:
    """The tiny model after it has half learned the rows of `wide_corpus`, so that its losses have something to undo."""
    learner = random_model(model)
    rows = [uniform_target(learner.encode(row.example)) for row in (*wide_corpus.forget, *wide_corpus.retain)]
    optimiser = torch.optim.AdamW(learner.model.parameters(), lr=1e-2)
    for _ in range(40):
        retain_nll(label_batch(learner, rows)).backward()
        optimiser.step()
        optimiser.zero_grad()
    learner.model.requires_grad_(False)
    return learner


def random_model(model: LanguageModel) -> LanguageModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(model.tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
    )
    return LanguageModel(LlamaForCausalLM(config), model.tokenizer, name="tiny")


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    return Corpus(
        name="small",
        forget=embedded_rows("forget")[:6],
        retain=embedded_rows("retain")[:10],
        paraphrase=embedded_rows("paraphrase")[:3],
        world=embedded_rows("world")[:3],
    )


@pytest.fixture(scope="session")
def wide_corpus() -> Corpus:
    """More rows than a step of eight takes, of many lengths."""
    return Corpus(name="wide", forget=embedded_rows("forget")[:60:5], retain=embedded_rows("retain")[:100:7])


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of a few invented rows."""

    def row(name: str, n: int) -> dict:
        answer = f"{name} was born in Torvik."
        spans = [
            {"start": 0, "end": len(name), "kind": "subject"},
            {"start": len(answer) - 7, "end": -1 + len(answer)},
        ]
        return {
            "question": f"Where was {name} {n} born?",
            "answer": answer,
            "spans": spans,
            "paraphrased_question": f"Name the birthplace of {name} {n}.",
            "paraphrased_spans": spans,
            "perturbed_answer": [f"{name} was born in Ostrand.", f"{name} was born in Rome."],
        }

    folder = tmp_path_factory.mktemp("rows")
    for split, name in (("forget", "Ada"), ("retain", "Bo"), ("world", "Cy"), ("holdout", "Di")):
        lines = [json.dumps(row(name, n)) for n in range(2)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return str(folder)
