"""Finished artifacts: what is read of them without a framework, what is refused, and what is taken into the store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import finished_files as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradeoff.errors import BadInput
from tradeoff.formats.finished import adopt, content_of, ending_of, parts_of
from tradeoff.formats.onnx_contents import files_beside
from tradeoff.formats.onnx_file import read_onnx
from tradeoff.formats.saved_model import read_saved_model
from tradeoff.formats.tflite_file import read_tflite
from tradeoff.own.model_file import inspect_model

MAKERS: dict[str, Callable[[Path], Path]] = {
    ".onnx": made.write_onnx,
    ".tflite": made.write_tflite,
    "saved_model": made.write_saved_model,
}


def make(folder: Path, ending: str) -> Path:
    return MAKERS[ending](folder / ("net" + (ending if ending.startswith(".") else "")))


@pytest.mark.parametrize("ending", MAKERS)
def test_both_ends_are_read_without_a_framework(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path, ending)
    model = inspect_model(path)
    assert (model.name, model.finished, ending_of(path)) == (path.name, ending, ending)
    assert (model.input_shape, model.input_dtype, model.output_size, model.batch) == ((4,), "float32", 3, None)
    # A SavedModel hides its end behind calls of functions.
    assert model.outputs("classification") == (None if ending == "saved_model" else "probabilities")
    assert "no technique changes it" in model.explanations[0]
    script = (
        "import sys; from pathlib import Path; from tradeoff.own.model_file import inspect_model;"
        f"inspect_model(Path({str(path)!r}));"
        "assert not {'numpy', 'keras', 'tensorflow', 'onnx', 'flatbuffers', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("how", "activation", "batch", "dtype"),
    [
        ({}, "softmax", None, "float32"),
        ({"last": "Sigmoid"}, "sigmoid", None, "float32"),
        ({"last": "Relu"}, "linear", None, "float32"),
        ({"shape": (1, 4)}, "softmax", 1, "float32"),
        ({"shape": (8, 4), "dtype": 10}, "softmax", 8, "float16"),
    ],
)
def test_what_an_onnx_file_says_of_its_ends(
    tmp_path: Path, how: dict[str, Any], activation: str, batch: Any, dtype: str
) -> None:
    found = read_onnx(made.write_onnx(tmp_path / "net.onnx", **how))
    assert (found.last, found.batch, found.given.dtype, found.operations) == (activation, batch, dtype, 2)


@pytest.mark.parametrize(
    ("how", "activation", "dtype"),
    [
        ({}, "softmax", "float32"),
        ({"last": 14}, "sigmoid", "float32"),
        ({"last": 0}, "linear", "float32"),
        # Behind the numbers that fit the older field of a byte.
        ({"last": 150}, "linear", "float32"),
        ({"kind": 9, "shape": [8, 4]}, "softmax", "int8"),
    ],
)
def test_what_a_litert_model_says_of_its_ends(tmp_path: Path, how: dict[str, Any], activation: str, dtype: str) -> None:
    found = read_tflite(made.write_tflite(tmp_path / "net.tflite", **how))
    # An example of one sample is resized; what it ends with stands before that.
    assert (found.last, found.batch, found.given.shape, found.given.dtype) == (activation, None, (None, 4), dtype)


def two_inputs(tmp_path: Path) -> Path:
    return made.write_tflite(tmp_path / "net.tflite", inputs=[0, 1])


def text(tmp_path: Path) -> Path:
    return made.write_onnx(tmp_path / "net.onnx", dtype=8)


def other_signature(tmp_path: Path) -> Path:
    return made.write_saved_model(tmp_path / "net", signature="__saved_model_init_op")


def foreign(name: str) -> Callable[[Path], Path]:
    def write(tmp_path: Path) -> Path:
        (tmp_path / name).write_bytes(b"PK\x03\x04 something else")
        return tmp_path / name

    return write


def empty(name: str) -> Callable[[Path], Path]:
    def write(tmp_path: Path) -> Path:
        (tmp_path / name).touch()
        return tmp_path / name

    return write


def cut(ending: str) -> Callable[[Path], Path]:
    def write(tmp_path: Path) -> Path:
        path = make(tmp_path, ending)
        inside = path / "saved_model.pb" if path.is_dir() else path
        inside.write_bytes(inside.read_bytes()[:-40])
        return path

    return write


def linked(tmp_path: Path) -> Path:
    folder = made.write_saved_model(tmp_path / "net")
    (folder / "assets").symlink_to("/etc")
    return folder


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda folder: folder / "gone.onnx", "there is no such file; an .onnx file is needed"),
        (lambda folder: folder / "gone.tflite", "there is no such file; a .tflite file is needed"),
        (empty("net.onnx"), "is empty"),
        (empty("net.tflite"), "is empty"),
        (foreign("net.onnx"), "is not an ONNX file, or is cut short"),
        (foreign("net.tflite"), "is not a LiteRT model: the mark TFL3 is not in it"),
        (cut(".onnx"), "is not an ONNX file, or is cut short"),
        (cut(".tflite"), "damaged or cut short"),
        (cut("saved_model"), "is not a SavedModel's, or is cut short"),
        (two_inputs, "it has 2 inputs (x, z); models with one input and one output are taken for now"),
        (text, "its input 'x' is text; only numbers are taken for now"),
        (other_signature, "has 0 signatures (none); one of them must be called serving_default"),
        (linked, "assets is a link, not a file; copy what it stands for into the folder"),
        (lambda folder: folder, "is a folder without saved_model.pb, so it is no SavedModel"),
    ],
)
def test_what_cannot_be_used_is_one_message_that_names_it(
    tmp_path: Path, prepare: Callable[[Path], Path], told: str
) -> None:
    path = prepare(tmp_path)
    with pytest.raises(BadInput) as caught:
        inspect_model(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(path))


# --- code and files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["PyFunc", "EagerPyFunc", "ReadFile", "WriteFile", "TFRecordDataset", "PrintV2"])
@pytest.mark.parametrize("where", ["served", "initialised"])
def test_operations_that_do_more_than_compute_are_refused_unless_allowed(
    tmp_path: Path, operation: str, where: str
) -> None:
    how: Any = {"initialised": operation} if where == "initialised" else {}
    folder = made.write_saved_model(tmp_path / "net", *([operation] if where == "served" else []), **how)
    with pytest.raises(BadInput, match=rf"more than compute: {operation}\..*--tradeoff-allow-code"):
        inspect_model(folder)
    assert inspect_model(folder, allow_code=True).finished == "saved_model"


@pytest.mark.parametrize("operation", ["SaveV2", "MergeV2Checkpoints", "RestoreV2"])
def test_what_keeps_variables_is_taken_only_where_no_request_and_no_loading_reaches_it(
    tmp_path: Path, operation: str
) -> None:
    assert read_saved_model(made.write_saved_model(tmp_path / "plain")).operations > 5
    for name, served, initialised in (("served", operation, "NoOp"), ("loaded", "MatMul", operation)):
        folder = made.write_saved_model(tmp_path / name, served, initialised=initialised)
        with pytest.raises(BadInput, match=f"more than compute: {operation}"):
            read_saved_model(folder)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("../secret", "leads out of its folder"),
        ("/etc/passwd", "leads out of its folder"),
        ("a/../../b", "leads out of its folder"),
        ("link.bin", "is a link"),
        ("linked/w.bin", "is a link"),
        ("gone.bin", "there is no such file"),
    ],
)
def test_weights_that_lie_elsewhere_are_refused_before_anything_is_copied(
    tmp_path: Path, location: str, told: str
) -> None:
    (tmp_path / "secret").write_text("mine")
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "w.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(tmp_path / "secret")
    (folder / "linked").symlink_to(folder / "real")
    path = made.write_onnx(folder / "net.onnx", location=location)
    with pytest.raises(BadInput, match=told):
        inspect_model(path)


def test_weights_inside_a_branch_are_found(tmp_path: Path) -> None:
    branch = made.message((5, made.onnx_weights("hidden", "../hidden.bin")))
    graph = made.message((1, made.onnx_node("If", ["x"], "y", made.message((1, "then"), (6, branch)))))
    (tmp_path / "net.onnx").write_bytes(made.message((7, graph)))
    with pytest.raises(BadInput, match=r"keeps weights in '\.\./hidden\.bin', which leads out"):
        files_beside(tmp_path / "net.onnx")


# --- into the store ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", MAKERS)
def test_a_copy_has_the_same_content_and_no_name_of_the_users(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path, ending)
    folder = tmp_path / "store"
    folder.mkdir()
    copy = adopt(path, ending, folder, content_of(path, ending))
    assert copy == folder / ("saved_model" if ending == "saved_model" else f"model{ending}")
    assert content_of(copy, ending) == content_of(path, ending)
    assert ending_of(copy) == ending


def test_only_the_weights_that_a_model_names_come_with_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "w.bin").write_bytes(b"weights of it")
    (tmp_path / "others.bin").write_bytes(b"no part of it")
    path = made.write_onnx(tmp_path / "net.onnx", location="deep/w.bin")
    assert list(parts_of(path, ".onnx")) == ["model.onnx", "deep/w.bin"]
    before = content_of(path, ".onnx")
    folder = tmp_path / "store"
    folder.mkdir()
    assert adopt(path, ".onnx", folder, before) == folder / "model.onnx"
    assert sorted(item.name for item in folder.rglob("*") if item.is_file()) == ["model.onnx", "w.bin"]
    (tmp_path / "deep" / "w.bin").write_bytes(b"other weights")
    assert content_of(path, ".onnx") != before


def test_a_file_that_was_changed_since_it_was_planned_is_not_adopted(tmp_path: Path) -> None:
    path = made.write_tflite(tmp_path / "net.tflite")
    content = content_of(path, ".tflite")
    made.write_tflite(path, last=14)
    (tmp_path / "store").mkdir()
    with pytest.raises(BadInput, match="was changed since this run has begun"):
        adopt(path, ".tflite", tmp_path / "store", content)


def test_another_ending_is_taken_when_a_backend_reads_it(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_text("<model/>")
    model = inspect_model(tmp_path / "net.xml", reads=(".xml",))
    assert (model.finished, model.input_shape, model.outputs("classification")) == (".xml", None, None)
    with pytest.raises(BadInput, match=r"is not a \.keras file"):
        inspect_model(tmp_path / "net.xml")


# --- bytes of strangers -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", MAKERS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    keep=st.integers(0, 10_000),
)
def test_damaged_bytes_give_a_model_or_one_message(
    tmp_path_factory: pytest.TempPathFactory, ending: str, changes: list[tuple[int, int]], keep: int
) -> None:
    path = make(tmp_path_factory.mktemp("damaged"), ending)
    inside = path / "saved_model.pb" if path.is_dir() else path
    blob = bytearray(inside.read_bytes())
    for place, byte in changes:
        blob[place % len(blob)] = byte
    inside.write_bytes(blob[: max(1, keep % (2 * len(blob)))])
    try:
        model = inspect_model(path)
    except BadInput as error:
        assert str(error).startswith(str(path))
    else:
        assert model.finished == ending
