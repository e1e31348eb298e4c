"""The command line: what there is, tables from saved runs, what this machine allows, the store."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tradeoff.compare.command import add_compare, add_history, add_profile
from tradeoff.decide.command import add_recommend
from tradeoff.devices.command import add_devices, add_estimate
from tradeoff.errors import TradeoffError
from tradeoff.inspecting.command import add_inspect
from tradeoff.machine import installed_version
from tradeoff.options import OPTIONS, Option, Settings, read_table, resolve_settings
from tradeoff.ordering.command import add_order
from tradeoff.output import complain
from tradeoff.parity.command import add_parity
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.reporting import add_report
from tradeoff.searching.command import add_search


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one message and exit status 2."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except TradeoffError as error:
        complain(str(error))
        return 2
    except BrokenPipeError:
        # The reader had enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tradeoff",
        description="Which compressed version of a neural network to ship, on which runtime, for which device. "
        "The benchmarks themselves are run by pytest: pytest --pyargs tradeoff.suites --benchmark-only",
    )
    parser.add_argument("--version", action="version", version=f"tradeoff {installed_version('tradeoff')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def plugged(name: str, told: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=told)
        _add_plugins(command)
        return command

    _add_list(commands.add_parser("list", help="what there is: models, techniques, backends, devices, presets"))
    add_report(plugged("report", "tables from the JSON files of any number of runs"), _registry)
    add_compare(plugged("compare", "two runs against each other: what became worse, and a gate for CI"), _registry)
    add_history(plugged("history", "one measurement over many runs, and where it changed"), _registry)
    add_profile(plugged("profile", "where the time and size of a run's cells go, operator by operator"), _registry)
    add_recommend(plugged("recommend", "which of it to ship under limits, and why not the rest"), _registry)
    _add_recover(commands.add_parser("recover", help="the JSON and the tables of a run that was killed"))
    _add_rerun(commands.add_parser("rerun", help="a run again, as its manifest says, and what differs from then"))
    add_parity(
        plugged("parity", "at which layer an artifact leaves the model it was converted from"), _sources, _settings
    )
    add_order(plugged("order", "the same techniques in every order, over seeds: what order costs or gains"), _registry)
    add_search(plugged("search", "the best chain and values for a device under limits"), _sources, _settings)
    add_estimate(plugged("estimate", "what a device that is not here would make of a .tflite file"), _registry)
    add_devices(plugged("devices", "profiles of devices: list, show, check, and how wrong they are"), _registry)
    add_inspect(plugged("inspect", "what a variant consists of, beside those it was made from"), _sources, _settings)
    _add_doctor(commands.add_parser("doctor", help="what is installed, and which cells that allows"))
    _add_store(commands.add_parser("store", help="list, verify or prune what is kept between runs"))
    return parser


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-p",
        dest="plugins",
        action="append",
        default=[],
        metavar="NAME",
        help="load this plugin module; no:NAME switches one off",
    )
    parser.add_argument("--conftest", metavar="FILE", help="a conftest with hooks (default: ./conftest.py)")


def _add_list(parser: argparse.ArgumentParser) -> None:
    _add_plugins(parser)
    parser.set_defaults(command=_list)


def _add_recover(parser: argparse.ArgumentParser) -> None:
    _add_plugins(parser)
    parser.add_argument("run", metavar="FOLDER", help="the folder of the run; its journal.jsonl is read")
    parser.set_defaults(command=_recover)


def _add_rerun(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what differs and what would be run, and stop")
    parser.add_argument("--allow-code", action="store_true", help="execute code that the model files of then carry")
    parser.add_argument("manifest", metavar="MANIFEST", help="manifest.json of a run, or the run's folder")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="further arguments for pytest")
    parser.set_defaults(command=_rerun)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    _add_plugins(parser)
    for option in OPTIONS:
        if option.metavar:
            parser.add_argument(
                option.flag, f"--{option.name}", dest=option.dest, metavar=option.metavar, help=option.help
            )
        else:
            parser.add_argument(
                option.flag, f"--{option.name}", dest=option.dest, action="store_true", default=None, help=option.help
            )
    parser.set_defaults(command=_doctor)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "verify", "prune"))
    parser.add_argument("--store", metavar="FOLDER", help="where it lies (default: .tradeoff/store)")
    parser.add_argument("--kind", action="append", metavar="KIND", help="only these: data, variant, artifact, result")
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="prune what was not used for so long")
    parser.add_argument("--keep", type=float, metavar="MB", help="prune the longest unused until this much is left")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    parser.set_defaults(command=_store)


def _sources(options: argparse.Namespace) -> PluginSources:
    modules = tuple(name for name in options.plugins if not name.startswith("no:"))
    blocked = tuple(name[3:] for name in options.plugins if name.startswith("no:"))
    conftest = Path(options.conftest or "conftest.py")
    if options.conftest and not conftest.is_file():
        raise TradeoffError(f"--conftest {conftest}: there is no such file")
    conftests = (str(conftest.resolve()),) if conftest.is_file() else ()
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return PluginSources(modules, conftests, blocked)


def _registry(options: argparse.Namespace) -> Registry:
    registry = load_registry(_sources(options))
    for problem in registry.problems:
        complain(problem)
    return registry


def _settings(options: argparse.Namespace) -> Settings:
    def given(option: Option) -> object:
        return getattr(options, option.dest, None)

    return resolve_settings(given, Path.cwd(), read_table(Path.cwd()))


def _list(options: argparse.Namespace) -> int:
    from tradeoff.listing import list_everything

    print("\n".join(list_everything(_registry(options), read_table(Path.cwd()))))
    return 0


def _recover(options: argparse.Namespace) -> int:
    from tradeoff.runs.results import recover

    print("\n".join(map(str, recover(Path(options.run), _registry(options)))))
    return 0


def _rerun(options: argparse.Namespace) -> int:
    from tradeoff.runs.rerun import rerun

    # Behind the manifest everything is pytest's, but these two are looked for there as well.
    rest = [word for word in options.arguments if word not in ("--dry-run", "--allow-code", "--")]
    return rerun(
        Path(options.manifest),
        rest,
        allow_code=options.allow_code or "--allow-code" in options.arguments,
        dry_run=options.dry_run or "--dry-run" in options.arguments,
    )


def _doctor(options: argparse.Namespace) -> int:
    from tradeoff.doctor import examine
    from tradeoff.runs.again import settings_again

    settings = settings_again(_settings(options), Path.cwd(), bool(options.tradeoff_allow_code))
    lines, healthy = examine(settings, _sources(options))
    print("\n".join(lines))
    return 0 if healthy else 1


def _store(options: argparse.Namespace) -> int:
    from tradeoff.runs.run_folder import project_folder, store_folder
    from tradeoff.store import Store
    from tradeoff.store.report import list_store, prune_store, verify_store

    root = Path(options.store) if options.store else store_folder(_settings(options), project_folder(Path.cwd()))
    if root.exists() and not root.is_dir():
        raise TradeoffError(f"the store {root} is a file; --store names a folder")
    store = Store(root, warn=complain)
    if options.action == "list":
        lines, status = list_store(store, options.kind), 0
    elif options.action == "verify":
        lines, status = verify_store(store)
    else:
        lines, status = prune_store(store, options.kind, options.older_than, options.keep, options.dry_run), 0
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
