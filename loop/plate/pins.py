"""Pins: wells for candidates that a person wants on the next plate, found before anything else is chosen.

A pinned candidate fixes the shared values of the groups that its well lies in, and brings its options onto the plate;
whatever is chosen after keeps to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.plate.candidates import Scored
from loop.plate.frame import UNSET, Choices, Frame, Ints, Wells
from loop.plate.layout import Plate


@dataclass(frozen=True)
class Wish:
    """A candidate that is to have a well: coordinates ``(d,)``, and why."""

    x: NDArray[np.float64]
    why: str


@dataclass(frozen=True)
class Placed:
    """Where pinned candidates lie: the number of each with its well; the others, with what is in their way."""

    wells: tuple[tuple[int, int], ...]
    fixed: tuple[Ints, ...]  # for each shared parameter the code of each group, UNSET where nothing is fixed
    used: tuple[frozenset[int], ...]  # options on the plate, for each counted parameter
    refused: tuple[tuple[int, str], ...]


def place_pins(
    wishes: Sequence[Wish], plate: Plate, wells: Wells, every: Scored, most: int, rng: np.random.Generator
) -> Placed:
    """A well for each, up to ``most``: where it fixes fewest groups anew, at random among equal ones."""
    fixed = [np.full(size, UNSET, dtype=np.int64) for size in wells.sizes]
    used = [set(u) for u in every.choices.used]
    taken: list[tuple[int, int]] = []
    refused: list[tuple[int, str]] = []
    for number, wish in enumerate(wishes):
        row, options = every.codes_of(wish.x, plate)
        over = [k for k, (u, limit) in enumerate(zip(used, every.choices.limits, strict=True))
                if len(u | {options[k]}) > limit]  # fmt: skip
        if len(taken) >= most:
            refused.append((number, "every well is taken"))
        elif over:
            refused.append((number, "it would bring more options onto the plate than at_most allows"))
        elif (well := _well_for(row, fixed, wells, every.choices, {w for _, w in taken}, rng)) is None:
            refused.append((number, "no well can have its shared values beside the others'"))
        else:
            taken.append((number, well))
            _fix(fixed, wells, well, row)
            for u, option in zip(used, options, strict=True):
                u.add(option)
    return Placed(tuple(taken), tuple(fixed), tuple(frozenset(u) for u in used), tuple(refused))


def _well_for(
    row: Sequence[int],
    fixed: Sequence[Ints],
    wells: Wells,
    choices: Choices,
    taken: set[int],
    rng: np.random.Generator,
) -> int | None:
    free = rng.permutation([w for w in wells.free.tolist() if w not in taken])
    newly = np.zeros(len(free), dtype=np.int64)
    fits = np.ones(len(free), dtype=bool)
    for values, groups, code in zip(fixed, wells.groups, row, strict=True):
        there = values[groups[free]]
        fits &= (there == UNSET) | (there == code)
        newly += there == UNSET
    for i in np.argsort(newly, kind="stable")[: len(free)]:
        if fits[i] and _hosts_controls(row, int(free[i]), fixed, wells, choices):
            return int(free[i])
    return None


def _hosts_controls(row: Sequence[int], well: int, fixed: Sequence[Ints], wells: Wells, choices: Choices) -> bool:
    """Whether every control well whose shared values are settled then may lie beside them."""
    tried = [values.copy() for values in fixed]
    _fix(tried, wells, well, row)
    frame = Frame(tuple(tuple(v.tolist()) for v in tried), ())
    return all(choices.hosts(c) for c in set(wells.classes(frame, wells.controls)) if UNSET not in c)


def _fix(fixed: Sequence[Ints], wells: Wells, well: int, row: Sequence[int]) -> None:
    for values, groups, code in zip(fixed, wells.groups, row, strict=True):
        values[groups[well]] = code
