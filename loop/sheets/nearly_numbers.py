"""Cells that are nearly numbers: what to write in place of each."""

from __future__ import annotations

import re
from contextlib import suppress
from statistics import fmean, stdev
from typing import Final

from loop.errors import UnitError
from loop.sheets.cells import has_decimal_comma, has_thousands, hint_of, scatter_of, split_header, without_thousands
from loop.units import check_unit

UNMEASURED: Final = (  # of a word such as "trace" or "failed" where a target's value should be
    " (too little to be measured is a limit, such as <1, or negative in a column 'outcome'; "
    "what went wrong is fault there)"
)
_NOT_SAID: Final = (  # of "n.d.", which is "not determined" here and "not detected" there
    " (empty where it was not measured; what was looked for and not found is a limit, such as <1, or negative in a "
    "column 'outcome')"
)
_NOT_SAYING: Final = frozenset({"nd", "n.d", "n.d.", "n/d", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "/", "?", "."})
_AT_LEAST_ALL: Final = "write what it is at least, such as >95"
_ALL: Final = frozenset({"quant", "quant.", "quantitative", "quantitativ", "full", "full conversion", "complete"})
_OF_SETTINGS: Final = {  # words for numbers that everybody knows and no table tells
    **dict.fromkeys(
        ("rt", "r.t", "r.t.", "r. t.", "room temp", "room temp.", "room temperature", "ambient", "raumtemperatur"),
        " (write the temperature in numbers, such as 20)",
    ),
    **dict.fromkeys(
        ("reflux", "refl.", "r\N{LATIN SMALL LETTER U WITH DIAERESIS}ckfluss", "\N{LATIN SMALL LETTER DELTA}"),
        " (write the temperature at which it boiled)",
    ),
    **dict.fromkeys(
        ("o/n", "o.n.", "o. n.", "overnight", "over night", "\N{LATIN SMALL LETTER U WITH DIAERESIS}ber nacht"),
        " (write the hours, such as 16)",
    ),
}
_NUMBER: Final = r"\d+(?:[.,]\d+)?"
_LIKE: Final = re.compile(  # 5 or so
    rf"(?:[~\N{{ALMOST EQUAL TO}}\N{{TILDE OPERATOR}}]|(?:ca|approx|c)\.|(?:ca|circa|about|around)\s)\s*({_NUMBER})\D*",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(
    rf"({_NUMBER})\s*\D{{0,3}}(?:-|\N{{EN DASH}}|\N{{EM DASH}}|\.\.+|to|bis)\s*({_NUMBER})[^\d.,-]*"
)
_MONTH: Final = "(?:jan|feb|mar|mrz|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*"
_DATE: Final = re.compile(  # as spreadsheets keep it, and as they write it: 05.10.2026, 05. Okt, 5-Oct, Oct-05
    rf"\d{{4}}-\d\d-\d\d|\d\d?\.\d\d?\.\d{{2,4}}|\d\d?\.?[ -]{_MONTH}\.?|{_MONTH}\.?[ -]\d\d", re.IGNORECASE
)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]|\d+(?=:\d\d:)):([0-5]\d)(?::[0-5]\d(?:\.\d+)?)?")  # 90:10 is a ratio
_WITH_UNIT: Final = re.compile(r"([<>]?)\s*([-+]?[\d.,]+)\s*([^\d\s.,+-]\D*)")
_HAND: Final = (
    r"(?:[RSrs]|\+|-|\N{MINUS SIGN}|[DLdl])"  # of an enantiomer: its configuration, or the way it turns light
)
_ENANTIOMER: Final = re.compile(  # "92 (S)", "(R)-92", "S 92", "92% R"; "92 S" may be siemens
    rf"([<>]?)\s*[-+]?({_NUMBER})\s*%?\s*(?:ee\s*)?\({_HAND}\)|([<>]?)\s*({_NUMBER})\s*%\s*(?:ee\s*)?[RS]"
    rf"|(?:\({_HAND}\)\s*[-:]?|[RS]\s*[-:]?)\s*([<>]?)\s*({_NUMBER})\s*%?(?:\s*ee)?"
)
_RACEMIC: Final = frozenset({"rac", "rac.", "racemic", "racemate", "racem.", "racemisch", "racemat"})
_RATIO: Final = re.compile(rf"([<>]?)\s*({_NUMBER})\s*:\s*({_NUMBER})")  # 96:4, >20:1
_OR_MORE: Final = re.compile(rf"({_NUMBER})\s*(?:\+|or more|and more|oder mehr)", re.IGNORECASE)
_RUNNING: Final = frozenset(
    {
        "running",
        "still running",
        "ongoing",
        "in progress",
        "not finished",
        "l\N{LATIN SMALL LETTER A WITH DIAERESIS}uft",
    }
)
_NOT_ENDED: Final = "leave the cell empty until it has ended, or write what it has come to as a limit, such as >500"
_FORMULA: Final = re.compile(  # #DIV/0!, #NAME?, #BEZUG!; where nothing could be looked up; Err:502 of LibreOffice
    r"#(?:DIV/0|[^\W\d_]+)[!?]|#(?:N/A|NV|N/D)|Err:\d{3}", re.IGNORECASE
)
_MEND: Final = "a formula's error, as spreadsheets write it: mend the formula"
ABOVE: Final = "\N{GREATER-THAN OR EQUAL TO}\N{GREATER-THAN OVER EQUAL TO}\N{FULLWIDTH GREATER-THAN SIGN}"
BELOW: Final = "\N{LESS-THAN OR EQUAL TO}\N{LESS-THAN OVER EQUAL TO}\N{FULLWIDTH LESS-THAN SIGN}"
_AT_LEAST: Final = re.compile(rf"(?:([<>])=|([{ABOVE}{BELOW}]))\s*({_NUMBER})")
_MARKS: Final = (
    r"[*?\N{DAGGER}\N{DOUBLE DAGGER}\N{SECTION SIGN}\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT THREE}]"
)
_MARKED: Final = re.compile(rf"{_MARKS}*\s*([<>]?)\s*([-+]?{_NUMBER})\s*%?\s*{_MARKS}*")  # with a footnote
_SEVERAL: Final = re.compile(rf"{_NUMBER}(?:\s*%?\s*(?:[/|;&]|,\s|and|und)\s*{_NUMBER})+\s*%?")  # two injections
_BRACKETED: Final = re.compile(rf"([<>]?)\s*([-+]?{_NUMBER})\s*%?\s*[(\[].*[)\]]")  # 45 (47), 45 % (isolated), 45(2)
_IN_BRACKETS: Final = re.compile(rf"[(\[]\s*({_NUMBER})\s*[)\]]")
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def in_place_of(header: str, text: str, of_a_word: str = "", *, is_target: bool = False) -> str:
    """What to write in place of the ``text`` of a cell under ``header``, in brackets; "" where nothing tells.

    Args:
        of_a_word: What to say where the cell holds a word.
        is_target: Whether a target's values stand there: they may be limits, with a deviation in a column of its own.
    """
    if _FORMULA.fullmatch(text):
        return f" ({_MEND})"
    if either := hint_of(text):
        return f" ({either})"
    if has_decimal_comma(text):
        return " (use a point as decimal sign)"
    if has_thousands(text):
        return f" (write {without_thousands(text)}, with no sign for thousands)"
    if is_target and (several := of_isomers(text)):
        return f" ({several})"
    name, unit = split_header(header)
    if (found := _WITH_UNIT.fullmatch(text)) and _is_unit(found[3]):
        alone = f"the limit alone, {found[1]}{found[2]}" if found[1] else "the number alone"
        if unit == found[3].strip():
            return f" ({alone}; the header has its unit)"
        return f" ({alone}; its unit belongs in the header, as in '{name} ({found[3]})')"
    if is_target and (scatter := scatter_of(text)):
        return f" (write {scatter[0]} alone, and {scatter[1]} in a column '{name}_sd' beside it)"
    if is_target and (limit := _limit_in(text)):
        return f" (write {limit})"
    if like := _LIKE.fullmatch(text):
        return f" (write {like[1]} alone)"
    if _DATE.fullmatch(text):
        return " (a date, as spreadsheets make of 5.10, 5-10 or 3/4; write the number that was meant)"
    if clock := _CLOCK.fullmatch(text):
        return f" (as a clock shows it; write a number in the column's unit, such as {_hours(clock):g} for hours)"
    if is_target and (said := _of_one_cell(text, sd=f"in a column '{name}_sd'", n=f"in '{name}_n' beside it")):
        return f" ({said})"
    return _between(name, text, is_target=is_target) or _of_words(text.lstrip("<> "), of_a_word, is_target=is_target)


def _of_one_cell(text: str, *, sd: str, n: str) -> str:
    """What to write in place of several values in a cell, or of one with something beside it; "" for any other text.

    ``sd`` and ``n`` say where a deviation belongs, and of how many a value is the mean.
    """
    if _UNSEEN.search(text):
        return "a sign that cannot be seen stands there: empty it and type it anew"
    if marked := _MARKED.fullmatch(text):
        return f"write {marked[1]}{marked[2]} alone; what its mark says is a comment"
    if _SEVERAL.fullmatch(text):
        values = [float(number.replace(",", ".")) for number in re.findall(_NUMBER, text)]
        return (
            f"{len(values)} values: write their mean, {fmean(values):.6g}, with {stdev(values):.2g} {sd} and "
            f"{len(values)} {n}, or each as a result of its own"
        )
    if found := _IN_BRACKETS.fullmatch(text):
        return f"write {found[1]} alone, or -{found[1]} where brackets stand for a minus"
    if found := _BRACKETED.fullmatch(text):
        return f"write one number alone, such as {found[1]}{found[2]}; what else is in brackets is a comment"
    return ""


def instead_of(text: str) -> str:
    """What to write in place of a reported value that is more or less a number; "" where nothing tells."""
    if _FORMULA.fullmatch(text):
        return _MEND
    if several := of_isomers(text):
        return several
    if limit := _limit_in(text):
        return f"write {limit}"
    if like := _LIKE.fullmatch(text):
        return f"write {like[1]} alone"
    if (between := _middle_of(text)) is not None:
        return f"write the number in between, such as {between[0]:g}, and {between[1]:g} as its sd"
    if _folded(text) in _RUNNING:
        return _NOT_ENDED
    if said := _of_one_cell(text, sd="as their sd", n="as n"):
        return said
    return _AT_LEAST_ALL if _folded(text) in _ALL else ""


def of_isomers(text: str) -> str:
    """What to write in place of an excess with its enantiomer, of a racemate, or of a ratio; "" for any other text."""
    if _folded(text) in _RACEMIC:
        return "of a racemate write the number that it has, 0 of an excess"
    if found := _ENANTIOMER.fullmatch(text):
        limit, number = (next((g for g in found.groups()[i::2] if g), "") for i in (0, 1))
        what, either = ("limit", f">{number} or <-{number}") if limit else ("number", f"{number} or -{number}")
        return f"write the {what} alone, with the sign that this enantiomer has in the campaign: {either}"
    ratio = _RATIO.fullmatch(text)
    if ratio is None or _CLOCK.fullmatch(text) or not (less := float(ratio[3].replace(",", "."))):
        return ""
    more = float(ratio[2].replace(",", "."))
    excess = 100 * (more - less) / (more + less)
    return (
        f"a ratio: write {ratio[1]}{more / less:.4g} where it is meant, or {ratio[1]}{excess:.4g} where an excess in "
        "percent is"
    )


def _hours(clock: re.Match[str]) -> float:
    return round(int(clock[1]) + int(clock[2]) / 60, 2)


def _limit_in(text: str) -> str:
    """The limit that ``>= 95`` or ``95+`` is, as it is read; "" for any other text."""
    if more := _OR_MORE.fullmatch(text):
        return f">{more[1]}"
    if (least := _AT_LEAST.fullmatch(text)) is None:
        return ""
    return (least[1] or (">" if least[2] in ABOVE else "<")) + least[3]


def _middle_of(text: str) -> tuple[float, float] | None:
    """The middle of two numbers, the lower first, and half of what lies between them; None for any other text."""
    if (found := _BETWEEN.fullmatch(text)) is None:
        return None
    low, high = (float(number.replace(",", ".")) for number in found.groups())
    return ((low + high) / 2, (high - low) / 2) if low < high else None


def _between(name: str, text: str, *, is_target: bool) -> str:
    """What to write in place of two numbers between which the one that is meant lies."""
    if (between := _middle_of(text)) is None:
        return ""
    middle, half = between
    if is_target:
        return f" (write the number in between, such as {middle:g}, and {half:g} in a column '{name}_sd' beside it)"
    return f" (write the one number that was set, such as {middle:g})"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _of_words(text: str, of_a_word: str, *, is_target: bool) -> str:
    """What to write in place of a word."""
    word = _folded(text)
    if not is_target and word in _OF_SETTINGS:
        return _OF_SETTINGS[word]
    if is_target and word in _NOT_SAYING:
        return _NOT_SAID
    if is_target and word in _RUNNING:
        return f" ({_NOT_ENDED})"
    if is_target and word in _ALL:
        return f" ({_AT_LEAST_ALL})"
    return of_a_word if text[:1].isalpha() and word not in ("nan", "inf", "infinity") else ""


def _is_unit(text: str) -> bool:
    with suppress(UnitError):
        return bool(check_unit(text))
    return False  # 8O is a slip of the finger, 65* has a footnote
