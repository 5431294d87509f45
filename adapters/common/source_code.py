"""Source code: whether a module has a function of one argument, told by reading it; nothing is imported or run."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from symtable import SymbolTable, symtable
from typing import Final

from loop.errors import did_you_mean

SHOWN: Final = 8  # functions that a module has in place of the one that it lacks


def why_not_there(function: str, folder: str, *, is_here: bool) -> str | None:
    """Why ``module:name`` cannot be called with one mapping, with the remedy; None where it can, or only running tells.

    Args:
        function: ``module:name``.
        folder: Where the module is looked for first, then where Python looks.
        is_here: Whether it runs on this machine; elsewhere a module may be installed that is not here.
    """
    module, _, name = function.partition(":")
    if module.endswith(".py"):
        return f"a module is named without its ending; write {module.removesuffix('.py')}:{name}"
    try:
        found = _found(module, folder)
    except (ImportError, AttributeError, ValueError):  # a finder of somebody else's, of which nothing can be told
        return None
    if found is None and module not in sys.modules:  # os.path, say, which is called otherwise where it lies
        hint = did_you_mean(module, sorted(path.stem for path in Path(folder).glob("*.py")))
        remedy = "correct the name, or say in 'path' in which folder it lies"
        return f"no module {module!r} in {folder} or installed{hint}; {remedy}" if is_here else None
    if found is None or not isinstance(found.loader, SourceFileLoader) or found.origin is None:
        return None
    try:
        source = decode_source(found.loader.get_data(found.origin))
        tree, table = ast.parse(source, found.origin), symtable(source, found.origin, "exec")
    except SyntaxError as error:
        return f"{found.origin} line {error.lineno}: {error.msg}; mend it"
    except (OSError, ValueError):
        return None
    if {name, "__getattr__"} & set(_bound(table)) or _takes_all_of_another(tree):
        return why if (why := _takes_something_else(tree, name)) is None else f"{found.origin} {why}"
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    others = " and others" if len(functions) > SHOWN else ""
    has = f"it has {', '.join(functions[:SHOWN])}{others}; correct the name" if functions else "it has none; write it"
    return f"{found.origin} has no function {name!r}{did_you_mean(name, functions)}; {has}"


def _takes_something_else(tree: ast.Module, name: str) -> str | None:
    """Why a function that is plainly written cannot be called with one mapping; None where it can, or where it is not.

    One that is decorated, or bound a second time, is what only running it would tell.
    """
    made = [node for node in ast.walk(tree) if name in _names_bound_by(node)]
    if len(made) != 1 or made[0] not in tree.body:
        return None
    (node,) = made
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
        return None
    where, args = f"line {node.lineno}", node.args
    if isinstance(node, ast.AsyncFunctionDef):
        return f"{where}: {name} is async, and nobody awaits it; write def {name}(settings)"
    several = [*args.posonlyargs, *args.args]
    needed = len(several) - len(args.defaults)
    named = [a.arg for a, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    if needed <= 1 and not named and (several or args.vararg):
        return None
    takes = ", ".join([*(a.arg for a in several), *named]) or "nothing"
    return f"{where}: {name} takes {takes}, and is called with one mapping of all settings; write def {name}(settings)"


def _names_bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.alias():
            yield node.asname or node.name


def _found(module: str, folder: str) -> ModuleSpec | None:
    """Where a module lies; the packages that it lies in are not imported."""
    importlib.invalidate_caches()
    first, *inner = module.split(".")
    found, name = PathFinder.find_spec(first, [folder]) or _anywhere(first, None), first
    for part in inner:
        if found is None or found.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        found = _anywhere(name, list(found.submodule_search_locations))
    return found


def _anywhere(module: str, path: Sequence[str] | None) -> ModuleSpec | None:
    found = (finder.find_spec(module, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _bound(table: SymbolTable) -> Iterator[str]:
    """Names that running a module would bind in it, those that its functions declare global among them."""
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        is_bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        if is_bound and (is_module or symbol.is_declared_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _bound(child)


def _takes_all_of_another(tree: ast.Module) -> bool:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(alias.name == "*" for node in imports for alias in node.names)
