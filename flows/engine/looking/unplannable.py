"""Unplannable: why the next batch cannot be planned before a person has done something."""

from __future__ import annotations

import re
from shlex import quote
from typing import Final

import numpy as np

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.people.decisions import decided_next, still_pinned
from loop.errors import PlateError
from loop.outcome import Negative, Outcome
from loop.space.rows import is_among
from loop.spec import build_objective, build_plate, build_space
from loop.spec.checks.coming_first import named_first
from loop.values import limits_of, values_of

_BAN: Final = re.compile(r"constraint 'ban (\d+)'")


def no_plate(view: View) -> str:
    """What is banned that every plate must have, such as the condition of its control wells, and the way out.

    "" where a plate can be planned, or batches are no plates.
    """
    if view.spec.plate is None or not view.decisions:
        return ""
    spec = decided_next(view).spec
    try:
        build_plate(spec, build_space(spec))
    except PlateError as error:
        name = quote(view.name)
        ban = _BAN.search(str(error))
        back = "take the ban back" if ban is None else f"take that ban back (hakken lift {name} {ban[1]} --why WHY)"
        why = str(error).partition("; ")[0]
        return f"no plate can be planned: {why}; {back}, or give plate.controls another condition in the campaign file"
    return ""


def nothing_known(view: View) -> str:
    """What a campaign with caution lacks before anything can be proposed, and the way out; "" of any other."""
    careful = [name for name, target in view.spec.wanted.items() if target.cautious is not None]
    if not careful or _is_learnt_from(view) or still_pinned(view) or _comes_first(view):
        return ""
    name = quote(view.name)
    return (
        f"nothing is known yet to keep what {' and '.join(careful)} asks for, which is cautious: hakken tell {name} "
        f"FILE brings a few results that do, or hakken pin {name} has a candidate run that you know to"
    )


def _is_learnt_from(view: View) -> bool:
    """Whether results say enough of each target for a model of it: of one alone none learns what a threshold needs."""
    measured = build_objective(view.spec).measured
    return all(sum(_tells(o.outcome, target.name) for o in view.counted) > 1 for target in measured)


def _comes_first(view: View) -> bool:
    """Whether an experiment that the file names to come first is still to be run."""
    first = named_first(view.spec, view.space)
    history, _ = history_of(view.spec, view.space, view.counted, view.pending)
    gone = np.vstack([history.tried(first.shape[1]), *(one.x for one in decided_next(view).kept_out)])
    return not is_among(first, gone).all()


def _tells(outcome: Outcome, target: str) -> bool:
    return isinstance(outcome, Negative) or target in {*values_of(outcome), *limits_of(outcome)}
