"""A folder of images by class becomes splits; whatever is wrong in it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradeoff.errors import BadInput
from tradeoff.own.data import DataSettings, OwnData, read_source
from tradeoff.own.sources import open_source

Image = pytest.importorskip("PIL.Image", reason="pip install pillow")


def draw(path: Path, value: int = 0, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour: Any = value if mode in ("L", "I;16") else (value,) * len(mode)
    Image.new(mode, size, colour).save(path)


def fill(folder: Path, *classes: str, count: int = 6, **how: Any) -> Path:
    for number, name in enumerate(classes or ("cat", "dog")):
        for place in range(count):
            draw(folder / name / f"{place}.png", 10 * number + place, **how)
    return folder


def read(folder: Path, preprocess: str = "") -> OwnData:
    return read_source(open_source(str(folder), preprocess), DataSettings(preprocess=preprocess), 0)


def test_labels_are_the_places_of_the_sorted_class_names(tmp_path: Path) -> None:
    found = read(fill(tmp_path, "dog", "cat"))
    assert (found.classes, found.input_shape, found.kind) == (2, (4, 6, 1), "classification")
    assert "labels: 0 cat, 1 dog" in found.explanations
    assert "12 images, gray" in found.explanations
    for split in (found.splits.train, found.splits.test):
        # A dog was drawn darker than 10, a cat with 10 and more.
        assert ((split.x.reshape(len(split), -1).mean(axis=1) >= 10) == (split.y == 0)).all()


def test_splits_that_are_there_are_kept(tmp_path: Path) -> None:
    for name, count in (("train", 7), ("validation", 2), ("test", 3)):
        fill(tmp_path / name, count=count)
    splits = read(tmp_path).splits
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (14, 4, 6)


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path: Path) -> None:
    draw(fill(tmp_path) / "cat" / "9.png", 7, mode="RGBA")
    found = read(tmp_path)
    assert found.input_shape == (4, 6, 3)
    assert "13 images, red, green, blue" in found.explanations
    assert read(tmp_path, "gray+divide:255").input_shape == (4, 6, 1)


def test_images_with_more_than_eight_bits_keep_them(tmp_path: Path) -> None:
    for name, value in (("cat", 300), ("dog", 40_000)):
        for place in range(6):
            draw(tmp_path / name / f"{place}.png", value, mode="I;16")
    assert set(np.unique(read(tmp_path).splits.train.x)) == {300.0, 40_000.0}


def test_images_of_several_sizes_are_scaled_when_that_is_declared(tmp_path: Path) -> None:
    draw(fill(tmp_path) / "dog" / "large.png", 200, size=(12, 20))
    found = read(tmp_path, "resize:8+divide:255")
    assert found.input_shape == (8, 8, 1)
    assert "13 images, gray, scaled to 8 x 8" in found.explanations
    whole = np.concatenate([found.splits.train.x, found.splits.validation.x, found.splits.test.x])
    assert whole.max() == pytest.approx(200 / 255)


def empty_class(folder: Path) -> None:
    (fill(folder) / "mouse").mkdir()


def class_of_texts(folder: Path) -> None:
    (fill(folder) / "mouse").mkdir()
    (folder / "mouse" / "notes.txt").write_text("later")


def broken(folder: Path) -> None:
    path = fill(folder) / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:50])


def no_image(folder: Path) -> None:
    (fill(folder) / "dog" / "3.png").write_text("hello")


def other_size(folder: Path) -> None:
    draw(fill(folder) / "dog" / "9.png", size=(5, 5))


def without_test(folder: Path) -> None:
    fill(folder / "train")


def beside_splits(folder: Path) -> None:
    fill(folder / "train")
    fill(folder / "test")
    fill(folder, "more")


def other_classes(folder: Path) -> None:
    fill(folder / "train")
    fill(folder / "test", "cat", "mouse")


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda folder: None, "has no folders in it; expected FOLDER/CLASS/*.png"),
        (lambda folder: fill(folder, "cat"), "has only one class, 'cat'"),
        (empty_class, "mouse has nothing in it and no image"),
        (class_of_texts, "mouse has only notes.txt in it and no image"),
        (broken, "dog/3.png is no image, or a broken one: "),
        (no_image, "dog/3.png is no image, or a broken one: "),
        (other_size, "9.png is 5 x 5 pixels, "),
        (without_test, "has splits, but no test"),
        (beside_splits, "has splits, and 'more' beside them"),
        (other_classes, "the class 'dog' is in train, and not in test"),
    ],
)
def test_what_cannot_be_used_is_one_message_that_names_it(
    tmp_path: Path, prepare: Callable[[Path], None], told: str
) -> None:
    prepare(tmp_path)
    with pytest.raises(BadInput) as caught:
        read(tmp_path)
    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_arrays_are_scaled_in_the_same_way_as_files(tmp_path: Path) -> None:
    from tradeoff.own.preprocessing import resized

    x = np.random.default_rng(0).random((3, 6, 4, 2), dtype="float32")
    small = resized(x, 2)
    assert small.shape == (3, 2, 2, 2)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), x.mean(axis=(1, 2)), atol=0.05)
    # What has that size already stays as it is: a worker repeats the steps.
    np.testing.assert_array_equal(resized(small, 2), small)
    with pytest.raises(BadInput, match=r"resize is for images of shape \(height, width\)"):
        resized(x[:, 0, 0], 2)
