"""Units: revolutions are counted, and shares, equivalents and stirring speeds mean what a chemist writes."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop import units
from loop.errors import OutcomeError, SpecError, UnitError
from loop.limits import broken
from loop.outcome import Measured, read_outcome
from loop.recipe.amounts import SPEED, read_amount
from loop.spec import build_limits, misread_units, read_spec
from loop.units import check_unit, convert, is_percent, is_stated, logarithm_of, misread, unit_of_logarithm


@pytest.mark.parametrize("unit", ["1/min", "rev/min", "revolution/min", "cycle/min", "revolutions_per_minute"])
def test_a_revolution_is_a_count_in_both_directions(unit: str) -> None:
    assert convert(600.0, unit, "rpm") == pytest.approx(600.0)
    assert convert(600.0, "rpm", unit) == pytest.approx(600.0)


def test_revolutions_agree_with_frequencies_in_both_directions() -> None:
    assert convert(10.0, "Hz", "rpm") == pytest.approx(600.0)
    assert convert(600.0, "rpm", "Hz") == pytest.approx(10.0)
    assert convert(10.0, "rps", "1/min") == pytest.approx(600.0)
    assert read_amount("600 1/min", SPEED, "stir", {}).number == pytest.approx(600.0)
    assert read_amount("10 Hz", SPEED, "stir", {}).number == pytest.approx(600.0)


@pytest.mark.parametrize(("unit", "to"), [("rad/s", "rpm"), ("rpm", "rad/s"), ("degree/s", "Hz"), ("1/min", "rad/s")])
def test_an_angular_velocity_is_no_number_of_revolutions(unit: str, to: str) -> None:
    with pytest.raises(UnitError, match="one counts revolutions, the other is an angle"):
        convert(1.0, unit, to)


@pytest.mark.parametrize(
    ("value", "unit", "size", "to"),
    [
        (1.6, "g/cm3", 1.6, "g/mL"),
        (1600.0, "kg/m3", 1.6, "g/mL"),
        (0.5, "mol/dm3", 0.5, "mol/L"),
        (20.0, "mm3", 20.0, "uL"),
        (1.0, "W/m2", 1e-4, "W/cm2"),
    ],
)
def test_a_power_of_a_length_may_be_a_bare_digit(value: float, unit: str, size: float, to: str) -> None:
    assert check_unit(unit) == unit
    assert convert(value, unit, to) == pytest.approx(size)


def test_angles_stay_angles() -> None:
    assert convert(180.0, "degree", "rad") == pytest.approx(3.14159265)
    assert convert(60.0, "degree/s", "degree/min") == pytest.approx(3600.0)


def test_a_limit_on_stirring_holds_in_whatever_unit_the_speed_is_varied() -> None:
    text = """\
campaign: stirred
space: {stirring: {type: number, low: 100, high: 400, unit: 1/min}}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 6}
laboratory: {adapter: manual, limits: {stirring: {at_most: 500, unit: rpm}}}
"""
    spec = read_spec(text, source="a.yaml", read=str)
    limits = build_limits(spec)

    assert broken(limits, {"stirring": 400.0}) == ()
    assert "at most 500" in str(broken(limits, {"stirring": 501.0})[0])
    with pytest.raises(SpecError, match=r"goes to 3000 1/min, and the limit is at most 500 1/min"):
        read_spec(text.replace("high: 400", "high: 3000"), source="a.yaml", read=str)


@pytest.mark.parametrize("symbol", ["mol%", "mol %", "mol-%", "wt%", "wt %", "vol%", "equiv", "equiv.", "eq", "%"])
def test_what_chemists_write_of_shares_is_known(symbol: str) -> None:
    assert check_unit(symbol) == symbol


@pytest.mark.parametrize("symbol", ["at%", "at.%", "At.-%", "Vol.-%", "Gew.-%", "Ma%", "Mol-%", "pct"])
def test_shares_are_percentages_in_whatever_way_they_are_abbreviated(symbol: str) -> None:
    assert convert(50.0, symbol, "%") == pytest.approx(50.0)
    assert misread(symbol) == ""


@pytest.mark.parametrize(
    "symbol",
    [
        *("% ee", "%ee", "ee%", "ee %", "% de", "area%", "area-%", "area %", "wt.%", "vol. %", "mol. %"),
        *("a%", "a-%", "A%", "% Area", "Fl.-%", "Flächen-%", "w%", "m%", "m-%", "V%", "v %"),
    ],
)
def test_an_excess_and_a_share_of_area_are_percentages(symbol: str) -> None:
    assert convert(50.0, symbol, "%") == 50.0
    assert convert(50.0, symbol, "") == 0.5
    assert is_percent(symbol)


@pytest.mark.parametrize(
    ("unit", "size", "to"),
    [
        ("h-1", 1 / 60, "1/min"),
        ("cm-1", 100.0, "1/m"),
        ("kg m-3 h-1", 1.0, "kg/m3/h"),
        ("L mol-1 s-1", 1.0, "L/mol/s"),
        ("kg/(m3*h)", 1.0, "kg/m3/h"),
        ("ppb", 1e-3, "ppm"),
        ("Hartree", 1.0, "Eh"),
        ("mNTU", 1e-3, "NTU"),
        ("\N{DEGREE SIGN}Brix", 1.0, "Brix"),
        ("CFU/mL", 1e3, "CFU/L"),
        ("mA cm\N{MINUS SIGN}2", 10.0, "A/m2"),  # as journals typeset it
        ("mol L\N{EN DASH}1", 1.0, "M"),
        ("mL min \N{MINUS SIGN}1", 0.06, "L/h"),
        ("mL min -1", 1.0, "mL/min"),
        ("phr", 1.0, "phr"),
        ("mPas", 1.0, "cP"),
        ("Pas", 1e3, "mPa*s"),
    ],
)
def test_inverse_units_and_scales_of_instruments_are_known(unit: str, size: float, to: str) -> None:
    assert check_unit(unit) == unit
    assert convert(1.0, unit, to) == pytest.approx(size)


@pytest.mark.parametrize(("unit", "to"), [("NTU", "FNU"), ("RFU", ""), ("IU", "mol"), ("% ee", "NTU"), ("phr", "h")])
def test_a_scale_of_an_instrument_is_given_in_no_other(unit: str, to: str) -> None:
    with pytest.raises(UnitError, match="cannot be given"):
        convert(1.0, unit, to)


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("mmol/gcat", "unit 'mmol/gcat' is unknown (its 'gcat' is); use a symbol such as"),
        ("score", "unit 'score' is unknown; use a symbol such as '%', 'degC', 'mol/L', 'h' or 'eV', or '' for a num"),
        ("x-", "unit 'x-' is unknown; use"),
    ],
)
def test_what_nobody_knows_of_a_unit_is_named_with_the_way_out(symbol: str, says: str) -> None:
    with pytest.raises(UnitError, match=re.escape(says)):
        check_unit(symbol)


@pytest.mark.parametrize("symbol", ["%RH", "% RH", "percent RH", "% r.h."])
def test_relative_humidity_is_a_share_of_its_own(symbol: str) -> None:
    assert convert(45.0, symbol, "%") == pytest.approx(45.0)
    with pytest.raises(UnitError, match="one is a share of RH, the other of mol"):
        convert(45.0, symbol, "mol%")


@pytest.mark.parametrize(
    ("symbol", "usual"),
    [("Bar", "bar"), ("PSI", "psi"), ("Kelvin", "kelvin"), ("KPA", "kPa"), ("Mol/l", "mol/L"), ("celcius", "Celsius")],
)
def test_a_unit_that_is_nearly_one_is_hinted_at(symbol: str, usual: str) -> None:
    with pytest.raises(UnitError, match=rf"unit '{symbol}' is unknown \(did you mean '{usual}'\?\); use a symbol"):
        check_unit(symbol)
    assert check_unit(usual) == usual


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("Min", "unit 'Min' is read as megainch, which is hardly meant; write 'min'"),
        ("mL/Min", "'Min' of unit 'mL/Min' is read as megainch, .*; write 'min'"),
        ("ML", "read as megaliter, .*; write 'mL'"),
        ("Grad", "read as gigaradian, .*; write 'degC' for a temperature, 'degree' for an angle"),
        ("pa", "read as picoyear, .*; write 'Pa'"),
    ],
)
def test_a_unit_that_nobody_means_is_known_and_said_to_be_read_otherwise(symbol: str, said: str) -> None:
    assert check_unit(symbol) == symbol  # records have it
    assert re.search(said, misread(symbol))


@pytest.mark.parametrize("word", sorted(units._MISREAD))
def test_each_unit_that_is_written_instead_is_known(word: str) -> None:
    meant = re.findall("'([^']*)'", units._MISREAD[word])

    assert meant
    assert [misread(check_unit(symbol)) for symbol in meant] == [""] * len(meant)
    assert convert(1.0, word, word) == 1.0


@pytest.mark.parametrize(
    "symbol",
    [
        *sorted(units.USUAL_UNITS),
        *("ml", "l", "µL", "°C", "C", "F", "hr", "sec", "mins", "psi", "mmHg", "torr", "atm", "cP", "MPa", "mPa*s"),
        *("cm^-1", "1/min", "mol %", "wt%", "U/mL", "AU", "mAU", "D", "Da", "t", "deg", "kg/m^3", "uA", "MHz", ""),
    ],
)
def test_what_chemists_write_is_read_as_it_is_meant(symbol: str) -> None:
    assert misread(check_unit(symbol)) == ""


@pytest.mark.parametrize("symbol", [*units.CURRENCIES, "EUR/kg", "USD/mmol", "\N{EURO SIGN}", "\N{POUND SIGN}/kg"])
def test_money_is_a_unit(symbol: str) -> None:
    assert misread(check_unit(symbol)) == ""


def test_money_is_converted_within_its_currency() -> None:
    assert convert(2.0, "EUR/g", "EUR/kg") == pytest.approx(2000.0)
    assert convert(2.0, "\N{EURO SIGN}/g", "EUR/kg") == pytest.approx(2000.0)
    assert convert(3.0, "\N{POUND SIGN}", "GBP") == 3.0
    with pytest.raises(UnitError, match=r"a value in 'EUR' cannot be given in 'EUR/kg': they measure different things"):
        convert(2.0, "EUR", "EUR/kg")


@pytest.mark.parametrize(("unit", "to"), [("USD", "EUR"), ("USD/kg", "EUR/kg"), ("USD/g", "EUR/kg")])
def test_a_result_in_another_currency_is_refused_by_the_names_of_both(unit: str, to: str) -> None:
    values = [{"property": "cost", "value": 5.0, "unit": unit}]

    with pytest.raises(
        OutcomeError,
        match=f"'cost': a value in '{unit}' cannot be given in '{to}': USD and EUR are different currencies, which are "
        f"not converted into each other; report it in '{to}'",
    ):
        read_outcome({"outcome": "measured", "values": values}, {"cost": to})


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("eur", r"\(did you mean 'EUR'\?\)"),
        ("$/kg", r": \$ is the sign of several currencies; write the code .* such as 'USD' or 'CAD'"),
        ("\N{YEN SIGN}", "is the sign of several currencies; .* such as 'JPY' or 'CNY'"),
    ],
)
def test_a_currency_that_is_not_named_by_its_code_is_asked_for(symbol: str, said: str) -> None:
    with pytest.raises(UnitError, match=said):
        check_unit(symbol)


FILE = """\
campaign: flow
space: {rate: {type: number, low: 1, high: 9, unit: mL/min}, hold: {type: number, low: 1, high: 9, unit: min}}
objective: {titre: {goal: maximize, unit: mg/L}}
recipe:
  vessel: {holds: 1 mL, least: 10 uL}
  stocks: {water: {smiles: O, there: 5 mL, dead: 100 uL}, acid: {concentration: 1 mmol/L, solvent: water}}
  steps: [{dispense: acid, volume: 20 uL}, {heat: 40 degC, time: 5 min}, {wait: 1 h}, {sample: 5 uL, into: 3 Min vial}]
  beside: [rate, hold]
  rules: [{never: [acid, water], why: 5 ML of it foam, above: 90 degC}]
budget: {experiments: 6}
laboratory:
  adapter: several
  laboratories:
    a: {adapter: callable, function: "m:f", properties: {titre: mg/L}}
    b: {adapter: http, url: "http://x", properties: {titre: mg/L}, when: {rate: [1, 9]}}
    c: {adapter: "own:Mine", properties: {titre: MM}}
  limits: {rate: {at_most: 9, unit: mL/min}}
"""


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"hold: {type: number, low: 1, high: 9, unit: min}": "hold: {type: number, low: 1, high: 9, unit: Min}"},
         ("space", "hold", "unit")),
        ({"unit: mg/L": "unit: MG/L"}, ("objective", "titre", "unit")),
        ({"at_most: 9, unit: mL": "at_most: 8, unit: ML"}, ("laboratory", "limits", "rate", "unit")),
        ({"holds: 1 mL": "holds: 1 ML"}, ("recipe", "vessel", "holds")),
        ({"there: 5 mL": "there: 5 Ml"}, ("recipe", "stocks", "water", "there")),
        ({"1 mmol/L": "1 Mmol/L"}, ("recipe", "stocks", "acid", "concentration")),
        ({"f\", properties: {titre: mg/L": "f\", properties: {titre: MG/L"},
         ("laboratory", "laboratories", "a", "properties", "titre")),
    ],
)  # fmt: skip
def test_a_file_is_asked_for_the_unit_that_is_meant_but_not_where_its_record_has_it(
    changed: dict[str, str], at: tuple[str, ...]
) -> None:
    text = FILE
    for was, now in changed.items():
        text = text.replace(was, now)
    sound, spec = (read_spec(each, source="a.yaml", read=str) for each in (FILE, text))

    assert list(misread_units(sound, None)) == []
    assert [path for path, _ in misread_units(spec, None)] == [at]
    assert [path for path, _ in misread_units(spec, sound.resolved())] == [at]
    assert list(misread_units(spec, spec.resolved())) == []


def test_a_result_in_a_unit_that_nobody_means_is_no_result() -> None:
    values = [{"property": "titre", "value": 5.0, "unit": "ML"}]

    with pytest.raises(OutcomeError, match=r"'titre': unit 'ML' is read as megaliter, .*; write 'mL'"):
        read_outcome({"outcome": "measured", "values": values}, {"titre": "mL"})
    as_on_record = read_outcome({"outcome": "measured", "values": values}, {"titre": "ML"})
    assert isinstance(as_on_record, Measured)
    assert as_on_record.measurements[0].canonical == 5.0


def test_shares_are_hundredths_and_equivalents_are_ones() -> None:
    assert convert(5.0, "mol%", "") == pytest.approx(0.05)
    assert convert(5.0, "wt%", "%") == pytest.approx(5.0)
    assert convert(0.1, "equiv", "mol%") == pytest.approx(10.0)
    assert convert(1.5, "equiv", "") == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("unit", "to"), [("wt%", "mol%"), ("mol %", "vol%"), ("Vol.-%", "wt %"), ("at%", "Gew%"), ("m%", "V%")]
)
def test_a_share_by_mass_is_none_by_amount_of_substance(unit: str, to: str) -> None:
    with pytest.raises(UnitError, match=r"one is a share of .*, the other of "):
        convert(5.0, unit, to)


@pytest.mark.parametrize("symbol", sorted(units.USUAL_UNITS))
def test_what_is_not_looked_up_would_be_found(symbol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "USUAL_UNITS", frozenset())

    assert check_unit.__wrapped__(symbol) == symbol  # behind the cache


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1.0, "hartree", "kcal/mol", 627.5094740631),  # CODATA 2018, as quantum chemists have it
        (1.0, "eV", "kJ/mol", 96.48533212),  # the Faraday constant over 1,000
        (96.48533212, "kJ/mol", "eV", 1.0),
        (-10.0, "kcal/mol", "meV", -433.641042),
        (0.5, "Eh/bohr", "kcal/mol/angstrom", 0.5 * 627.5094740631 / 0.529177210903),
        (1.0, "rydberg", "kJ/mol", 1312.749819),
    ],
)
def test_an_energy_of_a_particle_may_be_given_for_a_mole(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-8)
    assert convert(expected, to, unit) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(("unit", "to"), [("J", "kJ/mol"), ("kcal", "kcal/mol"), ("eV", "1/mol"), ("eV", "kJ/mol/K")])
def test_what_may_be_of_a_whole_flask_is_not_given_for_a_mole(unit: str, to: str) -> None:
    with pytest.raises(UnitError, match="they measure different things"):
        convert(1.0, unit, to)


@pytest.mark.parametrize(
    ("unit", "to", "by"),
    [("", "%", "100"), ("%", "", "0.01"), ("uM", "nM", "1000"), ("nM", "uM", "0.001"), ("mbar", "bar", "0.001")],
)
@given(st.integers(1, 10**7), st.integers(0, 4))
def test_a_decimal_number_is_one_in_the_other_unit(unit: str, to: str, by: str, whole: int, places: int) -> None:
    told = Decimal(whole).scaleb(-places)

    assert convert(float(told), unit, to) == float(told * Decimal(by))


@given(st.integers(-2000, 10000))
def test_a_temperature_in_kelvin_is_one_in_degrees(tenths: int) -> None:
    kelvin = Decimal(tenths) / 10 + Decimal("273.15")

    assert convert(float(kelvin), "K", "degC") == tenths / 10
    assert convert(tenths / 10, "degC", "K") == float(kelvin)


@pytest.mark.parametrize(
    ("unit", "logarithm", "shown"), [("nM", "log10(nM)", "nM"), ("", "log10", ""), ("1", "log10", "")]
)
def test_logarithms_of_a_number_without_unit_are_log10(unit: str, logarithm: str, shown: str) -> None:
    assert check_unit(logarithm_of(unit)) == logarithm
    assert unit_of_logarithm(logarithm) == shown


@pytest.mark.parametrize(
    ("unit", "wanted", "is_one"),
    [
        ("K", "degC", True),
        ("mmol/h", "mol/h", True),
        ("", "%", True),
        ("mol%", "%", True),
        ("mAU", "%", False),
        ("A", "K", False),
    ],
)
def test_what_stands_in_brackets_is_a_unit_of_what_is_wanted(unit: str, wanted: str, is_one: bool) -> None:
    assert is_stated(unit, wanted) == is_one
