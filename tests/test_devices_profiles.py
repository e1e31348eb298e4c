"""Profiles of devices: what is shipped is whole and sourced, and a mistake in a user's own is one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest
from device_nets import findings

from tradeoff.devices.fitting import Prior, fit
from tradeoff.devices.points import population, published
from tradeoff.devices.profiles import built_in, find, parse_profile, read_profile, shipped
from tradeoff.devices.schema import SECTIONS
from tradeoff.devices.validating import prior_of, validate_energy
from tradeoff.errors import BadInput, UnknownName

OWN = """
name = "mine@tflm"
summary = "my board"
kind = "mcu"

[device]
core = "Cortex-M4"
clock_mhz = 100
flash_kib = 512
ram_kib = 128

[runtime]
name = "TFLM"

[latency.int8]
form = "compiled"
conv_macs_cycles = 2
depthwise_macs_cycles = 6
dense_macs_cycles = 2
outputs_cycles = 20
elements_cycles = 20
operators_cycles = 3000

[power]
active_mw = 30

[sources]
"device.clock_mhz" = "its data sheet"
"device.flash_kib" = "its data sheet"
"device.ram_kib" = "its data sheet"
"latency.int8" = "my own measurements"
"power.active_mw" = "my own measurements"
"""


def test_the_profiles_are_many_and_of_many_kinds() -> None:
    profiles = built_in()
    assert len(profiles) >= 25
    cores = " ".join(profile.core for profile in profiles.values())
    wanted = ("Cortex-M0+", "Cortex-M4", "Cortex-M7", "Cortex-M33", "Cortex-M55", "Cortex-M85", "Xtensa LX7", "RV32")
    assert [core for core in wanted if core not in cores] == []
    assert [
        core for core in ("Cortex-A53", "Cortex-A72", "Cortex-A76", "Cortex-A78", "Firestorm") if core not in cores
    ] == []


@pytest.mark.parametrize("name", sorted(built_in()))
def test_a_shipped_profile_is_found_under_its_name_and_names_the_source_of_each_figure(name: str) -> None:
    profile = shipped(name)
    assert profile is not None
    assert profile == built_in()[name]
    told = {*(f"npu.{key}" for key in profile.npu), *(f"latency.{precision}" for precision in profile.latency)}
    assert set(profile.sources) == {*profile.figures, *told}


def test_the_cycles_of_the_profiles_are_those_that_the_published_points_give() -> None:
    checked = 0
    priors: dict[tuple[str, str], Prior] = {}
    for system in published():
        profile = built_in().get(system.name)
        if profile is None:
            continue
        key = (system.population, system.kernels)
        if key not in priors:
            priors[key] = prior_of(system, population(system.population))
        cycles = fit(system.samples(), priors[key])
        assert profile.latency[system.precision].cycles == pytest.approx(cycles, rel=2e-3), system.name
        assert profile.figures["device.clock_mhz"] == pytest.approx(system.clock_hz / 1e6)
        checked += 1
    assert checked >= 40


def test_the_errors_in_the_profiles_are_those_that_validation_finds() -> None:
    checked = 0
    for found in findings():
        profile = built_in().get(found.system.name)
        if profile is None:
            continue
        told = profile.validation[found.system.precision]
        assert told.points == found.points
        assert told.left_out == found.system.left_out
        assert told.mean_error == pytest.approx(found.mean, abs=2e-3)
        assert told.median_error == pytest.approx(found.middle, abs=2e-3)
        assert told.worst_error == pytest.approx(found.worst.error, abs=2e-2)
        checked += 1
    assert checked >= 40


def test_the_power_in_the_profiles_is_published_energy_over_published_latency() -> None:
    for found in validate_energy(published()):
        profile = built_in().get(found.system.name)
        if profile is not None:
            assert profile.figures["power.active_mw"] == pytest.approx(found.watts * 1e3, rel=2e-3)


def test_a_profile_whose_latency_was_never_checked_says_so() -> None:
    assert built_in()["nrf52840@tflm-cmsis-nn"].trust == "modelled, unvalidated"
    assert built_in()["esp32@tflm"].trust == "no latency"


def test_a_profile_of_ones_own_needs_a_file_and_no_code(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN, encoding="utf-8")
    profile = read_profile(path)
    assert find("mine@tflm", {profile.name: profile}) is profile
    assert profile.figures["device.clock_mhz"] == 100
    assert profile.latency["int8"].cycles["outputs"] == 20
    assert profile.trust == "modelled, unvalidated"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("clock_mhz = 100", "clock_ghz = 0.1", "no 'clock_ghz' in [device]; did you mean 'clock_mhz'? Units are part"),
        ("clock_mhz = 100", "clock_mhz = 100_000_000", "device.clock_mhz = 1e+08 cannot be: it is its clock in MHz"),
        ("clock_mhz = 100", 'clock_mhz = "100 MHz"', "device.clock_mhz = '100 MHz' is no number"),
        ("clock_mhz = 100", "clock_mhz = nan", "device.clock_mhz = nan cannot be"),
        ("clock_mhz = 100", "clock_mhz = true", "device.clock_mhz = True is no number"),
        ("clock_mhz = 100\n", "", "[device] has no clock_mhz: its clock in MHz"),
        ('core = "Cortex-M4"\n', "", "[device] has no core"),
        ('kind = "mcu"\n', "", "'kind' is missing"),
        ('kind = "mcu"', 'kind = "toaster"', "kind = 'toaster' is neither of: mcu (a microcontroller), platform"),
        ("mine@tflm", "mine", "name = 'mine' is not DEVICE@RUNTIME"),
        ("mine@tflm", "../mine@tflm", "is not DEVICE@RUNTIME"),
        ("outputs_cycles = 20\n", "", "[latency.int8] has no outputs_cycles"),
        ('form = "compiled"', 'form = "magic"', "latency.int8.form = 'magic' is none of: compiled, interpreted"),
        ("[latency.int8]", "[latency.int7]", "there is no 'int7' among the precisions"),
        ('"power.active_mw" = "my own measurements"\n', "", 'power.active_mw has no source; add "power.active_mw" = "'),
        ("[power]", "[powers]", "there is no 'powers' at its top; did you mean 'power'?"),
        ('summary = "my board"', 'summary = "my board"\nroofline = 30', "[roofline] is no section but 30"),
        ("active_mw = 30", "active_mw = -3", "power.active_mw = -3 cannot be"),
        ("[device]", "[device", "is no TOML"),
    ],
)
def test_a_mistake_is_one_message_that_names_it(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in OWN
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(before, after), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_profile(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("blob", [b"\xff\xfe", b"name", b"[" * 5000, b"a = " + b"[" * 3000], ids=range(4))
def test_what_is_no_toml_is_refused(blob: bytes) -> None:
    with pytest.raises(BadInput, match="is no TOML"):
        parse_profile(blob, "mine.toml")


def test_a_folder_and_a_missing_file_are_no_profiles(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no profile of a device"):
        read_profile(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_profile(tmp_path / "none.toml")


def test_a_name_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'stm32h747@x-cube-ai-8'") as caught:
        find("stm32h747@x-cube-ai8", {})
    assert "--device-file" in str(caught.value)


def test_every_key_with_a_unit_ends_in_it() -> None:
    units = ("mhz", "kib", "_v", "bytes", "mw", "uw", "gops", "gflops", "gb_s", "us", "threads", "bits")
    keys = [key for fields in SECTIONS.values() for key, field in fields.items() if not field.text]
    assert [key for key in keys if not key.endswith(units)] == []
