"""Several laboratories at once: who gets what, what waits, and what the record tells of each."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine import replay, run, status, tick
from flows.engine.steps.sharing import Rooms, sent_now
from flows.figures import figures_of
from flows.settings import Settings
from flows.wiring import open_record
from loop.errors import AdapterUnavailable
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind, Measured, Measurement
from loop.record import Arm, AttemptEventRecord, AttemptRecord, ObservationRecord
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, once

BOTH = ("fast", "slow")
START = datetime(2026, 1, 1, tzinfo=UTC)


SECTION = {"adapter": "several", "laboratories": {"a": {"adapter": "manual", "when": {"x": 1}}, "b": {}}}


def rooms(fast: float, slow: float, expected: dict[str, float] | None = None) -> Rooms:
    return Rooms({"fast": 1, "slow": 1}, {"fast": fast, "slow": slow}, expected or {})


class TestSharing:
    def test_each_goes_where_there_is_room(self) -> None:
        assert sent_now([BOTH] * 3, rooms(1, 1), may_wait=True) == [True, True, False]
        assert sent_now([["fast"], ["fast"], ["slow"]], rooms(1, 1), may_wait=True) == [True, False, True]

    def test_in_a_batch_it_waits_for_the_quick_one_where_that_ends_sooner(self) -> None:
        quick = rooms(1, 1, {"fast": 1.0, "slow": 10.0})

        assert sent_now([BOTH] * 2, quick, may_wait=True) == [True, False]
        assert sent_now([BOTH] * 12, quick, may_wait=True).count(True) == 2  # of many the slow one gets its share
        assert sent_now([BOTH] * 2, quick, may_wait=False) == [True, True]

    def test_nothing_waits_for_one_of_which_nothing_is_known(self) -> None:
        assert sent_now([BOTH], rooms(0, 1, {"slow": 10.0}), may_wait=True) == [True]
        assert sent_now([BOTH], rooms(0, 0), may_wait=True) == [False]

    def test_an_experiment_that_none_can_take_now_stays(self) -> None:
        assert sent_now([[], BOTH], rooms(1, 1), may_wait=True) == [False, True]

    @given(
        st.lists(st.sets(st.sampled_from(BOTH)), max_size=12),
        st.integers(0, 3),
        st.integers(0, 3),
        st.dictionaries(st.sampled_from(BOTH), st.floats(0.01, 100)),
        st.booleans(),
    )
    def test_no_laboratory_gets_more_than_it_has_room_for(
        self, takers: list[set[str]], fast: int, slow: int, expected: dict[str, float], may_wait: bool
    ) -> None:
        told = Rooms({"fast": 3, "slow": 3}, {"fast": fast, "slow": slow}, expected)
        sent = sent_now([sorted(t) for t in takers], told, may_wait=may_wait)

        assert sum(sent) <= fast + slow
        for name, room in (("fast", fast), ("slow", slow)):
            assert sum(goes for goes, t in zip(sent, takers, strict=True) if t == {name}) <= room
        if not may_wait and fast and slow:  # nothing idles while something waits that it could take
            assert sum(sent) >= min(1, sum(bool(t) for t in takers))

    def test_any_number_never_waits(self) -> None:
        told = Rooms({"fast": None, "slow": 1}, {"fast": math.inf, "slow": 1}, {"fast": 50.0, "slow": 1.0})

        assert sent_now([["fast"]] * 5, told, may_wait=True) == [True] * 5


def attempt(key: str, handle: str | None, state: State = State.ENDED, adapter: str = "several") -> AttemptRecord:
    return AttemptRecord(key, "p", "c", 1, 0, 0, 0, 0, {}, {}, state, adapter, handle, START)


def life(key: str, *steps: tuple[Event, float]) -> list[AttemptEventRecord]:
    at = {e: START + timedelta(hours=h) for e, h in steps}
    return [AttemptEventRecord(key, e, State.READY, State.READY, "", t) for e, t in at.items()]


def result(key: str, outcome: Any = None, **provenance: float) -> ObservationRecord:
    found = outcome or Measured((Measurement("y", 1.0, "", 1.0),))
    context = {"provenance": provenance} if provenance else {}
    return ObservationRecord(key, "c", {}, {}, found, "s", Arm.MODEL, key, 1, 0, 0, 0, 0, START, None, context)


class TestFigures:
    def test_queue_time_failures_hours_and_costs_are_measured(self) -> None:
        attempts = [attempt(f"k{i}", f"a:{i}") for i in range(4)] + [attempt("k4", "a:4", State.SUBMITTED)]
        steps = [
            *life("k0", (Event.ACCEPTED, 0), (Event.STARTED, 1), (Event.OUTCOME, 4)),
            *life("k1", (Event.ACCEPTED, 0), (Event.OUTCOME, 5)),  # never seen to run: five hours, two of work
            *life("k2", (Event.ACCEPTED, 0), (Event.STARTED, 2), (Event.OUTCOME, 3)),
            *life("k3", (Event.ACCEPTED, 0), (Event.CANCEL, 3)),
        ]
        results = [
            result("k0", wall_time_s=3 * 3600, cost=10),
            result("k1", wall_time_s=2 * 3600, cost=30),
            result("k2", Fault.of(FaultKind.INSTRUMENT_FAULT, "a needle")),
            result("k3", Fault.of(FaultKind.CANCELLED, "off")),
        ]

        a, b = figures_of(SECTION, attempts, steps, results)

        assert (a.name, a.pending, a.ended, a.accidents) == ("a", 1, 3, 1)
        assert (a.waited, a.hours, a.turnaround, a.cost) == (2.0, 2.5, 4.0, 20.0)
        assert a.failure_rate == pytest.approx(1 / 3)
        assert a.expected_hours == pytest.approx(4.0 * 4 / 3)
        assert a.takes == {"x": (1,)}
        assert (b.ended, b.expected_hours, b.tries) == (0, None, 1.0)

    def test_what_was_refused_before_it_was_sent_is_nobodys(self) -> None:
        refused = attempt("k", None)

        (only,) = figures_of({"adapter": "xtb"}, [refused], [], [result("k", Fault.of(FaultKind.INPUT_ERROR, "no"))])

        assert (only.name, only.ended, only.pending) == ("xtb", 0, 0)

    def test_a_result_that_no_longer_counts_is_told_apart(self) -> None:
        attempts = [attempt(key, key, adapter="xtb") for key in ("k1", "k2", "k3")]

        (only,) = figures_of({"adapter": "xtb"}, attempts, [], [result("k1")])  # the others were retracted

        assert (only.ended, only.retracted, only.tries) == (1, 2, 1.0)
        assert only.text.startswith("1 done, 2 retracted")

    def test_a_resource_that_the_file_no_longer_names_is_kept(self) -> None:
        found = figures_of({"adapter": "xtb"}, [attempt("k", "7", adapter="manual")], [], [result("k")])

        assert [(r.name, r.ended) for r in found] == [("xtb", 0), ("manual", 1)]


def test_a_whole_campaign_tells_of_each_resource_and_can_be_replayed(settings: Settings, tmp_path: Path) -> None:
    add(
        settings,
        tmp_path,
        planner={"surrogate": "gp", "batch": 3, "initial": {"design": "random", "experiments": 6}, "per_cost": True},
        costs={"experiment": 10},
        budget={"experiments": 12},
        laboratory={
            "adapter": "several",
            "laboratories": {
                "good": {"adapter": "simulated", "when": {"base": ["KOAc", "DBU"]}},
                "bad": {"adapter": "simulated", "when": {"base": "CsOPiv"}, "failures": {"instrument_fault": 0.9}},
            },
        },
    )

    run(settings, "small", on_tick=lambda _: None, sleep=lambda _: None)

    (report,) = status(settings, "small")
    found = {r.name: r for r in report.resources}
    with open_record(settings) as ledger:
        stored = ledger.round(name="small", number=2)
    assert found["bad"].accidents > 0 == found["good"].accidents
    assert found["bad"].tries > 1.0
    assert {r["name"] for r in stored.model["resources"]} == {"good", "bad"}
    assert any(n.startswith("costs expected with accidents and waiting, by the record: bad x ") for n in stored.notes)
    assert replay(settings, "small", 2).is_identical
    assert json.dumps(report.as_json())


class TestAnnouncing:
    def test_a_batch_is_announced_before_it_is_prepared_and_what_failed_is_looked_up(
        self, settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
    ) -> None:
        add(settings, tmp_path)
        told: list[list[str]] = []

        def announce(experiments: Any) -> None:
            told.append([str(key) for _, key in experiments])
            if len(told) == 1:
                raise AdapterUnavailable("the queue gave no answer")

        laboratory.announce = announce  # type: ignore[attr-defined]
        first = tick(settings, "small", planner=cheap_planner)
        looked_up = tick(settings, "small", planner=cheap_planner)

        assert (first.sent, first.pending) == (0, {"sending": 4})  # it may have heard of them
        assert looked_up.sent == 4
        assert sorted(told[0]) == sorted(told[1]) == sorted(laboratory.starts)
        assert set(laboratory.starts.values()) == {1}


def test_a_run_goes_on_while_a_program_works_beside_a_person(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(
        "import pathlib, time\n\n"
        "def run(settings):\n"
        "    for _ in range(600):\n"
        f"        if pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
        "            return {'yield': 50}\n"
        "        time.sleep(0.1)\n",
        encoding="utf-8",
    )
    add(
        settings,
        tmp_path,
        space={"where": {"type": "category", "options": ["pc", "bench"]}, "t": {"type": "number", "values": [1, 2]}},
        planner={"surrogate": "random", "batch": 4, "initial": {"design": "random", "experiments": 4}},
        budget={"experiments": 4},
        laboratory={
            "adapter": "several",
            "laboratories": {
                "pc": {"adapter": "callable", "function": "waiting:run", "workers": 2, "when": {"where": "pc"}},
                "bench": {"adapter": "manual", "when": {"where": "bench"}},
            },
        },
    )
    reports = []

    def let_go(_: float) -> None:
        reports.append(status(settings, "small")[0])
        (tmp_path / "go").touch()
        time.sleep(0.05)

    last = run(settings, "small", on_tick=lambda _: None, sleep=let_go)

    sheet = settings.folder("small") / "laboratory/bench/worksheet.csv"
    assert reports[0].next_step == (
        "4 experiments have not ended: hakken run small goes on until they have. "
        f"Meanwhile 2 wait for their results: fill in {sheet}."
    )
    assert (last.experiments_done, last.waits_for_person) == (2, True)  # what the program does is done
    assert last.next_step == f"2 experiments wait for their results: fill in {sheet}, then hakken run small."
    assert status(settings, "small")[0].next_step == last.next_step


def test_every_worksheet_that_waits_is_named_and_none_that_does_not(settings: Settings, tmp_path: Path) -> None:
    add(
        settings,
        tmp_path,
        space={"where": {"type": "category", "options": ["hood", "bench"]}, "t": {"type": "number", "values": [1, 2]}},
        planner={"surrogate": "random", "batch": 4, "initial": {"design": "random", "experiments": 4}},
        budget={"experiments": 4},
        laboratory={
            "adapter": "several",
            "laboratories": {
                "bench": {"adapter": "manual", "when": {"where": "bench"}},
                "hood": {"adapter": "manual", "when": {"where": "hood"}, "worksheet": "hood.csv"},
            },
        },
    )
    once(settings)
    both = status(settings, "small")[0].next_step
    bench, hood = settings.folder("small") / "laboratory/bench/worksheet.csv", tmp_path / "hood.csv"
    rows = bench.read_text(encoding="utf-8-sig").splitlines()
    column = rows[0].split(",").index("yield [%]")
    filled = [[*row.split(",")[:column], "50", *row.split(",")[column + 1 :]] for row in rows[1:]]
    bench.write_text("\n".join([rows[0], *(",".join(row) for row in filled)]) + "\n", encoding="utf-8")
    once(settings)
    one = status(settings, "small")[0].next_step

    assert f"4 experiments wait for their results: fill in {hood} and {bench}, then" in both
    assert f"2 experiments wait for their results: fill in {hood}, then" in one
