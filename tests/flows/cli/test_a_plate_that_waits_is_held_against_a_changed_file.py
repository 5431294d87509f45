"""A plate that waits for approval, while its file gets another plate: what of it goes with that no more is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """
campaign: bench
space:
  ligand: {type: category, options: [A, B, C]}
  temperature: {type: number, values: [60, 80], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
plate: {rows: 2, columns: 2, share: {temperature: row}, at_most: {ligand: 3}}
planner: {surrogate: gp, initial: {design: spread, hottest: false}}
budget: {experiments: 8}
laboratory: {adapter: manual, approval: person}
"""
ROWS = "rows: 2, columns: 2, share: {temperature: row}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "bench.yaml"
    file.write_text(FILE)
    return file


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (ROWS, "rows: 1, columns: 4", "a plate of 1 x 4 wells has no B1, B2"),
        ("{temperature: row}", "{temperature: column}", "temperature is not the same all over each column"),
        ("{ligand: 3}", "{ligand: 1}", "of ligand, and 1 may be on one"),
        (ROWS, "rows: 2, columns: 3, share: {temperature: row}", ""),  # its wells are there as well
        ("plate: {rows", "# {rows", ""),  # no plate any more: wells are labels
    ],
)
def test_what_a_changed_file_has_otherwise_of_a_plate_that_waits_is_named(
    hakken: Callable[..., Any], file: Path, before: str, after: str, told: str
) -> None:
    hakken("tick", file)
    assert before in FILE
    file.write_text(FILE.replace(before, after))

    said, status = hakken("tick", file), hakken("status", "bench")

    for shown in (said.out + said.err, status.out):
        assert ("round 1, which waits for approval, was laid out before the campaign file got another" in shown) is (
            told != ""
        )
        assert told in shown


def test_refused_as_it_is_named_then_its_candidates_are_laid_out_anew(hakken: Callable[..., Any], file: Path) -> None:
    small = FILE.replace("[A, B, C]", "[A, B]").replace("{ligand: 3}", "{ligand: 2}")
    file.write_text(small)
    hakken("tick", file)
    file.write_text(small.replace(ROWS, "rows: 1, columns: 4"))
    (said,) = re.findall(r"hakken (approve bench 1 --refuse --meaning again --why) REASON", hakken("tick", file).out)

    refused = hakken(*said.split(), "the block is gone")
    hakken("tick", file)

    assert refused.code == 0, refused.err
    rounds = [hakken("show", "bench", n, "--json").json["proposals"] for n in (1, 2)]
    plates = [[p["proposal"]["draft"] for p in proposals] for proposals in rounds]
    wells = [{p["place"]["well"] for p in plate} for plate in plates]
    assert wells == [{"A1", "A2", "B1", "B2"}, {"A1", "A2", "A3", "A4"}]
    before, after = (sorted(str(p["candidate"]["settings"]) for p in plate) for plate in plates)
    assert before == after  # of these four the space has no others
    assert hakken("replay", "bench", 2).code == 0


def test_a_well_that_was_approved_and_whose_option_is_gone_stops_nothing(
    hakken: Callable[..., Any], file: Path
) -> None:
    four = FILE.replace("[A, B, C]", "[A, B, C, D]").replace("{ligand: 3}", "{ligand: 4}")
    file.write_text(four)
    hakken("tick", file)
    first = hakken("show", "bench", 1, "--json").json["proposals"][0]["proposal"]["draft"]
    gone, number = first["candidate"]["settings"]["ligand"], first["run_order"] + 1
    assert hakken("approve", "bench", 1, number).code == 0
    left = [option for option in "ABCD" if option != gone]

    file.write_text(four.replace("[A, B, C, D]", f"[{', '.join(left)}]").replace("{ligand: 4}", "{ligand: 1}"))
    said, status = hakken("tick", file), hakken("status", "bench")

    assert said.code == 0, said.err
    assert "was not sent yet and will not be: the campaign file was changed since" in said.out
    assert f"(parameter 'ligand' has no option '{gone}')" in said.out
    assert "it has 3 of ligand, and 1 may be on one" in status.out  # of those that are left


def test_a_well_that_was_refused_is_not_counted_on_it(hakken: Callable[..., Any], file: Path) -> None:
    hakken("tick", file)
    drafts = [p["proposal"]["draft"] for p in hakken("show", "bench", 1, "--json").json["proposals"]]
    ligands = [draft["candidate"]["settings"]["ligand"] for draft in drafts]
    alone = next(draft for draft, ligand in zip(drafts, ligands, strict=True) if ligands.count(ligand) == 1)
    assert hakken("approve", "bench", 1, alone["run_order"] + 1, "--refuse", "--why", "dear").code == 0

    file.write_text(FILE.replace("{ligand: 3}", "{ligand: 1}"))

    assert f"it has {len(set(ligands)) - 1} of ligand, and 1 may be on one" in hakken("tick", file).out
