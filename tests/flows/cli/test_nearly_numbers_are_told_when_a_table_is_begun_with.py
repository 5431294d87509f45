"""What ``init`` says of cells that are nearly numbers, and of columns that may be read otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def begun(hakken: Callable[..., Any], text: str, *more: str) -> tuple[str, str]:
    """What ``init`` says of a table, and the lines of its space."""
    Path("t.csv").write_text(text, encoding="utf-8")
    said = hakken("init", "t.csv", "--target", "yield", "--force", *more)
    written = Path("campaign.yaml").read_text(encoding="utf-8") if said.code == 0 else ""
    return " ".join((said.out + said.err).split()), written


@pytest.mark.parametrize("minus", ["\N{MINUS SIGN}", "\N{EN DASH}"])
def test_the_minus_sign_of_typeset_tables_makes_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any], minus: str
) -> None:
    monkeypatch.chdir(tmp_path)

    _, written = begun(hakken, f"T [degC],yield\n{minus}78,1\n25,2\n{minus}10,3\n")

    assert "T: {type: number, values: [-78, -10, 25], unit: degC}" in written


@pytest.mark.parametrize("command", ["init", "import"])
@pytest.mark.parametrize("names", [("1_1", "1_2", "10_1"), ("001", "120", "013")])
def test_names_of_digits_are_no_numbers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hakken: Callable[..., Any],
    command: str,
    names: tuple[str, str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, third = names
    Path("t.csv").write_text(f"catalyst,base,yield\n{first},A,1\n{second},B,2\n{third},A,3\n{first},B,4\n")

    said = hakken(command, "t.csv", "--target", "yield")

    assert said.code == 0, said.err
    options = ", ".join(f'"{name}"' for name in names)
    assert f"catalyst: {{type: category, options: [{options}]}}" in Path("campaign.yaml").read_text()


def test_a_word_among_numbers_is_told_and_not_only_taken_for_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)

    word, written = begun(hakken, "T [degC],yield\nrt,1\n25,2\n60,3\n")
    unit, _ = begun(hakken, "T,yield\n25 \N{DEGREE SIGN}C,1\n60 \N{DEGREE SIGN}C,2\n")
    choice, _ = begun(hakken, "base,yield\nA,1\nB,2\n")

    assert "column 'T [degC]' is read as choices: 'rt' is no number" in word
    assert "# 'rt' is no number" in written
    assert "its unit belongs in the header, as in 'T (\N{DEGREE SIGN}C)'" in unit
    assert "read as choices" not in choice


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("10 \N{PLUS-MINUS SIGN} 2,20", "write 10 alone, and 2 in a column 'yield_sd' beside it"),
        ("10%,20%", "the number alone; its unit belongs in the header, as in 'yield (%)'"),
        ("inf,inf,1", "got 'inf', and so must 'inf' in line 3;"),
        ("~5,\N{ALMOST EQUAL TO}7", "holds '~5', '\N{ALMOST EQUAL TO}7', and no number (write 5 alone"),
        ("ca. 5,7", "got 'ca. 5' (write 5 alone"),
        ("20-25,7", "got '20-25' (write the number in between, such as 22.5, and 2.5 in a column 'yield_sd' beside"),
        ("2026-10-05,7", "got '2026-10-05' (a date, as spreadsheets make of 5.10, 5-10 or 3/4; write the number"),
        ("05.10.2026,7", "got '05.10.2026' (a date, as spreadsheets"),
        ("05. Okt,7", "got '05. Okt' (a date, as spreadsheets"),
        ("5-Oct,7", "got '5-Oct' (a date, as spreadsheets"),
        ("1:30,7", "got '1:30' (as a clock shows it; write a number in the column's unit, such as 1.5 for hours)"),
        ("26:00:00,7", "got '26:00:00' (as a clock shows it; write a number in the column's unit, such as 26 for"),
        ("quant.,7", "got 'quant.' (write what it is at least, such as >95)"),
        ("\N{GREATER-THAN OR EQUAL TO}95,7", "got '\N{GREATER-THAN OR EQUAL TO}95' (write >95)"),
        (">95 %,7", "got '>95 %' (the limit alone, >95; its unit belongs in the header, as in 'yield (%)')"),
        ("-,7", "got '-' (empty where it was not measured; what was looked for and not found is a limit, such as <1"),
        ("7,NR,~5,8,NR", "line 3: target 'yield' must hold numbers or limits such as <5, got 'NR' (too little"),
        ("7,NR,~5,8,NR", "and so must '~5' in line 4 (write 5 alone), 'NR' in line 6; mend"),
    ],
)
def test_a_target_that_is_nearly_a_number_is_told_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any], cells: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)

    shown, _ = begun(hakken, "T,yield\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells.split(","))))

    assert said in shown


def test_all_that_is_no_number_among_settings_is_told_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)

    said, _ = begun(
        hakken,
        "T (\N{DEGREE SIGN}C),time,grade,yield\n110,16 h,1-2,1\nreflux,o/n,a,2\nr.t.,30 min,b,3\n80-90,24 h,c,4\n",
    )

    assert "column 'T (\N{DEGREE SIGN}C)' is read as choices: 'reflux' is no number (write the temperature" in said
    assert "nor is 'r.t.' (write the temperature in numbers, such as 20)" in said
    assert "nor is '80-90' (write the one number that was set, such as 85)" in said
    assert "nor is 'o/n' (write the hours, such as 16)" in said
    assert "column 'grade'" not in said


def test_an_import_that_is_refused_says_of_choices_too_and_one_that_is_made_how_to_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = "T (C),base,yield\n60,A,1\nrt,B,2\n80,A,NR\n100,B,4\n"
    Path("t.csv").write_text(table)

    refused = hakken("import", "t.csv", "--target", "yield")
    Path("t.csv").write_text(table.replace("NR", "3"))
    made = hakken("import", "t.csv", "--target", "yield")
    Path("t.csv").write_text(table.replace("NR", "3").replace("rt", "20"))
    anew = hakken("import", "t.csv", "--target", "yield", "--name", "again", "--force")

    said = "column 'T (C)' is read as choices: 'rt' is no number (write the temperature in numbers, such as 20)"
    assert "line 4: column 'yield' must hold a finite number, got 'NR'" in refused.err
    assert said in " ".join(refused.err.split())
    assert said in " ".join(made.out.split())
    assert "import it by another --name where it is on record already" in " ".join(made.out.split())
    assert "4 results put on record" in anew.out, anew.err


def test_a_status_is_no_parameter_and_numbered_ligands_may_be_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)

    _, written = begun(hakken, "ligand,status,yield\n1,COMPLETED,1\n2,FAILED,\n4,COMPLETED,5\n")

    assert "# left out: status" in written
    assert "numbers may be names here: then write type: category" in written
