"""A campaign told line by line, as a record that a report can be built from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loop.contracts import AuditReport
from loop.errors import NotFound
from loop.experiment import State
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import (
    Arm,
    AttemptRecord,
    CampaignRecord,
    CampaignState,
    Candidate,
    EnvelopeRecord,
    ObservationRecord,
    Prediction,
    ProposalDraft,
    ProposalRecord,
    RoundRecord,
    Verdict,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIGANDS = {
    "XPhos": "CC(C)c1cc(C(C)C)c(-c2ccccc2P(C2CCCCC2)C2CCCCC2)c(C(C)C)c1",
    "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1",
    "PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1",
    "PtBu3": "CC(C)(C)P(C(C)(C)C)C(C)(C)C",
}
BASES = {"KOAc": "CC(=O)[O-].[K+]", "CsOPiv": "CC(C)(C)C(=O)[O-].[Cs+]"}


def one_target() -> dict[str, Any]:
    """A resolved spec as a reaction campaign has it."""
    return {
        "campaign": "arylation",
        "space": {
            "ligand": {"type": "component", "options": LIGANDS},
            "base": {"type": "component", "options": BASES},
            "temperature": {"type": "number", "low": 90, "high": 120, "step": 15, "unit": "degC"},
        },
        "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "planner": {"surrogate": "committee", "control": 0.1},
        "budget": {"experiments": 50},
        "a later key": {"kept": True},
    }


def measured(units: Mapping[str, str] | None = None, qualifier: str = "=", **values: float) -> Measured:
    """An outcome with one value for each target, in the target's unit."""
    units = units or {}
    return Measured(
        tuple(Measurement(n, v, units.get(n, "%"), v, qualifier=Qualifier(qualifier)) for n, v in values.items())
    )


def predictions(members: Mapping[str, tuple[float, float, float]], target: str = "yield") -> tuple[Prediction, ...]:
    """Members as (mean, sd, weight), and the whole as their mixture."""
    mean = sum(m * w for m, _, w in members.values())
    second = sum(w * (s * s + m * m) for m, s, w in members.values())
    whole = Prediction(target, "committee", mean, (second - mean * mean) ** 0.5)
    return (whole, *(Prediction(target, name, m, s, w) for name, (m, s, w) in members.items()))


def _smiles(settings: Mapping[str, str | float]) -> dict[str, str]:
    tables = {"ligand": LIGANDS, "base": BASES}
    return {k: tables[k][str(v)] for k, v in settings.items() if k in tables and v in tables[k]}


@dataclass
class Story:
    """A campaign being told. It answers the ledger's read methods, and no others."""

    name: str = "arylation"
    spec: dict[str, Any] = field(default_factory=one_target)
    state: CampaignState = CampaignState.ACTIVE
    reason: str = ""
    audit_report: AuditReport = field(default_factory=lambda: AuditReport(12, True))
    round_records: list[RoundRecord] = field(default_factory=list)
    proposal_records: list[ProposalRecord] = field(default_factory=list)
    attempt_records: list[AttemptRecord] = field(default_factory=list)
    observation_records: list[ObservationRecord] = field(default_factory=list)
    envelope_records: list[EnvelopeRecord] = field(default_factory=list)
    minutes: int = 0

    measured = staticmethod(measured)
    predictions = staticmethod(predictions)

    def now(self) -> datetime:
        self.minutes += 7
        return START + timedelta(minutes=self.minutes)

    # telling

    def plan(self, notes: Iterable[str] = (), surrogate: str = "committee", **environment: str) -> int:
        """A new round; returns its number."""
        number = len(self.round_records) + 1
        self.round_records.append(
            RoundRecord(
                id=f"round-{number}",
                number=number,
                seed=1000 + number,
                version=1,
                data_version=len(self.observation_records),
                surrogate=surrogate,
                model={},
                notes=tuple(notes),
                environment=environment or {"python": "3.11.7", "botorch": "0.18.1", "rdkit": "2026.9.1"},
                observations=(),
                pending=(),
                created=self.now(),
            )
        )
        return number

    def propose(
        self,
        settings: Mapping[str, str | float],
        arm: Arm = Arm.MODEL,
        said: tuple[Prediction, ...] = (),
        *,
        reason: str = "largest expected improvement",
        replicates: int = 1,
        approved: bool | None = True,
        smiles: Mapping[str, str] | None = None,
        neighbour: str | None = None,
        novelty: float | None = None,
    ) -> ProposalRecord:
        """A proposal of the last round, with its READY attempts."""
        number = self.round_records[-1].number
        position = sum(p.round_number == number for p in self.proposal_records)
        if smiles is None:
            smiles = _smiles(settings)
        draft = ProposalDraft(
            candidate=Candidate(dict(settings), smiles),
            arm=arm,
            position=position,
            run_order=position,
            replicates=replicates,
            reason=reason,
            model="committee" if said else "",
            acquisition="improvement" if said else "",
            acquisition_value=0.8123 if said else None,
            predictions=said,
            neighbour=neighbour,
            novelty=novelty,
        )
        candidate_id = f"candidate-{sorted(settings.items())}"
        proposal = ProposalRecord(f"proposal-{number}-{position}", number, candidate_id, draft, approved)
        self.proposal_records.append(proposal)
        if approved:
            for replicate_no in range(replicates):
                self._attempt(proposal, replicate_no, 0, State.READY)
        return proposal

    def end(self, proposal: ProposalRecord, outcome: Outcome, replicate_no: int = 0) -> ObservationRecord:
        """The outcome of the last attempt at a replicate of a proposal."""
        attempt = self._last(proposal, replicate_no)
        ended = replace(attempt, state=State.ENDED, updated=self.now())
        self.attempt_records[self.attempt_records.index(attempt)] = ended
        return self._observe(
            candidate_id=proposal.candidate_id,
            settings=proposal.draft.candidate.settings,
            smiles=proposal.draft.candidate.smiles,
            outcome=outcome,
            source="emulator",
            arm=proposal.draft.arm,
            key=attempt.key,
            round_number=proposal.round_number,
            position=proposal.draft.position,
            run_order=proposal.draft.run_order,
            replicate_no=replicate_no,
            attempt_no=attempt.attempt_no,
        )

    def retry(self, proposal: ProposalRecord, replicate_no: int = 0) -> None:
        last = self._last(proposal, replicate_no)
        self._attempt(proposal, replicate_no, last.attempt_no + 1, State.READY)

    def tell(self, settings: Mapping[str, str | float], outcome: Outcome) -> ObservationRecord:
        """An observation brought from elsewhere."""
        number = len(self.observation_records)
        return self._observe(
            candidate_id=f"candidate-{sorted(settings.items())}",
            settings=dict(settings),
            smiles=_smiles(settings),
            outcome=outcome,
            source=f"tell:old.csv:{number + 2}",
            arm=Arm.MANUAL,
            key=None,
            round_number=0,
            position=number,
            run_order=number,
            replicate_no=0,
            attempt_no=0,
        )

    def retract(self, observation: ObservationRecord, why: str) -> None:
        place = self.observation_records.index(observation)
        self.observation_records[place] = replace(observation, retracted=why)

    def receive(self, payload: str, verdict: Verdict | None, message: str = "") -> None:
        number = len(self.envelope_records)
        self.envelope_records.append(
            EnvelopeRecord(
                f"envelope-{number}", "emulator", None, payload, "0" * 64, None, self.now(), verdict, message
            )
        )

    def set_state(self, proposal: ProposalRecord, state: State) -> None:
        attempt = self._last(proposal, 0)
        self.attempt_records[self.attempt_records.index(attempt)] = replace(attempt, state=state)

    def _attempt(self, proposal: ProposalRecord, replicate_no: int, attempt_no: int, state: State) -> None:
        draft = proposal.draft
        self.attempt_records.append(
            AttemptRecord(
                key=f"key-{proposal.round_number}-{draft.position}-{replicate_no}-{attempt_no}",
                proposal_id=proposal.id,
                candidate_id=proposal.candidate_id,
                round_number=proposal.round_number,
                position=draft.position,
                run_order=draft.run_order,
                replicate_no=replicate_no,
                attempt_no=attempt_no,
                settings=draft.candidate.settings,
                smiles=draft.candidate.smiles,
                state=state,
                adapter=None,
                handle=None,
                updated=self.now(),
            )
        )

    def _last(self, proposal: ProposalRecord, replicate_no: int) -> AttemptRecord:
        mine = [a for a in self.attempt_records if a.proposal_id == proposal.id and a.replicate_no == replicate_no]
        return max(mine, key=lambda attempt: attempt.attempt_no)

    def _observe(self, **fields: Any) -> ObservationRecord:
        number = len(self.observation_records)
        observation = ObservationRecord(id=f"observation-{number}", recorded=self.now(), retracted=None, **fields)
        self.observation_records.append(observation)
        self.receive("{}", Verdict.ACCEPTED)
        return observation

    # the ledger's read methods

    def campaign(self, name: str) -> CampaignRecord:
        if name != self.name:
            raise NotFound(f"no campaign {name!r}; there is {self.name!r}")
        return CampaignRecord(
            id="campaign-1",
            name=name,
            state=self.state,
            reason=self.reason,
            version=1,
            spec=self.spec,
            spec_sha="5bd1f0c2" * 8,
            data_version=len(self.observation_records),
            created=START,
        )

    def rounds(self, name: str) -> tuple[RoundRecord, ...]:
        self.campaign(name)
        return tuple(self.round_records)

    def proposals(self, name: str, round_number: int | None = None) -> tuple[ProposalRecord, ...]:
        self.campaign(name)
        return tuple(p for p in self.proposal_records if round_number in (None, p.round_number))

    def attempts(self, name: str, states: Iterable[State] | None = None) -> tuple[AttemptRecord, ...]:
        self.campaign(name)
        wanted = frozenset(State) if states is None else frozenset(states)
        return tuple(a for a in self.attempt_records if a.state in wanted)

    def envelopes(self, name: str, *, unjudged_only: bool = False) -> tuple[EnvelopeRecord, ...]:
        self.campaign(name)
        return tuple(e for e in self.envelope_records if not (unjudged_only and e.verdict))

    def observations(self, name: str, *, with_retracted: bool = False) -> tuple[ObservationRecord, ...]:
        self.campaign(name)
        counted = [o for o in self.observation_records if with_retracted or o.retracted is None]
        return tuple(
            sorted(counted, key=lambda o: (o.key is not None, o.round_number, o.position, o.replicate_no, o.attempt_no))
        )

    def verify_audit(self) -> AuditReport:
        return self.audit_report


@pytest.fixture
def story() -> Story:
    """An empty campaign of one target, yield in per cent."""
    return Story()


@pytest.fixture
def long_story() -> Story:
    """40 rounds of everything that can happen: told, initial, model, control, replicates, negatives, faults."""
    from random import Random

    random = Random(7)
    story = Story(name="direct arylation of an imidazole", reason="")
    worth = {"XPhos": 30.0, "PCy3": 55.0, "PPh3": 10.0, "PtBu3": 40.0, "KOAc": 0.0, "CsOPiv": 25.0}

    def truth(settings: Mapping[str, str | float]) -> float:
        base = worth[str(settings["ligand"])] + worth[str(settings["base"])]
        return min(99.0, max(0.0, base + (float(settings["temperature"]) - 90) / 3 + random.gauss(0, 4)))

    def draw() -> dict[str, str | float]:
        return {
            "ligand": random.choice(list(LIGANDS)),
            "base": random.choice(list(BASES)),
            "temperature": float(random.choice([90, 105, 120])),
        }

    for _ in range(4):
        settings = draw()
        story.tell(settings, measured({"yield": "%"}, **{"yield": truth(settings)}))
    for number in range(1, 41):
        story.plan(
            notes=["member 'tanimoto' was dropped: its leave-one-out density is not finite"] if number == 7 else [],
            surrogate="" if number == 1 else "committee",
        )
        for position in range(2):
            settings = draw()
            arm = Arm.INITIAL if number == 1 else Arm.CONTROL if (number + position) % 7 == 0 else Arm.MODEL
            if number % 10 == 5 and position:
                arm = Arm.REPLICATE
            if arm is Arm.MODEL and random.random() < 0.15 * number:
                settings |= {"ligand": "PCy3", "base": "CsOPiv"}
            centre = worth[str(settings["ligand"])] + worth[str(settings["base"])]
            members = {
                "one-hot": (centre + random.gauss(5, 9 - number / 6), 12 - number / 5, 0.5 - number / 100),
                "descriptors": (centre + random.gauss(5, 9 - number / 6), 10 - number / 6, 0.3 + number / 100),
                "trees": (centre + random.gauss(5, 12), 14.0, 0.2),
            }
            if number == 7:
                members.pop("trees")
            proposal = story.propose(
                settings,
                arm,
                () if number == 1 else predictions(members),
                reason={
                    Arm.INITIAL: "spread over the space",
                    Arm.CONTROL: "drawn at random, to measure the gain over chance",
                    Arm.REPLICATE: "again, to learn the noise",
                }.get(arm, "largest expected improvement given the pending ones"),
                replicates=2 if arm is Arm.REPLICATE else 1,
                neighbour="PCy3, KOAc, 105",
                novelty=round(random.random(), 2),
            )
            if number == 40:
                continue
            for replicate_no in range(proposal.draft.replicates):
                chance = random.random()
                if chance < 0.06:
                    limit = Measurement("yield", 1.0, "%", 1.0, qualifier=Qualifier.BELOW)
                    story.end(proposal, Negative("no conversion by LCMS", (limit,)), replicate_no)
                elif chance < 0.12:
                    story.end(proposal, Fault.of(FaultKind.INSTRUMENT_FAULT, "needle clogged"), replicate_no)
                    story.retry(proposal, replicate_no)
                    story.end(proposal, measured({"yield": "%"}, **{"yield": truth(settings)}), replicate_no)
                else:
                    story.end(proposal, measured({"yield": "%"}, **{"yield": truth(settings)}), replicate_no)
    story.retract(story.observation_records[20], "the wrong vial was analysed (notebook 12, page 40)")
    story.receive('{"outcome": "measured"}', Verdict.MALFORMED, "outcome 'measured' without values")
    story.receive("{}", Verdict.DUPLICATE)
    return story


@pytest.fixture
def two_targets() -> Story:
    """Yield to maximise and waste to minimise, 30 experiments, one model."""
    from random import Random

    random = Random(3)
    story = Story(name="yield and waste")
    story.spec["objective"] = {
        "yield": {"goal": "maximize", "unit": "%"},
        "waste": {"goal": "minimize", "unit": "g"},
    }
    units = {"yield": "%", "waste": "g"}
    for number in range(1, 7):
        story.plan(surrogate="gp")
        for _ in range(5):
            temperature = float(random.choice(range(90, 121)))
            settings = {"ligand": random.choice(list(LIGANDS)), "base": "KOAc", "temperature": temperature}
            gain = 30 + 60 * random.random()
            waste = 0.5 + 0.02 * gain + random.random()
            said = (Prediction("yield", "gp", gain + 4, 6.0), Prediction("waste", "gp", waste * 1.1, 0.3))
            proposal = story.propose(settings, Arm.MODEL if number > 1 else Arm.INITIAL, said if number > 1 else ())
            story.end(proposal, measured(units, **{"yield": gain, "waste": waste}))
    return story
