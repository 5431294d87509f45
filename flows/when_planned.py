"""When something was said of a campaign: with which round, and what its file says differently since."""

from __future__ import annotations

from typing import Final

from loop.contracts import Ledger
from loop.record import CampaignRecord, RoundRecord

# what the best of a campaign depends on
ASKED: Final = ("space", "constraints", "objective", "derived", "tradeoff", "general")


def when_planned(ledger: Ledger, campaign: CampaignRecord, round_: RoundRecord) -> str:
    """``when round 3 was planned``, and which parts of the file that decide what is best were changed since."""
    text = f"when round {round_.number} was planned"
    if round_.version == campaign.version:
        return text
    then = ledger.spec_version(campaign.name, round_.version)
    changed = [part for part in ASKED if then.get(part) != campaign.spec.get(part)]
    if not changed:
        return text
    return f"{text}, before {' and '.join([', '.join(changed[:-1]), changed[-1]] if changed[1:] else changed)} changed"
