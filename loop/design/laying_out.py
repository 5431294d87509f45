"""Laying out a classical design as a campaign asks for it: its points, its blocks, and notes on what it can tell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.centre import WAY, among_blocks, centre_points, meanings_of, said
from loop.design.exchange import Criterion, assign_blocks
from loop.design.factorial import ROMAN, best_fraction, fraction_sizes, fractional, full_factorial, two_level
from loop.design.fixed import FIXED, fixed
from loop.design.optimal import efficiency_of, optimal, term_count
from loop.design.power import power_notes
from loop.design.reasons import INITIAL
from loop.design.terms import Order, terms_of
from loop.errors import SpaceError
from loop.space import Pool, Space
from loop.space.rows import is_among, key_of
from loop.wording import plural

WHOLE: Final = frozenset({"factorial", "fractional", *FIXED})  # are what they are, whatever was tried
CLASSICAL: Final = WHOLE | {"d-optimal", "i-optimal"}
SPARE: Final = 4  # experiments beyond the terms where no number is given, to learn the noise from
FEWEST: Final = 4  # experiments of which it is said what they can tell
SHOWN: Final = 6  # aliases, and products mixed with blocks, that a note lists
MIXED: Final = 1e-6  # length of what of a product lies between blocks; a level more or less in one of them is 1 or so


@dataclass(frozen=True)
class Wish:
    """What a campaign asks of its initial design: ``n`` points, in ``blocks`` blocks (1 for none), ``centre`` of them
    centre points.

    Where some of it is on record ``n`` is less than the ``whole`` design has. Of each point ``copies`` experiments are
    made.
    """

    design: str
    n: int
    blocks: int = 1
    model: Order | None = None  # None: linear
    levels: int | Mapping[str, int] | None = None
    whole: int | None = None  # None: n
    copies: int = 1
    centre: int = 0

    @property
    def size(self) -> int:
        """How many points the whole design has."""
        return self.n if self.whole is None else self.whole

    @property
    def apart(self) -> int:
        """How many of them are no centre points."""
        return self.size - self.centre


@dataclass(frozen=True)
class Design:
    """Coordinates ``(n, d)``, each point's block from 1 (None without blocks), and notes for the record.

    ``meanings`` say what each point is where that is not what the design's name promises; "" where it is, and none
    where all are. ``centre`` says which are centre points; None where none is.
    """

    points: NDArray[np.float64]
    blocks: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()
    centre: NDArray[np.bool_] | None = None

    def only(self, kept: NDArray[np.bool_], note: str) -> Design:
        """Those of its points that are ``kept``, ``(n,)``, with a note on it."""
        return Design(
            self.points[kept],
            None if self.blocks is None else self.blocks[kept],
            (*self.notes, note),
            tuple(m for m, k in zip(self.meanings, kept, strict=True) if k) if self.meanings else (),
            None if self.centre is None else self.centre[kept],
        )


def propose_size(wish: Wish, space: Space, pool: Pool | None) -> int:
    """How many points the design has where the campaign does not say, centre points among them.

    A factorial has all its combinations, and a fixed design its own points; a fraction is the smallest in which no main
    effect is aliased with another or with a product of two (resolution IV), or the smallest of all; an optimal design
    has four more than terms.

    Raises:
        SpaceError: There is no such design of this space.
    """
    if wish.design == "factorial":
        return len(full_factorial(space, wish.levels)[0]) + wish.centre
    if wish.design in FIXED:
        return len(fixed(wish.design, space)[0]) + wish.centre
    if wish.design == "fractional":
        k = len(two_level(space))
        sizes = fraction_sizes(k)[:-1] or fraction_sizes(k)
        clear = [n for n in sizes if (best_fraction(k, n.bit_length() - 1).resolution or 99) >= 4]
        return (clear or sizes)[0] + wish.centre
    return term_count(space, pool, wish.model or "linear") + wish.blocks - 1 + SPARE + wish.centre


def why_not(wish: Wish, space: Space, pool: Pool | None) -> str:
    """Why there can be no such design, with the way out; "" where there can be."""
    if wish.blocks > 1 and wish.n < 2 * wish.blocks:
        return (
            f"{wish.blocks} blocks of {plural(wish.n, 'experiment')} leave fewer than two in a block; use fewer "
            "blocks, or more experiments"
        )
    centre = plural(wish.centre, "centre point") if wish.centre else ""
    each = f"each made {wish.copies} times" if wish.copies > 1 else ""  # as replicates asks for
    try:
        centre_points(space, wish.centre)
        if wish.design == "factorial":
            whole = len(full_factorial(space, wish.levels)[0])
            if wish.apart != whole:
                size = (whole + wish.centre) * wish.copies
                beside = "".join(f", {more}" for more in (centre and f"{centre} beside them", each) if more)
                beside += "," if beside else ""
                return (
                    f"the full factorial has {whole} allowed combinations{beside} and experiments says "
                    f"{wish.n * wish.copies}; write {size} or leave it out, give fewer levels, or use fractional or "
                    "d-optimal for fewer"
                )
        elif wish.design == "fractional":
            sizes = fraction_sizes(k := len(two_level(space)))
            if (centre or each) and wish.apart not in sizes:
                shown = ", ".join(str((n + wish.centre) * wish.copies) for n in sizes)
                beside = ", ".join(more for more in (centre and f"{centre} beside it", each) if more)
                return (
                    f"a two-level fractional factorial of {k} parameters, {beside}, has one of these sizes: {shown}, "
                    f"not {wish.n * wish.copies}"
                )
            fractional(space, wish.apart)
        elif wish.design in FIXED:
            whole = len(fixed(wish.design, space)[0])
            if wish.apart != whole:
                beside = "".join(f", {more}" for more in (centre and f"{centre} beside them", each) if more)
                return (
                    f"the {wish.design} design has {whole} points{beside}{',' if beside else ''} and experiments says "
                    f"{wish.n * wish.copies}; write {(whole + wish.centre) * wish.copies} or leave it out"
                )
        elif wish.design in CLASSICAL:
            order = wish.model or "linear"
            needed = term_count(space, pool, order) + wish.blocks - 1
            if wish.apart < needed:
                blocks = f" in {wish.blocks} blocks" if wish.blocks > 1 else ""
                has = plural(max(wish.apart, 0), "experiment") + (f" beside {centre}" if centre else "")
                has += f", {each}," if each else ""
                return (
                    f"the {order} model{blocks} has {plural(needed, 'term')}, and {has} cannot tell them apart; give "
                    f"{(needed + wish.centre) * wish.copies} or more, a simpler model, or use spread"
                )
    except SpaceError as error:
        return str(error)
    return ""


def points_of(wish: Wish, space: Space) -> NDArray[np.float64]:
    """All points of a design that is whole, of a fraction that which has ``wish.size`` or more: shape ``(n, d)``.

    Centre points are the last of them.

    Raises:
        SpaceError: There is no such design of this space.
    """
    return np.vstack([_combinations(wish, space), _centre(wish, space)[0]])


def _combinations(wish: Wish, space: Space) -> NDArray[np.float64]:
    if wish.design == "factorial":
        return full_factorial(space, wish.levels)[0]
    if wish.design in FIXED:
        return fixed(wish.design, space)[0]
    return fractional(space, _size(wish, space))[0]


def _centre(wish: Wish, space: Space) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """All centre points, ``(n, d)``, and a note where none can be made any more, as where people banned the middle."""
    try:
        return centre_points(space, wish.centre), ()
    except SpaceError as error:
        why, _, _ = str(error).partition(f"; {WAY}")  # the file could have them, and some may have been made
        return np.empty((0, len(space.parameters))), (f"no centre points are made any more: {why}",)


def _size(wish: Wish, space: Space) -> int:
    sizes = fraction_sizes(len(two_level(space)))
    return next((n for n in sizes if n >= wish.apart), sizes[-1])


def lay_out(
    wish: Wish,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    *,
    seed: int,
    refused: NDArray[np.float64] | None = None,
) -> Design:
    """The points of a classical design that were not tried, at most ``wish.n`` of them; centre points come last.

    Factorials are what they are whatever was tried; optimal designs add to what was tried, and over ranges repeat
    points where that teaches most. Centre points are made as often as is asked for, less what was tried there, those
    ``refused``, ``(r, d)``, not at all; where there is no room for all, the other points go before.

    Raises:
        SpaceError: There is no such design of this space.
    """
    design = _laid_out(wish, space, pool, tried, seed, tried[:0] if refused is None else refused)
    if len(tried) or len(design.points) < FEWEST:
        return design
    return replace(design, notes=(*design.notes, *power_notes(space, design.points, design.blocks, wish.copies)))


def _laid_out(
    wish: Wish,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    seed: int,
    refused: NDArray[np.float64],
) -> Design:
    if not wish.centre:
        return _apart(wish, space, pool, tried, wish.n, tried[:0], seed)
    whole, notes = _centre(wish, space)
    due = _due(wish, space, whole, tried, refused)
    n = wish.n
    if wish.design not in WHOLE:
        others = int((~is_among(tried, whole)).sum())
        n = min(n, max(wish.apart - math.ceil(others / wish.copies), n - len(due), 0))
    design = _apart(wish, space, pool, tried, n, whole[due[: wish.n - n]], seed)
    due = due[: wish.n - len(design.points)]
    return with_centre(design, space, whole, due, notes, wish.copies)


def _due(
    wish: Wish,
    space: Space,
    whole: NDArray[np.float64],
    tried: NDArray[np.float64],
    refused: NDArray[np.float64],
) -> list[int]:
    """Which of all centre points, ``(n, d)``, are still to be made: of one condition the first were."""
    made, seen, due = Counter(map(key_of, tried)), Counter[bytes](), list[int]()
    twice = is_among(whole, _combinations(wish, space)) if wish.design in WHOLE else np.zeros(len(whole), dtype=bool)
    for i, (x, is_combination) in enumerate(zip(whole, twice, strict=True)):
        there = math.ceil(made[key_of(x)] / wish.copies) - int(is_combination)
        if seen[key_of(x)] >= there and not is_among(x[None], refused)[0]:
            due.append(i)
        seen[key_of(x)] += 1
    return due


def _apart(
    wish: Wish,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    most: int,
    beside: NDArray[np.float64],
    seed: int,
) -> Design:
    """The points of a design that were not tried and are no centre points, at most so many.

    Optimal ones go with those ``beside`` them, ``(k, d)``, and over ranges may repeat what was tried.
    """
    rng = np.random.default_rng([seed, 0xB10C])
    if wish.design not in WHOLE:
        found = optimal(
            wish.design,
            space,
            pool,
            tried,
            most,
            order=wish.model or "linear",
            blocks=wish.blocks,
            centre=beside,
            seed=seed,
        )
        labels = found.labels + 1 if wish.blocks > 1 else None
        return Design(found.points, labels, found.notes, tuple(_made_alike(wish.design, found.points)))
    if wish.design == "factorial":
        x, lacking = full_factorial(space, wish.levels)
        notes = [f"full factorial of {len(x)} combinations"]
        if lacking:
            notes[0] += f", without {lacking} that constraints or bans leave out: some effects are told less surely"
    elif wish.design in FIXED:
        x, told = fixed(wish.design, space)
        notes = [told]
    else:
        x, fraction, varied = fractional(space, _size(wish, space))
        names = [p.name for p in varied]
        notes = [_told(len(x), fraction.resolution, fraction.aliases(names))]
        if fraction.turned:
            turned = ", ".join(names[i] for i in fraction.turned)
            notes.append(f"with the signs of {turned} turned: the usual fraction breaks a constraint")
    labels = None
    if wish.blocks > 1 and len(x) >= wish.blocks:
        labels, note = _blocks(wish, space, x, rng)
        notes.append(note)
    free = np.array([not (tried == row).all(axis=1).any() for row in x], dtype=bool)
    left = np.flatnonzero(free)
    if len(left) > most:
        notes.append(f"{most} of {len(left)} points of the {wish.design} design, drawn at random")
        left = np.sort(rng.permutation(left)[:most])
    return Design(x[left], None if labels is None else labels[left], tuple(notes))


def _made_alike(design: str, x: NDArray[np.float64]) -> list[str]:
    """What those points of an optimal design are that come more than once, ``(n, d)``; none where none does."""
    counts = Counter(map(key_of, x))
    if len(counts) == len(x):
        return []
    often = [counts[key_of(row)] for row in x]
    return [f"{INITIAL[design]}; one of {n} made alike, so that scatter shows" if n > 1 else "" for n in often]


def with_centre(
    design: Design,
    space: Space,
    whole: NDArray[np.float64],
    due: Sequence[int],
    notes: tuple[str, ...],
    copies: int,
) -> Design:
    """A design and those of all its centre points, ``(n, d)``, that are ``due``, dealt to its blocks."""
    points = np.vstack([design.points, whole[due]])
    n = len(design.points)
    return Design(
        points,
        None if design.blocks is None else np.concatenate([design.blocks, among_blocks(design.blocks, len(due))]),
        (*design.notes, *said(space, whole, due, copies), *notes),
        (*(design.meanings or [""] * n), *(meanings_of(whole)[i] for i in due)),
        np.arange(len(points)) >= n,
    )


def _told(n: int, resolution: int | None, aliases: list[str]) -> str:
    if resolution is None:
        return f"two-level full factorial of {n} points: nothing is aliased"
    level = ROMAN[resolution] if resolution < len(ROMAN) else str(resolution)
    if not aliases:
        return (
            f"two-level fraction of {n} points, resolution {level}: no main effect or product of two parameters is "
            "aliased with another"
        )
    more = f"; and {len(aliases) - SHOWN} more" if len(aliases) > SHOWN else ""
    return f"two-level fraction of {n} points, resolution {level}; aliased: {'; '.join(aliases[:SHOWN])}{more}"


def _blocks(
    wish: Wish, space: Space, x: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], str]:
    """Blocks of a factorial that spare products of two parameters where that can be, else main effects."""
    orders: tuple[Order, ...] = (wish.model,) if wish.model else ("interactions", "linear")
    labels = np.arange(len(x)) % wish.blocks + 1
    for order in orders:
        terms = terms_of(space, order, x)
        if len(terms) + wish.blocks - 1 > len(x):
            continue
        features = terms.matrix(x)
        none = Criterion(np.zeros((len(terms), len(terms))))
        found, _ = assign_blocks(features, none, wish.blocks, rng, 10)
        own = np.eye(wish.blocks)[found]
        centred = features[:, 1:] - own @ (np.linalg.pinv(own) @ features[:, 1:])
        if len(terms) == 1 or np.linalg.matrix_rank(centred) == len(terms) - 1:
            kept = efficiency_of(centred) / efficiency_of(features[:, 1:]) if len(terms) > 1 else 1.0
            return found + 1, (
                f"{wish.blocks} blocks; within them the {order} model keeps {100 * kept:.0f} % of its D-efficiency"
                + _mixed_with(own, space, order, x)
            )
        labels = found + 1
    return labels, f"{wish.blocks} blocks; main effects are not free of block effects, so more points are needed"


def _mixed_with(own: NDArray[np.float64], space: Space, order: Order, x: NDArray[np.float64]) -> str:
    """Which products of two parameters a linear model's blocks, ``(n, blocks)``, do not spare; "" where they do."""
    if order != "linear":
        return ""
    terms = terms_of(space, "interactions", x)
    columns = terms.matrix(x)
    columns -= columns.mean(axis=0)
    between = np.linalg.norm(own @ (np.linalg.pinv(own) @ columns), axis=0)
    main = terms_of(space, "linear", x).names
    mixed = [name for name, size in zip(terms.names, between, strict=True) if name not in main and size > MIXED]
    if not mixed:
        return ""
    more = f" and {len(mixed) - SHOWN} more" if len(mixed) > SHOWN else ""
    return f"; what differs between blocks adds to {', '.join(mixed[:SHOWN])}{more} as well"
