"""What experiments of an initial design are said to be, and what a stored reason says of that."""

from __future__ import annotations

import re
from typing import Final

from loop.record import Arm, without_head

CENTRE: Final = "centre point"  # with what the meaning of one begins
INITIAL: Final = {  # what the initial design says of a candidate, by the meaning of the choice
    "spread": "far from the others, to see the whole space",
    "hot spread": "far from the others in the hottest third, where most reactions yield more",
    "spread as hot as may be": "far from the others in the hottest third of what there is with one of its options",
    "spread of leaving groups": "far from the others with the best leaving groups, with which couplings yield more",
    "medoid": "the middle of its part of the space",
    "factorial": "one of the combinations of a full factorial",
    "fractional": "a point of a two-level fraction, in which main effects can be told apart",
    "plackett-burman": "a point of a Plackett-Burman design, in which main effects can be told apart",
    "definitive": "a point of a definitive screening design, in which curvature and products hide no main effect",
    "central-composite": "a point of a central composite design, which tells how the response bends",
    "box-behnken": "a point of a Box-Behnken design, which tells how the response bends and runs no corner",
    "d-optimal": "with the others, it tells the terms of the model best",
    "i-optimal": "with the others, it makes predictions over the space sharpest",
    "sobol": "a point of a Sobol sequence, which fills the space evenly",
    "lhs": "a point of a Latin hypercube: every range of every parameter once",
    "random": "drawn at random",
}
_BLOCK: Final = "; block {}, whose experiments are run together"


def explain_block(block: int) -> str:
    """Which block an initial experiment belongs to; "" for none."""
    return _BLOCK.format(block) if block else ""


def block_in(reason: str) -> str:
    """The block that ``explain_block`` said in a reason on record; "" for none."""
    before, after = map(re.escape, _BLOCK.split("{}"))
    found = re.search(f"{before}([0-9]+){after}", reason)
    return found[1] if found else ""


def is_of_design(reason: str, design: str) -> bool:
    """Whether the reason of an initial experiment says that it is a point of that design, or its centre point."""
    return without_head(reason, Arm.INITIAL).startswith((INITIAL[design], CENTRE))
