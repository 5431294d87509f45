"""A recipe of two stocks and an experiment by it, on which laboratories that make plates are tried."""

from __future__ import annotations

from loop.contracts import ExperimentSpec
from loop.recipe import By, Dose, Form, Recipe, Stock, Vessel
from loop.recipe.amounts import VOLUME, Amount

RECIPE = Recipe(
    Vessel(holds=300.0),
    {"catalyst": Stock("catalyst", Form.SOLUTION), "base": Stock("base", Form.SOLUTION)},
    (
        Dose("catalyst", By.VOLUME, Amount(VOLUME, 20.0)),
        Dose("base", By.VOLUME, Amount(VOLUME, parameter="base", said_in="uL"), mix=2),
    ),
)
EXPERIMENT = ExperimentSpec(
    "trial", {"base": 50.0}, {"base": "uL"}, {}, {"yield": "%"}, place={"plate": "1", "well": "A1"}
)
