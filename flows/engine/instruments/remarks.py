"""Remarks on files that a person brings: wells of a plate that no file tells of, and lines that count elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from flows.engine.instruments.matching import Brought
from flows.engine.looking.view import View
from flows.engine.steps.analysing import on_plate
from loop.analysis import Attempts, Reading, read_file
from loop.errors import AnalysisError
from loop.experiment import State
from loop.record import AttemptRecord, ObservationRecord
from loop.wording import plural

NAMED: Final = 12  # wells that are named one by one


def remarks(
    view: View, files: Sequence[Brought], owners: Mapping[str, tuple[str | None, ...]], *, plate: str
) -> tuple[str, ...]:
    """What to say of files beside what became of each of their attempts.

    Args:
        view: The campaign.
        files: What was brought.
        owners: Keys of the attempts that each file is of, by SHA-256.
        plate: The number of the plate that they are of, where they do not say it.
    """
    told = {key for keys in owners.values() for key in keys if key is not None}
    return (*_untold(view.attempts, told), *_elsewhere(view, [f for f in files if f.named.sha in owners], plate))


def _untold(attempts: Iterable[AttemptRecord], told: set[str]) -> Iterator[str]:
    """Wells that still wait, of plates of which the files tell at least the half."""
    wells: dict[int, int] = defaultdict(int)
    waiting: dict[int, list[str]] = defaultdict(list)
    for attempt in attempts:
        if attempt.place is None:
            continue
        if attempt.key in told:
            wells[attempt.place.plate] += 1
        elif attempt.state in (State.SUBMITTED, State.RUNNING):
            waiting[attempt.place.plate].append(attempt.place.well)
    for number, n_told in wells.items():
        if waiting[number] and n_told >= len(waiting[number]):
            missing = sorted(waiting[number], key=lambda well: (well.rstrip("0123456789"), len(well), well))
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            those = f"well{'s' * (len(missing) > 1)} {', '.join(missing[:NAMED])}{more}"
            yield f"plate {number}: nothing is told of {those}, which still wait{'s' * (len(missing) == 1)}"


def _elsewhere(view: View, files: Sequence[Brought], plate: str) -> Iterator[str]:
    """Files with lines that gave results of another campaign already, by the same plates, wells or samples."""
    by_sha = {file.named.sha: file for file in files}
    mine = Attempts(view.attempts)
    for other in (c.name for c in view.ledger.campaigns() if c.name != view.name):
        if not any(artifact.sha in by_sha for artifact in view.ledger.artifacts(other)):
            continue
        given: dict[str, set[str | None]] = defaultdict(set)  # attempts whose result that counts is of the file
        for result in view.ledger.observations(other):
            for sha in by_sha.keys() & _files_of(result):
                given[sha].add(result.key)
        theirs = Attempts(view.ledger.attempts(other))
        for sha, keys in given.items():
            file = by_sha[sha]
            readings = on_plate(read_file(file.name, file.data), plate)
            both = {_of(theirs, r) for r in readings if _of(mine, r) is not None} & keys
            if both:
                yield (
                    f"{file.name} gave results of {plural(len(both), 'experiment')} of campaign {other!r} already, by "
                    "the same lines; where it is of one of the two, hakken retract lets the other's count no more"
                )


def _files_of(result: ObservationRecord) -> set[str]:
    """The files that a result was worked out of, by SHA-256."""
    provenance = result.context.get("provenance")
    files = provenance.get("files", ()) if isinstance(provenance, Mapping) else ()
    return {str(file["sha256"]) for file in files if isinstance(file, Mapping) and "sha256" in file}


def _of(known: Attempts, reading: Reading) -> str | None:
    try:
        return known.of(reading.label).key
    except AnalysisError:
        return None
