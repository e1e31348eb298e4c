"""The arguments of ``tradeoff estimate`` and ``tradeoff devices``; neither needs a framework."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.errors import BadInput
from tradeoff.registry import Registry

if TYPE_CHECKING:
    from tradeoff.devices.battery import Life
    from tradeoff.devices.estimates import Estimate
    from tradeoff.devices.nesting import Nested
    from tradeoff.devices.profiles import DeviceProfile
    from tradeoff.devices.updates import Update
    from tradeoff.devices.validating import Findings

_OPERATORS = 12
_ACTIONS = ("list", "show", "check", "validate")


def add_estimate(parser: argparse.ArgumentParser, registry_of: Callable[[argparse.Namespace], Registry]) -> None:
    """The arguments of ``tradeoff estimate``."""
    parser.add_argument("file", metavar="MODEL.tflite", help="a finished model")
    parser.add_argument(
        "--device",
        action="append",
        required=True,
        metavar="NAME",
        help="a profile, such as stm32h747@x-cube-ai-8; several give a table, 'tradeoff devices' lists all",
    )
    _add_files(parser)
    parser.add_argument("--json", action="store_true", help="plain data instead of text")
    parser.add_argument(
        "--operators", type=int, default=_OPERATORS, metavar="NUMBER", help="so many operators, those that take longest"
    )
    parser.add_argument("--every", type=float, metavar="SECONDS", help="a request every so often, for the battery")
    parser.add_argument("--cell", default="CR2032", metavar="CELL", help="CR2032, AA, AA-lithium or LiPo:1000 (mAh)")
    parser.add_argument("--sleep-uw", type=float, metavar="MICROWATTS", help="power between requests")
    parser.add_argument("--update-from", metavar="OLD.tflite", help="what an update from this version would take")
    parser.add_argument("--link-kbit-s", type=float, metavar="SPEED", help="of the link that an update comes over")
    parser.add_argument("--flash-kb-s", type=float, metavar="SPEED", help="of writing into flash")
    parser.set_defaults(command=lambda options: _estimate(options, registry_of))


def add_devices(parser: argparse.ArgumentParser, registry_of: Callable[[argparse.Namespace], Registry]) -> None:
    """The arguments of ``tradeoff devices``."""
    parser.add_argument("action", nargs="?", choices=_ACTIONS, default="list", help="default: list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="profiles to show or validate, or files to check")
    _add_files(parser)
    parser.add_argument("--validated", action="store_true", help="only those whose latency was checked")
    parser.add_argument("--json", action="store_true", help="plain data instead of text, of list and validate")
    parser.add_argument(
        "--nested",
        action="store_true",
        help="of validate: beside it, the error when the costs are chosen anew by what is not left out; a minute",
    )
    parser.set_defaults(command=lambda options: _devices(options, registry_of))


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device-file", action="append", default=[], metavar="FILE", help="a profile of your own, in TOML"
    )


def _own(options: argparse.Namespace) -> dict[str, DeviceProfile]:
    from tradeoff.devices.profiles import read_profile

    return {profile.name: profile for profile in (read_profile(Path(name)) for name in options.device_file)}


def _plugged(
    options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]
) -> dict[str, DeviceProfile]:
    """Profiles of devices that plugins have registered: those that name a file of one."""
    from tradeoff.devices.profiles import read_profile

    paths = (getattr(device, "profile", None) for device in registry_of(options).devices.values())
    read = [read_profile(Path(path)) for path in paths if path]
    return {profile.name: profile for profile in read}


def _chosen(
    names: list[str], options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]
) -> list[DeviceProfile]:
    """The profiles by name; plugins are loaded only for names that nothing else has."""
    from tradeoff.devices.profiles import find, shipped

    own = _own(options)
    if any(name not in own and shipped(name) is None for name in names):
        own = {**_plugged(options, registry_of), **own}
    return [find(name, own) for name in names]


def _estimate(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> int:
    from tradeoff.devices.estimates import to_json
    from tradeoff.devices.estimating import estimate_on
    from tradeoff.devices.telling import estimate_lines, scaling_lines
    from tradeoff.formats.tflite_operators import read_network

    names = [name for part in options.device for name in part.split(",") if name]
    if not names:
        raise BadInput("--device names no device; tradeoff devices lists them")
    profiles = _chosen(names, options, registry_of)
    path = Path(options.file)
    network = read_network(path)
    estimates = [estimate_on(path, network, profile) for profile in profiles]
    lives = [_life(options, each, profile) for each, profile in zip(estimates, profiles, strict=True)]
    updates = [_update(options, each, profile) for each, profile in zip(estimates, profiles, strict=True)]
    if options.json:
        from dataclasses import asdict

        whole = [
            {**to_json(each), "battery": asdict(life) if life else None, "update": asdict(update) if update else None}
            for each, life, update in zip(estimates, lives, updates, strict=True)
        ]
        print(json.dumps(whole[0] if len(whole) == 1 else whole, indent=1))
    elif len(estimates) == 1:
        print("\n".join(estimate_lines(estimates[0], profiles[0], max(options.operators, 0), lives[0], updates[0])))
    else:
        print("\n".join(scaling_lines(estimates)))
    return 1 if any(each.problems for each in estimates) else 0


def _life(options: argparse.Namespace, estimate: Estimate, profile: DeviceProfile) -> Life | None:
    from tradeoff.devices.battery import cell_of, life_of

    cell = cell_of(options.cell)
    if options.every is None or estimate.seconds is None or estimate.energy_joules is None:
        return None
    if options.every <= 0:
        raise BadInput(f"--every {options.every:g} is no time between requests; give seconds above 0")
    sleep = profile.figure("power.sleep_uw") if options.sleep_uw is None else options.sleep_uw
    if sleep is None:
        raise BadInput(f"{profile.name} does not say what it draws while it waits; give it with --sleep-uw")
    if sleep < 0:
        raise BadInput(f"--sleep-uw {sleep:g} is no power; give microwatts, 0 or more")
    return life_of(cell, options.every, estimate.seconds, estimate.energy_joules, sleep / 1e6)


def _update(options: argparse.Namespace, estimate: Estimate, profile: DeviceProfile) -> Update | None:
    from tradeoff.devices.updates import update_of

    if not options.update_from:
        return None
    power = profile.figure("power.active_mw")
    new, old = Path(options.file), Path(options.update_from)
    return update_of(old, new, estimate, power, options.link_kbit_s, options.flash_kb_s)


def _devices(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> int:
    actions = {"list": _list, "show": _show, "check": _check, "validate": _validate}
    if options.action in ("show", "check") and not options.names:
        raise BadInput(f"tradeoff devices {options.action} needs {'a file' if options.action == 'check' else 'a name'}")
    print("\n".join(actions[options.action](options, registry_of)))
    return 0


def _list(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> list[str]:
    from tradeoff.devices.profiles import built_in
    from tradeoff.devices.telling import list_lines

    if options.names:
        raise BadInput(f"tradeoff devices list takes no names; tradeoff devices show {options.names[0]} tells of one")
    every = {**built_in(), **_plugged(options, registry_of), **_own(options)}
    found = [profile for profile in every.values() if profile.validation or not options.validated]
    if not options.json:
        return list_lines(found)
    from dataclasses import asdict

    return [json.dumps([asdict(profile) for profile in found], indent=1)]


def _show(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> list[str]:
    from tradeoff.devices.telling import show_lines

    lines: list[str] = []
    for profile in _chosen(options.names, options, registry_of):
        lines += [*([""] if lines else []), *show_lines(profile)]
    return lines


def _check(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> list[str]:
    from tradeoff.devices.profiles import read_profile

    read = [read_profile(Path(name)) for name in options.names]
    return [f"{profile.file}: a sound profile of {profile.name}, {profile.trust}" for profile in read]


def _validate(options: argparse.Namespace, registry_of: Callable[[argparse.Namespace], Registry]) -> list[str]:
    from tradeoff.devices.points import published
    from tradeoff.devices.telling_errors import validation_lines
    from tradeoff.devices.validating import validate, validate_energy
    from tradeoff.errors import UnknownName

    known = {system.name for system in published()}
    for name in options.names:
        if name not in known:
            raise UnknownName("device with published points", name, known)
    names = options.names or sorted(known)
    found, energy = validate(names), validate_energy([system for system in published() if system.name in names])
    nested = _nested(names) if options.nested else {}
    if not options.json:
        return validation_lines(found, energy, nested)
    return [json.dumps([_validated(findings, nested) for findings in found], indent=1)]


def _nested(names: list[str]) -> dict[tuple[str, str], Nested]:
    """By system and precision."""
    from tradeoff.devices.nesting import validate_nested

    return {(found.findings.system.name, found.findings.system.precision): found for found in validate_nested(names)}


def _validated(found: Findings, nested: dict[tuple[str, str], Nested]) -> dict[str, Any]:
    from dataclasses import asdict

    anew = nested.get((found.system.name, found.system.precision))
    row = {
        "device": found.system.name,
        "precision": found.system.precision,
        "left_out": found.system.left_out,
        "points": found.points,
        "mean_error": found.mean,
        "median_error": found.middle,
        "near_share": found.near,
        "misses": [{**asdict(miss), "error": miss.error} for miss in found.misses],
    }
    if anew:
        told = anew.findings
        row["nested"] = {"mean_error": told.mean, "near_share": told.near, "chosen": dict(anew.chosen)}
    return row
