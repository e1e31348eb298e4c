"""Containers: what comes out is what went in, bit for bit, or an error."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tradeoff
from tradeoff.coding import container, tensors
from tradeoff.coding.bits import Damaged, Reader
from tradeoff.coding.coded_files import decode_artifact, decoding_costs, encode_artifact, same_artifact
from tradeoff.coding.container import Place, pack, unpack
from tradeoff.coding.lockstep import decode

FEW = settings(max_examples=25, deadline=None)


def back(data: bytes, made: tensors.CodedTensor) -> bytes:
    """A tensor, decoded."""
    reader = Reader(made.data)
    read = tensors.read(reader, len(data))
    reader.end()
    return tensors.restored(read, decode(read.coded))


@FEW
@given(st.binary(max_size=300), st.sampled_from((1, 2, 3, 4, 8)), st.integers(1, 40))
def test_tensors_of_any_width_come_back(data: bytes, width: int, times: int) -> None:
    data = data * times
    made = tensors.encode(data, width)
    assert made is None or back(data, made) == data
    assert made is None or len(made.data) < len(data)


def clustered(sparsity: float, count: int = 20_000) -> Any:
    generator = np.random.default_rng(0)
    book = generator.normal(size=16).astype(np.float32)
    return np.where(generator.random(count) < sparsity, np.float32(0), book[generator.integers(0, 16, count)])


def test_clustered_floats_are_indices_and_pruned_ones_are_gaps() -> None:
    dense, sparse = clustered(0.0), clustered(0.995, 100_000)
    made = tensors.encode(dense.tobytes(), 4)
    assert made is not None
    assert (tensors.STRUCTURES[made.structure], made.distinct) == ("dense", 16)
    assert made.body <= 1.01 * made.bound
    thin = tensors.encode(sparse.tobytes(), 4)
    assert thin is not None
    assert tensors.STRUCTURES[thin.structure] == "sparse"
    assert back(sparse.tobytes(), thin) == sparse.tobytes()


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.8, 0.94, 0.99])
def test_pruned_tensors_of_over_10000_weights_are_within_one_percent_of_their_entropy(sparsity: float) -> None:
    data = clustered(sparsity, 12_000).tobytes()
    made = tensors.encode(data, 4)
    assert made is not None
    assert back(data, made) == data
    assert made.body <= 1.01 * made.bound + 4


def test_floats_that_do_not_repeat_are_coded_byte_by_byte() -> None:
    data = np.random.default_rng(0).normal(0, 0.05, 70_000).astype(np.float32).tobytes()
    made = tensors.encode(data, 4)
    assert made is not None
    assert tensors.STRUCTURES[made.structure] == "planes"
    assert back(data, made) == data
    assert 0.8 < len(made.data) / len(data) < 0.9


@pytest.mark.parametrize("kind", ["<u1", "<u2", "<f4", "<f8"])
def test_every_width_of_element_comes_back(kind: str) -> None:
    values = (
        np.random.default_rng(4).normal(0, 30, 3000).round().astype(np.dtype(kind).newbyteorder("<"), casting="unsafe")
    )
    made = tensors.encode(values.tobytes(), np.dtype(kind).itemsize)
    assert made is not None
    assert back(values.tobytes(), made) == values.tobytes()


def test_all_values_of_16_bits_come_back() -> None:
    values = np.concatenate([np.random.default_rng(0).permutation(65_536), np.zeros(200_000, int)]).astype("<u2")
    made = tensors.encode(values.tobytes(), 2)
    assert made is not None
    assert made.distinct == 65_536
    assert back(values.tobytes(), made) == values.tobytes()


def test_noise_is_left_as_it_is() -> None:
    assert tensors.encode(np.random.default_rng(0).bytes(5000), 1) is None
    assert tensors.encode(b"", 1) is None


@cache
def packed() -> tuple[bytes, dict[str, bytes]]:
    """A container with two tensors in it, and what it was made of."""
    data = (
        b"head" + clustered(0.9, 2000).tobytes() + b"between" + np.arange(900, dtype="<u2").tobytes()[:600] * 3 + b"end"
    )
    places = [Place(0, 4, 8000, 4), Place(0, 8011, 1800, 2)]
    return pack("model.bin", {"": data}, places, folder=False).data, {"": data}


def test_a_container_gives_back_what_was_packed() -> None:
    data, files = packed()
    found = unpack(data)
    assert (found.name, found.folder, dict(found.files)) == ("model.bin", False, files)
    assert len(data) < 0.5 * len(files[""])


@FEW
@given(st.data())
def test_a_container_that_was_cut_short_is_an_error(given_data: st.DataObject) -> None:
    data, _ = packed()
    with pytest.raises(Damaged):
        unpack(data[: given_data.draw(st.integers(0, len(data) - 1))])


@FEW
@given(st.data())
def test_a_container_with_any_byte_changed_is_an_error(given_data: st.DataObject) -> None:
    data = bytearray(packed()[0])
    data[given_data.draw(st.integers(0, len(data) - 1))] ^= given_data.draw(st.integers(1, 255))
    with pytest.raises(Damaged):
        unpack(bytes(data))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_container_that_was_changed_by_somebody_who_mends_the_checksum_is_never_a_wrong_model(
    given_data: st.DataObject,
) -> None:
    data, files = bytearray(packed()[0]), packed()[1]
    start = 9
    for _ in range(given_data.draw(st.integers(1, 3))):
        data[given_data.draw(st.integers(start, len(data) - 1))] = given_data.draw(st.integers(0, 255))
    data[5:start] = zlib.crc32(data[start:]).to_bytes(4, "little")
    try:
        found = unpack(bytes(data))
    except Damaged:
        return
    assert dict(found.files) == files


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the mark TOHC"),
        (b"PK\x03\x04" + bytes(100), "the mark TOHC"),
        (b"TOHC\x09" + bytes(100), "version 9"),
        (b"TOHC\x01", "cut short"),
    ],
)
def test_what_is_no_container_is_told(data: bytes, told: str) -> None:
    with pytest.raises(Damaged, match=told):
        unpack(data)


@pytest.mark.parametrize("path", ["../out", "/out", "a/../../out", "a\\b", "c:x"])
def test_a_file_that_leads_out_of_its_folder_is_refused(path: str) -> None:
    with pytest.raises(Damaged, match="leads out"):
        unpack(pack("model", {path: b"x"}, [], folder=True).data)


def test_a_name_that_is_a_path_is_refused() -> None:
    with pytest.raises(Damaged, match="name is a path"):
        unpack(pack("../model", {"": b"x"}, [], folder=False).data)


@pytest.mark.parametrize("places", [[Place(0, 3, 3, 1)], [Place(0, 0, 3, 1), Place(0, 2, 1, 1)]])
def test_weights_that_do_not_lie_where_a_backend_says_are_told(places: list[Place]) -> None:
    with pytest.raises(tradeoff.BadInput, match="overlap, or lead out"):
        pack("model", {"": b"12345"}, places, folder=False)


def test_a_folder_comes_back_with_all_its_files(tmp_path: Path) -> None:
    artifact = tmp_path / "model"
    (artifact / "part").mkdir(parents=True)
    (artifact / "part" / "weights").write_bytes(b"ab" + clustered(0.5).tobytes())
    (artifact / "graph").write_bytes(b"graph" * 40)
    stored = [tradeoff.StoredTensor("w", 2, 80_000, (20_000,), "float32", "part/weights")]
    made = encode_artifact(artifact, stored, tmp_path)
    (tmp_path / "out").mkdir()
    found = decode_artifact(made.container, tmp_path / "out")
    assert found == tmp_path / "out" / "model"
    assert same_artifact(artifact, found)
    assert made.facts["container_bytes"] == made.container.stat().st_size < 12_000


def test_all_that_is_in_the_container_is_counted(tmp_path: Path) -> None:
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"head" * 100 + clustered(0.9).tobytes())
    stored = tradeoff.StoredTensor("w", 400, 80_000, (20_000,), "float32")
    # One that shares its bytes is no second tensor.
    facts = encode_artifact(artifact, [stored, stored], tmp_path).facts
    assert len(facts["tensors"]) == 1
    assert facts["bound_bytes"] <= facts["body_bytes"] <= facts["coded_bytes"]
    beside = facts["container_bytes"] - facts["coded_bytes"] - facts["rest_coded_bytes"]
    assert 0 < beside < 80
    assert facts["rest_bytes"] == 400
    assert facts["weights_bytes"] + facts["rest_bytes"] == facts["artifact_bytes"]
    assert facts["container_bytes"] < facts["zlib_bytes"]


def test_decoding_is_timed_and_its_memory_counted(tmp_path: Path) -> None:
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(clustered(0.9).tobytes())
    made = encode_artifact(artifact, [tradeoff.StoredTensor("w", 0, 80_000, (20_000,), "float32")], tmp_path)
    costs = decoding_costs(made.container)
    assert costs["decode_seconds"] > 0
    assert costs["decode_bytes"] > 80_000


def test_a_damaged_file_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.coded").write_bytes(packed()[0][:-1])
    with pytest.raises(tradeoff.BadInput, match=r"x\.coded cannot be decoded: its checksum is wrong"):
        decode_artifact(tmp_path / "x.coded", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.coded"]


def test_weights_in_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    with pytest.raises(tradeoff.BadInput, match="no file 'other'"):
        encode_artifact(tmp_path / "m", [tradeoff.StoredTensor("w", 0, 1, (1,), "int8", "other")], tmp_path)


def test_the_container_begins_as_the_reference_says() -> None:
    data, _ = packed()
    assert data[:4] == container.MAGIC == b"TOHC"
    assert data[4] == container.VERSION == 1
    assert int.from_bytes(data[5:9], "little") == zlib.crc32(data[9:])
