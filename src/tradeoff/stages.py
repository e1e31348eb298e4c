"""What a worker can be asked to do: one method for each stage of the corridor.

Requests and answers are plain data; what is large is a file in a folder that the request names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tradeoff.answers import answers_of
from tradeoff.coding.stage import DecodesFirst, encode
from tradeoff.datafiles import DataFiles, write_data
from tradeoff.devices.modelling import own_devices
from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.fingerprint import digest, digest_tree, files_in, sizes
from tradeoff.formats.finished import adopt
from tradeoff.formats.keras_files import permit_code
from tradeoff.layer_bits import DROPPED as BITS_DROPPED
from tradeoff.layer_bits import read_bits, write_bits
from tradeoff.loads.ground import Ground
from tradeoff.loads.scenarios import run_scenario
from tradeoff.measure.footprint import Loads, take_footprint
from tradeoff.measure.metering import measure_energy
from tradeoff.measure.noise import noise_since, sample
from tradeoff.measure.pinning import pinned
from tradeoff.measure.resident import peak_meter, settle
from tradeoff.measure.timing import Timing, measure_lot, warm_up
from tradeoff.own import own_from_json
from tradeoff.parity.layers import compare_layers, read_outputs, write_outputs
from tradeoff.ranges import DROPPED, read_ranges, told_of_ranges, write_ranges
from tradeoff.registry import Registry, load_registry, plugin_sources_from_json
from tradeoff.virtual_clock import estimate_to_json, joined
from tradeoff.vocabulary import (
    Anatomy,
    Backend,
    Capabilities,
    Conversion,
    Estimated,
    History,
    Loading,
    Model,
    Progress,
    Rewriting,
    Rewritten,
    Runner,
    Split,
    Task,
    Workload,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Call = Callable[[], Array]
    _Trained = Callable[[History], None]

MODEL_FILE: Final = "model.keras"
OUTPUTS_FILE: Final = "outputs.npy"
#: Samples in one request while accuracy is taken; latency has its own.
EVALUATION_BATCH: Final = 32
#: Loads of an artifact in one process.
MOST_LOADS: Final = 3


@dataclass
class Desk:
    """Holds what is loaded, and does one request after the other."""

    registry: Registry
    _runner: tuple[tuple[Any, ...], Runner] | None = None

    @classmethod
    def from_setup(cls, setup: Mapping[str, Any]) -> Desk:
        """Load the same plugins, and the same models of the user's, as the process that plans."""
        registry = load_registry(plugin_sources_from_json(setup["plugins"]))
        own = setup.get("own")
        if own:
            registry = registry.with_own(*own_from_json(own))
        registry = registry.with_devices(own_devices(setup.get("devices", ())))
        if setup.get("allow_code"):
            permit_code()
        return cls(registry)

    def handle(self, request: Mapping[str, Any], progress: Progress) -> Any:
        """Do what ``request["stage"]`` names."""
        stages: dict[str, Callable[[Mapping[str, Any], Progress], Any]] = {
            "data": self.data,
            "build": self.build,
            "reference": self.reference,
            "convert": self.convert,
            "adopt": self.adopt,
            "encode": self.encode,
            "evaluate": self.evaluate,
            "time": self.time,
            "meter": self.meter,
            "serve": self.serve,
            "footprint": self.footprint,
            "profile": self.profile,
            "estimate": self.estimate,
            "check": self.check,
            "layers": self.layers,
            "intermediates": self.intermediates,
        }
        with pinned(request.get("cores")):
            return stages[request["stage"]](request, progress)

    def data(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Load a task's data and write it split by split."""
        return write_data(self._task(request), Path(request["folder"]))

    def build(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
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
            made = self._made(request, progress, trainings.append)
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

    def _made(self, request: Mapping[str, Any], progress: Progress, trained: _Trained) -> Rewritten:
        model = self.registry.models[request["model"]]
        data = DataFiles(Path(request["data"]))
        if request["step"] is not None:
            return self._rewritten(model, request, data, progress, trained)
        if model.file is not None:
            from tradeoff.formats import keras_files

            return Rewritten(keras_files.sized(self._load(model.file), data.split("test").x.shape[1:]))
        return self._trained(model, request, data, progress, trained)

    def _load(self, path: Path) -> Any:
        from tradeoff.formats import keras_files

        return keras_files.load_model(path)

    def _trained(
        self, model: Model, request: Mapping[str, Any], data: DataFiles, progress: Progress, trained: _Trained
    ) -> Rewritten:
        from tradeoff import training

        if model.build is None or model.recipe is None:
            raise BadInput(f"model {model.name} has neither a file nor a builder with a recipe")
        training.set_seed(request["seed"])
        built = model.build()
        task = self.registry.task_of(model)
        train = data.split("train")
        history = training.train(built, model.recipe, train, data.split("validation"), task, request["seed"], progress)
        trained(history)
        return Rewritten(built, history.epochs, facts={"training": _training(history, len(train.x))})

    def _rewritten(
        self, model: Model, request: Mapping[str, Any], data: DataFiles, progress: Progress, trained: _Trained
    ) -> Rewritten:
        technique = self.registry.techniques[request["step"]["technique"]]
        if technique.apply is None:
            raise BadInput(f"technique {technique.name} has stage model and no `apply`")
        original = request["original"]
        found = technique.apply(
            Rewriting(
                model=self._load(Path(request["parent"]) / MODEL_FILE),
                values=request["step"]["values"],
                task=self.registry.task_of(model),
                train=data.split("train"),
                calibration=data.split("calibration"),
                validation=data.split("validation"),
                recipe=model.recipe,
                seed=request["seed"],
                progress=progress,
                models=self.registry.models,
                technique=technique.name,
                original=(lambda: self._load(Path(original) / MODEL_FILE)) if original else None,
                trained=trained,
            )
        )
        made = found if isinstance(found, Rewritten) else Rewritten(found)
        if read_ranges(Path(request["parent"])) and not made.ranges:
            made = replace(made, notes=(*made.notes, DROPPED))
        if read_bits(Path(request["parent"])) and not made.bits:
            made = replace(made, notes=(*made.notes, BITS_DROPPED))
        return made

    def reference(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """A model's own outputs on the test split, which artifacts are compared with: Keras's, or a finished one's."""
        import numpy as np

        from tradeoff import quality
        from tradeoff.formats import keras_files

        test = DataFiles(Path(request["data"])).split("test")
        if "artifact" in request:
            outputs = self._outputs({**request, "finished": True}, test, progress)
        else:
            model = self._load(Path(request["variant"]) / MODEL_FILE)
            outputs = keras_files.outputs_of(model, test.x, EVALUATION_BATCH)
        np.save(Path(request["folder"]) / OUTPUTS_FILE, outputs)
        return {"quality": _plain(quality.judge(outputs, test.y, self._task(request)))}

    def convert(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Have the backend write its artifact, and say what would be shipped."""
        backend = self._backend(request)
        folder = Path(request["folder"])
        model_file = Path(request["variant"]) / MODEL_FILE
        learnt = read_ranges(model_file.parent)
        taken = learnt if request["precision"] in self._can(request).ranges else None
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
                load_model=lambda: self._load(model_file),
                ranges=taken,
                bits=read_bits(model_file.parent),
            )
        )
        return _describe(backend, folder, Path(artifact)) | {
            "seconds": perf_counter() - begun,
            "ranges": told_of_ranges(backend.name, request["precision"], learnt, taken),
        }

    def encode(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Code an artifact, decode it again, and make sure that nothing has changed."""
        return encode(self.registry, request, progress)

    def adopt(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Copy a finished artifact into the store, and say what it is."""
        folder = Path(request["folder"])
        artifact = adopt(Path(request["file"]), request["ending"], folder, request["content"])
        found = _describe(self._backend(request), folder, artifact)
        beside = [path for name, path in files_in(folder).items() if not _belongs(name, found["artifact"])]
        if beside:
            # Weights that lie in files of their own are as much of it as its graph.
            content = found["content"], digest_tree(folder)
            found |= sizes(list(files_in(folder).values())) | {"content": digest(content)}
        return found

    def evaluate(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Accuracy of the shipped artifact on its own runtime, and how far it is from the baseline and the original."""
        import numpy as np

        from tradeoff import quality

        data, task = DataFiles(Path(request["data"])), self._task(request)
        test = data.split("test")
        outputs = self._outputs(request, test, progress)
        np.save(Path(request["folder"]) / OUTPUTS_FILE, outputs)
        validation = data.split("validation")
        chosen = self._outputs(request, validation, progress)
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
            "quality": _plain(quality.judge(outputs, test.y, task)),
            "agreement": _plain(agreement),
            "missing": missing,
            "parity": _plain(quality.parity(outputs, original, task)) if original is not None else {},
            "samples": len(test),
            # What candidates are chosen by; the test split only says how good the chosen one is.
            "validation": _plain(quality.judge(chosen, validation.y, task)) | {"samples": len(validation)},
            "answers": _told({"validation": (chosen, validation), "test": (outputs, test)}, task),
        }

    def _outputs(self, request: Mapping[str, Any], split: Split, progress: Progress) -> Array:
        """Of a whole split. A finished artifact may take one sample at a time and no more."""
        runner = self._load_runner(request)
        size = min(self._can(request).max_batch or EVALUATION_BATCH, EVALUATION_BATCH)
        try:
            return run_all(runner, split.x, size, progress)
        except Refused:
            if not request["finished"] or size == 1:
                raise
            return run_all(runner, split.x, 1, progress)

    def time(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Time whole requests, beside those of a baseline if one is given, on several loads of the artifact.

        Where weights come to lie in memory is chance, and is worth a few per cent; so each load is another lot.
        """
        batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
        timing = Timing(**request["timing"])
        before = sample(request.get("cores"))
        begun = perf_counter()
        first = self._bound(request, batch, 0)
        loads = _affordable(perf_counter() - begun, timing)
        lots = []
        for number in range(loads):
            progress("timing", number / loads)
            lots.append(
                measure_lot(*(first if number == 0 else self._bound(request, batch, number)), timing.divided(loads))
            )
        noise = noise_since(before, request.get("cores"))
        return {"lots": [lot.to_json() for lot in lots], "noise": noise.to_json()}

    def meter(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """What meters tell of whole requests, one after the other, and of this process while it does nothing."""
        batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
        timing = Timing(**request["timing"])
        call = self._loaded(request).bind(batch)
        warm_up(call, timing)
        progress("measuring energy", 0.0)
        meters = {name: self.registry.meters[name] for name in request["meters"]}
        found = measure_energy(meters, call, timing.max_time / 2, timing.most / 2)
        return {name: told.to_json() for name, told in found.items()}

    def serve(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Have requests arrive as a scenario says, on several loads of the artifact where these are quick."""
        test = DataFiles(Path(request["data"])).split("test")
        timing = Timing(**request["timing"])
        begun = perf_counter()
        spare = [self._loaded(request)]
        ground = Ground(
            load=lambda: spare.pop() if spare else self._loaded(request),
            batch=lambda size: tile(test, size),
            samples=len(test),
            loads=_affordable(perf_counter() - begun, timing),
            most=self._can(request).max_batch,
            timing=timing,
            seed=request["seed"],
            progress=progress,
        )
        return run_scenario(request["scenario"], request["values"], ground)

    def footprint(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """What loading and running an artifact takes; asked of a worker that does nothing else."""
        batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
        progress("loading alone", 0.0)
        backend: Loads = self._backend(request)
        if request.get("container"):
            backend = DecodesFirst(
                self._backend(request), self.registry.techniques[request["technique"]], Path(request["container"])
            )
        return take_footprint(backend, self._loading(request), batch).to_json()

    def profile(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Where a request goes, operator by operator, as far as the runtime can tell."""
        batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
        progress("profiling", 0.0)
        found = self._backend(request).profile(self._loading(request), batch)
        return {"profile": asdict(found) if found else None}

    def estimate(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """What is known of a request on a device that is not here: from the backend, and from the device's model."""
        progress("estimating", 0.0)
        backend, loading, samples = self._backend(request), self._loading(request), request["batch"]
        found = backend.estimate(loading, samples) or Estimated()
        model = self.registry.devices[request["device"]].model
        if model is not None:
            progress("asking the model of the device", 0.5)
            found = joined(found, model(Workload(loading.artifact, samples, found)))
        anatomy = backend.anatomy(loading, samples) or Anatomy()
        return {**estimate_to_json(found), **asdict(anatomy)}

    def check(self, request: Mapping[str, Any], progress: Progress) -> Any:
        """Look at one thing that a plugin has promised, for the conformance kit."""
        from tradeoff.conformance.inside import look

        return look(self.registry, request, progress)

    def layers(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """What each layer of a Keras model gives for some test samples, as a file; and what the layers are."""
        from tradeoff.formats.keras_layers import layer_outputs

        batch = tile(DataFiles(Path(request["data"])).split("test"), request["samples"])
        progress("running the original", 0.0)
        found = layer_outputs(self._load(Path(request["variant"]) / MODEL_FILE), batch)
        return {"layers": write_outputs(found, Path(request["folder"]))}

    def intermediates(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """How far each layer of an artifact is from that of the original; none where the backend cannot tell."""
        batch = tile(DataFiles(Path(request["data"])).split("test"), request["samples"])
        progress("running the artifact", 0.0)
        found = self._backend(request).intermediates(self._loading(request), batch)
        if found is None:
            return {"rows": None}
        progress("comparing", 0.5)
        rows = compare_layers(read_outputs(request["layers"], Path(request["folder"])), found)
        return {"rows": [row.to_json() for row in rows]}

    def _bound(self, request: Mapping[str, Any], batch: Array, number: int) -> tuple[Call, Call | None]:
        """A request of the cell and one of its baseline, freshly loaded; which of them is loaded first, alternates."""
        if request["baseline"] is None:
            return self._loaded(request).bind(batch), None
        if number % 2:
            other = self._loaded({**request, **request["baseline"]}).bind(batch)
            return self._loaded(request).bind(batch), other
        call = self._loaded(request).bind(batch)
        return call, self._loaded({**request, **request["baseline"]}).bind(batch)

    def _load_runner(self, request: Mapping[str, Any]) -> Runner:
        """The loaded artifact; evaluating and timing one cell loads it once."""
        wanted = (
            request["content"],
            request["backend"],
            request["device"],
            tuple(sorted(request["parameters"].items())),
        )
        if self._runner is None or self._runner[0] != wanted:
            self._runner = None
            self._runner = (wanted, self._loaded(request))
        return self._runner[1]

    def _loaded(self, request: Mapping[str, Any]) -> Runner:
        return self._backend(request).load(self._loading(request))

    def _loading(self, request: Mapping[str, Any]) -> Loading:
        return Loading(Path(request["artifact"]), request["parameters"], request["device"])

    def _backend(self, request: Mapping[str, Any]) -> Backend:
        return self.registry.backends[request["backend"]]

    def _can(self, request: Mapping[str, Any]) -> Capabilities:
        return self._backend(request).abilities(request["parameters"])

    def _task(self, request: Mapping[str, Any]) -> Task:
        return self.registry.tasks[request["task"]]


def _affordable(seconds: float, timing: Timing) -> int:
    """How many loads of this duration are worth their time: together they take no longer than what is timed."""
    if timing.once:
        return 1
    return max(1, min(MOST_LOADS, math.floor(timing.max_time / max(seconds, 1e-9))))


def _training(history: History, samples: int) -> dict[str, float | None]:
    """What a training did, as facts of the variant that it made."""
    last = history.validation[-1] if history.validation else math.nan
    return {"samples": samples, "epochs": history.epochs, **_plain({"seconds": history.seconds, "validation": last})}


def _told(found: Mapping[str, tuple[Array, Split]], task: Task) -> dict[str, Any]:
    """What was answered sample by sample, split by split, where the task has such answers."""
    told = {name: answers_of(outputs, split, task) for name, (outputs, split) in found.items()}
    return {name: one.to_json() for name, one in told.items() if one is not None}


def _plain(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no infinity: a number that is none is not available."""
    return {name: float(number) if math.isfinite(number) else None for name, number in numbers.items()}


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


def tile(split: Split, size: int) -> Array:
    """A batch of real samples, repeated when there are too few."""
    import numpy as np

    indices = np.arange(size) % len(split)
    return np.ascontiguousarray(split.x[indices])
