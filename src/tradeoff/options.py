"""Every option, once: the command line, ``[tool.tradeoff]`` and the reference are made from this table."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput, UnknownName
from tradeoff.measure.pinning import check_pin
from tradeoff.processes.memory import DEFAULT, memory_limit


@dataclass(frozen=True)
class Option:
    """One option.

    :param name: ``models`` is ``--tradeoff-models`` and ``models`` in the table.
    :param help: one sentence for a person; a percent sign stands twice, as argparse wants it.
    :param metavar: what stands behind it; empty for a switch.
    :param many: takes several, separated by commas.
    :param is_path: relative to where it was written: the working folder, or the pyproject's.
    :param environment: a variable that says it too: after the command line, before the table.
    """

    name: str
    help: str
    metavar: str = ""
    many: bool = False
    is_path: bool = False
    environment: str = ""

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return f"--tradeoff-{self.name}"

    @property
    def dest(self) -> str:
        """As it is kept by pytest."""
        return f"tradeoff_{self.name.replace('-', '_')}"


OPTIONS: Final = (
    Option("preset", "what is run without further words: quick (the default), full, or one of your own", "NAME"),
    Option("models", "models, by name; 'all' for every one", "NAMES", many=True),
    Option(
        "techniques", "chains, as in 'baseline,fp16,prune:0.5+int8'; 'all' for every technique", "CHAINS", many=True
    ),
    Option(
        "backends",
        "backends, as in 'keras,litert:threads=2'; 'all' for every one, 'quick' for those of the preset quick",
        "NAMES",
        many=True,
    ),
    Option("devices", "devices; 'all' for every one", "NAMES", many=True),
    Option(
        "device-file",
        "profiles of devices of your own, in TOML; run beside those of the preset",
        "FILES",
        many=True,
        is_path=True,
    ),
    Option("validated", "no device that is not here unless somebody has checked what its model says"),
    Option(
        "loads",
        "how requests arrive: 'b1,b8', samples in one request; 'stream,multi:8,server:200,offline,sweep'",
        "LOADS",
        many=True,
    ),
    Option(
        "cells", "exact cells by glob over the axes: 'cnn/int8/*'; may add a chain to the preset", "GLOBS", many=True
    ),
    Option(
        "model",
        "your own trained model: .keras, .h5, or finished: .tflite, .onnx, a SavedModel folder; several with commas",
        "FILES",
        many=True,
        is_path=True,
    ),
    Option(
        "data",
        "your own data: .npz with x_train, y_train, x_test, y_test or with x, y; a folder of images by class; or "
        "module:callable",
        "SOURCE",
        is_path=True,
    ),
    Option("baseline", "the model that all others of its task are compared with, by name", "NAME"),
    Option("preprocess", "what your model expects done to the data: 'divide:255', 'subtract:0.5+multiply:2'", "STEPS"),
    Option("kind", "what your data is: classification or regression", "KIND"),
    Option("metric", "how your model is judged: accuracy, mae, mse, r2", "NAME"),
    Option("loss", "the loss of your data: crossentropy, mse, mae", "NAME"),
    Option("outputs", "what your model gives: probabilities, logits, values", "KIND"),
    Option("allow-code", "load model files that carry code of their own; it will be executed"),
    Option("seed", "the seed of everything random (default 0)", "NUMBER"),
    Option(
        "store",
        "where variants, artifacts and results are kept (default .tradeoff/store)",
        "FOLDER",
        is_path=True,
        environment="TRADEOFF_STORE",
    ),
    Option("output", "where the files of this run go (default .tradeoff/runs/DATE)", "FOLDER", is_path=True),
    Option("resume", "go on with the newest run of these cells, or with that in --tradeoff-output: do only the rest"),
    Option("rerun", "do a run again, as its manifest says; see tradeoff rerun", "MANIFEST", is_path=True),
    Option("compare", "compare with this run in the end: its folder, its JSON file, or git:TAG", "OLD", is_path=True),
    Option("fail", "with a comparison: fail when it is worse, as in 'latency:5%%,accuracy:0.5pt'", "LIMITS"),
    Option("rebuild", "ignore what the store has: build, convert and evaluate anew"),
    Option(
        "precision",
        "time each cell until its median is known this well, as in '2%%', or the budget is used up",
        "SHARE",
    ),
    Option(
        "budget", "seconds for repeating what was disturbed, or for a precision (default 1.5; 30 with one)", "SECONDS"
    ),
    Option(
        "meters", "what energy is read from (default all that can be read); 'none' for no energy", "NAMES", many=True
    ),
    Option("pin", "cores that cells are timed on: '1', '0,1', or 'auto' for those that others use least", "CORES"),
    Option("timeout", "seconds a worker may take for one request before it is stopped (default 3600)", "SECONDS"),
    Option("memory", "what a worker may use before it is stopped: 4GB, 800MB, 50%% (default 80%%)", "SIZE"),
    Option("in-process", "no workers: everything in the pytest process, for a debugger"),
)

#: What the conformance kit is to look at. They are no settings of a run, and have no key in the table.
KIT_OPTIONS: Final = (
    Option("backend", "the conformance kit's: backends to check, as in 'mine,mine:threads=2'", "NAMES", many=True),
    Option("technique", "the conformance kit's: techniques to check, as in 'prune:0.5,int8'", "NAMES", many=True),
    Option("device", "the conformance kit's: devices to check, and to check backends on", "NAMES", many=True),
)

_FUNCTION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
BY_NAME: Final = {option.name: option for option in OPTIONS}
_PRESETS: Final = "presets"
_AXES: Final = ("models", "techniques", "backends", "devices", "loads")

BUILT_IN_PRESETS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "quick": {
        "models": ("dense", "cnn", "ds_cnn"),
        "techniques": ("baseline", "fp16", "dynamic", "int8"),
        # All but those that say quick = False of themselves.
        "backends": ("quick",),
        # Beside this machine three microcontrollers, each with another core and another runtime.
        "devices": ("host-cpu", "stm32h747@x-cube-ai-8", "stm32l4r5@tflm-cmsis-nn", "rp2040@tflm"),
        "loads": ("b1",),
    },
    "full": {
        "models": ("all",),
        "techniques": ("all",),
        "backends": ("all",),
        "devices": ("all",),
        "loads": ("b1", "b8", "b32"),
    },
}


@dataclass(frozen=True)
class Table:
    """The ``[tool.tradeoff]`` table of a pyproject.toml, checked."""

    path: Path | None
    values: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, tuple[str, ...]]]


def read_table(folder: Path) -> Table:
    """Read ``[tool.tradeoff]`` of the nearest pyproject.toml in ``folder`` or above it."""
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            return _read_file(path)
    return Table(None, {}, {})


def _read_file(path: Path) -> Table:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path}: {error}") from error
    table = data.get("tool", {}).get("tradeoff", {})
    if not isinstance(table, dict):
        raise BadInput(f"{path}: [tool.tradeoff] is not a table")
    presets = table.pop(_PRESETS, {})
    if not isinstance(presets, dict):
        raise BadInput(f"{path}: [tool.tradeoff.presets] is not a table of tables")
    values = {key: _table_value(path, key, value) for key, value in table.items()}
    return Table(path, values, {name: _preset(path, name, preset) for name, preset in presets.items()})


def _table_value(path: Path, key: str, value: Any) -> Any:
    where = f"{path}: [tool.tradeoff]"
    if key not in BY_NAME:
        raise UnknownName(f"key in {where}", key, [*BY_NAME, _PRESETS])
    option = BY_NAME[key]
    if not option.metavar:
        if not isinstance(value, bool):
            raise BadInput(f"{where} {key} = {value!r}: expected true or false")
        return value
    if option.many:
        return tuple(_resolve(option, path.parent, part) for part in _words(where, key, value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadInput(f"{where} {key} = {value!r}: expected a string")
    return _resolve(option, path.parent, str(value))


def _words(where: str, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return split_words(value)
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return tuple(str(part) for part in value)
    raise BadInput(f"{where} {key} = {value!r}: expected a list of strings")


def _resolve(option: Option, base: Path, text: str) -> str:
    return str(base / Path(text).expanduser()) if option.is_path and not names_no_file(option.name, text) else text


def names_no_file(option: str, text: str) -> bool:
    """Whether what is spelled like this lies in no folder: what git keeps, and functions that give data."""
    return text.startswith("git:") or (option == "data" and _FUNCTION.fullmatch(text) is not None)


def _preset(path: Path, name: str, preset: Any) -> dict[str, tuple[str, ...]]:
    where = f"{path}: [tool.tradeoff.presets.{name}]"
    if not isinstance(preset, dict):
        raise BadInput(f"{where} is not a table")
    for key in preset:
        if key not in _AXES:
            raise UnknownName(f"key in {where}", key, _AXES)
    return {key: _words(where, key, value) for key, value in preset.items()}


def split_words(text: str) -> tuple[str, ...]:
    """The parts of a list as it is written on the command line."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class Settings:
    """All options as resolved: the command line before the table, the table before the defaults."""

    values: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, tuple[str, ...]]]

    def text(self, name: str) -> str | None:
        """The value of a single-valued option, if given."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.values.get(name))

    def words(self, name: str) -> tuple[str, ...] | None:
        """The values of a many-valued option, if given."""
        value = self.values.get(name)
        return None if value is None else tuple(value)

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        text = self.text("seed") or "0"
        if not text.isdecimal() or int(text) >= 2**32:
            raise BadInput(f"--tradeoff-seed={text!r} is not a whole number from 0 to {2**32 - 1}")
        return int(text)

    @property
    def timeout(self) -> float:
        """Seconds that a worker may take for one request."""
        return self._seconds("timeout", "3600")

    @property
    def precision(self) -> float | None:
        """How well the median is to be known, as a share of it."""
        text = self.text("precision")
        if text is None:
            return None
        share = _number(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
        if not 0 < share < 1:
            raise BadInput(f"--tradeoff-precision={text!r} is not a share between 0 and 1, such as 2% or 0.02")
        return share

    @property
    def budget(self) -> float | None:
        """Seconds to time one cell at most; ``None`` for what the timing itself says."""
        if self.text("budget") is None and self.precision is None:
            return None
        return self._seconds("budget", "30")

    def _seconds(self, name: str, default: str) -> float:
        text = self.text(name) or default
        value = _number(text)
        if not 0 < value < math.inf:
            raise BadInput(f"--tradeoff-{name}={text!r} is not a number of seconds above 0")
        return value

    @property
    def memory(self) -> int:
        """Bytes that a worker may use together with all that it starts."""
        return memory_limit(self.text("memory") or DEFAULT)

    def check(self) -> None:
        """Raise for a number that is none, before anything is begun."""
        _ = self.seed, self.timeout, self.memory, self.precision, self.budget
        check_pin(self.text("pin"))

    def preset(self) -> Mapping[str, tuple[str, ...]]:
        """The axes of the chosen preset; what a user's preset leaves out is as in ``quick``."""
        name = self.text("preset") or "quick"
        known = {**BUILT_IN_PRESETS, **self.presets}
        if name not in known:
            raise UnknownName("preset", name, known)
        return {**BUILT_IN_PRESETS["quick"], **known[name]}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def resolve_settings(given: Callable[[Option], Any], folder: Path, table: Table) -> Settings:
    """Merge what ``given`` says of each option on the command line with the table."""
    values: dict[str, Any] = {}
    for option in OPTIONS:
        value = given(option)
        if value is None and option.environment:
            value = os.environ.get(option.environment) or None
        if value is None or value is False:
            value = table.values.get(option.name)
        elif option.many:
            value = tuple(_resolve(option, folder, part) for part in split_words(value))
        elif option.metavar:
            value = _resolve(option, folder, str(value))
        if value is not None:
            values[option.name] = value
    return Settings(values, table.presets)
