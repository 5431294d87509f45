"""What a person decides of candidates and regions: pins and bans, and what takes them back, kept on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from flows.engine.looking.view import View
from flows.engine.people.bans import is_for_now, keeps_out, place_of, place_of_record, region_of, region_text
from flows.engine.people.conditions import Conditions, read_candidate, read_conditions
from flows.engine.people.decisions import decided_next, still_to_run
from flows.engine.people.reminding import times_measured
from flows.engine.people.writing import deciding, writing
from flows.labels import label_of
from flows.not_run import refuse_source
from flows.unsent import never_sent
from flows.wiring import open_record
from loop.as_written import written_in
from loop.decision import DecisionDraft, DecisionKind, DecisionRecord, in_force
from loop.errors import LedgerError, NotFound, SpaceError
from loop.record import Json, Settings
from loop.space import ProductPool, Space, sample_space
from loop.space.pool import goes_untied
from loop.spec import build_space

if TYPE_CHECKING:
    from flows.settings import Settings as Where


def pin(
    settings: Where, name: str, where: Sequence[str], *, by: str, why: str, again: bool = False, times: int = 1
) -> DecisionRecord:
    """Have a candidate run in the next batch, by so many experiments. ``again`` allows one that was tried before.

    Raises:
        LedgerError: The campaign is a source, it was tried, it is at work or waits for approval, it is banned or pinned
            already, no reason is given, or there are no or too many ``times``.
        SpaceError: It lies outside the space.
    """
    with open_record(settings) as ledger:

        def look() -> DecisionDraft:
            return _pinned(View(ledger, name), where, by, why, again=again, times=times)

        with deciding(settings, ledger, name, by, look) as (work, draft):
            return work.settle(draft)


def _pinned(view: View, where: Sequence[str], by: str, why: str, *, again: bool, times: int) -> DecisionDraft:
    """The pin, where it can be followed. Raises as ``pin``."""
    refuse_source(view.campaign)
    wanted = read_candidate(view.space, where)
    x = view.space.coordinates(wanted).tobytes()
    if (measured := times_measured(view, wanted)) and not again:
        more = "once more" if times == 1 else f"{times} times more"
        raise LedgerError(f"{view.label(wanted)} was measured {measured} already; add --again to measure it {more}")
    check_not_on_its_way(view, wanted)
    check_not_banned(view, wanted)
    if (pin := pin_of(view, x)) is not None:
        raise LedgerError(
            f"{view.label(wanted)} is pinned already; hakken lift {quote(view.name)} {pin} takes it back, to pin it "
            "for another number of experiments"
        )
    return DecisionDraft(DecisionKind.PIN, by, why, wanted, times=times)


def ban(
    settings: Where, name: str, where: Sequence[str], *, by: str, why: str, for_now: bool = False
) -> DecisionRecord:
    """Keep a candidate (every parameter given) or a whole region out, from the next batch on.

    With ``for_now`` what was measured of it counts on as the best so far, and no regret ends the campaign meanwhile.

    Raises:
        LedgerError: The campaign is a source, no reason is given, nothing would be left, or a large union lets only
            single candidates be banned.
        SpaceError: A parameter or an option is unknown.
    """
    with open_record(settings) as ledger:

        def look() -> DecisionDraft:
            return _banned(View(ledger, name), where, by, why, for_now=for_now)

        with deciding(settings, ledger, name, by, look) as (work, draft):
            return work.settle(draft)


def _banned(view: View, where: Sequence[str], by: str, why: str, *, for_now: bool) -> DecisionDraft:
    """The ban, where it leaves something to try. Raises as ``ban``."""
    refuse_source(view.campaign)
    conditions: Conditions = read_conditions(view.space, where)
    a_while = {"for_now": True} if for_now else {}
    if conditions.candidate is not None:
        return DecisionDraft(DecisionKind.BAN, by, why, conditions.candidate, region=a_while)
    draft = DecisionDraft(DecisionKind.BAN, by, why, region={**conditions.region, **a_while})
    said = decided_next(view)
    constraints = [*said.spec.constraints, region_of(conditions.region, "this ban")]
    _check_something_is_left(build_space(said.spec.model_copy(update={"constraints": constraints})), draft)
    return draft


def lift(settings: Where, name: str, number: int, *, by: str, why: str) -> DecisionRecord:
    """Let an earlier decision count no more, from the next batch on. It stays on record.

    Raises:
        LedgerError: There is no such decision, it was lifted before, or no reason is given.
    """
    with open_record(settings) as ledger:
        known = {d.number: d for d in ledger.decisions(name)}
        if number not in known:
            there = ", ".join(map(str, known)) or "none yet"
            raise NotFound(
                f"campaign {name!r} has no decision {number}; there are: {there} (hakken decisions {quote(name)})"
            )
        with writing(settings, ledger, name, by) as work:
            return work.settle(DecisionDraft(DecisionKind.LIFT, by, why, lifts=known[number].id))


def decisions(settings: Where, name: str) -> tuple[tuple[DecisionRecord, bool, str], ...]:
    """Every decision, whether it is in force for the next batch (no pin is that was followed), and what it is about."""
    with open_record(settings) as ledger:
        campaign, made, proposals = ledger.campaign(name), ledger.decisions(name), ledger.proposals(name)
        number = max((p.round_number for p in proposals), default=0) + 1
        unsent = never_sent(ledger.attempts(name))
        pins = (d for d in made if d.draft.kind is DecisionKind.PIN)
        done = {d.id for d in pins if not still_to_run(d, proposals, number, unsent)}
        now = {d.id for d in in_force(made, number)} - done
        by_id = {d.id: d for d in made}
        return tuple((d, d.id in now, _about(d, by_id, campaign.spec)) for d in made)


def pin_of(view: View, x: bytes) -> int | None:
    """The decision by which the candidate with these coordinates is to be run in the next batch; None where none is."""
    if not any(s.x.tobytes() == x for s in decided_next(view).pinned):
        return None
    pins = [d for d in in_force(view.decisions, view.round_number + 1) if d.draft.kind is DecisionKind.PIN]
    return max(d.number for d in pins if place_of(view.space, d.draft.settings) == x)


def _about(decision: DecisionRecord, known: Mapping[str, DecisionRecord], spec: Json) -> str:
    draft = decision.draft
    if draft.kind is DecisionKind.LIFT:
        return f"decision {known[draft.lifts].number}" if draft.lifts is not None else ""
    if draft.settings:
        for_now = ", for now" if is_for_now(decision) else ""
        return label_of(spec, draft.settings) + draft.said_times + for_now
    return region_text(draft.region, written_in(spec["space"]))


def check_not_on_its_way(view: View, wanted: Settings, *, beside: str = "") -> None:
    """Refuse what would run twice; ``beside`` is the proposal that is to become ``wanted``."""
    x = view.space.coordinates(wanted).tobytes()
    if any(place_of_record(view.space, a) == x for a in view.pending):
        raise LedgerError(f"{view.label(wanted)} is being run now; wait for its result")
    for p in view.undecided:
        if p.id != beside and place_of_record(view.space, p.draft.candidate) == x:
            number = p.draft.run_order + 1
            raise LedgerError(
                f"{view.label(wanted)} waits for approval as proposal {number} of round {p.round_number}; to run "
                f"it: hakken approve {quote(view.name)} {p.round_number} {number}"
            )


def check_not_banned(view: View, wanted: Settings) -> None:
    """Refuse what is banned now; the message names the ban and how to lift it."""
    for d in in_force(view.decisions, view.round_number + 1):
        if d.draft.kind is not DecisionKind.BAN:
            continue
        if keeps_out(view.spec, view.space, d, wanted):
            raise LedgerError(
                f"{view.label(wanted)} is banned (decision {d.number}: {d.draft.why}); lift that first: "
                f"hakken lift {quote(view.name)} {d.number}"
            )


def _check_something_is_left(space: Space, draft: DecisionDraft) -> None:
    if goes_untied(space):
        assert space.union is not None
        raise LedgerError(
            f"{region_text(draft.region, space.written)} is more than one candidate, and of {space.size} combinations "
            f"with the union {space.names[space.union[0]]!r} only single ones can be banned; give every parameter "
            f"({', '.join(space.shown_names)}), or leave those options out of the campaign file"
        )
    try:
        if space.is_finite:
            ProductPool(space)
        else:
            sample_space(space, 1, 0)
    except SpaceError as error:
        said = region_text(draft.region, space.written)
        raise LedgerError(f"with {said} banned nothing would be left to try ({error})") from None
