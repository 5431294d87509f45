"""The modules of the engine stand in an order: each imports only what comes before it, and at its head."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import flows.engine

HOME = Path(flows.engine.__file__).parent
NAMES = {path.stem for path in HOME.glob("*.py")} - {"__init__"}


def imported(tree: ast.AST) -> set[str]:
    """The modules of the engine that some code imports, from wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "flows.engine":
                found |= {alias.name for alias in node.names} & NAMES
            elif node.module.startswith("flows.engine."):
                found.add(node.module.split(".")[2])
    return found


def trees() -> dict[str, ast.Module]:
    return {name: ast.parse((HOME / f"{name}.py").read_text("utf-8")) for name in sorted(NAMES)}


def test_no_module_is_needed_by_what_it_needs() -> None:
    order = list(TopologicalSorter({name: imported(tree) for name, tree in trees().items()}).static_order())

    assert order.index("histories") < order.index("sources") < order.index("planning")
    assert order.index("best") < order.index("session")


def test_no_import_within_the_engine_is_put_off() -> None:
    late = {
        name: found
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (found := imported(node))
    }

    assert late == {}
