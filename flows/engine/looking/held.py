"""Rounds held back: what a round takes together is there before any more of it is sent, or a person is told.

Stocks are counted whoever makes the round; of tips, tubes and wells the laboratory tells that makes plates
(``loop.contracts.ChecksTogether``). Nothing of it is on record: it is worked out anew from the record and the
campaign file, so that a file that says more lets the round go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from flows.engine.looking.experiments import experiment_spec
from flows.engine.looking.stocks import short_rounds
from flows.engine.looking.view import View
from loop.contracts import Adapter, ChecksTogether, Handle, Problem, RunsTogether
from loop.errors import HakkenError
from loop.experiment import State
from loop.recipe import impossible
from loop.record import AttemptRecord
from loop.spec import build_recipe

SHOWN: Final = 3  # things that are wanting; a plate may lack as many as it has wells


@dataclass(frozen=True, slots=True)
class Held:
    """A round of which nothing more is sent before a person has done something."""

    number: int
    waits_for: str
    why: str  # everything that is wanting, each with its remedy
    then: str  # what a person writes into the campaign file


def held_rounds(view: View, laboratory: Adapter | None) -> Mapping[int, Held]:
    """By number, the rounds that still have something to send and for which what is there does not suffice.

    Without ``laboratory`` stocks alone are counted.

    Raises:
        AdapterUnavailable: The laboratory cannot tell now.
    """
    then = "write what is there into the campaign file (recipe.stocks: there)"
    found = {number: Held(number, "stocks", why, then) for number, why in short_rounds(view).items()}
    if not isinstance(laboratory, ChecksTogether):
        return found
    rounds: dict[int, list[AttemptRecord]] = defaultdict(list)
    for attempt in view.pending:
        if attempt.state is State.READY and attempt.place is not None and attempt.round_number not in found:
            rounds[attempt.round_number].append(attempt)
    for number, ready in sorted(rounds.items()):
        if problems := _wanting(view, laboratory, ready):
            more = [f"and {len(problems) - SHOWN} more of the kind"] if len(problems) > SHOWN else []
            why = "; ".join([*map(str, problems[:SHOWN]), *more])
            found[number] = Held(number, "its laboratory", why, "change the campaign file (laboratory)")
    return found


def _wanting(view: View, laboratory: ChecksTogether, ready: list[AttemptRecord]) -> tuple[Problem, ...]:
    """What the laboratory lacks for the plate of these.

    An experiment that it refuses by itself takes no place on the plate: it ends when it is sent. Where it refuses all
    of them it is not they that are wrong, and they wait as well, if it says so.
    """
    assert isinstance(laboratory, Adapter)
    number, recipe = ready[0].round_number, build_recipe(view.spec)
    specs = [(a, experiment_spec(view.spec, a)) for a in ready]
    sound = [s for a, s in specs if not impossible(recipe, a.settings) and not laboratory.validate(s)]
    there = [Handle(a.handle) for a in view.pending if a.round_number == number and _is_with(view, a) and a.handle]
    return tuple(laboratory.wanting(sound or [s for _, s in specs], there))


def _is_with(view: View, attempt: AttemptRecord) -> bool:
    """Whether the laboratory of the spec in force has the attempt."""
    return attempt.state is not State.READY and attempt.adapter == view.spec.laboratory.adapter


def standstill(view: View, laboratory: Callable[[], Adapter]) -> Held | None:
    """The first round held back where nothing moves before a person has done something; None where something does.

    What was sent of a plate waits for the rest of it. ``laboratory`` is called only where a plate has something left
    to be sent; where it cannot be built or gives no answer, stocks alone are counted.
    """
    pending = view.pending
    ready = [a for a in pending if a.state is State.READY]
    rest = [a for a in pending if a.state is not State.READY]
    if not view.is_active or not ready or any(a.state is not State.SUBMITTED or a.place is None for a in rest):
        return None
    adapter, held = None, None
    with suppress(HakkenError):  # what is wrong with it is told where it is used
        adapter = laboratory() if any(a.place is not None for a in ready) else None
        held = held_rounds(view, adapter)
    held = held_rounds(view, None) if held is None else held
    if not held or any(a.round_number not in held for a in rest):
        return None
    if rest and isinstance(adapter, RunsTogether) and adapter.is_at_work():
        return None
    return held[min(held)]
