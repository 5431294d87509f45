"""What costs by how much there is of it: prices of one unit of a number or a part, and a number that is a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loop.costs import Amount, Coordinate
from loop.errors import CostError, UnitError, did_you_mean
from loop.space import Space
from loop.space.constraints import Formula
from loop.space.parameters import least_and_most
from loop.spec.space_models import DerivedSpec, FidelitySpec, MixtureSpec, NumberSpec
from loop.units import factor
from loop.wording import amount_text

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec
    from loop.spec.space_models import ParameterSpec

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number by which something costs, with the least that it can be, zero included where it may not apply."""

    of: Coordinate | Formula
    least: float
    unit: str


def measure_of(spec: CampaignSpec, space: Space, path: Path, name: str) -> Measure:
    """The number of a space called ``name``, given or derived, that is never below zero; ``path`` is where it is named.

    Raises:
        CostError: There is none, it is none, or it may be below zero.
    """
    match spec.space.get(name):
        case NumberSpec(unit=unit):
            column = space.names.index(name)
            low = _ranges(space)[column][0]
            _refuse_below_zero(path, name, low)
            return Measure(Coordinate(column), low, unit)
        case DerivedSpec(unit=unit):
            formula = next(d.formula for d in space.derived if d.name == name)
            ranges = _ranges(space)
            named = zip(formula.expression.names, formula.columns, strict=True)
            span = formula.expression.between({n: ranges[c] for n, c in named})
            if span is None:
                raise CostError(path, f"{name!r} may have no value somewhere, and nothing is reckoned there; write it "
                                "so that it always has one, such as with max(..., 0)")  # fmt: skip
            _refuse_below_zero(path, name, span[0])
            return Measure(formula, span[0], unit)
        case None:
            numbers = [n for n, p in spec.space.items() if isinstance(p, NumberSpec | DerivedSpec)]
            raise CostError(path, f"the space has no parameter {name!r}{did_you_mean(name, spec.space)}; use "
                            + (f"one of {', '.join(numbers)}" if numbers else "a number of it"))  # fmt: skip
        case MixtureSpec(parts=parts):
            raise CostError(path, f"{name!r} is a mixture, and no number; price its parts under costs.amounts: "
                            f"{{{name}: {{{next(iter(parts))}: 2}}}}")  # fmt: skip
        case other:
            raise CostError(path, f"{name!r} is {_what(other)}, and no number of which there is more or less; name a "
                            "number, given or derived")  # fmt: skip


def column_of(
    spec: CampaignSpec, space: Space, path: Path, name: str, *, so: str = "so no choice can save its price"
) -> int:
    """The column of a parameter that is chosen; ``path`` is where it is named, and ``so`` what follows of others.

    Raises:
        CostError: There is none of that name, or it is never chosen.
    """
    if name in space.names:
        return space.names.index(name)
    kind = spec.space[name].type if name in spec.space else ""
    if kind in ("context", "derived"):
        what = "recorded with results" if kind == "context" else "computed from others"
        raise CostError(path, f"{name!r} is {what} and never chosen, {so}; leave it out, or name a parameter that is "
                        "varied")  # fmt: skip
    hint = did_you_mean(name, space.names)
    raise CostError(path, f"the space has no parameter {name!r}{hint}; use one of {', '.join(space.shown_names)}")


def priced_amounts(
    spec: CampaignSpec, space: Space, amounts: Mapping[str, float | Mapping[str, float]]
) -> tuple[tuple[Amount, ...], float]:
    """What ``costs.amounts`` says, and the least that it comes to.

    Raises:
        CostError: It names no number or mixture, a part is unknown, or a price is below zero.
    """
    found: list[Amount] = []
    least = 0.0
    for name, price in amounts.items():
        path: Path = ("costs", "amounts", name)
        mixture = next((m for m in space.mixtures if m.name == name), None)
        if mixture is not None:
            if not isinstance(price, Mapping):
                raise CostError(path, f"{name!r} is a mixture, and each of its parts has a price of its own, such as "
                                f"{{{mixture.parts[0]}: 2}}, got {price:g}")  # fmt: skip
            of_parts = dict.fromkeys(mixture.parts, 0.0)
            for part, each in price.items():
                if part not in of_parts:
                    raise CostError((*path, part), f"mixture {name!r} has no part {part!r}"
                                    f"{did_you_mean(part, of_parts)}; use one of {', '.join(of_parts)}")  # fmt: skip
                of_parts[part] = _price((*path, part), each)
            columns = zip(mixture.columns, of_parts.values(), strict=True)
            found += [Amount(Coordinate(column), np.array([each])) for column, each in columns if each]
            is_sure = not set(mixture.columns) & space.frame.conditional
            least += min(of_parts.values()) if is_sure else 0.0  # fractions sum to one
            continue
        measure = measure_of(spec, space, path, name)
        if isinstance(price, Mapping):
            raise CostError(path, f"{name!r} is a number, and one unit of it has one price, such as 2; prices of "
                            "options go under costs.options")  # fmt: skip
        found.append(Amount(measure.of, np.array([_price(path, price)])))
        least += price * measure.least
    return tuple(found), least


def priced_by_number(
    spec: CampaignSpec, space: Space, options: Mapping[str, tuple[int, NDArray[np.float64]]], per: Mapping[str, str]
) -> tuple[tuple[Amount, ...], float]:
    """What ``costs.per`` says, and the least that it comes to.

    Args:
        options: The column of each parameter whose options have prices, and these: shape ``(options,)``.
        per: By parameter, the number whose unit the prices are of.

    Raises:
        CostError: Nothing has prices there, it is a fidelity, or the number is none.
    """
    found: list[Amount] = []
    least = 0.0
    for name, number in per.items():
        path: Path = ("costs", "per", name)
        if name not in options:
            raise CostError(path, f"{name!r} has no prices under costs.options that could be multiplied; add them, or "
                            "leave the line out")  # fmt: skip
        if isinstance(spec.space.get(name), FidelitySpec):
            raise CostError(path, f"{name!r} is a fidelity, whose versions cost the same however much there is of "
                            "something; leave the line out")  # fmt: skip
        column, prices = options[name]
        measure = measure_of(spec, space, path, number)
        found.append(Amount(measure.of, prices, column))
        least += float(prices.min()) * measure.least
    return tuple(found), least


def lasting(spec: CampaignSpec, space: Space, name: str | None) -> tuple[tuple[Amount, ...], float]:
    """The number that ``costs.lasts`` names, as hours, and the least of them; none and 0 where it names none.

    Raises:
        CostError: There is none, it has no unit of time, or it may be below zero.
    """
    if name is None:
        return (), 0.0
    path: Path = ("costs", "lasts")
    measure = measure_of(spec, space, path, name)
    try:
        hours = factor(measure.unit, "h")
    except UnitError:
        said = f"its unit is {measure.unit}" if measure.unit else "it has no unit"
        remedy = "name a number with one such as min or h"
        raise CostError(path, f"{name!r} is to be a time, and {said}; {remedy}") from None
    return (Amount(measure.of, np.array([hours])),), hours * measure.least


def _ranges(space: Space) -> list[tuple[float, float]]:
    """The least and most of every coordinate; what does not apply counts as zero."""
    conditional = space.frame.conditional
    pairs = (least_and_most(p) for p in space.parameters)
    return [(min(a, 0.0), max(b, 0.0)) if c in conditional else (a, b) for c, (a, b) in enumerate(pairs)]


def _refuse_below_zero(path: Path, name: str, least: float) -> None:
    if least < 0.0:
        raise CostError(path, f"{name!r} may be below zero ({amount_text(least)} at the least), and no amount is less "
                        "than nothing; name an amount, such as a derived max(..., 0)")  # fmt: skip


def _price(path: Path, price: float) -> float:
    if not price >= 0:
        raise CostError(path, f"a price must be zero or above, got {price:g}")
    return price


def _what(parameter: ParameterSpec | None) -> str:
    kind = getattr(parameter, "type", "")
    if kind == "context":
        return "recorded with results and never chosen"
    return f"a choice between options ({kind})"
