"""Conditions as a person writes them: ``ligand=XPhos``, ``ligand!=XPhos``, ``temperature>100``, ``time=10..20``,
``molecule~c1ccncc1``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from loop.circumstances import applying
from loop.errors import MoleculeError, SpaceError, did_you_mean
from loop.record import Json, Settings
from loop.space import Component, Continuous, Discrete, Parameter, Space
from loop.space.checked import check_within, checked, filled

_CONDITION: Final = re.compile(r"\s*(?P<name>[^=<>~]+?)\s*(?P<sign>>=|<=|!=|=|>|<|~)\s*(?P<value>.+?)\s*")
_RANGE: Final = re.compile(r"(?P<low>[^.].*?)\.\.(?P<high>.+)")
_BETWEEN: Final = re.compile(r"[,;&]|\s+(?:and|AND)\s+")
SHOWN: Final = 8  # values of a parameter that a message lists; of more it tells how many there are
SEARCHED: Final = 200_000  # molecules in which a pattern is looked for: some twenty seconds
_ENDS: Final[Mapping[str, str]] = {">=": "at_least", "<=": "at_most", ">": "above", "<": "below"}


class NoRegion(SpaceError):
    """One value of a continuous number, and not of every parameter: neither a region nor a candidate."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was meant: one candidate, where every parameter has one value, or a region."""

    # As a spec's constraint: exclude, where; and by parameter the patterns whose molecules are excluded, and the only
    # values that are not (``but``).
    region: Json
    candidate: Settings | None


def read_candidate(space: Space, changes: Sequence[str], before: Settings | None = None) -> dict[str, str | float]:
    """A candidate of the space: ``before`` with the changes, or all of it from the changes.

    What does not apply with the changes is left out by itself.

    Raises:
        SpaceError: A parameter is unknown or missing, or the candidate lies outside the space; the message says why.
    """
    settings: dict[str, str | float] = dict(before or {})
    changed: dict[str, str | float] = {}
    for text in changes:
        name, sign, value = _split(space, text)
        if sign != "=":
            raise SpaceError(f"{text!r} gives no value; write {name}=VALUE")
        settings[name] = _value(_parameter(space, name), value)
        if changed.setdefault(name, settings[name]) != settings[name]:
            raise SpaceError(f"{name} is given twice, as {changed[name]} and as {settings[name]}; give one value")
    check_within(space, settings)  # before anything is left out
    settings = dict(applying(space, settings, changed)) if before else filled(space, settings)
    return checked(space, settings)


def read_conditions(space: Space, where: Sequence[str]) -> Conditions:
    """All the conditions at once.

    Raises:
        SpaceError: One cannot be read, or names what the space lacks.
    """
    if not where:
        raise SpaceError("no condition is given; write one such as --where ligand=XPhos")
    exclude: dict[str, list[str | float]] = {}
    ranges: dict[str, dict[str, float]] = {}
    patterns: dict[str, list[str]] = {}
    but: dict[str, list[str | float]] = {}
    for text in where:
        name, sign, value = _split(space, text)
        p = _parameter(space, name)
        is_number = isinstance(p, Discrete | Continuous)
        if sign == "!=":
            but.setdefault(name, []).extend(_spared(p, text, value))
        elif sign == "~":
            having = _having(p, value)
            exclude[name] = [option for option in exclude.get(name, having) if option in having]
            patterns.setdefault(name, []).append(value)
        elif sign != "=":
            if not is_number:
                raise SpaceError(f"{text!r} compares {name!r}, which has options; write {name}=OPTION")
            _narrow(ranges.setdefault(name, {}), {_ENDS[sign]: _number(name, value)})
        elif is_number and (match := _RANGE.fullmatch(value)):
            low, high = _number(name, match["low"]), _number(name, match["high"])
            _narrow(ranges.setdefault(name, {}), {"at_least": min(low, high), "at_most": max(low, high)})
        else:
            values = [_value(p, part.strip()) for part in _parts(p, value)]
            if exclude.setdefault(name, values) != values:
                both = ",".join(v if isinstance(v, str) else f"{v:g}" for v in [*exclude[name], *values])
                raise SpaceError(
                    f"{name!r} has two conditions, and no candidate meets both; where either is meant: {name}={both}"
                )
    only = {name: told for name, told in but.items() if name not in exclude}
    for name, told in but.items():
        exclude[name] = _others(_parameter(space, name), exclude.get(name), told)
    is_told = not any(_split(space, text)[1] in ("~", "!=") for text in where)
    if is_told and not ranges and set(exclude) == set(space.names) and all(len(v) == 1 for v in exclude.values()):
        return Conditions({}, read_candidate(space, where))
    if not (ranges or only) and (whole := _whole(space, exclude)) is not None:
        return Conditions({}, checked(space, whole))
    for p in space.parameters:
        if isinstance(p, Continuous) and p.name in exclude:
            _narrow(ranges.setdefault(p.name, {}), _at_an_end(p, exclude.pop(p.name)))
        elif isinstance(p, Discrete) and p.name in exclude:
            _check_values(p, exclude[p.name])
            if p.size == 1:  # which may be a continuous number that a constraint settles
                _narrow(ranges.setdefault(p.name, {}), {"at_least": p.low, "at_most": p.high})
                del exclude[p.name]
    for name, ends in ranges.items():
        if not _has_numbers(ends):
            mine = " and ".join(text for text in where if _split(space, text)[0] == name)
            raise SpaceError(f"no number meets {mine} at once; where either is meant, give each on its own")
    region: dict[str, Any] = {}
    if exclude:
        region["exclude"] = exclude
    if ranges:
        region["where"] = ranges
    if patterns:
        region["patterns"] = patterns
    if only:
        region["but"] = only
    return Conditions(region, None)


def settled_numbers(space: Space, where: Sequence[str]) -> dict[str, float]:
    """The continuous numbers that the conditions give one value each, which hardly a candidate that is drawn has.

    Raises:
        SpaceError: A condition cannot be read, or a value lies outside its parameter.
    """
    found: dict[str, float] = {}
    for text in where:
        name, sign, value = _split(space, text)
        p = _parameter(space, name)
        if sign != "=" or not isinstance(p, Continuous) or _RANGE.fullmatch(value) or len(_parts(p, value)) != 1:
            continue
        found[name] = _number(name, value)
        check_within(space, {name: found[name]})
    return found


def read_change(space: Space, text: str) -> tuple[str, tuple[str | float, str | float] | None]:
    """A parameter, and the two values of it that are held against each other: ``ligand=XPhos,SPhos``; None of a bare
    name.

    Raises:
        SpaceError: There is no such parameter, it never changes by itself, or it is not two values.
    """
    if "=" not in text:
        p = _parameter(space, text.strip())
        _check_changes_alone(space, p)
        return p.name, None
    name, sign, value = _split(space, text)
    p = _parameter(space, name)
    _check_changes_alone(space, p)
    values = [_value(p, part.strip()) for part in _parts(p, value)] if sign == "=" else []
    if len(values) != 2 or values[0] == values[1]:
        raise SpaceError(f"{text!r} does not name two values of {name}; write {name}=ONE,OTHER")
    if isinstance(p, Discrete):
        _check_values(p, values)
    for one in values:
        check_within(space, {name: one})
    return name, (values[0], values[1])


def _check_changes_alone(space: Space, p: Parameter) -> None:
    """Raises ``SpaceError`` for what never changes while all else stays."""
    column = space.names.index(p.name)
    if mixture := next((m for m in space.mixtures if column in m.columns), None):
        raise SpaceError(
            f"{p.name!r} is a part of {mixture.name!r}, whose parts change together, so that no two experiments differ "
            "in it alone; name another parameter"
        )
    if getattr(p, "is_fidelity", False):
        raise SpaceError(f"{p.name!r} tells versions of a measurement apart, of which one counts; name another")


def _spared(p: Parameter, text: str, value: str) -> list[str | float]:
    """The values of ``p`` that ``text``, ``p != value``, has no part in. Raises ``SpaceError`` where it has none."""
    match = _RANGE.fullmatch(value) if isinstance(p, Discrete | Continuous) else None
    ends = sorted(_number(p.name, match[end]) for end in ("low", "high")) if match else []
    if isinstance(p, Continuous):
        third = (p.high - p.low) / 3
        low, high = ends or (p.low + third, p.high - third)
        raise SpaceError(
            f"{text!r} asks for all but some values of {p.name!r}, which is continuous; give what lies below and what "
            f"lies above each on its own, such as {p.name}<{low:g} and, by another command, {p.name}>{high:g}"
        )
    if p.size > SEARCHED:
        raise SpaceError(
            f"{p.name!r} has {p.size:,} molecules, and all but some are told apart in {SEARCHED:,} at most; write a "
            "narrower library into the campaign file"
        )
    if isinstance(p, Discrete) and ends:
        return [v for v in p.values if ends[0] <= v <= ends[1]]
    told = [_value(p, part.strip()) for part in _parts(p, value)]
    if isinstance(p, Discrete):
        _check_values(p, told)
    return told


def _others(p: Parameter, among: Sequence[str | float] | None, told: Sequence[str | float]) -> list[str | float]:
    """What ``p`` has beside ``told``, of ``among`` where that is given. Raises ``SpaceError`` where that is nothing."""
    found = [v for v in (every_value(p) if among is None else among) if v not in told]
    if not found:
        raise SpaceError(f"{p.name!r} has no value but those after !=; name fewer")
    return found


def every_value(p: Parameter) -> tuple[str | float, ...]:
    """The values of a parameter that is not continuous."""
    assert not isinstance(p, Continuous)
    return tuple(p.values) if isinstance(p, Discrete) else tuple(p.options)


def _whole(space: Space, given: Mapping[str, Sequence[str | float]]) -> Settings | None:
    """The candidate that one value each makes: what is not given does not apply, or is a part that nothing is left for.

    None where something is missing.
    """
    if not all(len(values) == 1 for values in given.values()):
        return None
    settings = filled(space, {name: values[0] for name, values in given.items()})
    with suppress(SpaceError):
        space.coordinates(settings)
        return settings
    return None


def unmet(space: Space, region: Json) -> str:
    """What the space has of the first parameter whose conditions no value of it meets, or what does not apply with the
    others; "" where each has some.
    """
    options, ranges = region.get("exclude") or {}, region.get("where") or {}
    for p in space.shown:
        if not isinstance(p, Discrete | Continuous) or p.name not in {*options, *ranges}:
            continue  # options that are not there were refused when they were read
        ends: Mapping[str, float] = ranges.get(p.name) or {}
        if isinstance(p, Discrete):
            among = options.get(p.name)
            if any(meets_ends(v, ends) and (among is None or v in among) for v in p.values):
                continue
            shown = ", ".join(f"{v:g}" for v in p.values)
            many = f"{p.size} values from {p.low:g} to {p.high:g}"
            has = shown if p.size <= SHOWN else many
        else:
            low = max([p.low, *(ends[sign] for sign in ("at_least", "above") if sign in ends)])
            high = min([p.high, *(ends[sign] for sign in ("at_most", "below") if sign in ends)])
            middle = low if low == high else (low + high) / 2
            if (low <= high and meets_ends(middle, ends)) or (p.or_zero and meets_ends(0.0, ends)):
                continue
            has = f"{'0 or ' if p.or_zero else ''}{p.low:g} to {p.high:g}"
        return f"{p.name} has {has} {p.unit}".rstrip()
    return _not_applying(space, options, {*options, *ranges})


def _not_applying(space: Space, options: Mapping[str, Sequence[str | float]], named: Set[str]) -> str:
    """Which of the ``named`` parameters never applies with the ``options`` asked for beside it; "" for none."""

    def asked(column: int) -> set[float]:
        p = space.parameters[column]
        return {p.index(value) for value in options.get(p.name, ())}

    for condition in space.conditions:
        name = space.parameters[condition.column].name
        if name not in named:
            continue
        closed = [c for c, values in condition.when if (these := asked(c)) and not these & values]
        if condition.unless and all((these := asked(c)) and these <= values for c, values in condition.unless):
            closed += [c for c, _ in condition.unless]
        if closed:
            gates = (space.parameters[c].name for c in closed)
            with_it = " and ".join(f"{gate} = {' or '.join(map(str, options[gate]))}" for gate in gates)
            return f"{name} does not apply with {with_it}"
    return ""


def _at_an_end(p: Continuous, values: Sequence[str | float]) -> Mapping[str, float]:
    """What picks an end of a continuous number, or its zero, which candidates do meet."""
    match values:
        case [0.0] if p.or_zero:
            return {"at_most": 0.0}
        case [value] if value == p.low:
            return {"at_least": p.low, "at_most": p.low} if p.or_zero else {"at_most": p.low}
        case [value] if value == p.high:
            return {"at_least": p.high}
    raise NoRegion(
        f"{p.name!r} is continuous, and nobody meets one of its values twice but for its ends; give a range, such as "
        f"{p.name}={p.low:g}..{(p.low + p.high) / 2:g} or {p.name}>{(p.low + p.high) / 2:g}"
    )


def _check_values(p: Discrete, values: Sequence[str | float]) -> None:
    """Raises ``SpaceError`` where a number of the campaign file does not take one of the values."""
    if off := [v for v in values if p.index(v) not in p.values]:
        known = ", ".join(f"{v:g}" for v in p.values[:SHOWN]) + (", ..." if p.size > SHOWN else "")
        raise SpaceError(f"{p.name} = {off[0]:g} is none of its values as the campaign file has it: {known}; use one")


def _narrow(ends: dict[str, float], by: Mapping[str, float]) -> None:
    """Keep what meets both: of two lower ends the larger, of two upper ends the smaller."""
    for sign, value in by.items():
        stricter = max if sign in ("at_least", "above") else min
        ends[sign] = stricter(ends.get(sign, value), value)


def _has_numbers(ends: Mapping[str, float]) -> bool:
    low = max(ends.get("at_least", -math.inf), ends.get("above", -math.inf))
    high = min(ends.get("at_most", math.inf), ends.get("below", math.inf))
    return low < high or (low == high and meets_ends(low, ends))


def meets_ends(value: float, ends: Mapping[str, float]) -> bool:
    """Whether a number lies between the ends of a range."""
    return (
        value >= ends.get("at_least", -math.inf)
        and value <= ends.get("at_most", math.inf)
        and value > ends.get("above", -math.inf)
        and value < ends.get("below", math.inf)
    )


def _split(space: Space, text: str) -> tuple[str, str, str]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SpaceError(f"{text!r} is no condition; write PARAMETER=VALUE, such as {space.shown_names[0]}=...")
    _check_single(space, text, match["name"], match["value"])
    if match["sign"] == "!=" and f"{match['name']}!" in space.names:  # a name may end so
        return f"{match['name']}!", "=", match["value"]
    return match["name"], match["sign"], match["value"]


def _check_single(space: Space, text: str, name: str, value: str) -> None:
    """Refuse several conditions in one: ``a=1,b=2`` would be taken for an option of ``a``."""
    options = () if name not in space.names else getattr(space.parameters[space.names.index(name)], "options", ())
    if value in options:
        return
    found = [match["name"] for part in _BETWEEN.split(value)[1:] if (match := _CONDITION.fullmatch(part))]
    if other := next((n for n in found if n in space.names), None):
        raise SpaceError(
            f"{text!r} holds a condition of {other!r} too; give each as an option --where (in edit --set) of its own"
        )


def _parameter(space: Space, name: str) -> Parameter:
    if name not in space.names:
        known = ", ".join(space.shown_names)
        if any(derived.name == name for derived in space.derived):
            raise SpaceError(
                f"{name!r} follows from others; name what is set, of {known}, or write it into a constraint of the "
                "campaign file"
            )
        raise SpaceError(f"the space has no parameter {name!r}{did_you_mean(name, space.names)}; it has {known}")
    return space.parameters[space.names.index(name)]


def _parts(p: Parameter, value: str) -> list[str]:
    """Several values with commas between them; an option whose name has a comma is one, also among others."""
    pieces, found = value.split(","), list[str]()
    while pieces:
        n = 1
        if not isinstance(p, Discrete | Continuous):  # the longest that is an option
            n = next((k for k in range(len(pieces), 1, -1) if ",".join(pieces[:k]).strip() in p.options), 1)
        found.append(",".join(pieces[:n]))
        pieces = pieces[n:]
    return found


def _value(p: Parameter, text: str) -> str | float:
    if isinstance(p, Discrete | Continuous):
        return _number(p.name, text)
    try:
        return p.value(p.index(text))
    except SpaceError:  # names the likeness of an option; a name without its source, or a structure, may be meant
        if isinstance(p, Component) and p.united is not None and (name := p.united.meant(text)) is not None:
            return p.value(p.index(name))
        if not isinstance(p, Component) or (meant := _of_structure(p, text)) is None:
            raise
        return meant


def _having(p: Parameter, smarts: str) -> list[str]:
    """The options whose structures have a pattern. Raises ``SpaceError`` where none has, or it is no pattern."""
    from loop.molecules.filters import having  # RDKit: only where a pattern is given

    if not isinstance(p, Component):
        raise SpaceError(f"{p.name!r} has no structures, of which {smarts!r} could be a part; write {p.name}=VALUE")
    if p.size > SEARCHED:
        raise SpaceError(
            f"{p.name!r} has {p.size:,} molecules, and patterns are looked for in {SEARCHED:,} at most; write forbid "
            "of its filters in the campaign file"
        )
    try:
        found = having(p.smiles, smarts)
    except MoleculeError as error:
        raise SpaceError(str(error)) from None
    if not found:
        raise SpaceError(f"no structure of {p.name!r} has the pattern {smarts}; correct it")
    return [p.options[i] for i in found]


def _of_structure(p: Component, text: str) -> str | None:
    """The option with the structure of a SMILES; None where there is none, or the text is no SMILES."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where the text is no label

    with suppress(MoleculeError):
        if (smiles := canonical_smiles(text)) in p.smiles:
            return p.options[p.smiles.index(smiles)]
    return None


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SpaceError(f"{name} = {text!r} is not a number; give it in the parameter's unit, without the unit")
    return number
