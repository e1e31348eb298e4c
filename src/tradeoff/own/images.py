"""The user's data from a folder of images, one folder for each class: ``flowers/daisy/1.png``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.text import safe

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The folders that a split may be called by, and the name of its arrays.
_SPLITS: Final = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}
_SUFFIXES: Final = frozenset([".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"])
#: Others are drawn as one of these.
_GRAY: Final = ("1", "L", "LA", "La")
_DEEP: Final = ("I", "I;16", "I;16L", "I;16B", "F")
_LARGEST: Final = 16 * 1024**3
_HOW: Final = "expected FOLDER/CLASS/*.png, or FOLDER/train/CLASS/*.png and FOLDER/test/CLASS/*.png"

Images = dict[str, list[Path]]


def read_images(folder: Path, size: int | None) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Arrays as an ``.npz`` file would have them, and what was understood.

    :param size: what every image is scaled to; without it all of them must have one size.
    """
    import numpy as np

    splits = _splits(folder)
    classes = list(next(iter(splits.values())))
    _check_classes(folder, splits, classes)
    first = next(path for found in splits.values() for paths in found.values() for path in paths)
    channels = "L" if all(_is_gray(path) for path in _all(splits)) else "RGB"
    shape = _read(first, channels, size).shape
    arrays: dict[str, NDArray[Any]] = {}
    for name, found in splits.items():
        suffix = f"_{name}" if name else ""
        paths = [(path, label) for label, kind in enumerate(classes) for path in found[kind]]
        arrays[f"x{suffix}"] = _stacked([path for path, _ in paths], first, shape, channels, size)
        arrays[f"y{suffix}"] = np.array([label for _, label in paths], np.int64)
    count = sum(1 for _ in _all(splits))
    colours = "gray" if channels == "L" else "red, green, blue"
    scaled = f", scaled to {size} x {size}" if size else ""
    named = ", ".join(f"{label} {safe(name)}" for label, name in enumerate(classes[:20]))
    return arrays, [f"{count} images, {colours}{scaled}", f"labels: {named}{' ...' if len(classes) > 20 else ''}"]


# --- the folder -------------------------------------------------------------------------------------


def _splits(folder: Path) -> dict[str, Images]:
    """Classes by split; one split without a name where the folder has none."""
    inside = _folders(folder)
    if not inside:
        raise BadInput(f"{folder} has no folders in it; {_HOW}")
    names = [_SPLITS.get(item.name.lower()) for item in inside]
    if not any(names):
        return {"": _classes(folder)}
    if not all(names):
        strange = next(item for item, name in zip(inside, names, strict=True) if name is None)
        raise BadInput(f"{folder} has splits, and {safe(strange.name)!r} beside them; {_HOW}")
    found = {name: _classes(item) for item, name in zip(inside, names, strict=True) if name is not None}
    missing = [name for name in ("train", "test") if name not in found]
    if missing:
        raise BadInput(f"{folder} has splits, but no {' and no '.join(missing)}; {_HOW}")
    if len(found) != len(inside):
        raise BadInput(f"{folder} has two folders for one split: {', '.join(item.name for item in inside)}; keep one")
    # The training split says which classes there are.
    return {name: found[name] for name in ("train", "val", "test") if name in found}


def _classes(folder: Path) -> Images:
    found = {item.name: _images(item) for item in _folders(folder)}
    if not found:
        raise BadInput(f"{folder} has no class folders in it; {_HOW}")
    return found


def _images(folder: Path) -> list[Path]:
    files = [item for item in sorted(folder.iterdir()) if not item.name.startswith(".") and item.is_file()]
    images = [item for item in files if item.suffix.lower() in _SUFFIXES]
    if not images:
        held = f"only {safe(files[0].name)}" if files else "nothing"
        raise BadInput(f"the class folder {folder} has {held} in it and no image; add some, or remove the folder")
    return images


def _folders(folder: Path) -> list[Path]:
    return [item for item in sorted(folder.iterdir()) if item.is_dir() and not item.name.startswith((".", "__"))]


def _check_classes(folder: Path, splits: dict[str, Images], classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise BadInput(f"{folder} has only one class, {safe(classes[0])!r}; a classification needs two or more; {_HOW}")
    for name, found in splits.items():
        odd = sorted(set(found) ^ set(classes))
        if odd:
            where = "is in train, and not in" if odd[0] in classes else "is not in train, but in"
            raise BadInput(f"{folder}: the class {safe(odd[0])!r} {where} {name}; every split needs the same classes")


def _all(splits: dict[str, Images]) -> Iterator[Path]:
    return (path for found in splits.values() for paths in found.values() for path in paths)


# --- an image ---------------------------------------------------------------------------------------


def _opened(path: Path) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise BadInput("reading images needs Pillow: pip install 'tradeoff[images]'") from error
    try:
        return Image.open(path)
    # Pillow's readers raise whatever a damaged file makes them raise; a bomb is an error of its own.
    except Exception as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> BadInput:
    told = safe(str(error) or type(error).__name__)[:200]
    return BadInput(f"{path} is no image, or a broken one: {told}; replace or remove it")


def _is_gray(path: Path) -> bool:
    with _opened(path) as image:
        return image.mode in (*_GRAY, *_DEEP)


def _read(path: Path, channels: str, size: int | None) -> NDArray[Any]:
    """Height, width and channels; floats where it was scaled."""
    import numpy as np

    from tradeoff.own.preprocessing import resized

    with _opened(path) as image:
        try:
            if channels == "RGB" or image.mode not in _DEEP:
                image = image.convert(channels)
            pixels: NDArray[Any] = np.asarray(image)
        except Exception as error:
            raise _broken(path, error) from error
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels if size is None else resized(pixels[None], size)[0]


def _stacked(
    paths: Sequence[Path], first: Path, shape: tuple[int, ...], channels: str, size: int | None
) -> NDArray[Any]:
    import numpy as np

    found: list[NDArray[Any]] = []
    taken = 0
    for path in paths:
        pixels = _read(path, channels, size)
        if pixels.shape != shape:
            raise BadInput(
                f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, {first} is {shape[1]} x {shape[0]}: all need "
                "one size; begin --tradeoff-preprocess with a step such as resize:32"
            )
        taken += pixels.nbytes
        if taken > _LARGEST:
            raise BadInput(f"the images take more than {_LARGEST / 1024**3:.0f} GiB; scale them down with resize:32")
        found.append(pixels)
    return np.stack(found)
