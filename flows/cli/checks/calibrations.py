"""Calibrations: those of campaigns that go on, and whether they still hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from flows.cli.checks.active import active_campaigns
from flows.cli.checks.check import Check
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.record import Json

SOON: Final = 14  # days before its end from which a calibration is spoken of


def calibrations(where: Settings, today: date | None = None) -> Iterator[Check]:
    """A note for each calibration that has expired or will soon; one that states no end is not spoken of."""
    for campaign in active_campaigns(where):
        yield from calibrations_in(campaign.name, campaign.spec, today)


def calibrations_in(campaign: str, spec: Json, today: date | None = None) -> Iterator[Check]:
    """The same of one campaign, from its resolved spec."""
    now = today or datetime.now(UTC).astimezone().date()  # where this machine stands
    for target, method in (spec.get("analysis") or {}).items():
        said = method.get("calibration") or {}  # none where a target is no area
        if said.get("expires") is None:
            continue
        left = (date.fromisoformat(said["expires"]) - now).days
        named = " ".join(("calibration", str(said.get("id", "")))).rstrip()
        if left <= SOON:
            when = "expired" if left < 0 else f"expires in {plural(left, 'day')},"
            remedy = "calibrate anew, change the campaign file, and hakken reanalyse FILE --why REASON"
            yield Check("calibrations", f"{campaign}, {target}", "note", f"{named} {when} on {said['expires']}", remedy)
