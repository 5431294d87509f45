"""Numbers, times and settings as a reader sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import floor, isfinite, log10

from flows.report.content import Reading, Setting
from loop import wording
from loop.objective import Goal, Target
from loop.record import Prediction

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def number(value: float | None, digits: int = 4, unit: str = "") -> str:
    """``value`` to so many significant digits, written out where that stays short; a dash for none.

    With its ``unit`` a total energy has the digits that tell it from another's.
    """
    if value is None or not isfinite(value):
        return NONE if value is None else str(value)
    if total := wording.total_text(value, unit):
        return total.replace("-", MINUS)
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        text = f"{value:.{digits - 1}e}"
        mantissa, exponent = text.split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    places = 0 if value == 0 else max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def plus_minus(mean: float, sd: float | None, unit: str = "") -> str:
    """``mean ± sd unit``, both to the place that two digits of ``sd`` reach."""
    if sd is None or not isfinite(sd) or sd <= 0 or not isfinite(mean) or not 1e-4 <= sd < 1e6:
        doubt = "" if sd is None else f" ± {number(sd, 2)}"
        return f"{number(mean, unit=unit)}{doubt}{after(unit)}"
    return f"{wording.plus_minus(mean, sd)}{after(unit)}".replace("-", MINUS)


def predicted(said: Prediction, target: Target) -> str:
    """What was predicted of a target, within what it can be."""
    if target.classes is not None:
        return f"{target.sought} with a chance of {number(said.mean, 2)}"
    mean, sd = target.moments_on_scale(said.mean, said.sd)
    if target.is_log and isfinite(mean):
        return within_factor(mean, sd, target)
    return plus_minus(target.possible(said.mean), said.sd, target.unit)


def within_factor(mean: float, sd: float, target: Target) -> str:
    """The median and the factor of one deviation of a belief on the target's logarithmic scale."""
    median = target.possible(target.in_unit(mean))
    return f"{number(median, 3)}{after(target.unit)} (within a factor of {wording.factor_text(target.in_unit(sd), 2)})"


def after(unit: str) -> str:
    """The unit as it stands behind a number, with a space that does not break; nothing for none."""
    return f"\N{NO-BREAK SPACE}{unit}" if unit else ""


def heading(name: str, unit: str) -> str:
    """A quantity as a chart's heading has it."""
    return f"{name} / {unit}" if unit else name


def limited(reading: Reading, unit: str, target: Target | None = None) -> str:
    """A reading with its qualifier, standard deviation and unit; of a target that has words, the word."""
    sign = f"{reading.shown_sign}\N{NO-BREAK SPACE}" if reading.shown_sign else ""
    if target is not None and (word := reading.word or target.shown(reading.value)):
        return sign + word
    several = f" (n = {reading.n})" if reading.n > 1 else ""
    return f"{sign}{plus_minus(reading.value, reading.sd, unit)}{several}"


def moment(time: datetime) -> str:
    """A time in UTC, to the minute."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def one(setting: Setting) -> str:
    """A setting's value with its unit."""
    value = setting.value
    return value if isinstance(value, str) else f"{number(value, 6)}{after(setting.unit)}"


def candidate(settings: Iterable[Setting], between: str = ", ") -> str:
    """A candidate in one line."""
    return between.join(f"{setting.name} {one(setting)}" for setting in settings)


def percent(share: float) -> str:
    """A share in whole per cent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def count(n: int, noun: str, plural: str = "") -> str:
    """``1 fault``, ``2 faults``."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def wanted(target: Target) -> str:
    """What is wanted of a target: its goal and its thresholds."""
    if target.classes is not None:
        return f"{target.sought} is wanted"
    words = [{Goal.MAXIMIZE: "maximise", Goal.MINIMIZE: "minimise", Goal.KEEP: "keep"}.get(target.goal, "")]
    if target.goal is Goal.MATCH:
        words = [f"match {number(target.value)}{after(target.unit)}"]
        far = f"{number(target.within)}{after(target.unit)}" if target.within is not None else ""
        far = f"a factor of {number(target.within)}" if far and target.is_log else far
        words += [f"within {far}"] if far else []
    for what, end in (("at least", target.at_least), ("at most", target.at_most)):
        if end is not None:
            words.append(f"{what} {target.shown(end) or f'{number(end)}{after(target.unit)}'}")
    words += [f"of {', '.join(target.words)}"] if target.words is not None else []
    words += ["by factors"] if target.is_log else []
    return ", ".join(words)
