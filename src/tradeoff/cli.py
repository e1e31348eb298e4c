"""The command line: what there is, tables from saved runs, what this machine allows, the store."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tradeoff.compare.command import add_compare, add_history, add_profile
from tradeoff.decide.command import add_recommend
from tradeoff.devices.command import add_devices, add_estimate
from tradeoff.errors import TradeoffError, UnknownName
from tradeoff.exchange.files import WHERE, read_selected, write_rows, writes_rows
from tradeoff.exchange.selecting import Purpose
from tradeoff.inspecting.command import add_inspect
from tradeoff.machine import installed_version
from tradeoff.options import OPTIONS, Option, Settings, read_table, resolve_settings
from tradeoff.ordering.command import add_order
from tradeoff.parity.command import add_parity
from tradeoff.record import Run, no_collection
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.searching.command import add_search
from tradeoff.text import safe_lines
from tradeoff.view_choice import LIST, find_view, list_views


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one message and exit status 2."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except TradeoffError as error:
        print(f"tradeoff: {safe_lines(str(error))}", file=sys.stderr)
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
    _add_report(commands.add_parser("report", help="tables from the JSON files of any number of runs"))
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


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_plugins(parser)
    parser.add_argument("runs", nargs="*", metavar="RUN.json", help="a JSON file that a run has written, or its folder")
    parser.add_argument("--format", metavar="NAME", help="terminal, markdown, csv, junit, html (default: terminal)")
    parser.add_argument(
        "--view", metavar="NAME", help="these tables instead of all: a view's name, your own .toml file, or list"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write there, not to the terminal: all rows, if it is .parquet or .json",
    )
    parser.add_argument("--where", default="", metavar="SQL", help=f"{WHERE} (needs DuckDB)")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")
    parser.add_argument("--pictures", metavar="FOLDER", help="write the pictures there as well, as SVG and PNG")
    parser.set_defaults(command=_report, complain=parser.error)


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
        print(f"tradeoff: {safe_lines(problem)}", file=sys.stderr)
    return registry


def _settings(options: argparse.Namespace) -> Settings:
    def given(option: Option) -> object:
        return getattr(options, option.dest, None)

    return resolve_settings(given, Path.cwd(), read_table(Path.cwd()))


def _list(options: argparse.Namespace) -> int:
    from tradeoff.listing import list_everything

    print("\n".join(list_everything(_registry(options), read_table(Path.cwd()))))
    return 0


def _report(options: argparse.Namespace) -> int:
    registry = _registry(options)
    rows = options.format is None and options.output is not None and writes_rows(options.output)
    name = options.format or "terminal"
    if name not in registry.renderers:
        raise UnknownName("report format", name, registry.renderers)
    if rows and options.view:
        raise TradeoffError(f"--output {options.output} has all rows; leave out --view, or name a --format")
    width = options.width or shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and not options.output and "NO_COLOR" not in os.environ
    if options.view == LIST:
        print("\n".join(list_views(registry.views)))
        return 0
    if not options.runs:
        options.complain("name a run: a JSON file that it has written, or its folder")
    view = find_view(options.view, registry.views) if options.view is not None else None
    renderer = registry.renderers[name]
    with no_collection():
        purpose: Purpose = "all" if rows else "report"
        runs = [run for name in options.runs for run in read_selected(name, options.where, purpose, _tell)]
        if options.pictures:
            _write_pictures(registry, runs, Path(options.pictures))
        if rows and options.output:
            write_rows(runs, Path(options.output))
            return 0
        text = renderer.render_view(view, runs, width, colour) if view else renderer.render(runs, width, colour)
    if not options.output:
        print(text, end="" if text.endswith("\n") else "\n")
        return 0
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TradeoffError(f"--output {options.output} cannot be written: {error}") from error
    return 0


def _tell(line: str) -> None:
    print(f"tradeoff: {safe_lines(line)}", file=sys.stderr)


def _write_pictures(registry: Registry, runs: Sequence[Run], folder: Path) -> None:
    """The pictures of every renderer that draws any; what is a text among them is told as well."""
    written, told = 0, []
    for renderer in registry.renderers.values():
        for name, content in renderer.render_pictures(runs):
            if Path(name).name != name:
                raise TradeoffError(f"renderer {renderer.name} names a picture {name!r}; expected the name of a file")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            except OSError as error:
                raise TradeoffError(f"--pictures {folder} cannot be written: {error}") from error
            written += 1
            told += content.decode().splitlines() if name.endswith(".txt") else []
    for line in (f"{written:,} files in {folder}", *told):
        print(f"tradeoff: {safe_lines(line)}", file=sys.stderr)


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
    store = Store(root, warn=lambda text: print(f"tradeoff: {safe_lines(text)}", file=sys.stderr))
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
