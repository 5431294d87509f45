"""The whole spec: what only its parts together can get wrong, and the size of its initial design."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from loop.errors import CostError, HakkenError, PlateError, SpaceError, SpecError
from loop.objective import out_of_reach
from loop.space import Discrete, ProductPool
from loop.space.drawing import refuse_empty
from loop.spec.analysis import problem_of_analysis
from loop.spec.building import build_objective, build_space
from loop.spec.checks.choosing import problem_of_choosing
from loop.spec.checks.coming_first import problem_of_first
from loop.spec.checks.derived_targets import problem_of_derived
from loop.spec.checks.deriving import without_any_value
from loop.spec.checks.designing import (
    Made,
    fault_of_design,
    initial_size,
    is_covered,
    is_sized_by_space,
    with_design_size,
)
from loop.spec.checks.noise import problem_of_exact, problem_of_noise
from loop.spec.checks.prior import problem_of_memory, problem_of_prior
from loop.spec.checks.saying_nothing import problem_before_building
from loop.spec.checks.stopping import problem_of_regret, problem_of_stop
from loop.spec.checks.tolerances import problem_of_tolerances
from loop.spec.costs import build_costs, problem_of_versions
from loop.spec.earlier import problem_of_earlier
from loop.spec.general import problem_of_general
from loop.spec.limits import problem_of_limits
from loop.spec.lines import Lines, Path, Problem
from loop.spec.models import START, CampaignSpec
from loop.spec.per_batch import check_batch_limits
from loop.spec.plate import build_plate, check_batch
from loop.spec.recipe.building import problem_of_recipe
from loop.spec.unions import problem_of_union
from loop.wording import plural

Check: TypeAlias = Callable[[CampaignSpec], Problem | None]

MOST: Final = 2**63  # candidates, which are numbered in 64 bits


def check_whole(spec: CampaignSpec, lines: Lines, made: Made) -> None:
    """See that the parts of a spec go together. Raises ``SpecError`` for the first that do not, with its line."""
    if problem := problem_before_building(spec):
        raise SpecError(f"{lines.where(problem[0])}: {problem[1]}")
    for part, build in (("space", _check_space), ("objective", build_objective)):
        if part == "objective" and (problem := problem_of_derived(spec)):
            raise SpecError(f"{lines.where(problem[0])}: {problem[1]}")
        try:
            build(spec)
        except HakkenError as error:
            at = _named_in(str(error), part, spec, lines)
            meant = "".join(f"\n{said}" for said in lines.perhaps_decimals(at))
            raise SpecError(f"{lines.where(at)}: {error}{meant}") from None
    checks: tuple[Check, ...] = (*_CHECKS, partial(_of_budget, made=made))
    for check in checks:
        if problem := check(spec):
            at, told = problem
            raise SpecError(f"{lines.where(at)}: {told}")


def with_design(spec: CampaignSpec, lines: Lines, made: Made) -> CampaignSpec:
    """The spec with the size of its initial design. Raises ``SpecError`` where there can be no such design."""
    try:
        spec = with_design_size(spec)
        problem = fault_of_design(spec, made)
    except HakkenError as error:
        problem = str(error)
    if problem:
        raise SpecError(f"{lines.where(('planner', 'initial'))}: {problem}")
    return spec


def _check_space(spec: CampaignSpec) -> None:
    """Build it, and see that some candidate is left."""
    space = build_space(spec)
    if problem := without_any_value(space):
        raise SpaceError(problem)
    if space.is_finite and (space.constraints or space.size >= MOST):
        size = ProductPool(space).counted.number  # what constraints and conditions leave
        if size >= MOST:
            stepped = any(isinstance(p, Discrete) for p in space.parameters)
            less = "leave step out of numbers, or give a coarser one" if stepped else "remove options"
            raise SpaceError(f"the space has {size:.1e} combinations, more than can be counted; {less}")
    elif space.constraints:
        refuse_empty(space)


def _named_in(message: str, part: str, spec: CampaignSpec, lines: Lines) -> Path:
    """The key that a message about the space or the objective is about."""
    for limit in spec.laboratory.limits or {}:
        if message.startswith(f"limit {limit!r}: "):
            return ("laboratory", "limits", limit)
    for i, constraint in enumerate(spec.constraints):
        if message.startswith(f"constraint {constraint.name or f'constraint {i + 1}'!r}"):
            return ("constraints", i)
    for target in spec.derived or {}:
        if part == "objective" and message.startswith(f"target {target!r}"):
            return ("derived", target)
    names = sorted((p[1] for p in lines.numbers if len(p) == 2 and p[0] == part), key=lambda n: -len(str(n)))
    subject = next((n for n in names if message.startswith((f"parameter {n!r}", f"target {n!r}"))), None)
    if subject is not None:
        return (part, subject)
    for name in names:
        if f"{name!r}" in message or message.startswith(f"constraint '{name}: "):  # the latter: a mixture's own rule
            return (part, name)
    return ("constraints",) if "constraint" in message and ("constraints",) in lines.numbers else (part,)


def _of_names(spec: CampaignSpec) -> Problem | None:
    if clash := sorted(set(spec.space) & set(spec.objective)):
        return ("objective", clash[0]), f"{clash[0]!r} is a parameter and a target; rename one"
    return None


def _of_thresholds(spec: CampaignSpec) -> Problem | None:
    """What nothing can keep; a campaign on record that has it goes on being read."""
    for target in build_objective(spec).targets:
        if problem := out_of_reach(target):
            part = "objective" if target.expression is None else "derived"
            return (part, target.name), f"target {target.name!r}: {problem}"
    return None


def _of_earlier(spec: CampaignSpec) -> Problem | None:
    return problem_of_earlier(spec, build_space(spec))


def _of_plate(spec: CampaignSpec) -> Problem | None:
    try:
        check_batch(spec)
        build_plate(spec, build_space(spec))
    except PlateError as error:  # it starts with the key, such as ``plate.at_most.ligand: must be ...``
        key = str(error).partition(" ")[0].rstrip(":")
        return tuple(key.split(".")), str(error).removeprefix(key).lstrip(": ")
    return None


def _of_recipe(spec: CampaignSpec) -> Problem | None:
    return problem_of_recipe(spec, build_space(spec))


def _of_noise(spec: CampaignSpec) -> Problem | None:
    key, problem = problem_of_noise(spec)
    return (("noise", key), problem) if problem else None


def _of_costs(spec: CampaignSpec) -> Problem | None:
    try:
        space = build_space(spec)
        check_batch_limits(spec, space, build_costs(spec, space))
    except CostError as error:
        return error.path, str(error)
    return problem_of_versions(spec)


def _of_end(spec: CampaignSpec) -> Problem | None:
    """A campaign that nothing ends; a table told for another one is not run at all."""
    limits = (spec.budget.experiments, spec.budget.cost, spec.budget.hours)
    if spec.stop or spec.source is not None or any(limit is not None for limit in limits):
        return None
    target = next(iter(spec.objective))
    return ("budget",), (
        "nothing ends the campaign; give experiments, cost or hours (budget: {experiments: 50}), or a rule "
        f"(stop: [{{target: {target}, at_least: ...}}])"
    )


def _of_budget(spec: CampaignSpec, made: Made) -> Problem | None:
    if is_sized_by_space(spec.planner.initial) or is_covered(spec, made):  # the former is looked at once it is sized
        return None
    budget = f"the budget of {plural(spec.budget.most, 'experiment')}"
    if spec.planner.begins_with_a_batch and not spec.planner.initial.first:
        return ("budget", "experiments"), f"{budget} ends before a model begins, with {START} results; raise it"
    size = initial_size(spec)
    return ("budget", "experiments"), (
        f"{budget} does not cover the initial design of {size}; raise the one or lower the other"
    )


_CHECKS: Final[tuple[Check, ...]] = (  # each may count on those before it
    _of_names,
    _of_thresholds,
    problem_of_union,
    _of_earlier,
    problem_of_limits,
    problem_of_stop,
    _of_end,
    _of_plate,
    _of_recipe,
    _of_noise,
    problem_of_exact,
    _of_costs,
    problem_of_general,
    problem_of_tolerances,
    problem_of_choosing,
    problem_of_first,
    problem_of_regret,
    problem_of_prior,
    problem_of_memory,
    problem_of_analysis,
)
