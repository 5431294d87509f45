"""Playing: a campaign in a world, batch after batch, as the planner would have it; nothing is sent to anybody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs, Purse, Spent
from loop.errors import PoolExhausted, Unproven
from loop.fidelity import is_real
from loop.history import Claim, History, Observation
from loop.memory.earlier import Earlier
from loop.planner import Plan, plan
from loop.policy.paying import reason_to_end
from loop.policy.stopping import reason_to_stop, regret_settled
from loop.record import Arm, ProposalDraft
from loop.rehearsal.worlds import Truth, World
from loop.space import Continuous, Discrete, PointPool, Pool, Space
from loop.space.rows import key_of
from loop.spec import CampaignSpec
from loop.values import values_of

OTHER: Final = 1e6  # what another option counts, beside which no difference of numbers does


@dataclass(frozen=True)
class Play:
    """What was tried, in order.

    Attributes:
        points: Coordinates, ``(n, d)``.
        truths: What is true of each.
        ends: After how many a batch ended.
        spent: What had been spent after each; nothing where nothing costs anything.
        settled: After how many a rule under ``stop`` was met, which ends no play; None where none was.
        why: The reason that it gave.
    """

    points: NDArray[np.float64]
    truths: tuple[Truth, ...]
    ends: tuple[int, ...]
    spent: tuple[Spent, ...] = ()
    settled: int | None = None
    why: str = ""


def play(
    spec: CampaignSpec,
    space: Space,
    world: World,
    history: History,
    *,
    seed: int,
    experiments: int,
    pool: Pool | None = None,
    earlier: Sequence[Earlier] = (),
    costs: Costs | None = None,
    purse: Purse | None = None,
    planner: Callable[..., Plan] = plan,
) -> Play:
    """Go on from a history for so many experiments. What is pending is measured first, and counts among them.

    ``costs`` are what experiments cost, but for what is pending, which is paid; ``purse`` is what may be spent on them,
    None for as much as there is. Ends early where nothing is left to try, or the purse pays for nothing; a rule under
    ``stop`` ends nothing, but is told. Raises what the planner raises besides.
    """
    tried = [p.x for p in history.pending][:experiments]
    ends: list[int] = []
    spent = [Spent()] * (0 if costs is None else len(tried))
    history = _with(replace(history, pending=()), world, np.array(tried)) if tried else history
    if tried:
        ends.append(len(tried))
    rules = spec.model_copy(update={"budget": spec.budget.model_copy(update={"experiments": None})})
    settled, why = None, ""
    rounds = max((c.round for c in history.claims), default=0)  # on record
    while len(tried) < experiments and not _is_spent(space, pool, history) and not reason_to_end(costs, purse):
        left = experiments - len(tried)
        try:
            batch = planner(
                spec,
                history,
                pool,
                seed=seed + len(ends),
                experiments=left,
                earlier=earlier,
                **({} if purse is None else {"purse": purse}),
            )
        except Unproven:
            raise
        except PoolExhausted:
            break
        if settled is None and spec.stop:
            why = reason_to_stop(rules, history, len(tried)) or regret_settled(spec, batch.model.get("regret") or {})
            settled = len(tried) if why else None
        proposals = sorted(batch.proposals, key=lambda p: p.run_order)
        chosen = np.array([space.coordinates(p.candidate.settings) for p in proposals])
        if isinstance(pool, PointPool):
            chosen = nearest(space, chosen, pool.points, _tried(history))
        picked = [x for x, p in zip(chosen, proposals, strict=True) for _ in range(p.replicates)][:left]
        if costs is not None:
            before = spent[-1] if spent else Spent()
            there = costs.having(np.array(history.used).reshape(-1, len(space.names)))
            paid = [there.spent(np.array(picked[: i + 1]), history.last) for i in range(len(picked))]
            spent += [before + one for one in paid]
            purse = None if purse is None else purse.less(paid[-1])
        history = _with(history, world, np.array(picked))
        claims = _claims(space, proposals, history, len(picked), rounds + len(ends) + 1)
        history = replace(history, claims=(*history.claims, *claims))
        tried += picked
        ends.append(len(tried))
    if settled is None and spec.stop and tried and (why := reason_to_stop(rules, history, len(tried))):
        settled = len(tried)
    points = np.array(tried).reshape(len(tried), len(space.parameters))
    truths = tuple(world.truth(points)) if len(points) else ()
    return Play(points, truths, tuple(ends), tuple(spent), settled, why)


def _claims(space: Space, proposals: Sequence[ProposalDraft], history: History, made: int, number: int) -> list[Claim]:
    """What models predicted of the last ``made`` experiments, held against what came: the first of replicates.

    Of versions of a measurement the real thing alone, as on record.
    """
    found, seen = [], list(history.observations[-made:]) if made else []
    for p in proposals:
        first, seen = seen[:1], seen[p.replicates :]
        values = values_of(first[0].outcome) if first and is_real(space, first[0].x[None])[0] else {}
        if p.acquisition == "first" or p.arm is Arm.INITIAL:
            continue
        for said in p.predictions:
            if said.weight is None and said.target in values:
                voices = {v.member: (v.mean, v.sd) for v in p.predictions if v.target == said.target and v.weight}
                found.append(Claim(said.target, said.mean, said.sd, values[said.target], number, voices))
    return found


def nearest(
    space: Space, x: NDArray[np.float64], points: NDArray[np.float64], tried: Collection[bytes] = ()
) -> NDArray[np.float64]:
    """Of ``points``, ``(k, d)``, the nearest to each of ``x``, ``(n, d)``, that is new: itself where it is one of them.

    Continuous numbers are proposed with few digits, and what is best between points lies on none: were it always the
    nearest, one would be tried over and over. Options count before numbers, and these as shares of the range that the
    points have.

    Args:
        space: What the points are of.
        x: What is proposed.
        points: What there is.
        tried: Keys of points that are not new; where all were tried, the nearest answers.
    """
    is_number = np.array([isinstance(p, Continuous | Discrete) for p in space.parameters])
    width = np.ptp(points, axis=0)
    scale = np.where(is_number, np.where(width > 0, width, 1.0), 1.0)
    is_new = np.array([key_of(point) not in tried for point in points])
    found = []
    for row in x:
        apart = np.where(is_number, ((points - row) / scale) ** 2, OTHER * (points != row)).sum(axis=1)
        place = int(apart.argmin())
        if apart[place] > 0 and is_new.any():
            place = int(np.where(is_new, apart, np.inf).argmin())
        is_new[place] = False
        found.append(points[place])
    return np.array(found)


def _tried(history: History) -> set[bytes]:
    return {key_of(o.x) for o in history.observations}


def _is_spent(space: Space, pool: Pool | None, history: History) -> bool:
    """Whether all points were tried of a space that never ends."""
    if space.is_finite or not isinstance(pool, PointPool):
        return False
    return {key_of(point) for point in pool.points} <= _tried(history)


def _with(history: History, world: World, points: NDArray[np.float64]) -> History:
    seen = tuple(
        Observation(f"played {len(history.observations) + i}", x, outcome)
        for i, (x, outcome) in enumerate(zip(points, world.measure(points), strict=True))
    )
    return replace(history, observations=(*history.observations, *seen), last=points[-1])
