"""Updates: a delta gives the new file exactly, or is refused; what it takes on a device."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from device_nets import DENSE, NET, Step, model, write
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutations

from tradeoff.cli import main
from tradeoff.devices.deltas import apply_delta, make_delta
from tradeoff.devices.estimating import estimate_file
from tradeoff.devices.profiles import built_in
from tradeoff.devices.updates import update_of
from tradeoff.errors import BadInput

OLD = random.Random(0).randbytes(20_000)
M4 = built_in()["stm32l4r5@tflm-cmsis-nn"]


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 300))
def test_a_delta_applied_to_the_old_file_is_the_new_one(old: bytes, fresh: bytes, cut: int) -> None:
    new = old[cut:] + fresh + old[:cut]
    assert apply_delta(old, make_delta(old, new)) == new


def test_a_small_change_is_a_small_delta_wherever_it_is() -> None:
    for new in (
        OLD[:7001] + b"inserted" + OLD[7001:],
        OLD[:7001] + OLD[7101:],
        OLD[9999:] + OLD[:9999],
        OLD[:500] + bytes(100) + OLD[600:],
    ):
        assert len(make_delta(OLD, new)) < 200


def test_what_has_nothing_in_common_costs_hardly_more_than_itself() -> None:
    new = random.Random(1).randbytes(20_000)
    assert len(make_delta(OLD, new)) < 20_200


def test_a_delta_of_another_file_is_refused() -> None:
    delta = make_delta(OLD, OLD[100:])
    with pytest.raises(BadInput, match="was not made from this file"):
        apply_delta(OLD[1:], delta)


def test_a_damaged_delta_is_refused_or_still_right() -> None:
    new = OLD[:7001] + b"inserted" + OLD[7001:]
    refused = 0
    for delta in mutations(make_delta(OLD, new), 0, 200):
        try:
            assert apply_delta(OLD, delta) == new
        except BadInput:
            refused += 1
    assert refused > 150


def test_an_update_has_its_delta_its_times_and_whether_both_fit(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.tflite"), tmp_path / "new.tflite"
    new.write_bytes(model().replace(b"step 1", b"STEP 1"))
    found = update_of(old, new, estimate_file(new, M4), 40.0, link_kbit_s=8, flash_kb_s=100)
    assert found.delta_bytes < 200
    assert found.transfer_seconds == pytest.approx(found.delta_bytes / 1e3)
    assert found.write_seconds == pytest.approx(found.new_bytes / 1e5)
    assert found.write_joules == pytest.approx(0.04 * found.new_bytes / 1e5)
    assert found.beside is True


def test_what_nobody_told_stays_empty_and_two_large_files_do_not_fit_beside_each_other(tmp_path: Path) -> None:
    steps = [*NET[:3], Step(DENSE, (330, 3136), (1, 330))]
    path = write(tmp_path / "net.tflite", steps)
    found = update_of(path, path, estimate_file(path, M4), None, None, None)
    assert (found.transfer_seconds, found.write_seconds, found.write_joules) == (None, None, None)
    assert found.beside is False


def test_the_command_tells_of_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("old.tflite"))
    Path("new.tflite").write_bytes(model().replace(b"step 1", b"STEP 1"))
    arguments = ["estimate", "new.tflite", "--device", M4.name, "--update-from", "old.tflite"]
    assert main([*arguments, "--link-kbit-s", "50", "--flash-kb-s", "100"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("update"))
    assert "made and applied; transfer" in line
    assert line.endswith("fits beside the old one")
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["update"]["transfer_seconds"] is None
    assert main([*arguments, "--link-kbit-s", "0"]) == 2
    assert "--link-kbit-s 0 is no speed" in capsys.readouterr().err
