"""What two things have in common when they are the same: digests of plain data, files, folders and arrays; sizes."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def canonical(plain: Any) -> bytes:
    """The one JSON text of ``plain``: sorted keys, no blanks, no NaN; what is not plain data is refused."""
    try:
        _check_plain(plain, "")
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    except RecursionError:
        raise ValueError("the data is nested too deeply, or contains itself") from None


def _check_plain(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where or 'the value'} is {value}, which JSON cannot say")
    if value is None or isinstance(value, (str, bool, int, float)):
        return
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]")
        return
    if not isinstance(value, dict):
        raise TypeError(
            f"{where or 'the value'} is a {type(value).__name__}; plain data is needed: dict, list, "
            "str, int, float, bool or None"
        )
    for key, item in value.items():
        # JSON would turn 1 and "1" into the same key.
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} of {where or 'the value'} is not a str")
        _check_plain(item, f"{where}.{key}" if where else key)


def digest(plain: Any) -> str:
    """SHA-256 of plain data; independent of the order of keys."""
    return hashlib.sha256(canonical(plain)).hexdigest()


def sizes(files: Sequence[Path]) -> dict[str, int]:
    """What files take together, as they are and each one packed."""
    return {
        "bytes": sum(path.stat().st_size for path in files),
        "gzip_bytes": sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files),
    }


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes; its name does not count."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_in(folder: Path) -> dict[str, Path]:
    """Every file under ``folder`` by its relative name; links and special files are refused."""
    found: dict[str, Path] = {}
    pending = [folder]
    while pending:
        for item in sorted(pending.pop().iterdir()):
            mode = item.lstat().st_mode
            if stat.S_ISDIR(mode):
                pending.append(item)
            elif stat.S_ISREG(mode):
                found[item.relative_to(folder).as_posix()] = item
            else:
                raise ValueError(f"{item} is {'a link' if stat.S_ISLNK(mode) else 'a special file'}, not a file")
    return dict(sorted(found.items()))


def digest_tree(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative names and bytes; empty folders do not count, as in git."""
    if not path.is_dir():
        return digest_file(path)
    return digest({name: digest_file(file) for name, file in files_in(path).items()})


def digest_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """SHA-256 of named arrays: names, dtypes, shapes and values; the order of names and memory does not count."""
    import numpy as np

    whole = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds Python objects, which have no fixed bytes")
        whole.update(canonical([name, repr(np.lib.format.dtype_to_descr(array.dtype)), list(array.shape)]))
        if array.nbytes:
            whole.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return whole.hexdigest()


def synchronise(path: Path) -> None:
    """Force a file or a folder's list of names to the disk, so that a rename after it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
