from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tradeoff.errors import BadInput
from tradeoff.formats.npz_file import read_arrays
from tradeoff.own.data import DataSettings, OwnData, read_data

Arrays = dict[str, np.ndarray[Any, Any]]
NAMES = ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val", "x_calibration", "x", "y")


def images(samples: int, classes: int = 3, high: int = 255) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(samples)
    x = generator.integers(0, high, (samples, 4, 4), np.uint8, endpoint=True)
    x[0, 0, 0] = high
    return x, np.arange(samples) % classes


def labelled(**changes: Any) -> Arrays:
    """Sixty training and thirty test images of three classes; ``None`` leaves an array out."""
    x_train, y_train = images(60)
    x_test, y_test = images(30)
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, **changes}
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


def read(path: Path, arrays: Arrays, seed: int = 0, **declared: Any) -> OwnData:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return read_data(path, DataSettings(**declared), seed)


def told(data: OwnData) -> str:
    return "\n".join(data.explanations)


# --- what is understood -----------------------------------------------------------------------------


def test_images_and_labels_become_a_classification_with_four_splits(path: Path) -> None:
    data = read(path, labelled())
    assert (data.kind, data.metric, data.loss, data.classes) == ("classification", "accuracy", "crossentropy", 3)
    assert (data.input_shape, data.target_shape) == ((4, 4), ())
    splits = data.splits
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [48, 12, 30]
    assert splits.train.x.dtype == np.float32
    assert splits.train.y.dtype == np.int64
    assert (splits.test.x == labelled()["x_test"]).all()


def test_every_class_is_in_a_validation_split_that_is_made_here(path: Path) -> None:
    splits = read(path, labelled()).splits
    assert np.bincount(splits.validation.y.astype(int)).tolist() == [4, 4, 4]


def test_a_validation_split_that_is_there_is_taken_as_it_is(path: Path) -> None:
    x_val, y_val = images(9)
    splits = read(path, labelled(x_val=x_val, y_val=y_val)).splits
    assert (splits.validation.x == x_val).all()
    assert len(splits.train) == 60


def test_x_and_y_alone_are_split_by_class_into_sixty_twenty_twenty(path: Path) -> None:
    x, y = images(100, classes=4)
    splits = read(path, {"x": x, "y": y}).splits
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [60, 20, 20]
    assert np.bincount(splits.test.y.astype(int)).tolist() == [5, 5, 5, 5]


@given(samples=st.integers(5, 12), classes=st.integers(2, 4), extra=st.integers(0, 7), seed=st.integers(0, 2**40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_splits_made_here_share_no_sample_and_lose_none(
    path: Path, samples: int, classes: int, extra: int, seed: int
) -> None:
    y = np.concatenate([np.repeat(np.arange(classes), samples), np.zeros(extra, int)])
    data = read(path, {"x": np.arange(len(y), dtype=np.float32), "y": y}, seed, preprocess="channels")
    splits = data.splits
    parts = [set(split.x[:, 0].tolist()) for split in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(y)
    assert set(splits.train.y.tolist()) == set(splits.test.y.tolist()) == set(range(classes))
    assert set(splits.calibration.x[:, 0].tolist()) <= parts[0]


def test_one_seed_gives_one_split_and_another_seed_another(path: Path) -> None:
    one, same, other = (read(path, labelled(), seed).splits for seed in (0, 0, 1))
    assert (one.train.x == same.train.x).all()
    assert (one.calibration.x == same.calibration.x).all()
    assert not (one.train.x == other.train.x).all()


def test_calibration_is_a_small_part_of_training_and_never_of_test(path: Path) -> None:
    x = np.arange(1000, dtype=np.float32).reshape(1000, 1)
    y = np.arange(1000) % 2
    splits = read(path, {"x_train": x, "y_train": y, "x_test": x[:10] + 5000, "y_test": y[:10]}).splits
    assert len(splits.calibration) == 256
    assert set(splits.calibration.x.ravel().tolist()) <= set(splits.train.x.ravel().tolist())


def test_calibration_inputs_that_are_there_are_taken_preprocessed_and_without_targets(path: Path) -> None:
    x, _ = images(7)
    calibration = read(path, labelled(x_calibration=x), preprocess="divide:255").splits.calibration
    assert calibration.x == pytest.approx(x / np.float32(255))
    assert len(calibration.y) == 0


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y,
        lambda y: y.reshape(-1, 1),
        lambda y: y.astype(np.uint8),
        lambda y: np.eye(3)[y],
        lambda y: np.eye(3, dtype=bool)[y],
        lambda y: np.eye(3, dtype=np.int32)[y],
    ],
)
def test_labels_and_one_hot_rows_are_the_same_thing(path: Path, form: Any) -> None:
    plain = labelled()
    data = read(path, labelled(y_train=form(plain["y_train"]), y_test=form(plain["y_test"])))
    assert data.classes == 3
    assert (data.splits.test.y == plain["y_test"]).all()


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8])
def test_zeros_and_ones_are_two_classes(path: Path, dtype: type) -> None:
    plain = labelled()
    data = read(
        path,
        labelled(
            y_train=plain["y_train"].astype(bool).astype(dtype), y_test=plain["y_test"].astype(bool).astype(dtype)
        ),
    )
    assert (data.kind, data.classes) == ("classification", 2)
    assert "labels 0 and 1, a classification of 2 classes" in told(data)


@pytest.mark.parametrize(("shape", "target"), [((60,), (1,)), ((60, 1), (1,)), ((60, 2), (2,))])
def test_fractions_become_a_regression_with_one_row_for_each_sample(
    path: Path, shape: tuple[int, ...], target: tuple[int, ...]
) -> None:
    y = np.random.default_rng(0).normal(size=shape)
    data = read(path, labelled(y_train=y, y_test=y[:30]))
    assert (data.kind, data.metric, data.loss, data.classes) == ("regression", "mae", "mse", None)
    assert data.target_shape == target
    assert data.splits.train.y.dtype == np.float32


def test_whole_floats_are_values_unless_they_are_declared_labels(path: Path) -> None:
    plain = labelled()
    floats = labelled(y_train=plain["y_train"].astype(float), y_test=plain["y_test"].astype(float))
    undeclared = read(path, floats)
    assert undeclared.kind == "regression"
    assert "declare kind classification" in told(undeclared)
    assert read(path, floats, kind="classification").classes == 3
    assert read(path, floats, metric="accuracy").classes == 3


@pytest.mark.parametrize("declared", [{"kind": "regression"}, {"metric": "r2"}, {"loss": "mae"}, {"outputs": "values"}])
def test_whole_numbers_can_be_declared_values(path: Path, declared: dict[str, Any]) -> None:
    data = read(path, labelled(), **declared)
    assert data.kind == "regression"
    assert data.metric == declared.get("metric", "mae")
    assert data.loss == declared.get("loss", "mse")


def test_what_was_understood_is_told_line_by_line(path: Path) -> None:
    text = told(read(path, labelled(z=np.zeros(3)), preprocess="divide:255+channels", seed=7))
    for line in (
        "x_train: shape (60, 4, 4), uint8, 0 to 255",
        "not used: z",
        "targets: y_train holds labels 0 to 2",
        "judged by accuracy, fine-tuned with crossentropy",
        "no x_val: 20 % of x_train became the validation split, stratified by class, seed 7",
        "calibration split: 48 of the 48 training samples, seed 7",
        "test split: 30 samples, per class 10 10 10",
        "preprocessing divide:255+channels: x_train goes from 0 to 255 to 0 to 1, samples from (4, 4) to (4, 4, 1)",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("high", "preprocess", "hinted"), [(255, "", True), (255, "divide:255", False), (1, "", False)]
)
def test_a_range_that_most_models_do_not_expect_is_hinted_at_and_never_changed(
    path: Path, high: int, preprocess: str, hinted: bool
) -> None:
    x, y = images(60, high=high)
    data = read(path, {"x": x, "y": y}, preprocess=preprocess)
    assert ("hint: values reach 255" in told(data)) == hinted
    assert data.splits.train.x.max() == (1 if preprocess else x.max())


def test_nothing_of_this_imports_a_framework(path: Path) -> None:
    np.savez(path, **labelled())  # type: ignore[arg-type]
    script = (
        "import sys; from pathlib import Path; from tradeoff.own.data import DataSettings, read_data;"
        f"read_data(Path({str(path)!r}), DataSettings(), 0);"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# --- what is refused --------------------------------------------------------------------------------

X, Y = images(60)
MISTAKES: dict[str, tuple[Arrays, str]] = {
    "no test": (labelled(x_test=None, y_test=None), "there is no x_test, no y_test; found x_train, y_train"),
    "other names": ({"features": X, "labels": Y}, "there is no x_train.*found features, labels; expected x_train"),
    "x without y": ({"x": X}, "there is no y; found x"),
    "x_val alone": (labelled(x_val=X), "there is no y_val"),
    "y_val alone": (labelled(y_val=Y), "there is no x_val"),
    "both ways": (labelled(x=X, y=Y), "it has both x and x_train"),
    "x shorter": (labelled(x_train=X[:50]), "x_train has 50 samples but y_train has 60 targets"),
    "x_val longer": (labelled(x_val=X, y_val=Y[:9]), "x_val has 60 samples but y_val has 9"),
    "other shape in test": (
        labelled(x_test=X[:30, :3]),
        r"x_train has samples of shape \(4, 4\), x_test of shape \(3, 4\)",
    ),
    "other targets in test": (
        labelled(y_train=np.eye(3)[Y], y_test=np.eye(4)[Y[:30]]),
        r"y_train has targets of shape \(3,\), y_test of shape \(4,\)",
    ),
    "text": (labelled(x_train=np.array(["cat"] * 60)), "x_train has dtype <U3, text; integers, floats and booleans"),
    "text labels": (labelled(y_train=np.array(["cat", "dog", "owl"] * 20)), "y_train has dtype <U3, text"),
    "complex": (labelled(x_train=X.astype(complex)), "x_train has dtype complex128, complex numbers"),
    "dates": (labelled(y_test=np.zeros(30, "M8[D]")), "y_test has dtype datetime64.*dates"),
    "records": (labelled(x_test=np.zeros(30, [("a", "f4")])), "x_test has dtype"),
    "objects": (labelled(x_train=np.array([object()] * 60)), "x_train holds pickled Python objects.*never loaded"),
    "NaN": (
        labelled(x_test=np.where(np.arange(480).reshape(30, 4, 4) % 100 == 37, np.nan, 1.0)),
        r"x_test has 5 values that are NaN or infinite, the first nan at index \(2, 1, 1\)",
    ),
    "infinite targets": (labelled(y_train=np.r_[np.zeros(59), np.inf]), "y_train has 1 values.*the first inf at index"),
    "one class": (labelled(y_train=np.ones(60, int), y_test=np.ones(30, int)), "y_train holds only one class, 1"),
    "negative labels": (labelled(y_train=Y - 1), "y_train has the negative label -1; labels must be 0, 1, 2"),
    "a gap": (labelled(y_train=Y * 2, y_test=Y[:30] * 2), "y_train has labels 0, 2, 4 but never 1; labels must be"),
    "from one": (labelled(y_train=Y + 1, y_test=Y[:30] + 1), "y_train has labels 1, 2, 3 but never 0"),
    "prices": (labelled(y_train=Y * 10**12, y_test=Y[:30]), "declare kind regression"),
    "strange test label": (labelled(y_test=Y[:30] + 1), "y_test has the label 3, which y_train never has"),
    "several labels": (labelled(y_train=np.ones((60, 3), int), y_test=np.ones((30, 3), int)), "is not one-hot"),
    "one-hot in training only": (
        labelled(y_train=np.eye(3)[Y], y_test=np.ones((30, 3))),
        "y_train is one-hot, but y_test",
    ),
    "empty": (labelled(x_test=X[:0], y_test=Y[:0]), "x_test is empty"),
    "empty targets": (labelled(y_test=Y[:0]), "y_test is empty"),
    "empty samples": (labelled(x_train=X[:, :0], x_test=X[:30, :0]), "its samples hold no values"),
    "a single number": (labelled(x_train=np.array(3)), "x_train is a single number"),
    "a single target": (labelled(y_train=np.array(3)), "y_train is empty|has targets of shape"),
    "too few of a class": (
        labelled(y_train=np.r_[Y[:-3] % 2, 2, 2, 2]),
        "y_train has 3 samples of class 2, too few to split it by class; 5 of each.*bring x_val and y_val",
    ),
    "too few at all": ({"x": X[:3], "y": np.array([0.1, 0.2, 0.3])}, "x has 3 samples, too few to split"),
    "too large": (labelled(x_train=np.full((60, 4, 4), 1e300)), "x_train: float32 makes values that are too large"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_data_is_told_with_the_file_and_the_array(path: Path, mistake: str) -> None:
    arrays, message = MISTAKES[mistake]
    with pytest.raises(BadInput, match=message) as caught:
        read(path, arrays)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"kind": "clustering"}, "kind 'clustering' is not known; valid are classification, regression"),
        ({"metric": "f1"}, "metric 'f1' is not known; valid are accuracy, mae, mse, r2"),
        ({"loss": "hinge"}, "loss 'hinge' is not known; valid are crossentropy, mse, mae"),
        ({"outputs": "boxes"}, "outputs 'boxes' is not known"),
        ({"kind": "regression", "metric": "accuracy"}, "kind regression is for a regression, metric accuracy is for a"),
        ({"loss": "crossentropy", "outputs": "values"}, "contradict each other"),
        ({"preprocess": "normalise"}, "unknown preprocessing step 'normalise'"),
    ],
)
def test_settings_that_make_no_sense_are_told_before_the_file_is_read(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_data(Path("there is no such file"), DataSettings(**declared), 0)


def test_fractions_cannot_be_declared_labels(path: Path) -> None:
    with pytest.raises(BadInput, match=r"y_train holds fractions such as 0\.5"):
        read(path, labelled(y_train=np.full(60, 0.5)), kind="classification")


def write_zip(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def header_only(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


FOREIGN: dict[str, tuple[Any, str]] = {
    "missing": (lambda path: None, "there is no such file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("a,b,c\n1,2,3\n"), "is not an .npz file"),
    "a bare array": (lambda path: path.write_bytes(npy(X)), "holds one bare array"),
    "a foreign zip": (lambda path: write_zip(path, readme__txt=b"x"), "a zip file without arrays, it holds readme.txt"),
    "an empty zip": (lambda path: write_zip(path), "it holds nothing"),
    "nonsense for an array": (lambda path: write_zip(path, x_train__npy=b"nonsense"), "is not an .npz file"),
    "a header that nests": (
        lambda path: write_zip(path, x_train__npy=header_only("(" * 9000)),
        "is not an .npz file",
    ),
    "a header that promises too much": (
        lambda path: write_zip(
            path, x_train__npy=header_only("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")
        ),
        r"x_train promises shape \(1000000000000,\), but its data is cut short",
    ),
    "a header with a negative shape": (
        lambda path: write_zip(
            path, x_train__npy=header_only("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}") + bytes(8)
        ),
        "has the impossible shape",
    ),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_no_npz_file_is_told_what_it_is(path: Path, foreign: str) -> None:
    make, message = FOREIGN[foreign]
    make(path)
    with pytest.raises(BadInput, match=message) as caught:
        read_data(path, DataSettings(), 0)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("part", range(20))
def test_a_file_that_is_cut_short_anywhere_is_refused(path: Path, part: int) -> None:
    np.savez_compressed(path, **labelled())  # type: ignore[arg-type]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * part // 20])
    with pytest.raises(BadInput, match=r"is not an .npz file, or is cut short|is empty"):
        read_data(path, DataSettings(), 0)


def test_a_file_that_would_unpack_to_too_much_is_refused_before_it_is_unpacked(path: Path) -> None:
    np.savez_compressed(path, x=np.zeros(1_000_000, np.uint8), y=np.zeros(1))
    assert path.stat().st_size < 10_000
    with pytest.raises(BadInput, match="would unpack to"):
        read_arrays(path, ["x"], limit=100_000)


def test_arrays_that_nobody_asked_for_are_not_read(path: Path) -> None:
    np.savez(path, x=np.zeros(3), danger=np.array([object()]))
    arrays, others = read_arrays(path, ["x"])
    assert (list(arrays), others) == (["x"], ("danger",))


numeric = st.sampled_from([np.dtype(name) for name in ("f4", "f2", "f8", "u1", "i8", "i2", "?", ">f4")])


@st.composite
def files(draw: st.DrawFn) -> Arrays:
    """Arrays of all kinds whose lengths agree more often than chance would have it."""
    sizes = st.sampled_from([0, 1, 12, 12, 30])
    names = draw(st.sampled_from([NAMES[:4], NAMES[:6], NAMES[:7], NAMES[-2:], NAMES, NAMES[1:]]))
    arrays: Arrays = {}
    for name in names:
        samples = 12 if draw(st.booleans()) else draw(sizes)
        inner = draw(st.sampled_from([(), (1,), (2,), (2, 2), (0,)]))
        dtype = draw(numeric if draw(st.integers(0, 4)) else npst.scalar_dtypes())
        small = st.integers(0, 1) if dtype.kind in "iu" else None
        arrays[name] = draw(npst.arrays(dtype, (samples, *inner), elements=small))
    return arrays


@given(files(), st.sampled_from(["", "divide:255", "flatten"]), st.sampled_from([None, "classification", "regression"]))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_arrays_give_data_or_an_error_for_a_person(
    path: Path, arrays: Arrays, preprocess: str, kind: str | None
) -> None:
    try:
        data = read(path, arrays, preprocess=preprocess, kind=kind)
    except BadInput as error:
        assert str(error).startswith(str(path))
    else:
        assert np.isfinite(data.splits.train.x).all()
        assert len(data.splits.test) == len(data.splits.test.y) > 0


@given(st.binary(max_size=200), st.integers(0, 2000))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_in_the_middle_give_data_or_an_error_for_a_person(path: Path, noise: bytes, place: int) -> None:
    np.savez(path, **labelled())  # type: ignore[arg-type]
    content = path.read_bytes()
    path.write_bytes(content[:place] + noise + content[place + len(noise) :])
    try:
        read_data(path, DataSettings(), 0)
    except BadInput as error:
        assert str(error).startswith(str(path))
