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

from adapters.registry import laboratories_in, makes_plates
from flows.engine.looking.experiments import experiment_spec
from flows.engine.looking.stocks import short_rounds
from flows.engine.looking.view import View
from loop.contracts import Adapter, ChecksTogether, ExperimentSpec, Handle, JudgesTogether, RunsTogether, TakesOff
from loop.errors import HakkenError
from loop.experiment import State
from loop.recipe import impossible
from loop.record import AttemptRecord
from loop.spec import CampaignSpec, build_recipe

SHOWN: Final = 3  # things that are wanting; a plate may lack as many as it has wells


@dataclass(frozen=True, slots=True)
class Held:
    """A round of which nothing more is sent before a person has done something."""

    number: int
    waits_for: str
    why: str  # everything that is wanting, each with its remedy
    then: str  # what a person writes into the campaign file


def held_rounds(view: View, laboratory: Adapter | None) -> Mapping[int, Held]:
    """By number, the rounds of which something is to be sent, or waits for its run, and what is there does not suffice.

    Without ``laboratory`` stocks alone are counted.

    Raises:
        AdapterUnavailable: The laboratory cannot tell now.
    """
    then = "write what is there into the campaign file (recipe.stocks: there)"
    found = {number: Held(number, "stocks", why, then) for number, why in short_rounds(view).items()}
    if not isinstance(laboratory, ChecksTogether):
        return found
    for number, (ready, there) in _plates(view, laboratory).items():
        if number not in found and (problems := laboratory.wanting(ready, there)):
            more = [f"and {len(problems) - SHOWN} more of the kind"] if len(problems) > SHOWN else []
            why = "; ".join([*map(str, problems[:SHOWN]), *more])
            found[number] = Held(number, "its laboratory", why, "change the campaign file (laboratory)")
    return found


def judge_rounds(view: View, laboratory: Adapter) -> None:
    """Have a laboratory whose plates a program judges find out whether it takes those of which something is to be sent.

    Raises:
        AdapterUnavailable: The laboratory cannot tell now.
    """
    if isinstance(laboratory, JudgesTogether):
        for ready, there in _plates(view, laboratory).values():
            if ready:
                laboratory.judge(ready, there)


def _plates(view: View, laboratory: Adapter) -> Mapping[int, tuple[list[ExperimentSpec], list[Handle]]]:
    """By round, what is still to be sent of its plate, and what of it waits at the laboratory for its run.

    An experiment that it refuses by itself takes no place on the plate: it ends when it is sent. Where it refuses all
    of them it is not they that are wrong, and they wait as well, if it says so.
    """
    recipe, name = build_recipe(view.spec), view.spec.laboratory.adapter
    rounds: dict[int, list[AttemptRecord]] = defaultdict(list)
    for attempt in view.pending:
        if attempt.place is not None:
            rounds[attempt.round_number].append(attempt)
    found = {}
    for number, attempts in sorted(rounds.items()):
        there = [Handle(a.handle) for a in attempts if a.state is not State.READY and a.adapter == name and a.handle]
        ready = [(a, experiment_spec(view.spec, a)) for a in attempts if a.state is State.READY]
        if not ready:
            there = list(laboratory.still_waiting(there)) if isinstance(laboratory, TakesOff) else []
        sound = [s for a, s in ready if not impossible(recipe, a.settings) and not laboratory.validate(s)]
        if ready or there:
            found[number] = (sound or [s for _, s in ready], there)
    return found


def _may_make_plates(spec: CampaignSpec) -> bool:
    """Whether attempts may wait for their run at the laboratory, or at one of several."""
    named = laboratories_in(spec.laboratory.adapter, spec.laboratory.options)
    return any(":" in name or makes_plates(name) for name, _ in named)


def standstill(view: View, laboratory: Callable[[], Adapter]) -> Held | None:
    """The first round held back where nothing moves before a person has done something; None where something does.

    What was sent of a plate waits for the rest of it, or for its run. ``laboratory`` is called only where a plate has
    something left to be sent, or waits where plates are made; where it cannot be built or gives no answer, stocks alone
    are counted.
    """
    pending = view.pending
    ready = [a for a in pending if a.state is State.READY]
    rest = [a for a in pending if a.state is not State.READY]
    waits = any(a.place is not None for a in rest) and _may_make_plates(view.spec)
    if not view.is_active or not (ready or waits):
        return None
    if any(a.state is not State.SUBMITTED or a.place is None for a in rest):
        return None
    adapter, held = None, None
    with suppress(HakkenError):  # what is wrong with it is told where it is used
        adapter = laboratory() if any(a.place is not None for a in (*ready, *rest)) else None
        held = held_rounds(view, adapter)
    held = held_rounds(view, None) if held is None else held
    if not held or any(a.round_number not in held for a in rest):
        return None
    there = [Handle(a.handle) for a in rest if a.handle]
    if isinstance(adapter, RunsTogether) and adapter.is_at_work(there):
        return None
    return held[min(held)]
