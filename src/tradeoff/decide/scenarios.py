"""Wishes in files: those that come with the package, and a person's own, all of one shape."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from tradeoff.decide.candidates import DOUBTS, Doubt
from tradeoff.decide.wishes import DEFAULT_GOAL, LIMITS, Roles, Wish, check_limits, parse_goal, parse_limit
from tradeoff.errors import BadInput, TradeoffError, UnknownName, nearest
from tradeoff.formats.plain_file import read_small_text

_TEXTS: Final = ("title", "summary", "device", "model", "load", "objective")


def shipped() -> dict[str, Traversable]:
    """The scenarios that come with the package, by name."""
    folder = files("tradeoff.decide").joinpath("scenarios")
    found = {place.name.removesuffix(".toml"): place for place in folder.iterdir() if place.name.endswith(".toml")}
    return dict(sorted(found.items()))


def read_scenario(name: str) -> Wish:
    """A shipped scenario by its name, or a person's own by its file."""
    known = shipped()
    if name in known:
        return parse_scenario(known[name].read_text(encoding="utf-8"), f"scenario {name}")
    path = Path(name).expanduser()
    if path.suffix != ".toml" and not path.exists():
        raise UnknownName("scenario", name, known, "Or give a TOML file.")
    return parse_scenario(read_small_text(path, "scenario"), str(path))


def parse_scenario(text: str, source: str) -> Wish:
    """Read a scenario; ``source`` is how an error calls it."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{source} is not TOML: {error}") from error
    try:
        return _wish(data)
    except TradeoffError as error:
        raise BadInput(f"{source}: {error}") from error


def _wish(data: Mapping[str, Any]) -> Wish:
    known = (*_TEXTS, *LIMITS, "allow", "cascade", "why")
    for key in data:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near!r}? " if near else ""
            raise BadInput(f"{key!r} is no field of a scenario; {hint}Known: {', '.join(known)}")
    why = _reasons(data.get("why", {}), data)
    texts = {key: _text(key, data[key]) for key in _TEXTS if key in data}
    limits = tuple(parse_limit(key, _amount(key, data[key]), key, why.get(key, "")) for key in LIMITS if key in data)
    check_limits(limits)
    goal = parse_goal(texts.pop("objective", DEFAULT_GOAL), "objective")
    cascade = _roles(data.get("cascade", False))
    return Wish(goal, limits, allow=_allowed(data.get("allow", [])), cascade=cascade, **texts)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{key} is {value!r}; write a text in quotes")
    return value.strip()


def _amount(key: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return _text(key, value)


def _reasons(value: Any, data: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadInput(f"why is {value!r}; it is a table of limits, each with the reason for it")
    for key in value:
        if key not in LIMITS or key not in data:
            raise BadInput(f"why gives a reason for {key!r}, which is not a limit of this scenario")
    return {key: _text(f"why.{key}", text) for key, text in value.items()}


def _roles(value: Any) -> Roles | None:
    """``cascade = true``, or a table that says which cells may be the small and the large one."""
    if isinstance(value, bool):
        return Roles() if value else None
    if not isinstance(value, dict):
        raise BadInput(f"cascade is {value!r}; write true, or a table with the globs small and large")
    for key in value:
        if key not in ("small", "large"):
            raise BadInput(f"cascade has the field {key!r}; known: small, large")
    return Roles(**{key: _text(f"cascade.{key}", text) for key, text in value.items()})


def _allowed(value: Any) -> frozenset[Doubt]:
    names = value if isinstance(value, list) else [value]
    by_name: dict[object, Doubt] = {doubt: doubt for doubt in DOUBTS}
    for name in names:
        if not isinstance(name, str) or name not in by_name:
            raise UnknownName("doubt in allow", str(name), list(DOUBTS))
    return frozenset(by_name[name] for name in names)
