"""The GPU benchmark as far as it goes without one: its counting, and that all of it runs."""

from __future__ import annotations

import pytest

from attribution.data.rows import embedded_rows
from benchmarks import gpu

pytestmark = pytest.mark.usefixtures("one_thread")


def test_operations_by_hand():
    model = gpu.random_model("tiny", "cpu")
    row = embedded_rows("forget")[0]
    encoded = model.encode(row.example)
    n, labels = len(encoded.input_ids), len(encoded.answer_positions)
    # Two layers: queries and outputs 32 x 32, one key and value head of 16, and three matrices of the MLP.
    layers = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64)
    expected = 2 * layers * n + 2 * 32 * 4096 * labels + 2 * 32 * n * n * 2
    assert gpu.flops_of(model, [row]) == (n, expected)


def test_the_whole_of_it_on_a_tiny_shape(capsys):
    gpu.main(["--shape", "tiny", "--length", "60", "--steps", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip().split(",")[0] for line in lines] == [
        "what",
        "scoring: masking + entropy",
        "unlearning",
        "unlearning",
        "unlearning",
    ]
    assert all(float(line.split("|")[2].replace(",", "")) > 0 for line in lines[1:])


def test_a_large_shape_without_a_gpu_is_said(monkeypatch):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="--shape tiny"):
        gpu.main([])
