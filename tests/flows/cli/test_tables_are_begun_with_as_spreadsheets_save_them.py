"""``init`` and ``import`` read a table as ``tell`` does: its encoding, and the names and units of its headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.cli.small import ONE_NUMBER

TABLE = """\
T (°C);Zeit/h;Lösungsmittel;Ausbeute %
60,5;2;DMF;45,2
80;4;Toluol;71
100;8;Dioxan;<5
60,5;8;Toluol;12
"""
CHINESE = "编号,温度(°C),溶剂,时间/h,催化剂用量 mol%,收率(%)\n1,60,DMF,2,1,45\n2,80,甲苯,4,2,71\n3,90,甲苯,4,5,12\n"
GUESSED = "t.csv is not in UTF-8, and was read as Windows-1252"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def space(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_init_and_import_read_the_encodings_of_spreadsheets(hakken: Any, encoding: str, ends: str) -> None:
    Path("t.csv").write_bytes(TABLE.replace("\n", ends).encode(encoding))

    begun = hakken("init", "t.csv", "--target", "Ausbeute", "-o", "begun.yaml")
    moved = hakken("import", "t.csv", "--target", "Ausbeute", "-o", "moved.yaml")

    assert (begun.code, moved.code) == (0, 0), begun.err + moved.err
    assert space("begun.yaml")["space"] == space("moved.yaml")["space"]
    assert space("moved.yaml")["space"]["T"] == {"type": "number", "values": [60.5, 80, 100], "unit": "°C"}
    assert "4 results put on record" in moved.out
    assert [GUESSED in " ".join(said.out.split()) for said in (begun, moved)] == [encoding == "cp1252"] * 2


def test_a_complete_table_plays_the_laboratory_in_the_encoding_it_is_in(hakken: Any) -> None:
    rows = "".join(f"{base};{t};{i},5\n" for i, base in enumerate(["Lösung", "Gemisch"]) for t in (20, 40))
    Path("t.csv").write_bytes(f"Base;T [°C];yield [%]\n{rows}".encode("cp1252"))

    assert hakken("init", "t.csv", "--target", "yield").code == 0

    assert hakken("run", "campaign.yaml", "--json").json["best"][0]["value"] == 1.5


def test_an_edbo_scope_is_known_in_another_encoding(hakken: Any) -> None:
    Path("t.csv").write_bytes("ligand,t (°C),yield\nA,60,71.5\nB,80,PENDING\nA,80,3\n".encode("utf-16"))

    said = hakken("import", "t.csv", "--goal", "maximize", "--dry-run", "--json").json

    assert (said["format"], said["measured"]) == ("edbo", 2)


def test_headers_in_another_script_are_numbered_and_told(hakken: Any) -> None:
    Path("t.csv").write_text(CHINESE, encoding="utf-8")

    begun = hakken("init", "t.csv", "--target", "收率(%)", "-o", "begun.yaml")
    moved = hakken("import", "t.csv", "--target", "收率", "-o", "moved.yaml")

    assert "column_3 is column '溶剂'" in begun.out
    assert "column_3 is column '溶剂'" in moved.out
    assert "column 编号 (it counts the rows)" in moved.out
    assert "3 results put on record" in moved.out
    units = {name: said.get("unit") for name, said in space("moved.yaml")["space"].items()}
    assert units == {"column_2": "°C", "column_3": None, "column_4": "h", "column_5": "mol%"}


def test_a_wrong_guess_of_the_encoding_is_said_where_a_column_is_not_found(hakken: Any) -> None:
    Path("t.csv").write_bytes(TABLE.encode("cp1252"))

    for command in ("init", "import"):
        said = hakken(command, "t.csv", "--target", "Výtěžek")

        assert said.code == 2
        assert f"({GUESSED}; where its letters are wrong, save it as UTF-8)" in " ".join(said.err.split())


def test_letters_of_another_encoding_are_refused_and_told_rows_of_it_are_kept(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n")
    Path("t.csv").write_bytes(CHINESE.replace("°", "").encode("gbk"))
    commands = (
        ("init", "t.csv", "--target", "收率", "-o", "new.yaml"),
        ("import", "t.csv", "--target", "收率", "-o", "new.yaml"),
        ("tell", "cells", "t.csv"),
        ("tell", "cells", "t.csv", "--source", "Li 2020"),
    )

    for command in commands:
        said = hakken(*command)

        assert said.code == 2
        assert "neither in UTF-8 nor in UTF-16 or Windows-1252, but perhaps in GBK" in " ".join(said.err.split())


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_files_of_options_are_read_as_tables_are_and_a_guess_is_said(hakken: Any, encoding: str) -> None:
    Path("s.csv").write_bytes("Lösungsmittel;Formel\nÄthanol;CCO\nToluol;Cc1ccccc1\n".encode(encoding))
    solvent = {"type": "component", "file": "s.csv", "name": "Lösungsmittel", "smiles": "Formel"}
    said = yaml.safe_dump({**ONE_NUMBER, "space": {"solvent": solvent}}, allow_unicode=True)
    Path("c.yaml").write_text(said, encoding="utf-8")

    checked = hakken("validate", "c.yaml")
    first = hakken("run", "c.yaml", "--max-seconds", "0")

    assert (checked.code, first.code) == (0, 0), checked.err + first.err
    guesses = [GUESSED.replace("t.csv", "s.csv") in " ".join(shown.out.split()) for shown in (checked, first)]
    assert guesses == [encoding == "cp1252"] * 2
    assert "Äthanol" in hakken("show", "cells").out


def test_an_exported_table_is_to_be_told(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4\n")
    hakken("export", "cells", "out.csv")

    for command in ("init", "import"):
        said = hakken(command, "out.csv", "--target", "yield", "-o", "new.yaml")

        assert said.code == 2
        assert "out.csv was written by hakken export: hakken tell CAMPAIGN out.csv brings its results" in said.err
