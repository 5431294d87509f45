"""What a file says wrongly, as sentences with line, rule and remedy instead of pydantic's errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from loop.sheets.cells import has_decimal_comma
from loop.spec.known_keys import (
    KINDS,
    SAID_KINDS,
    TAGS,
    elsewhere,
    entries,
    in_recipe_or_stop,
    known_keys,
    missing_example,
)
from loop.spec.lines import Lines, Path
from loop.spec.other_words import meant, our_words
from loop.spec.space_models import CONSTRAINT_KINDS, RANGE
from loop.spec.strict import WrongInside

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
    return tuple(p for i, p in enumerate(raw) if p != "[key]" and not (p in TAGS and i >= 2) and not _is_way(raw, i))


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of pydantic.

    Attributes:
        kind: The rule that is broken, as pydantic calls it.
        path: Where, as the file has it.
        raw: The same with what pydantic adds, such as which kind of parameter it is.
        where: The same for people, with the line.
        got: What stands there.
        context: What the rule is made of, such as its limits.
        message: What pydantic says of it.
        lines: The lines of all places.
    """

    kind: str
    path: Path
    raw: Path
    where: str
    got: Any
    context: Mapping[str, Any]
    message: str
    lines: Lines


def described(error: Any, lines: Lines) -> str:
    """One error of ``ValidationError.errors()`` as one of our sentences."""
    raw: Path = tuple(error["loc"])
    path = _in_file(raw)
    context = error.get("ctx") or {}
    fault = Fault(error["type"], path, raw, lines.where(path), error.get("input"), context, error["msg"], lines)
    return _SAID.get(fault.kind, _otherwise)(fault)


def _unknown_key(f: Fault) -> str:
    known = sorted(known_keys(f.path, f.raw))
    is_here = any(word in known for word in our_words(f.path[-1]))
    hint = (not is_here and elsewhere(f.path)) or meant(str(f.path[-1]), known) or in_recipe_or_stop(f.path)
    if re.match(r"\d", str(f.path[-1])) and f.got is None:  # {low: 0,5} is low: 0 and an entry 5
        hint = " (a comma parts entries; write decimals with a point)"
    if f.path[0] == "objective" and f.path[2:] == ("type",):
        hint = " (levels: [...] make a target ordinal, classes: [...] one of classes; a number needs neither)"
    if f.path[0] == "space" and f.raw[2:3] == ("molecule",) and f.path[2:] == ("descriptors",):
        hint = " (those of a library are computed; of your own are those of type: component, which has options)"
    said = f"{f.where}: unknown key{hint}; known here: {', '.join(known)}{_of_parts(f)}"
    return f"{said}; {RANGE}" if f.path[0] == "constraints" and f.path[-1] in CONSTRAINT_KINDS else said


def _missing(f: Fault) -> str:
    return f"{f.where}: is missing; add {missing_example(f.path) or 'it'}"


def _without_type(f: Fault) -> str:
    """Nothing says which kind of parameter or of constraint it is."""
    if f.path[0] == "space" and "union" in f.raw[2:3]:
        return f"{f.where}: type is missing; add type: molecule or products"
    if f.path[0] == "constraints" and not isinstance(f.got, dict):
        is_formula = isinstance(f.got, str) and re.search(r"[<>]|==", f.got) and '"' not in f.got
        rule = f'{{expression: "{f.got}"}}' if is_formula else f"such as {_RULE}"
        return f"{f.where}: must be entries KEY: VALUE, {rule}, got {_shown(f.got)}"
    if f.path[0] == "constraints":
        hints = (meant(str(word), CONSTRAINT_KINDS) for word in (f.got.get("type", ""), *f.got) if word)
        hint = _named_by_key(f.got) or next(filter(None, hints), "")
        return f"{f.where}: says nothing of what is not allowed; give one of {', '.join(CONSTRAINT_KINDS)}{hint}"
    if run_on := next((key for key in f.got or () if re.fullmatch(r"type:\S+", str(key))), None):
        return f"{f.where}: {run_on!r} is one word; write a blank after the colon, {run_on.replace(':', ': ')}"
    return f"{f.where}: type is missing; add type: {SAID_KINDS}"


def _named_by_key(got: Mapping[Any, Any]) -> str:
    """That a constraint's name stands before its rule as a key, in brackets; "" where it does not."""
    name, rule = next(iter(got.items()), ("", None))
    kind = next((key for key in rule if key in CONSTRAINT_KINDS), "") if isinstance(rule, Mapping) else ""
    if len(got) != 1 or not kind:
        return ""
    return f" ({name!r} is no key; a constraint is named by name: {{name: {name}, {kind}: ...}})"


def _unknown_type(f: Fault) -> str:
    tag = f.context.get("tag")
    if f.path[0] == "space" and "union" in f.raw[2:3]:
        return f"{f.where}: type {tag!r} joins no union; use type: molecule or products"
    return f"{f.where}: unknown type {tag!r}{meant(str(tag), KINDS)}; use {SAID_KINDS}"


def _refused(f: Fault) -> str:
    """A check of ours refuses the value and says why."""
    if f.path[2:3] == ("parts",) and (limits := _of_parts(f)):
        return f"{f.where}: must be a SMILES, got {_shown(f.got)}{limits}"
    wrong = f.context.get("error", f.message)
    return f"{f.lines.where((*f.path, *wrong.path)) if isinstance(wrong, WrongInside) else f.where}: {wrong}"


def _no_name(f: Fault) -> str:
    return f"{f.where}: {f.got!r} is not a usable name; use letters a to z, digits, '_', '-', '.' and spaces"


def _too_short(f: Fault) -> str:
    least, has = int(f.context.get("min_length", 1)), int(f.context.get("actual_length", 0))
    if has and least > 1:
        kept = f"; one that is run no more stays, under constraints: - exclude: {{{f.path[1]}: THAT ONE}}"
        return f"{f.where}: has {has} only; give at least {least}{kept * ('fidelity' in f.raw[2:3])}"
    if isinstance(f.got, str):
        is_structure = len(f.path) > 2 and f.path[-2] in ("options", "parts")
        return f"{f.where}: is empty; {'give a SMILES, or null for nothing' if is_structure else 'write it'}"
    return f"{f.where}: is empty; give at least {'one' if least == 1 else least}"


def _infinite(f: Fault) -> str:
    return f"{f.where}: must be a finite number, got {f.got}; write a number"


def _no_choice(f: Fault) -> str:
    choices = str(f.context.get("expected", ""))
    hint = meant(str(f.got), choices.replace(" or ", ", ").replace("'", "").split(", "))
    return f"{f.where}: {f.got!r} is not known{hint}; use {choices}"


def _no_entries(f: Fault) -> str:
    said = f"{f.where}: must be entries KEY: VALUE, {entries(f.path, f.raw)}, got {_shown(f.got)}"
    is_of_options = f.path[0] == "space" and f.path[2:] == ("options",)
    is_file = is_of_options and re.search(r"(?i)\.[a-z]{3,7}(\.gz)?$", str(f.got))
    return f"{said}; what a file lists is read by file: {f.got}" if is_file else said


def _no_list(f: Fault) -> str:
    if said := _no_option(f):
        return said
    if isinstance(f.got, dict) and len(f.path) == 3 and f.path[0] == "space" and f.path[2] == "options":
        return f"{f.where}: must be a list of names, such as [a, b], got entries; structures are of type: component"
    example = "[{a: b}]" if isinstance(f.got, dict) else "[a, b]"
    return f"{f.where}: must be a list in square brackets, such as {example}, got {_shown(f.got)}"


def _no_option(f: Fault) -> str:
    """Where options of a parameter are named, that what stands there is none; else ""."""
    if len(f.path) < 2 or str(f.path[-2]) not in _OPTIONS:
        return ""
    said = f"{f.where}: must be an option, or a list of options such as [a, b], got {_shown(f.got)}"
    return f"{said}; {RANGE}" if isinstance(f.got, dict) and f.path[0] == "constraints" else said


def _no_text(f: Fault) -> str:
    if f.path[2:3] == ("parts",) and (limits := _of_parts(f)):
        return f"{f.where}: must be a SMILES, got {_shown(f.got)}{limits}"
    if said := _no_option(f):
        return said
    if f.path[2:3] == ("parts",) and f.got is None:
        return f"{f.where}: must be a SMILES, got nothing; give it, or write parts as a list of names"
    of_settings = f.path[:3] == ("plate", "controls", "settings") or f.path[:3] == ("planner", "initial", "first")
    if of_settings and isinstance(f.got, dict):
        parts = f"of a mixture give each part, {f.path[-1]}.PART: 0.5"
        return f"{f.where}: must be an option or a number, got entries; {parts}"
    if f.path[0] == "space" and f.path[2:] == ("smiles",) and isinstance(f.got, dict):
        return f"{f.where}: must be the name of a column, got entries; write options: {{NAME: SMILES}}"
    is_plain = isinstance(f.got, int | float | date)
    remedy = "write none, or leave it out" if f.got is None else "put it in quotes" if is_plain else "correct it"
    return f"{f.where}: must be text, got {_shown(f.got)}; {remedy}"


def _neither_true_nor_false(f: Fault) -> str:
    return f"{f.where}: must be true or false, got {_shown(f.got)}; correct it"


def _no_number(f: Fault) -> str:
    got, whole = f.got, "a whole number" if f.kind.startswith("int") else "a number"
    has_comma = has_decimal_comma(got) if isinstance(got, str) else got is None and str(f.path[-1]).isdecimal()
    if isinstance(got, str) and not has_comma and (with_unit := re.fullmatch(_WITH_UNIT, got.strip())):
        share = f"; where 1 is the most, {float(with_unit[1]) / 100:g}" if with_unit[2] == "%" else ""
        return f"{f.where}: must be {whole}, got {_shown(got)}; write the number alone, {with_unit[1]}{share}"
    point = ", with a point as decimal sign" if has_comma else ""
    remedy = _of_parts(f) or f"; correct it{point}"
    return f"{f.where}: must be {whole}, got {_shown(got)}{remedy}"


def _no_key(f: Fault) -> str:
    comma = "; a comma parts entries, so write decimals with a point" if _is_digits(f.got) else ""
    return f"{f.where}: {f.got!r} is no key; write KEY: VALUE, with the key in letters{comma}"


def _beyond(f: Fault) -> str:
    key, rule = _LIMITS[f.kind]
    return f"{f.where}: must be {rule.format(f'{f.context[key]:g}')}, got {_shown(f.got)}; correct it"


def _otherwise(f: Fault) -> str:
    shown = f"{type(f.got).__name__} {f.got!r}" if not isinstance(f.got, dict | list) else type(f.got).__name__
    return f"{f.where}: {f.message[0].lower() + f.message[1:]}, got {shown[:80]}; correct it"


_SAID: Final[Mapping[str, Callable[[Fault], str]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_not_found": _without_type,
    "union_tag_invalid": _unknown_type,
    "value_error": _refused,
    "string_pattern_mismatch": _no_name,
    "finite_number": _infinite,
    "string_type": _no_text,
    "invalid_key": _no_key,
    **dict.fromkeys(("too_short", "string_too_short"), _too_short),
    **dict.fromkeys(("literal_error", "enum"), _no_choice),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), _no_entries),
    **dict.fromkeys(("list_type", "tuple_type", "sequence_type"), _no_list),
    **dict.fromkeys(("bool_parsing", "bool_type"), _neither_true_nor_false),
    **dict.fromkeys(("float_parsing", "float_type", "int_parsing", "int_type", "int_from_float"), _no_number),
    **dict.fromkeys(_LIMITS, _beyond),
}


def _of_parts(f: Fault) -> str:
    """Where how much of a part of a mixture there may be is written, if that may be meant; else ""."""
    if f.path[0] != "space" or f.raw[2:3] != ("mixture",) or len(f.path) < 3:
        return ""
    kinds = {"parts": dict | list | int | float if f.path[3:] else (), "at_most": dict | float, "least": dict}.get(
        str(f.path[2])
    )
    if not (f.path[2] in _RANGES if kinds is None else isinstance(f.got, kinds)):
        return ""
    part = f.path[3] if len(f.path) > 3 and isinstance(f.path[3], str) else "PART"
    return f"; how much of a part there may be is a constraint: {{sum: {{{f.path[1]}.{part}: 1}}, at_most: 0.4}}"


def _shown(got: object) -> str:
    """What was written, short."""
    if isinstance(got, dict | list):
        return "entries" if isinstance(got, dict) else "a list"
    if isinstance(got, date):
        return f"the date {got.isoformat()}"
    return "nothing" if got is None else repr(got)[:80]


def _is_digits(key: object) -> bool:
    return isinstance(key, int) and not isinstance(key, bool)
