"""Data from a function of the user's: called in a process of its own, and held to what an ``.npz`` file is held to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tradeoff.errors import BadInput
from tradeoff.options import BY_NAME, Table, resolve_settings
from tradeoff.own.data import DataSettings, OwnData, read_source
from tradeoff.own.functions import is_function
from tradeoff.own.sources import open_source

MODULE = """
import os, sys
import numpy as np
import tradeoff
X, Y = np.arange(240.0).reshape(60, 4), np.arange(60) % 3
def arrays():
    print("said while it works")
    return {"x": X, "y": Y}
def splits():
    parts = [tradeoff.Split(X[start:start + 15], Y[start:start + 15]) for start in (0, 15, 30, 45)]
    return tradeoff.Splits(*parts)
def nothing():
    pass
def raises():
    raise RuntimeError("no disk today")
def leaves():
    sys.exit("enough")
def dies():
    os.kill(os.getpid(), 9)
def objects():
    return {"x": [object()], "y": Y}
def ragged():
    return {"x": [[1, 2], [3]], "y": Y}
def fractions():
    return {"x": X, "y": Y / 2}
def short():
    return {"x": X, "y": Y[:7]}
def slow():
    import time
    time.sleep(60)
number = 3
class Maker:
    @staticmethod
    def make():
        return arrays()
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_data.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken_data.py").write_text("import my_own_data\n1 / 0\n", encoding="utf-8")
    (tmp_path / "needy_data.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def read(spelled: str, timeout: float = 60.0, **declared: str) -> OwnData:
    return read_source(open_source(spelled, timeout=timeout), DataSettings(**declared), 0)  # type: ignore[arg-type]


def test_a_dict_of_arrays_is_split_like_a_file(tmp_path: Path) -> None:
    np.savez("same.npz", x=np.arange(240.0).reshape(60, 4), y=np.arange(60) % 3)
    found, same = read("my_own_data:arrays"), read("same.npz")
    np.testing.assert_array_equal(found.splits.test.x, same.splits.test.x)
    assert found.explanations[0] == "my_own_data:arrays was called and gave a dict of arrays"
    assert found.explanations[1:] == same.explanations
    assert "my_own_data" not in sys.modules
    assert read("my_own_data:Maker.make").classes == 3


def test_splits_stay_as_they_are() -> None:
    found = read("my_own_data:splits").splits
    assert [part.x[0, 0] for part in (found.train, found.calibration, found.validation, found.test)] == [
        0,
        60,
        120,
        180,
    ]


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("my_own_data:nothing", "gave nothing; it must give tradeoff.Splits, or a dict of arrays"),
        ("my_own_data:raises", "raised RuntimeError: no disk today ("),
        ("my_own_data:leaves", "raised SystemExit: enough"),
        ("my_own_data:dies", "the process that read it was ended by SIGKILL"),
        ("my_own_data:objects", "its x is a list of Python objects; give an array of numbers"),
        ("my_own_data:ragged", "its x is a list, which is no array of numbers"),
        ("my_own_data:short", "x has 60 samples but y has 7 targets"),
        ("my_own_data:number", "is an int, not a function"),
        ("my_own_data:gone", "my_own_data has no 'gone'"),
        ("my_own_date:arrays", "there is no module 'my_own_date'; run from the folder it lies in, or install it"),
        ("broken_data:arrays", "importing broken_data raised ZeroDivisionError: division by zero ("),
        ("needy_data:arrays", "importing needy_data failed: No module named 'nothing_of_that_name'"),
        ("my.csv", "data is an .npz file, a folder of images by class, or a function as module:callable"),
    ],
)
def test_what_cannot_be_used_is_one_message_that_names_it(spelled: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(spelled)
    assert told in str(caught.value)
    assert str(caught.value).startswith(spelled)
    assert "arrays.npz" not in str(caught.value)


def test_labels_that_are_no_whole_numbers_are_told_with_the_function() -> None:
    with pytest.raises(BadInput, match=r"my_own_data:fractions: y holds fractions such as 0\.5, which are no labels"):
        read("my_own_data:fractions", kind="classification")


def test_a_function_without_an_end_is_stopped() -> None:
    with pytest.raises(BadInput, match="my_own_data:slow did not end within 1 s and was stopped"):
        read("my_own_data:slow", timeout=1.0)


def test_a_function_is_no_path(tmp_path: Path) -> None:
    assert is_function("package.module:make")
    assert not any(map(is_function, ("my.npz", "folder/my:data", "my:", "a b:c", "my-data:x", "/a:b")))
    for spelled, expected in (("mod:make", "mod:make"), ("my.npz", str(tmp_path / "my.npz"))):
        given = {BY_NAME["data"]: spelled}
        assert resolve_settings(given.get, tmp_path, Table(None, {}, {})).text("data") == expected
