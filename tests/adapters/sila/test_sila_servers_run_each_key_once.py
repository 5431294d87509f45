"""SiLA 2 servers over real loopback connections: the contract, crashes on both sides."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError, FolderInUse
from adapters.sila import options as sila2
from loop import checkpoints
from loop.circumstances import read_expense
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.costs import Expense
from loop.errors import AdapterUnavailable
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import EXPERIMENT, context

pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")

from adapters.common.folder import Jobs
from adapters.sila.connection import Connection, Security
from adapters.sila.laboratory import Sila2
from adapters.sila.messages import payload_of, report_of, spec_of
from adapters.sila.serving import serve
from tests.adapters.helpers import free_port
from tests.adapters.sila.sila_bench import MEASURED, STEPS, SilaBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SilaBench]:
    at_work = SilaBench(tmp_path / "bench")
    yield at_work
    at_work.stop()


@pytest.fixture
def make(tmp_path: Path, bench: SilaBench) -> Callable[[], Adapter]:
    options = {"address": bench.address, "trust": "nothing", "timeout": 5.0}
    return lambda: sila2.build(options, context(tmp_path))


class TestSila2(AdapterContract):
    @pytest.fixture
    def make_adapter(self, make: Callable[[], Adapter]) -> Callable[[], Adapter]:
        return make

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, bench: SilaBench) -> Callable[[AttemptKey], int]:
        return lambda key: bench.runs()[key]


def go_on(adapter: Adapter, keys: tuple[AttemptKey, ...] = (KEY, OTHER)) -> None:
    """As the engine does: look a key up, prepare what is absent, start what lies inert."""
    for key in keys:
        found = adapter.find(key)
        if isinstance(found, Absent):
            adapter.start(adapter.prepare(EXPERIMENT, key), key)
        elif isinstance(found, Found) and not found.started:
            adapter.start(found.handle, key)
        elif isinstance(found, Found):
            adapter.status(found.handle)


def end(adapter: Adapter, key: AttemptKey = KEY) -> Any:
    """The outcome of an attempt, waited for."""
    found = adapter.find(key)
    assert isinstance(found, Found)
    for _ in range(500):
        if adapter.status(found.handle).phase is Phase.ENDED:
            break
        threading.Event().wait(0.01)
    (envelope,) = adapter.fetch(found.handle)
    return read_outcome(json.loads(envelope.payload), EXPERIMENT.targets)


class Killed(BaseException):
    """hakken was killed."""


@pytest.mark.parametrize("label", ["prepared", "accepted", "sending", "sent", "started", "collected"])
@pytest.mark.parametrize("times", [1, 2])
def test_hakken_is_killed_and_each_key_runs_once(
    make: Callable[[], Adapter], bench: SilaBench, label: str, times: int
) -> None:
    seen = 0

    def kill(reached: str) -> None:
        nonlocal seen
        seen += reached == f"sila2.{label}"
        if reached == f"sila2.{label}" and seen == times:
            raise Killed

    checkpoints.on_reached = kill
    for _ in range(200):
        try:
            adapter = make()
            go_on(adapter)
            found = [adapter.find(key) for key in (KEY, OTHER)]
            if all(isinstance(f, Found) and adapter.status(f.handle).phase is Phase.ENDED for f in found):
                break
        except Killed:
            continue

    assert seen >= times
    assert [type(end(make(), key)) for key in (KEY, OTHER)] == [Measured, Measured]
    assert bench.runs() == {KEY: 1, OTHER: 1}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 2])
def test_the_server_dies_between_two_steps_and_nothing_runs_twice(
    make: Callable[[], Adapter], bench: SilaBench, step: str, times: int
) -> None:
    seen = 0

    def dies_at(reached: str) -> bool:
        nonlocal seen
        seen += reached == step
        return reached == step and seen == times

    bench.dies_at = dies_at
    adapter, doubts, over = make(), 0, [False]
    for _ in range(500):
        try:
            go_on(adapter)
            found = [adapter.find(key) for key in (KEY, OTHER)]
            doubts = sum(isinstance(f, Unknown) for f in found)
            over = [isinstance(f, Unknown) or adapter.status(f.handle).phase is Phase.ENDED for f in found]
        except AdapterUnavailable:
            assert bench.is_dead
        if bench.is_dead:
            bench.restart()
        elif all(over):
            break
        threading.Event().wait(0.005)

    assert max(bench.runs().values()) <= 1
    if step in ("begun", "run"):
        assert doubts == 1  # it cannot tell how far it came
    else:
        assert doubts <= 1  # the run of a key may be under way when the server dies at a step of another call
    assert all(over)
    if not doubts:
        assert bench.runs() == {KEY: 1, OTHER: 1}


class LosesReplies(Connection):
    """The server hears every call; its first answers to some get lost."""

    lost: list[str]

    def command(self, of: str, name: str, **parameters: Any) -> Any:
        answer = super().command(of, name, **parameters)
        self._lose(name)
        return answer

    def begin(self, of: str, name: str, **parameters: Any) -> None:
        super().begin(of, name, **parameters)
        self._lose(name)

    def _lose(self, name: str) -> None:
        if name in self.lost:
            self.lost.remove(name)
            raise AdapterUnavailable(f"the answer to {name} was lost")


def test_a_lost_reply_is_looked_up_and_nothing_is_sent_again(
    make: Callable[[], Adapter], bench: SilaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        LosesReplies, "lost", ["AcceptExperiment", "RunExperiment", "LookUp", "GetReport"], raising=False
    )
    monkeypatch.setattr(sila2, "Connection", LosesReplies)
    lost = 0
    for _ in range(50):
        try:
            go_on(make(), (KEY,))
            end(make())
            break
        except AdapterUnavailable:
            lost += 1

    assert lost == 4
    assert isinstance(end(make()), Measured)
    assert bench.runs() == {KEY: 1}


def interrupt(adapter: Adapter, bench: SilaBench) -> Handle:
    """An attempt of which the server does not know how far it came."""
    handle = adapter.prepare(EXPERIMENT, KEY)
    start_until_it_dies(adapter, handle, bench, "begun")
    return handle


def start_until_it_dies(adapter: Adapter, handle: Handle, bench: SilaBench, step: str) -> None:
    """The attempt started, the server dead at the step and there again. Whether ``start`` sees it die is chance."""
    bench.dies_at = lambda reached: reached == step
    with suppress(AdapterUnavailable):
        adapter.start(handle, KEY)
    while not bench.is_dead:
        threading.Event().wait(0.005)
    bench.dies_at = lambda _: False
    bench.restart()


def test_what_a_person_knows_never_ran_is_run_under_its_key(make: Callable[[], Adapter], bench: SilaBench) -> None:
    handle = interrupt(make(), bench)
    assert make().find(KEY) == Unknown("the SiLA server died while it ran")
    assert make().status(handle).phase is Phase.LOST

    assert make().prepare(EXPERIMENT, KEY) == handle  # as the engine does after hakken resolve --never-ran
    assert make().find(KEY) == Found(handle, started=False)
    assert bench.runs() == {}
    make().start(handle, KEY)

    assert isinstance(end(make()), Measured)
    assert bench.runs() == {KEY: 1}


def test_a_server_that_lost_its_memory_is_not_believed(make: Callable[[], Adapter], bench: SilaBench) -> None:
    adapter = make()
    handle = adapter.prepare(EXPERIMENT, KEY)
    waiting = adapter.prepare(EXPERIMENT, OTHER)
    adapter.start(handle, KEY)
    while not bench.runs():
        threading.Event().wait(0.005)
    bench.stop()
    shutil.rmtree(bench.folder / "keys")
    bench.start()

    assert make().find(KEY) == Unknown("the SiLA server lost its memory of keys after it was sent")
    assert make().find(OTHER) == Found(waiting, started=False)  # nothing of it was ever sent
    make().start(handle, KEY)  # nobody said that it never ran
    make().start(waiting, OTHER)
    assert isinstance(end(make(), OTHER), Measured)
    assert bench.runs() == {KEY: 1, OTHER: 1}


def test_what_the_server_refuses_is_a_fault_with_its_words(make: Callable[[], Adapter]) -> None:
    adapter = make()
    adapter.prepare(replace(EXPERIMENT, settings={"ligand": "plutonium"}), KEY)

    assert end(adapter) == Fault(FaultKind.INPUT_ERROR, "the SiLA server refused it: it glows", True)


def test_a_withdrawn_attempt_never_runs_also_when_the_reply_was_lost(
    make: Callable[[], Adapter], bench: SilaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make()
    handle = adapter.prepare(EXPERIMENT, KEY)
    start_until_it_dies(adapter, handle, bench, "waiting")  # before it began, so it lies there accepted again
    monkeypatch.setattr(LosesReplies, "lost", ["WithdrawExperiment"], raising=False)
    monkeypatch.setattr(sila2, "Connection", LosesReplies)
    with pytest.raises(AdapterUnavailable):
        make().cancel(handle, "no longer wanted")

    assert make().status(handle).phase is Phase.ENDED
    assert end(make()) == Fault.of(FaultKind.CANCELLED, "no longer wanted")
    assert bench.runs() == {}


def test_a_server_that_hangs_or_is_not_there_is_said_in_time(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        for port in (deaf.getsockname()[1], free_port()):
            options = {"address": f"127.0.0.1:{port}", "trust": "nothing", "timeout": 0.3}
            adapter = sila2.build(options, context(tmp_path))

            assert not adapter.health().is_ok
            with pytest.raises(AdapterUnavailable, match=r"did not answer .*; see whether it runs"):
                adapter.prepare(EXPERIMENT, KEY)


# --- messages


def test_experiments_and_reports_survive_the_wire(bench: SilaBench) -> None:
    connection = Connection(bench.address, Security(is_insecure=True), 5.0)
    placed = replace(EXPERIMENT, place={"plate": "1", "well": "B2"}, replicate_no=2)
    seen: list[ExperimentSpec] = []
    payload = {
        "outcome": "negative",
        "reason": "no conversion",
        "values": [
            {"property": "yield", "value": 0.1, "unit": "%", "sd": None, "n": 3, "qualifier": "<", "channel": "UV"}
        ],
        "context": {"lot": "7", "actual": {"temperature": 81.5, "ligand": "XPhos"}},
        "provenance": {"program": "SiLA 2 server", "raw": "chromatogram", "wall_time_s": 5400.0, "cost": "12 EUR"},
    }
    bench._answer = lambda spec: seen.append(spec) or payload  # type: ignore[func-returns-value]
    from adapters.sila.messages import parameters_of

    connection.command("ExperimentRunner", "AcceptExperiment", **parameters_of(placed, KEY, 0))
    connection.begin("ExperimentRunner", "RunExperiment", Key=KEY, Attempt=0)
    while connection.command("ExperimentRunner", "LookUp", Key=KEY).State != "Finished":
        threading.Event().wait(0.005)
    back = payload_of(connection.command("MeasurementReporter", "GetReport", Key=KEY))
    connection.close()

    assert seen == [placed]
    assert back == payload
    assert read_expense(back) == Expense(1.5, None)  # a cost is a number
    assert isinstance(read_outcome(back, {"yield": "%"}), Negative)
    assert report_of({"outcome": "fault", "kind": "timeout", "message": "too slow"})["Reason"] == "too slow"
    assert spec_of("c", 0, [], [], []).settings == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"outcome": "measured", "values": [{"property": "yield", "value": float("nan"), "unit": "%"}]},
        {"outcome": "measured", "values": {"yield": 61.5}},
        {"values": [{"property": "yield", "value": 61.5, "unit": "%"}]},
        {"outcome": "measured", "values": [{"property": 7, "value": 61.5, "unit": "%"}]},
        61.5,
        None,
    ],
)
def test_an_answer_of_the_device_that_is_no_result_ends_its_attempt(
    make: Callable[[], Adapter], bench: SilaBench, answer: Any
) -> None:
    bench._answer = lambda _: answer
    adapter = make()
    handle = adapter.prepare(EXPERIMENT, KEY)
    adapter.start(handle, KEY)
    outcome = end(adapter)

    assert isinstance(outcome, Fault)
    assert outcome.kind is FaultKind.ANALYSIS_FAILED
    assert "the device's answer is no result" in outcome.message
    assert repr(answer) in outcome.message
    assert bench.runs() == {KEY: 1}


def test_a_server_without_the_features_is_named(tmp_path: Path) -> None:
    from sila2.server import SilaServer

    server, port = SilaServer("other", "Scale", "weighs", "1.0", "https://example.org"), free_port()
    server.start_insecure("127.0.0.1", port, enable_discovery=False)
    adapter = sila2.build({"address": f"127.0.0.1:{port}", "trust": "nothing"}, context(tmp_path))

    health = adapter.health()
    server.stop(0)
    assert not health.is_ok
    assert (
        "lacks the feature org.hakken/experiments/ExperimentRunner/v1; it has org.silastandard/core" in health.message
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "an 'address' (host:port), or a 'server' to be discovered: one of the two"),
        ({"address": "robot"}, "option 'address' must be"),
        ({"address": "http://robot:1"}, "option 'address' must be: HOST:PORT"),
        ({"adress": "robot:1"}, "unknown option 'adress' (did you mean 'address'?)"),
        ({"address": "robot:1", "server": "robot"}, "one of the two"),
        ({"address": "robot:1", "certificate": "a.pem"}, "'certificate' and 'private_key' together, or neither"),
        ({"address": "robot:1", "trust": "announced"}, "trust 'announced' of a discovered 'server' alone"),
        ({"address": "robot:1", "trust": "nothing", "root_certificates": "a.pem"}, "leave 'trust' out"),
        ({"address": "robot:1", "root_certificates": "a.pem"}, "a.pem cannot be read (No such file or directory)"),
        ({"address": "robot:1", "timeout": 0}, "option 'timeout' must be: greater than 0"),
    ],
)
def test_options_that_cannot_be_are_named(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AdapterOptionsError) as refusal:
        sila2.build(options, context(tmp_path))

    assert says in str(refusal.value)


def test_a_second_server_on_a_folder_is_refused_and_what_runs_there_goes_on(
    make: Callable[[], Adapter], bench: SilaBench
) -> None:
    gate, begun = threading.Event(), threading.Event()
    bench.gate = lambda: (begun.set(), gate.wait(30))
    adapter = make()
    handle = adapter.prepare(EXPERIMENT, KEY)
    adapter.start(handle, KEY)
    assert begun.wait(30)

    with pytest.raises(FolderInUse, match=r"keys is the memory of a SiLA server that is running.*folder of its own"):
        serve(bench.folder / "keys", lambda *_: MEASURED)

    gate.set()
    assert isinstance(end(adapter), Measured)
    assert bench.runs() == {KEY: 1}
    bench.restart()  # a stopped one gives it back
    assert isinstance(end(make()), Measured)


def test_what_a_server_ends_after_a_person_told_is_heard_and_asked_for_ever_more_rarely(
    bench: SilaBench, tmp_path: Path
) -> None:
    now, steps, goes = [1_000_000.0], list[str](), threading.Event()
    connection = Connection(bench.address, Security(is_insecure=True), 5.0)
    lab = Sila2(Jobs(tmp_path / "lab"), lambda: connection, EXPERIMENT.targets, clock=lambda: now[0])
    bench.gate = lambda: goes.wait(30.0)
    bench.dies_at = lambda step: bool(steps.append(step))  # type: ignore[func-returns-value]
    handle, unsent = lab.prepare(EXPERIMENT, KEY), lab.prepare(EXPERIMENT, OTHER)
    lab.start(handle, KEY)
    before = steps.count("asked")
    while_it_runs = [list(lab.late([handle, unsent])) for _ in range(3)]
    n_asked = steps.count("asked") - before
    goes.set()
    for _ in range(500):
        if lab._look_up(KEY).State == "Finished":
            break
        threading.Event().wait(0.01)
    now[0] += 60.0
    heard = [list(lab.late([handle])) for _ in range(3)]

    assert while_it_runs == [[], [], []]
    assert n_asked == 1
    assert [json.loads(e.payload)["values"][0]["value"] for (e,) in heard] == [61.5] * 3
