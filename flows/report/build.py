"""Building a report: one reading of the record, through the ledger's read methods only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from flows.candidates import price_of, structures_of
from flows.due import due_dates
from flows.engine.looking.derived import by_its_formulas, with_derived
from flows.engine.looking.insights import Insights
from flows.engine.looking.view import HALTED
from flows.figures import figures_of
from flows.handed import waits_to_be_asked
from flows.plates.content import laid_out, read_plate
from flows.plates.repeats import alone, reason_now
from flows.raw.store import RawStore
from flows.report.attached import attached
from flows.report.calibration import judge
from flows.report.chance import compare
from flows.report.committee import follow
from flows.report.content import (
    Batch,
    Best,
    Choice,
    Environment,
    FileChange,
    Head,
    Report,
    Result,
    RoundLine,
    Standing,
    Unread,
    Waiting,
)
from flows.report.decisions import read_decisions
from flows.report.effects import declared_effects, read_effects
from flows.report.plates import read_plates
from flows.report.results import read_objective, read_results, with_units
from flows.report.standing import SHOWN, nearest_of, rank, running_best, score_of, scored, useful
from flows.shown.changes import spec_changes
from flows.spending import accounts_of
from flows.unsent import why_unsent
from flows.when_planned import when_planned
from loop.contracts import AuditReport, Ledger
from loop.experiment import PENDING, State
from loop.fidelity import counts
from loop.insight.nearest import unjudged
from loop.insight.saying import regret_sentence
from loop.insight.statements import HonestBest
from loop.insight.tally import Tally, tally
from loop.objective import Objective
from loop.policy.stopping import settled_in
from loop.record import (
    Arm,
    AttemptEventRecord,
    AttemptRecord,
    CampaignRecord,
    CampaignState,
    EnvelopeRecord,
    Json,
    ObservationRecord,
    ProposalRecord,
    RoundRecord,
    Settings,
    Verdict,
)
from loop.safety import told
from loop.spec import CampaignSpec, build_space

_STUCK = frozenset({State.AMBIGUOUS, State.CANCELLED, State.EXPIRED})


def build(
    ledger: Ledger,
    name: str,
    believed: HonestBest | None = None,
    insights: Insights | None = None,
    files: RawStore | None = None,
    left_out: Callable[[Settings], str] | None = None,
    audit: AuditReport | None = None,
    audited: datetime | None = None,
    page: Path | None = None,
) -> Report:
    """Everything the page shows of campaign ``name``, computed from the record.

    The same record gives the same report: no clock is read. ``believed`` is what the models say of the best; without
    it the page says that nobody was asked. ``insights`` is what models and the first design tell, ``files`` holds what
    was attached to results; ``left_out`` says by which rule the campaign file has no such candidate.
    ``audit`` is what was found in the audit log, which is gone through now without it, and ``audited`` when that was,
    where not for this page. ``page`` is where the page is to lie, from which files that were attached are linked.

    Raises:
        NotFound: No campaign has that name.
    """
    campaign = ledger.campaign(name)
    rounds = ledger.rounds(name)
    proposals = ledger.proposals(name)
    attempts = ledger.attempts(name)
    envelopes = ledger.envelopes(name)

    objective = read_objective(campaign.spec)
    targets = objective.targets
    observations = with_derived(campaign.spec, ledger.observations(name, with_retracted=True))
    results = read_results(observations, targets, campaign.spec, attached(ledger, name, files, page))
    placed = {(proposal.round_number, proposal.draft.position): proposal for proposal in proposals}
    held = by_its_formulas(campaign.spec, proposals, lambda: rounds)
    foretold = {(proposal.round_number, proposal.draft.position): proposal for proposal in held}
    ranked = tuple(filter(None, (score_of(objective), *objective.wanted)))
    steps = [running_best(useful(scored(results, objective), targets), target) for target in ranked]
    has_control = any(proposal.draft.arm is Arm.CONTROL for proposal in proposals)
    standings = _with_what_leaves_out(rank(results, placed, objective), observations, left_out)
    decisions, events = ledger.decisions(name), ledger.steps(name)
    unsent = why_unsent(events)
    replaced = {d.draft.proposal_id for d in decisions if d.replacement_id and d.draft.proposal_id}
    spending = _spending(campaign, attempts, envelopes, observations)
    return Report(
        head=replace(
            _head(ledger, campaign, rounds, attempts, results, spending, audit or ledger.verify_audit()),
            resources=_resources(campaign, attempts, events, observations),
            audited=audited,
        ),
        targets=targets,
        objective=objective,
        results=results,
        best=() if objective.has_classes else _best(steps, observations, left_out),
        believed=believed,
        insights=insights or Insights(),
        standings=standings,
        hits=_hits(campaign, objective, observations, held),
        nearest=nearest_of(standings, results, objective),
        unjudged=unjudged(objective, [standing.values for standing in standings]),
        calibration=tuple(judge(results, foretold, target) for target in targets),
        committee=tuple(follow(proposals, target) for target in targets),
        chance=tuple(compare(results, target) for target in objective.wanted) if has_control else (),
        batch=_with_plate(
            ledger,
            name,
            rounds,
            proposals,
            attempts,
            _last_batch(campaign.spec, rounds, proposals, attempts, replaced, unsent),
        ),
        plates=read_plates(ledger, name, rounds, proposals, attempts, results, observations, targets),
        rounds=_round_lines(rounds, proposals),
        effects=declared_effects(campaign.spec),
        shifts=read_effects(rounds, targets),
        decisions=read_decisions(decisions, campaign.spec),
        stops=ledger.stops(name, with_lifted=True),
        waiting=_waiting(ledger, campaign, attempts, unsent),
        unread=_unread(envelopes),
        received=Counter((envelope.verdict or "not judged yet") for envelope in envelopes),
        environments=_environments(rounds),
        changes=_changes(ledger, campaign, rounds),
        spec=campaign.spec,
    )


def _with_what_leaves_out(
    standings: tuple[Standing, ...],
    observations: Sequence[ObservationRecord],
    left_out: Callable[[Settings], str] | None,
) -> tuple[Standing, ...]:
    """The same with what the campaign file has against those that a page shows."""
    if left_out is None:
        return standings
    settings = {o.candidate_id: o.settings for o in observations}
    shown = (replace(one, left_out=left_out(settings[one.candidate_id])) for one in standings[:SHOWN])
    return (*shown, *standings[SHOWN:])


def _best(
    steps: Sequence[Sequence[Best]],
    observations: Sequence[ObservationRecord],
    left_out: Callable[[Settings], str] | None,
) -> tuple[Best, ...]:
    """The last step of each, with what the campaign file has against it."""
    last = [best[-1] for best in steps if best]
    if left_out is None:
        return tuple(last)
    settings = {o.id: o.settings for o in observations}
    return tuple(replace(best, left_out=left_out(settings[best.result.id])) for best in last)


def _head(
    ledger: Ledger,
    campaign: CampaignRecord,
    rounds: Sequence[RoundRecord],
    attempts: Sequence[AttemptRecord],
    results: Sequence[Result],
    spending: str,
    audit: AuditReport,
) -> Head:
    experiments: dict[tuple[str, int], set[State]] = {}
    for attempt in attempts:
        experiments.setdefault((attempt.proposal_id, attempt.replicate_no), set()).add(attempt.state)
    pending = sum(bool(states & PENDING) for states in experiments.values())
    done = sum(State.ENDED in states and not states & PENDING for states in experiments.values())
    budget = (campaign.spec.get("budget") or {}).get("experiments")
    said = [r for r in rounds if r.model.get("regret")]
    times = [
        campaign.created,
        *(r.created for r in rounds),
        *(a.updated for a in attempts),
        *(r.recorded for r in results),
    ]
    stops = ledger.stops(campaign.name)
    settled = settled_in(campaign.reason) if campaign.state is CampaignState.FINISHED else ""
    return Head(
        name=campaign.name,
        state=HALTED if stops else campaign.state.value,
        reason=f"halted by {told(campaign.name, stops)}" if stops else campaign.reason,
        version=campaign.version,
        spec_sha=campaign.spec_sha,
        created=campaign.created,
        updated=max(times),
        done=done,
        pending=pending,
        told=sum(result.is_told and result.retracted is None for result in results),
        budget=None if budget is None else int(budget),
        audit=audit,
        spending=spending,
        regret=settled or (regret_sentence(said[-1].model["regret"]) if said else ""),
        regret_when="which ended the campaign" if settled else when_planned(ledger, campaign, said[-1]) if said else "",
    )


def _hits(
    campaign: CampaignRecord,
    objective: Objective,
    observations: Sequence[ObservationRecord],
    proposals: Sequence[ProposalRecord],
) -> Tally | None:
    """Hits found and expected; None where the campaign looks for something else."""
    if not (objective.has_classes or (campaign.spec.get("planner") or {}).get("acquisition") == "hits"):
        return None
    real = [o for o in observations if o.retracted is None and counts(campaign.spec, o.settings)]
    return tally(objective, real, proposals)


def _spending(
    campaign: CampaignRecord,
    attempts: Sequence[AttemptRecord],
    envelopes: Sequence[EnvelopeRecord],
    observations: Sequence[ObservationRecord],
) -> str:
    spaces = campaign.spec.get("space") or {}
    has_fidelity = any(p.get("type") == "fidelity" for p in spaces.values())
    budget = campaign.spec.get("budget") or {}
    if not (campaign.spec.get("costs") or has_fidelity or budget.get("hours") or budget.get("stock")):
        return ""
    spec = CampaignSpec.from_record(campaign.spec)
    return accounts_of(spec, build_space(spec), envelopes, observations).spending(attempts).text


def _resources(
    campaign: CampaignRecord,
    attempts: Sequence[AttemptRecord],
    steps: Sequence[AttemptEventRecord],
    observations: Sequence[ObservationRecord],
) -> tuple[tuple[str, str], ...]:
    """Each laboratory that was given something, in words."""
    known = [o for o in observations if o.retracted is None]
    figures = figures_of(campaign.spec.get("laboratory") or {}, attempts, steps, known)
    return tuple((r.name, r.text) for r in figures if r.is_used)


def _last_batch(
    spec: Json,
    rounds: Sequence[RoundRecord],
    proposals: Iterable[ProposalRecord],
    attempts: Iterable[AttemptRecord],
    replaced: Collection[str],
    unsent: Mapping[str, str],
) -> Batch | None:
    if not rounds:
        return None
    last = max(rounds, key=lambda record: record.number)
    mine: dict[str, list[AttemptRecord]] = {}
    attempts = tuple(attempts)
    for attempt in attempts:
        mine.setdefault(attempt.proposal_id, []).append(attempt)
    batch = [p for p in proposals if p.round_number == last.number]
    without_original = alone(laid_out(batch, attempts))
    choices = [
        Choice(
            position=p.draft.position,
            run_order=p.draft.run_order,
            replicates=p.draft.replicates,
            settings=with_units(p.draft.candidate.settings, spec),
            arm=p.draft.arm,
            reason=reason_now(p, without_original),
            model=p.draft.model,
            acquisition=p.draft.acquisition,
            acquisition_value=p.draft.acquisition_value,
            predictions=p.draft.predictions,
            neighbour=p.draft.neighbour,
            novelty=p.draft.novelty,
            state=_progress(p, mine.get(p.id, []), unsent),
            well="" if p.draft.place is None else p.draft.place.well,
            is_replaced=p.id in replaced,
            structures=structures_of(spec, p.draft.candidate.settings, p.draft.candidate.smiles),
            price=price_of(spec, p.draft.candidate.settings),
        )
        for p in batch
    ]
    return Batch(last.number, last.created, tuple(sorted(choices, key=lambda choice: choice.position)))


def _with_plate(
    ledger: Ledger,
    name: str,
    rounds: Sequence[RoundRecord],
    proposals: Sequence[ProposalRecord],
    attempts: Sequence[AttemptRecord],
    batch: Batch | None,
) -> Batch | None:
    if batch is None:
        return None
    mine = [p for p in proposals if p.round_number == batch.number]
    spec = ledger.spec_version(name, next(r.version for r in rounds if r.number == batch.number))
    if not spec.get("plate") or not laid_out(mine, attempts):
        return batch
    return replace(batch, plate=read_plate(spec, name, batch.number, mine, attempts))


def _progress(proposal: ProposalRecord, attempts: Sequence[AttemptRecord], unsent: Mapping[str, str]) -> str:
    if proposal.approved is None:
        return "waits for approval"
    if proposal.approved is False:
        return "refused" + (f": {proposal.why}" if proposal.why else "")
    tally = Counter(a.state for a in attempts)
    states = ", ".join(s.value if tally[s] == 1 else f"{tally[s]} {s.value}" for s in State if tally[s])
    reasons = dict.fromkeys(why for a in attempts if (why := unsent.get(a.key)))
    return (states or "no attempt") + (f", not sent: {'; '.join(reasons)}" if reasons else "")


def _round_lines(rounds: Iterable[RoundRecord], proposals: Iterable[ProposalRecord]) -> tuple[RoundLine, ...]:
    arms: dict[int, Counter[Arm]] = {}
    for proposal in proposals:
        arms.setdefault(proposal.round_number, Counter())[proposal.draft.arm] += 1
    return tuple(
        RoundLine(r.number, r.created, r.surrogate, arms.get(r.number, Counter()), r.seed, r.version, r.notes)
        for r in rounds
    )


def _waiting(
    ledger: Ledger,
    campaign: CampaignRecord,
    attempts: Sequence[AttemptRecord],
    unsent: Mapping[str, str],
) -> tuple[Waiting, ...]:
    within = (campaign.spec.get("laboratory") or {}).get("due_after")
    there = [a for a in attempts if not waits_to_be_asked(campaign.spec, a)] if within else []
    due = due_dates(ledger, there, float(within or 0))
    return tuple(
        Waiting(
            a.key,
            with_units(a.settings, campaign.spec),
            a.round_number,
            a.state.value,
            a.updated,
            due.get(a.key),
            unsent.get(a.key, ""),
        )
        for a in attempts
        if a.state in _STUCK or a.key in due
    )


def _unread(envelopes: Iterable[EnvelopeRecord]) -> tuple[Unread, ...]:
    """What became no outcome; of rows of a told file with one thing wrong, the first and how many more."""
    settled = {Verdict.ACCEPTED, Verdict.DUPLICATE}
    found: dict[tuple[str, ...], Unread] = {}
    for e in envelopes:
        if e.verdict in settled:
            continue
        verdict = "not judged yet" if e.verdict is None else e.verdict.value
        file, _, line = e.source.rpartition(":")
        is_row = file.startswith("tell:") and line.removeprefix("entry ").isdecimal()
        about = (file, verdict, e.message) if is_row else (e.id,)
        if (first := found.get(about)) is not None:
            found[about] = replace(first, more=first.more + 1)
        else:
            found[about] = Unread(e.id, e.source, verdict, e.message, e.received)
    return tuple(found.values())


def _changes(ledger: Ledger, campaign: CampaignRecord, rounds: Sequence[RoundRecord]) -> tuple[FileChange, ...]:
    """What each version of the campaign file but the first changed."""
    specs = [ledger.spec_version(campaign.name, number) for number in range(1, campaign.version)] + [campaign.spec]
    return tuple(
        FileChange(
            version,
            min((r.number for r in rounds if r.version >= version), default=None),
            spec_changes(specs[version - 2], specs[version - 1]),
        )
        for version in range(2, len(specs) + 1)
    )


def _environments(rounds: Iterable[RoundRecord]) -> tuple[Environment, ...]:
    """Runs of rounds that were planned with the same package versions."""
    spans = []
    for versions, same in groupby(rounds, key=lambda r: dict(r.environment)):
        numbers = [r.number for r in same]
        spans.append(Environment(min(numbers), max(numbers), versions))
    return tuple(spans)
