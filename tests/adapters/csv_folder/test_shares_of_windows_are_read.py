"""Programs on Windows write keys in capitals, keep files open, and write numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from loop.contracts import Phase
from loop.testing.adapter import KEY, OTHER
from tests.adapters.csv_folder.exchange import answer, begin, commands, outcome
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import Clock


def test_a_key_in_capitals_is_the_key(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    handle = begin(adapter)
    answer(rig, "r.csv", f"key,yield [%]\r\n{KEY.upper()},61.5\r\n")

    assert str(KEY) != KEY.upper()
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_a_name_in_capitals_is_that_of_the_command(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(response={"key": None})
    handle = begin(adapter)
    answer(rig, commands(rig)[0].name.upper(), "yield [%]\r\n61.5\r\n")

    assert outcome(adapter, handle).measurements[0].value == 61.5


@pytest.mark.parametrize("cell", ["61,5 %", "6.1.5", "1,234,5"])
def test_what_is_no_number_waits_until_it_is_mended(make: Callable[..., CsvFolder], rig: FolderRig, cell: str) -> None:
    """Else an experiment that ran would end as one that nobody could read."""
    adapter = make()
    handle = begin(adapter)
    answer(rig, "r.csv", f"key;yield [%]\r\n{KEY};{cell}\r\n")

    waiting = adapter.status(handle)
    answer(rig, "r.csv", f"key;yield [%]\r\n{KEY};61,5\r\n")

    assert waiting.phase is Phase.WAITING
    assert f"got '{cell}'" in waiting.wants
    assert "r.csv" in waiting.wants
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_a_response_that_somebody_keeps_open_holds_up_no_other(
    make: Callable[..., CsvFolder], rig: FolderRig, kept_open: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make()
    first, second = begin(adapter), begin(adapter, OTHER)
    locked = answer(rig, "a.csv", f"key,yield [%]\n{KEY},61.5\n")
    answer(rig, "b.csv", f"key,yield [%]\n{OTHER},70\n")
    kept_open(locked)
    waiting = adapter.status(first)
    said = adapter.health()
    monkeypatch.undo()

    assert outcome(adapter, second).measurements[0].value == 70
    assert waiting.phase is not Phase.ENDED
    assert said.is_ok
    assert "a.csv cannot be read now (Permission denied)" in said.message
    assert outcome(adapter, first).measurements[0].value == 61.5


def test_a_second_folder_of_the_same_name_is_named(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    """A share shows its programs on Windows one of the two, and a device answers into that one."""
    (rig.folder / "Responses").mkdir()

    said = make().health()

    assert not said.is_ok
    assert "Responses and responses" in said.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"key,yield [%],outcome\n{KEY},61.5,OK\n", "has 'OK' in column 'outcome', which is none of measured"),
        (f"Oven,3\n\nkey,yield [%]\n{KEY},61.5\n", "has no column 'key' in its first line, which reads 'Oven,3'"),
    ],
    ids=["a word of the device", "a title above the header"],
)
def test_what_is_to_be_mended_is_said_and_then_it_is_read(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str, says: str
) -> None:
    adapter = make(response={})
    handle = begin(adapter)
    answer(rig, "r.csv", text)

    waiting = adapter.status(handle)
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5\n")

    assert says in waiting.wants
    assert outcome(adapter, handle).measurements[0].value == 61.5


@pytest.mark.parametrize("name", ["answer.csv", None], ids=["any name", "that of the command"])
def test_an_answer_whose_last_line_never_ends_is_wanted_in_each_pass(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, name: str | None
) -> None:
    adapter = make()
    first, second = begin(adapter), begin(adapter, OTHER)
    answer(rig, name or commands(rig)[0].name, f"key,yield [%]\r\n{KEY},61.5")
    adapter.status(first)
    clock.now += 6

    said = [adapter.status(handle).wants for handle in (first, second)]

    assert [("its last line does not end" in wants) for wants in said] == [True, False]


@pytest.mark.parametrize(("encoding", "bom"), [("utf-8-sig", b"\xef\xbb\xbf"), ("cp1252", b"")])
def test_commands_are_written_as_the_device_reads_letters(
    make: Callable[..., CsvFolder], rig: FolderRig, encoding: str, bom: bytes
) -> None:
    adapter = make(command={"constants": {"Vorschrift": "Öfen süß"}, "encoding": encoding})
    begin(adapter)

    (path,) = commands(rig)
    assert path.read_bytes().startswith(bom)
    assert "Öfen süß" in path.read_bytes().decode(encoding)
