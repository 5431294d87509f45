"""An adapter of one's own raises, or gives no answer: nothing is lost, runs twice, or keeps others from work."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from flows.engine import add_campaign, halt, tick
from flows.engine.campaigns import read_campaign_file
from flows.engine.looking.foreseeing import foresee
from flows.engine.passes import one_pass, report_of, sitting
from flows.engine.steps.resting import Resting
from flows.settings import Settings
from flows.wiring import open_laboratory, open_record
from loop.errors import AdapterError
from loop.experiment import State
from tests.flows.engine.bench import cheap_planner

DEVICE = '''
"""A device that keeps the contract, and fails in the call that the file `fails` names, of some or all experiments."""

import json
from pathlib import Path

from adapters.common.folder import Jobs
from loop.contracts import Capabilities, Delivery, Envelope, Health, Phase, Status

BASE = Path(__file__).parent


class Device:
    def __init__(self, options, context):
        self.jobs, self.log = Jobs(context.folder), BASE / "starts.txt"
        self._fails("made")

    def _fails(self, call, settings=None):
        told = json.loads((BASE / "fails").read_text() or "{}")
        if call in told and (settings is None or told.get("only") in (None, settings["t"])):
            if told[call] == "exit":
                raise SystemExit(3)
            if told[call] == "away":
                raise ConnectionRefusedError(111, "nobody there")
            if told[call] == "raise":
                return {}["pan"]
            return eval(told[call])

    def capabilities(self):
        self._fails("capabilities")
        return Capabilities(Delivery.DISCOVERABLE, 8, True, False, {"y": ""}, frozenset({"t", "oven"}))

    def validate(self, spec):
        return self._fails("validate", spec.settings) or []

    def prepare(self, spec, key):
        return self._fails("prepare", spec.settings) or self.jobs.prepare(spec, key)

    def start(self, handle, key):
        self._fails("start", self.jobs.spec(handle).settings)
        if self.jobs.started(handle) is None:
            self.jobs.start(handle, {})
            with self.log.open("a") as file:
                file.write(f"{key}\\n")
            self._fails("started", self.jobs.spec(handle).settings)

    def find(self, key):
        return self._fails("find") or self.jobs.find(key)

    def status(self, handle):
        told = self._fails("status", self.jobs.spec(handle).settings)
        return told or Status(Phase.PREPARED if self.jobs.started(handle) is None else Phase.ENDED)

    def fetch(self, handle):
        told = self._fails("fetch", self.jobs.spec(handle).settings)
        value = {"property": "y", "value": self.jobs.spec(handle).settings["t"]}
        return told or [Envelope(self.jobs.key(handle), json.dumps({"outcome": "measured", "values": [value]}))]

    def cancel(self, handle, reason):
        self._fails("cancel")

    def health(self):
        return self._fails("health") or Health(True, "stands level")
'''
SPEC = """
campaign: own
space: {t: {type: number, values: [10, 20, 30, 40]}, oven: {type: category, options: [left, right]}}
objective: {y: {goal: maximize}}
budget: {experiments: 4}
planner: {batch: 4, initial: {experiments: 4}}
laboratory: LAB
"""
ALONE = '{adapter: "device:Device", safety: {running: cancel}}'
BESIDE = """
  adapter: several
  laboratories:
    bench: {adapter: "device:Device", when: {oven: left}}
    table: {adapter: emulator, table: table.csv, when: {oven: right}}
"""
TABLE = "t,oven,y\n" + "".join(f"{t},right,{t}\n" for t in (10, 20, 30, 40))


class Bench:
    """A campaign whose laboratory is, or has, a device of one's own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder, self.file = settings, folder, folder / "device.py"
        self.file.write_text(DEVICE)
        (folder / "table.csv").write_text(TABLE)
        self.works()

    def fails(self, call: str, how: str = "raise", only: float | None = None, **others: str) -> None:
        (self.folder / "fails").write_text(json.dumps({call: how, "only": only, **others}))

    def works(self) -> None:
        (self.folder / "fails").write_text("{}")

    def add(self, laboratory: str = ALONE) -> None:
        path = self.folder / "own.yaml"
        path.write_text(SPEC.replace("LAB", laboratory))
        add_campaign(self.settings, path)

    def tick(self) -> tuple[str, ...]:
        """Notes of one pass."""
        return tick(self.settings, "own", planner=cheap_planner).notes

    def states(self) -> list[State]:
        with open_record(self.settings) as ledger:
            return [a.state for a in ledger.attempts("own")]

    def starts(self) -> list[str]:
        log = self.folder / "starts.txt"
        return log.read_text().split() if log.exists() else []

    def change_code(self, text: str) -> None:
        self.file.write_text(text)
        later = time.time() + 10  # two writes within the grain of the file system's clock
        os.utime(self.file, (later, later))

    def goes_on(self, passes: int = 4) -> None:
        """Everything works by now: each attempt ends with its value, and ran once."""
        self.works()
        for _ in range(passes):
            self.tick()
        with open_record(self.settings) as ledger:
            attempts, measured = ledger.attempts("own"), ledger.observations("own")
        assert [a.state for a in attempts] == [State.ENDED] * 4
        assert len(measured) == 4
        assert len(self.starts()) == len(set(self.starts()))


@pytest.fixture
def bench(settings: Settings, tmp_path: Path) -> Bench:
    return Bench(settings, tmp_path)


@pytest.mark.parametrize(
    ("call", "states"),
    [
        ("validate", [State.READY] * 4),
        ("prepare", [State.SENDING] * 4),
        ("start", [State.SENDING] * 4),
        ("started", [State.SENDING] * 4),  # it raised after it had begun
    ],
)
def test_what_could_not_be_sent_is_in_doubt_or_untouched_and_runs_once(
    bench: Bench, call: str, states: list[State]
) -> None:
    bench.add()
    bench.fails(call)

    notes = bench.tick()

    assert bench.states() == states
    called = "start" if call == "started" else call
    assert any(
        "the laboratory 'device:Device' failed" in n
        and "device.py line " in n
        and f"in {called}: KeyError: 'pan'; mend it" in n
        for n in notes
    )
    bench.goes_on()
    assert len(bench.starts()) == 4


@pytest.mark.parametrize("call", ["status", "fetch"])
def test_results_that_could_not_be_asked_for_come_later(bench: Bench, call: str) -> None:
    bench.add()
    bench.tick()
    bench.fails(call)

    notes = bench.tick()

    assert bench.states() == [State.SUBMITTED] * 4
    assert any(f"in {call}: KeyError: 'pan'" in n for n in notes)
    bench.goes_on()


def test_what_is_in_doubt_stays_so_while_it_cannot_be_looked_up(bench: Bench) -> None:
    bench.add()
    bench.fails("started")
    bench.tick()
    bench.fails("find")

    notes = bench.tick()

    assert bench.states() == [State.SENDING] * 4
    assert any("in find: KeyError: 'pan'" in n for n in notes)
    bench.goes_on()
    assert len(bench.starts()) == 4


def test_a_stop_is_in_force_where_what_runs_cannot_be_called_off(bench: Bench) -> None:
    bench.add()
    bench.tick()
    bench.fails("cancel", status="Status(Phase.RUNNING)")

    halt(bench.settings, "own", by="tester", why="smoke")
    notes = bench.tick()

    assert any("was not told to cancel 4 experiments" in n and "in cancel: KeyError: 'pan'" in n for n in notes)


@pytest.mark.parametrize(
    ("call", "returned", "said"),
    [
        ("validate", "[1]", "validate of device:Device, code of your own, returned [1], not a list of Problem"),
        ("prepare", "5", "returned 5, not a str"),
        ("find", "True", "returned True, not a Found or an Absent or an Unknown"),
        ("status", "'ended'", "returned 'ended', not a Status"),
        ("status", "Status('ended')", "not a Status with a Phase"),
        ("fetch", "[{}]", "returned [{}], not a list of Envelope"),
        ("fetch", "[Envelope('a', {})]", "not a list of Envelope, key and payload a str"),
    ],
)
def test_what_is_no_answer_is_named_and_nothing_is_lost(bench: Bench, call: str, returned: str, said: str) -> None:
    bench.add()
    if call in ("find", "status", "fetch"):
        bench.fails("started" if call == "find" else "nothing")
        bench.tick()
    bench.fails(call, returned)

    notes = bench.tick()

    assert any(said in n for n in notes)
    bench.goes_on()
    assert len(bench.starts()) == 4


@pytest.mark.parametrize("returned", ["None", "[{}]"])
def test_what_hears_late_and_gives_no_answer_stops_nothing(bench: Bench, returned: str) -> None:
    bench.change_code(DEVICE + "\n    def late(self, handles):\n        return self._fails('late') or []\n")
    bench.add()
    bench.tick()
    bench.change_code(bench.file.read_text().replace("self._fails('late') or []", returned))

    notes = bench.tick()

    assert any(f"late of device:Device, code of your own, returned {returned}, not a list of Env" in n for n in notes)
    bench.change_code(bench.file.read_text().replace(f"return {returned}\n", "return []\n"))
    bench.goes_on()


def test_what_is_foreseen_and_is_no_list_is_named(bench: Bench) -> None:
    bench.change_code(DEVICE + "\n    def foresee(self, spec):\n        pass\n")
    bench.add()
    spec = read_campaign_file(bench.folder / "own.yaml", bench.settings)

    with pytest.raises(AdapterError, match="foresee of device:Device, code of your own, returned None, not a list of"):
        foresee(open_laboratory(bench.settings, spec), spec)


def test_one_experiment_that_fails_keeps_no_other_from_running(bench: Bench) -> None:
    bench.add()
    for call in ("prepare", "status"):
        bench.fails(call, only=20)
        bench.tick()
    bench.tick()

    assert sorted(bench.states()) == [State.ENDED] * 3 + [State.SUBMITTED]
    bench.goes_on()


def test_code_that_ends_its_process_ends_no_pass(bench: Bench) -> None:
    bench.add()
    bench.fails("prepare", "exit")

    assert any("in prepare: SystemExit: 3" in n for n in bench.tick())
    bench.goes_on()


def test_a_device_that_is_away_is_no_mistake_of_its_code(bench: Bench) -> None:
    bench.add()
    bench.fails("start", "away")

    notes = bench.tick()

    assert any("cannot be reached" in n and "in start: ConnectionRefusedError" in n and "see to it" in n for n in notes)
    bench.goes_on()


def test_the_traceback_is_kept_and_named(bench: Bench) -> None:
    bench.add()
    bench.fails("prepare")

    (note,) = [n for n in bench.tick() if "KeyError" in n]

    kept = bench.settings.folder("own") / "laboratory" / "fault-prepare.txt"
    assert f"(traceback: {kept})" in note
    assert "Traceback" in kept.read_text()


@pytest.mark.parametrize("call", ["validate", "prepare", "start", "find", "status", "fetch", "health"])
def test_another_of_several_goes_on(bench: Bench, call: str) -> None:
    bench.add(BESIDE)
    bench.fails(call)

    notes = [*bench.tick(), *bench.tick(), *bench.tick()]

    with open_record(bench.settings) as ledger:
        ended = [a for a in ledger.attempts("own") if a.state is State.ENDED]
        at_table = [a for a in ledger.attempts("own") if a.settings["oven"] == "right"]
    assert {a.key for a in at_table} <= {a.key for a in ended}
    if call != "find":  # nothing was in doubt
        assert any("bench" in n and "KeyError: 'pan'" in n for n in notes)
    bench.goes_on(6)


@pytest.mark.parametrize("call", ["made", "capabilities"])
def test_another_of_several_goes_on_where_one_cannot_be_made(bench: Bench, call: str) -> None:
    bench.add(BESIDE)
    bench.fails(call)

    notes = [*bench.tick(), *bench.tick()]

    with open_record(bench.settings) as ledger:
        states = {a.settings["oven"]: a.state for a in ledger.attempts("own")}
    assert states == {"left": State.READY, "right": State.ENDED}
    assert any("'bench' cannot work now and gets nothing new" in n and "KeyError: 'pan'" in n for n in notes)
    bench.goes_on(6)


def test_a_file_that_cannot_be_used_is_refused_before_it_is_on_record(bench: Bench) -> None:
    for call in ("made", "capabilities", "validate"):
        bench.fails(call)
        for laboratory in (ALONE, BESIDE):
            with pytest.raises(AdapterError, match="KeyError: 'pan'"):
                bench.add(laboratory)
    bench.works()
    bench.change_code("import nothing_of_the_name\n")

    with pytest.raises(AdapterError, match="no module 'nothing_of_the_name'"):
        bench.add(BESIDE)


@pytest.mark.parametrize("laboratory", [ALONE, BESIDE])
def test_a_run_takes_up_code_that_was_mended_meanwhile(bench: Bench, laboratory: str) -> None:
    bench.add(laboratory)
    bench.change_code(DEVICE.replace("return told or [Envelope", "return [0] or [Envelope"))

    with sitting(bench.settings, "own", planner=cheap_planner) as session:
        one_pass(session)
        one_pass(session)
        assert any("returned [0], not a list of Envelope" in n for n in report_of(session).notes)

        bench.file.write_text("half a file (")
        one_pass(session)  # while it is being written
        bench.file.write_text(DEVICE)
        one_pass(session)

    assert State.SUBMITTED not in bench.states()


def test_one_that_could_not_be_made_is_taken_up_when_it_can_be(bench: Bench) -> None:
    bench.add(BESIDE)
    bench.change_code("import nothing_of_the_name\n")

    with sitting(bench.settings, "own", planner=cheap_planner) as session:
        one_pass(session)
        bench.file.write_text(DEVICE)
        for _ in range(3):
            one_pass(session)

    assert set(bench.states()) == {State.ENDED}


def test_what_fails_each_time_costs_few_lines_of_the_record(bench: Bench) -> None:
    bench.add()
    bench.fails("prepare")

    now = [0.0]
    with sitting(bench.settings, "own", planner=cheap_planner) as session:
        session.resting = Resting(clock=lambda: now[0])
        for _ in range(60):  # seconds
            now[0] += 1.0
            one_pass(session)
            assert any("KeyError: 'pan'" in n for n in report_of(session).notes)

    with open_record(bench.settings) as ledger:
        claims = [len(ledger.events(a.key)) for a in ledger.attempts("own")]
    assert max(claims) <= 2 * 10 + 1
    bench.goes_on()
