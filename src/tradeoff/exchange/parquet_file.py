"""Rows as a Parquet file: a row for each record, a column of structures for each measurement."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from tradeoff.errors import BadInput, Refused
from tradeoff.exchange.compact import Block, Facts, Kind, Measurements, Series
from tradeoff.exchange.heads import SCHEMA, check_schema, run_of, sourced_head
from tradeoff.formats.plain_file import refuse_special
from tradeoff.record import STATUSES, Axes, Measurement, Record, Run
from tradeoff.vocabulary import Direction, Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Keys of the file's metadata.
SCHEMA_KEY: Final = b"tradeoff.schema"
RUNS_KEY: Final = b"tradeoff.runs"
#: What every row has, in this order; behind it a column for each measurement, with this before its name.
COLUMNS: Final = (
    *("run", "run_number", "model", "chain", "backend", "device", "load", "suite", "status", "reason"),
    *("detail", "verdicts", "same_as", "facts"),
)
PREFIX: Final = "m_"
FIELDS: Final = ("value", "low", "high", "unit", "direction", "provenance", "note")
_WORDS: Final = ("unit", "direction", "provenance", "note")
_GROUP: Final = 25_000
#: So many rows are looked at together: more take more memory, fewer more time.
_BATCH: Final = 5_000


def _arrow() -> tuple[Any, Any]:
    """pyarrow, or how to get it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise Refused("not installed", "pyarrow reads and writes Parquet; pip install 'tradeoff[parquet]'") from error
    return pa, pq


# --- writing ----------------------------------------------------------------------------------------


def write_parquet(runs: Sequence[Run], path: Path) -> None:
    """Write all records of all runs."""
    pa, pq = _arrow()
    names = list(dict.fromkeys(name for run in runs for record in run.records for name in record.measurements))
    schema = _schema(pa, names).with_metadata(
        {
            SCHEMA_KEY: str(SCHEMA).encode(),
            RUNS_KEY: json.dumps([sourced_head(run) for run in runs]).encode(),
        }
    )
    rows = [(number, run, record) for number, run in enumerate(runs) for record in run.records]
    try:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for begin in range(0, max(1, len(rows)), _GROUP):
                part = rows[begin : begin + _GROUP]
                columns = {**_plain_columns(part), **_measured_columns(part, names)}
                writer.write_table(pa.table(columns, schema=schema))
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error}") from error


def _schema(pa: Any, names: Iterable[str]) -> Any:
    # Equal texts take no room in the file all the same: Parquet has dictionaries of its own.
    word, double = pa.string(), pa.float64()
    kinds = {"run_number": pa.int32(), "verdicts": pa.list_(word)}
    types = (double, double, double, word, word, word, word)
    number = pa.struct([pa.field(name, kind) for name, kind in zip(FIELDS, types, strict=True)])
    plain = [pa.field(name, kinds.get(name, word)) for name in COLUMNS]
    return pa.schema([*plain, *(pa.field(PREFIX + name, number) for name in names)])


def _plain_columns(rows: Sequence[tuple[int, Run, Record]]) -> dict[str, list[Any]]:
    cells = [record.cell for _, _, record in rows]
    records = [record for _, _, record in rows]
    return {
        "run": [run.name for _, run, _ in rows],
        "run_number": [number for number, _, _ in rows],
        **{axis: [getattr(cell, axis) for cell in cells] for axis in ("model", "chain", "backend", "device", "load")},
        **{name: [getattr(one, name) for one in records] for name in ("suite", "status", "reason", "detail")},
        "verdicts": [list(record.verdicts) for record in records],
        "same_as": [record.same_as for record in records],
        "facts": [json.dumps(dict(record.facts)) for record in records],
    }


def _measured_columns(rows: Sequence[tuple[int, Run, Record]], names: Iterable[str]) -> dict[str, list[Any]]:
    return {PREFIX + name: [_structure(record.measurements.get(name)) for _, _, record in rows] for name in names}


def _structure(found: Measurement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": _finite(found.value),
        "low": _finite(found.low),
        "high": _finite(found.high),
        "unit": found.unit,
        "direction": found.direction,
        "provenance": found.provenance,
        "note": found.note,
    }


def _finite(value: float | None) -> float | None:
    """What is no number was not available, as in JSON."""
    try:
        return float(value) if value is not None and math.isfinite(value) else None
    except OverflowError:
        # JSON can hold whole numbers that no float can.
        return None


# --- reading ----------------------------------------------------------------------------------------


def read_parquet(path: Path) -> list[Run]:
    """The runs whose rows the file has; measurements and facts are made when they are asked for."""
    pa, _ = _arrow()
    file, heads = open_parquet(path)
    groups = range(file.num_row_groups)
    batches = (one for group in groups for one in file.iter_batches(_BATCH, row_groups=[group], use_threads=False))
    return runs_of((pa.Table.from_batches([batch]) for batch in batches), heads, path)


def open_parquet(path: Path) -> tuple[Any, list[Any]]:
    """The file, of which no row is read yet, and what it says of its runs."""
    file = _opened(path)
    return file, _heads(file.schema_arrow.metadata or {}, path)


def _opened(path: Path) -> Any:
    pa, pq = _arrow()
    refuse_special(path)
    try:
        return pq.ParquetFile(path, memory_map=True)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from error


def _heads(metadata: Mapping[bytes, bytes], path: Path) -> list[Any]:
    if SCHEMA_KEY not in metadata:
        raise BadInput(
            f"{path} has no rows of tradeoff in it; `tradeoff report RUNS -o rows.parquet` writes such a file"
        )
    check_schema(metadata[SCHEMA_KEY].decode("utf-8", "replace"), str(path))
    try:
        heads: list[Any] = msgspec.json.decode(metadata.get(RUNS_KEY, b""))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: the metadata tradeoff.runs is not JSON: {error}") from error
    return heads


def rows_in(path: Path) -> int:
    """How many there are; nothing else is read."""
    return int(_opened(path).metadata.num_rows)


def runs_of(tables: Iterable[Any], heads: Sequence[Any], path: Path) -> list[Run]:
    """The runs with the rows of these tables of Arrow."""
    pa, _ = _arrow()
    try:
        return _runs(pa, tables, heads, path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from error


def _runs(pa: Any, tables: Iterable[Any], heads: Sequence[Any], path: Path) -> list[Run]:
    found: list[list[Record]] = [[] for _ in heads]
    for table in tables:
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise BadInput(f"{path} lacks the column {missing[0]!r} of schema {SCHEMA}")
        for number, record in _records(pa, table, path):
            if not 0 <= number < len(found):
                raise BadInput(f"{path}: there is a row of run {number}, and there are {len(heads)} runs")
            found[number].append(record)
    try:
        return [run_of(head, records, str(path)) for head, records in zip(heads, found, strict=True)]
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: a run does not have the shape of schema {SCHEMA}: {error}") from error


def _records(pa: Any, table: Any, path: Path) -> Iterator[tuple[int, Record]]:
    block = _block(pa, table, path)
    cells = map(Axes, *(_words(pa, table, name) for name in ("model", "chain", "backend", "device", "load")))
    suites, statuses, reasons, details, same = (
        _words(pa, table, name) for name in ("suite", "status", "reason", "detail", "same_as")
    )
    odd = sorted(set(statuses) - STATUSES.keys())
    if odd:
        raise BadInput(f"{path}: there is a row with the status {odd[0]!r}; known: {', '.join(STATUSES)}")
    facts = _facts(pa, table, path)
    verdicts = map(tuple, _plain(pa, table, "verdicts"))
    measured = (Measurements(block, place) for place in range(table.num_rows))
    each = zip(cells, suites, statuses, reasons, details, measured, verdicts, facts, same, strict=True)
    numbers = table.column("run_number").to_pylist()
    yield from zip(numbers, (Record(*fields) for fields in each), strict=True)


def _plain(pa: Any, table: Any, name: str) -> list[Any]:
    listed: list[Any] = table.column(name).to_pylist()
    return [one or () for one in listed]


def _words(pa: Any, table: Any, name: str) -> list[Any]:
    """The texts of a column, equal ones the same object."""
    return [word for chunk in table.column(name).chunks for word in _spelled(pa, chunk)]


def _spelled(pa: Any, chunk: Any) -> Iterator[Any]:
    encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
    words = [*encoded.dictionary.to_pylist(), None]
    return (words[number] for number in _numbers(encoded))


def _numbers(encoded: Any) -> list[int]:
    numbers: list[int] = encoded.indices.fill_null(len(encoded.dictionary)).to_pylist()
    return numbers


def _facts(pa: Any, table: Any, path: Path) -> list[Facts]:
    made: dict[str, Facts] = {}
    texts = _words(pa, table, "facts")
    for text in dict.fromkeys(texts):
        try:
            told = msgspec.json.decode(text or "{}")
        except msgspec.MsgspecError as error:
            raise BadInput(f"{path}: facts that are not JSON: {error}") from error
        if not isinstance(told, dict):
            raise BadInput(f"{path}: facts are {type(told).__name__}, not a table")
        made[text] = Facts((text or "{}").encode())
    return [made[text] for text in texts]


def _block(pa: Any, table: Any, path: Path) -> Block:
    kinds: dict[Kind, int] = {}
    series = {
        name.removeprefix(PREFIX): _series(pa, table.column(name), kinds, f"{path}: column {name}")
        for name in table.column_names
        if name.startswith(PREFIX)
    }
    return Block(series, list(kinds))


def _series(pa: Any, column: Any, kinds: dict[Kind, int], what: str) -> Series:
    """A column of structures as columns of numbers, and the words of each as one number."""
    import numpy as np

    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not pa.types.is_struct(whole.type) or {whole.type.field(i).name for i in range(whole.type.num_fields)} < {
        *FIELDS
    }:
        raise BadInput(f"{what} is no structure with {', '.join(FIELDS)}")
    there = np.asarray(whole.is_valid().to_numpy(zero_copy_only=False))
    values, lows, highs = (_floats(whole.field(name)) for name in FIELDS[:3])
    return Series(values, lows, highs, _kinds(pa, whole, there, kinds, what))


def _floats(column: Any) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(column.cast("float64").fill_null(float("nan")).to_numpy(zero_copy_only=False))


def _kinds(pa: Any, whole: Any, there: Any, kinds: dict[Kind, int], what: str) -> NDArray[np.int32]:
    """For each row the number of its kind; below zero where the record does not have the measurement."""
    import numpy as np

    combined, sizes, dictionaries = np.zeros(len(whole), dtype=np.int64), [], []
    for name in _WORDS:
        field = whole.field(name)
        encoded = field if pa.types.is_dictionary(field.type) else field.dictionary_encode()
        dictionaries.append([*encoded.dictionary.to_pylist(), ""])
        sizes.append(len(dictionaries[-1]))
        numbers = encoded.indices.fill_null(sizes[-1] - 1).to_numpy(zero_copy_only=False)
        combined = combined * sizes[-1] + numbers
    found, places = np.unique(combined, return_inverse=True)
    numbers = np.array([_number_of(int(one), sizes, dictionaries, kinds, what) for one in found], dtype=np.int32)
    return np.where(there, numbers[places] if len(found) else -1, -1).astype(np.int32)


def _number_of(
    one: int, sizes: Sequence[int], dictionaries: Sequence[Sequence[str]], kinds: dict[Kind, int], what: str
) -> int:
    words: list[str] = []
    for size, words_of in zip(reversed(sizes), reversed(dictionaries), strict=True):
        one, place = divmod(one, size)
        words.append(words_of[place])
    note, provenance, direction, unit = words
    known = {"provenance": (provenance, get_args(Provenance)), "direction": (direction, get_args(Direction))}
    for name, (word, choices) in known.items():
        if word and word not in choices:
            raise BadInput(f"{what} has the {name} {word!r}; known: {', '.join(choices)}")
    kind: Any = Kind(unit, direction, provenance, note)  # type: ignore[arg-type]
    return kinds.setdefault(kind, len(kinds))
