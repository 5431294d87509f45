"""A procedure as data for another program: what each step does, to what, and how much in which unit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from loop.recipe.procedure import Action, Heating, Measuring, Procedure, Sampling, Stirring, Transfer, Waiting, Weighing

UNITS: Final = {  # of the numbers of an action
    "volume": "uL",
    "mass": "mg",
    "amount": "umol",
    "equivalents": "",
    "percent": "%",
    "mix": "",
    "temperature": "degC",
    "time": "s",
    "speed": "rpm",
}
_DOES: Final[dict[type[Action], str]] = {
    Transfer: "dispense",
    Weighing: "weigh",
    Heating: "heat",
    Stirring: "stir",
    Waiting: "wait",
    Sampling: "sample",
    Measuring: "measure",
}


def told(procedure: Procedure) -> list[dict[str, Any]]:
    """The steps in order: ``does``, ``of`` (stock, destination or what is measured), ``values`` and their ``units``."""
    steps = []
    for action in procedure.actions:
        said = asdict(action)
        values = {name: float(said[name]) for name in UNITS if said.get(name) is not None}
        of = said.get("stock") or said.get("into") or ", ".join(said.get("what", ()))
        steps.append(
            {"does": _DOES[type(action)], "of": of, "values": values, "units": {name: UNITS[name] for name in values}}
        )
    return steps
