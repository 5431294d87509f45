"""Sources are campaigns of which nothing is run: what is for a next batch is refused, and says which campaign is."""

from __future__ import annotations

from shlex import quote

from loop.errors import LedgerError
from loop.record import CampaignRecord


def refuse_source(campaign: CampaignRecord) -> None:
    """Pass a campaign that is run. Raises ``LedgerError`` where it is a source of another."""
    if of := (campaign.spec.get("source") or {}).get("of"):
        raise LedgerError(
            f"{campaign.name!r} is a source of campaign {of!r}, and nothing is run of it; "
            f"hakken run {quote(of)} listens to it"
        )
