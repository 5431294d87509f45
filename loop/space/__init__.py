"""The search space: parameters, constraints, coordinates and lazy pools of candidates."""

from loop.space.constraints import (
    Comparison,
    Computable,
    Constraint,
    Count,
    Exclude,
    Formula,
    InOrder,
    Linear,
    Region,
    Require,
)
from loop.space.descriptors import Descriptors
from loop.space.expressions import Expression
from loop.space.molecules import are_molecules, has_molecules, molecules_at
from loop.space.parameters import Category, Component, Continuous, Discrete, Ordinal, Parameter
from loop.space.pool import PointPool, Pool, ProductPool, sample_space
from loop.space.slots import Slots
from loop.space.space import Space
from loop.space.structure import Condition, Derived, Mixture, Products

__all__ = [
    "Category",
    "Comparison",
    "Component",
    "Computable",
    "Condition",
    "Constraint",
    "Continuous",
    "Count",
    "Derived",
    "Descriptors",
    "Discrete",
    "Exclude",
    "Expression",
    "Formula",
    "InOrder",
    "Linear",
    "Mixture",
    "Ordinal",
    "Parameter",
    "PointPool",
    "Pool",
    "ProductPool",
    "Products",
    "Region",
    "Require",
    "Slots",
    "Space",
    "are_molecules",
    "has_molecules",
    "molecules_at",
    "sample_space",
]
