"""What the README and the pages under docs say, held against the code."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from user_project import QUICK, SUITE, Project

import tradeoff
from tradeoff import cli, hookspecs
from tradeoff.corridor import _PERCENTILES as PERCENTILES
from tradeoff.options import BUILT_IN_PRESETS, KIT_OPTIONS, OPTIONS, read_table
from tradeoff.quality import METRICS
from tradeoff.record import JSON_KEY, STATUSES, Axes, Measurement, Record, Run, run_to_json
from tradeoff.registry import load_registry
from tradeoff.runs.journal import NAME as JOURNAL

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: The decisions are of their day: what they link to is checked, what they name need not be there any more.
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "reference").glob("*.md"))]
EXAMPLE = ROOT / "examples" / "conftest_backend" / "conftest.py"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next of its rank or a higher one."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, f"{name(page)} has no heading {heading!r}"
    return found[2]


def table(text: str) -> list[tuple[str, ...]]:
    """The rows of the tables in ``text``, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    below = [*lines[1:], ""]
    rows = [line for line, after in zip(lines, below, strict=True) if not _is_rule(line) and not _is_rule(after)]
    return [tuple(part.strip() for part in line[1:-1].split("|")) for line in rows]


def _is_rule(line: str) -> bool:
    return bool(line) and set(line) <= set("|-: ")


def named(text: str) -> list[str]:
    """The names in the first column of a table, without their code marks."""
    return [word for row in table(text) for word in re.findall(r"`([^`]+)`", row[0])]


# --- options ----------------------------------------------------------------------------------------


def test_the_reference_has_every_option_with_its_placeholder_and_its_key() -> None:
    rows = [row for row in table(text_of(DOCS / "reference" / "options.md")) if row[0].startswith("`--tradeoff-")]
    told = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert len(told) == len(rows)
    assert told == {f"{o.flag}={o.metavar}" if o.metavar else o.flag: o.name for o in OPTIONS}


def test_the_reference_names_every_built_in_preset() -> None:
    assert all(f"`{preset}`" in text_of(DOCS / "reference" / "options.md") for preset in BUILT_IN_PRESETS)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    flags = {option.flag for option in (*OPTIONS, *KIT_OPTIONS)}
    assert set(re.findall(r"--tradeoff-[a-z]+(?:-[a-z]+)*", text_of(page))) <= flags


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_settings_table_that_a_page_shows_can_be_read(page: Path, tmp_path: Path) -> None:
    for position, block in enumerate(blocks(page, "toml")):
        folder = tmp_path / str(position)
        folder.mkdir()
        (folder / "pyproject.toml").write_text(block, encoding="utf-8")
        assert read_table(folder).path == folder / "pyproject.toml"


# --- commands ---------------------------------------------------------------------------------------


def commands(page: Path) -> Iterator[list[str]]:
    """Every command of the blocks, ``&&`` divided and comments left out."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            for part in line.split("&&"):
                if words := shlex.split(part, comments=True):
                    yield words


def subcommands() -> dict[str, argparse.ArgumentParser]:
    actions = cli._parser()._actions
    (found,) = (action for action in actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


@cache
def options_of_pytest() -> set[str]:
    """Long options as pytest itself lists them, its plugins' included."""
    shown = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"--[a-z][a-z-]+", shown.stdout))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=name)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    for words in commands(page):
        program = Path(words[0]).name
        if program == "tradeoff":
            cli._parser().parse_args(words[1:])
        if program == "pytest":
            flags = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert flags <= options_of_pytest(), shlex.join(words)
            valued = {option.flag for option in (*OPTIONS, *KIT_OPTIONS) if option.metavar}
            assert not valued & {*words}, f"a value is missing or set off by a blank: {shlex.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_in_running_text_has_a_name_and_options_that_exist(page: Path) -> None:
    for text in re.findall(r"`tradeoff ([^`]+)`", text_of(page)):
        command, *words = shlex.split(text)
        assert command in subcommands(), text
        known = subcommands()[command]._option_string_actions
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known.keys(), text


# --- hooks ------------------------------------------------------------------------------------------


def test_the_reference_has_every_hook_with_its_signature() -> None:
    told = [row[:2] for row in table(text_of(DOCS / "reference" / "hooks.md")) if row[0].startswith("`tradeoff_")]
    hooks = {n: f for n, f in vars(hookspecs).items() if n.startswith("tradeoff_")}
    assert told == [
        (f"`{n}({', '.join(inspect.signature(f).parameters)})`", f"`{inspect.signature(f).return_annotation}`")
        for n, f in hooks.items()
    ]


CLASSES = [n for n in tradeoff.__all__ if dataclasses.is_dataclass(getattr(tradeoff, n))]


@pytest.mark.parametrize("title", CLASSES)
def test_the_reference_has_every_field_of_a_class_with_its_default(title: str) -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in table(section(DOCS / "reference" / "hooks.md", title))}
    fields = {field.name: field for field in dataclasses.fields(getattr(tradeoff, title))}
    assert list(told) == list(fields)
    for field_name, default in told.items():
        field = fields[field_name]
        if field.default_factory is not dataclasses.MISSING:
            assert default == str(field.default_factory())
        elif field.default is dataclasses.MISSING:
            assert not default
        elif not callable(field.default):
            assert default == repr(field.default).replace("'", '"')


@pytest.mark.parametrize("title", ["Backend", "Meter", "Reading", "Renderer"])
def test_the_reference_has_every_member_of_a_base_class(title: str) -> None:
    told = [word.partition("(") for word in named(section(DOCS / "reference" / "hooks.md", title))]
    base = getattr(tradeoff, title)
    methods = {n: f for n, f in vars(base).items() if inspect.isfunction(f)}
    assert {n for n, bracket, _ in told if not bracket} == set(base.__annotations__)
    assert {n: parameters.rstrip(")") for n, bracket, parameters in told if bracket} == {
        n: ", ".join(list(inspect.signature(f).parameters)[1:]) for n, f in methods.items()
    }


def test_the_reference_speaks_of_everything_a_plugin_imports() -> None:
    page = text_of(DOCS / "reference" / "hooks.md")
    assert [n for n in tradeoff.__all__ if f"### {n}\n" not in page and f"`{n}`" not in page] == ["hookimpl"]
    assert "@tradeoff.hookimpl" in page


# --- results ----------------------------------------------------------------------------------------

RESULTS = DOCS / "reference" / "results.md"


def names_in_code() -> set[str]:
    """What the corridor, backends and devices write down under a name of its own, and what quality is told in."""
    source = (ROOT / "src" / "tradeoff" / "corridor.py").read_text(encoding="utf-8")
    backends = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "backends").rglob("*.py"))
    devices = (ROOT / "src" / "tradeoff" / "devices" / "workloads.py").read_text(encoding="utf-8")
    return {
        *re.findall(r"""Figure\(\s*"(\w+)""", backends + devices),
        *re.findall(r"""_note(?:_estimate)?\(\s*"(\w+)""", source),
        *(f"latency_p{round(100 * share)}" for share in PERCENTILES),
        *re.findall(r"""_measurements\["(\w+)"\]""", source),
        *METRICS,
    }


def test_the_reference_has_every_measurement() -> None:
    assert set(named(section(RESULTS, "Measurements"))) == names_in_code()


def test_the_reference_has_every_status_in_its_order() -> None:
    assert named(section(RESULTS, "Statuses")) == list(STATUSES)


def test_the_reference_has_every_field_of_the_json() -> None:
    whole = Measurement(1.0, "s", low=0.5, high=2.0, note="all of it")
    record = Record(Axes("m", "baseline", "b", "d", "b1"), measurements={"latency": whole})
    run = run_to_json(Run("r", "2026-01-01", records=(record,)))
    assert named(section(RESULTS, "The run: key `tradeoff` at the top")) == list(run)
    assert named(section(RESULTS, "A record")) == list(run["records"][0])
    assert set(named(section(RESULTS, "A measurement"))) == set(run["records"][0]["measurements"]["latency"])


# --- links and names --------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS], ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_the_map_leads_to_every_page() -> None:
    targets = re.findall(r"\]\(([^)\s#]+)\)", text_of(DOCS / "index.md"))
    linked = {(DOCS / target).resolve() for target in targets}
    assert {page.resolve() for page in PAGES} - linked == {(DOCS / "index.md").resolve()}


# --- the two commands of the README -----------------------------------------------------------------


def test_the_two_commands_are_those_of_ci_and_tox() -> None:
    main, tests = (block.strip() for block in blocks(ROOT / "README.md", "sh")[:2])
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    assert main.endswith("/" + tox["testenv:bench"]["commands"].removesuffix(" {posargs}"))
    assert tests.endswith("-m " + tox["testenv"]["commands"].removesuffix(" {posargs}"))
    assert f"-c {tox['testenv']['constraints']} " in main
    assert f".[{tox['testenv']['extras'].replace(' ', '')}]" in tests


def test_the_readme_names_the_versions_of_python_that_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = [c.rpartition(" ")[2] for c in project["classifiers"] if c.startswith("Programming Language")]
    assert all(version in text_of(ROOT / "README.md") for version in versions)


# --- the examples -----------------------------------------------------------------------------------


def test_the_page_shows_the_backend_that_is_in_the_examples() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    page = DOCS / "a-backend-in-a-conftest.md"
    assert source in blocks(page, "python")
    assert f"{sum(bool(line.strip()) for line in source.splitlines())} lines that are not blank" in text_of(page)


def test_the_guide_shows_every_line_of_the_example_that_it_explains() -> None:
    page = DOCS / "add-a-backend.md"
    folder = ROOT / "examples" / "tradeoff-openvino"
    source = (folder / "tradeoff_openvino" / "__init__.py").read_text(encoding="utf-8")
    runtime = (folder / "tradeoff_openvino" / "runtime.py").read_text(encoding="utf-8")
    parts = blocks(page, "python")
    assert runtime in parts
    assert "".join(part for part in parts if part != runtime).split() == source.split()
    assert (folder / "pyproject.toml").read_text(encoding="utf-8") in blocks(page, "toml")
    assert f"{sum(bool(line.strip()) for line in source.splitlines())} lines that are not blank" in text_of(page)


def test_the_kit_is_told_with_its_options_and_its_tolerances() -> None:
    page = DOCS / "conformance.md"
    rows = table(text_of(page))
    assert {row[0].strip("`") for row in rows if "--tradeoff" in row[0]} == {
        f"{option.flag}={option.metavar}" for option in KIT_OPTIONS
    }
    registry = load_registry()
    precisions = {name for name, technique in registry.techniques.items() if technique.stage == "precision"}
    told = {row[0].strip("`"): float(row[1]) for row in rows if row[0].strip("`") in {"float32", *precisions}}
    assert told == {name: registry.tolerance_of(name).centred_cosine for name in {"float32", *precisions}}


def test_the_backend_of_the_page_runs_and_its_record_is_as_documented(project: Project) -> None:
    project.pytester.makeconftest(EXAMPLE.read_text(encoding="utf-8"))
    result = project.run(cells="dense/[bi]*/numpy")
    result.assert_outcomes(passed=1, skipped=1)
    record = project.records()["dense/baseline/numpy/host-cpu/b1"]
    assert record["status"] == "measured"
    assert record["measurements"]["accuracy"]["value"] > 0.9
    assert record["measurements"].keys() <= set(named(section(RESULTS, "Measurements")))
    assert record["facts"].keys() <= set(named(section(RESULTS, "Facts")))
    skipped = project.records()["dense/int8/numpy/host-cpu/b1"]
    assert skipped["reason"] == "not implemented here: numpy realises float32, not int8"


def test_a_run_leaves_the_files_of_the_reference(project: Project) -> None:
    project.run()
    told = named(section(RESULTS, "Files of a run"))
    files = {path.name for path in project.folder.iterdir()}
    assert JOURNAL in told
    assert f"the key `{JSON_KEY}`" in text_of(RESULTS)
    assert {re.sub(r"^worker-.*\.log$", "worker-N-NAME.log", file) for file in files} == set(told)


def test_the_fuller_backend_of_the_page_runs(project: Project) -> None:
    small, fuller = blocks(DOCS / "a-backend-in-a-conftest.md", "python")
    head, rest = small.split('class NumpyBackend(tradeoff.Backend):\n    name = "numpy"\n')
    project.pytester.makeconftest(head + fuller.rstrip() + "\n" + rest)
    result = project.run(cells="dense/baseline/numpy:threads=2,dense/int8/numpy:threads=2")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*2 threads*", "*not supported by format: NumPy has no 8-bit*"])


def test_the_technique_of_the_hooks_page_runs(project: Project) -> None:
    (source,) = blocks(DOCS / "reference" / "hooks.md", "python")
    (project.pytester.path / "rounding.py").write_text(source, encoding="utf-8")
    result = project.pytester.runpytest_subprocess(
        *SUITE, *QUICK, "-p", "rounding", "--tradeoff-cells=dense/round:1/numpy"
    )
    result.assert_outcomes(passed=1)
    assert project.records()["dense/round:1/numpy/host-cpu/b1"]["status"] == "measured"


@pytest.mark.frameworks
def test_the_script_for_a_model_of_ones_own_makes_what_the_doctor_of_the_page_says(tmp_path: Path) -> None:
    page = DOCS / "your-own-model.md"
    (script,) = blocks(page, "python")
    (tmp_path / "make_tumour.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, "make_tumour.py"], cwd=tmp_path, check=True, capture_output=True)
    doctor = [sys.executable, "-m", "tradeoff", "doctor"]
    said = subprocess.run(
        [*doctor, "--data", "tumour.npz"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert said.replace(f"{tmp_path}/", "").strip() in {block.strip() for block in blocks(page, "text")}
    command = [*doctor, "--model", "tumour.keras", "--data", "tumour.npz"]
    told = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert re.search(r"cells: [1-9]\d* of \d+ can run", told)
