"""Measured tables: every malformation has its message with a line, and look-up is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.errors import TableError
from adapters.table import MeasuredTable
from loop.contracts import ExperimentSpec
from loop.outcome import Qualifier
from tests.adapters.helpers import EXPERIMENT, TABLE


def table(tmp_path: Path, text: str | bytes = TABLE, **more: dict[str, str]) -> MeasuredTable:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    targets = more.get("targets", {"yield": "%"})
    return MeasuredTable(path, more.get("columns", {}), targets, more.get("units", {}))


def ask(**settings: str | float) -> ExperimentSpec:
    return replace(EXPERIMENT, settings={**EXPERIMENT.settings, **settings})


def test_decimal_commas_between_semicolons_are_numbers_and_between_commas_none(tmp_path: Path) -> None:
    german = table(tmp_path, "ligand;temperature;yield\nPPh3;90,0;12,5\nPPh3;105;1e1\n".encode("utf-8-sig"))
    (row,) = german.rows(ask(temperature=90.0))

    assert row.values == {"yield": 12.5}
    with pytest.raises(TableError, match="must hold a finite number, got '1,500'"):
        table(tmp_path, 'ligand,yield\nPPh3,"1,500"\n')


def test_a_parquet_file_is_a_table_and_row_numbers_of_pandas_are_none_of_it(tmp_path: Path) -> None:
    columns = {"ligand": ["PPh3", "PPh3"], "temperature": [90.0, 105.0], "yield": [12.5, 10.0]}
    file = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table({**columns, "__index_level_0__": [0, 1]}), file)
    csv = ",ligand,temperature,yield\n0,PPh3,90,12.5\n1,PPh3,105,10\n"

    for written in (file.getvalue().to_pybytes(), csv):
        (row,) = table(tmp_path, written).rows(ask(temperature=90.0))
        assert row.values == {"yield": 12.5}


def graded(tmp_path: Path, text: str) -> MeasuredTable:
    path = tmp_path / "table.csv"
    path.write_text(text)
    words = {"form": ("clear", "small crystals", "large")}
    return MeasuredTable(path, {}, {"form": ""}, {}, {"form": (1.0, 2.0, 3.0)}, words)


def test_levels_are_read_as_words_in_whatever_case_or_as_numbers(tmp_path: Path) -> None:
    read = graded(tmp_path, "ligand,form\nPPh3,Small Crystals\nPPh3,3\nPPh3,clear\n")

    assert [row.values["form"] for row in read.rows(replace(EXPERIMENT, settings={"ligand": "PPh3"}))] == [2, 3, 1]
    assert [read.graded("form", value) for value in (-4.0, 1.4, 2.6, 9.0)] == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("smal crystals", r"got 'smal crystals' \(did you mean 'small crystals'\?\); mend or remove the row"),
        ("4", "got '4'; mend or remove the row"),
    ],
)
def test_what_is_no_level_is_named_with_those_that_there_are(tmp_path: Path, cell: str, says: str) -> None:
    with pytest.raises(
        TableError, match=r"line 3: column 'form' must hold one of clear, small crystals, large, " + says
    ):
        graded(tmp_path, f"ligand,form\nPPh3,large\ndppf,{cell}\n")


def test_empty_columns_that_a_spreadsheet_leaves_behind_are_passed_over(tmp_path: Path) -> None:
    (row,) = table(tmp_path, "ligand,,temperature,yield,,\nPPh3,,90,12.5,,\n").rows(ask(temperature=90.0))

    assert row.values == {"yield": 12.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv: has no rows"),
        ("ligand,yield\n", "table.csv: has no rows"),
        ("\n\n \n", "table.csv: has no rows"),
        (
            "ligand,amount\nPPh3,1\n",
            "line 1: no column 'yield' for the target; it has ligand, amount; name it by columns",
        ),
        ("ligand,yeild\nPPh3,1\n", "did you mean 'yeild'"),
        ("ligand,yield\nPPh3,nan\n", "line 2: column 'yield' must hold a finite number, got 'nan'"),
        ("ligand,yield\nPPh3,inf\n", "line 2: column 'yield' must hold a finite number, got 'inf'"),
        ("ligand,yield\nPPh3,much\n", "line 2: column 'yield' must hold a finite number, got 'much'"),
        ("ligand,yield\nPPh3,\n", "line 2: column 'yield' must hold a finite number, got an empty cell"),
        ("ligand,yield\nPPh3,<much\n", "line 2: column 'yield' must hold a finite number, got '<much'"),
        ("ligand,yield,ligand\nPPh3,1,PPh3\n", "line 1: column 'ligand' appears twice"),
        ("ligand,,yield\nPPh3,1,2\n", "line 1: column 2 has no name"),
        ("ligand,yield\nP,3,4\n", "line 2: 3 cells, but the header has 2; quote cells that hold commas"),
        ("ligand;yield\nPPh3;4;\n", "line 2: 3 cells, but the header has 2"),
        ('ligand,yield\n"PPh3,4\n', "line 2: not a CSV file"),
        (b"ligand,yield\nPPh3,\x004\n", "table.csv: it is no text; save it as CSV"),
    ],
)
def test_a_malformed_table_is_named_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(TableError) as caught:
        table(tmp_path, text)

    assert message in str(caught.value)


def test_limits_are_kept_as_limits_in_the_targets_unit(tmp_path: Path) -> None:
    text = "ligand;temperature;yield\nPPh3;90;< 0,05\nPPh3;90;>0,98\nPPh3;90;0,5\n"
    rows = table(tmp_path, text, units={"yield": ""}).rows(EXPERIMENT)

    assert [row.values["yield"] for row in rows] == pytest.approx([5, 98, 50])
    assert [row.limits.get("yield") for row in rows] == [Qualifier.BELOW, Qualifier.ABOVE, None]


def test_a_target_that_was_not_measured_is_left_out_and_a_table_of_none_is_named(tmp_path: Path) -> None:
    both = {"yield": "%", "ee": "%"}
    read = table(tmp_path, "ligand,temperature,yield,ee\nPPh3,90,12,\nPPh3,90,NA,80\n", targets=both)

    assert [dict(row.values) for row in read.rows(EXPERIMENT)] == [{"yield": 12}, {"ee": 80}]
    with pytest.raises(TableError, match="line 2: column 'yield' must hold a finite number, got an empty cell"):
        table(tmp_path, "ligand,temperature,yield,ee\nPPh3,90,,\nPPh3,90,,NA\n", targets=both)


@pytest.mark.parametrize("cell", ["", "NA", "nan"])
def test_rows_without_a_value_are_left_out_and_counted(tmp_path: Path, cell: str) -> None:
    read = table(tmp_path, f"ligand,temperature,yield\nPPh3,90,{cell}\nPPh3,90,12\nPPh3,105,{cell}\nPCy3,105,3\n")

    assert [(row.line, dict(row.values)) for row in read.rows(ask(temperature=90.0))] == [(3, {"yield": 12})]
    (problem,) = read.problems(ask(temperature=105.0))
    assert "is in no row of table table.csv (beside 2 rows of which no target has a value)" in str(problem)


def test_a_row_without_a_level_is_left_out(tmp_path: Path) -> None:
    read = graded(tmp_path, "ligand,form\nPPh3,\nPPh3,large\n")

    assert [row.values for row in read.rows(replace(EXPERIMENT, settings={"ligand": "PPh3"}))] == [{"form": 3}]


def test_a_number_that_does_not_apply_has_an_empty_cell(tmp_path: Path) -> None:
    read = table(tmp_path, "ligand,loading,yield\nPPh3,5,40\nnone,,3\n")
    loaded, bare = (
        replace(EXPERIMENT, settings=settings, smiles={})
        for settings in ({"ligand": "PPh3", "loading": 5.0}, {"ligand": "none"})
    )

    assert [row.values["yield"] for asked in (loaded, bare) for row in read.rows(asked)] == [40, 3]
    (problem,) = table(tmp_path, "ligand,loading,yield\nPPh3,,40\n").problems(loaded)
    assert str(problem) == "parameter 'loading': table table.csv has no number in column 'loading'; fill it in"


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no\.csv: cannot be opened \(No such file or directory\); check the path"):
        MeasuredTable(tmp_path / "no.csv", {}, {"yield": "%"}, {})
    with pytest.raises(TableError, match=r"line 1: no column 'Ligand' \(for 'ligand'\).*did you mean 'ligand'"):
        table(tmp_path, columns={"ligand": "Ligand"})
    with pytest.raises(TableError, match="column 'yield': a value in 'eV' cannot be given in '%'"):
        table(tmp_path, units={"yield": "eV"})


def test_blank_lines_a_byte_order_mark_and_quotes_change_nothing(tmp_path: Path) -> None:
    text = "\ufeffligand,temperature,yield\r\n\r\n" + '"PPh3", 90 ,12.5\r\n'

    assert [(row.line, row.values["yield"]) for row in table(tmp_path, text).rows(EXPERIMENT)] == [(3, 12.5)]


def test_rows_of_one_condition_are_replicates_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert [row.values["yield"] for row in table(tmp_path).rows(EXPERIMENT)] == [12.5, 13.5]


def test_numbers_agree_within_a_billionth_and_no_more(tmp_path: Path) -> None:
    assert table(tmp_path).rows(ask(temperature=90 + 5e-8))
    assert not table(tmp_path).rows(ask(temperature=90 + 5e-7))


def test_settings_in_another_unit_are_converted(tmp_path: Path) -> None:
    kelvin = replace(ask(temperature=363.15), units={"temperature": "K"})

    assert len(table(tmp_path, units={"temperature": "degC"}).rows(kelvin)) == 2


def test_values_in_another_unit_are_converted(tmp_path: Path) -> None:
    text = "ligand,temperature,yield\nPPh3,90,0.125\n"

    assert table(tmp_path, text, units={"yield": ""}).rows(EXPERIMENT)[0].values["yield"] == pytest.approx(12.5)


def test_options_are_found_by_structure_however_it_is_written(tmp_path: Path) -> None:
    found = table(tmp_path, columns={"ligand": "structure"})

    assert len(found.rows(EXPERIMENT)) == 2
    (problem,) = found.problems(replace(EXPERIMENT, smiles={"ligand": "CP(C)C"}))
    assert "'PPh3' is not in table table.csv" in str(problem)


def test_a_long_column_is_counted_and_another_may_be_meant(tmp_path: Path) -> None:
    text = "ligand,structure,temperature,yield\n" + "".join(f"L{i},{'C' * i}P,90,{i}\n" for i in range(1, 31))
    asked = replace(EXPERIMENT, settings={"ligand": "L7 hydrochloride"}, smiles={"ligand": "CCP.Cl"})

    (problem,) = table(tmp_path, text, columns={"ligand": "structure"}).problems(asked)

    assert str(problem) == (
        "parameter 'ligand': 'L7 hydrochloride' is not in table table.csv, neither by name nor by structure; it has 30 "
        "others in column 'structure'; take the option out of the space, or rename it, or name the column that has it: "
        "columns: {ligand: ...}"
    )


def test_two_spellings_of_one_structure_are_one_option(tmp_path: Path) -> None:
    text = "ligand,temperature,yield\nCCO,90,1\nOCC,90,2\n"
    asked = replace(EXPERIMENT, settings={"ligand": "ethanol", "temperature": 90.0}, smiles={"ligand": "C(C)O"})

    assert [row.values["yield"] for row in table(tmp_path, text).rows(asked)] == [1.0, 2.0]


def test_what_is_foreseen_is_worded_alike_for_all_values_that_the_table_lacks(tmp_path: Path) -> None:
    read = table(tmp_path)
    hot, hotter, unmeasured, strange = (
        [(p.subject, p.rule, p.remedy) for p in read.foreseen(replace(ask(**settings), smiles={}))]
        for settings in (
            {"temperature": 120.0},
            {"temperature": 130.0},
            {"ligand": "PCy3", "temperature": 105.0},
            {"solvent": "water"},
        )
    )
    none, values = "is in no row of table table.csv", "use values that its column 'temperature' has, or add rows"

    assert (hot, hotter) == ([("temperature 120 degC", none, values)], [("temperature 130 degC", none, values)])
    assert [said[:2] for said in unmeasured] == [("ligand PCy3, temperature 105 degC", none)]
    assert "table table.csv has no column 'solvent'" in strange[0][1]
    assert read.foreseen(EXPERIMENT) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 91.0}, "parameter 'temperature': 91 is not in table table.csv; it has 90, 105; use measured"),
        ({"ligand": "PPh4"}, "'PPh4' is not in table table.csv (did you mean 'PPh3'?); it has PPh3, PCy3"),
        (
            {"ligand": "PCy3", "temperature": 105.0},
            "ligand PCy3, temperature 105 degC: is in no row of table table.csv",
        ),
        ({"solvent": "water"}, "parameter 'solvent': table table.csv has no column 'solvent'"),
        ({"structure": 3.0}, "line 2: column 'structure' must hold a finite number"),
    ],
)
def test_a_condition_without_a_row_is_named_with_the_remedy(
    tmp_path: Path, settings: dict[str, str | float], message: str
) -> None:
    asked = replace(ask(**settings), smiles={})
    (problem,) = table(tmp_path).problems(asked)

    assert message in str(problem)
    assert table(tmp_path).rows(asked) == ()


@pytest.mark.parametrize("columns", [{}, {"temperature": "temperature (K)", "yield": "yield []"}])
def test_a_header_states_the_unit_of_its_column(tmp_path: Path, columns: dict[str, str]) -> None:
    text = "ligand,temperature (K),yield [],run time (h)\nPPh3,363.15,0.125,2\nPPh3,378.15,0.1,2\n"
    read = table(tmp_path, text, columns=columns)
    (problem,) = read.problems(replace(ask(temperature=100.0), smiles={}))

    assert [row.values["yield"] for row in read.rows(replace(ask(temperature=90.0), smiles={}))] == [12.5]
    assert read.parameters == {"ligand", "temperature", "run time"}
    assert "373.15 is not in table table.csv; it has 363.15, 378.15; use measured values" in str(problem)
    assert str(problem).endswith("such as values: [105]")


def test_units_that_are_said_go_before_those_of_headers_and_others_are_refused(tmp_path: Path) -> None:
    text = "ligand,temperature,yield (mg)\nPPh3,90,12.5\n"

    assert table(tmp_path, text, units={"yield": "%"}).rows(EXPERIMENT)[0].values["yield"] == 12.5
    assert table(tmp_path, text, columns={"yield": "yield (mg)"}).rows(EXPERIMENT)[0].values["yield"] == 12.5
    with pytest.raises(TableError, match=r"column 'yield \(mg\)': .*; say in which unit it is: units: {yield: ...}"):
        table(tmp_path, text)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("temperature (K),temperature (degC)", "has no column 'temperature' (did you mean 'temperature (K)'"),
        ("temperature,temperature (K)", ""),  # what is called just so is meant
    ],
)
def test_of_two_columns_that_may_be_meant_none_is_guessed(tmp_path: Path, header: str, says: str) -> None:
    read = table(tmp_path, f"ligand,{header},yield\nPPh3,90,363.15,12.5\n")
    asked = replace(ask(temperature=90.0), smiles={})

    assert says in "; ".join(str(problem) for problem in read.problems(asked))
    assert bool(read.rows(asked)) == (not says)
