"""What is shipped is what is tracked; what is written about commands and options is so."""

from __future__ import annotations

import configparser
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest

from tradeoff.options import KIT_OPTIONS, OPTIONS

ROOT: Final = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


@pytest.fixture(scope="session")
def tracked() -> frozenset[str]:
    """What git tracks, and what it would when everything was added."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(name for name in listed.split("\0") if (ROOT / name).is_file())


@pytest.fixture(scope="session")
def folders(settings: dict[str, Any]) -> dict[str, str]:
    """Folder in the checkout to package in the wheel."""
    mapping = settings["tool"]["setuptools"]["package-dir"]
    return {folder: package.replace(".", "/") for package, folder in mapping.items()}


@pytest.fixture(scope="session")
def wheel(tracked: frozenset[str], folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, made from a copy: in place, setuptools would pick up what an earlier build has left."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    wanted = (*(f"{folder}/" for folder in folders), "pyproject.toml", "README.md", "LICENSE")
    for name in tracked:
        if name.startswith(wanted):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(target), "."], cwd=source, check=True)
    return ZipFile(next(target.glob("*.whl")))


def test_the_wheel_holds_every_tracked_file_of_its_folders_and_nothing_else(
    wheel: ZipFile, tracked: frozenset[str], folders: dict[str, str]
) -> None:
    expected = {
        f"{package}/{name.removeprefix(f'{folder}/')}"
        for folder, package in folders.items()
        for name in tracked
        if name.startswith(f"{folder}/")
    }
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == expected
    assert "tradeoff/py.typed" in shipped


def test_the_wheel_holds_the_licence_and_both_commands_of_entry(wheel: ZipFile, settings: dict[str, Any]) -> None:
    names = wheel.namelist()
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    points = configparser.ConfigParser()
    points.optionxform = str  # type: ignore[assignment,method-assign]
    points.read_string(wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode())
    project = settings["project"]
    assert dict(points["tradeoff"]) == project["entry-points"]["tradeoff"]
    assert dict(points["pytest11"]) == project["entry-points"]["pytest11"]
    assert dict(points["console_scripts"]) == project["scripts"]


def test_every_mapped_folder_and_every_package_below_it_is_listed(settings: dict[str, Any]) -> None:
    tool = settings["tool"]["setuptools"]
    found = {
        ".".join((name, *inner.parent.relative_to(ROOT / folder).parts))
        for name, folder in tool["package-dir"].items()
        for inner in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(tool["packages"])


def test_every_entry_point_can_be_imported(settings: dict[str, Any]) -> None:
    for module in settings["project"]["entry-points"]["tradeoff"].values():
        importlib.import_module(module)


def test_every_module_with_hooks_has_an_entry_point(
    settings: dict[str, Any], tracked: frozenset[str], folders: dict[str, str]
) -> None:
    """Without one a plugin is never found, and nothing says so."""
    leaves = tuple(f"{folder}/" for folder in folders if folder != "src/tradeoff")
    with_hooks = {
        f"{folders[name.partition('/')[0]]}/{name.partition('/')[2]}".removesuffix(".py").replace("/", ".")
        for name in tracked
        if name.startswith(leaves) and name.endswith(".py") and "@tradeoff.hookimpl" in read(name)
    }
    assert with_hooks == set(settings["project"]["entry-points"]["tradeoff"].values())


def test_every_direct_dependency_is_pinned_in_the_constraints(settings: dict[str, Any]) -> None:
    project = settings["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    named = {distribution(need) for need in needs} - {"tradeoff"}
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", line) for line in lines)
    assert named <= {distribution(line) for line in lines}


def distribution(requirement: str) -> str:
    """The normalised name at the beginning of a requirement."""
    name = re.match(r"[\w.\-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


# --- what is written about commands -----------------------------------------------------------------


@pytest.fixture(scope="session")
def written(tracked: frozenset[str]) -> dict[str, str]:
    """Every file that tells a person or a machine what to type."""
    pages = {name for name in tracked if name.endswith(".md")}
    return {name: read(name) for name in sorted(pages | {"tox.ini", ".ci/run"})}


def test_the_checks_run_the_test_command_of_the_readme() -> None:
    found = re.search(r'^TEST_COMMAND="(.+)"$', read(".ci/run"), re.MULTILINE)
    assert found is not None
    assert found[1] in read("README.md").splitlines()


def test_the_benchmark_environment_runs_the_main_command() -> None:
    command = "pytest suites/ --benchmark-only"
    assert command in read("README.md")
    assert tox()["testenv:bench"]["commands"].startswith(command)


def test_every_option_that_is_written_about_exists(written: dict[str, str]) -> None:
    known = {option.flag for option in (*OPTIONS, *KIT_OPTIONS)}
    unknown = {
        (name, flag)
        for name, text in written.items()
        for flag in re.findall(r"(?<![\w-])--tradeoff-[a-z][a-z-]*[a-z]", text)
        if flag not in known
    }
    assert not unknown


def test_every_tox_environment_and_label_that_is_written_about_exists(written: dict[str, str]) -> None:
    labels = {line.partition("=")[0].strip() for line in tox()["tox"]["labels"].strip().splitlines()}
    known = {"-e": set(environments()), "-m": labels}
    for name, text in written.items():
        for flag, value in re.findall(r"\btox (-e|-m) ([\w,-]+)", text):
            assert set(value.split(",")) <= known[flag], f"{name}: tox {flag} {value}"


def test_every_extra_that_is_written_about_exists(written: dict[str, str], settings: dict[str, Any]) -> None:
    extras = set(settings["project"]["optional-dependencies"])
    for name, text in written.items():
        for asked in re.findall(r"(?:tradeoff|'\.)\[([a-z0-9,_-]+)\]", text):
            assert set(asked.split(",")) <= extras, f"{name}: [{asked}]"


def tox() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(read("tox.ini"))
    return parser


def environments() -> Iterator[str]:
    """The names of all environments, with factors written out."""
    sections = [name.removeprefix("testenv:") for name in tox().sections() if name.startswith("testenv:")]
    listed = re.split(r",\s*(?![^{]*\})", tox()["tox"]["env_list"])
    for name in (*sections, *listed):
        before, brace, rest = name.partition("{")
        factors, _, after = rest.partition("}")
        yield from (f"{before}{factor}{after}" for factor in factors.split(",")) if brace else (before,)


# --- what stays on one machine ----------------------------------------------------------------------

#: Written in pieces, so that this file is not found by its own search.
PRIVATE: Final = (
    r"files\.python" + "hosted",
    r"--(extra-)?index" + r"-url\b|--find" + r"-links\b",
    r"https?://[^\s\"'<>)]*/" + "simple/",
    r"(?<![\w.~-])/(home|Users)" + r"/[a-z]\w*/",
    r"(?<![\w.~-])/(root|work)" + r"/[\w.]",
    r"\.\./" + "shared",
)


def test_nothing_of_one_machine_is_in_a_tracked_file(tracked: frozenset[str]) -> None:
    found = [
        f"{name}: {match[0]}"
        for name in sorted(tracked)
        if (text := text_or_nothing(ROOT / name))
        for pattern in PRIVATE
        for match in re.finditer(pattern, text)
    ]
    assert not found


def text_or_nothing(path: Path) -> str:
    """A text file's text; a picture has no paths to tell."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
