"""Rows that say more of results on record: a file told again with a column more, or what export wrote filled in.

Such a row is no further experiment: it names the result that it repeats or completes, and takes its place (see
``flows.engine.steps.completing``). Which result that is, is settled before the row goes on record, by the cells as they
were typed, so that whoever judges it later finds the same.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from flows.engine.people.rows import OBSERVATION, PLAIN, TELL, is_exported, is_told
from loop.cells import split_header
from loop.contracts import Ledger
from loop.outcome import Measured
from loop.record import EnvelopeRecord, ObservationRecord

Row: TypeAlias = tuple[int, Sequence[str]]  # the number of its line, and its cells
Typed: TypeAlias = Mapping[str, str]  # the cells of a row, by header
Rows: TypeAlias = dict[int, Typed]  # by the number of their line


class OnRecord:
    """What is on record of a campaign, as far as rows that are told may say more of it; read when it is asked for."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name
        self.targets: Collection[str] = ledger.campaign(name).spec["objective"]

    @cached_property
    def _observations(self) -> dict[str, ObservationRecord]:
        return {o.id: o for o in self._ledger.observations(self._name, with_retracted=True)}

    def own(self, cells: Typed) -> ObservationRecord | None:
        """The campaign's result that a row of an exported table is of; None where it is another campaign's."""
        return self._observations.get(cells.get(OBSERVATION, ""))

    def is_fuller(self, cells: Typed, known: ObservationRecord) -> bool:
        """Whether an exported row has a value for a target of which the result on record has none."""
        if not isinstance(known.outcome, Measured) or known.retracted is not None:
            return False
        has = {m.property for m in known.outcome.measurements}
        return any(cells.get(f"results.{t}.value") or _given(cells, t) for t in self.targets if t not in has)

    def completed_by(self, file: str, header: Sequence[str], rows: Sequence[Row]) -> dict[int, ObservationRecord]:
        """By line, the result on record that a row says more of, or repeats under a header with further columns."""
        if is_exported(header):
            own = ((line, self.own(dict(zip(header, cells, strict=False)))) for line, cells in rows)
            return {line: known for line, known in own if known is not None}
        told = {o.id: self._lacks_some(o) for o in self._observations.values() if o.key is None and o.retracted is None}
        if not told:
            return {}
        mine = {
            e.id: cells
            for e in self._ledger.envelopes(self._name)
            if e.id in told and is_told(e.source) and _file_of(e) == f"{TELL}{file}" and (cells := _cells_of(e))
        }
        now: Rows = {line: dict(zip(header, cells, strict=True)) for line, cells in rows if len(cells) == len(header)}
        found = _said_again(now, mine) | _said_with_more(now, mine, told, self.targets)
        return {line: self._observations[known] for line, known in found.items()}

    def _lacks_some(self, o: ObservationRecord) -> bool:
        """Whether a result has no value for some target, so that one may still come."""
        return isinstance(o.outcome, Measured) and bool({*self.targets} - {m.property for m in o.outcome.measurements})


def _said_again(now: Rows, mine: dict[str, Typed]) -> dict[int, str]:
    """By line, the result that a row repeats under a header with further columns. What the file still has, to the
    letter or so, is taken out of both."""
    alike: dict[frozenset[tuple[str, str]], list[str]] = defaultdict(list)
    for known, cells in mine.items():
        alike[_signed(cells)].append(known)
    found: dict[int, str] = {}
    for line, cells in [*now.items()]:
        if left := alike.get(_signed(cells)):
            known = left.pop(0)
            if mine.pop(known).keys() != cells.keys():
                found[line] = known
            del now[line]
    return found


def _said_with_more(
    now: Rows, mine: Mapping[str, Typed], open_: Mapping[str, bool], targets: Collection[str]
) -> dict[int, str]:
    """By line, which of the results that lack a target a row says more of: all that was typed of it, and more targets.
    Each result is completed by one row only."""
    alike: dict[frozenset[tuple[str, str]], list[str]] = defaultdict(list)
    for known, cells in mine.items():
        if open_[known]:
            alike[_tried(cells, targets)].append(known)
    found: dict[int, str] = {}
    for line, cells in now.items() if alike else ():
        left = alike.get(_tried(cells, targets), [])
        for known in left:
            more = _measured(cells, targets) - _measured(mine[known], targets)
            if more and _signed(mine[known]) <= _signed(cells):
                found[line] = known
                left.remove(known)
                break
    return found


def _given(cells: Typed, target: str) -> bool:
    return any(text and split_header(head)[0] == target for head, text in cells.items())


def _signed(cells: Typed) -> frozenset[tuple[str, str]]:
    """What was typed, under whatever further headers."""
    return frozenset((head, cell) for head, cell in cells.items() if cell)


def _tried(cells: Typed, targets: Collection[str]) -> frozenset[tuple[str, str]]:
    """What a row says of settings: neither what came out, nor what only stands beside it."""
    results = {f"{t}{between}{part}" for t in targets for part in ("sd", "n", "qualifier") for between in "_ "}
    told = {*targets, *results, *PLAIN}
    return frozenset((head, cell) for head, cell in _signed(cells) if split_header(head)[0] not in told)


def _measured(cells: Typed, targets: Collection[str]) -> set[str]:
    return {name for head, cell in cells.items() if cell and (name := split_header(head)[0]) in targets}


def _file_of(envelope: EnvelopeRecord) -> str:
    return envelope.source.rpartition(":")[0].partition("/")[0]


def _cells_of(envelope: EnvelopeRecord) -> Typed:
    """The cells of a told row; {} of an exported one, which is known by its id."""
    cells = json.loads(envelope.payload).get("cells")
    return cells if isinstance(cells, dict) and not is_exported(cells) else {}
