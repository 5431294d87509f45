"""What goes over the wire: experiments and procedures as parameters of commands, reports as payloads, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from loop.contracts import AttemptKey, ExperimentSpec
from loop.sheets.cells import as_float

ACTUAL: Final = "actual."  # before the name of a parameter, among circumstances: what it really was
TAKEN: Final = ("wall_time_s", "cost")  # among circumstances: what an experiment took, as a result's provenance has it
_UNKNOWN_SD: Final = -1.0


def parameters_of(spec: ExperimentSpec, key: AttemptKey, attempt: int) -> dict[str, Any]:
    """The parameters of AcceptExperiment."""
    return {
        "Key": str(key),
        "Attempt": attempt,
        "Campaign": spec.campaign,
        "Replicate": spec.replicate_no,
        "Settings": [_setting(spec, name, value) for name, value in spec.settings.items()],
        "Targets": [{"Name": name, "Unit": unit} for name, unit in spec.targets.items()],
        "Place": _notes(spec.place),
    }


def procedure_parameters_of(procedure: Mapping[str, Any], key: AttemptKey, attempt: int) -> dict[str, Any]:
    """The parameters of ReceiveProcedure, of what ``loop.recipe.told.in_full`` says."""
    steps = json.dumps(procedure["steps"], ensure_ascii=False, allow_nan=False)
    return {"Key": str(key), "Attempt": attempt, "Text": procedure["text"], "Steps": steps}


def procedure_of(text: str, steps: str) -> dict[str, Any]:
    """The procedure that ReceiveProcedure was called with: ``text`` and ``steps``.

    Raises:
        ValueError: The steps are no JSON list of steps.
    """
    try:
        read = json.loads(steps)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, list) or not all(isinstance(step, dict) and "does" in step for step in read):
        raise ValueError("a JSON list of steps, each an object that says what it does")
    return {"text": text, "steps": read}


def spec_of(
    campaign: str, replicate: int, settings: Sequence[Any], targets: Sequence[Any], place: Sequence[Any]
) -> ExperimentSpec:
    """The experiment that AcceptExperiment was called with."""
    return ExperimentSpec(
        campaign=campaign,
        settings={s.Name: s.Number if s.IsNumber else s.Text for s in settings},
        units={s.Name: s.Unit for s in settings if s.IsNumber},
        smiles={s.Name: s.Smiles for s in settings if s.Smiles},
        targets={t.Name: t.Unit for t in targets},
        replicate_no=replicate,
        place={note.Name: note.Text for note in place},
    )


def payload_of(report: Any) -> dict[str, Any]:
    """A report of GetReport as ``loop.outcome.read_outcome`` reads it."""
    payload: dict[str, Any] = {"outcome": report.Outcome, "provenance": {"program": "SiLA 2 server", "raw": report.Raw}}
    if report.Outcome == "fault":
        payload |= {"kind": report.Kind, "message": report.Reason}
    else:
        payload |= {"values": [_value(m) for m in report.Measurements]}
    if report.Outcome == "negative":
        payload["reason"] = report.Reason
    context: dict[str, Any] = {}
    for note in report.Circumstances:
        if note.Name in TAKEN:
            payload["provenance"][note.Name] = _read(note.Text)
        elif note.Name.startswith(ACTUAL):
            context.setdefault("actual", {})[note.Name.removeprefix(ACTUAL)] = _read(note.Text)
        else:
            context[note.Name] = note.Text
    return payload | ({"context": context} if context else {})


def report_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload, as ``loop.outcome.read_outcome`` reads it, as the responses of GetReport."""
    return {
        "Outcome": payload["outcome"],
        "Kind": str(payload.get("kind", "")),
        "Reason": str(payload.get("message") or payload.get("reason") or ""),
        "Measurements": [_measurement(value) for value in payload.get("values", ())],
        "Circumstances": _notes(_circumstances(payload)),
        "Raw": str(payload.get("provenance", {}).get("raw", "")),
    }


def _circumstances(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a payload says beside its values, each thing under a name of its own."""
    context, provenance = dict(payload.get("context") or {}), payload.get("provenance") or {}
    actual = context.pop("actual", None)
    if isinstance(actual, Mapping):
        context |= {f"{ACTUAL}{name}": value for name, value in actual.items()}
    return context | {name: provenance[name] for name in TAKEN if provenance.get(name) is not None}


def _read(text: str) -> float | str:
    """A number where the text is one."""
    number = as_float(text)
    return number if number is not None and isfinite(number) else text


def _setting(spec: ExperimentSpec, name: str, value: str | float) -> dict[str, Any]:
    is_number = not isinstance(value, str)
    return {
        "Name": name,
        "IsNumber": is_number,
        "Number": float(value) if is_number else 0.0,
        "Unit": spec.units.get(name, ""),
        "Text": "" if is_number else value,
        "Smiles": spec.smiles.get(name, ""),
    }


def _value(m: Any) -> dict[str, Any]:
    return {
        "property": m.Property,
        "value": m.Value,
        "unit": m.Unit or None,  # servers made with ``report_of`` say so where a value brings no unit
        "sd": None if m.StandardDeviation < 0 else m.StandardDeviation,
        "n": m.Readings,
        "qualifier": m.Qualifier,
        "channel": m.Channel or None,
    }


def _measurement(value: Mapping[str, Any]) -> dict[str, Any]:
    sd = value.get("sd")
    return {
        "Property": value["property"],
        "Value": float(value["value"]),
        "Unit": value.get("unit") or "",
        "StandardDeviation": _UNKNOWN_SD if sd is None else float(sd),
        "Readings": value.get("n") or 1,
        "Qualifier": value.get("qualifier") or "=",
        "Channel": value.get("channel") or "",
    }


def _notes(said: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Name": name, "Text": str(text)} for name, text in said.items()]
