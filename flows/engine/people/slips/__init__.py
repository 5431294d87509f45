"""Slips: results that were probably mistyped. They count as they are, and a person is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.engine.looking.view import View
from flows.engine.people.slips.beside import beside, derived
from flows.engine.people.slips.twice import doubled, keyless, told_after, told_before, what_it_says
from flows.engine.people.slips.values import (
    bare_negatives,
    beyond,
    beyond_other_ends,
    breaking,
    fractions,
    of_either_sign,
    useless,
)
from loop.errors import SpaceError
from loop.outcome import Fault
from loop.record import ObservationRecord

__all__ = ["bare_negatives", "beyond_other_ends", "slips", "what_it_says"]


def slips(view: View, observations: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """A note for each target or parameter with a number beyond what the campaign file says it can be, for what was
    recorded beside results and is not as declared, or cannot be read, for values of derived targets, for wells with
    more than one result, or experiments whose own is still waited for, and for settings that the file has no more."""
    seen = tuple(observations)
    return (
        *beyond(view, seen),
        *breaking(view, seen),
        *useless(view, seen),
        *of_either_sign(view, seen),
        *fractions(view, seen),
        *beside(view, seen),
        *derived(view, seen),
        *doubled(view, seen),
        *keyless(view, seen),
        *told_before(view, seen),
        *told_after(view, seen),
        *_gone(view, seen),
    )


def _gone(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where results are of experiments whose settings the campaign file, changed since, cannot read any more."""
    found = []
    for o in observations if view.campaign.version > 1 else ():
        if o.key is not None and not isinstance(o.outcome, Fault):
            try:
                view.space.coordinates(view.space.as_named(o.settings, o.smiles))
            except SpaceError as error:
                found.append(f"{view.label(o.settings)} ({str(error).partition('; ')[0]})")
    if found:
        more = f", and of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"the result of {found[0]}{more} is kept, and nothing is learnt from it, as the campaign file was changed "
            "since: put back what was taken out, and exclude it by a constraint"
        )
