"""A table that has grown: rows that another file told before count once, where that file stands in this one.

A laboratory sends the table of the week before with its new rows, under a name of its own. Its old rows are the results
that are on record, not measurements made again. Replicates may say the same to the letter as well, where values are
round: so it takes values that hardly come twice (docs/decisions/0197).
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from flows.engine.people.rows import completed_by, content_of, exported_id, file_of, is_told, signed, text_of
from loop.record import EnvelopeDraft, EnvelopeRecord, Verdict
from loop.wording import plural

ENOUGH: Final = 3  # different values, each in rows that say the same: fewer may be replicates
FINE, ROUND = 3, 2  # digits of such values, where half of a file stands in another one, and where all of it does
HALF: Final = 0.5  # of the results that count of a file: the others may have been corrected since
SHOWN: Final = 5  # lines that a note names
_Said: TypeAlias = tuple[Hashable, str]  # what a row says, and how its cells are read


@dataclass(frozen=True)
class Grown:
    """Rows of a file, those that others told before as they were told there; and what is to be said of it."""

    drafts: Sequence[EnvelopeDraft]
    notes: tuple[str, ...] = ()


def counted_once(
    name: str,
    file: str,
    drafts: Sequence[EnvelopeDraft],
    on_record: Iterable[EnvelopeRecord],
    values: Mapping[str, Collection[float]],
) -> Grown:
    """The rows of ``file``, where those of files that stand in it are the rows that these told.

    Args:
        name: The campaign, for the commands in notes.
        drafts: Rows as they are to be stored.
        on_record: Every envelope of the campaign.
        values: By the id of each result that counts, its values that are numbers; none of labels and limits.
    """
    told: dict[str, dict[_Said, EnvelopeRecord]] = defaultdict(dict)
    for e in on_record:
        if is_told(e.source) and e.key is None and e.verdict is Verdict.ACCEPTED and not exported_id(e):
            told[file_of(e.source)].setdefault(_said(content_of(e)[1]), e)
    own = told.pop(file, {})
    says = [_said(d.payload) if d.key is None else None for d in drafts]
    new = {said for said in says if said is not None} - own.keys()
    shares = {f: _share(new, rows, values) for f, rows in told.items() if "/" not in f}
    for share, digits in ((HALF, FINE), (1.0, ROUND)):
        inside = {f: told[f] for f, found in shares.items() if found >= share}
        before = {said: e for rows in inside.values() for said, e in rows.items() if said in new}
        if len({v for e in before.values() for v in values.get(e.id, ()) if _digits(v) >= digits}) >= ENOUGH:
            break
    else:
        return Grown(drafts)
    rows = [_as_told(before[said]) if said in before else d for d, said in zip(drafts, says, strict=True)]
    of = {file_of(e.source) for e in before.values()}
    again = sum(said in before for said in says)
    notes = [
        f"{again} of {plural(len(drafts), 'row')} of {file} {'say' if again > 1 else 'says'} what "
        f"{', '.join(repr(f) for f in inside if f in of)} said, and {'count' if again > 1 else 'counts'} once. Where "
        f"they are measurements of their own, tell {file} with --replicates"
    ]
    gone = (e for f in of for said, e in inside[f].items() if said not in new)
    changed = {e.id: e for e in gone if e.id in values and not completed_by(e)}
    if changed:
        which = ", ".join(f"{file_of(e.source)} {_place(e)} ({e.id})" for e in [*changed.values()][:SHOWN])
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        one = len(changed) == 1
        notes.append(
            f"{'1 result' if one else f'{len(changed)} results'} told before {'is' if one else 'are'} not in {file} as "
            f"{'it was' if one else 'they were'}, and {'counts' if one else 'count'} on: {which}{more}. Where a row of "
            f"{file} corrects one, take that back, such as hakken retract {shlex.quote(name)} {next(iter(changed))} "
            "--why CORRECTED"
        )
    return Grown(rows, tuple(notes))


def _share(new: Collection[_Said], rows: Mapping[_Said, EnvelopeRecord], standing: Collection[str]) -> float:
    """Which share of the results that count of a file is among the new rows."""
    counting = [said for said, e in rows.items() if e.id in standing]
    return sum(said in new for said in counting) / len(counting) if counting else 0.0


def _as_told(envelope: EnvelopeRecord) -> EnvelopeDraft:
    return EnvelopeDraft(envelope.source, envelope.key, envelope.payload, envelope.settings)


def _said(payload: str) -> _Said:
    """What a row says by which column, however numbers are written and columns ordered; empty cells say nothing."""
    said = json.loads(payload)
    cells = said.pop("cells", None)
    return signed(cells) if isinstance(cells, dict) else text_of(cells), text_of(said)


def _digits(value: float) -> int:
    """How many digits a number has from its first to its last that is not zero: 3 of 0.512 and 12.3, 1 of 100."""
    return len(f"{abs(value):.12e}".partition("e")[0].replace(".", "").rstrip("0"))


def _place(envelope: EnvelopeRecord) -> str:
    place = envelope.source.rpartition(":")[2]
    return f"line {place}" if place.isdigit() else place
