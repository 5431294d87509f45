"""A target measured again in further columns, its deviation and its mean are results, and no parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli.starting.guessing import guess_campaign
from flows.importing import Foreign, ImportFault, Source, read_foreign
from loop.spec import read_spec


def read(text: str, *targets: str) -> Foreign:
    goals = dict.fromkeys(targets or ("yield",), "maximize")
    return read_foreign(Source(Path("t.csv"), text.encode(), goals, campaign="c", table="t.csv"))


def parameters(foreign: Foreign) -> list[str]:
    return list(read_spec(foreign.text, source="c.yaml", read=None).space)


@pytest.mark.parametrize(
    "header", ["yield rep2", "yield_rep_2", "Yield (replicate 2)", "rep 2 yield", "yield repeat", "yield.run2"]
)
def test_a_target_measured_again_is_a_result_of_its_own(header: str) -> None:
    foreign = read(f"ligand,yield,{header}\nA,12,14\nB,55,<5\nC,,7\n")

    assert parameters(foreign) == ["ligand"]
    told = [(r.settings["ligand"], r.readings["yield"].value, r.readings["yield"].qualifier) for r in foreign.results]
    assert sorted(told) == [("A", 12, ""), ("A", 14, ""), ("B", 5, "<"), ("B", 55, ""), ("C", 7, "")]
    assert f"column {header} is yield measured again: each value is a result of its own" in foreign.notes
    assert not any("no result" in note for note in foreign.notes)  # the last row has one


def test_targets_measured_again_together_are_one_result() -> None:
    foreign = read(
        "T,yield rep 1 [%],ee rep 1 [%],yield rep 2 [%],ee rep 2 [%]\n20,1,2,3,4\n40,5,6,,\n", "yield rep 1", "ee rep 1"
    )

    assert parameters(foreign) == ["T"]
    assert [{n: v.value for n, v in r.readings.items()} for r in foreign.results] == [
        {"yield rep 1": 3.0, "ee rep 1": 4.0},
        {"yield rep 1": 1.0, "ee rep 1": 2.0},
        {"yield rep 1": 5.0, "ee rep 1": 6.0},
    ]


def test_a_deviation_and_a_count_go_with_the_value() -> None:
    foreign = read("ligand,yield (%),Yield SD (%),n yield\nA,12,1.5,3\nB,55,,2\n", "yield (%)")

    assert parameters(foreign) == ["ligand"]
    assert [r.readings["yield"].sd for r in foreign.results] == [1.5, None]
    assert [r.cells()["yield_n"] for r in foreign.results] == ["3", "2"]


def test_of_values_that_stand_there_one_by_one_the_deviation_says_nothing_more() -> None:
    foreign = read("ligand,yield,yield rep 2,yield sd,mean yield\nA,12,14,1.4,13\nB,55,51,2.8,53\n")

    assert all(r.readings["yield"].sd is None for r in foreign.results)
    assert set(foreign.left) == {
        "column mean yield (going by its name it tells of yield; rename it if it was varied)",
        "column yield sd (what the columns of yield say themselves)",
    }


def test_a_number_alone_is_asked_about() -> None:
    foreign = read("ligand,yield,yield 2\nA,12,14\nB,55,51\n")

    assert parameters(foreign) == ["ligand"]
    (left,) = foreign.left
    assert "is it yield measured again? then call it 'yield rep 2'" in left
    assert len(foreign.results) == 2


def test_numbers_alone_are_asked_about_where_the_first_is_the_target() -> None:
    foreign = read("ligand,signal 1 (%),signal 2 (%),signal 3 (%)\nA,12,14,13\nB,55,51,50\nA,12,1,4\n", "signal 1")

    assert parameters(foreign) == ["ligand"]
    assert (
        "column signal 3 (%) (is it signal 1 measured again? then call them 'signal rep 1' and 'signal rep 3'; was "
        "something else measured? then name it with --target; rename it if it was varied)" in foreign.left
    )


def test_repeats_without_a_column_of_their_own_are_called_by_what_was_measured() -> None:
    foreign = read("ligand,Yield rep 1 (%),Yield rep 2 (%)\nA,12,14\nB,55,51\n", "Yield")

    assert parameters(foreign) == ["ligand"]
    assert [r.readings["Yield"].value for r in foreign.results] == [14.0, 12.0, 51.0, 55.0]
    with pytest.raises(ImportFault, match=r"no column 'yield' .*where 'yield 1', 'yield 2' are it measured again"):
        read("ligand,yield 1,yield 2\nA,12,14\nB,55,51\n")


@pytest.mark.parametrize("header", ["Avg", "Mean (%)", "Mittelwert", "Average", "moyenne", "StDev", "Std. dev.", "RSD"])
def test_what_a_spreadsheet_worked_out_is_not_varied(header: str) -> None:
    foreign = read(f"ligand,yield,{header}\nA,12,13\nB,55,52\nA,14,13.5\n")

    assert parameters(foreign) == ["ligand"]
    why = "going by its name it was worked out of what was measured; rename it if it was varied"
    assert foreign.left == (f"column {header} ({why})",)


def test_what_only_begins_alike_is_varied() -> None:
    foreign = read("yield temperature,T,peak 2,yield\n20,1,3,12\n40,2,4,55\n")

    assert parameters(foreign) == ["yield temperature", "T", "peak 2"]


@pytest.mark.parametrize(
    "header",
    [
        "Conversion (%)",
        "conv. [%]",
        "selectivity",
        "ee (%)",
        "HPLC purity",
        "isolated yield (%)",
        "yield B",
        "TON",
        "d.r.",
        "Faradaic efficiency / %",
        "current efficiency",
        "FE(H2) / %",
        "FE CO [%]",
    ],
)
@pytest.mark.parametrize("cells", [("90", "35", "71"), ("90", "n.d.", "35")], ids=["numbers", "one is lacking"])
def test_what_else_came_out_is_not_varied(header: str, cells: tuple[str, ...]) -> None:
    first, second, third = cells
    text = f"ligand,T,{header},yield A\nA,20,{first},12\nB,30,{second},55\nA,40,{third},60\n"

    foreign, wanted = read(text, "yield A"), read(text.replace("n.d.", ""), "yield A", header)

    assert parameters(foreign) == parameters(wanted) == ["ligand", "T"]
    assert foreign.left == (
        f"column {header} (going by its name it was measured; name it with --target if it is wanted, rename it if it "
        "was varied)",
    )
    assert wanted.left == ()


BEGIN_ALIKE = ("catalyst ee", "amine purity", "yield temperature", "selectivity additive", "tone")
OF_METALS = ("FE", "Fe load", "current")


@pytest.mark.parametrize("header", [*BEGIN_ALIKE, *OF_METALS])
def test_what_only_has_such_a_word_is_varied(header: str) -> None:
    assert parameters(read(f"T,{header},yield\n20,90,12\n30,35,55\n", "yield")) == ["T", header]


def test_a_repeat_that_is_no_number_is_told_as_it_is_and_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("ligand,yield,yield rep 2\nA,12,14\nB,55,lost\n")

    refused = hakken("import", "t.csv", "--target", "yield")
    partly = hakken("import", "t.csv", "--target", "yield", "--partly")

    assert "1 of 4 results of t.csv cannot be used, so nothing was written" in refused.err
    assert "t.csv line 3, measured 2: column 'yield' must hold a finite number, got 'lost'" in refused.err
    assert "3 results put on record" in partly.out
    assert "1 result of t.csv cannot be used; each is kept on record as it came" in partly.err


def test_a_second_column_that_says_the_same_is_no_parameter_either() -> None:
    foreign = read("T,yield,yield sd,yield std,yield n,n yield\n20,1,0.1,0.2,2,3\n40,5,0.5,0.6,4,5\n")

    assert parameters(foreign) == ["T"]
    assert [r.readings["yield"].sd for r in foreign.results] == [0.1, 0.5]
    assert set(foreign.left) == {
        "column yield std (yield sd says it of yield)",
        "column n yield (yield n says it of yield)",
    }


def test_two_columns_of_one_repeat_are_two_results() -> None:
    foreign = read("T,yield,yield rep 2,yield run 2\n20,1,2,3\n40,5,6,\n")

    assert parameters(foreign) == ["T"]
    assert sorted(r.readings["yield"].value for r in foreign.results) == [1, 2, 3, 5, 6]


def test_a_mean_counts_only_where_its_repeats_do_not() -> None:
    foreign = read("ligand,yield,yield rep 1,yield rep 2\nA,10.5,10,11\nB,21,20,21\nC,5,,\nD,30,30,30\n")

    told = [(r.settings["ligand"], r.readings["yield"].value) for r in foreign.results]
    assert sorted(told) == [("A", 10), ("A", 11), ("B", 20), ("B", 21), ("C", 5), ("D", 30), ("D", 30)]
    assert "yield is the mean of its further columns, which count in its place" in foreign.notes


@pytest.mark.parametrize(
    "rows", ["A,10.5,10,11\nB,22,20,21\n", "A,10.5,10,11\nB,20,20,20\n", "A,10.5,10,<11\nB,5,4,6\n"]
)
def test_what_may_be_a_measurement_of_its_own_counts(rows: str) -> None:
    foreign = read(f"ligand,yield,yield rep 1,yield rep 2\n{rows}")

    assert len(foreign.results) == 6


def test_a_standard_is_no_deviation() -> None:
    foreign = read("T,area,area standard,area standard deviation\n20,10,5,0.1\n40,12,6,0.2\n", "area")

    assert [r.readings["area"].sd for r in foreign.results] == [0.1, 0.2]
    assert foreign.left == ("column area standard (going by its name it tells of area; rename it if it was varied)",)


@pytest.mark.parametrize("cell", ["<1", "high"])
def test_a_deviation_that_is_no_number_is_named_with_its_column(cell: str) -> None:
    fault = rf"line 3: column 'yield sd' holds standard deviations, which are finite numbers, got '{cell}'"
    with pytest.raises(ImportFault, match=fault):
        read(f"ligand,yield,yield sd\nA,12,1\nB,55,{cell}\n")


def test_init_says_what_such_columns_are() -> None:
    text = "ligand,yield,yield rep 2\nA,12,14\nB,55,51\nC,,7\n"

    guess = guess_campaign(text, source="t.csv", path="t.csv", campaign="c", targets={"yield": "maximize"})

    assert "# not chosen: yield rep 2 (yield measured again; hakken import tells it)" in guess.text
    assert not guess.can_be_told
    assert guess.rows_with_results == 3


def test_init_asks_of_a_number_alone_where_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("ligand,yield,yield 2\nA,12,14\nB,55,51\n")

    said = hakken("init", "t.csv", "--target", "yield")

    asked = "note: column 'yield 2': is it yield measured again? then call it 'yield rep 2'"
    assert asked in " ".join((said.out + said.err).split())
