"""Campaigns that go on, of which checks speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loop.errors import HakkenError

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.record import CampaignRecord


def active_campaigns(where: Settings) -> list[CampaignRecord]:
    """Those on record that are active; none of a record that cannot be read, which its own check says."""
    from flows.wiring import open_record
    from loop.record import CampaignState

    try:
        with open_record(where) as ledger:
            return [c for c in ledger.campaigns() if c.state is CampaignState.ACTIVE]
    except (HakkenError, OSError):
        return []
