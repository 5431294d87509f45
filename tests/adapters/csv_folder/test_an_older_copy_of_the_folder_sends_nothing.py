"""A laboratory's own folder put back from a backup, with what it sent since at the device: nothing is sent again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from loop.contracts import Absent, AttemptKey, Phase
from loop.errors import NotSetUp
from loop.testing.adapter import KEY, OTHER
from tests.adapters.csv_folder.exchange import answer, begin, commands
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT

NEXT = AttemptKey("attempt-after-the-copy")


@pytest.fixture
def restored(make: Callable[..., CsvFolder], tmp_path: Path) -> CsvFolder:
    """A copy from before OTHER was sent, put back."""
    begin(make(), KEY)
    shutil.copytree(tmp_path / "lab", tmp_path / "backup")
    begin(make(), OTHER)
    shutil.rmtree(tmp_path / "lab")
    shutil.move(tmp_path / "backup", tmp_path / "lab")
    return make()


def test_an_older_copy_sends_nothing_and_says_what_it_lacks(restored: CsvFolder, rig: FolderRig) -> None:
    with pytest.raises(NotSetUp, match=f"000002-{OTHER}.csv was sent from .* put the newer copy back") as caught:
        restored.prepare(EXPERIMENT, NEXT)

    assert restored.find(NEXT) == Absent()  # it may be given back: nothing of it was made
    assert len(commands(rig)) == 2
    health = restored.health()
    assert (health.is_ok, health.message) == (False, str(caught.value))


def test_what_it_knows_goes_on_and_its_results_are_taken_in(restored: CsvFolder, rig: FolderRig) -> None:
    handle = begin(restored, KEY)  # looked up: it has its command
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5\n")

    assert restored.status(handle).phase is Phase.ENDED
    assert len(commands(rig)) == 2


def test_a_person_may_go_on_with_it(restored: CsvFolder, rig: FolderRig) -> None:
    (noted,) = (rig.folder / ".staged").glob("last-*.txt")
    assert str(noted) in restored.health().message
    noted.unlink()
    begin(restored, NEXT)

    assert [path.name[:6] for path in commands(rig)] == ["000001", "000002", "000003"]
    assert restored.health().is_ok


def test_another_campaign_at_the_same_device_is_not_held_up(
    restored: CsvFolder, make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    assert not restored.health().is_ok
    begin(make(campaign="another"), NEXT)

    assert len(commands(rig)) == 3
