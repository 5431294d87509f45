"""Parameters in hakken's words: names that a campaign file can have, options, substances and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any, Final

from flows.cli.starting.columns import read_header
from flows.cli.starting.yaml_text import exact
from flows.engine.people.rows import IGNORED, PLAIN
from flows.importing.foreign import NAMES_ONLY, Entry
from flows.importing.source import ImportFault
from loop.errors import MoleculeError, UnitError
from loop.space.expressions import CONSTANTS
from loop.units import check_unit

_TAKEN: Final = PLAIN | IGNORED  # columns of a told table that hold something else
FEW_STEPS: Final = 60  # up to so many values are written one by one, where the source rounds its steps otherwise
MOST_STEPS: Final = 100_000  # as loop.spec.building has it: with more, a number is continuous


@dataclass
class Names:
    """Names of a source as a campaign file can have them; each different, and found again by the source's name."""

    units: dict[str, str] = field(default_factory=dict)  # read from names such as "temperature [degC]"
    kind: str = ""  # what is named; a parameter and a target may have one name where they come from
    _given: dict[tuple[str, str], str] = field(default_factory=dict)

    def of_targets(self) -> Names:
        """The names of targets, each another than those of parameters."""
        return replace(self, kind="target")

    def __getitem__(self, name: str) -> str:
        key = (self.kind, name)
        if key not in self._given:
            usable, unit, _ = read_header(name, len(self._given) + 1)
            while usable in _TAKEN or usable in self._given.values():
                usable += "_"
            self._given[key] = usable
            if unit:
                self.units[name] = unit
        return self._given[key]

    def comments(self, name: str) -> tuple[str, ...]:
        """Says what the source calls it, where that is another name."""
        return (f"called {name!r} where it comes from",) if self[name] != name else ()

    def unit(self, name: str, said: str | None = None) -> tuple[dict[str, str], tuple[str, ...]]:
        """The key ``unit`` where the source names one that hakken knows, and a comment where it does not know it."""
        self[name]
        unit = said or self.units.get(name, "")
        if not unit:
            return {}, ()
        try:
            return {"unit": check_unit(unit)}, ()
        except UnitError:
            return {}, (f"in {unit!r}, a unit that hakken does not know",)


def option(value: object) -> str:
    """An option's label: text as it stands, anything else as Python writes it."""
    return (value.strip() if isinstance(value, str) else repr(value)) or "(empty)"


def expressed(name: str) -> str:
    """A name as an expression has it: in backquotes where it is no plain word, or one that means something else."""
    is_plain = name.isidentifier() and name not in CONSTANTS and (name == "yield" or not iskeyword(name))
    return name if is_plain else f"`{name}`"


def added(terms: Sequence[tuple[str, float]]) -> str:
    """A weighted sum as an expression has it: ``a - 2 * b``."""
    text = ""
    for name, weight in terms:
        sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
        text += sign + ("" if abs(weight) == 1.0 else f"{exact(abs(weight))} * ") + expressed(name)
    return text


def options(values: Sequence[object]) -> tuple[list[str], tuple[str, ...]]:
    """A label for each value, all different, and a comment where other things than texts had to be written as text."""
    labels: list[str] = []
    for value in values:
        label = option(value)
        labels.append(label if label not in labels else f"{label} ({type(value).__name__})")
    others = [repr(v) for v in values if not isinstance(v, str)]
    if not others:
        return labels, ()
    said = f"written as text here: {', '.join(others)}"
    if len(values) > 2 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        said += f"; type: number with values: [{', '.join(others)}] lets models see which are near each other"
    return labels, (said,)


def category(names: Names, name: str, values: Sequence[object], *comments: str, ordered: bool = False) -> Entry:
    """A choice between named options; in their order where they have one."""
    labels, said = options(values)
    kind = "ordinal" if ordered and len(labels) > 2 else "category"
    return Entry(names[name], {"type": kind, "options": labels}, (*names.comments(name), *said, *comments))


def number(
    names: Names,
    name: str,
    *comments: str,
    values: Iterable[float] | None = None,
    bounds: tuple[float, float] | None = None,
    step: float | None = None,
    log: bool = False,
    unit: str | None = None,
    seen: Iterable[float] = (),
) -> Entry:
    """A number with its ``values``, or between ``bounds`` in steps or without.

    ``seen`` are values of results: where they lie on one of a few steps up to rounding, the step is written as they
    have it, so that what was tried is known again.

    Raises:
        ImportFault: A value or a bound is not finite.
    """
    values = None if values is None else list(values)
    if odd := [v for v in (*(values or ()), *(bounds or ())) if not math.isfinite(float(v))]:
        raise ImportFault(
            f"parameter {name!r} goes to {float(odd[0]):g}, and a campaign needs finite values and bounds; bound "
            "it where it comes from, and save it anew"
        )
    keys: dict[str, Any] = {"type": "number"}
    said = list(names.comments(name))
    if values is not None:
        keys["values"] = sorted({float(v) for v in values})
    else:
        assert bounds is not None
        low, high = map(float, bounds)
        if low == high:
            keys["values"] = [low]
        elif step is None or (high - low) / step > MOST_STEPS:
            keys |= {"low": low, "high": high}
            if step is not None:
                said.append(f"in steps of {step:g} where it comes from, too many to count: round what is proposed")
        else:
            keys |= _stepped(low, high, step, seen)
    if log and min(keys.get("values", [keys.get("low", 0.0)])) > 0:
        keys["scale"] = "log"
    elif log:
        said.append("on a log scale where it comes from; from zero on hakken has none")
    found, unknown = names.unit(name, unit)
    return Entry(names[name], keys | found, (*said, *unknown, *comments))


def grid_of(low: float, high: float, step: float) -> list[float]:
    """The values from low to high in steps, rounded as a campaign's steps are."""
    return [round(low + i * step, 12) for i in range(math.floor((high - low) / step + 1e-8) + 1)]


def _stepped(low: float, high: float, step: float, seen: Iterable[float]) -> dict[str, Any]:
    grid = grid_of(low, high, step)
    off: dict[int, float] = {}
    for value in seen:
        k = round((value - low) / step)
        if 0 <= k < len(grid) and value != grid[k] and abs(value - grid[k]) <= 1e-9 * max(1.0, abs(value)):
            off[k] = value
    if (not off or len(grid) > FEW_STEPS) and abs(grid[-1] - high) <= 1e-9 * max(1.0, abs(high)):
        return {"low": low, "high": high, "step": step}
    return {"values": [off.get(k, v) for k, v in enumerate(grid)]}


@dataclass(frozen=True)
class Substances:
    """A component, and which of its options each label of the source means."""

    entry: Entry
    options: Mapping[str, str]


def component(names: Names, name: str, smiles: Mapping[str, str | None], *comments: str, role: str = "") -> Substances:
    """A choice between substances. One molecule under two labels is one option; without readable structures it is
    a choice between names, and a comment says so."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where there are structures

    kept: dict[str, str | None] = {}
    meant: dict[str, str] = {}
    first: dict[str | None, str] = {}
    said: list[str] = []
    for label, structure in smiles.items():
        try:
            canonical = None if structure is None else canonical_smiles(structure)
        except MoleculeError as error:
            entry = category(names, name, list(smiles), f"{NAMES_ONLY}: option {label!r}: {error}", *comments)
            return Substances(entry, {one: option(one) for one in smiles})
        if canonical in first:
            said.append(f"{label!r} is the same molecule as {first[canonical]!r}, which stands for both")
        else:
            first[canonical] = option(label)
            kept[option(label)] = structure
        meant[label] = first[canonical]
    keys: dict[str, Any] = {"type": "component"} | ({"role": role} if role else {}) | {"options": kept}
    return Substances(Entry(names[name], keys, (*names.comments(name), *said, *comments)), meant)
