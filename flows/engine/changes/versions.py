"""Versions: whether a campaign file undoes what somebody else has changed, as an older copy of it does, whole or with
changes of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.engine.campaigns import chosen_from, read_campaign_file, says_the_same
from flows.engine.changes.edits import edits_of
from flows.wiring import campaign_file, open_record
from loop.contracts import Ledger
from loop.errors import NotFound, SpecError
from loop.record import AuditEntry, CampaignRecord, CampaignState, Json
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
        campaign = _changed_by(spec, ledger)
        if campaign is None:
            return None
        earlier = range(campaign.version - 1, 0, -1)
        same = next((n for n in earlier if _is(spec, ledger.spec_version(campaign.name, n))), None)
        if same is None:
            return None
        later = [entry for number, entry in openings(ledger, campaign.name) if number > same]
    others = list(dict.fromkeys(entry.actor for entry in later if entry.actor != settings.by))
    if not others:
        return None
    numbers = f"version {same + 1}" if len(later) == 1 else f"versions {same + 1} to {campaign.version}"
    since = f"{numbers}, {later[-1].at:%Y-%m-%d %H:%M} UTC"
    return Overtaken(same, " and ".join(others), since, campaign.spec)


def openings(ledger: Ledger, name: str) -> Iterator[tuple[int, AuditEntry]]:
    """Each version of a campaign with the entry of the audit log that put it on record, in order."""
    for entry in ledger.audit():
        if entry.action == "open_campaign" and entry.detail.get("campaign") == name:
            yield int(entry.detail.get("version", 0)), entry


def said_of_edits(settings: Settings, name: str, shown: Callable[[Path], str] = str) -> str:
    """A sentence where a campaign goes on by its record, and its file says something else by now; "" elsewhere.

    ``shown`` is how the file is called.
    """
    try:
        edits = edits_of(settings, name)
    except (SpecError, OSError) as error:  # of the note where the file is, which the record goes on without
        return f"whether the campaign file was edited cannot be told: {error}"
    if edits is None:
        return _moved(settings, name, shown)
    file = shown(edits.path)
    if edits.fault:
        return f"{file} was changed and cannot be used ({edits.fault}); the campaign goes on as it is on record"
    takes = f"hakken run {shlex.quote(file)}"
    if edits.renamed:
        return _renamed(settings, name, file, edits.renamed)
    if edits.gone:
        is_, it = ("is", "it") if len(edits.gone) == 1 else ("are", "them")
        return (
            f"{', '.join(edits.gone)}, named by {file}, {is_} not there any more: by its name {name} goes on as it is "
            f"on record; put {it} back, or name another, before {takes}"
        )
    if edits.files:
        was = "was" if len(edits.files) == 1 else "were"
        return (
            f"{', '.join(edits.files)}, named by {file}, {was} changed; {takes} takes that up, by its name it goes on "
            "as before"
        )
    if edits.is_read and (undone := overtaken(settings, read_campaign_file(edits.path, settings))) is not None:
        return (
            f"{file} is as {name} was in version {undone.version}, and {undone.by} changed it since ({undone.since}): "
            f"by its name it goes on by that; {takes} would undo it"
        )
    return f"{file} was changed; {takes} takes that up, by its name it goes on as before"


def _moved(settings: Settings, name: str, shown: Callable[[Path], str]) -> str:
    """A sentence where the file of a campaign that goes on is not where it was; "" elsewhere."""
    path = campaign_file(settings, name)
    if path is None or path.exists():
        return ""
    if not _is_active(settings, name):
        return ""
    return (
        f"{shown(path)} is not there any more: by its name the campaign goes on as it is on record, and what is "
        "changed in the file elsewhere is not seen; hakken run FILE with its new place notes that"
    )


def _renamed(settings: Settings, name: str, file: str, renamed: str) -> str:
    """A sentence where the file of a campaign that goes on is of another campaign by now; "" elsewhere."""
    if not _is_active(settings, name):
        return ""
    return (
        f"{file} is of campaign {renamed!r} by now: by its name {name!r} goes on as it is on record, and what is "
        f"changed in that file is not seen; write campaign: {name} in it again where that is meant"
    )


def _is_active(settings: Settings, name: str) -> bool:
    with open_record(settings) as ledger:
        return ledger.campaign(name).state is CampaignState.ACTIVE


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Values that a campaign file has as they were before others changed them."""

    paths: frozenset[str]  # such as budget.experiments
    by: str  # who changed them, in words
    since: str  # in which version that was last, and when


def taken_back(settings: Settings, spec: CampaignSpec) -> TakenBack | None:
    """What of others' changes ``spec`` has as it was before them, None where it undoes none.

    Two people who edit copies of one file at once undo each other's changes so, without having touched them.
    """
    with open_record(settings) as ledger:
        campaign = _changed_by(spec, ledger)
        if campaign is None:
            return None
        versions = [_values(chosen_from(ledger.spec_version(campaign.name, n + 1))) for n in range(campaign.version)]
        changed = _taken_back_in(versions, _values(chosen_from(spec.resolved())))
        made = dict(openings(ledger, campaign.name)) if changed else {}
    by_path = {path: made[number] for path, number in changed.items() if number in made}
    found = {path: entry for path, entry in by_path.items() if entry.actor != settings.by}
    if not found:
        return None
    last = max(found.values(), key=lambda entry: entry.number)
    others = sorted({entry.actor for entry in found.values()})
    since = f"version {last.detail['version']}, {last.at:%Y-%m-%d %H:%M} UTC"
    return TakenBack(frozenset(found), " and ".join(others), since)


def _changed_by(spec: CampaignSpec, ledger: Ledger) -> CampaignRecord | None:
    """The campaign on record that ``spec`` would change; None where there is none, or it says the same."""
    try:
        campaign = ledger.campaign(spec.campaign)
    except NotFound:
        return None
    return None if _is(spec, campaign.spec) else campaign


def _taken_back_in(versions: Sequence[Mapping[str, Any]], mine: Mapping[str, Any]) -> dict[str, int]:
    """By path, the version (from 1) that gave it the value in force, where ``mine`` has it as it was before that."""
    now, found = versions[-1], {}
    for path in {*mine, *now}:
        if mine.get(path) == now.get(path):
            continue
        before = next((n for n in range(len(versions) - 2, -1, -1) if versions[n].get(path) != now.get(path)), None)
        if before is not None and versions[before].get(path) == mine.get(path):
            found[path] = before + 2
    return found


def _values(resolved: Any, path: str = "") -> dict[str, Any]:
    """Every value of a resolved spec by its path, as ``flows.shown.changes`` tells them; lists are values."""
    if not isinstance(resolved, Mapping):
        return {path: resolved}
    found: dict[str, Any] = {}
    for key, value in resolved.items():
        found |= _values(value, f"{path}.{key}" if path else str(key))
    return found


def _is(spec: CampaignSpec, on_record: Json) -> bool:
    with suppress(SpecError):  # of another release
        return says_the_same(spec, on_record)
    return False
