"""No module needs, to be imported, one that needs it: whichever a program or a notebook begins with, it is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("loop", "adapters", "db", "flows")


def modules() -> dict[str, Path]:
    """Every module and package by its dotted name."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in files}


def at_once(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run with the module itself: those of functions and for the type checker do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.With | ast.Try | ast.If) and "TYPE_CHECKING" not in ast.dump(node):
            yield from at_once(node.body)


def needed(name: str, tree: ast.Module, known: dict[str, Path]) -> set[str]:
    """The modules that have to be there before this one, its own packages left aside."""
    asked: set[str] = set()
    for node in at_once(tree.body):
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        asked |= {f"{module}.{alias.name}".removeprefix(".") for alias in node.names} | {module or ""}
    parts = {".".join(one.split(".")[:n]) for one in asked for n in range(1, one.count(".") + 2)}
    return {one for one in parts & known.keys() if one != name and not name.startswith(f"{one}.")}


def test_no_module_is_needed_by_what_it_needs() -> None:
    known = modules()
    needs = {name: needed(name, ast.parse(path.read_text("utf-8")), known) for name, path in known.items()}

    order = [*TopologicalSorter(needs).static_order()]  # a CycleError names the modules of a circle

    assert order.index("loop.space") < order.index("loop.spec") < order.index("loop.planner")
    assert "loop.derived" in needs["loop.belief"] | needs["loop.insight.asking"]
