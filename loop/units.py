"""Units: symbols, and conversion between them (pint behind this one module)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from loop.errors import UnitError, did_you_mean

if TYPE_CHECKING:
    import pint

DIMENSIONLESS = ""
DIGITS: Final = 15  # of a decimal number that a float gives back as it was
_FARTHEST_ZERO: Final = 459.67  # of a scale of temperature, in its degrees
_PLAIN: Final = frozenset({"1", "dimensionless"})  # ways to say in a file or a header that a number has no unit

# What people write, and what it is called here; "deg C" would be an angle times a charge.
_DEGREES: Final = ("deg ", "deg. ", "degree ", "degrees ", "o", "\N{MASCULINE ORDINAL INDICATOR}", "\N{DEGREE SIGN} ")
_ABBREVIATED: Final = {  # in English and in German
    "mol": "mol",
    "wt": "wt",
    "vol": "vol",
    "at": "at",
    "Mol": "mol",
    "Vol": "vol",
    "At": "at",
    "Gew": "wt",
    "Ma": "wt",
    "w": "wt",
    "m": "wt",
    "v": "vol",
    "V": "vol",
}
_SHARES: Final = {  # percent of what: a share by mass is none by amount of substance
    f"{said}{space}{sign}": of
    for said, of in _ABBREVIATED.items()
    for space in ("", " ", "-", ".", ". ", ".-")
    for sign in ("%", "percent")
} | {f"{sign}{space}{of}": "RH" for of in ("RH", "r.h.") for space in ("", " ") for sign in ("%", "percent")}
_OF_AREA: Final = ("area", "Area", "a", "A", "Fl", "Flächen")  # of a chromatogram, in English and in German
_SPELLINGS: Final = {
    **dict.fromkeys(("%", "pct"), "percent"),
    **dict.fromkeys(_SHARES, "percent"),
    **{f"%{space}{of}": "percent" for of in ("ee", "de", *_OF_AREA) for space in ("", " ")},
    **{f"{of}{space}%": "percent" for of in ("ee", "de", *_OF_AREA) for space in ("", " ", "-", ".-")},
    **dict.fromkeys(("equiv", "equiv.", "equivalent", "equivalents", "eq", "eq."), "dimensionless"),
    **{f"{degree}{letter}": f"deg{letter}" for letter in "CF" for degree in _DEGREES},
    "\N{DEGREE CELSIUS}": "degC",
    "Celsius": "degC",
    "\N{DEGREE FAHRENHEIT}": "degF",
    "Fahrenheit": "degF",
    "Hartree": "hartree",
    "mPas": "mPa*s",  # no pascals: a viscosity, as it is written in German
    "Pas": "Pa*s",
    "\N{DEGREE SIGN}Brix": "Brix",
    "\N{DEGREE SIGN}Bx": "Brix",
}
_CHARGES: Final = {"C": "degC", "F": "degF"}  # coulomb and farad, unless a temperature is spoken of
_COUNTS: Final = ("revolution = 1 = rev", "cycle = 1", "revolutions_per_minute = 1 / minute = rpm")  # not 2 pi rad
_SCALES: Final = (  # each by its own instrument or assay, or parts of a recipe; convertible into nothing else
    *("NTU", "FNU", "FTU", "Brix", "RFU", "RLU", "CFU", "PFU", "IU", "phr"),
)
_COUNTS_PER_SECOND: Final = "revolutions_per_second = 1 / second = rps"
_ANGLES: Final = frozenset({"radian", "degree", "turn", "arcminute", "arcsecond", "grade"})
_ATOMIC: Final = ("electron_volt", "hartree", "rydberg")  # energies of one particle, which nobody has a flask of
_AVOGADRO: Final = 6.02214076e23  # 1/mol, exact since 2019
_LOGARITHM: Final = re.compile(r"log10(?:\((.*)\))?")  # of a number in a unit, or of one without
_POWERS: Final = re.compile(r"(?<![^\W_])([cdkmnu\N{MICRO SIGN}]?m)([23])(?![\w^]|\*\*)")  # cm3, as in g/cm3
_INVERSE: Final = re.compile(r"(?<=[^\W\d_])\s?-([1-9])(?!\w)")  # h-1, as in kg m-3 h-1
_MINUS: Final = re.compile("[\N{MINUS SIGN}\N{EN DASH}](?=[1-9])")  # as journals typeset it
_PARTS: Final = re.compile(r"[\s/*^()\d-]+")
_WORDS: Final = re.compile(r"[^\W\d_]+")
CURRENCIES: Final = (  # each a unit of its own; not all of ISO 4217, as ALL and TOP may be words of a header
    *("AED", "AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR"),
    *("ILS", "INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PKR", "PLN", "RON", "RUB", "SAR", "SEK"),
    *("SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR"),
)
_SIGNS: Final = {"\N{EURO SIGN}": "EUR", "\N{POUND SIGN}": "GBP"}
_SHARED_SIGNS: Final = {"$": "'USD' or 'CAD'", "\N{YEN SIGN}": "'JPY' or 'CNY'"}  # of several currencies
USUAL_UNITS: Final = frozenset(  # as they stand, so that pint need not be loaded to look at them: it takes 0.7 s
    (
        *("%", "mol%", "equiv", "degC", "K", "h", "min", "s", "g", "mg", "kg", "L", "mL", "uL", "mol", "mmol", "umol"),
        *("mol/L", "mmol/L", "umol/L", "M", "mM", "uM", "nM", "g/L", "mg/L", "mg/mL", "mL/min", "uL/min", "rpm"),
        *("bar", "mbar", "Pa", "kPa", "MPa", "eV", "meV", "kJ/mol", "kcal/mol", "Eh", "nm", "um", "mm", "V", "mV"),
        *("A", "mA", "W", "%/h", "mol/L/h", "mmol/L/h", "g/L/h", "1/h", "1/min", "1/s"),
    )
)
# How many of the smallest one each is: between two of a row, pint would say the same (tested).
_SIZES: Final = (
    {"kg": 10**6, "g": 10**3, "mg": 1},
    {"L": 10**6, "mL": 10**3, "uL": 1},
    {"mol": 10**6, "mmol": 10**3, "umol": 1},
    {"mol/L": 10**6, "mmol/L": 10**3, "umol/L": 1, "M": 10**6, "mM": 10**3, "uM": 1},
    {"g/L": 10**3, "mg/mL": 10**3, "mg/L": 1},
    {"mL/min": 10**3, "uL/min": 1},
    {"h": 3600, "min": 60, "s": 1},
    {"bar": 10**5, "kPa": 10**3, "mbar": 10**2, "Pa": 1},
    {DIMENSIONLESS: 100, "equiv": 100, "%": 1, "mol%": 1},
)
_AMOUNTS: Final = frozenset(
    {
        *(
            f"{size}{of}"
            for size in ("", "k", "m", "u", "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}", "n", "p")
            for of in ("g", "mol", "L", "l", "M", "m", "s", "U", "S", "AU", "Da")
        ),
        *("cm", "min", "h", "d", "ppm", "ppb", "counts", "count", "cts", "cps", "cP", "mPas", "Pas"),
        *("NTU", "FNU", "FTU", "RFU", "RLU", "CFU", "PFU", "IU"),
    }
)
_SHARES_OF_ONE: Final = (1e2, 1e3, 1e6, 1e9)  # percent to parts per billion
_OF_ONE: Final = frozenset({"", "%", "percent", "dimensionless", "ppm", "ppb"})  # as headers have them
_IN_WORDS: Final = ("Celsius", "kelvin", "atm", "torr", "psi", "seconds", "minutes", "hours", "days", "percent")
_MISREAD: Final = {  # read by a prefix or a name that no chemist has in mind, mega for M, pico for p; and what is meant
    **dict.fromkeys(("ML", "Ml"), "'mL'"),
    **dict.fromkeys(("Grad", "grad", "c"), "'degC' for a temperature, 'degree' for an angle"),
    **dict.fromkeys(("PA", "pa"), "'Pa'"),
    **dict.fromkeys(("ma", "Ma"), "'mA'"),
    **dict.fromkeys(("unit", "units"), "'U' for enzymes, '' for no unit"),
    "MG": "'mg'",
    "Mg": "'mg', or 't' for a tonne",
    "gr": "'g'",
    "MM": "'mM' for a concentration, 'mm' for a length",
    "Mm": "'mm'",
    "Nm": "'nm' for a length, 'N*m' for a torque",
    "Mmol": "'mmol'",
    "Min": "'min'",
    "EV": "'eV'",
    "EH": "'Eh'",
    **dict.fromkeys(("au", "a.u.", "a.u"), "'Eh' for an energy, 'bohr' for a length, '' for an arbitrary unit"),
    "k": "'K'",
    "cp": "'cP'",
    "mb": "'mbar'",
    "ppt": "'ppm'",
}
# Words of headers, and a unit of what they name: a slash after any other may part "per", as in stirring/min.
_QUANTITIES: Final = (
    (re.compile(r"t|\w*(?:time|zeit|dauer|duration)|temps|durée|tiempo|tempo|时间|時間|反应时间|反応時間"), ("h",)),
    (re.compile(r"t|\w*(?:temp|temperatur\w*|température)|温度|反应温度|反応温度"), ("K",)),
    (re.compile(r"p|\w*(?:pressure|druck|pression)|压力|圧力"), ("bar",)),
    (re.compile(r"v|\w*vol(?:umen?)?|体积|体積"), ("L",)),
    (re.compile(r"m|\w*(?:mass|masse|weight)|质量|質量"), ("g",)),
    (re.compile(r"c|\w*(?:conc|concentration|konz|konzentration)|molarity|浓度|濃度"), ("mol/L", "g/L")),
    (re.compile(r"n|stoffmenge|amount"), ("mol",)),
)
_TEMPERATURES: Final = frozenset({"K", "kelvin", "Kelvin", "degC", "°C", "celsius", "degF", "°F"})
_TEMPERATURE: Final = re.compile(r"t|temps?|t[eé]mp[eé]rat\w*")


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint  # 0.7 s with its registry: only where a unit is looked at that is none of the usual ones

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True, on_redefinition="ignore")
    of_their_own = (f"{name} = [{name}]" for name in (*CURRENCIES, *_SCALES))
    for definition in (*_COUNTS, _COUNTS_PER_SECOND, "parts_per_billion = 1e-9 = ppb", *of_their_own):
        registry.define(definition)
    return registry


@lru_cache(maxsize=256)
def check_unit(symbol: str) -> str:
    """``symbol`` itself, such as ``"degC"``, ``"mol/L"``, ``"%"`` or ``""`` for none; of logarithms, ``"log10(nM)"``.

    Raises:
        UnitError: Nobody knows the symbol.
    """
    if of := _LOGARITHM.fullmatch(symbol):
        check_unit(of[1] or DIMENSIONLESS)
        return symbol
    if symbol == DIMENSIONLESS or symbol in USUAL_UNITS:
        return symbol
    try:
        _registry().parse_units(_spoken(symbol))
    except Exception as error:  # pint raises many classes, its parser those of tokenize too
        if sign := next((sign for sign in _SHARED_SIGNS if sign in symbol), None):
            raise UnitError(
                f"unit {symbol!r} is unknown: {sign} is the sign of several currencies; write the code of the one that "
                f"is meant, such as {_SHARED_SIGNS[sign]}"
            ) from None
        money = (code for code in CURRENCIES if code.casefold() == symbol.casefold())
        alike = (unit for unit in (*sorted(USUAL_UNITS), *_IN_WORDS, *money) if ("/" in unit) == ("/" in symbol))
        why = did_you_mean(symbol, alike) or _unknown_in(symbol, error)
        raise UnitError(
            f"unit {symbol!r} is unknown{why}; use a symbol such as '%', 'degC', 'mol/L', 'h' or 'eV', or '' for a "
            "number without a unit"
        ) from None
    return symbol


def _unknown_in(symbol: str, error: Exception) -> str:
    """Which part of a compound unit nobody knows; "" for a unit of one part."""
    from pint import UndefinedUnitError

    names = error.unit_names if isinstance(error, UndefinedUnitError) else ()
    part = names if isinstance(names, str) else ", ".join(names)
    several = [one for one in _PARTS.split(symbol) if one]
    return f" (its {part!r} is)" if len(several) > 1 and part in several else ""


def logarithm_of(unit: str) -> str:
    """The unit of decadic logarithms of numbers in a unit: ``"log10(nM)"``, ``"log10"`` where they have none."""
    shown = unit_shown(unit)
    return f"log10({shown})" if shown else "log10"


def unit_of_logarithm(unit: str) -> str | None:
    """The unit of the numbers whose decadic logarithms ``unit`` is of, as it is shown; None of any other unit."""
    found = _LOGARITHM.fullmatch(unit)
    return None if found is None else unit_shown(found[1] or DIMENSIONLESS)


def unit_shown(unit: str) -> str:
    """A unit as it stands beside a number for a person: of one that has none, ``1`` or ``dimensionless``, nothing."""
    return DIMENSIONLESS if unit in _PLAIN else unit


@lru_cache(maxsize=256)
def misread(symbol: str) -> str:
    """What is wrong with a known unit that is read as nobody means it, such as ``Min``, a megainch; "" else.

    Records have such units, so that only what is newly written is asked for.
    """
    word = next((w for w in (symbol, *_WORDS.findall(symbol)) if w in _MISREAD), None)
    if word is None or symbol in _SPELLINGS:
        return ""
    what = f"unit {symbol!r}" if word == symbol else f"{word!r} of unit {symbol!r}"
    return f"{what} is read as {_registry().Unit(word)}, which is hardly meant; write {_MISREAD[word]}"


def convert(value: float, unit: str, to: str) -> float:
    """``value`` in ``unit``, expressed in ``to``; beside a temperature ``C`` and ``F`` are degrees.

    Revolutions are counted (1 rpm is 1/min), so that no angular velocity is given in them; and what one currency is
    worth in another changes by the day. An energy in eV, hartree or rydberg is one of a particle, and may be given for
    a mole of them, in kJ/mol, and the other way round; one in joules may be that of a whole flask, and may not.

    The result has the fifteen digits that any decimal number keeps in a float, so that 0.57 is 57 %, which a threshold
    of 57 % keeps, and not 56.99999999999999 %.

    Raises:
        UnitError: One of them is unknown, or they measure different things.
    """
    if unit == to:
        return float(value)
    sizes = _sizes(unit, to)
    converted = _by_pint(value, unit, to) if sizes is None else value * (sizes[unit] / sizes[to])
    if not math.isfinite(converted):
        raise UnitError(f"{value} {unit} is not finite in {to!r}")
    if sizes is None and _has_other_zero(unit, to):  # digits are lost where degrees are taken from kelvins
        largest = max(abs(value), abs(converted), _FARTHEST_ZERO)
        return round(converted, DIGITS - 1 - math.floor(math.log10(largest)))
    return float(f"{converted:.{DIGITS}g}")


def factor(unit: str, to: str) -> float:
    """How many ``to`` one ``unit`` is, with every digit of a float, for what is multiplied by it. As ``convert``."""
    if unit == to:
        return 1.0
    sizes = _sizes(unit, to)
    return _by_pint(1.0, unit, to) if sizes is None else sizes[unit] / sizes[to]


def _sizes(unit: str, to: str) -> Mapping[str, int] | None:
    """How many of the smallest unit of a usual kind each is; None where pint has to be asked."""
    return next((row for row in _SIZES if unit in row and to in row), None)


@lru_cache(maxsize=256)
def _has_other_zero(unit: str, to: str) -> bool:
    """Whether nothing in one unit is something in the other, as with degC and K."""
    return _by_pint(0.0, unit, to) != 0.0


@lru_cache(maxsize=256)
def is_share(unit: str) -> bool:
    """Whether a number without a unit may be a hundredth of what it seems in this one, as 0.83 for 83 %; or ppm."""
    try:
        size = convert(1.0, DIMENSIONLESS, unit)
    except UnitError:
        return False
    return any(math.isclose(size, one) for one in _SHARES_OF_ONE)


def is_percent(unit: str) -> bool:
    """Whether a unit is percent, of whatever and however it is written: ``%``, ``wt%``, ``a%``."""
    return _SPELLINGS.get(unit, unit) == "percent"


def is_of_amounts(unit: str) -> bool:
    """Whether nothing is below zero in a unit: of masses, volumes, lengths, times, counts, areas under peaks and what
    is made of these, such as concentrations and rates. No share of a hundred, which may be an excess.
    """
    words = _WORDS.findall(unit)
    return bool(words) and "%" not in unit and {*words} <= _AMOUNTS


def meant(unit: str, name: str) -> str:
    """The unit of something called ``name``: of a temperature, ``C`` is ``degC`` and ``F`` is ``degF``, no charge."""
    is_temperature = any(_TEMPERATURE.fullmatch(word) for word in _WORDS.findall(name.casefold()))
    return _CHARGES.get(unit, unit) if is_temperature else unit


def is_unit_of(unit: str, name: str) -> bool:
    """Whether a unit after the slash of a header (``Time/h``, ``T/°C``, ``Yield/%``) is that of the quantity before it:
    a share or degrees, of which nothing is counted, or of what the name says. ``Stirring/min`` may well be a rate."""
    unit = meant(unit, name)
    is_degrees = is_temperature(unit) and unit[0] not in "Kk"
    if is_degrees or _SPELLINGS.get(unit, unit) in _OF_ONE:
        return True
    last = "".join(_WORDS.findall(name.casefold())[-1:])  # "reaction time", and no "flow over time mL"
    return any(_measures(unit, one) for quantity, units in _QUANTITIES if quantity.fullmatch(last) for one in units)


def is_stated(unit: str, wanted: str) -> bool:
    """Whether what stands in brackets in a name, such as ``Temp (K)``, is a unit of what is wanted in another one.

    Of plain numbers only shares are: ``Area (mAU)`` is no thousandth, though absorbance has no dimension.
    """
    if _measures("", wanted):
        return _SPELLINGS.get(unit, unit) in _OF_ONE
    return _measures(unit, wanted)


def _measures(unit: str, other: str) -> bool:
    try:
        return not misread(unit) and math.isfinite(convert(1.0, unit, other))
    except UnitError:
        return False


def is_temperature(unit: str) -> bool:
    """Whether a unit is one of temperature, however it is spelt."""
    return _SPELLINGS.get(unit, unit) in _TEMPERATURES


def is_charge(unit: str) -> bool:
    """Whether a unit is ``C`` or ``F``, coulomb and farad, which people write for degrees."""
    return unit in _CHARGES


def _by_pint(value: float, unit: str, to: str) -> float:
    check_unit(unit), check_unit(to)
    if (share := _SHARES.get(unit)) != (other := _SHARES.get(to)) and share and other:
        raise UnitError(
            f"a value in {unit!r} cannot be given in {to!r}: one is a share of {share}, the other of {other}"
        )
    if (mine := _currencies(unit)) != (others := _currencies(to)) and mine and others:
        raise UnitError(
            f"a value in {unit!r} cannot be given in {to!r}: {' and '.join(mine)} and {' and '.join(others)} are "
            "different currencies, which are not converted into each other"
        )
    registry = _registry()
    if _is_angular(unit) != _is_angular(to):
        raise UnitError(f"a value in {unit!r} cannot be given in {to!r}: one counts revolutions, the other is an angle")
    try:
        wanted = registry.Unit(_spoken(to))
        if unit in _CHARGES and wanted.dimensionality == registry.kelvin.dimensionality:
            unit = _CHARGES[unit]
        of_one, times = registry.Unit(_spoken(unit)), 1.0
        if _is_atomic(unit) and (of_one / registry.mole).dimensionality == wanted.dimensionality:
            of_one, times = of_one / registry.mole, _AVOGADRO
        elif _is_atomic(to) and (of_one * registry.mole).dimensionality == wanted.dimensionality:
            of_one, times = of_one * registry.mole, 1 / _AVOGADRO
        return float(registry.Quantity(value * times, of_one).to(wanted).magnitude)
    except Exception as error:
        if not to:
            raise UnitError(f"a value in {unit!r} cannot be given without a unit") from None
        if not unit:
            raise UnitError(f"a value without a unit cannot be given in {to!r}") from None
        raise UnitError(f"a value in {unit!r} cannot be given in {to!r}: {_in_words(error)}") from None


def _in_words(error: Exception) -> str:
    """Why pint does not convert; it raises many classes, whose names tell a chemist nothing."""
    from pint import DimensionalityError

    return "they measure different things" if isinstance(error, DimensionalityError) else str(error)


@lru_cache(maxsize=256)
def _is_atomic(symbol: str) -> bool:
    """Whether an energy of one particle is in it, as in ``meV`` and ``Eh/bohr``."""
    powers = _registry().Unit(_spoken(symbol))._units
    return any(power == 1 and str(name).endswith(_ATOMIC) for name, power in powers.items())


@lru_cache(maxsize=256)
def _is_angular(symbol: str) -> bool:
    """Whether it is an angle by time, such as ``rad/s``: 2 pi of it are one revolution."""
    unit = _registry().Unit(_spoken(symbol))
    return not unit.dimensionless and any(str(name) in _ANGLES for name in unit._units)


@lru_cache(maxsize=256)
def _currencies(symbol: str) -> tuple[str, ...]:
    """Currencies that a unit is counted in: of ``EUR/kg`` EUR, with a prefix too."""
    return tuple(code for code in CURRENCIES if f"[{code}]" in _registry().Unit(_spoken(symbol)).dimensionality)


def _spoken(symbol: str) -> str:
    if symbol in _SPELLINGS:
        return _SPELLINGS[symbol]
    for sign, code in _SIGNS.items():
        symbol = symbol.replace(sign, code)
    return _INVERSE.sub(r"^-\1", _POWERS.sub(r"\1^\2", _MINUS.sub("-", symbol)))
