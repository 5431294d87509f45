"""The PyLabRobot laboratory: the contract, its simulation as judge, and processes that are killed at each step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pylabrobot", reason="PyLabRobot needs hakken[pylabrobot]")

from adapters.errors import AdapterOptionsError
from adapters.plates.trial_recipe import EXPERIMENT
from adapters.pylabrobot.bench import Bench, journal
from adapters.pylabrobot.trial import count_runs, make
from adapters.registry import build
from loop import checkpoints
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec, Phase, Unknown
from loop.errors import NotSetUp
from loop.outcome import Fault, FaultKind, Measured, Outcome, read_outcome
from loop.testing.adapter import AdapterContract
from tests.adapters.plates.benches import calls, frail, laboratory, runs, section, started, until


@pytest.fixture(autouse=True)
def _imported_once(bench_worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of what these tests take is PyLabRobot's imports; the engine's tests start the program itself."""
    monkeypatch.setattr("adapters.pylabrobot.bench.WORKER", (str(bench_worker),))


ONCE = {"attempt-A1": 1, "attempt-B1": 1}


class TestSimulation(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: make(tmp_path)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, place={})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: count_runs(tmp_path, key)


def outcome(lab: Any, handle: Any) -> Outcome:
    (envelope,) = lab.fetch(handle)
    return read_outcome(json.loads(envelope.payload), {"yield": "%"})


def test_a_plate_is_one_run_that_the_simulation_plays_to_its_end(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handles = started(lab)
    until(lab, handles[0], Phase.ENDED)
    (run,) = (tmp_path / "lab" / "bench" / "runs").iterdir()
    told = journal(run)

    assert runs(tmp_path) == ONCE
    assert isinstance(outcome(lab, handles[1]), Measured)
    assert [t["step"] for t in told if t.get("state") == "done"] == [0, 1, 2, 3]
    assert told[-1] == {"end": "succeeded"}
    assert (run / "told.txt").read_text().count("Dispensing") == 4 + 2 * 2  # doses, and two mixings of two


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: plan["liquids"][0].update(volume=10.0), "TooLittleLiquidError: Not enough liquid in container"),
        (lambda plan: plan["numbers"]["corning_96_wellplate_360ul_flat"].__setitem__(2, 60.0), "TooLittleVolumeError"),
        (lambda plan: plan["numbers"]["opentrons_96_tiprack_20ul"].__setitem__(2, 15.0), "TooLittleVolumeError"),
        (lambda plan: plan["numbers"].update(opentrons_96_tiprack_300ul=[1, 1, 300.0]), "no tip is left for p300"),
    ],
)
def test_the_simulation_refuses_what_is_not_there(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    """PyLabRobot's own trackers judge, so that a fault in our reckoning would be found before anything moves."""
    lab = laboratory(tmp_path)
    handles = started(lab)
    (plate,) = lab._plates.all()
    plan = json.loads(str(lab._protocols.text_of(plate)))
    change(plan)
    (plate.folder / "plan.json").write_text(json.dumps(plan))
    status = lab.status(handles[0])

    assert status.phase is Phase.WAITING
    assert "PyLabRobot's simulation refuses the protocol" in status.detail
    assert said in status.detail
    assert list(lab.still_waiting(handles)) == handles  # nobody's experiment is at fault
    assert runs(tmp_path) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backend": "no_module:Machine"}, "no_module:Machine cannot be loaded (ModuleNotFoundError: No module named"),
        ({"backend": "frail_machine:Fail"}, "frail_machine:Fail cannot be loaded (AttributeError: module"),
        ({"backend_options": {"port": 3}}, "frail_machine:Frail cannot be called so (missing a required argument"),
    ],
)
def test_a_back_end_that_cannot_be_loaded_is_no_fault_of_deck_or_plate(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    lab = laboratory(tmp_path, **frail(tmp_path) | changes)
    spec = replace(EXPERIMENT, place={"plate": "1", "well": "A1"})

    with pytest.raises(NotSetUp, match=re.escape(said)) as refused:
        lab.judge([spec], [])
    problems = [found for found in lab.examine() if found.verdict == "problem"]

    assert f"correct laboratory.{'backend' if 'backend' in changes else 'backend_options'}" in str(refused.value)
    assert not lab.wanting([spec], [])  # nothing is on record against the deck
    assert [found.subject for found in problems] == ["back end"]


@pytest.mark.parametrize("label", ["closed", "uploaded", "created", "intended", "played", "kept", "handed-on"])
def test_killed_at_any_step_hakken_goes_on_with_the_next_process(tmp_path: Path, label: str) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def stop(at: str) -> None:
        if at == f"plates.{label}":
            raise Killed

    checkpoints.on_reached = stop
    with pytest.raises(Killed):
        until(laboratory(tmp_path), started(laboratory(tmp_path))[0], Phase.ENDED)
    checkpoints.on_reached = None
    lab = laboratory(tmp_path)
    handles = started(lab)
    until(lab, handles[0], Phase.ENDED)

    assert runs(tmp_path) == ONCE
    assert all(isinstance(outcome(lab, handle), Measured) for handle in handles)


def test_a_machine_of_ones_own_plays_the_same(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, **frail(tmp_path))
    handles = started(lab, ("A1",))
    until(lab, handles[0], Phase.ENDED)
    strokes = ["pick_up_tips", "aspirate", "dispense"]

    assert calls(tmp_path) == [
        "setup",
        *strokes,
        "drop_tips",
        *strokes,
        *["aspirate", "dispense"] * 2,
        "drop_tips",
        "stop",
    ]
    assert not lab.capabilities().is_simulated
    assert "has tried no hardware through PyLabRobot" in lab.health().message


def test_the_driver_of_a_hamilton_star_takes_the_same_plan_on_its_own_deck(tmp_path: Path) -> None:
    """PyLabRobot's whole STAR back end but for its USB link, on carriers from a layout that PyLabRobot saved."""
    from pylabrobot.resources import (
        PLT_CAR_L5AC_A00,
        TIP_CAR_480_A00,
        cor_96_wellplate_2mL_Vb,
        cor_96_wellplate_360uL_Fb,
        hamilton_96_tiprack_50uL,
        hamilton_96_tiprack_300uL,
    )
    from pylabrobot.resources.hamilton import STARLetDeck

    deck, tips, plates = STARLetDeck(), TIP_CAR_480_A00(name="tips"), PLT_CAR_L5AC_A00(name="plates")
    for place, slot in enumerate("5678"):
        tips[place] = hamilton_96_tiprack_50uL(f"slot {slot}")
    tips[4] = hamilton_96_tiprack_300uL("slot 9")
    plates[0], plates[1] = cor_96_wellplate_360uL_Fb("slot 1"), cor_96_wellplate_2mL_Vb("slot 4")
    deck.assign_child_resource(tips, rails=1)
    deck.assign_child_resource(plates, rails=9)
    deck.save(str(tmp_path / "deck.json"))
    star = "pylabrobot.liquid_handling.backends.hamilton.STAR_chatterbox:STARChatterboxBackend"
    lab = laboratory(tmp_path, backend=star, layout="deck.json")
    handles = started(lab)
    until(lab, handles[0], Phase.ENDED)

    assert runs(tmp_path) == ONCE
    assert isinstance(outcome(lab, handles[0]), Measured)


@pytest.mark.parametrize("at", range(14))
def test_a_run_killed_at_any_call_of_the_machine_is_a_doubt_and_never_played_again(tmp_path: Path, at: int) -> None:
    lab = laboratory(tmp_path, **frail(tmp_path, at))
    handles = started(lab, ("A1",))
    said = until(lab, handles[0], Phase.LOST)
    before = calls(tmp_path)
    again = laboratory(tmp_path, **frail(tmp_path, at))
    again.close("1", handles)
    looks = [again.status(handles[0]).phase for _ in range(3)]

    assert "it may have moved" in said
    assert looks == [Phase.LOST] * 3
    assert isinstance(again.find(AttemptKey("attempt-A1")), Unknown)
    assert calls(tmp_path) == before
    assert len(before) == at + 1
    assert sum(runs(tmp_path).values()) == (1 if at else 0)


def test_what_a_person_says_never_ran_is_made_in_another_run(tmp_path: Path) -> None:
    handles = started(lab := laboratory(tmp_path, **frail(tmp_path, 3)), ("A1",))
    until(lab, handles[0], Phase.LOST)
    again = laboratory(tmp_path)
    again.start(handles[0], AttemptKey("attempt-A1"))  # as the engine does after hakken resolve --never-ran
    again.close("1", handles)
    until(again, handles[0], Phase.ENDED)

    assert runs(tmp_path) == {"attempt-A1": 2}
    assert isinstance(outcome(again, handles[0]), Measured)


def test_what_the_machine_says_when_it_fails_is_told(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, **frail(tmp_path, 2, "raise"))
    handles = started(lab, ("A1",))
    said = until(lab, handles[0], Phase.LOST)  # liquid may have been drawn: a person is asked

    assert "failed when liquid was drawn already: " in said
    assert "RuntimeError: the arm is stuck at aspirate" in said
    assert calls(tmp_path)[-2:] == ["drop_tips", "stop"]


def test_a_run_waits_for_its_confirmation_and_can_be_called_off(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, confirm=True)
    first = started(lab, ("A1",))
    while "is paused" not in lab.status(first[0]).detail:
        pass
    wants = lab.status(first[0]).wants
    told = [lab.pause(), lab.resume()]
    until(lab, first[0], Phase.ENDED)
    second = started(lab, ("B1",))
    while "is paused" not in lab.status(second[0]).detail:
        pass
    third = started(lab, ("C1",))
    while "another run goes on" not in lab.status(third[0]).detail:
        pass
    lab.cancel(second[0], "no longer wanted")
    while "is paused" not in lab.status(third[0]).detail:
        pass
    lab.resume()
    until(lab, third[0], Phase.ENDED)
    cancelled = outcome(lab, second[0])

    assert told == [0, 1]
    assert "is paused (" in wants
    assert "put a fresh plate in slot 1 and full tip racks in slots 5, 6, 7, 8, 9, and stocks into slot 4 A1: " in wants
    assert "hakken lab resume" in wants
    assert isinstance(cancelled, Fault)
    assert cancelled.kind is FaultKind.CANCELLED
    assert runs(tmp_path) == {"attempt-A1": 1, "attempt-C1": 1}


def test_a_journal_cut_off_in_a_line_is_of_a_run_that_may_have_moved(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "simulation")
    run = bench.create(bench.upload("{}", "hakken-1"))
    (tmp_path / "runs" / run.id / "journal.jsonl").write_text('{"sta')
    found = bench.run(run.id)

    assert run.was_played is False
    assert found is not None
    assert (found.was_played, found.is_whole) == (True, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backend": "STARBackend"}, "backend"),
        ({"backend_options": {"num_channels": 8}}, "no backend_options of the simulation, which has none; leave them"),
        ({"backend": "lab:Machine"}, "a layout for lab:Machine: a machine needs true positions; save its deck with"),
        ({"layout": "no.json"}, "no.json cannot be read"),
        ({"layout": "deck.json"}, "has nothing named 'slot 1'; name the labware on it after its slots"),
        ({"measured_by": {"adapter": "pylabrobot"}}, "measured_by needs a line 'adapter' that names who measures"),
        ({"by_hnd": ["heat"]}, "by_hand"),
    ],
)
def test_a_malformed_section_is_refused_with_the_remedy(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    (tmp_path / "deck.json").write_text('{"name": "deck", "children": [{"name": "plate"}]}')
    with pytest.raises(AdapterOptionsError) as caught:
        laboratory(tmp_path, **changes)

    assert said in str(caught.value)


def test_modules_letters_of_slots_and_a_campaign_without_a_recipe_are_refused(tmp_path: Path) -> None:
    deck = section()["deck"]
    heated = deck | {"plate": {**deck["plate"], "module": "heaterShakerModuleV1"}}
    lettered = deck | {"plate": {**deck["plate"], "slot": "D1"}}
    raised = deck | {"plate": {**deck["plate"], "adapter": "opentrons_96_flat_bottom_adapter"}}

    with pytest.raises(AdapterOptionsError, match="no module: PyLabRobot's are not driven; write by_hand"):
        laboratory(tmp_path, deck=heated)
    with pytest.raises(AdapterOptionsError, match="no adapter: a layout has what stands under labware; leave it out"):
        laboratory(tmp_path, deck=raised)
    with pytest.raises(AdapterOptionsError, match="slots 1 to 11 of an OT-2's deck, and D1 is none"):
        laboratory(tmp_path, deck=lettered)
    with pytest.raises(AdapterOptionsError, match="the campaign file has no recipe; add one"):
        build("pylabrobot", section(), AdapterContext(str(tmp_path), str(tmp_path), "trial", {"yield": "%"}))
