"""The control arm: a share of the proposals chosen at random, so that the gain over chance can be measured."""

from __future__ import annotations

import math


def controls_in(batch: int, before: int, share: float) -> int:
    """How many of the next ``batch`` proposals are controls, so that the share holds over the whole campaign.

    Args:
        batch: Proposals to come.
        before: Model and control proposals made before.
        share: Wanted share of controls, 0 to 1.
    """
    return math.floor(share * (before + batch) + 1e-9) - math.floor(share * before + 1e-9)
