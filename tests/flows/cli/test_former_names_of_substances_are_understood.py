"""A substance that was renamed in the campaign file is known by its former name wherever that is still said."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from db import MemoryLedger
from flows.engine.looking.former_names import with_former_names
from loop.spec import build_space, read_spec

BASES = {"sodium": "[OH-].[Na+]", "potassium": "[OH-].[K+]", "caesium": "[OH-].[Cs+]", "none": None}
RENAMED = {"CsOH": "[OH-].[Cs+]", "NaOH": "[OH-].[Na+]", "nothing": None, "KOH": "[OH-].[K+]"}


def write(options: dict[str, Any], **laboratory: Any) -> str:
    """The campaign file, whose laboratory is a person with worksheets and whose batch is all that there is."""
    spec = {
        "campaign": "small",
        "space": {"base": {"type": "component", "options": options}},
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "random", "batch": 4, "initial": {"design": "random", "experiments": 4}},
        "budget": {"experiments": 20},
        "laboratory": {"adapter": "manual"} | laboratory,
    }
    Path("small.yaml").write_text(json.dumps(spec), encoding="utf-8")
    return "small.yaml"


def rows_of(file: str | Path) -> list[dict[str, str]]:
    with Path(file).open(encoding="utf-8-sig") as table:
        return [*csv.DictReader(table)]


def write_rows(file: str | Path, rows: list[dict[str, str]]) -> None:
    with Path(file).open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def waiting(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The table of a batch that waits, written before the bases were renamed."""
    monkeypatch.chdir(tmp_path)
    assert hakken("run", write(BASES)).code == 0
    assert hakken("export", "small", "before.csv", "--waiting").code == 0
    return rows_of("before.csv")


@pytest.mark.parametrize(("bottles", "former"), [(("caesium", "sodium"), {"X": "Na"}), (("sodium", "caesium"), {})])
def test_a_name_that_stood_for_several_is_the_last_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bottles: tuple[str, str], former: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger, rest = MemoryLedger(), {"KOH": BASES["potassium"]}
    for options in (*({"X": BASES[bottle]} for bottle in bottles), {"Na": BASES["sodium"]}):
        spec = read_spec(Path(write(options | rest)).read_text(), source="small.yaml", read=None)
        version = ledger.open_campaign("small", spec.resolved(), by="ada").version

    (base,) = with_former_names(build_space(spec), ledger, "small", version).parameters

    assert base.former == former


def test_a_table_from_before_is_told(hakken: Any, waiting: list[dict[str, str]]) -> None:
    assert hakken("tick", write(RENAMED)).code == 0
    assert hakken("export", "small", "after.csv", "--waiting").code == 0
    now = rows_of("after.csv")
    assert {row["base"] for row in now} == set(RENAMED)  # as tell reads them
    write_rows("results.csv", [row | {"yield [%]": "40"} for row in (*waiting[:2], *now[2:])])

    said = hakken("tell", "small", "results.csv")

    assert "4 results accepted" in said.out, said.err
    assert "really" not in hakken("show", "small").out  # what ran is what was asked for, by whatever name
    assert {row["base"] for row in rows_of("before.csv")} == set(BASES)


def test_what_was_really_used_counts_by_the_name_that_it_has_now(hakken: Any, waiting: list[dict[str, str]]) -> None:
    by_base = {row["base"]: row for row in waiting}
    write_rows("one.csv", [by_base["sodium"] | {"base": "caesium", "yield [%]": "71"}])
    assert "1 result accepted" in hakken("tell", "small", "one.csv").out
    without = {name: smiles for name, smiles in BASES.items() if name != "caesium"}
    refused = hakken("run", write(without))
    assert refused.code == 2
    assert "has no option 'caesium'" in refused.err

    assert hakken("tick", write(RENAMED)).code == 0

    said = hakken("run", "--dry-run", "small.yaml")
    assert "cannot be read" not in said.out + said.err
    sheet = next(Path().rglob("worksheet.csv"))
    rows = rows_of(sheet)
    other = {"yield [%]": "9", "base": "NaOH"}
    write_rows(sheet, [row | other if row["base"] == "potassium" else row for row in rows])
    assert hakken("tick", "small").code == 0
    hakken("export", "small", "all.csv")
    assert {(row["settings.base"], row["actual.base"]) for row in rows_of("all.csv")} == {
        ("sodium", "caesium"), ("potassium", "NaOH"),
    }  # fmt: skip


@pytest.mark.usefixtures("waiting")
def test_a_ban_knows_what_is_at_work_and_a_result_without_its_key_what_is_waited_for(hakken: Any) -> None:
    assert hakken("tick", write(RENAMED)).code == 0
    Path("keyless.csv").write_text("base,yield\nNaOH,12\n")

    told = hakken("tell", "small", "keyless.csv")
    banned = hakken("ban", "small", "--where", "base=potassium", "--why", "it cakes")

    assert "that of an experiment of round 1 is still waited for" in told.out
    assert "the laboratory has 1 experiment that meets it" in banned.out
    assert "KOH" in str(hakken("decisions", "small", "--json").json)


def test_what_was_not_sent_yet_is_sent_by_the_name_that_it_has_now(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hakken("run", write(BASES, approval="person")).code == 0
    assert hakken("tick", write(RENAMED, approval="person")).code == 0
    assert hakken("approve", "small", "1").code == 0

    assert "4 sent" in hakken("tick", "small").out

    assert {row["base"] for row in rows_of(next(Path().rglob("worksheet.csv")))} == set(RENAMED)
