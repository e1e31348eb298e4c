"""Work on a user's files that the planning process does not do itself: in a process of its own, which may import
frameworks, run the user's code or break over a damaged file, and answers with plain data and a file of arrays."""

from __future__ import annotations

import atexit
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.text import safe

ARRAYS: Final = "arrays.npz"
_ANSWER: Final = "answer.json"
_BOOTSTRAP: Final = """
import json, sys
job = json.load(sys.stdin)
sys.path[:] = job["sys_path"]
from tradeoff.own.apart import serve
serve(job)
"""
_LONGEST: Final = 2000


def ask(work: str, request: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Have one piece of work done; whatever goes wrong is a :class:`BadInput` that names what was worked on."""
    folder = Path(request["folder"])
    here = str(Path.cwd())
    job = {"work": work, "request": dict(request), "sys_path": [*(path or here for path in sys.path), here]}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _BOOTSTRAP],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"{request['what']} did not end within {timeout:g} s and was stopped; see --tradeoff-timeout"
        ) from None
    try:
        answer: dict[str, Any] = json.loads((folder / _ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise BadInput(
            f"{request['what']}: the process that read it {_ended(done.returncode)}: {safe(said)[:300]}"
        ) from None
    if "error" in answer:
        raise BadInput(str(answer["error"])[:_LONGEST])
    return answer


def _ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def new_folder() -> Path:
    """A folder that lives as long as this process; workers read from it."""
    folder = Path(tempfile.mkdtemp(prefix="tradeoff-own-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def serve(job: Mapping[str, Any]) -> None:
    """The inside of that process."""
    request = job["request"]
    try:
        answer = _WORKS[job["work"]](request)
    except TradeoffError as error:
        answer = {"error": str(error)}
    (Path(request["folder"]) / _ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _hdf5(request: Mapping[str, Any]) -> dict[str, Any]:
    from tradeoff.formats import hdf5_file
    from tradeoff.formats.keras_weights import check_weights

    path = Path(request["path"])
    config = hdf5_file.read_config(path)
    check_weights(path, config)
    return {"config": config}


def _images(request: Mapping[str, Any]) -> dict[str, Any]:
    from tradeoff.own.images import read_images

    return _handed(request, *read_images(Path(request["path"]), request["size"]))


def _function(request: Mapping[str, Any]) -> dict[str, Any]:
    from tradeoff.own.functions import call

    return _handed(request, *call(request["path"]))


def _handed(request: Mapping[str, Any], arrays: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    import numpy as np

    np.savez(Path(request["folder"]) / ARRAYS, **arrays)
    return {"notes": notes}


_WORKS: Final[dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "hdf5": _hdf5,
    "images": _images,
    "function": _function,
}
