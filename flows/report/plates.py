"""Plates with what came of their wells, so that an edge or a corner that went wrong can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final

from flows.plates.content import laid_out, read_plate
from flows.report.content import Kind, PlateResults, Result, WellResult
from loop.contracts import Ledger
from loop.objective import Target
from loop.outcome import Qualifier
from loop.record import AttemptRecord, Json, ObservationRecord, ProposalRecord, RoundRecord

DRAWN: Final = 12  # the last plates; a page with more is slow to open
NARROW: Final = 0.05  # of what a target can be, below which the colours are spread over what was measured
RETRACTED: Final = "r"  # stands in a well whose result counts no more


def read_plates(
    ledger: Ledger,
    name: str,
    rounds: Sequence[RoundRecord],
    proposals: Sequence[ProposalRecord],
    attempts: Sequence[AttemptRecord],
    results: Iterable[Result],
    observations: Iterable[ObservationRecord],
    targets: Sequence[Target],
) -> tuple[PlateResults, ...]:
    """The plates of a campaign that have results, in order; wells are those that results say, else those planned."""
    contexts = {o.id: o.context for o in observations}
    planned = {(p.round_number, p.draft.position): p.draft.place for p in proposals if p.draft.place is not None}
    found: dict[tuple[str, str], list[Result]] = {}
    gone: dict[tuple[str, str], WellResult] = {}  # of wells whose result was retracted, with the reason
    for result in results:
        place = planned.get((result.round_number, result.position))
        if place is None:
            continue
        context = contexts.get(result.id, {})
        plate, well = str(context.get("plate", place.plate)), str(context.get("well", place.well))
        if result.retracted is not None:
            gone[plate, well] = WellResult(None, RETRACTED, f"its result was retracted: {result.retracted}")
            continue
        found.setdefault((plate, well), []).append(result)
    plates = []
    for number, version in ((r.number, r.version) for r in rounds):
        mine = {well: told for (plate, well), told in found.items() if plate == str(number)}
        without = {well: said for (plate, well), said in gone.items() if plate == str(number) and well not in mine}
        spec = ledger.spec_version(name, version) if mine or without else {}
        placed = [p for p in proposals if p.round_number == number]
        if laid_out(placed, attempts) and spec.get("plate"):
            wells = {t.name: {**without, **{well: _of(told, t) for well, told in mine.items()}} for t in targets}
            plates.append(PlateResults(read_plate(spec, name, number, placed, attempts), wells))
    return tuple(plates)


def scale_of(plates: Iterable[PlateResults], target: Target, spec: Json) -> tuple[float, float]:
    """The ends of the colours of a target, the same for all plates: the limits of the spec, else what was measured.

    Where what was measured takes less than a twentieth of what the spec allows, as impurities do of 100 %, all wells
    would look alike: then it is what was measured, too.
    """
    values = [w.value for p in plates for w in p.wells[target.name].values() if w.value is not None]
    said: Mapping[str, float | None] = (spec.get("objective") or {}).get(target.name) or {}
    low, high = said.get("low"), said.get("high")
    least, most = min(values, default=0.0), max(values, default=1.0)
    if low is not None and high is not None and 0 < most - least < NARROW * (high - low):
        return least, most
    return least if low is None else float(low), most if high is None else float(high)


def _of(told: Sequence[Result], target: Target) -> WellResult:
    """What a well gave: the mean of its values, else the limit or the kind of its failure, the last of them."""
    readings = [r.readings[target.name] for r in told if target.name in r.readings]
    exact = [r.value for r in readings if r.qualifier is Qualifier.EQUAL]
    if exact:
        return WellResult(fmean(exact), f"{fmean(exact):.3g}")
    if readings:
        return WellResult(None, f"{readings[-1].qualifier.value}{readings[-1].value:.3g}")
    last = told[-1]
    if last.fault is not None:
        return WellResult(None, "\N{MULTIPLICATION SIGN}", last.fault.value)
    return WellResult(None, "\N{EN DASH}", last.message if last.kind is Kind.NEGATIVE else "not measured")
