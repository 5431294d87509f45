"""Intervals: between which values an expression lies over ranges of its names, where it is sure to have one.

Interval arithmetic: what it says holds at every point, and it may say too little, as when a name occurs twice.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final, Protocol, TypeAlias

Span: TypeAlias = tuple[float, float]  # the least and the most
LARGEST: Final = 1e300  # beyond it a number is none

# functions that rise, and from where on they are
_RISING: Final[Mapping[str, tuple[Callable[[float], float], float]]] = {
    "exp": (math.exp, -math.inf),
    "log": (math.log, 0.0),
    "log10": (math.log10, 0.0),
    "log2": (math.log2, 0.0),
    "sqrt": (math.sqrt, 0.0),
    "tanh": (math.tanh, -math.inf),
}


class Ranges(Protocol):
    """The range of a name or a constant, as it stands in an expression."""

    def __getitem__(self, node: ast.AST) -> Any: ...


def interval(node: ast.expr, ranges: Ranges) -> Span | None:
    """Between which values an expression lies; None where it may have none, as far as this can tell."""
    try:
        found = _interval(node, ranges)
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    return found if found is not None and all(abs(end) <= LARGEST for end in found) else None


def is_nowhere(node: ast.expr, ranges: Ranges) -> bool:
    """Whether an expression is sure to have no finite value at any point; False where this cannot tell.

    What is infinite on the way may end in a value (``1 / (1 / 0)``), so only what keeps it so is followed.
    """
    if _is_undefined(node, ranges):
        return True
    match node:
        case ast.UnaryOp(_, operand):
            return is_nowhere(operand, ranges)
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult(), right):
            return is_nowhere(left, ranges) or is_nowhere(right, ranges)
        case ast.BinOp(left, ast.Div(), right):
            return is_nowhere(left, ranges) or interval(right, ranges) == (0.0, 0.0)
        case ast.Call(ast.Name("log" | "log10" | "log2"), [argument], []):
            found = interval(argument, ranges)
            return is_nowhere(argument, ranges) or (found is not None and found[1] <= 0.0)
        case ast.Call(ast.Name("sqrt" | "abs" | "sin" | "cos"), [argument], []):
            return is_nowhere(argument, ranges)
    return False


def _is_undefined(node: ast.expr, ranges: Ranges) -> bool:
    """Whether an expression is sure to be no number at any point, not even an infinite one."""
    match node:
        case ast.UnaryOp(_, operand):
            return _is_undefined(operand, ranges)
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right):  # a power of 0 is 1 all the same
            return _is_undefined(left, ranges) or _is_undefined(right, ranges)
        case ast.Call(ast.Name(function), arguments, []):
            found = interval(arguments[0], ranges)
            begins = _RISING[function][1] if function in _RISING else -math.inf
            is_before = found is not None and found[1] < begins
            return is_before or any(_is_undefined(argument, ranges) for argument in arguments)
    return False


def _interval(node: ast.expr, ranges: Ranges) -> Span | None:
    match node:
        case ast.Constant(value):
            return float(value), float(value)  # type: ignore[arg-type]
        case ast.UnaryOp(op, operand):
            found = interval(operand, ranges)
            return (-found[1], -found[0]) if found is not None and isinstance(op, ast.USub) else found
        case ast.BinOp(left, op, right):
            a, b = interval(left, ranges), interval(right, ranges)
            if a is None or b is None:
                return None
            if ast.dump(left) == ast.dump(right) and isinstance(op, ast.Mult | ast.Sub):
                return _power(a, (2.0, 2.0)) if isinstance(op, ast.Mult) else (0.0, 0.0)
            return _combined(op, a, b)
        case ast.Call(ast.Name(function), arguments, []):
            spans = [interval(argument, ranges) for argument in arguments]
            known = [span for span in spans if span is not None]
            return _called(function, known) if len(known) == len(spans) else None
    found = ranges[node]
    return found if isinstance(found, tuple) else (float(found), float(found))


def _combined(op: ast.operator, a: Span, b: Span) -> Span | None:
    match op:
        case ast.Add():
            return a[0] + b[0], a[1] + b[1]
        case ast.Sub():
            return a[0] - b[1], a[1] - b[0]
        case ast.Mult():
            return _ends([x * y for x, y in product(a, b)])
        case ast.Div():
            return None if b[0] <= 0.0 <= b[1] else _ends([x / y for x, y in product(a, b)])
    return _power(a, b)


def _power(a: Span, b: Span) -> Span | None:
    is_whole = b[0] == b[1] and float(b[0]).is_integer()
    if is_whole and (b[0] >= 0.0 or not a[0] <= 0.0 <= a[1]):
        spans_zero = a[0] < 0.0 < a[1]
        return _ends([x ** b[0] for x in a] + ([0.0] if spans_zero else []))
    if a[0] > 0.0 or (a[0] == 0.0 and b[0] > 0.0):  # it rises or falls in each, so its ends are at the corners
        return _ends([x**y for x, y in product(a, b)])
    return None


def _called(function: str, spans: list[Span]) -> Span | None:
    first = spans[0]
    if function in ("max", "min"):
        choose = max if function == "max" else min
        return choose(s[0] for s in spans), choose(s[1] for s in spans)
    if function == "abs":
        least = 0.0 if first[0] <= 0.0 <= first[1] else min(map(abs, first))
        return least, max(map(abs, first))
    if function in _RISING:
        rises, begins = _RISING[function]
        return (rises(first[0]), rises(first[1])) if first[0] >= begins else None  # log(0) raises
    return -1.0, 1.0  # sin, cos


def _ends(values: list[float]) -> Span:
    return min(values), max(values)
