"""The service: what is asked and told over HTTP is on record, and whoever may not ask is refused first of all."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.errors import AlreadyOnRecord, NotLetIn
from db.ledger import SqlLedger, open_ledger, reopen_ledger
from flows import engine
from flows.ask_tell import Campaign
from flows.engine.clients.handing import AskError
from flows.engine.holding import holding
from flows.engine.looking import audited
from flows.service import pages
from flows.service.access import Access, AccessError, Caller, access_of
from flows.service.application import application
from flows.settings import Settings
from loop.errors import LedgerBusy, LedgerFull
from loop.experiment import State
from tests.flows.engine.bench import add, faulty, measured
from tests.flows.service.client import Client, served

ASKED = {"adapter": "ask_tell"}
LABORATORIES = {"robot": "ask_tell", "hand": "manual"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HAKKEN_HOME", str(tmp_path / "runs"))
    return Settings(tmp_path / "runs", by="tester")


@pytest.fixture
def client(settings: Settings, tmp_path: Path) -> Client:
    """Whoever sits at this machine, with a campaign that can be asked."""
    add(settings, tmp_path, laboratory=ASKED)
    return client_of(settings)


def client_of(settings: Settings, access: Access | None = None, patience: float = 20.0) -> Client:
    app = application(settings, access or Access({}, "tester"), patience=patience)
    return Client(app)


def ask(client: Client, n: int = 1, request: str = "a", name: str = "small", **headers: str) -> Any:
    more = {"Idempotency-Key": request, **headers}
    return client.post(f"/api/campaigns/{name}/ask", json={"experiments": n}, headers=more)


def tell(client: Client, key: str, payload: str) -> Any:
    return client.post(f"/api/campaigns/small/experiments/{key}/result", content=payload, headers=JSON)


def test_experiments_are_asked_for_and_results_told(client: Client, settings: Settings) -> None:
    answer = ask(client, 2).json()
    one, other = answer["experiments"]

    told = [
        tell(client, one["key"], measured(50.0)),
        tell(client, one["key"], measured(50.0)),
        tell(client, one["key"], measured(60.0)),
        tell(client, one["key"], "[1,"),
        tell(client, "nobody", measured(60.0)),
        tell(client, other["key"], faulty("input_error")),
    ]

    assert [(t.status_code, t.json()["verdict"]) for t in told] == [
        (200, "accepted"),
        (200, "duplicate"),
        (409, "contradictory"),
        (422, "malformed"),
        (404, "foreign"),
        (200, "accepted"),
    ]
    assert "hakken retract small" in told[2].json()["message"]
    again = ask(client, 2).json()
    assert again["is_repeated"]
    assert [e["state"] for e in again["experiments"]] == ["ended", "ended"]
    with open_ledger(settings.database) as ledger:
        assert len(ledger.envelopes("small")) == 5  # the text that came twice is one
        assert len(ledger.observations("small")) == 2


def test_what_stands_is_shown_to_programs(client: Client) -> None:
    key = ask(client).json()["experiments"][0]["key"]
    tell(client, key, measured(71.0))

    assert client.get("/health").json()["ok"] is True
    assert [c["campaign"] for c in client.get("/api/campaigns").json()] == ["small"]
    assert client.get("/api/campaigns/small").json()["observations"] == 1
    assert client.get("/api/campaigns/small/best").json()["best"]["luckiest"][0]["value"] == 71.0
    assert client.get(f"/api/campaigns/small/experiments/{key}").json()["state"] == "ended"
    assert len(client.get("/api/campaigns/small/experiments").json()) == 3
    ended = client.get("/api/campaigns/small/experiments?state=ended&state=running").json()
    assert [e["key"] for e in ended] == [key]
    assert 'hakken_results{campaign="small"} 1.0' in client.get("/metrics").text


def test_programs_are_told_that_the_campaign_file_was_changed(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    before = client.get("/api/campaigns/small").json()["edited"]
    path.write_text(path.read_text(encoding="utf-8").replace("DMF", "DMAc"), encoding="utf-8")
    after = client.get("/api/campaigns/small").json()["edited"]

    assert before == ""
    assert after.startswith(f"{path} was changed; hakken run {path} takes that up")
    assert Campaign("small").status().edited == after
    assert [c["edited"] for c in client.get("/api/campaigns").json()] == [after]
    assert 'hakken_campaign_file_edited{campaign="small"} 1.0' in client.get("/metrics").text


def test_pages_say_that_the_campaign_file_was_changed_until_it_is_taken_up(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    text = path.read_text(encoding="utf-8")

    def said(page: str) -> str:
        return " ".join(re.findall(r'<p class="bad">(.*?)</p>', client.get(page).text))

    before = said("/campaigns/small"), said("/")
    path.write_text(text.replace("DMF", "DMAc"), encoding="utf-8")
    edited = said("/campaigns/small"), said("/")
    path.write_text(text.replace("campaign: small", "campaign: large"), encoding="utf-8")
    renamed = said("/campaigns/small"), said("/")
    path.write_text(text, encoding="utf-8")
    put_back = said("/campaigns/small"), said("/")

    assert before == put_back == ("", "")
    assert edited[0] == edited[1] != ""
    assert f"{path} was changed; hakken run {path} takes that up" in edited[0]
    assert renamed[0] == renamed[1] != ""
    assert f"{path} is of campaign &#39;large&#39; by now: by its name &#39;small&#39; goes on as it is" in renamed[0]


def test_a_changed_file_that_the_record_does_not_take_is_answered_with_why(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    ask(client)
    path.write_text(path.read_text(encoding="utf-8").replace("ask_tell", "manual"), encoding="utf-8")

    (note,) = ask(client, 1, "b").json()["notes"]

    assert note.startswith(f"{path} was changed and cannot be used (campaign 'small': the laboratory cannot be changed")
    assert "hakken tell small FILE.csv ends each row" in note  # a file, which no request takes
    assert note.endswith("); the campaign goes on as it is on record")


def test_what_is_given_back_and_what_nobody_proposed(client: Client) -> None:
    key = ask(client).json()["experiments"][0]["key"]
    rows = [{"solvent": "DMF", "base": "DBU", "step": 3, "yield": 71.5}]

    back, again = (
        client.post(f"/api/campaigns/small/experiments/{key}/give-back", json={"request": "a", "why": "no vial"})
        for _ in range(2)
    )
    own = [
        client.post("/api/campaigns/small/results", json={"rows": rows}, headers={"Idempotency-Key": "k"}).json()
        for _ in range(2)
    ]

    assert [(b.status_code, b.json()["state"]) for b in (back, again)] == [(200, "ready")] * 2
    assert key in [e["key"] for e in ask(client, 4, "b").json()["experiments"]]
    assert [(o["accepted"], o["duplicates"]) for o in own] == [(1, 0), (0, 1)]


def test_each_row_that_cannot_be_read_is_named_with_what_is_wrong_with_it(client: Client) -> None:
    good = {"solvent": "DMF", "base": "DBU", "step": 3}
    rows = [{**good, "yield": 71.5}, {**good, "yeild": 71.5}, {**good, "solvent": "tea", "yield": 3}]

    told = client.post("/api/campaigns/small/results", json={"rows": rows}, headers={"Idempotency-Key": "k"}).json()

    assert told["accepted"] == 1
    (second, third) = told["problems"]
    assert "k line 2: column 'yeild' is unknown (did you mean 'yield'?)" in second
    assert "k line 3: " in third
    assert "'tea'" in third


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        ("/api/campaigns/small/ask", {"experiments": 1}, {}, 422, "Idempotency-Key: Field required"),
        ("/api/campaigns/small/ask", {"experiment": 1}, {"Idempotency-Key": "a"}, 422, "experiment: Extra inputs"),
        ("/api/campaigns/small/ask", {"experiments": 0}, {"Idempotency-Key": "a"}, 422, "greater than or equal to 1"),
        ("/api/campaigns/small/ask", {"experiments": "2"}, {"Idempotency-Key": "a"}, 422, "valid integer"),
        ("/api/campaigns/small/ask", {}, {"Idempotency-Key": "a b"}, 409, "the key of a request must be 1 to 120"),
        ("/api/campaigns/smal/ask", {}, {"Idempotency-Key": "a"}, 404, "no campaign is called 'smal'"),
        ("/api/campaigns/robot/ask", {}, {"Idempotency-Key": "a"}, 409, "write adapter: ask_tell"),
        ("/api/campaigns/small/experiments/x/give-back", {}, {}, 422, "request: Field required"),
        (
            "/api/campaigns/small/experiments/x/give-back",
            {"request": "a"},
            {},
            404,
            "no experiment of campaign 'small' has the key 'x'",
        ),
        ("/api/campaigns/small/results", {"rows": []}, {"Idempotency-Key": "a"}, 409, "1 to 100000 results, got 0"),
        ("/api/campaigns/small/results", {"rows": [{"x": [1]}]}, {"Idempotency-Key": "a"}, 422, "rows.0.x"),
        ("/api/nothing", {}, {}, 404, "nothing is at this address; /openapi.json lists what is"),
    ],
)
def test_a_wrong_request_is_told_what_is_right(
    settings: Settings,
    tmp_path: Path,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
    status: int,
    said: str,
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    add(settings, tmp_path / "robot", campaign="robot")

    answer = client_of(settings).post(path, json=body, headers=headers)

    assert answer.status_code == status, answer.text
    assert said in answer.json()["message"]
    with open_ledger(settings.database) as ledger:
        assert not ledger.attempts("small")


def test_requests_at_the_same_time_get_different_experiments(client: Client) -> None:
    got: dict[str, list[str]] = {}

    def take(request: str) -> None:
        got[request] = [e["key"] for e in ask(client, 1, request).json()["experiments"]]

    threads = [threading.Thread(target=take, args=(request,)) for request in "aabbcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, got.values())) == [1, 1, 1, 1]
    assert len({key for keys in got.values() for key in keys}) == 4


def test_a_busy_campaign_asks_to_come_again(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    client = client_of(settings, patience=0.0)

    with open_ledger(settings.database) as ledger, holding(ledger, settings, "small"):
        busy = [ask(client), tell(client, "x", measured(1.0))]

    assert [(b.status_code, b.headers["Retry-After"], b.json()["error"]) for b in busy] == [(503, "5", "busy")] * 2
    with open_ledger(settings.database) as ledger:
        assert not ledger.envelopes("small")


def test_a_result_told_while_the_record_is_away_is_to_be_sent_again(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    key = ask(client).json()["experiments"][0]["key"]
    record = Path(settings.database.removeprefix("sqlite:///"))
    record.rename(tmp_path / "away.db")

    away = tell(client, key, measured(5.0))
    looked = client.get("/api/campaigns/small")
    (tmp_path / "away.db").rename(record)
    back = tell(client, key, measured(5.0))

    assert [answer.status_code for answer in (away, looked, back)] == [503, 503, 200]
    assert away.json()["error"] == "no_record"
    assert away.headers["retry-after"] == "5"
    assert str(tmp_path) not in away.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LedgerBusy("the ledger postgresql://anna@secret/x is busy"), 503),
        (NotLetIn("the ledger postgresql://anna@secret/x is not to be had"), 503),
        (AlreadyOnRecord("the ledger postgresql://anna@secret/x refused a row"), 503),
        (LedgerFull("the disk of the ledger postgresql://anna@secret/x is full"), 507),
    ],
)
def test_where_the_record_is_stays_with_whoever_serves_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("flows.engine.tell_result", failing)
    monkeypatch.setattr("flows.engine.status", failing)
    answer, looked = tell(client, "x", measured(1.0)), client.get("/api/campaigns")

    assert answer.status_code == looked.status_code == status
    assert "secret" not in answer.text + looked.text
    assert ("nothing was kept" in answer.text) == (not isinstance(error, NotLetIn))
    assert "nothing was kept" not in looked.text  # nothing was sent that could have been


def test_a_result_of_an_unreadable_row_is_no_success(client: Client) -> None:
    good, bad = {"solvent": "water", "base": "DBU", "step": 1, "yield": 3}, {"solvent": "wter", "yield": 3}
    body = {"rows": [good, bad]}

    told = client.post("/api/campaigns/small/results", json=body, headers={"Idempotency-Key": "a"})

    assert told.status_code == 422
    assert (told.json()["accepted"], len(told.json()["problems"])) == (1, 1)


def test_what_looks_may_ask_for_headers_alone(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    with served(settings) as url:
        answers = [httpx.head(f"{url}{path}") for path in ("/", "/health", "/campaigns/small/bench")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 3


def test_what_no_address_answers_is_told_apart(client: Client) -> None:
    keyed = {**JSON, "Idempotency-Key": "a"}
    said = [
        client.post("/api/campaigns/small/ask", content=b'{"experiments": 1, "x": "\xff"}', headers=keyed),
        client.post("/api/campaigns/small", content=b"{}", headers=keyed),
    ]

    assert [(one.status_code, one.json()["error"]) for one in said] == [(400, "unreadable"), (405, "wrong_method")]


def test_a_fault_of_our_own_is_logged_and_said_to_be_one(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the wheels came off")

    monkeypatch.setattr(pages.Pages, "overview", broken)

    answer = client.get("/")

    assert answer.status_code == 500
    assert "hakken failed, which is its own fault: RuntimeError: the wheels came off" in answer.json()["message"]
    assert "GET /" in (settings.home / "hakken.log").read_text(encoding="utf-8")


TOKENS = Access(
    {
        "r" * 20: Caller("robot", may_decide=False),
        "a" * 20: Caller("anna", may_write=False, may_decide=False),
        "d" * 20: Caller("dora"),
    },
    "tester",
)


def test_only_who_has_a_token_is_answered(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    client = client_of(settings, TOKENS)
    basic = base64.b64encode(f"anna:{'a' * 20}".encode()).decode()

    nobody = [ask(client), ask(client, Authorization="Bearer wrong"), client.get("/"), client.get("/metrics")]
    looking = ask(client, Authorization=f"Bearer {'a' * 20}")
    asked = ask(client, Authorization=f"Bearer {'r' * 20}")

    assert [(n.status_code, n.json()["error"]) for n in nobody] == [(401, "unknown_caller")] * 4
    assert nobody[2].headers["WWW-Authenticate"].startswith("Basic realm=")  # by which a browser asks a person
    assert (looking.status_code, looking.json()["message"]) == (
        403,
        "anna may only look; another token may ask and tell",
    )
    assert asked.json()["experiments"][0]["handed_to"] == "robot"
    assert client.get("/", headers={"Authorization": f"Basic {basic}"}).status_code == 200
    assert client.get("/health").status_code == 200
    with open_ledger(settings.database) as ledger:
        assert "robot" in {entry.actor for entry in ledger.audit()}


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"Host": "evil.example"}, 421, "wrong_host"),
        ({"Host": "127.0.0.1.evil.example:8767"}, 421, "wrong_host"),
        ({"Content-Type": "text/plain"}, 415, "not_json"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "not_json"),
    ],
)
def test_a_page_of_somebody_else_reaches_nothing(
    client: Client, headers: dict[str, str], status: int, error: str
) -> None:
    body = json.dumps({"experiments": 1})
    more = {**JSON, "Idempotency-Key": "a", **headers}

    answer = client.post("/api/campaigns/small/ask", content=body, headers=more)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:8767", "127.0.0.1"])
def test_this_machine_is_answered_by_any_of_its_names(client: Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_a_request_beyond_all_measure_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.service.gate.LARGEST", 1000)

    answer = tell(client, "x", "x" * 1001)

    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_a_request_that_does_not_come_to_its_end_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.service.gate.SLOWEST", 0.1)
    head = "POST /api/campaigns/small/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    with served(settings) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 20) as half:
        half.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        said = b"".join(iter(lambda: half.recv(1000), b""))  # until the other side closes

    assert said.startswith(b"HTTP/1.1 408")
    assert b"too_slow" in said


def test_who_waits_for_one_campaign_keeps_nobody_from_another(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    is_over, answers = threading.Event(), list[int]()

    def slow(*_: object, **__: object) -> None:
        is_over.wait(60)
        raise AskError("it took long")

    def wait() -> None:
        answers.append(client.post(f"{url}/api/campaigns/other/ask", json={}, headers=keyed).status_code)

    monkeypatch.setattr("flows.engine.ask", slow)
    keyed = {"Idempotency-Key": "a"}
    many = httpx.Limits(max_connections=70)
    with served(settings) as url, httpx.Client(timeout=60, limits=many) as client:
        waiting = [threading.Thread(target=wait) for _ in range(60)]  # more than a pool of threads has as a rule
        for one in waiting:
            one.start()
        try:
            seen = [client.get(f"{url}{path}").status_code for path in ("/api/campaigns/small", "/health")]
        finally:
            is_over.set()
            for one in waiting:
                one.join()

    assert seen == [200, 200]
    assert set(answers) == {409}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("robot: hunter2-hunter2-hunter2", "must name an environment variable, such as $ROBOT_TOKEN"),
        ("robot: $NOT_THERE", "the environment variable NOT_THERE is not set"),
        ("robot: $SHORT", "its token has 5 characters, and 16 are the fewest"),
        (
            "robot: {token: $LONG, may: everything}",
            "{token: $VARIABLE, may: look or ask or decide}",
        ),
        ("robot: $LONG\nanna: $LONG", "have one token; give each its own"),
        ("two words: $LONG", "must be a name of letters, digits"),
        ("- robot", "must name who may ask, such as 'robot: $ROBOT_TOKEN'"),
        ("robot: [", "cannot be read"),
    ],
)
def test_tokens_that_protect_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("SHORT", "short")
    monkeypatch.setenv("LONG", "l" * 20)
    path = tmp_path / "tokens.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(AccessError) as refused:
        access_of(path, host="127.0.0.1", local="tester")

    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_tokens_are_read_and_without_them_others_are_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT", "r" * 20)
    monkeypatch.setenv("ANNA", "a" * 20)
    monkeypatch.setenv("DORA", "d" * 20)
    path = tmp_path / "tokens.yaml"
    path.write_text(
        "robot: $ROBOT\nanna: {token: $ANNA, may: look}\ndora: {token: $DORA, may: decide}\n", encoding="utf-8"
    )

    assert access_of(path, host="0.0.0.0", local="tester") == TOKENS
    with pytest.raises(AccessError, match="can be reached from elsewhere; name who may ask with --tokens FILE"):
        access_of(None, host="0.0.0.0", local="tester")


def test_pages_show_campaigns_and_are_drawn_anew_when_something_came(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    real = pages.in_full
    monkeypatch.setattr(
        pages, "in_full", lambda settings, name, look: drawn.append(name) or real(settings, name, look=look)
    )
    key = ask(client).json()["experiments"][0]["key"]

    first = client.get("/campaigns/small")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(pages.Pages, "_as_of", None)  # to know that nothing was written no campaign is read
        again = client.get("/campaigns/small")
    tell(client, key, measured(71.0))
    second = client.get("/campaigns/small")
    overview = client.get("/")

    assert drawn == ["small", "small"]
    assert "<h1>small</h1>" in first.text
    assert again.text == first.text
    assert "71" in second.text
    assert 'href="campaigns/small"' in overview.text
    assert "best single value: yield 71 %" in overview.text
    assert overview.headers["X-Frame-Options"] == "DENY"
    assert client.get("/campaigns/nobody").status_code == 404


def test_a_page_goes_through_a_long_audit_log_no_more_often_than_a_pass_does(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audited, "QUICK", -1.0)
    monkeypatch.setattr(audited, "SHARE", 1e-9)
    gone_through: list[int] = []
    verify = SqlLedger.verify_audit
    monkeypatch.setattr(SqlLedger, "verify_audit", lambda self: gone_through.append(1) or verify(self))
    ask(client, 1)
    client.get("/campaigns/small")
    ask(client, 1, "b")

    page = client.get("/campaigns/small").text

    assert len(gone_through) == 1
    assert "audit verify" in page


def test_a_page_is_drawn_anew_whatever_the_clocks_say(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    real = pages.in_full
    monkeypatch.setattr(
        pages, "in_full", lambda settings, name, look: drawn.append(name) or real(settings, name, look=look)
    )
    ask(client, 1)
    client.get("/campaigns/small")

    an_hour_ago = lambda: datetime.now(UTC) - timedelta(hours=1)  # noqa: E731
    monkeypatch.setattr("db.ledger.reopen_ledger", partial(reopen_ledger, clock=an_hour_ago))
    ask(client, 1, "b")
    client.get("/campaigns/small")

    assert drawn == ["small", "small"]


def test_a_page_is_drawn_anew_when_a_person_decided_something(client: Client, settings: Settings) -> None:
    client.get("/campaigns/small")
    engine.ban(settings, "small", ["base=DBU"], by="Ada", why="it stains the bench")
    banned = client.get("/campaigns/small")
    engine.halt(settings, "small", by="Ada", why="smoke")
    client.get("/campaigns/small")
    engine.halt(settings, "small", by="Bob", why="fire")
    halted = client.get("/campaigns/small")

    assert "it stains the bench" in banned.text
    assert "fire" in halted.text


def test_the_bench_page_counts_what_can_be_taken_there(settings: Settings, tmp_path: Path) -> None:
    bases = {"robot": ["KOAc", "DBU"], "hand": ["CsOPiv"]}
    parts = {name: {"adapter": adapter, "when": {"base": bases[name]}} for name, adapter in LABORATORIES.items()}
    several = {"adapter": "several", "laboratories": parts}
    add(settings, tmp_path, laboratory=several, planner={"batch": 12, "surrogate": "random"})
    client = client_of(settings)
    ask(client, 1)

    page = client.get("/campaigns/small/bench").text

    with open_ledger(settings.database) as ledger:
        waiting = ledger.attempts("small", [State.SUBMITTED])
    mine = sum(a.settings["base"] in bases["robot"] for a in waiting)
    assert mine < len(waiting)
    assert f"{mine} wait to be taken, 1 taken wait" in page


@pytest.mark.parametrize(
    ("more", "n"), [({"planner": {"batch": 3}}, 3), ({"planner": {}, "plate": {"rows": 2, "columns": 4}}, 8)]
)
def test_the_bench_page_offers_as_many_as_a_batch_has(
    settings: Settings, tmp_path: Path, more: dict[str, Any], n: int
) -> None:
    add(settings, tmp_path, laboratory=ASKED, **more)

    page = client_of(settings).get("/campaigns/small/bench").text

    assert f'<input name="experiments" inputmode="numeric" value="{n}">' in page


def test_the_bench_page_goes_on_where_a_changed_file_drops_a_target(settings: Settings, tmp_path: Path) -> None:
    both = {"yield": {"goal": "maximize", "unit": "%"}, "ee": {"goal": "maximize", "unit": "%"}}
    planner = {"surrogate": "gp", "batch": 1, "initial": {"experiments": 2}}
    more = {"space": {"base": {"type": "category", "options": ["a", "b", "c", "d"]}}, "planner": planner}
    add(settings, tmp_path, laboratory=ASKED, objective=both, **more)
    client = client_of(settings)
    values = [{"property": name, "value": 50} for name in both]
    for number, one in enumerate(ask(client, 2).json()["experiments"]):
        rows = [{**v, "value": 50 + number} for v in values]
        tell(client, one["key"], json.dumps({"outcome": "measured", "values": rows}))
    (out,) = ask(client, 1, "b").json()["experiments"]
    assert set(out["predicted"]) == {"yield", "ee"}

    add(settings, tmp_path, laboratory=ASKED, objective={"yield": both["yield"]}, **more)

    page = client.get("/campaigns/small/bench")
    assert page.status_code == 200
    assert "predicted yield" in page.text
    assert "predicted ee" not in page.text


def test_names_are_shown_as_they_are_and_never_run(settings: Settings, tmp_path: Path) -> None:
    space = {"solvent": {"type": "category", "options": ["<script>alert(1)</script>", "b"]}}
    add(settings, tmp_path, laboratory=ASKED, space=space)
    client = client_of(settings)
    for one in ask(client, 4).json()["experiments"]:
        tell(client, one["key"], measured(60.0 if "script" in one["settings"]["solvent"] else 50.0))

    assert "<script>alert" not in client.get("/").text
    assert "&lt;script&gt;alert" in client.get("/").text


def test_what_is_answered_is_described(client: Client) -> None:
    described = client.get("/openapi.json").json()

    assert set(described["paths"]) == {
        "/health",
        "/metrics",
        "/api/campaigns",
        "/api/campaigns/{name}",
        "/api/campaigns/{name}/best",
        "/api/campaigns/{name}/ask",
        "/api/campaigns/{name}/experiments",
        "/api/campaigns/{name}/experiments/{key}",
        "/api/campaigns/{name}/experiments/{key}/result",
        "/api/campaigns/{name}/experiments/{key}/give-back",
        "/api/campaigns/{name}/results",
        "/api/campaigns/{name}/rounds/{number}",
        "/api/campaigns/{name}/rounds/{number}/verdict",
        "/api/campaigns/{name}/decisions",
        "/api/campaigns/{name}/stop",
        "/api/campaigns/{name}/resume",
        "/api/campaigns/{name}/halt",
    }
    result = described["paths"]["/api/campaigns/{name}/experiments/{key}/result"]["post"]
    assert "qualifier" in json.dumps(result["requestBody"])
    assert set(described["components"]["schemas"]["Experiment"]["properties"]) >= {
        "key",
        "settings",
        "reason",
        "smiles",
    }


def test_a_person_who_looks_is_refused_by_a_page_and_a_program_by_json(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    page = client.get("/campaigns/smal", headers=browser)
    nothing = client.get("/nowhere", headers=browser)
    program = client.get("/campaigns/smal")
    of_api = client.get("/api/campaigns/smal", headers=browser)

    def busy(*_: Any) -> Any:
        raise LedgerBusy("sqlite:////secret/place is locked")

    monkeypatch.setattr(pages.engine, "status", busy)
    waits = client.get("/", headers=browser)

    assert [answer.status_code for answer in (page, nothing, program, of_api)] == [404] * 4
    for answer in (page, nothing, waits):
        assert answer.headers["content-type"].startswith("text/html")
        assert '<a href="/">every campaign</a>' in answer.text
    assert "<h1>Not found</h1>" in page.text
    assert "no campaign is called &#39;smal&#39;" in page.text
    assert program.json()["error"] == of_api.json()["error"] == "not_found"
    assert (waits.status_code, waits.headers["retry-after"]) == (503, "5")
    assert '<meta http-equiv="refresh" content="5">' in waits.text
    assert "secret" not in waits.text
