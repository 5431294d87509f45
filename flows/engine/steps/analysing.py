"""Analysing: raw files on record, read by the campaign's analysis, as outcomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol

from flows.engine.looking.view import View
from loop.analysis import Analysed, Analysis, Reading, analyse, is_cut_off, read_file
from loop.analysis.matching import belongs, names_an_attempt
from loop.analysis.method import REVISION
from loop.analysis.readings import day_of, is_called
from loop.errors import AnalysisError
from loop.raw import FileName, RawResult
from loop.record import AttemptRecord, Json
from loop.spec import build_analysis

PROGRAM: Final = "hakken analysis"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt's files, and what is recorded beside it: files by hash, analysis, numbers, doubts."""

    analysed: Analysed
    context: Json


class Files(Protocol):
    """Where files are read from by their SHA-256."""

    def get(self, sha: str) -> bytes: ...


class Analyst:
    """Reads raw results of one campaign. A file that goes with many attempts is read once."""

    def __init__(self, view: View, files: Files) -> None:
        self._view, self._files = view, files
        self._read: dict[tuple[str, str, str], tuple[Reading, ...]] = {}

    @cached_property
    def analysis(self) -> Analysis | None:
        return build_analysis(self._view.spec)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(a.key for a in self._view.attempts)

    def result(self, raw: RawResult, attempt: AttemptRecord, *, received: datetime) -> Result:
        """The outcome of an attempt from its files.

        Args:
            raw: What was handed over.
            attempt: Whose result it is.
            received: When; its day on this machine counts. A file that says when it was measured says it better.

        Raises:
            AnalysisError: A file cannot be read, has nothing of this attempt, or the campaign has no analysis.
            RawFileMissing: A file is not in the store of this machine.
            RawFileDamaged: A file was changed.
        """
        if self.analysis is None:
            raise AnalysisError(
                "the result is a file, and the campaign file had no analysis when it came; with one (analysis:) hakken "
                "reanalyse FILE --why REASON makes values of it"
            )
        files = [(f.name, self.readings(f, raw.plate)) for f in raw.files]
        is_mine = _mine(files, attempt, self.analysis, self._keys)
        said_day = max((day_of(_here(r.taken)) for _, readings in files for r in readings if is_mine(r)), default="")
        came = received.astimezone().isoformat()  # with the hour of this machine's zone
        at = _here(raw.measured) or said_day or came
        analysed = analyse(self.analysis, files, is_mine, at=at)
        said: dict[str, Any] = {
            "program": PROGRAM,
            "version": str(REVISION),
            "analysis": self.analysis.version,
            "files": [{"name": f.name, "sha256": f.sha} for f in raw.files],
            "detail": dict(analysed.detail),
        }
        if doubts := [*analysed.doubts, *self._cut_off(raw)]:
            said["doubts"] = doubts
        return Result(analysed, {**raw.context, "provenance": {**raw.provenance, **said}})

    def _cut_off(self, raw: RawResult) -> list[str]:
        """Files that may lack their end, unless whoever sent them says that their last line never ends."""
        if raw.provenance.get("final_newline") is False:
            return []
        rule = "its last line does not end, so the rest of a number may be missing; compare it with the instrument's"
        return [f"{f.name}: {rule}" for f in raw.files if is_cut_off(self._files.get(f.sha))]

    def readings(self, file: FileName, plate: str = "") -> tuple[Reading, ...]:
        """Everything that a stored file says; raises as ``result`` does."""
        place = (file.sha, file.name, plate)
        if place not in self._read:
            self._read[place] = on_plate(read_file(file.name, self._files.get(file.sha)), plate)
        return self._read[place]


def on_plate(readings: tuple[Reading, ...], plate: str) -> tuple[Reading, ...]:
    """Readings of a file of which somebody said which plate it is of; "" leaves them as they are.

    Raises:
        AnalysisError: The file itself says the number of another plate.
    """
    if not plate:
        return readings
    for r in readings:
        if r.label.plate and r.label.plate.isdigit() and r.label.plate != plate:
            raise AnalysisError(f"{r.where} is of plate {r.label.plate} and plate {plate} was said; give the right one")
    return tuple(replace(r, label=replace(r.label, plate=plate)) for r in readings)


def _here(stamp: str) -> str:
    """A time stamp in UTC by the clock of this machine's zone; one that says another zone, or none, as it is."""
    try:
        moment = datetime.fromisoformat(stamp.strip())
    except ValueError:
        return stamp
    return moment.astimezone().isoformat() if moment.utcoffset() == timedelta(0) else stamp


def _mine(
    files: list[tuple[str, tuple[Reading, ...]]], attempt: AttemptRecord, analysis: Analysis, keys: Collection[str]
) -> Callable[[Reading], bool]:
    """Which readings are of an attempt: those whose label names it, and the only one of a file that names nobody."""
    lonely = set()
    for _, readings in files:
        mine = [r for r in readings if not is_helper(r, analysis)]
        if len(mine) == 1 and not names_an_attempt(mine[0].label):
            lonely.add(id(mine[0]))
    return lambda r: id(r) in lonely or (not is_helper(r, analysis) and _belongs(r, attempt, keys))


def is_helper(reading: Reading, analysis: Analysis) -> bool:
    """Whether a reading is of a blank or a standard, and of no experiment."""
    return reading.label.well in analysis.helper_wells or is_called(reading.label.sample, analysis.helper_samples)


def _belongs(reading: Reading, attempt: AttemptRecord, keys: Collection[str]) -> bool:
    try:
        return belongs(reading.label, attempt, keys)
    except AnalysisError:
        return False


def said_analysis(context: Mapping[str, Any]) -> str:
    """The version of the analysis that a recorded result came from; "" for one that came from none."""
    provenance = context.get("provenance")
    return str(provenance.get("analysis", "")) if isinstance(provenance, Mapping) else ""
