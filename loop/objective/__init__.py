"""The objective: which targets are measured, what is wanted of each, and how several are traded off."""

from loop.classes import CLASSES
from loop.objective.checks import out_of_reach
from loop.objective.goals import SCORES, Goal, Tradeoff
from loop.objective.objective import Objective
from loop.objective.target import Target

__all__ = ["CLASSES", "SCORES", "Goal", "Objective", "Target", "Tradeoff", "out_of_reach"]
