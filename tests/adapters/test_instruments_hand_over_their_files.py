"""An instrument's folder: the contract, which file is whose, and files that are half written."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import Jobs
from adapters.errors import AdapterOptionsError, AdapterUnavailable
from adapters.instrument.laboratory import Instrument
from adapters.instrument.options import InstrumentOptions
from adapters.registry import binding, build
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec, Handle, Phase
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import Clock

TABLE = "ligand,yield\nXPhos,40\nSPhos,72.5\n"
EXPERIMENT = ExperimentSpec(
    "coupling",
    {"ligand": "XPhos"},
    {},
    {},
    {"yield": "%"},
    place={"plate": "1", "well": "A1", "row": "A", "column": "1"},
)


def laboratory(folder: Path, *, campaign: str = "lab", **options: Any) -> Instrument:
    (folder / "table.csv").write_text(TABLE)
    (folder / "hplc").mkdir(exist_ok=True)
    context = AdapterContext(str(folder / campaign), str(folder), "coupling", {"yield": "%"})
    made = build("instrument", {"folder": "hplc", "settle": 0.0, **options}, context)
    assert isinstance(made, Instrument)
    return made


def drop(folder: Path, name: str, *rows: str, header: str = "sample,plate,well,RT [min],area") -> Path:
    path = folder / "hplc" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


class TestPlayed(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: laboratory(tmp_path, played={"table": "table.csv"})

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, settings={"ligand": "PPh3"})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        """An attempt has two peaks in the one file that it is measured in."""
        files = tmp_path / "lab" / "files"
        return lambda key: sum(p.read_text().count(f"{key},") for p in files.glob("plate-*.csv")) // 2


class TestByHand(AdapterContract):
    """Somebody else measures: the test drops the file."""

    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        (tmp_path / "hplc").mkdir(exist_ok=True)
        return lambda: laboratory(tmp_path, file="plate-{plate}*.csv")

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, place={})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        """How often it is on the list of samples."""
        listed = tmp_path / "hplc" / "samples.csv"
        return lambda key: listed.read_text().count(f"{key},") if listed.exists() else 0

    @pytest.fixture
    def finish(self, tmp_path: Path) -> Callable[[Adapter, Handle], None]:
        def end(adapter: Adapter, handle: Handle) -> None:
            assert isinstance(adapter, Instrument)
            key = adapter._jobs.key(handle)
            drop(tmp_path, f"plate-1-{handle}.csv", f"{key},1,A1,4.2,620", f"{key},1,A1,6.8,1000")
            assert adapter.status(handle).phase is Phase.ENDED

        return end


def begin(lab: Instrument, key: AttemptKey, well: str = "A1") -> Handle:
    handle = lab.prepare(replace(EXPERIMENT, place={**EXPERIMENT.place, "well": well}), key)
    lab.start(handle, key)
    return handle


def test_a_file_goes_to_the_attempts_that_it_names_and_keeps_its_bytes(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    first, second = begin(lab, KEY), begin(lab, OTHER, "B2")
    path = drop(tmp_path, "plate-1-x.csv", ",P01,A01,4.2,620", ",P01,A01,6.8,1000", ",P01,C3,6.8,1000")
    (envelope,) = lab.fetch(first)
    path.write_text("changed later\n")

    assert envelope.files[0].data.startswith(b"sample,plate,well")
    assert lab.fetch(first) == (envelope,)
    assert lab.status(second).phase is Phase.WAITING


@pytest.mark.parametrize(
    ("name", "rows", "is_named"),
    [
        ("batch-7.csv", (",1,A1,4.2,620",), True),
        ("batch-7.csv", (f"{KEY},,,4.2,620",), True),
        ("batch-7.csv", (",2,A1,4.2,620",), False),
        ("batch-7.csv", (",,A1,4.2,620",), False),  # a well of any plate
        ("batch-7.txt", (",1,A1,4.2,620",), False),
    ],
)
def test_a_file_of_another_name_that_tells_of_an_attempt_is_named_and_not_taken(
    tmp_path: Path, name: str, rows: tuple[str, ...], is_named: bool
) -> None:
    drop(tmp_path, "older.csv", ",1,A1,4.2,100")
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    handle = begin(lab, KEY)
    drop(tmp_path, name, *rows)
    says = f"waits, and {name}, which tells of it, is not called plate-1*.csv; call it so, or mend laboratory.file"

    assert (lab.status(handle).phase, lab.status(handle).wants) == (Phase.WAITING, says if is_named else "")


@pytest.mark.parametrize(
    ("file", "rows", "says"),
    [
        (
            "plate-{plate}*.csv",
            (",2,A1,4.2,620", ",2,B2,4.2,600"),
            "names 2 in every line; let the file name the plate",
        ),
        ("plate-{plate}*.csv", (",2,A1,4.2,620", ",1,B2,4.2,600"), ""),
        ("plate-{plate}*.csv", (",,B2,4.2,620",), ""),
        ("plate-*.csv", (",2,A1,4.2,620",), ""),
    ],
)
def test_a_file_that_is_called_after_one_plate_and_tells_of_another_is_named(
    tmp_path: Path, file: str, rows: tuple[str, ...], says: str
) -> None:
    lab = laboratory(tmp_path, file=file)
    handle = begin(lab, KEY)
    drop(tmp_path, "plate-1-x.csv", *rows)
    status = lab.status(handle)

    assert status.phase is Phase.WAITING
    assert says in status.wants
    assert bool(says) == bool(status.wants)


@pytest.mark.parametrize(
    ("theirs", "sample", "is_asked"),
    [
        ("plate-{plate}*.csv", "", True),
        ("plate-{plate}*.csv", str(KEY), False),
        ("theirs-{plate}*.csv", "", False),
    ],
)
def test_a_file_that_may_be_of_two_campaigns_is_neithers(
    tmp_path: Path, theirs: str, sample: str, is_asked: bool
) -> None:
    lab, others = laboratory(tmp_path, file="plate-*.csv"), laboratory(tmp_path, campaign="theirs", file=theirs)
    handle, other = begin(lab, KEY), begin(others, OTHER, "B2")
    last = begin(lab, AttemptKey("third"), "C3")
    drop(tmp_path, "plate-1.csv", f"{sample},1,A1,4.2,620", ",1,B2,4.2,10")
    asked = lab.status(handle).wants

    assert lab.status(handle).phase is (Phase.WAITING if is_asked else Phase.ENDED)
    assert "names no sample" not in lab.status(last).wants
    way_out = f"if it is this campaign's: hakken ingest {tmp_path / 'hplc' / 'plate-1.csv'} --campaign coupling"
    assert asked.endswith(way_out) == is_asked
    others.cancel(other, "made on another instrument")
    assert lab.status(handle).phase is Phase.ENDED


def test_where_the_share_is_not_mounted_nothing_begins_and_nothing_is_made(tmp_path: Path) -> None:
    lab, folder, away = laboratory(tmp_path, file="plate-{plate}*.csv"), tmp_path / "hplc", tmp_path / "away"
    drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620")
    folder.rename(away)
    with pytest.raises(AdapterUnavailable, match="mount the share"):
        begin(lab, KEY)
    away.rename(folder)
    handle = begin(lab, KEY)
    before = lab.status(handle).phase
    folder.rename(away)
    with pytest.raises(AdapterUnavailable, match="mount the share"):
        lab.status(handle)

    assert before is Phase.WAITING  # what lay there is of others
    assert not folder.exists()


def test_what_lay_there_before_is_of_others(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620")
    handle = begin(lab, KEY)
    before = lab.status(handle).phase
    drop(tmp_path, "plate-1-again.csv", ",1,A1,4.2,700")

    assert before is Phase.WAITING
    assert lab.fetch(handle)[0].files[0].name == "plate-1-again.csv"


def test_a_wrong_pattern_is_mended_while_attempts_wait_and_what_lay_there_before_is_still_of_others(
    tmp_path: Path,
) -> None:
    lab = laboratory(tmp_path, file="plat-{plate}*.csv")
    drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620")
    handle = begin(lab, KEY)
    drop(tmp_path, "plate-1-again.csv", ",1,A1,4.2,700")
    waits = lab.status(handle).phase
    mended = laboratory(tmp_path, file="plate-{plate}*.csv")

    assert waits is Phase.WAITING
    assert mended.fetch(handle)[0].files[0].name == "plate-1-again.csv"


@pytest.mark.parametrize(
    ("adapter", "options"),
    [
        ("instrument", lambda own: own),
        ("several", lambda own: {"laboratories": {"lc": {"adapter": "instrument", **own}}}),
        ("opentrons", lambda own: {"url": "http://x", "measured_by": {"adapter": "instrument", **own}}),
    ],
)
def test_the_pattern_may_change_while_the_instrument_has_attempts_and_its_folder_may_not(
    adapter: str, options: Callable[[dict[str, str]], dict[str, Any]]
) -> None:
    wrong, mended, other = (
        binding(adapter, options({"folder": folder, "file": file}))
        for folder, file in (("hplc", "plat-*.csv"), ("hplc", "plate-*.csv"), ("gc", "plate-*.csv"))
    )

    assert wrong == mended
    assert mended != other


@pytest.mark.parametrize(
    ("encoding", "delimiter", "end"),
    [
        ("utf-8", ",", ""),
        ("cp1252", ";", "\r\n"),
        ("cp1252", ",", ""),
        ("utf-8-sig", ";", ""),
        ("utf-16", "\t", "\r\n"),
    ],
)
def test_a_list_of_samples_that_a_spreadsheet_program_saved_goes_on(
    tmp_path: Path, encoding: str, delimiter: str, end: str
) -> None:
    lab, listed = laboratory(tmp_path, file="plate-{plate}*.csv"), tmp_path / "hplc" / "samples.csv"
    handle = begin(lab, KEY)
    header, row = (line.replace(",", delimiter) for line in listed.read_text().splitlines())
    listed.write_bytes(f"{header}\r\n{row}{delimiter}für Jürgen{end}".encode(encoding))
    lab.start(handle, KEY)
    begin(lab, OTHER, "B2")

    rows = [line.split(delimiter) for line in listed.read_bytes().decode(encoding).splitlines()]
    assert rows == [["sample", "plate", "well"], [KEY, "1", "A1", "für Jürgen"], [OTHER, "1", "B2"]]


def test_a_line_of_the_list_of_samples_that_got_lost_comes_back(tmp_path: Path) -> None:
    """As where a spreadsheet program saves the list as it was opened, before the last attempts were added."""
    lab, listed = laboratory(tmp_path, file="plate-{plate}*.csv"), tmp_path / "hplc" / "samples.csv"
    first = begin(lab, KEY)
    opened = listed.read_bytes()
    second = begin(lab, OTHER, "B2")
    listed.write_bytes(opened)
    drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620")
    ended, waits = lab.status(first).phase, lab.status(second).phase

    assert (ended, waits) == (Phase.ENDED, Phase.WAITING)
    assert listed.read_text().splitlines() == ["sample,plate,well", f"{KEY},1,A1", f"{OTHER},1,B2"]


def test_two_campaigns_add_to_the_list_of_samples_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = (laboratory(tmp_path, campaign=name, file="{key}.csv") for name in ("lab", "theirs"))
    written = []

    def add(_path: Path, key: AttemptKey, _plate: str, _well: str) -> None:
        """Nobody else can write while this is done."""
        with (tmp_path / "hplc" / ".waiting" / "lock").open("a") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        written.append(key)

    monkeypatch.setattr("adapters.instrument.laboratory.list_sample", add)
    begin(mine, KEY)
    begin(theirs, OTHER)

    assert written == [KEY, OTHER]


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, settle=60.0)
    handle = begin(lab, KEY)
    path = drop(tmp_path, "run.csv", f"{KEY},1,A1,4.2,620")
    fresh = lab.status(handle).phase
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 61))

    assert fresh is Phase.WAITING
    assert lab.status(handle).phase is Phase.ENDED


def test_a_file_whose_last_line_never_ends_is_said_and_may_be_allowed_meanwhile(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handle = begin(lab, KEY)
    path = drop(tmp_path, "run.csv", f"{KEY},1,A1,4.2,620")
    path.write_text(path.read_text().rstrip("\n"))
    status = lab.status(handle)

    assert (status.phase, status.wants[:54]) == (
        Phase.WAITING,
        "waits, since run.csv is cut off: its last line does no",
    )
    assert status.wants.endswith("let the instrument end it, or say final_newline: false where it never does")
    assert binding("instrument", {"folder": "hplc"}) == binding(
        "instrument", {"folder": "hplc", "final_newline": False}
    )
    assert laboratory(tmp_path, final_newline=False).status(handle).phase is Phase.ENDED


def test_a_file_of_an_instrument_whose_clock_is_ahead_counts_once_it_rests(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "hplc").mkdir()

    def look() -> Phase:
        """By an object of its own, as each pass has one."""
        options = InstrumentOptions(folder="hplc", settle=60.0)
        lab = Instrument(Jobs(tmp_path / "lab"), tmp_path / "hplc", options, None, clock)
        return lab.status(begin(lab, KEY)).phase

    look()
    path = drop(tmp_path, "run.csv", f"{KEY},1,A1,4.2,620")
    os.utime(path, (clock.now + 7200, clock.now + 7200))
    assert look() is Phase.WAITING
    clock.now += 61
    os.utime(path, (clock.now + 7200, clock.now + 7200))  # written to
    assert look() is Phase.WAITING
    clock.now += 61

    assert look() is Phase.ENDED


def test_a_file_on_a_share_whose_clock_is_behind_counts_once_it_rests_by_that_clock(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = time.time() + 3600
    (tmp_path / "hplc").mkdir()
    options = InstrumentOptions(folder="hplc", settle=60.0)
    lab = Instrument(Jobs(tmp_path / "lab"), tmp_path / "hplc", options, None, clock)
    handle = begin(lab, KEY)
    path = drop(tmp_path, "run.csv", f"{KEY},1,A1,4.2,620")
    assert lab.status(handle).phase is Phase.WAITING
    long_ago = time.time() - 61
    os.utime(path, (long_ago, long_ago))

    assert lab.status(handle).phase is Phase.ENDED


@pytest.mark.parametrize("row", [f"{OTHER},1,B2,4.2,620", ",2,A1,4.2,620", ",1,A2,4.2,620"])
def test_a_file_that_names_another_is_not_taken(tmp_path: Path, row: str) -> None:
    lab = laboratory(tmp_path)
    handle = begin(lab, KEY)
    drop(tmp_path, "run.csv", row)

    assert lab.status(handle).phase is Phase.WAITING


def test_a_damaged_file_waits_for_a_better_one(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handle = begin(lab, KEY)
    (tmp_path / "hplc" / "a.csv").write_bytes(b"\x00\x01\x02")
    damaged = lab.status(handle)
    (tmp_path / "hplc" / "a.csv").unlink()
    drop(tmp_path, "a2.csv", f"{KEY},1,A1,4.2,<LOQ")
    unread = lab.status(handle)
    drop(tmp_path, "b.csv", f"{KEY},1,A1,4.2,620")

    assert damaged.phase is Phase.WAITING
    assert damaged.wants.startswith("waits, and a.csv is no file that can be read")
    assert unread.wants == (
        "waits, and a2.csv: line 2: area must be a finite number, got '<LOQ'; export the number itself, or write n.a. "
        "where there is no peak"
    )
    assert lab.status(handle).phase is Phase.ENDED


def test_a_wrong_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdapterOptionsError, match=r"option 'folder' is missing; add it"):
        build("instrument", {}, AdapterContext(str(tmp_path), str(tmp_path), "coupling", {"yield": "%"}))
    with pytest.raises(AdapterOptionsError, match=r"unknown option 'setle' \(did you mean 'settle'\?\)"):
        laboratory(tmp_path, setle=1.0)
    lab = laboratory(tmp_path)
    (tmp_path / "hplc").rmdir()
    assert "is no folder; make it, or correct laboratory.folder" in lab.health().message
    for pattern in ("", "/hplc/*.csv", "*/REPORT01.CSV"):
        with pytest.raises(AdapterOptionsError, match="'file' must be: what files in the folder itself are called"):
            laboratory(tmp_path, file=pattern)
    (problem,) = laboratory(tmp_path, file="plate-{plate}.csv").validate(replace(EXPERIMENT, place={}))
    assert str(problem).startswith("experiment: the instrument's files are called plate-{plate}.csv, and it has no")


HALF = "plate,well,RT [min],Area\nP1,A1,6.80,1000\nP1,A1,4.21,62"  # the export goes on: 620


def test_a_file_whose_last_line_does_not_end_is_not_taken(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handle = begin(lab, KEY)
    path = tmp_path / "hplc" / "plate-1.csv"
    path.write_text(HALF)
    half = lab.status(handle).phase
    path.write_text(HALF + "0\n")

    assert half is Phase.WAITING
    assert lab.fetch(handle)[0].files[0].data.endswith(b"4.21,620\n")


def test_of_an_instrument_that_never_ends_its_last_line_a_file_counts_once_it_rests(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, final_newline=False)
    handle = begin(lab, KEY)
    (tmp_path / "hplc" / "plate-1.csv").write_text(HALF)

    assert '"final_newline": false' in lab.fetch(handle)[0].payload


def test_a_file_that_grew_after_it_was_taken_goes_out_beside_the_next_result(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    first, second = begin(lab, KEY), begin(lab, OTHER, "B2")
    path = drop(tmp_path, "plate-1.csv", ",1,A1,6.8,1000")
    (own,) = lab.fetch(first)
    told = path.stat()
    with path.open("a") as file:
        file.write(",1,A1,4.2,620\n")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))  # its size tells it, where the clock does not
    said = lab.health().message
    drop(tmp_path, "plate-1-b.csv", f"{OTHER},1,B2,4.2,5")

    envelopes = laboratory(tmp_path).fetch(second)

    assert "changed after they were taken, and going out with the next result: 1" in said
    assert [e.key for e in envelopes] == [OTHER, KEY]
    assert envelopes[1].files[0].data == path.read_bytes() != own.files[0].data
    assert laboratory(tmp_path).fetch(second) == envelopes
    assert laboratory(tmp_path).fetch(first) == (own,)
    assert "changed" not in lab.health().message


def test_a_further_file_of_what_was_measured_goes_out_beside_the_next_result(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    first, second = begin(lab, KEY), begin(lab, OTHER, "B2")
    path = drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620", ",1,A1,6.8,1000")
    (own,) = lab.fetch(first)
    drop(tmp_path, "plate-1 (1).csv", ",1,A1,4.2,620", ",1,A1,6.8,1000")  # a copy says nothing more
    again = drop(tmp_path, "plate-1-again.csv", ",1,A1,4.2,120", ",1,A1,6.8,1000")
    drop(tmp_path, "notes.csv", ",1,A1,4.2,7")  # not called as the files of its plate are
    drop(tmp_path, "plate-1-b.csv", f"{OTHER},1,B2,4.2,5")

    envelopes = laboratory(tmp_path, file="plate-{plate}*.csv").fetch(second)

    assert [e.key for e in envelopes] == [OTHER, KEY]
    assert envelopes[1].files[0].data == again.read_bytes() != path.read_bytes()
    assert laboratory(tmp_path, file="plate-{plate}*.csv").fetch(second) == envelopes
    assert laboratory(tmp_path, file="plate-{plate}*.csv").fetch(first) == (own,)


def test_a_file_of_a_well_that_is_measured_anew_is_of_the_later_attempt_alone(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    first = begin(lab, KEY)
    drop(tmp_path, "monday.csv", ",1,A1,4.2,620")
    assert lab.status(first).phase is Phase.ENDED
    second = begin(lab, OTHER)
    tuesday = drop(tmp_path, "tuesday.csv", ",1,A1,4.2,640")

    (envelope,) = lab.fetch(second)

    assert (envelope.key, envelope.files[0].data) == (OTHER, tuesday.read_bytes())


def test_wells_that_nobody_waits_for_are_named_while_one_of_the_plate_lacks_its_result(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    first, second = begin(lab, KEY), begin(lab, OTHER, "B2")
    drop(tmp_path, "plate-1.csv", ",1,A1,4.2,620", ",1,C7,4.2,100", ",2,C8,4.2,100")
    lab.status(first)

    wants = lab.status(second).wants
    drop(tmp_path, "plate-1-b.csv", ",1,B2,4.2,5")

    assert wants == (
        "waits, and plate-1.csv, which is of its plate, lacks its well and tells of C7, where the plate has no "
        "experiment; correct the file if that is a slip"
    )
    assert lab.status(second).phase is Phase.ENDED


def test_names_in_capitals_are_those_of_the_files_and_what_excel_puts_beside_a_file_is_none(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, file="plate-{plate}*.csv")
    handle = begin(lab, KEY)
    drop(tmp_path, "~$plate-1.csv", f"{OTHER},1,A1,4.2,0.5")

    waiting = lab.status(handle)
    drop(tmp_path, "PLATE-1.CSV", f"{KEY},1,A1,4.2,0.5")

    assert (waiting.phase, waiting.wants) == (Phase.WAITING, "")
    assert lab.status(handle).phase is Phase.ENDED


def test_a_file_that_a_program_keeps_open_holds_up_no_other(
    tmp_path: Path, kept_open: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = laboratory(tmp_path)
    first, second = begin(lab, KEY), begin(lab, OTHER, "A2")
    locked = drop(tmp_path, "a.csv", f"{KEY},1,A1,4.2,0.5")
    drop(tmp_path, "b.csv", f"{OTHER},1,A2,4.2,0.5")
    kept_open(locked)
    waiting, other, fetched = lab.status(first), lab.status(second), lab.fetch(second)
    monkeypatch.undo()

    assert waiting.phase is Phase.WAITING
    assert "a.csv cannot be read now (Permission denied); close it where it is open" in waiting.wants
    assert other.phase is Phase.ENDED
    assert len(fetched) == 1
    assert lab.status(first).phase is Phase.ENDED


def test_a_damaged_file_is_said_to_be_that_again_once_no_program_keeps_it_open(
    tmp_path: Path, kept_open: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = laboratory(tmp_path)
    handle = begin(lab, KEY)
    damaged = tmp_path / "hplc" / "a.csv"
    damaged.write_bytes(b"\x00\x01\x02 no table")
    before = lab.status(handle).wants

    kept_open(damaged)
    locked = lab.status(handle).wants
    monkeypatch.undo()

    assert "a.csv cannot be read now" in locked
    assert lab.status(handle).wants == before
