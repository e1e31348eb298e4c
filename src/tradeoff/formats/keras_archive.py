"""Reading a ``.keras`` file without Keras: it is a zip with a JSON text in it. Nothing in it is run or unpacked."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import is_folder, refuse_special
from tradeoff.formats.zip_file import check_zip, clipped
from tradeoff.text import safe

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.weights.h5"
SUFFIX: Final = ".keras"
_LIMIT: Final = 16 * 1024**3
#: The largest models that are known have a few megabytes of it; parsed, it takes up to thirty times as much memory.
CONFIG_LIMIT: Final = 16 * 1024**2
#: What Keras writes; beside it there are folders of words, below ``assets``.
_MEMBERS: Final = frozenset((CONFIG, WEIGHTS, "metadata.json"))
_HOW: Final = 'in Keras 3, model.save("my.keras") writes one'
_TAKEN: Final = ".keras and .h5 files, SavedModel folders, .tflite and .onnx files"


def read_config(path: Path) -> dict[str, Any]:
    """The model's configuration; anything but a whole ``.keras`` file is refused with what it is instead."""
    start = _first_bytes(path)
    look = _looks_like(start)
    if look:
        raise BadInput(f"{path}: this looks like {look}")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            config = parse_config(path, archive.read(CONFIG))
    except BadInput:
        raise
    # A foreign file can make zipfile and zlib fail in any way they know.
    except Exception as error:
        told = safe(str(error) or type(error).__name__)[:300]
        raise BadInput(f"{path} is not a .keras file, or is cut short or damaged: {told}; {_HOW}") from error
    # Keras chooses how to read a file by its name, and reads an .h5 file without looking for code in it.
    if path.suffix != SUFFIX:
        raise BadInput(f"{path} holds a Keras 3 model, but its name does not end in {SUFFIX}; rename it")
    return config


def _first_bytes(path: Path) -> bytes:
    if is_folder(path):
        raise BadInput(f"{path} is a folder; a .keras file is needed: {_HOW}")
    refuse_special(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; {_TAKEN} are taken") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not start:
        raise BadInput(f"{path} is empty; a .keras file is needed: {_HOW}")
    return start


def _looks_like(start: bytes) -> str | None:
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5, Keras's older format; its name must end in .h5"
    if start[4:8] == b"TFL3":
        return "a LiteRT model; its name must end in .tflite"
    if start.startswith(b"\x80") and start[1:2] in b"\x02\x03\x04\x05":
        return f"a pickle, which is never loaded: it can run code; {_HOW}"
    # Protocol buffers have no magic bytes: ONNX begins with field 1, ir_version, a small number.
    if start[:1] == b"\x08" and start[1:2] < b"\x20" and start[2:3] in (b"\x12", b"\x3a", b"\x1a"):
        return "ONNX; its name must end in .onnx"
    return None


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if CONFIG not in sizes:
        raise BadInput(f"{path} is {_other_zip(sizes)}, not a .keras file: there is no {CONFIG} in it; {_HOW}")
    if WEIGHTS not in sizes:
        raise BadInput(f"{path} has no {WEIGHTS} in it: the model's weights are missing; {_HOW}")
    check_zip(path, archive, _LIMIT, "a model")
    if sizes[CONFIG] > CONFIG_LIMIT:
        raise BadInput(f"{path}: its {CONFIG} has {sizes[CONFIG]} bytes, too many for a model")
    strange = next((name for name in sizes if not _is_expected(name)), None)
    if strange is not None:
        raise BadInput(f"{path} has {clipped(strange)!r} in it, which Keras does not write; save the model again")
    damaged = archive.testzip()
    if damaged:
        raise BadInput(
            f"{path} is damaged: {clipped(damaged)} has other bytes than were written; save or copy it again"
        )


def _is_expected(name: str) -> bool:
    """Keras unpacks the assets; their names must stay where they are."""
    first, *rest = name.split("/")
    if not rest:
        return name in _MEMBERS
    inside = all(part not in ("", ".", "..") for part in rest[:-1]) and rest[-1] not in (".", "..")
    return first == "assets" and inside and "\\" not in name and ":" not in name and name.isprintable()


def _other_zip(names: dict[str, int]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file"
    if any(name.endswith(".npy") for name in names):
        return "an .npz file of arrays"
    return f"a zip file with {', '.join(map(clipped, list(names)[:5])) or 'nothing'} in it"


def parse_config(path: Path, text: bytes, where: str = CONFIG) -> dict[str, Any]:
    """A model's configuration as JSON has it."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: its {where} is not JSON, or nested too deeply: {error or 'recursion'}") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise BadInput(f"{path}: its {where} does not describe a Keras model; {_HOW}")
    return config
