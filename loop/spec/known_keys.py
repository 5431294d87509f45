"""Which keys a file may have at each place, and examples of what stands there, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel

from loop.spec.analysis import BlankSpec, CalibrationSpec, MethodSpec, StandardSpec, WindowSpec
from loop.spec.cost_models import CostsSpec, SwitchSpec
from loop.spec.descriptor_models import DescriptorsSpec
from loop.spec.general import GeneralSpec
from loop.spec.library_models import FiltersSpec, RangeSpec, StandardiseSpec
from loop.spec.limits import LimitSpec, SafetySpec
from loop.spec.lines import Path
from loop.spec.memory import SourceSpec
from loop.spec.models import (
    BudgetSpec,
    CampaignSpec,
    DerivedTargetSpec,
    InitialSpec,
    LaboratorySpec,
    NoiseSpec,
    PerBatchSpec,
    PlannerSpec,
    StopSpec,
    TargetSpec,
)
from loop.spec.other_words import our_words
from loop.spec.plate import BlocksSpec, ControlsSpec, PlateSpec
from loop.spec.recipe.models import LimitingSpec, RecipeSpec, RuleSpec, StepSpec, StockSpec, VesselSpec
from loop.spec.space_models import CONSTRAINT_KINDS, ParameterSpec, ReagentsSpec

KINDS: Final[Mapping[str, type[BaseModel]]] = {  # of parameters, by what they have as their type
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ParameterSpec)[0])
}
SAID_KINDS: Final = ", ".join(list(KINDS)[:-1]) + f" or {list(KINDS)[-1]}"
TAGS: Final = frozenset({*KINDS, *(f"{kind} constraint" for kind in CONSTRAINT_KINDS)})
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
_PLANNER: Final[Mapping[Any, list[type[BaseModel]]]] = {"initial": [InitialSpec], "per_batch": [PerBatchSpec]}
_PLATE: Final[Mapping[Any, list[type[BaseModel]]]] = {"blocks": [BlocksSpec], "controls": [ControlsSpec]}

_RECIPE: Final[Mapping[Any, list[type[BaseModel]]]] = {
    "vessel": [VesselSpec],
    "limiting": [LimitingSpec],
    "stocks": [StockSpec],
    "steps": [StepSpec],
    "rules": [RuleSpec],
}

_KEYS_OF: Final[Mapping[Any, type[BaseModel]]] = {
    "planner": PlannerSpec,
    "noise": NoiseSpec,
    "budget": BudgetSpec,
    "costs": CostsSpec,
    "plate": PlateSpec,
    "laboratory": LaboratorySpec,
}
_BLOCKS: Final[Mapping[Path, type[BaseModel]]] = {  # where a key is looked for that is in no section itself
    ("laboratory", "safety"): SafetySpec,
    ("planner", "initial"): InitialSpec,
    ("planner", "per_batch"): PerBatchSpec,
    ("plate", "controls"): ControlsSpec,
    ("general",): GeneralSpec,
}
_SECTIONS: Final = frozenset({"planner", "noise", "costs", "plate", "general", "recipe"})
_EXAMPLES: Final[Mapping[Path, str]] = {
    ("budget",): "{experiments: 40}",
    ("budget", "per"): "{ligand: loading}, by parameter the number that its stock is an amount of",
    ("budget", "stock"): "{ligand: {XPhos: 6}, volume: 500}, by the names of parameters and of their options",
    ("laboratory",): "{adapter: manual}",
    ("space", "*"): "{type: category, options: [a, b]} or {type: number, low: 20, high: 80, unit: degC}",
    ("objective", "*"): '{goal: maximize, unit: "%"}',
    ("objective", "*", "desirable"): "{from: 20, to: 80}",
    ("derived",): '{productivity: {expression: "yield / time", goal: maximize}}, by the names of targets',
    ("derived", "*"): '{expression: "yield / time", goal: maximize}',
    ("derived", "*", "desirable"): "{from: 20, to: 80}",
    ("space", "*", "parts"): "{water: O, ethanol: CCO}, or a list of names",
    ("planner", "initial"): "{design: spread, experiments: 5}",
    ("planner", "initial", "first"): "[{temperature: 60, base: KOAc}], a mapping of settings for each experiment",
    ("planner", "initial", "first", "*"): "{temperature: 60, base: KOAc}, the settings of one experiment",
    ("planner", "per_batch"): "{hours: 8}, {sums: {volume: 60}} or {at_most: {temperature: 1}}",
    ("planner", "per_batch", "at_most"): "{temperature: 1}, by the names of parameters",
    ("planner", "per_batch", "sums"): "{volume: 60}, by the names of numbers",
    ("laboratory", "limits"): "{temperature: {at_most: 80}}, by the names of parameters",
    ("general",): "{over: [bromide], by: mean}",
    ("general", "weights"): "{bromide: {pyridyl: 3}}, by the names of the scope's parameters",
    ("general", "weights", "*"): "{pyridyl: 3}, by the names of options",
    ("prior",): "{yield: {ligand: [best, next]}}, by the names of targets and parameters",
    ("prior", "*"): "{ligand: [best, next]}, by the names of parameters below that of their target",
    ("analysis",): "{yield: {...}}, by the names of targets",
    ("space", "*", "costs"): "{cheap: 1, real: 20}, by the names of options",
    ("costs", "prices"): "{ligand: EUR}, by parameter the column of its table",
    ("costs", "options"): "{ligand: {XPhos: 12}}, by the names of parameters and of their options",
    ("costs", "once"): "{ligand: {XPhos: 85}}, by the names of parameters and of their options",
    ("costs", "per"): "{ligand: loading}, by parameter the number whose unit the prices of its options are of",
    ("costs", "amounts"): "{additive: 0.4}, by the names of numbers; of a mixture {solvents: {water: 0, DMSO: 3}}",
    ("costs", "switch"): "{temperature: {hours: 1}}, by the names of parameters",
    ("space", "*", "options"): "{KOAc: 'CC(=O)[O-].[K+]', none: null}; names without structures are of type: category",
    ("space", "*", "when"): "{base: KOAc}, by the names of parameters",
    ("space", "*", "unless"): "{base: KOAc}, by the names of parameters",
    ("constraints", "*", "exclude"): "{base: KOAc, gas: [N2, air]}, by the names of parameters",
    ("constraints", "*", "when"): "{base: KOAc}, by the names of parameters",
    ("constraints", "*", "require"): "{gas: [N2, air]}, by the names of parameters",
    ("constraints", "*", "where"): "{temperature: {above: 80}}, by the names of numbers",
    ("constraints", "*", "where", "*"): "{above: 80}, with at_least, at_most, above or below",
    ("constraints", "*", "sum"): "{water: 1, ethanol: 0.5}, a weight by the name of each number",
    ("plate", "share"): "{temperature: block}, by the names of parameters",
    ("plate", "at_most"): "{ligand: 3}, by the names of parameters",
    ("plate", "controls", "settings"): "{ligand: XPhos, base: KOAc}, by the names of parameters",
}


_MISSING: Final[Mapping[Path, str]] = {
    ("campaign",): "campaign: NAME, what the record calls it",
    ("space",): "what may be varied, such as space: {base: {type: category, options: [KOAc, CsOAc]}}",
    ("objective",): "what is measured, such as objective: {yield: {goal: maximize, unit: '%'}}",
    ("laboratory",): "who runs the experiments, such as laboratory: {adapter: manual}",
    ("laboratory", "adapter"): "one of those that hakken lab list shows, such as adapter: manual",
    ("objective", "*", "goal"): "goal: maximize, minimize or match, or keep where only its threshold counts",
    ("derived", "*", "goal"): "goal: maximize, minimize or match, or keep where only its threshold counts",
    ("derived", "*", "expression"): "a formula of targets and numbers, such as expression: yield / time",
}


def missing_example(path: Path) -> str:
    """What may stand at a key that has to be there and is not; "" where its name says it."""
    places = (p for p in _MISSING if len(p) == len(path))
    return next((_MISSING[p] for p in places if all(a in ("*", b) for a, b in zip(p, path, strict=True))), "")


def elsewhere(path: Path) -> str:
    """In which other part of the file a key is known, in brackets; "" where it is in none.

    Of a key that stands in a block of a section that section alone is looked through: elsewhere it would mean more.
    """
    here, key = path[:-1], path[-1]
    sections: dict[Path, type[BaseModel]] = {(name,): model for name, model in _KEYS_OF.items()}
    if here and here not in {*sections, *_BLOCKS}:
        return ""
    if here and key in CampaignSpec.model_fields:
        return " (it stands at the left margin, in no other entry)"
    for word in (*our_words(key), key):
        for places in (sections, _BLOCKS):
            near = {p: model for p, model in places.items() if p != here and (len(here) < 2 or p[0] == here[0])}
            found = [_said(place) for place, model in near.items() if word in model.model_fields]
            if found:
                return f" (it belongs under {' or '.join(found)}{f' as {word}' if word != key else ''})"
    return ""


def in_recipe_or_stop(path: Path) -> str:
    """Of a key that is known in a recipe, or in a rule of ``stop`` alone, that it belongs there, in brackets; else "".

    What stands in the blocks of a recipe is looked for from within the recipe only: its words are everybody's.
    """
    here, key = path[:-1], path[-1]
    if here != ("recipe",) and key in RecipeSpec.model_fields:
        return " (it belongs under recipe:)"
    if key in StopSpec.model_fields.keys() - TargetSpec.model_fields.keys() - {"target"}:
        return "" if here[:1] == ("stop",) else " (it belongs to a rule under stop:)"
    if here[:1] != ("recipe",):
        return ""
    places = [block for block, (model,) in _RECIPE.items() if block != here[1:2] and key in model.model_fields]
    return f" (it belongs under {' or '.join(_said(('recipe', block)) for block in places)})" if places else ""


def _said(place: Path) -> str:
    """A part of the file by the keys that lead to it, the innermost first."""
    return " in ".join(f"{part}:" for part in reversed(place))


def entries(path: Path, raw: Path) -> str:
    """An example of what may stand at ``path``, or the keys that are known there."""
    for place, example in _EXAMPLES.items():
        if len(place) == len(path) and all(p in ("*", q) for p, q in zip(place, path, strict=True)):
            return f"such as {example}"
    known = sorted(known_keys((*path, ""), (*raw, ""))) if len(path) > 1 or path[0] in _SECTIONS else []
    return f"known here: {', '.join(known)}" if known else "in braces or indented below it"


def known_keys(path: Path, raw: Path) -> set[str]:
    """What may be written at ``path``; ``raw`` also says which kind of parameter or constraint it is."""
    head = path[0] if len(path) > 1 else None
    tags = [str(p) for p in raw[2:-1] if p in TAGS]
    of_kind = [KINDS.get(t) or CONSTRAINT_KINDS[t.removesuffix(" constraint")] for t in tags[-1:]]
    if head == "space" and len(path) >= 4 and path[-2] in _INSIDE:
        return set(_INSIDE[path[-2]].model_fields)
    if head == "space" and "filters" in path[2:-2]:
        return set(RangeSpec.model_fields)
    models: dict[Any, list[type[BaseModel]]] = {
        None: [CampaignSpec],
        "space": [ReagentsSpec] if "reagents" in path[2:-1] else of_kind,
        "constraints": [RangeSpec] if "where" in path[2:-1] else of_kind,
        "objective": [TargetSpec],
        "derived": [DerivedTargetSpec],
        "general": [GeneralSpec],
        "planner": _PLANNER.get(path[1] if len(path) > 2 else None, [PlannerSpec]),
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
