"""Examining a robot before it is used: what it is, which pipettes it has, and whether it was calibrated.

Source: Opentrons' robot-server 8.x: ``/health``, ``/pipettes`` and ``/calibration`` of an OT-2, ``/instruments`` of a
Flex.
What a robot does not tell is a note, and no problem: versions differ in what they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.errors import AdapterUnavailable
from adapters.opentrons.client import Robot
from adapters.plates.machine import Refused
from loop.contracts import Finding

CALIBRATE = "calibrate it in the Opentrons app"


def examine(robot: Robot, machine: str, pipettes: Mapping[str, str], simulator: Path | None) -> Iterator[Finding]:
    """What there is, each thing asked for now. ``pipettes`` are those of the campaign file, by mount."""
    try:
        said = robot.health()
    except (AdapterUnavailable, Refused) as error:
        yield Finding("robot", "problem", str(error), "see that it is on and that the address is right")
        return
    versions = ", ".join(
        f"{word} {said[key]}" for word, key in (("software", "api_version"), ("firmware", "fw_version")) if key in said
    )
    yield Finding("robot", "ok", f"{said.get('name', 'robot')}, {said.get('robot_model', machine)}, {versions}")
    if machine == "OT-2":
        yield from _told("deck calibration", lambda: [_deck(robot.tell("/calibration/status"))])
        yield from _told("pipettes", lambda: _of_ot2(robot, pipettes))
    else:
        yield from _told("pipettes", lambda: _of_flex(robot.tell("/instruments")["data"], pipettes))
    if simulator is not None:
        there = simulator.is_file()
        found = str(simulator) if there else f"not at {simulator}"
        yield Finding("simulator", "ok" if there else "problem", found, "" if there else "install it (make opentrons)")


def _told(subject: str, ask: Callable[[], Sequence[Finding]]) -> Sequence[Finding]:
    """What was asked; a note where the robot does not tell it, or not as this version expects."""
    try:
        return ask()
    except AdapterUnavailable as error:
        return [Finding(subject, "problem", str(error), "see that the robot is on")]
    except (Refused, KeyError, TypeError, AttributeError) as error:
        return [Finding(subject, "note", f"the robot does not tell ({error})", "look in the Opentrons app")]


def _deck(said: Mapping[str, Any]) -> Finding:
    status = str(said["deckCalibration"]["status"])
    return Finding("deck calibration", *(("ok", status) if status == "OK" else ("problem", status, CALIBRATE)))


def _of_ot2(robot: Robot, pipettes: Mapping[str, str]) -> Sequence[Finding]:
    attached, offsets = robot.tell("/pipettes"), robot.tell("/calibration/pipette_offset")["data"]
    found = []
    for mount, name in pipettes.items():
        there = attached[mount] or {}
        if there.get("name") != name:
            has = there.get("name") or "nothing"
            found.append(_pipette(mount, "problem", f"{has} is attached", f"attach {name}, or mend deck.pipettes"))
            continue
        mine = [o for o in offsets if o["mount"] == mount and o.get("pipette") == there.get("id")]
        if not mine:
            found.append(_pipette(mount, "problem", f"{name}, never calibrated", CALIBRATE))
        elif mine[-1].get("status", {}).get("markedBad"):
            found.append(_pipette(mount, "problem", f"{name}, its calibration is marked bad", CALIBRATE))
        else:
            found.append(_pipette(mount, "ok", f"{name}, calibrated {str(mine[-1].get('lastModified', ''))[:10]}"))
    return found


def _of_flex(instruments: Sequence[Mapping[str, Any]], pipettes: Mapping[str, str]) -> Sequence[Finding]:
    """Of a Flex what is attached is told and not compared: protocols and the robot name its pipettes differently."""
    found = []
    for mount, name in pipettes.items():
        there = next((i for i in instruments if i["mount"] == mount and i.get("ok")), None)
        if there is None:
            found.append(_pipette(mount, "problem", "nothing is attached", f"attach {name}, or mend deck.pipettes"))
            continue
        offset = (there.get("data") or {}).get("calibratedOffset") or {}
        if when := offset.get("last_modified"):
            found.append(_pipette(mount, "ok", f"{there.get('instrumentName')}, calibrated {str(when)[:10]}"))
        else:
            found.append(_pipette(mount, "problem", f"{there.get('instrumentName')}, never calibrated", CALIBRATE))
    return found


def _pipette(mount: str, verdict: Any, found: str, remedy: str = "") -> Finding:
    return Finding(f"{mount} pipette", verdict, found, remedy)
