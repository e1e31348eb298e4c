"""A report over 10,000 rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from figures import Note
from many_rows import many_rows

from tradeoff.cli import main
from tradeoff.record import read_run
from tradeoff.registry import load_registry


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's JSON file."""
    return many_rows(tmp_path_factory.mktemp("large"))


@pytest.mark.benchmark(group="report over 10,000 rows")
@pytest.mark.parametrize("name", sorted(load_registry().renderers))
def test_a_report(name: str, compare: Callable[..., list[float]], figure: Note, path: Path, tmp_path: Path) -> None:
    command = ["report", str(path), "--format", name, "--output", str(tmp_path / "report")]
    (took,) = compare(lambda: main(command))
    # The page has pictures as well, and five times the rows of the others.
    figure(f"report 10,000 rows as {name}", took, 2.0 if name == "html" else 1.0)


@pytest.mark.benchmark(group="report over 10,000 rows")
def test_reading(compare: Callable[..., list[float]], figure: Note, path: Path) -> None:
    (took,) = compare(lambda: read_run(path))
    figure("of that: reading", took, 0.5)
