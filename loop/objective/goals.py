"""What may be wanted of a target, and how several are weighed against each other."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Goal(StrEnum):
    """What is wanted of a target."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"
    MATCH = "match"  # as near to ``value`` as can be
    KEEP = "keep"  # only that it keeps its thresholds: an outcome constraint


class Tradeoff(StrEnum):
    """How several targets are weighed against each other."""

    PARETO = "pareto"  # not at all: the front is the answer
    DESIRABILITY = "desirability"  # the weighted geometric mean of what each is worth, from 0 to 1
    WEIGHTED = "weighted"  # the weighted mean of what each is worth, where less than nothing counts


SCORES: Final = {Tradeoff.DESIRABILITY: "desirability", Tradeoff.WEIGHTED: "weighted merit"}
