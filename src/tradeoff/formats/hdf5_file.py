"""Reading a Keras model in HDF5, the older ``.h5``: its configuration is a text in an attribute of the file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.keras_archive import CONFIG_LIMIT, parse_config
from tradeoff.formats.plain_file import require_file

SUFFIXES: Final = (".h5", ".hdf5")
_HOW: Final = 'in Keras, model.save("my.h5") writes one'
_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_CONFIG: Final = "model_config"


def check_hdf5(path: Path) -> None:
    """Raise for what is no HDF5 file at all; its structure is left to the library, in a process of its own."""
    require_file(path, "an .h5 file", _HOW)
    with path.open("rb") as stream:
        start = stream.read(len(_MAGIC))
    if start != _MAGIC:
        raise BadInput(f"{path} is not an HDF5 file, whatever its name says; {_HOW}")
    if importlib.util.find_spec("h5py") is None:
        raise BadInput(f"{path}: reading it needs h5py: pip install h5py")


def read_config(path: Path) -> dict[str, Any]:
    """The model's configuration; bare weights and foreign HDF5 files are refused with what they are."""
    import h5py

    check_hdf5(path)
    try:
        with h5py.File(path, "r") as file:
            text, names = _config_in(path, file), sorted(map(str, file))[:5]
    except BadInput:
        raise
    # h5py raises whatever its library says of a damaged file.
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"{path} is an HDF5 file that is damaged or cut short: {first[:200]}; copy it again") from error
    if text is None:
        raise BadInput(
            f"{path} has no Keras model in it, only {', '.join(names) or 'nothing'}: weights alone do not do; {_HOW}"
        )
    return parse_config(path, text, f"attribute {_CONFIG}")


def _config_in(path: Path, file: Any) -> bytes | None:
    if _CONFIG not in file.attrs:
        return None
    size = file.attrs.get_id(_CONFIG).get_storage_size()
    text = file.attrs[_CONFIG] if size <= CONFIG_LIMIT else b""
    text = text.encode() if isinstance(text, str) else text
    if not isinstance(text, bytes):
        raise BadInput(f"{path}: its attribute {_CONFIG} is no text; save the model again")
    if size > CONFIG_LIMIT or len(text) > CONFIG_LIMIT:
        raise BadInput(f"{path}: its attribute {_CONFIG} has {max(size, len(text))} bytes, too many for a model")
    return text
