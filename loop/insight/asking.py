"""Asking: what a campaign believes now, for whoever asks of it and plans nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from loop.belief import Belief, learn
from loop.derived import derived
from loop.errors import PlanError
from loop.history import History
from loop.memory.earlier import Earlier
from loop.memory.hints import hints_of
from loop.objective import Objective
from loop.space import Space
from loop.spec import CampaignSpec, build_objective, build_space
from loop.training import regression_table


def belief_of(
    spec: CampaignSpec, space: Space, objective: Objective, history: History, earlier: Sequence[Earlier], *, seed: int
) -> Belief:
    """What everything observed, and earlier campaigns, teach; ``space`` and ``objective`` are the spec's.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none.
    """
    return _taught(spec, space, objective, derived(spec, history), earlier, seed)


def _taught(
    spec: CampaignSpec, space: Space, objective: Objective, history: History, earlier: Sequence[Earlier], seed: int
) -> Belief:
    """The same of a history with what it says of derived targets."""
    if spec.planner.surrogate == "random":
        raise PlanError("the campaign uses no model (surrogate: random), so nothing is believed; state another one")
    table, _ = regression_table(space, objective, history)
    hints, _ = hints_of(spec, space, objective, earlier)
    return learn(spec, space, objective, history, table, seed=seed, hints=hints)


class Learning:
    """The same for several who ask: learnt when it is first asked for, and once.

    Args:
        spec: A resolved spec.
        history: What was observed.
        seed: Decides the fit.
        earlier: Earlier campaigns that may tell something of this one.
    """

    def __init__(self, spec: CampaignSpec, history: History, *, seed: int, earlier: Sequence[Earlier] = ()) -> None:
        self.spec, self.history, self.seed, self.earlier = spec, history, seed, earlier

    @cached_property
    def worked_out(self) -> History:
        """The history with what it says of derived targets."""
        return derived(self.spec, self.history)

    @cached_property
    def belief(self) -> Belief:
        """What was learnt; raises what ``belief_of`` does, at every time of asking."""
        space, objective = build_space(self.spec), build_objective(self.spec)
        return _taught(self.spec, space, objective, self.worked_out, self.earlier, self.seed)
