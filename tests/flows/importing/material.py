"""What the tests of imports share: the files, what is needed to read some of them, and what is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from expected import Row

from flows.importing import Foreign, Source, read_foreign
from flows.settings import Settings
from flows.wiring import open_record
from loop.outcome import Fault, Measured, Measurement, Negative
from loop.record import ObservationRecord

DATA = Path(__file__).parent / "data"


def need(format: str) -> None:
    """Skip where ORD records cannot be read; with HAKKEN_REQUIRE_ALL a skip fails."""
    if format == "ord":
        pytest.importorskip("ord_schema", reason="ORD records need ord-schema: pip install 'hakken[ord]'")


def read(name: str, format: str | None = None, *, study: str = "", **goals: str) -> Foreign:
    """A file of ``data``, read."""
    path = DATA / name
    source = Source(path, path.read_bytes(), goals, study=study, campaign="c", table=str(path))
    return read_foreign(source, format)


def on_record(settings: Settings, campaign: str) -> list[Row]:
    """Every observation in the words of ``expected``, in the order of the file."""
    with open_record(settings) as ledger:
        return [_row(o) for o in ledger.observations(campaign)]


def _row(o: ObservationRecord) -> Row:
    settings = dict(o.settings)
    match o.outcome:
        case Measured(measurements):
            return settings, {m.property: _value(m) for m in measurements}
        case Negative(reason, measurements):
            limits = ", ".join(f"{m.property} {m.qualifier.value} {m.value}" for m in measurements)
            return settings, f"negative: {reason} ({limits})"
        case Fault(kind, message, _):
            return settings, f"{kind.value}: {message}"
    raise AssertionError(o.outcome)


def _value(m: Measurement) -> Any:
    assert m.canonical == m.value
    return m.value if m.sd is None else (m.value, m.sd)
