"""Matched pairs in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from loop.wording import factor_text, in_digits, in_places, plural, signed_in_places

if TYPE_CHECKING:
    from loop.insight.contrasts import Contrast, Spread, Step

WIDTH: Final = 3.92  # of a 95 % interval, in standard deviations
BY_CHANCE: Final = 20  # intervals of 95 % of which one leaves out the truth
FEW, MORE = 4, 8  # pairs of which is said what they tell


def by_target(found: Iterable[Contrast]) -> dict[str, list[Contrast]]:
    """Contrasts by what they are of, in their order."""
    grouped: dict[str, list[Contrast]] = {}
    for one in found:
        grouped.setdefault(one.target, []).append(one)
    return grouped


def change_of(one: Contrast) -> str:
    """The two values of a change, ``XPhos for SPhos``, or by how much one is higher: ``higher by 10 to 60 degC``."""
    return f"{one.first} for {one.second}" if one.step is None else f"{one.first} {_step_text(one.step)}"


def _step_text(step: Step) -> str:
    """``by 10 to 60 degC (27 on average)``; ``by 20 degC`` where all steps are alike."""
    least, mean, most = (factor_text(v) if step.is_factor else in_digits(v) for v in (step.least, step.mean, step.most))
    by = "by a factor of" if step.is_factor else "by"
    if least == most:
        return f"{by} {least} {step.unit}".rstrip()
    return f"{by} {least} to {most} {step.unit}".rstrip() + f" ({mean} on average)"


def differ_by(one: Contrast) -> tuple[str, str]:
    """The mean difference, of how many pairs where not all tell one, and its interval; "" for what there is not."""
    by, within = _difference(one)
    return (f"{by} (of {one.pairs})" if 0 < one.pairs < one.telling else by), within


def _difference(one: Contrast) -> tuple[str, str]:
    if one.difference is None:
        return "", ""
    if one.is_factor:
        within = "" if one.low is None or one.high is None else f"{in_digits(one.low)} to {in_digits(one.high)} times"
        return f"{in_digits(one.difference)} times", within
    if one.low is None or one.high is None:
        return signed_in_places(one.difference, 0.0), ""
    doubt = (one.high - one.low) / WIDTH
    if doubt == 0.0:
        return signed_in_places(one.difference, 0.0), "each the same"
    within = f"{in_places(one.low, doubt)} to {in_places(one.high, doubt)}"
    return signed_in_places(one.difference, doubt), within


def higher_in(one: Contrast) -> str:
    """In how many pairs the first is higher, and in how many one of the two gave nothing."""
    said = [f"{one.higher} of {one.compared}"] if one.compared else []
    said += [f"{one.equal} equal"] if one.equal else []
    said += [f"{one.untold} not told by limits"] if one.untold else []
    said += [
        f"{name} alone gave nothing in {k}" for name, k in zip((one.first, one.second), one.without, strict=True) if k
    ]
    return "; ".join(said)


def contrast_notes(shown: Sequence[Contrast], spreads: Sequence[Spread], told: int) -> Iterator[str]:
    """What is to be said of pairs beside the numbers, for a person."""
    if shown:
        yield (
            "both of a pair were planned in one round, so neither was chosen for what the other gave: what they differ "
            "by is the effect of the change, with what it was tried with"
        )
    stated = [one for one in shown if one.low is not None]
    if len(stated) >= BY_CHANCE:
        clear = sum(one.is_clear for one in stated)
        yield (
            f"{clear} of {len(stated)} intervals leave out that nothing changes; by chance alone about "
            f"{len(stated) / BY_CHANCE:.0f} would"
        )
    for one in spreads:
        unit = f" {one.unit}" if one.unit and not one.is_log else ""
        size = f"a factor of {factor_text(10.0**one.sd)}" if one.is_log else f"{in_digits(one.sd, 2)}{unit}"
        few, more = (
            f"a factor of {factor_text(one.told_by(n))}" if one.is_log else f"{in_digits(one.told_by(n), 2)}{unit}"
            for n in (FEW, MORE)
        )
        yield (
            f"{one.target}: pairs of one change differ by {size} from one another ({plural(one.freedom, 'degree')} of "
            f"freedom): {FEW} tell a change of {few} with a chance of 0.8, {MORE} one of {more}"
        )
    if told:
        are = "is" if told == 1 else "are"
        yield f"{plural(told, 'told result')} {are} in no pair, since nothing says what they were chosen for"
