"""Experiments that wait at the laboratory for a person are said by what they wait for, and not one by one."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from adapters.common import durable
from flows.engine import View, halt, status, tick
from flows.engine.looking.held_up import keep, said_of
from flows.settings import Settings
from flows.wiring import open_record
from tests.adapters.compute.evaluators import without_room
from tests.flows.engine.bench import ANALYSIS, add, cheap_planner


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """Ten experiments that a person has in hand."""
    planner = {"surrogate": "random", "initial": {"design": "random", "experiments": 10}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, planner=planner)
    tick(settings, "small", planner=cheap_planner)
    return settings


def test_those_that_wait_for_the_same_are_one_sentence(small: Settings) -> None:
    with open_record(small) as ledger:
        view = View(ledger, "small")
        first, second, *_ = view.pending

        (alone,) = said_of(view, [(first, "waits for its lid")])
        (both,) = said_of(view, [(first, "waits for its lid"), (second, "waits for its lid")])

        assert alone == f"{view.label(first.settings)} ({first.key}) waits for its lid"
        assert both == f"2 experiments, such as {view.label(first.settings)} ({first.key}): each waits for its lid"


def test_jobs_of_a_queue_that_wait_for_the_same_are_one_sentence_with_their_numbers(small: Settings) -> None:
    with open_record(small) as ledger:
        view = View(ledger, "small")
        held = "is held in Slurm as job {}; scontrol release {} lets it go on"
        waiting = [(a, held.format(17 + i, 17 + i)) for i, a in enumerate(view.pending)]
        first = view.pending[0]

        (three,) = said_of(view, waiting[:3])
        (ten,) = said_of(view, waiting)
        others = said_of(view, [waiting[0], (view.pending[1], "waits in Slurm as job 18 for more hours")])

    one = f"{view.label(first.settings)} ({first.key}) {held.format(17, 17)}"
    assert three == f"{one}; the same holds of 2 experiments more: job 18, 19"
    assert ten == f"{one}; the same holds of 9 experiments more: job 18, 19, 20, 21, 22, 23, 24, 25, ..."
    assert len(others) == 2


@pytest.mark.parametrize(
    ("n", "more"), [(8, ()), (9, ("1 more experiment waits",)), (10, ("2 more experiments wait",))]
)
def test_of_many_texts_eight_are_said_and_the_rest_is_counted(small: Settings, n: int, more: tuple[str, ...]) -> None:
    with open_record(small) as ledger:
        view = View(ledger, "small")

        said = said_of(view, [(a, f"waits for lid {i}") for i, a in enumerate(view.pending[:n])])

    assert [one.rpartition(" ")[2] for one in said[:8]] == [*"01234567"]
    assert said[8:] == tuple(f"{one} for a person in the same way" for one in more)


@pytest.mark.parametrize(("number", "is_raised"), [(errno.ENOSPC, False), (errno.EDQUOT, False), (errno.EACCES, True)])
def test_a_full_disk_ends_no_pass_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_raised: bool
) -> None:
    monkeypatch.setattr(durable, "_write_temporary", without_room(1, number))
    there = Settings(tmp_path)
    there.folder("small").mkdir()

    with pytest.raises(PermissionError) if is_raised else nullcontext():
        keep(there, "small", {"a key": os.strerror(number)})

    assert [*there.folder("small").iterdir()] == []


def test_a_file_that_no_value_can_be_made_of_is_said_until_a_better_one_comes(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "hplc").mkdir()
    laboratory = {"adapter": "instrument", "folder": str(tmp_path / "hplc"), "file": "{key}*.csv", "settle": 0.0}
    add(settings, tmp_path, laboratory=laboratory, analysis=ANALYSIS)
    tick(settings, "small", planner=cheap_planner)
    with open_record(settings) as ledger:
        first = View(ledger, "small").pending[0]
    file = tmp_path / "hplc" / f"{first.key}.csv"
    file.write_text(f"key,signal\n{first.key},0.5\n")
    for _ in range(2):
        tick(settings, "small", planner=cheap_planner)
    (waiting,) = status(settings, "small")
    file.with_name(f"{first.key}-2.csv").write_text(f"key,RT,Area\n{first.key},4.2,620\n{first.key},6.8,1000\n")
    for _ in range(2):
        tick(settings, "small", planner=cheap_planner)
    (done,) = status(settings, "small")

    assert len(waiting.held_up) == 1
    assert f"({first.key}) waits: 'yield' needs a chromatogram, spectrum or peaks, and" in waiting.held_up[0]
    assert (done.experiments_done, done.held_up) == (1, ())


def test_while_a_stop_is_in_force_nothing_is_let_go_on(small: Settings) -> None:
    halt(small, "small", by="ada", why="smoke")
    with open_record(small) as ledger:
        view = View(ledger, "small")
        first, second, *_ = view.pending

        said = [said_of(view, [(a, "waits") for a in waiting]) for waiting in ((), (first,), (first, second))]

    end = "there for a person; let nothing go on before the safety stop is lifted"
    assert said == [(), (f"1 experiment under way waits {end}",), (f"2 experiments under way wait {end}",)]
