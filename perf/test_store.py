"""Finding what is in the store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from figures import Note

from tradeoff.store import Store

INPUTS = {"model": "large"}


def one_megabyte(folder: Path) -> dict[str, Any]:
    (folder / "model.bin").write_bytes(os.urandom(1_000_000))
    return {"content": "random"}


@pytest.mark.benchmark(group="store")
def test_finding_an_entry(compare: Callable[..., list[float]], figure: Note, tmp_path: Path) -> None:
    warm = Store(tmp_path)
    warm.make("artifact", INPUTS, one_megabyte)
    first, again = compare(
        lambda: Store(tmp_path).find("artifact", INPUTS), lambda: warm.find("artifact", INPUTS), rounds=200
    )
    figure("find 1 MB in the store, first time in a process", first, 0.02)
    figure("find 1 MB in the store, again", again, 0.001)
