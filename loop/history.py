"""A campaign's history as the planner sees it: what was observed, and what is still running.

Built from records, in an order that does not depend on the order in which results arrived.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loop.by_value import ByValue
from loop.circumstances import Context, Declared, is_another, read_actual, read_context, read_expense
from loop.costs import Expense
from loop.errors import OutcomeError, SpaceError
from loop.outcome import LARGEST, Fault, Measured, Negative, Outcome
from loop.record import AttemptRecord, ObservationRecord, Settings
from loop.space import Category, Component, Ordinal, Space
from loop.space.parameters import NOTHING
from loop.space.rows import key_of

ACCIDENTS = 3  # faults that say nothing of the candidate, after which it is left alone all the same


@dataclass(frozen=True, slots=True, eq=False)
class Observation(ByValue):
    """One outcome at requested coordinates ``x``, shape ``(d,)``, and the circumstances recorded with it.

    ``actual`` are the coordinates that were really used, None where they are ``x``. Where ``is_off`` they differ in a
    way that no coordinates tell: the candidate counts as tried and its values train nothing. Where ``is_another`` they
    are another candidate's.
    """

    id: str
    x: NDArray[np.float64]
    outcome: Outcome
    context: Context = field(default_factory=dict)
    actual: NDArray[np.float64] | None = None
    is_off: bool = False
    expense: Expense = field(default_factory=Expense)  # what it took, as far as its result says
    is_told: bool = False  # brought from elsewhere, and asked for by no round
    is_another: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.outcome, Measured | Negative | Fault):
            raise OutcomeError(
                f"observation {self.id}: the outcome must be Measured, Negative or Fault, got {self.outcome!r}"
            )
        _check_point(f"observation {self.id}: x", self.x)
        if self.actual is not None:
            _check_point(f"observation {self.id}: actual", self.actual)

    @property
    def at(self) -> NDArray[np.float64]:
        """Where the outcome was observed."""
        return self.x if self.actual is None else self.actual

    @property
    def made(self) -> NDArray[np.float64]:
        """The candidate that the outcome tells of, however its numbers strayed."""
        return self.at if self.is_another else self.x


@dataclass(frozen=True, slots=True, eq=False)
class Pending(ByValue):
    """An experiment that has not ended, at coordinates ``x``, shape ``(d,)``."""

    key: str
    x: NDArray[np.float64]

    def __post_init__(self) -> None:
        _check_point(f"pending {self.key}: x", self.x)


@dataclass(frozen=True, slots=True, eq=False)
class Said(ByValue):
    """What a person said of a candidate, at coordinates ``x``, shape ``(d,)``, with the reason."""

    x: NDArray[np.float64]
    why: str
    for_now: bool = False  # of what is kept out: until somebody lifts that


@dataclass(frozen=True, slots=True)
class Claim:
    """What was predicted of a new measurement when it was proposed, and the value that came, in the target's unit.

    ``voices`` are mean and standard deviation by each member of the committee, ``round`` that of the proposal.
    """

    target: str
    mean: float
    sd: float  # noise included
    value: float
    round: int = 0
    voices: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def surprise(self) -> float:
        """How far above the prediction the value lies, in the deviations predicted."""
        return (self.value - self.mean) / max(self.sd, 1e-12 * min(1.0, abs(self.mean)), 1e-300)


@dataclass(frozen=True, slots=True, eq=False)
class History(ByValue):
    """Observations in canonical order, pending experiments, and what could not be used (``notes``).

    ``claims`` are earlier predictions of the campaign's own models, held against what came of them.

    People add to it: candidates to be run next (``pinned``), candidates to be left alone (``kept_out``), and
    candidates that cannot be made (``impossible``), which trains feasibility like an informative fault.

    ``outgrown`` are coordinates of candidates that would run out of time or memory.
    """

    observations: tuple[Observation, ...] = ()
    pending: tuple[Pending, ...] = ()
    notes: tuple[str, ...] = field(default=())
    pinned: tuple[Said, ...] = field(default=())
    kept_out: tuple[Said, ...] = field(default=())
    impossible: tuple[Said, ...] = field(default=())
    last: NDArray[np.float64] | None = None  # coordinates of the last in the order of running, pending ones too
    claims: tuple[Claim, ...] = field(default=())
    outgrown: tuple[tuple[float, ...], ...] = ()

    @property
    def used(self) -> tuple[NDArray[np.float64], ...]:
        """Coordinates ``(d,)`` of every experiment that was made or runs."""
        return (*(o.x for o in self.observations), *(p.x for p in self.pending))

    @property
    def asked(self) -> tuple[NDArray[np.float64], ...]:
        """Coordinates ``(d,)`` of every experiment that was made or runs and that the campaign asked for."""
        return (*(o.x for o in self.observations if not o.is_told), *(p.x for p in self.pending))

    @staticmethod
    def of(
        space: Space,
        observations: Sequence[ObservationRecord],
        pending: Sequence[AttemptRecord],
        declared: Declared | None = None,
    ) -> History:
        """From records. An observation outside the parameters of the space is passed over, with a note unless it is of
        what never ran.

        ``declared`` are the context parameters of the campaign.
        """
        seen: list[Observation] = []
        used: list[ObservationRecord] = []
        unused: dict[str, list[str]] = {}  # observations by why they are not used
        remarked: dict[str, list[str]] = {}  # observations by what is to be said of them
        for record in observations:
            settings = space.as_named(record.settings, record.smiles)
            try:
                x = space.coordinates(settings)
            except SpaceError as error:
                if not isinstance(record.outcome, Fault) or record.outcome.outlives_its_candidate:
                    unused.setdefault(str(error), []).append(record.id)
                continue
            if rule := _beyond(space, x):
                unused.setdefault(rule, []).append(record.id)
                continue
            context, remarks = read_context(record.context, declared or {})
            actual, problem = read_actual(space, settings, record.context)
            for remark in (*_renamed(record.settings, settings), *remarks):
                remarked.setdefault(remark, []).append(record.id)
            if actual is not None and (rule := _beyond(space, actual)):
                actual, problem = None, f"actual settings cannot be used ({rule})"
            if problem:
                remarked.setdefault(f"{problem}; it counts as tried and trains nothing", []).append(record.id)
            expense = read_expense(record.context)
            is_told = record.key is None
            other = actual is not None and is_another(space, x, actual)
            seen.append(
                Observation(record.id, x, record.outcome, context, actual, bool(problem), expense, is_told, other)
            )
            used.append(record)
        waiting = tuple(Pending(a.key, space.coordinates(space.as_named(a.settings, a.smiles))) for a in pending)
        placed = [(place_in_order(r), o.x) for r, o in zip(used, seen, strict=True) if r.key is not None]
        placed += [(place_in_order(a), w.x) for a, w in zip(pending, waiting, strict=True)]
        last = max(placed, key=lambda entry: entry[0])[1] if placed else None
        return History(tuple(seen), waiting, (*together(remarked), *_passed_over(unused)), last=last)

    def check(self, space: Space) -> None:
        """See that every point is one of this space, whatever its constraints: its parameters, with their options.

        Raises:
            OutcomeError: Two observations have one id.
            SpaceError: A point is none of the space; says which.
        """
        ids = Counter(o.id for o in self.observations)
        if twice := [of for of, n in ids.items() if n > 1]:
            raise OutcomeError(
                f"{ids[twice[0]]} observations have the id {twice[0]!r}; leave out what is there twice, or give each "
                "result an id of its own"
            )
        points = [(f"observation {o.id}", x) for o in self.observations for x in (o.x, o.at)]
        points += [(f"pending {p.key}", p.x) for p in self.pending]
        for what, x in points:
            if len(x) != len(space.parameters):
                raise SpaceError(
                    f"{what} has {len(x)} coordinates, and the space has {len(space.parameters)} parameters: "
                    f"{', '.join(space.names)}; space.coordinates(settings) gives them"
                )
        at = np.array([x for _, x in points]).reshape(-1, len(space.parameters))
        for column, p in enumerate(space.parameters):
            if isinstance(p, Category | Component | Ordinal):
                index = at[:, column]
                known = (index == np.rint(index)) & (index >= NOTHING) & (index < p.size)
                for row in np.flatnonzero(~known)[:1]:
                    raise SpaceError(
                        f"{points[row][0]}: {p.name} has no option number {index[row]:g}, only 0 to {p.size - 1}; "
                        "space.coordinates(settings) gives the number of an option"
                    )

    def tried(self, d: int) -> NDArray[np.float64]:
        """Coordinates that are not to be chosen again, shape ``(n, d)``: observed or pending.

        An accident says nothing of the candidate, so a candidate may come again after one or two of them; three are
        taken for a sign, lest it come for ever. One that ran out of time would again, and does not come again.
        """
        places = [key_of(o.x) for o in self.observations]
        is_accident = [isinstance(o.outcome, Fault) and o.outcome.leaves_open for o in self.observations]
        accidents = Counter(itertools.compress(places, is_accident))
        points = [
            x
            for o, place, spared in zip(self.observations, places, is_accident, strict=True)
            if not spared or accidents[place] >= ACCIDENTS
            for x in ((o.x, o.at) if o.is_another else (o.x,))
        ]
        said = (s.x for s in (*self.pinned, *self.kept_out, *self.impossible))
        return np.array([*points, *(p.x for p in self.pending), *said, *self.outgrown]).reshape(-1, d)

    def waiting(self, d: int) -> NDArray[np.float64]:
        """Coordinates of what will be known before the batch is: pending or pinned, shape ``(n, d)``."""
        return np.array([*(p.x for p in self.pending), *(p.x for p in self.pinned)]).reshape(-1, d)


def _check_point(what: str, x: object) -> None:
    """See that a point is one of coordinates, whatever their space is."""
    if not (isinstance(x, np.ndarray) and x.ndim == 1):
        raise SpaceError(f"{what} must be coordinates, as space.coordinates(settings) gives them, got {x!r}")
    if not np.isfinite(x).all():
        raise SpaceError(f"{what} must be finite numbers, got {x.tolist()}; leave out what was not tried")


def _beyond(space: Space, x: NDArray[np.float64]) -> str:
    """Which setting at ``x``, ``(d,)``, is too large to be reckoned with, and the rule; "" for none."""
    for name, value in zip(space.names, x.tolist(), strict=True):
        if abs(value) > LARGEST:
            return f"{name} {value:g} is beyond {LARGEST:g}, too large to be reckoned with; retract the observation"
    return ""


def _renamed(was: Settings, now: Settings) -> Iterator[str]:
    """What is to be said of settings that have other names by now."""
    for name, option in was.items():
        if option != now.get(name, option):
            yield f"{option!r} of {name!r} is called {now[name]!r} by now, whose structure it has, and counts as it"


def together(remarked: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One note for equal remarks on several observations, by their ids."""
    for remark, ids in remarked.items():
        yield f"{_first_of(ids)}: {remark}"


def _passed_over(unused: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One note for all observations that are not used for one reason."""
    for why, ids in unused.items():
        yield f"{_first_of(ids)} {'is' if len(ids) == 1 else 'are'} not used: {why}"


def _first_of(ids: Sequence[str]) -> str:
    return f"observation {ids[0]}" + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")


def place_in_order(record: ObservationRecord | AttemptRecord) -> tuple[int, int, int, int, int]:
    """Where it stands in the order of running; what is tried again comes after what its round tries first."""
    return record.round_number, record.attempt_no, record.run_order, record.position, record.replicate_no
