"""Constraints of BayBE in hakken's words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flows.importing.foreign import Entry, Setting
from flows.importing.parameters import Names, expressed, option

MANY: Final = 100_000  # sums or products that are counted out
EQUAL: Final = 1e-8  # what BayBE takes for equal where nothing is said
_FILTERS: Final = (  # constraints that do nothing but leave candidates out
    "DiscreteExcludeConstraint",
    "DiscreteSumConstraint",
    "DiscreteProductConstraint",
    "DiscreteCardinalityConstraint",
    "DiscretePermutationInvarianceConstraint",
)
_OF_NO_ORDER: Final = (  # constraints that say the same of all their parameters
    "DiscreteSumConstraint",
    "DiscreteProductConstraint",
    "DiscreteCardinalityConstraint",
    "DiscreteNoLabelDuplicatesConstraint",
)


@dataclass(frozen=True)
class Finite:
    """What a discrete parameter can be, in hakken's labels."""

    values: tuple[Any, ...]
    is_number: bool


@dataclass
class Constraints:
    """Gathers constraints; what has no words goes to ``left``. ``gates`` say when a parameter applies; ``wordless`` is
    said of those that do nothing but leave candidates out, as the list of these may tell what they leave.
    """

    names: Names
    finite: Mapping[str, Finite]
    meant: Mapping[str, Mapping[str, str]]
    left: list[str]
    entries: list[Entry] = field(default_factory=list)
    gates: dict[str, dict[str, list[Setting]]] = field(default_factory=dict)
    beside: Sequence[Mapping[str, Any]] = ()  # all of them that are about discrete parameters
    wordless: list[str] = field(default_factory=list)

    def only(self, name: str, active: Sequence[Setting]) -> None:
        """Of a parameter's options only these are to be tried."""
        idle = [v for v in self.finite[name].values if v not in active]
        self.entries.append(
            Entry(
                f"active {self.names[name]}", {"exclude": {self.names[name]: idle}}, ("not active where it comes from",)
            )
        )

    def add(self, data: Mapping[str, Any], continuous: Mapping[str, Entry] | None = None) -> None:
        """One constraint; ``continuous`` are the parameters of one that is about continuous ones."""
        of = list(data.get("parameters") or ())
        kind = data["type"]
        match kind:
            case "DiscreteExcludeConstraint":
                done = self._excluding(of, data["conditions"], data.get("combiner", "AND"))
            case "DiscreteDependenciesConstraint":
                done = self._gate(of, data["conditions"], data["affected_parameters"])
            case "DiscreteSumConstraint":
                done = self._total(of, data["condition"], is_product=False)
            case "DiscreteProductConstraint":
                done = self._total(of, data["condition"], is_product=True)
            case "DiscreteCardinalityConstraint" | "ContinuousCardinalityConstraint":
                done = self._count(of, data, continuous or {})
            case "DiscreteNoLabelDuplicatesConstraint":
                done = self._different(of)
            case "DiscreteLinkedParametersConstraint":
                done = self._linked(of)
            case "DiscretePermutationInvarianceConstraint":
                done = self._interchangeable(of, data) or (not data.get("dependencies") and self._ordered(of))
            case "ContinuousLinearConstraint" if data.get("interpoint"):
                done = self._of_batches(of, data)
            case "ContinuousLinearConstraint":
                done = self._linear(of, data)
            case _:
                done = False
        if not done:
            said = {k: v for k, v in data.items() if k not in ("type", "parameters") and v is not None}
            to = self.wordless if kind in _FILTERS else self.left
            to.append(f"constraint {kind} of {', '.join(of)} ({said}): mend the campaign file by hand")

    def _meeting(self, name: str, condition: Mapping[str, Any]) -> list[Setting]:
        """The parameter's values that a condition is true of."""
        values = self.finite[name].values
        if condition["type"] == "SubSelectionCondition":
            wanted = list(condition["selection"])
            if self.finite[name].is_number:
                return [v for v in values if v in [float(w) for w in wanted]]
            labels = [self.meant.get(name, {}).get(option(w), option(w)) for w in wanted]
            return [v for v in values if v in labels]
        return [v for v in values if _compares(float(v), condition)]

    def _excluding(self, of: Sequence[str], conditions: Sequence[Mapping[str, Any]], combiner: str) -> bool:
        hits = {name: self._meeting(name, c) for name, c in zip(of, conditions, strict=True)}
        misses = {name: [v for v in self.finite[name].values if v not in hit] for name, hit in hits.items()}
        if combiner == "AND":
            self._exclude(hits)
        elif combiner == "OR":
            for name, hit in hits.items():
                self._exclude({name: hit})
        elif combiner == "XOR" and len(of) == 2:
            a, b = of
            self._exclude({a: hits[a], b: misses[b]})
            self._exclude({a: misses[a], b: hits[b]})
        else:
            return False
        return True

    def _gate(self, of: Sequence[str], conditions: Sequence[Mapping[str, Any]], affected: Any) -> bool:
        for name, condition, dependent in zip(of, conditions, affected, strict=True):
            for one in dependent:
                self.gates.setdefault(one, {})[self.names[name]] = self._meeting(name, condition)
        return True

    def _total(self, of: Sequence[str], condition: Mapping[str, Any], *, is_product: bool) -> bool:
        """A sum or a product; strict comparisons through the totals that there can be."""
        totals = {1.0 if is_product else 0.0}
        for name in of:
            values = self.finite[name].values
            if len(totals) * len(values) > MANY:
                return False
            totals = {round(t * v if is_product else t + v, 12) for t, v in itertools.product(totals, values)}
        inside = [t for t in totals if _compares(t, condition)]
        outside = totals - set(inside)
        if not outside:
            return True
        low, high = min(inside, default=math.inf), max(inside, default=-math.inf)
        if not inside or any(low <= t <= high for t in outside):
            return False
        ends = [("at_least", low)] if min(totals) < low else []
        ends += [("at_most", high)] if max(totals) > high else []
        threshold = float(condition["threshold"])
        ends = [(side, threshold if condition["operator"] in ("<=", ">=") else end) for side, end in ends]
        if is_product:
            product = " * ".join(expressed(self.names[name]) for name in of)
            for side, end in ends:
                text = f"{product} {'>=' if side == 'at_least' else '<='} {end!r}"
                self.entries.append(Entry("", {"expression": text}))
        else:
            self.entries.append(Entry("", {"sum": {self.names[n]: 1.0 for n in of}, **dict(ends)}))
        return True

    def _count(self, of: Sequence[str], data: Mapping[str, Any], continuous: Mapping[str, Entry]) -> bool:
        low, high = data.get("min_cardinality", 0), data.get("max_cardinality", len(of))
        for name in of:
            has_zero = continuous[name].keys.get("low") == 0 if name in continuous else 0.0 in self.finite[name].values
            if not has_zero:
                return False
        ends = {"at_least": low} if low > 0 else {}
        ends |= {"at_most": high} if high < len(of) else {}
        if ends:
            self.entries.append(Entry("", {"count": [self.names[n] for n in of], **ends}))
        if continuous and data.get("relative_threshold"):
            share = data["relative_threshold"]
            self.left.append(f"that {', '.join(of)} count as used only from {share:g} of their range on")
        return True

    def _different(self, of: Sequence[str]) -> bool:
        for a, b in itertools.combinations(of, 2):
            for label in self._common(a, b):
                self._exclude({a: [label], b: [label]}, "no label twice")
        return True

    def _linked(self, of: Sequence[str]) -> bool:
        for a, b in itertools.pairwise(of):
            for label in self.finite[a].values:
                if label in self.finite[b].values:
                    rule = {"when": {self.names[a]: label}, "require": {self.names[b]: label}}
                    self.entries.append(Entry("", rule, ("the same label in both",)))
                else:
                    self._exclude({a: [label]}, "the same label in both")
        return True

    def _interchangeable(self, of: Sequence[str], data: Mapping[str, Any]) -> bool:
        """Slots with what belongs to each, no label twice; not where another constraint tells them apart."""
        gates = data.get("dependencies") or {"parameters": [], "conditions": [], "affected_parameters": []}
        groups = [
            [
                name,
                *(p for p, its in zip(gates["parameters"], gates["affected_parameters"], strict=True) if name in its),
            ]
            for name in of
        ]
        named = {name for group in groups for name in group}
        for column in zip(*groups, strict=False):
            if any(self.finite[name] != self.finite[column[0]] for name in column):
                return False
            for other in self.beside:
                about = named & set(other.get("parameters") or ())
                says_the_same = other["type"] in _OF_NO_ORDER and about >= set(column)
                if other != data and about & set(column) and not says_the_same:
                    return False
        if len({len(group) for group in groups}) > 1 or len(groups[0]) > 2 or len(named) < len(groups) * len(groups[0]):
            return False
        if gates["parameters"]:
            self._gate(gates["parameters"], gates["conditions"], gates["affected_parameters"])
        slots = [[self.names[name] for name in group] for group in groups]
        keys = {"interchangeable": [s[0] if len(s) == 1 else s for s in slots], "distinct": True}
        self.entries.append(Entry("", keys))
        return True

    def _ordered(self, of: Sequence[str]) -> bool:
        """Of settings that differ only in their order one is kept, and none with a label twice, as BayBE does."""
        self.left.append(f"that the order of {', '.join(of)} does not matter: each is tried once, models are not told")
        for a, b in itertools.combinations(of, 2):
            common = self._common(a, b)
            if len(common) < max(len(self.finite[a].values), len(self.finite[b].values)):
                return False
        for a, b in itertools.pairwise(of):
            values = self.finite[a].values
            for i, label in enumerate(values):
                self._exclude({a: [label], b: list(values[: i + 1])}, "the order does not matter")
        return True

    def _linear(self, of: Sequence[str], data: Mapping[str, Any]) -> bool:
        side = {"=": "equals", "<=": "at_most", ">=": "at_least"}.get(data["operator"])
        if side is None:
            return False
        weights = dict(zip((self.names[n] for n in of), map(float, data["coefficients"]), strict=True))
        self.entries.append(Entry("", {"sum": weights, side: float(data["rhs"])}))
        return True

    def _of_batches(self, of: Sequence[str], data: Mapping[str, Any]) -> bool:
        """A sum over a batch: how it is said where it has an upper bound."""
        weights = [float(c) for c in data["coefficients"]]
        if data["operator"] != "<=" or min(weights) <= 0:
            return False
        names = [self.names[n] for n in of]
        first, most = names[0], float(data["rhs"]) / weights[0]
        derived = ""
        if len(of) > 1:
            first, most = "total", float(data["rhs"])
            of_all = " + ".join(f"{w:g} * {n}" for w, n in zip(weights, names, strict=True))
            derived = f'total: {{type: derived, expression: "{of_all}"}} under space and '
        self.left.append(
            f"that a batch has at most {float(data['rhs']):g} of {', '.join(of)} in all: write {derived}per_batch: "
            f"{{sums: {{{first}: {most:g}}}, full: true}} under planner"
        )
        return True

    def _exclude(self, hits: Mapping[str, Sequence[Setting]], *comments: str) -> None:
        if all(hits.values()):  # a condition that nothing meets excludes nothing
            self.entries.append(Entry("", {"exclude": {self.names[n]: list(v) for n, v in hits.items()}}, comments))

    def _common(self, a: str, b: str) -> list[Setting]:
        return [v for v in self.finite[a].values if v in self.finite[b].values]


def _compares(value: float, condition: Mapping[str, Any]) -> bool:
    threshold, operator = float(condition["threshold"]), condition["operator"]
    near = abs(value - threshold) <= (EQUAL if condition.get("tolerance") is None else condition["tolerance"])
    match operator:
        case "<":
            return value < threshold
        case "<=":
            return value <= threshold
        case ">":
            return value > threshold
        case ">=":
            return value >= threshold
        case "=" | "==":
            return near
        case "!=":
            return not near
    raise ValueError(f"a condition compares with {operator!r}, which is not known")
