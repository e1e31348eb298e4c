"""Rows as one JSON document with a line for each record, so that it can be read line by line in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from tradeoff.errors import BadInput
from tradeoff.exchange.compact import Block, Builder, Facts, Measurements
from tradeoff.exchange.heads import SCHEMA, Head, check_schema, run_of, sourced_head
from tradeoff.formats.plain_file import refuse_special
from tradeoff.record import ROWS_KIND, Axes, Measurement, Record, Run, Status, record_to_json

#: How such a file begins; what other tools write after reading it may begin otherwise, and is read as a whole.
_BEGIN: Final = f'{{"kind": "{ROWS_KIND}", "schema": '
_LOOKED_AT: Final = 4096


class _Row(msgspec.Struct, frozen=True):
    cell: str
    status: Status
    suite: str = ""
    reason: str = ""
    detail: str = ""
    measurements: dict[str, Measurement] = {}
    verdicts: tuple[str, ...] = ()
    facts: msgspec.Raw = msgspec.Raw(b"{}")
    same_as: str | None = None
    run: int = 0


class _Document(msgspec.Struct, frozen=True):
    schema: Any
    runs: list[Head]
    records: list[_Row]


_ROW: Final = msgspec.json.Decoder(_Row)
_HEADS: Final = msgspec.json.Decoder(list[Head])


def write_json(runs: Sequence[Run], path: Path) -> None:
    """Write all records of all runs."""
    try:
        with path.open("w", encoding="utf-8") as out:
            _write(runs, out)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error}") from error


def _write(runs: Sequence[Run], out: TextIO) -> None:
    heads = json.dumps([sourced_head(run) for run in runs])
    out.write(f'{_BEGIN}{SCHEMA},\n"runs": {heads},\n"records": [')
    before = "\n"
    for number, run in enumerate(runs):
        for record in run.records:
            told = record_to_json(record)
            # The version is the document's.
            del told["schema"]
            out.write(before + json.dumps({"run": number, **told}))
            before = ",\n"
    out.write("\n]}\n")


def is_rows(path: Path) -> bool:
    """Whether it looks like such a file, as far as its beginning tells."""
    try:
        with path.open("rb") as stream:
            return f'"{ROWS_KIND}"'.encode() in stream.read(_LOOKED_AT)
    except (OSError, ValueError):
        return False


def read_json(path: Path) -> list[Run]:
    """The runs whose rows the file has."""
    refuse_special(path)
    try:
        with path.open(encoding="utf-8") as lines:
            first = lines.readline()
            if first.startswith(_BEGIN) and first.endswith(",\n"):
                check_schema(first[len(_BEGIN) : -2], str(path))
                return _streamed(lines, path)
        return _whole(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadInput(f"{path} does not have the shape of schema {SCHEMA}, or is cut short: {error}") from error


def _streamed(lines: Iterator[str], path: Path) -> list[Run]:
    told = next(lines, "").removeprefix('"runs": ').rstrip().removesuffix(",")
    heads = _HEADS.decode(told)
    next(lines, "")
    return _runs(heads, _rows(lines, path), path)


def _rows(lines: Iterable[str], path: Path) -> Iterator[_Row]:
    ended = False
    for number, line in enumerate(lines, 4):
        text = line.rstrip().removesuffix(",")
        if text == "]}":
            ended = True
        elif text:
            try:
                yield _ROW.decode(text)
            except msgspec.MsgspecError as error:
                raise BadInput(f"{path}, line {number}: {error}") from error
    if not ended:
        raise BadInput(f"{path} is cut short: its last line is missing")


def _whole(path: Path) -> list[Run]:
    """A document that somebody else has written anew."""
    content = path.read_bytes()
    told = msgspec.json.decode(content)
    check_schema(told.get("schema") if isinstance(told, dict) else None, str(path))
    document = msgspec.json.decode(content, type=_Document)
    return _runs(document.runs, iter(document.records), path)


def _runs(heads: Sequence[Head], rows: Iterator[_Row], path: Path) -> list[Run]:
    found: list[list[Record]] = [[] for _ in heads]
    pool = _Pool()
    for place, row in enumerate(rows, 1):
        if not 0 <= row.run < len(found):
            raise BadInput(f"{path}, record {place}: it is of run {row.run}, and there are {len(heads)} runs")
        found[row.run].append(pool.record(row))
    return [run_of(head, records, str(path)) for head, records in zip(heads, found, strict=True)]


class _Pool:
    """Records that share what is equal."""

    def __init__(self) -> None:
        self._builder = Builder()
        self._block: Block = self._builder.block()
        self._texts: dict[str, str] = {}
        self._facts: dict[bytes, Facts] = {}

    def record(self, row: _Row) -> Record:
        """The record of a line."""
        text = bytes(row.facts)
        facts = self._facts.get(text)
        if facts is None:
            if not text.startswith(b"{"):
                raise BadInput(f"the facts of {row.cell} are no table")
            facts = self._facts[text] = Facts(text)
        parts = Axes.parse(row.cell)
        share = self._texts.setdefault
        axes = (parts.model, parts.chain, parts.backend, parts.device, parts.load)
        return Record(
            Axes(*(share(part, part) for part in axes)),
            share(row.suite, row.suite),
            row.status,
            share(row.reason, row.reason),
            row.detail,
            Measurements(self._block, self._builder.add(row.measurements)),
            row.verdicts,
            facts,
            row.same_as,
        )
