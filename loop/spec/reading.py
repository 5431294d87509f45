"""Reading a campaign file: YAML with line numbers, and faults as sentences with line, rule and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import yaml
from pydantic import BaseModel, ValidationError

from loop.acquisition.names import ACQUISITIONS, ONE_TARGET
from loop.errors import CostError, HakkenError, PlateError, SpaceError, SpecError, UnknownName, did_you_mean
from loop.objective import SCORES, Objective, Tradeoff
from loop.space import ProductPool
from loop.space.drawing import refuse_empty
from loop.spec.building import build_objective, build_space
from loop.spec.costs import CostsSpec, SwitchSpec, build_costs
from loop.spec.designing import fault_of_design, with_design_size
from loop.spec.models import (
    CONSTRAINT_KINDS,
    BudgetSpec,
    CampaignSpec,
    CategorySpec,
    ComponentSpec,
    ContextSpec,
    DerivedSpec,
    FidelitySpec,
    InitialSpec,
    MixtureSpec,
    MoleculeSpec,
    NoiseSpec,
    NumberSpec,
    OrdinalSpec,
    ParameterSpec,
    PlannerSpec,
    StopSpec,
    TargetSpec,
)
from loop.spec.noise import problem_of_noise
from loop.spec.plate import BlocksSpec, ControlsSpec, PlateSpec, build_plate, check_batch
from loop.spec.tables import ReadFile, resolve_options
from loop.surrogates.names import GRADIENT_FREE, SURROGATES


def read_spec(text: str, *, source: str, read: ReadFile) -> CampaignSpec:
    """Read, check and resolve a campaign file.

    Args:
        text: The YAML text.
        source: Its name, for messages.
        read: Gives the text of a file that the spec names (relative to the spec).

    Returns:
        A resolved spec: options of every component are in it, with canonical SMILES, so that it is
        complete in itself and can be stored.

    Raises:
        SpecError: With one message for each fault, each naming line, rule and remedy.
    """
    data, lines = _load_yaml(text, source)
    try:
        spec = CampaignSpec.model_validate(data)
    except ValidationError as error:
        problems = [_describe(e, source, lines) for e in error.errors()]
        raise SpecError("\n".join(problems), problems) from None
    space: dict[str, ParameterSpec] = {}
    for name, parameter in spec.space.items():
        where = _where(source, lines, ("space", name))
        try:
            space[name] = resolve_options(parameter, read)
        except HakkenError as error:
            raise SpecError(f"{where}: {error}") from None
    spec = spec.model_copy(update={"space": space})
    _check_whole(spec, source, lines)
    return _with_design(spec, source, lines)


def _check_whole(spec: CampaignSpec, source: str, lines: _Lines) -> None:
    """What only the parts together can get wrong."""
    for part, check in (("space", _check_space), ("objective", build_objective)):
        try:
            check(spec)
        except HakkenError as error:
            at = _named_in(str(error), part, spec, lines)
            raise SpecError(f"{_where(source, lines, at)}: {error}") from None
    if clash := sorted(set(spec.space) & set(spec.objective)):
        raise SpecError(
            f"{_where(source, lines, ('objective', clash[0]))}: {clash[0]!r} is a parameter and a target; rename one"
        )
    objective = build_objective(spec)
    for i, rule in enumerate(spec.stop):
        if rule.target not in spec.objective and rule.target != SCORES.get(objective.tradeoff):
            hint = did_you_mean(rule.target, spec.objective)
            raise SpecError(
                f"{_where(source, lines, ('stop', i))}: stop names target {rule.target!r}, "
                f"which the objective lacks{hint}; use one of {', '.join(spec.objective)}"
            )
    try:
        check_batch(spec)
        build_plate(spec, build_space(spec))
    except PlateError as error:
        at = _plate_path(str(error))
        told = str(error).removeprefix(".".join(map(str, at))).lstrip(": ")
        raise SpecError(f"{_where(source, lines, at)}: {told}") from None
    key, problem = problem_of_noise(spec)
    if problem:
        raise SpecError(f"{_where(source, lines, ('noise', key))}: {problem}")
    try:
        build_costs(spec, build_space(spec))
    except CostError as error:
        raise SpecError(f"{_where(source, lines, error.path)}: {error}") from None
    planner = spec.planner
    if planner.initial.experiments > spec.budget.experiments:
        raise SpecError(
            f"{_where(source, lines, ('budget', 'experiments'))}: the budget of {spec.budget.experiments} experiments "
            f"does not cover the initial design of {planner.initial.experiments}; raise the one or lower the other"
        )
    members = [planner.surrogate] if isinstance(planner.surrogate, str) else planner.surrogate
    if problem := _of_members(spec, members):
        raise SpecError(f"{_where(source, lines, ('planner', 'surrogate'))}: {problem}")
    for name in members:
        if name not in SURROGATES:
            unknown = UnknownName("surrogate", name, SURROGATES)
            raise SpecError(f"{_where(source, lines, ('planner', 'surrogate'))}: {unknown}")
    if planner.acquisition not in ACQUISITIONS:
        unknown = UnknownName("acquisition", planner.acquisition, ACQUISITIONS)
        raise SpecError(f"{_where(source, lines, ('planner', 'acquisition'))}: {unknown}")
    fidelities = [n for n, p in spec.space.items() if isinstance(p, FidelitySpec)]
    if fidelities and (problem := _of_fidelities(spec, fidelities, objective)):
        raise SpecError(f"{_where(source, lines, ('space', fidelities[-1]))}: {problem}")
    if problem := _of_acquisition(planner.acquisition, objective):
        raise SpecError(f"{_where(source, lines, ('planner', 'acquisition'))}: {problem}")


def _of_fidelities(spec: CampaignSpec, names: list[str], objective: Objective) -> str:
    """What is wrong with a parameter that is a fidelity; "" if nothing is."""
    if len(names) > 1:
        return f"{names[0]!r} is a fidelity already; a campaign has one at most, so give their combinations as options"
    if not objective.is_scalar:
        return (
            "fidelities need one target or a tradeoff: a front has no one best; add tradeoff: desirability or weighted"
        )
    if spec.planner.acquisition not in ("auto", "improvement"):
        return f"fidelities are chosen by 'improvement', and acquisition is {spec.planner.acquisition!r}; remove it"
    if spec.plate is not None:
        return "a plate cannot hold fidelities; leave plate: out"
    return ""


def _of_acquisition(name: str, objective: Objective) -> str:
    """Why an acquisition function cannot serve the objective; "" where it can."""
    weighed = len(objective.wanted)
    if name in ONE_TARGET and not objective.is_scalar:
        return (
            f"acquisition {name!r} looks at one target, the objective has {weighed}; "
            "use 'pareto', 'thompson' or 'exploration'"
        )
    if name == "search" and (weighed > 1 or objective.wanted[0].levels is None):
        return (
            "acquisition 'search' looks for the best level of one ordinal target; "
            "give the target levels: [1, 2, ...], or use 'improvement'"
        )
    if name == "pareto" and weighed < 2:
        return "acquisition 'pareto' needs two targets or more, the objective has one; use 'improvement'"
    if name == "pareto" and objective.is_scalar:
        return f"acquisition 'pareto' makes no trade-off, and tradeoff is {objective.tradeoff.value!r}; remove either"
    if name == "ucb" and (weighed > 1 or not objective.wanted[0].sign):
        return "acquisition 'ucb' needs one target to maximize or minimize; use 'improvement'"
    if name == "thompson" and objective.tradeoff is not Tradeoff.PARETO:
        return f"acquisition 'thompson' knows no tradeoff {objective.tradeoff.value!r}; use 'improvement'"
    return ""


def _with_design(spec: CampaignSpec, source: str, lines: _Lines) -> CampaignSpec:
    try:
        spec = with_design_size(spec)
        problem = fault_of_design(spec)
    except HakkenError as error:
        problem = str(error)
    if problem:
        raise SpecError(f"{_where(source, lines, ('planner', 'initial'))}: {problem}")
    return spec


def _of_members(spec: CampaignSpec, members: list[str]) -> str:
    """What is wrong with a list of members, or with trees where numbers are continuous; "" if nothing is."""
    if not members:
        return "the list of members is empty; name at least one, or write committee"
    if twice := sorted({m for m in members if members.count(m) > 1}):
        return f"member {twice[0]!r} is given twice; keep one"
    if isinstance(spec.planner.surrogate, list) and (odd := {"random", "committee"} & set(members)):
        return f"{sorted(odd)[0]!r} cannot be a member of a committee; leave it out, or write it alone"
    continuous = [
        n
        for n, p in spec.space.items()
        if (isinstance(p, NumberSpec) and p.values is None and p.step is None)
        or (isinstance(p, MixtureSpec) and p.step is None)
    ]
    climbs = spec.planner.acquisition in ("auto", "pareto", *ONE_TARGET)
    if continuous and climbs and (steps := GRADIENT_FREE & set(members)):
        return (
            f"{sorted(steps)[0]!r} has no slope to climb, and {continuous[0]!r} is continuous; give it a step, "
            "use another surrogate, or acquisition thompson or exploration"
        )
    return ""


def _check_space(spec: CampaignSpec) -> None:
    """Build it, and see that some candidate is left."""
    space = build_space(spec)
    if space.is_finite and space.size >= 2**63:
        raise SpaceError(f"the space has {space.size:.1e} combinations, more than can be counted; remove options")
    if space.is_finite and space.constraints:
        ProductPool(space)
    elif space.constraints:
        refuse_empty(space)


# --- YAML with line numbers -------------------------------------------------------------------------------------

_Path: TypeAlias = tuple[str | int, ...]
_Lines: TypeAlias = Mapping[_Path, int]


def _load_yaml(text: str, source: str) -> tuple[dict[str, Any], _Lines]:
    lines: dict[_Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise SpecError(f"{source}: the file is empty; write one with hakken init")
        _walk(node, (), lines, source)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{source}{line}: not valid YAML ({problem}); mend the line or the one above it") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{source}: not valid YAML ({error}); mend it") from None
    if not isinstance(data, dict):
        raise SpecError(f"{source}: must be a mapping that starts with 'campaign: NAME', got {type(data).__name__}")
    return data, lines


def _walk(node: yaml.Node, path: _Path, lines: dict[_Path, int], source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise SpecError(
                    f"{source} line {key.start_mark.line + 1}: {'.'.join(map(str, here))} is given twice "
                    f"(first on line {lines[here]}); keep one"
                )
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[*path, i] = item.start_mark.line + 1
            _walk(item, (*path, i), lines, source)


def _where(source: str, lines: _Lines, path: _Path) -> str:
    """File, line and dotted path; the line of the nearest enclosing key when the key itself is missing."""
    known = next((path[:k] for k in range(len(path), 0, -1) if path[:k] in lines), ())
    line = f" line {lines[known]}" if known else ""
    return f"{source}{line}: {'.'.join(map(str, path))}"


def place(text: str, source: str, path: _Path) -> str:
    """Where ``path`` stands in a campaign file, such as ``"a.yaml line 12: laboratory.adapter"``, for messages.

    For what only the caller can judge, such as the laboratory's own options. The text must be valid YAML.
    """
    return _where(source, _load_yaml(text, source)[1], path)


def _plate_path(message: str) -> _Path:
    """The path that a message about a plate starts with, such as ``plate.at_most.ligand: must be ...``."""
    return tuple(message.partition(" ")[0].rstrip(":").split("."))


def _named_in(message: str, part: str, spec: CampaignSpec, lines: _Lines) -> _Path:
    for i, constraint in enumerate(spec.constraints):
        if message.startswith(f"constraint {constraint.name or f'constraint {i + 1}'!r}"):
            return ("constraints", i)
    names = sorted((p[1] for p in lines if len(p) == 2 and p[0] == part), key=lambda n: -len(str(n)))
    subject = next((n for n in names if message.startswith((f"parameter {n!r}", f"target {n!r}"))), None)
    if subject is not None:
        return (part, subject)
    for name in names:
        if f"{name!r}" in message or message.startswith(f"constraint '{name}: "):  # the latter: a mixture's own rule
            return (part, name)
    return ("constraints",) if "constraint" in message and ("constraints",) in lines else (part,)


_KINDS: Final[Mapping[str, type[BaseModel]]] = {
    "component": ComponentSpec,
    "molecule": MoleculeSpec,
    "category": CategorySpec,
    "ordinal": OrdinalSpec,
    "fidelity": FidelitySpec,
    "number": NumberSpec,
    "mixture": MixtureSpec,
    "derived": DerivedSpec,
    "context": ContextSpec,
}
_SAID_KINDS: Final = ", ".join(list(_KINDS)[:-1]) + f" or {list(_KINDS)[-1]}"
_TAGS: Final = frozenset({*_KINDS, *(f"{kind} constraint" for kind in CONSTRAINT_KINDS)})


def _describe(error: Any, source: str, lines: _Lines) -> str:
    """One pydantic error as one of our sentences."""
    raw: _Path = tuple(error["loc"])
    path = tuple(
        p
        for i, p in enumerate(raw)
        if not (p in _TAGS and i >= 2) and not str(p).startswith(("function-", "list[", "constrained", "dict["))
    )
    kind, context = error["type"], error.get("ctx") or {}
    where = _where(source, lines, path)
    got = error.get("input")
    match kind:
        case "extra_forbidden":
            known = sorted(_known_keys(path, raw))
            return f"{where}: unknown key{did_you_mean(str(path[-1]), known)}; known here: {', '.join(known)}"
        case "missing":
            return f"{where}: is missing; add it"
        case "union_tag_not_found":
            if path[0] == "constraints":
                return f"{where}: says nothing of what is not allowed; give one of {', '.join(CONSTRAINT_KINDS)}"
            return f"{where}: type is missing; add type: {_SAID_KINDS}"
        case "union_tag_invalid":
            hint = did_you_mean(str(context.get("tag")), _KINDS)
            return f"{where}: unknown type {context.get('tag')!r}{hint}; use {_SAID_KINDS}"
        case "value_error":
            return f"{where}: {context.get('error', error['msg'])}"
        case "string_pattern_mismatch":
            return f"{where}: {got!r} is not a usable name; use letters, digits, '_', '-', '.' and spaces"
        case "too_short" | "string_too_short":
            return f"{where}: is empty; give at least one"
        case "finite_number":
            return f"{where}: must be a finite number, got {got}; write a number"
        case "literal_error" | "enum":
            choices = str(context.get("expected", ""))
            return f"{where}: {got!r} is not known; use {choices}"
    shown = f"{type(got).__name__} {got!r}" if not isinstance(got, dict | list) else type(got).__name__
    message = error["msg"]
    return f"{where}: {message[0].lower() + message[1:]}, got {shown[:80]}; correct it"


_PLATE: Final[Mapping[Any, list[type[BaseModel]]]] = {"blocks": [BlocksSpec], "controls": [ControlsSpec]}


def _known_keys(path: _Path, raw: _Path) -> set[str]:
    """What may be written at ``path``; ``raw`` also says which kind of parameter or constraint it is."""
    head = path[0] if len(path) > 1 else None
    tags = [str(p) for p in raw[2:] if p in _TAGS]
    of_kind = [_KINDS.get(t) or CONSTRAINT_KINDS[t.removesuffix(" constraint")] for t in tags[:1]]
    models: dict[Any, list[type[BaseModel]]] = {
        None: [CampaignSpec],
        "space": of_kind,
        "constraints": of_kind,
        "objective": [TargetSpec],
        "planner": [InitialSpec] if "initial" in path[:-1] else [PlannerSpec],
        "noise": [NoiseSpec],
        "budget": [BudgetSpec],
        "costs": [SwitchSpec] if "switch" in path[:-1] else [CostsSpec],
        "stop": [StopSpec],
        "plate": _PLATE.get(path[1] if len(path) > 2 else None, [PlateSpec]),
    }
    return {key for model in models.get(head, [CampaignSpec]) for key in model.model_fields}
