from __future__ import annotations

import math

import pytest

from loop.wording import in_digits, in_full, in_places, plus_minus


@pytest.mark.parametrize(
    ("mean", "sd", "said"),
    [
        (64.593, 28.04, "65 ± 28 %"),
        (0.31049, 0.02351, "0.310 ± 0.024 %"),
        (-0.001, 0.3, "0.00 ± 0.30 %"),
        (41_234.4, 1_512.2, "41234 ± 1512 %"),
        (5.0, 0.996, "5.00 ± 1.00 %"),
        (1.5, 2e-6, "1.5 ± 2e-06 %"),
        (50 / 3, 7.1e-15, "16.67 ± 0 %"),
        (math.nan, 1.0, "nan ± 1.0 %"),
    ],
)
def test_a_mean_has_the_digits_that_its_deviation_leaves(mean: float, sd: float, said: str) -> None:
    assert plus_minus(mean, sd, "%") == said


def test_no_unit_leaves_no_space() -> None:
    assert plus_minus(2.04, 0.5) == "2.04 ± 0.50"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (63_812.4, "63812"),
        (-1_406.0, "-1406"),
        (999_999.0, "999999"),
        (203.4, "203"),
        (0.01234, "0.0123"),
        (6.38e-5, "6.38e-05"),
        (1.5e6, "1.5e+06"),
        (math.inf, "inf"),
    ],
)
def test_thousands_are_said_without_an_exponent(value: float, said: str) -> None:
    assert in_digits(value) == said


@pytest.mark.parametrize("doubt", [0.0, math.inf, math.nan])
def test_a_value_without_a_doubt_has_four_digits(doubt: float) -> None:
    assert in_places(70.0412, doubt) == "70.04"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (-382.3041174, "hartree", "-382.304117"),
        (-10403.02341, "eV", "-10403.0234"),
        (-239901.467, "kcal/mol", "-239901.47"),
        (-1003746.512, "kJ/mol", "-1003746.51"),
        (0.021375, "hartree", "0.02138"),  # zero-point motion
        (-7.9675, "eV", "-7.968"),  # an orbital
        (-286.1234, "kJ/mol", "-286.1"),  # a heat of formation
        (63812.4, "EUR", "63812"),
        (-382.3041174, "mV", "-382.3"),
    ],
)
def test_a_total_energy_has_the_digits_that_tell_it_from_anothers(value: float, unit: str, said: str) -> None:
    assert in_full(value, unit) == said


def test_a_total_energy_of_which_little_is_in_doubt_has_its_digits_too() -> None:
    assert plus_minus(-382.3041174, 3e-6, "hartree") == "-382.304117 ± 3e-06 hartree"
    assert plus_minus(-382.3041174, 0.0123, "hartree") == "-382.304 ± 0.012 hartree"
