"""Notes on what a campaign file changes of a campaign on record: what of it, what it undoes of others' changes, and
what becomes of results and of what is at work.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.engine.campaigns import resolved_for
from flows.engine.changes.analyses import analysed_otherwise
from flows.engine.changes.laboratory import calculated_otherwise, only_played, who_measured
from flows.engine.changes.results import check_change
from flows.engine.changes.targets import other_targets
from flows.engine.changes.versions import Overtaken, TakenBack, overtaken, taken_back
from flows.engine.looking.forbidden import forbidden
from flows.engine.looking.view import View
from flows.engine.people.slips import beyond_other_ends
from flows.shown.changes import spec_changes
from flows.wiring import open_record, spec_on_record
from loop.record import Json
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True, slots=True)
class Change:
    """What a campaign file changes: parts of the file, such as ``space.ligand``, and what is to be said of them.

    ``before`` is the spec on record.
    """

    before: Json
    parts: tuple[str, ...]
    notes: tuple[str, ...]

    def foretold(self, name: str, file: str) -> str:
        """That it is not taken up yet, in a sentence."""
        takes = f"hakken run {shlex.quote(file)}"
        return f"{file} changes what is on record of {name}, once {takes} takes it up: {', '.join(self.parts)}"


def change_of(settings: Settings, spec: CampaignSpec, file: str) -> Change | None:
    """What ``spec``, read from the file that is called ``file``, changes of the campaign on record once it is taken up.

    None where the record has no such campaign, or what the file says.

    Raises:
        SpecError: The record does not take it.
    """
    if spec_on_record(settings, spec.campaign) is None:
        return None
    with open_record(settings) as ledger:
        known = View(ledger, spec.campaign)
        before, changed = known.campaign.spec, known.under(resolved_for(known, spec))
        after = changed.campaign.spec
        if not (parts := _changed_parts(before, after)):
            return None
        check_change(settings, known, spec)
        undone = overtaken(settings, spec)
        back = None if undone is not None else taken_back(settings, spec)
        notes = [] if undone is None else [_undone(file, spec.campaign, undone, after)]
        notes += [] if back is None else [_taken_back(file, back, before, after)]
        return Change(before, tuple(parts), (*notes, *_becoming(changed, before, file)))


def _becoming(changed: View, before: Json, file: str) -> Iterator[str]:
    """What becomes of results and of what is at work; ``changed`` is the record under the changed spec."""
    after = changed.campaign.spec
    yield from forbidden(changed)
    yield from _other_real_thing(before, after)
    yield from _of_another_laboratory(changed, before)
    yield from other_targets(changed, before, after)
    yield from beyond_other_ends(changed, before)
    if before.get("analysis") != after.get("analysis") and (said := analysed_otherwise(changed, file)):
        yield said


def _other_real_thing(before: Json, after: Json) -> Iterator[str]:
    """What is to be said where another version of the measurement is the real thing by now."""
    for name, said in after["space"].items():
        earlier = before["space"].get(name, {})
        if said.get("type") != "fidelity" or earlier.get("type") != "fidelity":
            continue
        was, now = earlier["options"][-1], said["options"][-1]
        if was != now:
            yield (
                f"the real thing of {name} is {now} from here and was {was}, whose results count as those of a cheaper "
                "version now; where only the order was meant, the real thing stands last"
            )


def _of_another_laboratory(changed: View, before: Json) -> Iterator[str]:
    """What is to be said of results that were calculated by what the laboratory no longer does, or only played."""
    was, now = before["laboratory"], changed.campaign.spec["laboratory"]
    if was == now:
        return
    calculated = calculated_otherwise(changed.name, was, now, who_measured(changed))
    for line in (calculated, only_played(changed, was, now)):
        if line:
            yield line


def _undone(file: str, name: str, undone: Overtaken, after: Json) -> str:
    """What an older copy of a file undoes of what others changed, and how to keep it."""
    return (
        f"{file} is as {name} was in version {undone.version}: what {undone.by} changed since ({undone.since}) is "
        f"undone; where that is not meant, take it over into {file} and run that again: "
        f"{', '.join(spec_changes(after, undone.in_force))}"
    )


def _taken_back(file: str, back: TakenBack, before: Json, after: Json) -> str:
    """What a file that was edited beside another's takes back of that one's changes, and how to keep them."""
    values = [line for line in spec_changes(before, after) if any(line.startswith(f"{p} ") for p in back.paths)]
    return (
        f"{file} takes back what {back.by} changed ({back.since}): {', '.join(values)}; where that is not meant, take "
        f"it over into {file} and run that again"
    )


def _changed_parts(before: Json, after: Json) -> list[str]:
    """Sections of a spec that differ, such as ``budget``; of those that have names or keys, which of them."""
    found = []
    for section in sorted({*before, *after}):
        old, new = before.get(section), after.get(section)
        if isinstance(old, dict) and isinstance(new, dict):
            keys = dict.fromkeys((*new, *old)) if section == "space" else sorted({*old, *new})  # as the file has them
            found += [f"{section}.{key}" for key in keys if old.get(key) != new.get(key)]
        elif old != new:
            found.append(section)
    return found
