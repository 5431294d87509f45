"""What pandas, R and Excel write for a number that is missing counts as an empty cell, and is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.wiring import open_record
from loop.sheets.cells import missing, said_of_missing_numbers

CAMPAIGN = """\
campaign: salts
space:
  cation: {type: category, options: [Na, K, NA]}
  heat: {type: number, low: 0, high: 100, unit: degC}
  humidity: {type: context, unit: "%"}
objective:
  yield: {goal: maximize, unit: "%"}
  form: {goal: maximize, levels: [na, oil, crystals]}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("salts.yaml").write_text(CAMPAIGN)


def test_they_count_as_empty_where_a_number_belongs_and_are_words_elsewhere(hakken: Any, home: Any) -> None:
    Path("told.csv").write_text(
        "cation,heat,yield,yield_sd,yield_n,form,humidity,hours,operator\n"
        "Na,10,5,NaN,1,oil,nan,#N/A,NA\n"
        "NA,20,n/a,NaN,NA,na,30,null,Nora\n"
        "K,30,7,<NA>,,crystals,,,\n"
    )

    told = hakken("tell", "salts.yaml", "told.csv")

    assert told.code == 0, told.err
    assert (
        "cells that say NaN, <NA>, nan, #N/A, null, n/a, NA count as empty: yield_sd (3), humidity (1), hours (2), "
        "yield (1), yield_n (1)"
    ) in " ".join(told.out.split())
    with open_record(home) as ledger:
        first, second, third = ledger.observations("salts")
    assert [dict(o.settings)["cation"] for o in (first, second, third)] == ["Na", "NA", "K"]
    assert {m.property: (m.value, m.sd) for m in first.outcome.measurements} == {"yield": (5, None), "form": (2, None)}
    assert [(m.property, m.value) for m in second.outcome.measurements] == [("form", 1)]  # "na" is a level there
    assert (first.context.get("operator"), "humidity" in first.context) == ("NA", False)
    assert "count as empty" not in hakken("tell", "salts", "told.csv").out  # nothing was added


def test_a_row_of_which_nothing_is_left_is_refused_as_an_empty_one(hakken: Any) -> None:
    Path("told.csv").write_text("cation,heat,yield\nNa,10,NaN\nK,NA,5\nK,20,-\n")

    told = hakken("tell", "salts.yaml", "told.csv")

    assert told.code == 2
    assert "line 2: no value for 'form' or 'yield', and no outcome" in told.err
    assert "line 3: column 'heat' is empty; every parameter needs a value" in told.err
    assert "line 4: column 'yield' must hold a finite number, got '-'" in told.err


@pytest.mark.parametrize(("word", "more"), [("NaN", []), ("PENDING", ["--from", "edbo"])])
def test_a_table_is_imported_with_them(hakken: Any, home: Any, word: str, more: list[str]) -> None:
    Path("scope.csv").write_text(f"ligand,heat,yield\nA,10,5\nB,20,nan\nA,20,{word}\nB,10,7\n")

    done = hakken("import", "scope.csv", "--target", "yield", *more)

    assert done.code == 0, done.err
    assert "count as empty: yield (" in done.out
    with open_record(home) as ledger:
        assert [m.value for o in ledger.observations("scope") for m in o.outcome.measurements] == [5.0, 7.0]


def test_a_campaign_is_begun_from_a_table_with_them(hakken: Any) -> None:
    Path("table.csv").write_text("ligand,heat,yield\nA,10,5\nB,NA,8\nA,20,NaN\nB,10,7\n")

    begun = hakken("init", "table.csv", "--target", "yield")

    assert begun.code == 0, begun.err
    assert "cells that say NA, NaN count as empty: heat (1), yield (1)" in begun.out
    assert "heat: {type: number, values: [10, 20]}" in Path("campaign.yaml").read_text()


def test_a_column_of_words_has_none() -> None:
    assert missing(["Na", "K", "na"]) == frozenset()
    assert missing(["1.5", "na", "<2", ""]) == {"na"}
    assert missing(["nan", "NaN"]) == frozenset()  # nothing says that numbers belong there
    assert said_of_missing_numbers({"yield": []}) == ""
