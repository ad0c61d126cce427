"""The same facts, asked by way of another one: the question names a book, the book its author, the author the fact."""

from __future__ import annotations

from collections.abc import Iterator

from unlearn.stress.base import Before, Stress, asked, kind, made


@kind("two-hop", "the same facts asked by way of another one, the author named by a book alone")
def two_hop(before: Before) -> Iterator[Stress]:
    """Recall in greedy answers to questions that never say the name."""
    yield made("two-hop", "asked by way of a book", before.recall, asked(before.model, before.two_hop))
