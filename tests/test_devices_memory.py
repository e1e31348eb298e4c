"""RAM of a device with TFLM: within a tenth of what was published, wherever the published model is known."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path

import pytest
from device_nets import ADD, CONV, DENSE, DEPTHWISE, FLOAT32, INT8, INT16, SOFTMAX, Step, write

from tradeoff.devices.estimating import estimate_file
from tradeoff.devices.memory import channels, planned_bytes
from tradeoff.devices.profiles import built_in
from tradeoff.formats.tflite_operators import read_network

POOL, RESHAPE = 1, 22
L4R5, RX65N = "stm32l4r5@tflm-cmsis-nn", "rx65n@tflm"


def conv(filters: int, size: tuple[int, int], depth: int, out: tuple[int, int], also: tuple[int, ...] = ()) -> Step:
    return Step(CONV, (filters, *size, depth), (1, *out, filters), also)


def depthwise(depth: int, out: int | tuple[int, int]) -> Step:
    return Step(DEPTHWISE, (1, 3, 3, depth), (1, *(out if isinstance(out, tuple) else (out, out)), depth))


def head(depth: int, classes: int) -> list[Step]:
    """The average over all places, and classes."""
    pooled = [Step(POOL, (), (1, 1, 1, depth)), Step(RESHAPE, (), (1, depth))]
    return [*pooled, Step(DENSE, (classes, depth), (1, classes)), Step(SOFTMAX, (), (1, classes))]


def dense(*widths: int) -> list[Step]:
    return [Step(DENSE, (after, before), (1, after)) for before, after in pairwise(widths)]


def keyword_spotting() -> list[Step]:
    place = (25, 5)
    block = [depthwise(64, place), conv(64, (1, 1), 64, place)]
    return [conv(64, (10, 4), 1, place), *block * 4, *head(64, 12)]


def image_classification() -> list[Step]:
    """What joins two paths reads the result of an earlier operator, by its number from 1."""
    first, second, third = (32, 32), (16, 16), (8, 8)
    steps = [conv(16, (3, 3), 3, first), conv(16, (3, 3), 16, first), conv(16, (3, 3), 16, first)]
    steps.append(Step(ADD, (), (1, 32, 32, 16), (1,)))
    for before, after, place in ((16, 32, second), (32, 64, third)):
        begin = len(steps)
        steps += [conv(after, (3, 3), before, place), conv(after, (3, 3), after, place)]
        steps.append(conv(after, (1, 1), before, place, (begin,)))
        steps.append(Step(ADD, (), (1, *place, after), (begin + 2,)))
    return [*steps, *head(64, 10)]


def person_detection() -> list[Step]:
    steps = [conv(8, (3, 3), 3, (48, 48))]
    before = 8
    for after, size in zip(
        (16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256), (48, 24, 24, 12, 12, *[6] * 6, 3, 3), strict=True
    ):
        steps += [depthwise(before, size), conv(after, (1, 1), before, (size, size))]
        before = after
    return [*steps, *head(256, 2)]


AUTOENCODER = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
#: EdgeMark's dense nets, by their widths; those that classify end with a softmax.
WIDTHS = {
    "FC_0": (1, 1),
    "FC_1": (1, 5, 1),
    "FC_2": (1, 10, 10, 1),
    "FC_3": (50, 16, 8, 10),
    "FC_4": (50, 32, 16, 10),
    "FC_5": (13, 64, 32, 16, 1),
    "FC_6": (13, 64, 64, 64, 1),
    "FC_7": (128, 64, 32, 16, 10),
    "FC_8": (13, 128, 128, 128, 1),
    "FC_9": (784, 60, 32, 16, 10),
    "FC_10": (3072, 64, 32, 16, 10),
}
#: Operators and the shape of what comes in.
NETS = {
    **{
        name: (dense(*widths) + [Step(SOFTMAX, (), (1, 10))] * (widths[-1] == 10), (1, widths[0]))
        for name, widths in WIDTHS.items()
    },
    "anomaly detection": (dense(*AUTOENCODER), (1, 640)),
    "keyword spotting": (keyword_spotting(), (1, 49, 10, 1)),
    "image classification": (image_classification(), (1, 32, 32, 3)),
    "person detection": (person_detection(), (1, 96, 96, 3)),
}
#: Bytes of RAM of the whole program, from EdgeMark's tables `TFLM + STM` and `TFLM + Renesas`.
PUBLISHED = {
    ("FC_0", INT8): (5040, 8624),
    ("FC_1", INT8): (5592, None),
    ("FC_2", INT8): (5592, None),
    ("FC_3", INT8): (5600, 9196),
    ("FC_4", INT8): (5600, 9196),
    ("FC_5", INT8): (5552, 9144),
    ("FC_6", INT8): (5552, 9144),
    ("FC_7", INT8): (6112, 9696),
    ("FC_8", INT8): (5552, 9144),
    ("FC_9", INT8): (6112, 9664),
    ("FC_10", INT8): (8672, 12256),
    ("anomaly detection", INT8): (7728, 11204),
    ("keyword spotting", INT8): (27760, 31272),
    ("image classification", INT8): (59504, 63072),
    ("person detection", INT8): (106600, 110912),
    ("FC_0", FLOAT32): (5040, 8564),
    ("FC_1", FLOAT32): (5592, None),
    ("FC_2", FLOAT32): (5592, None),
    ("FC_3", FLOAT32): (5624, 9188),
    ("FC_4", FLOAT32): (5624, 9188),
    ("FC_5", FLOAT32): (5552, 9108),
    ("FC_6", FLOAT32): (5552, 9108),
    ("FC_7", FLOAT32): (6136, 9652),
    ("FC_8", FLOAT32): (6064, 9620),
    ("FC_9", FLOAT32): (8696, None),
    ("FC_10", FLOAT32): (17912, 21428),
    ("anomaly detection", FLOAT32): (11696, 15172),
    ("keyword spotting", FLOAT32): (71824, 79188),
    ("image classification", FLOAT32): (204936, 210332),
}


@pytest.mark.parametrize(
    ("name", "kind", "device", "published"),
    [
        (*net, device, published)
        for net, both in PUBLISHED.items()
        for device, published in zip((L4R5, RX65N), both, strict=True)
        if published is not None
    ],
)
def test_it_is_within_a_tenth_of_what_was_published(
    tmp_path: Path, name: str, kind: int, device: str, published: int
) -> None:
    steps, shape = NETS[name]
    path = write(tmp_path / "net.tflite", steps, shape=shape, kind=kind)
    # EdgeMark's program keeps a copy of the output beside TFLM's arena.
    copy = prod(steps[-1].output) * (4 if kind == FLOAT32 else 1)
    assert estimate_file(path, built_in()[device]).ram_bytes == pytest.approx(published - copy, rel=0.1)


def test_the_nets_are_those_of_the_published_sizes(tmp_path: Path) -> None:
    found = {
        name: read_network(write(tmp_path / "net.tflite", steps, shape=shape))
        for name, (steps, shape) in NETS.items()
        if name not in WIDTHS
    }
    # Of the files that MLPerf Tiny publishes: what TFLM's planner needs, operators, and channels of convolutions.
    assert {name: (planned_bytes(each), len(each.layers), channels(each)) for name, each in found.items()} == {
        "anomaly detection": (768, 10, 0),
        "keyword spotting": (16000, 13, 576),
        "image classification": (49152, 16, 336),
        "person detection": (64512, 31, 2736),
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("FC_0", 2),
        ("FC_1", 16),
        ("FC_2", 141),
        ("FC_3", 1042),
        ("FC_4", 2330),
        ("FC_5", 3521),
        ("FC_6", 9281),
        ("FC_7", 11034),
        ("FC_8", 34945),
        ("FC_9", 49750),
        ("FC_10", 199450),
    ],
)
def test_the_dense_nets_have_as_many_parameters_as_the_published_ones(name: str, parameters: int) -> None:
    assert sum((before + 1) * after for before, after in pairwise(WIDTHS[name])) == parameters


@pytest.mark.parametrize(("kind", "count"), [(INT8, 576), (INT16, 576), (FLOAT32, 0)])
def test_only_channels_that_are_quantized_have_parameters_in_memory(tmp_path: Path, kind: int, count: int) -> None:
    steps, shape = NETS["keyword spotting"]
    assert channels(read_network(write(tmp_path / "net.tflite", steps, shape=shape, kind=kind))) == count


@pytest.mark.parametrize(("scales", "count"), [(0, 0), (1, 0), (16, 16)])
def test_a_dense_layer_has_them_where_each_of_its_channels_has_a_scale(tmp_path: Path, scales: int, count: int) -> None:
    steps = [Step(DENSE, (16, 4), (1, 16), scales=scales)]
    assert channels(read_network(write(tmp_path / "net.tflite", steps, shape=(1, 4)))) == count
