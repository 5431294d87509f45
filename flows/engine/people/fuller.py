"""Rows that say more of results on record: a file told again with a column more, or what export wrote filled in.

Such a row is no further experiment: it names the result that it repeats or completes, and takes its place (see
``flows.engine.steps.completing``). Which result that is, is settled before the row goes on record, by the cells as they
were typed, so that whoever judges it later finds the same.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from flows.engine.people.rows import (
    FAULT,
    OBSERVATION,
    PLAIN,
    TAKEN,
    TELL,
    exported_id,
    is_exported,
    is_told,
    lasting,
    read_told,
    signed,
    text_of,
    typed_in,
)
from flows.engine.steps.completing import completions_of, last_of, parts_of
from flows.engine.steps.identifying import identified
from flows.engine.steps.payloads import meant
from loop.circumstances import COMPLETES, EFFECTS, PLACE, is_as_planned, read_context
from loop.contracts import Ledger
from loop.errors import HakkenError
from loop.outcome import Fault, Measured, Qualifier, read_outcome
from loop.record import EnvelopeDraft, EnvelopeRecord, ObservationRecord, Verdict
from loop.sheets.cells import finite, split_header
from loop.spec import CampaignSpec, build_space, declared_of, levels_of, words_of

Row: TypeAlias = tuple[int, Sequence[str]]  # the number of its line, and its cells
Typed: TypeAlias = Mapping[str, str]  # the cells of a row, by header
_BEFORE: Final = f"context.{COMPLETES}"  # of an exported row: the id of the result that it completes
Rows: TypeAlias = Mapping[int, Typed]  # by the number of their line


@dataclass(frozen=True, slots=True)
class Known:
    """By line, the result that counts of which a row is; and the rows, as texts, that were told of these results
    before, where the file has others in their place."""

    of: Mapping[int, ObservationRecord] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Told:
    """A told result that counts, and what one file had of it: now, and before it was completed, the last first."""

    of: ObservationRecord
    typed: Sequence[Typed]
    is_of_file: bool  # what it says now comes from the file, too


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by what their columns are called, without units."""
    names = (split_header(head)[0].removeprefix("context ") for head in header)
    return dict(zip(names, map(str.strip, cells), strict=False))


class OnRecord:
    """What is on record of a campaign, as far as rows that are told may say more of it; read when it is asked for."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name
        self._spec = ledger.campaign(name).spec
        self.targets: Collection[str] = self._spec["objective"]
        self._declared = [name for name, p in self._spec["space"].items() if p["type"] == "context"]

    @cached_property
    def _observations(self) -> dict[str, ObservationRecord]:
        return {o.id: o for o in self._ledger.observations(self._name, with_retracted=True)}

    @cached_property
    def _after(self) -> Mapping[str, str]:
        return completions_of(self._observations.values())

    @cached_property
    def _rows(self) -> dict[str, EnvelopeRecord]:
        """Every told row on record, by its id."""
        return {e.id: e for e in self._ledger.envelopes(self._name) if is_told(e.source)}

    @cached_property
    def _refused(self) -> frozenset[str]:
        """Rows, as texts, that contradicted a result when they were told."""
        refused = (e for e in self._rows.values() if e.verdict is Verdict.CONTRADICTORY)
        return frozenset(text_of(json.loads(e.payload).get("cells")) for e in refused)

    @cached_property
    def _by_key(self) -> Mapping[str, ObservationRecord]:
        """The result that counts of each attempt."""
        return {o.key: o for o in self._observations.values() if o.key is not None and o.retracted is None}

    def keys_before(self, file: str, header: Sequence[str], rows: Sequence[Row]) -> dict[int, str]:
        """By line, the key of the result that counts as which a row without one was told before, when the file was
        matched with what waits."""
        if is_exported(header):
            return {}
        before: dict[str, list[str]] = defaultdict(list)
        for e in self._rows.values():
            if e.key in self._by_key and e.verdict is Verdict.ACCEPTED and _file_of(e) == f"{TELL}{file}":
                before[_without_key(_cells_of(e))].append(e.key or "")
        found = {}
        for line, cells in rows if before else ():
            typed = dict(zip(header, cells, strict=False))
            if len(cells) == len(header) and not typed.get("key") and (keys := before.get(_without_key(typed))):
                found[line] = keys.pop(0)
        return found

    def lacks_beside(self, header: Sequence[str], cells: Sequence[str]) -> bool:
        """Whether a row without a result names an experiment that has one, and says something to stand beside it, such
        as a lot, that was not recorded with it, or otherwise."""
        row = _named(header, cells)
        known = self._by_key.get(row.get("key", ""))
        if known is None or isinstance(known.outcome, Fault):
            return False
        there = {name: str(said) for name, said in known.context.items()}
        # of a worksheet the planned well says nothing of where it was made
        names = [n for n in (*EFFECTS, *self._declared) if n not in PLACE or n not in there]
        return any(row.get(name) and row[name] != there.get(name) for name in names)

    def has_result(self, header: Sequence[str], cells: Sequence[str]) -> bool:
        """Whether a row names an experiment of which a result is on record."""
        return _named(header, cells).get("key", "") in self._by_key

    def unknown_of(self, header: Sequence[str], cells: Sequence[str], targets: Sequence[str]) -> list[str]:
        """Those of ``targets`` of which the experiment that a row names by its key has no value on record either."""
        known = self._by_key.get(_named(header, cells).get("key", "")) if targets else None
        measured = (
            {m.property for m in known.outcome.measurements} if known and isinstance(known.outcome, Measured) else ()
        )
        return [target for target in targets if target not in measured]

    def own(self, cells: Typed) -> ObservationRecord | None:
        """The campaign's result that a row of an exported table is of, as it stands now; None where it is another
        campaign's."""
        known = self._observations.get(cells.get(OBSERVATION, ""))
        if known is None or known.retracted is None:
            return known
        last = self._observations[last_of(known.id, self._after)]
        return last if last.retracted is None else self._by_key.get(last.key or "", last)

    def is_fuller(self, cells: Typed, known: ObservationRecord) -> bool:
        """Whether an exported row has a value for a target of which the result on record has none, or contradicted one
        that was retracted since."""
        if known.retracted is not None:
            return text_of(lasting(cells)) in self._refused
        if not isinstance(known.outcome, Measured):
            return False
        has = {m.property for m in known.outcome.measurements}
        return any(cells.get(f"results.{t}.value") or _given(cells, t) for t in self.targets if t not in has)

    def is_changed(self, cells: Typed) -> bool:
        """Whether a cell of an exported row of the campaign's own result says something else than that result, as it
        was exported or as it stands now. An empty one says nothing, and digits that spreadsheets round off are no
        change.
        """
        from db.exchange import cells_of  # SQLAlchemy: only where a row of an export is looked at

        said = {head: cell for head, cell in cells.items() if cell and _is_of_a_result(head)}
        standing = (cells_of(o, self._spec) for o in (self._observations[cells[OBSERVATION]], self.own(cells)) if o)
        return not any(all(_is_same(cell, there.get(head)) for head, cell in said.items()) for there in standing)

    def is_as_told(self, draft: EnvelopeDraft, of: ObservationRecord) -> bool:
        """Whether a row is to the letter what was told of a result before."""
        rows = (self._rows[part.id] for part in parts_of(of, self._observations) if part.id in self._rows)
        return any(typed_in(e.payload) == typed_in(draft.payload) for e in rows)

    def of_rows(self, file: str, header: Sequence[str], rows: Sequence[Row], every: Sequence[Row]) -> Known:
        """Which results on record ``rows`` say more of, or repeat; they are the lines of ``every`` that are told."""
        if is_exported(header):
            return Known(self._of_exported(header, rows, every))
        return self.of_typed(
            file, {line: dict(zip(header, cells, strict=True)) for line, cells in rows if len(cells) == len(header)}
        )

    def of_typed(self, file: str, now: Rows) -> Known:
        """The same of rows with cells by header, which need not all have one."""
        told = self._told_from(file)
        if not told:
            return Known()
        found = _matched(now, told, self.targets)
        before: Counter[str] = Counter()
        for line, one in found.items():
            texts = Counter(map(text_of, one.typed))
            before += texts - Counter([text_of(now[line])])
        return Known({line: one.of for line, one in found.items()}, before)

    def as_read(self, file: str, known: Known, payloads: Mapping[int, str]) -> Known:
        """What is ``known``, and which results are those of further rows of the file, by line, as they are read.

        A row is of a result that the file had and has no more where the two differ in how they are written alone, as
        under a header that got its unit, or in what stands beside the one and not the other.
        """
        taken = {o.id for o in known.of.values()}
        told = self._told_from(file) if payloads else []
        gone = [one.of for one in told if one.is_of_file and one.of.id not in taken]
        if not gone:
            return known
        spec = CampaignSpec.from_record(self._spec)
        space, units = build_space(spec), {name: target.unit for name, target in spec.objective.items()}
        declared, found = declared_of(spec), dict(known.of)
        for line, payload in payloads.items():
            try:
                row = read_told(payload, spec, space)
                outcome = meant(read_outcome(row.payload, units, levels_of(spec), words_of(spec)))
                settings = identified(space, row.settings).settings
            except HakkenError:  # what is wrong with it is said where it is judged
                continue
            beside, _ = read_context(row.payload.get("context", {}), declared)
            for o in gone:
                mine, _ = read_context(o.context, declared)
                labels = mine.keys() & beside.keys() & {*EFFECTS, *declared}  # a comment may be written anew
                differs = any(mine[name] != beside[name] for name in labels)
                if not differs and space.with_earlier(o.settings) == settings and meant(o.outcome) == outcome:
                    found[line] = o
                    gone.remove(o)
                    break
        return Known(found, known.before)

    def _of_exported(
        self, header: Sequence[str], rows: Sequence[Row], every: Sequence[Row]
    ) -> dict[int, ObservationRecord]:
        """By line, the campaign's own result, or the one that was told of what another campaign completed since."""
        named = {line: dict(zip(header, cells, strict=False)) for line, cells in every}
        before = {c[OBSERVATION]: said for c in named.values() if OBSERVATION in c and (said := c.get(_BEFORE, ""))}
        told = self._told_of_others() if before else {}
        found = {}
        for line, _ in rows:
            known, of = self.own(named[line]), named[line].get(OBSERVATION, "")
            while known is None and of in before:
                of = before.pop(of)
                known = told.get(of)
            if known is not None:
                found[line] = known
        return found

    def _told_of_others(self) -> dict[str, ObservationRecord]:
        """By its id in the record that it comes from, the result that counts here."""
        standing = (o for o in self._observations.values() if o.key is None and o.retracted is None)
        parts = ((part, o) for o in standing for part in parts_of(o, self._observations) if part.id in self._rows)
        return {of: o for part, o in parts if (of := exported_id(self._rows[part.id]))}

    def _told_from(self, file: str) -> list[_Told]:
        """The told results that count and of which the file had rows."""
        standing = [o for o in self._observations.values() if o.key is None and o.retracted is None]
        if not standing:
            return []
        typed = {e.id: cells for e in self._rows.values() if _file_of(e) == f"{TELL}{file}" and (cells := _cells_of(e))}
        told = []
        for o in standing:
            if mine := [typed[part.id] for part in parts_of(o, self._observations) if part.id in typed]:
                told.append(_Told(o, mine, o.id in typed))
        return told


def _matched(now: Rows, told: Sequence[_Told], targets: Collection[str]) -> dict[int, _Told]:
    """By line, the result that it is of: one row for each, and one result for each row.

    First what the file still has, to the letter or under further headers; then what it had before a result was
    completed; then what says all that was typed, and more targets.
    """
    found: dict[int, _Told] = {}
    taken: set[str] = set()

    def take(
        of: Callable[[_Told], Sequence[Typed]],
        name: Callable[[Typed], frozenset[tuple[str, str]]],
        fits: Callable[[_Told, Typed, Typed], bool],
    ) -> None:
        alike: dict[frozenset[tuple[str, str]], list[tuple[_Told, Typed]]] = defaultdict(list)
        for one in told:
            if one.of.id not in taken:
                for typed in of(one):
                    alike[name(typed)].append((one, typed))
        for line, cells in now.items() if alike else ():
            if line in found:
                continue
            for one, typed in alike.get(name(cells), ()):
                if one.of.id not in taken and fits(one, typed, cells):
                    found[line] = one
                    taken.add(one.of.id)
                    break

    take(lambda one: one.typed[:1], signed, lambda *_: True)
    take(lambda one: one.typed[1:], signed, lambda *_: True)
    take(
        lambda one: one.typed[:1] if _lacks_some(one.of, targets) or not one.is_of_file else (),
        lambda cells: _tried(cells, targets),
        lambda _, typed, cells: (
            bool(_measured(cells, targets) - _measured(typed, targets)) and signed(typed) <= signed(cells)
        ),
    )
    take(
        lambda one: one.typed[:1] if _has_limits(one.of) else (),
        lambda cells: _tried(cells, targets),
        lambda _, typed, cells: _is_narrower(typed, cells, targets),
    )
    return found


def _lacks_some(o: ObservationRecord, targets: Collection[str]) -> bool:
    """Whether a result has no value for some target, so that one may still come."""
    return isinstance(o.outcome, Measured) and bool({*targets} - {m.property for m in o.outcome.measurements})


def _has_limits(o: ObservationRecord) -> bool:
    """Whether a result has a limit where a value may still come."""
    return isinstance(o.outcome, Measured) and any(m.qualifier is not Qualifier.EQUAL for m in o.outcome.measurements)


def _is_narrower(typed: Typed, cells: Typed, targets: Collection[str]) -> bool:
    """Whether a row has all that was typed, but for limits of targets in the place of which it has what lies within."""
    changed = {head for head, cell in typed.items() if cell and not _is_same(cells.get(head, ""), cell)}
    return bool(changed) and all(
        split_header(head)[0] in targets and _lies_within(typed[head], cells.get(head, "")) for head in changed
    )


def _lies_within(limit: str, cell: str) -> bool:
    """Whether a cell holds a number beyond the one that was typed as a limit, or that one; or a narrower limit."""
    sign, (was, now) = limit[:1], (finite(text.lstrip("<> ").replace(",", ".")) for text in (limit, cell))
    if sign not in ("<", ">") or was is None or now is None or cell[:1] in {"<", ">"} - {sign}:
        return False
    return now >= was if sign == ">" else now <= was


def _is_of_a_result(head: str) -> bool:
    """Whether a column of an exported table holds what a person may correct of a result."""
    first, _, rest = head.partition(".")
    if first == "results":
        return rest.endswith((".value", ".unit", ".sd", ".n", ".qualifier"))
    if first in ("settings", "actual", "context"):
        return head != _BEFORE and not rest.endswith((".unit", ".smiles"))
    return head in (*PLACE, *FAULT, *TAKEN, "outcome", "comment")


def _is_same(cell: str, exported: object) -> bool:
    """Whether a cell says what was exported, however a spreadsheet writes it."""
    was = "" if exported is None else str(exported).strip()
    try:
        return is_as_planned(float(cell.replace(",", ".")), float(was))
    except ValueError:
        return cell.casefold() == was.casefold()


def _given(cells: Typed, target: str) -> bool:
    return any(text and split_header(head)[0] == target for head, text in cells.items())


def _tried(cells: Typed, targets: Collection[str]) -> frozenset[tuple[str, str]]:
    """What a row says of settings: neither what came out, nor what only stands beside it."""
    results = {f"{t}{between}{part}" for t in targets for part in ("sd", "n", "qualifier") for between in "_ "}
    told = {*targets, *results, *PLAIN}
    return frozenset((head, cell) for head, cell in signed(cells) if split_header(head)[0] not in told)


def _measured(cells: Typed, targets: Collection[str]) -> set[str]:
    return {name for head, cell in cells.items() if cell and (name := split_header(head)[0]) in targets}


def _file_of(envelope: EnvelopeRecord) -> str:
    return envelope.source.rpartition(":")[0].partition("/")[0]


def _without_key(cells: Typed) -> str:
    return text_of({head: cell for head, cell in cells.items() if head != "key"})


def _cells_of(envelope: EnvelopeRecord) -> Typed:
    """The cells of a told row; {} of an exported one, which is known by its id."""
    cells = json.loads(envelope.payload).get("cells")
    return cells if isinstance(cells, dict) and not is_exported(cells) else {}
