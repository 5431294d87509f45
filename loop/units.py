"""Units: symbols, and conversion between them (pint behind this one module)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from loop.errors import UnitError

if TYPE_CHECKING:
    import pint

DIMENSIONLESS = ""


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint  # 0.3 s: only where a unit is looked at

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@lru_cache(maxsize=256)
def check_unit(symbol: str) -> str:
    """``symbol`` itself, such as ``"degC"``, ``"mol/L"``, ``"%"`` or ``""`` for none.

    Raises:
        UnitError: Nobody knows the symbol.
    """
    if symbol == DIMENSIONLESS:
        return symbol
    try:
        _registry().parse_units(_spoken(symbol))
    except Exception as error:  # pint raises many classes, its parser those of tokenize too
        raise UnitError(
            f"unit {symbol!r} is unknown ({error}); use a symbol such as '%', 'degC', 'mol/L', 'h', 'eV' or ''"
        ) from None
    return symbol


def convert(value: float, unit: str, to: str) -> float:
    """``value`` in ``unit``, expressed in ``to``.

    Raises:
        UnitError: One of them is unknown, or they measure different things.
    """
    if unit == to:
        return float(value)
    check_unit(unit), check_unit(to)
    registry = _registry()
    try:
        converted = registry.Quantity(value, _spoken(unit)).to(_spoken(to)).magnitude
    except Exception as error:
        raise UnitError(f"a value in {unit!r} cannot be given in {to!r} ({type(error).__name__})") from None
    if not math.isfinite(converted):
        raise UnitError(f"{value} {unit} is not finite in {to!r}")
    return float(converted)


def _spoken(symbol: str) -> str:
    return "percent" if symbol == "%" else symbol
