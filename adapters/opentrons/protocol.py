"""The protocol of a plate: a Python file for the robot, written from a template and a plan."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.opentrons.options import OpentronsOptions
from adapters.plates.planning import Plan
from adapters.plates.whole_plan import whole_plan

TEMPLATE: Final = Path(__file__).with_name("protocol.jinja")
PLACES: Final = ("@METADATA@", "@REQUIREMENTS@", "@PLAN@")
FILE: Final = "protocol.py"
KEY: Final = "hakken"  # in the metadata: the key of the run, by which a robot is asked for it


def write_protocol(
    options: OpentronsOptions, plan: Plan, *, key: str, title: str, wells: Mapping[str, str], template: str
) -> str:
    """The text of the protocol.

    Args:
        options: Deck, machine and level of the API.
        plan: What is done.
        key: Of the run; in the metadata, so that no two runs have the same file.
        title: What people read on the robot's screen.
        wells: Key of the attempt in each well.
        template: Text with the marks of ``PLACES``.
    """
    whole = whole_plan(options, plan, key=key, title=title, wells=wells, trash=options.trash)
    metadata = {"protocolName": title, "author": "hakken", KEY: key}
    requirements = {"robotType": options.machine, "apiLevel": options.api}
    said = (repr(metadata), repr(requirements), repr(json.dumps(whole, separators=(",", ":"))))
    text = template
    for place, value in zip(PLACES, said, strict=True):
        text = text.replace(place, value)
    return text


def plan_in(protocol: str) -> Mapping[str, Any] | None:
    """The plan that a protocol of ours carries; None of anybody else's."""
    for node in ast.parse(protocol).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "PLAN" for t in node.targets):
            match node.value:
                case ast.Call(args=[ast.Constant(value=str() as text)]):
                    found = json.loads(text)
                    return found if isinstance(found, dict) else None
    return None


def missing_places(template: str) -> list[str]:
    """The marks that a template of one's own lacks."""
    return [place for place in PLACES if place not in template]
