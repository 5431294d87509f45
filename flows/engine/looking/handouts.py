"""Handouts: which experiments wait to be asked for, and which are at work; ``flows.handed`` tells who has them."""

from __future__ import annotations

from flows.engine.looking.view import View
from flows.engine.looking.whose import has_only_asked, is_asked, pending_with
from loop.experiment import State
from loop.record import AttemptRecord
from loop.wording import plural


def waiting(view: View) -> tuple[AttemptRecord, ...]:
    """Experiments that nobody was given yet, in the order in which they are to be run; retries come last."""
    mine = (a for a in pending_with(view, is_asked) if a.state is State.SUBMITTED)
    return tuple(sorted(mine, key=as_run))


def as_run(attempt: AttemptRecord) -> tuple[int, int, int, int]:
    """Its place in the order in which experiments are to be run; retries come last."""
    return attempt.round_number, attempt.attempt_no, attempt.run_order, attempt.replicate_no


def n_at_work(view: View) -> int:
    """How many experiments somebody or something has; what waits to be asked for, nobody has."""
    return len(view.at_work()) - len(waiting(view))


def takes_in(view: View, command: str) -> str:
    """What takes the results in of what is at work; ``command`` is the campaign's name as it is typed."""
    return f"hakken serve or hakken tell {command}" if has_only_asked(view.campaign.spec) else f"hakken tick {command}"


def said_of(view: View, command: str) -> str:
    """What comes next where every experiment that has not ended is asked for; "" where one is not.

    ``command`` is the campaign's name as it is typed.
    """
    going = [a for a in view.pending if a.state is not State.AMBIGUOUS]
    mine = {a.key for a in pending_with(view, is_asked)}
    if not going or any(a.key not in mine for a in going):
        return ""
    out = sum(a.state is State.RUNNING for a in going)
    left = len(going) - out
    waits = f"{plural(left, 'experiment')} wait{'s' * (left == 1)} to be asked for"
    what = str(out) if left else plural(out, "experiment")
    has = f"{what} handed out wait{'s' * (out == 1)} for {'its result' if out == 1 else 'their results'}"
    counts = " and ".join([waits] * bool(left) + [has] * bool(out))
    is_more = view.spent < view.spec.budget.most and view.spec.planner.mode == "batch"
    when = "once all of them have ended (mode: rolling under planner: as results come)"
    then = f"; the next batch is planned {when}" if is_more else ""
    return (
        f"{counts}: hakken serve hands experiments out and takes results in, here hakken ask {command} and hakken "
        f"tell {command} do{then}."
    )
