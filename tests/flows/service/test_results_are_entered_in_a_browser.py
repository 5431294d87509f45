"""The bench page in Debian's chromium: experiments are taken, reported and given back by who may, by nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.service.access import Access, Caller
from flows.settings import Settings
from loop.experiment import State
from loop.outcome import Negative, write_outcome
from tests.flows.engine.bench import add
from tests.flows.service.client import served

pytestmark = pytest.mark.browser
ASKED = {"adapter": "ask_tell"}
TOKENS = Access({"r" * 20: Caller("robot"), "a" * 20: Caller("anna", may_write=False, may_decide=False)}, "tester")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", by="tester")


@pytest.fixture
def url(settings: Settings, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the service listens, with tokens where a test is given some."""
    with served(settings, getattr(request, "param", None)) as there:
        yield there


def test_experiments_are_taken_and_reported(settings: Settings, tmp_path: Path, url: str, browser: Any) -> None:
    molecules = {"type": "component", "options": {"ethanol": "CCO", "phenol": "Oc1ccccc1"}}
    space = {"solvent": molecules, "step": {"type": "number", "values": [1, 2, 3], "unit": "h"}}
    objective = {
        "yield": {"goal": "maximize", "unit": "%"},
        "colour": {"goal": "maximize", "levels": ["brown", "pale", "white"]},
    }
    add(settings, tmp_path, laboratory=ASKED, space=space, objective=objective)
    page, complaints = browser.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{url}/")
    page.get_by_role("link", name="bench").click()
    page.get_by_label("experiments").fill("3")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("article")
    articles, drawn = page.locator("article"), page.locator("svg.structure").count()
    first = articles.nth(0)
    first.locator('[data-target="yield"]').fill("much")
    first.get_by_role("button", name="Save").click()
    said = first.locator("[role=status]:text('finite')").inner_text()
    first.locator('[data-target="yield"]').fill("61,5")
    first.locator('[data-target="colour"]').select_option("pale")
    first.get_by_role("button", name="Save").click()
    articles.nth(2).wait_for(state="detached")
    first.locator('[name="outcome"]').select_option("negative")
    first.locator('[name="said"]').fill("no conversion")
    first.locator('[data-target="yield"]').fill("<2")
    first.get_by_role("button", name="Save").click()
    articles.nth(1).wait_for(state="detached")
    first.get_by_role("button", name="It never ran").click()
    articles.nth(0).wait_for(state="detached")

    assert drawn == 3
    assert "must be a finite number, got 'much'" in said
    assert complaints == []
    with open_ledger(settings.database) as ledger:
        results = [o.outcome for o in ledger.observations("small")]
        states = sorted(a.state.value for a in ledger.attempts("small"))
    negative = next(o for o in results if isinstance(o, Negative))
    measured = next(o for o in results if not isinstance(o, Negative))
    assert {v["property"]: v["value"] for v in write_outcome(measured)["values"]} == {"yield": 61.5, "colour": 2.0}
    assert (negative.reason, negative.measurements[0].qualifier.value) == ("no conversion", "<")
    assert states == ["ended", "ended", "ready", "submitted"]


def test_what_is_typed_of_others_outlives_a_result_that_is_saved(
    settings: Settings, tmp_path: Path, url: str, browser: Any
) -> None:
    objective = {
        "yield": {"goal": "maximize", "unit": "%"},
        "colour": {"goal": "maximize", "levels": ["brown", "pale", "white"]},
    }
    add(settings, tmp_path, laboratory=ASKED, objective=objective)
    page = browser.new_page()
    page.goto(f"{url}/campaigns/small/bench")
    page.get_by_label("experiments").fill("3")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("article")
    first, other, _ = page.locator("article").all()
    key = other.get_attribute("data-key")
    for article, amount, colour, outcome in (
        (first, "10", "pale", "negative"),
        (other, "20", "white", "fault: instrument_fault"),
    ):
        article.locator('[data-target="yield"]').fill(amount)
        article.locator('[data-target="colour"]').select_option(colour)
        article.locator('[name="outcome"]').select_option(outcome)
    first.locator('[name="said"]').fill("no conversion")

    with page.expect_navigation():
        first.get_by_role("button", name="Save").click()

    def typed(article: Any) -> list[str]:
        return [field.input_value() for field in article.locator("input, select").all()]

    assert typed(page.locator(f'article[data-key="{key}"]')) == ["white", "20", "fault: instrument_fault", ""]
    assert typed(page.locator("article").nth(1)) == ["", "", "measured", ""]
    page.goto(f"{url}/campaigns/small/bench")
    assert typed(page.locator(f'article[data-key="{key}"]'))[:2] == ["white", "20"]


def test_half_a_result_and_what_never_ran_are_asked_about(
    settings: Settings, tmp_path: Path, url: str, browser: Any
) -> None:
    objective = {"yield": {"goal": "maximize", "unit": "%"}, "purity": {"goal": "maximize", "unit": "%"}}
    add(settings, tmp_path, laboratory=ASKED, objective=objective)
    page, asked = browser.new_page(), []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.goto(f"{url}/campaigns/small/bench")
    page.get_by_label("experiments").fill("none")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("#take [role=status]:text('a whole number from 1')")
    page.get_by_label("experiments").fill("1")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("article")
    page.locator('[data-target="yield"]').fill("10")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="It never ran").click()

    assert [question.partition(":")[0].partition("?")[0] for question in asked] == [
        "No value of purity",
        "Did nothing of it run",
    ]
    with open_ledger(settings.database) as ledger:
        assert [a.state for a in ledger.attempts("small") if a.state is not State.SUBMITTED] == [State.RUNNING]
        assert ledger.envelopes("small") == ()


def test_what_is_to_be_said_of_a_result_that_counts_is_said(
    settings: Settings, tmp_path: Path, url: str, browser: Any
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    page = browser.new_page()
    page.goto(f"{url}/campaigns/small/bench")
    page.get_by_label("experiments").fill("1")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("article")
    page.locator('[name="outcome"]').select_option("fault: safety_stop")
    page.get_by_role("button", name="Save").click()

    page.wait_for_selector("#said:text('halted by safety stop 1: ')")


@pytest.mark.parametrize("url", [TOKENS], indirect=True)
def test_who_may_only_look_sees_no_buttons_and_others_take_in_their_name(
    settings: Settings, tmp_path: Path, url: str, browser: Any
) -> None:
    add(settings, tmp_path, laboratory=ASKED)

    def opened(name: str, token: str) -> Any:
        page = browser.new_context(http_credentials={"username": name, "password": token}).new_page()
        page.goto(f"{url}/campaigns/small/bench")
        return page

    robot = opened("robot", "r" * 20)
    robot.get_by_role("button", name="Take the next ones").click()
    robot.wait_for_selector("article")
    anna = opened("anna", "a" * 20)
    stranger = opened("anna", "guessed").inner_text("body")

    assert anna.locator("article").count() == robot.locator("article").count() > 0
    assert (anna.locator("button").count(), robot.locator("button").count() > 0) == (0, True)
    assert "unknown_caller" in stranger
    with open_ledger(settings.database) as ledger:
        running = ledger.attempts("small", [State.RUNNING])
        assert "handed to robot" in json.dumps([e.detail for e in ledger.events(running[0].key)])


def test_a_request_that_got_no_answer_is_made_again_under_its_key(
    settings: Settings, tmp_path: Path, url: str, browser: Any
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    page, lost = browser.new_page(), []

    def lose_the_answer(route: Any) -> None:
        route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        route.abort()

    page.goto(f"{url}/campaigns/small/bench")
    page.route("**/ask", lose_the_answer, times=1)
    page.get_by_label("experiments").fill("2")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("[role=status]:text('try again')")
    page.get_by_label("experiments").fill("2")
    page.get_by_role("button", name="Take the next ones").click()
    page.wait_for_selector("article")

    assert len(lost) == 1
    assert page.locator("article").count() == 2
    assert lost[0] in page.locator("article").first.inner_text()
