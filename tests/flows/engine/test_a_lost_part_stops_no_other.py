"""One of several laboratories is out of reach: the others are asked, served and heard all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.several.members import Members
from flows.engine import halt, replay, tick
from flows.engine.passes import sitting
from flows.engine.steps.losing import Lost, lost_parts
from flows.engine.steps.regions import regions_of
from flows.engine.steps.training import train_round
from flows.settings import Settings
from flows.wiring import open_record
from loop.contracts import Phase
from loop.errors import PartUnavailable
from loop.outcome import FaultKind
from loop.record import CampaignState
from loop.spec import CampaignSpec
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, spec_of
from tests.flows.engine.parts import in_parts


class Cable:
    """Every experiment in water goes to a bench of its own, which this cuts off."""

    def __init__(self, laboratory: FakeLaboratory) -> None:
        self.is_out = False
        self.ours: set[str] = set()
        real = {name: getattr(laboratory, name) for name in ("prepare", "start", "find", "status", "fetch")}

        def prepare(spec: Any, key: Any) -> Any:
            if spec.settings["solvent"] == "water":
                self.ours.add(str(key))
            return self.through(key, real["prepare"], spec, key)

        laboratory.prepare = prepare  # type: ignore[method-assign]
        for name in ("start", "find", "status", "fetch"):
            setattr(laboratory, name, lambda key, *rest, of=real[name]: self.through(key, of, key, *rest))

    def through(self, key: Any, ask: Any, *arguments: Any) -> Any:
        if self.is_out and str(key) in self.ours:
            raise PartUnavailable("water bench", "the cable is out")
        return ask(*arguments)


def test_the_others_go_on_and_what_was_in_doubt_runs_once_when_it_is_back(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    cable = Cable(laboratory)
    cable.is_out = True

    first = tick(settings, "small", planner=cheap_planner)
    cut = len(cable.ours)
    second = tick(settings, "small", planner=cheap_planner)

    assert 0 < cut < 4
    assert first.sent == 4 - cut
    assert first.pending == {"sending": cut, "submitted": 4 - cut}
    assert [n for n in first.notes if "cannot be reached" in n] == [
        "of the laboratory 'simulated', 'water bench' cannot be reached (water bench: the cable is out); "
        "asked again next time"
    ]
    assert second.accepted == 4 - cut  # results of the others are in

    cable.is_out = False
    for _ in range(6):
        tick(settings, "small", planner=cheap_planner)

    assert set(laboratory.starts.values()) == {1}
    assert cable.ours <= set(laboratory.starts)


def test_a_part_without_room_holds_up_no_other(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    in_parts(laboratory, {"water": 1, "rest": None}, lambda s: ["water" if s["solvent"] == "water" else "rest"])
    at_once = []

    for _ in range(8):
        before = set(laboratory.starts)
        tick(settings, "small", planner=cheap_planner)
        new = [laboratory.jobs[key].spec.settings["solvent"] for key in set(laboratory.starts) - before]
        at_once.append((new.count("water"), len(new)))

    assert max(water for water, _ in at_once) == 1
    assert max(new for _, new in at_once) > 1
    assert set(laboratory.starts.values()) == {1}


def test_a_batch_waits_for_a_part_that_is_lost_only_until_it_is_given_up(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    parts = in_parts(
        laboratory, {"left": None, "right": None}, lambda s: ["left" if s["solvent"] in ("water", "DMF") else "right"]
    )
    begin = laboratory.start

    def start(handle: Any, key: Any) -> None:
        begin(handle, key)
        laboratory.jobs[handle].phase = Phase.RUNNING if parts.place[key] == "left" else Phase.ENDED

    laboratory.start = start  # type: ignore[method-assign]
    tick(settings, "small", planner=cheap_planner)
    parts.working = {"right"}

    held = tick(settings, "small", planner=cheap_planner)
    parts.given_up = {"left"}
    freed = tick(settings, "small", planner=cheap_planner)

    with_left = sum(held.pending.values())
    assert with_left > 0
    assert (held.round, freed.round) == (1, 2)
    assert any("'left' could not work for long: what it has" in note for note in freed.notes)
    assert sum(freed.pending.values()) > with_left  # what it has still conditions the batch, and waits for it
    laboratory.start = begin  # type: ignore[method-assign]
    for job in laboratory.jobs.values():
        job.phase = Phase.ENDED
    parts.working, parts.given_up = {"left", "right"}, set()
    for _ in range(8):
        last = tick(settings, "small", planner=cheap_planner)
    assert last.state == "finished"
    assert set(laboratory.starts.values()) == {1}


def test_a_part_that_cannot_work_gets_nothing_new_and_is_named(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    parts = in_parts(
        laboratory, {"left": None, "right": None}, lambda s: ["left" if s["solvent"] in ("water", "DMF") else "right"]
    )
    parts.working = {"right"}

    report = tick(settings, "small", planner=cheap_planner)

    assert 0 < report.sent < 4
    assert report.pending == {"ready": 4 - report.sent, "submitted": report.sent}  # nothing is in doubt
    note = "of the laboratory 'simulated', 'left' cannot work now and gets nothing new: its cable is out"
    assert note in report.notes


class TestWhatOnlyALostPartWouldDo:
    """Two real laboratories, of which ``b`` alone takes one of the bases and can be cut off."""

    @pytest.fixture
    def cut(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        def cut() -> None:
            real = Members.ask

            def asked(self: Any, member: Any, question: Any) -> Any:
                if member.name == "b":
                    raise PartUnavailable("b", "the cable is out")
                return real(self, member, question)

            monkeypatch.setattr(Members, "ask", asked)

        return cut

    @staticmethod
    def two(settings: Settings, folder: Path, **more: Any) -> None:
        parts = {
            "a": {"adapter": "simulated", "when": {"base": ["KOAc", "DBU"]}},
            "b": {"adapter": "simulated", "when": {"base": "CsOPiv"}, "delay": 1e6},
        }
        add(settings, folder, laboratory={"adapter": "several", "patience": 0, "laboratories": parts}, **more)

    def test_it_is_not_proposed_and_the_round_says_so(
        self, settings: Settings, tmp_path: Path, cut: Callable[[], None]
    ) -> None:
        self.two(settings, tmp_path)
        cut()

        for _ in range(12):
            report = tick(settings, "small", planner=cheap_planner)

        with open_record(settings) as ledger:
            bases = {p.draft.candidate.settings["base"] for p in ledger.proposals("small")}
            first = ledger.round("small", 1)
        assert report.state == "finished"
        assert bases == {"KOAc", "DBU"}
        assert first.model["left_out"] == {"b": {"base": ["CsOPiv"]}}
        assert "'b' could not work for long: what only it would do is left out" in first.notes
        assert replay(settings, "small", 1, planner=cheap_planner).is_identical

    def test_training_apart_leaves_it_out_too(
        self, settings: Settings, tmp_path: Path, cut: Callable[[], None]
    ) -> None:
        self.two(settings, tmp_path)
        cut()
        with sitting(settings, "small") as session:
            told = json.loads(json.dumps(lost_parts(session).as_json()))

        said = train_round(settings, "small", 1, lost=Lost.read(told), planner=cheap_planner)

        with open_record(settings) as ledger:
            bases = {p.draft.candidate.settings["base"] for p in ledger.proposals("small")}
            first = ledger.round("small", 1)
        assert said == "round 1 is stored: 4 proposals"
        assert bases <= {"KOAc", "DBU"}
        assert first.model["left_out"] == {"b": {"base": ["CsOPiv"]}}
        assert replay(settings, "small", 1, planner=cheap_planner).is_identical

    def test_training_apart_ends_no_campaign_that_only_waits_for_it(
        self, settings: Settings, tmp_path: Path, cut: Callable[[], None]
    ) -> None:
        planner = {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}}
        space = {"base": {"type": "category", "options": ["KOAc", "CsOPiv", "DBU"]}}
        self.two(settings, tmp_path, space=space, planner=planner)
        cut()
        for _ in range(3):
            tick(settings, "small", planner=cheap_planner)
        with sitting(settings, "small") as session:
            lost = lost_parts(session)

        said = train_round(settings, "small", 2, lost=lost, planner=cheap_planner)
        with open_record(settings) as ledger:
            state = ledger.campaign("small").state

        assert said.startswith("nothing is left that does not need what is lost")
        assert state is CampaignState.ACTIVE

    def test_during_a_safety_stop_it_is_asked_and_nothing_is_said_to_go_on(
        self, settings: Settings, tmp_path: Path, cut: Callable[[], None]
    ) -> None:
        self.two(settings, tmp_path)
        cut()
        halt(settings, "small", by="tester", why="it smells of gas")
        with sitting(settings, "small") as session:
            lost, notes = lost_parts(session), list(session.tally.notes)
            known = session.laboratory.lost()  # type: ignore[attr-defined]

        assert (lost, notes) == (Lost(), [])
        assert known == {"b"}  # since when it cannot work is known all the same

    def test_what_it_has_stays_pending_to_the_end_of_the_budget(
        self, settings: Settings, tmp_path: Path, cut: Callable[[], None]
    ) -> None:
        self.two(settings, tmp_path, planner={"surrogate": "random", "batch": 3, "initial": {"experiments": 6}})
        first = tick(settings, "small", planner=cheap_planner)
        with open_record(settings) as ledger:
            mine = [a.key for a in ledger.attempts("small") if a.settings["base"] == "CsOPiv"]
        assert mine, first
        cut()

        for _ in range(12):
            report = tick(settings, "small", planner=cheap_planner)

        assert report.experiments_done == 10 - len(mine)  # all the rest of the budget
        assert report.state == "active"  # what b has may still come
        assert sum(report.pending.values()) == len(mine)

    def test_where_all_are_lost_nothing_is_left_out(self) -> None:
        takes = {"a": {"base": ("KOAc",)}, "b": {"base": ("DBU",)}}
        spec = CampaignSpec.from_resolved(spec_of())

        assert regions_of(spec, takes, frozenset("ab")) == {}
        assert regions_of(spec, takes, frozenset("b")) == {"b": {"base": ("DBU",)}}
        assert regions_of(spec, {**takes, "c": {}}, frozenset("b")) == {}  # another takes it too
        assert regions_of(spec, {**takes, "c": {"solvent": ("DMF",)}}, frozenset("b")) == {}  # or some of it

    def test_the_real_thing_is_never_left_out(self) -> None:
        method = {"type": "fidelity", "options": ["xtb", "dft"]}
        space = {"x": {"type": "number", "values": [1, 2, 3]}, "method": method}
        spec = CampaignSpec.from_resolved(spec_of(space=space, planner={}))
        takes = {"quick": {"method": ("xtb",)}, "dear": {"method": ("dft",)}}

        assert regions_of(spec, takes, frozenset({"dear"})) == {}
        assert regions_of(spec, takes, frozenset({"quick"})) == {"quick": {"method": ("xtb",)}}


def test_a_result_that_cannot_be_read_waits_for_a_person_only_where_one_typed_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    in_parts(laboratory, {"bench": None, "pc": None}, lambda s: ["bench" if s["solvent"] == "water" else "pc"])
    laboratory.abilities = replace(laboratory.abilities, needs_person=True)  # as that of several, one of which does
    pc = FakeLaboratory()
    laboratory.parts = lambda: {"bench": laboratory, "pc": pc}  # type: ignore[attr-defined]
    laboratory.answers = lambda _: ["{no"]

    tick(settings, "small", planner=cheap_planner)
    report = tick(settings, "small", planner=cheap_planner)

    with open_record(settings) as ledger:
        ended = {o.settings["solvent"]: o.outcome.kind for o in ledger.observations("small")}  # type: ignore[union-attr]
    assert set(ended.values()) == {FaultKind.ANALYSIS_FAILED}
    assert "water" not in ended
    assert any(note.startswith("the entry for ") and "water" in note for note in report.notes)
