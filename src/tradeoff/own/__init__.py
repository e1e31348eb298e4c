"""From the options to the user's own model and data, and on to the workers as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.own.data import read_data
from tradeoff.own.model import OwnSpec, build
from tradeoff.text import safe
from tradeoff.vocabulary import Model, Outputs, Splits, Task, TaskKind

_OF_DATA = ("preprocess", "kind", "metric", "loss", "outputs")


@dataclass(frozen=True)
class Own:
    """What a person brought, checked: a task and the models for it."""

    spec: OwnSpec
    task: Task
    models: tuple[Model, ...]

    def to_json(self) -> dict[str, Any]:
        """For a worker, which needs not read the data again unless it is asked for it."""
        task = {name: getattr(self.task, name) for name in ("name", "kind", "metric", "loss", "outputs", "version")}
        models = [{"name": m.name, "file": str(m.file), "version": m.version} for m in self.models]
        return {"spec": self.spec.to_json(), "task": task, "models": models}


def read_own(settings: Settings) -> Own | None:
    """The user's model and data, or ``None`` when neither was named."""
    spec = own_spec(settings)
    if spec is None:
        return None
    return Own(spec, *build(spec))


def own_from_json(data: Mapping[str, Any]) -> tuple[Task, tuple[Model, ...]]:
    """What a worker makes of it; the data is read when a stage asks for it."""
    spec = OwnSpec.from_json(data["spec"])

    def load() -> Splits:
        return read_data(Path(spec.data), spec.settings, spec.seed).splits

    task = Task(load=load, **data["task"])
    models = tuple(Model(m["name"], task.name, file=Path(m["file"]), version=m["version"]) for m in data["models"])
    return task, models


def own_spec(settings: Settings) -> OwnSpec | None:
    """What the options say of the user's files; one without the other is an error that says so."""
    models, data = settings.words("model"), settings.text("data")
    if not models and not data:
        for name in _OF_DATA:
            if settings.text(name) is not None:
                raise BadInput(f"--tradeoff-{name} is about your own data; name it with --tradeoff-data FILE.npz")
        return None
    if not data:
        raise BadInput(
            "--tradeoff-model needs --tradeoff-data FILE.npz: accuracy and calibration need samples. "
            "The file holds x_train, y_train, x_test, y_test, or x, y"
        )
    if not models:
        raise BadInput("--tradeoff-data needs --tradeoff-model FILE.keras: the data is for a model of yours")
    return OwnSpec(models=tuple(models), **_about_data(settings, data))


def _about_data(settings: Settings, data: str) -> dict[str, Any]:
    return {
        "data": data,
        "preprocess": settings.text("preprocess") or "",
        "kind": cast("TaskKind | None", settings.text("kind")),
        "metric": settings.text("metric"),
        "loss": settings.text("loss"),
        "outputs": cast("Outputs | None", settings.text("outputs")),
        "seed": settings.seed,
        "allow_code": settings.switch("allow-code"),
    }


def explain_own(settings: Settings) -> list[str]:
    """What is understood of the user's data, in plain language; for the doctor."""
    data = settings.text("data")
    if not data:
        return []
    spec = OwnSpec(models=(), **_about_data(settings, data))
    found = read_data(Path(data), spec.settings, spec.seed)
    return [safe(f"data {found.source}"), *(f"  {safe(line)}" for line in found.explanations), ""]
