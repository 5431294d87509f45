"""Previews: the next batch as it would be, with nothing written and nothing sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.campaigns import known_as, resolved_for, usable_file
from flows.engine.looking.suiting import check_laboratory
from flows.engine.looking.unplannable import no_plate
from flows.engine.looking.untried import left_for_now
from flows.engine.looking.view import View, as_recorded
from flows.engine.steps.planners import Planner, default_planner, on_device
from flows.engine.steps.planning import Inputs, first_inputs, goal_reached, next_inputs, on_its_plate
from flows.not_run import refuse_source
from flows.wiring import has_record, open_record
from loop.as_written import as_written
from loop.errors import NothingToGain, PlateError, PoolExhausted
from loop.policy.paying import reason_to_end
from loop.spec import CampaignSpec, parameters_of
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.contracts import Ledger
    from loop.planner import Plan


def preview(settings: Settings, name: str, *, planner: Planner | None = None) -> Plan:
    """The batch that would be planned if it were due now, whatever still runs being pending; with every note on it.

    Raises:
        NotFound: There is no such campaign.
        LedgerError: It is a source of another, of which nothing is run.
        PoolExhausted: The budget is spent, or nothing is left to propose, or nothing that a rule calls worth it.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        refuse_source(view.campaign)
        return _next(settings, view, planner)


def preview_file(settings: Settings, spec_path: Path | str, *, planner: Planner | None = None) -> Plan:
    """The batch that would be planned next if the campaign of a file went on as the file is now.

    Raises:
        SpecError: The file cannot be read, is wrong, or changes what results on record mean.
        AdapterError: Its laboratory cannot be built, or would refuse every experiment.
        PoolExhausted: As for ``preview``.
    """
    spec, laboratory = usable_file(Path(spec_path), settings)
    check_laboratory(laboratory, spec)
    if not has_record(settings):
        return _first(settings, spec, None, planner)
    with open_record(settings) as ledger:
        known = known_as(settings, ledger, spec)
        if known is None:
            return _first(settings, spec, ledger, planner)
        return _next(settings, known.under(as_written(resolved_for(known, spec), parameters_of(spec))), planner)


def _next(settings: Settings, view: View, planner: Planner | None) -> Plan:
    name, left = view.name, view.spec.budget.most - view.spent
    if left <= 0:
        raise PoolExhausted(
            f"campaign {name!r}: the budget of {plural(view.spec.budget.most, 'experiment')} is spent; raise it in "
            "the campaign file to plan more"
        )
    if reason := goal_reached(view):
        raise NothingToGain(f"campaign {name!r}: {reason}; take the rule out of stop in the campaign file to plan more")
    if reason := reason_to_end(view.spending.costs, view.spending.purse):
        raise PoolExhausted(f"campaign {name!r}: {reason}; raise it in the campaign file to plan more")
    if why := no_plate(view):
        raise PlateError(f"campaign {name!r}: {why}")
    try:
        return _planned(settings, next_inputs(view, left), planner)
    except NothingToGain as error:
        raise NothingToGain(
            f"campaign {name!r}: {error}; take the regret out of stop in the campaign file to plan more"
        ) from error
    except PoolExhausted as error:
        if why := left_for_now(view):
            raise PoolExhausted(f"campaign {name!r}: {why}") from error
        raise


def _first(settings: Settings, spec: CampaignSpec, ledger: Ledger | None, planner: Planner | None) -> Plan:
    recorded = CampaignSpec.from_record(as_recorded(spec.resolved()))
    return _planned(settings, first_inputs(recorded, ledger), planner)


def _planned(settings: Settings, inputs: Inputs, planner: Planner | None) -> Plan:
    plan = inputs.plan(planner or on_device(default_planner, settings.device))
    return replace(plan, proposals=tuple(on_its_plate(inputs, plan)), notes=inputs.noted(plan))
