"""``tradeoff rerun``: a run again from its manifest, in a pytest process of its own.

The command is composed of parts that are checked one by one, because a manifest may be a stranger's. A value is
always joined to its option, and a path always begins with ``./``: nothing can become an option of its own.
"""

from __future__ import annotations

import ast
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tradeoff.benchmark_options import FORWARDED
from tradeoff.engine import ENGINES, keras_engine
from tradeoff.errors import BadInput
from tradeoff.measure.timing import Timing
from tradeoff.runs.again import USERS_OWN, check_code, check_files
from tradeoff.runs.manifest import Manifest, Selection, manifest_file, path_in, read_manifest
from tradeoff.runs.then_and_now import differences
from tradeoff.runs.variables import changes, variables_now
from tradeoff.text import safe

_SUITES: Final = re.compile(r"tradeoff\.suites(\.[A-Za-z_][A-Za-z0-9_]*)*")
_TEST_FILE: Final = re.compile(r"test_.*\.py|.*_test\.py")
_LONGEST_EXPRESSION: Final = 20_000
_ALLOW_CODE: Final = "--tradeoff-allow-code"
#: The smallest that each forwarded count may be; what is neither a count nor a fraction is seconds.
_COUNTS: Final = {"min_rounds": 1, "warmup_iterations": 0, "calibration_precision": 1}
_FRACTIONS: Final = ("precision", "confidence")


def rerun(path: Path, arguments: Sequence[str], *, allow_code: bool, dry_run: bool) -> int:
    """Tell what differs from then, and do the run again; the status is that of pytest.

    :param arguments: the user's own, for pytest; they stand last.
    """
    manifest = read_manifest(path)
    folder = Path.cwd()
    allowed = allow_code or _ALLOW_CODE in arguments
    check_code(manifest, allowed)
    command = [*compose(manifest, manifest_file(path).absolute(), folder), *_users_own(arguments, allowed)]
    check_files(manifest, folder)
    variables = variables_again(manifest)
    print("\n".join(_told(manifest, folder, variables, command)), flush=True)
    return 0 if dry_run else _run(command, variables)


def compose(manifest: Manifest, path: Path, folder: Path) -> list[str]:
    """The command that does the run again from ``folder``."""
    selection = manifest.selection
    if not selection.paths:
        raise BadInput("the manifest names no tests; without any, pytest would look for some by itself")
    return [
        *(sys.executable, "-m", "pytest"),
        *(["--pyargs"] if selection.pyargs else []),
        *(_place(argument, selection, folder) for argument in selection.paths),
        f"-k={_expression('-k', selection.keyword)}",
        f"-m={_expression('-m', selection.markers)}",
        *timing_options(manifest.timing),
        f"--tradeoff-rerun={path}",
    ]


def _place(argument: str, selection: Selection, folder: Path) -> str:
    path = path_in(argument)
    told = f"the manifest names the tests {argument!r}"
    if not argument.isprintable():
        raise BadInput(f"{told}, which is no path")
    if selection.pyargs and _SUITES.fullmatch(path):
        return argument
    try:
        place = (folder / path).resolve()
        there = place.exists()
    except (OSError, ValueError) as error:
        raise BadInput(f"{told}, which is no path: {error}") from error
    parts = Path(path).parts
    hidden = any(part.startswith(".") for part in parts)
    if Path(path).is_absolute() or hidden or not place.is_relative_to(folder.resolve()):
        raise BadInput(
            f"{told}. Only what lies below the current folder, in no hidden folder, is taken from a manifest. "
            "Change to the folder that holds the tests, or start pytest yourself: "
            "pytest TESTS --benchmark-only --tradeoff-rerun=MANIFEST"
        )
    if not there:
        raise BadInput(f"{told}, which are not below {folder}; change to the folder that the run was started in")
    if place.is_file() and not _is_test_file(place):
        raise BadInput(
            f"{told}: this is neither called test_*.py nor has it a test with the fixture `corridor`; "
            "a manifest does not make other files run. Start pytest yourself with --tradeoff-rerun=MANIFEST"
        )
    return f"./{argument}"


def _is_test_file(path: Path) -> bool:
    """Whether pytest would run it unasked, or it has benchmarks of cells: importing a file runs it."""
    if _TEST_FILE.fullmatch(path.name):
        return True
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test"))
    return any(argument.arg == "corridor" for function in functions for argument in function.args.args)


def _expression(option: str, text: str) -> str:
    if not text.isprintable() or len(text) > _LONGEST_EXPRESSION:
        raise BadInput(f"the manifest's {option} is no expression of pytest: {text[:60]!r}")
    return text


# --- timing -----------------------------------------------------------------------------------------


def timing_options(timing: Timing) -> list[str]:
    """How cells were timed, as options of pytest-benchmark; each value is what that option takes."""
    if timing.once:
        return ["--benchmark-disable"]
    return ["--benchmark-only", "--benchmark-enable", *_forwarded(timing)]


def _forwarded(timing: Timing) -> list[str]:
    found = []
    for flag, name in FORWARDED.items():
        value = getattr(timing, name)
        if name == "disable_gc":
            found += [flag] if value else []
        elif name == "warmup":
            found.append(f"{flag}={'on' if value else 'off'}")
        elif name not in _FRACTIONS or timing.precision is not None:
            found.append(f"{flag}={_number(flag, name, value)}")
    return found


def _number(flag: str, name: str, value: Any) -> str:
    if name in _COUNTS:
        right = value >= _COUNTS[name]
    else:
        right = 0 < value < 1 if name in _FRACTIONS else 0 <= value < math.inf
    if not right:
        raise BadInput(f"the manifest's timing says {flag}={value!r}, which pytest-benchmark does not take")
    return repr(value)


# --- the user's own words, the process --------------------------------------------------------------


def _users_own(arguments: Sequence[str], allow_code: bool) -> list[str]:
    taken = {f"--tradeoff-{name}" for name in USERS_OWN if name != "rerun"} | {_ALLOW_CODE}
    for word in arguments:
        flag = word.partition("=")[0]
        if flag.startswith("--tradeoff-") and flag not in taken:
            raise BadInput(
                f"{flag} cannot be given here: the manifest says it. Yours are {', '.join(sorted(taken))}; "
                "for other settings begin a new run with pytest"
            )
    own = [word for word in arguments if word != _ALLOW_CODE]
    return [*own, _ALLOW_CODE] if allow_code else own


def variables_again(manifest: Manifest) -> dict[str, str | None]:
    """What is set, or taken away, for the process that does the run again."""
    found = changes(manifest.environment, variables_now())
    # The engine of then may have been chosen by what was installed; it is named now.
    found.pop("KERAS_BACKEND", None)
    if manifest.engine in ENGINES and manifest.engine != keras_engine():
        found["KERAS_BACKEND"] = manifest.engine
    return found


def _told(manifest: Manifest, folder: Path, variables: Mapping[str, str | None], command: Sequence[str]) -> list[str]:
    cells = f"{len(manifest.cells)} cell{'' if len(manifest.cells) == 1 else 's'}"
    return [
        f"run {safe(manifest.run[:80])} of {safe(manifest.started[:40])}: {cells}, seed {manifest.seed}",
        *differences(manifest, folder, variables, command),
        f"command: {safe(shlex.join(command))}",
    ]


def _run(command: Sequence[str], variables: Mapping[str, str | None]) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in variables}
    environment |= {name: value for name, value in variables.items() if value is not None}
    with subprocess.Popen(command, env=environment) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                # It has had the same signal, and writes down what it has.
                continue
