"""A table that has grown: rows that another file told before count once, where that file stands in this one.

A laboratory sends the table of the week before with its new rows, under a name of its own. Its old rows are the results
that are on record, not measurements made again. Replicates may say the same to the letter as well, where values are
round: so it takes values that hardly come twice (docs/decisions/0197).
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flows.engine.people.rows import completed_by, content_of, exported_id, file_of, is_told
from loop.record import EnvelopeDraft, EnvelopeRecord, Verdict
from loop.wording import plural

ENOUGH: Final = 3  # different values, each in rows that say the same to the letter: fewer may be replicates
FINE, ROUND = 3, 2  # digits of such values, where half of a file stands in another one, and where all of it does
HALF: Final = 0.5  # of the results that count of a file: the others may have been corrected since
SHOWN: Final = 5  # lines that a note names


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
    told: dict[str, dict[str, EnvelopeRecord]] = defaultdict(dict)
    for e in on_record:
        if is_told(e.source) and e.key is None and e.verdict is Verdict.ACCEPTED and not exported_id(e):
            told[file_of(e.source)].setdefault(content_of(e)[1], e)
    own = told.pop(file, {})
    new = {d.payload for d in drafts if d.key is None and d.payload not in own}
    shares = {f: _share(new, rows, values) for f, rows in told.items() if "/" not in f}
    for share, digits in ((HALF, FINE), (1.0, ROUND)):
        inside = {f: told[f] for f, found in shares.items() if found >= share}
        before = {payload: e for rows in inside.values() for payload, e in rows.items() if payload in new}
        if len({v for e in before.values() for v in values.get(e.id, ()) if _digits(v) >= digits}) >= ENOUGH:
            break
    else:
        return Grown(drafts)
    rows = [replace(d, source=before[d.payload].source) if d.payload in before else d for d in drafts]
    of = {file_of(e.source) for e in before.values()}
    again = sum(d.payload in before for d in drafts)
    notes = [
        f"{again} of {plural(len(drafts), 'row')} of {file} {'say' if again > 1 else 'says'} to the letter what "
        f"{', '.join(repr(f) for f in inside if f in of)} said, and {'count' if again > 1 else 'counts'} once. Where "
        f"they are measurements of their own, tell {file} with --replicates"
    ]
    changed = {
        e.id: e for f in of for p, e in inside[f].items() if p not in new and e.id in values and not completed_by(e)
    }
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


def _share(new: Collection[str], rows: Mapping[str, EnvelopeRecord], standing: Collection[str]) -> float:
    """Which share of the results that count of a file is among the new rows."""
    counting = [payload for payload, e in rows.items() if e.id in standing]
    return sum(payload in new for payload in counting) / len(counting) if counting else 0.0


def _digits(value: float) -> int:
    """How many digits a number has from its first to its last that is not zero: 3 of 0.512 and 12.3, 1 of 100."""
    return len(f"{abs(value):.12e}".partition("e")[0].replace(".", "").rstrip("0"))


def _place(envelope: EnvelopeRecord) -> str:
    place = envelope.source.rpartition(":")[2]
    return f"line {place}" if place.isdigit() else place
