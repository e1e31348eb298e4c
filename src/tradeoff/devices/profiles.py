"""Profiles of devices: one TOML file each, checked when it is read; a mistake in one is one clear message."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from tradeoff.devices.costs import FORMS
from tradeoff.devices.schema import CYCLES, KINDS, PRECISIONS, SECTIONS, VALIDATION, Field
from tradeoff.errors import BadInput, UnknownName, nearest

SUFFIX: Final = ".toml"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*@[A-Za-z0-9][A-Za-z0-9_.\-]*\Z")
_LONGEST: Final = 2**20
_TOP: Final = (
    *("name", "summary", "kind", "device", "runtime", "npu", "latency", "validation", "power", "roofline", "sources"),
)


@dataclass(frozen=True)
class Latency:
    """Cycles for one of each cost, and the costs that there are."""

    form: str
    cycles: Mapping[str, float]


@dataclass(frozen=True)
class Validation:
    """How wrong a latency was, on models that it was not fitted to; errors are shares."""

    left_out: str
    points: int
    mean_error: float
    median_error: float
    near_share: float
    worst_error: float


@dataclass(frozen=True)
class DeviceProfile:
    """What is known of a device with a runtime. What no source gives is not there, and is not made up.

    :param figures: by section and key: ``device.clock_mhz``.
    :param latency: by precision; another precision has none.
    :param validation: by precision; a latency without one was never checked.
    :param npu: what Vela is told of an NPU, by key; of a profile with one, ``latency`` is that of the processor beside.
    :param sources: where each figure is from, by section and key.
    """

    name: str
    summary: str
    kind: Literal["mcu", "npu", "platform"]
    core: str
    runtime: str
    board: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, Latency] = field(default_factory=dict)
    validation: Mapping[str, Validation] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    npu: Mapping[str, str] = field(default_factory=dict)

    @property
    def clock_hz(self) -> float:
        """Cycles in a second."""
        return self.figures["device.clock_mhz"] * 1e6

    def figure(self, name: str) -> float | None:
        """A figure, or ``None`` where no source gives it."""
        return self.figures.get(name)

    @property
    def trust(self) -> str:
        """How far its latency was checked, in a few words."""
        if self.validation:
            return "; ".join(
                f"{precision}: {found.mean_error:.0%} mean error, {found.points} points"
                for precision, found in self.validation.items()
            )
        return "modelled, unvalidated" if self.latency or self.roofline or self.npu else "no latency"

    @property
    def roofline(self) -> bool:
        """Whether its peaks are known."""
        return "roofline.bandwidth_gb_s" in self.figures


def read_profile(path: Path) -> DeviceProfile:
    """A profile of a user's own."""
    try:
        if path.stat().st_size > _LONGEST or not path.is_file():
            raise BadInput(f"{path} is no profile of a device: that is a small TOML file")
        blob = path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadInput(f"the profile {path} cannot be read: {error}") from error
    return parse_profile(blob, str(path))


def parse_profile(blob: bytes, origin: str) -> DeviceProfile:
    """The profile in a TOML text; ``origin`` is named in every complaint."""
    try:
        table = tomllib.loads(blob.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the profile {origin} is no TOML: {error}") from error
    try:
        return _profile(table, origin)
    except BadInput as error:
        raise BadInput(f"the profile {origin}: {error}") from error


def _profile(table: Mapping[str, Any], origin: str) -> DeviceProfile:
    _no_strangers(table, _TOP, "at its top")
    for key in ("name", "summary", "kind", "device", "runtime"):
        if key not in table:
            raise BadInput(f"{key!r} is missing; a profile has {', '.join(_TOP)}")
    name, summary, kind = (_text(table[key], key) for key in ("name", "summary", "kind"))
    if not _NAME.match(name):
        raise BadInput(f"name = {name!r} is not DEVICE@RUNTIME, such as 'stm32h743@tflm': the runtime is part of it")
    _kind(kind, table)
    figures: dict[str, float] = {}
    texts: dict[str, str] = {}
    for section, fields in SECTIONS.items():
        for key, value in _section(table, section, fields).items():
            if isinstance(value, str):
                texts[f"{section}.{key}"] = value
            else:
                figures[f"{section}.{key}"] = value
    npu = {key.removeprefix("npu."): text for key, text in texts.items() if key.startswith("npu.")}
    latency = _latency(_table(table.get("latency", {}), "[latency]"))
    validation = _validation(_table(table.get("validation", {}), "[validation]"), latency)
    sources = {
        key: _text(value, f"sources.{key}") for key, value in _table(table.get("sources", {}), "[sources]").items()
    }
    _all_sourced(
        [*figures, *(f"npu.{key}" for key in npu), *(f"latency.{precision}" for precision in latency)], sources
    )
    return DeviceProfile(
        name,
        summary,
        "mcu" if kind == "mcu" else "npu" if kind == "npu" else "platform",
        texts["device.core"],
        texts["runtime.name"],
        texts.get("device.board", ""),
        figures,
        latency,
        validation,
        sources,
        origin,
        npu,
    )


def _kind(kind: str, table: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise BadInput(f"kind = {kind!r} is neither of: {', '.join(f'{k} ({what})' for k, what in KINDS.items())}")
    if ("npu" in table) != (kind == "npu"):
        told = "a section [npu]" if "npu" in table else "no section [npu]"
        raise BadInput(f"kind = {kind!r} and {told}: a profile with an NPU has both, another one neither")
    if kind == "npu" and "validation" in table:
        raise BadInput("a profile with an NPU has no [validation]: its cycles come from Vela, and nobody checks those")


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{where} is no section but {value!r}")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise BadInput(f"{key} = {value!r} is not a text of one line")
    return value


def _no_strangers(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in table:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near!r}? Units are part of the name. " if near else ""
            raise BadInput(f"there is no {key!r} {where}; {hint}Known: {', '.join(known)}")


def _section(table: Mapping[str, Any], section: str, fields: Mapping[str, Field]) -> dict[str, float | str]:
    values = _table(table.get(section, {}), f"[{section}]")
    return _fields(values, fields, section)


def _fields(values: Mapping[str, Any], fields: Mapping[str, Field], section: str) -> dict[str, float | str]:
    _no_strangers(values, fields, f"in [{section}]")
    for key, known in fields.items():
        # A section that is not there at all is one of which nothing is known.
        if known.required and key not in values and (values or section in ("device", "runtime")):
            raise BadInput(f"[{section}] has no {key}: {known.expected}")
    return {key: _value(value, fields[key], f"{section}.{key}") for key, value in values.items()}


def _value(value: object, known: Field, key: str) -> float | str:
    if known.text:
        text = _text(value, key)
        if known.words and text not in known.words:
            raise BadInput(f"{key} = {text!r} is not known: it is {known.expected}")
        return text
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{key} = {value!r} is no number; it is {known.expected}")
    if not known.low <= value <= known.high:
        raise BadInput(f"{key} = {value:g} cannot be: it is {known.expected}")
    return float(value)


def _latency(sections: Mapping[str, Any]) -> dict[str, Latency]:
    found = {}
    for precision, section in sections.items():
        where = f"latency.{precision}"
        values = dict(_table(section, f"[{where}]"))
        _no_strangers({precision: 0}, PRECISIONS, "among the precisions of [latency]")
        form = values.pop("form", None)
        if form not in FORMS:
            raise BadInput(f"{where}.form = {form!r} is none of: {', '.join(FORMS)}")
        cycles = _fields(values, {f"{cost}_cycles": CYCLES[f"{cost}_cycles"] for cost in FORMS[form]}, where)
        for cost in FORMS[form]:
            if f"{cost}_cycles" not in cycles:
                raise BadInput(f"[{where}] has no {cost}_cycles: {CYCLES[f'{cost}_cycles'].expected}")
        found[precision] = Latency(form, {cost: float(cycles[f"{cost}_cycles"]) for cost in FORMS[form]})
    return found


def _validation(sections: Mapping[str, Any], latency: Mapping[str, Latency]) -> dict[str, Validation]:
    found = {}
    for precision, section in sections.items():
        where = f"validation.{precision}"
        if precision not in latency:
            raise BadInput(f"[{where}] is of a latency that is not there; there is {', '.join(latency) or 'none'}")
        values = _fields(_table(section, f"[{where}]"), VALIDATION, where)
        for key, known in VALIDATION.items():
            if key not in values:
                raise BadInput(f"[{where}] has no {key}: {known.expected}")
        figures = {key: float(value) for key, value in values.items() if not isinstance(value, str)}
        found[precision] = Validation(
            str(values["left_out"]),
            int(figures["points"]),
            figures["mean_error"],
            figures["median_error"],
            figures["near_share"],
            figures["worst_error"],
        )
    return found


def _all_sourced(figures: list[str], sources: Mapping[str, str]) -> None:
    for name in figures:
        if name not in sources:
            raise BadInput(f'{name} has no source; add "{name}" = "where it is from" to [sources]')
    _no_strangers(sources, figures, "to give the source of")


@cache
def built_in() -> Mapping[str, DeviceProfile]:
    """The profiles that this package ships, by name."""
    folder = files("tradeoff.devices") / "profiles"
    read = [
        parse_profile(entry.read_bytes(), entry.name)
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(SUFFIX)
    ]
    return {profile.name: profile for profile in read}


@cache
def shipped(name: str) -> DeviceProfile | None:
    """The one profile of that name that this package ships; the others are not read."""
    if not _NAME.match(name):
        return None
    file = files("tradeoff.devices") / "profiles" / f"{name}{SUFFIX}"
    return parse_profile(file.read_bytes(), file.name) if file.is_file() else None


def find(name: str, own: Mapping[str, DeviceProfile]) -> DeviceProfile:
    """A profile by its name; a user's own goes before one that is shipped."""
    found = own.get(name) or shipped(name)
    if found is None:
        hint = "tradeoff devices lists them; --device-file adds one of your own"
        raise UnknownName("device", name, {**built_in(), **own}, hint)
    return found
