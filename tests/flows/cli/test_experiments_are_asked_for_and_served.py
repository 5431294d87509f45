"""``ask`` and ``serve``: the orchestrator of the examples works through a campaign, whoever is killed meanwhile."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.request import Request, urlopen

import pytest
import yaml

from examples.orchestrator import __main__ as orchestrator
from flows.ask_tell import Campaign
from flows.settings import Settings
from flows.wiring import open_record
from loop.experiment import State

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/orchestrator/campaign.yaml"


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's campaign with a planner that takes no time."""
    monkeypatch.chdir(tmp_path)
    spec = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    spec["planner"] |= {"surrogate": "random", "initial": {"design": "random", "experiments": 4}}
    spec["budget"] = {"experiments": 12}
    path = tmp_path / "campaign.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return path


def test_experiments_are_taken_filled_in_and_told(hakken: Any, campaign: Path) -> None:
    said = hakken("ask", campaign, "-n", 3, "--key", "monday", "--json").json
    again = hakken("ask", "suzuki", "-n", 3, "--key", "monday")
    hakken("export", "suzuki", "todo.csv", "--waiting")
    keys = [one["key"] for one in said["experiments"]]
    rows = "".join(f"{key},{50 + n}\n" for n, key in enumerate(keys))
    Path("done.csv").write_text(f"key,yield [%]\n{rows}", encoding="utf-8")
    told = hakken("tell", "suzuki", "done.csv", "--json").json

    assert len(keys) == 3
    assert "3 experiments of suzuki under the key monday, as before" in again.out
    assert all(key in again.out for key in keys)
    assert "initial design" in again.out
    assert all(key in Path("todo.csv").read_text(encoding="utf-8") for key in keys)
    assert told["accepted"] == 3
    assert "1 experiment waits to be asked for" in hakken("status").out


def test_what_never_ran_is_given_back(hakken: Any, campaign: Path) -> None:
    key = hakken("ask", campaign, "--json").json["experiments"][0]["key"]

    back = hakken("ask", "suzuki", "--give-back", key, "--why", "no vial left", "--by", "anna")

    assert f"experiment {key} is given back" in back.out
    assert hakken("ask", "suzuki", "--json").json["experiments"][0]["key"] == key
    assert "cannot be given back" in hakken("ask", "suzuki", "--give-back", other(hakken, key)).err


def test_who_asks_by_a_name_is_told_that_the_campaign_file_was_changed(hakken: Any, campaign: Path) -> None:
    hakken("ask", campaign)
    campaign.write_text(campaign.read_text(encoding="utf-8").replace("experiments: 12", "experiments: 13"))

    by_name, in_python = hakken("ask", "suzuki").out, Campaign("suzuki").ask(key="again").notes
    taken_up = hakken("ask", campaign).out

    assert "campaign.yaml was changed; hakken run" in by_name
    assert "takes that up, by its name it goes on as before" in by_name
    assert "was changed" in in_python[0]
    assert "was changed;" not in taken_up + hakken("ask", "suzuki").out


def other(hakken: Any, key: str) -> str:
    """The key of an experiment that nobody asked for."""
    return next(k for k in (o["key"] for o in hakken("status", "--json").json[0]["at_work"]) if k != key)


def test_whoever_is_asked_is_said_to_be_asked_and_not_to_be_run(hakken: Any, campaign: Path) -> None:
    valid, dry = hakken("validate", campaign), hakken("run", "--dry-run", campaign)
    first = hakken("ask", campaign, "-n", "1", "--key", "monday", "--by", "robot 2", "--json").json["experiments"][0]
    shown = hakken("show", "suzuki")
    stopped = hakken("stop", "suzuki", "--why", "lunch")
    status, resumed = hakken("status", "suzuki"), hakken("resume", "suzuki")
    hakken("export", "suzuki", "todo.csv", "--waiting")
    text = Path("todo.csv").read_text(encoding="utf-8-sig")
    Path("todo.csv").write_text(text.replace(",,,,", ",33,,,"), encoding="utf-8")
    told = hakken("tell", "suzuki", "todo.csv")

    assert f"hakken serve {campaign} hands it out" in valid.out
    assert f"hakken ask {campaign} records this batch and hands it out" in dry.out
    assert f"attempt {first['key']}: running, with robot 2, who asked under the key monday" in shown.out
    assert "1 experiment that the laboratory has goes on" in stopped.out  # the other three wait for nobody
    assert "1 experiment still runs; hakken serve or hakken tell suzuki takes its result in" in status.out
    assert "hakken ask suzuki goes on" in resumed.out
    assert "hakken ask suzuki learns from them and goes on" in told.out
    assert "it is planned when experiments are asked for (hakken serve, or hakken ask suzuki)" in hakken("status").out


def test_who_looks_at_the_laboratory_is_told_to_serve_and_not_to_run(hakken: Any, campaign: Path) -> None:
    checked, played = hakken("lab", "check", campaign), hakken("lab", "simulate", campaign)
    shown = hakken("lab", "show", "ask_tell")

    assert f"next: hakken lab simulate {campaign} plays a batch; hakken serve {campaign} hands it out" in checked.out
    assert (
        f"next: hakken lab check {campaign} asks the laboratories; hakken serve {campaign} hands it out" in played.out
    )
    assert "  options: none of its own\n" in shown.out


def test_of_a_campaign_on_record_only_what_takes_its_name_or_is_there_comes_next(hakken: Any, campaign: Path) -> None:
    hakken("run", campaign)
    there, resumed = hakken("lab", "check", "suzuki"), hakken("lab", "resume", "suzuki")
    campaign.unlink()  # or it ran on another machine
    gone = hakken("lab", "check", "suzuki")

    assert "next: hakken lab simulate " in there.out
    assert there.out.endswith("campaign.yaml plays a batch; hakken ask suzuki goes on\n")
    assert gone.out.endswith("\nnext: hakken ask suzuki goes on\n")
    assert "laboratory 'ask_tell' cannot pause what it runs, so that nothing is held up" in resumed.err


def test_a_run_says_that_others_have_to_ask(hakken: Any, campaign: Path) -> None:
    said = hakken("run", campaign)

    assert said.code == 0
    assert "4 experiments wait to be asked for: hakken serve hands experiments out" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--host", "0.0.0.0"), "name who may ask with --tokens FILE"),
        (("--tokens", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("nowhere.yaml",), "nowhere.yaml: no such file"),
    ],
)
def test_what_cannot_be_served_is_said(hakken: Any, words: tuple[str, ...], message: str) -> None:
    said = hakken("serve", "--port", 0, *words)

    assert said.code == 2
    assert message in said.err


def test_a_port_that_is_taken_is_named(hakken: Any, campaign: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = hakken("serve", campaign, "--port", taken.getsockname()[1])

    assert said.code == 2
    assert "cannot be listened at (Address already in use); give another --port" in said.err


@pytest.fixture(scope="module")
def forking() -> Iterator[subprocess.Popen[str]]:
    """A process that forks those that serve: to start one anew takes as long as to serve a campaign."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.cli.forked"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    yield process
    process.communicate(timeout=60)


class Service:
    """``hakken serve`` in a process of its own, on one port whenever it is started."""

    def __init__(self, forking: subprocess.Popen[str], home: Settings, campaign: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = ["serve", str(campaign), "--port", str(self.port), "--json"]
        self._environ = {"HAKKEN_HOME": str(home.home), "HAKKEN_USER": home.by}
        self._forking = forking
        self._number: int | None = None

    def start(self) -> dict[str, Any]:
        """Start it; returns its document once it listens."""
        assert self._forking.stdin is not None
        self._forking.stdin.write(json.dumps({"words": self._words, "environ": self._environ}) + "\n")
        self._forking.stdin.flush()
        self._number = int(self._line())
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(self._line())
        document: dict[str, Any] = json.loads("".join(lines))
        return document

    def end(self, how: signal.Signals) -> int:
        """End it; returns how it ended, the number of a signal below zero."""
        assert self._number is not None
        os.kill(self._number, how)
        self._number = None
        while not (line := self._line()).startswith("ended: "):  # after its last words
            continue
        return int(line.removeprefix("ended: "))

    def close(self) -> None:
        if self._number is not None:
            self.end(signal.SIGKILL)

    def _line(self) -> str:
        assert self._forking.stdout is not None
        line = self._forking.stdout.readline()
        assert line, "the process that forks is gone"
        return line


@pytest.fixture
def service(forking: subprocess.Popen[str], home: Settings, campaign: Path) -> Iterator[Service]:
    found = Service(forking, home, campaign)
    yield found
    found.close()


class Troubled(http.server.BaseHTTPRequestHandler):
    """A service behind a proxy that loses it at first, and where somebody else told the result."""

    answers: ClassVar[list[tuple[int, str]]] = []

    def do_POST(self) -> None:
        status, text = self.answers.pop(0)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(status)
        if text.endswith("..."):  # killed while it answered
            self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None: ...


def test_a_robot_waits_for_a_proxy_and_leaves_a_result_alone_that_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"ligand": "XPhos", "base": "K3PO4", "temperature": 85}
    given = {"experiments": [{"key": "a", "settings": settings}], "state": "finished", "next_step": "It is over."}
    Troubled.answers = [
        (502, "<html>Bad Gateway</html>"),
        (200, '{"experiments": [...'),
        (200, json.dumps(given)),
        (503, "Service Unavailable"),
        (409, json.dumps({"verdict": "contradictory", "message": "it already ended otherwise"})),
    ]
    monkeypatch.setattr(orchestrator, "AGAIN", 0.0)
    with http.server.HTTPServer(("127.0.0.1", 0), Troubled) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = orchestrator.work(
            orchestrator.Service(f"http://127.0.0.1:{server.server_port}", "suzuki"), tmp_path / "note.json", 1
        )
        server.shutdown()

    assert done == 0
    assert "contradictory it already ended otherwise" in capsys.readouterr().out
    assert not (tmp_path / "note.json").exists()


def robot(service: Service, notebook: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "examples.orchestrator", "--url", service.url, "--notebook", str(notebook)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until(home: Settings, n: int) -> None:
    """Until so many experiments have a result."""
    until = time.monotonic() + 120
    with open_record(home) as ledger:
        while (ended := len(ledger.attempts("suzuki", [State.ENDED]))) < n:
            assert time.monotonic() < until, f"only {ended} of {n} experiments ended"
            time.sleep(0.02)


def test_robots_work_through_a_campaign_while_the_service_and_one_of_them_are_killed(
    service: Service, home: Settings, tmp_path: Path
) -> None:
    said = service.start()
    robots = [robot(service, tmp_path / "one.json"), robot(service, tmp_path / "two.json")]
    try:
        wait_until(home, 2)
        service.end(signal.SIGKILL)
        service.start()
        robots[0].kill()
        robots[0].communicate()
        robots[0] = robot(service, tmp_path / "one.json")
        wait_until(home, 6)
        service.end(signal.SIGKILL)
        service.start()
        outs = [one.communicate(timeout=120)[0] for one in robots]
    finally:
        for one in robots:
            one.kill()

    assert said["url"] == service.url
    assert all("The campaign is finished" in out for out in outs), outs
    with open_record(home) as ledger:
        keys = [o.key for o in ledger.observations("suzuki")]
        assert (len(keys), len(set(keys))) == (12, 12)
        assert {e.verdict.value for e in ledger.envelopes("suzuki") if e.verdict} <= {"accepted", "duplicate"}
        assert ledger.verify_audit().is_intact


def test_it_shows_pages_and_ends_when_it_is_told_to(service: Service, hakken: Any) -> None:
    service.start()
    ask = Request(
        f"{service.url}/api/campaigns/suzuki/ask", b"{}", {"Content-Type": "application/json", "Idempotency-Key": "a"}
    )
    with urlopen(ask) as answer:
        key = json.load(answer)["experiments"][0]["key"]
    with urlopen(f"{service.url}/") as page:
        assert "suzuki" in page.read().decode()

    assert service.end(signal.SIGINT) == 130
    assert hakken("ask", "suzuki", "--key", "a", "--json").json["experiments"][0]["key"] == key
