"""Constraints of BoFire in hakken's words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from flows.cli.starting.yaml_text import exact
from flows.importing.foreign import Entry
from flows.importing.parameters import Names, expressed, option
from loop.errors import SpaceError
from loop.space.expressions import read_comparisons

_BOUNDS: Final = {">": "above", ">=": "at_least", "<": "below", "<=": "at_most"}


@dataclass
class Constraints:
    """Gathers constraints; what has no words goes to ``left``. ``inputs`` are BoFire's, by key."""

    names: Names
    inputs: Mapping[str, Mapping[str, Any]]
    left: list[str]
    entries: list[Entry] = field(default_factory=list)

    def only(self, key: str, allowed: Sequence[bool] | None) -> None:
        """Of an input's categories only those that are ``allowed`` are to be tried."""
        idle = [
            option(c)
            for c, may in zip(self.inputs[key].get("categories") or (), allowed or (), strict=False)
            if not may
        ]
        if idle:
            name, why = self.names[key], ("not allowed where it comes from",)
            self.entries.append(Entry(f"allowed {name}", {"exclude": {name: idle}}, why))

    def add(self, rule: Mapping[str, Any]) -> None:
        """One constraint, in words where there are any."""
        done = False
        with suppress(SpaceError):  # an expression that hakken cannot work out
            done = self._added(rule)
        if not done:
            said = {k: v for k, v in rule.items() if k not in ("type", "features", "context") and v is not None}
            of = ", ".join(rule.get("features") or ())
            self.left.append(f"constraint {rule['type']} of {of} ({said}): mend the campaign file by hand")

    def _added(self, rule: Mapping[str, Any]) -> bool:
        of = list(rule.get("features") or ())
        match rule["type"]:
            case "LinearEqualityConstraint" | "LinearInequalityConstraint" as kind:
                weights = dict(zip((self.names[key] for key in of), map(float, rule["coefficients"]), strict=True))
                side = "equals" if kind == "LinearEqualityConstraint" else "at_most"
                self.entries.append(Entry("", {"sum": weights, side: float(rule["rhs"])}))
            case "NChooseKConstraint":
                return self._count(of, rule)
            case "NonlinearInequalityConstraint" if isinstance(rule["expression"], str):
                self._compare(f"{self._renamed(rule['expression'])} <= 0")
            case "ProductInequalityConstraint":
                product = " * ".join(map(self._power, of, rule["exponents"]))
                sign = "-1 * " if rule.get("sign", 1) < 0 else ""
                self._compare(f"{sign}{product} <= {exact(rule['rhs'])}")
            case "CategoricalExcludeConstraint":
                return self._exclude(of, rule["conditions"], rule.get("logical_op", "AND"))
            case "InterpointEqualityConstraint":
                self.left += [self._alike(name, rule.get("multiplicity")) for name in of]
            case _:
                return False
        return True

    def _alike(self, name: str, multiplicity: int | None) -> str:
        """How it is said that a number has one value in all experiments of a batch, or in so many after each other."""
        here = self.names[name]
        if multiplicity is None:
            return (
                f"that {name} has one value in a batch: give it a step, and write "
                f"per_batch: {{at_most: {{{here}: 1}}}} under planner"
            )
        return (
            f"that {name} has one value in every {multiplicity} experiments of a batch: give it a step, and write "
            f"per_batch: {{at_most: {{{here}: N}}}} under planner, N being batch divided by {multiplicity}"
        )

    def _count(self, of: Sequence[str], rule: Mapping[str, Any]) -> bool:
        low, high = rule["min_count"], rule["max_count"]
        if low > 0 and rule["none_also_valid"]:
            return False
        ends = ({"at_least": low} if low > 0 else {}) | ({"at_most": high} if high < len(of) else {})
        if ends:
            self.entries.append(Entry("", {"count": [self.names[key] for key in of], **ends}))
        return True

    def _power(self, key: str, exponent: float) -> str:
        name = expressed(self.names[key])
        return name if exponent == 1 else f"{name} ** {exact(exponent) if exponent >= 0 else f'({exact(exponent)})'}"

    def _renamed(self, expression: str) -> str:
        """An expression with hakken's names of the inputs."""
        keys = sorted(self.inputs, key=len, reverse=True)
        known = "|".join(map(re.escape, keys))
        return re.sub(rf"(?<![\w.])(?:{known})(?![\w.])", lambda m: expressed(self.names[m[0]]), expression)

    def _compare(self, text: str) -> None:
        read_comparisons(text)
        self.entries.append(Entry("", {"expression": text}))

    def _exclude(self, of: Sequence[str], conditions: Sequence[Mapping[str, Any]], how: str) -> bool:
        pairs = list(zip(of, conditions, strict=True))
        if how == "OR":
            alone = [self._excluded([pair]) for pair in pairs]
        elif how == "AND" or (how == "XOR" and len(pairs) == 2):
            alone = [self._excluded(pairs)] if how == "AND" else [
                self._excluded([pairs[0], _opposite(pairs[1], self.inputs)]),
                self._excluded([_opposite(pairs[0], self.inputs), pairs[1]]),
            ]  # fmt: skip
        else:
            return False
        if not all(alone):
            return False
        self.entries += [Entry("", keys) for keys in alone if keys is not None]
        return True

    def _excluded(self, pairs: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
        """The keys that keep out what all conditions are true of; None where they have no words."""
        exclude: dict[str, Any] = {}
        where: dict[str, Any] = {}
        for key, condition in pairs:
            feature, name = self.inputs[key], self.names[key]
            if "selection" in condition and "categories" in feature:
                exclude[name] = [option(one) for one in condition["selection"]]
            elif "values" in feature:
                exclude[name] = [float(v) for v in sorted(feature["values"]) if _meets(float(v), condition)]
            elif condition.get("operator") in _BOUNDS:
                where.setdefault(name, {})[_BOUNDS[condition["operator"]]] = float(condition["threshold"])
            else:
                return None
        if not exclude:
            return None
        return {"exclude": exclude} | ({"where": where} if where else {})


def _opposite(
    pair: tuple[str, Mapping[str, Any]], inputs: Mapping[str, Mapping[str, Any]]
) -> tuple[str, Mapping[str, Any]]:
    """The condition that is true where the other is not."""
    key, condition = pair
    if "selection" in condition:
        among = inputs[key].get("categories") or inputs[key].get("values") or ()
        return key, {"selection": [one for one in among if one not in condition["selection"]]}
    swapped = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
    return key, {**condition, "operator": swapped[condition["operator"]]}


def _meets(value: float, condition: Mapping[str, Any]) -> bool:
    if "selection" in condition:
        return value in map(float, condition["selection"])
    threshold = float(condition["threshold"])
    match condition["operator"]:
        case "<":
            return value < threshold
        case "<=":
            return value <= threshold
        case ">":
            return value > threshold
        case ">=":
            return value >= threshold
        case "==":
            return value == threshold
        case "!=":
            return value != threshold
    raise ValueError(f"a condition compares with {condition['operator']!r}, which is not known")
