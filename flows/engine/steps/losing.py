"""Losing a resource: nothing waits for what it has, and what only it could do is not proposed until it is back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.several import PARTED, conditions_of
from flows.engine.session import Session
from flows.engine.steps.parts import part_having, why_of
from flows.engine.steps.regions import Takes, as_json, holds, read_regions, regions_of
from loop.contracts import HasParts
from loop.experiment import State
from loop.record import AttemptRecord, CampaignState, Json


@dataclass(frozen=True, slots=True)
class Lost:
    """Parts of a laboratory that could not work for long.

    Attributes:
        keys: Pending attempts that they have, or that only they would take.
        regions: What only they would take, by the name of each: options and values of the space.
    """

    keys: frozenset[str] = frozenset()
    regions: Mapping[str, Takes] = field(default_factory=dict)

    def as_json(self) -> Json:
        """For a run of training elsewhere; nothing where nothing is lost."""
        if not self.keys and not self.regions:
            return {}
        return {"keys": sorted(self.keys), "regions": as_json(self.regions)}

    @staticmethod
    def read(told: Json) -> Lost:
        """What ``as_json`` made."""
        return Lost(frozenset(told.get("keys", ())), read_regions(told.get("regions", {})))


def lost_parts(session: Session) -> Lost:
    """What is lost now. Every part is asked whether it works, and notes say of which it is too long ago.

    During a safety stop parts are asked all the same, so that it is known since when each cannot work; but nothing goes
    on without them, so nothing is said to.
    """
    laboratory = session.laboratory
    if session.view.campaign.state is not CampaignState.ACTIVE or not isinstance(laboratory, HasParts):
        return Lost()
    unable = laboratory.unable()  # asked now, so that it is known since when each cannot
    lost = laboratory.lost()
    if not lost or not session.view.is_active:
        return Lost()
    spec = session.view.spec
    takes = conditions_of(spec.laboratory.options) if spec.laboratory.adapter == PARTED else {}
    found = {a.key: part for a in session.view.pending if (part := _losing(session, a, takes, lost)) is not None}
    for part in sorted(lost):
        n = sum(p == part for p in found.values())
        session.tally.note(
            f"of the laboratory {session.adapter!r}, {part!r} could not work for long: what it has or would get ({n}) "
            f"stays pending, and nothing waits for it{why_of(unable.get(part, ''))}"
        )
    return Lost(frozenset(found), regions_of(spec, takes, lost))


def _losing(session: Session, attempt: AttemptRecord, takes: Mapping[str, Takes], lost: frozenset[str]) -> str | None:
    """The lost part that has an attempt, or the only ones that would take it; None where another can go on with it."""
    if (part := part_having(session.laboratory, attempt)) is not None:
        return part if part in lost else None
    if attempt.state is not State.READY:
        return None
    able = [part for part, conditions in takes.items() if holds(conditions, attempt.settings)]
    return able[0] if able and set(able) <= lost else None
