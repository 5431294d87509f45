"""Days in fast motion: sound devices and adapters come out clean, and whatever doubles, loses or alters is counted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")
pytest.importorskip("uvicorn", reason="laboratories over HTTP need hakken[http]")

import robots
from devices import device

from adapters.common.returned import Returned
from adapters.csv_folder.exchange import Exchange
from adapters.csv_folder.template import Template
from adapters.pylabrobot import bench


@pytest.mark.parametrize(("plates", "wells"), [(6, 1), (2, 4)])
@pytest.mark.parametrize("adapter", sorted(robots.DEVICES))
def test_nothing_is_doubled_lost_or_altered(adapter: str, plates: int, wells: int) -> None:
    told = robots.day(adapter, 1, plates, wells)

    assert (told.experiments, told.doubled, told.lost, told.wrong, told.unresolved) == (plates * wells, 0, 0, 0, 0)
    assert told.remade == 0
    assert told.runs >= plates * wells
    assert told.kills.total() > 0


def test_a_trial_of_few_days_says_that_it_is_one() -> None:
    assert robots.enough(10, 10).line() == "mark days of a trial (a whole run has 500): 10 (>= 10) holds"
    assert robots.enough(9, 10).line().endswith("short")
    assert robots.enough(505, 505).line() == "mark days: 505 (>= 500) holds"


def test_a_day_is_the_same_for_its_seed() -> None:
    once, again = (robots.day("csv_folder", 4, 5, 1) for _ in range(2))

    assert (once.kills, once.deaths, once.doubts) == (again.kills, again.deaths, again.doubts)


def test_a_command_that_is_written_and_then_noted_is_seen_to_double(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count(1)

    def publish(self: Exchange, name: str) -> bool:
        (self.commands / f"{next(numbers)}{name}").write_bytes((self._staged / name).read_bytes())
        robots.checkpoints.reached("csv_folder.published")
        os.unlink(self._staged / name)
        return True

    monkeypatch.setattr(Exchange, "publish", publish)
    labels = robots.LABELS + robots.OWN["csv_folder"]
    seed = labels.index("csv_folder.published")  # of a day on which hakken is killed there

    assert robots.day("csv_folder", seed, 6, 1).doubled > 0


def test_a_result_that_is_altered_on_the_way_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Returned.keep
    monkeypatch.setattr(Returned, "keep", lambda self, handle, text: real(self, handle, text.replace("0", "1")))

    assert robots.day("csv_folder", 1, 6, 1).wrong > 0


def test_a_well_that_is_not_the_one_on_record_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Template.command
    monkeypatch.setattr(
        Template,
        "command",
        lambda self, spec, *more, **named: real(
            self, replace(spec, place={**spec.place, "well": "A1"}), *more, **named
        ),
    )

    assert robots.day("csv_folder", 1, 2, 4).wrong >= 6


def test_settings_that_are_proposed_again_may_lie_elsewhere(tmp_path: Path) -> None:
    device = robots.DEVICES["csv_folder"](tmp_path, Random(1))
    settings = {"solvent": "solvent 1", "base": "base 1", "step": "2.0"}
    for plate in ("9", "17"):
        device.outcome(settings, {"plate": plate, "well": "A1"})
    device.close()

    assert {place[1:] for place in device.places} == {("9", "A1"), ("17", "A1")}


def test_a_bench_that_takes_a_killed_run_for_one_that_never_moved_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pylabrobot", reason="PyLabRobot needs hakken[pylabrobot]")
    real = bench.journal
    monkeypatch.setattr(bench, "journal", lambda run: told if "end" in (told := real(run) or [{}])[-1] else [])
    monkeypatch.setitem(device.RATES, "the device dies at a step", 0.2)

    assert robots.day("pylabrobot", 1, 3, 2).doubled > 0


def test_truth_depends_on_settings_alone() -> None:
    settings: Mapping[str, str | float] = {"solvent": "a", "step": 3.0}

    assert device.truth(settings) == device.truth({"step": "3", "solvent": "a"})
    assert device.truth(settings) != device.truth({"solvent": "b", "step": 3.0})
