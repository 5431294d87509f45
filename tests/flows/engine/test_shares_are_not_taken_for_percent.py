"""Fractions and percentages in told tables: what is probably the other one is refused, or said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.engine import tell
from flows.settings import Settings
from flows.wiring import open_record
from tests.flows.engine.bench import add

BLEND = {"solvent": {"type": "mixture", "parts": ["water", "ethanol", "DMSO"]}}


def told(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "told.csv"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("50,50,0", r"sum to 100, and they .*; where they are percent, write 'solvent.water \[%\]', 'solvent.ethanol"),
        ("50,50,", r"sum to 100, and they are fractions that sum to one; where they are percent, write"),
        ("0.5,0.3,0.4", "the parts of 'solvent' sum to 1.2, and they are fractions that sum to one; correct the row"),
        ("0.5,0.3,0.1", "the parts of 'solvent' sum to 0.9, and they are fractions that sum to one; correct the row"),
    ],
)
def test_a_told_blend_whose_parts_do_not_sum_to_one_is_refused(
    settings: Settings, tmp_path: Path, cells: str, says: str
) -> None:
    add(settings, tmp_path, space=BLEND)
    header = "solvent.water,solvent.ethanol,solvent.DMSO,yield\n"
    report = tell(settings, "small", told(tmp_path, f"{header}{cells},60\n0.33,0.33,0.33,70\n"), by="tester")

    assert report.accepted == 1  # thirds, as people round them
    (problem,) = report.problems
    assert re.search(says, problem)


def test_a_blend_in_percent_counts_where_its_header_says_so(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=BLEND)
    header = "solvent.water [%],solvent.ethanol (%),solvent.DMSO [%],yield\n"
    tell(settings, "small", told(tmp_path, f"{header}50,25,25,60\n"), by="tester")
    with open_record(settings) as ledger:
        (seen,) = ledger.observations("small")

    assert dict(seen.settings) == {"solvent.water": 0.5, "solvent.ethanol": 0.25, "solvent.DMSO": 0.25}


@pytest.mark.parametrize(
    ("header", "values", "is_asked"),
    [
        ("yield", [0.7, 0.2, 0.95, 0.0, 1.0], True),
        ("yield", [0.7, 0.2, 0.95, 0.0, 1.1], False),
        ("yield", [0.7, 0.2], False),  # a few may well be so small
        ("yield", [0.7, 0.2, 0.95], True),
        ("yield", [0.7, 0.2, 0.0], False),
        ("yield", [0.05, 0.1, 0.2], False),  # traces, as of an impurity
        ("yield [%]", [0.7, 0.2, 0.95, 0.0, 1.0], False),
        ("yield []", [0.7, 0.2, 0.95, 0.0, 1.0], False),
    ],
)
def test_values_in_percent_that_may_be_fractions_are_asked_about(
    settings: Settings, tmp_path: Path, header: str, values: list[float], is_asked: bool
) -> None:
    add(settings, tmp_path)
    rows = "".join(f"water,KOAc,{i % 5 + 1},{value}\n" for i, value in enumerate(values))
    report = tell(settings, "small", told(tmp_path, f"solvent,base,step,{header}\n{rows}"), by="tester")

    asked = (
        f"all {len(values)} values of yield lie from {min(values):g} to {max(values):g} %; where they are fractions, "
        "write 'yield []' in the header and tell "
        f"the table again, once each of its rows is taken back, such as by hakken retract small "
        f"{report.observations[0]} --why FRACTIONS"
    )
    assert report.notes == ((asked,) if is_asked else ())
