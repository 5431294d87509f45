"""Responses cut off, renamed, doubled, foreign, grown or wrong: each is taken for what it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.common import resting
from adapters.common.durable import replace
from adapters.csv_folder import exchange
from adapters.csv_folder.laboratory import CsvFolder
from loop.contracts import Phase
from loop.testing.adapter import KEY, OTHER
from tests.adapters.csv_folder.exchange import STATUS, answer, begin, commands, outcome
from tests.adapters.csv_folder.rigs import FolderRig, table
from tests.adapters.helpers import Clock


def test_numbers_go_on_where_the_folder_was_emptied(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    begin(make())
    commands(rig)[0].unlink()
    (rig.folder / "responses" / "000041-somebody.csv").write_text("key\n")
    begin(make(), OTHER)

    assert [path.name[:6] for path in commands(rig)] == ["000042"]


@pytest.mark.parametrize("n", range(1, 16))
def test_a_response_cut_off_anywhere_waits_for_the_rest(make: Callable[..., CsvFolder], rig: FolderRig, n: int) -> None:
    adapter = make()
    handle = begin(adapter)
    whole = table({"key": str(KEY), "yield [%]": "61.5", "comment": 'a "good"\none'})
    answer(rig, "r.csv", whole[:-n])

    assert adapter.status(handle).phase is Phase.WAITING
    answer(rig, "r.csv", whole)
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_a_device_that_never_ends_its_last_line_is_heard_once_the_file_rests(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make(response={"final_newline": False})
    handle = begin(adapter)
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},6")
    assert adapter.status(handle).phase is Phase.WAITING
    clock.now += 4
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5")
    clock.now += 4
    assert adapter.status(handle).phase is Phase.WAITING
    clock.now += 5

    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_a_response_without_a_row_is_named_and_wanted_of_nobody_as_its_row_may_come(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    handle = begin(adapter)
    name, says = commands(rig)[0].name, "has no row below its header yet; let the device write one, with the result"
    commands(rig)[0].unlink()  # the device took it
    answer(rig, name, "key,yield [%]\n")

    status = adapter.status(handle)
    assert (status.detail, status.wants) == (f"the device has {name}; its response {name} {says}", "")
    answer(rig, "log.csv", "key,yield [%]\n")
    assert f"log.csv {says}" in adapter.health().message
    assert not adapter.status(handle).wants
    answer(rig, name, f"key,yield [%]\n{KEY},61.5\n")
    assert adapter.status(handle).phase is Phase.ENDED
    assert name not in adapter.health().message


def test_passes_that_look_but_once_hear_a_device_that_never_ends_its_last_line(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    handle = begin(make())
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5")
    assert make(response={"final_newline": False}).status(handle).phase is Phase.WAITING
    clock.now += 60

    assert outcome(make(response={"final_newline": False}), handle).measurements[0].value == 61.5


@pytest.mark.parametrize(
    ("text", "ends", "says"),
    [
        ("", True, "r.csv is empty; let the device write its header and its row"),
        ("", False, "r.csv is empty; let the device write its header and its row"),
        ("key,yield [%]", False, "r.csv does not end its last line yet; it counts once it has not changed for 5 s"),
    ],
)
def test_a_file_that_does_not_count_yet_is_not_told_to_do_what_was_done(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str, ends: bool, says: str
) -> None:
    adapter = make(response={"final_newline": ends})
    answer(rig, "r.csv", text)
    adapter.status(begin(adapter))

    message = adapter.health().message
    assert says in message
    assert "final_newline" not in message


def test_files_that_rest_are_noted_once_for_each_look_and_gone_ones_forgotten(
    make: Callable[..., CsvFolder], rig: FolderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = begin(make())
    for number in range(20):
        answer(rig, f"r{number}.csv", f"key,yield [%]\n{KEY},{number}")
    written: list[str] = []

    def noting(path: Path, text: str, *, is_durable: bool) -> None:
        written.append(text)
        replace(path, text, is_durable=is_durable)

    monkeypatch.setattr(resting, "replace", noting)

    make(response={"final_newline": False}).status(handle)
    make(response={"final_newline": False}).status(handle)
    for path in sorted((rig.folder / "responses").glob("r*.csv"))[1:]:
        path.unlink()
    answer(rig, "late.csv", "key,yield [%]\nother,1")
    make(response={"final_newline": False}).status(handle)

    assert [len(json.loads(text)) for text in written] == [20, 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"key,yeild [%]\n{KEY},61.5\n", "has no column 'yield [%]', where a result is looked for"),
        (f"key,yield [mol]\n{KEY},61.5\n", "has no column 'yield [%]', where a result is looked for"),
        (f"key,yield [%]\n{KEY},61.5", "is cut off: its last line does not end; let the device end it, or say"),
        (f"key,yield [%],yield [%]\n{KEY},61.5,3\n", "has two columns 'yield [%]'; rename or remove one"),
        (f"key,yield [%]\n{KEY},61,5\n", "has a row of more cells than its header, with 61 and 5 side by side"),
        (f"key,yield [%]\n{KEY},1.061,5\n", "has a row of more cells than its header, with 1.061 and 5 side by side"),
        (f"key,yield [%],comment\n{KEY},61,5,\n", "has a row of more cells than its header, with 61 and 5 side"),
        (f"key,yield [%],yield sd\n{KEY},,2\n", ""),  # a table that is filled in later
    ],
)
def test_what_only_a_person_can_mend_in_a_response_is_wanted_of_one(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, text: str, says: str
) -> None:
    handle = begin(make())
    name = commands(rig)[0].name
    answer(rig, name, text)
    make().status(handle)
    clock.now += 60

    wants = make().status(handle).wants
    assert wants.startswith(f"waits, since its response {name} {says}") if says else not wants
    answer(rig, name, f"key,yield [%]\n{KEY},61.")
    assert not make().status(handle).wants  # the device writes it just now
    answer(rig, name, f"key,yield [%]\n{KEY},61.5\n")
    assert make().status(handle).phase is Phase.ENDED


@pytest.mark.parametrize("text", [f"key,yield [%]\n{OTHER},61.5\n", f"key,yeild\n{OTHER},61.5\n", "no table\n"])
def test_of_two_campaigns_on_one_device_each_reads_its_own(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str
) -> None:
    adapter = make()
    handle = begin(adapter)
    begin(make(campaign="another's"), OTHER)
    theirs = commands(rig)[1]
    theirs.unlink()  # a device that keeps nothing of what it has done
    answer(rig, theirs.name, text)
    answer(rig, "r.csv", f"key,yield [%]\nS-12,5\n{KEY},50\n")

    assert [str(envelope.key) for envelope in adapter.fetch(handle)] == [str(KEY), "S-12"]
    assert not make().status(handle).wants


NOBODYS = "waits, and r.csv is of no attempt: it says 'S-12'; write the key of its command"


@pytest.mark.parametrize(
    ("text", "says", "after"),
    [
        ("key,yield [%]\nS-12,61.5\n", NOBODYS, NOBODYS),
        ("no table\n", "waits, and r.csv has no column 'key' in its first line, which reads 'no table'; put the", ""),
    ],
)
def test_an_answer_of_no_attempt_is_told_by_one_of_those_that_wait_until_it_goes_on_record(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str, says: str, after: str
) -> None:
    adapter = make()
    handles = [begin(adapter, key) for key in (KEY, OTHER)]
    answer(rig, "r.csv", text)

    told = [[adapter.status(handle).wants for handle in handles] for _ in range(2)]
    assert told[0] == told[1]
    assert told[0][0].startswith(says)
    assert told[0][1] == ""
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5\n")
    assert adapter.status(handles[1]).wants.startswith(after)  # the other one has its answer now
    assert bool(adapter.status(handles[1]).wants) == bool(after)  # of a file that was mended nothing is said
    assert outcome(adapter, handles[0]).measurements[0].value == 61.5
    assert adapter.status(handles[1]).wants == ""


def test_where_nobody_asks_about_the_one_that_told_of_it_another_one_does(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    """As where a person told how it ended."""
    adapter = make()
    first, second = (begin(adapter, key) for key in (KEY, OTHER))
    answer(rig, "r.csv", "key,yield [%]\nS-12,61.5\n")
    told = adapter.status(first).wants

    said = [adapter.status(second).wants for _ in range(4)]

    assert said == ["", told, told, told]


def test_renamed_duplicated_foreign_and_changed_responses_are_kept_and_none_is_taken_for_another(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    first, second = begin(adapter), begin(adapter, OTHER)
    answer(rig, "a name of their own.csv", f"key,yield [%]\n{KEY},61.5\n")  # renamed: its key tells
    answer(rig, "copy.csv", f"key,yield [%]\n{KEY},61.5\n")  # duplicated
    answer(rig, "stranger.csv", "key,yield [%]\nsomebody,12\n")  # foreign
    answer(rig, "letter.csv", "Dear all,\nthe pump is out of order\n")  # no table of ours
    assert outcome(adapter, first).measurements[0].value == 61.5
    answer(rig, "copy.csv", f"key,yield [%]\n{KEY},16.5\n")  # changed
    answer(rig, f"000002-{OTHER}.csv", f"key,yield [%]\n{OTHER},70\n")

    two = make().fetch(second)  # the next that is fetched
    one = make().fetch(first)
    assert [json.loads(e.payload)["values"][0]["value"] for e in one if e.key == KEY] == [61.5, 61.5]
    assert {e.key for e in one} == {KEY, "somebody", "letter.csv"}
    assert [(e.key, json.loads(e.payload)["values"][0]["value"]) for e in two] == [(OTHER, 70.0), (KEY, 16.5)]
    assert make().fetch(first) == one
    assert make().fetch(second) == two
    assert "letter.csv has no column 'key' in its first line" in make().health().message


@pytest.mark.parametrize("text", [f"key,yield [%]\n{KEY},61,\n", f"key;yield [%]\n{KEY};61;\n"])
def test_a_device_may_end_its_rows_with_one_more_separator(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str
) -> None:
    adapter = make()
    handle = begin(adapter)
    answer(rig, "r.csv", text)

    assert outcome(adapter, handle).measurements[0].value == 61.0


def test_a_file_without_keys_is_known_by_its_name(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(response={"key": None})
    handle = begin(adapter)
    answer(rig, commands(rig)[0].name, "yield [%]\n61.5\n")
    answer(rig, "000001.csv", "yield [%]\n99\n")

    assert [e.key for e in adapter.fetch(handle)] == [KEY, "000001.csv"]
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_one_file_may_answer_many_and_grow(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    handles = [begin(adapter, key) for key in (KEY, OTHER)]
    answer(rig, "DAY.CSV", f"key,yield [%]\n{KEY},1\n")
    assert [adapter.status(h).phase for h in handles] == [Phase.ENDED, Phase.WAITING]
    answer(rig, "DAY.CSV", f"key,yield [%]\n{KEY},1\n{OTHER},2\n")

    assert [outcome(adapter, h).measurements[0].value for h in handles] == [1.0, 2.0]


def test_what_is_wrong_with_a_response_is_said(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    begin(adapter)
    answer(rig, "b.csv", f"key,yeild [%]\n{KEY},61.5\n")
    answer(rig, "c.csv", f"key,yield [%]\n{KEY},\n")

    message = adapter.health().message
    assert "b.csv has no column 'yield [%]', where a result is looked for; it has key, yeild [%]" in message
    assert f"c.csv lacks a value in the row of {KEY}" in message


def test_what_no_attempt_is_known_of_waits_for_the_next_result_and_a_later_answer_does_not(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    handle = begin(adapter)
    answer(rig, "first.csv", f"key,yield [%]\n{KEY},61.5\n")
    adapter.fetch(handle)
    answer(rig, "second.csv", f"key,yield [%]\n{KEY},16.5\n")  # the next pass takes it in
    later = make().health().message
    answer(rig, "stranger.csv", "key,yield [%]\nsomebody,12\n")

    assert "next result" not in later
    assert "1 response belongs to no attempt and goes on record with the next result" in make().health().message


def test_old_responses_are_listed_when_an_attempt_is_asked_about_and_not_opened_or_looked_at_one_by_one(
    make: Callable[..., CsvFolder], rig: FolderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make()
    handle = begin(adapter)
    for n in range(5):
        answer(rig, f"old-{n}.csv", table({"key": f"of-years-{n}", "yield [%]": "1"}))
    adapter.status(handle)
    asked: list[str] = []
    for name in ("stat", "open"):
        does = getattr(Path, name)
        monkeypatch.setattr(
            Path, name, lambda self, *a, does=does, **k: (asked.append(str(self)), does(self, *a, **k))[1]
        )
    adapter.status(handle)

    assert asked
    assert not [path for path in asked if "old-" in path]


def test_responses_of_another_name_are_pointed_at_until_one_is_called_as_they_are(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter, other = make(), make(response={**STATUS, "files": "*.txt"})
    first, second = begin(adapter), begin(adapter, OTHER)
    answer(rig, f"000001-{KEY}.txt", f"key,yield [%]\n{KEY},61.5\n")
    answer(rig, "trace.log", "0 1 2\n")
    answer(rig, ".trace.csv", "0 1 2\n")

    said = (
        f"000001-{KEY}.txt and 1 other in {rig.folder / 'responses'} are not read, as no response is called so (*.csv)"
    )
    assert [adapter.status(h).wants.startswith(f"waits, and {said}: let the device") for h in (first, second)] == [
        True,
        False,
    ]
    assert said in adapter.health().message
    assert "is not read" not in other.health().message
    answer(rig, f"000002-{OTHER}.csv", f"key,yield [%]\n{OTHER},50\n")
    assert (adapter.status(first).wants, adapter.status(second).phase) == ("", Phase.ENDED)


def test_thousands_of_responses_on_a_slow_share_are_looked_at_once_for_several_attempts(
    make: Callable[..., CsvFolder], rig: FolderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, looks, now, look = make(), list[Path](), [0.0], os.scandir

    def slow(path: Path) -> Any:
        if path == rig.folder / "responses":
            looks.append(path)
            now[0] += 2.0  # seconds
        return look(path)

    first, second = begin(adapter), begin(adapter, OTHER)
    for number in range(9):
        (rig.folder / "responses" / f"{number}.csv").touch()
    monkeypatch.setattr(exchange, "_MANY", 9)
    monkeypatch.setattr(exchange, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(os, "scandir", slow)
    assert [adapter.status(h).phase for h in (first, second)] == [Phase.WAITING] * 2
    assert len(looks) == 1
    answer(rig, f"000002-{OTHER}.csv", f"key,yield [%]\n{OTHER},50\n")
    now[0] += 7.9
    assert adapter.status(second).phase is Phase.WAITING
    now[0] += 0.2

    assert (adapter.status(second).phase, len(looks)) == (Phase.ENDED, 2)
