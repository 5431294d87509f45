"""What a person decides of candidates: refusals with a meaning, edits, pins and bans, all of it kept on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Final

import numpy as np

from flows.engine.looking.replaying import inputs_of
from flows.engine.looking.view import View, rounds_of
from flows.engine.people.bans import keeps_out, place_of, place_of_record, region_of, region_text
from flows.engine.people.conditions import Conditions, read_candidate, read_conditions
from flows.engine.people.decisions import decided_next, still_to_run
from flows.engine.people.reminding import times_measured
from flows.engine.people.writing import deciding, writing
from flows.engine.steps.identifying import identified
from flows.labels import label_of
from flows.not_run import refuse_source
from flows.unsent import never_sent
from flows.wiring import open_record
from loop.as_written import written_in
from loop.checkpoints import reached
from loop.contracts import Ledger
from loop.decision import Amendment, DecisionDraft, DecisionKind, DecisionRecord, in_force
from loop.errors import LedgerError, NotFound, SpaceError
from loop.history import Said
from loop.plate.layout import unstocked
from loop.record import HEADS, Arm, Candidate, Json, ProposalDraft, ProposalRecord, Settings
from loop.space import ProductPool, Space, sample_space
from loop.space.pool import goes_untied
from loop.spec import build_space

if TYPE_CHECKING:
    from flows.settings import Settings as Where

MEANINGS: Final[Mapping[str, DecisionKind]] = {
    "cannot": DecisionKind.CANNOT,
    "preference": DecisionKind.PREFERENCE,
}


def approve(
    settings: Where,
    name: str,
    round_number: int,
    *,
    by: str,
    why: str = "",
    refuse: bool = False,
    only: Sequence[int] = (),
    meaning: str | None = None,
) -> int:
    """Approve (or refuse) the proposals of a round that wait for it; returns how many.

    Args:
        settings: Where the record is.
        name: The campaign.
        round_number: The round.
        by: Who decides.
        why: The reason; a refusal with a meaning needs one.
        refuse: Refuse them instead.
        only: Numbers of the proposals as ``hakken show`` gives them; all that wait where left out.
        meaning: Of a refusal: ``cannot`` (it cannot be made: that trains feasibility, and warns of its neighbours)
            or ``preference`` (it is kept out, and says nothing of others).

    Raises:
        NotFound: There is no such round, or no such proposal in it.
        LedgerError: Nothing of it waits for a decision, or a reason is missing.
    """
    if meaning is not None and meaning not in MEANINGS:
        raise LedgerError(f"a refusal means {' or '.join(MEANINGS)}, not {meaning!r}")
    if meaning is not None and not refuse:
        raise LedgerError("only a refusal has a meaning; add --refuse, or leave --meaning out")
    if meaning is not None and not why.strip():
        raise LedgerError("a refusal with a meaning needs a reason, which stays on record; give it with --why")
    with open_record(settings) as ledger:

        def look() -> list[ProposalRecord]:
            return _waiting(ledger, name, round_number, only)

        with deciding(settings, ledger, name, by, look) as (work, waiting):
            for proposal in waiting:
                work.decide(proposal.id, not refuse, by, why)
                if meaning is not None:
                    candidate = dict(proposal.draft.candidate.settings)
                    work.settle(DecisionDraft(MEANINGS[meaning], by, why, candidate, proposal_id=proposal.id))
        reached("approve.decided")
        return len(waiting)


def edit(
    settings: Where, name: str, round_number: int, number: int, changes: Sequence[str], *, by: str, why: str
) -> ProposalRecord:
    """Change a proposal that waits for a person; the changed one runs in its place. Returns it.

    It is of the arm manual, linked to the proposal that it came from, with the predictions of the round's own model.

    Args:
        settings: Where the record is.
        name: The campaign.
        round_number: The round.
        number: Of the proposal, as ``hakken show`` gives it.
        changes: Such as ``"temperature=90"``.
        by: Who decides.
        why: The reason.

    Raises:
        NotFound: There is no such round or proposal.
        LedgerError: It was decided, nothing changes, no reason is given, or the new candidate is banned or pinned, at
            work, or waits for approval.
        SpaceError: The new candidate lies outside the space.
    """
    if not why.strip():
        raise LedgerError("an edit needs a reason, which stays on record; give it with --why")
    with open_record(settings) as ledger:

        def look() -> Amendment:
            return _amendment(ledger, name, round_number, number, changes, by=by, why=why)

        with deciding(settings, ledger, name, by, look) as (work, amendment):
            return work.amend(amendment)


def _amendment(
    ledger: Ledger, name: str, round_number: int, number: int, changes: Sequence[str], *, by: str, why: str
) -> Amendment:
    """What an edit puts in the place of a proposal. Raises as ``edit``."""
    (old,) = _waiting(ledger, name, round_number, (number,))
    view = View(ledger, name)
    before = dict(view.space.as_named(old.draft.candidate.settings, old.draft.candidate.smiles))
    wanted = read_candidate(view.space, changes, before)
    if wanted == before:
        raise LedgerError(f"the edit changes nothing of {view.label(before)}; approve it as it is")
    _check_not_banned(view, wanted)
    _check_keeps_what_wells_share(view, old, before, wanted)
    _check_brings_no_more_options(view, old, wanted)
    x = view.space.coordinates(wanted)
    _check_not_on_its_way(view, wanted, beside=old.id)
    if (pin := _pin_of(view, x.tobytes())) is not None:
        raise LedgerError(
            f"{view.label(wanted)} is pinned and runs in the next batch; lift the pin first "
            f"(hakken lift {quote(name)} {pin}), or edit otherwise"
        )
    candidate = identified(view.space, wanted)
    said = _foretold(ledger, name, round_number, candidate, why)
    draft = replace(
        old.draft,
        candidate=candidate,
        arm=Arm.MANUAL,
        reason=f"{HEADS[Arm.MANUAL]}edited by {by} ({why}); proposed was {view.label(before)}",
        model="" if said is None else said.model,
        acquisition="",
        acquisition_value=None,
        predictions=() if said is None else said.predictions,
        neighbour=None if said is None else said.neighbour,
        novelty=None if said is None else said.novelty,
    )
    return Amendment(old.id, draft, by, why)


def _foretold(ledger: Ledger, name: str, round_number: int, wanted: Candidate, why: str) -> ProposalDraft | None:
    """What the models of a round say of a candidate; None where the space that they know had none such.

    The file may have changed since, so that an option had another number, or another name, then.
    """
    from loop.pinning import manual_proposals  # brings torch

    inputs = inputs_of(ledger, name, ledger.round(name, round_number))
    space = build_space(inputs.spec)
    try:
        x = space.coordinates(space.as_named(wanted.settings, wanted.smiles))
    except SpaceError:
        return None
    (said,) = manual_proposals(
        inputs.spec, inputs.history, (Said(x, why),), seed=inputs.seed, first=0, earlier=inputs.earlier
    )
    return said


def _check_keeps_what_wells_share(view: View, old: ProposalRecord, before: Settings, wanted: Settings) -> None:
    """Refuse to give one well of a plate another value of what it shares with its neighbours."""
    place, plate = old.draft.place, view.spec.plate
    if place is None or plate is None:
        return
    for name, scope in plate.share.items():
        mine = [n for n in {*before, *wanted} if n == name or n.startswith(f"{name}.")]
        if any(before.get(n) != wanted.get(n) for n in mine):
            raise LedgerError(
                f"well {place.well} shares {name} with its {scope}; edit another parameter, or refuse the wells of the "
                f"{scope} (hakken approve --refuse)"
            )


def _check_brings_no_more_options(view: View, old: ProposalRecord, wanted: Settings) -> None:
    """Refuse to bring more different options onto a plate than it may hold."""
    if old.draft.place is None or view.spec.plate is None:
        return
    beside = [p for p in view.proposals if p.round_number == old.round_number and p.approved is not False]
    places = [place_of_record(view.space, p.draft.candidate) for p in beside if p.id != old.id]
    others = [np.frombuffer(x) for x in places if x is not None]
    x = view.space.coordinates(wanted)
    for name, limit in view.spec.plate.at_most.items():
        column = view.space.names.index(name)
        free = unstocked(view.space, column)
        there = {float(other[column]) for other in others} - free
        if len(there) >= limit and float(x[column]) not in there | free:
            raise LedgerError(
                f"{name} {wanted[name]} would be one more than the {limit} of plate.at_most; use one that is on the "
                f"plate (hakken show {quote(view.name)} {old.round_number})"
            )


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
    _check_not_on_its_way(view, wanted)
    _check_not_banned(view, wanted)
    if (pin := _pin_of(view, x)) is not None:
        raise LedgerError(
            f"{view.label(wanted)} is pinned already; hakken lift {quote(view.name)} {pin} takes it back, to pin it "
            "for another number of experiments"
        )
    return DecisionDraft(DecisionKind.PIN, by, why, wanted, times=times)


def ban(settings: Where, name: str, where: Sequence[str], *, by: str, why: str) -> DecisionRecord:
    """Keep a candidate (every parameter given) or a whole region out, from the next batch on.

    Raises:
        LedgerError: The campaign is a source, no reason is given, nothing would be left, or a large union lets only
            single candidates be banned.
        SpaceError: A parameter or an option is unknown.
    """
    with open_record(settings) as ledger:

        def look() -> DecisionDraft:
            return _banned(View(ledger, name), where, by, why)

        with deciding(settings, ledger, name, by, look) as (work, draft):
            return work.settle(draft)


def _banned(view: View, where: Sequence[str], by: str, why: str) -> DecisionDraft:
    """The ban, where it leaves something to try. Raises as ``ban``."""
    refuse_source(view.campaign)
    conditions: Conditions = read_conditions(view.space, where)
    if conditions.candidate is not None:
        return DecisionDraft(DecisionKind.BAN, by, why, conditions.candidate)
    draft = DecisionDraft(DecisionKind.BAN, by, why, region=conditions.region)
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


def _pin_of(view: View, x: bytes) -> int | None:
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
        return label_of(spec, draft.settings) + draft.said_times
    return region_text(draft.region, written_in(spec["space"]))


def _waiting(ledger: Ledger, name: str, round_number: int, only: Sequence[int]) -> list[ProposalRecord]:
    ledger.round(name, round_number)
    proposals = ledger.proposals(name, round_number)
    waiting = [p for p in proposals if p.approved is None]
    chosen = [_undecided(ledger, name, round_number, proposals, number) for number in dict.fromkeys(only)]
    if not waiting:
        raise LedgerError(
            f"round {round_number} of campaign {name!r} waits for no decision{_deciders(proposals)}; "
            f"{_elsewhere(ledger, name)}"
        )
    return chosen or waiting


def _undecided(
    ledger: Ledger, name: str, round_number: int, proposals: Sequence[ProposalRecord], number: int
) -> ProposalRecord:
    """The proposal of this number, which waits for a decision; ``proposals`` are its round's."""
    mine = [p for p in proposals if p.draft.run_order + 1 == number]
    if not mine:
        wait = sorted(p.draft.run_order + 1 for p in proposals if p.approved is None)
        there = f"there wait {', '.join(map(str, wait))}" if wait else f"none of it waits, {_elsewhere(ledger, name)}"
        raise NotFound(f"round {round_number} of campaign {name!r} has no proposal {number}; {there}")
    undecided = [p for p in mine if p.approved is None]
    if not undecided:
        refused = all(not p.approved for p in mine)
        word = "edited" if len(mine) > 1 else "refused" if refused else "approved"
        ban = "" if refused else f"; where it was not sent yet, hakken ban {quote(name)} keeps it back"
        raise LedgerError(
            f"proposal {number} of round {round_number} was {word} already and a decision stands{_decider(mine)}; pin "
            f"the candidate that you want instead (hakken pin {quote(name)}){ban}"
        )
    return undecided[0]


def _decider(decided: Sequence[ProposalRecord]) -> str:
    """In brackets, who decided a proposal and why, where a person did; of one that was edited, who did that."""
    by, why = decided[0].by, decided[0].why.removeprefix("edited: ")
    return f" (by {by}{f': {why}' if why else ''})" if by else ""


def _deciders(proposals: Sequence[ProposalRecord]) -> str:
    """In brackets, who decided a round, where people did."""
    names = sorted({p.by for p in proposals if p.by})
    return f" (decided by {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))})" if names else ""


def _elsewhere(ledger: Ledger, name: str) -> str:
    """Which round of a campaign waits for a decision, with the command; that nothing does."""
    others = [p for p in ledger.proposals(name) if p.approved is None]
    if not others:
        return "nothing does"
    n = rounds_of(others)[0]
    numbers = sorted(p.draft.run_order + 1 for p in others if p.round_number == n)
    which = f"proposal{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
    return f"round {n} does ({which}): hakken approve {quote(name)} {n}"


def _check_not_on_its_way(view: View, wanted: Settings, *, beside: str = "") -> None:
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


def _check_not_banned(view: View, wanted: Settings) -> None:
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
