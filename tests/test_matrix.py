"""The matrix: cells and visible skips with reasons, selected by lists and by globs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.matrix import Matrix, PlannedCell, plan
from tradeoff.options import BUILT_IN_PRESETS, Settings
from tradeoff.registry import Registry
from tradeoff.spelling import Parameter, Value
from tradeoff.vocabulary import (
    Backend,
    Capabilities,
    Conversion,
    Device,
    Encoded,
    Encoding,
    Loading,
    Model,
    Provenance,
    Refusal,
    Requirement,
    Rewriting,
    Rewritten,
    Runner,
    Split,
    Splits,
    StoredTensor,
    Task,
    Technique,
)


class Fast(Backend):
    name = "fast"
    parameters = (Parameter("threads", int, 1, minimum=1, runtime=True),)
    capabilities = Capabilities(
        precisions=("float32", "int8"),
        refusals={"fp16": Refusal("not supported by format", "fast has no half precision")},
        max_batch=8,
    )

    def convert(self, job: Conversion) -> Path:
        raise AssertionError("planning never converts")

    def load(self, job: Loading) -> Runner:
        raise AssertionError("planning never loads")


class Absent(Fast):
    name = "absent"
    requires = (Requirement("no_such_module", "no-such-package"),)
    install = "tradeoff[absent]"
    capabilities = Capabilities(precisions=("float32",), devices=("host-cpu", "board"))


def no_data() -> Splits:
    raise AssertionError("planning never loads data")


def choosy(values: Mapping[str, Value], models: Mapping[str, Model]) -> Refusal | None:
    if values["of"] == "both":
        raise BadInput("choosy: of=both and of=none contradict each other")
    return None if values["of"] in models else Refusal("not installed", f"{values['of']} is not here")


REGISTRY = Registry(
    tasks={"t": Task("t", no_data)},
    models={name: Model(name, "t", build=Split) for name in ("cnn", "cow", "dense")},
    techniques={
        t.name: t
        for t in (
            Technique("fp16", "precision"),
            Technique("int8", "precision"),
            Technique("prune", "model", parameters=(Parameter("share", float, positional=True),)),
            Technique("needy", "model", requires=(Requirement("no_such_module", "needed"),)),
            Technique("choosy", "model", parameters=(Parameter("of", str, positional=True),), check=choosy),
        )
    },
    backends={"fast": Fast(), "absent": Absent()},
    devices={
        "host-cpu": Device("host-cpu"),
        "board": Device("board", present=lambda: Refusal("no such device", "no board is plugged in")),
    },
)
QUICK = {"models": ("all",), "techniques": ("baseline", "fp16", "int8"), "backends": ("fast",), "loads": ("b1",)}


def cells(**values: tuple[str, ...]) -> Matrix:
    return plan(Settings(values, {"quick": {"devices": ("host-cpu",), **QUICK}}), REGISTRY)


def spelled(matrix: Matrix) -> list[str]:
    return [planned.cell.spelling for planned in matrix.cells]


def reason(matrix: Matrix, cell: str) -> str:
    found: PlannedCell = next(planned for planned in matrix.cells if planned.cell.spelling == cell)
    return str(found.refusal)


def test_cells_are_spelled_axis_by_axis_in_a_stable_order() -> None:
    assert spelled(cells(models=("cnn",))) == [
        "cnn/baseline/fast/host-cpu/b1",
        "cnn/fp16/fast/host-cpu/b1",
        "cnn/int8/fast/host-cpu/b1",
    ]


def test_what_a_technique_cannot_do_with_its_values_is_known_before_anything_runs() -> None:
    matrix = cells(models=("cnn",), techniques=("choosy:cow", "choosy:moon+int8"))
    assert reason(matrix, "cnn/choosy:cow/fast/host-cpu/b1") == "None"
    assert reason(matrix, "cnn/choosy:moon+int8/fast/host-cpu/b1") == "not installed: moon is not here"
    with pytest.raises(BadInput, match="contradict each other"):
        cells(models=("cnn",), techniques=("choosy:both",))


def test_a_cell_that_cannot_exist_is_there_with_its_reason() -> None:
    matrix = cells(models=("cnn",), backends=("fast", "absent"), devices=("host-cpu", "board"), loads=("b1", "b9"))
    assert reason(matrix, "cnn/fp16/fast/host-cpu/b1") == "not supported by format: fast has no half precision"
    assert reason(matrix, "cnn/int8/fast/host-cpu/b9") == (
        "not supported by format: fast takes at most 8 samples a request"
    )
    assert reason(matrix, "cnn/int8/absent/host-cpu/b1") == "not implemented here: absent realises float32, not int8"
    assert reason(matrix, "cnn/baseline/fast/board/b1") == "no such device: fast runs on host-cpu, not on board"
    assert reason(matrix, "cnn/baseline/absent/board/b1") == "no such device: no board is plugged in"
    assert reason(matrix, "cnn/baseline/absent/host-cpu/b1") == (
        "not installed: no-such-package: pip install 'tradeoff[absent]'"
    )
    assert reason(matrix, "cnn/baseline/fast/host-cpu/b1") == "None"


def test_a_backend_and_a_device_that_nobody_put_together_are_no_cell() -> None:
    preset = {"quick": {**QUICK, "backends": ("fast", "absent"), "devices": ("host-cpu", "board"), "models": ("cnn",)}}

    def pairs(**values: tuple[str, ...]) -> set[str]:
        return {"/".join(cell.split("/")[2:4]) for cell in spelled(plan(Settings(values, preset), REGISTRY))}

    assert pairs() == {"fast/host-cpu", "absent/host-cpu", "absent/board"}
    assert pairs(backends=("fast",)) == {"fast/host-cpu"}
    assert pairs(devices=("board",)) == {"absent/board"}
    assert pairs(backends=("fast",), devices=("board",)) == {"fast/board"}
    assert pairs(devices=("all",)) == {"fast/host-cpu", "absent/host-cpu", "absent/board"}
    assert pairs(cells=("cnn/*/fast/board",)) == {"fast/board"}


def test_devices_of_the_users_stand_beside_those_of_the_preset_unless_others_are_asked_for() -> None:
    away = Device("mine@rt", "modelled", backends=("fast",))
    registry = REGISTRY.with_devices([away])
    preset = {"quick": {"devices": ("host-cpu",), **QUICK, "models": ("cnn",), "techniques": ("int8",)}}

    def devices(**values: tuple[str, ...]) -> list[str]:
        return [cell.split("/")[3] for cell in spelled(plan(Settings(values, preset), registry, (), ("mine@rt",)))]

    assert devices() == ["host-cpu", "mine@rt"]
    assert devices(devices=("host-cpu",)) == ["host-cpu"]


@pytest.mark.parametrize(
    ("provenance", "validated", "told"),
    [
        ("modelled", False, "no such device: --tradeoff-validated: nobody has checked what is modelled of it@rt"),
        ("modelled", True, "None"),
        ("measured", False, "None"),
    ],
)
def test_devices_that_nobody_has_checked_are_left_out_when_that_is_asked_for(
    provenance: Provenance, validated: bool, told: str
) -> None:
    device = Device("it@rt", provenance, backends=("fast",), validated=validated)
    preset = {"quick": {**QUICK, "devices": ("it@rt",)}}
    matrix = plan(Settings({"validated": True}, preset), REGISTRY.with_devices([device]))
    assert reason(matrix, "cnn/int8/fast/it@rt/b1") == told


def test_a_scenario_makes_do_with_what_a_backend_takes_in_a_request() -> None:
    loads = ("multi:9", "offline", "sweep", "server:200", "stream")
    matrix = cells(models=("cnn",), techniques=("int8",), loads=loads)
    assert [planned.refusal for planned in matrix.cells] == [None] * len(loads)


def test_all_loads_are_those_that_need_no_number() -> None:
    matrix = cells(models=("cnn",), techniques=("baseline",), loads=("all",))
    assert [cell.split("/")[-1] for cell in spelled(matrix)] == ["b1", "stream", "offline", "sweep"]


def test_what_a_technique_needs_is_asked_for() -> None:
    matrix = cells(techniques=("needy",), models=("cnn",))
    assert reason(matrix, "cnn/needy/fast/host-cpu/b1") == "not installed: needed: pip install needed"


def test_a_glob_narrows_the_selection_axis_by_axis() -> None:
    assert spelled(cells(cells=("c*/int8/*",))) == ["cnn/int8/fast/host-cpu/b1", "cow/int8/fast/host-cpu/b1"]
    assert spelled(cells(cells=("cnn/int8",))) == ["cnn/int8/fast/host-cpu/b1"]


def test_a_plain_word_in_a_glob_may_name_what_the_preset_leaves_out() -> None:
    assert spelled(cells(cells=("cnn/prune:0.50+int8/fast:threads=2/*/b4",))) == [
        "cnn/prune:0.5+int8/fast:threads=2/host-cpu/b4"
    ]


def test_globs_that_overlap_plan_each_cell_once() -> None:
    assert len(cells(cells=("cnn/*", "*/int8/*")).cells) == 5


def test_all_stands_for_everything_that_needs_no_values() -> None:
    matrix = cells(techniques=("all",), models=("cnn",))
    assert [cell.split("/")[1] for cell in spelled(matrix)] == ["baseline", "fp16", "int8", "needy"]


class Slow(Fast):
    name = "slow"
    quick = False


def test_a_backend_may_keep_out_of_what_is_quick_and_is_there_by_name_and_among_all() -> None:
    registry = replace(REGISTRY, backends={"fast": Fast(), "slow": Slow()})

    def backends(*words: str) -> list[str]:
        settings = Settings({"backends": words, "models": ("cnn",), "techniques": ("baseline",)}, {})
        return [planned.cell.backend.name for planned in plan(settings, registry).cells]

    assert backends("quick") == ["fast"]
    assert backends("all") == ["fast", "slow"]
    assert backends("quick", "slow") == ["fast", "slow"]


def test_the_presets_are_quick_or_full() -> None:
    assert BUILT_IN_PRESETS["quick"]["backends"] == ("quick",)
    assert BUILT_IN_PRESETS["full"]["backends"] == ("all",)


class Paper(Fast):
    name = "paper"
    capabilities = Capabilities(precisions=("float32",), runs=False)


def test_a_format_that_only_has_a_size_stands_at_one_load() -> None:
    registry = replace(REGISTRY, backends={"paper": Paper()})
    axes = {"backends": ("paper",), "models": ("cnn",), "techniques": ("baseline",), "loads": ("b1", "b8", "stream")}
    first, *others = plan(Settings(axes, {}), registry).cells
    assert first.refusal is None
    told = "not supported by format: paper only has a size, whatever the load; it stands at b1"
    assert [str(planned.refusal) for planned in others] == [told, told]


def test_a_preset_leaves_out_what_a_switched_off_plugin_would_bring() -> None:
    settings = Settings({}, {"quick": {**QUICK, "devices": ("host-cpu",), "models": ("cnn", "gone")}})
    matrix = plan(settings, REGISTRY)
    assert {planned.cell.model for planned in matrix.cells} == {"cnn"}
    assert matrix.notes == ("the preset names model 'gone', which no plugin brings; it is left out",)


def test_models_of_the_user_are_run_alone_unless_others_are_asked_for() -> None:
    registry = replace(REGISTRY, models={**REGISTRY.models, "mine": Model("mine", "t")})
    own = plan(Settings({}, {"quick": {**QUICK, "devices": ("host-cpu",)}}), registry, ["mine"])
    assert {planned.cell.model for planned in own.cells} == {"mine"}


class Reading(Fast):
    name = "reading"
    capabilities = Capabilities(precisions=("int8",), reads=(".tflite", ".net"), max_batch=8)


FINISHED = replace(
    REGISTRY,
    models={**REGISTRY.models, "mine.net": Model("mine.net", "t", finished=".net")},
    backends={**REGISTRY.backends, "reading": Reading()},
)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        # A backend that makes no float32 may read what somebody else has made.
        ("mine.net/baseline/reading/host-cpu/b1", "None"),
        ("mine.net/int8/reading/host-cpu/b1", "not supported by format: .net is finished: no technique changes it"),
        ("mine.net/baseline/fast/host-cpu/b1", "not supported by format: fast reads no finished .net"),
        (
            "mine.net/baseline/reading/host-cpu/b16",
            "not supported by format: reading takes at most 8 samples a request",
        ),
        ("mine.net/baseline/reading/board/b1", "no such device: reading runs on host-cpu, not on board"),
        ("cnn/baseline/reading/host-cpu/b1", "not implemented here: reading realises int8, not float32"),
    ],
)
def test_a_finished_artifact_runs_as_it_is_where_it_is_read(cell: str, told: str) -> None:
    matrix = plan(Settings({"cells": (cell,)}, {"quick": {"devices": ("host-cpu",), **QUICK}}), FINISHED)
    assert reason(matrix, cell).startswith(told)


def test_what_reads_a_finished_artifact_of_the_users_is_run_without_being_named() -> None:
    quick = {"quick": {"devices": ("host-cpu",), **QUICK}}
    matrix = plan(Settings({}, quick), FINISHED, ["mine.net", "cnn"])
    assert {planned.cell.backend.name for planned in matrix.cells} == {"fast", "reading"}
    for values, models in (({"backends": ("fast",)}, ["mine.net"]), ({}, ["cnn"]), ({"preset": "quick"}, ["mine.net"])):
        matrix = plan(Settings(values, quick), FINISHED, models)
        assert {planned.cell.backend.name for planned in matrix.cells} == {"fast"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"models": ("cnm",)}, "unknown model 'cnm'; did you mean 'cnn'?"),
        ({"backends": ("fas",)}, "unknown backend 'fas'; did you mean 'fast'?"),
        ({"backends": ("fast:threads=0",)}, "threads=0 is not a whole number of at least 1"),
        ({"devices": ("host",)}, "unknown device 'host'; did you mean 'host-cpu'?"),
        ({"loads": ("x4",)}, "load 'x4' is not understood; write b1, b8, b32"),
        ({"loads": ("b0",)}, "load 'b0' is not understood"),
        ({"techniques": ("int9",)}, "did you mean 'int8'?"),
        ({"techniques": ()}, "--tradeoff-techniques is empty"),
        ({"cells": ("z*/int8",)}, "'z*' matches none of the selected models (cnn, cow, dense)"),
        ({"cells": ("a/b/c/d/e/f",)}, "has 6 parts; a cell is MODEL/CHAIN/BACKEND/DEVICE/LOAD"),
    ],
)
def test_an_unknown_word_is_an_error_with_the_nearest_known(values: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(TradeoffError) as caught:
        cells(**values)
    assert told in str(caught.value)


class Located(Fast):
    name = "located"

    def weights(self, artifact: Path) -> list[StoredTensor]:
        raise AssertionError("planning never looks at artifacts")


def test_a_coding_needs_a_backend_that_tells_where_weights_lie_and_a_technique_that_decodes() -> None:
    def encode(job: Encoding) -> Encoded:
        raise AssertionError("planning never codes")

    def decode(container: Path, folder: Path) -> Path:
        raise AssertionError("planning never decodes")

    code = Technique("code", "artifact", encode=encode, decode=decode)
    registry = replace(
        REGISTRY,
        techniques={**REGISTRY.techniques, "code": code, "half": replace(code, name="half", decode=None)},
        backends={"fast": Fast(), "located": Located()},
    )
    values = {"models": ("cnn",), "techniques": ("int8+code", "half"), "backends": ("fast", "located")}
    matrix = plan(Settings(values, {"quick": {"devices": ("host-cpu",), **QUICK}}), registry)
    assert [planned.refusal for planned in matrix.cells][2] is None
    assert reason(matrix, "cnn/int8+code/fast/host-cpu/b1") == (
        "not implemented here: code codes weights, and fast does not tell where in its artifact they lie (`weights`)"
    )
    assert "half works on artifacts" in reason(matrix, "cnn/half/located/host-cpu/b1")


class Layered(Fast):
    name = "layered"
    capabilities = replace(Fast.capabilities, bits=("layerwise",))


def test_bits_layer_by_layer_need_a_technique_before_them_that_chooses_some() -> None:
    def apply(job: Rewriting) -> Rewritten:
        raise AssertionError("planning never rewrites")

    layerwise = Technique("layerwise", "precision")
    choosing = Technique("choosing", "model", apply=apply, implies="layerwise")
    registry = replace(
        REGISTRY,
        techniques={**REGISTRY.techniques, "layerwise": layerwise, "choosing": choosing},
        backends={"layered": Layered()},
    )
    values = {"models": ("cnn",), "techniques": ("layerwise", "choosing"), "backends": ("layered",)}
    matrix = plan(Settings(values, {"quick": {"devices": ("host-cpu",), **QUICK}}), registry)
    assert reason(matrix, "cnn/layerwise/layered/host-cpu/b1") == (
        "not supported by format: layerwise realises bits that a technique before it has chosen, and none stands "
        "there; choosing does, and implies layerwise"
    )
    assert [planned.refusal for planned in matrix.cells][1] is None
