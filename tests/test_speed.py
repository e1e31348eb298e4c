"""The best speed that was seen on a machine is remembered from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.measure.speed import NAME, SpeedBook


def test_the_quickest_so_far_is_told_and_kept_for_the_next_run(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path)
    assert book.best(None) is None
    assert [book.best(seconds) for seconds in (3e-6, 2e-6, 4e-6)] == [3e-6, 2e-6, 2e-6]
    assert SpeedBook(tmp_path).best(5e-6) == 2e-6
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"x": "y"}', b'{"x": NaN}'])
def test_a_file_that_cannot_be_read_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert SpeedBook(tmp_path).best(3e-6) == 3e-6
    assert SpeedBook(tmp_path).best(4e-6) == 3e-6


def test_where_nothing_can_be_written_it_is_known_for_this_run(tmp_path: Path) -> None:
    book = SpeedBook(tmp_path / "missing")
    assert book.best(3e-6) == 3e-6
    assert book.best(4e-6) == 3e-6
