"""Rows by the million, as files of rows have them: made by DuckDB, since ours would take minutes to write them."""

from __future__ import annotations

import json
from pathlib import Path

from many_rows import BYTES, COUNTS, SECONDS

from tradeoff.exchange.heads import SCHEMA
from tradeoff.exchange.parquet_file import PREFIX, RUNS_KEY, SCHEMA_KEY

CELLS = 10_000


def write_millions(path: Path, rows: int) -> None:
    """Runs of ten thousand cells each, one every hour: a hundred models, ten chains, ten backends."""
    import duckdb

    runs = rows // CELLS
    heads = [
        {"name": f"run {n}", "started": f"2026-01-{1 + n // 24 % 28:02}T{n % 24:02}:{n // 672:02}:00+00:00"}
        for n in range(runs)
    ]
    for number, head in enumerate(heads):
        head["machine"] = {"node": "here", "cores": 2, "processor": "a", "machine": "x"}  # type: ignore[assignment]
        head["source"] = f"run{number}.json"
    units = {"s": SECONDS, "B": BYTES, "1": COUNTS}
    measured = [
        _structure(name, value, unit) + f' AS "{PREFIX}{name}"'
        for unit, group in units.items()
        for name, value in group
    ]
    facts = json.dumps({"task": "digits", "metric": "accuracy", "test_samples": 360, "threads": 1})
    plain = f"""
        'run ' || run AS run, run::INTEGER AS run_number, 'model' || (cell // 100) AS model,
        CASE cell % 10 WHEN 0 THEN 'baseline' ELSE 'prune:0.' || (cell % 10) || '+int8' END AS chain,
        'litert:threads=' || (1 + cell // 10 % 10) AS backend, 'host-cpu' AS device, 'b1' AS load,
        'test_inference' AS suite, 'measured' AS status, '' AS reason, '' AS detail, []::VARCHAR[] AS verdicts,
        NULL::VARCHAR AS same_as, '{facts}' AS facts"""
    # A model is better the more it takes, but for some chance.
    factor = "0.5 + (hash(cell) % 997) / 2000 + (hash(i) % 1009) / 50000"
    share = f"(0.5 + ({factor}) / 4 + (hash(i + 7) % 360) / 1440)"
    keys = {SCHEMA_KEY.decode(): str(SCHEMA), RUNS_KEY.decode(): json.dumps(heads)}
    told = ", ".join(f"'{key}': '{value}'" for key, value in keys.items())
    duckdb.sql(
        f"""COPY (
            SELECT {plain}, {", ".join(measured)}
            FROM (
                SELECT i, i // {CELLS} AS run, i % {CELLS} AS cell, {factor} AS factor, {share} AS share
                FROM range({rows}) t(i)
            )
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{told}}})"""
    )


def _structure(name: str, value: float, unit: str) -> str:
    """A measurement; a share of right answers is one of few, the other numbers hardly ever come twice."""
    factor, direction = ("share", "higher") if name == "accuracy" else ("factor", "lower")
    ends = (f"'{end}': {value * by} * {factor}" for end, by in (("value", 1.0), ("low", 0.99), ("high", 1.01)))
    return f"{{{', '.join(ends)}, 'unit': '{unit}', 'direction': '{direction}', 'provenance': 'measured', 'note': ''}}"
