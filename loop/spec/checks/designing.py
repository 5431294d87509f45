"""The initial design that a campaign file asks for: its size where none is given, and why it cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from loop.design import CENTRES, CLASSICAL, Wish, propose_size, why_not
from loop.space import Pool, ProductPool, Space
from loop.space.temperatures import temperatures
from loop.spec.building import build_space
from loop.spec.models import CampaignSpec, InitialSpec
from loop.wording import plural

Made: TypeAlias = Callable[[str], int]  # how many experiments are on record of the campaign of a name


def wish_of(initial: InitialSpec, n: int, copies: int = 1) -> Wish:
    """The design that is asked for, of which ``n`` points are wanted, each ``copies`` times."""
    whole = math.ceil((initial.experiments or 0) / copies)
    centre = initial.centre or CENTRES.get(initial.design, 0)
    return Wish(initial.design, n, initial.blocks or 1, initial.model, initial.levels, whole, copies, centre)


def with_design_size(spec: CampaignSpec) -> CampaignSpec:
    """The spec with ``planner.initial.experiments`` as a classical design has it, where the file does not say.

    Raises:
        SpaceError: There is no such design of the space.
    """
    initial = spec.planner.initial
    if not is_sized_by_space(initial):
        return spec
    space = build_space(spec)
    n = propose_size(wish_of(initial, 0), space, _pool(space)) * spec.planner.copies
    sized = initial.model_copy(update={"experiments": n})
    return spec.model_copy(update={"planner": spec.planner.model_copy(update={"initial": sized})})


def is_cautious(spec: CampaignSpec) -> bool:
    """Whether what is proposed must be believed to keep some threshold, so that nothing is laid out before a model."""
    return any(t.cautious is not None for t in spec.wanted.values())


def initial_size(spec: CampaignSpec) -> int:
    """How many experiments come before the first model: those of the design, and those that the file names first."""
    initial = spec.planner.initial
    named = spec.planner.copies * len(initial.first or ())
    return named if is_cautious(spec) else max(spec.planner.first, named)


def is_sized_by_space(initial: InitialSpec) -> bool:
    """Whether a classical design has as many experiments as it needs, since the file does not say how many."""
    return initial.design in CLASSICAL and initial.experiments is None


def is_covered(spec: CampaignSpec, made: Made) -> bool:
    """Whether the budget covers the initial design, or has done so: what was ``made`` before it was lowered counts.

    A batch that is larger than the budget ends with it, as every batch does, if a model can begin with what is made.
    """
    named = spec.planner.copies * len(spec.planner.initial.first or ())
    initial = min(initial_size(spec), max(spec.planner.enough, named))
    return initial <= spec.budget.most or initial <= made(spec.campaign)


def _has_leaving_groups(space: Space) -> bool:
    from loop.space.electrophiles import outdone_options  # brings rdkit, only where it is asked for

    return bool(outdone_options(space.parameters))


def fault_of_design(spec: CampaignSpec, made: Made) -> str:
    """What is wrong with the initial design, with the way out; "" if nothing is."""
    initial = spec.planner.initial
    if initial.centre and spec.plate is not None:
        return (
            "centre goes with single experiments; a plate has its own wells for one condition (plate: {controls: "
            "{wells: 3, settings: {...}}}), leave it out"
        )
    if initial.design not in CLASSICAL:
        for key in ("blocks", "model", "centre"):
            if getattr(initial, key) is not None:
                return (
                    f"{key} goes with the designs {', '.join(sorted(CLASSICAL))}, not with {initial.design!r}; "
                    "leave it out, or choose one of these"
                )
    if initial.hottest is not None and initial.design != "spread":
        return f"hottest goes with the design spread, not with {initial.design!r}; leave it out"
    if initial.hottest and spec.plate is not None:
        return "hottest goes with single experiments, and a plate lays out its first wells itself; leave it out"
    if initial.hottest and not temperatures(build_space(spec).frame):
        return (
            "hottest needs a temperature that is chosen and always applies, and there is none; "
            "give the number that is one unit: degC, or leave hottest out"
        )
    if initial.best_leaving_group is not None and initial.design != "spread":
        return f"best_leaving_group goes with the design spread, not with {initial.design!r}; leave it out"
    if initial.best_leaving_group and spec.plate is not None:
        return (
            "best_leaving_group goes with single experiments, and a plate lays out its first wells itself; leave it out"
        )
    if initial.best_leaving_group and not _has_leaving_groups(build_space(spec)):
        return (
            "best_leaving_group needs a component with one aryl or alkenyl group as iodide, bromide, triflate or "
            "chloride, two of them at least, and there is none; give the options their SMILES, or leave it out"
        )
    if initial.levels is not None and initial.design != "factorial":
        return f"levels goes with the design factorial, not with {initial.design!r}; leave it out"
    if initial.design not in CLASSICAL:
        return ""
    if not is_covered(spec, made):
        return (
            f"the {initial.design} design has {plural(spec.planner.first, 'experiment')} and the budget "
            f"{spec.budget.experiments}; raise budget.experiments, or choose a smaller design"
        )
    space = build_space(spec)
    copies = spec.planner.copies
    return why_not(wish_of(initial, math.ceil(spec.planner.first / copies), copies), space, _pool(space))


def _pool(space: Space) -> Pool | None:
    return ProductPool(space) if space.is_finite else None
