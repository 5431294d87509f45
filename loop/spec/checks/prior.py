"""What can be wrong with a prior and with a campaign's memory; and where in the space a guess is about."""

from __future__ import annotations

from collections.abc import Mapping

from loop.errors import SpaceError, did_you_mean
from loop.objective import Goal
from loop.space import Category, Continuous, Discrete, Parameter, Space
from loop.space.expressions import Expression
from loop.spec.building import build_space
from loop.spec.lines import Problem
from loop.spec.memory import Guess
from loop.spec.models import CampaignSpec, TargetSpec
from loop.units import unit_shown


def problem_of_prior(spec: CampaignSpec) -> Problem | None:
    """The first thing that cannot stand; None where all can. The space and the objective must be sound."""
    if spec.prior is None:
        return None
    space = build_space(spec)
    for target, guesses in spec.prior.items():
        if target in (spec.derived or {}):
            told = f"{target!r} is derived; say what is expected of what it is worked out from ({_parts(spec, target)})"
            return ("prior", target), told
        if target not in spec.objective:
            hint = did_you_mean(target, spec.objective)
            told = f"prior names target {target!r}, which the objective lacks{hint}; use {', '.join(spec.objective)}"
            return ("prior", target), told
        wanted = spec.objective[target]
        if wanted.levels is not None or wanted.classes is not None:
            kind = "levels" if wanted.classes is None else "classes"
            return ("prior", target), f"target {target!r} has {kind}, of which no prior can be given; leave it out"
        if not guesses:
            return ("prior", target), "says nothing; name a parameter with a ranking or values, or leave it out"
        for name, guess in guesses.items():
            if told := _fault(space, target, wanted, name, guess):
                return ("prior", target, name), told
    return None


def _parts(spec: CampaignSpec, derived: str) -> str:
    assert spec.derived is not None, "a derived target was found"
    names = Expression(spec.derived[derived].expression).names
    return ", ".join(name for name in names if name in spec.objective)


def problem_of_memory(spec: CampaignSpec) -> Problem | None:
    """A memory that names a campaign twice, or the campaign itself."""
    named = spec.memory if isinstance(spec.memory, list) else []
    if spec.campaign in named:
        return ("memory",), f"{spec.campaign!r} is this campaign itself, which learns from its own results; remove it"
    if twice := sorted({n for n in named if named.count(n) > 1}):
        return ("memory",), f"campaign {twice[0]!r} is given twice; keep one"
    if spec.source is not None:
        return ("source",), "is written by hakken tell --source and never by hand; remove it"
    return None


def column_of(space: Space, name: str) -> int:
    """The column of a parameter that a guess can be about. Raises ``SpaceError``."""
    if name not in space.names:
        hint = did_you_mean(name, space.names)
        raise SpaceError(f"prior names {name!r}, which is not chosen{hint}; use {', '.join(space.shown_names)}")
    return space.names.index(name)


def coordinate_of(p: Parameter, option: str) -> float:
    """The coordinate of an option or number as a guess writes it. Raises ``SpaceError``."""
    found = p.index(option)
    if isinstance(p, Discrete | Continuous) and not (p.low <= found <= p.high or (p.or_zero and found == 0.0)):
        zero = "0 and " if isinstance(p, Continuous) and p.or_zero else ""
        raise SpaceError(f"parameter {p.name!r}: {option} lies outside {zero}{p.low:g} to {p.high:g}; guess within it")
    return found


def _fault(space: Space, target: str, wanted: TargetSpec, name: str, guess: Guess) -> str:
    """What is wrong with what is said of one parameter, "" for nothing."""
    try:
        p = space.parameters[column_of(space, name)]
        at = [coordinate_of(p, option) for option in guess]
    except SpaceError as error:
        return str(error)
    if isinstance(p, Category) and p.is_fidelity:
        return f"{name!r} is a fidelity, of which no prior can be given; remove it"
    if twice := [option for i, option in enumerate(guess) if at[i] in at[:i]]:
        return f"{twice[0]!r} is given twice; keep one"
    if not isinstance(guess, Mapping):
        if wanted.goal not in (Goal.MAXIMIZE, Goal.MINIMIZE):
            return f"{target!r} is neither maximized nor minimized, so nothing is best; give values by option instead"
        if isinstance(p, Discrete | Continuous) and len(guess) < 2:
            return "one number is no ranking; give two or more, the best first"
        return "is empty; name the best first, or leave it out" if not guess else ""
    if len(guess) < 2 or len(set(guess.values())) < 2:
        return "values that are all alike tell nothing; give two options or more with different values, or a ranking"
    for option, value in guess.items():
        low, high = wanted.low, wanted.high
        if wanted.scale == "log" and not value > 0:
            return f"{option}: {value:g} has no place on the logarithmic scale of {target!r}; give values above zero"
        if (low is not None and value < low) or (high is not None and value > high):
            shown = f"{value:g} {unit_shown(wanted.unit)}".rstrip()
            return f"{option}: {shown} is not what {target!r} can be; correct it"
    return ""
