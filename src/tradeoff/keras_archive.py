"""Reading a ``.keras`` file without Keras: it is a zip with a JSON text in it. Nothing in it is run or unpacked."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.weights.h5"
_LIMIT: Final = 16 * 1024**3
_CONFIG_LIMIT: Final = 64 * 1024**2
_HOW: Final = 'in Keras 3, model.save("my.keras") writes one'


def read_config(path: Path) -> dict[str, Any]:
    """The model's configuration; anything but a whole ``.keras`` file is refused with what it is instead."""
    start = _first_bytes(path)
    look = _looks_like(start)
    if look:
        raise BadInput(f"{path}: this looks like {look}; only .keras is taken for now: {_HOW}")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            return _parse(path, archive.read(CONFIG))
    except BadInput:
        raise
    # A foreign file can make zipfile and zlib fail in any way they know.
    except Exception as error:
        raise BadInput(f"{path} is not a .keras file, or is cut short or damaged: {error}; {_HOW}") from error


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        what = "a SavedModel folder" if (path / "saved_model.pb").exists() else "a folder"
        raise BadInput(f"{path}: this is {what}; only .keras files are taken for now: {_HOW}")
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; a .keras file is needed: {_HOW}") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not start:
        raise BadInput(f"{path} is empty; a .keras file is needed: {_HOW}")
    return start


def _looks_like(start: bytes) -> str | None:
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5, Keras's older .h5 format or bare weights"
    if start[4:8] == b"TFL3":
        return "a LiteRT model (.tflite), which is already converted"
    if start.startswith(b"\x80") and start[1:2] in b"\x02\x03\x04\x05":
        return "a pickle, which is never loaded"
    # Protocol buffers have no magic bytes: ONNX begins with field 1, ir_version, a small number.
    if start[:1] == b"\x08" and start[1:2] < b"\x20" and start[2:3] in (b"\x12", b"\x3a", b"\x1a"):
        return "ONNX"
    return None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if CONFIG not in sizes:
        raise BadInput(f"{path} is {_other_zip(sizes)}, not a .keras file: there is no {CONFIG} in it; {_HOW}")
    if WEIGHTS not in sizes:
        raise BadInput(f"{path} has no {WEIGHTS} in it: the model's weights are missing; {_HOW}")
    if sizes[CONFIG] > _CONFIG_LIMIT or sum(sizes.values()) > _LIMIT:
        raise BadInput(f"{path} would unpack to {sum(sizes.values())} bytes, too many for a model")
    damaged = archive.testzip()
    if damaged:
        raise BadInput(f"{path} is damaged: {damaged} has other bytes than were written; save or copy it again")


def _other_zip(names: dict[str, int]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file"
    if any(name.endswith(".npy") for name in names):
        return "an .npz file of arrays"
    return f"a zip file with {', '.join(list(names)[:5]) or 'nothing'} in it"


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: its {CONFIG} is not JSON, or nested too deeply: {error or 'recursion'}") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise BadInput(f"{path}: its {CONFIG} does not describe a Keras model; {_HOW}")
    return config
