"""Reactions of the Open Reaction Database as rows: who took part in which role, how much, under which conditions."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np

from flows.exporting.ord_messages import BARE, NEGATIVE, OURS, SETTING
from flows.importing.foreign import NAMES_ONLY, Entry, Foreign, Reading, Result, Setting, label_of
from flows.importing.parameters import Names, category, component, number
from flows.importing.source import Source
from loop.errors import UnitError, did_you_mean
from loop.units import convert
from loop.wording import plural

Slot: TypeAlias = tuple[str, str, int]  # the input's key, the role, and which of several
Quantity: TypeAlias = tuple[float, str]  # a number and its unit

_UNITS: Final = {
    "KILOGRAM": "kg", "GRAM": "g", "MILLIGRAM": "mg", "MICROGRAM": "ug", "MOLE": "mol", "MILLIMOLE": "mmol",
    "MICROMOLE": "umol", "NANOMOLE": "nmol", "LITER": "L", "MILLILITER": "mL", "MICROLITER": "uL", "NANOLITER": "nL",
    "DAY": "day", "HOUR": "h", "MINUTE": "min", "SECOND": "s", "CELSIUS": "degC", "FAHRENHEIT": "degF", "KELVIN": "K",
    "BAR": "bar", "ATMOSPHERE": "atm", "PSI": "psi", "KPSI": "kpsi", "PASCAL": "Pa", "KILOPASCAL": "kPa",
    "TORR": "torr",
    "MM_HG": "mmHg",
}  # fmt: skip
_NOTHING: Final = "none"
_LIMIT: Final = re.compile(r"([<>])\s*(\d+(?:\.\d+)?)")
_UNIT: Final = re.compile(r"\s*\[[^\]]*\]$")  # of a target that hakken wrote
_SPARED: Final = 1 / 3  # of the reactions: so many may be left out for what they do not say, and no more
_SHOWN: Final = 5  # reactions that a sentence names
_READ: Final = {  # fields that are read; what else a reaction has is listed
    "": {"inputs", "conditions", "outcomes", "reaction_id"},
    "inputs": {"components"},
    "inputs.amount": {"mass", "moles", "volume", "volume_includes_solutes"},
    "conditions": {"temperature", "pressure", "stirring", "ph"},
    "outcomes": {"reaction_time", "conversion", "products"},
}


@dataclass
class _Row:
    """One outcome of one reaction."""

    place: str
    compounds: dict[Slot, tuple[str, str | None]] = field(default_factory=dict)  # label and SMILES
    amounts: dict[Slot, Quantity] = field(default_factory=dict)
    conditions: dict[str, Quantity] = field(default_factory=dict)
    targets: dict[str, Reading] = field(default_factory=dict)
    negative: str = ""  # why the answer was no
    is_ours: bool = False  # written by hakken export
    others: set[str] = field(default_factory=set)  # what was measured in other units than per cent
    further: set[str] = field(default_factory=set)  # what was measured more than once, and is read once
    has_more: bool = False  # values of further products
    is_guessed: bool = False  # which of several products is meant is not said


def campaign_of(source: Source, reactions: Sequence[Any], *, name: str, description: str) -> Foreign:
    """The campaign that the reactions make: what varies among them is a parameter. Raises ``ImportFault``."""
    rows = [row for i, reaction in enumerate(reactions, start=1) for row in _rows(reaction, i)]
    left: list[str] = []
    targets = _targets(source, rows, left)
    names = Names()
    built = _Parameters(rows, names, left, source.ignore)
    if unknown := [name for name in source.ignore if name not in built.quantities]:
        known = f"{did_you_mean(unknown[0], built.quantities)}; it has {', '.join(built.quantities)}"
        raise source.fault(f"--ignore {unknown[0]}: no amount or condition is called so{known}")
    if not built.entries:
        alike = "all reactions have the same inputs and conditions" if len(rows) > 1 else "it has one reaction"
        raise source.fault(f"{alike}, so nothing says what may be varied; give reactions that differ in something")
    results, pending = [], []
    for i, (row, settings) in enumerate(zip(rows, built.settings, strict=True)):
        if i in built.lacking:
            continue
        readings = {names[t]: row.targets[t] for t in targets if t in row.targets}
        if readings or row.negative:
            outcome = "negative" if row.negative else ""
            results.append(Result(row.place, settings, readings, outcome, row.negative))
        else:
            pending.append(f"{row.place}: {label_of(settings)}")
    wanted = {"unit": "%", "low": 0.0, "high": 100.0}
    entries = [_target(names, t, source.goal_unsaid(t), rows, wanted) for t in targets]
    left += _unread(reactions)
    if n := sum(row.is_guessed for row in rows):
        built.notes.append(f"no product of {plural(n, 'reaction')} is marked as the desired one: the first is taken")
    return Foreign(
        format="ord",
        described=f"{plural(len(reactions), 'reaction')} of the Open Reaction Database",
        name=name,
        description=description,
        parameters=tuple(built.entries),
        constraints=_mixtures(built.entries, built.settings) if all(row.is_ours for row in rows) else (),
        targets=tuple(entries),
        results=tuple(results),
        pending=tuple(pending),
        left=tuple(left),
        notes=tuple(built.notes),
    )


def _mixtures(parameters: Sequence[Entry], settings: Sequence[Mapping[str, Setting]]) -> tuple[Entry, ...]:
    """What parts of a mixture that hakken wrote sum to, since each is a number of its own in the record."""
    parts: dict[str, list[str]] = {}
    for parameter in parameters:
        mixture, dot, _ = parameter.name.partition(".")
        if dot and parameter.keys["type"] == "number":
            parts.setdefault(mixture, []).append(parameter.name)
    found = []
    for mixture, names in parts.items():
        totals = {round(sum(float(row.get(name, 0.0)) for name in names), 6) for row in settings}
        if len(names) > 1 and len(totals) == 1:
            rule = {"sum": dict.fromkeys(names, 1.0), "equals": totals.pop()}
            found.append(Entry("", rule, (f"parts of the mixture {mixture}",)))
    return tuple(found)


def exact32(number: float) -> float:
    """The shortest number that is the same in 32 bits, which is what the record keeps: 0.1 and not 0.10000000149."""
    return float(str(np.float32(number)))


def _rows(reaction: Any, number_: int) -> Iterable[_Row]:
    outcomes = list(reaction.outcomes) or [None]
    called = reaction.reaction_id or f"reaction {number_}"
    for i, outcome in enumerate(outcomes, start=1):
        row = _Row(called if len(outcomes) == 1 else f"{called} outcome {i}")
        for key, given in sorted(reaction.inputs.items()):
            count: Counter[str] = Counter()
            for compound in given.components:
                role = _enum(compound, "reaction_role").lower().replace("unspecified", "input")
                slot = (key, role, count[role])
                count[role] += 1
                row.compounds[slot] = _substance(compound)
                if (amount := _amount(compound.amount)) is not None:
                    row.amounts[slot] = amount
        _conditions(reaction.conditions, row)
        _metadata(reaction.provenance, row)
        if outcome is not None:
            _outcome(outcome, row)
        yield row


def _conditions(conditions: Any, row: _Row) -> None:
    if (found := _quantity(conditions.temperature, "setpoint")) is not None:
        row.conditions["temperature"] = found
    if (found := _quantity(conditions.pressure, "setpoint")) is not None:
        row.conditions["pressure"] = found
    if conditions.stirring.rate.rpm:
        row.conditions["stirring"] = (exact32(conditions.stirring.rate.rpm), "rpm")
    if conditions.HasField("ph"):
        row.conditions["pH"] = (exact32(conditions.ph), "")


def _metadata(provenance: Any, row: _Row) -> None:
    """What hakken wrote that is no field of the schema: further settings, and that a result is negative."""
    row.is_ours = provenance.record_created.details == OURS
    for key, data in sorted(provenance.reaction_metadata.items()):
        kind = data.WhichOneof("kind")
        if key == NEGATIVE and kind == "string_value":
            row.negative = data.string_value
        elif key.startswith(SETTING) and kind == "float_value":
            unit, name = "" if data.description == BARE else data.description, key.removeprefix(SETTING)
            row.conditions[name] = (exact32(data.float_value), unit)
            row.compounds = {slot: said for slot, said in row.compounds.items() if slot[0] != name}  # a mixture's part
        elif key.startswith(SETTING) and kind == "string_value":
            row.compounds[key.removeprefix(SETTING), "input", 0] = (data.string_value, None)


def _outcome(outcome: Any, row: _Row) -> None:
    if (found := _quantity(outcome, "reaction_time")) is not None:
        row.conditions["time"] = found
    if outcome.HasField("conversion") and outcome.conversion.HasField("value"):
        row.targets["conversion"] = _percentage(outcome.conversion)
    marked = [p for p in outcome.products if p.is_desired_product]
    desired = marked or list(outcome.products)[:1]
    row.is_guessed = not marked and len(outcome.products) > 1
    for product in desired[:1]:
        for measurement in product.measurements:
            kind = _kind(measurement, row)
            if measurement.HasField("percentage") and measurement.percentage.HasField("value"):
                value = _percentage(measurement.percentage)
            elif (limit := _LIMIT.fullmatch(measurement.string_value)) and measurement.details.endswith("[%]"):
                value = Reading(float(limit[2]), qualifier=limit[1])
            else:
                if measurement.WhichOneof("value"):
                    row.others.add(kind)
                continue
            if kind in row.targets:
                row.further.add(kind)
            row.targets.setdefault(kind, value)
    row.has_more = any(p.measurements and p not in desired[:1] for p in outcome.products)


def _kind(measurement: Any, row: _Row) -> str:
    """What was measured: by the target's name where hakken wrote it, of a selectivity which, else by its type."""
    kind = _enum(measurement, "type").lower()
    if (kind == "custom" or row.is_ours) and measurement.details.strip():
        return _UNIT.sub("", measurement.details).strip()
    which = _enum(measurement.selectivity, "type").lower() if kind == "selectivity" else ""
    return which if which not in ("", "unspecified", "custom") else kind


def _percentage(message: Any) -> Reading:
    sd = exact32(message.precision) if message.HasField("precision") else None
    return Reading(exact32(message.value), sd)


def _quantity(message: Any, name: str) -> Quantity | None:
    """A value with its unit in a field; None where it is not given."""
    if not message.HasField(name):
        return None
    found = getattr(message, name)
    unit = _UNITS.get(_enum(found, "units"))
    if unit is None or not found.HasField("value") or not math.isfinite(found.value):
        return None
    return exact32(found.value), unit


def _amount(amount: Any) -> Quantity | None:
    kind = amount.WhichOneof("kind")
    return _quantity(amount, kind) if kind in ("mass", "moles", "volume") else None


def _substance(compound: Any) -> tuple[str, str | None]:
    """Label and SMILES: the name where there is one, else the structure."""
    said = {_enum(i, "type"): i.value for i in reversed(compound.identifiers)}
    smiles = said.get("SMILES")
    label = said.get("NAME") or said.get("IUPAC_NAME") or smiles or next(iter(said.values()), "unnamed")
    return label, smiles


def _enum(message: Any, name: str) -> str:
    value = message.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number.get(getattr(message, name))
    return value.name if value is not None else "UNSPECIFIED"


def _targets(source: Source, rows: Sequence[_Row], left: list[str]) -> list[str]:
    """What is measured: the yield, or the conversion where there is none, or what the person names."""
    counts = Counter(target for row in rows for target in row.targets)
    if not counts:
        kinds = dict.fromkeys(kind for row in rows for kind in sorted(row.others))
        others = f"; {', '.join(kinds)} in other units is not read" if kinds else ""
        further = "; products that are not marked as desired have values" if any(row.has_more for row in rows) else ""
        raise source.fault(
            f"no reaction has a yield or a conversion in per cent, so nothing was measured{others}{further}"
        )
    source.check_goals(list(counts))
    known = [t for t in ("yield", "conversion", "selectivity", "ee", "purity", "area") if t in counts] or list(counts)
    chosen = list(source.goals) or known[:1]
    for target, n in counts.items():
        if target not in chosen:
            left.append(f"{target} of {plural(n, 'reaction')}: --target {shlex.quote(target)} makes it a target")
    for kind, n in Counter(kind for row in rows for kind in sorted(row.others)).items():
        left.append(f"{kind} of {plural(n, 'reaction')}, which is not in per cent")
    for kind, n in Counter(kind for row in rows for kind in sorted(row.further)).items():
        left.append(f"further values of {kind} of {plural(n, 'reaction')}: the first of each is taken")
    if n := sum(row.has_more for row in rows):
        left.append(f"what was measured of further products of {plural(n, 'reaction')}")
    return chosen


def _target(names: Names, target: str, goal: str, rows: Sequence[_Row], wanted: Mapping[str, Any]) -> Entry:
    """A target in per cent, between 0 and 100 unless a value lies beyond."""
    values = [row.targets[target].value for row in rows if target in row.targets]
    keys = {k: v for k, v in wanted.items() if k == "unit" or all(0 <= value <= 100 for value in values)}
    return Entry(names[target], {"goal": goal} | keys, names.comments(target))


class _Parameters:
    """Parameters for what varies, and every row's settings; what is the same everywhere is only said."""

    def __init__(self, rows: Sequence[_Row], names: Names, left: list[str], ignored: Collection[str]) -> None:
        self.quantities: list[str] = []  # everything that a number says, varied or not
        self.lacking: set[int] = set()  # rows that do not say what is a parameter
        self._ignored = ignored
        self.entries: list[Entry] = []
        self.notes: list[str] = []
        self.settings: list[dict[str, Setting]] = [{} for _ in rows]
        self._rows, self._names, self._left = rows, names, left
        slots = dict.fromkeys(slot for row in rows for slot in row.compounds)
        self._is_ours = all(row.is_ours for row in rows)
        varying = [s for s in slots if len({row.compounds.get(s) for row in rows}) > 1]
        called = _each_another({slot: self._called(slot, varying) for slot in slots}, varying)
        for slot in slots:
            is_varied = slot in varying
            if is_varied:
                self._substance(slot, called[slot])
            else:
                label = next(row.compounds[slot][0] for row in rows if slot in row.compounds)
                left.append(f"{called[slot]}: always {label}")
            amounts = [row.amounts.get(slot) for row in rows]
            there = [slot in row.compounds for row in rows]
            self._quantity(f"{called[slot]} amount", amounts, there, is_gated=is_varied)
        for condition in dict.fromkeys(c for row in rows for c in row.conditions):
            self._quantity(condition, [row.conditions.get(condition) for row in rows], [True] * len(rows))

    def _called(self, slot: Slot, varying: Sequence[Slot]) -> str:
        """The role where only one substance has it, else the input's key, with the role where that is not enough."""
        key, role, _ = slot
        if self._is_ours:  # whose inputs are called as the parameters were
            return key
        same = [s for s in varying if s[0] == key]
        if role != "input" and [s[1] for s in varying].count(role) == 1 and slot in varying:
            return role
        return key if len(same) <= 1 else f"{key} {role}"

    def _substance(self, slot: Slot, called: str) -> None:
        found = [row.compounds.get(slot) for row in self._rows]
        smiles: dict[str, str | None] = {}
        for label, structure in (f for f in found if f is not None):
            if structure is not None and smiles.setdefault(label, structure) != structure:
                smiles[structure] = structure  # one name for two structures: the structure tells them apart
        bare = [f[0] for f in found if f is not None and f[1] is None]
        absent = [_NOTHING] if None in found else []
        if bare:
            labels = list(dict.fromkeys([f[0] for f in found if f is not None])) + absent
            self.entries.append(category(self._names, called, labels, f"{NAMES_ONLY}: {bare[0]!r} has none"))
            meant = {label: label for label in labels}
        else:
            options = smiles | dict.fromkeys(absent)
            made = component(self._names, called, options, role=slot[1] if slot[1] != "input" else "")
            self.entries.append(made.entry)
            meant = dict(made.options)
        for settings, one in zip(self.settings, found, strict=True):
            label = (
                _NOTHING if one is None else one[1] if one[1] is not None and smiles.get(one[0]) != one[1] else one[0]
            )
            settings[self._names[called]] = meant[str(label)]

    def _quantity(
        self, called: str, found: Sequence[Quantity | None], is_there: Sequence[bool], *, is_gated: bool = False
    ) -> None:
        """A number where it varies; with ``is_gated`` the amount of the last parameter, where that is not nothing.

        A few rows may lack it: they are left out, rather than the number of all the others.
        """
        given = [q for q in found if q is not None]
        if not given:
            return
        self.quantities.append(called)
        if called in self._ignored:
            self._left.append(f"{called}: as --ignore says")
            return
        units = Counter(u for _, u in given)
        unit = units.most_common(1)[0][0]
        if other := [f"{n} in {u}" for u, n in units.items() if not _converts(u, unit)]:
            told = " and ".join([f"{units[unit]} in {unit}", *other])
            self._left.append(f"{called}, which is told {told}, and these measure different things")
            return
        values = [None if q is None else _in(q, unit) for q in found]
        distinct = sorted({v for v in values if v is not None})
        without = {i for i, (v, there) in enumerate(zip(values, is_there, strict=True)) if there and v is None}
        have = f"{len(given)} of {sum(is_there)}"
        if len(distinct) == 1:
            only = f", as far as {have} say" if without else ""
            self._left.append(f"{called}: always {distinct[0]:g} {unit}".rstrip() + only)
            return
        if len(self.lacking | without) > _SPARED * len(self._rows):
            self._left.append(f"{called}, which only {have} have")
            return
        if without:
            self.lacking |= without
            some = [self._rows[i].place for i in sorted(without)]
            more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
            self._left.append(
                f"{', '.join(some[:_SHOWN])}{more}: without {called}, which {have} have; --ignore '{called}' leaves "
                "that out instead"
            )
        entry = number(self._names, called, values=distinct, unit=unit)
        name = self._names[called]
        if not all(is_there) and is_gated:
            parent = self.entries[-1]
            keys = dict(entry.keys) | {"unless": {parent.name: _NOTHING}}
            entry = Entry(entry.name, keys, entry.comments)
        self.entries.append(entry)
        for settings, value in zip(self.settings, values, strict=True):
            if value is not None:
                settings[name] = value


def _each_another(called: Mapping[Slot, str], varying: Sequence[Slot]) -> dict[Slot, str]:
    """Names of which no two are alike: several substances of one input go by their roles, and are numbered.

    The one that varies among them keeps its name.
    """
    found = dict(called)
    for longer in ("{} {}", "{} {} {}"):
        counts = Counter(found.values())
        for slot, name in list(found.items()):
            alone = slot in varying and [s for s in varying if found[s] == name] == [slot]
            if counts[name] > 1 and not alone:
                key, role, n = slot
                found[slot] = longer.format(key, role, n + 1)
    return found


def _in(quantity: Quantity, unit: str) -> float:
    value, own = quantity
    return value if own == unit else exact32(convert(value, own, unit))


def _converts(unit: str, to: str) -> bool:
    try:
        convert(1.0, unit, to)
    except UnitError:
        return False
    return True


def _unread(reactions: Sequence[Any]) -> list[str]:
    """Fields that reactions have and that were not read, with how many have each."""
    counts: Counter[str] = Counter()
    for reaction in reactions:
        parts = {
            "": [reaction],
            "inputs": list(reaction.inputs.values()),
            "inputs.amount": [c.amount for given in reaction.inputs.values() for c in given.components],
            "conditions": [reaction.conditions],
            "outcomes": list(reaction.outcomes),
        }
        found = {
            f"{part}.{f.name}".lstrip(".")
            for part, messages in parts.items()
            for message in messages
            for f, _ in message.ListFields()
            if f.name not in _READ[part]
        }
        counts.update(found)
    return [f"{name} of {plural(n, 'reaction')}" for name, n in sorted(counts.items())]
