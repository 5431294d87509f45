"""``examine`` of an Opentrons robot: what it is, what is attached, and whether it was calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.opentrons.client import Robot
from adapters.opentrons.examining import examine
from adapters.opentrons.stand_in import StandIn, transport
from adapters.opentrons.stand_in.__main__ import asked_for
from loop.contracts import Finding, SupportsExamination
from tests.adapters.plates.robots import OT2, laboratory

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'hakken[http]'")

PIPETTES: dict[str, str] = OT2["pipettes"]


def found_of(robot: StandIn, machine: str = "OT-2", simulator: Path | None = None) -> dict[str, Finding]:
    asked = Robot("http://robot", 5.0, transport(robot))
    return {f.subject: f for f in examine(asked, machine, PIPETTES, simulator)}


def twin(folder: Path, **more: Any) -> StandIn:
    return StandIn(folder / "robot", **{"pipettes": PIPETTES, **more})


def test_a_robot_that_is_as_the_file_says_is_ok(tmp_path: Path) -> None:
    found = found_of(twin(tmp_path))

    assert {f.verdict for f in found.values()} == {"ok"}
    assert found["robot"].found == "stand-in, OT-2 Standard, software 8.8.2"
    assert found["left pipette"].found == "p20_single_gen2, calibrated 2026-01-01"
    assert found["deck calibration"].found == "OK"


def test_a_stand_in_that_is_served_has_the_pipettes_that_are_asked_for(tmp_path: Path) -> None:
    attached = [f"{mount}={name}" for mount, name in PIPETTES.items()]

    bare, *_ = asked_for([str(tmp_path / "bare")])
    robot, machine, port = asked_for([str(tmp_path / "bench"), "OT-2", "31951", *attached])

    assert {f.verdict for f in found_of(robot, machine).values()} == {"ok"}
    assert found_of(bare)["left pipette"].found == "nothing is attached"
    assert (machine, port) == ("OT-2", 31951)


def test_a_pipette_that_is_not_there_or_another_is_named(tmp_path: Path) -> None:
    found = found_of(twin(tmp_path, pipettes={"right": "p1000_single_gen2"}))

    assert (found["left pipette"].verdict, found["left pipette"].found) == ("problem", "nothing is attached")
    assert found["right pipette"].found == "p1000_single_gen2 is attached"
    assert found["right pipette"].remedy == "attach p300_single_gen2, or mend deck.pipettes"


@pytest.mark.parametrize(
    ("path", "answer", "subject", "said"),
    [
        ("/calibration/pipette_offset", {"data": []}, "left pipette", "p20_single_gen2, never calibrated"),
        (
            "/calibration/pipette_offset",
            {"data": [{"mount": m, "pipette": m.upper(), "status": {"markedBad": True}} for m in PIPETTES]},
            "right pipette",
            "p300_single_gen2, its calibration is marked bad",
        ),
        ("/calibration/status", {"deckCalibration": {"status": "IDENTITY"}}, "deck calibration", "IDENTITY"),
    ],
)
def test_what_was_never_calibrated_is_a_problem(
    tmp_path: Path, path: str, answer: dict[str, Any], subject: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Robot.tell
    monkeypatch.setattr(Robot, "tell", lambda self, asked: answer if asked == path else real(self, asked))

    finding = found_of(twin(tmp_path))[subject]

    assert (finding.verdict, finding.found, finding.remedy) == (
        "problem",
        said,
        "calibrate it in the Opentrons app",
    )


def test_a_flex_tells_of_its_instruments(tmp_path: Path) -> None:
    whole = found_of(twin(tmp_path, machine="Flex"), "Flex")
    bare = found_of(StandIn(tmp_path / "bare", machine="Flex"), "Flex")

    assert whole["left pipette"].verdict == "ok"
    assert "calibrated 2026-01-01" in whole["left pipette"].found
    assert bare["left pipette"].found == "nothing is attached"
    assert "deck calibration" not in whole


def test_what_a_robot_does_not_tell_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Robot, "tell", lambda *_: {"something": "else"})

    found = found_of(twin(tmp_path))

    assert {found[s].verdict for s in ("deck calibration", "pipettes")} == {"note"}
    assert found["robot"].verdict == "ok"


def test_a_robot_that_gives_no_answer_is_one_problem(tmp_path: Path) -> None:
    def lost(*_: str) -> None:
        raise ConnectionError("the cable is out")

    found = found_of(twin(tmp_path, trouble=lost))

    assert list(found) == ["robot"]
    assert found["robot"].verdict == "problem"


def test_the_simulator_is_looked_for(tmp_path: Path) -> None:
    found = found_of(twin(tmp_path), simulator=tmp_path / "nowhere")

    assert (found["simulator"].verdict, found["simulator"].remedy) == ("problem", "install it (make opentrons)")


def test_the_laboratory_examines_its_robot(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)

    assert isinstance(lab, SupportsExamination)
    assert {f.subject: f.verdict for f in lab.examine()}["left pipette"] == "ok"
