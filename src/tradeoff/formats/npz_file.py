"""Reading a stranger's ``.npz`` file: only plain numeric arrays, never a pickle, never more than was declared."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import is_folder, refuse_special
from tradeoff.formats.zip_file import check_zip, clipped
from tradeoff.text import safe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: More than this is a mistake or an attack; either way it would not fit beside a framework.
LIMIT: Final = 16 * 1024**3
_HOW: Final = "write it with numpy.savez('data.npz', x_train=..., y_train=..., x_test=..., y_test=...)"


def read_arrays(path: Path, wanted: Collection[str], limit: int = LIMIT) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The wanted arrays that are there, in the order of ``wanted``, and the names of all others."""
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive, limit)
            members = {_array_name(info.filename): info for info in archive.infolist()}
            present = [name for name in wanted if name in members]
            arrays = {name: _read_array(path, archive, members[name], name) for name in present}
            return arrays, tuple(clipped(name) for name in members if name not in arrays)
    except BadInput:
        raise
    # A foreign file can make zipfile, zlib and numpy fail in any way they know.
    except Exception as error:
        told = safe(str(error) or type(error).__name__)[:300]
        raise BadInput(f"{path} is not an .npz file, or is cut short: {told}; {_HOW}") from error


def _array_name(member: str) -> str:
    return member.removesuffix(".npy")


def _check_file(path: Path) -> None:
    if is_folder(path):
        raise BadInput(f"{path} is a folder; an .npz file is needed: {_HOW}")
    refuse_special(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not start:
        raise BadInput(f"{path} is empty; {_HOW}")
    if start.startswith(b"\x93NUMPY"):
        raise BadInput(f"{path} holds one bare array (.npy); several named ones are needed: {_HOW}")


def _check_archive(path: Path, archive: zipfile.ZipFile, limit: int) -> None:
    infos = archive.infolist()
    if not any(info.filename.endswith(".npy") for info in infos):
        found = ", ".join(clipped(info.filename) for info in infos[:5]) or "nothing"
        raise BadInput(f"{path} is a zip file without arrays, it holds {found}; {_HOW}")
    check_zip(path, archive, limit, "data", _array_name)


def _read_array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Array:
    import numpy as np

    with archive.open(info) as stream:
        shape, dtype = _read_header(stream)
    _check_dtype(path, name, dtype)
    # numpy makes room for what the header promises before it reads a byte of it.
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise BadInput(f"{path}: {name} promises shape {shape}, but its data is cut short")
    if any(size < 0 for size in shape):
        raise BadInput(f"{path}: {name} has the impossible shape {shape}")
    with archive.open(info) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    _check_values(path, name, array)
    return array


def _read_header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    import numpy as np

    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version} is not one of numeric arrays")
    shape, _, dtype = readers[version](stream)
    return shape, dtype


def _check_dtype(path: Path, name: str, dtype: np.dtype[Any]) -> None:
    if dtype.hasobject:
        raise BadInput(
            f"{path}: {name} holds pickled Python objects, which are never loaded: they can run code. "
            f"Make it numeric first: numpy.array(..., dtype='float32')"
        )
    if dtype.kind not in "biuf":
        kind = {"c": "complex numbers", "U": "text", "S": "bytes", "M": "dates", "m": "time spans"}.get(dtype.kind)
        raise BadInput(
            f"{path}: {name} has dtype {dtype}{f', {kind}' if kind else ''}; integers, floats and booleans are valid. "
            "Encode it as numbers first"
        )


def _check_values(path: Path, name: str, array: Array) -> None:
    import numpy as np

    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
        raise BadInput(
            f"{path}: {name} has {int(bad.sum())} values that are NaN or infinite, the first {array[where]} at index "
            f"{where}; remove those samples or replace the values"
        )
