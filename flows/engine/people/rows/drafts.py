"""A line of a table as an envelope: kept as typed and unread, and known again wherever in its file it stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from flows.engine.people.rows.columns import PLAIN
from flows.engine.people.rows.exported import OBSERVATION, is_exported, lasting
from loop.record import EnvelopeDraft, EnvelopeRecord, ObservationRecord
from loop.sheets.cells import has_decimal_comma, split_header

Line: TypeAlias = tuple[int, list[str]]  # of a table: its number and its cells
TELL: Final = "tell:"
OF: Final = "of"  # in a payload: the id of the told result that the row repeats or completes
AGAIN: Final = "again"  # in a payload: how often the row was refused before
WIDE: Final = "wide"  # in a payload of a row that does not fit its header: how many columns that has, and their sign
DOUBTFUL: Final = "doubtful"  # in a payload: columns whose number the other rows of the file leave in doubt
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?")  # and no code such as 012
WHOLE: Final = "0"  # in place of a line number: the file as a whole


def is_told(source: str) -> bool:
    """Whether an envelope came from a told file."""
    return source.startswith(TELL)


def file_of(source: str) -> str:
    """The told file that an envelope came in, by the source of the envelope; of an import its program too."""
    return source.removeprefix(TELL).rpartition(":")[0]


def draft_row(
    source: str,
    header: Sequence[str],
    cells: Sequence[str],
    seen: Counter[str],
    *,
    delimiter: str = ",",
    doubtful: Collection[str] = (),
    of: ObservationRecord | None = None,
) -> EnvelopeDraft:
    """A row as an envelope, unread. Where its file may have decimal commas, by its delimiter, and it has some, it says
    so; and which columns of it are ``doubtful``: what their sign is, the other rows do not tell. One of another
    length than the header says how wide that is. ``of`` is the result on record that it says more of.

    ``seen`` counts equal rows of the file: a row that moved to another line is still known, and two equal
    readings in one file stay two readings. An exported row has the id of its result, by which it is one wherever it
    stands; its key belongs to another record.
    """
    fits = len(header) == len(cells)
    named: Any = dict(zip(header, cells, strict=True)) if fits else cells
    if is_foreign := is_exported(header):
        named = lasting(named) if fits else cells
        seen = Counter() if fits and named.get(OBSERVATION) else seen
    text = text_of(named)
    seen[text] += 1
    said: dict[str, Any] = {"decimal": ","} if delimiter != "," and any(map(has_decimal_comma, cells)) else {}
    said |= {} if fits else {WIDE: [len(header), delimiter]}
    said |= {DOUBTFUL: list(doubtful)} if doubtful else {}
    said |= {OF: of.id} if of is not None and of.key is None else {}
    payload = json.dumps({"cells": named, "occurrence": seen[text], **said}, ensure_ascii=False)
    key = next((cell for head, cell in zip(header, cells, strict=False) if head.strip() == "key" and cell), None)
    plain = {
        name: cell for head, cell in zip(header, cells, strict=False) if (name := split_header(head)[0]) not in PLAIN
    }
    key = key if not is_foreign else of.key if of is not None else None
    return EnvelopeDraft(source, key, payload, plain or None)


def text_of(cells: Any) -> str:
    """The cells of a row as one text, by which equal rows of a file are counted."""
    return json.dumps(cells, ensure_ascii=False)


def signed(cells: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What was typed, in whatever order and under whatever further headers; 20.0, as a program writes it, is 20."""
    return frozenset((head, repr(float(c)) if _NUMBER.fullmatch(c) else c) for head, c in cells.items() if c)


def typed_in(payload: str) -> str:
    """What a payload says was typed, and how it is read, without how often and of which result."""
    said = json.loads(payload)
    return json.dumps({k: v for k, v in said.items() if k not in ("occurrence", AGAIN, OF)}, ensure_ascii=False)


def told_again(draft: EnvelopeDraft, times: int) -> EnvelopeDraft:
    """A row that was refused ``times`` before, as an envelope of its own with the same content."""
    return replace(draft, payload=json.dumps({**json.loads(draft.payload), AGAIN: times}, ensure_ascii=False))


def without_of(draft: EnvelopeDraft) -> EnvelopeDraft:
    """A row that names no result, since it is to the letter what was told of one before."""
    said = json.loads(draft.payload)
    return replace(draft, payload=json.dumps({k: v for k, v in said.items() if k != OF}, ensure_ascii=False))


def content_of(envelope: EnvelopeRecord) -> tuple[str, str]:
    """What makes two told rows the same, on whatever line of their file they stand: its name, and what the row says.

    Of an imported campaign (``tell:PROGRAM NAME/FILE:PLACE``) the file's name does not count, nor of an exported row.
    """
    file, payload = envelope.source.rpartition(":")[0].partition("/")[0], envelope.payload
    if f'"{OBSERVATION}"' in payload:
        cells = json.loads(payload).get("cells", ())
        file = TELL if is_exported(cells) and OBSERVATION in cells else file
    if any(f'"{name}": ' in payload for name in (AGAIN, OF)):
        said = json.loads(payload)
        payload = json.dumps({k: v for k, v in said.items() if k not in (AGAIN, OF)}, ensure_ascii=False)
    return file, payload


def completed_by(envelope: EnvelopeRecord) -> str:
    """The id of the told result that a row repeats or completes; "" of any other row."""
    return str(json.loads(envelope.payload).get(OF, "")) if f'"{OF}": ' in envelope.payload else ""


def exported_id(envelope: EnvelopeRecord) -> str:
    """The id, in the record that it comes from, of the result that an exported row tells; "" of any other row."""
    if f'"{OBSERVATION}"' not in envelope.payload:
        return ""
    cells = json.loads(envelope.payload).get("cells", ())
    return str(cells.get(OBSERVATION, "")) if isinstance(cells, dict) and is_exported(cells) else ""


def draft_file(file: str, text: str, problem: str) -> EnvelopeDraft:
    """A whole file that is no table, as one envelope."""
    payload = json.dumps({"problem": problem, "text": text}, ensure_ascii=False)
    return EnvelopeDraft(f"{TELL}{file}:{WHOLE}", None, payload)


def is_blank(header: Sequence[str], cells: Sequence[str], targets: Iterable[str]) -> bool:
    """Whether a row names an attempt and says nothing of it yet, as a worksheet's rows do at first."""
    results = {"outcome", *targets}
    row = {head: cell for head, cell in zip(header, cells, strict=False) if cell}
    names = {split_header(head)[0] for head in row}
    return "key" in names and not names & results


def still_empty(header: Sequence[str], cells: Sequence[str], targets: Iterable[str]) -> list[str]:
    """Targets with a column, and no value in a row that names an attempt and no outcome: it is not filled in yet."""
    row = {split_header(head)[0]: cell for head, cell in zip(header, cells, strict=False)}
    if len(header) != len(cells) or not row.get("key") or row.get("outcome"):
        return []
    return [target for target in targets if row.get(target) == ""]
