"""A question as the peers' modules read it: the parameters, targets and candidates of a resolved spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from peers import Unsupported


@dataclass(frozen=True)
class Parameter:
    """What may be varied: either ``options`` (with ``smiles`` where they are substances), ``values``, or bounds."""

    name: str
    kind: str  # component, molecule, category, ordinal, number
    options: tuple[str, ...] = ()
    smiles: Mapping[str, str] = field(default_factory=dict)
    values: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind == "number"

    @property
    def is_continuous(self) -> bool:
        return self.is_number and not self.values

    @staticmethod
    def read(name: str, spec: Mapping[str, Any]) -> Parameter:
        """From the line of a resolved spec."""
        kind = spec["type"]
        if kind in ("component", "molecule"):
            options = dict(spec["options"])
            # Where one option is nothing at all, there is no structure to describe it by: names only.
            smiles = options if all(isinstance(s, str) for s in options.values()) else {}
            return Parameter(name, kind, tuple(options), smiles)
        if kind in ("category", "ordinal"):
            return Parameter(name, kind, tuple(spec["options"]))
        if kind == "number" and not spec.get("or_zero") and not spec.get("when") and not spec.get("unless"):
            values = spec.get("values")
            if values is None and spec.get("step"):
                low, high, step = spec["low"], spec["high"], spec["step"]
                values = [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]
            if values is not None:
                return Parameter(name, kind, values=tuple(float(v) for v in values))
            return Parameter(name, kind, low=spec["low"], high=spec["high"], is_log=spec.get("scale") == "log")
        raise Unsupported(f"parameter {name!r} ({kind}) has no counterpart among the peers' parameters here")


@dataclass(frozen=True)
class Target:
    """What is measured: ``sign`` 1 to maximise, -1 to minimise, 0 for a limit that only must be kept."""

    name: str
    sign: int
    at_least: float | None = None
    at_most: float | None = None
    low: float | None = None
    high: float | None = None

    @staticmethod
    def read(name: str, spec: Mapping[str, Any]) -> Target:
        """From the line of a resolved spec."""
        signs = {"maximize": 1, "minimize": -1, "keep": 0}
        if spec["goal"] not in signs:
            raise Unsupported(f"target {name!r} has goal {spec['goal']!r}; peers are asked to {', '.join(signs)} only")
        bounds = {k: spec.get(k) for k in ("at_least", "at_most", "low", "high")}
        return Target(name, signs[spec["goal"]], **bounds)


@dataclass(frozen=True)
class Linear:
    """``at_least <= sum of weights times parameters <= at_most``; a bound may be None."""

    weights: Mapping[str, float]
    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Question:
    """Everything a peer is told. ``candidates`` is None where all of the space is allowed."""

    parameters: tuple[Parameter, ...]
    targets: tuple[Target, ...]
    constraints: tuple[Linear, ...]
    candidates: tuple[Mapping[str, Any], ...] | None
    repeats: bool

    @staticmethod
    def read(document: Mapping[str, Any]) -> Question:
        """From JSON; raises ``Unsupported`` for what cannot be handed on."""
        spec, candidates = document["spec"], document.get("candidates")
        linear = []
        for constraint in spec.get("constraints") or []:
            if candidates is not None:
                continue  # the list of candidates says it all
            if "sum" not in constraint:
                raise Unsupported("constraints other than sums are handed on as a list of candidates only")
            equals = constraint.get("equals")
            linear.append(
                Linear(
                    constraint["sum"],
                    constraint.get("at_least") if equals is None else equals,
                    constraint.get("at_most") if equals is None else equals,
                )
            )
        return Question(
            tuple(Parameter.read(name, p) for name, p in spec["space"].items()),
            tuple(Target.read(name, t) for name, t in spec["objective"].items()),
            tuple(linear),
            None if candidates is None else tuple(candidates),
            bool(document.get("repeats")),
        )

    @property
    def names(self) -> list[str]:
        return [p.name for p in self.parameters]

    @property
    def aims(self) -> tuple[Target, ...]:
        """Targets that are optimised."""
        return tuple(t for t in self.targets if t.sign)

    def keeps(self, values: Mapping[str, float]) -> bool:
        """Whether measured values keep every limit."""
        return all(
            (t.at_least is None or values[t.name] >= t.at_least) and (t.at_most is None or values[t.name] <= t.at_most)
            for t in self.targets
        )

    def plain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as JSON: numbers as floats, options as text."""
        return {p.name: float(row[p.name]) if p.is_number else str(row[p.name]) for p in self.parameters}

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The same for the same settings."""
        plain = self.plain(row)
        return tuple(plain[name] for name in self.names)


def complete(question: Question, observations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The observations that have a value for every target."""
    return [o for o in observations if not o.get("failed") and all(t.name in o["values"] for t in question.targets)]


def best_observed(question: Question, observations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings with the best mean of what was measured; for peers whose surrogate cannot be asked.

    Settings that broke a limit are passed over, unless all did.
    """
    (target,) = question.aims
    values: dict[tuple[Any, ...], list[float]] = {}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    seen = complete(question, observations)
    for o in [o for o in seen if question.keeps(o["values"])] or seen:
        key = question.key(o["settings"])
        rows[key] = question.plain(o["settings"])
        values.setdefault(key, []).append(target.sign * o["values"][target.name])
    return rows[max(values, key=lambda k: sum(values[k]) / len(values[k]))]


def distinct(question: Question, observations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every different settings that gave a value, in the order of their first trial."""
    return list(
        {question.key(o["settings"]): question.plain(o["settings"]) for o in complete(question, observations)}.values()
    )
