"""A project's folder that this user may only read: whatever only looks works on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def only_read(request: pytest.FixtureRequest, hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a campaign that was run, which the system says may not be written: root may write all."""
    request.getfixturevalue("small_campaign")
    assert hakken("run", "small.yaml").code == 0
    folder, asked = Path(home.home).absolute(), os.access

    def access(path: str | Path, mode: int, **beside: Any) -> bool:
        is_inside = Path(path).absolute().is_relative_to(folder)
        return asked(path, mode, **beside) and not (mode & os.W_OK and is_inside)

    monkeypatch.setattr(os, "access", access)
    return folder


def test_it_is_looked_at(hakken: Any, only_read: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(only_read))
    page = tmp_path / "page.html"

    for looked in (
        hakken("status"),
        hakken("show", "small"),
        hakken("best", "small"),
        hakken("audit", "verify"),
        hakken("replay", "small"),
        hakken("metrics"),
        hakken("export", "small", tmp_path / "small.csv"),
        hakken("report", "small", "--out", page),
    ):
        assert looked.code == 0, looked.err
    record = next(c for c in hakken("doctor", "--json").json["checks"] if c["subject"] == "record")

    assert (record["verdict"], record["remedy"]) == ("note", "what only looks works")
    assert record["found"].endswith("1 campaign; runs/hakken.db is read-only here")
    assert "<h1" in page.read_text("utf-8")
    assert len((tmp_path / "small.csv").read_text("utf-8").splitlines()) == 5
    assert sorted(os.listdir(only_read)) == before


@pytest.mark.usefixtures("only_read")
def test_a_page_is_written_elsewhere(hakken: Any, tmp_path: Path) -> None:
    said, table = hakken("report", "small"), hakken("report", "small", "--out", "small.yaml")

    assert said.code == 2
    assert "report.html cannot be written" in said.err
    assert "hakken report small --out FILE.html writes the page elsewhere" in said.err
    assert table.code == 2
    assert "--out small.yaml: a page is a file that ends in .html" in table.err
    assert (tmp_path / "small.yaml").read_text("utf-8").startswith("campaign: small")
