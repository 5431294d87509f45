"""Decisions in force: what people said, as far as it bears on one round, brought into spec and history."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.people.conditions import checked
from flows.unsent import never_sent
from loop.decision import DecisionKind, DecisionRecord, in_force
from loop.errors import SpaceError
from loop.history import History, Said
from loop.outcome import Fault
from loop.record import Arm, Json, ObservationRecord, ProposalRecord, Settings
from loop.space import Continuous, Discrete, Parameter, Space
from loop.spec import CampaignSpec, build_space
from loop.spec.space_models import ExcludeSpec

if TYPE_CHECKING:
    from flows.engine.looking.view import View

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
    *,
    observations: Sequence[ObservationRecord] = (),
    unsent: frozenset[str] = frozenset(),
) -> Decided:
    """What counts for round ``number``: refusals in earlier rounds, and decisions made before it and not lifted.

    ``observations`` and ``unsent`` (``flows.unsent``) decide which pins are yet to be followed.
    """
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
    pins = [d for d in now if d.draft.kind is DecisionKind.PIN and not was_run(d, proposals, number, unsent)]
    for d in now:
        name = f"{d.draft.kind.value} {d.number}"
        if d.draft.kind is DecisionKind.CANNOT and (said := _place(space, d.draft.settings, name, notes)):
            impossible[said.x.tobytes()] = replace(said, why=d.draft.why)
        if d.draft.kind is DecisionKind.BAN and d.draft.settings:
            keep_out(d.draft.settings, d.draft.why, name)
            if space.is_finite and _is_control(spec, d.draft.settings):  # which no planner chooses
                constraints.append(around(space, d.draft.settings, name))
        elif d.draft.kind is DecisionKind.BAN:
            try:
                region = still_there(space, d.draft.region)
            except SpaceError as error:
                notes.append(f"{name} is passed over: {error}; ban anew what still holds (hakken ban)")
                continue
            if region is None:
                notes.append(f"{name} keeps out nothing: the space has none of {region_text(d.draft.region)}")
                continue
            constraints.append(region_of(region, name))
            notes.append(f"ban {d.number} is in force: {region_text(d.draft.region)} ({d.draft.why})")
    pinned = [
        Said(space.coordinates(d.draft.settings), d.draft.why)
        for d in pins
        if _can_run(spec, space, d, now, notes) and not _was_told(spec, space, d, observations, notes)
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
    )


def _is_control(spec: CampaignSpec, candidate: Settings) -> bool:
    """Whether a candidate may be the condition of a plate's control wells."""
    controls = None if spec.plate is None else spec.plate.controls
    return controls is not None and all(candidate.get(n) == value for n, value in controls.settings.items())


def around(space: Space, settings: Settings, name: str) -> ExcludeSpec:
    """What keeps a candidate out: its options, and continuous numbers within a hundredth of each range."""
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


def was_run(decision: DecisionRecord, proposals: Sequence[ProposalRecord], number: int, unsent: frozenset[str]) -> bool:
    """Whether a pinned candidate was proposed since, before round ``number``, and not withdrawn before it was sent."""
    return any(
        p.draft.arm is Arm.MANUAL
        and p.id not in unsent
        and decision.after_round < p.round_number < number
        and dict(p.draft.candidate.settings) == dict(decision.draft.settings)
        for p in proposals
    )


def still_there(space: Space, region: Json) -> Json | None:
    """A region without the options that the space has no more; None where no candidate can meet it for that.

    Raises:
        SpaceError: The space lacks a parameter of it, or the parameter is of another kind by now.
    """
    exclude: dict[str, list[str | float]] = {}
    for name, values in (region.get("exclude") or {}).items():
        p = _parameter(space, name)
        if isinstance(p, Continuous):
            raise SpaceError(f"it names values of {name!r}, which is continuous by now")
        exclude[name] = [v for v in values if _has(p, v)]
    for name in region.get("where") or {}:
        if not isinstance(_parameter(space, name), Discrete | Continuous):
            raise SpaceError(f"it gives a range of {name!r}, which has options by now")
    return {**region, "exclude": exclude} if all(exclude.values()) else None


def _parameter(space: Space, name: str) -> Parameter:
    if name not in space.names:
        raise SpaceError(f"it names {name!r}, which the space lacks by now")
    return space.parameters[space.names.index(name)]


def _has(p: Parameter, value: str | float) -> bool:
    try:
        index = p.index(value)
    except SpaceError:
        return False
    return not isinstance(p, Discrete) or index in p.values


def keeps_out(spec: CampaignSpec, space: Space, ban: DecisionRecord, candidate: Settings) -> bool:
    """Whether a ban keeps out a candidate, as ``among_banned`` tells of many."""
    return among_banned(spec, space, ban, (candidate,))[0]


def among_banned(
    spec: CampaignSpec, space: Space, ban: DecisionRecord, candidates: Sequence[Settings]
) -> tuple[bool, ...]:
    """Which candidates a ban keeps out, as it does in planning; none of a space that was changed since."""
    placed = [_at(space, c) for c in candidates]
    if settings := ban.draft.settings:
        banned = _at(space, settings)
        if banned is None or space.is_finite:
            return tuple(x is not None and banned is not None and bool((banned == x).all()) for x in placed)
        constraint = around(space, settings, "ban")
    else:
        region = None
        with suppress(SpaceError):  # of a space that was changed; planning says so
            region = still_there(space, ban.draft.region)
        if region is None:
            return (False,) * len(placed)
        constraint = region_of(region, "ban")
    narrowed = build_space(spec.model_copy(update={"constraints": [*spec.constraints, constraint]}))
    return tuple(x is not None and not bool(narrowed.allows(x[None, :])[0]) for x in placed)


def _at(space: Space, candidate: Settings) -> NDArray[np.float64] | None:
    """Where a candidate lies; None in a space that was changed so that it does not."""
    try:
        return space.coordinates(candidate)
    except SpaceError:
        return None


def place_of(space: Space, candidate: Settings) -> bytes | None:
    """Where a candidate lies, to be compared; None in a space that was changed so that it does not."""
    x = _at(space, candidate)
    return None if x is None else x.tobytes()


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
    measured = [o for o in observations if not isinstance(o.outcome, Fault) and place_of(space, o.settings) == x]
    if not measured or any(o.key is not None or o.recorded <= pin.at for o in measured):
        return False  # it was pinned to be measured once more
    notes.append(
        f"pin {pin.number} is passed over: {space.label(pin.draft.settings)} was told since; hakken pin with --again "
        f"measures it once more, hakken lift {quote(spec.campaign)} {pin.number} takes the pin back"
    )
    return True


def _place(space: Space, settings: Settings, name: str, notes: list[str]) -> Said | None:
    """Where the candidate lies; None, with a note, where the space has changed so that it does not."""
    try:
        return Said(space.coordinates(settings), "")
    except SpaceError as error:
        notes.append(f"{name} is passed over: {error}")
        return None
