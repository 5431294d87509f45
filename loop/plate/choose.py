"""Filling a plate: shared values, options and wells chosen together, and everything put in its place at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from loop.as_written import in_order
from loop.errors import PoolExhausted, SpaceError
from loop.plate.candidates import Scored, scored
from loop.plate.frame import UNSET, Filled, Frame, Ints, Wells, fill, fuller, is_sound, search
from loop.plate.layout import Plate, Scope, spread_evenly
from loop.plate.pins import Wish, place_pins
from loop.plate.sources import Lottery, Source
from loop.plate.supply import Stocked
from loop.record import HEADS, Arm
from loop.space import Pool, Space
from loop.space.sifting import Twins
from loop.wording import plural

KEEP = 1_000  # candidates among which frames are compared, and again wells chosen
DRAWS = 64  # random frames looked at before a plate at random is given up
SHUFFLES = 64  # ways to put shared values into groups that are looked at before they stay where they are


@dataclass(frozen=True)
class Seat:
    """One well with what goes into it, and why."""

    well: int
    x: NDArray[np.float64]  # (d,)
    arm: Arm
    value: float | None
    meaning: str


_Placeable: TypeAlias = tuple[tuple[int, ...], Seat]  # a seat without a well, and the shared values that it needs


def fill_plate(
    plate: Plate,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    source: Source,
    *,
    arm: Arm,
    experiments: int,
    at_random: int = 0,
    seed: int,
    pinned: Sequence[Wish],
    twins: Twins | None,
    stocks: Stocked | None = None,
) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """The wells of the next plate, in the order of choosing (controls and repeats last), and notes.

    Args:
        plate: Its layout.
        space: The search space.
        pool: The finite candidate set, None for a space with continuous parameters.
        tried: Coordinates that are not to be chosen again, shape ``(t, d)``.
        source: What candidates are judged by.
        arm: Of the wells that the source chooses.
        experiments: At most so many; a plate that cannot be full keeps its shares of reserved wells.
        at_random: So many of the wells are drawn instead, under the same shared values: the control arm.
        seed: Decides every random choice.
        pinned: What a person wants on the plate: it has its wells first, and notes say what found none.
        twins: What was tried of candidates that give one product; None where no two candidates are one.
        stocks: What is left of things of which there is so much: others have the wells of what is short.

    Raises:
        PoolExhausted: Nothing untried fits any well, or can lie beside the control wells.
        SpaceError: The fixed condition of the control wells is not allowed with any shared values.
    """
    rng = np.random.default_rng([seed, 17])
    controls, repeats = plate.reserved_for(experiments)
    notes = _of_few(plate, experiments, controls, repeats)
    wells = Wells(plate, plate.control_wells(controls, rng))
    every = scored(plate, space, pool, tried, source, seed=seed, also=[w.x for w in pinned], twins=twins)
    total = min(experiments, plate.wells) - controls - repeats
    wished: list[Seat] = []
    if pinned:
        placed = place_pins(pinned, plate, wells, every, total, rng)
        for i, why in placed.refused:
            label = space.label(space.settings(pinned[i].x))
            notes.append(f"{label}, pinned, has no well on this plate and stays pinned: {why}")
        wished = [
            Seat(well, pinned[i].x, Arm.MANUAL, None, HEADS[Arm.MANUAL] + pinned[i].why) for i, well in placed.wells
        ]
        wells = Wells(plate, wells.controls, [well for _, well in placed.wells], placed.fixed)
        every, total = every.using(placed.used), total - len(wished)
        stocks = stocks and stocks.less(np.array([seat.x for seat in wished]))
    every = every.drawing(stocks)
    seats: list[_Placeable] = []
    if len(every.x):
        frame, compared = _frame(every, plate, wells, source, total + repeats, rng, is_first=not len(tried))
        notes.append(_told(frame, every, plate, space, compared))
        beside = _conditions(wells.controls, plate, wells, frame, every, space)
        stocks = stocks and stocks.less(beside)
        every = every.drawing(stocks)
        seats, more = _filled(every, stocks, beside, plate, wells, frame, source, arm, total, repeats, at_random, seed)
        notes += more
        if not seats and not wished:
            raise PoolExhausted(
                "no untried candidate fits the plate: beside the control wells, plate.at_most and what is shared leave "
                "none; raise at_most, or change the control's settings"
            )
    elif wished:
        frame = wells.settled(Frame(tuple(_filled_up(v) for v in wells.fixed), (None,) * len(plate.at_most)))
        notes.append("nothing but what is pinned is left to try; the other wells stay empty")
    else:
        raise PoolExhausted("every candidate was tried or is being tried; widen the space or end the campaign")
    filled = _seated(seats, wells, frame, rng)
    occupied = [seat.well for seat in (*wished, *filled)]
    there = _in_company(wells.controls[:controls], occupied, plate, wells, frame, every, rng)
    return (*wished, *filled, *_controls(there, plate, wells, frame, every, space)), tuple(notes)


def _of_few(plate: Plate, experiments: int, controls: int, repeats: int) -> list[str]:
    """A note where there are fewer experiments than wells."""
    if experiments >= plate.wells:
        return []
    reserved = [plural(n, f"{kind} well") for n, kind in ((controls, "control"), (repeats, "replicate"))]
    paid = "1 experiment is" if experiments == 1 else f"{experiments} experiments are"
    return [f"{paid} left for a plate of {plate.wells} wells: {', '.join(reserved)}, the others empty"]


def _filled(
    every: Scored,
    stocks: Stocked | None,
    beside: NDArray[np.float64],
    plate: Plate,
    wells: Wells,
    frame: Frame,
    source: Source,
    arm: Arm,
    total: int,
    repeats: int,
    at_random: int,
    seed: int,
) -> tuple[list[_Placeable], list[str]]:
    """What goes into the free wells under the frame: the source's choice, the control arm, and repeats; and notes.

    What the control wells hold, ``beside`` of shape ``(c, d)``, is left to them as long as anything else fits.
    """
    quotas = wells.quotas(frame)
    keys = sorted(quotas)
    kept = dict(zip(keys, spread_evenly(repeats, [quotas[k] for k in keys]), strict=True))
    total += repeats - sum(kept.values())
    left = Counter({k: quotas[k] - kept[k] for k in keys})
    keep, others = max(KEEP, 2 * plate.wells), every.without(beside)
    best = others.under(left, frame.options, keep)
    if not len(best.x):
        best, others = every.under(left, frame.options, keep), every
    _, worth = source.worth(torch.from_numpy(best.x))
    chosen = fill(worth, best.choices, left, frame.options, total - at_random)
    chosen = fuller(worth, best.choices, left, frame.options, total - at_random, chosen)
    seats: list[_Placeable] = [
        (best.row(i), Seat(-1, best.x[i], arm, gain if source.name else None, source.meaning))
        for i, gain in zip(chosen.picks, chosen.gains, strict=True)
    ]
    stocks = stocks and stocks.less(best.x[list(chosen.picks)])
    seats += _drawn(others.drawing(stocks), best, chosen, left, frame, at_random, seed)
    notes = []
    if len(seats) < total:
        empty = total - len(seats)
        stays = "1 well stays empty" if empty == 1 else f"{empty} wells stay empty"
        enough = "" if stocks is None else " that there is enough left for"
        fits = f"fits {'its' if empty == 1 else 'their'} shared values"
        if not plate.shared:
            fits = "remains that brings no further option" if plate.at_most else "remains"
        notes = [f"{stays}: nothing untried{enough} {fits}"]
    stocks = stocks and stocks.less(np.array([s.x for _, s in seats if s.arm is Arm.CONTROL]))
    repeated = _repeated(seats, quotas, kept, stocks)
    if len(repeated) < repeats:
        wanted = plural(repeats, "replicate well")
        notes.append(
            f"{len(repeated)} of {wanted} repeat{'s' * (repeats == 1)} a condition: a repeat needs two free wells with "
            "the same shared values"
            + ("; share fewer of them, or over more wells" if stocks is None else ", and enough left of what it takes")
        )
    return [*seats, *repeated], notes


def _filled_up(fixed: Ints) -> tuple[int, ...]:
    """Values of all groups where some are fixed: the others take the first of those."""
    first = int(fixed[fixed != UNSET][0])
    return tuple(first if v == UNSET else int(v) for v in fixed)


def _frame(
    every: Scored, plate: Plate, wells: Wells, source: Source, n: int, rng: np.random.Generator, *, is_first: bool
) -> tuple[Frame, int]:
    """The shared values, and how many ways to share them were compared.

    Raises:
        SpaceError: Nothing can lie beside the control wells, and ``is_first`` says that nothing was tried yet.
        PoolExhausted: The same of what is left untried.
    """
    if not plate.shared and not plate.at_most:
        return Frame((), ()), 0
    if source.is_random:
        counted = [list(plate.at_most).index(s.column) if s.column in plate.at_most else None for s in plate.shared]
        room = every.room()
        for draw in range(DRAWS):
            rows = every.choices.shared[rng.integers(0, len(every.x), max(wells.sizes, default=1))]
            values = tuple(tuple(rows[:size, j].tolist()) for j, size in enumerate(wells.sizes))
            frame = wells.settled(Frame(values, _options_by_lot(every, rng)))
            fills = room(wells.quotas(frame), frame.options) >= n  # else a search finds one that leaves fewer empty
            fills = fills and (every.choices.supply is None or _has_enough(every, frame, wells, source, n))
            if fills and is_sound(frame, wells, every.choices, counted):
                return frame, draw + 1
    short = every.best(max(KEEP, 2 * plate.wells))
    found = search(source.worth(torch.from_numpy(short.x))[0], short.choices, plate, wells, n, rng, room=every.room())
    if found is None:
        rule = (
            "plate.controls: the fixed condition is not allowed together with any of the shared values that are "
            "left; change its settings, or the constraints"
        )
        if is_first:
            raise SpaceError(rule)
        raise PoolExhausted(f"nothing untried can lie beside the control wells: {rule}")
    frame, compared = found
    return _in_groups_by_lot(frame, wells, every, rng), compared


def _has_enough(every: Scored, frame: Frame, wells: Wells, source: Source, n: int) -> bool:
    """Whether there is enough of what is limited to fill ``n`` wells of a frame."""
    quotas = wells.quotas(frame)
    best = every.under(quotas, frame.options, max(KEEP, 2 * n))
    worth, _ = source.worth(torch.from_numpy(best.x))
    return len(fill(worth, best.choices, quotas, frame.options, n).picks) >= n


def _options_by_lot(every: Scored, rng: np.random.Generator) -> tuple[frozenset[int] | None, ...]:
    """Which options are on a plate at random: as they come among the candidates; None where all may be there."""
    found: list[frozenset[int] | None] = []
    for k, (used, limit) in enumerate(zip(every.choices.used, every.choices.limits, strict=True)):
        codes, first = np.unique(every.choices.options[rng.permutation(len(every.x)), k], return_index=True)
        new = [code for code in codes[np.argsort(first)].tolist() if code not in used]
        more = max(limit - len(used), 0)
        found.append(None if len(new) <= more else used | frozenset(new[:more]))
    return tuple(found)


def _in_groups_by_lot(frame: Frame, wells: Wells, every: Scored, rng: np.random.Generator) -> Frame:
    """The same shared values, each in a group at random, lest a value be taken for what its place on plates adds.

    Only so that every combination keeps as many wells, and controls lie with what they may.
    """
    quotas = wells.quotas(frame)
    for _ in range(SHUFFLES):
        values = tuple(tuple(rng.permutation(mine).tolist()) for mine in frame.values)
        other = wells.settled(replace(frame, values=values))
        if wells.quotas(other) == quotas and all(map(every.choices.hosts, set(wells.classes(other, wells.controls)))):
            return other
    return frame


def _drawn(
    every: Scored, best: Scored, chosen: Filled, left: Counter[tuple[int, ...]], frame: Frame, n: int, seed: int
) -> list[_Placeable]:
    """``n`` wells at random out of what the model's choice left, under the same frame."""
    if not n:
        return []
    rest = Counter(left)
    rest.subtract(Counter(best.row(i) for i in chosen.picks))
    used = tuple(u | {int(best.choices.options[i, k]) for i in chosen.picks} for k, u in enumerate(every.choices.used))
    free = every.without(best.x[list(chosen.picks)]).using(used)
    lottery = Lottery(seed + 1)
    drawn = fill(lottery.worth(torch.from_numpy(free.x))[0], free.choices, +rest, frame.options, n)
    return [(free.row(i), Seat(-1, free.x[i], Arm.CONTROL, None, "control, chosen at random")) for i in drawn.picks]


def _repeated(
    seats: Sequence[_Placeable],
    quotas: Counter[tuple[int, ...]],
    kept: dict[tuple[int, ...], int],
    stocks: Stocked | None,
) -> list[_Placeable]:
    """Repeats of the first chosen conditions under each combination of shared values.

    A combination that nothing was chosen for leaves its repeats to those that have room, and a condition that there is
    not enough left for to the next.
    """
    mine: dict[tuple[int, ...], list[Seat]] = {}
    for key, seat in seats:
        if seat.arm is not Arm.CONTROL:
            mine.setdefault(key, []).append(seat)
    room = Counter(quotas)
    room.subtract(Counter(key for key, _ in seats))
    turns = [key for key, n in kept.items() if key in mine for _ in range(n)]
    spare = room - Counter(turns)
    turns += [key for key in mine for _ in range(spare[key])][: sum(kept.values()) - len(turns)]
    repeats, done = [], Counter[tuple[int, ...]]()
    for key in turns:
        first = done[key] % len(mine[key])
        in_turn = [*range(first, len(mine[key])), *range(first)]
        place = next((i for i in in_turn if stocks is None or stocks.have(mine[key][i].x)), None)
        if place is None:
            continue
        of, done[key] = mine[key][place], place + 1
        stocks = stocks and stocks.less(of.x[None])
        repeats.append((key, Seat(-1, of.x, Arm.REPLICATE, None, "repeats a condition of this plate")))
    return repeats


def _seated(seats: Sequence[_Placeable], wells: Wells, frame: Frame, rng: np.random.Generator) -> tuple[Seat, ...]:
    """Each seat in a well at random among those that have its shared values."""
    classes = wells.classes(frame, wells.free)
    places: dict[tuple[int, ...], list[int]] = {}
    for i in rng.permutation(len(classes)).tolist():
        places.setdefault(classes[i], []).append(int(wells.free[i]))
    return tuple(Seat(places[row].pop(), s.x, s.arm, s.value, s.meaning) for row, s in seats)


def _in_company(
    controls: Ints,
    occupied: Sequence[int],
    plate: Plate,
    wells: Wells,
    frame: Frame,
    every: Scored,
    rng: np.random.Generator,
) -> Ints:
    """The control wells, one that would be alone in its block in another: there it has something to be compared with.

    It goes where fewest controls and most experiments are, at random within a block; it stays where nothing is free.
    """
    block = plate.group(Scope.BLOCK)
    experiments, where = Counter(block[well] for well in occupied), [int(well) for well in controls]
    for i, well in enumerate(where):
        if experiments[block[well]]:
            continue
        open_ = [w for w in wells.free.tolist() if experiments[block[w]] and w not in occupied and w not in where]
        rows = wells.classes(frame, np.array(open_, dtype=np.int64))
        open_ = [w for w, row in zip(open_, rows, strict=True) if every.choices.hosts(row)]
        if open_:
            beside = Counter(block[w] for w in where if w != well)
            rank = min((beside[block[w]], -experiments[block[w]]) for w in open_)
            where[i] = int(rng.choice([w for w in open_ if (beside[block[w]], -experiments[block[w]]) == rank]))
    return np.array(where, dtype=np.int64)


def _controls(
    controls: Ints, plate: Plate, wells: Wells, frame: Frame, every: Scored, space: Space
) -> tuple[Seat, ...]:
    """The fixed condition in the control wells, each with the shared values of its well."""
    why = HEADS[Arm.REFERENCE] + "a fixed condition shows the plate"
    found = _conditions(controls, plate, wells, frame, every, space)
    return tuple(Seat(int(well), x, Arm.REFERENCE, None, why) for well, x in zip(controls, found, strict=True))


def _conditions(
    controls: Ints, plate: Plate, wells: Wells, frame: Frame, every: Scored, space: Space
) -> NDArray[np.float64]:
    """The condition of each of the wells ``controls`` under a frame, shape ``(c, d)``."""
    found = np.empty((len(controls), len(space.parameters)))
    for i, row in enumerate(wells.classes(frame, controls)):
        assert plate.control is not None
        found[i] = plate.control
        for j, (shared, code) in enumerate(zip(plate.shared, row, strict=True)):
            if np.isnan(found[i, shared.column]):
                found[i, shared.column] = every.levels[j][code]
    return space.frame.canonical(found)


def _told(frame: Frame, every: Scored, plate: Plate, space: Space, compared: int) -> str:
    """The shared values in words, for the record."""
    parts = {}
    for j, (shared, values) in enumerate(zip(plate.shared, frame.values, strict=True)):
        parameter = space.parameters[shared.column]
        shown = [parameter.value(float(every.levels[j][v])) for v in values]
        texts = [f"{v:g} {parameter.unit}".strip() if isinstance(v, float) else str(v) for v in shown]
        parts[parameter.name] = f"{parameter.name} by {shared.scope.value}: {', '.join(texts)}"
    what = "; ".join(parts[name] for name in in_order(parts, space.written)) or "no shared values"
    ways = "1 way to share values was" if compared == 1 else f"{compared} ways to share values were"
    return f"plate: {what} ({ways} compared)" if compared else f"plate: {what}"
