"""The manual laboratory's form in Debian's chromium, offline: what is typed comes back as a table that is taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.files.rows import Columns
from adapters.manual.form import form as form_text
from flows.engine import tick
from flows.settings import Settings
from tests.flows.engine.bench import add, cheap_planner, story_of

RELOADS = 20
pytestmark = pytest.mark.browser


def reload_until_filled(page: Any) -> None:
    """Reload until a draft is there. Chromium hands storage on between processes, a moment late on a busy machine, and
    what was typed in the moment before a reload can be lost: nobody reloads so fast."""
    for _ in range(RELOADS):
        page.wait_for_timeout(500)
        page.reload()
        if page.locator("fieldset.filled").count():
            return
    pytest.fail(f"nothing that was typed is remembered after {RELOADS} reloads")


def test_what_is_typed_is_remembered_given_back_and_taken_in(tmp_path: Path, browser: Any) -> None:
    settings = Settings(tmp_path / "runs", by="tester")
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    tick(settings, "small", planner=cheap_planner)
    folder = settings.folder("small") / "laboratory"
    form, photo = folder / "worksheet-form.html", folder / "vial.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n of a vial")
    context = browser.new_context(offline=True, accept_downloads=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(form.as_uri())
    boxes = page.locator("fieldset")
    boxes.nth(0).locator('input[name="yield [%]"]').fill("61,5")
    boxes.nth(0).locator('input[name="comment"]').fill('clear, "yellow"')
    boxes.nth(0).locator('input[type="file"]').set_input_files(str(photo))
    reload_until_filled(page)  # what was typed is remembered
    boxes.nth(2).locator('select[name="outcome"]').select_option("negative")
    said = page.locator("#bar span").inner_text()
    with page.expect_download() as given:
        page.locator("#bar button").click()
    given.value.save_as(folder / given.value.suggested_filename)
    context.close()

    report = tick(settings, "small", planner=cheap_planner)
    results = {outcome for *_, outcome in story_of(settings).results}
    assert said == "2 of 4 filled in. Put beside it: vial.png."
    assert given.value.suggested_filename == "worksheet-returned.csv"
    assert complaints == []
    assert report.accepted == 2
    assert sorted(type(outcome).__name__ for outcome in results) == ["Measured", "Negative"]
    page_text = (settings.folder("small") / "report.html").read_text(encoding="utf-8")
    assert 'download="vial.png"' in page_text
    assert "data:image/png;base64," in page_text
    assert form.read_text(encoding="utf-8").count('"run_order": ') == 2


def test_words_are_offered_and_what_is_none_of_them_is_marked(tmp_path: Path, browser: Any) -> None:
    settings = Settings(tmp_path / "runs", by="tester")
    levels = ["clear", "small crystals (many)", "large"]
    objective = {"look": {"goal": "maximize", "levels": levels}, "yield": {"goal": "maximize", "unit": "%"}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, objective=objective)
    tick(settings, "small", planner=cheap_planner)
    page = browser.new_page()
    page.goto((settings.folder("small") / "laboratory" / "worksheet-form.html").as_uri())

    def is_marked(column: str, typed: str) -> bool:
        field = page.locator(f'input[name="{column}"]').first
        field.fill(typed)
        return bool(field.evaluate("field => !field.checkValidity()"))

    offered = page.locator("datalist").first.locator("option").all_inner_texts()
    typed = ("Clear", "<small crystals (many)", "> Large", "2", "", "cleer", "<")
    marked = [text for text in typed if is_marked("look", text)]
    page.close()
    assert offered == levels
    assert marked == ["cleer"]


def test_what_is_no_number_is_marked_where_no_word_is_known(tmp_path: Path, browser: Any) -> None:
    settings = Settings(tmp_path / "runs", by="tester")
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    tick(settings, "small", planner=cheap_planner)
    page = browser.new_page()
    page.goto((settings.folder("small") / "laboratory" / "worksheet-form.html").as_uri())
    field = page.locator('input[name="yield [%]"]').first
    marked = []
    for typed in ("61,5", "<1", "> 99.5", "traces", "6 1"):
        field.fill(typed)
        marked += [typed] if field.evaluate("field => !field.checkValidity()") else []
    page.close()
    assert marked == ["traces", "6 1"]


def test_a_long_structure_fits_a_narrow_window(tmp_path: Path, browser: Any) -> None:
    columns = Columns({"molecule": "molecule"}, {"Ki": "Ki"}, {"Ki": "sd"}, structures={"molecule": "molecule_smiles"})
    structure = "COc1cc2ncnc(Nc3cccc(Cl)c3F)c2" * 5
    row = {"key": "k", "run_order": "1", "molecule": "drug", "molecule_smiles": structure}
    form = tmp_path / "form.html"
    form.write_text(form_text("library", "sheet.csv", "back.csv", columns, [row], {}), encoding="utf-8")
    page = browser.new_page(viewport={"width": 400, "height": 900})

    page.goto(form.as_uri())

    assert page.locator("dd").last.inner_text() == structure
    assert page.evaluate("document.documentElement.scrollWidth") == 400
