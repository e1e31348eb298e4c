"""How a limit of memory is written, and what it is a share of."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.processes import memory
from tradeoff.processes.memory import machine_memory, memory_limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4 * 10**9),
        ("800MB", 8 * 10**8),
        (" 1.5 gib ", 3 * 2**29),
        (".5GB", 5 * 10**8),
        ("64kB", 64_000),
        ("1000000B", 10**6),
    ],
)
def test_a_size_is_a_number_and_a_unit(text: str, expected: int) -> None:
    assert memory_limit(text) == expected


def test_a_share_is_of_what_there_is_here() -> None:
    assert memory_limit("50%") == pytest.approx(machine_memory() / 2, abs=1)
    assert memory_limit("100 %") == machine_memory()
    assert Settings({}, {}).memory == pytest.approx(machine_memory() * 0.8, abs=1)
    assert Settings({"memory": "1GB"}, {}).memory == 10**9


@pytest.mark.parametrize(
    "text", ["", "lots", "4", "0GB", "-1GB", "0%", "101%", "4GBs", "nan GB", "1e9B", "9" * 400 + "B"]
)
def test_what_is_no_size_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(BadInput, match=r"is not a size: write '4GB', '800MB', or '50%' of what there is here \(.*B\)$"):
        memory_limit(text)


def groups(folder: Path, monkeypatch: pytest.MonkeyPatch, own: str, **limits: str) -> None:
    """A machine whose control groups are as told: a path, with dashes for slashes, and its limit."""
    (folder / "own").write_text(own)
    for name, limit in limits.items():
        place = folder.joinpath("groups", *name.split("_")[1:])
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.max").write_text(limit)
    monkeypatch.setattr(memory, "_OWN_GROUPS", folder / "own")
    monkeypatch.setattr(memory, "_GROUPS", ((folder / "groups", "memory.max"),))


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups(tmp_path, monkeypatch, "0::/\n", root="100000000\n")
    assert machine_memory() == 10**8


def test_the_least_limit_on_the_way_up_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups(tmp_path, monkeypatch, "0::/a/b\n", root="max\n", root_a="50000000\n", root_a_b="70000000\n", root_c="1\n")
    assert machine_memory() == 5 * 10**7


def test_without_a_limit_it_is_all_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups(tmp_path, monkeypatch, "0::/a\n", root="max\n")
    assert machine_memory() == psutil.virtual_memory().total
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "missing")
    assert machine_memory() == psutil.virtual_memory().total
