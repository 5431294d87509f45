"""Expressions: arithmetic of parameters as a campaign file writes it, read safely, on numpy and torch alike.

Python's own grammar, of which a short list is allowed; everything else is refused with its name. Nothing is ever
evaluated by Python itself.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from loop.errors import SpaceError, did_you_mean
from loop.space.intervals import Span, interval, is_nowhere

_OPERATORS: Final[Mapping[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_COMPARISONS: Final = (ast.LtE, ast.Lt, ast.GtE, ast.Gt)
_FUNCTIONS: Final = ("abs", "cos", "exp", "log", "log10", "log2", "max", "min", "sin", "sqrt", "tanh")
CONSTANTS: Final = {"pi": float(np.pi), "e": float(np.e)}
# words of Python that mean nothing in arithmetic, of which ``yield`` is the name of many a target
_MEANINGFUL: Final = frozenset({"and", "else", "False", "if", "in", "is", "lambda", "None", "not", "or", "True"})
_NAMES_OF_PYTHON: Final = "|".join(sorted(set(keyword.kwlist) - _MEANINGFUL))
LONGEST = 1_000  # characters; a longer one is no expression of a laboratory


@dataclass(frozen=True)
class Expression:
    """Arithmetic of named numbers: ``+ - * / **``, brackets, and abs, exp, log, log10, log2, sqrt, min, max, ...

    A name with a dot (``solvent.water``) is written as it is, one with a space or hyphen in backquotes.
    """

    text: str
    said: str = field(default="", compare=False)  # what a person wrote, where it is a part of a comparison
    names: tuple[str, ...] = field(init=False, compare=False)
    constants: frozenset[str] = field(init=False, compare=False)  # pi and e, where they stand without backquotes
    _body: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        body, quoted = _parse(self.text)
        object.__setattr__(self, "_body", body)
        object.__setattr__(self, "said", self.said or self.text)
        object.__setattr__(self, "names", _names(self.said, body, quoted))
        plain = {_dotted(node) for node in ast.walk(body)}
        object.__setattr__(self, "constants", frozenset(plain & set(CONSTANTS)))

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value where every name has the one in ``values``: arrays or tensors of one shape, or floats."""
        with np.errstate(all="ignore"):  # a logarithm of zero is told by its value
            return _value(self._body, _Names(values, _quoted(self.text)[1]))

    @property
    def is_smooth(self) -> bool:
        """Whether it has no kinks and does not swing: neither ``abs``, ``min`` and ``max`` nor ``sin`` and ``cos``."""
        calls = (node.func for node in ast.walk(self._body) if isinstance(node, ast.Call))
        return not any(isinstance(f, ast.Name) and f.id in ("abs", "min", "max", "sin", "cos") for f in calls)

    def between(self, ranges: Mapping[str, Span]) -> Span | None:
        """Between which values it lies over ``ranges`` of its names; None where it may have no value somewhere."""
        return interval(self._body, _Names(ranges, _quoted(self.text)[1]))

    def is_nowhere(self, ranges: Mapping[str, Span]) -> bool:
        """Whether it surely has no value anywhere over ``ranges`` of its names; False where that cannot be told."""
        return is_nowhere(self._body, _Names(ranges, _quoted(self.text)[1]))

    def size(self, values: Mapping[str, Any]) -> Any:
        """How large the terms are that are added and subtracted, for arrays or floats: what rounding is a part of."""
        with np.errstate(all="ignore"):
            return _size(self._body, _Names(values, _quoted(self.text)[1]))


def read_comparisons(text: str) -> tuple[tuple[Expression, bool], ...]:
    """``"20 <= a * b < 30"`` as expressions that are above zero where it holds: ``a * b - 20`` and ``30 - a * b``.

    With each, whether it must be truly above zero (``<``, ``>``) or may be zero (``<=``, ``>=``).

    Raises:
        SpaceError: It does not compare, or compares for equality.
    """
    body, quoted = _parse(text)
    if not isinstance(body, ast.Compare):
        raise SpaceError(f"expression {text!r} compares nothing; {_slip(text) or 'write it with <= or >='}")
    sides = [body.left, *body.comparators]
    parts = []
    for left, right, sign in zip(sides[:-1], sides[1:], body.ops, strict=True):
        if not isinstance(sign, _COMPARISONS):
            raise SpaceError(
                f"expression {text!r} compares with something other than <=, <, >= or >; "
                "use sum with equals for an equality, exclude for single values"
            )
        high, low = (right, left) if isinstance(sign, ast.LtE | ast.Lt) else (left, right)
        plain = f"({_written(high, quoted)}) - ({_written(low, quoted)})"
        parts.append((Expression(plain, said=text), isinstance(sign, ast.Lt | ast.Gt)))
    return tuple(parts)


@dataclass(frozen=True)
class _Names:
    values: Mapping[str, Any]
    quoted: Mapping[str, str]

    def __getitem__(self, node: ast.AST) -> Any:
        name = _dotted(node)
        name = self.quoted.get(name, name)
        return self.values[name] if name in self.values else CONSTANTS[name]


def _quoted(text: str) -> tuple[str, dict[str, str]]:
    """The text with names in backquotes, and those that are words of Python, replaced, and what replaced them."""
    quoted: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        placeholder = f"quoted_{len(quoted)}_"
        quoted[placeholder] = match.group(1) or match.group(2)
        return placeholder

    return re.sub(rf"`([^`]+)`|(?<![\w.])({_NAMES_OF_PYTHON})(?![\w(])", replace, text), quoted


def _parse(text: str) -> tuple[ast.expr, dict[str, str]]:
    plain, quoted = _quoted(text)
    try:
        if len(text) > LONGEST:
            raise SyntaxError(f"longer than {LONGEST} characters")
        return ast.parse(plain.strip(), mode="eval").body, quoted
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        remedy = _slip(text) or (
            "write arithmetic such as 'log10(time * temperature)', a name with a space or a hyphen in backquotes"
        )
        raise SpaceError(f"expression {text!r} cannot be read ({why}); {remedy}") from None


def _slip(text: str) -> str:
    """What is to be written in place of a usual slip of the pen; "" where none is seen."""
    plain = re.sub(r"`[^`]+`", "", text)
    words = re.findall(r"[A-Za-z_]\w*", plain)
    if "^" in plain:
        return "write a power as **"
    if re.search(r"\d,\d", plain):
        return "write decimals with a point"
    if re.search(r"[≤≥]|=<|=>|(?<![<>=!])=(?!=)", plain):
        return "write <= or >=; for an equality use sum with equals"
    if {"and", "or", "not"} & set(words):
        return "write a constraint for each comparison; of numbers beside options exclude and where keep a range out"
    if {"if", "else"} <= set(words):
        return "nothing is computed by cases; use min and max, or let a parameter apply only when others have options"
    if re.search(r"[<>]=?\s*\d+(\.\d+)?\s*[A-Za-z%\u00b0]+\s*$", plain):
        return "write the number without its unit: it is in the parameter's own"
    if own := [word for word in words if keyword.iskeyword(word) and not re.fullmatch(_NAMES_OF_PYTHON, word)]:
        return f"{own[0]!r} has a meaning of its own here: write the name in backquotes, `{own[0]}`"
    if "\u00f7" in plain:
        return "write a quotient with /"
    if re.search(r"\[[^\]]*\]", plain):
        return "write a name without its unit"
    if re.search(r"[\u00d7\u00b7]|(?<![\w.])\d+(\.\d+)?\s*(?![eE][-+]?\d)[A-Za-z_(]", plain):
        return "write a product with *"
    return ""


def _names(text: str, body: ast.expr, quoted: Mapping[str, str]) -> tuple[str, ...]:
    """Names in order of appearance; refuses what is not arithmetic."""
    found: dict[str, None] = {}

    def look(node: ast.AST) -> None:
        match node:
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                look(left)
                look(right)
            case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
                look(operand)
            case ast.Constant(float() | int() as value) if not isinstance(value, bool) and value < 1e300:
                pass
            case ast.Call(ast.Name(function), [_, *_] as arguments, []):
                if function not in _FUNCTIONS:
                    raise SpaceError(
                        f"expression {text!r}: no function {function!r}{did_you_mean(function, _FUNCTIONS)}; "
                        f"use {', '.join(_FUNCTIONS)} (log is the natural logarithm)"
                    )
                is_pair = function in ("min", "max")
                if len(arguments) != 1 + is_pair:
                    raise SpaceError(
                        f"expression {text!r}: {function} takes {1 + is_pair} argument{'s' * is_pair}, "
                        f"got {len(arguments)}; nest or mend it"
                    )
                for argument in arguments:
                    look(argument)
            case ast.Name() | ast.Attribute() if name := _dotted(node):
                if name not in CONSTANTS:
                    found[quoted.get(name, name)] = None
            case ast.Compare():
                raise SpaceError(f"expression {text!r} compares, where a number is wanted; use it as a constraint")
            case _:
                raise SpaceError(
                    f"expression {text!r}: {_plainly(node, quoted)!r} is not arithmetic; "
                    + (_slip(text) or "use numbers, parameters, + - * / **, brackets and functions")
                )

    look(body)
    return tuple(found)


def _dotted(node: ast.AST) -> str:
    """``a.b`` as one name; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def _written(node: ast.AST, quoted: Mapping[str, str]) -> str:
    text = ast.unparse(node)
    for placeholder, name in quoted.items():
        text = re.sub(rf"\b{placeholder}\b", f"`{name}`".replace("\\", ""), text)
    return text


def _plainly(node: ast.AST, quoted: Mapping[str, str]) -> str:
    """The same for people: backquotes only where a name needs them."""
    return re.sub(r"`([A-Za-z_]\w*)`", r"\1", _written(node, quoted))


def _value(node: ast.expr, names: _Names) -> Any:
    match node:
        case ast.BinOp(left, op, right):
            return _arithmetic(_OPERATORS[type(op)], _value(left, names), _value(right, names))
        case ast.UnaryOp(op, operand):
            return _OPERATORS[type(op)](_value(operand, names))
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.Call(ast.Name(function), arguments, []):
            return _call(function, [_value(a, names) for a in arguments])
    return names[node]


def _size(node: ast.expr, names: _Names) -> Any:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub(), right):
            return _size(left, names) + _size(right, names)
        case ast.BinOp(left, ast.Mult(), right):
            return _size(left, names) * _size(right, names)
        case ast.BinOp(left, ast.Div(), right):
            return _arithmetic(operator.truediv, _size(left, names), np.abs(_value(right, names)))
        case ast.UnaryOp(_, operand):
            return _size(operand, names)
    return np.abs(_value(node, names))


def _arithmetic(apply: Callable[..., Any], left: Any, right: Any) -> Any:
    if isinstance(left, float) and isinstance(right, float):  # of constants: no exception, as arrays have none
        left = np.float64(left)
    return apply(left, right)


def _call(function: str, arguments: list[Any]) -> Any:
    numpy = {"abs": np.abs, "max": np.maximum, "min": np.minimum}
    if all(isinstance(a, float | np.ndarray) for a in arguments):
        return numpy.get(function, getattr(np, function, None))(*arguments)  # type: ignore[misc]
    import torch  # only where tensors are given: the space itself works without

    reference = next(a for a in arguments if isinstance(a, torch.Tensor))
    tensors = [a if isinstance(a, torch.Tensor) else torch.full_like(reference, a) for a in arguments]
    known = {"max": torch.maximum, "min": torch.minimum}
    return known.get(function, getattr(torch, function, None))(*tensors)  # type: ignore[misc]


def substituted(expression: Expression, meanings: Mapping[str, Expression]) -> Expression:
    """The same with every name in ``meanings`` replaced by what it stands for."""
    body, quoted = _parse(expression.text)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            name = _dotted(node)
            meaning = meanings.get(quoted.get(name, name)) if name else None
            return ast.Name(f"({meaning.text})") if meaning is not None else self.generic_visit(node)

    return Expression(_written(Replace().visit(body), quoted))
