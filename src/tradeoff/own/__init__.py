"""From the options to the user's own model and data, and on to the workers as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.own.data import read_source
from tradeoff.own.model import OwnSpec, build, inspect_models
from tradeoff.own.sources import Source, open_source
from tradeoff.text import safe
from tradeoff.vocabulary import Model, Outputs, Splits, Task, TaskKind

_OF_DATA = ("preprocess", "kind", "metric", "loss", "outputs")


@dataclass(frozen=True)
class Own:
    """What a person brought, checked: a task and the models for it."""

    spec: OwnSpec
    task: Task
    models: tuple[Model, ...]
    source: Source | None = None

    def to_json(self) -> dict[str, Any]:
        """For a worker, which needs not read the data again unless it is asked for it."""
        task = {name: getattr(self.task, name) for name in ("name", "kind", "metric", "loss", "outputs", "version")}
        models = [
            {"name": m.name, "file": str(m.file), "version": m.version, "finished": m.finished} for m in self.models
        ]
        source = self.source.to_json() if self.source else None
        return {"spec": self.spec.to_json(), "task": task, "models": models, "source": source}


def read_own(settings: Settings, reads: Collection[str] = ()) -> Own | None:
    """The user's model and data, or ``None`` when neither was named.

    :param reads: endings of finished artifacts that a backend reads.
    """
    spec = own_spec(settings)
    if spec is None:
        return None
    spec.settings.check()
    source = open_source(spec.data, spec.preprocess, settings.timeout)
    return Own(spec, *build(spec, source, reads), source)


def own_from_json(data: Mapping[str, Any]) -> tuple[Task, tuple[Model, ...]]:
    """What a worker makes of it; the data is read when a stage asks for it."""
    spec = OwnSpec.from_json(data["spec"])
    said = data.get("source") or {"named": spec.data, "file": spec.data}
    source = Source(Path(said["named"]), Path(said["file"]), tuple(said.get("notes", ())))

    def load() -> Splits:
        return read_source(source, spec.settings, spec.seed).splits

    task = Task(load=load, **data["task"])
    return task, tuple(Model(task=task.name, **{**m, "file": Path(m["file"])}) for m in data["models"])


def own_spec(settings: Settings) -> OwnSpec | None:
    """What the options say of the user's files; one without the other is an error that says so."""
    models, data = settings.words("model"), settings.text("data")
    if not models and not data:
        for name in _OF_DATA:
            if settings.text(name) is not None:
                raise BadInput(f"--tradeoff-{name} is about your own data; name it with --tradeoff-data")
        return None
    if not data:
        raise BadInput(
            "--tradeoff-model needs --tradeoff-data: accuracy and calibration need samples. It is an .npz file with "
            "x_train, y_train, x_test, y_test, or x, y; a folder of images by class; or a function, module:callable"
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


def explain_own(settings: Settings, reads: Collection[str] = ()) -> list[str]:
    """What is understood of the user's data and models, in plain language; for the doctor."""
    data, models = settings.text("data"), settings.words("model") or ()
    lines: list[str] = []
    if data:
        spec = OwnSpec(models=(), **_about_data(settings, data))
        found = read_source(open_source(data, spec.preprocess, settings.timeout), spec.settings, spec.seed)
        lines += [safe(f"data {found.source}"), *(f"  {safe(line)}" for line in found.explanations), ""]
    if models:
        spec = OwnSpec(models=tuple(models), **_about_data(settings, data or ""))
        for model in inspect_models(spec, reads):
            title = safe(f"model {model.path}, called {model.name}")
            lines += [title, *(f"  {safe(line)}" for line in model.explanations), ""]
    return lines
