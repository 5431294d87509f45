"""Waiting: the experiments that have no result yet, as a table to be filled in and told."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import TYPE_CHECKING, Any

from flows.engine.looking.view import View
from flows.not_run import refuse_source
from flows.wiring import open_record, targets_in_order
from loop.errors import LedgerError
from loop.record import CampaignState
from loop.spec import beside_of

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.record import AttemptRecord
    from loop.space import Space
    from loop.spec import CampaignSpec


def waiting_rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    """A row for each experiment that waits or runs, in the order of running, with empty cells for what comes of it.

    Columns are those that ``tell`` reads: ``key``, settings and targets with their units, deviations, what is recorded
    beside them, ``outcome`` and ``comment``.

    Raises:
        NotFound: There is no such campaign.
        LedgerError: Nothing waits, or it is a source of another campaign.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        refuse_source(view.campaign)
        pending = sorted(view.pending, key=lambda a: (a.round_number, a.run_order, a.replicate_no))
        if not pending and view.undecided:
            raise LedgerError(
                f"the last batch of {name!r} waits for a person: hakken approve {quote(name)} decides on it"
            )
        if not pending and view.campaign.state is not CampaignState.ACTIVE:
            raise LedgerError(
                f"campaign {name!r} is {view.campaign.state.value}, and no experiment of it waits for its result; "
                f"hakken export {quote(name)} results.csv writes those that came"
            )
        if not pending:
            raise LedgerError(
                f"no experiment of {name!r} waits for its result; hakken run {quote(name)} plans the next batch"
            )
        places = list(dict.fromkeys(at for a in pending for at in _place(a)))
        columns = _columns(view.spec, targets_in_order(settings, view.spec))
        return [_row(view.space, a, places) | dict.fromkeys(columns) for a in pending]


def _row(space: Space, attempt: AttemptRecord, places: list[str]) -> dict[str, Any]:
    place = _place(attempt)
    row: dict[str, Any] = {"key": attempt.key, "run_order": attempt.run_order + 1}
    row |= {at: place.get(at) for at in places}
    units, settings = space.units, space.as_named(attempt.settings, attempt.smiles)  # as ``tell`` reads them
    return row | {f"{n} [{units[n]}]" if units.get(n) else n: settings.get(n) for n in space.shown_names}


def _place(attempt: AttemptRecord) -> dict[str, str]:
    return {} if attempt.place is None else {at: attempt.place.context[at] for at in ("plate", "well")}


def _columns(spec: CampaignSpec, units: Mapping[str, str]) -> list[str]:
    """The columns that a person fills in; ``units`` of the targets, in the order of the columns."""
    results = [c for t, u in units.items() for c in (f"{t} [{u}]" if u else t, f"{t} sd")]
    return [*results, *(f"{n} [{u}]" if u else n for n, u in beside_of(spec).items()), "outcome", "comment"]
