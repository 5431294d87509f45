"""A share that is full, or that a sync client writes to as well: what is said, and what is left behind."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.common import durable
from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import build
from adapters.errors import AdapterUnavailable
from loop.contracts import Phase
from loop.testing.adapter import KEY, OTHER
from tests.adapters.csv_folder.exchange import begin, commands
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.plates.robots import experiment, recipe


def filled(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """The share finds no room for files of that suffix."""
    write = durable._write_temporary

    def tried(path: Path, data: bytes, is_durable: bool) -> Path:
        if ".staged" in path.parts and path.suffix == suffix:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data, is_durable)

    monkeypatch.setattr(durable, "_write_temporary", tried)


def test_a_full_disk_is_said_in_the_same_words_each_time_and_takes_no_number(
    make: Callable[..., CsvFolder], rig: FolderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, said = make(), []
    with monkeypatch.context() as patch:
        filled(patch, ".csv")
        for key in (KEY, KEY, OTHER):
            with pytest.raises(AdapterUnavailable) as caught:
                adapter.prepare(EXPERIMENT, key)
            said.append(str(caught.value))
    begin(adapter)

    assert len(set(said)) == 1
    assert said[0].endswith(".staged cannot be used (No space left on device); the disk is full: make room there")
    assert commands(rig)[0].name == f"000001-{KEY}.csv"


def test_of_a_procedure_without_room_for_its_command_nothing_stays(
    tmp_path: Path, rig: FolderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = build({"folder": "rig"}, replace(context(tmp_path), recipe=recipe()))
    filled(monkeypatch, ".csv")
    with pytest.raises(AdapterUnavailable, match="make room there"):
        lab.prepare(experiment(), KEY)

    assert [path.name for path in (rig.folder / ".staged").iterdir() if path.is_file()] == []


@pytest.mark.parametrize(
    "copy", ["{} (Ada's conflicted copy 2026-12-03).csv", "{}.sync-conflict-20261203-101500-ABC.csv", "{} (1).csv"]
)
def test_a_copy_of_a_command_that_a_sync_client_made_is_named_before_it_runs(
    make: Callable[..., CsvFolder], rig: FolderRig, copy: str
) -> None:
    adapter = make()
    handle = begin(adapter)
    (command,) = commands(rig)
    before = adapter.status(handle).wants
    copied = shutil.copy(command, command.with_name(copy.format(command.stem)))
    waiting, health = adapter.status(handle), adapter.health()
    os.unlink(copied)

    assert (before, adapter.status(handle).wants) == ("", "")
    assert waiting.phase is Phase.WAITING
    assert f"has a copy of its command in {command.parent} ({Path(copied).name}), by which the dev" in waiting.wants
    assert health.is_ok
    assert f"one has a copy of its command in {command.parent}" in health.message


def test_a_command_that_the_device_renames_is_no_copy(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(taken=None)
    handle = begin(adapter)
    (command,) = commands(rig)
    (command.with_name(f"{command.name}.lock")).touch()
    locked = adapter.status(handle).wants
    command.rename(command.with_name(f"{command.stem}_running.csv"))

    assert locked == ""
    assert adapter.status(handle).wants == ""
