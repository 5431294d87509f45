"""Excel workbooks: the sheet in front is read, cells as they are shown, and nothing is guessed where it matters."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from loop.analysis.formats import is_cut_off, read_file
from loop.errors import AnalysisError, SpecError
from loop.sheets.files import read_table_file, table_called
from loop.sheets.workbooks import NoWorkbook, read_sheets, read_workbook
from loop.spec import read_table
from tests.workbooks import workbook


def rows_of(data: bytes) -> list[tuple[int, dict[str, str]]]:
    return read_table(read_table_file(data).text, "t.xlsx")


def with_formula(value: str, *, kind: str = "", calculated: bool = True) -> bytes:
    """A workbook in which A2 is a formula with what the file has as its value."""
    book = openpyxl.Workbook()
    book.active.append(["yield"])
    book.active.append(["=6*7"])
    book.calculation.fullCalcOnLoad = not calculated
    made, data = io.BytesIO(), io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(data, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                start = part.index(b'<c r="A2"')
                end = part.index(b"</c>", start)
                part = part[:start] + f'<c r="A2"{kind}><f>6*7</f>{value}'.encode() + part[end:]
            new.writestr(name, part)
    return data.getvalue()


def test_rows_keep_their_numbers_and_cells_their_letters() -> None:
    data = workbook({"Data": [[], ["ligand", "T", "yield"], ["Größe\n2", 80, 45.2], [], ["  B ", 90.0, "<5"]]})

    assert rows_of(data) == [
        (3, {"ligand": "Größe 2", "T": "80", "yield": "45.2"}),
        (5, {"ligand": "B", "T": "90", "yield": "<5"}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (45.199999999999996, "45.2"),
        (1e-12, "1e-12"),
        (-3, "-3"),
        (True, "TRUE"),
        (datetime(2026, 11, 3), "2026-11-03"),
        (date(2026, 11, 3), "2026-11-03"),
        (datetime(2026, 11, 3, 14, 30), "2026-11-03T14:30:00"),
        (timedelta(hours=26, minutes=30), "26:30:00"),
        (-timedelta(minutes=90), "-1:30:00"),
        ("#N/A", "#N/A"),
    ],
)
def test_a_cell_says_what_it_shows(value: Any, text: str) -> None:
    ((_, row),) = rows_of(workbook({"Data": [["what"], [value]]}))

    assert row["what"] == text


@pytest.mark.parametrize(
    ("header", "cells", "name", "read"),
    [
        ("yield", [0.85, 0.125], "yield [%]", ["85", "12.5"]),
        ("yield (%)", [0.85, 0.125], "yield (%)", ["85", "12.5"]),
        ("load/mol%", [0.05, 0.1], "load/mol%", ["5", "10"]),
        ("yield []", [0.85, 0.125], "yield []", ["0.85", "0.125"]),
        ("base [mol]", [0.85, 0.125], "base [mol]", ["0.85", "0.125"]),
    ],
)
def test_percent_is_read_as_it_is_shown(header: str, cells: list[float], name: str, read: list[str]) -> None:
    rows = rows_of(workbook({"Data": [["n", header], [1, cells[0]], [2, cells[1]], [3, "n.d."]]}, percent="B"))

    assert [row[name] for _, row in rows] == [*read, "n.d."]


def test_percent_beside_other_numbers_is_left_to_be_asked_about() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook({"Data": [["yield"], [0.85], [0.5]]})))
    book.active["A2"].number_format = "0%"
    data = io.BytesIO()
    book.save(data)

    assert [row["yield"] for _, row in rows_of(data.getvalue())] == ["85%", "0.5"]


def test_a_percent_sign_in_words_or_quoted_is_no_percent() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook({"Data": [["yield"], [85]]})))
    book.active["A2"].number_format = '0.0" %"'
    data = io.BytesIO()
    book.save(data)

    assert rows_of(data.getvalue()) == [(2, {"yield": "85"})]


def test_numbers_keep_their_point_beside_typed_decimal_commas() -> None:
    rows = rows_of(workbook({"Data": [["T", "yield"], [1.25, 1.234], [2, "45,5"], [3, "12,5"]]}))

    assert [float(row["yield"]) for _, row in rows] == [1.234, 45.5, 12.5]


def test_the_sheet_in_front_is_read_and_said() -> None:
    sheets = {"Notes": [["made by Ada"]], "Week 1": [["t", "yield"], [1, 2]], "Week 2": [["t", "yield"], [3, 4]]}
    file = table_called("t.xlsx", workbook({**sheets, "Lists": [["x"]], "Empty": []}, front="Week 1", hidden=["Lists"]))

    assert read_table(file.text, "t.xlsx") == [(2, {"t": "1", "yield": "2"})]
    assert file.said("t.xlsx") == (
        "t.xlsx: sheet 'Week 1' was read, which was in front when it was saved, and not 'Notes', 'Week 2'; where "
        "another is meant, bring it to the front and save"
    )
    assert table_called("t.xlsx", workbook({"Data": [["t"], [1]]})).said("t.xlsx") == ""
    assert (
        table_called("t.xlsx", workbook({**sheets, "Empty": []}, front="Empty"))
        .said("t.xlsx")
        .startswith(
            "t.xlsx: sheet 'Notes' was read, since that in front holds no cells, and not 'Week 1', 'Week 2'; where"
        )
    )


def test_hidden_rows_and_merged_cells_are_said() -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    for row in [["ligand", "t", "yield"], ["A", 1, 2], [None, 2, 3], ["B", 1, 4], [None, 2, 5], ["C", 1, 6]]:
        sheet.append(row)
    for place in ("A4:A5", "A2:A3", "B6:C6"):
        sheet.merge_cells(place)
    for row in (3, 5, 9):
        sheet.row_dimensions[row].hidden = True
    book.save(file)

    assert table_called("t.xlsx", file.getvalue()).said("t.xlsx") == (
        "t.xlsx: what is hidden counts, too: row 3, row 5; delete what is not to count; of merged cells only the first "
        "row has the value: A2:A3, A4:A5; write it into each"
    )


@pytest.mark.parametrize("state", ["visible", "hidden"])
def test_formulas_of_a_sheet_that_is_not_read_are_no_matter(state: str) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (["t"], [1]):
        book.active.append(row)
    other = book.create_sheet("Sums")
    other.append(["=6*7"])
    other.merge_cells("A2:A3")
    other.sheet_state = state
    book.save(file)

    assert rows_of(file.getvalue()) == [(2, {"t": "1"})]
    if state == "visible":
        with pytest.raises(NoWorkbook, match=r"\(A1 of sheet 'Sums'\)"):
            read_sheets(file.getvalue())
    else:
        assert [sheet.title for sheet in read_sheets(file.getvalue())] == ["Sheet"]


def test_a_workbook_of_excel_on_the_web_is_one() -> None:
    data, new = workbook({"Data": [["t"], [1]]}), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            part = old.read(name)
            if name in ("[Content_Types].xml", "_rels/.rels"):
                part = part.replace(b"xl/workbook.xml", b"xl/workbook2.xml")
            archive.writestr(name.replace("workbook.xml", "workbook2.xml"), part)

    assert rows_of(new.getvalue()) == [(2, {"t": "1"})]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            lambda: with_formula("<v/>"),
            r"formulas that were never worked out \(A2 of sheet 'Sheet'\); open it in a spreadsheet program",
        ),
        (lambda: with_formula(""), r"formulas that were never worked out \(A2 of"),
        (lambda: with_formula("<v>0</v>", calculated=False), r"formulas that were never worked out \(A2 of"),
        (lambda: workbook({"Data": []}), "in which no cell holds anything; save the one that has the table"),
        (
            lambda: workbook({"Data": [["a"], [1]]})[:-40],
            "damaged or not saved to its end .*; save it anew, or save",
        ),
        (lambda: _zip({"a.txt": "a"}), "an archive, and no table; unpack it first"),
        (lambda: _zip({"mimetype": "x", "content.xml": "x"}), "an OpenDocument file; save it as an Excel workbook"),
        (lambda: _zip({"xl/workbook.bin": "x"}), r"a binary Excel workbook \(.xlsb\); save it as .xlsx"),
        (
            lambda: _zip({"xl/workbook.xml": '<workbook xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"/>'}),
            r'a "Strict Open XML" workbook; save it as "Excel Workbook" \(.xlsx\)',
        ),
        (lambda: _zip({"xl/workbook.xml": "<workbook"}), "damaged or not saved to its end"),
        (
            lambda: _with_part("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r='1'><c"),
            "damaged or not saved",
        ),
        (lambda: _with_part("xl/styles.xml", b"<styleSheet"), "damaged or not saved"),
        (lambda: _overwritten(workbook({"Data": [["a", "b"], *([n, n * 0.1] for n in range(400))]})), "damaged or not"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(data: Callable[[], bytes], says: str) -> None:
    with pytest.raises(NoWorkbook, match=says):
        read_workbook(data())
    with pytest.raises(SpecError, match=rf"t.xlsx is .*{says}"):
        table_called("t.xlsx", data())


@pytest.mark.parametrize("kind", ["", ' t="str"'])
def test_formulas_count_as_their_values(kind: str) -> None:
    value = "<v>42</v>" if not kind else "<v></v>"

    assert [row for _, row in rows_of(with_formula(value, kind=kind))] == ([{"yield": "42"}] if not kind else [])


def test_old_workbooks_are_called_what_they_are() -> None:
    with pytest.raises(SpecError, match=r"t.xls is an old Excel workbook \(.xls\) or one with a password; save it as"):
        table_called("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))


def test_an_instrument_s_workbook_is_read_sheet_by_sheet() -> None:
    peaks = [["Sample name", "RT [min]", "Area"], ["A1", 1.25, 100], ["A1", 2.5, 50.5], ["A2", 1.25, 80]]
    other = [["Plate: P7"], [], ["Well", "Absorbance"], ["B1", 0.125], ["B2", 0.25]]
    data = workbook({"Method": [["flow", "1 mL/min"]], "Peaks": peaks, "Reader": other})

    found = read_file("run.xlsx", data)

    assert [(r.label.sample, [(p.at, p.area) for p in r.peaks or ()]) for r in found[:2]] == [
        ("A1", [(1.25, 100.0), (2.5, 50.5)]),
        ("A2", [(1.25, 80.0)]),
    ]
    assert found[0].where == "sheet 'Peaks', line 2"
    assert [(r.label.plate, r.label.well, dict(r.signals)) for r in found[2:]] == [
        ("7", "B1", {"Absorbance": 0.125}),
        ("7", "B2", {"Absorbance": 0.25}),
    ]
    assert not is_cut_off(data)


def _percent(rows: list[list[Any]], *places: str) -> bytes:
    """A workbook of one sheet in which the cells at these places show their numbers in percent."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    for place in places:
        book.active[place].number_format = "0.0%"
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("rows", "places", "plate", "read"),
    [
        ([["Plate", "P1"], [], ["Well", "Viability"], ["A1", 0.853], ["A2", 0.2]], ("B4", "B5"), "1", [85.3, 20]),
        ([["Heat", 37], ["Well", "Viability"], ["A1", 0.853], ["A2", None]], ("B3",), "", [85.3]),
        ([["Well", "Part [1]"], ["A1", 0.853], ["A2", 0.2]], ("B2", "B3"), "", [0.853, 0.2]),
        ([["Well", "Part [%]"], ["A1", 0.853], ["A2", 20]], ("B2",), "", [85.3, 20]),
        ([["Plate", "P1"], ["", 1, 2], ["A", 0.1, 0.2]], ("B3", "C3"), "1", [10, 20]),
    ],
)
def test_percents_of_an_instrument_are_what_they_show_wherever_its_table_begins(
    rows: list[list[Any]], places: tuple[str, ...], plate: str, read: list[float]
) -> None:
    found = read_file("run.xlsx", _percent(rows, *places))

    assert {r.label.plate or "" for r in found} == {plate}
    assert [v for r in found for v in r.signals.values()] == pytest.approx(read)


def test_tables_of_an_instrument_on_one_sheet_have_percents_of_their_own() -> None:
    rows = [["Well", "OD"], ["A1", 0.5], [], ["Well", "Viability"], ["A1", 0.853]]

    (found,) = read_file("run.xlsx", _percent(rows, "B5"))

    assert dict(found.signals) == {"OD": 0.5, "Viability": 85.3}
    with pytest.raises(AnalysisError, match="line 3: signal must be a finite number, got '20%'"):
        read_file("run.xlsx", _percent([["Well", "Viability"], ["A1", 0.853], ["A2", 0.2]], "B3"))


@pytest.mark.parametrize(
    ("sheets", "says"),
    [
        ({"A": [["x"]], "P": [["Sample", "RT", "Area"], ["A1", "soon", 3]]}, "run.xlsx: sheet 'P', line 2: .* number"),
        ({"P": [["Sample", "RT", "Area"], ["A1", "soon", 3]]}, "run.xlsx: line 2: .* must be a finite number"),
        ({"P": [["nothing", "here"]]}, "run.xlsx: no table is found in it"),
    ],
)
def test_what_is_wrong_with_an_instrument_s_workbook_names_its_sheet(sheets: Any, says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        read_file("run.xlsx", workbook(sheets))


def _with_part(name: str, part: bytes) -> bytes:
    """A workbook in which one part is another."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook({"Data": [["a"], [1]]}))) as old, zipfile.ZipFile(data, "w") as new:
        for n in old.namelist():
            new.writestr(n, part if n == name else old.read(n))
    return data.getvalue()


def _overwritten(data: bytes) -> bytes:
    """A file whose middle a bad disk wrote anew."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 200
    return data[:at] + bytes(300) + data[at + 300 :]


def _zip(parts: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return data.getvalue()
