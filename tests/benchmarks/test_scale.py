"""What large runs would take: the counting by hand, and that all of it runs."""

from __future__ import annotations

import pytest

from benchmarks import scale
from benchmarks.scale import Rates, row_flops, table

pytestmark = pytest.mark.usefixtures("one_thread")


def test_operations_by_hand():
    # 10 tokens through 1000 weights, 3 labels over 50 words of width 4, and 10 x 10 positions in 2 blocks.
    expected = 2 * 1000 * 10 + 2 * 4 * 50 * 3 + 2 * 4 * 100 * 2
    assert row_flops(10, 3, layers=2, hidden=4, vocabulary=50, weights=1000) == expected


def test_the_table_follows_from_the_rates():
    found = [line.strip("| ").split(" | ") for line in table(Rates(100_000, 10_000, 3000, 0.5)).splitlines()]
    lines = dict(pair for pair in found if len(pair) == 2)
    flops = 10**9 * 2 * (2 * 68.5e9 * 64 + 2 * 8192 * 128_256 * 32 + 2 * 8192 * 64**2 * 80)
    assert lines["hours of one H100, at best"] == f"{flops / 0.5 / 989e12 / 3600:,.0f}"
    assert lines["hours of one H100 at 30% of its peak"] == f"{flops / 0.3 / 989e12 / 3600:,.0f}"
    assert lines["core hours of reading, once"] == "2.8" and lines["core hours of keeping and joining"] == "27.8"
    assert lines["terabytes of JSON Lines"] == "3.0"


def test_the_whole_of_it_on_a_tiny_shape(capsys):
    scale.main(["--rows", "100", "--length", "60", "--width", "64"])
    assert "rows read a second" in capsys.readouterr().out
