"""What ran out of time or memory is not proposed again, nor in a dearer version that is allowed no more of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.engine import pin, run, status, tick
from flows.engine.looking.histories import history_of
from flows.settings import Settings
from flows.wiring import open_record
from loop.contracts import ExperimentSpec
from loop.outcome import Fault, FaultKind
from loop.record import Arm, ObservationRecord
from loop.spec import CampaignSpec, build_space
from tests.flows.engine.bench import FakeLaboratory, add, spec_of

SPACE = {
    "molecule": {"type": "component", "options": {"ethane": "CC", "butane": "CCCC", "hexane": "CCCCCC"}},
    "method": {"type": "fidelity", "options": ["quick", "dear"], "costs": {"quick": 1, "dear": 5}},
}
PLANNER = {"batch": 1, "surrogate": "random", "initial": {"design": "random", "experiments": 1}}
HEXANE = {"molecule": "hexane", "method": "quick"}
TOO_LARGE = {"memory": (FaultKind.RESOURCE_ERROR, "out_of_memory"), "timeout": (FaultKind.TIMEOUT, "timeout")}
OWN = {"adapter": "callable", "function": "mine:gap"}


def sections(quick: dict[str, Any], dear: dict[str, Any]) -> dict[str, Any]:
    """A campaign whose versions go to these laboratories."""
    parts = {"a": quick | {"when": {"method": "quick"}}, "b": dear | {"when": {"method": ["dear"]}}}
    return {
        "space": SPACE,
        "objective": {"gap": {"goal": "minimize", "unit": "eV"}},
        "planner": PLANNER,
        "laboratory": {"adapter": "several", "laboratories": parts},
    }


def left_out(quick: dict[str, Any], dear: dict[str, Any], kind: FaultKind, code: str) -> list[dict[str, Any]]:
    """What is not proposed after hexane failed so in the quick version."""
    spec = CampaignSpec.from_resolved(spec_of(**sections(quick, dear)))
    space = build_space(spec)
    record = ObservationRecord(
        "1", "c", HEXANE, {"molecule": "CCCCCC"}, Fault.of(kind, "too large"), "lab", Arm.MODEL, "k", 1, 0, 0, 0, 1,
        datetime(2026, 1, 1, tzinfo=UTC), None, {"provenance": {"code": code}},
    )  # fmt: skip
    history, _ = history_of(spec, space, [record], [])
    return [dict(space.settings(x)) for x in history.tried(2)]


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_dearer_version_that_is_allowed_no_more_is_not_proposed(what: str) -> None:
    quick, dear = {"adapter": "xtb", what: 4000}, {"adapter": "pyscf", what: 4000}

    assert HEXANE | {"method": "dear"} in left_out(quick, dear, *TOO_LARGE[what])
    assert HEXANE in left_out(quick, dear, *TOO_LARGE[what])


@pytest.mark.parametrize(
    ("quick", "dear"),
    [
        ({"adapter": "xtb"}, {"adapter": "pyscf", "memory": 2049}),
        ({"adapter": "xtb"}, {"adapter": "manual"}),
        ({"adapter": "xtb"}, OWN),
        (OWN, {"adapter": "pyscf"}),
    ],
)
def test_one_that_is_allowed_more_or_is_no_calculation_may_be_proposed(
    quick: dict[str, Any], dear: dict[str, Any]
) -> None:
    assert HEXANE | {"method": "dear"} not in left_out(quick, dear, *TOO_LARGE["memory"])


def test_a_full_disk_says_nothing_of_the_molecule() -> None:
    full = (FaultKind.RESOURCE_ERROR, "out_of_resources")

    assert not [one for one in left_out({"adapter": "xtb"}, {"adapter": "pyscf"}, *full) if one != HEXANE]


def test_it_is_said_by_show_and_status_and_a_pin_has_it_run_all_the_same(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    sent: list[tuple[str, str]] = []

    def answer(spec: ExperimentSpec) -> list[str]:
        sent.append((str(spec.settings["molecule"]), str(spec.settings["method"])))
        if spec.settings["molecule"] == "hexane":
            told = {"outcome": "fault", "kind": "resource_error", "message": "too large"}
            return [json.dumps(told | {"provenance": {"code": "out_of_memory"}})]
        return [json.dumps({"outcome": "measured", "values": [{"property": "gap", "value": 9.0, "unit": "eV"}]})]

    laboratory.answers = answer
    add(settings, tmp_path, budget={"experiments": 9}, **sections({"adapter": "xtb"}, {"adapter": "pyscf"}))
    pin(settings, "small", ["molecule=hexane", "method=quick"], by="tester", why="the largest first")
    notes = [note for _ in range(3) for note in tick(settings, "small").notes]
    standing = status(settings, "small")[0]
    pin(settings, "small", ["molecule=hexane", "method=dear"], by="tester", why="to see it")
    run(settings, "small", on_tick=lambda _: None, poll=0.01, max_seconds=60)
    with open_record(settings) as ledger:
        rounds = ledger.rounds("small")

    (said,) = standing.left_out
    assert said == (
        "1 candidate that ran out of memory as 'quick' is not proposed as 'dear', which has no more "
        "(memory: 2048 MiB): allow that more, or have it run all the same (hakken pin small)"
    )
    assert any("nor proposed again: where its memory was too little, allow more" in note for note in notes)
    assert any(said in one.notes for one in rounds)
    assert sent.count(("hexane", "quick")) == 2  # it was tried again once, and no more
    assert ("hexane", "dear") in sent
