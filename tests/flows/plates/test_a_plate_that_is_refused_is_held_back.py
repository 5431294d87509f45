"""A plate of which the protocol is refused waits: nothing is counted or learnt, and the mended file goes on with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import StandIn
from adapters.plates.verdicts import Verdict, Verdicts
from adapters.pylabrobot import bench
from flows.wiring import open_record
from loop.experiment import State
from loop.outcome import Fault, FaultKind, Measured
from tests.adapters.plates.robots import OT2, options

SPEC = """\
campaign: coupling
space:
  ligand: {type: category, options: [XPhos, SPhos]}
  dose: {type: number, values: [10, 20], unit: uL}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
recipe:
  vessel: {holds: 200 uL}
  stocks:
    ArBr: {concentration: 0.5 mol/L, solvent: DMSO}
    XPhos: {concentration: 0.05 mol/L, solvent: DMSO}
    SPhos: {concentration: 0.05 mol/L, solvent: DMSO}
  steps:
    - {dispense: ArBr, volume: dose}
    - {dispense: ligand, volume: 20 uL}
plate: {rows: 2, columns: 2}
planner: {initial: {experiments: 4}}
budget: {experiments: 4}
"""
TALL = "opentrons_15_tuberack_falcon_15ml_conical"
CONFLICT = f"DeckConflictError [line 43]: heaterShakerModuleV1 in slot 1 prevents {TALL} from using slot 2."
HELD = f"Opentrons' simulator refuses the protocol: {CONFLICT.rstrip('.')}"
REMEDY = "move what is in the way (deck), or correct the template"
JUDGE = """\
#!/bin/sh
echo asked >> "{asked}"
if grep -q '"slot":"2"' "$1"; then echo "{says}" >&2; exit 1; fi
"""


@pytest.fixture
def simulator(tmp_path: Path) -> Path:
    """Refuses what stands in slot 2, as Opentrons' own does beside a heater-shaker, and counts how often it runs."""
    program = tmp_path / "simulate"
    program.write_text(JUDGE.format(asked=tmp_path / "asked", says=CONFLICT))
    program.chmod(0o755)
    return program


def asked(folder: Path) -> int:
    path = folder / "asked"
    return len(path.read_text().splitlines()) if path.exists() else 0


def section(slot: str, **more: Any) -> dict[str, Any]:
    deck = {**OT2, "stocks": [{"labware": TALL, "slot": slot}]}
    return {"adapter": "opentrons", **options(deck=deck, by_hand=[]), **more}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Any]], Path]:
    monkeypatch.chdir(tmp_path)

    def write(laboratory: Mapping[str, Any]) -> Path:
        path = tmp_path / "coupling.yaml"
        path.write_text(SPEC + yaml.safe_dump({"laboratory": dict(laboratory)}))
        return path

    return write


def states(home: Any) -> dict[str, State]:
    with open_record(home) as ledger:
        return {a.key: a.state for a in ledger.attempts("coupling")}


def results(home: Any) -> list[Any]:
    with open_record(home) as ledger:
        return [o.outcome for o in ledger.observations("coupling")]


def moved(home: Any) -> Mapping[str, int]:
    return StandIn(home.home / "coupling" / "laboratory" / "stand-in").moved()


@pytest.mark.parametrize("runs", ["plate", "each"])
def test_a_deck_that_the_simulator_refuses_holds_the_plate_back_until_it_is_mended(
    written: Any, simulator: Path, hakken: Any, home: Any, tmp_path: Path, runs: str
) -> None:
    spec = written(section("2", simulator=str(simulator), runs=runs))
    first, again = hakken("tick", spec), hakken("run", "coupling")
    waiting, looks = states(home), asked(tmp_path)
    status, validated = hakken("status", "coupling").out, hakken("validate", spec).out
    quick = asked(tmp_path)
    checked = hakken("lab", "check", "coupling", "--json")
    assert hakken("run", written(section("4", simulator=str(simulator), runs=runs))).code == 0

    assert f"of round 1 nothing more is sent: the deck: {HELD}; {REMEDY}" in first.out
    assert "0 of 4 done" in first.out
    assert f"Round 1 waits for its laboratory: the deck: {HELD}; {REMEDY}" in again.out
    assert set(waiting.values()) == {State.READY}
    assert looks == quick == (1 if runs == "each" else 2)  # the plate and the deck, and never again
    assert HELD in status
    assert f"note: the deck: {HELD}" in validated
    assert HELD in checked.out
    assert checked.code == 2
    assert waiting.keys() == moved(home).keys()  # the same experiments
    assert [type(o) for o in results(home)] == [Measured] * 4


PICKY = """\
#!/bin/sh
for volume in {volumes}; do grep -q "\\"volume\\":$volume," "$1" || exit 0; done
echo "ValueError: {volumes}" >&2
exit 1
"""


def of_four_doses(spec: Path) -> Path:
    """The campaign with four candidates, of which each has another volume of one stock."""
    text = spec.read_text().replace("values: [10, 20]", "values: [10, 12, 14, 30]")
    one = text.replace("  ligand: {type: category, options: [XPhos, SPhos]}\n", "").replace(": ligand,", ": XPhos,")
    spec.write_text(one.replace("    SPhos: {concentration: 0.05 mol/L, solvent: DMSO}\n", ""))
    return spec


@pytest.mark.parametrize("volumes", ["30.0", "10.0 12.0", ""])
def test_what_is_refused_of_one_well_alone_ends_that_well_alone(
    written: Any, simulator: Path, hakken: Any, home: Any, volumes: str
) -> None:
    """One of four wells; two that are refused only together; and whatever is on the plate, but no deck alone."""
    simulator.write_text(PICKY.format(volumes=volumes or "20.0"))
    spec = of_four_doses(written(section("4", simulator=str(simulator))))
    said = hakken("run", spec).out
    ended = results(home)

    if volumes == "30.0":
        (fault,) = [o for o in ended if isinstance(o, Fault)]
        assert sum(isinstance(o, Measured) for o in ended) == 3
        assert fault.kind is FaultKind.INPUT_ERROR
        assert "Opentrons' simulator refuses the protocol: ValueError: 30.0" in fault.message
    else:
        assert ended == []
        assert "the plate: Opentrons' simulator refuses the protocol: ValueError" in said


@pytest.mark.parametrize("after", range(1, 7))
def test_killed_while_the_one_well_is_looked_for_it_is_found_by_the_next_pass(
    written: Any, simulator: Path, hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    kept, keep = [], Verdicts.keep

    def killed(verdicts: Verdicts, protocol: str, verdict: Verdict) -> None:
        keep(verdicts, protocol, verdict)
        kept.append(protocol)
        if len(kept) == after:
            raise Killed

    simulator.write_text(PICKY.format(volumes="30.0"))
    spec = of_four_doses(written(section("4", simulator=str(simulator))))
    with monkeypatch.context() as patch:
        patch.setattr(Verdicts, "keep", killed)
        with pytest.raises(Killed):
            hakken("tick", spec)
    hakken("run", "coupling")

    assert sorted(type(o).__name__ for o in results(home)) == ["Fault", "Measured", "Measured", "Measured"]


def test_a_plate_in_a_trial_on_paper_is_held_back_too(written: Any, simulator: Path, hakken: Any) -> None:
    said = hakken("lab", "simulate", written(section("2", simulator=str(simulator)))).out

    assert f"4 of round 1 wait for its laboratory: the deck: {HELD}" in said


def test_a_simulator_that_was_exchanged_is_asked_anew(written: Any, simulator: Path, hakken: Any, home: Any) -> None:
    hakken("tick", written(section("2", simulator=str(simulator))))
    simulator.write_text("#!/bin/sh\n")
    os.utime(simulator, ns=(1, 1))
    hakken("run", "coupling")

    assert [type(o) for o in results(home)] == [Measured] * 4


def not_ok(robot: Robot, protocol: str) -> Mapping[str, Any]:
    """The analysis of a robot that refuses whatever stands in slot 2."""
    text = robot.texts[protocol]  # type: ignore[attr-defined]
    return {
        "status": "completed",
        "result": "not-ok" if '"slot":"2"' in text else "ok",
        "errors": [{"detail": CONFLICT}],
    }


@pytest.fixture
def strict_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Robot.upload

    def uploading(robot: Robot, text: str, key: str) -> str:
        made = upload(robot, text, key)
        Robot.texts[made] = text  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(Robot, "texts", {}, raising=False)
    monkeypatch.setattr(Robot, "upload", uploading)
    monkeypatch.setattr(Robot, "analysis", not_ok)


@pytest.mark.usefixtures("strict_robot")
@pytest.mark.parametrize("runs", ["plate", "each"])
def test_what_the_robots_analysis_refuses_waits_there_until_it_is_mended(
    written: Any, hakken: Any, home: Any, runs: str
) -> None:
    spec = written(section("2", runs=runs))
    said = hakken("run", spec)
    waiting, status = states(home), hakken("status", "coupling").out
    hakken("run", written(section("4", runs=runs)))

    refused = f"the robot refuses the protocol: {CONFLICT.rstrip('.')}; correct deck or template"
    assert f"Round 1 waits for its laboratory: the plate: {refused}" in said.out
    assert refused in status
    assert set(waiting.values()) == {State.SUBMITTED}
    assert waiting.keys() == moved(home).keys()
    assert [type(o) for o in results(home)] == [Measured] * 4


@pytest.mark.usefixtures("strict_robot")
def test_killed_before_a_refusal_is_remembered_the_plate_waits_all_the_same(
    written: Any, hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def killed(*_: Any) -> None:
        raise Killed

    spec = written(section("2"))
    hakken("tick", spec)
    with monkeypatch.context() as patch:
        patch.setattr(Verdicts, "keep", killed)
        with pytest.raises(Killed):
            hakken("tick", "coupling")
    said = hakken("run", "coupling").out
    hakken("run", written(section("4")))

    assert f"Round 1 waits for its laboratory: the plate: the robot refuses the protocol: {CONFLICT[:20]}" in said
    assert [type(o) for o in results(home)] == [Measured] * 4


def test_what_pylabrobots_simulation_refuses_waits_too(
    written: Any, hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(_: Any, folder: Path) -> str | None:
        return "TooLittleVolumeError: no" if '"slot": "2"' in (folder / "plan.json").read_text() else None

    monkeypatch.setattr(bench.Simulation, "refusal", refusal)
    keep = ("deck", "confirm", "poll", "measured_by")
    laboratory = {"adapter": "pylabrobot", **{k: v for k, v in section("2").items() if k in keep}}
    said = hakken("run", written(laboratory)).out

    assert "the deck: PyLabRobot's simulation refuses the protocol: TooLittleVolumeError: no" in said
    assert set(states(home).values()) == {State.READY}
    assert results(home) == []


def test_of_several_laboratories_the_one_whose_deck_is_refused_is_named(
    written: Any, simulator: Path, hakken: Any, home: Any
) -> None:
    several = {"adapter": "several", "laboratories": {"robot": section("2", simulator=str(simulator))}}
    spec = written(several)
    said = hakken("run", spec).out
    validated = hakken("validate", spec).out

    assert f"Round 1 waits for its laboratory: robot, the deck: {HELD}" in said
    assert f"note: robot, the deck: {HELD}" in validated
    assert set(states(home).values()) == {State.READY}
