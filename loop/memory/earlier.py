"""An earlier campaign, or a table of the literature, as the planner is given it."""

from __future__ import annotations

from dataclasses import dataclass

from loop.history import History
from loop.spec import CampaignSpec


@dataclass(frozen=True)
class Earlier:
    """A source: what it is called, what it varied and measured, and what came out, at coordinates of its own space."""

    name: str
    spec: CampaignSpec
    history: History
