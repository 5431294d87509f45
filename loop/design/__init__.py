"""Classical designs: factorial, fractional, D- and I-optimal, with blocks, under the space's constraints. No torch."""

from loop.design.laying_out import CLASSICAL, WHOLE, Design, Wish, lay_out, points_of, propose_size, why_not

__all__ = ["CLASSICAL", "WHOLE", "Design", "Wish", "lay_out", "points_of", "propose_size", "why_not"]
