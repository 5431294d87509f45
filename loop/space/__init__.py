"""The search space: parameters, constraints, coordinates and lazy pools of candidates."""

from loop.space.constraints import Constraint, Exclude, Linear
from loop.space.parameters import Category, Component, Continuous, Discrete, Parameter
from loop.space.pool import PointPool, Pool, ProductPool, sample_space
from loop.space.space import Space

__all__ = [
    "Category",
    "Component",
    "Constraint",
    "Continuous",
    "Discrete",
    "Exclude",
    "Linear",
    "Parameter",
    "PointPool",
    "Pool",
    "ProductPool",
    "Space",
    "sample_space",
]
