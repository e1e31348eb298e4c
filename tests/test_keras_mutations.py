"""Files that are nearly Keras models or SavedModels: whatever they do to Keras and TensorFlow, the run goes on."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

import pytest
from mutations import at_the_door, fates, mutations
from trained import NOISE, conversion, task

import tradeoff
from tradeoff.backends.hdf5 import HDF5Backend
from tradeoff.backends.keras.backend import KerasBackend
from tradeoff.backends.savedmodel import SavedModelBackend
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, pytest.mark.deep, *(pytest.mark.filterwarnings(line) for line in NOISE)]
KERAS, HDF5, SAVED = KerasBackend(), HDF5Backend(), SavedModelBackend()
#: Of each kind; a format has two of them.
COUNT = 250
#: Which file of a SavedModel, or of what is in a ``.keras`` file, is changed: in turns, and some more often.
GRAPH = ("saved_model.pb", "variables/variables.index", "saved_model.pb", "variables/variables.data-00000-of-00001")
MEMBERS = ("model.weights.h5", "config.json", "model.weights.h5", "config.json", "metadata.json")


@cache
def given() -> Path:
    """A net so small that much of its files is structure."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    path = Path(mkdtemp(prefix="tradeoff-mutations-")) / "given.keras"
    keras_files.save_model(keras.Sequential([keras.Input((8, 8, 1)), *layers]), path)
    return path


@cache
def made_by(backend: tradeoff.Backend) -> Path:
    """What ``backend`` writes for it."""
    return backend.convert(conversion(Path(mkdtemp(prefix="tradeoff-mutations-")), model_file=given()))


def whole(path: Path, folder: Path, seed: int) -> Iterator[Path]:
    """Any bytes of the file changed."""
    for number, blob in enumerate(mutations(path.read_bytes(), seed, COUNT)):
        made = folder / f"{number}{path.suffix}"
        made.write_bytes(blob)
        yield made


def within(path: Path, folder: Path, seed: int) -> Iterator[Path]:
    """Bytes of what is in the zip file: its checksums are right, and it comes as far as Keras."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for number, (name, blob) in enumerate(_in_turns(members, MEMBERS, seed)):
        made = folder / f"{number}.keras"
        with zipfile.ZipFile(made, "w") as archive:
            for member, content in {**members, name: blob}.items():
                archive.writestr(member, content)
        yield made


def in_folder(path: Path, folder: Path, seed: int) -> Iterator[Path]:
    """Bytes of one of its files."""
    parts = {name: (path / name).read_bytes() for name in GRAPH}
    return _folders(path, folder, _in_turns(parts, GRAPH, seed))


def in_meaning(path: Path, folder: Path, seed: int) -> Iterator[Path]:
    """Bytes of the graph that leave it a graph, of another kind: it comes further into TensorFlow."""
    name = GRAPH[0]
    graphs = filter(_is_graph, mutations((path / name).read_bytes(), seed, 100 * COUNT))
    return _folders(path, folder, ((name, graph) for graph in islice(graphs, COUNT)))


def _is_graph(blob: bytes) -> bool:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        return bool(SavedModel.FromString(blob).meta_graphs)
    except DecodeError:
        return False


def _folders(path: Path, folder: Path, changes: Iterable[tuple[str, bytes]]) -> Iterator[Path]:
    for number, (name, blob) in enumerate(changes):
        made = folder / f"{number}"
        copytree(path, made)
        (made / name).write_bytes(blob)
        yield made


def _in_turns(files: dict[str, bytes], turns: tuple[str, ...], seed: int) -> Iterator[tuple[str, bytes]]:
    changes = {name: mutations(blob, seed, COUNT) for name, blob in files.items()}
    for name in islice(cycle(turns), COUNT):
        yield name, next(changes[name])


@pytest.mark.parametrize(
    ("backend", "source", "change", "seed"),
    [
        pytest.param(KERAS, given, whole, 0, id="keras"),
        pytest.param(KERAS, given, within, 1, id="within keras"),
        pytest.param(HDF5, lambda: made_by(HDF5), whole, 2, id="hdf5"),
        # Another way to the same files: as a model of the user's own, which other backends convert.
        pytest.param(KERAS, lambda: made_by(HDF5), whole, 3, id="own hdf5"),
        pytest.param(SAVED, lambda: made_by(SAVED), in_folder, 4, id="savedmodel"),
        pytest.param(SAVED, lambda: made_by(SAVED), in_meaning, 5, id="savedmodel that parses"),
    ],
)
def test_hundreds_of_changed_files_do_not_bring_down_the_run(
    tmp_path: Path, backend: Any, source: Callable[[], Path], change: Any, seed: int
) -> None:
    (tmp_path / "files").mkdir()
    files = list(change(source(), tmp_path / "files", seed))
    assert len(files) == COUNT
    # An .h5 file is looked at in a process of its own, which takes a while: a part of them does.
    asked = files[:: 10 if files[0].suffix == ".h5" else 1]
    at_first = at_the_door(asked, ("saved_model",))
    found = fates(backend, {one.name: one.default for one in backend.parameters}, files, task(), tmp_path)
    print(dict(at_first), dict(found))
    assert at_first.total() == len(asked)
    # What still is a graph is seldom told at first sight.
    assert at_first["refused"] > (0.01 if change is in_meaning else 0.1) * len(asked)
    assert found.total() == COUNT
    assert found["refused"] > 0.1 * COUNT
    assert found["failed"] == 0
    assert found["crashed"] < 0.02 * COUNT


def test_files_of_other_formats_are_refused_whatever_their_names_say(tmp_path: Path) -> None:
    contents = {
        ".keras": given().read_bytes(),
        ".h5": made_by(HDF5).read_bytes(),
        "/saved_model.pb": (made_by(SAVED) / "saved_model.pb").read_bytes(),
        "nothing": b"",
        "zeros": bytes(4096),
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(1000),
        "a text": b"This is no model.\n" * 100,
        "a pickle": pickle.dumps({"weights": [1.0] * 100}),
    }
    files: dict[str, list[Path]] = {".keras": [], ".h5": [], ".tflite": [], ".onnx": [], "/saved_model.pb": []}
    for ending, made in files.items():
        for number, (kind, blob) in enumerate(contents.items()):
            if kind != ending:
                path = tmp_path / f"{number}{ending}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(blob)
                made.append(path if ending.startswith(".") else path.parent)
    everything = [path for made in files.values() for path in made]
    assert at_the_door(everything, (".tflite", ".onnx", "saved_model")) == {"refused": len(everything)}
    readers = ((KERAS, files[".keras"] + files[".h5"]), (HDF5, files[".h5"]), (SAVED, files["/saved_model.pb"]))
    for backend, made in readers:
        (tmp_path / backend.name).mkdir()
        parameters = {one.name: one.default for one in backend.parameters}
        assert fates(backend, parameters, made, task(), tmp_path / backend.name) == {"refused": len(made)}
