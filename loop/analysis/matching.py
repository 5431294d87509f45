"""Matching: which attempt a reading belongs to. Told by key, sample or plate and well; never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias

from loop.analysis.readings import Label, plate_name, well_name
from loop.errors import AnalysisError
from loop.experiment import State
from loop.record import AttemptRecord

SHORTEST: Final = 8  # letters of a key that may stand for it
_NUMBERED: Final = re.compile(r"[Rr](?P<round>\d+)-(?P<number>\d+)(?:-(?P<replicate>\d+))?")
_PLACED: Final = re.compile(r"(?:plate|p)?\s*(?P<plate>\d+)[\s:_-]+(?P<well>[A-Za-z]{1,2}\d{1,2})", re.IGNORECASE)
_KEY: Final = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){0,3}(-?[0-9a-f]{0,12})")

Test: TypeAlias = Callable[[AttemptRecord], bool]


def belongs(label: Label, attempt: AttemptRecord, keys: Collection[str]) -> bool:
    """Whether everything on a label that can name an attempt names this one, and something does.

    ``keys`` are those of all attempts: letters with which several begin name none.
    """
    for said in (label.key, label.sample):
        is_cut = said is not None and said != attempt.key and attempt.key.startswith(said)
        if is_cut and sum(key.startswith(said or "") for key in keys) > 1:
            return False
    tests = _tests(label)
    return bool(tests) and all(test(attempt) for _, test in tests)


def names_an_attempt(label: Label) -> bool:
    """Whether a label says which attempt it is of, rightly or wrongly: more than a sample of any name."""
    is_id = label.sample is not None and _of_sample(label.sample, is_alone=False) is not None
    return bool(label.key or label.well or is_id)


class Attempts:
    """The attempts of a campaign, found by what a file calls them. Of several at one experiment the last counts."""

    def __init__(self, attempts: Iterable[AttemptRecord]) -> None:
        self._all = tuple(attempts)
        last: dict[tuple[str, int], AttemptRecord] = {}
        for a in sorted(self._all, key=lambda a: a.attempt_no):
            if a.state not in (State.CANCELLED, State.EXPIRED):
                last[a.proposal_id, a.replicate_no] = a
        self._last = tuple(last.values())

    def of(self, label: Label) -> AttemptRecord:
        """The one attempt that everything on the label names.

        Raises:
            AnalysisError: None is named, more than one, or two different ones.
        """
        found: dict[str, AttemptRecord] = {}
        for said, test in _tests(label):
            among = self._all if label.key else self._last
            named = [a for a in among if test(a)]
            if not named:
                raise AnalysisError(f"{said} names no attempt of the campaign")
            if len(named) > 1 and not label.key:
                keys = ", ".join(a.key for a in named[:3])
                raise AnalysisError(f"{said} names {len(named)} attempts ({keys}); give the key of one")
            if len(named) == 1:
                found[named[0].key] = named[0]
        if len(found) > 1:
            raise AnalysisError(f"{label} names two attempts, {' and '.join(sorted(found))}; mend the label")
        if not found:
            raise AnalysisError(f"it names {label}; give the whole key, a sample, or plate and well")
        return next(iter(found.values()))


def _tests(label: Label) -> list[tuple[str, Test]]:
    """What on a label can name an attempt. Beside a key or a place a sample may be any text, unless it is an id too."""
    tests: list[tuple[str, Test]] = []
    if (key := label.key) is not None:
        tests.append((f"key {key!r}", _has_key(key)))
    if label.plate and label.well:
        tests.append((f"plate {label.plate}, well {label.well}", _lies_in(label.plate, label.well)))
    elif label.well and not label.key and not label.sample:
        raise AnalysisError(f"well {label.well} is of no plate; name the plate in the file, or with --plate")
    if label.sample and (test := _of_sample(label.sample, is_alone=not tests)) is not None:
        tests.append((f"sample {label.sample!r}", test))
    return tests


def _has_key(key: str) -> Test:
    return lambda a: a.key == key or (len(key) >= SHORTEST and a.key.startswith(key))


def _lies_in(plate: str, well: str) -> Test:
    return lambda a: a.place is not None and str(a.place.plate) == plate and well_name(a.place.well) == well


def _of_sample(sample: str, *, is_alone: bool) -> Test | None:
    """A key, ``R3-7`` (round 3, proposal 7 as hakken show numbers it) or ``1-A1`` (plate and well)."""
    if match := _NUMBERED.fullmatch(sample):
        number = int(match["round"]), int(match["number"]) - 1
        replicate = None if match["replicate"] is None else int(match["replicate"]) - 1
        return lambda a: (a.round_number, a.run_order) == number and replicate in (None, a.replicate_no)
    if match := _PLACED.fullmatch(sample):
        return _lies_in(plate_name(match["plate"]), well_name(match["well"]))
    return _has_key(sample) if is_alone or _KEY.fullmatch(sample) else None
