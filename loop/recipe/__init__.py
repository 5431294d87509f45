"""Recipes: what is done at the bench to make an experiment, worked out and checked before anything moves."""

from loop.recipe.model import By, Dose, Form, Heat, Measure, Recipe, Sample, Stir, Stock, Vessel, Wait
from loop.recipe.procedure import Procedure
from loop.recipe.stocktaking import consumption, shortages
from loop.recipe.text import in_words, say, sentences, stock_list
from loop.recipe.working import impossible, possible, work_out

__all__ = [
    "By",
    "Dose",
    "Form",
    "Heat",
    "Measure",
    "Procedure",
    "Recipe",
    "Sample",
    "Stir",
    "Stock",
    "Vessel",
    "Wait",
    "consumption",
    "impossible",
    "in_words",
    "possible",
    "say",
    "sentences",
    "shortages",
    "stock_list",
    "work_out",
]
