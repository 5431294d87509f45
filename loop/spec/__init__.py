"""Campaign specs: what a YAML file says, strictly read, with messages that name the line and the remedy."""

from loop.spec.analysis import build_analysis
from loop.spec.building import (
    beside_of,
    build_limits,
    build_objective,
    build_space,
    context_of,
    declared_of,
    levels_of,
    looks_for_hits,
    may_be_nothing_of,
    molecules_of,
    parameters_of,
    words_of,
)
from loop.spec.costs import build_costs
from loop.spec.general import build_general
from loop.spec.lines import load_yaml, perhaps_decimals, place
from loop.spec.misread import misread_units
from loop.spec.models import CampaignSpec, PlannerSpec
from loop.spec.plate import build_plate
from loop.spec.reading import read_spec
from loop.spec.recipe.building import build_recipe
from loop.spec.tables import ReadFile, read_table

__all__ = [
    "CampaignSpec",
    "PlannerSpec",
    "ReadFile",
    "beside_of",
    "build_analysis",
    "build_costs",
    "build_general",
    "build_limits",
    "build_objective",
    "build_plate",
    "build_recipe",
    "build_space",
    "context_of",
    "declared_of",
    "levels_of",
    "load_yaml",
    "looks_for_hits",
    "may_be_nothing_of",
    "misread_units",
    "molecules_of",
    "parameters_of",
    "perhaps_decimals",
    "place",
    "read_spec",
    "read_table",
    "words_of",
]
