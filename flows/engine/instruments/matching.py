"""Matching: files of instruments that a person brings, sorted by the attempts that they are of. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from flows.engine.steps.analysing import is_helper, on_plate
from loop.analysis import Analysis, Attempts, Reading, read_file
from loop.analysis.readings import day_of
from loop.errors import AnalysisError
from loop.raw import FileName, raw_payload, sha_of
from loop.record import AttemptRecord, EnvelopeDraft

INGEST: Final = "ingest:"  # begins the source of an envelope with files that a person brought
MOST_NAMED: Final = 5  # readings of one file that a message names
_NAMES: Final = "samples are called R3-7 (round, experiment), 1-A1 (plate, well) or by key; standards may stay"


@dataclass(frozen=True)
class Brought:
    """A file in a person's hands."""

    name: str
    data: bytes

    @cached_property
    def named(self) -> FileName:
        """Its name, hash and size; the hash is worked out once."""
        return FileName(self.name, sha_of(self.data), len(self.data))


class InHand:
    """Files in memory, read as the store of raw files is."""

    def __init__(self, files: Iterable[Brought]) -> None:
        self._data = {file.named.sha: file.data for file in files}

    def get(self, sha: str) -> bytes:
        return self._data[sha]


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is to be received: an envelope for each attempt, and one for each file of which something is nobody's."""

    drafts: tuple[EnvelopeDraft, ...]
    owners: Mapping[str, tuple[str | None, ...]]  # keys of the attempts that a file is of, by SHA-256; None: nobody's


def sort_files(
    files: Sequence[Brought], attempts: Sequence[AttemptRecord], analysis: Analysis, *, plate: str
) -> Sorted:
    """Each file to the attempts that its readings name; all files of one attempt go together.

    What names no attempt, or two, is given to nobody: an envelope says why, and keeps the file.
    """
    known = Attempts(attempts)
    mine: dict[str, dict[str, Brought]] = {}
    measured: dict[str, str] = {}
    problems: list[EnvelopeDraft] = []
    owners: dict[str, list[str | None]] = {}
    for file in files:
        why: dict[str, str] = {}
        found: dict[str, Reading] = {}
        try:
            readings = on_plate(read_file(file.name, file.data), plate)
            found, nobodys = _owners(readings, known, analysis)
            why = {"foreign": nobodys} if nobodys else {}
        except AnalysisError as error:
            why = {"problem": str(error)}
        for key, reading in found.items():
            mine.setdefault(key, {})[file.named.sha] = file
            owners.setdefault(file.named.sha, []).append(key)
            if day := day_of(reading.taken):
                when = reading.taken if reading.taken.startswith(day) else day
                measured[key] = max(measured.get(key, ""), when)
        if why:
            owners.setdefault(file.named.sha, []).append(None)
            payload = raw_payload([file.named], plate=plate, **why)
            problems.append(EnvelopeDraft(INGEST + file.name, None, payload))
    drafts = []
    for key, those in mine.items():
        named = sorted((file.named for file in those.values()), key=lambda f: (f.name, f.sha))
        payload = raw_payload(named, plate=plate, measured=measured.get(key, ""))
        drafts.append(EnvelopeDraft(INGEST + "+".join(f.name for f in named), key, payload))
    return Sorted((*drafts, *problems), {sha: tuple(dict.fromkeys(keys)) for sha, keys in owners.items()})


def _owners(readings: Sequence[Reading], known: Attempts, analysis: Analysis) -> tuple[dict[str, Reading], str]:
    """By attempt one of its readings, and why others are nobody's; blanks and standards are not asked."""
    found: dict[str, Reading] = {}
    nobody: list[str] = []
    nobodys: list[Reading] = []
    for reading in readings:
        if is_helper(reading, analysis):
            continue
        try:
            found[known.of(reading.label).key] = reading
        except AnalysisError as error:
            nobody.append(f"{reading.where}: {error}")
            nobodys.append(reading)
    if not nobody:
        return found, "" if found else "it holds blanks and standards only; give the file with the samples too"
    more = f"; and {len(nobody) - MOST_NAMED} more" if len(nobody) > MOST_NAMED else ""
    is_by_name = any(r.label.sample and not r.label.key and not r.label.well for r in nobodys)
    return found, "; ".join(nobody[:MOST_NAMED]) + more + (f" ({_NAMES})" if is_by_name else "")
