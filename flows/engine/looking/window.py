"""The operating window of a candidate: how far each of its settings may be off, by what is believed now."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.engine.looking.amounts import amounts_of
from flows.engine.looking.best import believed
from flows.engine.looking.kept import kept, learns_by_own
from flows.engine.looking.learning import MANY, learning_of, what_teaches
from flows.engine.looking.view import View
from flows.engine.people.conditions import read_candidate
from flows.engine.people.reminding import times_measured
from flows.wiring import open_record
from loop.errors import HakkenError, PlanError
from loop.insight.losing import losses
from loop.insight.statements import Range, Window
from loop.space import Continuous, Discrete
from loop.spec import build_objective

if TYPE_CHECKING:
    from flows.settings import Settings


CHANCE: Final = 0.9  # how sure it is to be, where nothing else is asked
KEPT: Final = "window.kept"  # in the campaign's folder: the last answer for a page


class WindowError(HakkenError):
    """There is no window to be told of; the message says why, and what to do."""


def window(
    settings: Settings, name: str, *, at: Sequence[str] = (), loses: Sequence[str] = (), chance: float = CHANCE
) -> Window:
    """How far each setting of a candidate may be off: of the believed best, with the changes of ``at``.

    Nothing is recorded. ``loses`` says how much worse than at the candidate a target may be: ``5``, or ``yield=5``.

    Raises:
        NotFound: There is no such campaign.
        PlanError: Nothing is believed yet, or nothing is asked.
        SpaceError: The candidate cannot be read, or is none.
        WindowError: The campaign has none, or ``loses`` cannot be read.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        if view.spec.general is not None:
            raise WindowError(
                f"campaign {name!r} looks for general conditions, which have no operating window; hakken best "
                f"{shlex.quote(name)} says what is believed of each with every substrate"
            )
        if not _varies_numbers(view):
            raise WindowError(
                f"campaign {name!r} varies no number, so nothing can be a little off; hakken compare "
                f"{shlex.quote(name)} --to NAME=VALUE says what another option would cost"
            )
        return _looked_for(view, settings.folder(name), at=at, loses=loses, chance=chance)


def windowed(view: View, folder: Path) -> Window | None:
    """The same for a page, about the believed best of a view at hand, whose campaign has its files in ``folder``.

    None where it would take long, without a threshold, a number or a best, and where no setting may be off at all.
    """
    is_asked = any(t.has_bounds for t in build_objective(view.spec).targets) and _varies_numbers(view)
    if not is_asked or view.spec.general is not None or len(view.counted) > MANY:
        return None
    *_, asked = what_teaches(view)
    with suppress(PlanError, WindowError):
        found = kept(
            folder / KEPT, asked, (Window, Range), lambda: _looked_for(view, folder), by_own=learns_by_own(view.spec)
        )
        return found if found.ranges else None
    return None


def _varies_numbers(view: View) -> bool:
    return any(isinstance(p, Discrete | Continuous) for p in view.space.parameters)


def _looked_for(
    view: View, folder: Path, *, at: Sequence[str] = (), loses: Sequence[str] = (), chance: float = CHANCE
) -> Window:
    from loop.insight.tried import all_tried
    from loop.insight.window import window as looked_for  # brings torch: seconds, only where it is asked for

    objective = build_objective(view.spec)
    lost = amounts_of(objective, loses, "what may be lost", WindowError)
    losses(objective, lost)  # what is asked wrongly is said at once, and not after models have learnt
    earlier, read, _ = what_teaches(view)
    learning = learning_of(view, earlier, read)
    belief = learning.belief
    best = believed(view, folder)
    before = best.candidates[0].settings if best.candidates else None
    if before is None and not at:
        raise WindowError("no best is believed yet; give a value of every parameter with --at")
    wanted = read_candidate(view.space, at, before) if at else before
    assert wanted is not None, "there is a best, or something is asked for"
    x = view.space.coordinates(wanted)
    tried = [t for t in all_tried(view.space, objective, learning.history.observations) if (t.x == x).all()]
    went = next((t.experiments / (t.experiments + t.faults) for t in tried if t.experiments + t.faults), None)
    found = looked_for(view.space, objective, belief, x, loses=lost, chance=chance, seed=learning.seed, went=went)
    return found if found.worst is None else replace(found, measured=times_measured(view, found.worst))
