"""Pairing: what one change does, by experiments that differ in nothing else, and more of them run side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.pairs import is_of_several, pairs_of, targets_of
from flows.engine.looking.view import View
from flows.engine.people.affording import as_attempts
from flows.engine.people.alike import contexts, read_asked
from flows.engine.people.bans import place_of, place_of_record
from flows.engine.people.conditions import read_change
from flows.engine.people.decisions import Decided, decided_next
from flows.engine.people.writing import deciding
from flows.labels import label_of
from flows.not_run import refuse_source
from flows.wiring import open_record
from loop.decision import DecisionDraft, DecisionKind, DecisionRecord
from loop.errors import HakkenError, SpaceError
from loop.history import History
from loop.learnt_costs import learn_costs, taken_by
from loop.policy.paying import said as words_of
from loop.policy.paying import set_aside
from loop.record import Settings
from loop.space import Continuous, Discrete, Space
from loop.spec import build_space
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings as Where
    from loop.design.side_by_side import Side
    from loop.insight.contrasts import Contrast, Spread

MOST: Final = 100  # pairs that are planned at once


class PairsError(HakkenError):
    """No pairs can be told of or planned; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A pair to be run side by side, in this order."""

    first: Settings
    second: Settings
    values: tuple[str, str]  # of the parameter in which they differ, in this order
    alike: str  # what both have in common, in a line
    is_best: bool  # with what the best so far has


@dataclass(frozen=True, slots=True)
class PairsReport:
    """What pairs of the record tell, and what is planned.

    Attributes:
        contrasts: Of every change that is asked for.
        spreads: By how much pairs of one change differ, by target.
        pairs: How many there are, of all changes.
        told: Results that count for none, since nobody knows what they were chosen for.
        example: A change of the campaign as it is written, with two values.
        planned: More of them.
        decisions: The pins by which they are run; none where they are only shown.
        notes: What a person has to know of that.
    """

    contrasts: tuple[Contrast, ...]
    spreads: tuple[Spread, ...]
    pairs: int
    told: int
    example: str
    planned: tuple[Planned, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    notes: tuple[str, ...] = ()


def pairs(settings: Where, name: str, change: str = "", *, where: Sequence[str] = (), more: int = 0) -> PairsReport:
    """What pairs of the record tell of one change, such as ``ligand=XPhos,SPhos``, or of all; and ``more`` of them.

    Nothing is recorded or sent.

    Args:
        settings: Where the record is.
        name: The campaign.
        change: A parameter, with two of its values where more are to be planned; "" for everything.
        where: Conditions that the pairs that are planned have to meet.
        more: How many are to be planned.

    Raises:
        NotFound: There is no such campaign.
        PairsError: Candidates are one choice alone, or nothing can be planned.
        SpaceError: The change, or a condition, cannot be read.
    """
    with open_record(settings) as ledger:
        return _looked(View(ledger, name), change, where, more)


def run_pairs(
    settings: Where, name: str, change: str, *, where: Sequence[str] = (), more: int, by: str, why: str
) -> PairsReport:
    """Have ``more`` pairs of a change run in the next batch, as pins: all of them, or none.

    Raises as ``pairs`` does, and ``LedgerError`` where no reason is given or the campaign is a source.
    """
    with open_record(settings) as ledger:

        def look() -> PairsReport:
            view = View(ledger, name)
            refuse_source(view.campaign)
            return _looked(view, change, where, more)

        with deciding(settings, ledger, name, by, look) as (work, found):
            made = tuple(work.settle(draft) for draft in _drafts(change, found.planned, by, why))
        return replace(found, decisions=made)


def _drafts(change: str, planned: Sequence[Planned], by: str, why: str) -> Iterator[DecisionDraft]:
    parameter = change.partition("=")[0].strip()
    for i, pair in enumerate(planned, 1):
        either = " or ".join(sorted(pair.values))
        told = f"pair {i} of {len(planned)}, {parameter} {either}: {why}" if why.strip() else why
        for one in (pair.first, pair.second):
            yield DecisionDraft(DecisionKind.PIN, by, told, one)


def _looked(view: View, change: str, where: Sequence[str], more: int) -> PairsReport:
    from loop.insight.contrasts import contrasts, spreads
    from loop.insight.matched import column_of

    if not is_of_several(view):
        (only,) = view.space.shown_names
        raise PairsError(
            f"a candidate of {view.name!r} is one {only} alone, so that nothing stays alike where it changes; "
            f"hakken explain {quote(view.name)} says what is believed to matter"
        )
    parameter, values = read_change(view.space, change) if change else ("", None)
    found, told = pairs_of(view)
    targets = targets_of(view)
    column = column_of(view.space, parameter) if parameter else None
    asked = [p for p in found if column is None or p.column == column]
    if values is not None and column is not None:
        both = {view.space.parameters[column].index(value) for value in values}
        asked = [p for p in asked if set(p.values) == both]
    example = _example(view.space)
    report = PairsReport(contrasts(view.space, targets, asked), spreads(targets, found), len(found), told, example)
    if not more:
        return report
    if values is None:
        raise PairsError(
            f"two values are needed to plan pairs; write {parameter or 'PARAMETER'}=ONE,OTHER, as in "
            f"hakken pairs {quote(view.name)} {quote(example)} --more {more}"
        )
    planned, notes = _planned(view, parameter, values, where, more)
    return replace(report, planned=planned, notes=notes)


def _example(space: Space) -> str:
    """A change as it is written, of the first parameter that has two values to name and changes alone."""
    for p in space.shown:
        ends = (p.low, p.high) if isinstance(p, Discrete | Continuous) else (p.options[0], p.options[-1])
        change = f"{p.name}={_text(ends[0])},{_text(ends[1])}"
        with suppress(SpaceError):
            read_change(space, change)
            return change
    return "PARAMETER=ONE,OTHER"


def _planned(
    view: View, parameter: str, values: tuple[str | float, str | float], where: Sequence[str], more: int
) -> tuple[tuple[Planned, ...], tuple[str, ...]]:
    """The pairs, and what is to be said of them. Raises ``PairsError`` where there is none, or too many are asked."""
    from loop.design.side_by_side import side_by_side
    from loop.insight.matched import column_of

    if more > MOST:
        raise PairsError(f"{more} pairs are more than the {MOST} that are planned at once; ask for fewer")
    said = decided_next(view)
    left = _left(view, said)
    if 0 < left < 2 * more:
        fewer = f"ask for {left // 2}, or " if left >= 2 else ""
        raise PairsError(
            f"{plural(more, 'pair')} are {2 * more} experiments, and the budget leaves {left}{_beside(view, said)}; "
            f"{fewer}raise budget.experiments in the campaign file"
        )
    space = build_space(said.spec)
    asked = read_asked(space, said.spec, where, parameter)
    history, _ = history_of(view.spec, view.space, view.counted, view.pending)
    is_free, till = _free(view, said), _Till(view, said, history)
    seed = seed_of(view.spec.planner.seed, view.name, len(view.decisions))
    best, both_have = contexts(view, space, history, asked, seed)
    found = side_by_side(
        space,
        both_have,
        parameter,
        values,
        wanted=more,
        is_free=lambda x: is_free(x) and asked.is_met(x),
        pays=till.pays,
        seed=seed,
    )
    if not found and till.is_short:
        raise PairsError(
            f"the budget leaves {till.left}{_beside(view, said)}, and pays for both of no pair; raise it in the "
            "campaign file, or name what costs less with --where"
        )
    if not found:
        which, or_loosen = (" that meets the conditions", ", or loosen a condition") if where else ("", "")
        raise PairsError(
            f"no candidate{which} may have both {' and '.join(map(_text, values))} as {parameter} while all else "
            f"stays, by the campaign's constraints, bans and what is on its way; name other values{or_loosen}"
        )
    planned = tuple(_pair(view, space, column_of(space, parameter), pair, best) for pair in found)
    why = f"the budget leaves {till.left}{_beside(view, said)}" if till.is_short else "nothing else allows both values"
    short = f"{plural(len(found), 'pair')} of {more} could be found: {why}" if len(found) < more else ""
    wait = "pinned pairs wait until budget.experiments is raised"
    spent = f"the budget leaves no experiment{_beside(view, said)}: {wait}" if left <= 0 else ""
    return planned, tuple(note for note in (short, spent, _of_batch(view, len(found))) if note)


def _left(view: View, said: Decided) -> int:
    """How many experiments the budget leaves beside what waits for approval and what is pinned."""
    waiting = sum(p.draft.replicates for p in view.undecided)
    return max(view.spec.budget.most - view.spent - waiting, 0) - len(said.pinned)


def _beside(view: View, said: Decided) -> str:
    """That what it leaves is not all free, where something waits for approval or is pinned."""
    return " beside what waits for approval or is pinned" if view.undecided or said.pinned else ""


class _Till:
    """What the budget in money, hours and stocks leaves for pairs, and whether one was refused for it."""

    def __init__(self, view: View, said: Decided, history: History) -> None:
        self._costs = learn_costs(view.spec, view.space, taken_by(history.observations), history.used).costs
        self._purse = view.accounts.spending([*view.attempts, *as_attempts(view)]).purse
        self._last = history.last
        pinned = np.array([one.x for one in said.pinned]).reshape(-1, len(view.space.names))
        if self._costs is not None and self._purse is not None:  # what cannot be paid takes nothing from others
            pinned = pinned[set_aside(pinned, self._costs, self._purse, self._last)[0]]
        self._pinned = pinned
        self.is_short = False

    @property
    def left(self) -> str:
        """What is neither spent nor on its way, in words."""
        return "" if self._costs is None or self._purse is None else words_of(self._purse, self._costs)

    def pays(self, x: NDArray[np.float64]) -> bool:
        """Whether it pays for these, ``(n, d)``, one after the other, beside what is pinned already."""
        if self._costs is None or self._purse is None:
            return True
        is_paid = self._costs.spent(np.vstack([self._pinned, x]), self._last).fits(self._purse)
        self.is_short = self.is_short or not is_paid
        return is_paid


def _of_batch(view: View, n: int) -> str:
    """What becomes of pairs that are more experiments than run at once; "" where they are not."""
    planner = view.spec.planner
    if view.spec.plate is not None:
        return (
            "pairs take wells of the next plate, and those that find none stay pinned; a pair on two plates is one "
            "only where plates have no effects"
        )
    if 2 * n <= planner.batch:
        return ""
    does = "they run as places become free" if planner.mode == "rolling" else "the next round has all of them"
    return f"{2 * n} experiments are more than a batch of {planner.batch}: {does}"


def _pair(view: View, space: Space, column: int, pair: tuple[Side, Side], best: NDArray[np.float64] | None) -> Planned:
    first, second = pair
    alike = {name: value for name, value in first.settings.items() if second.settings.get(name) == value}
    return Planned(
        first=space.settings(first.x),
        second=space.settings(second.x),
        values=(_text(first.value), _text(second.value)),
        alike=label_of(view.campaign.spec, alike),
        is_best=best is not None and any(_is_alike(space, column, side.x, best) for side in pair),
    )


def _is_alike(space: Space, column: int, x: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Whether a candidate is the best, or differs from it in this column alone."""
    from loop.insight.matched import change_between

    change = change_between(space, x, best)
    return bool((x == best).all()) or (change is not None and change[0] == column)


def _free(view: View, said: Decided) -> Callable[[NDArray[np.float64]], bool]:
    """Whether a candidate may be pinned: it is neither on its way, nor pinned or refused already."""
    taken = {one.x.tobytes() for one in (*said.pinned, *said.kept_out, *said.impossible)}
    taken |= {place for a in view.pending if (place := place_of_record(view.space, a)) is not None}
    taken |= {place for p in view.undecided if (place := place_of(view.space, p.draft.candidate.settings)) is not None}
    return lambda x: x.tobytes() not in taken


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
