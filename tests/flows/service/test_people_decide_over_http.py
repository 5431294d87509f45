"""Deciding over HTTP: batches, stops and rules, by whoever a token lets decide; and the page where people do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from db.errors import NotLetIn
from db.ledger import SqlLedger, open_ledger
from flows.engine import halt, status, stops, tell, tick
from flows.service.access import Access, Caller
from flows.service.application import application
from flows.settings import Settings
from loop.decision import DecisionKind
from loop.errors import LedgerBusy
from tests.flows.engine.bench import add, cheap_planner, spec_of
from tests.flows.service.client import Client, served

TOKENS = Access(
    {
        "r" * 20: Caller("robot", may_decide=False),
        "a" * 20: Caller("anna", may_write=False, may_decide=False),
        "d" * 20: Caller("dora"),
    },
    "tester",
)
ROBOT, ANNA, DORA = ({"Authorization": f"Bearer {letter * 20}"} for letter in "rad")
BY_PERSON = {"adapter": "simulated", "approval": "person"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A campaign with a batch of four that waits for a person."""
    made = Settings(tmp_path / "runs", by="tester")
    add(made, tmp_path, laboratory=BY_PERSON)
    tick(made, "small", planner=cheap_planner)
    return made


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(application(settings, TOKENS, patience=20.0))


def verdict(client: Client, said: dict[str, Any], who: dict[str, str] = DORA) -> Any:
    return client.post("/api/campaigns/small/rounds/1/verdict", json=said, headers=who)


def test_a_refusal_names_the_fields_of_the_request_and_no_options(client: Client) -> None:
    def refusal(path: str, **said: Any) -> str:
        answer = client.post(f"/api/campaigns/small/{path}", json=said, headers=DORA)
        assert answer.status_code == 409
        return str(answer.json()["message"])

    pinned = {"kind": "pin", "where": ["solvent=water", "base=KOAc", "step=1"]}
    here = [
        refusal("rounds/1/verdict", verdict="refuse", meaning="cannot"),
        refusal("rounds/1/verdict", verdict="approve", meaning="cannot"),
        refusal("decisions", **pinned),
        refusal("decisions", kind="ban", why="smells"),
    ]
    client.post("/api/campaigns/small/halt", json={"why": "gas"}, headers=DORA)
    here.append(refusal("resume", stops=[1]))

    assert not [said for said in here if "--" in said]
    assert here[0].endswith('give it as "why"')
    assert here[1].endswith('add "verdict": "refuse", or leave "meaning" out')
    assert here[2].endswith('give it as "why"')
    assert '"where": ["ligand=XPhos"]' in here[3]
    assert here[4].endswith('for a reason: "why": "REASON"')


def test_a_refusal_names_requests_where_there_are_some(client: Client) -> None:
    def refusal(path: str, **said: Any) -> str:
        answer = client.post(f"/api/campaigns/small/{path}", json={"why": "so", **said}, headers=DORA)
        assert answer.status_code in (404, 409)
        return str(answer.json()["message"])

    pinned = {"kind": "pin", "where": ["solvent=water", "base=KOAc", "step=1"]}
    client.post("/api/campaigns/small/decisions", json={**pinned, "why": "so"}, headers=DORA)
    verdict(client, {"verdict": "approve", "only": [1]})
    waits = client.get("/api/campaigns/small/rounds/1", headers=DORA).json()["proposals"][1]["proposal"]["draft"][
        "candidate"
    ]["settings"]
    second = [f"{name}={value}" for name, value in waits.items()]
    here = [
        refusal("decisions", **pinned),
        refusal("decisions", kind="lift", number=7),
        refusal("rounds/1/verdict", verdict="approve", only=[1]),
        refusal("decisions", kind="pin", where=second),
        refusal("experiments/nobody/give-back", request="monday"),
    ]
    client.post("/api/campaigns/small/decisions", json={"kind": "lift", "number": 1, "why": "so"}, headers=DORA)
    client.post("/api/campaigns/small/decisions", json={**pinned, "kind": "ban", "why": "so"}, headers=DORA)
    here.append(refusal("decisions", **pinned))
    client.post("/api/campaigns/small/halt", json={"why": "gas"}, headers=DORA)
    here += [refusal("resume"), refusal("resume", stops=[8])]
    client.post("/api/campaigns/small/resume", json={"stops": [1], "why": "so"}, headers=DORA)
    here.append(refusal("resume"))

    assert not [said for said in here if "hakken " in said]
    assert 'POST /api/campaigns/small/decisions {"kind": "lift", "number": 1} takes it back' in here[0]
    assert here[1].endswith("(GET /api/campaigns/small/decisions)")
    assert '(POST /api/campaigns/small/decisions {"kind": "pin"})' in here[2]
    assert here[3].endswith('to run it: POST /api/campaigns/small/rounds/1/verdict {"verdict": "approve", "only": [2]}')
    assert "GET /api/campaigns/small/experiments lists those that wait" in here[4]
    assert here[5].endswith('lift that first: POST /api/campaigns/small/decisions {"kind": "lift", "number": 3}')
    assert here[6].endswith('POST /api/campaigns/small/resume {"stops": [1], "why": "REASON"}')
    assert 'POST /api/campaigns/small/resume {"stops": [1], "why": "REASON"} lifts it' in here[7]
    assert "GET /api/campaigns/small says how it stands" in here[8]


def test_what_comes_next_is_a_request(client: Client) -> None:
    stands = client.get("/api/campaigns/small", headers=DORA).json()["next_step"]
    part = verdict(client, {"verdict": "approve", "only": [1]}).json()["next"]
    stopped = client.post("/api/campaigns/small/stop", json={"why": "no solvent"}, headers=DORA).json()["next"]

    verdict_ = 'POST /api/campaigns/small/rounds/1/verdict {"verdict": "approve"}'
    for said in (stands, part):
        assert f"look with GET /api/campaigns/small/rounds/1, then {verdict_}." in said
    assert 'Go on with POST /api/campaigns/small/resume {"why": "REASON"}.' in stopped


def test_a_batch_is_approved_and_refused_in_parts(client: Client, settings: Settings) -> None:
    some = verdict(client, {"verdict": "approve", "only": [1, 3], "why": "cheap"})
    one = verdict(client, {"verdict": "refuse", "only": [2], "why": "it foams", "meaning": "cannot"})
    rest = verdict(client, {"verdict": "refuse"})
    none = verdict(client, {"verdict": "approve"})

    assert (some.json()["proposals"], some.json()["to_approve"]) == (2, [1])
    assert (one.json()["proposals"], rest.json()["to_approve"]) == (1, [])
    assert (none.status_code, none.json()["error"]) == (409, "refused")
    with open_ledger(settings.database) as ledger:
        found = {p.draft.run_order + 1: (p.approved, p.by, p.why) for p in ledger.proposals("small", 1)}
        (decision,) = ledger.decisions("small")
    assert found[1] == (True, "dora", "cheap")
    assert found[2] == (False, "dora", "it foams")
    assert found[4][0] is False
    assert decision.draft.kind is DecisionKind.CANNOT
    shown = client.get("/api/campaigns/small/rounds/1", headers=ANNA).json()
    assert sorted(p["number"] for p in shown["proposals"] if p["attempts"]) == [1, 3]


def test_rules_are_made_and_lifted(client: Client) -> None:
    def rule(**said: Any) -> Any:
        return client.post("/api/campaigns/small/decisions", json=said, headers=DORA)

    banned = rule(kind="ban", where=["solvent=DMF"], why="banned here").json()
    pinned = rule(kind="pin", where=["solvent=water", "base=KOAc", "step=1"], why="a hunch").json()
    lifted = rule(kind="lift", number=banned["decision"]["number"], why="allowed again").json()
    listed = client.get("/api/campaigns/small/decisions", headers=ANNA).json()["decisions"]

    assert [d["decision"]["draft"]["kind"] for d in listed] == ["ban", "pin", "lift"]
    assert [d["in_force"] for d in listed][:2] == [False, True]
    assert {banned["decision"]["draft"]["by"], pinned["decision"]["draft"]["by"]} == {"dora"}
    assert lifted["decision"]["draft"]["lifts"] == banned["decision"]["id"]
    assert rule(kind="lift").status_code == 422
    assert "no condition" in rule(kind="ban", where=["solvent"]).json()["message"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kind": "pin", "where": ["solvent=water"], "for_now": True}, "for_now is said of a ban, and this is a pin"),
        ({"kind": "ban", "where": ["solvent=water"], "times": 2}, "times is said of a pin, and this is a ban"),
        ({"kind": "lift", "number": 1, "where": ["solvent=water"]}, "where is said of a pin or a ban, and this is a l"),
    ],
)
def test_what_is_said_of_another_kind_of_rule_is_refused(client: Client, said: dict[str, Any], message: str) -> None:
    answer = client.post("/api/campaigns/small/decisions", json={**said, "why": "tried"}, headers=DORA)

    assert answer.status_code == 422
    assert message in answer.json()["message"]


def test_what_was_measured_is_pinned_to_be_measured_again_where_that_is_said(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    told = tmp_path / "told.csv"
    told.write_text("solvent,base,step,yield\nwater,KOAc,1,40\n", encoding="utf-8")
    tell(settings, "small", told, by="tester")
    pin = {"kind": "pin", "where": ["solvent=water", "base=KOAc", "step=1"], "why": "is it so?"}

    plain, again = (
        client.post("/api/campaigns/small/decisions", json=said, headers=DORA) for said in (pin, pin | {"again": True})
    )

    assert plain.status_code == 409
    assert 'add "again": true' in plain.json()["message"]
    assert again.status_code == 200
    assert again.json()["decision"]["draft"]["by"] == "dora"


def test_a_pin_asks_for_as_many_experiments_as_are_said(client: Client) -> None:
    pin = {"kind": "pin", "where": ["solvent=water", "base=KOAc", "step=1"], "why": "is it so?"}

    none, three = (client.post("/api/campaigns/small/decisions", json=pin | {"times": n}, headers=DORA) for n in (0, 3))
    (listed,) = client.get("/api/campaigns/small/decisions", headers=ANNA).json()["decisions"]

    assert none.status_code == 422
    assert three.json()["decision"]["draft"]["times"] == 3
    assert listed["about"].endswith("(3 times)")


def test_campaigns_are_stopped_taken_up_halted_and_let_go(client: Client) -> None:
    def do(what: str, who: dict[str, str] = DORA, **said: Any) -> Any:
        return client.post(f"/api/campaigns/small/{what}", json=said, headers=who)

    states = [
        do("stop", why="lunch").json()["state"],
        do("resume").json()["state"],
        do("halt", ROBOT, why="it smells of gas").json()["state"],
    ]
    without = do("halt", ROBOT).status_code
    unnamed = do("resume", why="the window was open")
    lifted = do("resume", why="the window was open", stops=[1]).json()
    again = do("resume", why="the window was open", stops=[1])

    assert states == ["stopped", "active", "halted"]
    assert without == 422
    assert (unnamed.status_code, "is halted by safety stop 1: it smells of gas" in unnamed.json()["message"]) == (
        409,
        True,
    )
    assert (lifted["state"], [s["number"] for s in lifted["lifted"]]) == ("active", [1])
    assert (again.status_code, "was lifted by dora (the window was open) before" in again.json()["message"]) == (
        409,
        True,
    )
    (stop,) = client.get("/api/campaigns/small/decisions", headers=ANNA).json()["stops"]
    assert (stop["by"], stop["why"], stop["lifted_by"]) == ("robot", "it smells of gas", "dora")


@pytest.mark.parametrize(
    "error", [NotLetIn("the ledger postgresql://anna@secret/x lets not"), LedgerBusy("the ledger at secret is busy")]
)
def test_a_halt_that_could_not_be_put_on_record_is_said_to_halt_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(SqlLedger, "halt", refuse)

    answer = client.post("/api/campaigns/small/halt", json={"why": "it smells of gas"}, headers=ROBOT)

    assert answer.status_code == 503
    assert answer.json()["message"].startswith("nothing is halted, so stop the bench by hand: ")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rounds/1/verdict", {"verdict": "approve"}),
        ("decisions", {"kind": "ban", "where": ["solvent=DMF"]}),
        ("stop", {}),
        ("resume", {}),
    ],
)
def test_who_may_not_decide_is_told_so(client: Client, settings: Settings, path: str, said: dict[str, Any]) -> None:
    robot = client.post(f"/api/campaigns/small/{path}", json=said, headers=ROBOT)
    anna = client.post(f"/api/campaigns/small/{path}", json=said, headers=ANNA)

    assert (robot.status_code, anna.status_code) == (403, 403)
    assert "'may: decide' beside the token" in robot.json()["message"]
    assert "anna may only look" in anna.json()["message"]
    (now,) = status(settings, "small")
    assert (now.state, now.to_approve) == ("active", (1,))
    with open_ledger(settings.database) as ledger:
        assert ledger.decisions("small") == ()


def test_the_page_shows_what_waits_and_offers_what_is_allowed(client: Client) -> None:
    pages = {name: client.get("/campaigns/small/decide", headers=who).text for name, who in
             (("robot", ROBOT), ("anna", ANNA), ("dora", DORA))}  # fmt: skip

    assert all("Round 1 waits for a person" in page and "drawn by lot" in page for page in pages.values())
    assert [name for name, page in pages.items() if "Approve the ticked" in page] == ["dora"]
    assert [name for name, page in pages.items() if "Safety stop: halt the bench now" in page] == ["robot", "dora"]
    assert [name for name, page in pages.items() if "Stop: plan nothing more" in page] == ["dora"]
    assert client.get("/campaigns/nobody/decide", headers=ANNA).status_code == 404


def test_what_a_changed_file_does_to_a_batch_that_waits_is_said(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    with open_ledger(settings.database) as ledger:
        gone = str(ledger.proposals("small", 1)[0].draft.candidate.settings["solvent"])
    solvents = [solvent for solvent in spec_of()["space"]["solvent"]["options"] if solvent != gone]
    space = spec_of()["space"] | {"solvent": {"type": "category", "options": solvents}}
    path = tmp_path / "campaign.yaml"
    path.write_text(yaml.safe_dump(spec_of(space=space, laboratory=BY_PERSON)), encoding="utf-8")
    edited = client.get("/campaigns/small/decide", headers=ANNA).text
    add(settings, tmp_path, space=space, laboratory=BY_PERSON)
    taken_up = client.get("/campaigns/small/decide", headers=ANNA).text
    (note,) = verdict(client, {"verdict": "approve"}).json()["notes"]

    assert f"{path} was changed; hakken run {path} takes that up" in edited
    assert "it is not sent" not in edited
    assert "was changed; hakken run" not in taken_up
    assert "Approved, it is not sent, as the campaign file was changed since: parameter &#39;solvent&#39;" in taken_up
    assert f"parameter 'solvent' has no option '{gone}'" in note
    assert 'POST /api/campaigns/small/decisions {"kind": "pin"} fills' in note


@pytest.mark.browser
def test_people_decide_in_a_browser(settings: Settings, browser: Any) -> None:
    with served(settings) as url:
        page = browser.new_page(viewport={"width": 400, "height": 900})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/")
        page.get_by_role("link", name="a batch waits").click()
        page.locator("[name=only]").nth(0).uncheck()
        page.get_by_role("button", name="Approve the ticked").click()
        page.locator("article").nth(1).wait_for(state="detached")
        page.locator("form.verdict [name=why]").fill("it foams")
        page.locator("form.verdict [name=meaning]").select_option("cannot")
        page.get_by_role("button", name="Refuse the ticked").click()
        page.locator("article").first.wait_for(state="detached")
        page.locator("form.said [name=why]").press("Enter")  # decides nothing
        page.get_by_role("button", name="Safety stop").click()
        asked = page.locator("form.said [role=status]").inner_text()
        page.locator("form.said [name=why]").fill("it smells of gas")
        page.get_by_role("button", name="Safety stop").click()
        page.get_by_role("button", name="Lift the safety stop").wait_for()
        halted = status(settings, "small")[0].state
        page.locator("form.said [name=why]").fill("aired")
        page.get_by_role("button", name="Lift the safety stop").click()
        page.get_by_role("button", name="Stop: plan nothing more").wait_for()
        page.close()

    assert "say why the bench is halted" in asked
    assert (halted, status(settings, "small")[0].state, complaints) == ("halted", "active", [])
    with open_ledger(settings.database) as ledger:
        verdicts = sorted(p.approved for p in ledger.proposals("small", 1) if p.approved is not None)
    assert verdicts == [False, True, True, True]


@pytest.mark.browser
def test_of_two_browsers_each_decides_only_what_it_shows(settings: Settings, browser: Any) -> None:
    halt(settings, "small", by="bob", why="it smells of gas")
    with served(settings) as url:
        first, second = (browser.new_page() for _ in range(2))
        for page in (first, second):
            page.goto(f"{url}/campaigns/small/decide")
            page.locator("form.said [name=why]").fill("aired")
        halt(settings, "small", by="carl", why="the shaker smokes")  # since
        first.get_by_role("button", name="Lift the safety stop").click()
        first.get_by_text("safety stop 2: the shaker smokes").first.wait_for()
        second.get_by_role("button", name="Lift the safety stop").click()
        second.get_by_text("safety stop 1 of campaign 'small' was lifted by tester (aired) before").wait_for()
        halted = [s.number for s in stops(settings, "small") if s.is_in_force]

        first.reload()
        second.reload()
        first.locator("[name=only]").nth(0).uncheck()
        first.locator("[name=only]").nth(1).uncheck()
        first.get_by_role("button", name="Approve the ticked").click()
        first.locator("article").nth(2).wait_for(state="detached")
        second.get_by_role("button", name="Refuse the ticked").click()
        second.get_by_text("of round 1 was approved already and a decision stands").wait_for()
        first.close()
        second.close()

    assert halted == [2]
    with open_ledger(settings.database) as ledger:
        verdicts = {p.draft.run_order + 1: p.approved for p in ledger.proposals("small", 1)}
    assert verdicts == {1: None, 2: None, 3: True, 4: True}


@pytest.mark.browser
def test_who_presses_a_stop_in_a_browser_is_told_what_it_halts_and_what_still_runs(
    tmp_path: Path, browser: Any
) -> None:
    made = Settings(tmp_path / "runs", by="tester")
    add(made, tmp_path, laboratory={"adapter": "simulated", "delay": [1000.0, 2000.0]})
    tick(made, "small", planner=cheap_planner)
    with served(made) as url:
        page = browser.new_page()
        page.goto(f"{url}/campaigns/small/decide")
        page.locator("form.said [name=why]").fill("it smells of gas")
        page.get_by_role("button", name="Safety stop").click()
        page.get_by_role("button", name="Lift the safety stop").wait_for()
        said = page.locator("#said").inner_text()
        page.reload()
        anew = page.locator("#said").inner_text()
        page.close()

    assert said.splitlines() == [
        "halted: small",
        "small: 4 experiments still run, as its file has no laboratory.safety.running: cancel; see to them there",
    ]
    assert anew == ""


@pytest.mark.browser
def test_stops_of_a_whole_plate_are_ticked_at_once_and_one_that_came_since_stays(
    settings: Settings, browser: Any
) -> None:
    for well in ("A1", "A2", "A3"):
        halt(settings, "small", by="robot", why=f"{well} is hot")
    with served(settings) as url:
        page = browser.new_page()
        page.goto(f"{url}/campaigns/small/decide")
        page.get_by_label("all of these").check()
        page.get_by_label("safety stop 2").uncheck()
        halt(settings, "small", by="robot", why="A4 is hot")
        page.locator("form.said [name=why]").fill("cooled")
        page.get_by_role("button", name="Lift the ticked safety stops").click()
        page.get_by_text("safety stop 4: A4 is hot").first.wait_for()
        page.close()

    assert [s.number for s in stops(settings, "small") if s.is_in_force] == [2, 4]
