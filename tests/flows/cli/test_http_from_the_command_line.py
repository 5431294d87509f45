"""The example of a laboratory over HTTP: two commands, as its campaign file says; and its messages."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.http.trial import Served, served

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/http_laboratory/campaign.yaml"


SERVE = f"{sys.executable} -m examples.http_laboratory --folder {{folder}} --port {{port}} --seconds 0"


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Served]:
    found = served(SERVE, tmp_path / "bench", {"PYTHONPATH": str(ROOT), "LAB_KEY": "s3cret"})
    yield found
    found.stop()


def campaign_at(url: str, folder: Path, *more: tuple[str, str]) -> Path:
    """The example's campaign file, with the laboratory where it is, a cheap planner, and further replacements."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (("http://127.0.0.1:8765", url), ("{batch: 5,", "{surrogate: random, batch: 5,"), *more):
        assert old in text
        text = text.replace(old, new)
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_commands_show_it(hakken: Any, tmp_path: Path, laboratory: Served) -> None:
    assert "python -m examples.http_laboratory" in EXAMPLE.read_text(encoding="utf-8")

    said = hakken("run", campaign_at(laboratory.url, tmp_path), "--json")

    assert said.code == 0, said.err
    assert (said.json["state"], said.json["experiments_done"]) == ("finished", 20)


def test_it_is_commented_for_a_newcomer() -> None:
    assert sum("#" in line for line in EXAMPLE.read_text(encoding="utf-8").splitlines()) >= 8


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# token: $LAB_TOKEN", "token: hunter2", "a secret itself never stands in a campaign file"),
        ("simulated: true", "verify: false", "unknown option 'verify'; known: url, token, properties"),
        ('{yield: "%"}           #', "{yield: shoes}  #", "option 'properties' must be: a unit for each property"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_before_anything_is_asked(
    hakken: Any, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = campaign_at("http://127.0.0.1:9", tmp_path, (old, new))

    said = hakken("run", path, "--max-seconds", 0)

    assert said.code == 2
    assert message in said.err
    assert "hunter2" not in said.err + said.out


KEYS = ("simulated: true", "webhook_keys: {k1: $LAB_KEY}")


@pytest.mark.parametrize("is_one_of_several", [False, True])
def test_check_names_a_key_of_messages_that_is_missing(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_one_of_several: bool
) -> None:
    monkeypatch.setenv("LAB_KEY", "s3cret")
    monkeypatch.delenv("LAB_OLD_KEY", raising=False)
    path = campaign_at(
        "http://127.0.0.1:9", tmp_path, ("simulated: true", "webhook_keys: {new: $LAB_KEY, old: $LAB_OLD_KEY}")
    )
    if is_one_of_several:
        before, _, section = path.read_text("utf-8").partition("laboratory:\n")
        bench = "".join(f"    {line}\n" for line in section.splitlines())
        several = (
            f"laboratory:\n  adapter: several\n  laboratories:\n    http:\n{bench}    spare: {{adapter: simulated}}\n"
        )
        path.write_text(before + several, "utf-8")

    said = hakken("lab", "check", path, "--json")

    found = {c["subject"]: c for c in said.json["checks"] if c["subject"].startswith("webhook")}
    assert said.code == 2
    assert found["webhook key new"]["verdict"] == "ok"
    assert found["webhook key old"]["verdict"] == "problem"
    assert found["webhook key old"]["area"] == "http"
    assert "LAB_OLD_KEY is not set, and hakken listen takes in no messages" in found["webhook key old"]["found"]
    assert "s3cret" not in said.out


def test_check_asks_for_keys_where_messages_are_to_come(hakken: Any, tmp_path: Path) -> None:
    notify = ("simulated: true", "notify: http://127.0.0.1:8766/messages")

    said = hakken("lab", "check", campaign_at("http://127.0.0.1:9", tmp_path, notify), "--json")

    (found,) = [c for c in said.json["checks"] if c["subject"] == "messages"]
    assert (found["verdict"], found["found"]) == (
        "note",
        "notify without keys: no message that comes could be believed",
    )
    assert "webhook_keys: {k1: $LAB_KEY}" in found["remedy"]


def sent_off(hakken: Any, path: Path) -> None:
    """The first batch is in the laboratory, and nobody has asked for its results."""
    said = hakken("tick", path, "--json")
    assert (said.code, said.json["sent"]) == (0, 5)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 120.0
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def count_results(home: Any) -> int:
    from flows.wiring import open_record

    with open_record(home) as ledger:
        return len(ledger.observations("http_laboratory"))


def count_accepted(told: Path) -> int:
    """How many results a listener said that it accepted; messages come one by one or several at once."""
    return sum(int(n) for n in re.findall(r"(\d+) accepted", told.read_text()))


def test_results_are_fetched_where_no_message_can_reach(
    hakken: Any, tmp_path: Path, laboratory: Served, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "s3cret")
    sent_off(hakken, campaign_at(laboratory.url, tmp_path, KEYS))
    listen = ("listen", "http_laboratory", "--poll", "--max-seconds", 0)
    found: dict[str, int] = {}

    def has_all() -> bool:
        said = hakken(*listen, "--json")
        assert said.code == 0, said.err
        found.update({"messages": found.get("messages", 0) + said.json["messages"]})
        return count_results(home) == 5

    wait_until(has_all)

    assert found["messages"] == 5  # none was fetched twice
    said = hakken(*listen)
    assert said.out.splitlines() == [
        "0 messages taken in, 0 results of them new",
        "next: hakken run http_laboratory goes on with what came",
    ]


def test_messages_are_taken_in_while_nobody_asks(
    hakken: Any, tmp_path: Path, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "s3cret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {"PYTHONPATH": str(ROOT), "LAB_KEY": "s3cret"}
    door = f"http://127.0.0.1:{port}/"
    laboratory = served(f"{SERVE} --notify {door}", tmp_path / "bench", environ)
    notify = ("# token: $LAB_TOKEN", f"notify: {door}messages")
    sent_off(hakken, campaign_at(laboratory.url, tmp_path, KEYS, notify))
    words = [sys.executable, "-m", "flows.cli", "listen", "http_laboratory", "--port", str(port)]
    told = tmp_path / "told"
    with told.open("w") as out:
        listener = subprocess.Popen(
            words,
            env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
            stdout=out,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
        )
    try:
        wait_until(lambda: count_accepted(told) == 5)
    finally:
        listener.send_signal(signal.SIGINT)
        listener.wait(timeout=60)
        laboratory.stop()

    assert told.read_text().startswith(f"listening at {door}messages\n")
    assert (listener.returncode, count_results(home)) == (130, 5)
    run = hakken("run", "http_laboratory", "--max-seconds", 0, "--json")
    assert run.code == 0


def test_what_cannot_be_listened_to_is_said(
    hakken: Any, tmp_path: Path, laboratory: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hakken("tick", campaign_at(laboratory.url, tmp_path))
    assert "no campaign is called 'nobody'" in hakken("listen", "nobody").err
    assert "names no keys by which messages are signed; add webhook_keys: {k1: $LAB_KEY}" in listen_to_it(hakken)
    path = campaign_at(laboratory.url, tmp_path, KEYS, ("campaign: http_laboratory", "campaign: second"))
    hakken("tick", path)
    assert "the environment lacks LAB_KEY, by which messages are signed; set it" in listen_to_it(hakken, "second")
    monkeypatch.setenv("LAB_KEY", "s3cret")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = listen_to_it(hakken, "second", "--port", port)
    assert f"127.0.0.1:{port} cannot be listened at (Address already in use); give another --port" in said
    elsewhere = listen_to_it(hakken, "second", "--host", "203.0.113.1")
    assert "203.0.113.1:8766 cannot be listened at (Cannot assign" in elsewhere
    assert "give another --host, one of this machine" in elsewhere


def listen_to_it(hakken: Any, name: str = "http_laboratory", *words: object) -> str:
    said = hakken("listen", name, *(words or ("--max-seconds", 0)))
    assert said.code == 2
    return said.err


def test_only_http_is_polled(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "s3cret")
    inner = "laboratories: {a: {adapter: http, url: 'http://127.0.0.1:9', webhook_keys: {k1: $LAB_KEY}}}"
    text = EXAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "c.yaml"
    path.write_text(text[: text.index("laboratory:\n")] + f"laboratory:\n  adapter: several\n  {inner}\n")
    hakken("tick", path)

    said = hakken("listen", "http_laboratory", "--poll", "--max-seconds", 0)

    assert said.code == 2
    assert "a laboratory 'several' has no messages to be fetched; --poll is for 'http'" in said.err


def test_how_it_is_asked_may_change_while_it_has_experiments_and_which_it_is_may_not(
    hakken: Any, tmp_path: Path, laboratory: Served
) -> None:
    sent_off(hakken, campaign_at(laboratory.url, tmp_path))
    larger = ("simulated: true", "simulated: true\n  largest_reply: 64\n  webhook_keys: {k2: $LAB_KEY}")

    said = hakken("run", campaign_at(laboratory.url, tmp_path, larger), "--max-seconds", 0)
    moved = hakken("run", campaign_at("http://127.0.0.1:9", tmp_path), "--max-seconds", 0)

    assert said.code == 0, said.err
    assert moved.code == 2
    assert "the laboratory's options (url) cannot be changed while" in moved.err


def test_what_never_left_goes_to_the_address_that_is_mended(hakken: Any, tmp_path: Path, laboratory: Served) -> None:
    hakken("tick", campaign_at("http://127.0.0.1:9", tmp_path))
    (standing,) = hakken("status", "http_laboratory", "--json").json

    said = hakken("run", campaign_at(laboratory.url, tmp_path), "--json")

    assert standing["pending"]["sending"] >= 1
    assert said.code == 0, said.err
    assert (said.json["state"], said.json["experiments_done"]) == ("finished", 20)


def test_what_may_have_been_sent_is_ended_by_its_key_where_the_laboratory_is_gone(
    hakken: Any, tmp_path: Path, laboratory: Served
) -> None:
    sent_off(hakken, campaign_at(laboratory.url, tmp_path))
    laboratory.stop()
    table = tmp_path / "gone.csv"
    hakken("export", "http_laboratory", table, "--waiting")
    rows = [line.split(",") for line in table.read_text("utf-8").splitlines()]
    key = rows[0].index("key")

    moved = hakken("run", campaign_at("http://127.0.0.1:9", tmp_path), "--max-seconds", 0)
    asked = hakken("resolve", rows[1][key], "--never-ran")
    table.write_text("key,outcome\n" + "".join(f"{row[key]},cancelled\n" for row in rows[1:]), "utf-8")
    told = hakken("tell", "http_laboratory", table)
    now = hakken("run", campaign_at("http://127.0.0.1:9", tmp_path), "--max-seconds", 0)

    assert "outcome" in rows[0]
    for refused in (moved, asked):
        assert refused.code == 2
        assert "hakken export http_laboratory FILE.csv --waiting" in refused.err
        assert "outcome cancelled" in refused.err
    assert told.code == 0, told.err
    assert now.code == 0, now.err
