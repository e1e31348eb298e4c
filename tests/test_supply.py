"""What is in the store is not asked for, and what makes no difference to an artifact makes no second one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tradeoff import Backend, Capabilities, Device, Environment, Loading, Model, Parameter, Runner, Task, Technique
from tradeoff.cell import Cell, Load, parse_backend
from tradeoff.chain import parse_chain
from tradeoff.measure.estimating import ratios
from tradeoff.measure.timing import Lot, Timing
from tradeoff.processes.workers import WorkerReport
from tradeoff.registry import Registry
from tradeoff.store import Entry, Store
from tradeoff.supply import Supply, Timed
from tradeoff.vocabulary import Conversion, Progress
from tradeoff.waterfall import waterfall


class Printing(Backend):
    """Has one parameter that changes the artifact and one that only changes how it is run."""

    name = "printing"
    parameters = (
        Parameter("layout", str, default="nhwc", choices=("nhwc", "nchw")),
        Parameter("threads", int, default=1, minimum=1, runtime=True),
    )

    def convert(self, job: Conversion) -> Path:
        raise NotImplementedError

    def load(self, job: Loading) -> Runner:
        raise NotImplementedError


@dataclass
class Scribe:
    """Answers like workers whose artifacts say ``content``, and notes what it is asked for."""

    content: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    alone: list[int] = field(default_factory=list)
    reports: list[WorkerReport] = field(default_factory=list)
    compared: tuple[str, str] = ("", "")
    originals: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    #: What every answer says as well.
    facts: dict[str, Any] = field(default_factory=dict)

    def start(self, environment: Environment, progress: Progress) -> float:
        return math.inf

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        self.asked[request["stage"]] += 1
        number = str(sum(self.asked.values()))
        if request["stage"] == "evaluate":
            self.compared = (request["reference"], request["original"])
        if request["stage"] == "build":
            self.originals.append(request["original"] or "")
        if request["stage"] == "time":
            beside = (2.0 * float(number),) if request["baseline"] else ()
            return {"lots": [Lot((float(number),), 1, beside).to_json()]}
        (Path(request["folder"]) / "file").write_text(number)
        return (
            self.facts
            | {
                "data": {"fingerprint": "same data"},
                "build": {"content": f"model {request.get('seed')} {request.get('step')}"},
                "reference": {"quality": {}},
                "convert": {"content": self.content or number, "artifact": "file"},
                "encode": {"content": request.get("content"), "artifact": "file.coded", "decoded": "file"},
                "evaluate": {"quality": {}, "agreement": {}},
            }[request["stage"]]
        )

    def ask_alone(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        self.alone.append(request["batch"])
        self.containers.append(request.get("container", ""))
        return {"peak_bytes": 1}

    def close(self) -> None:
        """Nothing runs."""


def never() -> Any:
    raise AssertionError("the process that plans loads nothing")


REGISTRY = Registry(
    tasks={"digits": Task("digits", never)},
    models={"net": Model("net", "digits", build=never)},
    techniques={
        **{name: Technique(name, "precision") for name in ("fp16", "int8")},
        "code": Technique("code", "artifact"),
        "thin": Technique("thin", "model", apply=lambda job: job.model),
        "teach": Technique(
            "teach", "model", apply=lambda job: job.model, parameters=(Parameter("to", str, default="self"),)
        ),
    },
    backends={"printing": Printing()},
    devices={"host-cpu": Device("host-cpu")},
)


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


@pytest.fixture
def supply(tmp_path: Path, scribe: Scribe) -> Supply:
    return Supply(REGISTRY, Store(tmp_path), scribe, seed=0)


def cell(chain: str = "baseline", backend: str = "printing", batch: int = 1) -> Cell:
    parsed = parse_chain(chain, REGISTRY.techniques)
    return Cell("net", parsed, parse_backend(backend, REGISTRY.backends), "host-cpu", Load(batch))


def silent(text: str, done: float) -> None:
    """Nobody looks."""


def walk(supply: Supply, wanted: Cell) -> Entry:
    artifact = supply.artifact(wanted, silent)
    supply.result(wanted, artifact, silent)
    return artifact


def test_a_second_run_asks_for_nothing(supply: Supply, scribe: Scribe, tmp_path: Path) -> None:
    walk(supply, cell())
    assert scribe.asked == {"data": 1, "build": 1, "reference": 1, "convert": 1, "evaluate": 1}
    scribe.asked.clear()
    walk(Supply(REGISTRY, Store(tmp_path), scribe, seed=0), cell())
    assert not scribe.asked


def test_cells_share_what_they_have_in_common(supply: Supply, scribe: Scribe) -> None:
    for chain in ("baseline", "fp16", "int8"):
        walk(supply, cell(chain))
    assert scribe.asked == {"data": 1, "build": 1, "reference": 1, "convert": 3, "evaluate": 3}


def test_an_artifact_is_compared_with_the_baseline_and_with_the_variant_it_was_made_of(
    supply: Supply, scribe: Scribe
) -> None:
    walk(supply, cell("thin+int8"))
    reference, original = scribe.compared
    assert reference != original
    assert scribe.asked["reference"] == 2
    walk(supply, cell("int8"))
    # What no technique has changed is run once, and stands for both.
    assert scribe.compared == (reference, reference)
    assert scribe.asked["reference"] == 2


def test_a_coded_artifact_is_made_of_the_one_without_its_coding_and_runs_as_that(
    supply: Supply, scribe: Scribe
) -> None:
    plain, coded = walk(supply, cell("int8")), walk(supply, cell("int8+code"))
    assert coded.key != plain.key
    # What is the same is converted once and judged once.
    assert (scribe.asked["convert"], scribe.asked["encode"], scribe.asked["evaluate"]) == (1, 1, 1)
    walk(supply, cell("int8+code"))
    assert scribe.asked["encode"] == 1


def test_to_load_a_coded_artifact_alone_is_to_decode_it(supply: Supply, scribe: Scribe) -> None:
    for chain in ("int8", "int8+code"):
        supply.footprint(cell(chain), supply.artifact(cell(chain), silent), silent)
    assert [Path(container).name for container in scribe.containers] == ["", "file.coded"]


def test_each_step_of_a_coded_chain_has_its_row(supply: Supply, scribe: Scribe) -> None:
    scribe.facts = {"bytes": 8, "gzip_bytes": 4, "seconds": 0.5, "epochs": 2}
    rows = waterfall(supply, cell("thin+int8+code"), silent)
    assert [row["step"] for row in rows] == ["baseline", "thin", "int8", "code"]
    assert [row["epochs"] for row in rows] == [2, 2, 0, 0]
    assert all((row["bytes"], row["gzip_bytes"], row["seconds"]) == (8, 4, 0.5) for row in rows)


def test_a_parameter_of_running_makes_no_second_artifact_but_a_result_of_its_own(
    supply: Supply, scribe: Scribe
) -> None:
    assert walk(supply, cell()).key == walk(supply, cell(backend="printing:threads=2")).key
    assert (scribe.asked["convert"], scribe.asked["evaluate"]) == (1, 2)


def test_a_parameter_of_converting_makes_an_artifact_of_its_own(supply: Supply, scribe: Scribe) -> None:
    assert walk(supply, cell()).key != walk(supply, cell(backend="printing:layout=nchw")).key
    assert scribe.asked["convert"] == 2


def test_another_seed_is_another_model_of_the_same_data(supply: Supply, scribe: Scribe, tmp_path: Path) -> None:
    walk(supply, cell())
    walk(Supply(REGISTRY, Store(tmp_path), scribe, seed=1), cell())
    assert (scribe.asked["data"], scribe.asked["build"], scribe.asked["convert"]) == (1, 2, 2)


@pytest.mark.parametrize("kind", ["tasks", "models", "backends"])
def test_a_raised_version_is_made_anew(supply: Supply, scribe: Scribe, tmp_path: Path, kind: str) -> None:
    walk(supply, cell())

    class Newer(Printing):
        version = "2"

    raised: dict[str, Any] = {
        "tasks": {"digits": replace(REGISTRY.tasks["digits"], version="2")},
        "models": {"net": replace(REGISTRY.models["net"], version="2")},
        "backends": {"printing": Newer()},
    }
    scribe.asked.clear()
    walk(Supply(replace(REGISTRY, **{kind: raised[kind]}), Store(tmp_path), scribe, seed=0), cell())
    assert scribe.asked[{"tasks": "data", "models": "build", "backends": "convert"}[kind]] == 1


def test_a_model_that_a_technique_names_is_part_of_what_is_built(
    supply: Supply, scribe: Scribe, tmp_path: Path
) -> None:
    pupil = Model("pupil", "digits", build=never)
    for version, chain, builds in [("1", "teach:to=pupil", 2), ("2", "teach:to=pupil", 1), ("2", "teach", 1)]:
        registry = replace(REGISTRY, models={**REGISTRY.models, "pupil": replace(pupil, version=version)})
        scribe.asked.clear()
        walk(Supply(registry, Store(tmp_path), scribe, seed=0), cell(chain))
        assert scribe.asked["build"] == builds
    scribe.asked.clear()
    registry = replace(REGISTRY, models={**REGISTRY.models, "pupil": replace(pupil, version="3")})
    walk(Supply(registry, Store(tmp_path), scribe, seed=0), cell("teach"))
    assert not scribe.asked["build"]


def test_a_later_technique_is_handed_the_model_before_all_of_them_and_the_first_is_not(
    supply: Supply, scribe: Scribe
) -> None:
    walk(supply, cell("thin+teach"))
    baseline = supply.variant("net", (), silent)
    assert scribe.originals == ["", "", str(baseline.path)]


def timed(supply: Supply, wanted: Cell) -> Timed:
    return supply.timed(wanted, supply.artifact(wanted, silent), Timing(), silent)


def speed_ups(found: Timed) -> tuple[float, ...]:
    return tuple(ratio for lot in found.lots.kept for ratio in ratios(lot))


def test_equal_content_is_timed_once_a_run_and_says_where(supply: Supply, scribe: Scribe) -> None:
    scribe.content = "the same bytes"
    first, again = timed(supply, cell()), timed(supply, cell("fp16"))
    assert again == first
    assert again.cell == "net/baseline/printing/host-cpu/b1"
    assert scribe.asked["time"] == 1


def test_another_load_or_other_threads_are_timed_on_their_own(supply: Supply, scribe: Scribe) -> None:
    scribe.content = "the same bytes"
    for wanted in (cell(), cell(batch=8), cell(backend="printing:threads=2")):
        assert timed(supply, wanted).cell == wanted.spelling
    assert scribe.asked["time"] == 3


def test_other_content_is_timed_on_its_own(supply: Supply, scribe: Scribe) -> None:
    assert timed(supply, cell()).lots != timed(supply, cell("fp16")).lots
    assert scribe.asked["time"] == 2


def test_a_compressed_cell_is_timed_beside_its_baseline_and_the_baseline_alone(supply: Supply) -> None:
    assert speed_ups(timed(supply, cell())) == ()
    assert speed_ups(timed(supply, cell("int8"))) == (2.0,)


def test_content_equal_to_the_baseline_is_not_timed_against_itself(supply: Supply, scribe: Scribe) -> None:
    scribe.content = "the same bytes"
    assert speed_ups(timed(supply, cell("int8"))) == ()


def test_without_a_baseline_there_is_no_speed_up(scribe: Scribe, tmp_path: Path) -> None:
    class Whole(Printing):
        capabilities = Capabilities(precisions=("int8",))

    supply = Supply(replace(REGISTRY, backends={"printing": Whole()}), Store(tmp_path), scribe, seed=0)
    assert speed_ups(timed(supply, cell("int8"))) == ()
    assert scribe.asked["convert"] == 1


def test_a_new_run_times_again(supply: Supply, scribe: Scribe, tmp_path: Path) -> None:
    timed(supply, cell())
    timed(Supply(REGISTRY, Store(tmp_path), scribe, seed=0), cell())
    assert scribe.asked["time"] == 2
    assert scribe.asked["convert"] == 1


def load(supply: Supply, wanted: Cell) -> Entry:
    return supply.footprint(wanted, supply.artifact(wanted, silent), silent)


def test_what_loading_takes_is_asked_for_once_and_never_again(supply: Supply, scribe: Scribe, tmp_path: Path) -> None:
    first = load(supply, cell())
    assert load(Supply(REGISTRY, Store(tmp_path), scribe, seed=0), cell()).key == first.key
    assert scribe.alone == [1]


def test_equal_content_is_loaded_once_and_another_batch_or_other_threads_on_their_own(
    supply: Supply, scribe: Scribe
) -> None:
    scribe.content = "the same bytes"
    assert load(supply, cell("fp16")).key == load(supply, cell("int8")).key
    load(supply, cell(batch=8))
    load(supply, cell(backend="printing:threads=2"))
    assert scribe.alone == [1, 8, 1]
