"""``tradeoff recommend``: exit codes, formats, and one message for each mistake."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from decided_runs import cell, number, run

from tradeoff.cli import main
from tradeoff.decide.scenarios import parse_scenario, shipped
from tradeoff.decide.wishes import LIMITS
from tradeoff.record import JSON_KEY, Axes, Record, Run, run_to_json


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def saved(one: Run, name: str = "run.json") -> str:
    Path(name).write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(one)}), encoding="utf-8")
    return name


def numbers(latency: float, accuracy: float, size: float) -> dict[str, object]:
    return {"latency": number("latency", latency, 0.01), "accuracy": accuracy, "artifact_bytes": size}


EXAMPLE = run(
    cell("cnn/baseline", numbers(4e-3, 0.98, 200e3), test_samples=4000),  # type: ignore[arg-type]
    cell("cnn/int8", numbers(2e-3, 0.95, 60e3), test_samples=4000),  # type: ignore[arg-type]
    cell("cnn/dynamic", numbers(3e-3, 0.975, 98e3), test_samples=4000),  # type: ignore[arg-type]
    cell("cnn/fp16", numbers(1e-3, 0.98, 90e3), "noisy", test_samples=4000),  # type: ignore[arg-type]
    Record(Axes.parse("cnn/int4/litert/host-cpu/b1"), status="refused", reason="not supported by format: 4 bits"),
)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["recommend", saved(EXAMPLE), *arguments]) == status
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "status"),
    [((), 0), (("--max-size", "70kB"), 0), (("--max-size", "7kB"), 1), (("--max-flash", "1MB"), 1)],
)
def test_the_exit_status_is_one_when_nothing_fits_and_only_then(arguments: tuple[str, ...], status: int) -> None:
    assert main(["recommend", saved(EXAMPLE), *arguments]) == status


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-size", "70"), "--max-size '70' has no unit"),
        (("--objective", "speed"), "unknown objective 'speed'"),
        (("--scenario", "none"), "unknown scenario 'none'"),
        (("--device", "gpu"), "no cell of these runs is asked for by --device 'gpu'"),
        (("--max-error", "0.1"), "max-error 0.1: of accuracy, the metric of digits, more is better; use min-accuracy"),
        (("--format", "html5"), "unknown report format 'html5'"),
        (("--format", "junit"), "the report format 'junit' does not show recommendations"),
    ],
)
def test_a_mistake_is_one_message_and_status_two(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", saved(EXAMPLE), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"tradeoff: {message}")


def test_the_answer_names_the_choice_the_runner_up_and_why_not_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--max-size", "150kB", "--objective", "latency", "--width", "200")
    assert "Recommendation · digits · host-cpu · b1 · AMD EPYC 7B13 x86_64 8: ship cnn/int8/litert" in text
    assert "cnn/dynamic/litert fits; latency 3 ms is 1 ms (50 %) more than the choice" in text
    assert "cnn/fp16/litert noisy: its timing is not to be relied on" in text
    assert "cnn/baseline/litert size 200 kB is 50 kB (33 %) above max-size" in text
    assert "cnn/int4/litert refused: not supported by format: 4 bits" in text
    assert "cnn/fp16/litert would be chosen with --allow noisy" in text
    assert "would be chosen: 1 ms (33 %) less latency would make it equal; or --min-accuracy 0.9750" in text


def test_the_answer_says_what_more_room_would_buy(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--max-size", "70kB", "--max-latency", "1s", "--objective", "accuracy", "--width", "200")
    assert (
        "28 kB more (--max-size 98.0kB) buys cnn/dynamic/litert: accuracy +2.50 pp, latency +1 ms, size +38 kB" in text
    )
    assert "130 kB more (--max-size 200kB) buys cnn/baseline/litert: accuracy +3.00 pp" in text


def test_when_nothing_fits_the_nearest_miss_is_told_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--max-size", "50kB", "--max-latency", "1.9ms", "--width", "200", status=1)
    assert "b1 · AMD EPYC 7B13 x86_64 8: nothing fits" in text
    assert "cnn/int8/litert fits with --max-latency 2.00ms --max-size 60.0kB" in text


def test_the_weights_influence_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--objective", "accuracy:2,latency:1", "--width", "200")
    assert "weight of latency 1: above " in text


def test_the_command_line_overrides_the_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--scenario", "realtime-video", "--max-latency", "2.5ms", "--width", "200")
    assert "Real-time video on an edge device: each frame is answered" in text
    assert "ship cnn/int8/litert" in text


def test_the_json_is_versioned_and_has_every_cell_with_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", saved(EXAMPLE), "--json", "--max-size", "70kB"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["found"]) == (1, True)
    (group,) = found["groups"]
    assert group["choice"]["cell"] == "cnn/int8/litert/host-cpu/b1"
    assert group["choice"]["numbers"]["latency"]["provenance"] == "measured"
    told = {one["cell"]: [reason["about"] for reason in one["reasons"]] for one in group["rejected"]}
    assert told == {
        "cnn/baseline/litert/host-cpu/b1": ["max-size"],
        "cnn/dynamic/litert/host-cpu/b1": ["max-size"],
        "cnn/fp16/litert/host-cpu/b1": ["noisy", "max-size"],
    }
    assert group["unmeasured"][0]["status"] == "refused"
    assert group["limits"][0]["binds"]
    assert group["limits"][0]["relaxations"][0]["to"] == "98.0kB"


def test_the_csv_has_a_line_for_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", saved(EXAMPLE), "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    roles = {line["cell"]: line["role"] for line in lines}
    assert len(roles) == len(EXAMPLE.records)
    assert sorted(roles.values()) == ["choice", "fits", "rejected", "rejected", "runner-up"]


def test_the_markdown_begins_with_the_answer_and_goes_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", saved(EXAMPLE), "--format", "markdown", "--output", "answer.md"]) == 0
    assert capsys.readouterr().out == ""
    assert Path("answer.md").read_text(encoding="utf-8").startswith("### Recommendation · digits")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", saved(EXAMPLE), "--width", str(width), "--max-size", "100kB"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= max(width, 60)


def test_names_with_markup_and_formulas_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    evil = run(*(cell(f"=1+\x1b[31m|<b>{n}/int8", {"latency": 1e-3 * n, "accuracy": 0.9}) for n in (1, 2, 3)))
    for name in ("terminal", "markdown", "csv"):
        assert main(["recommend", saved(evil), "--format", name]) == 0
        text = capsys.readouterr().out
        assert "\x1b" not in text
        assert name != "markdown" or "<b>" not in text
        assert name != "csv" or not [v for line in csv.reader(io.StringIO(text)) for v in line if v.startswith("=")]


# --- the page ---------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "recommend.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_the_commands_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PAGE.parent.parent)
    commands = [shlex.split(block)[1:] for block in blocks("sh") if "docs/examples" in block]
    statuses = [main(command) for command in commands[:2]]
    assert statuses == [0, 1]
    assert capsys.readouterr().out == "".join(blocks("text")[:2])
    assert main(commands[2]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.MULTILINE))))
    assert group.keys() <= told


def test_the_page_has_every_limit_every_scenario_and_a_scenario_that_can_be_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `--{name}` |" in text for name in LIMITS)
    assert set(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| `m", text, re.MULTILINE)) == set(shipped())
    assert parse_scenario(blocks("text")[2], "the page").title == "Bell at the door"
