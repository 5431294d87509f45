"""Two candidates of a campaign compared: the believed best with another, such as the process of today."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.looking.amounts import amounts_of
from flows.engine.looking.best import believed
from flows.engine.looking.learning import learning_of, what_teaches
from flows.engine.looking.view import View
from flows.engine.people.conditions import read_candidate
from flows.engine.people.reminding import times_measured
from flows.wiring import open_record
from loop.errors import HakkenError
from loop.insight.statements import Comparison
from loop.spec import build_objective

if TYPE_CHECKING:
    from flows.settings import Settings


class CompareError(HakkenError):
    """Nothing can be compared; the message says why, and what to do."""


def compare(
    settings: Settings, name: str, *, to: Sequence[str], at: Sequence[str] = (), by: Sequence[str] = ()
) -> Comparison:
    """The believed best, with the changes of ``at``, against the same with the changes of ``to``. Nothing is recorded.

    ``by`` says by how much better it has to be: ``5``, or ``yield=5``.

    Raises:
        NotFound: There is no such campaign.
        CompareError: It looks for general conditions, nothing to compare with is given, or ``by`` cannot be read.
        PlanError: Nothing is believed yet, or both are one candidate.
        SpaceError: A candidate cannot be read, or is none.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        if view.spec.general is not None:
            raise CompareError(
                f"campaign {name!r} looks for general conditions; hakken best {shlex.quote(name)} holds them against "
                "each other"
            )
        if not to:
            raise CompareError("nothing to compare with is given; write --to NAME=VALUE for what is other there")
        from loop.insight.comparing import compared  # brings torch: seconds, only where it is asked for

        objective = build_objective(view.spec)
        asked = amounts_of(objective, by, "how much better it has to be", CompareError)
        earlier, read, _ = what_teaches(view)
        learning = learning_of(view, earlier, read)
        belief = learning.belief
        best = believed(view, settings.folder(name))
        named = best.candidates[0].settings if best.candidates else None
        if named is None and not at:
            raise CompareError("no best is believed yet; give a value of every parameter with --at")
        first = read_candidate(view.space, at, named) if at else named
        assert first is not None, "there is a best, or something is asked for"
        second = read_candidate(view.space, to, first)
        places = [view.space.coordinates(one) for one in (first, second)]
        found = compared(view.space, objective, belief, *places, by=asked, seed=learning.seed)
        notes = found.notes
        if best.front > 1 and not at:
            notes = (f"the believed front has {best.front} candidates; --at compares another of them", *notes)
        return replace(found, measured=(times_measured(view, first), times_measured(view, second)), notes=notes)
