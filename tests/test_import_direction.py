"""Who may import what, and when: importing a module of this project imports no framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = "src/tradeoff"
LEAVES = ("backends", "models", "plugins", "reports", "suites")
MODULES = sorted(path for folder in (CORE, *LEAVES) for path in (ROOT / folder).rglob("*.py"))
FRAMEWORKS = frozenset(
    {
        "ai_edge_litert",
        "ai_edge_quantizer",
        "jax",
        "keras",
        "onnx",
        "onnxruntime",
        "scipy",
        "sklearn",
        "tensorflow",
        "tflite_micro",
        "tf_keras",
        "torch",
    }
)
HEAVY = frozenset({"numpy", "rich"})
#: Module and what it imports at its top, with the reason why that costs nobody anything.
ALLOWED = {
    ("src/tradeoff/quality.py", "numpy"): "only the stages import it, inside functions that run in a worker",
    ("reports/renderers/layout.py", "rich"): "rich.cells alone, a table of widths; it imports none of the rest of rich",
}


def imported_at_the_top(*nodes: ast.AST) -> Iterator[str]:
    """Every module that importing this one imports; what stands in functions or under TYPE_CHECKING is not."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from names(node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imported_at_the_top(*node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported_at_the_top(*ast.iter_child_nodes(node))


def names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The absolute modules one statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level or node.module is None:
        return []
    return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def at_the_top(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_at_the_top(tree_of(path))}


def anywhere(path: Path) -> set[str]:
    statements = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Import | ast.ImportFrom))
    return {name for node in statements for name in names(node)}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_module_imports_a_framework_when_it_is_imported(path: Path) -> None:
    assert not at_the_top(path) & FRAMEWORKS, f"{shown(path)}: import it inside the functions that need it"


def test_numpy_and_rich_are_imported_at_the_top_only_where_it_costs_nothing() -> None:
    found = {(shown(path), name) for path in MODULES for name in at_the_top(path) & HEAVY}
    assert found == set(ALLOWED)


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_module_names_a_leaf(path: Path) -> None:
    leaves = tuple(f"tradeoff.{leaf}" for leaf in LEAVES)
    named = {name for name in anywhere(path) if name.startswith(leaves)}
    assert not named, f"{shown(path)}: leaves are found through entry points, siblings are imported relatively"


def test_a_pytest_start_and_the_registry_import_neither_a_framework_nor_numpy() -> None:
    source = (
        "import sys; from tradeoff import pytest_plugin, registry; registry.load_registry(); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (FRAMEWORKS | {"numpy"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import keras", {"keras"}),
        ("try:\n    from keras import ops\nexcept ImportError:\n    ops = None", {"keras"}),
        ("class A:\n    import jax.numpy", {"jax"}),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import numpy", {"numpy"}),
        ("def f():\n    import scipy", set()),
        ("from . import keras", set()),
    ],
)
def test_only_what_runs_at_import_counts(source: str, expected: set[str]) -> None:
    assert {name.partition(".")[0] for name in imported_at_the_top(ast.parse(source))} == expected
