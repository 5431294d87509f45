"""Versions: whether a campaign file is as an earlier version was, which somebody else has changed since."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.engine.campaigns import says_the_same
from flows.wiring import open_record
from loop.errors import NotFound, SpecError
from loop.record import Json
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True, slots=True)
class Overtaken:
    """An earlier version that a campaign file says again, and who changed the campaign since."""

    version: int
    by: str  # whose changes come after it, in words
    since: str  # which versions these are, and when the last was made
    in_force: Json  # the spec that the file would undo


def overtaken(settings: Settings, spec: CampaignSpec) -> Overtaken | None:
    """The version that ``spec`` says again where others have changed the campaign since; None where that is not so.

    It is what an older copy of a file does that somebody else has edited: a person who takes a change of their own back
    knows of it.
    """
    with open_record(settings) as ledger:
        try:
            campaign = ledger.campaign(spec.campaign)
        except NotFound:
            return None
        if _is(spec, campaign.spec):
            return None
        earlier = range(campaign.version - 1, 0, -1)
        same = next((n for n in earlier if _is(spec, ledger.spec_version(campaign.name, n))), None)
        if same is None:
            return None
        made = [e for e in ledger.audit() if e.action == "open_campaign" and e.detail.get("campaign") == campaign.name]
    later = [entry for entry in made if int(entry.detail.get("version", 0)) > same]
    others = list(dict.fromkeys(entry.actor for entry in later if entry.actor != settings.by))
    if not others:
        return None
    numbers = f"version {same + 1}" if len(later) == 1 else f"versions {same + 1} to {campaign.version}"
    since = f"{numbers}, {later[-1].at:%Y-%m-%d %H:%M} UTC"
    return Overtaken(same, " and ".join(others), since, campaign.spec)


def _is(spec: CampaignSpec, on_record: Json) -> bool:
    with suppress(SpecError):  # of another release
        return says_the_same(spec, on_record)
    return False
