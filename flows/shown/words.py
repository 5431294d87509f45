"""Words for records: settings with units, outcomes and predictions in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, assert_never

from flows.candidates import price_of, structures_of
from loop.classes import Classes, word_of
from loop.errors import SpecError
from loop.outcome import Fault, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import Arm, Candidate, Prediction, ProposalDraft, without_head
from loop.units import unit_shown
from loop.wording import in_full, named, plus_minus, within_factor

if TYPE_CHECKING:
    pass

GOALS: Final = ("maximize", "minimize")


def wanted_of(spec: Mapping[str, Any], target: str) -> Mapping[str, Any]:
    """What a resolved spec says of a target, measured or derived; nothing of what is none."""
    return spec.get("objective", {}).get(target) or (spec.get("derived") or {}).get(target) or {}


def classes_in(spec: Mapping[str, Any], target: str) -> Classes:
    """The classes of a target, which know what is looked for; none where it has none."""
    said = wanted_of(spec, target)
    return Classes(said.get("classes") or (), said.get("wanted") or ())


def with_later_classes(spec: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    """A resolved spec with the classes that its targets have ``now``, where others came in front of those it has: a
    result of an earlier round may be of one of them."""
    targets = dict(spec["objective"])
    for name, said in targets.items():
        had, has = said.get("classes") or (), wanted_of(now, name).get("classes") or ()
        if had and len(has) > len(had) and list(has[-len(had) :]) == list(had):
            targets[name] = {**said, "classes": has}
    return {**spec, "objective": targets}


def outcome_line(outcome: Outcome, spec: Mapping[str, Any], code: str = "") -> str:
    """How an experiment ended, in a line; ``code`` says what failed, where the result says it."""
    match outcome:
        case Measured(measurements):
            return _values(measurements, spec)
        case Negative(reason, measurements):
            return f"negative: {reason}" + (f" ({_values(measurements, spec)})" if measurements else "")
        case Fault(kind, message, _):
            more = f", {code}" if code not in ("", kind.value) else ""
            return f"fault ({kind.value}{more}): {message}"
        case _:
            assert_never(outcome)


def predictions_line(predictions: Iterable[Prediction], spec: Mapping[str, Any]) -> list[str]:
    """One line for each target: the whole committee first, then every member with its weight."""
    by_target: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        by_target.setdefault(prediction.target, []).append(prediction)
    lines = []
    for target, said in by_target.items():
        said.sort(key=lambda p: p.member != "committee")
        words, wanted = classes_in(spec, target), wanted_of(spec, target)
        told = [f"{p.mean:.2g}{_by(p)}" if words else _said(p, wanted) for p in said]
        of = f"{named(target, words.sought)} with a chance of" if words else target
        lines.append(f"{of} {'; '.join(told)}")
    return lines


def _said(p: Prediction, wanted: Mapping[str, Any]) -> str:
    """What was predicted of a target, within what it can be."""
    unit = unit_shown(wanted.get("unit") or "")
    if wanted.get("scale") == "log":
        from loop.objective.scale import in_logarithms  # NumPy: only here

        mean, sd = in_logarithms(p.mean, p.sd)
        if isfinite(mean):
            return within_factor(10.0**mean, 10.0**sd, unit) + _by(p)
    low, high = wanted.get("low"), wanted.get("high")
    mean = p.mean if low is None else max(p.mean, low)
    mean = mean if high is None else min(mean, high)
    return plus_minus(mean, p.sd, unit) + _by(p)


def _by(p: Prediction) -> str:
    weight = "" if p.weight is None else f", weight {p.weight:.2f}"
    return f" ({p.member}{weight})"


def _values(measurements: Iterable[Measurement], spec: Mapping[str, Any]) -> str:
    return ", ".join(_value(m, wanted_of(spec, m.property)) for m in measurements)


def _value(m: Measurement, wanted: Mapping[str, Any]) -> str:
    """A value in the unit that its target has, and as reported where that is another one; a level or class in words."""
    sign = "" if m.qualifier is Qualifier.EQUAL else f"{m.qualifier.value} "
    if word := word_of(m, wanted):
        return f"{m.property} {sign}{word}"
    unit, reported = str(wanted.get("unit") or m.unit), _with_sd(m.value, m.sd, m.unit)
    told = reported if unit == m.unit else f"{_with_sd(m.canonical, m.canonical_sd, unit)} ({reported})"
    several = f" (n = {m.n})" if m.n > 1 else ""
    return f"{m.property} {sign}{told}{several}"


def _with_sd(value: float, sd: float | None, unit: str) -> str:
    doubt = "" if sd is None else f" ± {sd:.2g}"
    return f"{in_full(value, unit, 5)}{doubt} {unit_shown(unit)}".rstrip()


def known_line(candidate: Candidate, spec: Mapping[str, Any]) -> str:
    """The structures of a candidate's molecules and what it costs, in a line; "" where neither is to be told."""
    found = structures_of(spec, candidate.settings, {} if candidate.as_made else candidate.smiles)
    structures = [f"{name} {smiles}" for name, smiles in found.items()] if len(found) > 1 else found.values()
    price = price_of(spec, candidate.settings)
    return "; ".join((*structures, *([f"costs {price}"] if price else ())))


def reason_line(arm: Arm, reason: str) -> str:
    """Arm and reason, the arm once."""
    return reason if reason != without_head(reason, arm) else f"{arm.value}: {reason}"


def chosen_by(surrogate: str, drafts: Iterable[ProposalDraft]) -> str:
    """By what a batch was chosen, behind its proposals; ``surrogate`` is "" where no model did."""
    if surrogate:
        return f"by {surrogate}"
    return "at random" if any(draft.arm is Arm.MODEL for draft in drafts) else "by the initial design"


def target_and_goal(said: str) -> tuple[str, str]:
    """The target and the goal of ``--target NAME`` or ``NAME:minimize``; no goal where none is said.

    Raises:
        SpecError: What follows the colon is meant as a goal and is none.
    """
    name, _, goal = said.rpartition(":")
    if name and goal in GOALS:
        return name, goal
    if name and goal.strip().casefold().startswith(("max", "min")):
        meant = next(g for g in GOALS if g[:3] == goal.strip().casefold()[:3])
        raise SpecError(
            f"--target {said}: the goal must be {' or '.join(GOALS)}, got {goal!r}; write --target {name}:{meant}"
        )
    return said, ""
