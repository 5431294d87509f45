"""A campaign told line by line, as a record that a report can be built from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from db.memory import MemoryLedger
from loop.contracts import AuditReport, Ledger, Work
from loop.experiment import Event
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier, write_outcome
from loop.record import (
    Arm,
    AttemptRecord,
    CampaignState,
    Candidate,
    EnvelopeDraft,
    Prediction,
    ProposalDraft,
    RoundDraft,
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


def _in_memory() -> MemoryLedger:
    minutes, ids = count(), count()
    return MemoryLedger(clock=lambda: START + timedelta(minutes=next(minutes)), new_id=lambda: f"id-{next(ids):06}")


def _smiles(settings: Mapping[str, str | float]) -> dict[str, str]:
    tables = {"ligand": LIGANDS, "base": BASES}
    return {k: tables[k][str(v)] for k, v in settings.items() if k in tables and v in tables[k]}


@dataclass(frozen=True, eq=False)
class Told:
    """A proposal of a story, before and after it is on record."""

    round_number: int
    draft: ProposalDraft
    approved: bool | None


@dataclass(eq=False)
class Came:
    """An outcome of a story; its observation's id once it is on record."""

    outcome: Outcome
    id: str = ""


@dataclass
class Story:
    """A campaign being told, line by line; ``settle`` brings it into a ledger as the engine would."""

    name: str = "arylation"
    spec: dict[str, Any] = field(default_factory=one_target)
    state: CampaignState = CampaignState.ACTIVE
    reason: str = ""
    audit_report: AuditReport | None = None  # in place of what the ledger says
    outcomes: list[Came] = field(default_factory=list)
    ledger: Ledger = field(default_factory=_in_memory)

    measured = staticmethod(measured)
    predictions = staticmethod(predictions)

    def __post_init__(self) -> None:
        self._rounds = 0
        self._draft: dict[str, Any] | None = None
        self._proposals: list[Told] = []
        self._acts: list[Callable[[Work], object]] = []

    # telling

    def plan(self, notes: Iterable[str] = (), surrogate: str = "committee", **environment: str) -> None:
        """A new round, after all that was told so far."""
        self.settle()
        self._rounds += 1
        self._proposals = []
        self._draft = {
            "number": self._rounds,
            "seed": 1000 + self._rounds,
            "data_version": len(self.outcomes),
            "surrogate": surrogate,
            "model": {},
            "notes": tuple(notes),
            "environment": environment or {"python": "3.11.7", "botorch": "0.18.1", "rdkit": "2026.9.1"},
            "observations": (),
            "pending": (),
        }

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
    ) -> Told:
        """A proposal of the round being planned."""
        position = len(self._proposals)
        draft = ProposalDraft(
            candidate=Candidate(dict(settings), _smiles(settings) if smiles is None else smiles),
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
        self._proposals.append(Told(self._rounds, draft, approved))
        return self._proposals[-1]

    def end(
        self, proposal: Told, outcome: Outcome, replicate_no: int = 0, context: Mapping[str, Any] | None = None
    ) -> Came:
        """The outcome of the last attempt at a replicate of a proposal."""
        came = Came(outcome)

        def act(work: Work) -> None:
            key = self._last(proposal, replicate_no).key
            work.move(key, Event.CLAIMED)
            work.move(key, Event.ACCEPTED, adapter="emulator", handle=f"job of {key}")
            came.id = work.receive(EnvelopeDraft("emulator", key, json.dumps(write_outcome(outcome)))).id
            work.accept(came.id, outcome, context=context or {})

        return self._comes(came, act)

    def retry(self, proposal: Told, replicate_no: int = 0) -> None:
        """Another attempt at the same experiment."""
        self._acts.append(lambda work: work.retry(self._last(proposal, replicate_no).key, "a fault"))

    def tell(self, settings: Mapping[str, str | float], outcome: Outcome) -> Came:
        """An observation brought from elsewhere."""
        came = Came(outcome)
        source = f"tell:old.csv:{len(self.outcomes) + 2}"

        def act(work: Work) -> None:
            envelope = EnvelopeDraft(source, None, json.dumps(write_outcome(outcome)), dict(settings))
            came.id = work.receive(envelope).id
            work.accept(came.id, outcome, candidate=Candidate(dict(settings), _smiles(settings)))

        return self._comes(came, act)

    def retract(self, came: Came, why: str) -> None:
        """An outcome counts no more."""
        self._acts.append(lambda work: work.retract(came.id, "A. Person", why))

    def receive(self, payload: str, verdict: Verdict | None, message: str = "", source: str = "emulator") -> None:
        """Something that becomes no outcome."""

        def act(work: Work) -> None:
            envelope = work.receive(EnvelopeDraft(source, None, payload))
            if verdict is not None:
                work.judge(envelope.id, verdict, message)

        self._acts.append(act)

    def doubt(self, proposal: Told) -> None:
        """Nobody can tell whether it ran."""

        def act(work: Work) -> None:
            key = self._last(proposal, 0).key
            work.move(key, Event.CLAIMED)
            work.move(key, Event.DOUBTED, "no answer")

        self._acts.append(act)

    def settle(self) -> Ledger:
        """Everything told so far, on record."""
        self.ledger.open_campaign(self.name, self.spec, by="A. Person")
        lease = self.ledger.acquire(self.name, "a test", timedelta(days=9))
        if self._draft is not None:
            needs_person = any(told.approved is not True for told in self._proposals)
            draft = RoundDraft(
                **self._draft, proposals=tuple(told.draft for told in self._proposals), approved=not needs_person
            )
            with self.ledger.work(lease) as work:
                work.record_round(draft)
            if needs_person:
                records = self.ledger.proposals(self.name, self._rounds)
                with self.ledger.work(lease) as work:
                    for told, record in zip(self._proposals, records, strict=True):
                        if told.approved is not None:
                            work.decide(record.id, told.approved, "A. Person", "seen")
            self._draft = None
        for act in self._acts:  # each its own transaction, so that the next one sees it
            with self.ledger.work(lease) as work:
                act(work)
        self._acts = []
        campaign = self.ledger.campaign(self.name)
        if (campaign.state, campaign.reason) != (self.state, self.reason):
            with self.ledger.work(lease) as work:
                work.set_state(self.state, self.reason)
        return self.ledger if self.audit_report is None else Doubtful(self.ledger, self.audit_report)

    def _comes(self, came: Came, act: Callable[[Work], object]) -> Came:
        self.outcomes.append(came)
        self._acts.append(act)
        return came

    def _last(self, told: Told, replicate_no: int) -> AttemptRecord:
        mine = (told.round_number, told.draft.position, replicate_no)
        attempts = self.ledger.attempts(self.name)
        return [a for a in attempts if (a.round_number, a.position, a.replicate_no) == mine][-1]


class Doubtful:
    """A ledger with another answer to whether its audit chain holds."""

    def __init__(self, ledger: Ledger, report: AuditReport) -> None:
        self._ledger, self._report = ledger, report

    def verify_audit(self) -> AuditReport:
        return self._report

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


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
    story.retract(story.outcomes[20], "the wrong vial was analysed (notebook 12, page 40)")
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
