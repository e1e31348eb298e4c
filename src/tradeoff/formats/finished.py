"""Finished artifacts: files that somebody else has converted, and what is taken of them into the store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest, digest_file
from tradeoff.formats import onnx_contents, onnx_file, saved_model, tflite_file
from tradeoff.formats.plain_file import is_folder, require_file
from tradeoff.formats.signature import Signature

#: What is read here, so that it can be checked before any work begins.
ENDINGS: Final = (tflite_file.SUFFIX, onnx_contents.SUFFIX, saved_model.ENDING)


def ending_of(path: Path) -> str:
    """What ``Capabilities.reads`` calls a file of that name: its suffix, or ``saved_model`` for a folder."""
    return saved_model.ENDING if is_folder(path) else path.suffix


def read_signature(path: Path, ending: str, allow_code: bool = False) -> Signature | None:
    """Both ends of the artifact; ``None`` for a format that only its backend knows."""
    if ending == saved_model.ENDING:
        return saved_model.read_saved_model(path, allow_code)
    if ending == onnx_contents.SUFFIX:
        return onnx_file.read_onnx(path)
    if ending == tflite_file.SUFFIX:
        return tflite_file.read_tflite(path)
    require_file(path, f"a {ending} file", "it is a finished artifact for a backend that reads it")
    return None


def parts_of(path: Path, ending: str) -> Mapping[str, Path]:
    """Every file that belongs to it, by the name under which it is kept."""
    if ending == saved_model.ENDING:
        return {f"{_kept(path, ending)}/{name}": file for name, file in saved_model.parts(path).items()}
    beside = onnx_contents.files_beside(path) if ending == onnx_contents.SUFFIX else {}
    name = _kept(path, ending)
    if name in beside:
        name = f"the-{name}"
    return {name: path, **beside}


def _kept(path: Path, ending: str) -> str:
    """Always the same name: what an artifact says does not depend on what it was called."""
    return saved_model.ENDING if ending == saved_model.ENDING else f"model{ending}"


def content_of(path: Path, ending: str) -> str:
    """A digest of all its files: the name of the outermost does not count."""
    return digest({name: digest_file(file) for name, file in parts_of(path, ending).items()})


def adopt(path: Path, ending: str, folder: Path, content: str) -> Path:
    """Copy it into ``folder``, with what belongs to it and nothing else.

    :param content: what :func:`content_of` said when it was planned; another file by now is refused.
    """
    parts = parts_of(path, ending)
    for name, file in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
    if digest({name: digest_file(folder / name) for name in parts}) != content:
        raise BadInput(f"{path} was changed since this run has begun; begin it again")
    return folder / next(iter(parts)).partition("/")[0]
