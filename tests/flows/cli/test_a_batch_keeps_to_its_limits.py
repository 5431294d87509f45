"""Limits of a batch from the command line: said by validate, kept with what is pinned, planned again the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """
campaign: bottle
space:
  ligand: {type: category, options: [A, B, C, D]}
  volume: {type: number, values: [1, 2, 5, 10, 20], unit: mL}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: gp, batch: 6, initial: {experiments: 4}, per_batch: {sums: {volume: 30}}}
budget: {experiments: 24}
laboratory: {adapter: simulated}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bottle.yaml"
    path.write_text(FILE)
    return path


def test_validate_and_a_dry_run_say_them(hakken: Callable[..., Any], file: Path) -> None:
    validated, dry = hakken("validate", file), hakken("run", file, "--dry-run")

    assert "6 at most, within 30 mL of volume" in validated.out
    assert "of 30 mL of volume" in dry.out


def test_with_what_is_pinned_and_in_a_replay(hakken: Callable[..., Any], file: Path) -> None:
    def volumes(number: int) -> list[tuple[float, str]]:
        drafts = [p["proposal"]["draft"] for p in hakken("show", "bottle", number, "--json").json["proposals"]]
        return [(d["candidate"]["settings"]["volume"], d["arm"]) for d in drafts]

    hakken("tick", file)
    hakken("tick", "bottle")  # results are in, and the second batch runs
    pin = hakken("pin", "bottle", "--where", "ligand=D", "--where", "volume=20", "--why", "a hunch", "--again")
    assert pin.code == 0, pin.err
    while len(rounds := [n for n in range(1, 9) if hakken("show", "bottle", n).code == 0]) < 3:
        hakken("tick", "bottle")

    for number in rounds:
        assert sum(volume for volume, _ in volumes(number)) <= 30
        assert "comes out again" in hakken("replay", "bottle", number).out
    assert [v for n in rounds for v, arm in volumes(n) if arm == "manual"] == [20.0]


def test_an_edit_that_takes_it_beyond_them_is_told_so(hakken: Callable[..., Any], file: Path) -> None:
    file.write_text(FILE.replace("adapter: simulated", "adapter: simulated, approval: person"))
    hakken("run", file)
    drafts = [p["proposal"]["draft"] for p in hakken("show", "bottle", 1, "--json").json["proposals"]]
    volumes = [d["candidate"]["settings"]["volume"] for d in drafts]
    others = ["A", "B", "C", "D"]

    kept = hakken("edit", "bottle", 1, 1, "--set", "volume=1", "--set", "ligand=A", "--why", "less of it")
    told = ""
    for number in range(2, len(volumes) + 1):
        settings = ("--set", "volume=20", "--set", f"ligand={others[number - 1]}")
        said = hakken("edit", "bottle", 1, number, *settings, "--why", "more of it")
        told += said.out + said.err

    assert "per_batch" not in kept.out + kept.err
    assert "more than planner.per_batch allows, and it runs so all the same; hakken approve bottle 1 NUMBER" in told


def test_a_batch_that_waits_for_approval_and_comes_to_more_than_a_changed_file_allows_is_named(
    hakken: Callable[..., Any], file: Path
) -> None:
    by_person = FILE.replace("adapter: simulated", "adapter: simulated, approval: person")
    file.write_text(by_person.replace("volume: 30", "volume: 29"))
    hakken("tick", file)
    tighter = by_person.replace("volume: 30", "volume: 1")

    file.write_text(tighter)
    said, status = hakken("tick", file), hakken("status", "bottle")
    file.write_text(by_person)
    looser = hakken("tick", file)

    told = "of 1 mL of volume, more than planner.per_batch allows since the campaign file was changed: what is approved"
    assert "note: round 1, which waits for approval, comes to" in said.out + said.err
    assert told in said.out + said.err
    assert told in status.out
    assert "which waits for approval, comes to" not in looser.out + looser.err


@pytest.mark.parametrize("is_approved", [True, False])
def test_what_of_it_the_file_has_no_more_is_not_counted_in_it(
    hakken: Callable[..., Any], file: Path, is_approved: bool
) -> None:
    by_person = FILE.replace("adapter: simulated", "adapter: manual, approval: person")
    file.write_text(by_person)
    hakken("tick", file)
    drafts = [p["proposal"]["draft"] for p in hakken("show", "bottle", 1, "--json").json["proposals"]]
    first, other, *rest = drafts
    if is_approved:
        assert hakken("approve", "bottle", 1, first["run_order"] + 1).code == 0

    options = ", ".join(each for each in "ABCD" if each != first["candidate"]["settings"]["ligand"])
    file.write_text(by_person.replace("A, B, C, D", options).replace("volume: 30", "volume: 2"))
    said = hakken("tick", file)
    edited = hakken("edit", "bottle", 1, other["run_order"] + 1, "--set", "volume=5", "--why", "more of it")

    left = sum(d["candidate"]["settings"]["volume"] for d in rest)
    assert said.code == edited.code == 0
    assert f"with it, the batch comes to {left + 5:g} of 2 mL of volume" in edited.out + edited.err


def test_in_rolling_mode_a_pass_says_that_what_runs_leaves_no_room(hakken: Callable[..., Any], file: Path) -> None:
    rolling = FILE.replace("batch: 6,", "batch: 6, mode: rolling,").replace("adapter: simulated", "adapter: manual")
    file.write_text(rolling)
    hakken("tick", file)
    file.write_text(rolling.replace("volume: 30", "volume: 1"))

    said = hakken("tick", file).out

    assert "note: no more is proposed while 4 experiments run: nothing that is left goes into a batch of 1 mL" in said
    assert "with what runs or is pinned; there is room again once results come, or raise planner.per_batch" in said
