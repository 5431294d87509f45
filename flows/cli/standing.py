"""The best candidates of a campaign, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.cli.screen import Screen
from flows.labels import label_of
from loop.outcome import Measured, Qualifier

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.contracts import Ledger
    from loop.objective import Target


def show_best(screen: Screen, where: Settings, campaign: str, n: int) -> None:
    """A table of the ``n`` best results for each wanted target."""
    from flows.report.results import read_objective
    from flows.wiring import open_record

    with open_record(where) as ledger:
        spec = ledger.campaign(campaign).spec
        for t in read_objective(spec).wanted:
            target, wanted = t.name, spec["objective"][t.name]
            rows = _best(ledger, campaign, t)
            unit = f" [{wanted['unit']}]" if wanted.get("unit") else ""
            nearest = f"{target} nearest to {t.value:g}" if t.value is not None else ""
            title = nearest or f"{'highest' if t.sign > 0 else 'lowest'} {target}"
            has_structure = any(row[2] for row in rows)
            columns = (f"{target}{unit}", "candidate", *(("SMILES",) if has_structure else ()), "round")
            if rows:
                shown = [row if has_structure else (*row[:2], row[3]) for row in rows[:n]]
                screen.table(columns, shown, title=title)


def _best(ledger: Ledger, campaign: str, target: Target) -> list[tuple[object, ...]]:
    spec = ledger.campaign(campaign).spec
    rows: list[tuple[float, tuple[object, ...]]] = []
    for observation in ledger.observations(campaign):
        if not isinstance(observation.outcome, Measured):
            continue
        exact = [
            m.canonical
            for m in observation.outcome.measurements
            if m.property == target.name and m.qualifier is Qualifier.EQUAL
        ]
        if exact:
            value = sum(exact) / len(exact)
            smiles = next(iter(observation.smiles.values())) if len(observation.smiles) == 1 else None
            row = (value, label_of(spec, observation.settings), smiles, observation.round_number or "told")
            rows.append((-target.worth(value), row))
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows]
