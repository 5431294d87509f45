"""What can be wrong with how a campaign file wants batches chosen: surrogates, acquisition function and fidelities."""

from __future__ import annotations

from loop.acquisition.names import ACQUISITIONS, ONE_TARGET
from loop.errors import UnknownName
from loop.objective import Objective, Tradeoff
from loop.own import is_own, misnamed
from loop.spec.building import build_objective
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.spec.other_words import meant
from loop.spec.space_models import (
    ComponentSpec,
    ContextSpec,
    DerivedSpec,
    FidelitySpec,
    MixtureSpec,
    MoleculeSpec,
    NumberSpec,
    ProductsSpec,
    UnionSpec,
)
from loop.surrogates.names import GRADIENT_FREE, GRAPHS, SURROGATES


def problem_of_choosing(spec: CampaignSpec) -> Problem | None:
    """The first thing that cannot stand; None where all can. The space and the objective must be sound."""
    return _of_surrogate(spec) or _of_name(spec) or _of_fidelities(spec) or _of_acquisition(spec)


def _of_surrogate(spec: CampaignSpec) -> Problem | None:
    """A list of members that is none, a name that nobody knows, or a member that cannot learn from such a space."""
    at, given = ("planner", "surrogate"), spec.planner.surrogate
    members = [given] if isinstance(given, str) else given
    if not members:
        return at, "the list of members is empty; name at least one, or write committee"
    if twice := sorted({m for m in members if members.count(m) > 1}):
        return at, f"member {twice[0]!r} is given twice; keep one"
    if isinstance(given, list) and (odd := {"random", "committee"} & set(members)):
        return at, f"{sorted(odd)[0]!r} cannot be a member of a committee; leave it out, or write it alone"
    continuous = [
        n
        for n, p in spec.space.items()
        if (isinstance(p, NumberSpec) and p.values is None and p.step is None)
        or (isinstance(p, MixtureSpec) and p.step is None)
    ]
    climbs = spec.planner.acquisition in ("auto", "pareto", *ONE_TARGET)
    if continuous and climbs and (steps := GRADIENT_FREE & set(members)):
        return at, (
            f"{sorted(steps)[0]!r} has no slope to climb, and {continuous[0]!r} is continuous; give it a step, "
            "use another surrogate, or acquisition thompson or exploration"
        )
    structured = any(
        isinstance(p, ComponentSpec | MoleculeSpec | ProductsSpec | UnionSpec)
        or (isinstance(p, MixtureSpec) and isinstance(p.parts, dict))
        for p in spec.space.values()
    )
    if not structured and (graphs := GRAPHS & set(members)):
        return at, (
            f"{sorted(graphs)[0]!r} learns from structures, and no parameter has any; give options their SMILES "
            "(type component or molecule), or use another surrogate"
        )
    if "gp-given" in members and all(getattr(p, "descriptors", None) is None for p in spec.space.values()):
        return at, (
            "'gp-given' learns from descriptors that are given, and no parameter has any; give a component or a "
            "category its descriptors, or use gp-mordred"
        )
    if unknown := [name for name in members if name not in SURROGATES]:
        own = [name for name in unknown if is_own(name)]
        if wrong := [said for name in own if (said := misnamed("surrogate", name))]:
            return at, wrong[0]
        if len(own) < len(unknown):
            name = next(n for n in unknown if n not in own)
            return at, str(UnknownName("surrogate", name, SURROGATES, hint=meant(name, SURROGATES)))
    return None


def _of_name(spec: CampaignSpec) -> Problem | None:
    """An acquisition function that nobody knows."""
    if is_own(name := spec.planner.acquisition):
        if spec.plate is not None:
            return ("planner", "acquisition"), f"acquisition {name!r} of your own fills no plate; leave plate: out"
        return (("planner", "acquisition"), wrong) if (wrong := misnamed("acquisition", name)) else None
    if name not in ACQUISITIONS:
        told = UnknownName("acquisition", name, ACQUISITIONS, hint=meant(name, ACQUISITIONS))
        return ("planner", "acquisition"), str(told)
    return None


def _of_fidelities(spec: CampaignSpec) -> Problem | None:
    """More fidelities than one, or one beside what cannot choose it."""
    names = [n for n, p in spec.space.items() if isinstance(p, FidelitySpec)]
    if not names:
        return None
    at, acquisition = ("space", names[-1]), spec.planner.acquisition
    if len(names) > 1:
        return at, (
            f"{names[0]!r} is a fidelity already; a campaign has one at most, so give their combinations as options"
        )
    chosen_by = "improvement" if build_objective(spec).is_scalar else "pareto"
    if acquisition not in ("auto", chosen_by):
        return at, f"fidelities are chosen by {chosen_by!r}, and acquisition is {acquisition!r}; remove it"
    if spec.plate is not None:
        return at, "a plate cannot hold fidelities; leave plate: out"
    return None


def _of_hits(objective: Objective) -> str:
    """Why no hits can be looked for, "" where they can."""
    untold = [t.name for t in objective.wanted if not t.tells_hits]
    if untold:
        return (
            f"acquisition 'hits' looks for results that are one or none, and nothing says when {untold[0]!r} is; "
            "give it at_least, at_most or classes: [inactive, active], or use another acquisition"
        )
    return ""


def _of_boundary(spec: CampaignSpec, objective: Objective) -> str:
    """Why no boundary can be looked for, "" where one can."""
    if not any(t.has_bounds and t.levels is None for t in objective.targets):
        return (
            "acquisition 'boundary' looks for where thresholds are kept, and no target that is a number has one; give "
            f"{objective.targets[0].name!r} at_least or at_most, or use 'exploration'"
        )
    if spec.plate is not None:
        return "acquisition 'boundary' fills no plate; use 'hits' or 'exploration', or leave plate: out"
    return ""


def _of_similarity(spec: CampaignSpec, objective: Objective) -> str:
    """Why no batch is held to a similarity that is stated, "" where one is."""
    name = spec.planner.acquisition
    if name not in ("top", "hits") and not (name == "auto" and objective.has_classes):
        return (
            f"most_similar keeps batches of 'top' and 'hits' diverse, and acquisition is {name!r}; use one of them, or "
            "leave it out"
        )
    varied = {n: p for n, p in spec.space.items() if not isinstance(p, DerivedSpec | ContextSpec)}
    molecules = [n for n, p in varied.items() if isinstance(p, MoleculeSpec | ProductsSpec | UnionSpec)]
    if len(varied) == len(molecules) == 1 or spec.planner.similarity_limit >= 1.0:
        return ""
    also = ", ".join(n for n in varied if n not in molecules[:1])
    beside = f"{also} varied beside {molecules[0]}" if molecules else "no library of molecules"
    return f"most_similar compares candidates that are a molecule and nothing else, and here is {beside}; leave it out"


def _of_acquisition(spec: CampaignSpec) -> Problem | None:
    """An acquisition function that cannot serve the objective."""
    at, name, objective = ("planner", "acquisition"), spec.planner.acquisition, build_objective(spec)
    weighed = len(objective.wanted)
    if name in ONE_TARGET and not objective.is_scalar:
        return at, (
            f"acquisition {name!r} looks at one target, the objective has {weighed}; "
            "use 'pareto', 'thompson' or 'exploration'"
        )
    if spec.planner.most_similar is not None and (problem := _of_similarity(spec, objective)):
        return ("planner", "most_similar"), problem
    if name == "search" and (weighed > 1 or objective.wanted[0].levels is None):
        return at, (
            "acquisition 'search' looks for the best level of one ordinal target; "
            "give the target levels: [1, 2, ...], or use 'improvement'"
        )
    if name == "hits" and (problem := _of_hits(objective)):
        return at, problem
    if name == "boundary" and (problem := _of_boundary(spec, objective)):
        return at, problem
    if name == "pareto" and weighed < 2:
        return at, "acquisition 'pareto' needs two targets or more, the objective has one; use 'improvement'"
    if name == "pareto" and objective.is_scalar:
        return at, (
            f"acquisition 'pareto' makes no trade-off, and tradeoff is {objective.tradeoff.value!r}; remove either"
        )
    if name == "ucb" and (weighed > 1 or not objective.wanted[0].sign):
        return at, "acquisition 'ucb' needs one target to maximize or minimize; use 'improvement'"
    if name == "thompson" and objective.tradeoff is not Tradeoff.PARETO:
        return at, f"acquisition 'thompson' knows no tradeoff {objective.tradeoff.value!r}; use 'improvement'"
    return None
