"""The modules of the engine stand in an order: each imports only what comes before it, and at its head."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import flows.engine

HOME = Path(flows.engine.__file__).parent
FILES = {
    ".".join(path.relative_to(HOME).with_suffix("").parts): path
    for path in sorted(HOME.rglob("*.py"))
    if path.name != "__init__.py"
}


def imported(tree: ast.AST) -> set[str]:
    """The modules of the engine that some code imports, from wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith("flows.engine."):
            place = node.module.removeprefix("flows.engine").lstrip(".")
            found |= {place} | {f"{place}.{alias.name}".lstrip(".") for alias in node.names}
    return found & set(FILES)


def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def test_no_module_is_needed_by_what_it_needs() -> None:
    order = list(TopologicalSorter({name: imported(tree) for name, tree in trees().items()}).static_order())

    assert order.index("looking.histories") < order.index("sources.hearing") < order.index("steps.planning")
    assert order.index("looking.best") < order.index("session")


def test_no_import_within_the_engine_is_put_off() -> None:
    late = {
        name: found
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (found := imported(node))
    }

    assert late == {}
