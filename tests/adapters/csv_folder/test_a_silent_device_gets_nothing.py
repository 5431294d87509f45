"""The heartbeat of a device behind an exchange folder, and the folder itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import build
from loop.contracts import Found
from loop.errors import AdapterUnavailable
from loop.outcome import Measured
from loop.testing.adapter import KEY
from tests.adapters.csv_folder.exchange import begin, commands, outcome
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT, Clock, context


def test_a_silent_device_gets_nothing_and_is_shown(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    clock.now += 300
    handle = adapter.prepare(EXPERIMENT, KEY)

    with pytest.raises(AdapterUnavailable, match=r"silent: .*heartbeat has not changed for 300 s; see whether"):
        adapter.start(handle, KEY)
    assert commands(rig) == []
    assert adapter.find(KEY) == Found(handle, started=False)
    assert not adapter.health().is_ok
    assert "has not changed for 300 s" in adapter.health().message
    rig.beat()
    adapter.start(handle, KEY)
    assert len(commands(rig)) == 1
    assert "last heartbeat 0 s ago" in adapter.health().message


@pytest.mark.parametrize("skew", [-86400.0, 86400.0])
def test_a_share_with_another_clock_is_judged_by_what_changes(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, skew: float
) -> None:
    heartbeat = rig.folder / "heartbeat"
    os.utime(heartbeat, (clock.now + skew, clock.now + skew))
    make().health()
    clock.now += 100

    assert not make().health().is_ok
    os.utime(heartbeat, (clock.now + skew, clock.now + skew))
    assert make().health().is_ok
    clock.now += 100
    assert not make().health().is_ok


def test_a_clock_set_back_makes_no_silent_device_alive(make: Callable[..., CsvFolder], clock: Clock) -> None:
    make().health()
    clock.now -= 86400
    assert make().health().is_ok
    clock.now += 100

    assert not make().health().is_ok


def test_results_of_a_device_that_fell_silent_are_taken_in(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    handle = begin(adapter)
    rig.work()
    clock.now += 1000

    assert isinstance(outcome(adapter, handle), Measured)


def test_a_folder_that_is_not_there_is_never_made(tmp_path: Path) -> None:
    adapter = build({"folder": "nowhere"}, context(tmp_path))

    assert "there is no folder" in adapter.health().message
    with pytest.raises(AdapterUnavailable, match=r"there is no .*heartbeat; start its program"):
        adapter.prepare(EXPERIMENT, KEY)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("folder", ["", "commands", "responses", ".staged"])
def test_a_folder_that_gives_no_right_is_named_before_anything_is_sent(
    make: Callable[..., CsvFolder], rig: FolderRig, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (rig.folder / folder).mkdir(exist_ok=True)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != rig.folder / folder and may(path, mode))

    health = make().health()

    assert not health.is_ok
    assert str(rig.folder / folder) in health.message
    assert "by this user; give the right to" in health.message


@pytest.mark.parametrize(
    ("blocks", "files", "says"),
    [
        (90, (10, 5), "is full (less than 256 KiB are free); make room there, or no command is handed over"),
        (10_000, (10, 0), "takes no more files (df -i); delete some there"),
        (10_000, (0, 0), ""),  # a file system that counts none
    ],
)
def test_a_full_disk_is_named_before_anything_is_sent(
    make: Callable[..., CsvFolder],
    rig: FolderRig,
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
    files: tuple[int, int],
    says: str,
) -> None:
    sizes = {"f_frsize": 1024, "f_blocks": 20_000, "f_bfree": blocks, "f_bavail": blocks}
    disk = SimpleNamespace(**sizes, f_files=files[0], f_favail=files[1])
    monkeypatch.setattr(os, "statvfs", lambda _: disk)

    health = make().health()

    assert health.is_ok == (not says)
    assert not says or health.message.startswith(f"the disk of {rig.folder} {says}")
