from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.fingerprint import canonical, digest, digest_arrays, digest_file, digest_tree, files_in

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_plain_data_survives_its_canonical_text_with_the_same_digest(data: Any) -> None:
    assert digest(json.loads(canonical(data))) == digest(data)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_count(data: dict[str, int]) -> None:
    assert digest(dict(reversed(data.items()))) == digest(data)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (1, "1"), ([], {}), (None, 0), ([[1], 2], [1, [2]])])
def test_things_that_python_or_json_might_confuse_have_different_digests(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused_with_its_place(value: float) -> None:
    with pytest.raises(ValueError, match=r"chain\[1\]\.rate"):
        digest({"chain": [1, {"rate": value}]})


@pytest.mark.parametrize("value", [Path("x"), {1, 2}, b"x", object(), np.zeros(2), {1: 2}])
def test_what_is_not_plain_data_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="model"):
        digest({"model": value})


def test_data_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested too deeply"):
        digest(loop)


def test_a_file_has_the_digest_of_its_bytes_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"model")
    assert digest_file(tmp_path / "a") == digest_file(tmp_path / "b") == digest_tree(tmp_path / "a")


def test_a_folder_is_told_by_names_and_bytes_and_not_by_where_it_lies(tmp_path: Path) -> None:
    digests = []
    for folder, name, content in (("1", "a/b", b"x"), ("2", "a/b", b"x"), ("3", "a/c", b"x"), ("4", "a/b", b"y")):
        file = tmp_path / folder / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        digests.append(digest_tree(tmp_path / folder))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_bytes_that_move_between_files_change_a_folders_digest(tmp_path: Path) -> None:
    for folder, one, other in (("1", b"ab", b"c"), ("2", b"a", b"bc")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one").write_bytes(one)
        (tmp_path / folder / "other").write_bytes(other)
    assert digest_tree(tmp_path / "1") != digest_tree(tmp_path / "2")


def test_links_and_special_files_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="is a link"):
        files_in(tmp_path)
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a special file"):
        digest_tree(tmp_path)


def test_arrays_are_told_apart_by_name_dtype_shape_and_value() -> None:
    base = np.arange(6, dtype=np.float32)
    variants: list[dict[str, np.ndarray[Any, Any]]] = [
        {"x": base},
        {"y": base},
        {"x": base.astype(np.float64)},
        {"x": base.reshape(2, 3)},
        {"x": base + 1},
        {"x": base, "y": base},
        {"x": base[:0]},
        {"x": base.reshape(2, 3)[:, :0]},
    ]
    assert len({digest_arrays(arrays) for arrays in variants}) == len(variants)


def test_the_layout_in_memory_and_the_order_of_names_do_not_count() -> None:
    x = np.arange(12).reshape(3, 4)
    assert digest_arrays({"a": x, "b": x.T}) == digest_arrays({"b": np.asfortranarray(x.T), "a": x.copy("F")})


def test_single_numbers_empty_arrays_and_dates_have_digests() -> None:
    odd = [np.array(3), np.array([3]), np.array([], "f4"), np.array(["2024-01-01"], "M8[D]"), np.array([""])]
    assert len({digest_arrays({"x": array}) for array in odd}) == len(odd)


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="'x' holds Python objects"):
        digest_arrays({"x": np.array([object()])})
