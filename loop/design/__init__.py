"""Classical designs: factorials and fractions, for responses that bend, for screening, optimal ones. No torch."""

from loop.design.fixed import CENTRES
from loop.design.laying_out import CLASSICAL, WHOLE, Design, Wish, lay_out, points_of, propose_size, why_not

__all__ = [
    "CENTRES",
    "CLASSICAL",
    "WHOLE",
    "Design",
    "Wish",
    "lay_out",
    "points_of",
    "propose_size",
    "why_not",
]
