"""What a file says wrongly, as sentences with line, rule and remedy instead of pydantic's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel

from loop.cells import has_decimal_comma
from loop.errors import did_you_mean
from loop.spec.analysis import BlankSpec, CalibrationSpec, MethodSpec, StandardSpec, WindowSpec
from loop.spec.costs import CostsSpec, SwitchSpec
from loop.spec.descriptor_models import DescriptorsSpec
from loop.spec.general import GeneralSpec
from loop.spec.library_models import FiltersSpec, RangeSpec, StandardiseSpec
from loop.spec.limits import LimitSpec, SafetySpec
from loop.spec.lines import Lines, Path
from loop.spec.memory import SourceSpec
from loop.spec.models import (
    BudgetSpec,
    CampaignSpec,
    InitialSpec,
    NoiseSpec,
    PlannerSpec,
    StopSpec,
    TargetSpec,
)
from loop.spec.plate import BlocksSpec, ControlsSpec, PlateSpec
from loop.spec.recipe_models import LimitingSpec, RecipeSpec, RuleSpec, StepSpec, StockSpec, VesselSpec
from loop.spec.space_models import CONSTRAINT_KINDS, ParameterSpec, ReagentsSpec

_KINDS: Final[Mapping[str, type[BaseModel]]] = {  # of parameters, by what they have as their type
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ParameterSpec)[0])
}
_SAID_KINDS: Final = ", ".join(list(_KINDS)[:-1]) + f" or {list(_KINDS)[-1]}"
_TAGS: Final = frozenset({*_KINDS, *(f"{kind} constraint" for kind in CONSTRAINT_KINDS)})
_INSIDE: Final[Mapping[Any, type[BaseModel]]] = {
    "standardise": StandardiseSpec,
    "filters": FiltersSpec,
    "descriptors": DescriptorsSpec,
}
_ANALYSIS: Final[Mapping[Any, list[type[BaseModel]]]] = {
    "peak": [WindowSpec],
    "standard": [StandardSpec],
    "calibration": [CalibrationSpec],
    "blank": [BlankSpec],
}
_PLATE: Final[Mapping[Any, list[type[BaseModel]]]] = {"blocks": [BlocksSpec], "controls": [ControlsSpec]}

_RECIPE: Final[Mapping[Any, list[type[BaseModel]]]] = {
    "vessel": [VesselSpec],
    "limiting": [LimitingSpec],
    "stocks": [StockSpec],
    "steps": [StepSpec],
    "rules": [RuleSpec],
}

_SECTIONS: Final = frozenset({"planner", "noise", "costs", "plate", "general", "recipe"})
_EXAMPLES: Final[Mapping[Path, str]] = {
    ("budget",): "{experiments: 40}",
    ("laboratory",): "{adapter: manual}",
    ("space", "*"): "{type: category, options: [a, b]} or {type: number, low: 20, high: 80, unit: degC}",
    ("objective", "*"): '{goal: maximize, unit: "%"}',
    ("objective", "*", "desirable"): "{from: 20, to: 80}",
    ("space", "*", "parts"): "{water: O, ethanol: CCO}, or a list of names",
    ("planner", "initial"): "{design: spread, experiments: 5}",
    ("laboratory", "limits"): "{temperature: {at_most: 80}}, by the names of parameters",
    ("analysis",): "{yield: {...}}, by the names of targets",
}


def described(error: Any, lines: Lines) -> str:
    """One error of ``ValidationError.errors()`` as one of our sentences."""
    raw: Path = tuple(error["loc"])
    path = tuple(
        p
        for i, p in enumerate(raw)
        if not (p in _TAGS and i >= 2) and not str(p).startswith(("function-", "list[", "constrained", "dict["))
    )
    kind, context = error["type"], error.get("ctx") or {}
    where = lines.where(path)
    got = error.get("input")
    match kind:
        case "extra_forbidden":
            known = sorted(_known_keys(path, raw))
            return f"{where}: unknown key{did_you_mean(str(path[-1]), known)}; known here: {', '.join(known)}"
        case "missing":
            return f"{where}: is missing; add it"
        case "union_tag_not_found" | "union_tag_invalid" if path[0] == "space" and "union" in raw[2:3]:
            told = (
                "type is missing; add"
                if kind == "union_tag_not_found"
                else f"type {context.get('tag')!r} joins no union; use"
            )
            return f"{where}: {told} type: molecule or products"
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
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return f"{where}: must be entries KEY: VALUE, {_entries(path, raw)}, got {_shown(got)}"
        case "list_type" | "tuple_type" | "sequence_type":
            example = "[{a: b}]" if isinstance(got, dict) else "[a, b]"
            return f"{where}: must be a list in square brackets, such as {example}, got {_shown(got)}"
        case "float_parsing" | "float_type" | "int_parsing" | "int_type" | "int_from_float":
            whole = "a whole number" if kind.startswith("int") else "a number"
            point = ", with a point as decimal sign" if isinstance(got, str) and has_decimal_comma(got) else ""
            return f"{where}: must be {whole}, got {_shown(got)}; correct it{point}"
        case "invalid_key":
            return f"{where}: {got!r} is no key; write KEY: VALUE, with the key in letters"
    shown = f"{type(got).__name__} {got!r}" if not isinstance(got, dict | list) else type(got).__name__
    message = error["msg"]
    return f"{where}: {message[0].lower() + message[1:]}, got {shown[:80]}; correct it"


def _shown(got: object) -> str:
    """What was written, short."""
    if isinstance(got, dict | list):
        return "entries" if isinstance(got, dict) else "a list"
    return "nothing" if got is None else repr(got)[:80]


def _entries(path: Path, raw: Path) -> str:
    """An example of what may stand at ``path``, or the keys that are known there."""
    for place in (path, (path[0], "*", *path[2:])):
        if len(place) == len(path) and place in _EXAMPLES:
            return f"such as {_EXAMPLES[place]}"
    known = sorted(_known_keys((*path, ""), (*raw, ""))) if len(path) > 1 or path[0] in _SECTIONS else []
    return f"known here: {', '.join(known)}" if known else "in braces or indented below it"


def _known_keys(path: Path, raw: Path) -> set[str]:
    """What may be written at ``path``; ``raw`` also says which kind of parameter or constraint it is."""
    head = path[0] if len(path) > 1 else None
    tags = [str(p) for p in raw[2:-1] if p in _TAGS]
    of_kind = [_KINDS.get(t) or CONSTRAINT_KINDS[t.removesuffix(" constraint")] for t in tags[-1:]]
    if head == "space" and len(path) >= 4 and path[-2] in _INSIDE:
        return set(_INSIDE[path[-2]].model_fields)
    if head == "space" and "filters" in path[2:-2]:
        return set(RangeSpec.model_fields)
    models: dict[Any, list[type[BaseModel]]] = {
        None: [CampaignSpec],
        "space": [ReagentsSpec] if "reagents" in path[2:-1] else of_kind,
        "constraints": of_kind,
        "objective": [TargetSpec],
        "general": [GeneralSpec],
        "planner": [InitialSpec] if "initial" in path[:-1] else [PlannerSpec],
        "noise": [NoiseSpec],
        "budget": [BudgetSpec],
        "costs": [SwitchSpec] if "switch" in path[:-1] else [CostsSpec],
        "laboratory": [SafetySpec] if "safety" in path[:-1] else [LimitSpec],
        "stop": [StopSpec],
        "source": [SourceSpec],
        "recipe": _RECIPE.get(path[1] if len(path) > 2 else None, [RecipeSpec]),
        "plate": _PLATE.get(path[1] if len(path) > 2 else None, [PlateSpec]),
        "analysis": _ANALYSIS.get(path[2] if len(path) > 3 else None, [MethodSpec]),
    }
    return {key for model in models.get(head, [CampaignSpec]) for key in model.model_fields}
