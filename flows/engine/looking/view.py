"""A view: what the record says of one campaign at one moment, each part read once and only when asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from flows.engine.looking.derived import by_its_formulas, with_derived
from flows.engine.looking.former_names import with_former_names
from flows.engine.looking.reports import AtWork, Best, Nearest
from flows.figures import figures_of
from flows.labels import came_later, in_any_order, label_of
from flows.remarks import label_of_result
from flows.spending import Accounts, Spending, accounts_of
from flows.when_planned import when_planned
from loop.as_written import as_written, written_in
from loop.contracts import Ledger
from loop.decision import DecisionRecord
from loop.experiment import FINAL, PENDING, State
from loop.fidelity import counts
from loop.insight.nearest import misses, nearest, unjudged
from loop.insight.saying import regret_sentence
from loop.insight.tally import Tally, tally
from loop.objective import SCORES, Objective
from loop.outcome import Fault, Measured
from loop.policy.stopping import settled_in
from loop.record import (
    AttemptRecord,
    CampaignRecord,
    CampaignState,
    EnvelopeRecord,
    Json,
    ObservationRecord,
    ProposalRecord,
    RoundRecord,
    Settings,
)
from loop.resources import Resource
from loop.safety import SafetyStop, told
from loop.space import Space
from loop.space.leaving_out import why_left_out
from loop.spec import CampaignSpec, build_objective, build_space, looks_for_hits
from loop.spec.costs import with_fidelities
from loop.values import held_of, sign_of_score, sure_of

HALTED: Final = "halted"
WITH_LABORATORY = frozenset({State.SENDING, State.SUBMITTED, State.RUNNING, State.AMBIGUOUS})


def as_recorded(resolved: Json) -> Json:
    """A resolved spec with its keys in the order of the record, which decides what a seed gives.

    Parameters stay in that of the file, as what is read from the record has them.
    """
    return as_written(json.loads(json.dumps(resolved, sort_keys=True)), written_in(resolved["space"]))


class View:
    """One campaign as the record has it. What cannot have changed since ``known``, a view of the same campaign, is
    taken over from it.
    """

    _last_entry: int  # of the audit log, when it began to be read

    def __init__(self, ledger: Ledger, name: str, known: View | None = None) -> None:
        last_entry = ledger.last_entry()  # before anything is read, so that what is read is of it, or newer
        if known is not None and known._last_entry == last_entry:
            self.__dict__.update(known.__dict__)  # nothing was written since: as when a laboratory is asked again
            return
        self.ledger, self.name, self._last_entry = ledger, name, last_entry
        self.campaign: CampaignRecord = ledger.campaign(name)
        if known is not None and known.campaign.version == self.campaign.version:
            self.spec = known.spec
            if "space" in known.__dict__:
                self.space = known.space
        if known is not None and known.campaign.data_version == self.campaign.data_version:
            if "observations" in known.__dict__:
                self.observations = known.observations
            if "best" in known.__dict__ and known.campaign.version == self.campaign.version:
                self.best = known.best
            if "nearest" in known.__dict__ and known.campaign.version == self.campaign.version:
                self.nearest = known.nearest

    def under(self, resolved: Json) -> View:
        """The same record as it would be under another spec: its next version, of a campaign that goes on."""
        if resolved == self.campaign.spec and written_in(resolved["space"]) == written_in(self.campaign.spec["space"]):
            return self
        changed = View(self.ledger, self.name)
        version = self.campaign.version + (resolved != self.campaign.spec)  # another order alone is no other spec
        changed.campaign = replace(self.campaign, spec=as_recorded(resolved), version=version)
        return changed

    @cached_property
    def spec(self) -> CampaignSpec:
        """The spec in force."""
        return CampaignSpec.from_record(self.campaign.spec)

    @cached_property
    def space(self) -> Space:
        """The search space of the spec in force."""
        return with_former_names(build_space(self.spec), self.ledger, self.name, self.campaign.version)

    @cached_property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """What was planned to run, with what became a parameter since, so that a laboratory is told that too, and what
        was not sent yet by the names that substances have now."""
        attempts, later = self.ledger.attempts(self.name), came_later(self.campaign.spec["space"])
        if not all(name in a.settings for a in attempts for name in later):
            attempts = tuple(replace(a, settings=self.space.with_earlier(a.settings)) for a in attempts)
        if self.campaign.version == 1 or not any(a.state is State.READY for a in attempts):
            return attempts
        return tuple(
            replace(a, settings=self.space.as_named(a.settings, a.smiles)) if a.state is State.READY else a
            for a in attempts
        )

    @cached_property
    def observations(self) -> tuple[ObservationRecord, ...]:
        """What counts, in canonical order, as it is on record."""
        return self.ledger.observations(self.name)

    @cached_property
    def worked_out(self) -> tuple[ObservationRecord, ...]:
        """The same with what it says of derived targets, which is never put on record."""
        return with_derived(self.campaign.spec, self.observations)

    @cached_property
    def proposals(self) -> tuple[ProposalRecord, ...]:
        return self.ledger.proposals(self.name)

    @cached_property
    def decisions(self) -> tuple[DecisionRecord, ...]:
        """What people decided, in the order made."""
        return self.ledger.decisions(self.name)

    @cached_property
    def unjudged(self) -> tuple[EnvelopeRecord, ...]:
        return self.ledger.envelopes(self.name, unjudged_only=True)

    @cached_property
    def stops(self) -> tuple[SafetyStop, ...]:
        """Safety stops in force, of the campaign or of its bench."""
        return self.ledger.stops(self.name)

    @property
    def is_active(self) -> bool:
        """Whether it may propose and send: neither stopped, nor finished, nor halted by a safety stop."""
        return self.campaign.state is CampaignState.ACTIVE and not self.stops

    @property
    def state(self) -> str:
        """Active, finished or stopped; or halted, whatever else it is."""
        return HALTED if self.stops else self.campaign.state.value

    @property
    def reason(self) -> str:
        """Why it is in that state, "" while active."""
        if len(self.stops) == 1:
            return self.stops[0].text
        return told(self.name, self.stops) if self.stops else self.campaign.reason

    @cached_property
    def last_round(self) -> RoundRecord | None:
        """The round planned last. It names all that it was planned from, which of thousands takes a while to read."""
        return self.ledger.round(self.name, n) if (n := self.round_number) else None

    @property
    def believed(self) -> str:
        """The believed best when the last round was planned, as a sentence; "" where no model planned it."""
        return str(self._last_model.get("believed_best", ""))

    @property
    def regret(self) -> str:
        """How much better something untried may be, by the last round, as a sentence; "" where nothing says it."""
        told = self._last_model.get("regret")
        return regret_sentence(told) if told else ""

    @property
    def planned(self) -> str:
        """When that was said: with the last round, and what the campaign file changed since; "" before the first."""
        last = self.last_round
        return "" if last is None else when_planned(self.ledger, self.campaign, last)

    @property
    def _last_model(self) -> Json:
        """What is on record of the model behind the last round; nothing before the first."""
        return {} if self.last_round is None else self.last_round.model

    @property
    def heard(self) -> Mapping[str, tuple[str, ...]]:
        """By target: the sources, and the prior, that the models behind the last round heard."""
        told = self._last_model.get("sources", {})
        return {
            target: tuple("the prior" if s["kind"] == "prior" else repr(s["source"]) for s in found if not s["dropped"])
            for target, found in told.items()
        }

    @property
    def settled(self) -> str:
        """Which regret ended the campaign, as a sentence; "" where it goes on, or something else ended it."""
        return settled_in(self.campaign.reason) if self.campaign.state is CampaignState.FINISHED else ""

    @property
    def withdrawn_best(self) -> str:
        """What a finished campaign was said to have found, where every result of it was retracted since; else ""."""
        if self.campaign.state is not CampaignState.FINISHED:
            return ""
        every = self.ledger.observations(self.name, with_retracted=True)
        standing = {o.candidate_id for o in every if o.retracted is None}
        gone = (self.label(o.settings) for o in every if o.candidate_id not in standing)
        return next((label for label in gone if self._ended_with(label)), "")

    def _ended_with(self, label: str) -> bool:
        """Whether why the campaign ended names a candidate, its parameters in whatever order the file had them then."""
        names = [name for name, p in self.spec.space.items() if p.type == "mixture"]
        said, reason = in_any_order(label, names), self.campaign.reason
        named = [at for at in range(2, len(reason)) if reason[:at].endswith(": ")]
        named = [at for at in named if reason[at + len(label) :].startswith(" (")]
        return any(in_any_order(reason[at : at + len(label)], names) == said for at in named)

    @property
    def judged(self) -> Json | None:
        """The condition believed best over a scope when the last round was planned; None where there is none."""
        return self._last_model.get("condition")

    @property
    def pending(self) -> tuple[AttemptRecord, ...]:
        """Attempts that have not ended."""
        return tuple(a for a in self.attempts if a.state in PENDING)

    @cached_property
    def figures(self) -> tuple[Resource, ...]:
        """What the record tells of each resource."""
        return figures_of(
            self.campaign.spec["laboratory"], self.attempts, self.ledger.steps(self.name), self.observations
        )

    @property
    def undecided(self) -> tuple[ProposalRecord, ...]:
        """Proposals that wait for a person."""
        return tuple(p for p in self.proposals if p.approved is None) if self._may_wait else ()

    @cached_property
    def round_number(self) -> int:
        """Number of the last round, 0 before the first."""
        rounds = self.proposals if self._may_wait else self.attempts
        return max((entry.round_number for entry in rounds), default=0)

    @property
    def _may_wait(self) -> bool:
        """Whether there may be proposals without attempts; where not, reading every proposal is spared."""
        return self.spec.laboratory.approval == "person" or self.campaign.version > 1

    @property
    def spent(self) -> int:
        """Experiments begun: distinct pairs of proposal and replicate, without those that were never sent."""
        return len({(a.proposal_id, a.replicate_no) for a in self.attempts if a.state is not State.EXPIRED})

    @property
    def done(self) -> int:
        """Experiments that ended for good."""
        states: dict[tuple[str, int], set[State]] = {}
        for a in self.attempts:
            states.setdefault((a.proposal_id, a.replicate_no), set()).add(a.state)
        return sum(State.ENDED in seen and seen <= FINAL for seen in states.values())

    @property
    def pending_by_state(self) -> dict[str, int]:
        count = Counter(a.state for a in self.pending)
        return {state.value: count[state] for state in State if count[state]}

    @property
    def counted(self) -> tuple[ObservationRecord, ...]:
        """What the planner learns from: of each experiment the last word, without faults that were tried again."""
        tried = (a for a in self.attempts if a.state is not State.EXPIRED)  # a try that was withdrawn was none
        last = {(a.proposal_id, a.replicate_no): a.attempt_no for a in tried}  # attempts rise in their order
        mine = {a.key: (a.proposal_id, a.replicate_no) for a in self.attempts}
        return tuple(
            o
            for o in self.worked_out
            if not (isinstance(o.outcome, Fault) and o.key in mine and o.attempt_no < last[mine[o.key]])
        )

    def running(self) -> tuple[str, ...]:
        """Labels of what the laboratory has."""
        return tuple(one.label for one in self.at_work())

    def at_work(self) -> tuple[AtWork, ...]:
        """What the laboratory has, in the order of the record."""
        return tuple(
            AtWork(
                key=a.key,
                label=self.label(a.settings),
                state=a.state.value,
                laboratory=a.adapter or self.spec.laboratory.adapter,
                round=a.round_number,
                well=a.place.well if a.place else None,
                since=a.updated,
                settings=a.settings,
            )
            for a in self.pending
            if a.state in WITH_LABORATORY
        )

    def label(self, settings: Settings) -> str:
        return label_of(self.campaign.spec, settings)

    @cached_property
    def accounts(self) -> Accounts:
        """What the record tells of costs, and of what is taken of stocks."""
        budget = self.spec.budget
        has_costs = with_fidelities(self.spec) is not None or budget.hours is not None or budget.stock is not None
        if not has_costs:
            return accounts_of(self.spec, self.space, (), ())
        return accounts_of(self.spec, self.space, self.ledger.envelopes(self.name), self.counted)

    @cached_property
    def spending(self) -> Spending:
        """What was spent, and what the budget leaves of money, hours and stocks."""
        return self.accounts.spending(self.attempts)

    @cached_property
    def best(self) -> tuple[Best, ...]:
        """The best single value of each target among candidates that keep every threshold."""
        return best_of(self.spec, self.campaign.spec, self.worked_out)

    def left_out(self, settings: Settings) -> str:
        """By which rule the campaign file has no such candidate, or no more, as the end of a sentence; "" where it has.

        What was planned by a file that nobody changed is in its space, and none is built to look.
        """
        if self.campaign.version == 1 and all(o.key is not None for o in self.observations):
            return ""
        return why_left_out(self.space, settings)

    @property
    def measured(self) -> int:
        """How many observations have a value; of versions of a measurement, those of the real thing."""
        real = (o for o in self.observations if isinstance(o.outcome, Measured))
        return sum(counts(self.campaign.spec, o.settings) for o in real)

    @cached_property
    def hits(self) -> Tally | None:
        """Hits found and expected; None where a campaign looks for something else."""
        objective = build_objective(self.spec)
        if not looks_for_hits(self.spec, objective):
            return None
        real = [o for o in self.worked_out if counts(self.campaign.spec, o.settings)]
        foretold = by_its_formulas(self.campaign.spec, self.proposals, lambda: self.ledger.rounds(self.name))
        return tally(objective, real, foretold)

    @cached_property
    def nearest(self) -> Nearest | None:
        """What comes nearest to keeping every threshold, None where something keeps them, or nothing was measured.

        It has no label where no result has a value of everything that has thresholds.
        """
        raw = self.campaign.spec
        objective = build_objective(self.spec)
        if any(objective.keeps(values) for _, values, _ in _sure(raw, objective, self.worked_out)):
            return None  # also by a limit that leaves no doubt
        rows = [
            (o, held) for o in self.worked_out if counts(raw, o.settings) and (held := held_of(o.outcome, objective))
        ]
        values = [{name: value for name, (value, _) in held.items()} for _, held in rows]
        found = nearest(objective, values)
        if found is None:
            why = unjudged(objective, values)
            return Nearest("", why, "", {}) if why else None
        o, held = rows[found]
        signs = {name: sign for name, (_, sign) in held.items()}
        return Nearest(label_of_result(raw, o), misses(objective, values[found], signs), o.id, dict(o.settings))


def best_of(spec: CampaignSpec, raw: Json, observations: Sequence[ObservationRecord]) -> tuple[Best, ...]:
    """One entry for each wanted target that has a value, or a limit on its good side, and keeps every threshold.

    Where a trade-off makes one number of several targets, its best comes first.
    """
    objective = build_objective(spec)
    keeping = [row for row in _sure(raw, objective, observations) if objective.keeps(row[1])]
    best, targets = [], {t.name: t for t in objective.targets}
    if objective.has_classes:  # a hit is as good as another
        return ()
    for name, unit, worth in _rankings(objective):
        having = [(row, value) for row in keeping if (value := worth(row[1])) is not None]
        if having:
            (o, values, signs), value = max(having, key=lambda pair: pair[1])
            label, settings = label_of_result(raw, o), dict(o.settings)
            if name in targets:
                shown, sign, word = values[name], signs[name], targets[name].shown(values[name])
            else:
                shown, sign, word = value, sign_of_score(objective, signs), None
            best.append(Best(name, label, float(shown), unit, o.id, settings, word, sign))
    return tuple(best)


def _sure(
    raw: Json, objective: Objective, observations: Sequence[ObservationRecord]
) -> Iterator[tuple[ObservationRecord, dict[str, float], dict[str, str]]]:
    """Observations of the real thing, with what is sure of their targets and whether it is a value or a limit."""
    for o in observations:
        if counts(raw, o.settings) and (sure := sure_of(o.outcome, objective)):
            yield o, {name: v for name, (v, _) in sure.items()}, {name: sign for name, (_, sign) in sure.items()}


def _rankings(objective: Objective) -> Iterable[tuple[str, str, Callable[[Mapping[str, float]], float | None]]]:
    """What results are ranked by: name, unit, and what is to be maximised of a row's values (None where it lacks)."""
    wanted = objective.wanted
    if objective.tradeoff in SCORES:
        yield (
            SCORES[objective.tradeoff],
            "",
            lambda row: objective.score(row) if all(t.name in row for t in wanted) else None,
        )
    for t in wanted:
        yield t.name, t.unit, lambda row, t=t: t.worth(row[t.name]) if t.name in row else None  # type: ignore[misc]


def rounds_of(proposals: Iterable[ProposalRecord]) -> tuple[int, ...]:
    """Their round numbers, rising, each once."""
    return tuple(sorted({p.round_number for p in proposals}))
