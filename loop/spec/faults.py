"""What a file says wrongly, as sentences with line, rule and remedy instead of pydantic's errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, get_args

from pydantic import BaseModel

from loop.sheets.cells import has_decimal_comma
from loop.spec.analysis import BlankSpec, CalibrationSpec, MethodSpec, StandardSpec, WindowSpec
from loop.spec.cost_models import CostsSpec, SwitchSpec
from loop.spec.descriptor_models import DescriptorsSpec
from loop.spec.general import GeneralSpec
from loop.spec.library_models import FiltersSpec, RangeSpec, StandardiseSpec
from loop.spec.limits import LimitSpec, SafetySpec
from loop.spec.lines import Lines, Path
from loop.spec.memory import SourceSpec
from loop.spec.models import (
    BudgetSpec,
    CampaignSpec,
    DerivedTargetSpec,
    InitialSpec,
    LaboratorySpec,
    NoiseSpec,
    PlannerSpec,
    StopSpec,
    TargetSpec,
)
from loop.spec.other_words import meant, our_words
from loop.spec.plate import BlocksSpec, ControlsSpec, PlateSpec
from loop.spec.recipe.models import LimitingSpec, RecipeSpec, RuleSpec, StepSpec, StockSpec, VesselSpec
from loop.spec.space_models import CONSTRAINT_KINDS, RANGE, ParameterSpec, ReagentsSpec
from loop.spec.strict import WrongInside

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

_KEYS_OF: Final[Mapping[Any, type[BaseModel]]] = {
    "planner": PlannerSpec,
    "noise": NoiseSpec,
    "budget": BudgetSpec,
    "costs": CostsSpec,
    "plate": PlateSpec,
    "laboratory": LaboratorySpec,
}
_SECTIONS: Final = frozenset({"planner", "noise", "costs", "plate", "general", "recipe"})
_EXAMPLES: Final[Mapping[Path, str]] = {
    ("budget",): "{experiments: 40}",
    ("laboratory",): "{adapter: manual}",
    ("space", "*"): "{type: category, options: [a, b]} or {type: number, low: 20, high: 80, unit: degC}",
    ("objective", "*"): '{goal: maximize, unit: "%"}',
    ("objective", "*", "desirable"): "{from: 20, to: 80}",
    ("derived",): '{productivity: {expression: "yield / time", goal: maximize}}, by the names of targets',
    ("derived", "*"): '{expression: "yield / time", goal: maximize}',
    ("derived", "*", "desirable"): "{from: 20, to: 80}",
    ("space", "*", "parts"): "{water: O, ethanol: CCO}, or a list of names",
    ("planner", "initial"): "{design: spread, experiments: 5}",
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
_RANGES: Final = frozenset({"limits", "bounds", "range", "ranges", "low", "high", "min", "max", "at_least"})
_RULE: Final = '{expression: "temperature * time <= 500"} or {exclude: {base: KOAc}}'
_OPTIONS: Final = frozenset({"when", "unless", "exclude", "require"})  # options of parameters, by name
_WAYS: Final = ("function-", "list[", "constrained", "dict[")  # how pydantic calls ways to read one value ...
_PLAIN_WAYS: Final = frozenset({"str", "float"})  # ... and others, where they come last
_WITH_UNIT: Final = r"([+-]?\d+(?:\.\d+)?)\s*([A-Za-z%\u00b0\u00b5\u03bc\u20ac$].*)"  # a number and its unit, as text
_LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "above {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "below {}"),
}


def all_described(errors: Sequence[Any], lines: Lines) -> list[str]:
    """The errors of ``ValidationError.errors()`` as our sentences; of ways to read one value the one that was meant."""
    ways: dict[Path, list[Any]] = {}
    for error in errors:
        raw = tuple(error["loc"])
        ways.setdefault(next((raw[:i] for i in range(2, len(raw)) if _is_way(raw, i)), raw), []).append(error)
    kept: dict[Path, Any] = {}
    for stem, several in ways.items():
        inside = [e for e in several if len(e["loc"]) > len(stem) + 1 or e["type"] == "value_error"]
        for error in inside or several[:1]:
            kept.setdefault(_in_file(tuple(error["loc"])), error)
    extra = [path for path, error in kept.items() if error["type"] == "extra_forbidden"]
    renamed = {(*path[:-1], word) for path in extra for word in our_words(path[-1])}  # said once, where they stand
    return [described(e, lines) for path, e in kept.items() if e["type"] != "missing" or path not in renamed]


def _is_way(raw: Path, i: int) -> bool:
    """Whether the ``i``-th part of a place is no key of the file but one of several ways to read what is there."""
    return str(raw[i]).startswith(_WAYS) or (raw[i] in _PLAIN_WAYS and i == len(raw) - 1 and i >= 3)


def _in_file(raw: Path) -> Path:
    """The place as the file has it, without what pydantic adds."""
    return tuple(p for i, p in enumerate(raw) if p != "[key]" and not (p in _TAGS and i >= 2) and not _is_way(raw, i))


def described(error: Any, lines: Lines) -> str:
    """One error of ``ValidationError.errors()`` as one of our sentences."""
    raw: Path = tuple(error["loc"])
    path = _in_file(raw)
    kind, context = error["type"], error.get("ctx") or {}
    where = lines.where(path)
    got = error.get("input")
    match kind:
        case "extra_forbidden":
            known = sorted(_known_keys(path, raw))
            is_here = any(word in known for word in our_words(path[-1]))
            hint = (not is_here and _elsewhere(path)) or meant(str(path[-1]), known)
            if re.match(r"\d", str(path[-1])) and got is None:  # {low: 0,5} is low: 0 and an entry 5
                hint = " (a comma parts entries; write decimals with a point)"
            said = f"{where}: unknown key{hint}; known here: {', '.join(known)}{_of_parts(path, raw, got)}"
            return f"{said}; {RANGE}" if path[0] == "constraints" and path[-1] in CONSTRAINT_KINDS else said
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
            if path[0] == "constraints" and not isinstance(got, dict):
                return f"{where}: must be entries KEY: VALUE, such as {_RULE}, got {_shown(got)}"
            if path[0] == "constraints":
                hints = (meant(str(word), CONSTRAINT_KINDS) for word in (got.get("type", ""), *got) if word)
                hint = next(filter(None, hints), "")
                return f"{where}: says nothing of what is not allowed; give one of {', '.join(CONSTRAINT_KINDS)}{hint}"
            if run_on := next((key for key in got or () if re.fullmatch(r"type:\S+", str(key))), None):
                return f"{where}: {run_on!r} is one word; write a blank after the colon, {run_on.replace(':', ': ')}"
            return f"{where}: type is missing; add type: {_SAID_KINDS}"
        case "union_tag_invalid":
            hint = meant(str(context.get("tag")), _KINDS)
            return f"{where}: unknown type {context.get('tag')!r}{hint}; use {_SAID_KINDS}"
        case "string_type" | "value_error" if path[2:3] == ("parts",) and (limits := _of_parts(path, raw, got)):
            return f"{where}: must be a SMILES, got {_shown(got)}{limits}"
        case "value_error":
            wrong = context.get("error", error["msg"])
            return f"{lines.where((*path, *wrong.path)) if isinstance(wrong, WrongInside) else where}: {wrong}"
        case "string_pattern_mismatch":
            return f"{where}: {got!r} is not a usable name; use letters a to z, digits, '_', '-', '.' and spaces"
        case "too_short" | "string_too_short":
            least, has = int(context.get("min_length", 1)), int(context.get("actual_length", 0))
            if has and least > 1:
                return f"{where}: has {has} only; give at least {least}"
            if isinstance(got, str):
                is_structure = len(path) > 2 and path[-2] in ("options", "parts")
                return f"{where}: is empty; {'give a SMILES, or null for nothing' if is_structure else 'write it'}"
            return f"{where}: is empty; give at least {'one' if least == 1 else least}"
        case "finite_number":
            return f"{where}: must be a finite number, got {got}; write a number"
        case "literal_error" | "enum":
            choices = str(context.get("expected", ""))
            hint = meant(str(got), choices.replace(" or ", ", ").replace("'", "").split(", "))
            return f"{where}: {got!r} is not known{hint}; use {choices}"
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            said = f"{where}: must be entries KEY: VALUE, {_entries(path, raw)}, got {_shown(got)}"
            is_file = (
                path[0] == "space" and path[2:] == ("options",) and re.search(r"(?i)\.[a-z]{3,7}(\.gz)?$", str(got))
            )
            return f"{said}; what a file lists is read by file: {got}" if is_file else said
        case "list_type" | "string_type" if len(path) > 1 and _OPTIONS & {str(p) for p in path[-2:-1]}:
            said = f"{where}: must be an option, or a list of options such as [a, b], got {_shown(got)}"
            return f"{said}; {RANGE}" if isinstance(got, dict) and path[0] == "constraints" else said
        case "list_type" if isinstance(got, dict) and len(path) == 3 and path[0] == "space" and path[2] == "options":
            return f"{where}: must be a list of names, such as [a, b], got entries; structures are of type: component"
        case "string_type" if path[2:3] == ("parts",) and got is None:
            return f"{where}: must be a SMILES, got nothing; give it, or write parts as a list of names"
        case "string_type" if path[:3] == ("plate", "controls", "settings") and isinstance(got, dict):
            parts = f"of a mixture give each part, {path[-1]}.PART: 0.5"
            return f"{where}: must be an option or a number, got entries; {parts}"
        case "string_type" if path[0] == "space" and path[2:] == ("smiles",) and isinstance(got, dict):
            return f"{where}: must be the name of a column, got entries; write options: {{NAME: SMILES}}"
        case "string_type":
            is_plain = isinstance(got, int | float | date)
            remedy = "write none, or leave it out" if got is None else "put it in quotes" if is_plain else "correct it"
            return f"{where}: must be text, got {_shown(got)}; {remedy}"
        case "bool_parsing" | "bool_type":
            return f"{where}: must be true or false, got {_shown(got)}; correct it"
        case "list_type" | "tuple_type" | "sequence_type":
            example = "[{a: b}]" if isinstance(got, dict) else "[a, b]"
            return f"{where}: must be a list in square brackets, such as {example}, got {_shown(got)}"
        case "float_parsing" | "float_type" | "int_parsing" | "int_type" | "int_from_float":
            whole = "a whole number" if kind.startswith("int") else "a number"
            has_comma = has_decimal_comma(got) if isinstance(got, str) else got is None and str(path[-1]).isdecimal()
            if isinstance(got, str) and not has_comma and (with_unit := re.fullmatch(_WITH_UNIT, got.strip())):
                share = f"; where 1 is the most, {float(with_unit[1]) / 100:g}" if with_unit[2] == "%" else ""
                return f"{where}: must be {whole}, got {_shown(got)}; write the number alone, {with_unit[1]}{share}"
            point = ", with a point as decimal sign" if has_comma else ""
            remedy = _of_parts(path, raw, got) or f"; correct it{point}"
            return f"{where}: must be {whole}, got {_shown(got)}{remedy}"
        case "invalid_key":
            comma = "; a comma parts entries, so write decimals with a point" if _is_digits(got) else ""
            return f"{where}: {got!r} is no key; write KEY: VALUE, with the key in letters{comma}"
    if kind in _LIMITS:
        key, rule = _LIMITS[kind]
        return f"{where}: must be {rule.format(f'{context[key]:g}')}, got {_shown(got)}; correct it"
    shown = f"{type(got).__name__} {got!r}" if not isinstance(got, dict | list) else type(got).__name__
    message = error["msg"]
    return f"{where}: {message[0].lower() + message[1:]}, got {shown[:80]}; correct it"


def _of_parts(path: Path, raw: Path, got: object) -> str:
    """Where how much of a part of a mixture there may be is written, if that may be meant; else ""."""
    if path[0] != "space" or raw[2:3] != ("mixture",) or len(path) < 3:
        return ""
    kinds = {"parts": dict | list | int | float if path[3:] else (), "at_most": dict | float, "least": dict}.get(
        str(path[2])
    )
    if not (path[2] in _RANGES if kinds is None else isinstance(got, kinds)):
        return ""
    part = path[3] if len(path) > 3 and isinstance(path[3], str) else "PART"
    return f"; how much of a part there may be is a constraint: {{sum: {{{path[1]}.{part}: 1}}, at_most: 0.4}}"


def _elsewhere(path: Path) -> str:
    """In which other part of the file a key is known, in brackets; "" where it is in none."""
    section, key = path[0] if len(path) > 1 else None, path[-1]
    if len(path) > 2 or (section is not None and section not in _KEYS_OF):
        return ""
    if section is not None and key in CampaignSpec.model_fields:
        return " (it stands at the left margin, in no other entry)"
    for word in (*our_words(key), key):
        found = [f"{name}:" for name, model in _KEYS_OF.items() if word in model.model_fields and name != section]
        if found:
            return f" (it belongs under {' or '.join(found)}{f' as {word}' if word != key else ''})"
    return ""


def _shown(got: object) -> str:
    """What was written, short."""
    if isinstance(got, dict | list):
        return "entries" if isinstance(got, dict) else "a list"
    if isinstance(got, date):
        return f"the date {got.isoformat()}"
    return "nothing" if got is None else repr(got)[:80]


def _is_digits(key: object) -> bool:
    return isinstance(key, int) and not isinstance(key, bool)


def _entries(path: Path, raw: Path) -> str:
    """An example of what may stand at ``path``, or the keys that are known there."""
    for place, example in _EXAMPLES.items():
        if len(place) == len(path) and all(p in ("*", q) for p, q in zip(place, path, strict=True)):
            return f"such as {example}"
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
        "constraints": [RangeSpec] if "where" in path[2:-1] else of_kind,
        "objective": [TargetSpec],
        "derived": [DerivedTargetSpec],
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
