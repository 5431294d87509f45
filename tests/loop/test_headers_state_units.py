"""Headers of tables: which part of one is a unit, and which slash only means "per" or stands in a name."""

from __future__ import annotations

import pytest

from loop.sheets.cells import split_header


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("Time/h", "Time", "h"),
        ("reaction time / min", "reaction time", "min"),
        ("Zeit, h", "Zeit", "h"),
        ("反应时间/h", "反应时间", "h"),
        ("T/K", "T", "K"),
        ("T/°C", "T", "°C"),
        ("Temperatur in °C", "Temperatur", "°C"),
        ("p/bar", "p", "bar"),
        ("c/(mol/L)", "c", "mol/L"),
        ("Yield/%", "Yield", "%"),
        ("Purity / a%", "Purity", "a%"),
        ("Pd / ppm", "Pd", "ppm"),
        ("Yield in %", "Yield", "%"),
        ("loading mol%", "loading", "mol%"),
        ("base/equiv", "base", "equiv"),
        ("Zeit [h]", "Zeit", "h"),
        ("T (°C)", "T", "°C"),
        ("flow rate / mL min-1", "flow rate", "mL min-1"),
        ("j / mA cm\N{MINUS SIGN}2", "j", "mA cm\N{MINUS SIGN}2"),
        ("charge/F mol⁻¹", "charge", "F mol⁻¹"),
        ("% ee", "ee", "%"),
        ("%Conv", "Conv", "%"),
        ("mol% Pd", "Pd", "mol%"),
        ("wt % water", "water", "wt%"),
        ("dilution rate / h-1", "dilution rate", "h-1"),
    ],
)
def test_a_unit_may_follow_a_slash_brackets_or_a_quantity(header: str, name: str, unit: str) -> None:
    assert split_header(header) == (name, unit)


RATIOS = (
    "Pd/C",
    "5% Pd/C",
    "S/N",
    "H/C",
    "m/z",
    "w/w",
    "L/D",
    "acid/base",
    "T/N",
    "time/T",
    "yield (isolated)",
    "% of theory",
    "% v/v",
)
NUMBERED = ("ratio A/B-1", "compound / X-1")
RATES = ("stirring/min", "Umdrehungen/min", "flow rate mL/min", "volume per time mL/h", "heating °C/min", "conc mol/L")


@pytest.mark.parametrize("header", [*RATIOS, *NUMBERED, *RATES])
def test_a_slash_that_parts_no_unit_is_left_in_its_name(header: str) -> None:
    assert split_header(header) == (header, None)
