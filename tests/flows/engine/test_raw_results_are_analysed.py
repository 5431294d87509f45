"""Raw results: a laboratory hands over files; they are kept by their hash and read by the campaign's analysis."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest

from db import clocks
from db.ledger import open_ledger
from flows.engine import reanalyse, run
from flows.raw.store import RawFileDamaged, RawFileMissing, RawStore
from flows.settings import Settings
from flows.wiring import raw_files
from loop.contracts import AttemptKey, Envelope, Handle, RawFile
from loop.outcome import Fault, FaultKind, Measured, Negative
from loop.raw import raw_envelope, sha_of
from loop.record import Verdict
from tests.flows.engine.bench import ANALYSIS, FakeLaboratory, add, cheap_planner, once


class Chromatograph(FakeLaboratory):
    """Hands over one file for all that was started, with a row for each attempt's peak."""

    def __init__(self) -> None:
        super().__init__()
        self.areas = [620.0, 0.0, 1500.0, 410.0]

    measured = ""  # the day that the file says
    letters = 99  # of a key that the file has room for

    def table(self) -> bytes:
        lines = [*([f"Acquired: {self.measured}"] if self.measured else []), "key,RT,Area"]
        for key, area in zip(self.jobs, self.areas * 3, strict=False):
            named = key[: self.letters]
            lines += [f"{named},4.2,{area}", f"{named},6.8,1000"]
        return "\n".join(lines).encode()

    def fetch(self, handle: Handle) -> list[Envelope]:
        return [raw_envelope(AttemptKey(handle), [RawFile("run.csv", self.table())], context={"instrument": "HPLC-2"})]


@pytest.fixture
def chromatograph(monkeypatch: pytest.MonkeyPatch) -> Chromatograph:
    from flows.engine import session

    fake = Chromatograph()
    monkeypatch.setattr(session, "open_laboratory", lambda *_args, **_keywords: fake)
    return fake


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Moves this process to another zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("measured", "has_doubt"), [("", True), ("30.11.2020 09:00", False), ("2.12.2020", True)])
def test_a_file_tells_whether_its_calibration_had_expired(
    settings: Settings, tmp_path: Path, chromatograph: Chromatograph, measured: str, has_doubt: bool
) -> None:
    chromatograph.measured = measured
    calibration = {**ANALYSIS["yield"]["calibration"], "expires": "2020-12-01"}
    add(settings, tmp_path, analysis={"yield": {**ANALYSIS["yield"], "calibration": calibration}})

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02, max_seconds=0)
    once(settings)

    with open_ledger(settings.database) as ledger:
        found = next(o for o in ledger.observations("small") if isinstance(o.outcome, Measured))
    doubts = found.context["provenance"].get("doubts", [])
    assert any("the calibration expired on 2020-12-01" in doubt for doubt in doubts) == has_doubt


@pytest.mark.parametrize(
    ("zone", "measured", "has_doubt"),
    [
        ("America/New_York", "2020-12-02T02:00:00Z", False),  # it is still the first there
        ("Pacific/Kiritimati", "2020-12-01T12:00:00Z", True),  # it is the second there
        ("Pacific/Kiritimati", "2020-12-01T12:00:00-05:00", False),  # by the clock of the instrument
    ],
)
def test_a_stamp_in_utc_is_of_the_day_that_it_is_where_the_laboratory_is(
    settings: Settings,
    tmp_path: Path,
    chromatograph: Chromatograph,
    in_zone: Callable[[str], None],
    zone: str,
    measured: str,
    has_doubt: bool,
) -> None:
    in_zone(zone)
    chromatograph.measured = measured
    calibration = {**ANALYSIS["yield"]["calibration"], "expires": "2020-12-01"}
    add(settings, tmp_path, analysis={"yield": {**ANALYSIS["yield"], "calibration": calibration}})

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02, max_seconds=0)
    once(settings)

    with open_ledger(settings.database) as ledger:
        found = next(o for o in ledger.observations("small") if isinstance(o.outcome, Measured))
    doubts = found.context["provenance"].get("doubts", [])
    assert any("the calibration expired on 2020-12-01" in doubt for doubt in doubts) == has_doubt


@pytest.mark.usefixtures("chromatograph")
@pytest.mark.parametrize(
    ("zone", "received", "has_doubt"),
    [
        ("America/New_York", datetime(2020, 12, 2, 2, 0, tzinfo=UTC), False),  # it is still the first there
        ("Pacific/Kiritimati", datetime(2020, 12, 1, 12, 0, tzinfo=UTC), True),  # it is the second there
    ],
)
def test_a_calibration_holds_to_the_end_of_its_last_day_where_the_laboratory_is(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_zone: Callable[[str], None],
    zone: str,
    received: datetime,
    has_doubt: bool,
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(received.timestamp(), tz)

    in_zone(zone)
    calibration = {**ANALYSIS["yield"]["calibration"], "expires": "2020-12-01"}
    add(settings, tmp_path, analysis={"yield": {**ANALYSIS["yield"], "calibration": calibration}})
    monkeypatch.setattr(clocks, "datetime", Clock)

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02, max_seconds=0)
    once(settings)

    with open_ledger(settings.database) as ledger:
        found = next(o for o in ledger.observations("small") if isinstance(o.outcome, Measured))
    doubts = found.context["provenance"].get("doubts", [])
    assert any("the calibration expired on 2020-12-01" in doubt for doubt in doubts) == has_doubt


def test_keys_that_were_cut_off_and_are_of_several_give_no_result(
    settings: Settings, tmp_path: Path, chromatograph: Chromatograph
) -> None:
    chromatograph.letters = 8  # which tell the minute in which a key was made
    chromatograph.areas = [610.0, 0.0, 150.0, 410.0]
    method = {**ANALYSIS["yield"], "peak": {"at": 4.2, "within": 0.1, "several": "sum"}}
    method["standard"] = {"at": 6.8, "within": 0.1, "several": "sum"}
    add(settings, tmp_path, analysis={"yield": method})

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02, max_seconds=0)
    once(settings)

    with open_ledger(settings.database) as ledger:
        outcomes = [o.outcome for o in ledger.observations("small") if o.round_number == 1]
    assert {type(o) for o in outcomes} == {Fault}
    assert "has none of this experiment" in str(outcomes[0])


@pytest.mark.usefixtures("chromatograph")
def test_files_become_outcomes_with_their_analysis_on_record(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, analysis=ANALYSIS)

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02, max_seconds=0)
    once(settings)

    with open_ledger(settings.database) as ledger:
        seen = [o for o in ledger.observations("small") if o.round_number == 1]
        artifacts = ledger.artifacts("small")
        assert ledger.verify_audit().is_intact
    outcomes = [o.outcome for o in seen]
    assert {type(o) for o in outcomes} == {Measured, Negative, Fault}
    values = sorted(o.measurements[0].value for o in outcomes if isinstance(o, Measured | Negative))
    assert values == pytest.approx([1, 41, 62])
    failed = next(o for o in outcomes if isinstance(o, Fault))
    assert failed.kind is FaultKind.ANALYSIS_FAILED
    assert "150 % is outside the calibrated range" in failed.message
    said = seen[0].context["provenance"]
    (file,) = said["files"]
    assert (said["program"], len(said["analysis"]), file["name"]) == ("hakken analysis", 12, "run.csv")
    assert seen[0].context["instrument"] == "HPLC-2"
    assert b"RT,Area" in raw_files(settings).get(file["sha256"])
    assert {(a.sha, a.media_type) for a in artifacts if a.key == seen[0].key} == {(file["sha256"], "text/csv")}


def test_without_an_analysis_the_file_is_kept_and_the_attempt_ends_as_a_fault(
    settings: Settings, tmp_path: Path, chromatograph: Chromatograph
) -> None:
    add(settings, tmp_path)
    once(settings)
    sent = chromatograph.table()

    once(settings)

    with open_ledger(settings.database) as ledger:
        envelopes = ledger.envelopes("small")
        ended = [o.outcome for o in ledger.observations("small")]
    raw = [e for e in envelopes if e.source == "simulated"]
    assert {e.verdict for e in raw} == {Verdict.MALFORMED}
    assert "with one (analysis:) hakken reanalyse FILE --why REASON makes values of it" in raw[0].message
    assert {o.kind for o in ended if isinstance(o, Fault)} == {FaultKind.ANALYSIS_FAILED}
    assert raw_files(settings).get(sha_of(sent)) == sent


def test_what_waited_for_an_analysis_is_taken_in_by_reanalysing(
    settings: Settings, tmp_path: Path, chromatograph: Chromatograph
) -> None:
    chromatograph.abilities = replace(chromatograph.abilities, needs_person=True)  # what cannot be read waits
    add(settings, tmp_path)
    once(settings)
    waiting = once(settings)
    add(settings, tmp_path, analysis=ANALYSIS)
    still = once(settings)
    seen = reanalyse(settings, "small", by="ada", why="", dry_run=True)
    report = reanalyse(settings, "small", by="ada", why="there was no analysis")
    again = reanalyse(settings, "small", by="ada", why="once more")
    after = once(settings)

    with open_ledger(settings.database) as ledger:
        ended = [o for o in ledger.observations("small") if o.source == "reanalyse:ada"]
    assert waiting.experiments_done == still.experiments_done == 0
    assert any(
        "wait: the result is a file, and the campaign file had no analysis when it came" in note
        for note in waiting.notes
    )
    made = {o.key: o.outcome for o in ended}
    assert {r.key: r.after for r in seen.rows} == {r.key: r.after for r in report.rows} == made
    assert {r.before for r in report.rows} == {r.superseded for r in report.rows} == {None}
    values = [o.measurements[0].value for o in made.values() if isinstance(o, Measured | Negative)]
    assert sorted(values) == pytest.approx([1, 41, 62])
    assert [o.kind for o in made.values() if isinstance(o, Fault)] == [FaultKind.ANALYSIS_FAILED]
    assert (len(again.rows), again.alike, after.experiments_done) == (0, 4, 4)


@pytest.mark.usefixtures("chromatograph")
def test_a_file_that_is_not_on_this_machine_is_waited_for(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path, analysis=ANALYSIS)
    once(settings)
    with monkeypatch.context() as patch:
        patch.setattr(RawStore, "put", lambda _self, data: sha_of(data))
        waiting = once(settings)
    with open_ledger(settings.database) as ledger:
        assert ledger.observations("small") == ()

    healed = once(settings)

    assert any("waits: the raw file" in note and "copy" in note for note in waiting.notes)
    assert healed.experiments_done == 4


@pytest.mark.usefixtures("chromatograph")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_cannot_be_read_now_is_no_malformed_result_and_is_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    add(settings, tmp_path, analysis=ANALYSIS)
    once(settings)

    def fail(store: RawStore, sha: str) -> bytes:
        raise OSError(number, os.strerror(number), str(store.place(sha)))

    with monkeypatch.context() as patch:
        patch.setattr(RawStore, "get", fail)
        waiting = once(settings)
    with open_ledger(settings.database) as ledger:
        assert ledger.observations("small") == ()
        assert {e.verdict for e in ledger.envelopes("small") if e.source == "simulated"} == {None}

    healed = once(settings)

    (note, *_) = [note for note in waiting.notes if "waits" in note]
    assert f"cannot be read ({os.strerror(number)}); see to it, it is tried again each time" in note
    assert str(raw_files(settings).folder) in note
    assert healed.experiments_done == 4


def test_a_stored_file_is_whole_and_what_its_name_says(tmp_path: Path) -> None:
    store = RawStore(tmp_path / "raw")

    sha = store.put(b"peaks")

    assert store.put(b"peaks") == sha == sha_of(b"peaks")
    assert [p.name for p in (tmp_path / "raw" / sha[:2]).iterdir()] == [sha]
    with pytest.raises(RawFileMissing, match=r"the raw file 0000.* copy 00/0000"):
        store.get("0" * 64)
    store.place(sha).write_bytes(b"peas")
    for look in (lambda: store.get(sha), lambda: store.put(b"peaks")):
        with pytest.raises(RawFileDamaged, match="restore it from a backup"):
            look()
