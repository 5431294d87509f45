"""A round in words: every proposal with its reasons, what was predicted, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.cli.naming import typed
from flows.cli.screen import Screen
from flows.cli.showing.plates import plate_lines
from flows.labels import label_of
from flows.plates.content import laid_out, read_plate
from flows.plates.repeats import alone, reason_now
from flows.shown.derived_numbers import derived_numbers
from flows.shown.rounds import by_position, never_sent, other_formulas, round_of
from flows.shown.words import (
    chosen_by,
    known_line,
    outcome_line,
    predictions_line,
    reason_line,
    with_later_classes,
)
from loop.experiment import State
from loop.insight.saying import regret_sentence
from loop.outcome import read_code
from loop.wording import plural

if TYPE_CHECKING:
    from loop.contracts import Ledger
    from loop.record import AttemptRecord, ObservationRecord, ProposalRecord, RoundRecord, Settings


def _handed_out(ledger: Ledger, campaign: str, attempts: Iterable[AttemptRecord]) -> dict[str, str]:
    """Who has those of the attempts that were handed out, by their keys."""
    from flows.handed import handouts

    keys = {a.key for a in attempts if a.state is State.RUNNING}
    out = handouts(ledger.steps(campaign)) if keys else {}
    return {key: f", with {one.by}, who asked under the key {one.request}" for key, one in out.items() if key in keys}


def print_round(
    screen: Screen, ledger: Ledger, campaign: str, number: int | None, heard: Mapping[str, str] | None = None
) -> None:
    """The round for a person, in the order in which it is run; ``heard`` is what the laboratory says of attempts."""
    record = round_of(ledger, campaign, number)
    spec = with_later_classes(ledger.spec_version(campaign, record.version), ledger.campaign(campaign).spec)
    proposals = ledger.proposals(campaign, record.number)
    attempts, observations = by_position(ledger, campaign, record)
    every = [a for mine in attempts.values() for a in mine]
    stands = {key: f", {words}" for key, words in (heard or {}).items()}
    stands |= {key: f", not sent: {why}" for key, why in never_sent(ledger, campaign, every).items()}
    stands |= _handed_out(ledger, campaign, every)
    decisions = ledger.decisions(campaign)
    replaced = {d.draft.proposal_id for d in decisions if d.replacement_id}
    lifts = {d.draft.lifts: d for d in decisions if d.draft.lifts is not None}
    edited = sum(p.id in replaced for p in proposals)
    planned = plural(len(proposals) - edited, "proposal") + (f" ({edited} edited)" if edited else "")
    by = chosen_by(record.surrogate, [p.draft for p in proposals])
    screen.say(
        f"round {record.number} of {campaign}, {record.created:%Y-%m-%d %H:%M} UTC: "
        f"{planned} {by}, from {plural(len(record.observations), 'observation')} "
        f"and {len(record.pending)} pending; seed {record.seed}"
    )
    if laid_out(proposals, every) and spec.get("plate"):
        for line in plate_lines(read_plate(spec, campaign, record.number, proposals, every)):
            screen.say(line)
    derived = derived_numbers(spec)
    without_original = alone(laid_out(proposals, every))
    for proposal in sorted(proposals, key=lambda p: (p.draft.run_order, p.id in replaced)):
        at = proposal.draft.position
        mine = proposal.draft.run_order + 1
        heading = f"was {mine}" if proposal.id in replaced else f"{mine:3}"
        is_told = any(proposal.id in (d.draft.proposal_id, d.replacement_id) for d in decisions)  # with its reason
        verdict = verdict_of(replace(proposal, by="", why="") if is_told else proposal)
        tried, came = attempts.get(at, []), observations.get(at, [])
        reason = reason_line(proposal.draft.arm, reason_now(proposal, without_original))
        _print_proposal(screen, spec, derived, heading, proposal, reason, verdict, tried, came, stands)
        for decision in decisions:
            if decision.draft.proposal_id == proposal.id:
                said = f"{decision.draft.kind.value.replace('_', ' ')}, says {decision.draft.by}: {decision.draft.why}"
                became = f"; became {label_of(spec, decision.draft.settings)}" if decision.replacement_id else ""
                lift = lifts.get(decision.id)
                until = f"; lifted by {lift.draft.by} (decision {lift.number}): {lift.draft.why}" if lift else ""
                screen.say(f"     decision {decision.number}: {said}{became}{until}")
    screen.say()
    if told := record.model.get("regret"):
        screen.say(regret_sentence(told))
    for note in (*record.notes, *_withdrawn(ledger, campaign, record), *other_formulas(ledger, campaign, record)):
        screen.say(f"note: {note}")
    waiting = [p for p in proposals if p.approved is None]
    if waiting:
        screen.next_step(f"hakken approve {typed(campaign)} {record.number} lets it run")
    else:
        it = typed(campaign)
        screen.next_step(f"hakken replay {it} {record.number} plans it again; hakken report {it} draws it")


def _print_proposal(
    screen: Screen,
    spec: Any,
    derived: Callable[[Settings], str],
    heading: str,
    proposal: ProposalRecord,
    reason: str,
    verdict: str,
    attempts: Iterable[AttemptRecord],
    observations: Iterable[ObservationRecord],
    stands: Mapping[str, str],
) -> None:
    from flows.remarks import beside_label, moved_label  # numpy: only where a round is shown

    draft = proposal.draft
    times = f" ({draft.replicates} times)" if draft.replicates > 1 else ""
    well = "" if draft.place is None else f"{draft.place.well}: "
    screen.say(f"\n{heading}. {well}{label_of(spec, draft.candidate.settings)}{times}", bold=True)
    if known := known_line(draft.candidate, spec):
        screen.say(f"     {known}")
    if follows := derived(draft.candidate.settings):
        screen.say(f"     derived {follows}")
    screen.say(f"     {reason}")
    for line in predictions_line(draft.predictions, spec):
        screen.say(f"     predicted {line}")
    for name, raw in draft.candidate.as_made.items():
        screen.say(f"     {name} {draft.candidate.smiles.get(name, '')}, standardised from {raw}")
    facts = []
    if draft.acquisition:
        value = "" if draft.acquisition_value is None else f" {draft.acquisition_value:.4g}"
        facts.append(f"acquisition {draft.acquisition}{value}")
    if draft.neighbour:
        facts.append(f"nearest on record {draft.neighbour}")
    if draft.novelty is not None:
        facts.append(f"novelty {draft.novelty:.2f} (0 known, 1 unlike anything)")
    if facts:
        screen.say(f"     {'; '.join(facts)}")
    if verdict:
        screen.say(f"     {verdict}")
    ended = list(observations)
    for observation in ended:
        gone = f" (retracted: {observation.retracted})" if observation.retracted else ""
        said = outcome_line(observation.outcome, spec, read_code(observation.context))
        screen.say(f"     result {observation.id}: {said}{gone}")
        moved = "" if draft.place is None else moved_label(draft.place.context, observation.context)
        beside = beside_label(spec, observation.settings, observation.context, observation.outcome)
        if moved or beside:
            screen.say(f"     {'; '.join(filter(None, (moved, beside)))}")
    for attempt in attempts:
        if attempt.state is not State.ENDED:
            screen.say(f"     attempt {attempt.key}: {attempt.state.value}{stands.get(attempt.key, '')}")


def verdict_of(proposal: ProposalRecord) -> str:
    """Whether a proposal waits or what a person said of it; "" where it was approved and nothing was said."""
    if proposal.approved is None:
        return "waits for approval"
    if proposal.approved and not proposal.why:
        return ""
    word = "approved" if proposal.approved else "refused"
    return word + (f" by {proposal.by}" if proposal.by else "") + (f": {proposal.why}" if proposal.why else "")


def _withdrawn(ledger: Ledger, campaign: str, record: RoundRecord) -> list[str]:
    """A note where results that the round was planned from count no more: retracted, or superseded by an analysis."""
    gone = [
        o for o in ledger.observations(campaign, with_retracted=True) if o.retracted and o.id in record.observations
    ]
    if not gone:
        return []
    shown = ", ".join(o.id for o in gone[:3]) + (", ..." if len(gone) > 3 else "")
    count = f"{plural(len(gone), 'result')} that it was planned from {'counts' if len(gone) == 1 else 'count'} no more"
    return [f"{count}: {shown} ({gone[0].retracted})"]
