"""Stages that make variants: a task's data, the trained model, and what a technique makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tradeoff.datafiles import DataFiles, write_data
from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest
from tradeoff.layer_bits import DROPPED as BITS_DROPPED
from tradeoff.layer_bits import read_bits, write_bits
from tradeoff.measure.resident import peak_meter, settle
from tradeoff.ranges import DROPPED, read_ranges, write_ranges
from tradeoff.stages.shared import MODEL_FILE, load_keras, plain
from tradeoff.vocabulary import History, Model, Progress, Rewriting, Rewritten

if TYPE_CHECKING:
    from tradeoff.stages.desk import Desk

    _Trained = Callable[[History], None]


def data(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Load a task's data and write it split by split."""
    return write_data(desk.task(request), Path(request["folder"]))


def build(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Make one variant: train or copy a model, or apply one technique to the variant before."""
    from tradeoff.accounting import account
    from tradeoff.formats import keras_files
    from tradeoff.inspecting import inspect_layers
    from tradeoff.training import curves_of

    trainings: list[History] = []
    settle()
    meter = peak_meter()
    meter.begin()
    begun = perf_counter()
    try:
        made = _made(desk, request, progress, trainings.append)
    finally:
        peak = meter.end()
    keras_files.save_model(made.model, Path(request["folder"]) / MODEL_FILE)
    write_ranges(made.ranges, Path(request["folder"]))
    write_bits(made.bits, Path(request["folder"]))
    numbers = account(made.model)
    return {
        "content": keras_files.content(made.model),
        "parameters": numbers.parameters,
        "macs": numbers.macs,
        "uncounted": list(numbers.uncounted),
        "epochs": made.epochs,
        "left_out": dict(made.left_out),
        "notes": list(made.notes),
        "told": dict(made.facts),
        "ranges": digest(made.ranges) if made.ranges else "",
        "bits": digest(made.bits) if made.bits else "",
        "layers": inspect_layers(made.model),
        **curves_of(trainings),
        "peak_bytes": peak.added,
        "seconds": perf_counter() - begun,
    }


def _made(desk: Desk, request: Mapping[str, Any], progress: Progress, trained: _Trained) -> Rewritten:
    model = desk.registry.models[request["model"]]
    data = DataFiles(Path(request["data"]))
    if request["step"] is not None:
        return _rewritten(desk, model, request, data, progress, trained)
    if model.file is not None:
        from tradeoff.formats import keras_files

        return Rewritten(keras_files.sized(load_keras(model.file), data.split("test").x.shape[1:]))
    return _trained(desk, model, request, data, progress, trained)


def _trained(
    desk: Desk, model: Model, request: Mapping[str, Any], data: DataFiles, progress: Progress, trained: _Trained
) -> Rewritten:
    from tradeoff import training

    if model.build is None or model.recipe is None:
        raise BadInput(f"model {model.name} has neither a file nor a builder with a recipe")
    training.set_seed(request["seed"])
    built = model.build()
    task = desk.registry.task_of(model)
    train = data.split("train")
    history = training.train(built, model.recipe, train, data.split("validation"), task, request["seed"], progress)
    trained(history)
    return Rewritten(built, history.epochs, facts={"training": _training(history, len(train.x))})


def _rewritten(
    desk: Desk, model: Model, request: Mapping[str, Any], data: DataFiles, progress: Progress, trained: _Trained
) -> Rewritten:
    technique = desk.registry.techniques[request["step"]["technique"]]
    if technique.apply is None:
        raise BadInput(f"technique {technique.name} has stage model and no `apply`")
    original = request["original"]
    found = technique.apply(
        Rewriting(
            model=load_keras(Path(request["parent"]) / MODEL_FILE),
            values=request["step"]["values"],
            task=desk.registry.task_of(model),
            train=data.split("train"),
            calibration=data.split("calibration"),
            validation=data.split("validation"),
            recipe=model.recipe,
            seed=request["seed"],
            progress=progress,
            models=desk.registry.models,
            technique=technique.name,
            original=(lambda: load_keras(Path(original) / MODEL_FILE)) if original else None,
            trained=trained,
        )
    )
    made = found if isinstance(found, Rewritten) else Rewritten(found)
    if read_ranges(Path(request["parent"])) and not made.ranges:
        made = replace(made, notes=(*made.notes, DROPPED))
    if read_bits(Path(request["parent"])) and not made.bits:
        made = replace(made, notes=(*made.notes, BITS_DROPPED))
    return made


def _training(history: History, samples: int) -> dict[str, float | None]:
    """What a training did, as facts of the variant that it made."""
    last = history.validation[-1] if history.validation else math.nan
    return {"samples": samples, "epochs": history.epochs, **plain({"seconds": history.seconds, "validation": last})}
