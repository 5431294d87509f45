"""Hearing: which earlier campaigns, and tables told for this one, a round is planned with; found again for a replay.

What was read of each is on record with the round: the version of its spec and the observations, by id. A round that
read the same as an earlier one says which.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from flows.engine.looking.former_names import with_former_names
from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.sources.copies import Copies
from loop.contracts import Ledger
from loop.errors import LedgerError, NotFound, did_you_mean
from loop.memory.earlier import Earlier
from loop.record import CampaignRecord, Json, ObservationRecord, RoundRecord
from loop.spec import CampaignSpec, build_space

SOURCES: Final = "sources_read"  # in a round's model
SAME: Final = "as_in_round"
MOST: Final = 10  # campaigns that are read; the planner hears fewer

Read = Mapping[str, Mapping[str, Any]]  # by source: "version" of its spec, and "observations" by id


def sources_of(ledger: Ledger | None, spec: CampaignSpec) -> tuple[tuple[Earlier, ...], Read, tuple[str, ...]]:
    """The sources of a campaign as the record has them now, what is read of each, and notes on those that are not.

    ``ledger`` is None where there is no record, and so no source.
    """
    if spec.memory == "off":
        return (), {}, ()
    if ledger is None:
        return (), {}, unknown_sources(spec, ())
    every = [c for c in ledger.campaigns() if c.name != spec.campaign]
    told = [c for c in every if (c.spec.get("source") or {}).get("of") == spec.campaign]
    chosen = list(told)
    notes: list[str] = []
    if isinstance(spec.memory, list):
        known = {c.name: c for c in every}
        notes += unknown_sources(spec, known)
        chosen += [known[n] for n in spec.memory if n in known and known[n] not in told]
    elif spec.memory == "auto":
        alike = [c for c in every if c not in told and _likeness(spec, c) > 0]
        alike.sort(key=lambda c: (-_likeness(spec, c), c.created))
        chosen += alike[:MOST]
        if len(alike) > MOST:
            notes.append(
                f"memory: {len(alike) - MOST} more with targets in common were not read: the {MOST} that were share as "
                "much or more"
            )
    if not chosen:
        return (), {}, tuple(notes)
    read: dict[str, Mapping[str, Any]] = {}
    found = {}
    copies = Copies(ledger, spec)
    for campaign in sorted(chosen, key=lambda c: c.created):  # the first of two has what both have
        view, spec_there = View(ledger, campaign.name), CampaignSpec.from_record(campaign.spec)
        counted, said = copies.without(campaign, spec_there, view.counted)
        notes += said
        if view.counted and not counted:
            continue
        ids = [o.id for o in counted]
        read[campaign.name] = {"version": campaign.version, "observations": ids}
        heard = frozenset(ids)
        observations = [o for o in view.observations if o.id in heard]
        found[campaign.name] = _earlier(ledger, spec_there, campaign.version, observations)
    names = sorted(found)  # as earlier_of has them
    return tuple(found[n] for n in names), {n: read[n] for n in names}, tuple(notes)


def unknown_sources(spec: CampaignSpec, known: Collection[str]) -> tuple[str, ...]:
    """A note for each campaign that ``memory`` names and that is not among those ``known``."""
    names = spec.memory if isinstance(spec.memory, list) else []
    return tuple(
        f"memory names {n!r}, which is not on record{did_you_mean(n, known)}; hakken status lists what is"
        for n in names
        if n not in known
    )


def earlier_of(ledger: Ledger, read: Read) -> tuple[Earlier, ...]:
    """The sources as they were read, by name. Raises ``LedgerError`` where the record lacks something."""
    found = []
    for name, what in sorted(read.items()):  # the order that the record keeps: of sources alike the first are heard
        try:
            spec = CampaignSpec.from_record(ledger.spec_version(name, int(what["version"])))
            there = {o.id: o for o in ledger.observations(name, with_retracted=True)}
        except NotFound as error:
            raise LedgerError(f"source {name!r} is not on record any longer ({error})") from error
        if missing := [i for i in what["observations"] if i not in there]:
            raise LedgerError(
                f"source {name!r} was read with observation {missing[0]}, which is not on record; "
                "hakken audit verify looks for damage"
            )
        found.append(_earlier(ledger, spec, int(what["version"]), [there[i] for i in what["observations"]]))
    return tuple(found)


def recorded(read: Read, previous: RoundRecord | None, ledger: Ledger, name: str) -> Json:
    """What a round's model says of the sources that it read; {} for none."""
    if not read:
        return {}
    if previous is not None and read_of(ledger, name, previous) == read:
        return {SOURCES: {SAME: previous.model[SOURCES].get(SAME, previous.number)}}
    return {SOURCES: dict(read)}


def read_of(ledger: Ledger, name: str, stored: RoundRecord) -> Read:
    """What a stored round read of its sources."""
    read: Mapping[str, Any] = stored.model.get(SOURCES, {})
    if SAME in read:
        read = ledger.round(name, int(read[SAME])).model[SOURCES]
    return read


def _earlier(ledger: Ledger, spec: CampaignSpec, version: int, observations: Sequence[ObservationRecord]) -> Earlier:
    space = with_former_names(build_space(spec), ledger, spec.campaign, version)
    history, _ = history_of(spec, space, observations, ())
    return Earlier(spec.campaign, spec, history)


def _likeness(spec: CampaignSpec, other: CampaignRecord) -> float:
    """How many names of parameters two campaigns share; 0 where they have no target in common, or no result."""
    if other.data_version < 1 or not set(spec.objective) & set(other.spec["objective"]):
        return 0.0
    mine = set(spec.space)
    return (0.5 + len(mine & set(other.spec["space"]))) / len(mine)
