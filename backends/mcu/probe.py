"""Tries a ``.tflite`` file in TFLM's interpreter, each time in a process of its own; run by its path, with Python.

TFLM was made for chips on which nothing can be caught: a file that it dislikes, or an arena that is too small, ends the
process. So this program imports TFLM once and forks a child for each trial. It imports nothing of this project, and
writes one line of JSON.

    python -P mcu_probe.py MODEL ENOUGH runs     # whether it runs at all
    python -P mcu_probe.py MODEL ENOUGH arena    # and the smallest arena in which it does
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import struct
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

#: TFLM aligns what lies in an arena to so many bytes.
STEP: Final = 16
#: So long may one trial take, in seconds.
_PATIENCE: Final = 60
#: Operators are looked up before anything else is done.
_NOT_FOUND: Final = re.compile(r"Didn't find op for builtin opcode '(\w+)'")
#: Of what TFLM prints, the end says what went wrong.
_LONGEST: Final = 4000


def main(path: str, enough: int, task: str) -> None:
    """Try it with plenty of memory, then, for ``arena``, with less and less; and say what came of it."""
    # Before any child exists, and once for all of them.
    from tflite_micro import runtime  # noqa: F401

    blob = Path(path).read_bytes()
    found = _try(lambda: _run(blob, enough))
    missing = _missing(found["said"])
    if missing:
        found["missing"] = _all_missing(blob, enough, missing)
    if task == "arena" and found["how"] == "ran":
        found["arena"] = _smallest(blob, enough, found["answer"])
    sys.stdout.write(json.dumps(found))


def _missing(said: str) -> str:
    """The operator that TFLM says it does not have, or nothing."""
    found = _NOT_FOUND.search(said)
    return found[1] if found else ""


def _all_missing(blob: bytes, enough: int, name: str) -> list[str]:
    """All that it does not have: it names the first alone, so that one is taken for another, and it is asked again."""
    names: list[str] = []
    while name and name not in names:
        names.append(name)
        changed = _taken_for_another(blob, name)
        if changed is None:
            break
        blob = changed
        name = _missing(_try(partial(_build, blob, enough))["said"])
    return names


def _taken_for_another(blob: bytes, name: str) -> bytes | None:
    """The file with an operator that TFLM has in the place of the one with that name; nothing where it has none."""
    from tflite_micro import runtime

    schema = runtime.schema_fb
    number = getattr(schema.BuiltinOperator, name, None)
    changed = bytearray(blob)
    model = schema.Model.GetRootAs(blob, 0)
    done = False
    for place in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(place)
        # The first field of the table is a byte, for numbers up to 126, and the fourth holds them all.
        byte, word = code._tab.Offset(4), code._tab.Offset(10)
        if max(code.DeprecatedBuiltinCode(), code.BuiltinCode()) != number or not byte or not word:
            continue
        struct.pack_into("<b", changed, code._tab.Pos + byte, schema.BuiltinOperator.RELU)
        struct.pack_into("<i", changed, code._tab.Pos + word, schema.BuiltinOperator.RELU)
        done = True
    return bytes(changed) if done else None


def _smallest(blob: bytes, enough: int, answer: str) -> int:
    """The smallest arena in which the file runs, and answers as it does with plenty."""

    def builds(size: int) -> bool:
        return bool(_try(lambda: _build(blob, size))["how"] == "ran")

    def runs(size: int) -> bool:
        found = _try(lambda: _run(blob, size))
        return bool(found["how"] == "ran" and found["answer"] == answer)

    # All is laid out before the first request, and a request may take long; so only the last step is run.
    size = _bisect(builds, 0, enough // STEP)
    return STEP * (size if runs(STEP * size) else _bisect(runs, size, enough // STEP))


def _bisect(good: Callable[[int], bool], bad: int, known: int) -> int:
    """The smallest number of steps that is good; at first it doubles, since most arenas are small."""
    ahead = max(2 * bad, 64)
    while ahead < known and not good(STEP * ahead):
        bad, ahead = ahead, 2 * ahead
    known = min(known, ahead)
    while known - bad > 1:
        middle = (bad + known) // 2
        if good(STEP * middle):
            known = middle
        else:
            bad = middle
    return known


def _try(trial: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What became of ``trial`` in a child of this process: it ran, it raised, or it died."""
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            _be_child(trial, answer, said)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        printed = said.read().decode("utf-8", "replace")
        answer.seek(0)
        text = answer.read()
    if os.WIFSIGNALED(status):
        return {"how": "died", "signal": os.WTERMSIG(status), "said": printed[-_LONGEST:]}
    if not text:
        return {"how": "died", "signal": 0, "said": printed[-_LONGEST:]}
    return {**json.loads(text), "said": printed[-_LONGEST:]}


def _be_child(trial: Callable[[], dict[str, Any]], answer: IO[bytes], said: IO[bytes]) -> None:
    """Do it, write what came of it, and end without a word to the parent's files."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(_PATIENCE)
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    try:
        found = {"how": "ran", **trial()}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells it
        found = {"how": "raised", "error": f"{type(error).__name__}: {error}"}
    os.write(answer.fileno(), json.dumps(found).encode())
    os._exit(0)


def _build(blob: bytes, size: int) -> dict[str, Any]:
    from tflite_micro import runtime

    runtime.Interpreter.from_bytes(blob, arena_size=size)
    return {}


def _run(blob: bytes, size: int) -> dict[str, Any]:
    """One request of made-up numbers: what it answers, and what the allocator says on the standard error."""
    import numpy as np
    from tflite_micro import runtime

    ready = runtime.Interpreter.from_bytes(blob, arena_size=size)
    taken = ready.get_input_details(0)
    shape = [int(axis) for axis in taken["shape"]]
    given = (np.arange(int(np.prod(shape))) % 97).astype(taken["dtype"]).reshape(shape)
    ready.set_input(given, 0)
    ready.invoke()
    found = hashlib.sha256(ready.get_output(0).tobytes()).hexdigest()
    ready.print_allocations()
    return {"answer": found}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
