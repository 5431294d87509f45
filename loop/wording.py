"""Wording: when an option can stand for itself in a line, and when it needs the name of its parameter; names in plain
letters; values with as many digits as their doubt leaves; and amounts of money, hours and things."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from math import floor, inf, isfinite, log10
from typing import Final

ROUNDED: Final = 1e-12  # of a mean: a deviation below that is rounding of 64-bit numbers, and none
FINEST: Final = 9  # decimals of an amount that is shown; what is less is the dust of a sum
MANY: Final = 200  # options of a choice beyond which nobody looks for the same words elsewhere
# Total energies lie below minus one hartree, and what tells two apart is behind digits that they share. By unit:
# a hartree in it, and the decimals that reach 1e-6 hartree or some 0.01 kcal/mol. Source: CODATA 2018.
_TOTAL: Final = {
    **dict.fromkeys(("hartree", "Hartree", "Eh", "E_h"), (1.0, 6)),
    "eV": (27.211386, 4),
    "kcal/mol": (627.50947, 2),
    "kJ/mol": (2625.4996, 2),
}
_MUTE: Final = frozenset({"yes", "no", "true", "false", "on", "off", "none", "nothing"})


def named(name: str, words: str) -> str:
    """A name and what is said of it; once where that begins with the name, as "form II" of a target called form."""
    return words if words.casefold().startswith(f"{name.casefold()} ") else f"{name} {words}".rstrip()


def is_mute(option: str, others: Iterable[Collection[str]]) -> bool:
    """Whether an option says too little by itself: yes or no, none, a number, or an option of another choice as well.

    ``others`` are the options of the other choices.
    """
    if option.casefold() in _MUTE or any(option in options for options in others):
        return True
    try:
        float(option)
    except ValueError:
        return False
    return True


def in_plain_letters(text: str) -> str:
    """Text with umlauts, accents and ligatures as plain letters (o for ö, ss for ß); what has none stays as it is."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c))


def plus_minus(mean: float, sd: float, unit: str = "") -> str:
    """``mean ± sd unit``, both to the place that two digits of ``sd`` reach: ``65 ± 28 %``, ``0.310 ± 0.024 eV``.

    What is left of ``sd`` by rounding alone is 0.

    Source: JCGM 100:2008 (GUM), 7.2.6.
    """
    sd = 0.0 if sd <= ROUNDED * abs(mean) else sd
    mean_text, sd_text = (in_places(value, sd, digits, unit) for value, digits in ((mean, 4), (sd, 2)))
    return f"{mean_text} ± {sd_text} {unit}".rstrip()


def within_factor(median: float, factor: float, unit: str = "") -> str:
    """A belief on a log scale, by its median and the factor of one deviation: ``0.052 % (within a factor of 2.4)``.

    Source: Limpert, Stahel and Abbt, BioScience 51 (2001) 341.
    """
    return f"{in_digits(median, 3)} {unit}".rstrip() + f" (within a factor of {factor_text(factor, 2)})"


def factor_text(factor: float, digits: int = 3) -> str:
    """A factor above one to so many digits, and to more where these would be those of one: ``1.004``, not ``1``."""
    above = factor - 1.0
    places = -floor(log10(above)) if above > 0.0 else 0
    return f"{factor:.{places}f}" if digits <= places <= FINEST else in_digits(factor, digits)


def in_digits(value: float, digits: int = 3) -> str:
    """``value`` to so many digits, whole where that would be an exponent and it is below a million: ``63812``."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e6 else text


def total_text(value: float, unit: str) -> str:
    """A total energy with the digits that tell it from another's (``-20.893812``); "" for any other quantity."""
    size, decimals = _TOTAL.get(unit, (inf, 0))
    return f"{value:.{decimals}f}" if -inf < value <= -size else ""


def in_full(value: float, unit: str, digits: int = 4) -> str:
    """A value of which no doubt is told to so many digits, a total energy as ``total_text`` has it."""
    return total_text(value, unit) or in_digits(value, digits)


def in_places(value: float, doubt: float, digits: int = 4, unit: str = "") -> str:
    """``value`` to the place that two digits of its ``doubt`` reach; as ``in_full`` where that says nothing."""
    if not (isfinite(value) and 1e-4 <= doubt < 1e6):
        return in_full(value, unit, digits)
    return f"{value:z.{max(0, 1 - floor(log10(doubt)))}f}"


def signed_in_places(value: float, doubt: float) -> str:
    """A difference to the place of its doubt, with its sign: ``+2.1``."""
    shown = in_places(value, doubt)
    return f"+{shown}" if value > 0 and float(shown) else shown


def amount_of(much: float, what: str) -> str:
    """So much of a stock, such as "3 mL of volume" and "1 use of XPhos"."""
    return f"{amount_text(much)} {what.replace('uses of', 'use of', 1) if much == 1 else what}"


def amount_text(value: float) -> str:
    """An amount of money or hours in words: six digits at the least and hundredths, without an exponent."""
    decimals = 2 if not value else min(max(2, 5 - floor(log10(abs(value)))), FINEST)
    return f"{round(value, decimals) + 0.0:.{decimals}f}".rstrip("0").rstrip(".")  # + 0.0: no minus before a zero


def as_time(hours: float) -> tuple[float, str]:
    """A time in the unit in which a person reads it: seconds below a minute, minutes below a tenth of an hour."""
    if not hours or abs(hours) >= 0.1:
        return hours, "h"
    return (3600 * hours, "s") if abs(hours) * 60 < 1 else (60 * hours, "min")


def time_text(hours: float) -> str:
    """A time in words: "12.5 h", "3 min", "1.72 s"."""
    much, unit = as_time(hours)
    return f"{amount_text(much)} {unit}"


def part_of(used: float, most: float | None, unit: str) -> str:
    """What is used of what there may be, in words, such as "7 of 8 h"; a time whose unit is ``"h"`` as it is read."""
    if unit != "h":
        return f"{amount_text(used)}{'' if most is None else f' of {amount_text(most)}'} {unit}".rstrip()
    mine = time_text(used)
    if most is None:
        return mine
    limit = time_text(most)
    alike = not used or mine.split()[1] == limit.split()[1]
    return f"{mine.split()[0] if alike else mine} of {limit}"


def plural(n: int, one: str, many: str = "") -> str:
    """How many of something: ``"1 experiment"``, ``"3 experiments"``; ``many`` where it has more than an s besides."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"
