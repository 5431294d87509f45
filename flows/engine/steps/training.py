"""Training apart: a round planned without the lease, so that it can take its time on another machine.

Planning reads the record and writes nothing. When it is done, the lease is taken, and the round is stored only if
the record still asks for exactly that round; otherwise the plan is dropped and the next pass asks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flows.engine.holding import PATIENCE
from flows.engine.looking.untried import left_for_now
from flows.engine.looking.view import View
from flows.engine.passes import sitting
from flows.engine.steps.losing import Lost
from flows.engine.steps.planners import Planner, default_planner, on_device
from flows.engine.steps.planning import Inputs, next_inputs, what_is_due
from flows.engine.steps.proposing import finish, store
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.errors import PoolExhausted, Unproven
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


_NOTHING: Final = Lost()


def round_due(view: View, lost: Lost = _NOTHING) -> int | None:
    """Number of the round that the record asks for now, None where it asks for none."""
    return view.round_number + 1 if what_is_due(view, lost.keys).experiments else None


def train_round(
    settings: Settings, name: str, number: int, *, lost: Lost = _NOTHING, planner: Planner | None = None
) -> str:
    """Plan round ``number`` and store it; says what came of it. Doing it again once it is stored changes nothing.

    ``lost`` is what could not work for long, as whoever asked for the round saw it: laboratories may be out of reach
    from here. Nothing waits for what they have, and what only they would do is left out of the round.

    Raises:
        NotFound: There is no such campaign.
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        if view.round_number >= number:
            return f"round {number} is on record already"
        inputs = _inputs(view, number, lost)
        if inputs is None:
            return f"round {number} is not due"
        basis = _basis(view)
    try:
        plan = inputs.plan(planner or on_device(default_planner, settings.device))
        exhausted = ""
    except Unproven:  # what is told or pinned lets it go on
        raise
    except PoolExhausted as error:
        exhausted = str(error)
    reached("train.planned")
    with sitting(settings, name, patience=PATIENCE) as session:
        dropped = f"round {number} was planned from a record that has changed since; it is dropped and planned anew"
        if _basis(session.view) != basis:
            return dropped
        if exhausted:
            if lost.regions:  # there is more to do once they are back
                return f"nothing is left that does not need what is lost ({exhausted})"
            if not session.view.pending and not left_for_now(session.view):
                finish(session, exhausted)
            return exhausted
        if not store(session, inputs, plan, view.campaign):
            return dropped
        reached("train.stored")
    return f"round {number} is stored: {plural(len(plan.proposals), 'proposal')}"


def _inputs(view: View, number: int, lost: Lost) -> Inputs | None:
    need = what_is_due(view, lost.keys)
    if not need.experiments or view.round_number + 1 != number:
        return None
    return next_inputs(view, need.experiments, lost.regions)


def _basis(view: View) -> tuple[object, ...]:
    """Everything on record that decides a plan."""
    campaign = view.campaign
    pending = tuple(a.key for a in view.pending)
    return (
        campaign.state,
        campaign.version,
        campaign.data_version,
        view.round_number,
        pending,
        len(view.undecided),
        len(view.decisions),
    )
