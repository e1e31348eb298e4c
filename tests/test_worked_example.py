"""The worked example of the docs: what its commands print, and all of it from the script to the recommendation."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tradeoff.cli import main
from tradeoff.record import read_run
from tradeoff.reports.pictures.gallery import gallery
from tradeoff.reports.tables.trainings import trainings_of

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "from-model-to-decision.md"
SAVED = ROOT / "docs" / "examples" / "meter"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reader is, with the two runs in the folders that the page calls them by."""
    for name in ("device", "device2"):
        (tmp_path / name).mkdir()
        shutil.copy(SAVED / f"{name}.json", tmp_path / name / "benchmark.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_page_shows_what_its_commands_print_of_the_saved_runs(capsys: pytest.CaptureFixture[str]) -> None:
    shown = "\n".join(blocks("text"))
    asked = [words for words in commands() if words[0] == "tradeoff" and {"device", "device2"} & {*words[2:]}]
    told = {}
    for words in asked:
        if "html" not in words:
            status = main(words[1:])
            told[words[1], "--scenario" in words] = status, capsys.readouterr().out
    statuses = {key: status for key, (status, _) in told.items()}
    assert statuses == {
        ("report", False): 0,
        ("recommend", False): 0,
        ("recommend", True): 1,
        ("compare", False): 0,
    }
    for (command, _), (_, text) in told.items():
        # Of the report the page has the first table.
        expected = text.partition("\n\n")[0] if command == "report" else text.rstrip("\n")
        assert expected in shown, command


def test_what_the_page_says_of_other_options_is_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = next(words for words in commands() if "--max-latency" in words)
    assert main(["recommend", "device", "--scenario", "battery-sensor", "--min-accuracy", "95%", "--width", "200"]) == 0
    found = capsys.readouterr().out
    assert re.search(r"choice +meter/channels\+int8/mcu", found)
    assert re.search(r"runner-up +meter/int8/mcu", found)
    assert main([word.replace("device", "device2") if word == "device" else word for word in limits[1:]]) == 0
    assert "ship meter/channels+int8/mcu" in capsys.readouterr().out


def test_the_saved_runs_have_what_the_pictures_of_the_page_are_made_of(folder: Path) -> None:
    found = read_run(folder / "device" / "benchmark.json")
    labels = {one.label for one in trainings_of([found])}
    assert {"channels", "distill student", "distill student without teacher"} <= labels
    kinds = {one.kind for one in gallery([found]).pictures}
    assert {"training curves", "sensitivity heat map"} <= kinds


@pytest.mark.frameworks
@pytest.mark.deep
def test_all_of_it_from_the_script_to_the_recommendation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tflite_micro", reason="needs TFLM: pip install 'tradeoff[mcu]'")
    monkeypatch.chdir(tmp_path)
    (script,) = blocks("python")
    (tmp_path / "make_meter.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, "make_meter.py"], check=True, capture_output=True)
    for words in commands():
        if words[0] == "pytest" and "--tradeoff-output=device2" not in words:
            quick = ["-p", "no:cacheprovider", "--benchmark-max-time=0.02", "--benchmark-min-rounds=3"]
            command = [sys.executable, "-m", *words, "--tradeoff-store=store", *quick]
            subprocess.run(command, check=True, capture_output=True)
    device, here = (read_run(tmp_path / name / "benchmark.json") for name in ("device", "here"))
    measured = [one.cell.spelling for run in (device, here) for one in run.records if one.status == "measured"]
    assert len(measured) == 5 + 12
    best = {one.cell.chain: one.measurements["accuracy"].value or 0 for one in device.records if one.measurements}
    assert best["baseline"] > 0.93
    assert best["channels+int8"] > 0.93
    labels = {one.label for one in trainings_of([here])}
    assert labels == {"prune:0.7", "channels", "distill student", "distill student without teacher"}
    maps = [one.title for one in gallery([here]).pictures if one.kind == "sensitivity heat map"]
    assert [title.partition(" to ")[2] for title in maps] == ["bits of weights", "share of channels cut"]
    asked = next(words for words in commands() if "--max-latency" in words)
    assert main([*asked[1:], "--min-accuracy", "90%"]) == 0
