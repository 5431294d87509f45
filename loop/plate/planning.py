"""A plate as the planner asks for it: by a model where there is one, else as an initial design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.apart import too_similar_note
from loop.acquisition.hits import expected
from loop.acquisition.pareto import reference_note
from loop.acquisition.protocol import Question
from loop.costs import Pays
from loop.objective import Objective, Tradeoff
from loop.plate.choose import Seat, fill_plate
from loop.plate.layout import Plate
from loop.plate.pins import Wish
from loop.plate.sources import Asked, Design, Lottery, Near, Source
from loop.plate.supply import Stocked
from loop.policy.control import controls_in
from loop.policy.initial import FILLING
from loop.record import Arm
from loop.space import Pool, Space, sample_space
from loop.space.filling import fill
from loop.space.sifting import Twins
from loop.spec import CampaignSpec

STANDING = 400  # random points of the space whose middles a medoid design seeks


def asked_plate(
    plate: Plate,
    spec: CampaignSpec,
    question: Question,
    done: int,
    experiments: int,
    pinned: Sequence[Wish],
    stocks: Stocked | None,
) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """The plate that the acquisition function of the spec chooses; ``done`` model and control proposals came before."""
    name = acquisition_of(spec, question.objective)
    controls, repeats = plate.reserved_for(experiments)
    wells = min(experiments, plate.wells) - controls - repeats
    at_random = controls_in(wells, done, spec.planner.control)
    source = Lottery(question.seed, pays=question.affordable) if name == "random" else Asked(question, name)
    with torch.no_grad():
        seats, notes = fill_plate(
            plate,
            question.space,
            question.pool,
            question.tried,
            source,
            arm=Arm.MODEL,
            experiments=experiments,
            at_random=at_random,
            seed=question.seed,
            pinned=pinned,
            twins=question.twins,
            stocks=stocks,
        )
        if isinstance(source, Asked):
            seats, more = _as_stated(seats, source)
            notes = (*more, *notes)
    return seats, (*((reference_note(question),) if name == "pareto" else ()), *notes)


def _as_stated(seats: tuple[Seat, ...], source: Asked) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """The seats with what is told of each by itself where many of the best or hits are sought, and notes on them."""
    chosen = [i for i, seat in enumerate(seats) if seat.arm is Arm.MODEL]
    if not chosen:
        return seats, ()
    x = np.array([seats[i].x for i in chosen])
    stated = source.stated(torch.from_numpy(x))
    if stated is None:
        return seats, ()
    told = dict(zip(chosen, stated.tolist(), strict=True))
    hoped = expected(source.question, list(told.values())) if source.name == "hits" else ()
    return (
        tuple(replace(seat, value=told.get(i, seat.value)) for i, seat in enumerate(seats)),
        (*hoped, *too_similar_note(source.question, x)),
    )


def acquisition_of(spec: CampaignSpec, objective: Objective) -> str:
    """The name of the acquisition function that fills the plate."""
    name = spec.planner.acquisition
    if name != "auto":
        return name
    if objective.has_classes and objective.tradeoff is Tradeoff.PARETO:
        return "hits"
    return "improvement" if objective.is_scalar else "pareto"


def designed_plate(
    plate: Plate,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    design: str,
    arm: Arm,
    experiments: int,
    seed: int,
    pinned: Sequence[Wish],
    pays: Pays,
    twins: Twins | None,
    stocks: Stocked | None,
) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """The plate of an initial design that knows shared wells: one of ``loop.spec.plate.DESIGNS``.

    It chooses among what ``pays`` says can be paid for.
    """
    source: Source
    notes: tuple[str, ...] = ()
    match design:
        case "spread":
            source = Design(space, tried, seed, min(experiments, plate.wells), pays=pays)
        case "random":
            source = Lottery(seed, pays=pays)
        case "medoid":
            source = Near(space, sample_space(space, STANDING, seed, method="random"), tried, seed, design, pays=pays)
        case _:
            controls, repeats = plate.reserved_for(experiments)
            new = min(experiments, plate.wells) - controls - repeats
            filling = fill(space, new, seed, design)
            meaning = f"as near as the plate allows to {filling.meaning or f'a point of a {FILLING[design]}'}"
            source, notes = Near(space, filling.points, tried, seed, meaning, pays=pays), filling.notes
    with torch.no_grad():
        seats, more = fill_plate(
            plate,
            space,
            pool,
            tried,
            source,
            arm=arm,
            experiments=experiments,
            seed=seed,
            pinned=pinned,
            twins=twins,
            stocks=stocks,
        )
    return seats, (*notes, *more)
