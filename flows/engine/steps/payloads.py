"""Payloads: what a received text says, read as an object that can be put on record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from loop.circumstances import actual_of, applying, is_as_planned
from loop.errors import OutcomeError, SpaceError
from loop.named_once import named_once
from loop.outcome import Fault, FaultKind, Outcome, write_outcome
from loop.raw import RawResult, is_raw, read_raw
from loop.record import AttemptRecord, EnvelopeRecord, Json, Settings, Verdict
from loop.space import Space


def read_payload(text: str) -> Mapping[str, Any]:
    """A received text as an object that can also be written down again.

    Raises:
        OutcomeError: It is not JSON, not an object, or holds what no record can keep (NaN, broken characters).
    """
    try:
        data = json.loads(text, parse_constant=_refuse, object_pairs_hook=named_once)
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise OutcomeError(f"a result must be a JSON object with 'outcome'; this is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise OutcomeError(f"a result must be a JSON object with 'outcome', got {type(data).__name__}")
    return data


def raw_of(envelope: EnvelopeRecord) -> RawResult | None:
    """The files of an instrument that what was received names instead of values; None where it names none."""
    try:
        data = read_payload(envelope.payload)
        return read_raw(data) if is_raw(data) else None
    except OutcomeError:
        return None


def problem_of(data: Mapping[str, Any]) -> tuple[Verdict, str] | None:
    """What was found of raw files when they were brought, where nothing can be made of them; None where nothing was."""
    try:
        raw = read_raw(data)
    except OutcomeError as error:
        return Verdict.MALFORMED, str(error)
    if raw.problem:
        return Verdict.MALFORMED, raw.problem
    return (Verdict.FOREIGN, raw.foreign) if raw.foreign else None


def context_of(data: Mapping[str, Any]) -> Json | None:
    """The circumstances that a result reports, its provenance among them.

    Raises:
        OutcomeError: They are not an object.
    """
    context, provenance = data.get("context") or {}, data.get("provenance")
    if not isinstance(context, Mapping):
        raise OutcomeError(f"context must be an object with instrument, plate, well, ..., got {context!r}")
    merged = {**context, "provenance": provenance} if provenance else dict(context)
    return merged or None


def as_called_now(space: Space, attempt: AttemptRecord, context: Json | None) -> Json | None:
    """The context of a result without substances as really used that are the planned ones by another name, or in
    another of the slots that are interchangeable.
    """
    actual = actual_of(context or {})
    planned = space.as_named(attempt.settings, attempt.smiles)
    same = {n for n, v in actual.items() if v != attempt.settings.get(n) and space.called_now(n, v) == planned.get(n)}
    if context is None or not actual:
        return context
    used: Settings = {name: v for name, v in context["actual"].items() if name not in same}
    if used == {name: v for name, v in actual.items() if name not in same}:  # else there is more that cannot be read
        used = _in_order(space, planned, used)
    return context if used == context["actual"] else with_actual(context, used) or None


def _in_order(space: Space, planned: Settings, used: Settings) -> Settings:
    """Settings that were really used, as they differ from the planned ones once both have their slots in order."""
    try:
        arranged = space.arranged(applying(space, {**planned, **used}, used)) if space.slots and used else {}
        if arranged.keys() != planned.keys() or space.arranged(planned) != planned:
            return used
    except SpaceError:  # whoever reads them says what is wrong
        return used
    return {name: v for name, v in arranged.items() if not is_as_planned(v, planned[name])}


def with_actual(context: Json, actual: Settings) -> Json:
    """A context with that for the settings that were really used; without them where there are none."""
    beside = {name: said for name, said in context.items() if name != "actual"}
    return {**beside, **({"actual": actual} if actual else {})}


def placed(attempt: AttemptRecord, context: Json | None) -> Json | None:
    """The context of a result with the well it was planned for, where the batch is a plate.

    A result that names another plate or well was made there, and says itself what else there is to say.
    """
    if attempt.place is None:
        return context
    planned, said = attempt.place.context, context or {}
    if any(name in said and str(said[name]) != planned[name] for name in ("plate", "well")):
        return context
    return {**planned, **said}


def meant(outcome: Outcome) -> object:
    """What an outcome says, in whatever order and words; those of a safety stop are heard, so they belong to it."""
    is_alarm = isinstance(outcome, Fault) and outcome.kind is FaultKind.SAFETY_STOP
    words = frozenset() if is_alarm else {"reason", "message"}
    data = {key: value for key, value in write_outcome(outcome).items() if key not in words}
    values = data.get("values")
    return {**data, "values": sorted(values, key=lambda v: (v["property"], v["channel"] or ""))} if values else data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value: where there is none, leave it out, or report negative or fault")
