"""Records of a Parquet file, decoded within bounds: a file of a thousand bytes can describe a hundred gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from attribution.data.bounds import Bounds, weight

BATCH_ROWS = 256


class Columns:
    """The columns of a Parquet file.

    Raises:
        pyarrow.ArrowException: it is none.
        ValueError: it describes more than may be decoded.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path, self._bounds = path, bounds
        with parquet.ParquetFile(path) as file:
            self.names = list(file.schema_arrow.names)
            self.rows = int(file.metadata.num_rows)
            # One text for a million rows stays one text.
            self._shared = [each.name for each in file.schema_arrow if pyarrow.types.is_string(each.type)]
            self._check(file.metadata)

    def _check(self, described: Any) -> None:
        groups = [described.row_group(i) for i in range(described.num_row_groups)]
        decoded = sum(group.total_byte_size for group in groups)
        if decoded > self._bounds.decoded or decoded < 0:
            raise ValueError(self._too_much(f"{decoded / 1e6:,.0f} MB"))
        columns = [group.column(i) for group in groups for i in range(group.num_columns)]
        listed = sum(column.num_values for column in columns if "." in column.path_in_schema)
        if listed > self._bounds.values:
            raise ValueError(self._too_much(f"{listed:,} entries of lists"))

    def _too_much(self, what: str) -> str:
        return f"The file {str(self._path)!r} holds {what} when it is decoded: cut it into parts."

    def records(self) -> Iterator[dict[str, Any]]:
        """One record after another, never more than a few rows at a time decoded.

        Raises:
            ValueError: more was decoded than may be, though the file described less.
        """
        decoded = 0
        known: tuple[tuple[int, ...], list[Any]] = ((), [])
        with parquet.ParquetFile(self._path, read_dictionary=self._shared, buffer_size=65536) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                columns = []
                for column in batch.columns:
                    if pyarrow.types.is_dictionary(column.type):
                        place = tuple(part.address for part in column.dictionary.buffers() if part is not None)
                        if known[0] != (len(column.dictionary), *place):
                            known = ((len(column.dictionary), *place), column.dictionary.to_pylist())
                        texts = known[1]
                        columns.append([None if i is None else texts[i] for i in column.indices.to_pylist()])
                    else:
                        columns.append(column.to_pylist())
                for cells in zip(*columns, strict=True):
                    decoded += sum(map(weight, cells))
                    if decoded > self._bounds.decoded:
                        raise ValueError(self._too_much(f"more than {self._bounds.decoded / 1e6:,.0f} MB"))
                    yield dict(zip(self.names, cells, strict=True))
