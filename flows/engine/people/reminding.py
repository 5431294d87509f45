"""Reminding: what a person who has just decided may not know of the candidates that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from flows.engine.looking.forbidden import listed, outside_since
from flows.engine.looking.handouts import waiting
from flows.engine.looking.unplannable import no_plate
from flows.engine.looking.view import View
from flows.engine.people.affording import beyond_batch, too_dear
from flows.engine.people.bans import among_banned, keeps_out, place_of, place_of_record, region_of, region_text
from flows.engine.people.conditions import unmet
from flows.engine.people.decisions import decided, followed_by, still_to_run
from flows.engine.people.rows.columns import BESIDE
from flows.engine.steps.completing import left_out, parts_of
from flows.labels import label_of
from flows.plates.content import laid_out
from flows.plates.repeats import alone
from flows.shown.words import outcome_line
from flows.unsent import never_sent
from flows.wiring import open_laboratory, open_record
from loop.circumstances import read_expense
from loop.contracts import Handle, TakesOff
from loop.decision import DecisionKind, DecisionRecord, in_force
from loop.errors import HakkenError
from loop.experiment import State
from loop.outcome import Fault, FaultKind
from loop.record import AttemptRecord, ObservationRecord, ProposalRecord, Settings
from loop.space import ProductPool
from loop.space.pool import goes_untied
from loop.spec import CampaignSpec, build_space, context_of
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings as Where

BY_HAND: Final = "manual"  # the laboratory that is whoever tells
NAMED: Final = 5  # experiments; the number tells of the rest
KEEPS_OUT: Final = (DecisionKind.BAN, DecisionKind.CANNOT, DecisionKind.PREFERENCE)
COUNTED: Final = 200_000  # combinations of a space whose candidates are counted to say that a ban meets none


def on_ban(settings: Where, name: str, decision: DecisionRecord) -> tuple[str, ...]:
    """That a ban keeps nothing out, or what is kept out already; which pins and waiting proposals meet it, and what the
    laboratory has."""
    with open_record(settings) as ledger:
        view = View(ledger, name)
        return _said(
            _idle(view, decision),
            _kept_out_already(view, decision),
            _pinned(view, decision),
            _waiting(view, decision),
            *_under_way(settings, view, decision),
            no_plate(view),
        )


def on_pin(settings: Where, name: str, decision: DecisionRecord) -> tuple[str, ...]:
    """That somebody refused what is pinned, the budget leaves less, or the file makes other proposals more often."""
    with open_record(settings) as ledger:
        view = View(ledger, name)
        return _said(_refused(view, decision.draft.settings), _more_than_left(view, decision), _seldom(view, decision))


def on_edit(settings: Where, name: str, made: ProposalRecord) -> tuple[str, ...]:
    """That what a proposal was edited into was measured, somebody refused it, the budget does not pay for it, or its
    batch comes to more than it may; and which replicate well has nothing to repeat now."""
    with open_record(settings) as ledger:
        view, candidate = View(ledger, name), made.draft.candidate.settings
        price = (too_dear(view, made), beyond_batch(view, made))
        return _said(_measured(view, candidate), _refused(view, candidate), *price, _alone(view, made))


def on_approve(settings: Where, name: str, round_number: int) -> tuple[str, ...]:
    """Which proposals of a round were approved and are not sent, as the campaign file was changed since."""
    with open_record(settings) as ledger:
        view = View(ledger, name)
        unsent = {a.proposal_id for a in (*waiting(view), *(a for a in view.pending if a.state is State.READY))}
        approved = [p for p in ledger.proposals(name, round_number) if p.approved and p.id in unsent]
        if not (why := outside_since(view, approved)):
            return ()
        is_not, places = ("it is not", "its place") if len(why) == 1 else ("they are not", "their places")
        return (
            f"outside of the space since the campaign file was changed: {listed(view, approved, why)}. Approved, "
            f"{is_not} sent; hakken pin {quote(name)} fills {places}",
        )


def on_lift(settings: Where, name: str, decision: DecisionRecord) -> tuple[str, ...]:
    """That a pin was followed before it was lifted, and what keeps its candidate back all the same, if anything."""
    with open_record(settings) as ledger:
        view = View(ledger, name)
        lifted = next(d for d in view.decisions if d.id == decision.draft.lifts)
        is_pin = lifted.draft.kind is DecisionKind.PIN
        return _said(_followed(view, lifted) if is_pin else _kept_out_still(view, lifted))


def _more_than_left(view: View, pin: DecisionRecord) -> str:
    """That a pin asks for more experiments than the budget leaves; "" where it does not."""
    left, times = max(view.spec.budget.most - view.spent, 0), pin.draft.times
    if times <= left:
        return ""
    return (
        f"the budget leaves {plural(left, 'experiment')}, fewer than {times}: the rest stays pinned until "
        "budget.experiments is raised"
    )


def _seldom(view: View, pin: DecisionRecord) -> str:
    """That a pin is one experiment although the file makes several of each proposal; "" where it is not so."""
    copies = view.spec.planner.copies
    if pin.draft.times > 1 or copies == 1 or view.spec.plate is not None:
        return ""
    return (
        f"it is run once, and other proposals {copies} times (planner.replicates): where that is wanted of it too, "
        f"hakken lift {quote(view.name)} {pin.number}, and pin it with --times {copies}"
    )


def on_retract(settings: Where, name: str, retracted: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """That values count no more which a result had before others joined it, nor what was told beside it later."""
    with open_record(settings) as ledger:
        every = {o.id: o for o in ledger.observations(name, with_retracted=True)}
        spec = ledger.campaign(name).spec
    firsts = [(o, [*parts_of(o, every)][-1]) for o in retracted]
    beside = _joined_beside(spec, firsts)
    joined = [(o, first, added) for o, first in firsts if (added := left_out(o.outcome, first.outcome)) is not None]
    if not joined:
        return beside
    whole, first, added = joined[0]
    what = " and ".join(dict.fromkeys(m.property for m in added.measurements))
    more = f", nor of {plural(len(joined) - 1, 'other result')}" if len(joined) > 1 else ""
    return (
        f"what was on record of {label_of(spec, whole.settings)} before {what} joined it, "
        f"{outcome_line(first.outcome, spec)} ({first.source}), counts no more either{more}: tell it again, with what "
        "is corrected, where it is right",
        *beside,
    )


def _joined_beside(
    spec: Mapping[str, Any], firsts: Sequence[tuple[ObservationRecord, ObservationRecord]]
) -> tuple[str, ...]:
    """What was told beside results later, such as who made them, and goes with them; each with what it was before."""
    known = (*context_of(CampaignSpec.from_record(spec)), *BESIDE)
    added = [(o, [n for n in known if n in o.context and n not in first.context]) for o, first in firsts]
    joined = [(o, names) for o, names in added if names]
    if not joined:
        return ()
    whole, names = joined[0]
    more = f" and of {plural(len(joined) - 1, 'other')}" if len(joined) > 1 else ""
    of = f"{label_of(spec, whole.settings)}{more}"
    them = "it" if len(names) == 1 else "them"
    return (
        f"what was told later beside the result of {of}, {' and '.join(names)}, counts no more either: tell {them} "
        "again once there is another result, in rows with something changed, such as a comment",
    )


def on_told(view: View, out: Sequence[AttemptRecord], told: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """That nobody asked a laboratory to call off what it had (``out``) and was told as cancelled, and that money counts
    as spent on it."""
    told = [*told]
    paid, had = paid_all_the_same(view, told), {a.key: a for a in out if a.adapter != BY_HAND}
    found = [
        had[o.key]
        for o in told
        if o.key in had and isinstance(o.outcome, Fault) and o.outcome.kind is FaultKind.CANCELLED
    ]
    if not found:
        return paid
    one = found[0]
    n = "1 experiment is" if len(found) == 1 else f"{len(found)} experiments are"
    it = "it" if len(found) == 1 else "them"
    return (
        f"{n} cancelled on record ({one.key}, {view.label(one.settings)}{', ...' if len(found) > 1 else ''}), and the "
        f"laboratory was not asked to call {it} off: where it may still carry {it} out, stop {it} there; nobody waits "
        "for what it gives all the same",
        *paid,
    )


def paid_all_the_same(view: View, told: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """That what was cancelled and is told without its cost counts in a budget of money with what the file declares."""
    if view.spec.budget.cost is None:
        return ()
    cancelled = [
        o
        for o in told
        if o.key is not None
        and isinstance(o.outcome, Fault)
        and o.outcome.kind is FaultKind.CANCELLED
        and read_expense(o.context).cost is None
    ]
    if not cancelled:
        return ()
    are, it, its = ("are", "them", "each with its") if len(cancelled) > 1 else ("is", "it", "with its")
    counts = "count" if len(cancelled) > 1 else "counts"
    retract = f"hakken retract {quote(view.name)} {cancelled[0].key} --why REASON"
    return (
        f"{plural(len(cancelled), 'experiment')} that {are} cancelled {counts} in budget.cost with what costs declares"
        f": where less was paid, take {it} back ({retract}) and tell {it} again, {its} cost in a column 'cost' "
        "(0 for nothing)",
    )


def _followed(view: View, pin: DecisionRecord) -> str:
    """Where the candidate of a pin is by now; "" where no batch has it."""
    unsent = never_sent(view.attempts)
    mine = [p for p in view.proposals if followed_by(pin, p) and p.id not in unsent and p.approved is not False]
    if not mine:
        return ""
    proposal = mine[-1]
    number, at = proposal.draft.run_order + 1, (proposal.round_number, proposal.draft.position)
    last = f"the last of {len(mine)} experiments of " if len(mine) > 1 else ""
    what = f"{last}{view.label(pin.draft.settings)} is proposal {number} of round {proposal.round_number} by now"
    if proposal.approved is None:
        it = f"hakken approve {quote(view.name)} {proposal.round_number} {number} --refuse --why WHY"
        return f"{what} and waits for approval: {it} keeps it from running"
    there = [a for a in view.pending if (a.round_number, a.position) == at]
    if not there:
        return f"{what}, and was run"
    if all(a.state is State.READY for a in there):
        return f"{what} and is sent in the next pass: a ban of it (hakken ban {quote(view.name)}) keeps it back"
    return f"{what}, and the laboratory has it ({there[0].key}); it goes on unless called off there"


def _said(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def times_measured(view: View, candidate: Settings) -> str:
    """How often a candidate was measured, in words; "" for never."""
    x = place_of(view.space, candidate)
    times = sum(not isinstance(o.outcome, Fault) and place_of_record(view.space, o) == x for o in view.observations)
    return f"{times} times" if times > 1 else "once" if times else ""


def _measured(view: View, candidate: Settings) -> str:
    if not (times := times_measured(view, candidate)):
        return ""
    return (
        f"{view.label(candidate)} was measured {times} already, and is measured once more; where that is a slip, a ban "
        f"of it (hakken ban {quote(view.name)}) before the next pass keeps it from being sent"
    )


def _alone(view: View, made: ProposalRecord) -> str:
    """Which replicate well was to repeat what an edited proposal was before, and repeats nothing now; "" for none."""
    mine = [p for p in view.proposals if p.round_number == made.round_number]
    before = {p.candidate_id for p in mine if p.approved is False and p.draft.run_order == made.draft.run_order}
    ids = alone(laid_out(mine, view.attempts))
    there = sorted(p.draft.run_order + 1 for p in mine if p.id in ids and p.candidate_id in before)
    if not there:
        return ""
    one = next(p for p in mine if p.draft.run_order + 1 == there[0] and p.id in ids)
    well = "" if one.draft.place is None else f" (well {one.draft.place.well})"
    remedy = (
        f": where that is no use, hakken approve {quote(view.name)} {made.round_number} {there[0]} --refuse --why WHY"
        if one.approved is None
        else ""
    )
    return f"proposal {there[0]}{well} was to repeat what was there before, and repeats nothing now{remedy}"


def _refused(view: View, candidate: Settings) -> str:
    """Who refused a candidate, "" for nobody. An edit refuses nothing, and a refusal that was lifted is none."""
    lifted = {d.draft.lifts for d in view.decisions}
    passed = {d.draft.proposal_id for d in view.decisions if d.draft.kind is DecisionKind.EDIT or d.id in lifted}
    x = place_of(view.space, candidate)
    for p in reversed(view.proposals):
        if p.approved is False and p.id not in passed and place_of_record(view.space, p.draft.candidate) == x:
            why = f" ({p.why})" if p.why else ""
            return (
                f"{view.label(candidate)} was refused in round {p.round_number} by {p.by}{why}; it is to be run all "
                "the same"
            )
    return ""


def _under_way(settings: Where, view: View, decision: DecisionRecord) -> tuple[str, str, str]:
    """How many experiments a ban keeps from being sent or made, and for which it comes too late; "" for none."""
    pending = view.pending
    settings_now = [view.space.as_named(a.settings, a.smiles) for a in pending]
    banned = among_banned(view.spec, view.space, decision, settings_now) if pending else ()
    found = [a for a, is_banned in zip(pending, banned, strict=True) if is_banned]
    unsent = [a.state for a in found if a.state in (State.READY, State.SENDING)]
    out = [a for a in found if a.state not in (State.READY, State.SENDING)]
    wait = _still_waiting(settings, view, [a for a in out if a.place is not None and a.state is State.SUBMITTED])
    out = [a for a in out if a.handle not in wait]
    return _unsent(len(unsent), State.SENDING in unsent), _taken_off(len(wait)), _out(view, out)


def _still_waiting(settings: Where, view: View, found: Sequence[AttemptRecord]) -> frozenset[str]:
    """The handles of those that the laboratory has not begun; none where it cannot tell."""
    handles = [Handle(a.handle) for a in found if a.handle and a.adapter == view.spec.laboratory.adapter]
    if not handles:
        return frozenset()
    try:
        laboratory = open_laboratory(settings, view.spec)
        return frozenset(laboratory.still_waiting(handles) if isinstance(laboratory, TakesOff) else ())
    except HakkenError:  # what is wrong with it is told where it is used
        return frozenset()


def _taken_off(n: int) -> str:
    if not n:
        return ""
    who, them = ("1 experiment that meets it waits", "it") if n == 1 else (f"{n} experiments that meet it wait", "them")
    return f"{who} for the rest of a plate: the next pass takes {them} off before that is made"


def _unsent(n: int, is_in_doubt: bool) -> str:
    """``is_in_doubt``: a pass was killed while it sent some of them."""
    if not n:
        return ""
    who, them = (
        ("1 experiment that was not sent yet meets it", "it")
        if n == 1
        else (f"{n} experiments that were not sent yet meet it", "them")
    )
    return f"{who}: the next pass withdraws {them}" + (f", unless the laboratory began {them}" if is_in_doubt else "")


def _out(view: View, found: Sequence[AttemptRecord]) -> str:
    if not found:
        return ""
    named = "; ".join(f"{view.label(a.settings)} ({a.key})" for a in found[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    has, goes = (
        ("1 experiment that meets it", "it goes on")
        if len(found) == 1
        else (f"{len(found)} experiments that meet it", "they go on")
    )
    return f"the laboratory has {has}: {named}{more}; {goes} unless called off there"


def _pinned(view: View, decision: DecisionRecord) -> str:
    """Which candidates that people pinned a ban keeps out; "" for none."""
    number, unsent = view.round_number + 1, never_sent(view.attempts)
    pins = [
        d
        for d in in_force(view.decisions, number)
        if d.draft.kind is DecisionKind.PIN and still_to_run(d, view.proposals, number, unsent)
    ]
    banned = among_banned(view.spec, view.space, decision, [d.draft.settings for d in pins])
    found = [d for d, is_banned in zip(pins, banned, strict=True) if is_banned]
    if not found:
        return ""
    shown = "; ".join(f"{view.label(d.draft.settings)} (decision {d.number}, by {d.draft.by})" for d in found[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"it keeps out what is pinned, which waits until one of the two is lifted: {shown}{more}"


def _waiting(view: View, decision: DecisionRecord) -> str:
    """Which proposals that wait for a person meet a ban; "" for none."""
    waiting = [p for p in view.proposals if p.approved is None]
    candidates = [view.space.as_named(p.draft.candidate.settings, p.draft.candidate.smiles) for p in waiting]
    banned = among_banned(view.spec, view.space, decision, candidates)
    found = [p for p, is_banned in zip(waiting, banned, strict=True) if is_banned]
    if not found:
        return ""
    last = found[-1].round_number
    mine = sorted(p.draft.run_order + 1 for p in found if p.round_number == last)
    numbers, one = " ".join(map(str, mine)), len(mine) == 1
    many, verb, is_not = ("", "meets it and waits", "is not") if one else ("s", "meet it and wait", "are not")
    return (
        f"proposal{many} {numbers} of round {last} {verb} for approval, and {is_not} sent even then: hakken approve "
        f"{quote(view.name)} {last} {numbers} --refuse --why WHY says so on record"
    )


def _kept_out_already(view: View, decision: DecisionRecord) -> str:
    """What else keeps out the candidate of a ban; "" for nothing, or where it is of a region."""
    if not (said := _keepers(view, decision)):
        return ""
    return f"{view.label(decision.draft.settings)} is kept out already by {said}; it may come again when all are lifted"


def _kept_out_still(view: View, lifted: DecisionRecord) -> str:
    """What keeps out a candidate although a decision that did was lifted; "" for nothing, or of a region."""
    if not (said := _keepers(view, lifted)):
        return ""
    return f"{view.label(lifted.draft.settings)} is kept out all the same by {said}"


def _keepers(view: View, decision: DecisionRecord) -> str:
    """Other decisions that keep out the candidate that a decision is about, with who made each and why."""
    candidate = decision.draft.settings
    found = [
        d
        for d in in_force(view.decisions, view.round_number + 1)
        if candidate
        and d.id != decision.id
        and d.draft.kind in KEEPS_OUT
        and keeps_out(view.spec, view.space, d, candidate)
    ]
    each = [f"{d.number} ({d.draft.by}: {d.draft.why})" for d in found]
    if len(each) < 2:
        return f"decision {each[0]}" if each else ""
    return f"decisions {', '.join(each[:-1])} and {each[-1]}"


def _idle(view: View, decision: DecisionRecord) -> str:
    """Why a ban keeps nothing out, as a sentence: no candidate meets it; "" where some do, or it is no ban of a region.

    It stands all the same: the space may be widened later.
    """
    region = decision.draft.region
    if decision.draft.settings or not region:
        return ""
    remedy = (
        f"it is on record, and counts where a changed campaign file brings some; where that is a slip: hakken lift "
        f"{quote(view.name)} {decision.number}"
    )
    said = region_text(region, view.space.written)
    if has := unmet(view.space, region):
        return f"no candidate meets {said}: {has}; {remedy}"
    others = [d for d in view.decisions if d.number != decision.number]
    spec = decided(view.spec, view.space, view.proposals, others, view.round_number + 1).spec
    space = build_space(spec)
    if not space.is_finite or goes_untied(space) or space.size > COUNTED:
        return ""
    constraints = [*spec.constraints, region_of(region, "this ban")]
    left = build_space(spec.model_copy(update={"constraints": constraints}))
    if len(ProductPool(left)) < len(ProductPool(space)):
        return ""
    return f"no candidate meets {said}: constraints or earlier bans leave them out already; {remedy}"
