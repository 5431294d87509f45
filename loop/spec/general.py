"""General conditions in a campaign file: the scope, how a condition is judged over it, and what cannot stand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from pydantic import BeforeValidator

from loop.acquisition.names import ACQUISITIONS
from loop.errors import did_you_mean
from loop.generality import Generality, Judgement
from loop.objective import Goal
from loop.space import Continuous, Discrete, Space
from loop.space.leaving_out import lasting
from loop.space.parameters import Finite
from loop.spec.lines import Path, Problem
from loop.spec.strict import Strict, Text
from loop.units import unit_shown

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec

MOST_SUBSTRATES: Final = 10_000  # of a scope; what is believed of each condition is read at every one of them
SHOWN: Final = 10  # values of a number that a message lists
NO_SCOPE: Final = ("context", "derived", "mixture", "fidelity", "products", "union")  # types of parameters
CHOOSE_GENERAL: Final = ("auto", "general", "exploration", "random")


def _as_text(weights: object) -> object:
    """Numbers of the scope become text, as the record keeps keys."""
    return {_option(k): w for k, w in weights.items()} if isinstance(weights, Mapping) else weights


def _option(value: object) -> object:
    return f"{value:.12g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


class GeneralSpec(Strict):
    """Which parameters are the scope, and how a condition is judged over it."""

    over: list[Text]
    by: Literal["mean", "worst", "share"] = "mean"
    at_least: float | None = None  # with share, of a target to maximize
    at_most: float | None = None  # with share, of a target to minimize
    weights: dict[Text, Annotated[dict[Text, float], BeforeValidator(_as_text)]] | None = None  # 1 where none is said


def build_general(spec: CampaignSpec, space: Space) -> Generality | None:
    """How conditions are judged; None where the campaign looks for one best candidate. The spec must be sound.

    What is left out for now only is judged, and counts among the substrates, all the same.
    """
    from loop.spec.building import target_of

    said = spec.general
    if said is None:
        return None
    columns = tuple(sorted(space.names.index(name) for name in said.over))
    weights = said.weights or {}
    values, counts = [], []
    for column in columns:
        p = space.parameters[column]
        assert not isinstance(p, Continuous)
        values.append(_values(p))
        named = weights.get(p.name, {})
        counts.append([named.get(str(_option(p.value(v))), 1.0) for v in values[-1]])
    (name, target), *_ = spec.objective.items()
    product = np.array([math.prod(w) for w in itertools.product(*counts)])
    return Generality(
        space=lasting(space),
        columns=columns,
        target=target_of(name, target),
        by=Judgement(said.by),
        threshold=said.at_least if said.at_most is None else said.at_most,
        substrates=np.array(list(itertools.product(*values))),
        weights=product / product.sum(),
    )


def problem_of_general(spec: CampaignSpec) -> Problem | None:
    """The first thing that cannot stand; None where all can. The space and the objective must be sound."""
    if spec.general is None:
        if spec.planner.acquisition == "general":
            return ("planner", "acquisition"), "acquisition 'general' needs a scope; add general: {over: [...]}"
        return None
    from loop.spec.building import build_space

    space = build_space(spec)
    return (
        _of_scope(spec, space)
        or _of_conditions(spec, space)
        or _of_judgement(spec)
        or _of_weights(spec, space)
        or _of_rest(spec)
    )


def _of_scope(spec: CampaignSpec, space: Space) -> Problem | None:
    """Parameters that cannot be a scope."""
    at, over = ("general", "over"), spec.general.over if spec.general else []
    if not over:
        return at, "the scope is empty; name at least one parameter, such as substrate"
    if twice := [name for name in over if over.count(name) > 1]:
        return at, f"{twice[0]!r} is given twice; keep one"
    for name in over:
        if name not in spec.space:
            if name in space.names:
                return at, f"{name!r} is a list of reagents, which cannot be a scope; name a parameter of its own"
            lists = [other for other, p in spec.space.items() if p.type not in NO_SCOPE]
            use = f"use one of {', '.join(lists)}" if lists else "name a parameter that is a list"
            return at, f"the scope names {name!r}, which is no parameter{did_you_mean(name, lists)}; {use}"
        if (kind := spec.space[name].type) in NO_SCOPE:
            return at, f"{name!r} is of type {kind}, and a scope is a list of things to choose from; leave it out"
        if isinstance(space.parameters[space.names.index(name)], Continuous):
            return at, f"{name!r} is continuous, and a scope is a list; give it values or a step"
    if not set(space.names) - set(over):
        return at, "the scope has every parameter, so that no condition is left to choose; leave one out"
    size = math.prod(p.size for p in space.parameters if p.name in over and not isinstance(p, Continuous))
    if size > MOST_SUBSTRATES:
        return (
            at,
            f"the scope has {size} substrates, more than {MOST_SUBSTRATES}; name some that stand for them",
        )
    scope = {space.names.index(name) for name in over}
    for tie in space.conditions:
        if tie.column in scope or set(tie.columns) & scope:
            named = _file_name(space, tie.column)
            return ("space", named), (
                f"{named!r} applies or not by when or unless, which cannot lead into or out of a scope; "
                "use an exclude constraint, or leave it out"
            )
    return None


def _of_conditions(spec: CampaignSpec, space: Space) -> Problem | None:
    """Conditions that cannot be listed."""
    if open_ended := [p.name for p in space.parameters if isinstance(p, Continuous)]:
        name = _file_name(space, space.names.index(open_ended[0]))
        return ("space", name), f"{name!r} is continuous, and general conditions are chosen from a list; give it a step"
    if fidelities := [name for name, p in spec.space.items() if p.type == "fidelity"]:
        return ("space", fidelities[0]), "general conditions know no fidelities; leave one of the two out"
    if spec.plate is not None:
        return ("plate",), "general conditions are not laid out on plates; leave plate: or general: out"
    return None


def _of_judgement(spec: CampaignSpec) -> Problem | None:
    """A target that no condition can be judged by, or a threshold that does not go with it."""
    assert spec.general is not None
    said, at = spec.general, ("objective",)
    if len(spec.objective) > 1:
        return at, f"general conditions are judged by one target, and there are {len(spec.objective)}; keep one"
    (name, target), *_ = spec.objective.items()
    where: Path = ("objective", name)
    if target.goal not in (Goal.MAXIMIZE, Goal.MINIMIZE):
        return where, f"general conditions need a target to maximize or minimize, and the goal is {target.goal.value}"
    if target.levels is not None or target.classes is not None:
        kind = "levels" if target.classes is None else "classes"
        return where, f"general conditions are judged by numbers, and the target has {kind}; leave one of the two out"
    if target.scale == "log":
        return where, "general conditions are judged on a linear scale; leave out scale: log, or general:"
    if target.at_least is not None or target.at_most is not None:
        return where, (
            "a threshold of single results judges no condition; write general: {by: share, ...} with it, or remove it"
        )
    wanted, other = ("at_least", "at_most") if target.goal is Goal.MAXIMIZE else ("at_most", "at_least")
    if said.by != "share":
        if given := [key for key in ("at_least", "at_most") if getattr(said, key) is not None]:
            return ("general", given[0]), f"{given[0]} goes with by: share, and by is {said.by}; remove either"
        return None
    if getattr(said, other) is not None:
        return ("general", other), f"the goal is {target.goal.value}, so a substrate counts with {wanted}; write that"
    if getattr(said, wanted) is None:
        return ("general", "by"), f"by: share needs what a substrate has to reach; add {wanted}: ..."
    reach, low, high = getattr(said, wanted), target.low, target.high
    if (low is not None and reach < low) or (high is not None and reach > high):
        shown = f"{reach:g} {unit_shown(target.unit)}".rstrip()
        return ("general", wanted), f"{shown} is not what {name!r} can be; correct it"
    return None


def _of_weights(spec: CampaignSpec, space: Space) -> Problem | None:
    """Weights of what is not there, or that are none."""
    assert spec.general is not None
    weights = spec.general.weights
    if weights is None:
        return None
    if spec.general.by == "worst":
        return ("general", "weights"), "by: worst looks at each substrate alike; leave weights out"
    for name, named in weights.items():
        at: Path = ("general", "weights", name)
        if name not in spec.general.over:
            hint = did_you_mean(name, spec.general.over)
            return at, f"weights are of the scope, and {name!r} is not in it{hint}; use {', '.join(spec.general.over)}"
        p = space.parameters[space.names.index(name)]
        assert not isinstance(p, Continuous)
        options = [str(_option(p.value(v))) for v in _values(p)]
        for option, weight in named.items():
            if option not in options and isinstance(p, Discrete):
                values = ", ".join((*options[:SHOWN], "...") if len(options) > SHOWN else options)
                return at, f"{name!r} is never {option!r}; weigh its values: {values}"
            if option not in options:
                return at, f"{name!r} has no option {option!r}{did_you_mean(option, options)}; mend the name"
            if not weight > 0:
                return at, f"a weight must be above zero, got {weight:g} for {option!r}; remove the option instead"
    return None


def _of_rest(spec: CampaignSpec) -> Problem | None:
    """What a planner does elsewhere, and not here."""
    at = ("planner", "acquisition")
    if (name := spec.planner.acquisition) in ACQUISITIONS and name not in CHOOSE_GENERAL:
        return (
            at,
            f"acquisition {name!r} looks for one candidate; with general: use general, exploration or random",
        )
    if spec.planner.replicates == "planned":
        return ("planner", "replicates"), (
            "planned replicates look for one best candidate; another substrate tells more of a condition, "
            "so leave it out, or give a number"
        )
    if spec.stop and spec.planner.surrogate == "random":
        return ("stop",), "what stops a search for general conditions is a model's belief; choose a surrogate"
    return None


def _file_name(space: Space, column: int) -> str:
    """What the campaign file calls a column: a part of a mixture goes by the mixture's name."""
    return next((m.name for m in space.mixtures if column in m.columns), space.names[column])


def _values(p: Finite) -> list[float]:
    return [float(v) for v in p.values] if isinstance(p, Discrete) else [float(i) for i in range(p.size)]
