"""Changes of a laboratory that has attempts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from adapters.several import PARTED, part_in
from flows.engine.looking.view import WITH_LABORATORY, View
from flows.wiring import open_laboratory
from loop.contracts import Absent, AttemptKey, Found, Handle, KnowsWhatWasPlayed, RunsTogether, Unknown
from loop.errors import HakkenError, SpecError, UnknownName
from loop.experiment import State
from loop.outcome import Measured
from loop.record import AttemptRecord, Json
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.spec.models import LaboratorySpec

PLAYED: Final = frozenset({"simulated", "emulator"})  # adapters whose results nobody measured


def check_laboratory_kept(settings: Settings, known: View, spec: CampaignSpec) -> None:
    """Refuse another laboratory, or other options of it, while this one has attempts: it could not be asked for them.

    Going back to the laboratory that has every one of them is no such change, nor is how it is asked (a key, a time),
    nor another deck of a robot that has no plate in hand, nor the address of one to which none of them ever went, or
    that set none of them going. Of several laboratories those are kept that have any.

    Raises:
        SpecError: Such a change.
        AdapterOptionsError: What is changed are options that are none.
        UnknownName: The changed laboratory is none.
    """
    from adapters.registry import binding, binding_between_runs, binding_once_played, prepares_here

    before, now = known.spec.laboratory, spec.laboratory
    out = [a for a in known.attempts if a.state in WITH_LABORATORY]
    was, is_now = (_of_those_that_have(out, lab) for lab in (before, now))
    if now.adapter != before.adapter:
        out = [a for a in out if a.adapter != now.adapter]
    elif binding(now.adapter, is_now) == binding(before.adapter, was):
        return
    elif binding_once_played(now.adapter, is_now) == binding_once_played(before.adapter, was):
        out = [] if _was_never_played(settings, known) else out
    elif binding_between_runs(now.adapter, is_now) == binding_between_runs(before.adapter, was):
        out = [] if _is_between_runs(settings, known, out) else out
    elif prepares_here(now.adapter, was, is_now):
        out = [] if _never_left(settings, known, out) else out
    if out:
        _check_options(settings, spec)
        differing = list(_differing(binding(before.adapter, was), binding(now.adapter, is_now)))
        out, where = _of_differing(out, differing)
        what = "laboratory" if now.adapter != before.adapter else f"laboratory's options ({', '.join(differing)})"
        name = shlex.quote(known.name)
        raise SpecError(
            f"campaign {known.name!r}: the {what} cannot be changed while {_attempts(len(out))} with "
            f"{where or before.adapter!r}, such as {out[0].key} ({out[0].state.value}); let them end first: "
            f"hakken stop {name} sends no more, hakken tick {name} takes in what has ended (hakken resolve settles a "
            f"doubtful one), then hakken resume {name} and this file again; {to_be_told(known.name)}"
        )


def _check_options(settings: Settings, spec: CampaignSpec) -> None:
    """Raises where nobody knows the changed laboratory, or it does not know its options: that is mended, and no change
    to wait for.

    Raises:
        UnknownName: No adapter is called so.
        AdapterOptionsError: It has no such options.
    """
    from adapters.errors import AdapterOptionsError

    try:
        open_laboratory(settings, spec)
    except HakkenError as error:  # what else is wrong is said where the laboratory is used
        found = error if isinstance(error, AdapterOptionsError) else error.__cause__
        if isinstance(found, UnknownName):
            raise found from None
        if isinstance(found, AdapterOptionsError) and any("unknown option" in problem for problem in found.problems):
            raise found from None


def _of_those_that_have(out: Sequence[AttemptRecord], laboratory: LaboratorySpec) -> Mapping[str, Any]:
    """A laboratory section's options, of several laboratories without those that have none of these attempts; with all
    where one of these may be with any."""
    members = laboratory.options.get("laboratories")
    if laboratory.adapter != PARTED or not isinstance(members, Mapping) or not all(a.handle for a in out):
        return laboratory.options
    having = {part_in(a.handle) for a in out if a.handle}
    return {**laboratory.options, "laboratories": {name: own for name, own in members.items() if name in having}}


def _of_differing(out: list[AttemptRecord], differing: Sequence[str]) -> tuple[list[AttemptRecord], str | None]:
    """The attempts that stand against a change, and whom they are with; of several laboratories, those that change."""
    parts = {option.removeprefix("laboratories.") for option in differing if option.startswith("laboratories.")}
    if not parts or len(parts) < len(differing) or not all(a.handle for a in out):
        return out, out[0].adapter
    concerned = [a for a in out if part_in(a.handle or "") in parts]
    return concerned, " and ".join(dict.fromkeys(part_in(a.handle or "") for a in concerned))


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Names of options that are not the same; of several laboratories which of them."""
    for name in sorted({*was, *now}):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        if name == "laboratories" and isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from (f"{name}.{part}" for part in {**before, **after} if before.get(part) != after.get(part))
        else:
            yield name


def who_measured(known: View) -> list[str]:
    """The laboratory that each measured result of an attempt is of: its name among several, else its adapter."""
    mine = {a.key: part_in(a.handle or "") if a.adapter == PARTED else str(a.adapter) for a in known.attempts}
    return [mine[o.key] for o in known.observations if isinstance(o.outcome, Measured) and o.key in mine]


def calculated_otherwise(name: str, before: Json, now: Json, by: Sequence[str]) -> str:
    """What is to be said where results were calculated by a method that the laboratory section has no more; "" where
    they were not.

    Args:
        name: Of the campaign.
        before: The laboratory section on record.
        now: The one by which it goes on.
        by: The laboratory of each result (``who_measured``).
    """
    from adapters.registry import methods_in

    was, is_now = (methods_in(str(lab.get("adapter")), lab) for lab in (before, now))
    gone = {part: how for part, how in was.items() if how not in is_now.values()}
    if not (results := sum(who in gone for who in by)):
        return ""
    options = []
    for part, how in gone.items():
        where = "laboratory" if before.get("adapter") != "several" else f"laboratory {part}"
        other = is_now.get(part)
        if other is None or other["adapter"] != how["adapter"]:
            options.append(f"{where}.adapter")
        else:
            options += [
                f"{where}.{option}" for option in sorted({*how, *other}) if how.get(option) != other.get(option)
            ]
    so_far = "the result on record was" if results == 1 else f"the {results} results on record were"
    counts = "counts" if results == 1 else "count"
    return (
        f"{so_far} calculated otherwise ({', '.join(options)}), and {counts} beside those to come as the same "
        f"measurement; where the numbers differ, give the campaign another name: with memory: [{name}] it learns from "
        "this one, and two such versions can be one campaign (docs/guide/fidelities.md)"
    )


def only_played(known: View, before: Json, now: Json) -> str:
    """What is to be said where results are of a laboratory that was only played, and goes on in none that is; "" where
    there are none.

    Args:
        known: The campaign.
        before: The laboratory section on record.
        now: The one by which it goes on.
    """
    played = _played_in(before)
    if not played or _played_in(now):
        return ""
    keys = {
        a.key
        for a in known.attempts
        if a.adapter == before["adapter"] and (a.adapter != PARTED or part_in(a.handle or "") in played)
    }
    results = sum(o.key in keys for o in known.observations)
    if not results:
        return ""
    so_far = "the result on record that" if results == 1 else f"the {results} results on record that"
    was, counts = ("was", "counts") if results == 1 else ("were", "count")
    return (
        f"{so_far} {was} played ({', '.join(sorted(set(played.values())))}) and not measured {counts} as measurements "
        "beside those to come; where that is not meant, give the campaign another name, and it begins without them"
    )


def _played_in(section: Json) -> dict[str, str]:
    """Laboratories of a section whose results are only played, by name, with the adapter that plays them."""
    adapter = str(section.get("adapter"))
    members = section.get("laboratories") if adapter == PARTED else {adapter: section}
    found = {}
    for part, own in members.items() if isinstance(members, Mapping) else ():
        measurer = own.get("measured_by") if isinstance(own, Mapping) else None
        for one in (measurer, own):
            if isinstance(one, Mapping) and one.get("adapter") in PLAYED:
                found[str(part)] = str(one["adapter"])
    return found


def to_be_told(name: str) -> str:
    """How a person ends what a laboratory will never answer of, as a part of a sentence."""
    name = shlex.quote(name)
    return (
        f"where it will never answer of them, hakken export {name} FILE.csv --waiting makes a table of them, and "
        f"hakken tell {name} FILE.csv ends each row that says what it gave, or outcome cancelled"
    )


def _attempts(n: int) -> str:
    return "1 attempt is" if n == 1 else f"{n} attempts are"


def _is_between_runs(settings: Settings, known: View, out: Sequence[AttemptRecord]) -> bool:
    """Whether these attempts wait for their plate or for what is measured on it, and no plate is being made."""
    if any(a.state not in (State.SUBMITTED, State.RUNNING) for a in out):
        return False
    with suppress(HakkenError):  # one that cannot be asked may be at work
        laboratory = open_laboratory(settings, known.spec)
        there = [Handle(a.handle) for a in out if a.handle]
        return isinstance(laboratory, RunsTogether) and not laboratory.is_at_work(there)
    return False


def _was_never_played(settings: Settings, known: View) -> bool:
    """Whether the laboratory that has them set nothing of what it has going."""
    with suppress(HakkenError):  # one that cannot be asked may have
        laboratory = open_laboratory(settings, known.spec)
        return isinstance(laboratory, KnowsWhatWasPlayed) and not laboratory.has_played()
    return False


def _never_left(settings: Settings, known: View, out: Sequence[AttemptRecord]) -> bool:
    """Whether each was prepared and never started, as the laboratory tells that had them: by a wrong address, say."""
    if any(a.state is not State.SENDING for a in out):
        return False
    with suppress(HakkenError):  # it cannot be asked of one that may have left
        laboratory = open_laboratory(settings, known.spec)
        return all(_is_inert(laboratory.find(AttemptKey(a.key))) for a in out)
    return False


def _is_inert(found: Found | Absent | Unknown) -> bool:
    return isinstance(found, Found) and not found.started
