"""A file that came with a result is linked from where the page lies, and only where it can be reached from there."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from flows.service.pages import Pages
from flows.settings import Settings

CAMPAIGN = """\
campaign: c
space: {base: {type: category, options: [A, B, C]}, t: {type: number, values: [20, 40, 60, 80], unit: degC}}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: random, batch: 2, initial: {experiments: 2}}
budget: {experiments: 8}
laboratory: {adapter: manual}
"""


@pytest.fixture
def with_file(hakken: Any, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A campaign with one result to which a file belongs, on a record that another folder may share."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAKKEN_DATABASE", str(tmp_path / "record.db"))
    Path("c.yaml").write_text(CAMPAIGN)
    hakken("tick", "c.yaml")
    sheet = home.home / "c/laboratory/worksheet.csv"
    rows = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"))))
    rows[0] |= {"yield [%]": "61", "file": "notes.txt"}
    (sheet.parent / "notes.txt").write_text("cloudy")
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    hakken("tick", "c")
    return home


def linked(page: Path) -> list[Path]:
    """Where the links to files lead that are on a page."""
    found = re.findall(r'<a class="attached" href="([^"]*)"', page.read_text(encoding="utf-8"))
    return [Path(os.path.normpath(page.absolute().parent / unquote(link))) for link in found]


def test_it_is_linked_from_wherever_the_page_is_written(hakken: Any, with_file: Settings, tmp_path: Path) -> None:
    pages = (with_file.home / "c/report.html", tmp_path / "else where" / "page.html")
    assert hakken("report", "c", "--out", pages[1]).code == 0

    for page in pages:
        (file,) = linked(page)
        assert file.read_text() == "cloudy"


@pytest.mark.usefixtures("with_file")
def test_it_is_named_and_not_linked_where_another_folder_took_it_in(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKKEN_HOME", str(tmp_path / "other"))
    page = tmp_path / "page.html"
    assert hakken("report", "c", "--out", page).code == 0

    assert linked(page) == []
    assert "notes.txt</span>" in page.read_text(encoding="utf-8")


def test_a_page_that_is_served_links_no_file(with_file: Settings, tmp_path: Path) -> None:
    served = Pages(Settings(with_file.home, str(tmp_path / "record.db"), by="tester")).report("c")

    assert "notes.txt</span>" in served
    assert '<a class="attached"' not in served
