"""Effects as the last round with a model learnt them: what each plate, day or instrument adds to a target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.report.content import Offset, Shift
from loop.objective import Target
from loop.record import Json, RoundRecord, members_told

NORMAL_90: Final = 1.6449  # half the width of a 90 % interval, in standard deviations of a normal distribution


def declared_effects(spec: Json) -> tuple[str, ...]:
    """The names under ``noise.effects`` of a resolved spec."""
    return tuple((spec.get("noise") or {}).get("effects") or ())


def read_effects(rounds: Sequence[RoundRecord], targets: Sequence[Target]) -> tuple[Shift, ...]:
    """What each effect adds to each target, by the last round whose model has any."""
    for record in sorted(rounds, key=lambda r: -r.number):
        found = [shift for target in targets for shift in _shifts(record, target)]
        if found:
            return tuple(found)
    return ()


def _shifts(record: RoundRecord, target: Target) -> list[Shift]:
    summary = (record.model.get("targets") or {}).get(target.name) or {}
    member, told = _likeliest(summary)
    entangled = (record.model.get("entangled") or {}).get(target.name) or {}
    shifts = []
    for name, effect in told.items():
        offsets = [
            Offset(label, mean, mean - NORMAL_90 * sd, mean + NORMAL_90 * sd)
            for label, (mean, sd) in sorted(effect["labels"].items(), key=lambda entry: _natural(entry[0]))
        ]
        sd, doubts = float(effect["sd"]), tuple(entangled.get(name, ()))
        shifts.append(Shift(target.name, target.on_scale.unit, name, sd, tuple(offsets), record.number, member, doubts))
    return shifts


def _likeliest(summary: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The effects of the member with most weight among those that know any, and its name ("" of a single model)."""
    members = {n: m for n, m in members_told(summary).items() if m.get("effects")}
    if not members:
        return "", summary.get("effects") or {}
    name = max(members, key=lambda n: float(members[n].get("weight") or 0.0))
    return name, members[name]["effects"]


def _natural(label: str) -> list[tuple[int, float, str]]:
    """Labels in the order in which a person counts: P2 before P10."""
    parts = re.split(r"(\d+(?:\.\d+)?)", label)
    return [(0, float(p), "") if i % 2 else (1, 0.0, p) for i, p in enumerate(parts) if p]
