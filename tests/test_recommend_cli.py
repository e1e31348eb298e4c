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
from cascaded_runs import answered, three
from decided_runs import cell, number, run

from tradeoff.cli import main
from tradeoff.decide.scenarios import parse_scenario, shipped
from tradeoff.decide.wishes import LIMITS, Roles
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


# --- cascades ---------------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["recommend", saved(three()), *arguments]) == status
    return capsys.readouterr().out


def test_a_cascade_is_chosen_told_and_drawn_up_beside_the_single_cells(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(told(capsys, "--cascade", "--width", "200").split())
    assert "ship cnn/int8/litert>mobilenet/baseline/litert" in text
    assert "a cascade: cnn/int8/litert answers; what it is less than 0.57" in text
    assert "Cascades: 3 pairs · digits" in text
    assert "of the validation split, by which the threshold was chosen" in text
    assert "mobilenet/baseline/litert fits; latency 20 ms is" in text
    assert "; passes on 17" in text
    assert "cascade" not in told(capsys)


def test_the_scenario_asks_for_cascades_and_the_command_line_overrides_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Cascades: 3 pairs" in told(capsys, "--scenario", "frugal-service")
    assert "Cascades" not in told(capsys, "--scenario", "frugal-service", "--no-cascade")
    assert "Cascades: 1 pair ·" in told(capsys, "--small", "dense/*", "--large", "cnn/*")
    assert main(["recommend", saved(three()), "--no-cascade", "--small", "a"]) == 2
    assert "--small names a part of a cascade, and --no-cascade wants none" in capsys.readouterr().err


def test_a_cascade_in_the_json_has_its_threshold_both_splits_and_the_curve(capsys: pytest.CaptureFixture[str]) -> None:
    (group,) = json.loads(told(capsys, "--cascade", "--json"))["groups"]
    found = group["choice"]["cascade"]
    assert group["choice"]["cell"] == "cnn/int8/litert>mobilenet/baseline/litert/host-cpu/b1"
    assert (found["small"], found["test"]["samples"]) == ("cnn/int8/litert/host-cpu/b1", 500)
    assert found["test"]["share_low"] < found["test"]["share"] < found["test"]["share_high"]
    (tried,) = (one for one in group["cascades"]["tried"] if one["small"] == found["small"])
    assert tried["threshold"] == found["threshold"]
    assert {point["split"] for point in tried["curve"]} == {"validation", "test"}


def test_the_csv_has_a_line_for_every_pair_whatever_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--cascade", "--format", "csv", "--objective", "latency", "--min-accuracy", "0.93")
    pairs = {line["cell"]: line for line in csv.DictReader(io.StringIO(text)) if line["status"] == "cascade"}
    assert len(pairs) == 3
    ends = "/host-cpu/b1"
    assert pairs[f"cnn/int8/litert>mobilenet/baseline/litert{ends}"]["role"] == "choice"
    assert float(pairs[f"cnn/int8/litert>mobilenet/baseline/litert{ends}"]["passed_on"]) == 0.064
    assert "no threshold keeps min-accuracy" in pairs[f"dense/int8/litert>cnn/int8/litert{ends}"]["why"]


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_other_formats_tell_of_cascades_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--cascade", "--format", name)
    assert "Cascades: 3 pairs" in text
    assert "which the threshold was chosen" in text


def test_with_cascades_no_line_is_wider_than_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert max(map(len, told(capsys, "--cascade", "--width", "80").splitlines())) <= 80


def test_names_of_cascades_with_markup_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    evil = run(*(answered(f"=1+\x1b[31m<b>{n}/int8", 0.7 + n / 10, 1e-3 * n) for n in (1, 2)))
    for name in ("terminal", "markdown", "csv", "html"):
        assert main(["recommend", saved(evil), "--cascade", "--objective", "accuracy", "--format", name]) == 0
        text = capsys.readouterr().out
        assert "\x1b" not in text
        assert name == "terminal" or "<b>1" not in text or name == "csv"
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


CASCADES = PAGE.with_name("cascades.md")


def test_the_page_of_cascades_shows_what_the_command_prints_and_a_scenario_that_can_be_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PAGE.parent.parent)
    found = re.findall(r"^```(?:sh|text)\n(.*?)^```", CASCADES.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    _, scenario, command, printed = found
    assert parse_scenario(scenario, "the page").cascade == Roles("dense/*", "*/baseline/*")
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == printed


def test_the_page_has_every_limit_every_scenario_and_a_scenario_that_can_be_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `--{name}` |" in text for name in LIMITS)
    assert set(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| `m", text, re.MULTILINE)) == set(shipped())
    assert parse_scenario(blocks("text")[2], "the page").title == "Bell at the door"
