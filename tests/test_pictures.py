"""Pictures as plain data: which are drawn, of what, and why others are not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cascaded_runs import three
from decided_runs import cell, run
from paged_runs import CHAINS, measured, shown

import tradeoff
from tradeoff.cli import main
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Roles, Wish, parse_goal
from tradeoff.record import Run, run_to_json
from tradeoff.reports.page.renderer import Page
from tradeoff.reports.pictures.cascade import pictures_of
from tradeoff.reports.pictures.curves import numbers_in
from tradeoff.reports.pictures.gallery import GROUPS, Gallery, as_files, gallery
from tradeoff.reports.pictures.looks import config
from tradeoff.reports.pictures.specs import Picture


@pytest.fixture(scope="module")
def drawn() -> Gallery:
    return gallery([shown()])


def titles(found: Gallery, group: int | None = 0) -> list[str]:
    return [one.title for one in found.pictures if one.group == group]


def picture(found: Gallery, title: str, group: int | None = 0) -> Picture:
    return next(one for one in found.pictures if one.title == title and one.group == group)


def everything_in(part: Any) -> Iterator[Any]:
    yield part
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for one in part:
            yield from everything_in(one)


def test_a_whole_run_gives_every_kind_of_picture(drawn: Gallery) -> None:
    assert drawn.left_out == (
        "curves of a sweep: no 3 cells differ in one number of one technique alone",
        "cascade: no two cells of a group have answers sample by sample, one cheaper and one more often right",
    )
    assert titles(drawn) == [
        *(f"Accuracy against {cost}" for cost in ("latency", "size", "memory", "energy")),
        "The best cells in all dimensions",
        *(f"{what} of {model}" for model in ("dense", "cnn") for what in ("Size", "Latency")),
        "Energy by meter",
        "Roofline of the best cells",
        *(f"Operators of {name}" for name in ("cnn/baseline/litert", "cnn/prune:0.8+int8/litert")),
    ]
    assert titles(drawn, None) == [
        "Latency of dense over devices",
        *(f"{what} over epochs of {model}" for model in ("dense", "cnn") for what in ("Accuracy", "Loss")),
        *(f"Sensitivity of {model} to bits of weights" for model in ("dense", "cnn")),
    ]


def test_what_nobody_measured_says_so_on_its_axis(drawn: Gallery) -> None:
    assert "Accuracy against latency (modelled)" in titles(drawn, 1)
    assert "Accuracy against latency" not in titles(drawn, 1)
    origins = {point["device"]: point["origin"] for point in picture(drawn, titles(drawn, None)[0], None).values}
    assert origins == {"host-cpu": "measured", "rp2040@tflm": "modelled"}


def test_what_cannot_be_drawn_is_told_once_with_its_reason() -> None:
    found = gallery([run(cell("m/a", {"accuracy": 0.9}), cell("m/b", {"accuracy": 0.8}))])
    assert found.pictures == ()
    kinds = [line.partition(":")[0] for line in found.left_out]
    assert kinds == [
        *("front", "radar", "size bars", "latency bars", "energy split", "roofline", "per-layer profile"),
        *("curves of a sweep", "cascade", "latency over devices", "training curves", "sensitivity heat map"),
    ]
    assert "front: no group has 3 cells with an accuracy and a cost" in found.left_out


def test_no_run_has_no_picture() -> None:
    assert gallery([]).pictures == ()


def test_the_front_is_joined_and_the_others_are_paler(drawn: Gallery) -> None:
    standing = {point["label"]: point["size_front"] for point in drawn.points if point["model"] == "cnn"}
    assert standing["prune:0.8+int8/litert"] == "front"
    assert {standing[f"{chain}/onnxruntime"] for chain in CHAINS} <= {"front", "front?", "tied", "dominated"}
    beaten = gallery([run(*(cell(f"m/{n}", {"accuracy": a, "latency": s}) for n, a, s in _POINTS))])
    assert [point["latency_front"] for point in beaten.points] == ["front", "front", "dominated"]


_POINTS = (("fast", 0.8, 1e-3), ("good", 0.99, 4e-3), ("bad", 0.7, 9e-3))


def test_a_point_has_the_texts_that_a_table_would_have(drawn: Gallery) -> None:
    point = next(p for p in drawn.points if p["cell"] == "dense/int8/litert/host-cpu/b1")
    assert (point["latency_short"], point["latency_text"]) == ("1.20 µs", "1.20 µs [1.18 – 1.22 µs]")
    assert point["accuracy_text"].startswith("97.30 % [")
    away = next(p for p in drawn.points if p["cell"] == "dense/int8/mcu/rp2040@tflm/b1")
    assert away["latency_text"] == "~360 µs (modelled)"


def test_one_backend_has_one_colour_in_all_pictures(drawn: Gallery) -> None:
    domains = {
        json.dumps(part["scale"])
        for one in drawn.pictures
        for part in everything_in(one.spec)
        if isinstance(part, dict) and part.get("field") == "backend" and "scale" in part
    }
    assert domains == {'{"domain": ["litert", "mcu", "onnxruntime"]}'}


# --- sweeps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ("baseline", []),
        ("int8", []),
        ("prune:0.5", [("prune:#", "prune", 0.5)]),
        ("prune:0.5+int8", [("prune:#+int8", "prune", 0.5)]),
        ("cluster:16:kd=0.1", [("cluster:#:kd=0.1", "cluster", 16.0), ("cluster:16:kd=#", "cluster kd", 0.1)]),
        ("a:inf+b:1e5+c:-1+d:٣+e:1_0+f:x=1.2.3", []),
    ],
)
def test_a_chain_tells_its_numbers(chain: str, found: list[tuple[str, str, float]]) -> None:
    assert [(*sweep, number) for sweep, number in numbers_in(chain)] == found


def test_three_values_of_one_number_make_curves() -> None:
    cells = [measured(f"dense/prune:{n}+int8/litert/host-cpu/b1", 1 - float(n)) for n in ("0.5", "0.7", "0.9")]
    found = gallery([run(*cells)])
    sweeps = [one for one in found.pictures if one.kind == "curves of a sweep"]
    assert [one.title for one in sweeps] == [
        f"{name} over prune in prune:#+int8" for name in ("Accuracy", "Latency", "Size", "Energy")
    ]
    assert [point["at"] for point in sweeps[0].values] == [0.5, 0.7, 0.9]


# --- strangers --------------------------------------------------------------------------------------

EVIL = "x');alert(1);//\"'`</script>[]datum"


def test_a_name_is_data_and_never_part_of_an_expression() -> None:
    values = {"accuracy": 0.9, "latency": 1e-3, "artifact_bytes": 5.0, "peak_bytes": 7.0}
    records = [
        cell(
            f"{EVIL.replace('/', '|')}/{chain}",
            values | {"latency": 1e-3 * (1 + n)},
            EVIL,
            task=EVIL,
            profile=_ODD,
            training={"curves": [{"epoch": [1, 2], "metric": [0.1, 0.2], "validation_loss": [2, 1], "name": EVIL}]},
            verified=[{"step": EVIL, "told": {"sensitivity": {EVIL: {EVIL: 1.0}}, "sensitivity_over": EVIL}}],
        )
        for n, chain in enumerate(("baseline", f"prune:0.{EVIL.replace('/', '|')}", "prune:0.5"))
    ]
    found = gallery([run(*records)])
    assert {"training curves", "sensitivity heat map"} <= {one.kind for one in found.pictures}
    for one in found.pictures:
        for part in everything_in(one.spec):
            if isinstance(part, dict):
                told = [part.get(key) for key in ("calculate", "test", "labelExpr", "expr")]
                assert "alert" not in json.dumps(told)
                assert not isinstance(part.get("filter"), str)


_ODD = {"operators": "none", "source": 3}


def test_a_profile_of_another_shape_is_no_profile() -> None:
    odd = replace(measured("dense/int8/litert/host-cpu/b1", 0.3), facts={"profile": _ODD, "energy": 7})
    found = gallery([run(odd, measured("dense/baseline/litert/host-cpu/b1", 1.0))])
    assert "per-layer profile" not in {line.partition(":")[0] for line in found.left_out}
    assert [one.title for one in found.pictures if one.kind == "per-layer profile"] == [
        "Operators of dense/baseline/litert"
    ]


def test_files_have_names_of_their_own_that_are_no_paths() -> None:
    models = ("../../evil", "..\\evil", "a b", "a-b")
    records = [
        measured(f"{model.replace('/', '|')}/{chain}/litert/host-cpu/b1", share)
        for model in models
        for chain, share in CHAINS.items()
    ]
    names = [name for name, _ in as_files(gallery([run(*records)]))]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) and ".." not in name for name in names)


def test_very_many_groups_are_not_all_drawn_and_that_is_told() -> None:
    records = [
        cell(f"m{n}/{chain}", {"accuracy": 0.9, "latency": 1e-3, "artifact_bytes": 9.0}, task=f"t{n}")
        for n in range(GROUPS + 3)
        for chain in ("baseline", "int8", "fp16")
    ]
    found = gallery([run(*records)])
    assert {point["g"] for point in found.points} == set(range(GROUPS))
    assert "3 more groups of cells have no pictures: select fewer cells" in found.left_out


# --- drawing ----------------------------------------------------------------------------------------


def small() -> Run:
    cells = [measured(f"dense/{chain}/litert/host-cpu/b1", share) for chain, share in CHAINS.items()]
    return run(*(replace(one, facts={"metric": "accuracy", "task": "digits"}) for one in cells), name="small")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("vl_convert", reason="needs vl-convert-python: pip install 'tradeoff[html]'")
    folder = tmp_path_factory.mktemp("pictures")
    path = folder / "run.json"
    path.write_text(json.dumps({"tradeoff": run_to_json(small())}), encoding="utf-8")
    output = ["--output", str(folder / "report.csv"), "--format", "csv"]
    assert main(["report", str(path), *output, "--pictures", str(folder / "drawn")]) == 0
    return folder / "drawn"


def test_each_picture_is_a_file_of_each_kind_with_something_in_it(written: Path) -> None:
    drawings = sorted(path.stem for path in written.glob("*.svg"))
    assert drawings == sorted(path.stem for path in written.glob("*.png"))
    assert "digits-host-cpu-b1-accuracy-against-latency" in drawings
    assert "digits-host-cpu-b1-size-of-dense" in drawings
    for path in written.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5_000
    text = (written / "digits-host-cpu-b1-accuracy-against-latency.svg").read_text(encoding="utf-8")
    assert "Accuracy against latency" in text
    assert text.count('aria-roledescription="point"') == len(CHAINS)


def test_what_was_not_drawn_stands_beside_the_pictures(written: Path) -> None:
    told = (written / "left-out.txt").read_text(encoding="utf-8")
    assert "latency over devices: no model ran on more than one device\n" in told


def test_without_the_library_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"tradeoff": run_to_json(small())}), encoding="utf-8")
    assert main(["report", str(path), "--pictures", str(tmp_path / "drawn")]) == 2
    assert "pictures need vl-convert-python: pip install 'tradeoff[html]'" in capsys.readouterr().err
    assert not (tmp_path / "drawn").exists()


class Elsewhere(tradeoff.Renderer):
    """Gives a picture a name that is a path."""

    name = "elsewhere"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        return ""

    def render_pictures(self, runs: Any) -> list[tuple[str, bytes]]:
        return [("../x.svg", b"")]


def test_a_renderer_without_pictures_has_none_and_one_with_paths_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conftest.py").write_text(
        "import tradeoff\nfrom test_pictures import Elsewhere\n"
        "@tradeoff.hookimpl\ndef tradeoff_renderers():\n    return [Elsewhere()]\n"
    )
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"tradeoff": run_to_json(run())}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(path), "--pictures", "drawn"]) == 2
    assert "renderer elsewhere names a picture '../x.svg'; expected the name of a file" in capsys.readouterr().err
    assert not (tmp_path / "x.svg").exists()


def test_both_looks_say_the_same_of_everything_but_colour() -> None:
    def shape(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: shape(value) for key, value in part.items()}
        return [shape(one) for one in part] if isinstance(part, list) else "" if isinstance(part, str) else part

    assert shape(config("light")) == shape(config("dark"))
    assert config("light") != config("dark")


def test_the_page_draws_what_the_files_show() -> None:
    text = Page().render([small()], 80, False)
    assert [one.title in text for one in gallery([small()]).pictures] == [True] * len(gallery([small()]).pictures)


def test_a_cascade_is_drawn_from_the_small_one_alone_to_both_together() -> None:
    found = gallery([three()])
    (drawn,) = (one for one in found.pictures if one.kind == "cascade")
    assert drawn.title == "Cascade by latency: dense/int8/litert > mobilenet/baseline/litert"
    curve = [point for point in drawn.values if point["part"] == "curve" and point["split"] == "test"]
    alone = [point for point in drawn.values if point["part"] == "alone"]
    assert (curve[0]["accuracy"], curve[0]["latency"]) == (alone[0]["accuracy"], alone[0]["latency"])
    assert curve[-1]["accuracy"] == alone[1]["accuracy"]
    assert curve[-1]["latency"] == pytest.approx(alone[0]["latency"] + alone[1]["latency"])
    assert [point["latency"] for point in curve] == sorted(point["latency"] for point in curve)


def test_of_the_cascades_of_a_recommendation_the_choice_is_drawn_first() -> None:
    found = recommend([three()], Wish(parse_goal("accuracy>latency"), cascade=Roles()))
    (advice,) = found.advice
    assert advice.choice is not None
    titles = [one.title for one in pictures_of(found)]
    small, large = (half.name for half in advice.choice.halves)
    assert titles[:2] == [f"Cascade by {cost}: {small} > {large}" for cost in ("latency", "energy")]
    assert len(titles) == 6
