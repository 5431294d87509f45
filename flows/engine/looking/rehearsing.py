"""Rehearsing: a campaign played many times before its experiments are made, in a table of results or as is believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.engine.campaigns import known_as, read_campaign_file, resolved_for
from flows.engine.looking.answering import AnsweringTable, RehearseError, looked_up, told_table
from flows.engine.looking.histories import seed_of
from flows.engine.looking.view import View, as_recorded
from flows.engine.steps.planning import first_inputs, next_inputs
from flows.not_run import refuse_source
from flows.wiring import emulated_table, has_record, open_record
from loop.costs import Costs, Purse
from loop.errors import PlanError, TooFewPoints
from loop.history import History
from loop.learnt_costs import learn_costs, taken_by
from loop.memory.earlier import Earlier
from loop.policy.paying import said
from loop.space import PointPool, Pool, Space
from loop.space.rows import different
from loop.spec import CampaignSpec, build_objective, build_space, looks_for_hits
from loop.spec.costs import build_costs
from loop.spec.stock import budget_of
from loop.values import values_of

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.rehearsal.rehearsing import Rehearsal
    from loop.rehearsal.standing import Measure
    from loop.rehearsal.worlds import Truth, World

DEFAULT_EXPERIMENTS: Final = 20  # that are played where nothing says how many
DEFAULT_OF_A_TABLE: Final = 50  # the same with a table
MOST_OF_A_TABLE: Final = 200  # that are played with a table where money or hours say how many
FIRST: Final = 0.01  # of a table's candidates, the best of which are the goal where none is named


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it, and in what it was played.

    Attributes:
        campaign: Its name.
        table: The file whose results answered; "" where what is believed did.
        candidates: How many the table has; 0 where there is none.
        known: Results on record that it went on from.
        pending: Experiments that are still running, played first.
        found: What came of it.
        notes: What was not as asked.
        money: What money is counted in; "" where nothing costs any, or nobody says.
    """

    campaign: str
    table: str
    candidates: int
    known: int
    pending: int
    found: Rehearsal
    notes: tuple[str, ...] = ()
    money: str = ""


@dataclass(frozen=True, slots=True)
class _Start:
    """What a rehearsal goes on from."""

    spec: CampaignSpec
    space: Space
    history: History
    earlier: Sequence[Earlier]
    left: int | None  # experiments that the budget leaves
    purse: Purse | None  # what it leaves in money and hours
    notes: tuple[str, ...]


def rehearse(
    settings: Settings,
    campaign: Path | str,
    *,
    table: Path | None = None,
    ignore: Sequence[str] = (),
    experiments: int | None = None,
    plays: int = 20,
    batch: int | None = None,
    goal: float | None = None,
) -> Rehearsed:
    """Play a campaign so many times, and as often by chance; nothing is recorded or sent.

    With a table its results answer, and every play begins with nothing. Without one a campaign goes on from its record,
    and what its models believe answers, each play in a world drawn from it.

    Args:
        settings: The project.
        campaign: A campaign file, which may differ from the record, as a path; or the name of one on record.
        table: A file of results as ``tell`` takes it; the table of the laboratory ``emulator`` where there are no
            results yet.
        ignore: Columns of that file to leave out, by header or name.
        experiments: How many are played, what runs among them; what runs and what the budget leaves, of which no more
            than 20 without a table.
        plays: How many plays of each kind.
        batch: Experiments planned together, where it is not the file's.
        goal: What is to be reached; that of the rule under ``stop``, or the best hundredth of a table.

    Raises:
        RehearseError: It cannot be rehearsed.
        SpecError, NotFound: The file cannot be read, or there is no such campaign.
    """
    if goal is not None and not math.isfinite(goal):
        raise RehearseError(f"--reach is {goal}, which nothing reaches; give a number")
    start = _start(settings, campaign)
    spec = start.spec
    if spec.general is not None:
        raise RehearseError(
            f"campaign {spec.campaign!r} looks for the condition that is best over a scope, which is not rehearsed; "
            f"hakken best says what is believed of it"
        )
    rows = _table(settings, campaign, start, table, ignore)
    from loop.rehearsal.rehearsing import rehearse as play  # brings torch: seconds, only where it is asked for
    from loop.rehearsal.standing import Measure

    if batch is not None:
        if spec.plate is not None:
            raise RehearseError(
                f"campaign {spec.campaign!r} has plates, so --batch says nothing; change the wells under plate"
            )
        spec = spec.model_copy(update={"planner": spec.planner.model_copy(update={"batch": batch})})
    objective = build_objective(spec)
    seed = seed_of(spec.planner.seed, spec.campaign, 0)

    def measure_of(known: Sequence[Truth]) -> Measure:
        return Measure.of_hits(objective) if looks_for_hits(spec, objective) else Measure.of(objective, known)

    history, notes = (History(), rows.notes) if rows else (start.history, start.notes)
    pool: Pool | None = None
    costs = learn_costs(spec, start.space, taken_by(history.observations)).costs
    purse = start.purse if rows is None else _whole_purse(spec)
    if rows is None:
        worlds = _believed(start, seed)
        measure = measure_of([values_of(o.outcome) for o in history.observations])
        count, notes = _count(start, experiments)
    else:
        from loop.rehearsal.worlds import TableWorld, mean_of

        pool = PointPool(different(rows.points))
        measure = measure_of([mean_of([outcome], objective) for outcome in rows.outcomes])
        count = min(experiments or _most(spec, costs, purse), len(pool) * spec.planner.copies)
        points, outcomes = rows.points, rows.outcomes

        def worlds(number: int) -> World:
            return TableWorld(points, outcomes, objective, seed=seed + number)

    if purse is not None and costs is not None:
        has = "has" if rows else "leaves"
        notes = (*notes, f"each play spends {said(purse, costs)} at most, which the budget {has}")
    wanted = goal if goal is not None else _goal(spec, measure, rows)
    found = play(
        spec,
        start.space,
        history,
        worlds,
        measure,
        plays=plays,
        experiments=count,
        seed=seed,
        pool=pool,
        earlier=start.earlier,
        goal=wanted,
        costs=costs,
        purse=purse,
    )
    return Rehearsed(
        spec.campaign,
        "" if rows is None else rows.name,
        0 if pool is None else len(pool),
        len(history.observations),
        len(history.pending),
        found,
        notes,
        costs.unit if costs is not None else "",
    )


def _start(settings: Settings, campaign: Path | str) -> _Start:
    """The campaign of a file, as the record would go on by it, or one on record."""
    if isinstance(campaign, str):
        with open_record(settings) as ledger:
            return _of_record(View(ledger, campaign))
    spec = read_campaign_file(campaign, settings)
    if not has_record(settings):
        return _new(spec, None)
    with open_record(settings) as ledger:
        known = known_as(settings, ledger, spec)
        if known is None:
            return _new(spec, ledger)
        return _of_record(known.under(resolved_for(known, spec)))


def _of_record(view: View) -> _Start:
    refuse_source(view.campaign)
    left = view.spec.budget.most - view.spent
    inputs = next_inputs(view, max(left, 1))
    history = History(
        inputs.history.observations,
        inputs.history.pending,
        kept_out=inputs.history.kept_out,
        impossible=inputs.history.impossible,
        last=inputs.history.last,
        claims=inputs.history.claims,
    )
    has_end = view.spec.budget.experiments is not None
    notes = ("pinned candidates are left out",) if inputs.history.pinned else ()
    most = max(left, 0) if has_end else None
    return _Start(inputs.spec, view.space, history, inputs.earlier, most, inputs.purse, notes)


def _new(spec: CampaignSpec, ledger: Any) -> _Start:
    inputs = first_inputs(CampaignSpec.from_record(as_recorded(spec.resolved())), ledger)
    most = inputs.spec.budget.experiments
    return _Start(inputs.spec, inputs.space, History(), inputs.earlier, most, inputs.purse, ())


def _whole_purse(spec: CampaignSpec) -> Purse | None:
    """What the budget of a campaign that begins has in money, hours and stocks; None where it counts none."""
    purse = budget_of(spec, build_costs(spec, build_space(spec)))
    return None if purse == Purse() else purse


def _most(spec: CampaignSpec, costs: Costs | None, purse: Purse | None) -> int:
    """How many experiments the budget of a campaign that begins has at most; 50 where it counts none."""
    if spec.budget.experiments is not None:
        return spec.budget.experiments
    paid = None if costs is None or purse is None else purse.times(costs.cheapest())
    return DEFAULT_OF_A_TABLE if paid is None else max(min(paid, MOST_OF_A_TABLE), 1)


def _table(
    settings: Settings, campaign: Path | str, start: _Start, file: Path | None, ignore: Sequence[str]
) -> AnsweringTable | None:
    """The results that answer, None where what is believed does."""
    if file is not None:
        return told_table(file, start.spec, start.space, ignore)
    if start.history.observations:
        return None
    base = campaign.absolute().parent if isinstance(campaign, Path) else None
    played = emulated_table(settings, start.spec, base=base)
    if played is None:
        raise RehearseError(
            f"campaign {start.spec.campaign!r} has no results yet, so there is nothing that could answer; give --table "
            "and a file of results of such experiments, or measure first: hakken run --dry-run shows the first batch"
        )
    return looked_up(start.spec, start.space, played)


def _believed(start: _Start, seed: int) -> Callable[[int], World]:
    """Worlds drawn from what is believed of the results so far."""
    from loop.rehearsal.believed import believed_worlds

    try:
        return believed_worlds(start.spec, start.space, start.history, start.earlier, seed=seed)
    except (TooFewPoints, PlanError) as error:
        raise RehearseError(
            f"campaign {start.spec.campaign!r} has too few results to be rehearsed from them ({error}); measure more, "
            "or give --table and a file of results"
        ) from None


def _count(start: _Start, asked: int | None) -> tuple[int, tuple[str, ...]]:
    """How many experiments are played from a record, what runs among them, and the notes."""
    if asked is not None:
        running = len(start.history.pending)
        if asked > running:
            return asked, start.notes
        note = (
            f"what runs already counts among the experiments, which takes all {asked}, and none is planned; ask for "
            f"more than {running}"
        )
        return asked, (*start.notes, note)
    left = DEFAULT_EXPERIMENTS if start.left is None else min(start.left, DEFAULT_EXPERIMENTS)
    if count := len(start.history.pending) + left:
        return count, start.notes
    return DEFAULT_EXPERIMENTS, (*start.notes, f"the budget is spent, so {DEFAULT_EXPERIMENTS} experiments beyond it")


def _goal(spec: CampaignSpec, measure: Measure, table: AnsweringTable | None) -> float | None:
    """What is to be reached where nobody names it: by a rule under ``stop``, or the best hundredth of a table."""
    for rule in spec.stop:
        bound = rule.at_least if measure.shown(1.0) > 0 else rule.at_most
        if rule.target == measure.name and bound is not None:
            return bound
    if table is None or measure.is_hits or measure.is_front:
        return None
    from loop.rehearsal.worlds import TableWorld

    points = different(table.points)
    rows = TableWorld(table.points, table.outcomes, measure.objective, seed=0).truth(points)
    scores = sorted((s for s in map(measure.score, rows) if math.isfinite(s)), reverse=True)
    return measure.shown(scores[max(math.ceil(FIRST * len(points)), 1) - 1]) if scores else None
