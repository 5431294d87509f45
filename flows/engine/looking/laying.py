"""Laying out: where the stocks of a plate stand in its laboratory, and how much of each is put there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flows.engine.looking.experiments import experiment_spec
from flows.engine.looking.view import View
from flows.wiring import open_laboratory, open_record
from loop.contracts import Handle, HasParts, LaysOut
from loop.errors import HakkenError
from loop.experiment import State

if TYPE_CHECKING:
    from flows.settings import Settings

_OVER = (State.ENDED, State.CANCELLED, State.EXPIRED)


def laid_out(settings: Settings, name: str, number: int) -> Mapping[str, Sequence[tuple[str, float]]]:
    """By stock its places with the uL put there, as the laboratory of the file has them for the plate of a round.

    Empty where nothing of the plate is still to be made or measured, and where the laboratory does not tell.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        plate = [a for a in view.attempts if a.round_number == number and a.place is not None and a.attempt_no == 0]
        if all(a.state in _OVER for a in plate):
            return {}
        try:
            laboratory = open_laboratory(settings, view.spec)
        except HakkenError:
            return {}
        if not isinstance(laboratory, LaysOut):
            return {}
        made = [a for a in plate if a.state not in (State.CANCELLED, State.EXPIRED)]
        # Who of several has an experiment is known by its handle; of one laboratory the record tells as much.
        parted = isinstance(laboratory, HasParts)
        there = [Handle(a.handle) for a in made if parted and a.handle and a.adapter == view.spec.laboratory.adapter]
        coming = [experiment_spec(view.spec, a) for a in made if a.handle not in there]
        return laboratory.laid_out(coming, there)
