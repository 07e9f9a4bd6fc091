"""Reads rows in batches, in flat memory: CSV and Parquet files.

What comes from Postgres or events is written into a Parquet file first, whose digest is in the
lineage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lineal import Reject
from lineal_consumers.tables.definition import Definition
from lineal_consumers.tables.features import Rows

_BATCH = 65_536
_BLOCK = 4 << 20


def rows_of_file(path: Path, definition: Definition) -> Iterator[Rows]:
    """The rows of a CSV or Parquet file, told by its first bytes, in batches.

    Raises:
        Reject: it cannot be read, or lacks a column that is declared.
    """
    import pyarrow as pa

    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    try:
        for batch in _parquet(path, definition) if is_parquet else _csv(path, definition):
            yield _rows(batch, definition)
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        raise Reject(f"the table cannot be read: {str(error).splitlines()[0]}") from error


def query_to_parquet(url: str, query: str, file: Path) -> int:
    """Write the rows of a query to Postgres into a Parquet file, by a cursor on the server.

    Returns how many.

    Raises:
        psycopg.Error: the query fails.
    """
    import psycopg

    def batches() -> Iterator[list[dict[str, Any]]]:
        with psycopg.connect(url) as connection:
            connection.read_only = True
            with connection.cursor(name="lineal_table") as cursor:
                cursor.itersize = _BATCH
                cursor.execute(query.encode())
                while rows := cursor.fetchmany(_BATCH):
                    names = [column.name for column in cursor.description or ()]
                    yield [dict(zip(names, map(_plain, row), strict=True)) for row in rows]

    return values_to_parquet(batches(), file)


def values_to_parquet(batches: Iterable[list[dict[str, Any]]], file: Path) -> int:
    """Write rows that are JSON objects into a Parquet file; returns how many.

    The first batch decides the columns and their types.
    """
    import pyarrow as pa
    from pyarrow import parquet

    writer, count = None, 0
    try:
        for rows in batches:
            table = pa.Table.from_pylist(rows, schema=None if writer is None else writer.schema)
            if writer is None:
                writer = parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            count += len(rows)
    finally:
        if writer is not None:
            writer.close()
    return count


def _plain(value: Any) -> Any:
    from decimal import Decimal

    return float(value) if isinstance(value, Decimal) else value


def _parquet(path: Path, definition: Definition) -> Iterator[Any]:
    from pyarrow import parquet

    names = [definition.entity, definition.time, *definition.columns]
    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=_BATCH, columns=names)


def _csv(path: Path, definition: Definition) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    types: dict[str, Any] = {definition.entity: pa.string()}
    types |= dict.fromkeys(definition.columns, pa.float64())
    if definition.time_format is not None:
        types[definition.time] = pa.string()
    wanted = [definition.entity, definition.time, *definition.columns]
    options = csv.ConvertOptions(column_types=types, include_columns=wanted)
    with csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=_BLOCK, use_threads=False),
        convert_options=options,
    ) as reader:
        yield from reader


def _rows(batch: Any, definition: Definition) -> Rows:
    entity = np.asarray(batch.column(definition.entity).cast("string").to_numpy(False), np.str_)
    columns = {
        name: np.asarray(batch.column(name).cast("float64").to_numpy(False), np.float64)
        for name in definition.columns
    }
    return Rows(entity, _times(batch.column(definition.time), definition), columns)


def _times(column: Any, definition: Definition) -> np.ndarray[Any, np.dtype[np.int64]]:
    import pyarrow as pa

    if column.null_count:
        raise Reject(f"{column.null_count} rows have no {definition.time}")
    if pa.types.is_string(column.type):
        if definition.time_format is None:
            raise Reject(f"{definition.time} is no time: say its time_format")
        try:
            found = [
                datetime.strptime(one, definition.time_format).replace(tzinfo=UTC).timestamp()
                for one in column.to_pylist()
            ]
        except ValueError as error:
            raise Reject(f"{definition.time}: {error}") from error
        return (np.array(found) * 1e6).astype(np.int64)
    if pa.types.is_integer(column.type):
        if definition.time_format is not None:
            text = column.cast(pa.string())
            return _times(text, definition)
        return np.asarray(column.cast("int64").to_numpy(False), np.int64)
    moment = column.cast(pa.timestamp("us"))
    return np.asarray(moment.cast("int64").to_numpy(False), np.int64)
