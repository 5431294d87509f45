"""Decisions in force: what people said, as far as it bears on one round, brought into spec and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from flows.engine.people.conditions import checked
from loop.decision import DecisionKind, DecisionRecord, in_force
from loop.errors import SpaceError
from loop.history import History, Said
from loop.record import Arm, Json, ProposalRecord, Settings
from loop.space import Continuous, Space
from loop.spec import CampaignSpec, build_space
from loop.spec.space_models import ExcludeSpec

NEARBY: Final = 0.01  # of a range: how near a continuous number is taken for the one that was refused


@dataclass(frozen=True, slots=True)
class Decided:
    """What people want of a round: a spec with their bans, and what they said of candidates."""

    spec: CampaignSpec
    pinned: tuple[Said, ...] = ()
    kept_out: tuple[Said, ...] = ()
    impossible: tuple[Said, ...] = ()
    notes: tuple[str, ...] = ()
    is_narrowed: bool = field(default=False)  # something was taken out of the spec's space

    def history(self, history: History) -> History:
        """``history`` with what people said."""
        return replace(history, pinned=self.pinned, kept_out=self.kept_out, impossible=self.impossible)


def decided(
    spec: CampaignSpec,
    space: Space,
    proposals: Sequence[ProposalRecord],
    decisions: Sequence[DecisionRecord],
    number: int,
) -> Decided:
    """What counts for round ``number``: refusals in earlier rounds, and decisions made before it and not lifted."""
    now = in_force(decisions, number)
    notes: list[str] = []
    kinds = {d.draft.proposal_id: d for d in decisions if d.draft.proposal_id and d.draft.kind is not DecisionKind.EDIT}
    forgiven = {proposal for proposal, d in kinds.items() if d not in now}  # a refusal whose meaning was lifted
    refused: dict[bytes, Said] = {}
    impossible: dict[bytes, Said] = {}
    edited = {d.draft.proposal_id for d in decisions if d.draft.kind is DecisionKind.EDIT}
    unwanted: set[bytes] = set()  # of those refused, what was not only edited
    constraints: list[ExcludeSpec] = []

    def keep_out(settings: Settings, why: str, name: str, *, is_edited: bool = False) -> None:
        x = _place(space, settings, name, notes)
        if x is None:
            return
        refused.setdefault(x.x.tobytes(), replace(x, why=why))
        if not is_edited:
            unwanted.add(x.x.tobytes())
        if not space.is_finite:
            constraints.append(around(space, settings, name))

    for p in proposals:
        if p.approved is False and p.round_number < number and p.id not in forgiven:
            name = f"refused in round {p.round_number}"
            keep_out(p.draft.candidate.settings, "refused", name, is_edited=p.id in edited)
    pins = [d for d in now if d.draft.kind is DecisionKind.PIN and not was_run(d, proposals, number)]
    for d in now:
        name = f"{d.draft.kind.value} {d.number}"
        if d.draft.kind is DecisionKind.CANNOT and (said := _place(space, d.draft.settings, name, notes)):
            impossible[said.x.tobytes()] = replace(said, why=d.draft.why)
        if d.draft.kind is DecisionKind.BAN and d.draft.settings:
            keep_out(d.draft.settings, d.draft.why, name)
        elif d.draft.kind is DecisionKind.BAN:
            constraints.append(region_of(d.draft.region, name))
            notes.append(f"ban {d.number} is in force: {region_text(d.draft.region)} ({d.draft.why})")
    pinned = [
        Said(space.coordinates(d.draft.settings), d.draft.why) for d in pins if _can_run(spec, space, d, now, notes)
    ]
    for count, what in (
        (len(pinned), "pinned by a person"),
        (len(unwanted - impossible.keys()), "that a person refused or banned left out"),
        (len(impossible), "that cannot be made, a person says"),
    ):
        if count:
            notes.append(f"{count} candidates {what}" if count > 1 else f"1 candidate {what}")
    changed = spec if not constraints else spec.model_copy(update={"constraints": [*spec.constraints, *constraints]})
    return Decided(
        changed,
        tuple(pinned),
        tuple(refused.values()),
        tuple(impossible.values()),
        tuple(notes),
        bool(constraints or refused or impossible),
    )


def around(space: Space, settings: Settings, name: str) -> ExcludeSpec:
    """What keeps a candidate of a continuous space out: its options, and numbers within a hundredth of each range."""
    options: dict[str, list[str | float] | str | float] = {}
    where: dict[str, dict[str, float]] = {}
    for p in space.parameters:
        if p.name not in settings:  # it does not apply, and the options that it depends on tell that
            continue
        value = settings[p.name]
        if isinstance(p, Continuous):
            near = NEARBY * (p.high - p.low)
            where[p.name] = {"at_least": float(value) - near, "at_most": float(value) + near}
        else:
            options[p.name] = [value]
    return ExcludeSpec.model_validate({"name": name, "exclude": options, "where": where})


def region_of(region: Json, name: str) -> ExcludeSpec:
    """A region as a constraint that leaves it out."""
    return ExcludeSpec.model_validate(
        {"name": name, "exclude": region.get("exclude") or {}, "where": region.get("where") or {}}
    )


def region_text(region: Json) -> str:
    """A region in a line."""
    parts = [
        f"{name} = {' or '.join(str(v) for v in values)}" for name, values in (region.get("exclude") or {}).items()
    ]
    signs = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}
    for name, ends in (region.get("where") or {}).items():
        parts += [f"{name} {signs[sign]} {value:g}" for sign, value in ends.items()]
    return " and ".join(parts)


def was_run(decision: DecisionRecord, proposals: Sequence[ProposalRecord], number: int) -> bool:
    """Whether a pinned candidate was proposed since, before round ``number``."""
    return any(
        p.draft.arm is Arm.MANUAL
        and decision.after_round < p.round_number < number
        and dict(p.draft.candidate.settings) == dict(decision.draft.settings)
        for p in proposals
    )


def keeps_out(spec: CampaignSpec, space: Space, ban: DecisionRecord, candidate: Settings) -> bool:
    """Whether a ban keeps out a candidate; not one of a space that was changed since."""
    try:
        x = space.coordinates(candidate)
        if ban.draft.settings:
            return bool((space.coordinates(ban.draft.settings) == x).all())
    except SpaceError:
        return False
    constraints = [*spec.constraints, region_of(ban.draft.region, "ban")]
    return not bool(build_space(spec.model_copy(update={"constraints": constraints})).allows(x[None, :])[0])


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


def _place(space: Space, settings: Settings, name: str, notes: list[str]) -> Said | None:
    """Where the candidate lies; None, with a note, where the space has changed so that it does not."""
    try:
        return Said(space.coordinates(settings), "")
    except SpaceError as error:
        notes.append(f"{name} is passed over: {error}")
        return None
