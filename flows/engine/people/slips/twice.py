"""Results that stand twice, or whose experiment is still waited for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from flows.engine.looking.view import View
from flows.engine.people.slips.wording import remedy
from loop.circumstances import read_context
from loop.outcome import Fault, Measured, Negative, Outcome, as_told
from loop.record import AttemptRecord, ObservationRecord, Settings
from loop.spec import declared_of, levels_of
from loop.values import values_of


def doubled(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where new results come from wells that have another one, of the same plate and round."""
    new, declared = {o.id for o in observations}, declared_of(view.spec)
    standing: dict[tuple[int, str, str, str], ObservationRecord] = {}
    found: list[tuple[ObservationRecord, ObservationRecord]] = []
    for o in sorted(view.observations, key=lambda o: o.id in new) if new and view.spec.source is None else ():
        place = read_context(o.context, declared)[0]
        if isinstance(o.outcome, Fault) or not {"plate", "row", "column"} <= place.keys():
            continue
        where = o.round_number, str(place["plate"]), str(place["row"]), str(place["column"])
        if (first := standing.setdefault(where, o)) is not o and o.id in new:
            found.append((first, o))
    if found:
        first, o = found[0]
        well, plate = o.context.get("well"), o.context.get("plate")
        more = f", and so has each of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: well {well} of plate {plate} has another one, of "
            f"{view.label(first.settings)}{more}; both count. {remedy(view, o)}"
        )


def keyless(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where told results are of experiments that are still waited for, and have not the keys of these."""
    keyless = [o for o in observations if o.key is None]
    pending = view.pending if keyless else ()
    look_up = _waited_wells if view.spec.plate is not None else _waited_experiments
    found = list(look_up(view, keyless, pending))
    if found:
        o, waited, key = found[0]
        more = f", and so are those of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: that of {waited} is still waited for{more}, and without its key this "
            f"one counts beside it. Where it is that result: hakken retract {shlex.quote(view.name)} {o.id} --why "
            f"KEYLESS{_with_its_file(len(found))}, and hakken tell brings it in with its key, {key}; or with --match, "
            "which finds the keys by the settings"
        )


def _with_its_file(results: int) -> str:
    return " (--file beside it: all that came in its file)" if results > 1 else ""


def told_before(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
    """A note where results of experiments, by their keys, say what was told without a key: the same ones, perhaps."""
    new = {o.id: o for o in observations if o.key is not None and view.spec.source is None}
    if not new:
        return
    keyless = {_said(view, o): o for o in view.observations if o.key is None and o.id not in new}
    found = [(o, told) for o in new.values() if (told := keyless.get(_said(view, o))) is not None]
    if found:
        o, told = found[0]
        more = f", and so with each of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: the same settings and values were told without a key, and both "
            f"count{more}. Where they are one result: hakken retract {shlex.quote(view.name)} {told.id} --why KEYLESS"
            f"{_with_its_file(len(found))}"
        )


def told_after(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
    """A note where numbers without a key are those of results of experiments on record: told twice, perhaps, from
    files of two names. Words and levels are often the same in true replicates."""
    levels = levels_of(view.spec)
    new = [o for o in observations if o.key is None and values_of(o.outcome).keys() - levels]
    keyed = {_said(view, o): o for o in view.observations if o.key is not None} if new else {}
    found = [(o, known) for o in new if (known := keyed.get(_said(view, o))) is not None]
    if found:
        o, known = found[0]
        more = f", and so with each of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: the experiment of round {known.round_number} with these settings has "
            f"the same values, and both count{more}. Where they are one result: hakken retract "
            f"{shlex.quote(view.name)} {o.id} --why KEYLESS{_with_its_file(len(found))}"
        )


def what_it_says(outcome: Outcome) -> tuple[object, ...]:
    """What a result says, to be compared: its values to nine digits with their signs."""
    measured = outcome.measurements if isinstance(outcome, Measured | Negative) else ()
    values = sorted((m.property, m.qualifier.value, f"{as_told(m):.9g}") for m in measured)
    return type(outcome).__name__, tuple(values)


def _said(view: View, o: ObservationRecord) -> tuple[object, ...]:
    settings = sorted((n, f"{v:.9g}" if isinstance(v, float) else v) for n, v in _named(view, o).items())
    return tuple(settings), what_it_says(o.outcome)


Waited: TypeAlias = Iterator[tuple[ObservationRecord, str, str]]  # a result, what is waited for, and what its key is


def _waited_wells(view: View, keyless: Sequence[ObservationRecord], pending: Sequence[AttemptRecord]) -> Waited:
    waited = {(str(a.place.plate), a.place.well): _named(view, a) for a in pending if a.place is not None}
    for o in keyless:
        place = read_context(o.context, {})[0]
        plate, well = str(place.get("plate")), f"{place.get('row', '')}{place.get('column', '')}"
        if waited.get((plate, well)) == _named(view, o):
            yield o, f"well {well} of plate {plate}", f"which hakken plate {shlex.quote(view.name)} {plate} writes"


def _waited_experiments(view: View, keyless: Sequence[ObservationRecord], pending: Sequence[AttemptRecord]) -> Waited:
    waited = {frozenset(_named(view, a).items()): a for a in pending}
    for o in keyless:
        if (a := waited.get(frozenset(_named(view, o).items()))) is not None:
            shown = f"hakken show {shlex.quote(view.name)} {a.round_number}"
            yield o, f"an experiment of round {a.round_number}", f"{a.key} in a column key ({shown} has them all)"


def _named(view: View, known: AttemptRecord | ObservationRecord) -> Settings:
    return view.space.as_named(known.settings, known.smiles)
