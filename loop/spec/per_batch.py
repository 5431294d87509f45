"""Limits of a batch from what a campaign file says under ``planner.per_batch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loop.costs import Coordinate, Costs, Purse, Spent
from loop.errors import CostError
from loop.fidelity import real_option
from loop.policy.batch_limits import BatchLimits, Different, Sum
from loop.space import Continuous, Discrete, Space
from loop.spec.amounts import Measure, column_of, measure_of
from loop.spec.space_models import MixtureSpec
from loop.wording import amount_text, plural, time_text

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec

AT = ("planner", "per_batch")
PART: Final = 0.1  # beyond the least, so that over ranges there is more than one point to choose; our choice


def build_batch_limits(spec: CampaignSpec, space: Space, costs: Costs | None) -> BatchLimits | None:
    """What the experiments of a batch may come to together, None where the file does not say.

    ``costs`` are those in force: none are needed where only sums of numbers are limited.

    Raises:
        CostError: A number is none, or may be below zero, or values of a parameter cannot be counted.
    """
    stated = spec.planner.per_batch
    if stated is None:
        return None
    purse, copies = Purse(stated.cost, stated.hours), spec.planner.copies
    if purse == Purse():
        costs = None
    least, places = Spent() if costs is None else costs.cheapest(), spec.planner.batch * copies
    return BatchLimits(
        costs,
        purse,
        tuple(_sum(spec, space, name, most) for name, most in (stated.sums or {}).items()),
        tuple(_different(spec, space, name, most) for name, most in (stated.at_most or {}).items()),
        Spent(_spare(least.cost, stated.cost, places), _spare(least.hours, stated.hours, places)),
        bool(stated.full),
        copies=copies,
    )


def _spare(least: float, most: float | None, places: int) -> float:
    """What each of a batch's ``places`` is sure of: the least, and a part of what it has more were it all shared."""
    return least if most is None else least + PART * max(most / places - least, 0.0)


def check_batch_limits(spec: CampaignSpec, space: Space, costs: Costs | None) -> None:
    """See that some batch can keep the limits that the file states.

    Raises:
        CostError: As ``build_batch_limits``; they do not cover the cheapest experiment, or something else says already
            what runs together.
    """
    limits = build_batch_limits(spec, space, costs)
    if limits is None:
        return
    if spec.plate is not None:
        raise CostError(AT, "the wells of a plate are filled together, as many as it has; leave per_batch out, and say "
                        "what its wells share under plate")  # fmt: skip
    if spec.planner.initial.blocks is not None:
        raise CostError(AT, "planner.initial.blocks already says what runs together; leave one of them out")
    _check_room(limits, space, spec.planner.batch if limits.is_full else 1)


def _sum(spec: CampaignSpec, space: Space, name: str, most: float) -> Sum:
    path = (*AT, "sums", name)
    if isinstance(mixture := spec.space.get(name), MixtureSpec):
        part = f"{name}.{next(iter(mixture.parts))}"
        raise CostError(path, f"{name!r} is a mixture, and no number; name a part of it, such as {part}")
    if any(name in (space.names[c] for c in m.columns) for m in space.mixtures):
        measure = Measure(Coordinate(space.names.index(name)), 0.0, "")
    else:
        measure = measure_of(spec, space, path, name)
    spare = _spare(measure.least, most, spec.planner.batch * spec.planner.copies)
    return Sum(name, measure.unit, measure.of, most, measure.least, spare)


def _different(spec: CampaignSpec, space: Space, name: str, most: int) -> Different:
    path = (*AT, "at_most", name)
    if isinstance(mixture := spec.space.get(name), MixtureSpec):
        part = f"{name}.{next(iter(mixture.parts))}"
        raise CostError(path, f"{name!r} is a mixture; name a part of it, such as {part}")
    column = column_of(spec, space, path, name, so="so its values cannot be either")
    parameter = space.parameters[column]
    if isinstance(parameter, Continuous):
        raise CostError(path, f"{name!r} is continuous, and no two experiments would have one value; give it a step")
    return Different(name, column, most, isinstance(parameter, Discrete))


def _check_room(limits: BatchLimits, space: Space, places: int) -> None:
    """Refuse limits that do not cover so many of the cheapest experiments, of versions with the real thing."""
    count = places * limits.copies
    experiments = "one experiment" if count == 1 else plural(count, "experiment")
    verb = "takes" if count == 1 else "take"
    lower = "; raise it" if places == 1 else "; raise it, lower planner.batch, or leave full out"
    for s in limits.sums:
        if count * s.least > s.most + s.slack:
            takes, most = (f"{amount_text(v)} {s.unit}".rstrip() for v in (count * s.least, s.most))
            what = f"{experiments} {verb} at least {takes} of {s.name}, and a batch may have {most}{lower}"
            raise CostError((*AT, "sums", s.name), what)
    if limits.costs is None:
        return
    least = limits.costs.cheapest(real_option(space))
    pairs = (
        ("cost", least.cost, limits.purse.cost, limits.costs.unit),
        ("hours", least.hours, limits.purse.hours, "h"),
    )
    for key, each, most_, unit in pairs:
        if most_ is not None and count * each > most_ * (1 + 1e-9):
            what, limit = (
                time_text(v) if key == "hours" else f"{amount_text(v)} {unit}".rstrip() for v in (count * each, most_)
            )
            raise CostError((*AT, key), f"{experiments} {verb} at least {what}, and a batch may take {limit}{lower}")
