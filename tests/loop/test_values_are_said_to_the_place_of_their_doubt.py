from __future__ import annotations

import math

import pytest

from loop.wording import in_digits, in_places, plus_minus


@pytest.mark.parametrize(
    ("mean", "sd", "said"),
    [
        (64.593, 28.04, "65 ± 28 %"),
        (0.31049, 0.02351, "0.310 ± 0.024 %"),
        (-0.001, 0.3, "0.00 ± 0.30 %"),
        (41_234.4, 1_512.2, "41234 ± 1512 %"),
        (5.0, 0.996, "5.00 ± 1.00 %"),
        (1.5, 2e-6, "1.5 ± 2e-06 %"),
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
