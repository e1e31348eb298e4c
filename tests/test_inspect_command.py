"""``tradeoff inspect``: every layer of a variant, the chain's variants beside each other, and what is shipped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from user_project import Project

from tradeoff import cli
from tradeoff.inspecting.tables import Stage, artifact_table, layer_table, stage_table

TECHNIQUES = """
def narrow(job):
    import keras
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(10, activation="softmax", name="dense")], name="student")
    return tradeoff.Rewritten(model, left_out={"dense_1": "it has no place"}, notes=("a student",))
@tradeoff.hookimpl
def tradeoff_techniques():
    return [tradeoff.Technique("narrow", stage="model", apply=narrow)]
"""


def row(name: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "name": name,
        "kind": "Conv2D",
        "parameters": 73728,
        "bytes": 294912,
        "macs": 1179648,
        "shapes": {"kernel": [3, 3, 64, 128]},
        "output": [4, 4, 128],
        "output_bytes": 8192,
        "dtype": "float32",
        "bits": 32,
        "sparsity": 0.5,
        "unique": 17,
        "rank": 128,
    }
    return {**usual, **changes}


ROWS = [row("conv2d_1"), row("relu", parameters=0, macs=0, shapes={}, sparsity=None), row("x" * 30, macs=None)]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(width: int) -> None:
    changed = {"conv2d_1": {"sparsity": [0.0, 0.5], "unique": [73000, 17]}}
    told = layer_table(ROWS, changed, width)
    lines = [line for line in told.splitlines() if not line.startswith("not shown")]
    assert max(map(len, lines)) <= width
    assert "conv2d_1" in told
    assert "1 more without weights" in told
    assert ("73,728" in told) is (width >= 80)
    assert ("before" in told.splitlines()[0]) is (width == 200)
    if width == 200:
        assert "sparsity 0.0 %, values 73,000" in told
        assert "3×3×64×128" in told


def test_a_narrow_table_says_which_columns_it_has_left_out() -> None:
    left_out = layer_table(ROWS, {}, 80).splitlines()
    assert any(line.startswith("not shown in 80 columns: ") and line.endswith("output, before") for line in left_out)


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    lines = layer_table([row("a", macs=None, rank=None)], {}, 200).splitlines()
    assert lines[2].split().count("–") == 2


def stage(name: str, **totals: Any) -> Stage:
    whole = {"parameters": 10, "macs": 5, "weights_bytes": 40, "activations_bytes": 8, "all_activations_bytes": 12}
    quality = {"accuracy": 0.98, "loss": 0.07}
    return Stage(name, {**whole, "sparsity": 0.0, "unique": 9, **totals}, "accuracy", quality, 3, 1.5, 10_000_000)


def test_a_student_stands_beside_its_teacher() -> None:
    told = stage_table([stage("baseline", parameters=1000), stage("prune"), stage("distill", parameters=77)], 80)
    assert told.splitlines()[0].split() == ["variant", "baseline", "+", "prune", "+", "distill"]
    found = {line.rsplit("  ", 1)[0].split("  ")[0]: line for line in told.splitlines()}
    assert found["parameters"].split()[1:] == ["1,000", "10", "77"]
    assert "48 B" in found["inference, in theory"]
    assert "172 B" in found["training one sample, in theory"]


def test_where_room_is_short_the_first_and_the_last_variant_stay() -> None:
    names = ["baseline", "prune:0.5:schedule=polynomial", "cluster:16:start=linear", "distill:teacher=cnn"]
    told = stage_table([stage(name) for name in names], 80)
    head = told.splitlines()[0]
    assert "baseline" in head
    assert "distill" in head
    assert "not shown in 80 columns: + prune:0.5:schedule=polynomial" in told


def test_an_artifact_that_nothing_runs_has_a_size() -> None:
    told = artifact_table([{"cell": "tfjs/float32", "bytes": 1000, "gzip_bytes": 400}], 80)
    assert told.splitlines()[-1].split() == ["tfjs/float32", "1.00", "kB", "400", "B", "–", "–", "–"]


@pytest.fixture
def student(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.conftest(TECHNIQUES)
    monkeypatch.chdir(project.pytester.path)
    return project


@pytest.mark.frameworks
def test_a_cell_is_told_with_its_layers_its_teacher_and_its_file(student: Project) -> None:
    result = student.pytester.run(sys.executable, "-m", "tradeoff", "inspect", "--width=100", "dense/narrow/numpy")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "dense: narrow",
            "layer *parameters *bytes *",
            "dense *650 *2.60 kB *640 *0.0 %*",
            "variant *baseline *+ narrow",
            "parameters *50,610 *650",
            "accuracy of the Keras model *9?.?? % *",
            "narrow left out dense_1: it has no place",
            "narrow: a student",
            "artifact *file *",
            "numpy/float32 *B *",
        ]
    )


@pytest.mark.frameworks
def test_a_run_is_told_cell_by_cell(student: Project) -> None:
    student.run("--tradeoff-techniques=baseline,narrow", cells="dense/*/numpy")
    (found,) = student.pytester.path.rglob("benchmark.json")
    result = student.pytester.run(sys.executable, "-m", "tradeoff", "inspect", str(found.parent))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["dense: baseline", "*", "dense: narrow"])


@pytest.mark.frameworks
def test_one_file_is_told_once_however_many_devices_run_it(student: Project) -> None:
    student.conftest(
        """
def instant(workload):
    return tradeoff.Estimated((tradeoff.Figure("latency", 1e-3, "s"),))
@tradeoff.hookimpl
def tradeoff_devices():
    return [tradeoff.Device(f"chip{n}", "modelled", "a chip", backends=("numpy",), model=instant) for n in (1, 2)]
"""
    )
    cells = [f"dense/baseline/numpy/chip{number}" for number in (1, 2)]
    result = student.pytester.run(sys.executable, "-m", "tradeoff", "inspect", *cells)
    assert result.ret == 0
    assert str(result.stdout).count("numpy/float32") == 1


def test_a_run_without_a_built_cell_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "benchmark.json"
    file.write_text('{"tradeoff": {"schema": 1, "name": "r", "started": "now", "records": []}}', encoding="utf-8")
    assert cli.main(["inspect", str(file)]) == 2
    assert "none of its cells was built" in capsys.readouterr().err
