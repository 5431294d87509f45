"""The manual laboratory keeps its contract, and what was typed is kept whatever befalls the worksheet."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.files import worksheet
from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase
from loop.errors import AdapterUnavailable
from loop.outcome import Measured
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, outcome, read, sheet_of, write


class TestManual(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: build({}, context(tmp_path))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        path = sheet_of(tmp_path)
        return lambda key: sum(row["key"] == key for row in read(path)) if path.exists() else 0

    @pytest.fixture
    def finish(self, tmp_path: Path) -> Callable[[Adapter, Handle], None]:
        def type_results(_adapter: Adapter, _handle: Handle) -> None:
            path = sheet_of(tmp_path)
            write(path, [{**row, "yield [%]": row["yield [%]"] or "61.5"} for row in read(path)])

        return type_results


def test_an_unknown_key_comes_as_an_envelope_once_with_the_next_fetch(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    path = sheet_of(tmp_path)
    rows = [{**row, "yield [%]": "50"} for row in read(path)]
    write(path, [*rows, {**rows[0], "key": "0195-typo", "yield [%]": "70"}])

    assert [envelope.key for envelope in manual.fetch(handle)] == [KEY, "0195-typo"]
    assert [envelope.key for envelope in manual.fetch(handle)] == [KEY, "0195-typo"]
    assert [envelope.key for envelope in manual.fetch(second)] == [OTHER]


def test_a_row_edited_later_gives_a_further_envelope_and_leaves_the_first(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    (first,) = manual.fetch(handle)
    fill(sheet_of(tmp_path), KEY, yield_="65.1")

    assert manual.fetch(handle)[0] == first
    assert [json.loads(e.payload)["values"][0]["value"] for e in manual.fetch(handle)] == [61.5, 65.1]


def test_a_row_that_was_emptied_again_waits_and_what_it_said_is_kept(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="n.d.")
    said = manual.fetch(handle)
    fill(sheet_of(tmp_path), KEY, yield_="")

    assert manual.status(handle).phase is Phase.WAITING
    fill(sheet_of(tmp_path), KEY, sd="2")
    assert "has 2 under 'yield sd' on worksheet.csv, and no value beside it" in manual.status(handle).wants
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    assert manual.status(handle).phase is Phase.ENDED
    assert manual.fetch(handle)[:1] == said


def test_a_row_corrected_after_its_attempt_ended_goes_out_with_the_next_that_ends(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    fill(path, KEY, yield_="61.5")
    manual.fetch(handle)
    fill(path, KEY, yield_="65.1")
    fill(path, OTHER, yield_="50")
    manual.status(second)

    told = [(e.key, json.loads(e.payload)["values"][0]["value"]) for e in manual.fetch(second)]
    again = build({}, context(tmp_path)).fetch(second)

    assert told == [(OTHER, 50), (KEY, 65.1)]
    assert again == manual.fetch(second)


def test_a_row_that_was_only_saved_anew_is_no_correction(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    fill(path, KEY, yield_="61.5")
    manual.fetch(handle)
    fill(path, KEY, yield_=" 61.50", run_order="7")
    fill(path, OTHER, yield_="50")

    assert [e.key for e in manual.fetch(second)] == [OTHER]


def test_an_envelope_outlives_the_worksheet(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    before = manual.fetch(handle)
    sheet_of(tmp_path).unlink()

    assert build({}, context(tmp_path)).fetch(handle) == before


@pytest.mark.usefixtures("handle")
def test_a_full_disk_leaves_the_worksheet_where_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    typed, beside = path.read_bytes(), {p.name for p in path.parent.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(typed), hard))  # no room for one row more
        with pytest.raises(OSError, match="too large"):
            worksheet.change_sheet(path, lambda sheet: worksheet.with_rows(sheet, sheet.columns, [{"key": OTHER}]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == typed
    assert {p.name for p in path.parent.iterdir()} - {"worksheet.csv.previous"} == beside - {"worksheet.csv.previous"}


def test_new_rows_leave_filled_ones_and_foreign_columns_as_they_are(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    write(
        path, [{**row, "yield [%]": "61.5", "operator": "Ada", "comment": 'a "quoted", odd; one'} for row in read(path)]
    )
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    first, second = read(path)

    assert (first["yield [%]"], first["operator"], first["comment"]) == ("61.5", "Ada", 'a "quoted", odd; one')
    assert (second["key"], second["run_order"], second["yield [%]"]) == (OTHER, "2", "")
    assert json.loads(manual.fetch(handle)[0].payload)["context"]["operator"] == "Ada"


def test_a_sheet_saved_while_ours_is_being_written_is_merged(
    manual: Manual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manual.start(manual.prepare(EXPERIMENT, KEY), KEY)
    path = sheet_of(tmp_path)
    typed = [{**row, "yield [%]": "61.5"} for row in read(path)]
    put = worksheet._put
    calls = []

    def saved_by_the_person_first(target: Path, text: str) -> bool:
        if not calls:
            write(target, typed)
        calls.append(text)
        return put(target, text)

    monkeypatch.setattr(worksheet, "_put", saved_by_the_person_first)
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)

    assert len(calls) == 2
    assert [(row["key"], row["yield [%]"]) for row in read(path)] == [(KEY, "61.5"), (OTHER, "")]


def test_a_rewrite_cut_short_is_taken_up_again(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    path.rename(path.with_name("worksheet.csv.previous"))

    assert isinstance(outcome(manual, handle), Measured)
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    assert [(row["key"], row["yield [%]"]) for row in read(path)] == [(KEY, "61.5"), (OTHER, "")]


def test_a_look_at_what_waits_reads_the_worksheet_once(
    manual: Manual, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    parse = worksheet.parse_sheet
    monkeypatch.setattr(worksheet, "parse_sheet", lambda data: reads.append(data) or parse(data))

    assert manual.status(handle).phase is Phase.WAITING
    assert len(reads) == 1


def test_a_cancelled_row_says_so_and_a_late_result_still_comes(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    manual.cancel(handle, "budget spent")

    assert read(sheet_of(tmp_path))[0]["outcome"] == "cancelled"
    assert len(manual.fetch(handle)) == 1
    fill(sheet_of(tmp_path), KEY, yield_="61.5", outcome="")
    assert [json.loads(e.payload)["outcome"] for e in manual.fetch(handle)] == ["fault", "measured"]


def test_a_start_cut_short_before_the_sheet_is_made_good_by_the_next_look(
    manual: Manual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = manual.prepare(EXPERIMENT, KEY)
    with monkeypatch.context() as patch:
        patch.setattr("adapters.common.folder.reached", _stop_at("folder.started"))
        with pytest.raises(KeyboardInterrupt):
            manual.start(handle, KEY)

    assert manual.find(KEY) == Found(handle, started=True)
    assert not sheet_of(tmp_path).exists()
    assert build({}, context(tmp_path)).status(handle).phase is Phase.WAITING
    assert [row["key"] for row in read(sheet_of(tmp_path))] == [KEY]
    assert isinstance(manual.find(OTHER), Absent)


def _stop_at(label: str) -> Callable[[str], None]:
    def reached(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    return reached


def test_a_worksheet_that_cannot_be_read_is_unavailable_not_lost(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    sheet_of(tmp_path).unlink()
    sheet_of(tmp_path).mkdir()

    with pytest.raises(AdapterUnavailable, match=r"worksheet\.csv cannot be used"):
        manual.status(handle)


def test_the_worksheet_may_lie_beside_the_campaign_file(tmp_path: Path) -> None:
    manual = build({"worksheet": "plate.csv"}, context(tmp_path))
    manual.start(manual.prepare(EXPERIMENT, KEY), KEY)

    assert read(tmp_path / "plate.csv")[0]["key"] == KEY
    assert "plate.csv" in manual.health().message


def test_a_place_where_no_worksheet_can_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and may(path, mode))

    health = build({"worksheet": str(tmp_path / "later" / "bench.csv")}, context(tmp_path)).health()

    assert not health.is_ok
    assert f"no worksheet can be written in {tmp_path}; give the right to" in health.message


@pytest.mark.usefixtures("handle")
def test_a_worksheet_that_a_program_keeps_open_is_to_be_closed(
    manual: Manual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a spreadsheet program does with a file on a share."""

    def refuse(source: object, _: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))

    second = manual.prepare(EXPERIMENT, OTHER)
    monkeypatch.setattr(worksheet.os, "replace", refuse)
    with pytest.raises(AdapterUnavailable, match=r"worksheet\.csv cannot be used .*; close it where a program keeps"):
        manual.start(second, OTHER)
    monkeypatch.undo()
    manual.start(second, OTHER)

    assert [row["key"] for row in read(sheet_of(tmp_path))] == [KEY, OTHER]
