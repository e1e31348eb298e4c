"""Devices with an Ethos-U: what Vela says of a file, what it leaves to the processor, and whether there is room."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copy

import pytest

pytest.importorskip("ethosu")

from device_nets import FLOAT32, write
from litert_nets import artifact, folder, own_layer, strangers
from mutations import mutations
from test_devices_modelling import work
from trained import NOISE

from tradeoff.cli import main
from tradeoff.devices.estimates import Estimate
from tradeoff.devices.estimating import estimate_file
from tradeoff.devices.profiles import DeviceProfile, built_in, parse_profile
from tradeoff.devices.vela import Compiled, compiled
from tradeoff.devices.workloads import model_of
from tradeoff.errors import BadInput, Refused, TradeoffError

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
U55 = built_in()["cortex-m55-u55-128@vela-5"]
#: Its processor's cycles are known, and how much memory it has.
RA8P1 = built_in()["ra8p1@vela-5"]
ALL = sorted(name for name, profile in built_in().items() if profile.npu)


@cache
def found(name: str) -> Estimate:
    return estimate_file(artifact("int8"), built_in()[name])


@cache
def odd() -> Path:
    """A net with an operator in the middle that no NPU has."""
    import keras

    keras.utils.set_random_seed(0)
    import numpy as np

    layers = (keras.layers.Conv2D(8, 3, activation="relu"), own_layer("floor"), keras.layers.Conv2D(8, 3))
    net = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(3)])
    return strangers(folder(), net, samples=np.random.default_rng(0).random((20, 8, 8, 1), np.float32))


def on(profile: DeviceProfile, **changed: str) -> Compiled:
    told = {**profile.npu, **changed}
    return compiled(artifact("int8"), told["accelerator"], told["system_config"], told["memory_mode"])


def figures(profile: DeviceProfile, **changed: float) -> DeviceProfile:
    names = {name.replace("__", "."): value for name, value in changed.items()}
    return replace(profile, figures={**profile.figures, **names})


# --- time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_npu_that_is_shipped_runs_an_int8_net(name: str) -> None:
    told = found(name)
    assert told.seconds is not None
    assert 0 < told.seconds < 0.01
    assert told.problems == ()
    assert told.on_npu is not None
    assert told.on_npu.accelerator == built_in()[name].npu["accelerator"]
    assert told.on_npu.cycles > 0


def test_the_latency_is_velas_cycles_over_the_clock_and_is_that_of_the_operators_together() -> None:
    told, made = found(U55.name), on(U55)
    assert told.seconds == pytest.approx(made.cycles / 500e6)
    assert sum(operator.seconds or 0.0 for operator in told.operators) == pytest.approx(told.seconds)
    assert sum(told.shares.values()) == pytest.approx(1)


def test_another_clock_is_another_time_and_a_note_says_what_becomes_of_the_memories() -> None:
    slow = estimate_file(artifact("int8"), figures(U55, npu__clock_mhz=250))
    assert slow.seconds == pytest.approx(2 * (found(U55.name).seconds or 0.0))
    (note,) = (note for note in slow.notes if "in proportion" in note)
    assert note.startswith("Ethos_U55_High_End_Embedded is at 500 MHz")
    assert not any("in proportion" in note for note in found(U55.name).notes)


def test_an_npu_of_twice_the_size_takes_fewer_cycles() -> None:
    cycles = [on(U55, accelerator=f"ethos-u55-{macs}").cycles for macs in (32, 64, 128, 256)]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 1.4 * cycles[-1]


def test_the_operators_are_those_of_the_file_with_what_was_fused_into_them() -> None:
    kinds = [operator.kind for operator in found(U55.name).operators]
    assert kinds[0] == "QUANTIZE"
    assert kinds[-1] == "DEQUANTIZE"
    assert kinds.count("FULLY_CONNECTED") == 1
    assert "CONV_2D" in kinds
    told = {operator.kind: operator for operator in found(U55.name).operators}
    assert told["CONV_2D"].bound in ("compute", "SRAM", "DRAM", "flash")
    assert told["QUANTIZE"].bound == "CPU"
    assert sum(operator.macs for operator in found(U55.name).operators) == found(U55.name).macs


def test_nobody_has_checked_such_a_latency() -> None:
    assert U55.trust == "modelled, unvalidated"
    assert found(U55.name).error is None


# --- what is left to the processor --------------------------------------------------------------------


def test_what_vela_leaves_to_the_processor_is_named_with_velas_reason() -> None:
    told = estimate_file(odd(), U55).on_npu
    assert told is not None
    left = {kind: why for kind, _, why in told.left}
    assert left["FLOOR"] == "Unsupported opType"
    assert "unsupported DataType Float32" in left["QUANTIZE"]
    assert "CONV_2D" not in left


def test_its_time_is_that_of_the_processor_where_the_profile_has_one() -> None:
    told, made = found(RA8P1.name), on(RA8P1)
    assert told.on_npu is not None
    assert told.on_npu.on_cpu > 0
    assert told.seconds == pytest.approx(made.cycles / 500e6 + told.on_npu.on_cpu)
    (first,) = (operator for operator in told.operators if operator.kind == "QUANTIZE")
    cycles = RA8P1.latency["int8"].cycles
    assert first.seconds == pytest.approx((cycles["elements"] * 64 + cycles["operators"]) / 1e9)


def test_where_no_source_gives_it_it_is_not_in_the_latency_and_a_note_says_so() -> None:
    assert found(U55.name).unmodelled == ("DEQUANTIZE", "QUANTIZE")
    (note,) = (note for note in found(U55.name).notes if note.startswith("the time of"))
    assert note.startswith(
        "the time of DEQUANTIZE, QUANTIZE is not in it: the processor runs them, and no source gives"
    )
    # Cycles of int8 say nothing of floats.
    assert estimate_file(odd(), RA8P1).unmodelled == ("FLOOR",)


def test_the_npu_is_started_anew_after_what_the_processor_does() -> None:
    assert any(note.startswith("the NPU is started once;") for note in found(U55.name).notes)
    assert any(note.startswith("the NPU is started 2 times;") for note in estimate_file(odd(), U55).notes)


# --- memory -------------------------------------------------------------------------------------------


def test_flash_is_the_file_that_vela_writes_and_ram_what_it_plans() -> None:
    told, made = found(U55.name), on(U55)
    assert told.flash_bytes == made.file_bytes
    assert told.ram_bytes == made.used["sram"] > 0
    assert told.fits is None
    assert told.on_npu is not None
    assert [area.name for area in told.on_npu.areas] == ["RAM", "constants in flash"]
    assert all(area.traffic > 0 for area in told.on_npu.areas)


def test_it_fits_or_says_by_how_much_it_does_not() -> None:
    assert found(RA8P1.name).fits is True
    small = estimate_file(artifact("int8"), figures(RA8P1, npu__sram_kib=1, device__flash_kib=8))
    assert small.fits is False
    flash, ram = small.problems
    assert flash.startswith("too large: flash needs ")
    assert ram.startswith("too large: RAM needs ")
    assert ram.endswith(" too much")


def test_where_all_lies_in_the_sram_the_weights_do() -> None:
    shared = found(U55.name)
    alone = estimate_file(artifact("int8"), replace(U55, npu={**U55.npu, "memory_mode": "Sram_Only"}))
    assert shared.on_npu is not None
    constants = shared.on_npu.areas[1].bytes
    assert alone.ram_bytes == pytest.approx(shared.ram_bytes + constants, rel=0.1)


def test_what_lies_in_the_dram_is_told_apart() -> None:
    told = found("imx93@vela-5").on_npu
    assert told is not None
    assert [area.name for area in told.areas] == ["RAM", "DRAM"]
    by_name = {figure.name: figure for figure in model_of(built_in()["imx93@vela-5"], work(artifact("int8"))).figures}
    assert by_name["dram_bytes"].value == told.areas[1].bytes


# --- cells and commands -------------------------------------------------------------------------------


def test_a_cell_is_told_latency_cycles_memory_and_what_is_left_to_the_processor() -> None:
    told = model_of(RA8P1, work(artifact("int8"), 2))
    by_name = {figure.name: figure for figure in told.figures}
    assert by_name["latency"].value == pytest.approx(2 * (found(RA8P1.name).seconds or 0.0))
    assert by_name["latency"].error is None
    assert by_name["energy"].value is None
    assert by_name["cpu_operators"].value == 2
    assert "DEQUANTIZE: Unsupported opType" in by_name["cpu_operators"].note
    assert by_name["flash_bytes"].note.startswith("the file that Vela writes")
    assert told.source.startswith("cycles of ethos-u55-256 by Vela 5.")
    assert told.fits is True


def test_a_cell_is_told_what_its_latency_leaves_out() -> None:
    latency = model_of(U55, work(artifact("int8"))).figures[0]
    assert latency.note.startswith("the time of DEQUANTIZE, QUANTIZE is not in it")


def test_the_command_tells_what_runs_where_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(odd()), "--device", RA8P1.name]) == 0
    text = capsys.readouterr().out
    assert "modelled, unvalidated" in text
    assert "cycles by Vela 5." in text
    assert "on the CPU: FLOOR" in text
    assert "Unsupported opType" in text
    assert "ops/byte" not in text


def test_plain_data_has_the_cycles_and_the_memories(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(artifact("int8")), "--device", U55.name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["on_npu"]["cycles"] == on(U55).cycles
    assert told["on_npu"]["areas"][0]["name"] == "RAM"
    assert told["error"] is None


def test_a_profile_is_shown_with_what_vela_is_told_and_where_that_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "show", U55.name]) == 0
    text = capsys.readouterr().out
    assert "npu.system_config" in text
    assert "Ethos_U55_High_End_Embedded" in text
    assert "Arm/vela.ini" in text


# --- what goes wrong ----------------------------------------------------------------------------------


def test_floats_have_no_place_there_and_vela_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ethosu", None)
    told = estimate_file(write(tmp_path / "net.tflite", kind=FLOAT32), U55)
    (problem,) = told.problems
    assert problem.startswith("its precision is float32: an Ethos-U multiplies whole numbers alone")
    assert told.seconds is None


def test_without_vela_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ethosu", None)
    with pytest.raises(Refused, match=r"not installed: ethos-u-vela: pip install 'tradeoff\[npu\]'"):
        estimate_file(write(tmp_path / "net.tflite"), U55)


def test_a_file_that_ends_vela_is_refused_in_one_line_and_the_next_one_is_compiled(tmp_path: Path) -> None:
    # It has no quantization, which nothing but the compiler misses.
    with pytest.raises(Refused, match=r"net\.tflite ends Vela with SIG\w+: ") as caught:
        estimate_file(write(tmp_path / "net.tflite"), U55)
    assert "\n" not in str(caught.value)
    assert on(U55).cycles > 0


def test_a_file_may_be_called_anything(tmp_path: Path) -> None:
    path = Path(copy(artifact("int8"), tmp_path / '-a, "b" [c].v2.tflite'))
    assert estimate_file(path, U55).seconds == found(U55.name).seconds


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"ethos-u55-128"',
            '"ethos-u55-100"',
            r"npu.accelerator = 'ethos-u55-100' is not known: it is the NPU",
        ),
        ('"Shared_Sram"', '"Shared"', r"npu.memory_mode = 'Shared' is not known"),
        ('"Ethos_U55_High_End_Embedded"', "7", r"npu.system_config = 7 is not a text"),
        (
            'memory_mode = "Shared_Sram"\n',
            "",
            r"\[npu\] has no memory_mode: Vela's use of the memories, one of",
        ),
        ('kind = "npu"', 'kind = "mcu"', r"kind = 'mcu' and a section \[npu\]"),
        ('"npu.system_config" = ', '"npu.clock" = ', r"npu.system_config has no source"),
        ("[sources]", "[validation.int8]\n[sources]", r"a profile with an NPU has no \[validation\]"),
    ],
)
def test_a_mistake_in_a_profile_is_one_message(old: str, new: str, told: str) -> None:
    text = Path(sys.modules["tradeoff.devices"].__path__[0], "profiles", U55.file).read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(BadInput, match=told):
        parse_profile(text.replace(old, new, 1).encode(), "mine.toml")


def test_a_profile_without_the_section_says_so() -> None:
    text = Path(sys.modules["tradeoff.devices"].__path__[0], "profiles", U55.file).read_text(encoding="utf-8")
    begin, rest = text.split("[npu]")
    with pytest.raises(BadInput, match=r"kind = 'npu' and no section \[npu\]"):
        parse_profile(f"{begin}[sources]{rest.split('[sources]')[1]}".encode(), "mine.toml")


@pytest.mark.deep
def test_changed_files_are_estimated_or_refused(tmp_path: Path) -> None:
    fates = {"told": 0, "refused": 0}
    for number, changed in enumerate(mutations(artifact("int8").read_bytes(), 0, 300)):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(changed)
        try:
            estimate_file(path, U55)
            fates["told"] += 1
        except TradeoffError as error:
            assert "\n" not in str(error)
            fates["refused"] += 1
    assert min(fates.values()) > 0
