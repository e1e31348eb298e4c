"""Operators of a ``.tflite`` file, read without a framework; a damaged one is refused in one message."""

from __future__ import annotations

from pathlib import Path

import pytest
from device_nets import ADD, CONV, CUSTOM, FLOAT32, INT8, LSTM, NET, Step, model, write
from mutations import mutations

from tradeoff.devices.estimating import estimate
from tradeoff.devices.memory import peak_of, planned_bytes
from tradeoff.devices.profiles import built_in
from tradeoff.errors import BadInput
from tradeoff.formats.tflite_operators import read_network


def test_each_operator_has_its_kind_its_multiplications_and_its_weights(tmp_path: Path) -> None:
    network = read_network(write(tmp_path / "net.tflite"))
    assert [(layer.kind, layer.macs, layer.weights_bytes) for layer in network.layers] == [
        ("CONV_2D", 14 * 14 * 8 * 9, 72),
        ("DEPTHWISE_CONV_2D", 14 * 14 * 8 * 9, 72),
        ("CONV_2D", 14 * 14 * 16 * 8, 128),
        ("FULLY_CONNECTED", 31360, 31360),
        ("SOFTMAX", 0, 0),
    ]
    assert network.file_bytes == (tmp_path / "net.tflite").stat().st_size
    assert network.name(network.layers[0]) == "step 0"


def test_a_custom_operator_is_called_by_its_own_name(tmp_path: Path) -> None:
    network = read_network(write(tmp_path / "net.tflite", [Step(CUSTOM, (), (1, 4))], shape=(1, 4)))
    assert [(layer.kind, layer.custom) for layer in network.layers] == [("my_own_operator", True)]


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "is empty"),
        (b"none of that at all", "the mark TFL3 is not in it"),
        (model()[:200], "damaged or cut short"),
        (model(graphs=0), "there is no graph in it"),
        (model([Step(CONV, (8, 3, 3, 1), (1, 14, 14, 8), also=(900,))]), "damaged or cut short"),
        (model([Step(CONV, (8, 3, 3, 1), (1, 2**30, 2**30, 8))]), "damaged or cut short"),
    ],
    ids=["empty", "another format", "cut short", "no graph", "a tensor that is not there", "an endless tensor"],
)
def test_what_is_no_sound_file_is_refused_with_its_name(tmp_path: Path, blob: bytes, message: str) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(blob)
    with pytest.raises(BadInput, match=message) as caught:
        read_network(path)
    assert str(path) in str(caught.value)


def _fuzz(blob: bytes, seed: int, count: int, path: Path) -> int:
    """How many of the changed files were read; each of them is estimated."""
    read = 0
    profile = built_in()["stm32l4r5@tflm-cmsis-nn"]
    for changed in mutations(blob, seed, count):
        path.write_bytes(changed)
        try:
            network = read_network(path)
        except BadInput as error:
            assert str(path) in str(error)
            continue
        read += 1
        found = estimate(network, path.name, profile)
        assert found.seconds is None or found.seconds >= 0
    return read


def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    assert 0 < _fuzz(model(), 0, 150, tmp_path / "net.tflite") < 150


@pytest.mark.deep
def test_thousands_of_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    nets = (NET, [Step(LSTM, (), (1, 4))], [Step(CUSTOM, (), (1, 4))], [Step(ADD, (), (1, 28, 28, 1))])
    for seed, steps in enumerate(nets):
        assert 0 < _fuzz(model(steps), seed, 1000, tmp_path / "net.tflite") < 1000


def test_the_peak_is_the_operator_during_which_most_is_alive(tmp_path: Path) -> None:
    network = read_network(write(tmp_path / "net.tflite"))
    peak = peak_of(network)
    assert (peak.layer, peak.bytes) == (2, 14 * 14 * 24)
    assert peak.tensors == (("step 2", 3136), ("step 1", 1568))


def test_a_tensor_that_is_read_again_later_stays_alive(tmp_path: Path) -> None:
    shape = (1, 4, 4, 8)
    chain = [Step(ADD, (), shape), Step(ADD, (), shape), Step(ADD, (), shape)]
    again = [*chain[:-1], Step(ADD, (), shape, also=(0,))]
    sizes = [
        peak_of(read_network(write(tmp_path / "net.tflite", steps, shape=shape))).bytes for steps in (chain, again)
    ]
    assert sizes == [2 * 128, 3 * 128]


def test_the_plan_has_room_for_the_peak_and_buffers_begin_at_multiples(tmp_path: Path) -> None:
    network = read_network(write(tmp_path / "net.tflite"))
    assert planned_bytes(network) >= peak_of(network).bytes
    assert planned_bytes(network) % 16 == 0


@pytest.mark.parametrize(("kind", "width"), [(INT8, 1), (FLOAT32, 4)])
def test_a_tensor_takes_what_its_type_takes(tmp_path: Path, kind: int, width: int) -> None:
    network = read_network(write(tmp_path / "net.tflite", kind=kind))
    assert network.tensors[0].bytes == 28 * 28 * width
