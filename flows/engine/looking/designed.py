"""What the first, classical design of a campaign tells by itself, from the record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from loop.decision import DecisionKind
from loop.outcome import Fault
from loop.record import Arm
from loop.spec import build_objective
from loop.values import limits_of, values_of
from loop.wording import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loop.history import Observation
    from loop.insight.designed import Designed
    from loop.objective import Target

UNKNOWN: Final = "unknown"  # where nothing says in which block, or on which day, a result was made


def designed_of(view: View) -> tuple[Designed, ...]:
    """What it tells of each target without classes, of levels by their numbers; nothing of other designs, and of too
    few results.

    Results count that the design asked for, also where a person edited what is run; those told at points of it; and
    what was run again where it had failed. Differences between its blocks, and by what the campaign file says has
    effects of its own, are taken out.
    """
    from loop.design import CLASSICAL, WHOLE, points_of
    from loop.errors import SpaceError
    from loop.spec.checks.designing import wish_of

    initial, whole = view.spec.planner.initial, None
    if initial.design not in CLASSICAL:
        return ()
    if initial.design in WHOLE:
        try:
            whole = points_of(wish_of(initial, 0, view.spec.planner.copies), view.space)
        except SpaceError:  # a changed file has no such design any more
            return ()
    made = _made(view, whole)
    without_classes = (t for t in build_objective(view.spec).targets if t.classes is None)
    return tuple(told for target in without_classes if (told := _told_of(view, target, made)) is not None)


@dataclass(frozen=True)
class _Made:
    """What came of a design.

    Attributes:
        whole: All its points, where it is one as a whole.
        results: Those that count for it.
        has_failed: Whether an experiment that it asked for did.
        running: How many have not ended yet.
        groups: By what else differed, each result's label by its id.
        is_random: Whether the results are of experiments whose order was drawn by lot.
    """

    whole: NDArray[np.float64] | None
    results: Sequence[Observation]
    has_failed: bool
    running: int
    groups: Mapping[str, Mapping[str, str]]
    is_random: bool


def _made(view: View, whole: NDArray[np.float64] | None) -> _Made:
    from loop.design.reasons import block_in
    from loop.space.rows import key_of

    points = set[bytes]() if whole is None else {key_of(row) for row in whole}
    reasons = _reasons(view, view.spec.planner.initial.design)
    places = {o.id: (o.round_number, o.position) for o in view.counted}
    asked = {o for o, place in places.items() if place in reasons}
    history, _ = history_of(view.spec, view.space, view.counted, ())
    failed = {key_of(o.x) for o in history.observations if o.id in asked and isinstance(o.outcome, Fault)}
    mine = [
        o
        for o in history.observations
        if o.id in asked or key_of(o.x) in failed or (o.is_told and key_of(o.x) in points)
    ]
    return _Made(
        whole=whole,
        results=mine,
        has_failed=bool(failed),
        running=sum((a.round_number, a.position) in reasons for a in view.pending),
        groups=_groups(view, mine, {o.id: block_in(reasons.get(places[o.id], "")) for o in mine}),
        is_random=all(o.id in asked for o in mine) and not (view.spec.costs and view.spec.costs.switch),
    )


def _told_of(view: View, target: Target, made: _Made) -> Designed | None:
    """What the results of the design tell of one target; None where it has none yet, or too few and nothing to say."""
    import numpy as np

    from loop.insight.designed import Designed, designed

    values = [(o, v) for o in made.results if not o.is_off and (v := values_of(o.outcome).get(target.name)) is not None]
    rows = [(o, v) for o, v in values if not target.is_log or v > 0.0]
    if not rows:
        return None
    nought = len(values) - len(rows)  # which a logarithmic scale has not
    notes = tuple(_left_out(target.name, made.results, [o for o, _ in rows], nought, made.running))
    if target.words and target.levels:
        first, last = f"{target.levels[0]:g} ({target.words[0]})", f"{target.levels[-1]:g} ({target.words[-1]})"
        notes = (f"levels count as numbers from {first} to {last}, as if each lay as far from the next", *notes)
    initial = view.spec.planner.initial
    told = designed(
        view.space,
        target,
        initial.design,
        np.array([o.at for o, _ in rows]),
        np.array([target.scaled(v) for _, v in rows]),
        order=initial.model,
        groups={name: [labels[o.id] for o, _ in rows] for name, labels in made.groups.items()},
        whole=made.whole,
        notes=notes,
        is_random=made.is_random,
    )
    if told is None and notes and not made.running:
        again = f"hakken pin {shlex.quote(view.name)} --where ... --again has what failed run again, which then counts"
        notes = (*notes, again) if made.has_failed else notes
        unit = target.on_scale.unit
        return Designed(target.name, unit, initial.design, len(rows), "linear", (), None, 0, None, None, notes)
    return told


def _reasons(view: View, design: str) -> dict[tuple[int, int], str]:
    """Why each experiment of the design was to be made, by round and position; of what a person edited, why before."""
    from loop.design.reasons import is_of_design

    edited = {d.replacement_id: d.draft.proposal_id for d in view.decisions if d.draft.kind is DecisionKind.EDIT}
    known, found = {p.id: p for p in view.proposals}, {}
    for p in view.proposals:
        first = p
        while (before := edited.get(first.id)) in known:
            first = known[before]
        if first.draft.arm is Arm.INITIAL and is_of_design(first.draft.reason, design):
            found[p.round_number, p.draft.position] = first.draft.reason
    return found


def _left_out(
    target: str, mine: Sequence[Observation], rows: Sequence[Observation], nought: int, running: int
) -> Iterator[str]:
    """What of the design is not in ``rows``, for people; ``nought`` values of it are zero or less."""
    from loop.space.rows import key_of

    counted, made_again = {o.id for o in rows}, {key_of(o.x) for o in rows}
    left = [o for o in mine if o.id not in counted]
    left = [o for o in left if not (isinstance(o.outcome, Fault) and key_of(o.x) in made_again)]
    limits = sum(target in limits_of(o.outcome) for o in left)
    faults = sum(isinstance(o.outcome, Fault) for o in left)
    kinds = (
        (limits, "limit", "limits"),
        (faults, "failure", "failures"),
        (nought, "value without a logarithm (zero or less)", "values without a logarithm (zero or less)"),
        (len(left) - limits - faults - nought, "other result", "other results"),
    )
    said = [plural(n, one, many) for n, one, many in kinds if n]
    if said:
        yield f"{' and '.join(said)} of it {'is' if len(left) == 1 else 'are'} left out, which may mislead"
    if running:
        yield f"{plural(running, 'experiment')} of it {'has' if running == 1 else 'have'} not ended yet"


def _groups(view: View, mine: Sequence[Observation], blocks: dict[str, str]) -> dict[str, dict[str, str]]:
    """By what else differed, each observation's label by its id: the design's blocks, and effects of the file."""
    found = {"block": blocks} if any(blocks.values()) else {}
    for name in () if view.spec.noise is None else view.spec.noise.effects:
        found[name] = {o.id: str(o.context.get(name, "")) for o in mine}
    return {name: {of: label or UNKNOWN for of, label in labels.items()} for name, labels in found.items()}
