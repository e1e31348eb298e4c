"""The user's own models and data: plain values, from which every process makes the same task and models."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest, digest_file
from tradeoff.own.data import DataSettings, OwnData, read_source
from tradeoff.own.model_file import OwnModel, check_fits, inspect_model, safe_name
from tradeoff.own.preprocessing import spell_preprocessing
from tradeoff.own.sources import Source
from tradeoff.vocabulary import Model, Outputs, Task, TaskKind

__all__ = [
    "OwnModel",
    "OwnSpec",
    "build",
    "check_fits",
    "inspect_model",
    "inspect_models",
    "own_task",
]


@dataclass(frozen=True)
class OwnSpec:
    """What a person said on the command line about a model and data of their own.

    :param models: ``.keras`` and ``.h5`` files, and finished artifacts.
    :param data: an ``.npz`` file, a folder of images or a function, for all of them.
    :param preprocess: steps as they are spelled.
    :param kind: ``None``, like the next three, to be read from the files.
    :param metric: what the quality is reported in.
    :param loss: what fine-tuning minimises.
    :param outputs: what the models give.
    :param seed: for splits that are made here.
    :param allow_code: whether code in a model file may run.
    """

    models: tuple[str, ...]
    data: str
    preprocess: str = ""
    kind: TaskKind | None = None
    metric: str | None = None
    loss: str | None = None
    outputs: Outputs | None = None
    seed: int = 0
    allow_code: bool = False

    @property
    def settings(self) -> DataSettings:
        """What of it concerns the data."""
        return DataSettings(self.kind, self.metric, self.loss, self.outputs, self.preprocess)

    def to_json(self) -> dict[str, Any]:
        """Plain data, to hand to a worker."""
        return {**asdict(self), "models": list(self.models)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OwnSpec:
        """Read what :meth:`to_json` wrote."""
        known = {field.name for field in fields(cls)}
        if not {"models", "data"} <= data.keys() <= known:
            raise BadInput(f"an own model is described by {', '.join(sorted(known))}; got {', '.join(sorted(data))}")
        return cls(**{**data, "models": tuple(data["models"])})


def build(spec: OwnSpec, source: Source | None = None, reads: Collection[str] = ()) -> tuple[Task, tuple[Model, ...]]:
    """The task and the models, checked against each other.

    :param source: where the arrays are; the file that the specification names, if not given.
    :param reads: endings of finished artifacts that a backend reads.
    """
    source = source or Source(Path(spec.data), Path(spec.data))
    data = read_source(source, spec.settings, spec.seed)
    models = inspect_models(spec, reads)
    for model in models:
        check_fits(model, data)
    task = own_task(data, spec, _common_outputs(models, data, spec))
    return task, tuple(own_model(model, task.name) for model in models)


def inspect_models(spec: OwnSpec, reads: Collection[str] = ()) -> tuple[OwnModel, ...]:
    """All model files, looked at; their names must differ, because cells are told apart by them."""
    models = tuple(inspect_model(Path(path), spec.allow_code, reads) for path in spec.models)
    if not models:
        raise BadInput("there is no model; name a .keras file")
    seen: dict[str, OwnModel] = {}
    for model in models:
        if model.name in seen:
            raise BadInput(
                f"{seen[model.name].path} and {model.path} would both be called {model.name!r}; rename one of the files"
            )
        seen[model.name] = model
    return models


def own_task(data: OwnData, spec: OwnSpec, outputs: Outputs) -> Task:
    """The task that judges the user's models."""
    return Task(
        name=safe_name(data.source.stem, "own"),
        # The splits stay in memory: reading the file again could give other data than was checked.
        load=lambda: data.splits,
        kind=data.kind,
        metric=data.metric,
        loss=data.loss,
        outputs=outputs,
        version=_version(data, spec, outputs),
        summary=f"your data in {data.source.name}",
    )


def own_model(model: OwnModel, task: str) -> Model:
    """The user's file as a model of the registry."""
    # Of a finished artifact all of the digest counts: it is adopted under it.
    version = model.sha256 if model.finished else model.sha256[:24]
    summary = f"your {model.path.name}"
    return Model(model.name, task, file=model.path, finished=model.finished, version=version, summary=summary)


def _version(data: OwnData, spec: OwnSpec, outputs: Outputs) -> str:
    content = {
        "data": digest_file(data.file),
        "preprocess": spell_preprocessing(spec.settings.steps),
        "kind": data.kind,
        "metric": data.metric,
        "loss": data.loss,
        "outputs": outputs,
        "seed": spec.seed,
    }
    return digest(content)[:24]


def _common_outputs(models: Sequence[OwnModel], data: OwnData, spec: OwnSpec) -> Outputs:
    if spec.outputs:
        return spec.outputs
    told: dict[Outputs, OwnModel] = {
        outputs: model for model in models if (outputs := model.outputs(data.kind)) is not None
    }
    if len(told) > 1:
        each = ", ".join(f"{model.path} gives {outputs}" for outputs, model in told.items())
        raise BadInput(f"the models give different things: {each}; run them one by one")
    if not told:
        raise BadInput(
            f"{models[0].path} does not say what it gives; say --tradeoff-outputs=probabilities, or logits if it ends "
            "without a softmax or sigmoid"
        )
    return next(iter(told))
