"""A second line of header: units under the names, and what Summit writes under them."""

from __future__ import annotations

from io import BytesIO

import pytest
from openpyxl import Workbook

from loop.sheets.files import read_table_file
from loop.spec import read_table


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_line_of_units_goes_into_the_header(sign: str) -> None:
    text = "Ligand,Base,T,Time,Yield\n,,°C,h,%\nXPhos,K2CO3,80,16,45\nSPhos,K2CO3,100,4,22\n".replace(",", sign)

    file = read_table_file(text.encode())
    rows = read_table(file.text, "t.csv")

    assert rows[0] == (
        3,
        {"Ligand": "XPhos", "Base": "K2CO3", "T [°C]": "80", "Time [h]": "16", "Yield [%]": "45"},
    )
    assert "line 2 holds units, which count as those of the header" in file.said("t.csv")


@pytest.mark.parametrize("word", ["unit", "Units", "Einheit", "[-]"])
def test_the_word_for_units_may_stand_before_them(word: str) -> None:
    file = read_table_file(f"run,c,t\n{word},[mol/L],(min)\n1,2,60\n2,3,120\n".encode())

    assert list(read_table(file.text, "t.csv")[0][1]) == ["run", "c [mol/L]", "t [min]"]


@pytest.mark.parametrize(
    "text",
    [
        "cation,anion,yield\nK,F,\nNa,Cl,3\n",  # names that are units, too
        "metal,yield\nK,\nNa,1\n",
        "a,b\n1,2\n3,4\n",
        "T [°C],yield\n°C,%\n80,1\n",  # the header has units already: a person may say which count
        "T,yield\n°C,lots\n80,1\n",
        "T,yield\n°C,%\n",
        "T,yield\n°C\n80,1\n",
        "T\n",
        "",
    ],
)
def test_any_other_line_is_left_as_it_is(text: str) -> None:
    file = read_table_file(text.encode())

    assert file.text == text
    assert file.said("t.csv") == ""


def test_a_data_set_of_summit_has_its_data_and_not_what_it_says_of_them() -> None:
    text = (
        "NAME,conc,catalyst,yld,strategy\nTYPE,DATA,DATA,DATA,METADATA\n0,1.0,P1-L1,12.3,LHS\n1,1.5,P1-L2,45.3,SOBO\n"
    )

    file = read_table_file(text.encode())

    assert read_table(file.text, "s.csv")[1] == (4, {"": "1", "conc": "1.5", "catalyst": "P1-L2", "yld": "45.3"})
    assert "it is a data set of Summit; its column of metadata strategy is left out" in file.said("s.csv")


def test_the_units_of_a_workbook_go_into_its_header() -> None:
    book, data = Workbook(), BytesIO()
    for row in (["ligand", "T", "yield"], [None, "°C", "%"], ["XPhos", 80, 12.5], ["SPhos", 90, 15]):
        book.active.append(row)
    book.save(data)

    file = read_table_file(data.getvalue())

    assert read_table(file.text, "t.xlsx")[0] == (3, {"ligand": "XPhos", "T [°C]": "80", "yield [%]": "12.5"})
    assert "line 2 holds units" in file.said("t.xlsx")
