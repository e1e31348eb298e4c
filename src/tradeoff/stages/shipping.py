"""Stages that make artifacts and judge them: converting, coding, adopting, and accuracy on their own runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tradeoff.answers import answers_of
from tradeoff.coding import stage as coding
from tradeoff.datafiles import DataFiles
from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.fingerprint import digest, digest_tree, files_in, sizes
from tradeoff.formats import finished
from tradeoff.layer_bits import read_bits
from tradeoff.ranges import read_ranges, told_of_ranges
from tradeoff.stages.shared import MODEL_FILE, load_keras, plain
from tradeoff.vocabulary import Backend, Conversion, Progress, Runner, Split, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradeoff.stages.desk import Desk

    Array = NDArray[Any]


OUTPUTS_FILE: Final = "outputs.npy"
#: Samples in one request while accuracy is taken; latency has its own.
EVALUATION_BATCH: Final = 32


def reference(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """A model's own outputs on the test split, which artifacts are compared with: Keras's, or a finished one's."""
    import numpy as np

    from tradeoff import quality
    from tradeoff.formats import keras_files

    test = DataFiles(Path(request["data"])).split("test")
    if "artifact" in request:
        outputs = _outputs(desk, {**request, "finished": True}, test, progress)
    else:
        model = load_keras(Path(request["variant"]) / MODEL_FILE)
        outputs = keras_files.outputs_of(model, test.x, EVALUATION_BATCH)
    np.save(Path(request["folder"]) / OUTPUTS_FILE, outputs)
    return {"quality": plain(quality.judge(outputs, test.y, desk.task(request)))}


def convert(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Have the backend write its artifact, and say what would be shipped."""
    backend = desk.backend(request)
    folder = Path(request["folder"])
    model_file = Path(request["variant"]) / MODEL_FILE
    learnt = read_ranges(model_file.parent)
    taken = learnt if request["precision"] in desk.can(request).ranges else None
    begun = perf_counter()
    artifact = backend.convert(
        Conversion(
            model_file=model_file,
            precision=request["precision"],
            values=request["values"],
            parameters=request["parameters"],
            calibration=DataFiles(Path(request["data"])).split("calibration").x,
            folder=folder,
            progress=progress,
            load_model=lambda: load_keras(model_file),
            ranges=taken,
            bits=read_bits(model_file.parent),
        )
    )
    return _describe(backend, folder, Path(artifact)) | {
        "seconds": perf_counter() - begun,
        "ranges": told_of_ranges(backend.name, request["precision"], learnt, taken),
    }


def encode(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Code an artifact, decode it again, and make sure that nothing has changed."""
    return coding.encode(desk.registry, request, progress)


def adopt(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Copy a finished artifact into the store, and say what it is."""
    folder = Path(request["folder"])
    artifact = finished.adopt(Path(request["file"]), request["ending"], folder, request["content"])
    found = _describe(desk.backend(request), folder, artifact)
    beside = [path for name, path in files_in(folder).items() if not _belongs(name, found["artifact"])]
    if beside:
        # Weights that lie in files of their own are as much of it as its graph.
        content = found["content"], digest_tree(folder)
        found |= sizes(list(files_in(folder).values())) | {"content": digest(content)}
    return found


def evaluate(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Accuracy of the shipped artifact on its own runtime, and how far it is from the baseline and the original."""
    import numpy as np

    from tradeoff import quality

    data, task = DataFiles(Path(request["data"])), desk.task(request)
    test = data.split("test")
    outputs = _outputs(desk, request, test, progress)
    np.save(Path(request["folder"]) / OUTPUTS_FILE, outputs)
    validation = data.split("validation")
    chosen = _outputs(desk, request, validation, progress)
    original = None
    if request["original"]:
        original = np.load(Path(request["original"]) / OUTPUTS_FILE, allow_pickle=False)
    agreement, missing = {}, request["missing"]
    if request["reference"]:
        reference = np.load(Path(request["reference"]) / OUTPUTS_FILE, allow_pickle=False)
        try:
            agreement = quality.agreement(outputs, reference, task)
        except BadInput as error:
            if not request["finished"]:
                raise
            missing = str(error)
    return {
        "quality": plain(quality.judge(outputs, test.y, task)),
        "agreement": plain(agreement),
        "missing": missing,
        "parity": plain(quality.parity(outputs, original, task)) if original is not None else {},
        "samples": len(test),
        # What candidates are chosen by; the test split only says how good the chosen one is.
        "validation": plain(quality.judge(chosen, validation.y, task)) | {"samples": len(validation)},
        "answers": _told({"validation": (chosen, validation), "test": (outputs, test)}, task),
    }


def _outputs(desk: Desk, request: Mapping[str, Any], split: Split, progress: Progress) -> Array:
    """Of a whole split. A finished artifact may take one sample at a time and no more."""
    runner = desk.runner(request)
    size = min(desk.can(request).max_batch or EVALUATION_BATCH, EVALUATION_BATCH)
    try:
        return run_all(runner, split.x, size, progress)
    except Refused:
        if not request["finished"] or size == 1:
            raise
        return run_all(runner, split.x, 1, progress)


def _told(found: Mapping[str, tuple[Array, Split]], task: Task) -> dict[str, Any]:
    """What was answered sample by sample, split by split, where the task has such answers."""
    told = {name: answers_of(outputs, split, task) for name, (outputs, split) in found.items()}
    return {name: one.to_json() for name, one in told.items() if one is not None}


def _describe(backend: Backend, folder: Path, artifact: Path) -> dict[str, Any]:
    """Name, content and sizes of the file or folder that ``convert`` returned."""
    inside = artifact.resolve().is_relative_to(folder.resolve()) and not artifact.is_symlink()
    if not artifact.exists() or not inside:
        raise TradeoffError(
            f"backend {backend.name}: convert returned {artifact}, which it did not write into its folder"
        )
    files = list(files_in(artifact).values()) if artifact.is_dir() else [artifact]
    return {
        "artifact": artifact.resolve().relative_to(folder.resolve()).as_posix(),
        "content": backend.content(artifact) or digest_tree(artifact),
        **sizes(files),
    }


def _belongs(name: str, artifact: str) -> bool:
    return name == artifact or name.startswith(f"{artifact}/")


def run_all(runner: Runner, x: Array, size: int, progress: Progress) -> Array:
    """Outputs for all of ``x``; the last request is filled up, since compiled runtimes dislike odd sizes."""
    import numpy as np

    size = min(size, len(x))
    found = []
    for start in range(0, len(x), size):
        part = x[start : start + size]
        batch = part if len(part) == size else np.concatenate([part, x[: size - len(part)]])
        found.append(np.array(runner.bind(np.ascontiguousarray(batch))())[: len(part)])
        progress("evaluating", min(1.0, (start + size) / len(x)))
    outputs = np.concatenate(found)
    if len(outputs) != len(x):
        raise TradeoffError(f"the runner gave {len(outputs)} outputs for {len(x)} inputs")
    return outputs
