"""What a device is estimated to make of a file: fit, time, energy, battery, and why something cannot run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from device_nets import (
    ADD,
    CONV,
    CUSTOM,
    DENSE,
    DEPTHWISE,
    DEQUANTIZE,
    FLOAT32,
    INT8,
    INT16,
    LSTM,
    NET,
    Step,
    model,
    write,
)

from tradeoff.devices.battery import Cell, cell_of, life_of
from tradeoff.devices.estimates import Estimate
from tradeoff.devices.estimating import estimate_file, precision_of
from tradeoff.devices.profiles import DeviceProfile, built_in
from tradeoff.devices.roofline import Bound, bound_of
from tradeoff.errors import BadInput
from tradeoff.formats.tflite_operators import read_network

M4 = built_in()["stm32l4r5@tflm-cmsis-nn"]
ROOFLINE = built_in()["rpi5@roofline"]
RESHAPE = 22


def estimated(tmp_path: Path, profile: DeviceProfile = M4, steps: object = NET, **how: object) -> Estimate:
    return estimate_file(write(tmp_path / "net.tflite", steps, **how), profile)  # type: ignore[arg-type]


def figures(profile: DeviceProfile, **changed: float) -> DeviceProfile:
    names = {name.replace("__", "."): value for name, value in changed.items()}
    return replace(profile, figures={**profile.figures, **names})


def test_latency_is_the_cycles_of_each_operator_over_the_clock(tmp_path: Path) -> None:
    found = estimated(tmp_path)
    cycles = M4.latency["int8"].cycles
    first = cycles["conv_macs"] * 14112 + cycles["outputs"] * 1568 + cycles["operators"]
    assert found.operators[0].seconds == pytest.approx(first / 120e6)
    assert found.seconds == pytest.approx(sum(operator.seconds or 0.0 for operator in found.operators))
    assert sum(found.shares.values()) == pytest.approx(1)


def test_the_error_of_such_latencies_stands_beside_the_latency(tmp_path: Path) -> None:
    assert estimated(tmp_path).error == M4.validation["int8"].mean_error
    unchecked = estimated(tmp_path, built_in()["nrf52840@tflm-cmsis-nn"])
    assert unchecked.seconds is not None
    assert unchecked.error is None


def test_energy_is_power_times_latency_and_is_split_over_the_operators(tmp_path: Path) -> None:
    found = estimated(tmp_path)
    assert found.seconds is not None
    assert found.energy_joules == pytest.approx(found.seconds * M4.figures["power.active_mw"] / 1e3)
    assert sum(operator.energy_joules or 0.0 for operator in found.operators) == pytest.approx(found.energy_joules)


def test_without_a_source_for_power_there_is_no_energy_and_a_note_says_why(tmp_path: Path) -> None:
    found = estimated(tmp_path, built_in()["rp2040@tflm"])
    assert found.energy_joules is None
    assert "no energy: the profile gives no power" in found.notes


def test_twice_the_clock_is_half_the_time(tmp_path: Path) -> None:
    slow, fast = estimated(tmp_path), estimated(tmp_path, figures(M4, device__clock_mhz=240))
    assert slow.seconds == pytest.approx(2 * (fast.seconds or 0))


def test_flash_is_the_file_and_the_share_of_the_runtime(tmp_path: Path) -> None:
    found = estimated(tmp_path)
    assert found.flash_bytes == len(model()) + 132 * 1024
    assert found.fits is True
    assert not found.problems


def test_a_file_that_is_too_large_says_by_how_much(tmp_path: Path) -> None:
    found = estimated(tmp_path, figures(M4, device__flash_kib=140))
    assert found.fits is False
    (problem,) = found.problems
    assert problem == "too large: flash needs 168 kB of 143 kB, 25.1 kB too much"


def test_a_file_that_needs_too_much_memory_names_the_operator_where_most_is_alive(tmp_path: Path) -> None:
    found = estimated(tmp_path, figures(M4, device__ram_kib=8))
    assert found.fits is False
    (problem,) = found.problems
    assert problem.startswith("too large: RAM needs 10.7 kB of 8.19 kB")
    assert problem.endswith("most is alive at CONV_2D 'step 2'")


def test_where_the_runtimes_own_memory_is_unknown_the_peak_is_compared_and_a_note_says_so(tmp_path: Path) -> None:
    found = estimated(tmp_path, built_in()["stm32h747@x-cube-ai-8"])
    assert found.ram_bytes == found.peak.bytes
    assert any(note.startswith("RAM is what lives at once") for note in found.notes)


@pytest.mark.parametrize(
    ("kinds", "precision"),
    [((INT8, INT8), "int8"), ((FLOAT32, FLOAT32), "float32"), ((FLOAT32, INT8), "dynamic"), ((INT16, INT8), "int16x8")],
)
def test_the_precision_is_what_the_multiplications_are_computed_in(
    tmp_path: Path, kinds: tuple[int, int], precision: str
) -> None:
    steps = [Step(DENSE, (10, 4), (1, 10))]
    path = tmp_path / "net.tflite"
    write(path, steps, shape=(1, 4), kind=kinds[0], weights_kind=kinds[1])
    assert precision_of(read_network(path)) == precision


def test_a_precision_without_kernels_cannot_run_on_a_microcontroller(tmp_path: Path) -> None:
    found = estimated(tmp_path, kind=FLOAT32, weights_kind=INT8)
    assert found.problems == ("its precision is dynamic: runtimes of microcontrollers have no kernels for that",)


def test_weights_that_are_unpacked_cannot_run_in_tflm_and_may_elsewhere(tmp_path: Path) -> None:
    steps = [Step(DENSE, (8, 784), (1, 8)), Step(DEQUANTIZE, (8, 8), (1, 8))]
    found = estimated(tmp_path, steps=steps)
    assert found.problems == ("its weights are stored as int8 and unpacked: TFLM refuses or misreads that",)
    assert estimated(tmp_path, built_in()["stm32h747@x-cube-ai-8"], steps).problems == ()


def test_a_precision_without_published_points_has_no_latency_but_can_run(tmp_path: Path) -> None:
    found = estimated(tmp_path, kind=FLOAT32)
    assert found.seconds is None
    assert found.problems == ()
    assert "no latency: the profile gives cycles for int8, and the file computes in float32" in found.notes


def test_a_custom_operator_cannot_run_and_is_named(tmp_path: Path) -> None:
    found = estimated(tmp_path, steps=[Step(CONV, (8, 3, 3, 1), (1, 14, 14, 8)), Step(CUSTOM, (), (1, 4))])
    assert found.problems == ("custom operators: my_own_operator",)


def test_an_operator_whose_cycles_are_unknown_is_told_of_and_not_guessed(tmp_path: Path) -> None:
    found = estimated(tmp_path, steps=[Step(DENSE, (8, 784), (1, 8)), Step(LSTM, (), (1, 4))])
    assert found.unmodelled == ("LSTM",)
    assert found.operators[1].seconds is None
    assert any("LSTM is not in it" in note for note in found.notes)


# --- roofline ---------------------------------------------------------------------------------------


def test_a_roofline_says_what_bounds_an_operator(tmp_path: Path) -> None:
    found = estimated(tmp_path, ROOFLINE)
    assert {operator.bound for operator in found.operators} == {"memory"}
    dense = found.operators[3]
    assert dense.intensity == pytest.approx(2 * 31360 / (31360 + 3136 + 10))
    assert dense.seconds == pytest.approx((31360 + 3136 + 10) / 10e9)
    assert found.error is None


def test_much_arithmetic_on_few_bytes_is_bound_by_compute(tmp_path: Path) -> None:
    network = read_network(
        write(tmp_path / "n.tflite", [Step(CONV, (256, 3, 3, 256), (1, 16, 16, 256))], shape=(1, 16, 16, 256))
    )
    bound = bound_of(ROOFLINE, network, network.layers[0], "int8")
    assert bound.by == "compute"
    assert bound.seconds == pytest.approx(2 * network.macs / 614e9)


def first_bound(tmp_path: Path, step: Step, shape: tuple[int, ...], kind: int = INT8, without: str = "-") -> Bound:
    """Of a net of one operator, on a profile without the figures whose names begin so."""
    network = read_network(write(tmp_path / "n.tflite", [step], shape=shape, kind=kind))
    kept = {name: value for name, value in ROOFLINE.figures.items() if not name.startswith(without)}
    return bound_of(replace(ROOFLINE, figures=kept), network, network.layers[0], "int8" if kind == INT8 else "float32")


@pytest.mark.parametrize(
    ("step", "kind", "share"),
    [
        (Step(CONV, (24, 3, 3, 4), (1, 8, 8, 24)), INT8, 0.75),
        (Step(CONV, (24, 3, 3, 4), (1, 8, 8, 24)), FLOAT32, 1.0),
        (Step(DEPTHWISE, (1, 3, 3, 4), (1, 8, 8, 4)), INT8, 0.25),
        (Step(DENSE, (10, 256), (1, 10)), FLOAT32, 10 / 12),
        (Step(ADD, (), (1, 8, 8, 4)), INT8, 1.0),
        (Step(RESHAPE, (), (1, 256)), INT8, None),
    ],
)
def test_vectors_are_as_full_as_channels_fill_them(tmp_path: Path, step: Step, kind: int, share: float | None) -> None:
    found = first_bound(tmp_path, step, (1, 8, 8, 4), kind)
    assert found.simd == (share if share is None else pytest.approx(share))


def test_what_the_profile_does_not_give_is_not_told(tmp_path: Path) -> None:
    step, shape = Step(CONV, (4, 1, 1, 4), (1, 8, 8, 4)), (1, 8, 8, 4)
    assert first_bound(tmp_path, step, shape, without="roofline.simd").simd is None
    assert first_bound(tmp_path, step, shape, without="roofline.l1").held_by == "cache"
    caches = ("roofline.l1", "roofline.cache")
    bare = {name: value for name, value in ROOFLINE.figures.items() if not name.startswith(caches)}
    network = read_network(write(tmp_path / "n.tflite"))
    assert bound_of(replace(ROOFLINE, figures=bare), network, network.layers[0], "int8").held_by is None


@pytest.mark.parametrize(("side", "held_by"), [(16, "L1"), (128, "cache"), (1024, "memory")])
def test_an_operator_fits_the_nearest_cache_that_has_room_for_what_it_touches(
    tmp_path: Path, side: int, held_by: str
) -> None:
    found = first_bound(tmp_path, Step(CONV, (4, 1, 1, 4), (1, side, side, 4)), (1, side, side, 4))
    assert (found.working_set, found.held_by) == (2 * 4 * side**2 + 16, held_by)


def test_what_fits_a_cache_of_known_bandwidth_is_bound_by_that(tmp_path: Path) -> None:
    network = read_network(write(tmp_path / "n.tflite"))
    cached = figures(ROOFLINE, roofline__cache_bandwidth_gb_s=100)
    bound = bound_of(cached, network, network.layers[3], "int8")
    assert bound.by == "cache"
    assert bound.seconds == pytest.approx((31360 + 3136 + 10) / 100e9)


# --- battery ----------------------------------------------------------------------------------------


def test_a_cell_lasts_as_long_as_its_joules_bear_the_duty_cycle() -> None:
    cell = Cell("a cell", 1000, 3.0, 0.0)
    life = life_of(cell, every=10, busy=1, energy=0.009, sleep_watts=0.0001)
    assert life.watts == pytest.approx((0.009 + 0.0009) / 10)
    assert life.seconds == pytest.approx(10800 / life.watts)
    assert life.share == pytest.approx(0.009 / 0.0099)


def test_what_a_cell_loses_by_itself_shortens_its_life() -> None:
    full, leaking = Cell("a", 225, 3.0, 0.0), Cell("b", 225, 3.0, 0.3)
    lives = [life_of(cell, 3600, 0.1, 1e-3, 1e-6).seconds for cell in (full, leaking)]
    assert lives[1] < lives[0]


@pytest.mark.parametrize(
    ("spelling", "mah"), [("CR2032", 225), ("aa", 2500), ("LiPo:1000", 1000), ("lipo:350mAh", 350)]
)
def test_cells_are_named_or_given_by_their_capacity(spelling: str, mah: float) -> None:
    assert cell_of(spelling).capacity_mah == mah


@pytest.mark.parametrize("spelling", ["LiPo", "LiPo:0", "LiPo:lots", "D", ""])
def test_a_cell_that_is_not_known_is_refused_with_those_that_are(spelling: str) -> None:
    with pytest.raises(BadInput, match="known: CR2032, AA, AA-lithium, LiPo:1000"):
        cell_of(spelling)


def test_more_requests_than_there_is_time_for_cannot_be() -> None:
    with pytest.raises(BadInput, match="a request every 1 s cannot be: one takes 2 s"):
        life_of(cell_of("AA"), 1, 2, 1e-3, 0)
