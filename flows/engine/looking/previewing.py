"""Previews: the next batch as it would be, with nothing written and nothing sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.campaigns import read_campaign_file
from flows.engine.looking.view import View
from flows.engine.steps.planners import Planner, default_planner, on_device
from flows.engine.steps.planning import first_inputs, next_inputs
from flows.wiring import open_laboratory, open_record
from loop.errors import NothingToGain, PoolExhausted
from loop.policy.paying import reason_to_end
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.planner import Plan


def preview(settings: Settings, name: str, *, planner: Planner | None = None) -> Plan:
    """The batch that would be planned if it were due now, whatever still runs being pending.

    Raises:
        NotFound: There is no such campaign.
        PoolExhausted: The budget is spent, or nothing is left to propose, or nothing that a rule calls worth it.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        left = view.spec.budget.most - view.spent
        if left <= 0:
            raise PoolExhausted(
                f"campaign {name!r}: the budget of {view.spec.budget.most} experiments is spent; raise it in "
                "the campaign file to plan more"
            )
        if reason := reason_to_end(view.spending.costs, view.spending.purse):
            raise PoolExhausted(f"campaign {name!r}: {reason}; raise it in the campaign file to plan more")
        try:
            return next_inputs(view, left).plan(planner or on_device(default_planner, settings.device))
        except NothingToGain as error:
            raise NothingToGain(
                f"campaign {name!r}: {error}; take the regret out of stop in the campaign file to plan more"
            ) from error


def preview_spec(settings: Settings, spec_path: Path | str, *, planner: Planner | None = None) -> Plan:
    """The first batch of a campaign file that is not on record yet.

    Raises:
        SpecError: The file cannot be read, or is wrong.
        AdapterError: Its laboratory cannot be built.
    """
    path = Path(spec_path)
    spec = read_campaign_file(path, settings)
    open_laboratory(settings, spec, base=path.absolute().parent)
    # The record keeps objects with sorted keys, and the order of parameters and options decides what a seed gives.
    as_recorded = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved(), sort_keys=True)))
    if as_recorded.memory in (None, "off"):  # nothing on record can concern a campaign that is not
        return first_inputs(as_recorded).plan(planner or on_device(default_planner, settings.device))
    with open_record(settings) as ledger:
        return first_inputs(as_recorded, ledger).plan(planner or on_device(default_planner, settings.device))
