"""Decisions in force: what people said, as far as it bears on one round, brought into spec and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.engine.people.bans import (
    around,
    is_for_now,
    keeps_out,
    place_of,
    place_of_record,
    region_of,
    region_text,
    still_there,
)
from flows.unsent import never_sent
from loop.contracts import Ledger
from loop.decision import DecisionKind, DecisionRecord, in_force
from loop.errors import SpaceError
from loop.history import History, Said
from loop.outcome import Fault
from loop.record import Arm, ObservationRecord, ProposalRecord, Settings
from loop.space import Space
from loop.space.checked import checked
from loop.spec import CampaignSpec, build_space
from loop.spec.space_models import ExcludeSpec, NumberSpec
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.view import View


@dataclass(frozen=True, slots=True)
class Decided:
    """What people want of a round: a spec with their bans, and what they said of candidates."""

    spec: CampaignSpec
    pinned: tuple[Said, ...] = ()
    kept_out: tuple[Said, ...] = ()
    impossible: tuple[Said, ...] = ()
    notes: tuple[str, ...] = ()
    unrun: tuple[str, ...] = ()  # of the notes, why pinned candidates are passed over
    way_back: str = ""  # how what people took out of the spec's space comes back; empty where they took nothing out

    def history(self, history: History) -> History:
        """``history`` with what people said."""
        return replace(history, pinned=self.pinned, kept_out=self.kept_out, impossible=self.impossible)

    def keeps_out(self, space: Space, candidates: Sequence[Settings]) -> tuple[bool, ...]:
        """Which candidates of the ``space`` no batch has: banned, refused, or said to be impossible."""
        x = np.array([space.coordinates(one) for one in candidates]).reshape(len(candidates), len(space.parameters))
        said = {one.x.tobytes() for one in (*self.kept_out, *self.impossible)}
        is_allowed = build_space(self.spec).allows(x)
        return tuple(not allowed or row.tobytes() in said for row, allowed in zip(x, is_allowed, strict=True))


def decided(
    spec: CampaignSpec,
    space: Space,
    proposals: Sequence[ProposalRecord],
    decisions: Sequence[DecisionRecord],
    number: int,
    *,
    observations: Sequence[ObservationRecord] = (),
    unsent: frozenset[str] = frozenset(),
    otherwise: Mapping[int, str] | None = None,
) -> Decided:
    """What counts for round ``number``: refusals in earlier rounds, and decisions made before it and not lifted.

    ``observations`` and ``unsent`` (``flows.unsent``) decide which pins are yet to be followed, and the first which
    candidates were made although somebody said that they cannot be. What was refused in rounds of which it is said how
    their numbers were meant ``otherwise`` (``meant_otherwise``) counts no more.
    """
    structures = {p.id: p.draft.candidate.smiles for p in proposals}
    decisions = [_as_named(space, d, structures.get(d.draft.proposal_id or "", {})) for d in decisions]
    now = in_force(decisions, number)
    said, unrun = _Gathered(spec, space, observations), list[str]()
    said.refusals(proposals, decisions, now, number, otherwise or {})
    for d in now:
        said.take(d)
    pinned = [
        one
        for d in now
        if d.draft.kind is DecisionKind.PIN
        and (left := still_to_run(d, proposals, number, unsent))
        and _can_run(spec, space, d, now, unrun)
        and not _was_told(spec, space, d, observations, unrun)
        for one in _each(d, space.coordinates(d.draft.settings), left)
    ]
    return said.decided(pinned, unrun)


def _as_named(space: Space, decision: DecisionRecord, smiles: Mapping[str, str]) -> DecisionRecord:
    """A decision on a candidate as the space has that now; ``smiles`` are the structures of its proposal."""
    draft = decision.draft
    now = space.as_named(draft.settings, smiles)
    return decision if now == draft.settings else replace(decision, draft=replace(draft, settings=now))


def _each(pin: DecisionRecord, x: NDArray[np.float64], left: int) -> list[Said]:
    """The experiments that a pin still asks for, ``left`` of them."""
    times, why = pin.draft.times, pin.draft.why
    return [Said(x, why if times == 1 else f"{why} ({n} of {times})") for n in range(times - left + 1, times + 1)]


class _Gathered:
    """What people said of candidates and of regions, gathered one by one."""

    def __init__(self, spec: CampaignSpec, space: Space, observations: Sequence[ObservationRecord]) -> None:
        self._spec, self._space = spec, space
        self._observations = observations
        self.notes: list[str] = []
        self._refused: dict[bytes, Said] = {}
        self._impossible: dict[bytes, Said] = {}
        self._unwanted: set[bytes] = set()  # of those refused, what was not only edited
        self._constraints: list[ExcludeSpec] = []
        self._bans: list[int] = []  # that keep something out

    def refusals(
        self,
        proposals: Sequence[ProposalRecord],
        decisions: Sequence[DecisionRecord],
        now: Sequence[DecisionRecord],
        number: int,
        otherwise: Mapping[int, str],
    ) -> None:
        """Proposals that were refused before round ``number``, but for those of which the refusal was lifted."""
        edited = {d.draft.proposal_id for d in decisions if d.draft.kind is DecisionKind.EDIT}
        kinds = {
            d.draft.proposal_id: d for d in decisions if d.draft.proposal_id and d.draft.kind is not DecisionKind.EDIT
        }
        forgiven = {proposal for proposal, d in kinds.items() if d not in now}  # a refusal whose meaning was lifted
        refused_then = [p for p in proposals if p.approved is False and p.round_number < number]
        for n in sorted({p.round_number for p in refused_then} & otherwise.keys()):
            self.notes.append(f"what was refused in round {n} counts no more: {otherwise[n]}")
        for p in refused_then:
            if p.id not in forgiven and p.round_number not in otherwise:
                name = f"refused in round {p.round_number}"
                refused = self._space.as_named(p.draft.candidate.settings, p.draft.candidate.smiles)
                self._keep_out(refused, "refused", name, is_edited=p.id in edited)

    def take(self, d: DecisionRecord) -> None:
        """A decision in force: that a candidate cannot be made, or a ban."""
        name = f"{d.draft.kind.value} {d.number}"
        if d.draft.kind is DecisionKind.CANNOT and (said := self._place(d.draft.settings, name)):
            if said.x.tobytes() in self._made:
                self.notes.append(
                    f"decision {d.number}, that {self._space.label(d.draft.settings)} cannot be made, teaches nothing "
                    f"more, as it was made: hakken lift {quote(self._spec.campaign)} {d.number} takes it back"
                )
            else:
                self._impossible[said.x.tobytes()] = replace(said, why=d.draft.why)
        if d.draft.kind is DecisionKind.BAN and d.draft.settings:
            if self._keep_out(d.draft.settings, d.draft.why, name, for_now=is_for_now(d)):
                self._bans.append(d.number)
            if self._space.is_finite and _is_control(self._spec, d.draft.settings):  # which no planner chooses
                self._constraints.append(around(self._space, d.draft.settings, name, for_now=is_for_now(d)))
        elif d.draft.kind is DecisionKind.BAN:
            self._leave_out(d, name)

    @cached_property
    def _made(self) -> frozenset[bytes | None]:
        """Where the candidates lie that were made, whatever came of it."""
        ran = (o for o in self._observations if not isinstance(o.outcome, Fault))
        return frozenset(place_of_record(self._space, o) for o in ran)

    def decided(self, pinned: Sequence[Said], unrun: Sequence[str]) -> Decided:
        """All of it, with what there is of each kind in the notes; ``unrun`` are those on pins that are passed over."""
        self.notes += unrun
        places = {one.x.tobytes() for one in pinned}
        again = f", for {len(pinned)} experiments" if len(pinned) > len(places) else ""
        for count, what in (
            (len(places), f"pinned by a person{again}"),
            (len(self._unwanted - self._impossible.keys()), "that a person refused or banned left out"),
            (len(self._impossible), "that cannot be made, a person says"),
        ):
            if count:
                self.notes.append(f"{plural(count, 'candidate')} {what}")
        spec, constraints = self._spec, self._constraints
        return Decided(
            spec if not constraints else spec.model_copy(update={"constraints": [*spec.constraints, *constraints]}),
            tuple(pinned),
            tuple(self._refused.values()),
            tuple(self._impossible.values()),
            tuple(self.notes),
            tuple(unrun),
            self._way_back() if constraints or self._refused or self._impossible else "",
        )

    def _way_back(self) -> str:
        name, bans = quote(self._spec.campaign), self._bans
        if len(bans) == 1:
            return f"hakken lift {name} {bans[0]} takes ban {bans[0]} back"
        if bans:
            said = f"{', '.join(map(str, bans[:-1]))} and {bans[-1]}"
            return f"hakken lift {name} NUMBER takes one of bans {said} back"
        return f"hakken pin {name} runs what was refused all the same"

    def _keep_out(
        self, settings: Settings, why: str, name: str, *, is_edited: bool = False, for_now: bool = False
    ) -> bool:
        x = self._place(settings, name)
        if x is None:
            return False
        before = self._refused.setdefault(x.x.tobytes(), replace(x, why=why, for_now=for_now))
        if before.for_now and not for_now:  # for good as well
            self._refused[x.x.tobytes()] = replace(before, for_now=False)
        if not is_edited:
            self._unwanted.add(x.x.tobytes())
        if not self._space.is_finite:
            self._constraints.append(around(self._space, settings, name, for_now=for_now))
        return True

    def _leave_out(self, ban: DecisionRecord, name: str) -> None:
        """A region that was banned, as far as the space has it."""
        try:
            region = still_there(self._space, ban.draft.region)
        except SpaceError as error:
            self.notes.append(f"{name} is passed over: {error}; ban anew what still holds (hakken ban)")
            return
        said = region_text(ban.draft.region, self._space.written)
        if region is None:
            self.notes.append(f"{name} keeps out nothing: the space has none of {said}")
            return
        self._constraints.append(region_of(region, name))
        self._bans.append(ban.number)
        self.notes.append(f"ban {ban.number} is in force: {said} ({ban.draft.why})")

    def _place(self, settings: Settings, name: str) -> Said | None:
        """Where the candidate lies; None, with a note, where the space has changed so that it does not."""
        try:
            return Said(self._space.coordinates(settings), "")
        except SpaceError as error:
            self.notes.append(f"{name} is passed over: {error}")
            return None


def decided_next(view: View) -> Decided:
    """What counts for the next round."""
    return decided(
        view.spec,
        view.space,
        view.proposals if view.round_number else (),
        view.decisions,
        view.round_number + 1,
        observations=view.counted,
        unsent=never_sent(view.attempts),
        otherwise=meant_otherwise(view.ledger, view.name, view.spec, view.proposals),
    )


def meant_otherwise(
    ledger: Ledger, name: str, spec: CampaignSpec, proposals: Sequence[ProposalRecord]
) -> Mapping[int, str]:
    """Rounds with refused proposals of when the campaign file had other units of numbers, each with what differs."""
    found, said = {}, dict[int, str]()
    for number in sorted({p.round_number for p in proposals if p.approved is False}):
        version = ledger.round(name, number).version
        if version not in said:
            then = ledger.spec_version(name, version)["space"]
            said[version] = " and ".join(
                f"{p} was in {then[p]['unit']!r} then, and is in {now.unit!r} now"
                for p, now in spec.space.items()
                if isinstance(now, NumberSpec) and then.get(p, {}).get("unit", now.unit) != now.unit
            )
        if said[version]:
            found[number] = said[version]
    return found


def _is_control(spec: CampaignSpec, candidate: Settings) -> bool:
    """Whether a candidate may be the condition of a plate's control wells."""
    controls = None if spec.plate is None else spec.plate.controls
    return controls is not None and all(candidate.get(n) == value for n, value in controls.settings.items())


def still_pinned(view: View) -> tuple[DecisionRecord, ...]:
    """The pins that the next round would follow, in the order made."""
    number, unsent = view.round_number + 1, never_sent(view.attempts)
    now = in_force([_as_named(view.space, d, {}) for d in view.decisions], number)
    return tuple(
        d
        for d in now
        if d.draft.kind is DecisionKind.PIN
        and still_to_run(d, view.proposals, number, unsent)
        and _can_run(view.spec, view.space, d, now, [])
        and not _was_told(view.spec, view.space, d, view.counted, [])
    )


def still_to_run(pin: DecisionRecord, proposals: Sequence[ProposalRecord], number: int, unsent: frozenset[str]) -> int:
    """How many of a pin's experiments were not proposed before round ``number``, or withdrawn before they were sent."""
    followed = sum(p.id not in unsent and p.round_number < number and followed_by(pin, p) for p in proposals)
    return max(pin.draft.times - followed, 0)


def followed_by(pin: DecisionRecord, proposal: ProposalRecord) -> bool:
    """Whether a proposal has the candidate of a pin because of it; what became a parameter since decides nothing."""
    made, wanted = proposal.draft.candidate.settings, pin.draft.settings
    return (
        proposal.draft.arm is Arm.MANUAL
        and pin.after_round < proposal.round_number
        and all(made[name] == wanted[name] for name in made.keys() & wanted.keys())
    )


def _can_run(
    spec: CampaignSpec, space: Space, pin: DecisionRecord, now: Sequence[DecisionRecord], notes: list[str]
) -> bool:
    """Whether a pinned candidate is one of the space still, and not banned since; a note says what it breaks."""
    try:
        checked(space, pin.draft.settings)
    except SpaceError as error:
        notes.append(f"pin {pin.number} is passed over: {error}")
        return False
    for d in now:
        if d.draft.kind is DecisionKind.BAN and keeps_out(spec, space, d, pin.draft.settings):
            label = space.label(pin.draft.settings)
            notes.append(f"pin {pin.number} is passed over: ban {d.number} keeps out {label}; lift one of the two")
            return False
    return True


def _was_told(
    spec: CampaignSpec,
    space: Space,
    pin: DecisionRecord,
    observations: Sequence[ObservationRecord],
    notes: list[str],
) -> bool:
    """Whether a candidate that nobody had measured when it was pinned was told since; a note says so."""
    x = place_of(space, pin.draft.settings)
    measured = [o for o in observations if not isinstance(o.outcome, Fault) and place_of_record(space, o) == x]
    if not measured or any(o.key is not None or o.entry < pin.entry for o in measured):
        return False  # it was pinned to be measured once more
    notes.append(
        f"pin {pin.number} is passed over: {space.label(pin.draft.settings)} was told since; hakken pin with --again "
        f"measures it once more, hakken lift {quote(spec.campaign)} {pin.number} takes the pin back"
    )
    return True
