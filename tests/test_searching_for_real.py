"""Whole searches on the built-in models: no worse than the default matrix, the same by seed, and none the worse for a
kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.deep, pytest.mark.frameworks]
DEFAULT = ("baseline", "fp16", "dynamic", "int8")
DENSE = ("--model=dense", "--max-size=60kB", "--objective=accuracy>size", "--trials=10")
CNN = ("--model=cnn", "--min-accuracy=96%", "--objective=size", "--trials=20")


@dataclass(frozen=True)
class Found:
    """What a search has left and told."""

    told: str
    trials: list[dict[str, Any]]

    @property
    def shipped(self) -> str:
        (found,) = re.findall(r": ship (\S+)", self.told)
        return str(found)

    @property
    def fitting(self) -> list[dict[str, Any]]:
        """The trials that went to the end and miss nothing."""
        return [one for one in self.trials if one["ended"] == "judged" and not one["missed"]]


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tradeoff", "search", "--width=300", f"--output={folder / 'found'}", *arguments]


def search(folder: Path, store: Path, *arguments: str) -> Found:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        command(folder, f"--store={store}", *arguments), cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((folder / "found" / "benchmark.json").read_text(encoding="utf-8"))["tradeoff"]
    return Found(done.stdout, run["options"]["search"]["trials"])


def test_twenty_trials_on_the_convolutional_net_are_no_worse_than_its_default_matrix(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    found = search(tmp_path, tmp_path / "store", *CNN)
    assert len(found.trials) == 20
    assert tuple(one["chain"] for one in found.trials[:4]) == DEFAULT
    sizes = {f"cnn/{one['chain']}/litert": one["numbers"]["size"] for one in found.fitting}
    defaults = [size for cell, size in sizes.items() if cell.split("/")[1] in DEFAULT]
    assert sizes[found.shipped] == min(sizes.values())
    assert sizes[found.shipped] <= min(defaults)
    assert any(one["ended"] == "sketch" for one in found.trials)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    """A search on the dense net that nobody disturbed, and where its store lies."""
    pytest.importorskip("optuna")
    folder = tmp_path_factory.mktemp("dense")
    return folder / "store", search(folder, folder / "store", *DENSE)


def test_the_same_seed_finds_the_same_in_another_store(dense: tuple[Path, Found], tmp_path: Path) -> None:
    again = search(tmp_path, tmp_path / "store", *DENSE)
    assert again.trials == dense[1].trials
    assert again.shipped == dense[1].shipped


@pytest.mark.skipif(os.name == "nt", reason="a kill is a signal")
def test_a_search_that_was_killed_goes_on_and_finds_the_same(dense: tuple[Path, Found], tmp_path: Path) -> None:
    store, whole = dense
    log = tmp_path / "found" / "optuna.log"
    with (tmp_path / "told").open("w", encoding="utf-8") as told:
        child = subprocess.Popen(command(tmp_path, f"--store={store}", *DENSE), cwd=tmp_path, stdout=told)
        until = time.monotonic() + 300
        while time.monotonic() < until and '"place":6' not in (log.read_text("utf-8") if log.exists() else ""):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
    before = (tmp_path / "told").read_text(encoding="utf-8")
    assert "[10/10]" not in before
    gone_on = search(tmp_path, store, *DENSE)
    done = re.findall(r"^\[(\d+)/10\]", before, re.MULTILINE)
    assert not set(done) & set(re.findall(r"^\[(\d+)/10\]", gone_on.told, re.MULTILINE))
    assert gone_on.trials == whole.trials
    assert gone_on.shipped == whole.shipped
