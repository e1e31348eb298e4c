"""What a file of rows says of each run beside its records, and the version of its schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tradeoff.errors import BadInput
from tradeoff.record import Record, Run, head_to_json

#: Of the rows in Parquet and in JSON alike.
SCHEMA: Final = 1


class Head(msgspec.Struct, frozen=True):
    """A run without its records; ``source`` is the file that these were first read from."""

    name: str
    started: str
    machine: dict[str, Any] = {}
    versions: dict[str, str] = {}
    options: dict[str, Any] = {}
    workers: tuple[dict[str, Any], ...] = ()
    source: str = ""


def sourced_head(run: Run) -> dict[str, Any]:
    """As plain data, with the file that it came from."""
    return {**head_to_json(run), "source": run.source}


def run_of(head: Any, records: Iterable[Record], source: str) -> Run:
    """The run with these records; a wrong shape is a ``msgspec.ValidationError``."""
    told = head if isinstance(head, Head) else msgspec.convert(head, Head)
    return Run(
        told.name,
        told.started,
        told.machine,
        told.versions,
        told.options,
        told.workers,
        tuple(records),
        told.source or source,
    )


def check_schema(written: object, what: str) -> None:
    """Raise for rows of a version that this release does not know."""
    text = str(written)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadInput(f"{what}: the schema version of its rows is {text[:40]!r}; expected a whole number from 1")
    if int(text) > SCHEMA:
        raise BadInput(
            f"{what}: its rows have schema version {text}, this tradeoff reads up to {SCHEMA}; "
            "upgrade with `pip install -U tradeoff`"
        )
