"""A procedure as data for another program: what each step does, to what, and how much in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from loop.recipe.model import Recipe
from loop.recipe.procedure import Action, Heating, Measuring, Procedure, Sampling, Stirring, Transfer, Waiting, Weighing
from loop.recipe.text import say
from loop.recipe.working import work_out

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


def in_full(recipe: Recipe, settings: Mapping[str, str | float]) -> dict[str, Any]:
    """What is done for one candidate, as another program gets it: ``text`` for a person, and ``steps``.

    Raises:
        RecipeError: It cannot be made, or must not be.
    """
    procedure = work_out(recipe, settings)
    return {"text": say(recipe, procedure), "steps": told(procedure)}
