"""A task's splits on the disk are what the task gave, and a task that gives nonsense is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradeoff import Split, Splits, Task
from tradeoff.datafiles import NAMES, DataFiles, write_data
from tradeoff.errors import BadInput


def split(first: int, count: int = 4) -> Split:
    return Split(np.arange(first, first + count * 2, dtype="float32").reshape(count, 2), np.arange(count) % 2)


SPLITS = Splits(split(0), split(100), split(200), split(300))


def task(splits: Any) -> Task:
    return Task("shapes", load=lambda: splits, kind="classification", metric="accuracy", loss="crossentropy")


def test_every_split_is_read_back_as_it_was(tmp_path: Path) -> None:
    facts = write_data(task(SPLITS), tmp_path)
    for name in NAMES:
        found, given = DataFiles(tmp_path).split(name), getattr(SPLITS, name)
        np.testing.assert_array_equal(found.x, given.x)
        np.testing.assert_array_equal(found.y, given.y)
        assert (found.x.dtype, found.y.dtype) == (given.x.dtype, given.y.dtype)
    assert facts["counts"] == dict.fromkeys(NAMES, 4)
    assert (facts["shape"], facts["overlap"]) == ([2], 0)


def test_the_fingerprint_is_that_of_the_numbers(tmp_path: Path) -> None:
    def fingerprint(splits: Splits, name: str) -> str:
        (tmp_path / name).mkdir()
        return str(write_data(task(splits), tmp_path / name)["fingerprint"])

    first = fingerprint(SPLITS, "first")
    assert fingerprint(SPLITS, "same") == first
    changed = Split(SPLITS.test.x, 1 - SPLITS.test.y)
    assert fingerprint(replace(SPLITS, test=changed), "other") != first


def test_test_samples_that_were_trained_on_are_counted(tmp_path: Path) -> None:
    leaking = Split(np.concatenate([SPLITS.train.x[:3], SPLITS.test.x[:1]]), SPLITS.test.y)
    assert write_data(task(replace(SPLITS, test=leaking)), tmp_path)["overlap"] == 3


def test_calibration_needs_no_labels(tmp_path: Path) -> None:
    bare = Split(SPLITS.calibration.x, np.empty(0, "int64"))
    assert write_data(task(replace(SPLITS, calibration=bare)), tmp_path)["counts"]["calibration"] == 4


@pytest.mark.parametrize("name", ["train", "validation", "test"])
@pytest.mark.parametrize("wrong", [Split(np.zeros((0, 2)), np.zeros(0)), Split(np.zeros((3, 2)), np.zeros(2))])
def test_a_split_that_is_empty_or_does_not_pair_up_is_named(tmp_path: Path, name: str, wrong: Split) -> None:
    with pytest.raises(BadInput, match=f"task shapes: its {name} split is empty, or x and y differ"):
        write_data(task(replace(SPLITS, **{name: wrong})), tmp_path)
