"""Between usual units the numbers are pint's, to fifteen digits, and pint is not loaded."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import UnitError
from loop.units import _SIZES, USUAL_UNITS, _by_pint, convert, factor


@pytest.mark.parametrize("sizes", _SIZES, ids=" ".join)
@given(st.floats(-1e9, 1e9))
def test_the_numbers_are_those_of_pint(sizes: dict[str, int], value: float) -> None:
    for unit in sizes:
        for to in sizes:
            expected = value if unit == to else float(f"{_by_pint(value, unit, to):.15g}")
            assert convert(value, unit, to) == expected, (unit, to)


def test_usual_units_are_in_one_row_at_most() -> None:
    named = [unit for sizes in _SIZES for unit in sizes if unit]

    assert len(set(named)) == len(named)
    assert set(named) <= USUAL_UNITS


def test_pint_is_not_loaded_for_them() -> None:
    said = (
        "import sys; from loop.units import check_unit, convert; [check_unit(u) for u in ('%', 'mol/L/h', '%/h')]; "
        "print(convert(1.5, 'mmol', 'umol'), convert(2, 'h', 's'), convert(50, 'mol%', ''), 'pint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1500.0", "7200.0", "0.5", "False"]


@pytest.mark.parametrize(("value", "unit", "to"), [(1e308, "mol", "umol"), (float("nan"), "h", "s")])
def test_what_is_not_finite_is_refused(value: float, unit: str, to: str) -> None:
    with pytest.raises(UnitError, match=rf"{re.escape(str(value))} {unit} is not finite in '{to}'"):
        convert(value, unit, to)


def test_what_is_multiplied_by_a_unit_has_every_digit() -> None:
    assert [factor("min", "h"), factor("h", "h"), factor("day", "h")] == [1 / 60, 1.0, 24.0]
    with pytest.raises(UnitError, match="measure different things"):
        factor("degC", "h")
