"""What strangers send does no harm: nothing is run, nothing outside is read or written, nothing fills the machine."""

from __future__ import annotations

import base64
import csv
import io
import json
import marshal
import os
import re
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE
from user_project import SUITE

import tradeoff
from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest
from tradeoff.formats.keras_names import LAYERS
from tradeoff.own import explain_own
from tradeoff.own.data import DataSettings, read_data
from tradeoff.own.model_file import inspect_model
from tradeoff.record import read_run
from tradeoff.registry import Registry, load_registry
from tradeoff.reports.plugin import tradeoff_renderers
from tradeoff.store import Store
from tradeoff.store.report import list_store, prune_store, verify_store

Config = dict[str, Any]
MiB = 1024**2


# --- model files ------------------------------------------------------------------------------------


def layer(class_name: str, module: str | None = "keras.layers", **config: Any) -> Config:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def dense(activation: Any = "softmax", **config: Any) -> Config:
    return layer("Dense", name="dense", units=3, activation=activation, **config)


def sequential(*layers: Config) -> Config:
    taking = layer("InputLayer", name="input", batch_shape=[None, 8], dtype="float32")
    return layer("Sequential", "keras", name="sequential", layers=[taking, *layers, dense()])


def function(name: str, module: str, registered: str | None = None) -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def byte_code(source: str) -> Config:
    """What Keras writes for a lambda, made of code that leaves a file behind."""
    text = base64.b64encode(marshal.dumps(compile(source, "evil", "exec"))).decode("ascii")
    return {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}


def write(path: Path, config: Any, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = 0) -> Path:
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in (("config.json", text), ("metadata.json", b"{}"), ("model.weights.h5", b""), *members):
            archive.writestr(name, content)
    return path


def with_spec(**node: Any) -> Config:
    return {"class_name": "__typespec__", "registered_name": None, "config": [], **node}


#: Ways that have led, or could lead, from a configuration to somebody's code or files; with the CVE where there is one.
CODE: dict[str, Config] = {
    "a Lambda layer, CVE-2024-3660": sequential(layer("Lambda", name="l", function=byte_code("evil"))),
    "a Lambda layer in the old form, CVE-2025-9905": sequential(
        {"class_name": "Lambda", "config": {"name": "l", "function": ["4w", None, None], "function_type": "lambda"}}
    ),
    "a Lambda layer that is only registered so": sequential({**layer("Lambda", "mine"), "registered_name": "mine>L"}),
    "a Lambda layer by its place in the source": sequential(layer("Lambda", "keras.src.layers.core.lambda_layer")),
    "any function, CVE-2025-1550": sequential(dense(function("system", "os"))),
    "any class, CVE-2025-49655": sequential(layer("Popen", "subprocess", args="id")),
    "a builtin function": sequential(dense(function("eval", "builtins"))),
    "a builtin class": sequential(dense({"class_name": "exec", "module": "builtins", "config": {}})),
    "a class without a module": sequential({"class_name": "Popen", "config": {}}),
    "fetching a file, CVE-2025-8747": sequential(dense(function("get_file", "keras.utils"))),
    "switching guards off, CVE-2025-9906": sequential(dense(function("enable_unsafe_deserialization", "keras.config"))),
    "guards by their place in the source": sequential(
        dense(function("enable_unsafe_deserialization", "keras.src.saving.serialization_lib"))
    ),
    "a SavedModel elsewhere, CVE-2026-1462": sequential(layer("TFSMLayer", filepath="/tmp/x")),
    "a pickled PyTorch module": sequential(layer("TorchModuleWrapper", module="gAR9")),
    "a JAX function": sequential(layer("JaxLayer", call_fn=function("system", "os"))),
    "a Flax module": sequential(layer("FlaxLayer", module="x")),
    "loading another model": sequential(dense(function("load_model", "keras.models"))),
    "what a module of Keras has imported": sequential(dense(function("python_utils", "keras.src.layers.core.dense"))),
    "a helper beside the initializers": sequential(dense(function("deserialize", "keras.initializers"))),
    "a specification of a type": sequential(dense(with_spec(spec_name="get_file", module="keras.utils"))),
    "a specification without a module": sequential(dense(with_spec(spec_name="system", module=None))),
    "a cell of a recurrent layer": sequential(layer("RNN", cell=layer("Evil", "evil"))),
    "what a wrapper holds": sequential(layer("TimeDistributed", layer=layer("Lambda", name="x"))),
    "one of the two of a bidirectional layer": sequential(layer("Bidirectional", backward_layer=layer("E", "evil"))),
    "a loss of a nested model": sequential({**sequential(), "compile_config": {"loss": function("f", "evil")}}),
    "a quantization": sequential(dense(quantization_config=layer("Q", "evil"))),
    "a policy of types": sequential(dense(dtype=layer("P", "keras.utils"))),
    "an array of endless text": sequential(
        layer("Normalization", mean={"class_name": "__numpy__", "config": {"value": ["a"] * 99, "dtype": "S999999999"}})
    ),
}


@pytest.mark.parametrize("way", CODE)
def test_no_configuration_reaches_code_that_is_not_keras_own(tmp_path: Path, way: str) -> None:
    with pytest.raises(BadInput, match="needs code that is not Keras's own") as caught:
        inspect_model(write(tmp_path / "evil.keras", CODE[way]))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("place", ["/etc/passwd", "https://example.org/words"])
def test_no_configuration_has_a_file_read_or_fetched(tmp_path: Path, name: str, place: str) -> None:
    path = write(tmp_path / "evil.keras", sequential(layer(name, name="words", vocabulary=place)))
    with pytest.raises(BadInput, match="would have a file of this machine read"):
        inspect_model(path)


def test_names_in_a_configuration_cannot_command_the_terminal(tmp_path: Path) -> None:
    name = "\x1b]0;title\x07\u202e\n"
    path = write(tmp_path / "evil.keras", sequential(layer(name, name, name=name)))
    with pytest.raises(BadInput, match="needs code") as caught:
        inspect_model(path)
    assert str(caught.value).isprintable()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


MEMBERS: dict[str, tuple[str | zipfile.ZipInfo, str]] = {
    "a way up": ("../../evil", "which Keras does not write"),
    "a way up among the assets": ("assets/../../evil", "which Keras does not write"),
    "an absolute name": ("/etc/cron.d/evil", "which Keras does not write"),
    "a name of Windows": ("assets\\..\\evil", "which Keras does not write"),
    "a drive": ("assets/C:evil", "which Keras does not write"),
    "a name with an escape": ("\x1b[31mevil", "which Keras does not write"),
    "a name without end": ("x" * 60_000, "which Keras does not write"),
    "other weights": ("model.weights.npz", "which Keras does not write"),
    "a link": (link("assets/words"), "is a link"),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_model_file_holds_nothing_that_could_be_unpacked_elsewhere(tmp_path: Path, member: str) -> None:
    name, message = MEMBERS[member]
    path = write(tmp_path / "evil.keras", sequential(), (name, b"x"))
    with pytest.raises(BadInput, match=message) as caught:
        inspect_model(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_checked_is_what_is_loaded_since_no_member_hides_another(tmp_path: Path) -> None:
    evil = json.dumps(CODE["a Lambda layer, CVE-2024-3660"]).encode()
    path = write(tmp_path / "evil.keras", evil, ("config.json", json.dumps(sequential()).encode()))
    with pytest.raises(BadInput, match=r"2 members named 'config\.json'"):
        inspect_model(path)


def test_an_encrypted_or_oddly_compressed_model_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "m.keras", sequential(), method=zipfile.ZIP_LZMA)
    with pytest.raises(BadInput, match="compressed in an unusual way"):
        inspect_model(path)
    content = bytearray(write(path, sequential()).read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="encrypted"):
        inspect_model(path)


def test_a_small_model_file_does_not_become_a_large_one(tmp_path: Path) -> None:
    path = write(tmp_path / "m.keras", sequential(), ("assets/zeros", bytes(80 * MiB)), method=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < MiB
    with pytest.raises(BadInput, match="would unpack to 80 MiB, more than 100 times what it holds"):
        inspect_model(path)


def test_a_configuration_that_would_fill_the_memory_is_not_parsed(tmp_path: Path) -> None:
    text = b"[" + b"[]," * (6 * MiB) + b"[]]"
    with pytest.raises(BadInput, match=r"config\.json has .* bytes, too many"):
        inspect_model(write(tmp_path / "m.keras", text))


def test_a_file_with_many_members_is_refused(tmp_path: Path) -> None:
    members = [(f"assets/{number}", b"") for number in range(10_001)]
    with pytest.raises(BadInput, match="up to 10000 are taken"):
        inspect_model(write(tmp_path / "m.keras", sequential(), *members))


def test_a_model_that_keras_would_read_as_another_format_is_refused(tmp_path: Path) -> None:
    # Keras goes by the name: HDF5 may begin at byte 512, a zip file may end anything, and .h5 has no safe mode.
    with pytest.raises(BadInput, match="is not an HDF5 file, whatever its name says"):
        inspect_model(write(tmp_path / "evil.h5", sequential()))


# --- data files -------------------------------------------------------------------------------------


def npy(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


def described(shape: object, kind: object = "<f4", order: object = False) -> bytes:
    return header(repr({"descr": kind, "fortran_order": order, "shape": shape})) + bytes(4096)


X = npy(np.random.default_rng(0).normal(size=(60, 4)))
Y = npy(np.arange(60) % 3)


def data_file(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


HEADERS: dict[str, bytes] = {
    "more than there is": described((10**15,)),
    "less than nothing": described((-1, 4)),
    "twice less than nothing": described((-60, -4)),
    "no samples of endless size": described((0, 10**18)),
    "a product that overflows": described((2**33, 2**33, 0)),
    "a hundred axes": described((1,) * 100),
    "sizes that are no numbers": described((True, "4")),
    "objects": described((60, 4), "|O"),
    "a structure with objects": described((60, 4), [("a", "|O")]),
    "a structure": described((60, 4), [("a", "<f4")]),
    "long text": described((60, 4), "<U999999"),
    "nothing of a kind": described((60, 4), "|V8"),
    "complex numbers": described((60, 4), "<c8"),
    "dates": described((60, 4), "<M8[s]"),
    "an array in each place": described((60,), ("<f4", (4,))),
    "code": header("__import__('os').system('touch evil')"),
    "endless brackets": header("(" * 4000 + ")" * 4000),
    "endless signs": header("-" * 9000 + "1"),
    "another version": b"\x93NUMPY\x03\x00" + bytes(99),
}


@pytest.mark.parametrize("promise", HEADERS)
def test_a_header_of_an_array_neither_runs_nor_reserves_anything(tmp_path: Path, promise: str) -> None:
    path = data_file(tmp_path / "d.npz", ("x.npy", HEADERS[promise]), ("y.npy", Y))
    with pytest.raises(BadInput) as caught:
        read_data(path, DataSettings(), 0)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 1000


def test_a_small_data_file_does_not_become_a_large_one(tmp_path: Path) -> None:
    zeros = npy(np.zeros((60, 2 * MiB), bool))
    path = data_file(tmp_path / "d.npz", ("x.npy", zeros), ("y.npy", Y))
    assert path.stat().st_size < MiB
    with pytest.raises(BadInput, match="more than 100 times what it holds"):
        read_data(path, DataSettings(), 0)


@pytest.mark.parametrize("label", [10**18, 2**31 - 1, 2**63 - 1])
def test_a_huge_label_is_not_a_huge_number_of_classes(tmp_path: Path, label: int) -> None:
    labels = np.arange(60) % 3
    labels[labels == 1] = label
    with pytest.raises(BadInput, match=r"too large for one|without a gap"):
        read_data(data_file(tmp_path / "d.npz", ("x.npy", X), ("y.npy", npy(labels))), DataSettings(), 0)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twice", ["x.npy", "x"])
def test_no_array_hides_another(tmp_path: Path, twice: str) -> None:
    path = data_file(tmp_path / "d.npz", ("x.npy", X), ("y.npy", Y), (twice, X))
    with pytest.raises(BadInput, match="2 members named 'x'"):
        read_data(path, DataSettings(), 0)


def test_names_of_arrays_are_told_without_what_they_could_do(tmp_path: Path) -> None:
    strange = [(f"\x1b[31m{number}\n\u202e../../evil.npy", X) for number in range(50)]
    path = data_file(tmp_path / "d.npz", ("x.npy", X), ("y.npy", Y), *strange, ("z" * 60_000 + ".npy", X))
    told = read_data(path, DataSettings(), 0).explanations
    assert all(line.isprintable() for line in told)
    assert max(map(len, told)) < 2000
    assert [item.name for item in tmp_path.iterdir()] == ["d.npz"]


# --- what is no file --------------------------------------------------------------------------------

READ_ALL = """
import sys
from pathlib import Path
from tradeoff.errors import BadInput
from tradeoff.own.model_file import inspect_model
from tradeoff.own.data import DataSettings, read_data
from tradeoff.record import read_run
for name in sys.argv[1:]:
    for read in (inspect_model, read_run, lambda path: read_data(path, DataSettings(), 0)):
        try:
            read(Path(name))
        except BadInput as error:
            print(error)
        else:
            sys.exit(f"{name} was read")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes and /dev")
def test_pipes_devices_loops_and_impossible_names_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to a device").symlink_to("/dev/zero")
    names = ["pipe", "loop", "to a device", "/dev/zero", "/dev/tty", "n" * 5000, "."]
    command = [sys.executable, "-c", READ_ALL, *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 3 * len(names)
    assert "pipe is a named pipe, not a file" in done.stdout
    assert "/dev/zero is a device, not a file" in done.stdout


# --- reports ----------------------------------------------------------------------------------------

EVIL = (
    "\x1b[31m\x1b]0;title\x07\x1b]8;;http://e\x1b\\x\u202e\u2066\n|`<b>[a](b)![x](c) @user http://evil.com "
    "www.evil.com me@evil.com [red]x[/red] [link=http://evil.com]y[/link]"
)
HUGE = 10**400


def record(cell: str = "m/baseline/b/d/b1", **changes: Any) -> Config:
    latency = {"value": 1e-3, "unit": "s", "direction": "lower"}
    return {
        "schema": 1,
        "cell": cell,
        "suite": "s",
        "status": "measured",
        "measurements": {"latency": latency},
    } | changes


def run(*records: Config, **changes: Any) -> Config:
    return {"tradeoff": {"schema": 1, "name": "r", "started": "2026", "records": list(records), **changes}}


def numbers(latency: float, size: float) -> Config:
    return {
        "latency": {"value": latency, "unit": "s", "low": -latency, "high": latency},
        "artifact_bytes": {"value": size, "unit": "B"},
        "accuracy": {"value": -latency, "unit": "1"},
    }


EVIL_CELL = "/".join([EVIL.replace("/", "")] * 5)
RUNS: dict[str, Config] = {
    "names that command": run(
        record(
            EVIL_CELL,
            suite=EVIL,
            verdicts=[EVIL],
            same_as=EVIL,
            facts={"threads": EVIL, "metric": EVIL},
            measurements={name: {"value": 1, "unit": EVIL, "note": EVIL} for name in (EVIL, "latency")},
        ),
        record(status="crashed", reason=EVIL, detail=EVIL),
        name=EVIL,
        started=EVIL,
        machine=dict.fromkeys(("node", "processor", "cores", "memory_bytes", "system"), EVIL),
        versions={EVIL: EVIL},
        workers=[{"name": EVIL, "start_seconds": EVIL}],
    ),
    "the ends of what floats can say": run(
        record(measurements=numbers(1e308, -1e308)), record("m/int8/b/d/b1", measurements=numbers(5e-324, 5e-324))
    ),
    "numbers beyond floats": run(
        record(facts={"threads": HUGE, "floor": HUGE, "seed": -HUGE}),
        machine={"memory_bytes": HUGE, "cores": -HUGE},
        workers=[{"name": "w", "start_seconds": HUGE}],
    ),
    "names that are paths": run(record("../../../../.."), name="../../evil"),
    "one cell many times": run(*[record()] * 1000),
    "a load of endless digits": run(record(f"m/baseline/b/d/b{'9' * 5000}"), record("m/baseline/b/d/b²")),
    "half a character": run(record("m\ud800/baseline/b/d/b1", reason="\ud800")),
    "facts of every type": run(record(facts={"threads": [[[]]], "floor": True, "metric": {"a": None}, "seed": "x"})),
}


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
@pytest.mark.parametrize("name", RUNS)
def test_a_strangers_run_is_shown_and_can_do_nothing(tmp_path: Path, name: str, renderer: tradeoff.Renderer) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(RUNS[name]), encoding="ascii")
    text = renderer.render([read_run(path)], 100, False)
    assert text.replace("\n", "").isprintable()
    assert [item.name for item in tmp_path.iterdir()] == ["run.json"]


def test_nothing_in_a_markdown_report_is_a_link_or_calls_anybody(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run(record(EVIL_CELL, status="skipped", reason=EVIL))), encoding="ascii")
    (markdown,) = (renderer for renderer in tradeoff_renderers() if renderer.name == "markdown")
    text = markdown.render([read_run(path)], 100, False)
    assert not re.search(r"https?://|www\.\w|(?<!\w)@\w|\w@\w|(?<!\\)\]\(|<(?!!-- -->)", text)
    assert "http:<!-- -->//evil.com" in text


@pytest.mark.parametrize("renderer", tradeoff_renderers(), ids=lambda renderer: renderer.name)
def test_a_name_without_end_does_not_flood_what_a_person_reads(tmp_path: Path, renderer: tradeoff.Renderer) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run(record(f"{'m' * MiB}/baseline/b/d/b1"))), encoding="ascii")
    text = renderer.render([read_run(path)], 100, False)
    # What a page brings for itself no name makes longer.
    shown = re.sub(r"(?s)<(style|script).*?</\1>", "", text)
    assert len(shown) < 10_000 or renderer.name == "csv"
    assert "m" * 50 in shown


def test_measurements_without_end_do_not_multiply_the_columns(tmp_path: Path) -> None:
    records = [
        record(f"m/x{n}/b/d/b1", measurements={f"m{n}_{i}": {"value": i, "unit": "J"} for i in range(100)})
        for n in range(100)
    ]
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run(*records)), encoding="ascii")
    (comma,) = (renderer for renderer in tradeoff_renderers() if renderer.name == "csv")
    head, *rows = csv.reader(io.StringIO(comma.render([read_run(path)], 0, False)))
    assert len(head) < 600
    assert {len(row) for row in rows} == {len(head)}
    assert rows[99][-1].startswith("m99_0 0.0 J; m99_1 1.0 J; ")


DEEP: dict[str, bytes] = {
    "lists": b'{"tradeoff":' + b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "ignored, beside the run": b'{"deep":' + b"[" * 300_000 + b"]" * 300_000 + b',"tradeoff":{"schema":1}}',
    "in the options": b'{"tradeoff":{"schema":1,"name":"r","started":"x","records":[],"options":{"a":'
    + b"[" * 300_000
    + b"]" * 300_000
    + b"}}}",
    "endless digits": b'{"tradeoff":{"schema":' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("deep", DEEP)
def test_a_report_that_nests_without_end_is_refused(tmp_path: Path, deep: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(DEEP[deep])
    with pytest.raises(BadInput, match=r"run\.json"):
        read_run(path)


# --- what plugins say of themselves -----------------------------------------------------------------


class Anything(tradeoff.Backend):
    """A backend with the name, the summary or the suffix that a test gives it."""

    def convert(self, job: tradeoff.Conversion) -> Path:
        return job.folder

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        raise NotImplementedError


class Written(tradeoff.Renderer):
    """A renderer with the suffix that a test gives it."""

    def render(self, runs: Any, width: int, colour: bool) -> str:
        return ""


def registry_with(backend: Mapping[str, Any], renderer: Mapping[str, Any] | None = None) -> Registry:
    class Plugin:
        @tradeoff.hookimpl
        def tradeoff_backends(self) -> list[tradeoff.Backend]:
            return [type("Backend", (Anything,), dict(backend))()]

        @tradeoff.hookimpl
        def tradeoff_renderers(self) -> list[tradeoff.Renderer]:
            return [] if renderer is None else [type("Renderer", (Written,), dict(renderer))()]

    return load_registry(plugins=[("strange", Plugin())])


@pytest.mark.parametrize(
    "name", ["", "../../evil", "a/b", "a:b", "a+b", "a,b", "--evil", "a b", "\x1b[31m", "a\n", "x" * MiB, None, 5, "é"]
)
def test_a_plugin_with_a_name_that_cannot_be_spelled_is_left_out_and_named(name: object) -> None:
    registry = registry_with({"name": name})
    assert name not in registry.backends
    assert "keras" in registry.backends
    (problem,) = registry.problems
    assert problem.startswith("plugin 'strange': a backend is named")
    assert problem.isprintable()
    assert len(problem) < 500


def test_a_plugin_without_a_name_or_with_a_summary_that_is_no_text_is_left_out() -> None:
    assert "a backend is named 'None'" in registry_with({}).problems[0]
    assert "the summary of backend 'odd' is no text" in registry_with({"name": "odd", "summary": 5}).problems[0]


@pytest.mark.parametrize("suffix", ["/../../evil", "../evil", ".md/x", ".\x1b", 5])
def test_no_renderer_writes_outside_the_folder_of_the_run(suffix: object) -> None:
    registry = registry_with({"name": "b"}, {"name": "r", "suffix": suffix})
    assert "r" not in registry.renderers
    assert "has the suffix" in registry.problems[0]


def test_what_a_plugin_raises_cannot_command_the_terminal() -> None:
    class Plugin:
        @tradeoff.hookimpl
        def tradeoff_backends(self) -> list[tradeoff.Backend]:
            raise ValueError(EVIL * 1000)

    (problem,) = load_registry(plugins=[("strange", Plugin())]).problems
    assert problem.isprintable()
    assert len(problem) <= 1000


# --- the store --------------------------------------------------------------------------------------


def tamper(store: Store, **changes: Any) -> Path:
    """An entry whose manifest was changed by somebody who can make digests too."""
    entry = store.make("artifact", {"a": 1}, lambda folder: {"artifact": _filled(folder)})
    path = entry.path / "manifest.json"
    manifest = {**json.loads(path.read_bytes()), **changes}
    manifest.pop("digest")
    path.write_text(json.dumps({**manifest, "digest": digest(manifest)}), encoding="ascii")
    os.utime(path, (1, 1))
    return entry.path


def _filled(folder: Path) -> str:
    (folder / "model.bin").write_bytes(b"model")
    return "model.bin"


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": {"artifact": "../../../evil"}},
        {"facts": {"artifact": "/etc/passwd"}},
        {"facts": {"artifact": ["model.bin"]}},
        {"facts": []},
        {"files": {}},
        {"files": []},
        {"files": {"model.bin": 5}},
        {"files": {"../../evil": {"size": 1, "sha256": "0"}}},
        {"inputs": None},
    ],
    ids=str,
)
def test_an_entry_that_points_out_of_itself_is_set_aside(tmp_path: Path, changes: Config) -> None:
    store = Store(tmp_path / "store")
    tamper(store, **changes)
    warnings: list[str] = []
    assert Store(tmp_path / "store", warn=warnings.append).find("artifact", {"a": 1}) is None
    assert "is corrupted" in warnings[0]


@pytest.mark.parametrize(
    "inputs", [[], {"steps": 5}, {"steps": [5, {}], "model": EVIL}, {"task": EVIL * 1000}, {"variant": {}}], ids=str
)
def test_a_store_that_somebody_changed_can_be_listed_verified_and_pruned(tmp_path: Path, inputs: Any) -> None:
    store = Store(tmp_path / "store")
    tamper(store, inputs=inputs)
    for kind in ("variant", "result", "data"):
        target = tmp_path / "store" / kind / ("a" * 24)
        target.mkdir(parents=True)
        (target / "manifest.json").write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    (tmp_path / "store" / "data" / "\x1b[31m").touch()
    store = Store(tmp_path / "store")
    lines = [*list_store(store, None), *verify_store(store)[0], *prune_store(store, None, None, 0.0, False)]
    assert all(line.isprintable() for line in lines)
    assert not store.entries()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and named pipes")
@pytest.mark.parametrize("leading", ["a link to a file", "a link to a folder", "a pipe"])
def test_the_store_publishes_reads_and_deletes_nothing_outside(tmp_path: Path, leading: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious", encoding="utf-8")

    def build(folder: Path) -> Config:
        if leading == "a pipe":
            os.mkfifo(folder / "model.bin")
        else:
            (folder / "model.bin").symlink_to(outside / "precious" if leading == "a link to a file" else outside)
        return {"artifact": "model.bin"}

    store = Store(tmp_path / "store")
    with pytest.raises(ValueError, match=r"a link|a special file"):
        store.make("artifact", {"a": 1}, build)
    prune_store(store, None, None, 0.0, False)
    assert (outside / "precious").read_text(encoding="utf-8") == "precious"
    assert not store.entries()


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    entry = store.make("artifact", {"a": 1}, lambda folder: {"artifact": _filled(folder)})
    (entry.path / "manifest.json").unlink()
    os.mkfifo(entry.path / "manifest.json")
    assert Store(tmp_path / "store").find("artifact", {"a": 1}) is None


# --- as Keras would load it -------------------------------------------------------------------------

frameworks = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def with_framework_marks(test: Callable[..., None]) -> Callable[..., None]:
    for mark in frameworks:
        test = mark(test)
    return test


def saved(path: Path) -> Path:
    import keras

    keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(3)]).save(path)
    return path


def rewritten(path: Path, change: Callable[[Any], None], config: Callable[[bytes], bytes] = bytes) -> Path:
    """The saved model with other weights: ``change`` is given the group of the first layer."""
    import h5py

    with zipfile.ZipFile(saved(path)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        change(file["layers/dense/vars"])
    members |= {"model.weights.h5": weights.getvalue(), "config.json": config(members["config.json"])}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def outside_the_file(group: Any) -> None:
    del group["0"]
    group.create_dataset("0", (8, 4), "f4", external=[("/etc/passwd", 0, 128)])


def virtual(group: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((8, 4), "f4")
    layout[...] = h5py.VirtualSource("/tmp/other.h5", "d", (8, 4))
    del group["0"]
    group.create_virtual_dataset("0", layout)


def linked(group: Any) -> None:
    import h5py

    del group["0"]
    group["0"] = h5py.ExternalLink("/tmp/other.h5", "/d")


def linked_inside(group: Any) -> None:
    import h5py

    group["more"] = h5py.SoftLink("/nowhere")


def endless(group: Any) -> None:
    del group["0"]
    group.create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip")


def text(group: Any) -> None:
    import h5py

    group.create_dataset("more", data=["a"], dtype=h5py.string_dtype())


def a_type(group: Any) -> None:
    group["more"] = np.dtype("f4")


def nothing(group: Any) -> None:
    assert len(group)


WEIGHTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "an array in another file": (outside_the_file, "in another file"),
    "an array made of other files": (virtual, "in another file"),
    "a link to another file": (linked, "is a link"),
    "a link to nowhere": (linked_inside, "is a link"),
    "an array of terabytes": (endless, "its weights would take"),
    "text of any length": (text, "is an array of object"),
    "a type": (a_type, "is no array"),
}


@with_framework_marks
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_lie_in_the_file_itself_and_in_full_whatever_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, allowed: bool
) -> None:
    from tradeoff.formats import keras_files

    monkeypatch.setattr(keras_files._PERMISSION, "given", allowed)
    change, message = WEIGHTS[weights]
    with pytest.raises(BadInput, match=message):
        keras_files.load_model(rewritten(tmp_path / "m.keras", change))


@with_framework_marks
def test_a_group_that_holds_itself_is_not_walked_for_ever(tmp_path: Path) -> None:
    from tradeoff.formats import keras_files

    def cycle(group: Any) -> None:
        group["self"] = group
        group["above"] = group.parent

    with pytest.raises(BadInput, match="cannot be loaded"):
        keras_files.load_model(rewritten(tmp_path / "m.keras", cycle))


@with_framework_marks
def test_a_layer_that_asks_for_more_weights_than_there_are_is_not_built(tmp_path: Path) -> None:
    from tradeoff.formats import keras_files

    path = rewritten(
        tmp_path / "m.keras", nothing, lambda config: config.replace(b'"units": 4', b'"units": 2000000000')
    )
    with pytest.raises(BadInput, match="its layers need at least 2000000003 weights, and there are 51 numbers in it"):
        keras_files.load_model(path)


@with_framework_marks
@pytest.mark.parametrize("way", CODE)
def test_what_is_refused_when_it_is_looked_at_is_refused_when_it_is_loaded(tmp_path: Path, way: str) -> None:
    from tradeoff.formats import keras_files

    with pytest.raises(BadInput, match="needs code that is not Keras's own"):
        keras_files.load_model(write(tmp_path / "evil.keras", CODE[way]))


@with_framework_marks
def test_every_layer_of_keras_is_known_or_carries_code() -> None:
    import keras

    layers = {name for name, thing in vars(keras.layers).items() if isinstance(thing, type)}
    carriers = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}
    assert layers - LAYERS - carriers <= {"InputSpec"}, "look at the new ones, and add them to keras_names.py"


def honest_models() -> dict[str, Callable[[Any], Any]]:
    import keras

    of, ops = keras.layers, keras.ops
    return {
        "convolutions": lambda x: of.GlobalAveragePooling2D()(
            of.BatchNormalization()(of.SeparableConv2D(4, 3)(of.Conv2DTranspose(2, 3, activation="gelu")(x)))
        ),
        "functions": lambda x: of.Dense(
            3,
            activation=keras.activations.mish,
            kernel_regularizer=keras.regularizers.L1L2(),
            kernel_constraint=keras.constraints.MaxNorm(2),
            kernel_initializer=keras.initializers.HeNormal(1),
        )(of.Flatten()(x)),
        "operations": lambda x: ops.mean(ops.relu(x * 2 + 1) - ops.exp(x), axis=(1, 2))[:, :2],
        "recurrence": lambda x: of.Bidirectional(of.LSTM(4))(of.TimeDistributed(of.Flatten())(x)),
        "cells": lambda x: of.RNN([of.GRUCell(3), of.LSTMCell(2)])(of.Reshape((8, 24))(x)),
        "attention": lambda x: of.MultiHeadAttention(2, 4)(x, x),
        "augmentation": lambda x: of.RandomFlip()(of.RandomRotation(0.1)(of.Rescaling(1 / 255)(x))),
        "normalization": lambda x: of.Normalization(mean=[1.0] * 3, variance=[2.0] * 3)(x),
        "wrappers": lambda x: of.SpectralNormalization(of.Dense(3))(of.UnitNormalization()(x)),
        "activations": lambda x: of.Dense(3, activation=of.LeakyReLU())(of.PReLU()(of.Activation("silu")(x))),
        "policies": lambda x: of.Dense(3, dtype="mixed_bfloat16")(of.Dense(3, dtype="bfloat16")(x)),
        "bins": lambda x: of.Embedding(9, 4)(of.Discretization([0.0, 1.0])(of.Flatten()(x))),
        "a model in it": lambda x: keras.Sequential([keras.Input((8, 8, 3)), of.Dense(2)])(x),
    }


@with_framework_marks
def test_honest_models_are_taken(tmp_path: Path) -> None:
    import keras

    from tradeoff.formats import keras_files

    for name, build in honest_models().items():
        taken = keras.Input((8, 8, 3))
        path = tmp_path / f"{name.replace(' ', '-')}.keras"
        keras.Model(taken, build(taken)).save(path)
        assert inspect_model(path).input_shape == (8, 8, 3)
        assert keras_files.load_model(path).count_params() >= 0


# --- the whole way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["a lambda", "a function", "a name"])
def test_pytest_ends_with_one_message_and_nothing_was_run(pytester: pytest.Pytester, way: str) -> None:
    mark = pytester.path / "was-run"
    config = {
        "a lambda": sequential(layer("Lambda", name="l", function=byte_code(f"open({str(mark)!r}, 'w')"))),
        "a function": sequential(dense(function("system", "os"))),
        "a name": sequential(layer("\x1b]0;title\x07", "evil")),
    }[way]
    model = write(pytester.path / "evil.keras", config)
    data = data_file(pytester.path / "d.npz", ("x.npy", npy(np.ones((60, 8)))), ("y.npy", Y))
    done = pytester.runpytest_subprocess(*SUITE, f"--tradeoff-model={model}", f"--tradeoff-data={data}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    told = done.stdout.str() + done.stderr.str()
    assert "needs code that is not Keras's own" in told
    assert "Traceback" not in told
    assert "\x1b]0" not in told
    assert not mark.exists()


def test_the_doctor_shows_a_strangers_names_harmlessly(tmp_path: Path) -> None:
    from tradeoff.options import Settings

    path = data_file(tmp_path / "d.npz", ("x.npy", X), ("y.npy", Y), ("\x1b[31m\nevil.npy", X))
    lines = explain_own(Settings({"data": str(path)}, {}))
    assert all(line.isprintable() for line in lines)
